"""`Report` -> what a cell shows: the code if it was asked for, what the blocks printed, then the table."""

from __future__ import annotations

from collections import Counter
from typing import Any

from dualcell.columns import columns_of
from dualcell.render.code import code_html, code_text
from dualcell.render.html import render_html, template
from dualcell.render.lanes import lanes_html, lanes_text
from dualcell.render.markdown import render_markdown
from dualcell.render.terminal import ANYWHERE, Terminal
from dualcell.render.text import render_text
from dualcell.render.words import shortened
from dualcell.report import Report
from dualcell.sources import Code


def cell_html(report: Report) -> str:
    """What a cell shows, as one HTML fragment; the same report always gives the same text."""
    code = code_html(report.code, report.labels) if report.shows_code else ""
    lanes = lanes_html(report.lanes, stacked=report.layout == "stacked") if report.lanes is not None else ""
    if report.large:
        return slide_html(report, code) + lanes
    return _styled(code) + lanes + render_html(report)


def running_html(code: Code, labels: tuple[str, str]) -> str:
    """The code of a cell that still runs, to stand above its lanes."""
    return _styled(code_html(code, labels))


def _styled(code: str) -> str:
    return str(template("cell.html.jinja").render(code=code)).strip() + "\n" if code else ""


def cell_text(report: Report, shown_on: Terminal = ANYWHERE, *, with_lanes: bool = False) -> str:
    """The same as text, for a terminal or for what has no width.

    What the blocks printed is in it where it has been shown nowhere else.
    """
    code = code_text(report.code, report.labels, shown_on) if report.shows_code else ""
    lanes = lanes_text(report.lanes) if with_lanes and report.lanes is not None else ""
    return "\n\n".join(part for part in (code, lanes, render_text(report, shown_on)) if part)


def cell_markdown(report: Report) -> str:
    """The same as Markdown; what the blocks printed stands above the table."""
    code = code_text(report.code, report.labels) if report.shows_code else ""
    lanes = lanes_text(report.lanes, most=_MOST_IN_MARKDOWN) if report.lanes is not None else ""
    return render_markdown(report, "\n\n".join(part for part in (code, lanes) if part))


_MOST_IN_MARKDOWN = 20_000  # characters of a lane; the HTML and the text beside it have all


def slide_html(report: Report, code: str = "") -> str:
    """A short table in large letters: row, verdict, max abs and cause; failed rows first.

    Args:
        report: what is shown.
        code: the code as HTML, to stand above it.
    """
    rows = sorted(report.rows, key=lambda row: row.passed)
    rest = Counter(row.verdict for row in rows[_ON_A_SLIDE:])
    more = ", ".join(f"{count} {verdict}" for verdict, count in rest.items())
    rows = rows[:_ON_A_SLIDE]
    widest = max((columns_of(shortened(row.name)) for row in rows), default=0)
    known: dict[str, Any] = {"wide": f";min-width:min({widest}ch,30vw)", "rows": rows, "more": more}
    known |= {"report": report, "code": code}
    return str(template("slide.html.jinja").render(**known)).strip()


_ON_A_SLIDE = 10  # rows, at 24 pixels each
