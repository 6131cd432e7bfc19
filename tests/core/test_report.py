"""The report's judgement and words, and the three renderers that only draw it."""

from __future__ import annotations

import json
import math
from dataclasses import fields, replace
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dualcell.captures import Captured, capture
from dualcell.comparison import VERDICTS, compare_pair
from dualcell.options import Options
from dualcell.pairs import Pair
from dualcell.render.html import TINTS, render_html
from dualcell.render.json import render_json
from dualcell.render.text import header_line, mismatches, render_text, settings_line
from dualcell.render.words import duration, one_or_both
from dualcell.report import COLUMNS, Report, Row, SideFacts, build_report, in_words, settings_of

SIDES = (SideFacts("keras", 0.0123, {"keras": "3.9", "dtype": "float32"}), SideFacts("torch"))
EVIL = '<script>alert("x")</script>\'&'


def row(left, right, name="x", options=None):
    leaves = [side if isinstance(side, Captured) else capture(side)[0][1] for side in (left, right)]
    return compare_pair(Pair(name, *leaves), options or Options())


def report_of(*comparisons, stopped="", notes=(), settings=None, sides=SIDES):
    return build_report(sides, comparisons, settings or {}, notes, stopped)


EQUAL, EMPTY = row(np.ones(3), np.ones(3)), row(np.zeros(0), np.zeros(0))
WRONG, LOST = row(np.ones(3), np.zeros(3), "h"), row(np.ones(3), Captured(missing="it is gone"), "lost")


# --- the whole ---


@pytest.mark.parametrize(
    ("comparisons", "passed", "summary"),
    [
        ([], False, "nothing was compared"),
        ([EQUAL], True, "1 row passed: 1 equal"),
        ([EQUAL, EMPTY], True, "2 rows passed: 2 equal"),
        ([EMPTY], False, "no element was compared: 1 equal, all empty"),
        ([EMPTY, EMPTY], False, "no element was compared: 2 equal, all empty"),
        ([EQUAL, WRONG, LOST, WRONG], False, "3 of 4 rows failed: 1 equal, 2 differs, 1 missing"),
        ([LOST], False, "1 of 1 row failed: 1 missing"),
        ([EMPTY, LOST], False, "1 of 2 rows failed: 1 equal, 1 missing"),
    ],
)
def test_a_run_passes_if_every_row_does_and_something_was_compared(comparisons, passed, summary):
    found = report_of(*comparisons)
    assert (found.passed, found.summary) == (passed, summary)


@pytest.mark.parametrize(
    ("comparisons", "before"), [([], "nothing"), ([EQUAL], "1 equal"), ([EQUAL, LOST], "1 equal, 1 missing")]
)
def test_a_stopped_run_never_passes(comparisons, before):
    found = report_of(*comparisons, stopped="the torch block raised ValueError")
    assert (found.passed, found.summary) == (False, f"the torch block raised ValueError; before that: {before}")


def test_a_row_holds_every_figure_of_its_comparison():
    [found] = report_of(WRONG).rows
    assert (found.name, found.verdict, found.passed, found.left_shape, found.right_dtype) == (
        "h", "differs", False, (3,), "float64",
    )  # fmt: skip
    assert (found.max_abs, found.mismatched, found.total, found.worst_index) == (1.0, 3, 3, (0,))
    assert (found.left_value, found.right_value, found.left_device) == (1.0, 0.0, "cpu")
    assert found.allowed == "atol 1e-07 + rtol 1e-07"
    for name in ("max_rel", "mean_abs", "rms", "cosine", "needed_atol", "needed_rtol", "nonfinite_disagree"):
        assert getattr(found, name) == getattr(WRONG.stats, name) or math.isnan(getattr(found, name))


def test_a_row_without_tensors_has_no_figures():
    [found] = report_of(LOST).rows
    assert (found.cause, found.allowed, found.right_shape, found.right_dtype) == ("it is gone", "", None, "")
    assert all(getattr(found, name) is None for name in ("max_abs", "total", "mismatched", "worst_index", "left_value"))


