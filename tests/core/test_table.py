"""The HTML table: what a row says at a glance, what it unfolds to, and that nothing a user names can break it."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from html import unescape

import numpy as np
import pytest

import dualcell
from dualcell.render.cell import cell_html
from dualcell.render.facts import facts
from dualcell.render.html import render_html, room_for
from dualcell.render.markdown import render_markdown
from dualcell.render.scale import BARS, CLEAR, MARK, Scale, bar, scale_of
from dualcell.render.text import render_text
from dualcell.render.words import code_and_words, shortened
from dualcell.report import Row, figure, values_in_words
from tests.core.test_report import Reader

X = np.random.default_rng(0).standard_normal((4, 3)).astype("float32")
NOTHING = dict.fromkeys(
    ("max_rel", "mean_abs", "rms", "mismatched", "total", "worst_index", "left_value", "right_value")
)
ROW = Row("y", True, "close", (3,), (3,), "float32", "float32", "cpu", "cpu", 1e-6, **NOTHING, cause="")


def html_of(left, right, **options):
    return render_html(dualcell.compare(left, right, **options).report)


def cells(html):
    """The text of every cell, line by line of the table."""
    lines = re.findall(r"<tr.*?</tr>", html.partition("</style>")[2], re.DOTALL)
    return [[strip(cell) for cell in re.findall(r"<t[hd]\b.*?</t[hd]>", line, re.DOTALL)] for line in lines]


def strip(html):
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


# --- the columns ---


def test_what_is_the_same_in_every_row_is_said_once():
    html = html_of({"a": X, "b": X}, {"a": X, "b": X + 1e-7})
    assert cells(html)[0] == [
        "row", "verdict", "max abs", "mismatched", "worst at", "left", "right", "shape",
    ]  # fmt: skip
    assert "dtype float32; bars: max abs on a log scale from" in html
    mixed = html_of({"a": X, "b": X.astype("float64")}, {"a": X, "b": X})
    assert cells(mixed)[0][-1] == "dtype"
    assert cells(mixed)[2][-1] == "float64 | float32"


def test_devices_have_a_column_where_they_differ():
    report = dualcell.compare(X, X).report
    moved = replace(report, rows=(replace(report.rows[0], right_device="cuda:0"),))
    assert (cells(render_html(report))[0][-1], cells(render_html(moved))[0][-1]) == ("shape", "device")
    assert cells(render_html(moved))[1][-1] == "cpu | cuda:0"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, ""), (0.0, "0"), (3, "3"), (2**64 - 1, "18446744073709551615"), (0.1, "0.100"), (1.0, "1.00"),
        (123.4, "123"), (1234.5, "1.23e+03"), (1e-5, "1.00e-05"), (math.nan, "nan"), (math.inf, "inf"),
    ],
)  # fmt: skip
def test_errors_have_three_significant_digits(value, words):
    assert figure(value) == words


@pytest.mark.parametrize(
    ("left", "right", "dtype", "words"),
    [
        (0.5, 0.25, "float64", ("0.50", "0.25")),
        (-1.5, 10.125, "float32", ("-1.500", "10.125")),
        (1.0, 0.25, "float64", ("1", "0.25")),
        (1.5e-9, 0.25, "float64", ("1.5e-09", "0.25")),
        (1 + 2j, 1.5 + 2j, "complex64", ("1+2j", "1.5+2j")),
        (math.nan, 0.25, "float32", ("nan", "0.25")),
        (3, 4, "int64", ("3", "4")),
    ],
)
def test_the_two_values_have_as_many_decimals(left, right, dtype, words):
    row = replace(ROW, left_value=left, right_value=right, left_dtype=dtype, right_dtype=dtype)
    assert values_in_words(row) == words


# --- the bars ---


def test_all_bars_share_one_scale():
    rows = [replace(ROW, max_abs=value, allowed_at_worst=1e-5) for value in (0.0, 3e-8, 2.0, math.inf, None)]
    scale = scale_of(rows)
    assert scale == Scale(-9, 1)
    assert scale.words == "1e-09 to 1e+01"
    assert [round(scale.share(value), 2) for value in (0.0, 1e-30, 1e-9, 1e-4, 10.0, 1e30, math.nan, math.inf)] == [
        0, 0, 0, 0.5, 1, 1, 1, 1,
    ]  # fmt: skip
    assert scale_of([replace(ROW, max_abs=0.0, allowed_at_worst=1e-5), replace(ROW, max_abs=math.nan)]) is None


def colours(row, *places):
    """The bar's colours at some percents of its width."""
    found = re.findall(r"(#\w+) (\d+)% (\d+)%", bar(row, Scale(-10, 0)))
    stretches = [(int(begin), int(end), colour) for colour, begin, end in found]
    assert [begin for begin, *_ in stretches] == [0, *(end for _, end, _ in stretches[:-1])]  # hard edges
    assert stretches[-1][1] == 100
    return [next(colour for begin, end, colour in stretches if begin <= place < end) for place in places]


