"""`%dual weights`: a plan in a notebook."""

from __future__ import annotations

SETUP = """
from torch import nn
left, right = nn.Linear(2, 3), nn.Linear(2, 3)
"""


def test_the_line_shows_a_plan_and_copies_if_asked(shell):
    shell.succeed(SETUP)
    shell.succeed("plan = %dual weights left -> right")
    assert shell.value("plan.complete and not bool((left.weight == right.weight).all())")
    shell.succeed("%dual weights left -> right --apply")
    assert shell.value("bool((left.weight == right.weight).all())")


def test_it_says_that_it_copied(shell):
    shell.succeed(SETUP)
    assert shell.succeed("%dual weights left -> right").shown[0].endswith("2 weights in 1 layer: the plan is complete")
    assert shell.succeed("%dual weights left -> right --apply").shown[0].endswith("2 weights in 1 layer copied")


def test_in_a_function_it_is_about_the_functions_own_models(shell):
    shell.succeed(SETUP)
    shell.succeed(
        "def port(left, right):\n    %dual weights left -> right --apply\n    found = %dual init left\n"
        "    return found\n"
        "ours, theirs, before = nn.Linear(40, 30), nn.Linear(40, 30), right.weight.clone()\n"
        "found = port(ours, theirs)"
    )
    assert shell.value("found['weight'].shape") == (30, 40)
    assert shell.value("bool((ours.weight == theirs.weight).all())")
    assert shell.value("bool((right.weight == before).all())")
    shell.succeed("def outside(mine):\n    %dual weights mine -> right\noutside(left)")  # the global ones come after


def test_a_name_that_is_misspelt_is_told_the_nearest_model(shell):
    shell.succeed(SETUP)
    reply = shell.run("%dual weights lefft -> right")
    assert reply.stderr == "UsageError: %dual weights: there is no 'lefft'. Did you mean 'left'?\n"
    reply = shell.run("%dual init zebra")
    assert reply.stderr == "UsageError: %dual init: there is no 'zebra'. Models here: left, right.\n"


def test_the_line_stands_beside_fences(shell):
    shell.succeed(SETUP)
    shell.succeed(
        "%dual weights left -> right --apply\n%dual torch\ny = left.weight + 0\n%dual torch\ny = right.weight + 0\n"
        "%dual diff y --out result"
    )
    assert shell.value("result.passed")
