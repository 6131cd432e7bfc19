"""Copies between arrays that lie in memory in different orders, tile by tile: `copy_into`, `in_c_order`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_SMALL = 65_536  # elements: all of them are in the cache anyway
_LINE = 64  # bytes that memory hands over at once
_LONG = 1024  # elements of a tile along the axis it is read along: its lines of the target fit the cache
_LEAST = 64  # elements that an axis must have for tiles along it to repay the calls


def copy_into(target: Array, values: Array) -> None:
    """Copy values into an array of the same shape, as `numpy.copyto` does.

    Where the axis along which the values lie is not the one along which the target lies, it
    goes tile by tile: a cache line wide along the target's, long along the values', each
    tile for itself at every place of the other axes. So no line is fetched twice, which
    NumPy's own copy of a transposed kernel does for each element.

    Examples:
        >>> target = np.empty((3, 2), np.int64)
        >>> copy_into(target, np.arange(6).reshape(2, 3).T)
        >>> target.tolist()
        [[0, 3], [1, 4], [2, 5]]
    """
    read, written = _run(values), _run(target)
    if values.size < _SMALL or read == written:
        np.copyto(target, values)
        return
    for index in _tiles(values.shape, read, written, max(1, _LINE // target.itemsize)):
        np.copyto(target[index], values[index])


def in_c_order(values: Array, dtype: np.dtype[Any] | None = None) -> Array:
    """The values in C order; itself if it is that already, else a new array.

    Examples:
        >>> in_c_order(np.arange(6).reshape(2, 3).T).flags.c_contiguous
        True
    """
    if values.flags.c_contiguous and (dtype is None or values.dtype == dtype):
        return values
    ordered = np.empty(values.shape, values.dtype if dtype is None else dtype)
    copy_into(ordered, values)
    return ordered


def _run(array: Array) -> int:
    """The axis along which elements lie nearest to each other, short ones left aside; -1 if all are short."""
    axes = [axis for axis, size in enumerate(array.shape) if size >= _LEAST]
    return min(axes, key=lambda axis: abs(array.strides[axis]), default=-1)


def _tiles(shape: tuple[int, ...], read: int, written: int, width: int) -> Iterator[tuple[Any, ...]]:
    others = [1 if axis in (read, written) else size for axis, size in enumerate(shape)]
    for start in range(0, shape[read], _LONG):
        for line in range(0, shape[written], width):
            for place in np.ndindex(*others):
                index: list[Any] = [*place]
                index[read] = slice(start, start + _LONG)
                index[written] = slice(line, line + width)
                yield tuple(index)
