"""Two host arrays of one shape -> `Figures`, with NumPy alone.

It starts at once, takes every dtype, and is what the compiled pass is held to.
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

from dualcell.coded import Array, HostArray, codes_of, decoded, dtype_of, same_dtype
from dualcell.stats import Figures
from dualcell.tolerance import Tolerance

BLOCK = 65_536  # elements; two float64 blocks and their temporaries stay in cache


def plain_pass(
    left: HostArray, right: HostArray, tolerance: Tolerance, *, equal_nan: bool = False, reference: str = "left"
) -> Figures:
    """The figures of two arrays of one shape, not empty.

    Args:
        left: numeric or boolean array of any shape and strides.
        right: array of the same shape; its dtype may differ.
        tolerance: what counts as close.
        equal_nan: NaN in the same place counts as equal.
        reference: `left` or `right`, the side that rtol is relative to.
    """
    dtypes = dtype_of(left), dtype_of(right)
    exact = dtypes[0].kind in "biu" and dtypes[1].kind in "biu"
    wide = None if exact else _wide_dtype(*dtypes)
    figures: Figures | None = None
    with np.errstate(all="ignore"):  # also for casts: a signalling NaN warns there
        for start, left_block, right_block in _blocks(left, right):
            block = (
                _integer_block(left_block, right_block)
                if wide is None
                else _float_block(left_block, right_block, wide, equal_nan)
            )
            size = _magnitude(_as_float(block.left if reference == "left" else block.right))
            part = _measured(start, block, size, tolerance)
            if figures is None:
                figures = part
            else:
                figures.merge(part)
    assert figures is not None  # noqa: S101 - the arrays are not empty
    figures.identical &= same_dtype(left, right)
    return figures


def absolute_error(left: HostArray, right: HostArray) -> Array:
    """|left - right|, element by element, exact for integers; a new array.

    Equal infinities give 0, a NaN on either side gives NaN. Beside the result it takes
    the memory of a block.
    """
    wide = _wide_dtype(dtype_of(left), dtype_of(right))
    exact = dtype_of(left).kind in "biu" and dtype_of(right).kind in "biu"
    error = np.empty(left.size, np.uint64 if exact else np.abs(np.zeros(1, wide)).dtype)
    for start, block in differences(left, right):
        error[start : start + block.size] = block
    return error.reshape(left.shape)


def differences(left: HostArray, right: HostArray) -> Iterator[tuple[int, Array]]:
    """Yield (offset, |left - right|) in C order: 1-D blocks, see `absolute_error`."""
    for start, _, _, block in differing(left, right):
        yield start, block


def differing(left: HostArray, right: HostArray) -> Iterator[tuple[int, Array, Array, Array]]:
    """Yield (offset, left, right, |left - right|) in C order: 1-D blocks, of floats both sides in one wide type."""
    wide = _wide_dtype(dtype_of(left), dtype_of(right))
    exact = dtype_of(left).kind in "biu" and dtype_of(right).kind in "biu"
    for start, left_block, right_block in _blocks(left, right):
        with np.errstate(all="ignore"):
            if exact:
                yield start, left_block, right_block, _integer_block(left_block, right_block).difference
            else:
                sides = left_block.astype(wide), right_block.astype(wide)
                yield start, *sides, _float_difference(*sides)


def _float_difference(left: Array, right: Array) -> Array:
    difference = _magnitude(left - right)
    if not np.isfinite(difference).all():
        difference[left == right] = 0  # equal infinities
    return difference


def _blocks(left: HostArray, right: HostArray) -> Iterator[tuple[int, Array, Array]]:
    """Yield (offset, left, right) in C order: 1-D blocks of values, whatever the strides."""
    for start, left_block, right_block in _raw_blocks(codes_of(left), codes_of(right)):
        yield start, decoded(left_block, left), decoded(right_block, right)


def _raw_blocks(left: Array, right: Array) -> Iterator[tuple[int, Array, Array]]:
    if left.size <= BLOCK:  # in one piece: an iterator costs more than the copy it may save
        if left.size:
            yield 0, left.reshape(-1), right.reshape(-1)
        return
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


def _float_block(left: Array, right: Array, wide: np.dtype[Any], equal_nan: bool) -> _Block:
    left, right = left.astype(wide), right.astype(wide)
    same = left == right  # equal infinities too, whose difference would be NaN
    if equal_nan:
        same |= _same_or_nan(left, right)
    difference = np.where(same, 0.0, _magnitude(left - right))
    identical = bool(same.all()) and _same_signs(left, right)
    return _Block(left, right, difference, same, identical)


def _magnitude(values: Array) -> Array:
    """|values|; of complex numbers by the C library, as `np.abs` depends on the processor in the last place."""
    return np.hypot(np.real(values), np.imag(values)) if values.dtype.kind == "c" else np.abs(values)


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


def _integer_block(left: Array, right: Array) -> _Block:
    """Exact differences as uint64: the larger minus the smaller, modulo 2**64.

    int64 against uint64 can differ by more than 2**64 - 1; such a difference becomes
    2**64 - 1, the largest that uint64 holds.
    """
    identical = bool((left == right).all())
    negative_left, negative_right = left < 0, right < 0
    bits_left, bits_right = left.astype(np.uint64), right.astype(np.uint64)
    # same sign: compare as unsigned; other signs: the non-negative one is larger
    left_larger = np.where(negative_left == negative_right, bits_left >= bits_right, negative_right)
    larger, smaller = np.where(left_larger, (bits_left, bits_right), (bits_right, bits_left))
    difference = larger - smaller
    overflow = (negative_left != negative_right) & (difference < larger)
    difference[overflow] = np.iinfo(np.uint64).max
    return _Block(left, right, difference, difference == 0, identical)


def _measured(start: int, block: _Block, size: Array, tolerance: Tolerance) -> Figures:
    """One block's figures."""
    found = Figures(total=block.same.size, identical=block.identical)
    worst = int(block.difference.argmax())  # the first NaN, else the first maximum
    top = block.difference[worst]
    found.max_abs, found.worst = top.item() if top.dtype.itemsize <= 8 else float(top), start + worst
    left, right, difference = _as_float(block.left), _as_float(block.right), _as_float(block.difference)
    found.sums = np.array([
        difference.sum(), np.vdot(difference, difference), np.vdot(left, right).real,
        np.vdot(left, left).real, np.vdot(right, right).real,
    ], np.float64)  # fmt: skip
    finite = found.sums[3] < math.inf and found.sums[4] < math.inf
    if not finite:
        _add_nonfinite(found, block)
    if top != 0:
        allowed = tolerance.atol + tolerance.rtol * size
        passed = difference <= allowed
        if not finite:  # an infinite reference must not make an infinite difference acceptable
            passed = block.same | (np.isfinite(difference) & np.isfinite(size) & passed)
        found.mismatched = int(passed.size - np.count_nonzero(passed))
        _add_ratios(found, difference, size, tolerance)
    return found


