"""`Curves`: both sides of a row of one axis, and their difference."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dualcell.coded import Array
from dualcell.pictures.blocks import Block

POINTS = 512  # longer rows show the lowest and the highest value of every so many elements


@dataclass(frozen=True, eq=False)
class Curves:
    """The lowest and highest value in each cell along the axis; one value where a cell is one element.

    Attributes:
        length: of the tensors.
        width: elements in a cell; the last may hold fewer.
        left: float64, (2, cells): lowest and highest; NaN where no value is finite.
        right: so of the right side.
        error: float64: the largest error in each cell, NaN or infinite where one is.
        sizes: the values are sizes of complex numbers.
    """

    length: int
    width: int
    left: Array
    right: Array
    error: Array
    sizes: bool = False

    @property
    def positions(self) -> Array:
        """The first index of each cell."""
        return np.arange(self.error.size) * self.width

    @property
    def sentence(self) -> str:
        """What a picture of it shows, in words."""
        ends = [f"{name} {_ends(values)}" for name, values in (("left", self.left), ("right", self.right))]
        said = f"{'sizes of ' if self.sizes else ''}both sides along axis 0 of {self.length:,}: {', '.join(ends)}"
        if not self.error.any():
            return f"{said}; no element differs"
        first = int(np.flatnonzero(self.error)[0]) * self.width
        worst = int(self.error.argmax())
        top = float(self.error[worst])
        size = f"{top:.3g}" if math.isfinite(top) else "NaN or infinite"
        where = "near" if self.width > 1 else "at"
        return (
            f"{said}; they part {where} index {first}, the largest error is {size} {where} index {worst * self.width}"
        )


def _ends(values: Array) -> str:
    return f"from {values[0, 0]:.4g} to {values[0, -1]:.4g}"


class CurvesTally:
    """Fills `Curves`.

    Args:
        length: of the tensors.
    """

    def __init__(self, length: int) -> None:
        self._length, self._width, self._sizes = length, -(-length // POINTS), False
        cells = -(-length // self._width)
        self._low, self._high = np.full((2, cells), math.inf), np.full((2, cells), -math.inf)
        self._error = np.zeros(cells)

    def add(self, block: Block) -> None:
        """Take in a block."""
        first, last = block.start // self._width, (block.start + block.error.size - 1) // self._width
        starts = np.maximum(np.arange(first, last + 1) * self._width - block.start, 0)
        here = slice(first, last + 1)
        _raise(self._error[here], np.maximum.reduceat(block.error, starts))
        self._sizes = block.left.dtype.kind == "c"
        for side, values in enumerate((block.left, block.right)):
            values = np.abs(values) if self._sizes else values
            finite = np.isfinite(values)
            all_finite = bool(finite.all())
            low = values if all_finite else np.where(finite, values, math.inf)
            high = values if all_finite else np.where(finite, values, -math.inf)
            np.minimum(self._low[side, here], np.minimum.reduceat(low, starts), out=self._low[side, here])
            _raise(self._high[side, here], np.maximum.reduceat(high, starts))

    def merge(self, other: CurvesTally) -> None:
        """Take in what another one has seen."""
        np.minimum(self._low, other._low, out=self._low)
        _raise(self._high, other._high)
        _raise(self._error, other._error)

    @property
    def found(self) -> Curves:
        """The curves of what was added."""
        seen = self._low <= self._high
        low, high = np.where(seen, self._low, math.nan), np.where(seen, self._high, math.nan)
        left, right = (np.stack([low[side], high[side]]) for side in (0, 1))
        return Curves(self._length, self._width, left, right, self._error, self._sizes)


def _raise(target: Array, values: Array) -> None:
    np.maximum(target, values, out=target)
