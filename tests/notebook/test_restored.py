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


REFUSES = """\
import contextlib
blocks.entered = 0  # where no later run puts it back
@contextlib.contextmanager
def scope(options):
    blocks.entered += 1
    later = blocks.entered == 7  # above the blocks twice, in each once; then again
    yield
    if later: raise RuntimeError("cannot be left")
blocks.scope = scope
"""


def test_an_environment_that_cannot_be_left_in_a_later_run(numpy_blocks):
    """What the cell prints would be kept from the user for ever, and the values would be those of the later run."""
    numpy_blocks.succeed(REFUSES)
    reply = numpy_blocks.succeed(cell("runs = blocks.entered\nif runs == 7: 1 / 0", options=" --noise 1"))
    assert "not everything could be put back: RuntimeError: cannot be left" in reply.shown[0]
    assert numpy_blocks.value("runs") == 3
    assert_whole_after_mending(numpy_blocks, "scope")


UNSEEN = "__import__('dualcell.notebook', None, None, ['is_refused'])"


def test_a_cell_cut_short_before_its_result_is_shown(hooked):
    """It is not taken for one that still runs, around the next."""
    hooked.succeed(f"seen = {UNSEEN}\n{BROKEN}kept, seen.is_refused = seen.is_refused, broken")
    assert "out of order" in hooked.run(cell("print('left')")).traceback
    hooked.succeed("seen.is_refused = kept")
    assert_whole(hooked)


def test_a_cell_whose_end_fails_draws_no_more_views(hooked):
    hooked.succeed(f"from dualcell.turns import Turns\n{BROKEN}kept, Turns.fail = Turns.fail, broken")
    hooked.run(cell("import time; time.sleep(0.5); 1 / 0"))
    hooked.succeed("Turns.fail = kept")
    names = "[one.name for one in __import__('threading').enumerate() if one.name == 'dualcell lanes']"
    assert hooked.value(names) == []
    assert hooked.value("__import__('dualcell.taps', None, None, ['x'])._recorders.clear()") is None
    assert_whole(hooked)


def test_figures_that_cannot_be_shown(hooked):
    hooked.succeed(f"import dualcell.live as live\n{BROKEN}kept, live.show_new = live.show_new, broken")
    reply = hooked.run(cell("print('left')"))
    hooked.succeed("live.show_new = kept")
    assert (reply.status, reply.lanes) == ("ok", ["left", ""])
    assert "RuntimeError: out of order" in reply.traceback
    assert_whole(hooked)


HOSTILE = {
    "HTML no message can hold": "from IPython.display import HTML\ndisplay(HTML('\\ud800'))",
    "a code with a number of a thousand digits": "print('\\x1b[' + '3' * 5000 + 'mx')",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_output_costs_neither_the_result_nor_the_live_views(hooked, case):
    text = f"{HOSTILE[case]}\nimport time\ntime.sleep(0.4)\nprint('more')\ntime.sleep(0.6)"
    reply = hooked.succeed(cell(text, "print('right')"))
    assert "1 row passed" in reply.shown[-1]
    assert reply.lanes[1] == "right"
    assert len(reply.live) >= 3
    assert_whole(hooked)


def test_a_live_view_that_fails_is_not_the_last(hooked):
    fails = "def once(*given, **named):\n    live.progress_html = kept\n    raise RuntimeError('out of order')"
    hooked.succeed(f"import dualcell.live as live\n{fails}\nkept, live.progress_html = live.progress_html, once")
    reply = hooked.succeed(cell("import time\nprint('left')\ntime.sleep(1.2)", "print('right')"))
    assert len(reply.live) >= 2
    assert reply.lanes == ["left", "right"]


def test_lanes_that_cannot_be_drawn_are_a_note(hooked):
    hooked.succeed(
        f"import dualcell.render.cell as drawing\n{BROKEN}kept, drawing.lanes_html = drawing.lanes_html, broken"
    )
    reply = hooked.succeed(cell("print('left')"))
    hooked.succeed("drawing.lanes_html = kept")
    assert "note: what the blocks printed and showed cannot be shown: RuntimeError: out of order" in reply.shown[0]
    assert "1 row passed" in reply.shown[0]
    assert (reply.kinds, hooked.value("_.passed")) == (["display_data"], True)


@pytest.mark.parametrize("ending", [";", ""])
def test_lanes_that_cannot_be_read_are_a_note(hooked, ending):
    """Also where they alone are shown, as the result is silenced."""
    hooked.succeed(f"from dualcell.live import Live\n{BROKEN}kept, Live.lanes = Live.lanes, broken")
    fences = "%dual numpy\nprint('left')\ny = 1.0\n%dual numpy: new\ny = 1.0\n%dual diff y"
    reply = hooked.run(fences + ending)
    hooked.succeed("Live.lanes = kept")
    said = "what the blocks printed and showed cannot be shown: RuntimeError: out of order"
    assert (reply.status, said in reply.shown[0]) == ("ok", True)
    assert ("1 row passed" in reply.shown[0]) == (not ending)
    assert_whole(hooked)
