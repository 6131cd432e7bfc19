"""Compiled loops (numba) over one block: each does one thing, so that it uses vector instructions.

"Quick" loops work in the type of the tensors, `T` (float32 or float64), and give bounds;
"exact" ones give the figures of float64 arithmetic. `walks.py` says when which is needed.

Lessons that keep them fast: `error_model="numpy"` (no branch on a division by zero); a
maximum of floats is the maximum of their bits as integers (a float maximum is no vector
loop unless NaN is ruled out; as bits NaN comes out on top); rows of scratch are passed
as `scratch[0, :n]`, never indexed in two dimensions.
"""

# numba infers the types from the calls: annotations would say Any everywhere
# pyright: reportMissingParameterType=false, reportUnusedFunction=false, reportCallIssue=false, reportUnusedVariable=false

from __future__ import annotations

from platform import machine
from typing import Any, NamedTuple

import numba
import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.extending import intrinsic, overload

from dualcell.compiling import exact, quick

# slots of `Sums`
ABS, SQUARE, DOT, LEFT, RIGHT, SUMS = range(6)


def _processor_converts_halves() -> bool:
    """Whether compiled code may use the conversion: x86-64 with F16C, and ARM64."""
    if numba.config.CPU_NAME not in (None, "", "host"):  # pyright: ignore[reportPrivateImportUsage, reportAttributeAccessIssue]
        return False
    return machine() in ("arm64", "aarch64") or bool(binding.get_host_cpu_features().get("f16c"))


class Bounds(NamedTuple):
    """The tolerance with slack for the rounding of the quick loops; every number is a `T`.

    `rtol_low <= rtol <= rtol_high` and so on. Below `tiny` a rounding error is not
    relative any more; `short` is above 0 if the numbers have so few bits (11) that
    unequal quotients differ in float32 too, and below 0 if the differences are only near
    (complex).
    """

    up: Any
    down: Any
    rtol_low: Any
    rtol_high: Any
    atol_low: Any
    atol_high: Any
    tiny: Any
    short: Any


@intrinsic
def bits_of(context, number):
    """The bits of a float, as a signed integer; stays in a register."""
    whole = types.int32 if number == types.float32 else types.int64

    def generate(target, builder, signature, arguments):
        return builder.bitcast(arguments[0], target.get_value_type(whole))

    return whole(number), generate


@intrinsic
def float_of(context, bits):
    """The float with these bits."""
    number = types.float32 if bits == types.int32 else types.float64

    def generate(target, builder, signature, arguments):
        return builder.bitcast(arguments[0], target.get_value_type(number))

    return number(bits), generate


@intrinsic
def float_of_half(context, code):
    """The float32 of a float16's bits, by the processor's own instruction."""

    def generate(target, builder, signature, arguments):
        half = builder.bitcast(arguments[0], ir.HalfType())
        return builder.fpext(half, ir.FloatType())

    return types.float32(code), generate


# without the instruction the conversion would call a function that is not there
HALVES = _processor_converts_halves()


# --- reading ---


def decode(codes, how, target):
    """Numbers of 8 and 16 bits as float32.

    `how` is None for integers, the table of their values for floats, 16 for bfloat16,
    whose bits are the upper half of a float32, and 0.0 for float16 where the processor
    converts it (`HALVES`).
    """
    raise NotImplementedError("compiled code only")


@overload(decode)
def _(codes, how, target):
    if isinstance(how, types.NoneType):
        return _decode_integers
    if isinstance(how, types.Array):
        return _decode_by_table
    return _decode_halves if isinstance(how, types.Float) else _decode_by_shift


def _decode_integers(codes, how, target):
    for i in range(codes.size):
        target[i] = codes[i]


def _decode_by_table(codes, how, target):
    for i in range(codes.size):
        target[i] = how[codes[i]]


def _decode_halves(codes, how, target):
    for i in range(codes.size):
        target[i] = float_of_half(codes[i])


def _decode_by_shift(codes, how, target):
    for i in range(codes.size):
        target[i] = float_of(np.int32(np.uint32(codes[i]) << np.uint32(16)))


@exact
def copy_columns(source, target):
    """Copy a matrix whose columns lie in memory one after the other, some columns at a time."""
    rows, columns = source.shape
    for first in range(0, columns, 16):
        for i in range(rows):
            for j in range(first, min(first + 16, columns)):
                target[i, j] = source[i, j]


@exact
def bits_differ(left, right):
    """Whether any number has other bits on the other side."""
    found = bits_of(left[0]) ^ bits_of(left[0])
    for i in range(left.size):
        found |= bits_of(left[i]) ^ bits_of(right[i])
    return found != 0


# --- quick ---


