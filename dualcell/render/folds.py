"""Rows -> `Group`s: what of a long table lies folded, and under which title."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, takewhile

from dualcell.render.words import from_to, shortened
from dualcell.report import Row, Run, counted, runs_of

GROUPED = 30  # a table of more rows is folded into groups, and no group by name has more
_SMALLEST = 4  # fewer rows make no group of their own
COLLAPSED = 8  # in a table of more rows, equal rows that follow each other are one line
_OPEN = 100  # rows that may stand open in groups; those of later groups are folded even if they failed

_STEP = re.compile(r"""[^.\[\]/'"]+""")
_PIECE = re.compile(r"\d+|[^\W\d_]+|.", re.DOTALL)  # a number, a word or what stands between them


@dataclass(frozen=True)
class Group:
    """Rows that stand in one table.

    Attributes:
        title: what their names have in common, as in `layer3.*`; empty for rows that are not folded.
        rows: they, in order.
        opened: some failed, so they are seen at once.
        collapses: whether equal rows among them are one line.
    """

    title: str
    rows: tuple[Row, ...]
    opened: bool = True
    collapses: bool = False

    @property
    def failed(self) -> bool:
        """Whether some of them failed."""
        return not all(row.passed for row in self.rows)

    @property
    def counts(self) -> dict[str, int]:
        """How many rows have which verdict, failing ones first."""
        return counted(sorted(self.rows, key=lambda row: row.passed))

    @property
    def runs(self) -> tuple[Run, ...]:
        """The rows, those that are folded into one line apart from the others."""
        return runs_of(self.rows, self.collapses)


def groups_of(rows: Sequence[Row]) -> tuple[Group, ...]:
    """A short table as one group, a long one in groups by what the rows' names begin with."""
    collapses = len(rows) > COLLAPSED
    if len(rows) <= GROUPED:
        return (Group("", tuple(rows), collapses=collapses),) if rows else ()
    groups: list[Group] = []
    shown = 0
    for title, together in _split(tuple(rows), 0):
        group = Group(title, together, collapses=collapses)
        opened = not title or (shown < _OPEN and group.failed)
        shown += len(together) if title and opened else 0
        groups.append(replace(group, opened=opened))
    return tuple(groups)


def _split(rows: tuple[Row, ...], depth: int) -> Iterator[tuple[str, tuple[Row, ...]]]:
    """Rows by the step at `depth` of their names, deeper where they are too many, with a title.

    Rows that share too little with their neighbours have none; many of them are cut into pieces.
    """
    loose: tuple[Row, ...] = ()
    for step, together in groupby(rows, key=lambda row: _step(row.name, depth)):
        part = tuple(together)
        if step is None or len(part) < _SMALLEST:
            loose += part
            continue
        yield from _pieces(loose)
        loose = ()
        yield from _split(part, depth + 1) if len(part) > GROUPED else [(_beginning(part), part)]
    yield from _pieces(loose)


def _pieces(rows: tuple[Row, ...]) -> Iterator[tuple[str, tuple[Row, ...]]]:
    if 0 < len(rows) <= GROUPED:
        yield "", rows
        return
    for start in range(0, len(rows), GROUPED):
        piece = rows[start : start + GROUPED]
        yield from_to(piece[0].name, piece[-1].name), piece


def _step(name: str, depth: int) -> str | None:
    """`layer3` of `value['layer3.conv']` at depth 1; None behind its end."""
    steps = _STEP.findall(name)
    return steps[depth] if depth < len(steps) else None


def _beginning(rows: Sequence[Row]) -> str:
    """What all names begin with, in whole words and numbers."""
    pieces = [_PIECE.findall(row.name) for row in rows]
    same = takewhile(lambda column: len({*column}) == 1, zip(*pieces, strict=False))
    return f"{shortened(''.join(column[0] for column in same))}*"
