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


def test_the_line_stands_beside_fences(shell):
    shell.succeed(SETUP)
    shell.succeed(
        "%dual weights left -> right --apply\n%dual torch\ny = left.weight + 0\n%dual torch\ny = right.weight + 0\n"
        "%dual diff y --out result"
    )
    assert shell.value("result.passed")
