"""A judged pair and the kinds asked for -> `Panel`s: what each picture shows, reduced to a small size.

At most two passes over the pair, whatever is asked for.
"""

from __future__ import annotations

import cmath
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dualcell.comparison import Comparison
from dualcell.errors import OptionError
from dualcell.histogram import Histogram
from dualcell.pictures.blocks import Several, tally
from dualcell.pictures.curves import Curves, CurvesTally
from dualcell.pictures.heat import ErrorMap, MapTally, longest_axes
from dualcell.pictures.kinds import AUTO, KINDS, OF_ONE_SIDE, default_kinds, read_kinds
from dualcell.pictures.layers import LayerErrors
from dualcell.pictures.sizes import SizesTally
from dualcell.pictures.values import PairCounts, PairTally, Span, SpanTally, ValueCounts, ValueTally, value_counts

MOST_STRIPS = 6  # axes that `channels` shows

Data = tuple[ErrorMap, ...] | Histogram | Curves | ValueCounts | PairCounts | LayerErrors


@dataclass(frozen=True, eq=False)
class Panel:
    """One picture before it is drawn.

    Attributes:
        kind: one of `kinds.KINDS`, or `layers`.
        data: what it shows; of `heat` and `channels` one map or several strips.
    """

    kind: str
    data: Data

    @property
    def sentence(self) -> str:
        """What it shows, in words."""
        parts = self.data if isinstance(self.data, tuple) else (self.data,)
        return "; ".join(part.sentence for part in parts)


def why_no_pictures(comparison: Comparison) -> str:
    """Why nothing of a row can be drawn, in a sentence; empty if something can."""
    row, sides = comparison.row, (comparison.left.facts, comparison.right.facts)
    if comparison.stats is None and comparison.verdict != "shape":
        return f"row {row!r} is {comparison.verdict!r}, so there is nothing to draw: {comparison.note}"
    shapes = [side.shape for side in sides if side is not None]
    if any(0 in shape for shape in shapes):
        return f"row {row!r} has no elements to draw: its shape is {' against '.join(map(str, dict.fromkeys(shapes)))}"
    if comparison.stats is not None and shapes[0] == ():
        stats = comparison.stats
        return f"row {row!r} is one number, which needs no picture: {stats.left_value} against {stats.right_value}"
    return ""


def panels(
    comparison: Comparison, words: Sequence[str] = (AUTO,), axes: Sequence[int] | None = None, reference: str = "left"
) -> tuple[Panel, ...]:
    """Reduce a pair to what the pictures of it show.

    Args:
        comparison: a judged pair.
        words: of `kinds.KINDS`, or `auto` for what suits the shape.
        axes: of `heat` one or two axes (the two longest if None), of `channels` any (all if None).
        reference: `left` or `right`, the side that rtol is relative to.

    Raises:
        ValueError: the row has nothing to draw; or not of this kind.
        OptionError: a word is unknown, or an axis is none of the tensor's.
    """
    reason = why_no_pictures(comparison)
    if reason:
        raise ValueError(reason)
    kinds = chosen(comparison, words)
    for reason in (unsuited(comparison, kind) for kind in kinds):
        if reason:
            raise ValueError(reason)
    if comparison.stats is None:
        return tuple(_apart(comparison) for _ in kinds)
    return _Work(comparison, _axes_of(comparison, axes, kinds), reference).panels(kinds)


def chosen(comparison: Comparison, words: Sequence[str]) -> tuple[str, ...]:
    """The kinds that some words ask for; `auto` becomes those that suit the row.

    Raises:
        OptionError: a word is unknown.
    """
    assert comparison.left.facts is not None  # noqa: S101 - there is something to draw
    suited = default_kinds(comparison.left.facts.shape) if comparison.stats is not None else OF_ONE_SIDE
    kinds: dict[str, None] = {}
    for word in read_kinds(words, (AUTO, *KINDS)) or (AUTO,):
        kinds |= dict.fromkeys(suited if word == AUTO else (word,))
    return tuple(kinds)


def unsuited(comparison: Comparison, kind: str) -> str:
    """Why a row has no picture of this kind, in a sentence; empty if it has one."""
    assert comparison.left.facts is not None  # noqa: S101 - there is something to draw
    shape, row = comparison.left.facts.shape, comparison.row
    if comparison.stats is None and kind not in OF_ONE_SIDE:
        return (
            f"row {row!r} is {comparison.verdict!r}, so it has no error to draw: {comparison.note}; "
            f"plot('values') shows the values of both sides"
        )
    if kind == "curves" and len(shape) != 1:
        return f"row {row!r} has shape {shape}; 'curves' need one axis, plot('heat') shows two"
    return ""


