"""Two captured leaves -> tallies of all their elements, block by block, on every core.

A tally is what a picture is made of: it takes blocks, in any order, and can be merged
with one that has seen others. Nothing whole is copied; a leaf on a device comes to the
host slab by slab.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol, TypeVar

import numpy as np

from dualcell.captures import Captured
from dualcell.coded import Array, HostArray
from dualcell.devices import reader
from dualcell.pictures import plain
from dualcell.plain_pass import differing
from dualcell.slabs import slabs, threads

SLAB = 1_048_576  # elements a thread takes at once; from a device, those that are on the host at once
COMPILED_FROM = 4_000_000  # elements, below which NumPy is done before the compiled loops are loaded


@dataclass(frozen=True)
class Block:
    """Consecutive elements of a pair, in C order; 1-D arrays.

    Attributes:
        start: the flat index of the first.
        left: values of the left side, float64; complex128 if one side is complex.
        right: so of the right side.
        error: |left - right|, float64; 0 where infinities are equal, else NaN where one side is NaN.
    """

    start: int
    left: Array
    right: Array
    error: Array


class Tally(Protocol):
    """What takes in blocks one by one."""

    def add(self, block: Block) -> None:
        """Take in a block."""

    def merge(self, other: Any) -> None:
        """Take in what another one of its kind has seen."""


T = TypeVar("T", bound=Tally)


def tally(left: Captured, right: Captured, make: Callable[[], T]) -> T:
    """Show every block of a pair to a tally.

    Args:
        left: a leaf with elements.
        right: another one of the same shape; may be the same, for pictures of one side.
        make: makes an empty tally; there is one in each thread.
    """
    assert left.facts is not None  # noqa: S101 - the leaf is supported
    readers = reader(left), reader(right)
    ranges = list(slabs(left.facts.shape, SLAB))
    step = -(-len(ranges) // threads())

    def work(first: int) -> T:
        found = make()
        for start, where in ranges[first : first + step]:
            for block in _blocks(start, *(read(where) for read in readers)):
                found.add(block)
        return found

    firsts = range(0, len(ranges), step)
    if len(firsts) == 1:
        return work(0)
    with ThreadPoolExecutor(len(firsts)) as pool:
        found, *others = pool.map(work, firsts)
    for other in others:
        found.merge(other)
    return found


def _blocks(first: int, left: HostArray, right: HostArray) -> Iterator[Block]:
    for start, one, other, error in differing(left, right):
        wide = np.complex128 if "c" in (one.dtype.kind, other.dtype.kind) else np.float64
        left, right = (side.astype(wide, copy=False) for side in (one, other))
        yield Block(first + start, left, right, error.astype(np.float64, copy=False))


def counting(shape: tuple[int, ...]) -> Any:
    """The module whose verbs add to counts: compiled loops for large tensors, where numba has them."""
    if math.prod(shape) < COMPILED_FROM:
        return plain
    try:
        from dualcell.pictures import loops  # deferred: it imports numba
    except ImportError:
        return plain
    found: ModuleType = loops
    return found


class Several:
    """Tallies that are filled together."""

    def __init__(self, makers: list[Callable[[], Any]]) -> None:
        self.tallies = [make() for make in makers]

    def add(self, block: Block) -> None:
        """Take in a block."""
        for each in self.tallies:
            each.add(block)

    def merge(self, other: Several) -> None:
        """Take in what another one has seen."""
        for each, theirs in zip(self.tallies, other.tallies, strict=True):
            each.merge(theirs)
