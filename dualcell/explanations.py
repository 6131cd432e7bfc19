"""Failed `Comparison`s -> the `Finding`s that explain them, within a bounded time."""

from __future__ import annotations

import ast
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from dualcell.comparison import Comparison
from dualcell.devices import hosts
from dualcell.dialect import in_dialect

if TYPE_CHECKING:
    from dualcell.cause import Finding

SECONDS = 2.0  # for all rows of a result; the others are explained when they are asked for
COPIED = 1 << 25  # elements of each side that are copied from a device; of more, the rows around the worst element
_EXPLAINED = ("differs", "shape")


def explain_failures(
    comparisons: Iterable[Comparison],
    frameworks: tuple[str, str] = ("", ""),
    expressions: Mapping[str, tuple[str, str]] | None = None,
) -> dict[str, tuple[Finding, ...]]:
    """Row name -> why it failed; rows that passed, or came too late, are left out.

    Args:
        comparisons: the rows.
        frameworks: what the two sides are written in; empty to tell by the tensors.
        expressions: row name -> what was evaluated on each side, for the lines to change;
            a row that is not there is called by its name.
    """
    asked = expressions or {}
    found: dict[str, tuple[Finding, ...]] = {}
    deadline = time.perf_counter() + SECONDS
    for comparison in comparisons:
        if comparison.verdict in _EXPLAINED and time.perf_counter() < deadline:
            found[comparison.row] = explain(comparison, frameworks, _asked(comparison.row, asked))
    return found


def explain(
    comparison: Comparison, frameworks: tuple[str, str] = ("", ""), names: tuple[str, str] | None = None
) -> tuple[Finding, ...]:
    """Why one row failed: the simplest explanations that its tensors bear out; empty if none is known."""
    left, right = comparison.left, comparison.right
    if comparison.verdict not in _EXPLAINED or left.facts is None or right.facts is None:
        return ()
    try:
        arrays = hosts(left, right, COPIED, comparison.stats and comparison.stats.worst_index)
    except Exception:  # the comparison has said that it cannot be read, if it tried
        return ()
    if arrays is None:
        return ()
    from dualcell.diagnosis import diagnose  # deferred: mostly nothing fails

    dtypes = left.facts.dtype, right.facts.dtype
    findings = diagnose(*arrays, dtypes=dtypes, names=names or _names(comparison.row), shape=left.facts.shape)
    spoken = [said or _framework(leaf.value) for said, leaf in zip(frameworks, (left, right), strict=True)]
    return tuple(
        replace(
            finding,
            left_fix=in_dialect(finding.left_fix, spoken[0]),
            right_fix=in_dialect(finding.right_fix, spoken[1]),
        )
        for finding in findings
    )


def _framework(value: object) -> str:
    """The library that a tensor is of."""
    module = type(value).__module__.partition(".")[0]
    return "jax" if module.startswith("jax") else module


def _asked(row: str, expressions: Mapping[str, tuple[str, str]]) -> tuple[str, str] | None:
    """What was evaluated for a row, and the path to the leaf that it is; None if nobody asked for it."""
    for name, (left, right) in expressions.items():
        path = row.removeprefix(name)
        if row.startswith(name) and (not path or path[0] in ".["):
            return _reached(left, path), _reached(right, path)
    return None


def _reached(expression: str, path: str) -> str:
    """A leaf of what was evaluated; spaced, for what is put around an expression is bracketed where it has spaces."""
    tree = ast.parse(expression, mode="eval").body
    spaced = ast.unparse(tree)
    whole = not path or isinstance(tree, ast.Name | ast.Attribute | ast.Subscript | ast.Call)
    return f"{spaced if whole else f'({spaced})'}{path}"


def _names(row: str) -> tuple[str, str]:
    """What the two tensors are called: `a ~ b` names both."""
    left, tilde, right = row.partition(" ~ ")
    return (left, right) if tilde else (row, row)
