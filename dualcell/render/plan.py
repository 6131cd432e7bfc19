"""`PlanTable` -> text and HTML."""

from __future__ import annotations

from dualcell.render.html import template
from dualcell.render.text import aligned
from dualcell.render.words import one_line
from dualcell.weights.table import HEADINGS, SETTINGS, PlanTable


def plan_text(table: PlanTable) -> str:
    """The plan as lines of text: title, table, what is left over, summary."""
    lines = [one_line(table.title)]
    lines += ["", *aligned([HEADINGS, *table.rows])] if table.rows else []
    lines += ["", "settings that differ:", *aligned([SETTINGS, *table.settings])] if table.settings else []
    lines += ["", *(f"note: {one_line(note)}" for note in table.notes)] if table.notes else []
    return "\n".join([*lines, "", f"dualcell: {table.summary}"])


def plan_html(table: PlanTable) -> str:
    """The plan as an HTML fragment."""
    return str(template("plan.html.jinja").render(table=table, headings=HEADINGS, settings=SETTINGS)).strip()
