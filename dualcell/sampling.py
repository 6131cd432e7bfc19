"""Some elements of large tensors, and whether they agree."""

from __future__ import annotations

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


def fits(found: Array, wanted: Array, closeness: float) -> bool:
    """Whether two samples agree but for rounding.

    Args:
        found: some numbers.
        wanted: as many.
        closeness: what the root mean square of their difference may be, relative to that of `wanted`.
    """
    gap = np.sqrt(np.mean(np.square(found - wanted)))
    return bool(gap <= closeness * np.sqrt(np.mean(np.square(wanted))) and np.ptp(wanted) > 0)
