"""Report -> aligned text for terminals, logs and error messages."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from dualcell.columns import columns_of
from dualcell.render.terminal import ANYWHERE, Terminal
from dualcell.render.words import (
    LONGEST_SENTENCE,
    code_and_words,
    duration,
    fitted,
    from_to,
    one_line,
    one_or_both,
    shortened,
    wrapped,
)
from dualcell.report import Report, Row, SideFacts, figure, in_words, runs_of, values_in_words

COLOURS = {
    "equal": 32, "close": 32, "differs": 31, "shape": 31, "dtype": 33, "missing": 35, "unsupported": 35,
}  # fmt: skip
_NARROWEST_NAME = 12
_LONG = 30  # rows; of a longer table, equal rows that follow each other are one line


def render_text(report: Report, shown_on: Terminal = ANYWHERE) -> str:
    """The whole report as lines of text.

    Args:
        report: what is shown.
        shown_on: where. A terminal that is too narrow leaves columns out, in the order of
            `_LEFT_OUT`, and says which; then the names are shortened. Nothing else has a
            width, and gets the whole table.

    Returns:
        A header line per side, the table, the failing rows' reasons, the summary.
    """
    lines = [Line(header_line(side)) for side in report.sides if header_line(side)]
    lines += [Line(settings_line(report))] if report.settings else []
    text = _wrapped(lines, shown_on.width)
    if report.rows:
        columns, left_out = _fitting(table_columns(report), shown_on.width)
        text += ["", *_folded(_drawn(columns, report.shown, shown_on.coloured), report, shown_on.width)]
        said = f"left out, as the terminal is {shown_on.width} columns wide: {', '.join(left_out)}"
        text += _wrapped([Line(said)], shown_on.width) if left_out else []
    notes = [Line(f"note: {note}") for note in report.notes]
    for more in (reruns(report), drawn_in_words(report), reasons(report), notes):
        text += ["", *_wrapped(more, shown_on.width)] if more else []
    summary = "\n".join(_wrapped([Line(f"dualcell: {report.summary}")], shown_on.width))
    return "\n".join(
        [*text, "", _coloured(summary, 32 if report.passed else 31) if shown_on.coloured else summary]
    ).lstrip("\n")


# --- the table ---


@dataclass(frozen=True)
class Column:
    """A column of the table: its heading, and a cell for each row that is shown."""

    heading: str
    cells: tuple[str, ...]
    right: bool = False

    @property
    def width(self) -> int:
        """How many columns of a terminal it takes."""
        return max(columns_of(cell) for cell in (self.heading, *self.cells))


# what a narrow terminal does without, first things first
_LEFT_OUT = ("max rel", "dtype", "mismatched", "drift/noise", "values", "worst at", "shape")
_RULED_BY = {"dtype": "dtype", "shape": "shape"}  # a column that says why a row has this verdict stays longest


def table_columns(report: Report) -> list[Column]:
    """Every column, whatever the width; no cell has line breaks."""
    rows, labels = report.shown, [shortened(side.label) for side in report.sides]

    def column(heading: str, said: Callable[[Row], str], right: bool = False) -> Column:
        return Column(one_line(heading), tuple(one_line(said(row)) for row in rows), right)

    found = [
        column("row", lambda row: shortened(row.name)),
        column("verdict", lambda row: row.verdict),
        column("shape", lambda row: one_or_both(in_words(row.left_shape), in_words(row.right_shape))),
        column("dtype", lambda row: one_or_both(row.left_dtype, row.right_dtype)),
        column("max abs", lambda row: figure(row.max_abs), right=True),
    ]
    found += [column("last run", change_in_words)] if report.has_before else []
    found += [column("max rel", lambda row: figure(row.max_rel), right=True)]
    found += [column("drift/noise", noise_in_words, right=True)] if report.has_noise else []
    found += [column("mismatched", mismatches, right=True), column("worst at", lambda row: in_words(row.worst_index))]
    return found + [
        column(label, lambda row, side=side: values_in_words(row)[side]) for side, label in enumerate(labels)
    ]


def _fitting(columns: list[Column], width: int | None) -> tuple[list[Column], list[str]]:
    """The columns that fit, and the headings of those that do not."""
    if width is None:
        return columns, []
    verdicts = {*columns[1].cells}
    order = sorted(_LEFT_OUT, key=lambda name: _RULED_BY.get(name) in verdicts)
    left_out: list[Column] = []
    for name in order:
        if _width(columns) <= width:
            break
        gone = columns[-2:] if name == "values" else [column for column in columns if column.heading == name]
        columns = [column for column in columns if column not in gone]
        left_out += gone
    too_wide = _width(columns) - width
    if too_wide > 0:
        most = max(columns[0].width - too_wide, _NARROWEST_NAME)
        names = tuple(fitted(name, most) for name in columns[0].cells)
        columns = [Column(columns[0].heading, names), *columns[1:]]
    return columns, [column.heading for column in left_out]


def _width(columns: Sequence[Column]) -> int:
    return sum(column.width for column in columns) + 2 * (len(columns) - 1)


def _drawn(columns: Sequence[Column], rows: Sequence[Row], coloured: bool) -> list[str]:
    """The columns as lines, a rule below their headings."""
    lines = aligned(
        [tuple(column.heading for column in columns), *zip(*(column.cells for column in columns), strict=True)],
        [at for at, column in enumerate(columns) if column.right],
    )
    if not coloured:
        return lines
    start = columns[0].width + 2
    tables = zip(lines[2:], rows, strict=True)
    return lines[:2] + [_verdict_coloured(line, _at_column(line, start), row.verdict) for line, row in tables]


def _folded(lines: list[str], report: Report, width: int | None) -> list[str]:
    """The lines of a table; in a long one, equal rows that follow each other are one line."""
    if len(report.rows) <= _LONG:
        return lines
    folded, at = lines[:2], 2
    for run in runs_of(report.shown, collapses=True):
        said = f"({len(run.rows)} equal: {from_to(run.rows[0].name, run.rows[-1].name)})"
        said = one_line(said) if width is None else fitted(one_line(said), width)
        folded += [said] if run.folded else lines[at : at + len(run.rows)]
        at += len(run.rows)
    return folded


def _at_column(line: str, column: int) -> int:
    """How many characters stand before a column."""
    at = 0
    while columns_of(line[:at]) < column:
        at += 1
    return at


def _verdict_coloured(line: str, start: int, verdict: str) -> str:
    end = start + len(verdict)
    return line[:start] + _coloured(line[start:end], COLOURS[verdict]) + line[end:]


def _coloured(text: str, colour: int) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m"


def aligned(table: Sequence[tuple[str, ...]], numbers: Iterable[int] = ()) -> list[str]:
    """The table as lines, a rule below its headings; columns of `numbers` to the right."""
    table = [tuple(one_line(cell) for cell in cells) for cells in table]
    widths = [max(columns_of(cell) for cell in column) for column in zip(*table, strict=True)]
    rule = tuple("-" * width for width in widths)
    to_the_right = {*numbers}
    lines = []
    for cells in (table[0], rule, *table[1:]):
        padded: list[str] = []
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True)):
            room = " " * (width - columns_of(cell))
            padded.append(room + cell if column in to_the_right else cell + room)
        lines.append("  ".join(padded).rstrip())
    return lines


# --- the lines around it ---


class Line(NamedTuple):
    """A line of text.

    Attributes:
        text: what it says.
        depth: how far it is indented, 0 to 2.
        code: what is to be written, behind the text; it stays on one line.
        words: what is said of that, behind it.
    """

    text: str
    depth: int = 0
    code: str = ""
    words: str = ""


def reruns(report: Report) -> list[Line]:
    """What running the cell again has shown of the rows."""
    told = (
        (row.name, word, said)
        for row in report.shown
        for word, said in (("noise", row.noise), ("float64", row.referee))
    )
    return [Line(f"{shortened(name)}, {word}: {said.sentence}", 1) for name, word, said in told if said]


def drawn_in_words(report: Report) -> list[Line]:
    """What the pictures show, where they cannot be shown."""
    rows = [Line(f"{shortened(row.name)}: {picture.alt}", 1) for row in report.shown for picture in row.pictures]
    return [*rows, *(Line(picture.alt, 1) for picture in report.pictures)]


def reasons(report: Report) -> list[Line]:
    """Why rows failed, and where to read more."""
    found = [line for row in report.shown if row.cause for line in _why(row, [side.label for side in report.sides])]
    names = causes_named(report)
    return [*found, *([Line(f"dualcell explain NAME says more: {', '.join(names)}", 1)] if names else [])]


def _why(row: Row, labels: Sequence[str]) -> list[Line]:
    """Why a row failed; of the first explanation the evidence, and the line to change on one side or the other."""
    lines = [Line(f"{shortened(row.name)}: {row.cause}", 1)]
    for finding in row.findings[:1]:
        lines.append(Line(finding.evidence, 2))
        lines += [_change(labels[0], finding.left_fix, row)] if finding.left_fix else []
        joint = f"{'and' if finding.both else 'or'} " if finding.left_fix else ""
        lines += [_change(f"{joint}{labels[1]}", finding.right_fix, row)] if finding.right_fix else []
        lines += [Line(finding.hint, 2)] if finding.hint else []
    return lines


def _change(label: str, fix: str, row: Row) -> Line:
    return Line(label, 2, *code_and_words(fix, row.name))


def _wrapped(lines: Iterable[Line], width: int | None) -> list[str]:
    """Sentences on as many lines as they need; what follows the first stands two further to the right."""
    found: list[str] = []
    for line in lines:
        said = f"{line.text}: {line.code}{line.words}" if line.code or line.words else line.text
        text = "  " * line.depth + shortened(one_line(said), LONGEST_SENTENCE)
        whole = width is None or line.code or columns_of(text) <= width
        found += [text] if whole else wrapped(text, width or 0)
    return found


def causes_named(report: Report) -> list[str]:
    """The names of all causes that were found, once each."""
    return list(dict.fromkeys(name for row in report.rows for finding in row.findings for name in finding.causes))


def header_line(side: SideFacts) -> str:
    """`torch: torch 2.13.0, dtype float32, 12 ms`; empty for a plain `compare`."""
    facts = [f"{name} {value}" for name, value in (side.facts or {}).items()]
    if side.seconds is not None:
        facts.append(duration(side.seconds))
    return f"{side.label}: {', '.join(facts)}" if facts else ""


def settings_line(report: Report) -> str:
    """`device cpu, seed 0`."""
    return ", ".join(f"{name} {value}" for name, value in report.settings.items())


# --- figures in words, shared with the HTML table ---


def mismatches(row: Row) -> str:
    """`3 / 10`, or empty where nothing was measured."""
    return "" if row.total is None else f"{row.mismatched} / {row.total}"


def noise_in_words(row: Row) -> str:
    """How many times its noise a difference is, as `0.75x`; empty where that was not measured."""
    if row.noise is None or math.isnan(row.noise.ratio):
        return ""
    return f"{row.noise.ratio:.2g}x"


_ARROWS = {"better": "↓", "worse": "↑", "same": "=", "new": "+"}


def change_in_words(row: Row) -> str:
    """What a row was when its cell ran last, and what has become of it: `0.120 ↓ better`."""
    was = "" if row.before is None else figure(row.before.max_abs) or row.before.verdict
    return f"{was} {_ARROWS[row.change]} {row.change}".lstrip()
