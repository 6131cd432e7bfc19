"""Two host arrays of one shape -> `Stats`, in one blocked pass.

Everything is computed in a type that holds both inputs exactly: float64 for the
narrow floats, extended precision where int64 meets a float, unsigned 64-bit
arithmetic for integers. Memory is O(block), not O(array).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualcell.tolerance import Tolerance

BLOCK = 65_536  # elements; two float64 blocks and their temporaries stay in cache

Array = NDArray[Any]
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


def measure(
    left: Array, right: Array, tolerance: Tolerance, *, equal_nan: bool = False, reference: str = "left"
) -> Stats:
    """Compare two arrays of the same shape, element by element.

    Args:
        left: numeric or boolean array of any shape and strides.
        right: array of the same shape; its dtype may differ.
        tolerance: what counts as close.
        equal_nan: NaN in the same place counts as equal.
        reference: `left` or `right`, the side that rtol is relative to.

    Returns:
        The measured `Stats`. Neither array is changed or copied whole.
    """
    if left.shape != right.shape:
        raise ValueError(f"measure needs one shape, got {left.shape} and {right.shape}.")
    if left.size == 0:
        return Stats(total=0)
    exact = left.dtype.kind in "biu" and right.dtype.kind in "biu"
    totals = _Totals()
    kernel = _integer_block if exact else _float_block
    wide = None if exact else _wide_dtype(left.dtype, right.dtype)
    for start, left_block, right_block in _blocks(left, right):
        block = kernel(left_block, right_block, wide, equal_nan)
        with np.errstate(over="ignore"):  # a complex number's size can overflow; `add` lets none such pass
            size = abs(_as_float(block.left if reference == "left" else block.right))
        totals.add(start, block, size, tolerance, equal_nan)
    return totals.finish(left, right)


def absolute_error(left: Array, right: Array) -> Array:
    """|left - right|, element by element, exact for integers; a new array.

    Equal infinities give 0, a NaN on either side gives NaN.
    """
    shape, left, right = left.shape, left.reshape(-1), right.reshape(-1)
    if left.dtype.kind in "biu" and right.dtype.kind in "biu":
        difference = _integer_block(left, right, None, False).difference
    else:
        difference = _float_block(left, right, _wide_dtype(left.dtype, right.dtype), False).difference
    return difference.reshape(shape)


def _blocks(left: Array, right: Array) -> Iterator[tuple[int, Array, Array]]:
    """Yield (offset, left, right) in C order: 1-D blocks, whatever the strides."""
    start = 0
    access: Any = [["readonly"], ["readonly"]]
    pairs = np.nditer([left, right], flags=["external_loop", "buffered"], op_flags=access, order="C", buffersize=BLOCK)
    for left_block, right_block in pairs:
        yield start, left_block, right_block
        start += left_block.size


def _wide_dtype(left: np.dtype[Any], right: np.dtype[Any]) -> np.dtype[Any]:
    """The type that holds both exactly (extended precision where int64 meets a float)."""
    if any(dtype.kind in "iu" and dtype.itemsize == 8 for dtype in (left, right)):
        wide: np.dtype[Any] = np.result_type(left, right, np.longdouble)
    else:
        wide = np.result_type(left, right, np.float64)
    return wide


@dataclass(frozen=True)
class _Block:
    """One block: both sides widened, |difference|, and where nothing differs at all."""

    left: Array
    right: Array
    difference: Array
    same: Array
    identical: bool


def _float_block(left: Array, right: Array, wide: np.dtype[Any] | None, equal_nan: bool) -> _Block:
    same_dtype = left.dtype == right.dtype
    with np.errstate(all="ignore"):  # also for the cast: a signalling NaN warns there
        left, right = left.astype(wide), right.astype(wide)
        same = left == right  # equal infinities too, whose difference would be NaN
        if equal_nan:
            same |= _same_or_nan(left, right)
        difference = np.where(same, 0.0, abs(left - right))
    identical = same_dtype and bool(same.all()) and _same_signs(left, right)
    return _Block(left, right, difference, same, identical)


def _same_or_nan(left: Array, right: Array) -> Array:
    """Equal, or NaN on both sides; of complex numbers both parts must be."""
    if left.dtype.kind == "c":
        return _same_or_nan(np.real(left), np.real(right)) & _same_or_nan(np.imag(left), np.imag(right))
    return (left == right) | (np.isnan(left) & np.isnan(right))


def _same_signs(left: Array, right: Array) -> bool:
    """Tell +0 from -0: they are equal numbers but not equal bits."""
    if left.dtype.kind == "c":
        return _same_signs(np.real(left), np.real(right)) and _same_signs(np.imag(left), np.imag(right))
    return bool(((np.signbit(left) == np.signbit(right)) | np.isnan(left)).all())


def _integer_block(left: Array, right: Array, wide: np.dtype[Any] | None, equal_nan: bool) -> _Block:
    """Exact differences as uint64: the larger minus the smaller, modulo 2**64.

    int64 against uint64 can differ by more than 2**64 - 1; such a difference becomes
    2**64 - 1, the largest that uint64 holds.
    """
    identical = left.dtype == right.dtype and bool((left == right).all())
    negative_left, negative_right = left < 0, right < 0
    bits_left, bits_right = left.astype(np.uint64), right.astype(np.uint64)
    # same sign: compare as unsigned; other signs: the non-negative one is larger
    left_larger = np.where(negative_left == negative_right, bits_left >= bits_right, negative_right)
    larger, smaller = np.where(left_larger, (bits_left, bits_right), (bits_right, bits_left))
    difference = larger - smaller
    overflow = (negative_left != negative_right) & (difference < larger)
    difference[overflow] = np.iinfo(np.uint64).max
    return _Block(left, right, difference, difference == 0, identical)


class _Totals:
    """The running figures of one pass; every figure is updated block by block."""

    def __init__(self) -> None:
        self.total = self.mismatched = self.nonfinite_disagree = 0
        self.left_nan = self.right_nan = self.left_inf = self.right_inf = 0
        self.sums = np.zeros(5)  # |d|, d**2, left*right, left**2, right**2
        self.max_abs: Any = None
        self.worst = 0
        self.max_rel = self.needed_atol = self.needed_rtol = 0.0
        self.identical = True

    def add(self, start: int, block: _Block, size: Array, tolerance: Tolerance, equal_nan: bool) -> None:
        self.total += block.same.size
        self.identical &= block.identical
        self._maximum(start, block.difference)
        if block.difference.dtype.kind == "f":
            self._nonfinite(block, equal_nan)
        with np.errstate(all="ignore"):
            difference = _as_float(block.difference)
            allowed = tolerance.atol + tolerance.rtol * size
            # an infinite reference must not make an infinite difference acceptable
            passed = block.same | (np.isfinite(difference) & np.isfinite(size) & (difference <= allowed))
            self.mismatched += int(passed.size - np.count_nonzero(passed))
            self._ratios(difference, size, tolerance)
            self._sums(block, difference)

    def _maximum(self, start: int, difference: Array) -> None:
        at = int(difference.argmax())  # the first NaN, else the first maximum
        value = difference[at]
        if self.max_abs is None or value > self.max_abs or (np.isnan(value) and not np.isnan(self.max_abs)):
            self.max_abs, self.worst = value, start + at

    def _nonfinite(self, block: _Block, equal_nan: bool) -> None:
        if not (np.isfinite(block.left).all() and np.isfinite(block.right).all()):
            left_nan, right_nan = np.isnan(block.left), np.isnan(block.right)
            left_inf, right_inf = np.isinf(block.left), np.isinf(block.right)
            self.left_nan += int(left_nan.sum())
            self.right_nan += int(right_nan.sum())
            self.left_inf += int(left_inf.sum())
            self.right_inf += int(right_inf.sum())
            agree = block.same | (left_nan & right_nan)
            anywhere = left_nan | right_nan | left_inf | right_inf
            self.nonfinite_disagree += int((anywhere & ~agree).sum())

    def _ratios(self, difference: Array, size: Array, tolerance: Tolerance) -> None:
        differs = difference != 0
        if not differs.any():
            return
        difference, size = difference[differs], size[differs]
        self.max_rel = _maximum(self.max_rel, difference / size)
        finite = np.isfinite(difference) & np.isfinite(size)
        needed_atol, needed_rtol = _needed_atol(difference, size, tolerance), _needed_rtol(difference, size, tolerance)
        self.needed_atol = max(self.needed_atol, _largest(needed_atol, finite))
        self.needed_rtol = max(self.needed_rtol, _largest(needed_rtol, finite))

    def _sums(self, block: _Block, difference: Array) -> None:
        left, right = _as_float(block.left), _as_float(block.right)
        self.sums += [
            difference.sum(), (difference * difference).sum(), np.vdot(left, right).real,
            np.vdot(left, left).real, np.vdot(right, right).real,
        ]  # fmt: skip

    def finish(self, left: Array, right: Array) -> Stats:
        index = tuple(int(i) for i in np.unravel_index(self.worst, left.shape))
        norm = math.sqrt(self.sums[3]) * math.sqrt(self.sums[4])
        return Stats(
            total=self.total,
            mismatched=self.mismatched,
            max_abs=self.max_abs.item() if self.max_abs.dtype.itemsize <= 8 else float(self.max_abs),
            max_rel=self.max_rel,
            mean_abs=float(self.sums[0] / self.total),
            rms=math.sqrt(self.sums[1] / self.total),
            worst_index=index,
            left_value=plain(left[index]),
            right_value=plain(right[index]),
            left_nan=self.left_nan,
            right_nan=self.right_nan,
            left_inf=self.left_inf,
            right_inf=self.right_inf,
            nonfinite_disagree=self.nonfinite_disagree,
            cosine=float(self.sums[2]) / norm if 0 < norm < math.inf else math.nan,
            identical=self.identical,
            needed_atol=self.needed_atol,
            needed_rtol=self.needed_rtol,
        )


def plain(value: Any) -> Scalar:
    """A NumPy scalar as a Python number; extended precision becomes a float."""
    number = value.item() if hasattr(value, "item") else value
    if isinstance(number, np.complexfloating):
        return complex(number)
    return float(number) if isinstance(number, np.floating) else number


def _as_float(values: Array) -> Array:
    return values.astype(np.float64) if values.dtype.kind in "biu" else values


def _maximum(current: float, values: Array) -> float:
    """The larger of a figure and an array's maximum; a NaN in the array is an inf."""
    top = float(values.max())
    return max(current, math.inf if math.isnan(top) else top)


def _needed_atol(difference: Array, size: Array, tolerance: Tolerance) -> Array:
    """The atol each element needs, rounded so that it does pass."""
    relative = tolerance.rtol * size
    needed = difference - relative
    return np.where(needed + relative < difference, np.nextafter(needed, np.inf), needed)


def _needed_rtol(difference: Array, size: Array, tolerance: Tolerance) -> Array:
    """The rtol each element needs, rounded so that it does pass."""
    over = np.maximum(difference - tolerance.atol, 0.0)
    needed = np.where(over > 0, over / size, 0.0)
    more = np.nextafter(needed * (1 + 4 * np.finfo(needed.dtype).eps), np.inf)
    return np.where(tolerance.atol + needed * size < difference, more, needed)


def _largest(values: Array, finite: Array) -> float:
    """The maximum, rounded up to a float, or inf as soon as one element is not finite."""
    if not finite.all():
        return math.inf
    top = values.max()
    return float(top) if float(top) >= top else math.nextafter(float(top), math.inf)