def test_every_column_is_a_field_of_a_row():
    assert set(COLUMNS) < {field.name for field in fields(Row)}


def test_settings_in_words():
    assert settings_of(Options()) == {"device": "auto"}
    assert settings_of(Options(device="cpu", seed=0, dtype="float64", eager=True, reference="right")) == {
        "device": "cpu", "seed": "0", "dtype": "float64", "eager": "yes", "reference": "right",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "dtype", "words"),
    [
        (None, "", ""),
        (True, "", "True"),
        (2**64 - 1, "", "18446744073709551615"),
        (0.0, "", "0"),
        (-0.0, "", "-0"),
        (1 / 3, "", "0.333"),
        (1 / 3, "float64", "0.3333333333333333"),
        (1.5, "float16", "1.5"),
        (math.nan, "", "nan"),
        (-math.inf, "", "-inf"),
        ((), "", "()"),
        ((5,), "", "(5,)"),
        ((2, -1), "", "(2, ?)"),
        (1 - 2j, "", "1-2j"),
        (complex(1, -0.0), "", "1-0j"),
        (complex(math.nan, math.inf), "", "nan+infj"),
        ("text", "", "text"),
    ],
)
def test_values_in_words(value, dtype, words):
    assert in_words(value, dtype) == words


# --- text ---


def test_the_text_of_a_report():
    found = report_of(EQUAL, WRONG, LOST, notes=["look here"], settings={"device": "cpu", "seed": "0"})
    assert (
        render_text(found)
        == """\
keras: keras 3.9, dtype float32, 12.3 ms
device cpu, seed 0

row   verdict  shape     dtype        max abs  max rel  mismatched  worst at  keras  torch
----  -------  --------  -----------  -------  -------  ----------  --------  -----  -----
x     equal    (3,)      float64            0        0       0 / 3  (0,)      1      1
h     differs  (3,)      float64         1.00     1.00       3 / 3  (0,)      1      0
lost  missing  (3,) | -  float64 | -

  lost: it is gone

note: look here

dualcell: 2 of 3 rows failed: 1 equal, 1 differs, 1 missing"""
    )


def test_the_text_of_nothing():
    assert render_text(report_of(sides=(SideFacts("a"), SideFacts("b")))) == "dualcell: nothing was compared"


@given(st.lists(st.text("ab cdé\n\t\r\u2028<", max_size=12), min_size=1, max_size=4, unique=True))
def test_the_columns_of_the_text_are_aligned_whatever_the_names(names):
    lines = render_text(report_of(*(replace(WRONG, row=name) for name in names))).split("\n")
    rule = next(at for at, line in enumerate(lines) if line.startswith("--"))
    start = lines[rule].index("  ") + 2
    rows = lines[rule + 1 : rule + 1 + len(names)]
    assert all(line[start : start + 7] == "differs" and line[start - 2 : start] == "  " for line in rows)


def test_the_small_words():
    assert (duration(0.9994), duration(1.0)) == ("999.4 ms", "1.0 s")
    assert (one_or_both("a", "a"), one_or_both("a", ""), one_or_both("", "")) == ("a", "a | -", "")
    assert header_line(SideFacts("torch")) == header_line(SideFacts("torch", None, {})) == ""
    assert settings_line(report_of(settings={"device": "cpu"})) == "device cpu"
    assert [mismatches(row) for row in report_of(WRONG, LOST).rows] == ["3 / 3", ""]


# --- HTML ---


