"""`DualResult`: to ask, to assert, to save, to show."""

from __future__ import annotations

import csv
import json
import pickle

import numpy as np
import pytest

import dualcell
from dualcell import errors
from dualcell.errors import DualMismatch, did_you_mean

DESIGN = (
    "verdict, left_shape, right_shape, left_dtype, right_dtype, left_device, right_device, max_abs, max_rel, mean_abs, "
    "rms, mismatched, total, worst_index, left_value, right_value, cause"
).split(", ")


def a_result():
    left = {"w": np.float32([1, 2]), "s": np.zeros(2), "i": np.arange(3), "c": np.ones(1, complex)}
    right = {"w": np.float32([1, 2]), "s": np.zeros(3), "i": np.array([0, 1, 5]), "c": np.ones(1, complex), "m": 1.0}
    return dualcell.compare(left, right)


# --- the frame ---


def test_the_columns_are_those_of_the_design_in_order():
    assert list(a_result().frame.columns) == DESIGN
    assert list(dualcell.compare(None, None).frame.columns) == DESIGN


def test_the_frame_has_one_row_a_pair():
    frame = a_result().frame
    assert frame.index.name == "row"
    assert list(frame.index) == ["value.w", "value.s", "value.i", "value.c", "value.m"]
    assert list(frame.verdict) == ["equal", "shape", "differs", "equal", "missing"]
    wrong = frame.loc["value.i"]
    assert (wrong.max_abs, wrong.mismatched, wrong.total, wrong.worst_index) == (3, 1, 3, (2,))
    assert (wrong.left_value, wrong.right_value, wrong.left_shape, wrong.left_device) == (2, 5, (3,), "cpu")
    assert frame.loc["value.m"].cause == "the left side has no 'value.m'"


def test_an_empty_frame_can_be_asked_too():
    assert len(dualcell.compare(None, None).frame) == 0


# --- rows ---


def test_a_row_by_name():
    row = a_result()["value.i"]
    assert (row.name, row.verdict, row.passed, row.cause) == ("value.i", "differs", False, "no known cause")
    assert (row.left.tolist(), row.right.tolist(), row.error.tolist()) == ([0, 1, 2], [0, 1, 5], [0, 0, 3])
    assert row.figures.mismatched == 1
    assert repr(row) == "<DualRow 'value.i': differs, max abs 3>"


@pytest.mark.parametrize(
    ("left", "right", "error"),
    [
        (np.float16([1]), np.float16([3]), [2.0]),
        (np.array([3j]), np.array([4 + 0j]), [5.0]),
        (np.uint8([1]), np.uint8([255]), [254]),
        (np.array(True), np.array(False), 1),
        (np.zeros((0, 2)), np.zeros((0, 2)), []),
    ],
)
def test_the_error_map_has_the_shape_of_the_pair(left, right, error):
    found = dualcell.compare(left, right)["value"].error
    assert (found.tolist(), found.shape) == (error, left.shape)


@pytest.mark.parametrize(
    ("left", "right", "verdict", "cause"),
    [
        (np.zeros(2), np.zeros(3), "shape", "shapes are compared as they are, never broadcast or permuted"),
        (np.zeros(2), "text", "unsupported", "right: a str is not a tensor"),
        (np.zeros(2), None, "missing", "the right side has no 'value'"),
    ],
)
def test_a_row_without_figures_has_no_error_map(left, right, verdict, cause):
    row = dualcell.compare(left, right)["value"]
    with pytest.raises(ValueError, match="has no error map") as error:
        _ = row.error
    assert str(error.value) == f"row 'value' is {verdict!r}, so it has no error map: {cause}"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("valu.w", "no row 'valu.w'. Did you mean 'value.w'? Rows: 'value.w'"),
        ("zzz", "no row 'zzz'. Rows: 'value.w'"),
        (0, "no row 0. Rows: 'value.w'"),
    ],
)
def test_a_row_that_is_not_there(name, sentence):
    result = dualcell.compare({"w": 1}, {"w": 1})
    with pytest.raises(KeyError) as error:
        result[name]
    assert error.value.args == (sentence,)
    assert name not in result