def test_a_bar_and_the_mark_of_what_is_allowed():
    within = replace(ROW, max_abs=1e-8, allowed_at_worst=1e-5)
    assert colours(within, 0, 19, 21, 49, 51, 53, 99) == [BARS[True], BARS[True], CLEAR, CLEAR, MARK, CLEAR, CLEAR]
    beyond = replace(ROW, max_abs=1e-2, allowed_at_worst=1e-5, passed=False)
    assert colours(beyond, 0, 47, 49, 51, 53, 55, 79, 81) == [
        BARS[False], BARS[False], CLEAR, MARK, CLEAR, BARS[False], BARS[False], CLEAR,
    ]  # fmt: skip
    exact = replace(ROW, max_abs=1, allowed_at_worst=0.0, passed=False)
    assert colours(exact, 0, 50, 99) == [BARS[False]] * 3
    assert colours(replace(ROW, max_abs=0.0, allowed_at_worst=5.0), 0, 97, 99) == [CLEAR, CLEAR, MARK]
    assert colours(replace(ROW, max_abs=1.0, allowed_at_worst=1e-10), 0, 3, 5) == [MARK, CLEAR, BARS[True]]
    assert (bar(replace(ROW, max_abs=None), Scale(-10, 0)), bar(ROW, None)) == ("", "")


def test_the_mark_stands_where_the_tolerance_is_for_the_worst_element():
    def allowed(**options):
        return dualcell.compare(np.float64([4.0]), np.float64([2.0]), rtol=0.5, atol=1, **options).report.rows[0]

    assert (allowed().allowed_at_worst, allowed(reference="right").allowed_at_worst) == (3.0, 2.0)
    assert dualcell.compare(np.float64([math.inf]), np.float64([2.0])).report.rows[0].allowed_at_worst is None
    assert dualcell.compare(X, X.T).report.rows[0].allowed_at_worst is None


# --- what a row unfolds to ---


def unfolded(left, right, **options):
    return dict(facts(dualcell.compare(left, right, **options).report.rows[0], ("left", "right")))


def test_every_figure_stands_where_a_row_unfolds():
    assert unfolded(np.float32([1, 2]), np.float32([1, 4])) == {
        "max rel": "1.00", "mean abs": "1.00", "rms": "1.41", "cosine": "0.97619",
        "mismatched": "1 of 2 (50 %)", "allowed": "atol 1e-05 + rtol 1.3e-06; 1.26e-05 at the worst element",
        "enough": "atol 2 or rtol 1", "NaN, Inf": "none", "shape": "(2,)", "dtype": "float32", "device": "cpu",
        "worst element": "(1,): left 2, right 4",
    }  # fmt: skip
    assert "worst element" not in unfolded(np.float32([1, 2]), np.float32([1, 2]))


