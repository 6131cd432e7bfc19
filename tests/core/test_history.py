"""What changed since a cell's last run."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import dualcell
from dualcell import history
from dualcell.history import since_last_run
from dualcell.render.html import render_html
from dualcell.render.text import change_in_words, render_text
from dualcell.report import Before
from tests.core.test_table import ROW, cells

X = np.ones(3)


@pytest.fixture(autouse=True)
def _nothing_before():
    history.forget()
    yield
    history.forget()


def report_of(**errors):
    """A report with a row for each name, off by so much; by nothing measurable if that is None."""
    right = {name: X[:2] if error is None else X + error for name, error in errors.items()}
    report = dualcell.compare(dict.fromkeys(errors, X), right).report
    return replace(report, rows=tuple(replace(row, name=row.name.removeprefix("value.")) for row in report.rows))


def changes(report):
    return {row.name: change_in_words(row) for row in report.rows}


def test_each_row_says_what_it_was_and_what_became_of_it():
    first = since_last_run(report_of(a=0.5, b=0.25, c=0.0, d=None, e=1.0), "cell")
    assert (first.has_before, {row.before for row in first.rows}) == (False, {None})
    second = since_last_run(report_of(a=0.25, b=0.5, c=0.0, d=0.5, e=None, f=1.0), "cell")
    assert changes(second) == {
        "a": "0.500 ↓ better", "b": "0.250 ↑ worse", "c": "0 = same", "d": "shape ↓ better", "e": "1.00 ↑ worse",
        "f": "+ new",
    }  # fmt: skip
    third = since_last_run(report_of(a=0.25), "cell")
    assert changes(third) == {"a": "0.250 = same"}
    assert third.notes == ("compared in this cell's last run and not in this one: b, c, d, e, f",)
    assert changes(since_last_run(report_of(a=0.0), "other")) == {"a": "+ new"}


@pytest.mark.parametrize(
    ("was", "now", "word"),
    [
        (1.0, 1.004, "same"),  # both are shown as 1.00
        (1.0, 1.1, "worse"),
        (math.nan, 5.0, "better"),
        (5.0, math.nan, "worse"),
        (math.nan, math.nan, "same"),
        (math.inf, 5.0, "better"),
        (math.nan, math.inf, "better"),
        (None, math.nan, "better"),
        (None, None, "same"),
        (2**64 - 1, 2**64 - 2, "better"),
    ],
)
def test_errors_are_ordered(was, now, word):
    assert replace(ROW, max_abs=now, before=Before("close", True, was)).change == word


def test_a_dtype_that_was_mended_is_better_though_the_error_is_the_same():
    row = replace(ROW, max_abs=1.0, verdict="close", passed=True, before=Before("dtype", False, 1.0))
    assert row.change == "better"
    assert replace(row, verdict="dtype", passed=False, before=Before("close", True, 1.0)).change == "worse"


def test_a_tolerance_that_was_moved_makes_no_error_better():
    row = replace(ROW, max_abs=1.0, verdict="close", passed=True, before=Before("differs", False, 1.0))
    assert row.change == "same"
    assert replace(row, verdict="differs", passed=False, before=Before("close", True, 1.0)).change == "same"


def test_both_tables_have_a_column_once_there_was_a_run():
    first = since_last_run(report_of(a=0.5), "cell")
    assert "last run" not in render_text(first) + render_html(first)
    second = since_last_run(report_of(a=0.25, b=1.0), "cell")
    assert "last run" in render_text(second)
    table = cells(render_html(second))
    at = table[0].index("last run")
    assert (table[0][at - 1], [line[at] for line in table if len(line) > 3]) == (
        "max abs", ["last run", "0.500 ↓ better", "+ new"],
    )  # fmt: skip
    assert [len(line) for line in table if len(line) > 3] == [len(table[0])] * 3


def test_many_rows_that_are_gone_are_counted():
    since_last_run(report_of(**{f"h{index}": 0.0 for index in range(8)}), "cell")
    assert since_last_run(report_of(h0=0.0), "cell").notes == (
        "compared in this cell's last run and not in this one: h1, h2, h3, h4, h5 and 2 more",
    )


def test_only_so_many_cells_are_remembered(monkeypatch):
    monkeypatch.setattr(history, "_MOST_CELLS", 2)
    for cell in ("a", "b", "a", "c"):
        since_last_run(report_of(x=0.5), cell)
    assert {*history._runs} == {"a", "c"}
    monkeypatch.setattr(history, "_MOST_ROWS", 1)
    since_last_run(report_of(x=0.5, y=0.5), "a")
    assert changes(since_last_run(report_of(x=0.5, y=0.5), "a")) == {"x": "0.500 = same", "y": "+ new"}


def test_plain_python_remembers_nothing():
    for _ in range(2):
        with dualcell.dual("numpy: old", "numpy: new", captures=["y"]) as pair:
            with pair.left:
                y = np.ones(2)
            with pair.right:
                y = np.ones(2)
    assert y.shape == (2,)
    assert not pair.result.report.has_before
    assert not history._runs
