"""A shape -> the slabs it is cut into: runs of elements that lie one after the other in C order."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

THREADS = 12  # at most: 50 MB of buffers in the compiled pass; memory is the limit long before

Slab = tuple[int, tuple[Any, ...]]  # the flat C-order index of the first element, and how to index the slab


def slabs(shape: tuple[int, ...], most: int) -> Iterator[Slab]:
    """Cut a shape into slabs of at most `most` elements, in C order; indexing by one gives a view.

    Examples:
        >>> list(slabs((1, 3), 2))
        [(0, (0, slice(0, 2, None))), (2, (0, slice(2, 3, None)))]
        >>> list(slabs((5, 2), 4))
        [(0, (slice(0, 2, None),)), (4, (slice(2, 4, None),)), (8, (slice(4, 5, None),))]
        >>> list(slabs((), 4)), list(slabs((0, 2), 4))
        ([(0, ())], [])
    """
    if not shape:
        yield 0, ()
        return
    axis, inner = len(shape) - 1, 1
    while axis > 0 and inner * shape[axis] <= most:
        inner *= shape[axis]
        axis -= 1
    rows = max(1, most // max(inner, 1))
    start = 0
    for outer in np.ndindex(shape[:axis]):
        for row in range(0, shape[axis], rows):
            end = min(row + rows, shape[axis])
            yield start, (*outer, slice(row, end))
            start += (end - row) * inner


def threads() -> int:
    """How many threads work on slabs: one for each core of this process, up to a bound."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(THREADS, available)