@quick
def square_sum(numbers):
    """The sum of the squares, in the type of the numbers."""
    total = numbers.dtype.type(0)
    for i in range(numbers.size):
        total += numbers[i] * numbers[i]
    return total


@quick
def look(left, right, size, bounds, steepest, sums):
    """Everything that most blocks are asked for, in one loop that keeps pace with memory.

    Sets the five sums.

    Returns:
        The largest |d|, the largest |d| - rtol * size, and the largest |d| - steepest * size;
        the latter two are bounds from above.
    """
    zero = sums.dtype.type(0)
    top = over = steep = bits_of(zero)
    up, low, tiny = bounds.up, bounds.rtol_low, bounds.tiny
    s0 = s1 = s2 = s3 = s4 = zero
    for i in range(left.size):
        x, y, z = left[i], right[i], abs(size[i])
        d = abs(x - y)
        s0 += d
        s1 += d * d
        s2 += x * y
        s3 += x * x
        s4 += y * y
        upper = d * up + (d if d < tiny else tiny)
        top = max(top, bits_of(d))
        over = max(over, bits_of(upper - low * z))
        steep = max(steep, bits_of(upper - steepest * z))
    sums[ABS], sums[SQUARE], sums[DOT], sums[LEFT], sums[RIGHT] = s0, s1, s2, s3, s4
    return float_of(top), float_of(over), float_of(steep)


@quick
def quick_ratio(left, right, size):
    """The largest |d| / size."""
    zero = left.dtype.type(0)
    top = bits_of(zero)
    for i in range(left.size):
        d, z = abs(left[i] - right[i]), abs(size[i])
        top = max(top, bits_of(d / z if d > zero else zero))
    return float_of(top)


@quick
def count_mismatches(left, right, size, bounds, slope):
    """How many elements may be outside the tolerance, how many surely are, the largest |d| - slope * size.

    The last is a bound from above.
    """
    zero, one = left.dtype.type(0), left.dtype.type(1)  # counts in `T`: narrow and exact
    inside = surely = zero
    top = bits_of(zero)
    up, low, tiny = bounds.up, bounds.rtol_low, bounds.tiny
    down, high = bounds.down, bounds.rtol_high
    for i in range(left.size):
        d, z = abs(left[i] - right[i]), abs(size[i])
        least = d if d < tiny else tiny
        upper = d * up + least
        inside += one if upper - low * z <= bounds.atol_low else zero
        surely += one if d * down - high * z - least > bounds.atol_high else zero
        top = max(top, bits_of(upper - slope * z))
    return left.size - np.int64(inside), np.int64(surely), float_of(top)


@quick
def count_nonfinite(left, right, counts):
    """Count NaN and Inf per side, where both are NaN, where infinities agree, and all of them."""
    zero, one = left.dtype.type(0), left.dtype.type(1)
    infinity = left.dtype.type(np.inf)
    c0 = c1 = c2 = c3 = c4 = c5 = c6 = zero
    for i in range(left.size):
        x, y = left[i], right[i]
        c0 += one if x != x else zero
        c1 += one if y != y else zero
        c2 += one if abs(x) == infinity else zero
        c3 += one if abs(y) == infinity else zero
        c4 += one if (x != x) & (y != y) else zero
        c5 += one if (x == y) & (abs(x) == infinity) else zero
        c6 += one if not ((abs(x) < infinity) & (abs(y) < infinity)) else zero
    counts[0], counts[1], counts[2], counts[3], counts[4], counts[5], counts[6] = c0, c1, c2, c3, c4, c5, c6


@exact
def blank_nonfinite(left, right, left_target, right_target):
    """Copy both sides with 0 wherever one of them is not finite."""
    zero, infinity = left.dtype.type(0), left.dtype.type(np.inf)
    for i in range(left.size):
        x, y = left[i], right[i]
        finite = (abs(x) < infinity) & (abs(y) < infinity)
        left_target[i] = x if finite else zero
        right_target[i] = y if finite else zero


# --- exact ---


def magnitude(number):
    """The absolute value of a float64 or complex128, rounded as NumPy rounds it."""
    return abs(number)


@overload(magnitude)
def _(number):
    if isinstance(number, types.Complex):
        return lambda number: _hypot(number.real, number.imag)
    return lambda number: abs(number)


# the C library's, as NumPy; numba's own differs in the last place
_hypot = types.ExternalFunction("hypot", types.float64(types.float64, types.float64))


@exact
def exact_mismatches(left, right, reference, rtol, atol):
    """How many elements are outside the tolerance."""
    count = 0
    for i in range(left.size):
        d, z = magnitude(left[i] * 1.0 - right[i] * 1.0), magnitude(reference[i] * 1.0)  # 1.0 widens to 64 bits a part
        allowed = atol + rtol * z
        count += np.int64(not ((d == 0) | ((d <= allowed) & (d < np.inf))))
    return count


