"""`measure` against a plain reference that shares no code with it."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dualcell import plain_pass
from dualcell.measure import measure
from dualcell.plain_pass import absolute_error
from dualcell.stats import plain
from dualcell.tolerance import EXACT, Tolerance

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

INTEGERS = ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]
FLOATS = ["float16", "float32", "float64", "longdouble"]
COMPLEX = ["complex64", "complex128"]
ALL = INTEGERS + FLOATS + COMPLEX
LOOSE = Tolerance(rtol=1e-3, atol=1e-3)


# --- the reference: Python numbers, one element at a time ---


def python_number(value):
    """An exact Python number: int, Fraction, (Fraction, Fraction), or a float that is not finite."""
    if value.dtype.kind in "biu":
        return int(value)
    if value.dtype.kind == "c":
        return (python_number(value.real), python_number(value.imag))
    return Fraction(*value.as_integer_ratio()) if np.isfinite(value) else float(value)


def parts(number):
    return number if isinstance(number, tuple) else (number, 0)


def distance(left, right, equal_nan):
    """|left - right| of two Python numbers: exact where a square root is not needed."""
    if all(same(a, b, equal_nan) for a, b in zip(parts(left), parts(right), strict=True)):
        return 0
    gaps = [float("nan") if same(a, b, False) and math.isinf(a) else a - b
            for a, b in zip(parts(left), parts(right), strict=True)]  # fmt: skip
    if gaps[1] == 0:
        return abs(gaps[0])
    if any(isinstance(gap, float) and math.isnan(gap) for gap in gaps):
        return math.inf if any(isinstance(gap, float) and math.isinf(gap) for gap in gaps) else math.nan
    return math.hypot(*(float(gap) for gap in gaps))


def same(left, right, equal_nan):
    both_nan = isinstance(left, float) and isinstance(right, float) and math.isnan(left) and math.isnan(right)
    return left == right or (equal_nan and both_nan)


def size_of(number):
    real, imaginary = parts(number)
    return abs(real) if imaginary == 0 else math.hypot(float(real), float(imaginary))


def is_finite(number):
    return not isinstance(number, float) or math.isfinite(number)


def passes(gap, size, tolerance):
    """The definition, in exact arithmetic as far as it goes."""
    if gap == 0:
        return True
    if not (is_finite(gap) and is_finite(size)):
        return False
    return Fraction(gap) <= Fraction(tolerance.atol) + Fraction(tolerance.rtol) * Fraction(size)


def is_borderline(gap, size, tolerance):
    """Whether rounding may decide: within a few ulp of the limit."""
    if not (is_finite(gap) and is_finite(size)):
        return False
    limit = Fraction(tolerance.atol) + Fraction(tolerance.rtol) * Fraction(size)
    return abs(Fraction(gap) - limit) <= Fraction(1, 2**48) * max(limit, Fraction(gap))


# --- arrays of every kind ---


def elements(dtype):
    """Values that meet: small and equal ones often, the ends of the range, NaN and Inf, never an overflow."""
    if dtype.kind == "b":
        return st.booleans()
    if dtype.kind in "iu":
        ends = np.iinfo(dtype)
        return st.sampled_from([0, 1, 2, ends.min, ends.max, ends.max - 1, ends.max // 2]) | st.integers(
            int(ends.min), int(ends.max)
        )
    if dtype.kind == "c":
        part = elements(np.dtype("float32"))
        return st.builds(complex, part, part)
    width = 16 if dtype.itemsize == 2 else 32  # float32's values keep squares inside float64
    top = 60_000.0 if width == 16 else 2.0**100
    finite = st.floats(-top, top, width=width, allow_subnormal=width == 16)
    return st.sampled_from([0.0, -0.0, 1.0, 1.0009765625, -2.0, math.nan, math.inf, -math.inf]) | finite


@st.composite
def views(draw, dtype, shape):
    """An array of this shape: contiguous, transposed, reversed, every second element, or broadcast."""
    dtype = np.dtype(dtype)
    kind = draw(st.sampled_from(["plain", "fortran", "reversed", "step", "broadcast"]))
    values = elements(dtype)
    if kind == "broadcast":
        return np.broadcast_to(np.array(draw(values), dtype=dtype), shape)
    wide = tuple(2 * size for size in shape) if kind == "step" else shape
    array = draw(hnp.arrays(dtype, wide, elements=values, fill=values))
    if kind == "fortran":
        return np.array(array, order="F")
    if kind == "reversed":
        return array[tuple(slice(None, None, -1) for _ in shape)] if shape else array
    return array[tuple(slice(None, None, 2) for _ in shape)] if kind == "step" and shape else array


@st.composite
def pairs(draw, kinds):
    """Two arrays of one shape; the right one is often the left one with a few elements changed."""
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
    left = draw(views(draw(st.sampled_from(kinds)), shape))
    if draw(st.booleans()):
        return left, draw(views(draw(st.sampled_from(kinds)), shape))
    right = left.copy()
    for _ in range(draw(st.integers(0, 2)) if left.size else 0):
        right.reshape(-1)[draw(st.integers(0, left.size - 1))] = draw(elements(left.dtype))
    return left, right


def check_against_reference(left, right, tolerance, equal_nan, reference):
    found = measure(left, right, tolerance, equal_nan=equal_nan, reference=reference)
    assert found.total == left.size
    if left.size == 0:
        return found
    lefts = [python_number(value) for value in left.flatten()]
    rights = [python_number(value) for value in right.flatten()]
    gaps = [distance(a, b, equal_nan) for a, b in zip(lefts, rights, strict=True)]
    if left.dtype.kind in "biu" and right.dtype.kind in "biu":
        gaps = [min(gap, 2**64 - 1) for gap in gaps]  # documented: the largest a uint64 holds
    sizes = [size_of(number) for number in (lefts if reference == "left" else rights)]
    judged = list(zip(gaps, sizes, strict=True))
    sure = [not passes(gap, size, tolerance) for gap, size in judged if not is_borderline(gap, size, tolerance)]
    assert sum(sure) <= found.mismatched <= sum(sure) + len(judged) - len(sure)
    check_maximum(found, gaps, left, right)
    check_ratios(found, judged)
    check_counts(found, lefts, rights)
    check_identity(found, left, right, equal_nan)
    return found


def check_maximum(found, gaps, left, right):
    if any(gap != gap for gap in gaps):
        worst = next(at for at, gap in enumerate(gaps) if gap != gap)
        assert math.isnan(found.max_abs)
    else:
        top = max(gaps)
        at = int(np.ravel_multi_index(found.worst_index, left.shape)) if left.shape else 0
        if left.dtype.kind in "biu" and right.dtype.kind in "biu":
            assert (found.max_abs, gaps[at]) == (top, top)
        else:
            assert math.isclose(found.max_abs, top, rel_tol=1e-12)
            assert math.isclose(gaps[at], top, rel_tol=1e-15)
        is_rounded = gaps[at] != top or isinstance(top, float)  # then a tie need not be one
        worst = at if is_rounded else gaps.index(top)
    assert found.worst_index == tuple(int(i) for i in np.unravel_index(worst, left.shape))
    for value, array in ((found.left_value, left), (found.right_value, right)):
        assert value == plain(array[found.worst_index]) or value != value
        assert type(value) in (bool, int, float, complex)


def check_ratios(found, judged):
    differing = [(gap, size) for gap, size in judged if gap != 0]
    if all(is_finite(gap) for gap, _ in differing):
        assert math.isclose(found.mean_abs, sum(float(gap) for gap, _ in judged) / len(judged), rel_tol=1e-9)
        assert math.isclose(found.rms, math.sqrt(sum(float(gap) ** 2 for gap, _ in judged) / len(judged)), rel_tol=1e-6)
    ratios = [
        math.inf if size == 0 or not (is_finite(gap) and is_finite(size)) else float(Fraction(gap) / Fraction(size))
        for gap, size in differing if is_finite(size) or not is_finite(gap)
    ]  # fmt: skip
    assert math.isclose(found.max_rel, max(ratios, default=0.0), rel_tol=1e-9)


def check_counts(found, lefts, rights):
    def count(numbers, test):
        return sum(any(isinstance(part, float) and test(part) for part in parts(number)) for number in numbers)

    assert (found.left_nan, found.right_nan) == (count(lefts, math.isnan), count(rights, math.isnan))
    assert (found.left_inf, found.right_inf) == (count(lefts, math.isinf), count(rights, math.isinf))


def check_identity(found, left, right, equal_nan):
    if left.dtype != right.dtype:
        assert not found.identical
        return
    both_nan = [a != a and b != b for a, b in zip(real_parts(left), real_parts(right), strict=True)]
    bits = [
        a == b and math.copysign(1, a) == math.copysign(1, b)
        for a, b in zip(real_parts(left), real_parts(right), strict=True)
    ]
    assert found.identical == all(bit or (equal_nan and nan) for bit, nan in zip(bits, both_nan, strict=True))


def real_parts(array):
    flat = array.flatten()
    if array.dtype.kind == "c":
        return [*flat.real, *flat.imag]
    return [int(value) if array.dtype.kind in "biu" else value for value in flat]


TOLERANCES = st.sampled_from([EXACT, LOOSE, Tolerance(0.0, 0.5), Tolerance(0.5, 0.0), Tolerance(1e-7, 1e-7)])


@pytest.mark.parametrize("kinds", [INTEGERS, FLOATS, COMPLEX, ALL], ids=["int", "float", "complex", "mixed"])
@pytest.mark.parametrize("block", [1, 3, 65_536])
def test_measure_agrees_with_plain_python(kinds, block, monkeypatch):
    monkeypatch.setattr(plain_pass, "BLOCK", block)

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(pairs(kinds), TOLERANCES, st.booleans(), st.sampled_from(["left", "right"]))
    def check(pair, tolerance, equal_nan, reference):
        check_against_reference(*pair, tolerance, equal_nan, reference)

    check()


@settings(max_examples=150, deadline=None)
@given(pairs(ALL), TOLERANCES, st.booleans(), st.sampled_from(["left", "right"]))
@example((np.float64([0.63]), np.float64([0.19])), Tolerance(0.01, 0.0), False, "left")
def test_the_needed_tolerances_pass_when_used(pair, tolerance, equal_nan, reference):
    how = {"equal_nan": equal_nan, "reference": reference}
    found = measure(*pair, tolerance, **how)
    if math.isfinite(found.needed_atol):
        assert measure(*pair, Tolerance(tolerance.rtol, found.needed_atol), **how).close
    if math.isfinite(found.needed_rtol):
        assert measure(*pair, Tolerance(found.needed_rtol, tolerance.atol), **how).close


@settings(max_examples=150, deadline=None)
@given(pairs(ALL), st.booleans(), st.sampled_from(["left", "right"]))
def test_less_than_the_needed_tolerances_fails(pair, equal_nan, reference):
    how = {"equal_nan": equal_nan, "reference": reference}
    found = measure(*pair, EXACT, **how)
    for needed, as_tolerance in (
        (found.needed_atol, lambda number: Tolerance(0.0, number)),
        (found.needed_rtol, lambda number: Tolerance(number, 0.0)),
    ):
        if math.isfinite(needed) and needed > 0:
            assert not measure(*pair, as_tolerance(needed * (1 - 1e-14)), **how).close
    assert found.close == (found.needed_atol == 0) == (found.needed_rtol == 0)


@settings(max_examples=100, deadline=None)
@given(pairs(ALL), TOLERANCES, st.booleans())
def test_sides_swap_with_the_reference(pair, tolerance, equal_nan):
    left, right = pair
    one = measure(left, right, tolerance, equal_nan=equal_nan, reference="left")
    other = measure(right, left, tolerance, equal_nan=equal_nan, reference="right")
    assert (one.mismatched, one.needed_atol) == (other.mismatched, other.needed_atol)
    assert (one.max_rel, one.needed_rtol) == (other.max_rel, other.needed_rtol)
    assert (one.worst_index, one.left_nan, one.right_inf) == (other.worst_index, other.right_nan, other.left_inf)


@settings(max_examples=60, deadline=None)
@given(pairs(INTEGERS + FLOATS), st.booleans())
def test_an_array_is_identical_to_itself_unless_it_holds_a_nan(pair, equal_nan):
    array, _ = pair
    found = measure(array, array.copy(), EXACT, equal_nan=equal_nan)
    has_nan = array.dtype.kind == "f" and bool(np.isnan(array).any())
    assert found.identical == found.close == (equal_nan or not has_nan)


# --- blocks ---


@pytest.mark.parametrize("at", [0, 65_535, 65_536, 131_071, 131_072, 140_000])
@pytest.mark.parametrize("order", ["C", "F"])
def test_one_wrong_element_is_found_in_every_block(at, order):
    left = np.zeros((3, 46_667), dtype=np.float32, order=order)
    right = left.copy(order="A")
    index = tuple(int(i) for i in np.unravel_index(at, left.shape))
    right[index] = 7.0
    found = measure(left, right, LOOSE)
    assert (found.mismatched, found.worst_index, found.max_abs) == (1, index, 7.0)
    assert (found.total, found.left_value, found.right_value) == (140_001, 0.0, 7.0)


@pytest.mark.parametrize("dtype", ["int32", "float32", "complex64"])
def test_the_lowest_index_of_the_maximum_wins_across_blocks(dtype, monkeypatch):
    monkeypatch.setattr(plain_pass, "BLOCK", 4)
    left, right = np.zeros(20, dtype), np.zeros(20, dtype)
    right[[6, 7, 13, 19]] = 5
    assert measure(left, right, EXACT).worst_index == (6,)


def test_the_first_nan_is_the_worst_even_after_a_larger_finite_difference(monkeypatch):
    monkeypatch.setattr(plain_pass, "BLOCK", 2)
    left = np.array([0.0, 9.0, 0.0, math.nan, math.nan])
    found = measure(left, np.zeros(5), EXACT)
    assert found.worst_index == (3,)
    assert math.isnan(found.max_abs)
    assert math.isinf(found.max_rel)


@pytest.mark.parametrize("block", [1, 2, 7, 65_536])
def test_the_figures_do_not_depend_on_the_block_size(block, monkeypatch):
    monkeypatch.setattr(plain_pass, "BLOCK", block)
    generator = np.random.default_rng(0)
    left, right = generator.normal(size=(2, 5, 9)).astype(np.float32)
    found = measure(left.T, right.T, LOOSE)
    gap = np.abs(left.T.astype(float) - right.T.astype(float))
    assert found.mean_abs == pytest.approx(gap.mean())
    assert found.rms == pytest.approx(math.sqrt((gap**2).mean()))
    assert found.mismatched == int((gap > 1e-3 + 1e-3 * np.abs(left.T.astype(float))).sum())


def test_memory_is_that_of_a_block(monkeypatch):
    import tracemalloc

    from dualcell import measure as measure_module

    monkeypatch.setattr(measure_module, "_met", {})  # or numba might be loaded now
    left, right = np.zeros(3_000_000, np.float32), np.ones(3_000_000, np.float32)
    tracemalloc.start()
    measure(left, right, EXACT)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < left.nbytes


def test_the_inputs_are_not_changed_and_may_be_read_only():
    left, right = np.arange(5.0), np.arange(5.0)[::-1]
    left.flags.writeable = False
    kept = right.copy()
    measure(left, right, LOOSE, equal_nan=True)
    absolute_error(left, right)
    assert (right == kept).all()


# --- integers ---


def test_int64_is_exact_above_2_to_the_53():
    found = measure(np.array([2**53 + 1]), np.array([2**53]), EXACT)
    assert (found.mismatched, found.max_abs, found.identical) == (1, 1, False)
    assert found.left_value == 2**53 + 1


def test_uint8_does_not_wrap_around():
    found = measure(np.array([1, 255], np.uint8), np.array([255, 1], np.uint8), EXACT)
    assert (found.max_abs, found.worst_index, found.needed_atol) == (254, (0,), 254.0)


@pytest.mark.parametrize(
    ("left", "right", "gap"),
    [
        (np.int64(-1), np.uint64(2**64 - 1), 2**64 - 1),  # truly 2**64: the largest a uint64 holds
        (np.int64(-(2**63)), np.uint64(2**64 - 1), 2**64 - 1),
        (np.int64(-(2**63)), np.int64(2**63 - 1), 2**64 - 1),
        (np.int64(-1), np.uint64(0), 1),
        (np.int64(2**62), np.uint64(2**63), 2**62),
        (np.int8(-128), np.uint64(0), 128),
        (np.bool_(True), np.int64(-1), 2),
        (np.int64(7), np.uint64(7), 0),
    ],
)
def test_signed_meets_unsigned_without_wrapping(left, right, gap):
    for one, other in ((left, right), (right, left)):
        found = measure(np.asarray(one), np.asarray(other), EXACT)
        assert (found.max_abs, found.close) == (gap, gap == 0)
        assert type(found.max_abs) is int


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="extended precision is that of float64 here")
@pytest.mark.parametrize("integer", [np.int64(2**53 + 1), np.uint64(2**53 + 1)])
def test_a_large_integer_differs_from_the_float_it_would_round_to(integer):
    assert not measure(np.asarray(integer), np.asarray(2.0**53), EXACT).close
    assert measure(np.asarray(integer), np.asarray(2.0**53), EXACT).max_abs == 1.0


def test_booleans_differ_by_one():
    found = measure(np.array([True, False]), np.array([True, True]), EXACT)
    assert (found.max_abs, found.mismatched, found.left_value, found.right_value) == (1, 1, False, True)


# --- NaN, Inf, zero ---


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble", "complex64", "complex128"])
@pytest.mark.parametrize("tolerance", [EXACT, Tolerance(1e300, 1e300)])
def test_nan_equals_nothing_unless_asked(dtype, tolerance):
    nan, one = np.array([math.nan], dtype), np.array([1], dtype)
    assert measure(nan, nan.copy(), tolerance).mismatched == 1
    assert measure(nan, one, tolerance, equal_nan=True).mismatched == 1
    assert measure(one, nan, tolerance, equal_nan=True).mismatched == 1
    found = measure(nan, nan.copy(), tolerance, equal_nan=True)
    assert (found.mismatched, found.identical, found.max_abs, found.needed_atol) == (0, True, 0.0, 0.0)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (complex(math.nan, 1), complex(math.nan, 2)),
        (complex(math.nan, 1), complex(1, math.nan)),
        (complex(math.nan, 0), complex(math.nan, math.nan)),
        (complex(math.inf, math.nan), complex(1, math.nan)),
    ],
)
def test_complex_nan_must_stand_in_the_same_part_and_the_other_part_must_agree(left, right):
    found = measure(np.array([left]), np.array([right]), LOOSE, equal_nan=True)
    assert (found.mismatched, found.identical) == (1, False)


UNLIKE_INFINITY = [(math.inf, -math.inf), (math.inf, 1.0), (0.0, -math.inf), (math.inf, math.nan)]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble", "complex64", "complex128"])
@pytest.mark.parametrize("tolerance", [EXACT, Tolerance(0.5, 0.5), Tolerance(1e300, 1e300)])
@pytest.mark.parametrize("reference", ["left", "right"])
@pytest.mark.parametrize(("left", "right"), UNLIKE_INFINITY)
def test_infinity_passes_against_nothing_else(dtype, tolerance, reference, left, right):
    found = measure(np.array([left], dtype), np.array([right], dtype), tolerance, reference=reference, equal_nan=True)
    assert (found.mismatched, found.nonfinite_disagree, found.identical) == (1, 1, False)
    assert found.needed_atol == found.needed_rtol == math.inf


@pytest.mark.parametrize("rtol", [0.0, 0.1])
def test_equal_infinities_are_equal(rtol):
    array = np.array([math.inf, -math.inf])
    found = measure(array, array.copy(), Tolerance(rtol, 0.0))
    assert (found.mismatched, found.identical, found.max_abs, found.nonfinite_disagree) == (0, True, 0.0, 0)


@pytest.mark.parametrize("dtype", ["float16", "float64", "longdouble", "complex128"])
def test_minus_zero_is_close_to_zero_but_not_equal(dtype):
    found = measure(np.array([0.0], dtype), -np.array([0.0], dtype), EXACT)
    assert (found.close, found.identical) == (True, False)


def test_the_size_of_a_complex_number_that_overflows_lets_nothing_pass():
    left, right = np.array([1.5e308 + 1.5e308j]), np.array([1.0e308 + 1.5e308j])
    found = measure(left, right, Tolerance(1e-7, 1e-7))
    assert found.mismatched == 1
    assert found.needed_rtol == math.inf


def test_a_difference_that_overflows_fails():
    found = measure(np.array([1.7e308]), np.array([-1.7e308]), Tolerance(0.1, 0.1))
    assert (found.mismatched, found.max_abs) == (1, math.inf)


def test_nan_and_inf_are_counted_per_side_and_where_they_disagree():
    left = np.array([math.nan, math.nan, math.inf, math.inf, 1.0, 1.0])
    right = np.array([math.nan, 1.0, math.inf, -math.inf, math.nan, 1.0])
    found = measure(left, right, EXACT)
    assert (found.left_nan, found.right_nan, found.left_inf, found.right_inf) == (2, 2, 2, 2)
    assert (found.nonfinite_disagree, found.mismatched) == (3, 4)


# --- the tolerance ---


@pytest.mark.parametrize(("reference", "close"), [("left", True), ("right", False)])
def test_rtol_is_relative_to_the_reference(reference, close):
    found = measure(np.array([2.0]), np.array([1.0]), Tolerance(0.5, 0.0), reference=reference)
    assert found.close is close
    assert found.max_rel == (0.5 if reference == "left" else 1.0)


def test_the_limit_itself_passes_and_the_next_float_does_not():
    assert measure(np.array([0.0]), np.array([0.5]), Tolerance(0.0, 0.5)).close
    assert not measure(np.array([0.0]), np.array([np.nextafter(0.5, 1)]), Tolerance(0.0, 0.5)).close


def test_float32_is_judged_in_float64():
    left, right = np.float32([16777216.0]), np.float32([16777218.0])
    assert measure(left, right, Tolerance(0.0, 2.0)).close
    assert not measure(left, right, Tolerance(0.0, 1.9999999)).close


def test_a_relative_error_against_zero_is_infinite():
    found = measure(np.zeros(1), np.ones(1), Tolerance(1.0, 0.5))
    assert (found.max_rel, found.needed_rtol, found.needed_atol) == (math.inf, math.inf, 1.0)


# --- cosine ---


@pytest.mark.parametrize(
    ("left", "right", "cosine"),
    [([1, 0], [0, 1], 0.0), ([1, 2], [2, 4], 1.0), ([1, 2], [-1, -2], -1.0), ([3j], [3j], 1.0), ([1], [1j], 0.0)],
)
def test_cosine(left, right, cosine):
    assert measure(np.array(left), np.array(right), EXACT).cosine == pytest.approx(cosine)


@pytest.mark.parametrize("left", [[0.0], [1e200], [math.inf], [math.nan]])
def test_no_cosine_is_given_where_it_cannot_be_told(left):
    assert math.isnan(measure(np.array(left), np.array([1.0]), EXACT).cosine)


# --- shapes ---


@pytest.mark.parametrize("shape", [(0,), (3, 0, 2)])
def test_empty_arrays_have_no_worst_element(shape):
    found = measure(np.zeros(shape), np.zeros(shape, np.int8), EXACT)
    assert (found.total, found.close, found.worst_index, found.left_value) == (0, True, None, None)


def test_a_0_d_array_has_the_empty_index():
    assert measure(np.array(1.0), np.array(2.0), EXACT).worst_index == ()


@pytest.mark.parametrize(("left", "right"), [((3,), (3, 1)), ((), (1,)), ((0,), (0, 0)), ((2, 3), (3, 2))])
def test_shapes_are_never_broadcast(left, right):
    with pytest.raises(ValueError, match="measure needs one shape, got") as error:
        measure(np.zeros(left), np.zeros(right), EXACT)
    assert str(error.value) == f"measure needs one shape, got {left} and {right}."


# --- the error map ---


@settings(max_examples=100, deadline=None)
@given(pairs(ALL))
def test_the_error_map_holds_the_maximum_where_measure_found_it(pair):
    left, right = pair
    error = absolute_error(left, right)
    assert error.shape == left.shape
    found = measure(left, right, EXACT)
    if left.size:
        assert plain(error[found.worst_index]) == found.max_abs or math.isnan(found.max_abs)
        assert np.count_nonzero(error != 0) == found.mismatched


def test_the_error_map_of_integers_is_exact():
    error = absolute_error(np.array([2**53 + 1, -1]), np.array([2**53, 1]))
    assert (error.dtype, error.tolist()) == (np.uint64, [1, 2])


def test_the_error_map_of_empty_and_0_d_arrays():
    assert absolute_error(np.zeros((0, 2)), np.zeros((0, 2))).shape == (0, 2)
    assert absolute_error(np.array(1), np.array(3)) == 2
