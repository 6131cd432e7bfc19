"""Captures of both sides -> `Pair`s: every row, with what each side has for it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from dualcell.captures import Captured, Captures, root
from dualcell.counted import listed


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
        automatic: names captured without being asked for, `out` among them; one makes no
            row if a side has nothing there, or if both have numbers only.
        labels: what the sides are called.
    """
    pairs = _all_pairs(left, right, automatic, labels)
    return tuple(pair for pair in pairs if not (pair.left.aside and pair.right.aside))


def other_texts(left: Captures, right: Captures, automatic: Collection[str], labels: tuple[str, str]) -> str:
    """A note on the texts in what was captured that differ, as they make no rows; empty if none does.

    Args:
        left: see `pair_up`.
        right: see `pair_up`.
        automatic: see `pair_up`.
        labels: what the sides are called.
    """
    pairs = [pair for pair in _all_pairs(left, right, automatic, labels) if pair.left.aside and pair.right.aside]
    texts = [(pair.row, pair.left.text, pair.right.text) for pair in pairs]
    said = [
        f"{row} is {one[:_SHOWN]!r} on the {labels[0]} side, {other[:_SHOWN]!r} on the {labels[1]} side"
        for row, one, other in texts
        if one is not None and other is not None and one != other
    ]
    return f"texts differ, and only tensors are compared: {listed(said, _MOST, ';')}" if said else ""


_SHOWN, _MOST = 40, 3  # characters of a text; texts


def _all_pairs(left: Captures, right: Captures, automatic: Collection[str], labels: tuple[str, str]) -> list[Pair]:
    """Every row, also of what is no tensor."""
    tensors = _tensor_roots(left, right)
    unasked = {name for name in automatic if name not in tensors}
    unasked |= {*one_sided(left, right, automatic)}
    dropped = {row for side in (left, right) for row in side.rows if root(row) in unasked}
    left_rows, right_rows = _with_taps(left, right), _with_taps(right, left)
    names = (*left_rows, *(name for name in right_rows if name not in left_rows))
    return [
        Pair(name, _leaf(left_rows, name, labels[0], left.cut), _leaf(right_rows, name, labels[1], right.cut))
        for name in names
        if name not in dropped
    ]


def one_sided(left: Captures, right: Captures, names: Iterable[str]) -> list[str]:
    """Those of `names` under which one side has tensors and the other nothing to compare."""
    roots_of = [{root(row) for row in side.rows} for side in (left, right)]
    tensors = _tensor_roots(left, right)
    return [name for name in names if name in tensors and sum(name in roots for roots in roots_of) == 1]


def _tensor_roots(left: Captures, right: Captures) -> set[str]:
    """Names under which a side has a tensor, not only numbers."""
    leaves = [(root(row), leaf) for side in (left, right) for row, leaf in side.rows.items()]
    return {root for root, leaf in leaves if not (leaf.number or leaf.aside)}


def _with_taps(side: Captures, other: Captures) -> dict[str, Captured]:
    """A side's rows and then its taps': `name`, or `name[0]`, ... if either side called it again.

    A tap named like another row is told apart from it; neither takes the other's place.
    """
    taken = {root(row) for row in (*side.rows, *other.rows)}
    rows = dict(side.rows)
    for name, calls in side.taps.items():
        beside = taken | ({*side.taps, *other.taps} - {name})
        shown = f"{name} (tap)" if root(name) in beside else name
        repeated = max(len(calls), len(other.taps.get(name, ()))) > 1
        for index, call in enumerate(calls):
            rows |= {shown + (f"[{index}]" if repeated else "") + path: leaf for path, leaf in call.items()}
    return rows


def _leaf(rows: Mapping[str, Captured], name: str, label: str, cut: str) -> Captured:
    if name in rows:
        return rows[name]
    inside = next((row for row in rows if row.startswith((f"{name}.", f"{name}["))), None)
    around = next((row for row in rows if name.startswith((f"{row}.", f"{row}["))), None)
    if inside is not None:
        return Captured(missing=f"{name!r} is a structure on the {label} side ({inside!r}, ...), not one tensor")
    if around is not None:
        return Captured(missing=f"{around!r} is one tensor on the {label} side, not a structure")
    why = f"the {label} block {cut}, so it has no {name!r}" if cut else f"the {label} side has no {name!r}"
    return Captured(missing=why)
