"""SettingsReport -> aligned text, and one HTML table escaped by the template engine."""

from __future__ import annotations

from dualcell.render.html import template
from dualcell.render.text import aligned
from dualcell.render.words import one_line
from dualcell.settings_report import SettingsReport, SettingsRow


def render_settings_text(report: SettingsReport) -> str:
    """The whole report as lines of text."""
    lines: list[str] = []
    if report.rows:
        lines += aligned([("part", "setting", *report.labels, "cause"), *map(_cells, report.rows)])
        lines += ["", *(line for row in report.rows for line in _fixes(row, report.labels)), ""]
    lines += [one_line(f"no partner: {one}") for one in report.leftover]
    lines += [one_line(f"note: {one}") for one in (*report.unread, *report.remarks)]
    return "\n".join([*lines, *([""] if lines and lines[-1] else []), f"dualcell: {report.summary}"])


def render_settings_html(report: SettingsReport) -> str:
    """The report as an HTML fragment; the same report always gives the same text."""
    return str(template("settings.html.jinja").render(report=report)).strip()


def _cells(row: SettingsRow) -> tuple[str, ...]:
    one = row.difference
    return row.part, one.setting, one.left, one.right, one.cause


def _fixes(row: SettingsRow, labels: tuple[str, str]) -> list[str]:
    """The line to change on one side or the other."""
    one = row.difference
    lines = [
        one_line(f"{label}: {fix}") for label, fix in zip(labels, (one.left_fix, one.right_fix), strict=True) if fix
    ]
    return [one_line(f"  {row.part}, {one.setting}:"), "    " + "\n    or ".join(lines)] if lines else []
