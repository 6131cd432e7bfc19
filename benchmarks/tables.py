"""What was measured, as tables in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of a table.

    Attributes:
        what: what was measured.
        measured: the figure with its unit, and what it is made of.
        target: the figure to reach, with its unit; empty if none is set.
        met: whether it was reached; None without a target.
    """

    what: str
    measured: str
    target: str = ""
    met: bool | None = None


def at_most(what: str, figure: float, limit: float, unit: str, *, details: str = "") -> Row:
    """A row whose figure must not be above `limit`; `unit` follows both, as in `x` or ` ms`."""
    return Row(what, _measured(figure, unit, details), f"at most {limit:,g}{unit}", figure <= limit)


def at_least(what: str, figure: float, limit: float, unit: str, *, details: str = "") -> Row:
    """A row whose figure must not be below `limit`; `unit` follows both, as in `x` or ` ms`."""
    return Row(what, _measured(figure, unit, details), f"at least {limit:,g}{unit}", figure >= limit)


def no_target(what: str, figure: float, unit: str, *, details: str = "") -> Row:
    """A row that only informs."""
    return Row(what, _measured(figure, unit, details))


def not_measured(what: str, reason: str) -> Row:
    """A row for what could not be measured here."""
    return Row(what, f"not measured: {reason}")


def _measured(figure: float, unit: str, details: str) -> str:
    number = f"{figure:.3g}" if abs(figure) < 1000 else f"{figure:,.0f}"
    return f"{number}{unit} ({details})" if details else f"{number}{unit}"


@dataclass(frozen=True)
class Table:
    """What one benchmark found.

    Attributes:
        title: what it is about.
        note: a paragraph on what was done, in Markdown.
        rows: the lines, in order.
        picture: a PNG that shows them; empty if there is none.
    """

    title: str
    note: str
    rows: Sequence[Row]
    picture: bytes = b""


def markdown(table: Table) -> str:
    """The table with its title and note."""
    lines = [f"### {table.title}", "", table.note, "", "| what | measured | target | met |", "|---|---|---|---|"]
    lines += [f"| {row.what} | {row.measured} | {row.target} | {_word(row.met)} |" for row in table.rows]
    return "\n".join(lines)


def _word(met: bool | None) -> str:
    return {True: "yes", False: "**no**", None: ""}[met]
