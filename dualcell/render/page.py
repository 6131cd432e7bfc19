"""`Report` -> one HTML page that needs nothing else: to hand out, to print, to project."""

from __future__ import annotations

from dualcell.render.cell import slide_html
from dualcell.render.code import code_html
from dualcell.render.html import render_html, template
from dualcell.render.lanes import lanes_html
from dualcell.report import Report


def page_html(report: Report, *, large: bool = False) -> str:
    """The whole page; the same report always gives the same text.

    Args:
        report: what is shown.
        large: as a slide.
    """
    code = code_html(report.code, report.labels)
    lanes = lanes_html(report.lanes, stacked=report.layout == "stacked") if report.lanes is not None else ""
    body = slide_html(report, code) + lanes if large else lanes + render_html(report)
    return str(template("page.html.jinja").render(report=report, code="" if large else code, body=body, large=large))
