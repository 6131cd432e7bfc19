"""Report -> aligned text for terminals, logs and error messages."""

from __future__ import annotations

import math

from dualcell.render.words import LONGEST_SENTENCE, duration, one_line, one_or_both, shortened
from dualcell.report import Report, Row, SideFacts, figure, in_words, values_in_words

HEADINGS = ("row", "verdict", "shape", "dtype", "max abs", "max rel", "mismatched", "worst at")
_NUMBERS = range(4, 7)  # columns aligned to the right
_NOISE = 6  # where `drift/noise` goes, a column that only `--noise` has


def render_text(report: Report) -> str:
    """The whole report as lines of text.

    Returns:
        A header line per side, the table, the failing rows' reasons, the summary.
    """
    left, right = (shortened(side.label) for side in report.sides)
    headings = (*HEADINGS, left, right)
    lines = [_sentence(header_line(side)) for side in report.sides if header_line(side)]
    lines += [_sentence(settings_line(report))] if report.settings else []
    if report.rows:
        table = [headings, *(_cells(row) for row in report.shown)]
        if report.has_noise:
            said = ("drift/noise", *(noise_in_words(row) for row in report.shown))
            table = [(*row[:_NOISE], noise, *row[_NOISE:]) for row, noise in zip(table, said, strict=True)]
        lines += ["", *aligned(table, range(_NUMBERS.start, _NUMBERS.stop + report.has_noise))]
    for more in _paragraphs(report, (left, right)):
        lines += ["", *map(_sentence, more)] if more else []
    return "\n".join([*lines, "", _sentence(f"dualcell: {report.summary}")]).lstrip("\n")


def _paragraphs(report: Report, labels: tuple[str, str]) -> tuple[list[str], ...]:
    """What stands below the table: reruns, causes, notes."""
    again = [line for row in report.shown for line in _again(row)]
    reasons = [line for row in report.shown if row.cause for line in _why(row, labels)]
    names = causes_named(report)
    reasons += [f"  dualcell explain NAME says more: {', '.join(names)}"] if names else []
    return again, reasons, [f"note: {note}" for note in report.notes]


def _sentence(line: str) -> str:
    return shortened(one_line(line), LONGEST_SENTENCE)


def _again(row: Row) -> list[str]:
    """What running the cell again has shown of a row."""
    name = shortened(row.name)
    lines = [f"  {name}, noise: {row.noise.sentence}"] if row.noise else []
    return lines + ([f"  {name}, float64: {row.referee.sentence}"] if row.referee else [])


def _why(row: Row, labels: tuple[str, str]) -> list[str]:
    """Why a row failed; of the first explanation the evidence, and the line to change on one side or the other."""
    lines = [f"  {shortened(row.name)}: {row.cause}"]
    for finding in row.findings[:1]:
        lines.append(f"    {finding.evidence}")
        lines += [f"    {labels[0]}: {finding.left_fix}"] if finding.left_fix else []
        joint = f"{'and' if finding.both else 'or'} " if finding.left_fix else ""
        lines += [f"    {joint}{labels[1]}: {finding.right_fix}"] if finding.right_fix else []
        lines += [f"    {finding.hint}"] if finding.hint else []
    return lines


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


def mismatches(row: Row) -> str:
    """`3 / 10`, or empty where nothing was measured."""
    return "" if row.total is None else f"{row.mismatched} / {row.total}"


def noise_in_words(row: Row) -> str:
    """How many times its noise a difference is, as `0.75x`; empty where that was not measured."""
    if row.noise is None or math.isnan(row.noise.ratio):
        return ""
    return f"{row.noise.ratio:.2g}x"


def _cells(row: Row) -> tuple[str, ...]:
    return (
        shortened(row.name),
        row.verdict,
        one_or_both(in_words(row.left_shape), in_words(row.right_shape)),
        one_or_both(row.left_dtype, row.right_dtype),
        figure(row.max_abs),
        figure(row.max_rel),
        mismatches(row),
        in_words(row.worst_index),
        *values_in_words(row),
    )


def aligned(table: list[tuple[str, ...]], numbers: range = range(0)) -> list[str]:
    """The table as lines, a rule below its headings; columns of `numbers` to the right."""
    table = [tuple(one_line(cell) for cell in cells) for cells in table]
    widths = [max(len(cell) for cell in column) for column in zip(*table, strict=True)]
    rule = tuple("-" * width for width in widths)
    lines = []
    for cells in (table[0], rule, *table[1:]):
        padded = (
            cell.rjust(width) if column in numbers else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )  # fmt: skip
        lines.append("  ".join(padded).rstrip())
    return lines
