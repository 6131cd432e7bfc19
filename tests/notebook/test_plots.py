"""Pictures in a real kernel: shown once, with or without matplotlib's own backend, and never by accident."""

from __future__ import annotations

import pytest

CELL = "%%dual y --plot heat\n# --- numpy ---\ny = np.eye(4)\n# --- numpy: new ---\ny = np.zeros((4, 4))"


@pytest.fixture
def drawing_shell(shell):
    """A kernel with matplotlib; Colab's versions are tested without it."""
    if not shell.value("__import__('importlib.util', None, None, ['x']).find_spec('matplotlib') is not None"):
        refused, queued = shell.queue(CELL.replace("y = np.eye", "ran = np.eye"), "queued = True")
        assert "'--plot' needs matplotlib, which is not installed here: pip install matplotlib" in refused.stderr
        assert (refused.status, queued.status) == ("error", "aborted")
        assert not shell.value("{'ran', 'queued'} & set(get_ipython().user_ns)")
        return None
    return shell


def outputs(reply):
    """The types that each output has."""
    return [set(content["data"]) for _, content in reply.messages if "data" in content]


def test_a_cell_shows_its_pictures_in_its_table(drawing_shell):
    if drawing_shell is None:
        return
    reply = drawing_shell.succeed(CELL)
    assert outputs(reply) == [{"text/html", "text/markdown", "text/plain"}]
    assert "y: |error| over axes 0 and 1: largest error 1 at index 0 of axis 0" in reply.shown[-1]
    assert reply.messages[-1][1]["data"]["text/html"].count("data:image/png") == 2


@pytest.mark.parametrize("first", ["", "import matplotlib.pyplot as plt", "%matplotlib inline"])
def test_a_figure_is_shown_once(drawing_shell, first):
    if drawing_shell is None:
        return
    drawing_shell.succeed(first or "pass")
    drawing_shell.succeed(CELL)
    reply = drawing_shell.succeed("dualcell_result = _\ndualcell_result['y'].plot('heat', 'hist')")
    assert outputs(reply) == [{"image/png", "text/plain"}]
    assert reply.shown[0].startswith("<Figure: |error| over axes 0 and 1: largest error 1 at index 0 of axis 0")
    assert reply.shown[0].endswith("12 of 16 elements do not differ, 4 differ by 1 to 2>")
    assert outputs(drawing_shell.succeed("figure = dualcell_result.plot()")) == []
    drawing_shell.succeed("del dualcell_result")


def test_a_diff_takes_it_too(drawing_shell):
    if drawing_shell is None:
        return
    reply = drawing_shell.succeed(
        "%dual numpy\ny = np.eye(3)\n%dual numpy\ny = np.zeros((3, 3))\n%dual diff y --plot hist,layers"
    )
    assert reply.messages[-1][1]["data"]["text/html"].count("data:image/png") == 4


def test_a_word_that_is_none_is_refused_before_anything_runs(shell):
    reply = shell.run(CELL.replace("heat", "haet"))
    assert "plot is 'haet', expected one of auto, heat" in reply.stderr
    assert "Did you mean 'heat'?" in reply.stderr
    assert reply.status == "error"


def test_a_default_of_the_session(drawing_shell):
    if drawing_shell is None:
        return
    drawing_shell.succeed("%config DualMagics.plot = 'hist'")
    reply = drawing_shell.succeed(CELL.replace(" --plot heat", ""))
    drawing_shell.succeed("%config DualMagics.plot = ''")
    assert "sizes of |error|" in reply.shown[-1]
