"""Every test here runs in a real kernel, in each interpreter dualcell supports."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.notebook.kernel import INTERPRETERS, Kernel

# `%reset -f` would do, ten times as slowly
AFRESH = """\
for _name in [*get_ipython().user_ns]:
    if _name[0] != "_" and _name not in ("In", "Out", "get_ipython", "exit", "quit", "open"):
        del get_ipython().user_ns[_name]
%load_ext dualcell
import numpy as np
"""
LEFT_BEHIND = """\
__import__("dualcell.notebook", None, None, ["_sessions"])._sessions,
__import__("dualcell.taps", None, None, ["_recorders"])._recorders,
[name for name in get_ipython().user_ns if "dual" in name and name not in ("dualcell", "dual")],
"""
HOOKS = """\
import sys
def hooks():
    shell = get_ipython()
    owners = (sys.stdout, sys.stderr, shell.display_pub, shell.displayhook)
    names = ("write", "publish", "clear_output", "write_format_data")
    return [id(vars(owner).get(name)) for owner in owners for name in names], [id(owner) for owner in owners]
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if {"kernel", "shell"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("kernel")


@pytest.fixture(scope="module", params=INTERPRETERS)
def kernel(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel without dualcell, one for each module and interpreter."""
    running = Kernel(request.param, tmp_path_factory.mktemp("kernel"))
    yield running
    running.stop()


@pytest.fixture
def shell(kernel: Kernel) -> Iterator[Kernel]:
    """The module's kernel with dualcell and NumPy; nothing may be left behind by a test."""
    kernel.succeed(AFRESH)
    yield kernel
    assert kernel.value(LEFT_BEHIND.replace("\n", " ")) == ([], [], [])


@pytest.fixture
def hooked(shell: Kernel) -> Iterator[Kernel]:
    """The shell, and afterwards that nothing of its output is still replaced."""
    shell.succeed(HOOKS)
    before = shell.value("hooks()")
    yield shell
    assert shell.value("hooks()") == before