def test_nan_and_infinities_are_counted_where_there_are_any():
    found = unfolded(np.float32([math.nan, math.inf, 1]), np.float32([1, math.inf, 1]))
    assert (found["NaN"], found["Inf"], found["disagree"]) == (
        "left 1, right 0", "left 1, right 1", "NaN or Inf in 1 places",
    )  # fmt: skip
    assert "NaN, Inf" not in found


def test_a_worst_element_within_the_tolerance_is_said_to_be_so():
    found = unfolded(np.float64([1000.0, 0.0]), np.float64([1000.5, 0.4]), rtol=1e-3, atol=0)
    assert found["note"] == "the worst element is within the tolerance; others, of a smaller reference, are not"
    assert "note" not in unfolded(np.float64([1.0]), np.float64([2.0]))
    assert "note" not in unfolded(np.float64([1.0]), np.float64([1.0]))


def test_a_row_without_figures_unfolds_to_its_sides():
    assert unfolded({"a": X}, {}) == {"shape": "(4, 3) | -", "dtype": "float32 | -", "device": "cpu | -"}
    assert unfolded(X, X.reshape(2, 6))["shape"] == "(4, 3) | (2, 6)"


def test_each_row_unfolds_once():
    html = html_of({"a": X, "b": X, "c": X}, {"a": X, "b": X + 1, "c": X.T})
    table = html.partition("<table>")[2].partition("</table>")[0]
    assert table.count("<details") == table.count("<summary ") == 3
    assert table.count('<dl class="figures">') == 3


def summaries(html):
    """What each fold of rows shows, and what it is called by those who only hear it."""
    found = re.findall(r"<summary aria-label=\"([^\"]*)\">(.*?)</summary>", html)
    return [(strip(shown), strip(heard)) for heard, shown in found]


def test_a_fold_is_called_by_its_row():
    html = html_of({"a": X, "b": X, "c": X, "e" * 200: X}, {"a": X, "b": X + 1, "c": X.T, "e" * 200: X})
    assert summaries(html) == [
        ("equal", "value.a: equal"),
        ("One number is added to every element: plus 1", "value.b: One number is added to every element: plus 1"),
        ("(4, 3) | (3, 4): The axes stand in another order: transpose(1, 0)",
         "value.c: (4, 3) | (3, 4): The axes stand in another order: transpose(1, 0)"),
        ("equal", f"value.{'e' * 34}…{'e' * 39}: equal"),
    ]  # fmt: skip


def test_a_slide_says_which_shapes_differ():
    report = replace(dualcell.compare(X, X[:2]).report, large=True)
    assert "(4, 3) | (2, 3): shapes are compared as they are" in strip(cell_html(report))


# --- what users name ---


@pytest.mark.parametrize("mark", ["\u202e", "\u2066", "\u200f", "\n", "\r", "\t", "\x00", "\x1b[31m", "\u2028"])
def test_marks_and_controls_are_written_out(mark):
    report = dualcell.compare({f"a{mark}b": X}, {f"a{mark}b": X + 1}).report
    html = render_html(report)
    assert mark not in html.partition("</style>")[2].replace("\n", "" if mark == "\n" else "\n")
    assert unescape(html).count(repr(mark)[1:-1]) >= 1


def test_long_names_are_shortened_and_whole_where_the_row_unfolds():
    name = "a" * 5000 + "<b>" + "z" * 5000
    html = html_of({name: X}, {name: X + 1e-7})
    assert len(re.findall("a{100,}", html)) == len(re.findall("a{5000}&lt;b&gt;z{5000}", html)) == 1
    assert '<dt class="long">name</dt><dd class="long">value[' in html
    assert "aaa…zzz" in html


def fixes_of(html):
    """What stands behind `change` and `or`: the code, and the words behind it."""
    return re.findall(r"<dt>(?:change|or|and) \w+</dt><dd>(?:<code>(.*?)</code>)?(.*?)</dd>", unescape(html))


