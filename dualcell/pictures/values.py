"""`ValueCounts` and `PairCounts`: the values of both sides, each for itself and together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from dualcell.coded import Array
from dualcell.pictures.blocks import Block, counting

BINS = 100
CELLS = 128  # along each axis of the scatter
PARTS = "real and imaginary parts"


@dataclass(frozen=True)
class Span:
    """The finite values of one side or both: from `low` to `high`; low > high if there are none."""

    low: float = math.inf
    high: float = -math.inf

    def joined(self, other: Span) -> Span:
        """The span of both."""
        return Span(min(self.low, other.low), max(self.high, other.high))

    @property
    def is_empty(self) -> bool:
        """Whether there is no finite value."""
        return self.low > self.high

    @property
    def widened(self) -> Span:
        """A span that has a width to draw, also if all values are one or nearly."""
        if self.is_empty:
            return Span(0.0, 1.0)
        largest = max(abs(self.low), abs(self.high))
        if self.high * 0.5 - self.low * 0.5 > max(largest * _NARROW, _TINY):
            return self
        room = max(largest * 0.5, 0.5)
        return Span(max(self.low - room, -_MOST), min(self.high + room, _MOST))

    def edges(self, bins: int) -> Array:
        """The edges of equal bins; float64, one more than `bins`."""
        return np.linspace(self.low * 0.5, self.high * 0.5, bins + 1) * 2

    def scale(self, bins: int) -> float:
        """Bins for each half of a unit; halves cannot overflow."""
        return bins / (self.high * 0.5 - self.low * 0.5)


_MOST = float(np.finfo(np.float64).max)
_NARROW, _TINY = 1e-13, 1e-300  # bins would have no width in float64


class SpanTally:
    """Finds the `Span` of each side."""

    def __init__(self) -> None:
        self.left, self.right = Span(), Span()

    def add(self, block: Block) -> None:
        """Take in a block."""
        self.left = self.left.joined(_span(_numbers(block.left)))
        self.right = self.right.joined(_span(_numbers(block.right)))

    def merge(self, other: SpanTally) -> None:
        """Take in what another one has seen."""
        self.left, self.right = self.left.joined(other.left), self.right.joined(other.right)


def _numbers(values: Array) -> Array:
    """What is counted: of a complex number both parts; of one that is not finite its size, once."""
    if values.dtype.kind != "c":
        return values
    finite = np.isfinite(values)
    parts = values[finite].view(np.float64)
    return parts if finite.all() else np.concatenate([parts, np.abs(values[~finite])])


def _span(values: Array) -> Span:
    low, high = float(values.min()), float(values.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        values = values[np.isfinite(values)]
        if not values.size:
            return Span()
        low, high = float(values.min()), float(values.max())
    return Span(low, high)


@dataclass(frozen=True, eq=False)
class ValueCounts:
    """How many elements of each side have which value; of complex ones, how many of their parts.

    Attributes:
        edges: float64, one more than the bins; the same for both sides. A bin takes what is
            at its lower edge, the last also what is at its upper one.
        left: int64, one count a bin.
        right: so of the right side.
        nan: NaN on the left and on the right.
        inf: infinities on the left and on the right.
        spans: the finite values of each side, exactly.
        parts: the values are real and imaginary parts.
    """

    edges: Array
    left: Array
    right: Array
    nan: tuple[int, int]
    inf: tuple[int, int]
    spans: tuple[Span, Span]
    parts: bool = False

    @property
    def sentence(self) -> str:
        """What a picture of it shows, in words."""
        return f"{PARTS if self.parts else 'values'}: {self._side('left', 0)}; {self._side('right', 1)}"

    def _side(self, name: str, index: int) -> str:
        counts, span = (self.left, self.right)[index], self.spans[index]
        where = "" if span.is_empty else f" from {span.low:.3g} to {span.high:.3g}"
        said = f"{name} {int(counts.sum()):,} finite{where}"
        aside = [(self.nan[index], "NaN"), (self.inf[index], "Inf")]
        return said + "".join(f", {count:,} {word}" for count, word in aside if count)


class ValueTally:
    """Counts the values of one side, or of both, in the bins of a span.

    Args:
        shape: of the tensors.
        span: holds all finite values and has a width.
    """

    def __init__(self, shape: tuple[int, ...], span: Span) -> None:
        self._add = counting(shape).count_values
        self._low, self._scale = span.low * 0.5, span.scale(BINS)
        self.left, self.right = np.zeros(BINS + 2, np.int64), np.zeros(BINS + 2, np.int64)

    def add(self, block: Block) -> None:
        """Take in a block."""
        self._add(_numbers(block.left), self._low, self._scale, self.left)
        self._add(_numbers(block.right), self._low, self._scale, self.right)

    def merge(self, other: ValueTally) -> None:
        """Take in what another one has seen."""
        self.left += other.left
        self.right += other.right


def value_counts(spans: tuple[Span, Span], left: Array, right: Array, parts: bool) -> ValueCounts:
    """The record of what two tallies counted, in bins of both sides' span: values, NaN, infinities."""
    nan, inf = (int(left[BINS]), int(right[BINS])), (int(left[BINS + 1]), int(right[BINS + 1]))
    edges = spans[0].joined(spans[1]).widened.edges(BINS)
    return ValueCounts(edges, left[:BINS], right[:BINS], nan, inf, spans, parts)