def _add_nonfinite(found: Figures, block: _Block) -> None:
    left_nan, right_nan = np.isnan(block.left), np.isnan(block.right)
    left_inf, right_inf = np.isinf(block.left), np.isinf(block.right)
    found.left_nan, found.right_nan = int(left_nan.sum()), int(right_nan.sum())
    found.left_inf, found.right_inf = int(left_inf.sum()), int(right_inf.sum())
    agree = block.same | (left_nan & right_nan)
    anywhere = left_nan | right_nan | left_inf | right_inf
    found.nonfinite_disagree = int((anywhere & ~agree).sum())


def _add_ratios(found: Figures, difference: Array, size: Array, tolerance: Tolerance) -> None:
    differs = difference != 0
    difference, size = difference[differs], size[differs]
    ratio = float((difference / size).max())
    found.max_rel = math.inf if math.isnan(ratio) else ratio
    if not (np.isfinite(difference).all() and np.isfinite(size).all()):
        found.needed_atol = found.needed_rtol = math.inf
        return
    found.needed_atol = max(0.0, _rounded_up(_needed_atol(difference, size, tolerance).max()))
    if (difference > tolerance.atol).any():
        found.needed_rtol = max(0.0, _rounded_up(_needed_rtol(difference, size, tolerance).max()))


def _as_float(values: Array) -> Array:
    return values.astype(np.float64) if values.dtype.kind in "biu" else values


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


def _rounded_up(top: Any) -> float:
    """A number of extended precision as a float that is not below it."""
    return float(top) if float(top) >= top else math.nextafter(float(top), math.inf)
