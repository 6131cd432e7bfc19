"""Whatever goes wrong beside the blocks: the result is there, and the next cell finds all as it was."""

from __future__ import annotations

import pytest

from tests.notebook.cells import cell

BLOCKS = 'blocks = __import__("dualcell.frameworks.numpy", None, None, ["blocks"]).blocks'
BROKEN = """\
def broken(*_, **__): raise RuntimeError("out of order")
"""


@pytest.fixture
def numpy_blocks(hooked):
    """The shell with `blocks`, the adapter that runs NumPy's, and `broken`, to put into it."""
    hooked.succeed(f"{BLOCKS}\n{BROKEN}")
    yield hooked
    hooked.succeed("for name in [*vars(blocks)]: delattr(blocks, name)")


def assert_whole(shell):
    """The next cells print where they belong."""
    assert shell.succeed("print('after')").stdout == "after\n"
    assert shell.succeed(cell("print('again')")).lanes == ["again", ""]


@pytest.mark.parametrize("verb", ["peak", "forget_peak"])
def test_memory_that_cannot_be_counted(numpy_blocks, verb):
    numpy_blocks.succeed(f"blocks.{verb} = broken")
    reply = numpy_blocks.succeed(cell("print('left')", "print('right')"))
    assert (reply.lanes, reply.stdout) == (["left", "right"], "")
    assert "1 row passed" in reply.shown[0]
    assert "peak memory not counted (RuntimeError: out of order)" in reply.shown[0]
    assert_whole_after_mending(numpy_blocks, verb)


def assert_whole_after_mending(shell, verb):
    shell.succeed(f"del blocks.{verb}")
    assert_whole(shell)


@pytest.mark.parametrize("verb", ["describe", "wait"])
def test_an_adapter_that_fails_after_a_block(numpy_blocks, verb):
    numpy_blocks.succeed(f"blocks.{verb} = broken")
    reply = numpy_blocks.run(cell("print('left')", "print('right')"))
    assert (reply.status, reply.lanes) == ("error", ["left", ""])
    assert "RuntimeError: out of order" in reply.traceback
    assert_whole_after_mending(numpy_blocks, verb)


STUBBORN = """\
class Stubborn(dict):
    def clear(self): raise RuntimeError("cannot be emptied")
log, table = [], Stubborn(a=1)
"""


def test_what_refuses_to_be_put_back(hooked):
    """Everything else is put back, and what the cell prints is not kept from the user for ever."""
    hooked.succeed(STUBBORN)
    text = cell("table; log.append('ran')", options=" --noise 1")
    reply = hooked.succeed(text.replace("y = np.ones(3)", "y = np.ones(3)[table['a']:]"))
    assert hooked.value("log, dict(table)") == (["ran"], {"a": 1})
    assert "not everything could be put back: RuntimeError: cannot be emptied" in reply.shown[0]
    assert_whole(hooked)


def test_figures_that_cannot_be_shown(hooked):
    hooked.succeed(f"import dualcell.live as live\n{BROKEN}kept, live.show_new = live.show_new, broken")
    reply = hooked.run(cell("print('left')"))
    hooked.succeed("live.show_new = kept")
    assert (reply.status, reply.lanes) == ("ok", ["left", ""])
    assert "RuntimeError: out of order" in reply.traceback
    assert_whole(hooked)
