"""Scales, offsets and functions: recognised with the number they stand for, and not where they are none."""

from __future__ import annotations

import numpy as np
import pytest

from dualcell.causes.values import FUNCTIONS, few_numbers
from dualcell.diagnosis import diagnose

RANDOM = np.random.default_rng(0)
LEFT = RANDOM.standard_normal((32, 10))
POSITIVE = RANDOM.random((32, 10)) * 0.9 + 0.05


INVERSE = {
    "log": "exp", "exp": "log", "square": "sqrt", "sqrt": "square", "arctanh": "tanh", "tanh": "arctanh",
    "logit": "sigmoid", "sigmoid": "logit", "expm1": "log1p", "log1p": "expm1",
}  # fmt: skip


def one(left, right, **options):
    (found,) = diagnose(left, right, **options)
    return found


@pytest.mark.parametrize(
    ("factor", "hint"),
    [
        (255.0, "images in 0..255"),
        (1 / 255, "images in 0..255"),
        (32.0, "32 is the size of axis 0"),
        (0.1, "10 is the size of axis 1"),
        (1 / 320, "320 is the number of elements"),
        (32 / 31, "Bessel"),
        (np.sqrt(32 / 31), "Bessel"),
        (np.sqrt(10), "the square root of 10"),
        (7.0, "7 steps or losses"),
        (8.0, "the square root of 64, a usual size of attention's heads"),
        (np.log(2), "ln 2"),
        (180 / np.pi, "degrees against radians"),
    ],
)
def test_the_number_behind_a_factor(factor, hint):
    found = one(LEFT, LEFT * factor)
    assert found.causes == ("scale",)
    assert hint in found.hint


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_any_other_factor_is_no_known_number(dtype):
    """Also not where the elements have few bits: 1.1 is no 10 / 9, nor 24 / 23."""
    found = one(LEFT, LEFT * 1.0777, dtypes=(dtype, dtype))
    assert found.causes == ("scale",)
    assert "1.0777" in found.left_fix
    assert found.hint == ""


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_told_apart(name):
    function = FUNCTIONS[name][0]
    for left in (POSITIVE, 3 * LEFT):
        with np.errstate(all="ignore"):
            right = function(left)
        if not np.isfinite(right).all() or np.ptp(right) == 0 or np.allclose(left, right):
            continue
        found = diagnose(left, right)
        if name == "one_minus" or (name == "abs" and left is POSITIVE):
            continue  # an affine map, and nothing
        assert ("function",) in {finding.causes for finding in found}, found
        said = (f"{name} of the left", f"{INVERSE.get(name)} of the right")
        assert any(words in finding.sentence for finding in found for words in said), found


def test_a_sign_is_no_function():
    assert one(POSITIVE, -POSITIVE).causes == ("sign",)
    assert one(LEFT, -LEFT).causes == ("sign",)


def test_small_numbers_are_scaled_and_not_bent():
    """Near zero silu is a half of its argument, and tanh is its argument."""
    assert one(1e-5 * LEFT, 0.5e-5 * LEFT).causes == ("scale",)


@pytest.mark.parametrize("base", [1.0, 100.0])
def test_an_offset_of_nearly_equal_numbers(base):
    left = base + 0.01 * base * LEFT
    noise = 1 + 1e-6 * RANDOM.standard_normal(left.shape)
    assert one(left, (left + 0.5 * base) * noise).causes == ("offset",)


@pytest.mark.parametrize("size", [8, 10, 32, 40, 4000])
@pytest.mark.parametrize(("base", "spread"), [(0, 100), (0, 18), (-50, 100), (30, 20)])
@pytest.mark.parametrize("number", [1e-3, -1e-3])
def test_a_small_offset_is_no_rounding(size, base, spread, number):
    """Its size could be that of rounding errors of long sums, but those do not all have one sign."""
    left = (base + np.random.default_rng(size).random(size) * spread).astype(np.float32)
    found = one(left, left + np.float32(number))
    assert found.causes == ("offset",)
    assert eval(found.left_fix, {"left": 0}) == pytest.approx(number, rel=0.02)
    assert eval(found.right_fix, {"right": 0}) == pytest.approx(-number, rel=0.02)
    assert f"left {'-' if number < 0 else '+'} 0.00" in found.left_fix


def test_a_factor_very_near_to_one_is_no_rounding():
    found = one(LEFT, LEFT * (1 + 3.3333e-6), dtypes=("float64", "float64"))
    assert found.causes == ("scale",)
    assert eval(found.left_fix, {"left": 1}) == pytest.approx(1 + 3.3333e-6, abs=1e-9)