@quick
def exact_sums(left, right, sums):
    """The five sums in float64, for numbers whose squares do not fit the type they came in."""
    s0 = s1 = s2 = s3 = s4 = 0.0
    for i in range(left.size):
        x, y = np.float64(left[i]), np.float64(right[i])
        d = abs(x - y)
        s0 += d
        s1 += d * d
        s2 += x * y
        s3 += x * x
        s4 += y * y
    sums[ABS], sums[SQUARE], sums[DOT], sums[LEFT], sums[RIGHT] = s0, s1, s2, s3, s4


@exact
def inexact_ties(left, right, top):
    """How many |left - right| are `top` in `T`, but not exactly."""
    zero, one = left.dtype.type(0), left.dtype.type(1)
    count = zero
    for i in range(left.size):
        x, y = left[i], right[i]
        d = x - y
        # exact if the larger number gives the smaller one back (Dekker's fast two-sum)
        count += one if (abs(d) == top) & ((x - d != y) | (y + d != x)) else zero
    return count


@exact
def exact_top(left, right):
    """The largest |d|."""
    top = bits_of(np.float64(0))
    for i in range(left.size):
        top = max(top, bits_of(magnitude(left[i] * 1.0 - right[i] * 1.0)))
    return float_of(top)


@exact
def first_at(left, right, top):
    """The first element whose |d| is `top`; there is one."""
    i = 0
    while magnitude(left[i] * 1.0 - right[i] * 1.0) != top:
        i += 1
    return i


@exact
def top_ratio(left, right, reference):
    """The largest |d| / size."""
    top = bits_of(np.float64(0))
    for i in range(left.size):
        d, z = magnitude(left[i] * 1.0 - right[i] * 1.0), magnitude(reference[i] * 1.0)
        top = max(top, bits_of(d / z if d > 0 else 0.0))
    return float_of(top)


# In both below, the next number above a positive one is the one of the next bits.


@exact
def top_needed_atol(left, right, reference, rtol):
    """The largest atol an element needs, rounded so that it does pass."""
    top, infinity = bits_of(np.float64(0)), bits_of(np.float64(np.inf))
    for i in range(left.size):
        d, relative = magnitude(left[i] * 1.0 - right[i] * 1.0), rtol * magnitude(reference[i] * 1.0)
        needed = d - relative
        bits = bits_of(needed) + np.int64(needed + relative < d)
        top = max(top, bits if d < np.inf else infinity)
    return float_of(top)


@exact
def top_needed_rtol(left, right, reference, atol):
    """The largest rtol an element needs, rounded so that it does pass."""
    top, infinity = bits_of(np.float64(0)), bits_of(np.float64(np.inf))
    for i in range(left.size):
        d, z = magnitude(left[i] * 1.0 - right[i] * 1.0), magnitude(reference[i] * 1.0)
        over = d - atol
        needed = over / z if over > 0 else 0.0
        more = bits_of(needed * (1 + 4 * 2.0**-52)) + 1
        bits = more if atol + needed * z < d else bits_of(needed)
        top = max(top, bits if d < np.inf else infinity)
    return float_of(min(top, infinity))


# --- complex and 64-bit integers: to |d| and size in float64 ---


@quick
def complex_sizes(left, right, difference, size):
    """Nearly |left - right|, and nearly the size of the left side; from (real, imaginary) in turn."""
    for i in range(difference.size):
        x, y = np.float64(left[2 * i]), np.float64(left[2 * i + 1])
        real, imaginary = x - right[2 * i], y - right[2 * i + 1]
        difference[i] = np.sqrt(real * real + imaginary * imaginary)
        size[i] = np.sqrt(x * x + y * y)


@quick
def product_sums(left, right, sums):
    """The sums of left * right, left**2 and right**2."""
    s2 = s3 = s4 = 0.0
    for i in range(left.size):
        x, y = np.float64(left[i]), np.float64(right[i])
        s2 += x * y
        s3 += x * x
        s4 += y * y
    sums[DOT], sums[LEFT], sums[RIGHT] = s2, s3, s4


@exact
def integer_differences(left, right, size_of, whole, difference, size):
    """|left - right| as uint64 and as float64, and the size of the reference; one integer type."""
    for i in range(left.size):
        x, y = left[i], right[i]
        larger, smaller = np.uint64(max(x, y)), np.uint64(min(x, y))
        whole[i] = larger - smaller
        difference[i] = np.float64(whole[i])
        size[i] = abs(np.float64(size_of[i]))


@exact
def top_integer(whole):
    """The largest element."""
    top = np.uint64(0)
    for i in range(whole.size):
        top = max(top, whole[i])
    return top
