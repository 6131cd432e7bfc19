"""Compiled walks (numba) over 1-D contiguous arrays, block by block.

All figures but the sums are those of float64 arithmetic, whatever the block size. What
makes that cheap is a quick look in the tensors' own type: its bounds mostly prove that a
block can raise no maximum, and how many of its elements are outside the tolerance. What
they do not prove is looked up in float64.

Rounding is monotone, so |d| and |d| / size in float32 below a rounded maximum are below
it in float64 too; only ties need a second look. Differences are exact where the numbers
are within a factor of 2 (Sterbenz).
"""

# numba infers the types from the calls: annotations would say Any everywhere
# pyright: reportMissingParameterType=false, reportUnusedFunction=false

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from dualcell import loops
from dualcell.compiling import exact
from dualcell.loops import SUMS

FEW = 2048  # elements that are summed at once in `T`: more, and rounding would show in the mean

# slots of the running figures
MAX_ABS, MAX_REL, NEED_ATOL, NEED_RTOL, FIRST_SUM = range(5)
FLOATS = FIRST_SUM + SUMS
MISMATCHED, LEFT_NAN, RIGHT_NAN, LEFT_INF, RIGHT_INF, DISAGREE, WORST, UNEQUAL, PEAK, INTEGERS = range(10)


class Rules(NamedTuple):
    """What counts as close."""

    rtol: float
    atol: float
    equal_nan: bool
    by_right: bool


class Running(NamedTuple):
    """The figures so far; written in place.

    Attributes:
        floats: float64, see the slots above.
        integers: int64, see the slots above.
        peak: uint64 of one element: the largest difference of integers.
    """

    floats: Any
    integers: Any
    peak: Any


class Quick(NamedTuple):
    """A block in `T`, and room for its sums.

    `left` minus `right` is the difference, `size` that of the reference (of any sign).
    """

    left: Any
    right: Any
    size: Any
    sums: Any


@exact
def walk_real(start, left, right, rules, bounds, block, running):
    """Add two arrays of float32, or two of float64; `start` is the index of their first element."""
    scratch = np.empty((2, block), left.dtype)
    for at in range(0, left.size, block):
        add_real(start + at, left[at : at + block], right[at : at + block], rules, bounds, scratch, running)


@exact
def walk_short(start, left, right, left_how, right_how, rules, bounds, block, running):
    """Add numbers of 8 or 16 bits, and how `loops.decode` reads them."""
    scratch = np.empty((4, block), np.float32)
    for at in range(0, left.size, block):
        n = min(block, left.size - at)
        x, y = scratch[2, :n], scratch[3, :n]
        loops.decode(left[at : at + n], left_how, x)
        loops.decode(right[at : at + n], right_how, y)
        add_real(start + at, x, y, rules, bounds, scratch, running)


@exact
def walk_complex(start, left, right, rules, bounds, block, running):
    """Add two arrays of complex64."""
    scratch, sums, blank = np.zeros((3, block)), np.empty(SUMS), np.empty((2, block), left.dtype)
    for at in range(0, left.size, block):
        x, y = left[at : at + block], right[at : at + block]
        n = x.size
        loops.product_sums(x.view(np.float32), y.view(np.float32), sums)
        if not np.isfinite(sums[loops.LEFT] + sums[loops.RIGHT]):
            complex_aside(start + at, x, y, rules.equal_nan, blank[0, :n], blank[1, :n], running)
            x, y = blank[0, :n], blank[1, :n]
            loops.product_sums(x.view(np.float32), y.view(np.float32), sums)
        one, other = (y, x) if rules.by_right else (x, y)  # the reference first
        d, z = scratch[0, :n], scratch[1, :n]
        loops.complex_sizes(one.view(np.float32), other.view(np.float32), d, z)
        quick = Quick(d, scratch[2, :n], z, np.empty(SUMS))
        top = judge(start + at, quick, see(quick, bounds, running), one, other, one, rules, bounds, running)
        if not running.integers[UNEQUAL] and (top > 0 or loops.bits_differ(x.view(np.float32), y.view(np.float32))):
            running.integers[UNEQUAL] = 1
        add_sums(quick.sums[: loops.DOT], sums[loops.DOT :], running.floats)


