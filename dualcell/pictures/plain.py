"""Adding one block to the counts of a picture, with NumPy alone.

It starts at once, and is what the compiled loops (`pictures/loops.py`, the same verbs) are
held to. All blocks are 1-D float64; errors are not negative, or NaN. What is written to
is named last.
"""

from __future__ import annotations

import numpy as np

from dualcell.coded import Array

EXPONENTS = 2048  # of float64: the first holds the denormals, the last NaN and Inf


def raise_cells(error: Array, start: int, steps: tuple[int, int, int, int, int, int], cells: Array) -> None:
    """Raise each cell of a map to the largest error in it; NaN is the largest of all.

    Args:
        error: consecutive elements of the tensor in C order.
        start: the flat index of the first.
        steps: for the rows of the map and then for its columns: elements from one index of
            the axis to the next, length of the axis, indices in a cell.
        cells: float64, two axes; written to.
    """
    row_step, rows, row_width, column_step, columns, column_width = steps
    flat = np.arange(start, start + error.size)
    row = flat // row_step % rows // row_width
    column = flat // column_step % columns // column_width
    np.maximum.at(cells, (row, column), error)


def count_exponents(error: Array, counts: Array) -> None:
    """Count errors by their exponent as a float64; zeros in one more slot at the end (int64, `EXPONENTS` + 1)."""
    exponents = (error.view(np.int64) >> 52) & 0x7FF
    exponents[error == 0] = EXPONENTS
    counts += np.bincount(exponents, minlength=counts.size)


def count_values(values: Array, low: float, scale: float, counts: Array) -> None:
    """Count values in equal bins from `low` on.

    Args:
        values: numbers, of which the finite ones are not below `low`.
        low: half of where the first bin begins.
        scale: bins for each half of a unit.
        counts: int64, the bins, then NaN, then infinities; written to.
    """
    bins = counts.size - 2
    finite = np.isfinite(values)
    counts[bins] += np.count_nonzero(np.isnan(values))
    counts[bins + 1] += np.count_nonzero(np.isinf(values))
    places = ((values[finite] * 0.5 - low) * scale).astype(np.int64)
    counts += np.bincount(np.minimum(places, bins - 1), minlength=counts.size)


def count_pairs(left: Array, right: Array, low: float, scale: float, counts: Array) -> int:
    """Count pairs of values in square cells; see `count_values`.

    Args:
        left: values that choose the column.
        right: values that choose the row.
        low: half of where the first cell of both axes begins.
        scale: cells for each half of a unit.
        counts: int64, two axes of one length; written to.

    Returns:
        How many pairs were left out, as one of them is not finite.
    """
    bins = counts.shape[0]
    finite = np.isfinite(left) & np.isfinite(right)
    columns, rows = (((side[finite] * 0.5 - low) * scale).astype(np.int64) for side in (left, right))
    places = np.minimum(rows, bins - 1) * bins + np.minimum(columns, bins - 1)
    counts += np.bincount(places, minlength=counts.size).reshape(counts.shape)
    return left.size - int(np.count_nonzero(finite))
