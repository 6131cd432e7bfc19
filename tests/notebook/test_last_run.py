"""Which cell it is that runs again: as the front end says, else by labels, captures and one block's text."""

from __future__ import annotations

import re

import pytest

CELL = "%%dual {}\n# --- numpy ---\ny = z = np.ones(3)\n# --- numpy: new ---\ny = z = np.ones(3) + {}"


@pytest.fixture(autouse=True)
def _forgotten(shell):
    shell.succeed("__import__('dualcell.history', None, None, ['forget']).forget()")


def change(reply, row="y"):
    """What a reply says of a row's last run; None if there is no such column."""
    text = reply.shown[-1]
    found = re.search(rf"(?m)^{row} .* (better|worse|same|new)\b", text)
    assert ("last run" in text) == (found is not None)
    return found and found[1]


def test_a_cell_is_known_by_its_id_whatever_its_text(shell):
    assert change(shell.run_as("one", CELL.format("y", 0.5))) is None
    assert change(shell.run_as("two", CELL.format("y", 0.5))) is None
    assert change(shell.run_as("one", CELL.format("y z", 0.25))) == "better"
    assert change(shell.run_as("one", CELL.format("y z", 0.5)), "z") == "worse"
    assert change(shell.run_as("two", CELL.format("y", 0.5))) == "same"


def test_fences_are_known_by_their_cells_id_too(shell):
    fences = "%dual numpy\ny = np.ones(3)\n%dual numpy: new\ny = np.ones(3) + {}\n%dual diff y"
    assert change(shell.run_as("one", fences.format(0.5))) is None
    assert change(shell.run_as("one", fences.format(0.25))) == "better"


def test_without_an_id_a_cell_is_known_by_what_it_compares(shell):
    assert change(shell.run(CELL.format("y", 0.5))) is None
    assert change(shell.run(CELL.format("z", 0.5)), "z") is None
    assert change(shell.run(CELL.format("", 0.5))) is None
    assert change(shell.run(CELL.format("y", 0.25))) == "better"
    assert change(shell.run(CELL.format("", 1.0))) == "worse"


def test_without_an_id_cells_that_share_no_block_are_two(shell):
    other = CELL.replace("np.ones(3)", "np.ones(4)")
    assert change(shell.run(CELL.format("y", 0.5))) is None
    assert change(shell.run(other.format("y", 0.25))) is None
    assert change(shell.run(CELL.format("y", 0.5))) == "same"
    both = CELL.replace("y = z = np.ones(3)\n", "y = z = np.zeros(3) + 1\n")
    assert change(shell.run(both.format("y", 0.5))) == "same"  # only the left block was edited
    assert (
        change(shell.run("import math\n%dual numpy\ny = np.ones(3)\n%dual numpy: new\ny = np.ones(3)\n%dual diff y"))
        is None
    )


def test_the_newest_run_is_the_last_though_an_edit_was_taken_back(shell):
    assert change(shell.run(CELL.format("y", 0.5))) is None
    assert change(shell.run(CELL.format("y", 0.25))) == "better"
    assert change(shell.run(CELL.format("y", 0.5))) == "worse"


TWICE = """\
%dual numpy
y = np.ones(3)
%dual numpy: new
y = np.ones(3) + 0.5
%dual diff y
%dual numpy
y = np.ones(3)
%dual numpy: new
y = np.ones(3) + 0.25
%dual diff y"""


@pytest.mark.parametrize("known", [True, False])
def test_two_runs_in_one_cell_are_two(shell, known):
    replies = [shell.run_as("one", TWICE) if known else shell.run(TWICE) for _ in range(2)]
    assert ["last run" in text for text in replies[0].shown] == [False, False]
    assert [re.search(r"(?m)^y .* (same|better|worse)\b", text)[1] for text in replies[1].shown] == ["same", "same"]


def test_a_run_inside_a_block_is_another_one(shell):
    inner = CELL.format("y", 1.0)
    outer = CELL.format("y", 0.5).replace("y = z", f"get_ipython().run_cell({inner!r}); y = z", 1)
    first, second = (shell.run_as("one", outer).shown[-1] for _ in range(2))
    assert "last run" not in first
    assert re.findall(r"(?m)^y .* (same|better|worse)\b", second) == ["same", "same"]


def test_a_run_that_an_error_stopped_is_no_run(shell):
    shell.run_as("one", CELL.format("y", 0.5))
    stopped = shell.run_as("one", CELL.format("y", "nothing_of_this_name"))
    assert stopped.status == "error"
    assert change(shell.run_as("one", CELL.format("y", 0.5))) == "same"


def test_a_strict_cell_that_failed_is_one(shell):
    assert shell.run_as("one", CELL.format("y --strict", 0.5)).status == "error"
    assert change(shell.run_as("one", CELL.format("y", 0.25))) == "better"


def test_the_html_says_it_too(shell):
    shell.run_as("one", CELL.format("y", 0.5))
    (_, content), *_ = shell.run_as("one", CELL.format("y", 0.25)).messages
    assert "0.500 ↓ better" in content["data"]["text/html"]
