"""Report -> one HTML table that reads with no CSS, escaped by the template engine.

The look is layered (measured in the front ends): plain table, then inline `rgba()`
tints that survive sanitisers, then a scoped style sheet.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from dualcell.render.text import causes_named, header_line, mismatches, noise_in_words, one_or_both, settings_line
from dualcell.report import Report, in_words

TINTS = {
    "equal": "rgba(34,160,80,0.16)",
    "close": "rgba(34,160,80,0.16)",
    "differs": "rgba(220,38,38,0.18)",
    "shape": "rgba(220,38,38,0.18)",
    "dtype": "rgba(217,140,0,0.20)",
    "missing": "rgba(128,128,128,0.22)",
    "unsupported": "rgba(128,128,128,0.22)",
}


def render_html(report: Report) -> str:
    """The report as an HTML fragment; the same report always gives the same text."""
    more = {"entries": _entries(report), "page": CAUSES_PAGE}
    return str(template("table.html.jinja").render(report=report, **more)).strip()


# the address of the published docs/causes.md; while it has none, its entries stand in the report and are linked there
CAUSES_PAGE = ""


def _entries(report: Report) -> dict[str, str]:
    """What is known of the causes that were found: name -> entry; the links lead there."""
    names = causes_named(report)
    if not names:
        return {}
    from dualcell.reference import explain_cause  # deferred: mostly nothing fails

    return {name: explain_cause(name).partition("\n\n")[2] for name in names}


@cache
def template(name: str) -> Any:
    """A template of this folder, which escapes what it is given."""
    import jinja2  # deferred: loading the extension must stay fast

    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    filters: dict[str, Any] = {
        "words": in_words, "header": header_line, "settings": settings_line, "mismatches": mismatches,
        "noise": noise_in_words,
    }  # fmt: skip
    environment.filters.update(filters)
    folder = files("dualcell") / "render"
    style = (folder / "table.css").read_text(encoding="utf-8")
    known: dict[str, Any] = {"both": one_or_both, "style": style, "tints": TINTS}
    environment.globals |= known
    return environment.from_string((folder / name).read_text(encoding="utf-8"))
