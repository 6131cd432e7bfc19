"""`PlanTable`: a weight plan in plain words, ready to be drawn."""

from __future__ import annotations

from dataclasses import dataclass

HEADINGS = ("source", "target", "layer", "axis move", "by", "note")
SETTINGS = ("source", "target", "setting", "source has", "target has", "to change")


@dataclass(frozen=True)
class PlanTable:
    """What a plan says, as text.

    Attributes:
        title: the two models.
        rows: a row for each weight that is written: the cells of `HEADINGS`.
        settings: a row for each setting that differs although the weights fit: the cells of `SETTINGS`.
        notes: what is left over or cannot be copied, one sentence each.
        complete: whether every weight has its place.
        summary: the outcome in one sentence.
    """

    title: str
    rows: tuple[tuple[str, ...], ...]
    settings: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]
    complete: bool
    summary: str
