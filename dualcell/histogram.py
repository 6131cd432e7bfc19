"""Two host arrays of one shape -> `Histogram`: how many differences have which size.

It is made on demand, for plots, by a pass of its own: counting in the pass that every
comparison makes would cost that one half as much again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dualcell.coded import Array, HostArray
from dualcell.plain_pass import differences

_BINS = 2048  # of float64's exponents; the first holds 0 and the denormals, the last NaN and Inf
_BIAS = 1023
_FRACTION = 52  # bits
_EXPONENT = 0x7FF


@dataclass(frozen=True)
class Histogram:
    """How many elements differ by how much, in bins a factor of 2 wide.

    Attributes:
        edges: rising powers of two, one more than `counts`; bin `i` counts the
            differences from `edges[i]` up to, not including, `edges[i + 1]`. Empty if
            no difference is finite and above 0.
        counts: number of differences in each bin; the first and the last are not 0.
        zeros: number of elements that do not differ.
        nonfinite: number of differences that are NaN or infinite.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    zeros: int
    nonfinite: int

    @property
    def sentence(self) -> str:
        """What a picture of it shows, in words."""
        differing = sum(self.counts) + self.nonfinite
        total = differing + self.zeros
        parts = [f"{self.zeros:,} of {total:,} elements do not differ"]
        if self.counts:
            low, high = self.edges[0], self.edges[-1]
            parts.append(f"{sum(self.counts):,} differ by {low:.2g} to {high:.2g}")
        parts += [f"{self.nonfinite:,} by NaN or Inf"] if self.nonfinite else []
        return f"sizes of |error|: {', '.join(parts)}"


def error_histogram(left: HostArray, right: HostArray) -> Histogram:
    """Count |left - right| by its size as a float64; one pass, memory O(block).

    Args:
        left: numeric or boolean array of any shape and strides; or `Coded`.
        right: array of the same shape; its dtype may differ.

    Examples:
        >>> error_histogram(np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 1.0]))
        Histogram(edges=(1.0, 2.0, 4.0), counts=(1, 1), zeros=1, nonfinite=0)
    """
    bins = np.zeros(_BINS, np.int64)
    zeros = 0
    for _, difference in differences(left, right):
        numbers = difference.astype(np.float64, copy=False)
        exponents = (numbers.view(np.int64) >> _FRACTION) & _EXPONENT  # a NaN may have a sign
        bins += np.bincount(exponents, minlength=_BINS)
        zeros += numbers.size - int(np.count_nonzero(numbers))
    bins[0] -= zeros
    return histogram_of(bins, zeros)


def histogram_of(bins: Array, zeros: int) -> Histogram:
    """The record of some counts.

    Args:
        bins: counts by float64's 2048 exponents, zeros not among them.
        zeros: the number of those.
    """
    filled = np.flatnonzero(bins[:-1])
    if not filled.size:
        return Histogram((), (), zeros, int(bins[-1]))
    first, last = int(filled[0]), int(filled[-1])
    edges = (0.0 if exponent == 0 else 2.0 ** (exponent - _BIAS) for exponent in range(first, last + 1))
    upper = 2.0 ** (last + 1 - _BIAS) if last + 1 < _BINS - 1 else np.inf
    return Histogram((*edges, float(upper)), tuple(bins[first : last + 1].tolist()), zeros, int(bins[-1]))
