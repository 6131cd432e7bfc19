"""Long tables: what is folded, under which title, and that no row is lost by it."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dualcell
from dualcell.render.folds import GROUPED, groups_of
from dualcell.render.html import render_html
from dualcell.render.terminal import Terminal
from dualcell.render.text import render_text
from dualcell.report import runs_of
from tests.core.test_table import ROW

EQUAL = replace(ROW, verdict="equal")
WRONG = replace(ROW, verdict="differs", passed=False)


def named(row, *names):
    return [replace(row, name=name) for name in names]


def layers(count, row=EQUAL, each=("conv.weight", "bn.weight", "bn.bias", "bn.mean")):
    return named(row, *(f"value['layer{index}.{part}']" for index in range(count) for part in each))


def titles(rows):
    return [(group.title, len(group.rows)) for group in groups_of(rows)]


def test_a_short_table_is_one():
    assert titles(layers(7)) == [("", 28)]
    assert groups_of([]) == ()


def test_a_long_table_folds_by_what_names_begin_with():
    rows = [*named(ROW, "value.stem"), *layers(9), *named(ROW, "value.head.weight", "value.head.bias")]
    expected = [(f"value['layer{index}.*", 4) for index in range(9)]
    assert titles(rows) == [("", 1), *expected, ("", 2)]


def test_groups_that_are_too_large_fold_deeper():
    rows = named(ROW, *(f"model.{block}.{layer}.w{part}" for block in "ab" for layer in range(8) for part in range(5)))
    assert titles(rows) == [(f"model.{block}.{layer}.w*", 5) for block in "ab" for layer in range(8)]


def test_names_that_share_nothing_fold_into_pieces():
    assert titles(named(ROW, *(f"h{index}" for index in range(70)))) == [
        ("h0 … h29", 30), ("h30 … h59", 30), ("h60 … h69", 10),
    ]  # fmt: skip
    assert titles(named(ROW, *["same"] * 40)) == [("same … same", 30), ("same … same", 10)]


@pytest.mark.parametrize(
    ("names", "title"),
    [
        ([f"layers.block4.conv{index}" for index in range(32, 40)], "layers.block4.conv*"),
        ([f"value['layer8.block.{index}.weight']" for index in range(160, 180)], "value['layer8.block.*"),
        (["m.dense.kernel", "m.depth.kernel", "m.deep", "m.deer"], "m.*"),
        (["m.conv3", "m.conv35", "m.conv3z", "m.conv3"], "m.conv*"),
        (["m.w_in", "m.w_inner", "m.w_init", "m.w_"], "m.w_*"),
        (["m.x"] * 4, "m.x*"),
        ([f"m.{'n' * 200}.{index}" for index in range(4)], f"m.{'n' * 38}…{'n' * 38}.*"),
        (["m['é_1']", "m['é_2']", "m['é']", "m['è']"], "m['*"),
    ],
)
def test_titles_end_where_a_word_or_a_number_ends(names, title):
    assert title in dict(titles([*named(ROW, *names), *layers(9)]))


def test_the_title_of_a_piece_names_both_its_ends():
    names = [f"layers{index}" + "." + "attention.query_projection_with_long_name" * 2 for index in range(40)]
    ((first, _), _) = titles(named(ROW, *names))
    ends = [name[:40] + "…" + name[-39:] for name in (names[0], names[29])]
    assert first == " … ".join(ends)
    html = render_html(replace(dualcell.compare([1.0], [1.0]).report, rows=tuple(named(ROW, *names))))
    assert f"<b>{first}</b>" in html


def test_groups_with_failures_are_open_up_to_a_hundred_rows():
    rows = layers(9)
    rows[5] = replace(rows[5], verdict="shape", passed=False)
    opened = [group.title for group in groups_of(rows) if group.opened]
    assert opened == ["value['layer1.*"]
    many = groups_of(layers(40, WRONG))
    assert [group.opened for group in many] == [True] * 25 + [False] * 15


def test_a_group_counts_its_verdicts_failing_ones_first():
    rows = [*layers(1, EQUAL)[:2], *layers(1, WRONG)[2:], *layers(9)[4:]]
    (first, second, *_) = groups_of(rows)
    assert (list(first.counts.items()), second.counts) == ([("differs", 2), ("equal", 2)], {"equal": 4})


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ("eee", [("eee", False)]),  # a fold that hides the whole table says less than the table
        ("eeed", [("eee", True), ("d", False)]),
        ("eed", [("eed", False)]),
        ("deeecee", [("d", False), ("eee", True), ("cee", False)]),
        ("", []),
    ],
)
def test_equal_rows_that_follow_each_other_are_one_line(verdicts, expected):
    kinds = {"e": EQUAL, "d": WRONG, "c": ROW}
    found = runs_of([kinds[one] for one in verdicts], collapses=True)
    assert [("".join(row.verdict[0] for row in run.rows), run.folded) for run in found] == expected
    assert [run.folded for run in runs_of([kinds[one] for one in verdicts], collapses=False)] == [False][
        : len(verdicts)
    ]


def test_equal_rows_with_something_to_say_are_not_hidden():
    said = replace(EQUAL, cause="both are empty: no element was compared")
    assert [run.folded for run in runs_of([said] * 5 + [WRONG], collapses=True)] == [False]


@given(st.lists(st.tuples(st.text("ab.['1", max_size=6), st.sampled_from([EQUAL, WRONG, ROW])), max_size=150))
def test_no_row_is_lost_and_the_order_stays(drawn):
    rows = [replace(row, name=name) for name, row in drawn]
    groups = groups_of(rows)
    assert [row for group in groups for row in group.rows] == rows
    assert [row for group in groups for run in group.runs for row in run.rows] == rows
    assert all(0 < len(group.rows) for group in groups)
    assert all(len(group.rows) <= GROUPED for group in groups if group.title)


# --- in HTML ---


def compared(count, wrong=()):
    x = np.ones((2, 3), "float32")
    left = {f"layer{index // 10}.w{index % 10}": x for index in range(count)}
    right = {name: x * 2 if index in wrong else x for index, name in enumerate(left)}
    return dualcell.compare(left, right)


def test_html_folds_and_shows_every_row_once():
    html = render_html(compared(100, {15}).report)
    table = html.partition("</style>")[2]
    assert table.count('<details class="group') == 10
    assert table.count('<details class="group failed" open>') == 1
    for index in range(100):
        assert table.count(f"value[&#39;layer{index // 10}.w{index % 10}&#39;]</th>") == 1
    assert "4 equal</b> value[&#39;layer1.w6&#39;] … value[&#39;layer1.w9&#39;]" in table


def test_a_hundred_rows_stay_small():
    """Also where each of them failed, with a cause, its evidence and both fixes."""
    assert len(render_html(compared(100, range(100)).report)) < 200_000
    assert len(render_html(compared(100).report)) < 200_000


def test_a_thousand_rows_stay_usable():
    html = render_html(compared(1000, {500}).report)
    assert len(html) < 1_500_000
    assert html.count('<details class="group failed" open>') == 1


# --- in text ---


def test_text_folds_equal_rows_of_a_long_table():
    text = render_text(compared(100, {15}).report)
    table = text.partition("\n\n")[0].splitlines()
    assert [line.split("  ")[0] for line in table[2:]] == [
        "(15 equal: value['layer0.w0'] … value['layer1.w4'])", "value['layer1.w5']",
        "(84 equal: value['layer1.w6'] … value['layer9.w9'])",
    ]  # fmt: skip
    assert "equal" in render_text(compared(30, {15}).report).splitlines()[2]
    narrow = render_text(compared(100, {15}).report, Terminal(40)).splitlines()
    assert [len(line) for line in narrow if line.startswith("(")] == [40, 40]


# --- failing rows first ---


def sorted_report(sort):
    x = np.ones(3, "float32")
    left = {f"r{index}": x for index in range(40)}
    return dualcell.compare(left, left | {"r7": x * 2, "r20": x[:2]}, sort=sort)


def names_in(text):
    return re.findall(r"(?m)^value\.(r\d+) ", text)


def test_failing_rows_come_first_on_request():
    found = sorted_report("failing")
    lines = [line.split("  ")[0] for line in repr(found).splitlines()[2:5]]
    assert lines == ["value.r7", "value.r20", "(38 equal: value.r0 … value.r39)"]
    assert names_in(repr(sorted_report("given"))) == ["r7", "r20"]
    assert list(found.frame.index)[:3] == [row.name for row in found][:3] == ["value.r0", "value.r1", "value.r2"]
    html = render_html(found.report).partition("</style>")[2]
    first = html.partition('<details class="group')[0]
    assert re.findall(r"value\.(r\d+)</th>", first) == ["r7", "r20"]
    assert "value.r0 … value.r31" in html  # of the 38 that passed, the first thirty


def test_failing_rows_that_are_all_make_one_table():
    x = np.ones(3, "float32")
    html = render_html(dualcell.compare({"a": x}, {"a": x * 2}, sort="failing").report)
    assert html.count("<table>") == 1
