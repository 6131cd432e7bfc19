"""Compiled loops (numba) with the verbs of `pictures/plain.py`, for large tensors."""

# numba infers the types from the calls: annotations would say Any everywhere
# pyright: reportMissingParameterType=false, reportUnusedFunction=false, reportCallIssue=false, reportUnusedVariable=false

from __future__ import annotations

import numpy as np

from dualcell.compiling import exact
from dualcell.loops import bits_of, float_of


@exact
def raise_cells(error, start, steps, cells):
    """See `plain.raise_cells`. The bits of sizes, as integers, are in their order; a NaN may have a sign."""
    row_step, rows, row_width, column_step, columns, column_width = steps
    at, size = 0, error.size
    while at < size:
        flat = start + at
        line = cells[flat // row_step % rows // row_width]
        index = flat // column_step % columns
        column = index // column_width
        if column_step == 1:  # along the last axis, line by line, while the row is the same
            end = min(size, at + row_step - flat % row_step)
            while at < end:
                stop = min(end, at + columns - index)
                raise_line(error[at:stop], index, column_width, line)
                at, index = stop, 0
        else:  # to the end of the cell
            last = min(columns, (column + 1) * column_width)
            end = min(size, at + (last - index) * column_step - flat % column_step)
            line[column] = float_of(max(bits_of(line[column]), top_bits(error[at:end])))
            at = end


@exact
def raise_line(error, index, width, line):
    """Raise the cells of one line, the first error at an index of its axis."""
    if width == 1:
        for i in range(error.size):
            line[index + i] = float_of(max(bits_of(line[index + i]), bits_of(abs(error[i]))))
        return
    at, column = 0, index // width
    while at < error.size:
        stop = min(error.size, (column + 1) * width - index)
        line[column] = float_of(max(bits_of(line[column]), top_bits(error[at:stop])))
        at = stop
        column += 1


@exact
def top_bits(error):
    """The bits of the largest error."""
    top = bits_of(abs(error[0]))
    for i in range(error.size):
        top = max(top, bits_of(abs(error[i])))
    return top


@exact
def count_exponents(error, counts):
    """See `plain.count_exponents`."""
    zero = counts.size - 1
    for i in range(error.size):
        bits = bits_of(error[i])
        counts[(bits >> 52) & 0x7FF if bits else zero] += 1


@exact
def count_values(values, low, scale, counts):
    """See `plain.count_values`."""
    bins = counts.size - 2
    for i in range(values.size):
        value = values[i]
        if abs(value) < np.inf:
            counts[min(np.int64((value * 0.5 - low) * scale), bins - 1)] += 1
        else:
            counts[bins if value != value else bins + 1] += 1


@exact
def count_pairs(left, right, low, scale, counts):
    """See `plain.count_pairs`."""
    bins, aside = counts.shape[0], 0
    for i in range(left.size):
        one, other = left[i], right[i]
        if abs(one) < np.inf and abs(other) < np.inf:
            column = min(np.int64((one * 0.5 - low) * scale), bins - 1)
            row = min(np.int64((other * 0.5 - low) * scale), bins - 1)
            counts[row, column] += 1
        else:
            aside += 1
    return aside
