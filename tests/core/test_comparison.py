"""The verdicts: each word, what passes, and every note."""

from __future__ import annotations

import math
import types

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import dualcell
from dualcell.captures import Captured, Captures, capture
from dualcell.comparison import VERDICTS, compare_pair
from dualcell.options import COMPARE_OPTIONS, Options, options_from
from dualcell.pairs import Pair, other_texts, pair_up
from dualcell.report import settings_of


def leaf(value):
    [(_, taken)] = capture(value)
    return taken


def judge(left, right, row="x", **options):
    pair = Pair(row, *(side if isinstance(side, Captured) else leaf(side) for side in (left, right)))
    return compare_pair(pair, options_from(options))


ONE = np.float32([1.0, 2.0])
CASES = {
    "equal": (ONE, ONE.copy()),
    "close": (ONE, ONE + np.float32(1e-6)),
    "differs": (ONE, ONE + 1),
    "shape": (ONE, ONE[:, None]),
    "dtype": (ONE, ONE.astype(np.float64)),
    "missing": (ONE, Captured(missing="not there")),
    "unsupported": (ONE, "text"),
}


def test_every_verdict_has_a_case():
    assert tuple(CASES) == VERDICTS


@pytest.mark.parametrize("verdict", VERDICTS)
@pytest.mark.parametrize("order", [1, -1], ids=["as-is", "swapped"])
def test_only_equal_and_close_pass(verdict, order):
    found = judge(*CASES[verdict][::order])
    assert (found.verdict, found.passed) == (verdict, verdict in ("equal", "close"))
    assert (found.stats is None) == (found.tolerance is None) == (verdict in ("shape", "missing", "unsupported"))
    assert bool(found.note) == (verdict in ("shape", "dtype", "missing", "unsupported"))


@pytest.mark.parametrize("verdict", VERDICTS)
def test_allow_dtype_lets_dtype_pass_and_nothing_else(verdict):
    found = judge(*CASES[verdict], allow_dtype=True)
    assert (found.verdict, found.passed) == (verdict, verdict in ("equal", "close", "dtype"))
    assert found.note == "" if verdict == "dtype" else True


def test_allow_dtype_does_not_excuse_values():
    assert judge(ONE, ONE.astype(np.float64) + 1, allow_dtype=True).verdict == "differs"


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (np.int32(1), np.int64(1)),
        (True, np.int64(1)),
        (1, 1.0),
        (np.float32(1), np.complex64(1)),
        (np.uint8(1), np.int8(1)),
    ],
)
def test_equal_values_of_two_types_are_dtype(left, right):
    assert judge(left, right).verdict == "dtype"


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((3,), (1, 3)), ((3,), (3, 1)), ((), (1,)), ((1,), ()), ((2, 3), (3, 2)), ((0,), (0, 1)), ((0,), ()),
        ((6,), (2, 3)),
    ],
)  # fmt: skip
def test_shapes_are_never_broadcast(left, right):
    found = judge(np.zeros(left), np.zeros(right), rtol=1e9, atol=1e9)
    assert (found.verdict, found.passed) == ("shape", False)
    assert found.note == "shapes are compared as they are, never broadcast or permuted"


def test_bit_for_bit_is_equal_and_a_minus_sign_of_zero_is_not():
    assert judge(np.array([0.0]), np.array([0.0])).verdict == "equal"
    assert judge(np.array([0.0]), np.array([-0.0])).verdict == "close"


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "uint64"])
def test_a_global_tolerance_leaves_integers_exact_but_a_rule_by_name_applies(dtype):
    left, right = np.array([0], dtype), np.array([1], dtype)
    assert judge(left, right, rtol=1.0, atol=5.0).verdict == "differs"
    assert judge(left, right, tol=["y:rtol=0,atol=1"]).verdict == "differs"
    assert judge(left, right, tol=["x:rtol=0,atol=1"]).verdict == "close"


