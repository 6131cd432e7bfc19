"""The text table on a terminal: as wide as it is, in colours that are wanted, and whole anywhere else."""

from __future__ import annotations

import re
import sys
from dataclasses import replace

import numpy as np
import pytest

import dualcell
from dualcell.columns import columns_of
from dualcell.comparison import VERDICTS
from dualcell.render.terminal import ANYWHERE, Terminal, terminal
from dualcell.render.text import COLOURS, render_text

X = np.random.default_rng(0).standard_normal((4, 3)).astype("float32")
RESULT = dualcell.compare({"a": X, "loss": X, "lost": X}, {"a": X, "loss": X * 2})
DTYPES = dualcell.compare({"a": X, "b": X}, {"a": X, "b": X.astype("float64")})
SHAPES = dualcell.compare({"a": X, "b": X}, {"a": X, "b": X.T})


def headings(width, result=RESULT):
    lines = render_text(result.report, Terminal(width)).splitlines()
    line = next(line for line in lines if line.startswith("row"))
    return re.split(r"  +", line)


EVERYTHING = ["row", "verdict", "shape", "dtype", "max abs", "max rel", "mismatched", "worst at", "left", "right"]


@pytest.mark.parametrize(
    ("width", "left_out"),
    [
        (None, []),
        (200, []),
        (107, ["max rel"]),
        (98, ["max rel", "dtype"]),
        (85, ["max rel", "dtype", "mismatched"]),
        (60, ["max rel", "dtype", "mismatched", "left", "right"]),
        (45, ["max rel", "dtype", "mismatched", "left", "right", "worst at"]),
        (35, ["max rel", "dtype", "mismatched", "left", "right", "worst at", "shape"]),
    ],
)
def test_a_narrow_terminal_leaves_columns_out_and_says_which(width, left_out):
    assert headings(width) == [heading for heading in EVERYTHING if heading not in left_out]
    text = " ".join(render_text(RESULT.report, Terminal(width)).split())
    assert (f"left out, as the terminal is {width} columns wide: {', '.join(left_out)}" in text) == bool(left_out)


def test_the_column_that_a_verdict_is_about_stays_longest():
    assert "dtype" in headings(50, DTYPES)
    assert "shape" not in headings(50, DTYPES)
    assert "shape" in headings(50, SHAPES)


@pytest.mark.parametrize("width", [36, 50, 80, 100, 120])
def test_no_line_is_wider_than_the_terminal_but_for_code(width):
    x = np.ones((2, 3), "float32")
    result = dualcell.compare({"確率の長い名前" * 3: x, "b" * 300: x}, {"確率の長い名前" * 3: x + 1, "b" * 300: x})
    for report in (RESULT.report, result.report, replace(result.report, notes=("words " * 50,))):
        lines = render_text(report, Terminal(width)).splitlines()
        code = [line for line in lines if re.match(r"    (or )?(left|right): ", line)]
        assert [line for line in lines if columns_of(line) > width and line not in code] == []
        assert any(line.startswith("row") for line in lines)


def test_sentences_hang_under_their_beginning():
    report = replace(RESULT.report, notes=("word " * 30,))
    lines = render_text(report, Terminal(60)).splitlines()
    at = next(at for at, line in enumerate(lines) if line.startswith("note: "))
    assert lines[at + 1].startswith("  word")


def test_wide_characters_are_aligned():
    names = ("確率", "e\u0301", "plain")
    text = render_text(dualcell.compare(dict.fromkeys(names, X), dict.fromkeys(names, X)).report)
    rows = [line for line in text.splitlines() if "equal" in line and "(4, 3)" in line]
    before = [len(line.partition("(4, 3)")[0]) for line in rows]
    assert [before[2] - one for one in before] == [2, -1, 0]  # two wide ones, and an accent that takes no room


# --- colours ---


def test_colours_are_for_the_verdicts_and_the_outcome():
    text = render_text(RESULT.report, Terminal(None, coloured=True))
    assert "  \x1b[32mequal\x1b[0m  " in text
    assert "  \x1b[31mdiffers\x1b[0m  " in text
    assert "  \x1b[35mmissing\x1b[0m  " in text
    assert text.endswith("\x1b[31mdualcell: 2 of 3 rows failed: 1 equal, 1 differs, 1 missing\x1b[0m")
    assert re.sub(r"\x1b\[\d+m", "", text) == render_text(RESULT.report)
    passed = render_text(dualcell.compare(X, X).report, Terminal(None, coloured=True))
    assert passed.endswith("\x1b[32mdualcell: 1 row passed: 1 equal\x1b[0m")


def test_every_verdict_has_a_colour():
    assert tuple(COLOURS) == VERDICTS


def test_colours_go_to_the_verdict_column_whatever_a_row_is_called():
    names = ("differs", "確率 equal", "equal")
    text = render_text(dualcell.compare(dict.fromkeys(names, X), dict.fromkeys(names, X)).report, Terminal(None, True))
    rows = [line for line in text.splitlines() if "(4, 3)" in line]
    assert len(rows) == 3
    assert all(re.search(r" \x1b\[32mequal\x1b\[0m +\(4, 3\)", line) for line in rows)


def test_a_name_cannot_send_escape_codes():
    evil = "\x1b[31mred\x1b]0;title\x07"
    report = dualcell.compare({evil: X}, {evil: X * 2}).report
    assert "\x1b" not in render_text(report)
    assert re.findall(r"\x1b[^m]*m", render_text(report, Terminal(60, True))) == [
        "\x1b[31m", "\x1b[0m", "\x1b[31m", "\x1b[0m",
    ]  # fmt: skip


# --- where text goes ---


class Screen:
    """A standard output that says whether it is a terminal."""

    def __init__(self, is_one):
        self.is_one = is_one

    def isatty(self):
        if self.is_one is None:
            raise ValueError("I/O operation on closed file")
        return self.is_one


@pytest.mark.parametrize(
    ("is_one", "variables", "found"),
    [
        (True, {}, Terminal(72, True)),
        (True, {"NO_COLOR": "1"}, Terminal(72, False)),
        (True, {"NO_COLOR": ""}, Terminal(72, True)),  # no-color.org: "when present and not an empty string"
        (True, {"TERM": "dumb"}, Terminal(72, False)),
        (False, {}, ANYWHERE),
        (False, {"FORCE_COLOR": "1"}, ANYWHERE),
        (None, {}, ANYWHERE),
    ],
)
def test_what_the_standard_output_can_show(monkeypatch, is_one, variables, found):
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm", "COLUMNS": "72", **variables}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", Screen(is_one))
    assert terminal() == found


def test_without_a_standard_output_there_is_no_terminal(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    assert terminal() == ANYWHERE


def test_what_is_kept_is_whole_and_plain(monkeypatch, tmp_path):
    whole = render_text(RESULT.report)
    monkeypatch.setattr(sys, "stdout", Screen(True))
    monkeypatch.setenv("COLUMNS", "60")
    RESULT.save(tmp_path / "report.txt")
    with pytest.raises(dualcell.DualMismatch) as error:
        RESULT.assert_close()
    kept = (tmp_path / "report.txt").read_text(encoding="utf-8")
    assert whole in kept
    assert whole in str(error.value)
    assert "\x1b" not in repr(RESULT) + str(RESULT) + kept + str(error.value)
    assert "left out, as the terminal" in repr(RESULT)
    monkeypatch.undo()
    assert repr(RESULT) == RESULT._repr_mimebundle_()[0]["text/plain"] == whole