def test_where_all_are_nearly_one_number_an_offset_is_a_factor_as_well():
    left = (300 + np.random.default_rng(0).random(40)).astype(np.float32)
    found = diagnose(left, left + np.float32(1e-3))
    assert {each.causes for each in found} == {("offset",), ("scale",)}
    assert all("explained as well by" in each.hint for each in found)


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("size", [8, 12, 36, 300])
def test_rounding_of_a_long_sum_is_no_offset(seed, size):
    random = np.random.default_rng(seed)
    terms = random.standard_normal((size, 4000), np.float32) + np.float32(0.2)
    found = diagnose(np.cumsum(terms, 1)[:, -1], np.cumsum(terms[:, ::-1], 1)[:, -1])
    assert [each.causes for each in found] == [("rounding",)]


def test_whole_numbers_plus_a_number_were_not_rounded():
    assert one(np.arange(12.0), np.arange(12.0) + 1e-2).causes == ("offset",)
    assert one(np.arange(12.0) + 0.5, np.arange(12.0)).causes == ("offset",)


def test_images_normalised():
    pixels = RANDOM.integers(0, 256, (4, 9, 9, 3)).astype(np.float32)
    found = one(pixels, pixels / 127.5 - 1)
    assert found.causes == ("affine",)
    assert "times 0.007843137 plus -1" in found.sentence


@pytest.mark.parametrize("size", [8, 12])
def test_few_elements_of_noise_have_no_cause(size):
    for _ in range(20):
        assert diagnose(RANDOM.standard_normal(size), RANDOM.standard_normal(size)) == ()
        bits = RANDOM.permutation(np.arange(size) % 2), RANDOM.permutation(np.arange(size) % 2)
        assert np.array_equal(*bits) or diagnose(*bits) == ()


@pytest.mark.parametrize(("factor", "known"), [(320 / 319, True), (319 / 320, True), (1 - 0.8 / 320, False)])
def test_a_factor_next_to_one_is_told_by_its_distance_from_one(factor, known):
    """0.9975 is no 320 / 319, near as both are to 1: the line to change would go the wrong way."""
    found = one(LEFT, LEFT * factor)
    assert found.causes == ("scale",)
    assert ("320 / 319" in found.hint) == known
    step = eval(found.left_fix, {"left": 1})
    assert abs(step / factor - 1) < 1e-3 * abs(factor - 1) or abs(step - factor) < 1e-6


def test_a_fit_that_leaves_much_is_no_cause():
    """A number can always be fitted; one that leaves a tenth of the difference explains nothing."""
    left = LEFT
    right = left * 1.0001 + RANDOM.standard_normal(left.shape) * 1e-5
    assert "scale" not in [name for found in diagnose(left, right) for name in found.causes]


# --- a loss, or a few ---


@pytest.mark.parametrize("shape", [(), (1,), (7,)])
@pytest.mark.parametrize(("factor", "words"), [(40, "times 40"), (1 / 40, "times (1 / 40)"), (-1, "times -1")])
def test_a_sum_against_a_mean_is_seen_in_one_number(shape, factor, words):
    left = (RANDOM.random(shape) + 0.5).astype("float32")
    found = one(left, np.asarray(left * factor, np.float32))
    assert found.sentence.endswith(words)
    assert found.causes == (("sign",) if factor == -1 else ("scale",))
    assert ("cannot tell" in found.hint) == (factor != -1)
    assert eval(found.left_fix, {"left": left}) == pytest.approx(left * factor)
    assert eval(found.right_fix, {"right": left * factor}) == pytest.approx(left)
    assert "(1 /" not in found.left_fix + found.right_fix


@pytest.mark.parametrize("factor", [1.5, 2.0001, 39.99, 501, 0.3, -2, -1.001, 1])
def test_one_number_that_is_no_multiple_has_no_cause(factor):
    left = np.float32([RANDOM.random() + 0.5])
    assert diagnose(left, np.float32(left * np.float64(factor))) == ()


def test_a_few_numbers_must_agree_on_the_multiple():
    left = np.float32([1, 2, 3])
    assert diagnose(left, left * np.float32([4, 4, 5])) == ()
    assert diagnose(left, np.float32([4, 8, np.nan])) == ()
    assert diagnose(left * 0, left * 4) == ()
    assert diagnose(left, np.float32([[4, 8, 12]])) == ()
    assert diagnose(left, left * 4, dtypes=("float16", "float32")) == ()


def test_few_losses_are_seldom_multiples_by_chance():
    ratios = np.float32(RANDOM.random(20_000) * 500)
    named = sum(few_numbers(np.float32([1]), ratio[None]) is not None for ratio in ratios)
    assert 0 < named < 20_000 / 250