def test_the_default_tolerance_is_that_of_the_looser_dtype():
    half = np.float16([1.0])
    assert judge(half, np.float64([1.0005]), allow_dtype=True).verdict == "dtype"
    assert judge(half.astype(np.float64), np.float64([1.0005])).verdict == "differs"


@pytest.mark.parametrize(("reference", "verdict"), [("left", "close"), ("right", "differs")])
def test_the_reference_decides_what_rtol_is_relative_to(reference, verdict):
    assert judge(np.array([2.0]), np.array([1.0]), rtol=0.5, atol=0.0, reference=reference).verdict == verdict


def test_nan_equals_nothing_unless_asked():
    nan = np.array([1.0, math.nan])
    found = judge(nan, nan.copy())
    assert (found.verdict, found.passed) == ("differs", False)
    assert found.note == "NaN in the same 1 places on both sides; --equal-nan lets them pass"
    assert judge(nan, nan.copy(), equal_nan=True).verdict == "equal"
    assert judge(nan, nan + 1e-9, equal_nan=True).verdict == "close"
    assert judge(nan, np.array([math.nan, 1.0]), equal_nan=True).verdict == "differs"


@pytest.mark.parametrize("right", [[math.inf, 1.0], [math.nan, 1.0], [1.0, -math.inf]])
@pytest.mark.parametrize("equal_nan", [True, False])
def test_nan_or_inf_on_one_side_is_said(right, equal_nan):
    found = judge(np.ones(2), np.array(right), equal_nan=equal_nan, rtol=10.0, atol=1e9)
    assert (found.verdict, found.passed) == ("differs", False)
    assert found.note == "NaN or Inf disagree in 1 of 2 places"


def test_empty_tensors_are_equal_but_say_that_nothing_was_compared():
    found = judge(np.zeros((0, 3)), np.zeros((0, 3)))
    assert (found.verdict, found.passed, found.note) == ("equal", True, "both are empty: no element was compared")
    assert judge(np.zeros(0), np.zeros(0, np.int8)).verdict == "dtype"


def test_the_reasons_of_both_sides_are_said():
    assert judge(Captured(missing="no a"), Captured(missing="no b")).note == "no a; no b"
    assert judge(Captured(missing="neither"), Captured(missing="neither")).note == "neither"
    assert judge("text", len).note == (
        "left: a str is not a tensor; right: a builtin_function_or_method is not a tensor; "
        "call it and compare what it returns"
    )
    assert judge(1.0, "text").note == "right: a str is not a tensor"
    assert judge(Captured(missing="gone"), "text").verdict == "missing"


@settings(max_examples=100, deadline=None)
@given(
    hnp.arrays(st.sampled_from(["float32", "int16", "bool"]), hnp.array_shapes(min_dims=0, max_side=3)), st.data(),
)  # fmt: skip
def test_one_changed_element_never_passes_unchanged(array, data):
    changed = array.copy()
    at = data.draw(st.integers(0, array.size - 1))
    flat = changed.reshape(-1)
    flat[at] = not flat[at] if array.dtype == bool else 3 if flat[at] < 1 else -3
    assert not judge(array, changed).passed


# --- pairs ---


def pair_names(left, right, automatic=()):
    sides = [Captures({name: leaf(value) for name, value in rows.items()}) for rows in (left, right)]
    return [
        (pair.row, bool(pair.left.missing), bool(pair.right.missing))
        for pair in pair_up(*sides, automatic, ("keras", "torch"))
    ]


def test_rows_pair_by_name_in_the_left_order_then_the_rights_extras():
    assert pair_names({"b": 1, "a": 2}, {"c": 3, "a": 4, "b": 5}) == [
        ("b", False, False), ("a", False, False), ("c", True, False),
    ]  # fmt: skip


def test_a_row_of_one_side_is_missing_on_the_other_with_its_label():
    [pair] = pair_up(Captures({"h.x": leaf(1)}), Captures(), (), ("keras", "torch"))
    assert pair.right.missing == "the torch side has no 'h.x'"
    [pair] = pair_up(Captures(), Captures({"h.x": leaf(1)}), (), ("keras", "torch"))
    assert pair.left.missing == "the keras side has no 'h.x'"