class Reader(HTMLParser):
    """Collects tags and text, and fails on a tag that is not closed."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.texts = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style" and data.strip():
            self.texts.append(data.strip())


def read_html(report):
    reader = Reader()
    reader.feed(render_html(report))
    reader.close()
    assert reader.open == []
    return reader


def evil_report():
    lost = row(np.ones(1), Captured(missing=EVIL), EVIL)
    sides = (SideFacts(EVIL, 1.0, {EVIL: EVIL}), SideFacts(EVIL))
    return report_of(lost, notes=[EVIL], settings={EVIL: EVIL}, stopped=EVIL, sides=sides)


def test_everything_a_user_can_name_is_escaped():
    reader = read_html(evil_report())
    assert set(reader.tags) == set("div style p b table thead tbody tr th td details summary dl dt dd span".split())
    assert EVIL in reader.texts
    assert f"note: {EVIL}" in reader.texts
    html = render_html(evil_report())
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 8


@settings(deadline=None)  # the first one compiles the template
@given(st.text(max_size=80), st.text(max_size=1000))  # longer ones are said whole below
def test_no_text_can_leave_its_place(name, cause):
    reader = read_html(report_of(row(np.ones(1), Captured(missing=cause or "gone"), name)))
    plain = read_html(report_of(LOST))
    assert reader.tags == plain.tags


def test_the_same_report_gives_the_same_html():
    found = report_of(EQUAL, WRONG, LOST)
    assert render_html(found) == render_html(found) == render_html(report_of(EQUAL, WRONG, LOST))


def test_the_html_shows_what_the_text_shows():
    found = report_of(EQUAL, WRONG, LOST, notes=["look here"], settings={"device": "cpu"})
    texts = read_html(found).texts
    figures = ["x", "lost", "missing", "3 / 3", "(3,) |", "it is gone", "keras", "torch"]
    lines = ["2 of 3 rows failed: 1 equal, 1 differs, 1 missing", "note: look here", "device cpu"]
    for shown in [*figures, *lines, "keras: keras 3.9, dtype float32, 12.3 ms"]:
        assert shown in texts


def test_html_without_rows_has_no_table():
    reader = read_html(report_of())
    assert "table" not in reader.tags
    assert "nothing was compared" in reader.texts


def test_every_verdict_has_a_tint():
    assert tuple(TINTS) == VERDICTS


# --- JSON ---


def strict(report):
    return json.loads(json.dumps(render_json(report), allow_nan=False))


def test_json_is_strict_and_says_all():
    found = strict(report_of(EQUAL, LOST, notes=["n"], settings={"device": "cpu"}))
    assert list(found) == ["schema", "sides", "rows", "settings", "passed", "summary", "notes", "sort", "pictures"]
    assert (found["schema"], found["passed"], found["notes"], found["settings"]) == (1, False, ["n"], {"device": "cpu"})
    assert found["sides"][0] == {"label": "keras", "seconds": 0.0123, "facts": {"keras": "3.9", "dtype": "float32"}}
    assert list(found["rows"][0]) == [field.name for field in fields(Row)]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (np.array([math.nan]), np.array([1.0])),
        (np.array([math.inf]), np.array([-math.inf])),
        (np.array([complex(math.nan, math.inf)]), np.array([1j])),
        (np.array([2**64 - 1], "uint64"), np.array([-1])),
        (np.array([1], np.longdouble), np.array([2], np.longdouble)),
        (np.array([True]), np.array([False])),
        (np.array(1.0), np.array(2.0)),
        (np.zeros(0), np.zeros(0)),
        (np.float16([1]), "text"),
    ],
)
def test_json_and_html_and_text_take_any_value(left, right):
    found = report_of(row(left, right))
    assert strict(found)["rows"][0]["name"] == "x"
    assert read_html(found)
    assert render_text(found)


def test_json_has_words_for_what_json_lacks():
    [found] = strict(report_of(row(np.array([complex(math.nan, -math.inf)]), np.array([1j]))))["rows"]
    assert (found["left_value"], found["right_value"], found["max_abs"]) == (["nan", "-inf"], [0.0, 1.0], "inf")


def test_a_report_is_plain_data():
    assert isinstance(report_of(EQUAL), Report)
    for value in vars(report_of(WRONG).rows[0]).values():
        assert type(value) in (str, bool, int, float, tuple, type(None))