@exact
def walk_integer(start, left, right, rules, bounds, block, running):
    """Add two arrays of int64, or two of uint64."""
    scratch, sums, whole = np.zeros((3, block)), np.empty(SUMS), np.empty(block, np.uint64)
    for at in range(0, left.size, block):
        x, y = left[at : at + block], right[at : at + block]
        n = x.size
        d, none, z, w = scratch[0, :n], scratch[2, :n], scratch[1, :n], whole[:n]
        loops.integer_differences(x, y, y if rules.by_right else x, w, d, z)
        loops.product_sums(x, y, sums)
        quick = Quick(d, none, z, np.empty(SUMS))
        top = judge(start + at, quick, see(quick, bounds, running), d, none, z, rules, bounds, running)
        if top >= running.floats[MAX_ABS]:  # in uint64 it may still be larger
            raise_peak(start + at, w, running)
        running.integers[UNEQUAL] |= np.int64(top > 0)
        add_sums(quick.sums[: loops.DOT], sums[loops.DOT :], running.floats)


@exact
def raise_peak(start, whole, running):
    """Raise the largest difference of integers."""
    top = loops.top_integer(whole)
    if top > running.peak[0]:
        running.peak[0] = top
        for i in range(whole.size):
            if whole[i] == top:
                running.integers[PEAK] = start + i
                return


@exact
def add_sums(of_differences, of_products, floats):
    """Add a block's sums."""
    for i in range(loops.DOT):
        floats[FIRST_SUM + i] += of_differences[i]
    for i in range(SUMS - loops.DOT):
        floats[FIRST_SUM + loops.DOT + i] += of_products[i]


@exact
def add_real(start, left, right, rules, bounds, scratch, running):
    """Add one block of real floats."""
    if not running.integers[UNEQUAL] and not loops.bits_differ(left, right):
        square = loops.square_sum(left)
        if 1e-30 < square < 1e30:  # finite too, and nothing overflowed or was lost
            add_same(square, running.floats)
            return
    n, x, y = left.size, left, right
    number = scratch.dtype
    sums = np.empty(SUMS, number)
    quick = Quick(x, y, y if rules.by_right else x, sums)
    seen = see(quick, bounds, running)
    if not np.isfinite(sums[loops.LEFT] + sums[loops.RIGHT]):
        if real_aside(start, left, right, rules.equal_nan, scratch[0, :n], scratch[1, :n], running):
            x, y = scratch[0, :n], scratch[1, :n]
            quick = Quick(x, y, y if rules.by_right else x, sums)
            seen = see(quick, bounds, running)
    top = judge(start, quick, seen, x, y, quick.size, rules, bounds, running)
    if top > 0:
        running.integers[UNEQUAL] = 1
    elif loops.bits_differ(x, y):  # +0 and -0; or the processor flushed a difference in `T` to 0
        running.integers[UNEQUAL] = 1
        running.integers[MISMATCHED] += loops.exact_mismatches(x, y, quick.size, rules.rtol, rules.atol)
        raise_top(start, x, y, rules, running)
        raise_ratios(x, y, quick.size, rules, running.floats)
    if sums_are_good(sums, top):
        add_sums(sums[: loops.DOT], sums[loops.DOT :], running.floats)
    else:
        wide = np.empty(SUMS)
        loops.exact_sums(x, y, wide)
        add_sums(wide[: loops.DOT], wide[loops.DOT :], running.floats)


@exact
def add_same(square, floats):
    """Add the sums of a block that is the same on both sides."""
    for sum_of in (loops.DOT, loops.LEFT, loops.RIGHT):
        floats[FIRST_SUM + sum_of] += square


@exact
def see(quick, bounds, running):
    """`loops.look` at a block: largest |d|, bounds for |d| - rtol * size, |d| - steepest * size."""
    number = quick.sums.dtype.type
    steepest = number(min(running.floats[MAX_REL], 1e38)) * bounds.down
    sums = np.empty(SUMS, number)
    quick.sums[:] = 0
    top = over = steep = number(0)
    for at in range(0, quick.left.size, FEW):
        end = at + FEW
        one, other, size = quick.left[at:end], quick.right[at:end], quick.size[at:end]
        found = loops.look(one, other, size, bounds, steepest, sums)
        top, over, steep = max(top, found[0]), max(over, found[1]), max(steep, found[2])
        quick.sums[:] += sums
    return top, over, steep


@exact
def sums_are_good(sums, top):
    """Whether float32 sums neither overflowed nor lost what is too small for float32."""
    if sums.itemsize == 8:
        return True
    low = min(sums[loops.LEFT], sums[loops.RIGHT])
    high = max(sums[loops.LEFT], sums[loops.RIGHT])
    return high < 1e30 and low > 1e-30 and (top == 0 or sums[loops.SQUARE] > 1e-30)


