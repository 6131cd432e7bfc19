"""Some elements of large tensors, and whether they agree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from dualcell.cause import Array


def places(size: int, count: int, random: np.random.Generator) -> Array:
    """Some flat indices, without repetition where that costs nothing."""
    if size <= count:
        return np.arange(size)
    return np.sort(random.integers(0, size, count))


def take(array: Any, index: Array) -> Array:
    """Elements at flat C-order indices, of an array of any strides, without a copy of it."""
    if array.flags.c_contiguous:
        return array.reshape(-1)[index]
    return array[np.unravel_index(index, array.shape)]


def wide(array: Array) -> Array:
    """A copy of real numbers as float64, of complex ones as complex128."""
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def floating(array: Array) -> Array:
    """Floats or complex numbers of 32 bits at least; the array itself if it holds such."""
    return array.astype(np.result_type(array.dtype, np.float32), copy=False)


def mean_square(values: Array) -> float:
    """The mean of |values| squared."""
    if values.dtype.kind == "c":
        return float(np.mean(np.square(np.real(values)) + np.square(np.imag(values))))
    return float(np.mean(np.square(values)))


def varies(values: Array) -> bool:
    """Whether there is more than one number."""
    return bool((values != values.flat[0]).any()) if values.dtype.kind == "c" else bool(np.ptp(values) > 0)


def fits(found: Array, wanted: Array, closeness: float) -> bool:
    """Whether two samples agree but for rounding.

    Args:
        found: some numbers.
        wanted: as many.
        closeness: what the root mean square of their difference may be, relative to that of `wanted`.
    """
    gap, size = mean_square(found - wanted), mean_square(wanted)
    if not 0 < size < np.inf:  # the squares do not fit into a float64
        return bool(np.array_equal(found, wanted) and varies(wanted))
    return bool(gap <= closeness**2 * size and varies(wanted))


def information(values: Array) -> float:
    """Bits that it takes to agree with some numbers by chance: many for different ones, few for zeros and ones."""
    top = np.abs(values).max(initial=0.0)
    if not 0 < top < np.inf:
        return 0.0
    _, counts = np.unique(np.round(1000 * (values / top)), return_counts=True)
    return float(-np.sum(counts * np.log2(counts / values.size)))


def leaves_little(found: Array, wanted: Array, given: Array) -> bool:
    """Whether a fitted step leaves less than a twentieth of the difference; a fit always leaves less than there was.

    Args:
        found: what the step makes.
        wanted: what it should make.
        given: what the step took; all of the same shape.
    """
    return mean_square(found - wanted) <= mean_square(given - wanted) / 400


def explains(found: Array, wanted: Array, closeness: float, given: Array | None = None) -> bool:
    """Whether a step explains a sample: what it leaves is rounding, and is little of what there was.

    Args:
        found: what the step makes.
        wanted: what it should make; of the same shape.
        closeness: as in `fits`.
        given: what the step took, if it has the same shape.
    """
    gap = math.sqrt(mean_square(found - wanted))
    if not (fits(found, wanted, closeness) and gap <= _LEFT_OVER * np.std(wanted)):
        return False
    return given is None or gap < _LEFT_OVER * math.sqrt(mean_square(given - wanted))


_LEFT_OVER = 0.2


def rows(array: Array, axes: Sequence[int], count: int = 32) -> Array:
    """Some rows along axes; of arrays that differ in the size of those axes only, the same ones.

    Args:
        array: an array of any shape.
        axes: the axes that make a row.
        count: rows to take; fewer, if they are long, but two.

    Returns:
        A wide copy, one row each: (rows, elements of a row).
    """
    kept = [axis for axis in range(array.ndim) if axis not in axes]
    shape = [array.shape[axis] for axis in kept]
    if not kept:
        return wide(array.reshape(1, -1))
    length = math.prod(array.shape[axis] for axis in axes)
    count = min(count, max(2, _MOST_IN_ROWS // max(1, length)))
    index = places(math.prod(shape), count, np.random.default_rng(0))
    picked = array.transpose(*kept, *axes)[np.unravel_index(index, shape)]
    return wide(picked.reshape(len(index), -1))


_MOST_IN_ROWS = 1 << 14


def linear_in_rows(left: Array, right: Array, axes: Sequence[int], closeness: float) -> bool:
    """Whether each row may be a line of the other side's row; cheap, from a few elements of a few rows.

    Args:
        left: an array of any shape.
        right: an array of the same shape.
        axes: the axes that make a row.
        closeness: as in `fits`.
    """
    kept = [axis for axis in range(left.ndim) if axis not in axes]
    random = np.random.default_rng(0)
    index = [
        np.unravel_index(places(math.prod(shape), count, random), shape) if shape else ()
        for shape, count in (([left.shape[axis] for axis in kept], 16), ([left.shape[axis] for axis in axes], 48))
    ]
    at = [np.empty(0, int)] * left.ndim
    for axis, place in zip(kept, index[0], strict=True):
        at[axis] = place[:, None]
    for axis, place in zip(axes, index[1], strict=True):
        at[axis] = place[None, :]
    given, wanted = left[tuple(at)], right[tuple(at)]
    aside, goal = (side - side.mean(1, keepdims=True) for side in (given, wanted))
    square = np.square(aside).sum(1, keepdims=True)
    found = aside * ((aside * goal).sum(1, keepdims=True) / np.maximum(square, 1e-300))
    gap = np.sqrt(np.mean(np.square(found - goal)))
    return bool(gap <= 3 * closeness * np.sqrt(np.mean(np.square(wanted))))


def some_axes(ndim: int, most: int | None = None) -> list[tuple[int, ...]]:
    """All choices of at least one axis and at most `most`, fewest first."""
    most = min(ndim if most is None else most, ndim if ndim <= _MANY_AXES else 2)
    return [axes for count in range(1, most + 1) for axes in combinations(range(ndim), count)]


_MANY_AXES = 7  # with more, only one or two at a time
