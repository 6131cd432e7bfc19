"""`ErrorMap`: |left - right| over one or two axes, reduced over all others by max."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dualcell.coded import Array
from dualcell.pictures.blocks import Block, counting

CELLS = 256  # along each axis; longer ones have cells of several indices


@dataclass(frozen=True, eq=False)
class ErrorMap:
    """The largest error in each cell of a map, so that one wrong element stays visible.

    Attributes:
        shape: of the tensors.
        axes: one axis, or two: rows and columns of the map.
        widths: how many indices of each axis a cell spans; the last cell may hold fewer.
        largest: float64, an axis of the map for each of `axes`; NaN or infinite where an error is.
    """

    shape: tuple[int, ...]
    axes: tuple[int, ...]
    widths: tuple[int, ...]
    largest: Array

    @property
    def top(self) -> float:
        """The largest finite error; 0 if there is none."""
        finite = self.largest[np.isfinite(self.largest)]
        return float(finite.max()) if finite.size else 0.0

    @property
    def top_cell(self) -> tuple[int, ...]:
        """Where in the map the worst is: the first NaN, else the first infinity, else the largest error."""
        return tuple(int(i) for i in np.unravel_index(int(self.largest.argmax()), self.largest.shape))

    @property
    def nonfinite(self) -> int:
        """How many cells hold an error that is NaN or infinite."""
        return int(self.largest.size - np.count_nonzero(np.isfinite(self.largest)))

    def indices(self, cell: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
        """The first and last index of each axis in a cell."""
        return tuple(
            (place * width, min(place * width + width, self.shape[axis]) - 1)
            for place, width, axis in zip(cell, self.widths, self.axes, strict=True)
        )

    @property
    def sentence(self) -> str:
        """What the map shows, in words."""
        over = f"|error| over {_named(self.axes)}"
        if self.largest.max() == 0:
            return f"{over}: no element differs"
        where = ", ".join(
            f"index {first} of axis {axis}" if first == last else f"indices {first} to {last} of axis {axis}"
            for (first, last), axis in zip(self.indices(self.top_cell), self.axes, strict=True)
        )
        worst = float(self.largest[self.top_cell])
        said = f"largest error {worst:.3g}" if math.isfinite(worst) else f"an error is {_spelled(worst)}"
        cells = f"{int(np.count_nonzero(self.largest))} of {self.largest.size} cells differ"
        return f"{over}: {said} at {where}; {cells}" + (f", {self.nonfinite} with NaN or Inf" if self.nonfinite else "")


def _spelled(number: float) -> str:
    return "NaN" if math.isnan(number) else "infinite"


def _named(axes: Sequence[int]) -> str:
    return f"axis {axes[0]}" if len(axes) == 1 else f"axes {axes[0]} and {axes[1]}"


def longest_axes(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The two longest axes in their order, of equally long ones the last; the only one of a vector.

    Examples:
        >>> longest_axes((8, 3, 64, 64)), longest_axes((5, 1)), longest_axes((7,))
        ((2, 3), (0, 1), (0,))
    """
    ranked = sorted(range(len(shape)), key=lambda axis: (shape[axis], axis), reverse=True)
    return tuple(sorted(ranked[:2]))


class MapTally:
    """Fills an `ErrorMap`.

    Args:
        shape: of the tensors; no axis is empty.
        axes: one or two of their axes, in rising order.
    """

    def __init__(self, shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
        self.shape, self.axes = shape, axes
        self._add = counting(shape).raise_cells
        lengths = tuple(shape[axis] for axis in axes)
        self._widths = tuple(-(-length // CELLS) for length in lengths)
        grid = tuple(-(-length // width) for length, width in zip(lengths, self._widths, strict=True))
        self._cells = np.zeros((1, *grid)[-2:])
        each = [
            (math.prod(shape[axis + 1 :]), length, width)
            for axis, length, width in zip(axes, lengths, self._widths, strict=True)
        ]
        rows, columns = ((math.prod(shape), 1, 1), *each)[-2:]
        self._steps = (*rows, *columns)
        self._grid = grid

    def add(self, block: Block) -> None:
        """Take in a block."""
        self._add(block.error, block.start, self._steps, self._cells)

    def merge(self, other: MapTally) -> None:
        """Take in what another one has seen."""
        np.maximum(self._cells, other._cells, out=self._cells)

    @property
    def found(self) -> ErrorMap:
        """The map of what was added."""
        return ErrorMap(self.shape, self.axes, self._widths, self._cells.reshape(self._grid))