@dataclass(frozen=True, eq=False)
class PairCounts:
    """Left against right: how many elements, or parts of complex ones, have which two values.

    Attributes:
        edges: float64, the edges of the cells on both axes.
        counts: int64; rows are values of the right side, columns of the left.
        differing: how many of those that are drawn differ, however little.
        aside: elements that cannot be drawn, as one side is not finite.
        worst: the left and the right value of the worst element, if both are finite.
        tolerance: atol and rtol.
        reference: `left` or `right`, the side that rtol is relative to.
        parts: the values are real and imaginary parts.
    """

    edges: Array
    counts: Array
    differing: int
    aside: int
    worst: tuple[float, float] | None
    tolerance: tuple[float, float]
    reference: str
    parts: bool = False

    @property
    def sentence(self) -> str:
        """What a picture of it shows, in words."""
        drawn = int(self.counts.sum())
        elements = PARTS if self.parts else "element" if drawn == 1 else "elements"
        said = f"left against right: {drawn:,} {elements}, {self.differing:,} of them differ"
        said += f"; the worst is {_told_apart(*self.worst)}" if self.worst and self.differing else ""
        return said + (f"; {self.aside:,} with NaN or Inf are not drawn" if self.aside else "")


def _told_apart(left: float, right: float) -> str:
    """Two values, with as many digits as they need not to look the same.

    Examples:
        >>> _told_apart(1, 2.5), _told_apart(1, 1.000001)
        ('1 against 2.5', '1 against 1.000001')
    """
    texts = ((f"{left:.{digits}g}", f"{right:.{digits}g}") for digits in range(4, 18))
    return " against ".join(next((pair for pair in texts if len({*pair}) == 2), (f"{left:.4g}", f"{right:.4g}")))


class PairTally:
    """Counts pairs of values in the cells of a span; see `ValueTally`."""

    def __init__(self, shape: tuple[int, ...], span: Span) -> None:
        self._add: Any = counting(shape).count_pairs
        self._low, self._scale = span.low * 0.5, span.scale(CELLS)
        self.counts, self.differing, self.aside = np.zeros((CELLS, CELLS), np.int64), 0, 0

    def add(self, block: Block) -> None:
        """Take in a block."""
        left, right, differs = block.left, block.right, block.error != 0
        if left.dtype.kind == "c":
            both = np.isfinite(left) & np.isfinite(right)
            self.aside += int(both.size - np.count_nonzero(both))
            left, right = left[both].view(np.float64), right[both].view(np.float64)
            differs = left != right
        aside = int(self._add(left, right, self._low, self._scale, self.counts))
        if aside:
            differs &= np.isfinite(left) & np.isfinite(right)
        self.aside += aside
        self.differing += int(np.count_nonzero(differs))

    def merge(self, other: PairTally) -> None:
        """Take in what another one has seen."""
        self.counts += other.counts
        self.differing += other.differing
        self.aside += other.aside
