"""The histogram of the error as a tally, which compiled loops fill; see `histogram.Histogram`."""

from __future__ import annotations

import numpy as np

from dualcell.histogram import Histogram, histogram_of
from dualcell.pictures.blocks import Block, counting
from dualcell.pictures.plain import EXPONENTS


class SizesTally:
    """Counts errors by their power of two.

    Args:
        shape: of the tensors.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._add = counting(shape).count_exponents
        self._counts = np.zeros(EXPONENTS + 1, np.int64)

    def add(self, block: Block) -> None:
        """Take in a block."""
        self._add(block.error, self._counts)

    def merge(self, other: SizesTally) -> None:
        """Take in what another one has seen."""
        self._counts += other._counts

    @property
    def found(self) -> Histogram:
        """The histogram of what was added."""
        return histogram_of(self._counts[:-1], int(self._counts[-1]))
