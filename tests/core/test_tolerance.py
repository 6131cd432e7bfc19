"""Which tolerance a row gets, and every sentence about a bad one."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualcell.errors import OptionError
from dualcell.tolerance import EXACT, Tolerance, default_tolerance, glob_matches, is_exact, tolerances

FORM = "expected ROWS:rtol=NUMBER,atol=NUMBER, as in 'h*:rtol=1e-3,atol=1e-4'."


@pytest.mark.parametrize(
    ("dtype", "rtol", "atol"),
    [
        ("float16", 1e-3, 1e-5),
        ("bfloat16", 1.6e-2, 1e-5),
        ("float32", 1.3e-6, 1e-5),
        ("float64", 1e-7, 1e-7),
        ("float128", 1e-7, 1e-7),
        ("complex64", 1.3e-6, 1e-5),
        ("complex128", 1e-7, 1e-7),
        ("int64", 0.0, 0.0),
        ("bool", 0.0, 0.0),
        ("float8_e4m3fn", 0.0, 0.0),
        ("anything", 0.0, 0.0),
    ],
)
def test_the_default_of_a_dtype_is_torchs(dtype, rtol, atol):
    assert default_tolerance(dtype, dtype) == Tolerance(rtol, atol)


@pytest.mark.parametrize("order", [1, -1])
def test_the_looser_of_two_dtypes_counts_part_by_part(order):
    assert default_tolerance(*("float16", "float64")[::order]) == Tolerance(1e-3, 1e-5)
    assert default_tolerance(*("int32", "float32")[::order]) == Tolerance(1.3e-6, 1e-5)


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint64", "int4"])
def test_integers_and_booleans_are_exact_types(dtype):
    assert is_exact(dtype)


@pytest.mark.parametrize("dtype", ["float32", "complex64", "bfloat16", "", "point32", "int", "qint8"])
def test_other_types_are_not(dtype):
    assert not is_exact(dtype)


def test_a_global_tolerance_replaces_the_default_of_floats():
    assert tolerances(0.1, 0.2).of("probs", "float32", "float64") == Tolerance(0.1, 0.2)


@pytest.mark.parametrize("dtypes", [("int64", "int64"), ("bool", "uint8")])
def test_a_global_tolerance_leaves_integers_exact(dtypes):
    assert tolerances(0.1, 5.0).of("labels", *dtypes) == EXACT


def test_a_rule_by_row_name_applies_to_integers():
    assert tolerances(0.1, 5.0, ("labels:rtol=0,atol=1",)).of("labels", "int64", "int64") == Tolerance(0.0, 1.0)


def test_the_last_rule_that_fits_wins():
    found = tolerances(tol=("*:rtol=1,atol=1", "h*:rtol=2,atol=2", "h1:rtol=3,atol=3", "x:rtol=4,atol=4"))
    assert [found.of(row, "float32", "float32").rtol for row in ("a", "h", "h1", "x")] == [1, 2, 3, 4]


def test_a_row_without_a_rule_keeps_its_default():
    assert tolerances(tol=("h*:rtol=1,atol=1",)).of("x", "float64", "float64") == Tolerance(1e-7, 1e-7)


def test_a_rule_may_name_a_row_with_a_colon_and_have_spaces():
    found = tolerances(tol=(" a[1:2] : atol = 1e-2 , rtol = 0 ",))
    assert found.of("a[1:2]", "float32", "float32") == Tolerance(0.0, 0.01)


@given(st.text(), st.text())
def test_a_pattern_without_wildcards_fits_itself_only(pattern, name):
    if not {"*", "?"} & set(pattern):
        assert glob_matches(pattern, name) == (pattern == name)


@given(st.text(), st.text(), st.text())
def test_a_star_stands_for_any_text(before, middle, after):
    assert glob_matches("*", before)
    assert glob_matches(before.replace("*", "?") + "*" + after, before + middle + after)


@pytest.mark.parametrize(("pattern", "name"), [("a?", "a"), ("a?", "abc"), ("a.b", "axb"), ("a[1]", "a1"), ("", "a")])
def test_patterns_that_do_not_fit(pattern, name):
    assert not glob_matches(pattern, name)


@pytest.mark.parametrize(("given", "missing"), [("rtol", "atol"), ("atol", "rtol")])
def test_one_of_the_two_alone_is_refused(given, missing):
    with pytest.raises(OptionError) as error:
        tolerances(**{given: 0.1})
    assert str(error.value) == (
        f"--rtol and --atol: {given} was given without {missing}. Give both, as one alone gives surprising results; "
        f"{missing}=0 switches that part off."
    )


@pytest.mark.parametrize("number", [-1.0, math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["rtol", "atol"])
def test_a_tolerance_that_is_negative_or_not_finite_is_refused(name, number):
    with pytest.raises(OptionError) as error:
        tolerances(**({"rtol": 0.0, "atol": 0.0} | {name: number}))
    assert str(error.value) == f"--rtol and --atol: {name} is {number}, expected a finite number >= 0."


@pytest.mark.parametrize(
    "rule", ["", "h", "h*", "h:", ":rtol=1,atol=1", "h:rtol", "h:1e-3", "h:tol=1", "h:rtol=1;atol=1,", "rtol=1,atol=1"]
)
def test_a_rule_of_another_form_is_refused(rule):
    with pytest.raises(OptionError) as error:
        tolerances(tol=(rule,))
    assert str(error.value) == f"--tol {rule!r}: {FORM}" or str(error.value).endswith("expected a number.")


def test_a_rule_with_a_word_for_a_number_is_refused():
    with pytest.raises(OptionError) as error:
        tolerances(tol=("h:rtol=small,atol=1",))
    assert str(error.value) == "--tol 'h:rtol=small,atol=1': rtol is 'small', expected a number."


def test_a_rule_with_one_of_the_two_is_refused():
    with pytest.raises(OptionError, match=r"^--tol 'h:rtol=1': rtol was given without atol\. Give both"):
        tolerances(tol=("h:rtol=1",))


@pytest.mark.parametrize("number", ["nan", "inf", "-1"])
def test_a_rule_with_an_unusable_number_is_refused(number):
    with pytest.raises(OptionError, match=r"^--tol 'h:rtol=0,atol=.*': atol is .*, expected a finite number >= 0\.$"):
        tolerances(tol=(f"h:rtol=0,atol={number}",))