def test_a_long_name_is_shortened_in_each_line_to_change():
    name = "a" * 5000 + "z" * 5000
    report = dualcell.compare({name: X}, {name: X + 0.1}).report
    short = "value." + "a" * 34 + "…" + "z" * 39
    assert fixes_of(render_html(report)) == [(f"{short} + 0.1", ""), (f"{short} - 0.1", "")]
    for text in (render_html(report), render_text(report), render_markdown(report)):
        assert len(re.findall("a{100,}", text)) == (text.count('class="long">name<'))


def test_words_behind_a_line_to_change_are_not_code():
    values, offsets = np.random.default_rng(0).normal(size=(9, 40)), np.random.default_rng(1).normal(size=40)
    by_channel = dualcell.compare(values, values + offsets).report
    assert fixes_of(render_html(by_channel)) == [
        ("value + offset", ", with those of each index"), ("value - offset", ", with those of each index"),
    ]  # fmt: skip
    assert "left: `value + offset`, with those of each index" in render_markdown(by_channel)
    assert "left: value + offset, with those of each index" in render_text(by_channel)


@pytest.mark.parametrize(
    ("fix", "code"),
    [
        ("value['a b'].transpose(1, 0)", "value['a b'].transpose(1, 0)"), ("norm: eps=0.001", "norm: eps=0.001"),
        ("y without exp", "y"), ("from_logits=True with the logits in place of y", "from_logits=True"),
        ("layers.LeakyReLU(0.2) or nn.LeakyReLU(0.2) makes y", "layers.LeakyReLU(0.2) or nn.LeakyReLU(0.2)"),
        ("compare y with a larger tolerance, or in float64", ""), ("isfinite of y and of what it is made of", ""),
        ("y + '\\d'", "y + '\\d'"), ("y\0", ""), ("(" * 10_000, ""), ("", ""),
    ],
)  # fmt: skip
def test_what_python_can_read_is_code(fix, code):
    assert code_and_words("~~ a b ~~ + 1", "~~ a b ~~") == ("~~ a b ~~ + 1", "")
    assert code_and_words(fix, "y") == (code, fix[len(code) :] if len(fix) < 1000 else shortened(fix, 1000))


def test_a_long_cause_is_shortened_and_whole_where_the_row_unfolds():
    report = dualcell.compare({"a": X}, {}).report
    cause = "it is " + "so " * 2000
    html = render_html(replace(report, rows=(replace(report.rows[0], cause=cause),)))
    assert html.count("so " * 1900) == 1
    assert '<dt class="long">cause</dt><dd class="long">it is so' in html


def test_a_hostile_name_cannot_leave_an_attribute():
    evil = "\"'><img src=x onerror=alert(1)>"
    reader = Reader()
    reader.feed(html_of({evil: X}, {evil: X + 1}))
    assert "img" not in reader.tags


# --- room ---


def test_names_have_room_and_a_bar_only_where_there_is_a_scale():
    assert room_for(["a", "layer.kernel"]) == ";min-width:min(12ch,35vw)"
    assert room_for(["a" * 100]) == ";min-width:min(30ch,35vw)"
    assert room_for([]) == ";min-width:min(0ch,35vw)"
    assert '<th scope="col" style="text-align:left;min-width:min(5ch,35vw)">row</th>' in html_of(X, X)
    assert 'class="bar"' not in html_of(X, X)
    assert html_of(X, X + 1e-7).count('class="bar"') == 1


class Counted(tuple):
    """Rows that count how often someone goes through all of them."""

    walks = 0

    def __iter__(self):
        Counted.walks += 1
        return super().__iter__()


def test_no_row_asks_all_others_something(monkeypatch):
    """A table of 20,000 rows took two minutes when each did."""
    monkeypatch.setattr(Counted, "walks", 0)
    rows = Counted(replace(ROW, name=f"h{index}") for index in range(500))
    assert render_html(replace(dualcell.compare(X, X).report, rows=rows))
    assert 0 < Counted.walks < 50
