"""`Stats`: what was measured on two arrays, and `Figures`, what is known of it on the way.

A pass adds block after block to `Figures`; passes over parts of the arrays are merged.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dualcell.coded import HostArray, codes_of, decoded

Scalar = int | float | complex | bool


@dataclass(frozen=True)
class Stats:
    """What was measured on one pair of arrays.

    Attributes:
        total: number of elements.
        mismatched: elements outside the tolerance.
        max_abs: largest |left - right|; NaN when a NaN has no equal partner.
        max_rel: largest |left - right| / |reference|; inf where the reference is 0.
        mean_abs: mean of |left - right|.
        rms: root of the mean of |left - right|**2.
        worst_index: lowest index that attains `max_abs`; None for empty arrays.
        left_value: the left element there.
        right_value: the right element there.
        left_nan: number of NaNs on the left.
        right_nan: number of NaNs on the right.
        left_inf: number of infinities on the left.
        right_inf: number of infinities on the right.
        nonfinite_disagree: elements where NaN or Inf stands on one side only, or
            the infinities have other signs.
        cosine: cosine of the angle between the two arrays as vectors.
        identical: every element has the same bits (NaN too, with `equal_nan`).
        needed_atol: smallest atol that would pass with this rtol; inf if none would.
        needed_rtol: smallest rtol that would pass with this atol; inf if none would.
    """

    total: int
    mismatched: int = 0
    max_abs: float | int = 0.0
    max_rel: float = 0.0
    mean_abs: float = 0.0
    rms: float = 0.0
    worst_index: tuple[int, ...] | None = None
    left_value: Scalar | None = None
    right_value: Scalar | None = None
    left_nan: int = 0
    right_nan: int = 0
    left_inf: int = 0
    right_inf: int = 0
    nonfinite_disagree: int = 0
    cosine: float = math.nan
    identical: bool = True
    needed_atol: float = 0.0
    needed_rtol: float = 0.0

    @property
    def close(self) -> bool:
        """Whether every element is within the tolerance."""
        return self.mismatched == 0


@dataclass
class Figures:
    """The figures of a part of two arrays; the fields are those of `Stats`, or sums.

    Attributes:
        worst: flat C-order index of the first element that attains `max_abs`.
        sums: |d|, d**2, left * right, left**2 and right**2.
    """

    total: int = 0
    mismatched: int = 0
    max_abs: float | int = 0
    max_rel: float = 0.0
    worst: int = 0
    left_nan: int = 0
    right_nan: int = 0
    left_inf: int = 0
    right_inf: int = 0
    nonfinite_disagree: int = 0
    identical: bool = True
    needed_atol: float = 0.0
    needed_rtol: float = 0.0
    sums: Any = field(default_factory=lambda: np.zeros(5))

    def merge(self, later: Figures) -> None:
        """Add the figures of a later part, whose indices are all higher."""
        if later.max_abs > self.max_abs or (math.isnan(later.max_abs) and not math.isnan(self.max_abs)):
            self.max_abs, self.worst = later.max_abs, later.worst
        for name in ("max_rel", "needed_atol", "needed_rtol"):
            setattr(self, name, max(getattr(self, name), getattr(later, name)))
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(later, name))
        self.identical &= later.identical

    def stats(self, left: HostArray, right: HostArray) -> Stats:
        """The finished `Stats` of two arrays, once all their elements are in."""
        index = tuple(int(i) for i in np.unravel_index(self.worst, left.shape))
        norm = math.sqrt(self.sums[3]) * math.sqrt(self.sums[4])
        return Stats(
            total=self.total,
            mismatched=self.mismatched,
            max_abs=self.max_abs,
            max_rel=self.max_rel,
            mean_abs=float(self.sums[0] / self.total),
            rms=math.sqrt(self.sums[1] / self.total),
            worst_index=index,
            left_value=_element(left, index),
            right_value=_element(right, index),
            left_nan=self.left_nan,
            right_nan=self.right_nan,
            left_inf=self.left_inf,
            right_inf=self.right_inf,
            nonfinite_disagree=self.nonfinite_disagree,
            cosine=min(1.0, max(-1.0, float(self.sums[2]) / norm)) if 0 < norm < math.inf else math.nan,
            identical=self.identical,
            needed_atol=self.needed_atol,
            needed_rtol=self.needed_rtol,
        )


_COUNTS = (
    "total", "mismatched", "left_nan", "right_nan", "left_inf", "right_inf", "nonfinite_disagree", "sums",
)  # fmt: skip


def _element(array: HostArray, index: tuple[int, ...]) -> Scalar:
    return plain(decoded(codes_of(array)[index], array))


def plain(value: Any) -> Scalar:
    """A NumPy scalar as a Python number; extended precision becomes a float."""
    number = value.item() if hasattr(value, "item") else value
    if isinstance(number, np.complexfloating):
        return complex(number)
    return float(number) if isinstance(number, np.floating) else number
