"""Report -> one HTML table that reads with no CSS, escaped by the template engine.

The look is layered (measured in the front ends): plain table, then inline `rgba()`
tints that survive sanitisers, then a scoped style sheet. Text keeps the host's own
colour, so it follows the host's theme wherever that comes from.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from dualcell.render.facts import facts
from dualcell.render.folds import Group, groups_of
from dualcell.render.scale import Scale, bar, scale_of
from dualcell.render.text import causes_named, change_in_words, header_line, mismatches, noise_in_words, settings_line
from dualcell.render.words import LONGEST_SENTENCE, code_and_words, from_to, one_line, one_or_both, shortened
from dualcell.report import Report, Row, figure, in_words, values_in_words

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
    columns = _columns(report)
    scale = scale_of(report.rows)
    more: dict[str, Any] = {
        "columns": [(column.heading, column.align) for column in columns],
        "wide": room_for(row.name for row in report.rows),
        "said_of": lambda row: [column.said(row) for column in columns if column.said],
        "groups": _groups(report),
        "has_before": report.has_before,  # here, as each goes through all rows
        "has_noise": report.has_noise,
        "labels": [side.label for side in report.sides],
        "scale": scale,
        "legend": _legend(report, scale),
        "entries": _entries(report),
        "page": CAUSES_PAGE,
    }
    return str(template("table.html.jinja").render(report=report, **more)).strip()


def room_for(names: Iterable[str]) -> str:
    """What the heading of a column of names asks for, so that they are not broken: the same in each group of rows."""
    return f";min-width:min({min(max(map(len, names), default=0), _WIDEST_NAME)}ch,35vw)"


_WIDEST_NAME = 30  # characters; longer names go on two lines


def _groups(report: Report) -> tuple[Group, ...]:
    """The tables a report is drawn as; rows that failed stand together where they come first."""
    if report.sort != "failing":
        return groups_of(report.rows)
    failed, passed = (tuple(row for row in report.shown if row.passed is which) for which in (False, True))
    return (*((Group("", failed),) if failed else ()), *groups_of(passed))


@dataclass(frozen=True)
class _Column:
    heading: str
    align: str = "left"
    said: Callable[[Row], tuple[str, str]] | None = (
        None  # of both sides; None for those that every table has, which the template draws
    )


def _columns(report: Report) -> list[_Column]:
    """What stands above the table; devices and dtypes have a column only where they differ."""
    left, right = (shortened(side.label) for side in report.sides)
    shown = [_Column("row"), _Column("verdict"), _Column("max abs", "right")]
    shown += [_Column("last run")] if report.has_before else []
    shown += [_Column("drift/noise")] if report.has_noise else []
    shown += [_Column("mismatched", "right"), _Column("worst at"), _Column(left, "right"), _Column(right, "right")]
    shown.append(_Column("shape", said=_shape))
    if _only(report, _dtype) is None:
        shown.append(_Column("dtype", said=_dtype))
    if any(row.left_device != row.right_device for row in report.rows if row.left_device and row.right_device):
        shown.append(_Column("device", said=_device))
    return shown


def _shape(row: Row) -> tuple[str, str]:
    return in_words(row.left_shape), in_words(row.right_shape)


def _dtype(row: Row) -> tuple[str, str]:
    return row.left_dtype, row.right_dtype


def _device(row: Row) -> tuple[str, str]:
    return row.left_device, row.right_device


def _only(report: Report, said: Callable[[Row], tuple[str, str]]) -> str | None:
    """What is the same in all rows; None if it is not."""
    different = {one_or_both(*said(row)) for row in report.rows}
    return different.pop() if len(different) == 1 else None


def _legend(report: Report, scale: Scale | None) -> str:
    """What the table leaves out as it is the same everywhere, and how to read its bars."""
    dtype = _only(report, _dtype)
    said = [f"dtype {dtype}"] if dtype else []
    if scale:
        said.append(f"bars: max abs on a log scale from {scale.words}; the line in them is what is allowed there")
    return "; ".join(said)


# the address of the published docs/causes.md; while it has none, its entries stand in the report
CAUSES_PAGE = ""


def _entries(report: Report) -> dict[str, str]:
    """What is known of the causes that were found: name -> entry."""
    names = causes_named(report)
    if not names:
        return {}
    from dualcell.reference import explain_cause  # deferred: mostly nothing fails

    return {name: " ".join(explain_cause(name).partition("\n\n")[2].split()) for name in names}


@cache
def template(name: str) -> Any:
    """A template of this folder, which escapes what it is given."""
    return _environment().get_template(name)


@cache
def _environment() -> Any:
    import jinja2  # deferred: loading the extension must stay fast

    folder = files("dualcell") / "render"
    environment = jinja2.Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        finalize=_visible,
        loader=jinja2.FunctionLoader(lambda name: (folder / name).read_text(encoding="utf-8")),
    )
    environment.filters |= {
        "words": in_words, "figure": figure, "header": header_line, "settings": settings_line,
        "mismatches": mismatches, "change": change_in_words, "noise": noise_in_words,
        "short": shortened, "sentence": _sentence, "why": _why, "base64": _base64,
    }  # fmt: skip
    sheets = {name: (folder / f"{name}.css").read_text(encoding="utf-8") for name in ("table", "code", "page")}
    known: dict[str, Any] = {
        "style": sheets["table"], "code_style": sheets["code"], "page_style": sheets["page"],
        "tints": TINTS, "bar": bar, "facts": facts, "room": room_for, "values": values_in_words,
        "from_to": from_to, "parted": code_and_words,
    }  # fmt: skip
    environment.globals |= known
    return environment


def _visible(value: Any) -> Any:
    """Line breaks, control characters and marks that turn the direction of text, written out; markup as it is."""
    return one_line(value) if type(value) is str else value


def _base64(data: bytes) -> str:
    return b64encode(data).decode("ascii")


def _sentence(text: str) -> str:
    return shortened(text, LONGEST_SENTENCE)


def _why(row: Row) -> str:
    """Why a row failed; of one whose shapes differ they come first, as their column may be out of sight."""
    shapes = f"{one_or_both(*_shape(row))}: " if row.verdict == "shape" else ""
    return _sentence(shapes + row.cause)
