"""Captures of both sides -> `Pair`s: every row, with what each side has for it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from dualcell.captures import OUT, Captured, Captures


@dataclass(frozen=True)
class Pair:
    """One row: a leaf of each side.

    Attributes:
        row: the row's name.
        left: the left leaf; one with `missing` set if that side has none.
        right: the right leaf.
    """

    row: str
    left: Captured
    right: Captured


def pair_up(left: Captures, right: Captures, automatic: Collection[str], labels: tuple[str, str]) -> tuple[Pair, ...]:
    """Pair the rows of both sides by name: the left's order, then the right's extras.

    Args:
        left: the left side's captures.
        right: the right side's.
        automatic: names captured without being asked for; one that only one side
            bound to tensors makes no row.
        labels: what the sides are called.
    """
    roots_of = [{_root(row) for row in side.rows} for side in (left, right)]
    half = {name for name in (*automatic, OUT) if sum(name in roots for roots in roots_of) == 1}
    left_rows, right_rows = _with_taps(left, right), _with_taps(right, left)
    names = (*left_rows, *(name for name in right_rows if name not in left_rows))
    pairs = []
    for name in names:
        if _root(name) in half:
            continue
        pair = Pair(name, _leaf(left_rows, name, labels[0]), _leaf(right_rows, name, labels[1]))
        if not (pair.left.aside and pair.right.aside):
            pairs.append(pair)
    return tuple(pairs)


def _root(row: str) -> str:
    return row.partition(".")[0].partition("[")[0]


def _with_taps(side: Captures, other: Captures) -> dict[str, Captured]:
    """A side's rows and then its taps': `name`, or `name[0]`, ... if either side called it again.

    A tap named like another row is told apart from it; neither takes the other's place.
    """
    taken = {_root(row) for row in (*side.rows, *other.rows)}
    rows = dict(side.rows)
    for name, calls in side.taps.items():
        shown = f"{name} (tap)" if name in taken else name
        repeated = max(len(calls), len(other.taps.get(name, ()))) > 1
        for index, call in enumerate(calls):
            rows |= {shown + (f"[{index}]" if repeated else "") + path: leaf for path, leaf in call.items()}
    return rows


def _leaf(rows: Mapping[str, Captured], name: str, label: str) -> Captured:
    return rows.get(name, Captured(missing=f"the {label} side has no {name!r}"))