@pytest.mark.parametrize("cut", ["did not run", "did not finish"])
def test_a_row_that_a_block_did_not_come_to_is_missing_for_that(cut):
    [pair] = pair_up(Captures({"y": leaf(1)}), Captures(cut=cut), (), ("keras", "torch"))
    assert pair.right.missing == f"the torch block {cut}, so it has no 'y'"


def texts_of(*sides):
    return other_texts(*(Captures(dict(capture(side))) for side in sides), (), ("keras", "torch"))


def test_texts_that_differ_are_a_note():
    left = {"name": "relu", "same": "x", "raw": b"1", "y": np.ones(1), "kind": int, "only": "left"}
    right = {"name": "gelu", "same": "x", "raw": b"2", "y": np.ones(1), "kind": float}
    assert texts_of(left, right) == (
        "texts differ, and only tensors are compared: .name is 'relu' on the keras side, 'gelu' on the torch side; "
        ".raw is b'1' on the keras side, b'2' on the torch side"
    )
    assert texts_of(left, left) == ""
    many = [["a" * 100] * 9, ["b" * 100] * 9]
    assert texts_of(*many).endswith("; and 6 more")
    assert "a" * 41 not in texts_of(*many)
    assert "text" not in str(texts_of([1, "a"], [1, 2.0]))


def test_a_result_has_the_note_on_texts_and_passes():
    result = dualcell.compare({"y": 1.0, "name": "a"}, {"y": 1.0, "name": "b"})
    assert result.passed
    assert [row.name for row in result] == ["value.y"]
    assert "value.name is 'a' on the left side, 'b' on the right side" in result.report.notes[0]
    assert dualcell.compare({"y": 1.0, "name": "a"}, {"y": 1.0, "name": "a"}).report.notes == ()
    with dualcell.dual("numpy: old", "numpy: new") as pair:
        with pair.left:
            found = {"y": np.ones(1), "name": "a"}
        with pair.right:
            found = {"y": np.ones(1), "name": "b"}
    assert found["name"] == "b"
    assert "found.name is 'a' on the old side, 'b' on the new side" in pair.result.report.notes[0]


def test_a_structure_against_one_tensor_is_said():
    [one, first] = pair_up(Captures({"h": leaf(ONE)}), Captures({"h[0]": leaf(1)}), (), ("keras", "torch"))
    assert one.right.missing == "'h' is a structure on the torch side ('h[0]', ...), not one tensor"
    assert first.left.missing == "'h' is one tensor on the keras side, not a structure"


def test_an_automatic_name_or_a_last_value_of_one_side_makes_no_row():
    assert pair_names({"h": ONE, "out": ONE}, {}, automatic=["h", "out"]) == []
    assert pair_names({"h": 1, "out": 1}, {"h": 1, "out": 1}, automatic=["h", "out"]) == []
    assert pair_names({"h": 1.0}, {"h": ONE}, automatic=["h"]) == [("h", False, False)]
    assert pair_names({"h[0]": ONE, "h[1]": ONE}, {"h[0]": ONE}, automatic=["h"]) == [
        ("h[0]", False, False),
        ("h[1]", False, True),
    ]


def test_parts_of_a_structure_that_are_no_tensor_on_either_side_make_no_row():
    result = dualcell.compare({"name": "a", "x": ONE, "n": "a"}, {"name": "b", "x": ONE, "n": 1})
    assert [(row.name, row.verdict) for row in result] == [("value.x", "equal"), ("value.n", "unsupported")]


def test_what_was_asked_for_makes_a_row_whatever_it_is():
    assert pair_names({"name": "a"}, {"name": "b"}) == [("name", False, False)]


# --- compare and assert_close ---


def test_a_bare_tensor_is_the_row_value():
    assert [row.name for row in dualcell.compare(ONE, ONE)] == ["value"]


def test_structures_are_compared_leaf_by_leaf():
    result = dualcell.compare({"a": [ONE, 1.0]}, {"a": (ONE, 1.5)})
    assert [(row.name, row.verdict) for row in result] == [("value.a[0]", "equal"), ("value.a[1]", "differs")]


