"""What the files around the package promise, they keep."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import dualcell

ROOT = Path(__file__).parents[2]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_version_is_the_newest_changelog_entry():
    newest = re.search(r"^## (\S+)", read("CHANGELOG.md"), re.MULTILINE)
    assert newest, "CHANGELOG.md has no entry"
    assert newest[1] == dualcell.__version__


def test_public_names_are_sorted():
    assert dualcell.__all__ == sorted(dualcell.__all__)


@pytest.mark.parametrize("name", dualcell.__all__)
def test_a_public_name_can_be_imported_and_has_a_docstring_of_its_own(name):
    thing = getattr(dualcell, name)
    assert (thing.__doc__ or "").strip()
    if inspect.isclass(thing):
        assert thing.__doc__ not in [base.__doc__ for base in thing.__mro__[1:]]


@pytest.mark.parametrize("command", ["make demo", "make test"])
def test_the_readme_names_both_commands_and_the_makefile_has_them(command):
    assert command in read("README.md")
    assert re.search(rf"^{command.split()[1]}:", read("Makefile"), re.MULTILINE)


@pytest.mark.parametrize("name", ["constraints.txt", "constraints-colab.txt"])
def test_every_tested_version_is_pinned(name):
    lines = [line for line in read(name).splitlines() if line and not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []  # no URL, no local build
    pins = dict(line.split("==") for line in lines)
    assert {"torch", "tensorflow-cpu", "keras", "numpy", "ipython", "ipykernel", "traitlets"} <= pins.keys()
    assert "tensorflow" not in pins  # its files would overwrite those of tensorflow-cpu


def test_the_colab_versions_are_colabs():
    pins = set(read("constraints-colab.txt").splitlines())
    assert {"ipython==7.34.0", "ipykernel==6.17.1", "jupyter_client==7.4.9", "traitlets==5.7.1"} <= pins
