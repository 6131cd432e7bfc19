"""Failed `Comparison`s -> the `Finding`s that explain them, within a bounded time."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from dualcell.comparison import Comparison
from dualcell.devices import host

if TYPE_CHECKING:
    from dualcell.cause import Finding

SECONDS = 2.0  # for all rows of a result; the others are explained when they are asked for
_EXPLAINED = ("differs", "shape")


def explain_failures(comparisons: Iterable[Comparison]) -> dict[str, tuple[Finding, ...]]:
    """Row name -> why it failed; rows that passed, or came too late, are left out."""
    found: dict[str, tuple[Finding, ...]] = {}
    deadline = time.perf_counter() + SECONDS
    for comparison in comparisons:
        if comparison.verdict in _EXPLAINED and time.perf_counter() < deadline:
            found[comparison.row] = explain(comparison)
    return found


def explain(comparison: Comparison) -> tuple[Finding, ...]:
    """Why one row failed: the simplest explanations that its tensors bear out; empty if none is known."""
    left, right = comparison.left, comparison.right
    if comparison.verdict not in _EXPLAINED or left.facts is None or right.facts is None:
        return ()
    try:
        arrays = host(left), host(right)
    except Exception:  # the comparison has said that it cannot be read, if it tried
        return ()
    from dualcell.diagnosis import diagnose  # deferred: mostly nothing fails

    return diagnose(*arrays, dtypes=(left.facts.dtype, right.facts.dtype), names=_names(comparison.row))


def _names(row: str) -> tuple[str, str]:
    """What the two tensors are called: `a ~ b` names both."""
    left, tilde, right = row.partition("~")
    return (left.strip(), right.strip()) if tilde else (row, row)