@exact
def judge(start, quick, seen, left, right, reference, rules, bounds, running):
    """Add what a block of finite numbers says about the tolerance and the maxima.

    Args:
        start: the index of its first element.
        quick: the block in `T`.
        seen: what `see` saw of it.
        left: what gives |left - right| exactly, in float64.
        right: with `left`.
        reference: what gives the size exactly.
        rules: what counts as close.
        bounds: `rules` with slack.
        running: the figures so far.

    Returns:
        The largest |d|, in `T`.
    """
    floats = running.floats
    top, over, steep = seen
    if top == 0:
        return top
    lean = quick.sums.dtype.type(0)
    if not (top * bounds.up <= bounds.atol_low):
        maybe, surely, lean = count(quick, bounds, floats[NEED_RTOL])
        if maybe != surely:
            surely = loops.exact_mismatches(left, right, reference, rules.rtol, rules.atol)
        running.integers[MISMATCHED] += surely
    beyond = top == np.inf  # of `T`; the difference may still be finite
    if beyond or may_raise_top(quick, top, floats[MAX_ABS], bounds):
        raise_top(start, left, right, rules, running)
    if beyond or (steep > 0 and may_raise_ratio(quick, floats[MAX_REL], bounds)):
        floats[MAX_REL] = max(floats[MAX_REL], loops.top_ratio(left, right, reference))
    # without rtol the atol that would pass is the largest |d| itself
    if beyond or (rules.rtol != 0 and not (over <= floats[NEED_ATOL])):
        floats[NEED_ATOL] = max(floats[NEED_ATOL], loops.top_needed_atol(left, right, reference, rules.rtol))
    if beyond or not (lean <= bounds.atol_low):
        floats[NEED_RTOL] = max(floats[NEED_RTOL], loops.top_needed_rtol(left, right, reference, rules.atol))
    return top


@exact
def count(quick, bounds, need_rtol):
    """`loops.count_mismatches` of a block; the last bound is 0 if `need_rtol` cannot rise any more."""
    number = quick.sums.dtype.type
    slope = number(min(need_rtol, 1e38)) * bounds.down
    maybe, surely, lean = loops.count_mismatches(quick.left, quick.right, quick.size, bounds, slope)
    return maybe, surely, lean if need_rtol < np.inf else number(0)


@exact
def may_raise_top(quick, top, most, bounds):
    """Whether a block whose largest |d| in `T` is `top` may hold one above `most`."""
    number = quick.sums.dtype.type
    highest = number(most)
    if bounds.short < 0:
        return top * bounds.up >= highest
    if top != highest:
        return top > highest  # rounding is monotone
    if quick.sums.itemsize == 8:
        return False
    return np.float64(top) > most or loops.inexact_ties(quick.left, quick.right, top) > 0


@exact
def may_raise_ratio(quick, steepest, bounds):
    """Whether a block may hold a |d| / size above `steepest`."""
    number = quick.sums.dtype.type
    if steepest == np.inf:
        return False
    if bounds.short < 0 or quick.sums.itemsize == 8:
        return True
    ratio, highest = loops.quick_ratio(quick.left, quick.right, quick.size), number(steepest)
    if not (ratio <= 0.5):
        return not (ratio * bounds.up < highest)
    # the differences are exact (Sterbenz), so rounding is monotone
    return ratio > highest or (ratio == highest and bounds.short == 0) or ratio < bounds.tiny


@exact
def raise_top(start, left, right, rules, running):
    """Raise the largest |d|, if this block's is larger."""
    floats = running.floats
    top = loops.exact_top(left, right)
    if top > floats[MAX_ABS]:
        floats[MAX_ABS] = top
        running.integers[WORST] = start + loops.first_at(left, right, top)
    if rules.rtol == 0:
        floats[NEED_ATOL] = max(floats[NEED_ATOL], top)


@exact
def raise_ratios(left, right, reference, rules, floats):
    """Raise the largest |d| / size and the tolerances that would pass, in float64."""
    floats[MAX_REL] = max(floats[MAX_REL], loops.top_ratio(left, right, reference))
    floats[NEED_ATOL] = max(floats[NEED_ATOL], loops.top_needed_atol(left, right, reference, rules.rtol))
    floats[NEED_RTOL] = max(floats[NEED_RTOL], loops.top_needed_rtol(left, right, reference, rules.atol))


# --- NaN and Inf ---