@pytest.mark.parametrize(
    ("left", "right"),
    [({"a": ONE}, {"b": ONE}), ([ONE], [ONE, ONE]), (ONE, [ONE]), ({"a": ONE}, None), (None, ONE)],
)
def test_another_structure_never_passes(left, right):
    result = dualcell.compare(left, right)
    assert not result.passed
    assert "missing" in [row.verdict for row in result] + ["missing"] * (len(result) == 0)


@pytest.mark.parametrize("value", [None, [], {}, [None], {"a": ()}])
def test_nothing_compared_fails(value):
    result = dualcell.compare(value, value)
    assert (result.passed, len(result), result.report.summary) == (False, 0, "nothing was compared")


def test_all_empty_fails():
    result = dualcell.compare([np.zeros(0), np.zeros((2, 0))], [np.zeros(0), np.zeros((2, 0))])
    assert (result.passed, result.report.summary) == (False, "no element was compared: 2 equal, all empty")


def test_one_element_beside_empty_ones_is_enough():
    assert dualcell.compare([np.zeros(0), 1.0], [np.zeros(0), 1.0]).passed


@pytest.mark.parametrize("name", ["device", "seed", "dtype", "eager", "strict", "out"])
def test_options_of_a_run_have_no_place_in_compare(name):
    with pytest.raises(dualcell.OptionError) as error:
        dualcell.compare(1, 1, **{name: None})
    assert str(error.value).startswith(f"Unknown option {name!r}.")
    assert str(error.value).endswith(f"Accepted here: {', '.join(COMPARE_OPTIONS)}.")


def test_assert_close_is_silent_or_raises_with_the_table():
    assert dualcell.assert_close(ONE, ONE) is None
    with pytest.raises(dualcell.DualMismatch) as error:
        dualcell.assert_close({"w": ONE}, {"w": ONE + 1})
    assert str(error.value).startswith("1 of 1 row failed: 1 differs\n\n")
    assert "value.w  differs" in str(error.value)
    assert not error.value.result.passed


def test_assert_close_takes_the_options():
    dualcell.assert_close(ONE, ONE + 1, rtol=0.0, atol=1.0)
    with pytest.raises(dualcell.OptionError):
        dualcell.assert_close(ONE, ONE, rtol=1.0)


def test_the_defaults_are_those_of_options():
    assert compare_pair(Pair("x", leaf(ONE), leaf(ONE)), Options()).tolerance == Options().tolerances.of(
        "x", "float32", "float32"
    )


def test_an_unknown_object_inside_a_structure_is_a_row_and_no_pass():
    def holder(value):
        return {"a": ONE, "b": types.SimpleNamespace(h=value)}

    result = dualcell.compare(holder(0), holder(1))
    assert [(row.name, row.verdict) for row in result] == [("value.a", "equal"), ("value.b", "unsupported")]
    assert not result.passed


def test_the_summary_of_a_long_table_names_the_failing_rows():
    result = dualcell.compare([ONE] * 20, [*[ONE] * 15, ONE + 1, *[ONE] * 4])
    assert result.report.summary == "1 of 20 rows failed: 19 equal, 1 differs (value[15])"
    result = dualcell.compare([ONE] * 20, [ONE + 1] * 20)
    assert result.report.summary == "20 of 20 rows failed: 20 differs (value[0], value[1], value[2], ...)"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"rtol": 1e-3, "atol": 1e-4}, {"tolerance": "atol 0.0001 + rtol 0.001"}),
        ({"tol": ("y:rtol=0,atol=1",)}, {"tol": "y:rtol=0,atol=1"}),
        ({"causes": False}, {"causes": "not looked for"}),
        ({"allow_dtype": True, "equal_nan": True}, {"allow-dtype": "yes", "equal-nan": "yes"}),
    ],
)
def test_what_was_allowed_is_said_in_the_settings(options, said):
    assert settings_of(options_from(options)) == {"device": "auto"} | said
