"""InitializersReport -> aligned text, and one HTML table escaped by the template engine."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dualcell.counted import listed
from dualcell.distributions import Sizes
from dualcell.initializers_report import InitializersReport, InitializersRow, Origin
from dualcell.render.html import template
from dualcell.render.text import aligned
from dualcell.render.words import one_line

_BLOCKS = " ▁▂▃▄▅▆▇█"
_HIGH = 24  # pixels of the fullest bin


def render_initializers_text(report: InitializersReport) -> str:
    """The whole report as lines of text; what a weight was drawn from stands below its figures."""
    columns = _columns(report)
    origins = [one for row in report.rows for one in row.origins]
    table = [columns, *(cells for row in report.rows for cells in _cells(row, report.labels))]
    first = columns.index("fan in")
    lines = aligned(table, range(first, first + 6)) if origins else []
    answers = (f"  {one_line(said(one))}" for one in origins)
    lines = [*lines[:2], *(line for pair in zip(lines[2:], answers, strict=True) for line in pair)]
    fixes = [one_line(line) for line in _fixes(report)]
    lines += ["", *fixes] if fixes else []
    formulas = [one_line(f"  {name}: {formula}" + (f" ({source})" if source else ""))
                for name, formula, source in report.formulas]  # fmt: skip
    lines += ["", *formulas] if formulas else []
    lines += ["", *(one_line(f"note: {note}") for note in report.notes)] if report.notes else []
    return "\n".join([*lines, "", f"dualcell: {report.summary}"]).lstrip("\n")


def render_initializers_html(report: InitializersReport) -> str:
    """The report as an HTML fragment; the same report always gives the same text."""
    known: dict[str, Any] = {
        "columns": _columns(report),
        "names": [one.name for row in report.rows for one in row.origins],
    }
    known |= {"cells": figures, "said": said, "highest": _tallest, "pixels": _pixels, "in_words": _histogram_in_words}
    return str(template("initializers.html.jinja").render(report=report, **known)).strip()


def _columns(report: InitializersReport) -> tuple[str, ...]:
    sides = ("side",) if len(report.labels) > 1 else ()
    return ("weight", *sides, "shape", "fan in", "fan out", "min", "max", "mean", "std", "histogram")


def said(origin: Origin) -> str:
    """What a weight was drawn from, or why that is not known."""
    return f"drawn from {origin.said}" if origin.drawn.verdict == "named" else origin.said


def figures(origin: Origin) -> tuple[str, ...]:
    """Shape, fans, bounds, mean and standard deviation, in words."""
    numbers, sizes = origin.drawn.numbers, origin.sizes
    fits = origin.drawn.fits
    if origin.drawn.verdict == "named" and "fan" in fits[0].formula:
        sizes = fits[0].sizes
    elif len(origin.shape) < 2:
        sizes = Sizes()
    fans = ("" if fan is None else str(fan) for fan in (sizes.fan_in, sizes.fan_out))
    facts = () if numbers is None else (numbers.low, numbers.high, numbers.mean, numbers.deviation)
    return (str(origin.shape), *fans, *((f"{value:.4g}" for value in facts) if facts else ("",) * 4))


def bars(shares: Iterable[float], tallest: float) -> str:
    """A histogram of one line; a bin that is not empty shows.

    Examples:
        >>> bars((0.0, 0.01, 0.5, 0.25), 0.5)
        ' ▁█▄'
    """
    steps = len(_BLOCKS) - 1
    return "".join(_BLOCKS[max(1, round(share / tallest * steps))] if share > 0 else " " for share in shares)


def _pixels(share: float, tallest: float) -> int:
    """How high the bar of a bin is; one that is not empty shows."""
    return max(1, round(_HIGH * share / tallest)) if share > 0 else 0


def _histogram_in_words(origin: Origin) -> str:
    filled = sum(share > 0 for share in origin.bars)
    fullest = 100 * max(origin.bars)
    return f"{filled} of {len(origin.bars)} bins are filled, the fullest with {fullest:.3g} % of the numbers"


def _tallest(row: InitializersRow) -> float:
    return max((share for one in row.origins for share in one.bars), default=0.0) or 1.0


def _cells(row: InitializersRow, labels: tuple[str, ...]) -> list[tuple[str, ...]]:
    """A line for each side; the histograms of both stand below each other, on one scale."""
    sides = [(label, one) for label, one in zip(labels, (row.left, row.right), strict=False) if one is not None]
    return [
        (one.name, *((label,) if len(labels) > 1 else ()), *figures(one), bars(one.bars, _tallest(row)))
        for label, one in sides
    ]


def _fixes(report: InitializersReport) -> list[str]:
    """What to write for the other side's initializer; rows of which the same is true together."""
    rows: dict[tuple[str, ...], list[str]] = {}
    for row in report.rows:
        if row.left and row.right and (row.left.fix or row.right.fix):
            sides = zip(report.labels, (row.left.fix, row.right.fix), strict=True)
            rows.setdefault(tuple(f"{label}: {fix}" for label, fix in sides if fix), []).append(row.name)
    lines: list[str] = []
    for fixes, names in rows.items():
        lines += [f"  {listed(names, 1)}:", f"    {fixes[0]}", *(f"    or {fix}" for fix in fixes[1:])]
    return lines