@exact
def real_aside(start, left, right, equal_nan, left_target, right_target, running):
    """Count the elements that are not finite; copy the others, with 0 in their place.

    Returns:
        Whether there were any.
    """
    counts = np.empty(7, left.dtype)
    loops.count_nonfinite(left, right, counts)
    left_nan, right_nan, both_nan = np.int64(counts[0]), np.int64(counts[1]), np.int64(counts[4])
    total = np.int64(counts[6])
    if total == 0:
        return False
    loops.blank_nonfinite(left, right, left_target, right_target)
    disagree = total - both_nan - np.int64(counts[5])
    integers = running.integers
    integers[LEFT_NAN] += left_nan
    integers[RIGHT_NAN] += right_nan
    integers[LEFT_INF] += np.int64(counts[2])
    integers[RIGHT_INF] += np.int64(counts[3])
    integers[DISAGREE] += disagree
    unequal_nan = 0 if equal_nan else both_nan
    nan_differences = left_nan + right_nan - 2 * both_nan + unequal_nan
    note_unlike(disagree + unequal_nan, nan_differences, running)
    if nan_differences and not np.isnan(running.floats[MAX_ABS]):
        running.floats[MAX_ABS] = np.nan
        integers[WORST] = start + first_unlike(left, right, equal_nan, True)
    elif disagree and running.floats[MAX_ABS] < np.inf:
        running.floats[MAX_ABS] = np.inf
        integers[WORST] = start + first_unlike(left, right, equal_nan, False)
    return True


@exact
def note_unlike(unlike, nan_differences, running):
    """Elements that are not finite and not the same: no tolerance passes them."""
    floats = running.floats
    floats[FIRST_SUM + loops.LEFT] += np.nan  # no cosine
    if unlike:
        running.integers[MISMATCHED] += unlike
        running.integers[UNEQUAL] = 1
        floats[MAX_REL] = floats[NEED_ATOL] = floats[NEED_RTOL] = np.inf
        floats[FIRST_SUM + loops.ABS] += np.nan if nan_differences else np.inf
        floats[FIRST_SUM + loops.SQUARE] += np.nan if nan_differences else np.inf


@exact
def first_unlike(left, right, equal_nan, nan):
    """The first element whose difference is NaN; or the first whose difference is infinite."""
    for i in range(left.size):
        x, y = left[i], right[i]
        both = np.isnan(x) and np.isnan(y)
        if nan and (np.isnan(x) or np.isnan(y)) and not (both and equal_nan):
            return i
        if not nan and np.isinf(x - y):
            return i
    return -1


@exact
def same_part(x, y, equal_nan):
    """Equal, or NaN on both sides if that counts."""
    return x == y or (equal_nan and np.isnan(x) and np.isnan(y))


@exact
def complex_aside(start, left, right, equal_nan, left_target, right_target, running):
    """`real_aside` for complex numbers, of which both parts must agree."""
    integers, floats = running.integers, running.floats
    unlike = nan_differences = 0
    for i in range(left.size):
        x, y = left[i], right[i]
        left_target[i], right_target[i] = x, y
        if np.isfinite(x.real) and np.isfinite(x.imag) and np.isfinite(y.real) and np.isfinite(y.imag):
            continue
        left_target[i] = right_target[i] = 0
        x_nan, y_nan = np.isnan(x.real) or np.isnan(x.imag), np.isnan(y.real) or np.isnan(y.imag)
        integers[LEFT_NAN] += x_nan
        integers[RIGHT_NAN] += y_nan
        integers[LEFT_INF] += np.isinf(x.real) or np.isinf(x.imag)
        integers[RIGHT_INF] += np.isinf(y.real) or np.isinf(y.imag)
        same = same_part(x.real, y.real, equal_nan) and same_part(x.imag, y.imag, equal_nan)
        integers[DISAGREE] += not (same or (x_nan and y_nan))
        if same:
            continue
        unlike += 1
        distance = hypotenuse(x.real - y.real, x.imag - y.imag)
        nan_differences += np.isnan(distance)
        if (np.isnan(distance) and not np.isnan(floats[MAX_ABS])) or distance > floats[MAX_ABS]:
            floats[MAX_ABS] = distance
            integers[WORST] = start + i
    note_unlike(unlike, nan_differences, running)


@exact
def hypotenuse(x, y):
    """The length of a complex number, with an infinite part above a NaN one."""
    if np.isinf(x) or np.isinf(y):
        return np.inf
    return np.nan