def test_a_row_of_an_empty_result():
    with pytest.raises(KeyError) as error:
        dualcell.compare(None, None)["x"]
    assert error.value.args == ("no row 'x'. Rows: none",)


def test_a_result_is_a_collection_whose_truth_is_passed():
    result = a_result()
    assert (len(result), bool(result), result.passed, "value.w" in result) == (5, False, False, True)
    assert [row.name for row in result][:2] == ["value.w", "value.s"]
    assert bool(dualcell.compare(1, 1)) is True
    assert bool(dualcell.compare(None, None)) is False


# --- assert_close and last_result ---


def test_assert_close_raises_with_the_table_and_the_result():
    result = a_result()
    with pytest.raises(AssertionError) as error:
        result.assert_close()
    assert str(error.value) == f"{result.report.summary}\n\n{result!r}"
    assert error.value.result is result


@pytest.mark.parametrize("value", [None, np.zeros(0)])
def test_assert_close_refuses_an_empty_comparison(value):
    with pytest.raises(DualMismatch):
        dualcell.compare(value, value).assert_close()


def test_the_last_result_is_the_newest():
    assert dualcell.last_result() is None
    for value in (1.0, 2.0):
        with dualcell.dual("numpy: old", "numpy: new") as pair:
            with pair.left:
                y = np.array(value)
            with pair.right:
                y = np.array(value)
        assert dualcell.last_result() is pair.result
    kept = dualcell.last_result()
    dualcell.compare(y, y)
    assert dualcell.last_result() is kept


# --- saving and showing ---


def test_a_result_can_be_saved_in_each_form(tmp_path):
    result = a_result()
    for suffix in (".json", ".html", ".md", ".txt", ".csv"):
        result.save(tmp_path / f"r{suffix}")
    result.save(str(tmp_path / "text.txt"))
    assert json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["summary"] == result.report.summary
    assert (tmp_path / "r.html").read_text(encoding="utf-8").startswith("<!doctype html>\n")
    assert (tmp_path / "r.txt").read_text(encoding="utf-8") == f"{result!r}\n"
    assert (tmp_path / "text.txt").exists()
    with (tmp_path / "r.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["row", *DESIGN]
    assert len(rows) == 6


@pytest.mark.parametrize(("name", "suffix"), [("r.xlsx", ".xlsx"), ("r", ""), ("r.json.gz", ".gz")])
def test_another_suffix_is_refused(tmp_path, name, suffix):
    with pytest.raises(ValueError, match="cannot save to") as error:
        a_result().save(tmp_path / name)
    assert str(error.value) == (
        f"cannot save to {name!r}: the suffix is {suffix!r}, expected .json, .html, .md, .txt, .csv"
    )
    assert list(tmp_path.iterdir()) == []


def test_html_and_text_are_shown_together_with_the_data_in_the_metadata():
    result = a_result()
    data, metadata = result._repr_mimebundle_(include=None, exclude=None)
    assert list(data) == ["text/html", "text/markdown", "text/plain"]
    assert data["text/plain"] == repr(result)
    assert json.loads(json.dumps(metadata, allow_nan=False))["dualcell"]["passed"] is False


# --- errors ---


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        ("OptionError", ValueError),
        ("DeviceError", RuntimeError),
        ("FrameworkError", ImportError),
        ("DualMismatch", AssertionError),
    ],
)
def test_every_error_is_a_dual_error_and_a_builtin_one(error, builtin):
    assert issubclass(getattr(errors, error), (errors.DualError, builtin))
    assert issubclass(getattr(errors, error), errors.DualError)
    assert getattr(dualcell, error) is getattr(errors, error)


def test_a_mismatch_survives_pickling():
    error = pickle.loads(pickle.dumps(DualMismatch("text")))  # noqa: S301 - our own bytes
    assert (str(error), error.result) == ("text", None)


@pytest.mark.parametrize(
    ("word", "hint"), [("prob", " Did you mean 'probs'?"), ("probs", " Did you mean 'probs'?"), ("zebra", ""), ("", "")]
)
def test_did_you_mean(word, hint):
    assert did_you_mean(word, iter(["probs", "dense"])) == hint
    assert did_you_mean(word, []) == ""