def _axes_of(comparison: Comparison, axes: Sequence[int] | None, kinds: tuple[str, ...]) -> tuple[int, ...] | None:
    """The chosen axes, counted from the front and in order."""
    if axes is None:
        return None
    assert comparison.left.facts is not None  # noqa: S101 - there is something to draw
    shape = comparison.left.facts.shape
    if not {"heat", "channels"} & {*kinds}:
        raise OptionError(f"axes has no effect on {', '.join(kinds)}; it chooses what 'heat' and 'channels' show.")
    most = 2 if "heat" in kinds else MOST_STRIPS
    given: tuple[Any, ...] = tuple(axes)
    whole = all(isinstance(axis, int) and -len(shape) <= axis < len(shape) for axis in given)
    counted = sorted({axis % len(shape) for axis in given}) if whole else []
    if not 0 < len(counted) == len(given) <= most:
        raise OptionError(f"axes is {axes!r}, expected 1 to {most} different axes of shape {shape}, as in axes=(0,).")
    return tuple(counted)


class _Work:
    """The passes over one pair."""

    def __init__(self, comparison: Comparison, axes: tuple[int, ...] | None, reference: str) -> None:
        assert comparison.left.facts is not None  # noqa: S101 - it was measured
        self.comparison, self.axes, self.reference = comparison, axes, reference
        self.shape = comparison.left.facts.shape

    def panels(self, kinds: tuple[str, ...]) -> tuple[Panel, ...]:
        """All panels, in the order of `kinds`."""
        found: dict[str, Data] = {}
        ranged = [kind for kind in kinds if kind in ("values", "scatter")]
        makers = {kind: self._makers(kind) for kind in kinds if kind not in ranged}
        spans = [SpanTally] if ranged else []
        seen = self._pass([*spans, *(make for each in makers.values() for make in each)])
        at = len(spans)
        for kind, each in makers.items():
            parts = tuple(done.found for done in seen[at : at + len(each)])
            found[kind] = parts if kind in ("heat", "channels") else parts[0]
            at += len(each)
        if ranged:
            found |= self._ranged(ranged, (seen[0].left, seen[0].right))
        return tuple(Panel(kind, found[kind]) for kind in kinds)

    def _pass(self, makers: list[Callable[[], Any]]) -> list[Any]:
        if not makers:
            return []
        return tally(self.comparison.left, self.comparison.right, lambda: Several(makers)).tallies

    def _makers(self, kind: str) -> list[Callable[[], Any]]:
        shape = self.shape
        if kind == "heat":
            axes = self.axes or longest_axes(shape)
            return [lambda: MapTally(shape, axes)]
        if kind == "channels":
            every = self.axes or tuple(axis for axis, length in enumerate(shape) if length > 1)[:MOST_STRIPS] or (0,)
            return [lambda axis=axis: MapTally(shape, (axis,)) for axis in every]
        return [lambda: CurvesTally(shape[0])] if kind == "curves" else [lambda: SizesTally(shape)]

    def _ranged(self, kinds: list[str], spans: tuple[Span, Span]) -> dict[str, Data]:
        """The kinds that need to know the lowest and the highest value."""
        span = spans[0].joined(spans[1]).widened
        makers = {"values": lambda: ValueTally(self.shape, span), "scatter": lambda: PairTally(self.shape, span)}
        seen = dict(zip(kinds, self._pass([makers[kind] for kind in kinds]), strict=True))
        found: dict[str, Data] = {}
        if "values" in seen:
            counts = seen["values"]
            found["values"] = value_counts(spans, counts.left, counts.right, _is_complex(self.comparison))
        if "scatter" in seen:
            found["scatter"] = self._pairs(span, seen["scatter"])
        return found

    def _pairs(self, span: Span, seen: PairTally) -> PairCounts:
        stats, tolerance = self.comparison.stats, self.comparison.tolerance
        assert stats is not None  # noqa: S101 - it was measured
        assert tolerance is not None  # noqa: S101
        values: tuple[Any, Any] = stats.left_value, stats.right_value
        left, right = map(complex, values)
        parts = (left.real, right.real), (left.imag, right.imag)
        finite = cmath.isfinite(left) and cmath.isfinite(right)
        worst = max(parts, key=lambda pair: abs(pair[0] - pair[1])) if finite else None
        band = float(tolerance.atol), float(tolerance.rtol)
        edges, is_complex = span.edges(seen.counts.shape[0]), _is_complex(self.comparison)
        return PairCounts(edges, seen.counts, seen.differing, seen.aside, worst, band, self.reference, is_complex)


def _is_complex(comparison: Comparison) -> bool:
    return any(leaf.facts and "complex" in leaf.facts.dtype for leaf in (comparison.left, comparison.right))


def _apart(comparison: Comparison) -> Panel:
    """The values of two sides of different shapes."""
    leaves = comparison.left, comparison.right
    spans = tally(leaves[0], leaves[0], SpanTally).left, tally(leaves[1], leaves[1], SpanTally).left
    span = spans[0].joined(spans[1]).widened
    left, right = (
        tally(leaf, leaf, lambda leaf=leaf: ValueTally(leaf.facts.shape if leaf.facts else (), span)).left
        for leaf in leaves
    )
    return Panel("values", value_counts(spans, left, right, _is_complex(comparison)))
