"""A cell's last run and this one -> the report that says what changed. Kept in memory, for the session only."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import replace

from dualcell.counted import listed
from dualcell.report import Before, Report

_MOST_CELLS, _MOST_ROWS = 100, 10_000
_NAMED = 5  # rows that the note lists

_runs: OrderedDict[Hashable, dict[str, Before]] = OrderedDict()  # the newest last


def since_last_run(report: Report, *cell: Hashable) -> Report:
    """The report with what each row was when the cell ran last; what it is now is kept for the next time.

    Args:
        report: what this run found.
        *cell: what tells the cell from all others; where one of these was seen before, it is that cell.
    """
    last = next((run for known, run in reversed(_runs.items()) if known in cell), None)
    now = {row.name: Before(row.verdict, row.passed, row.max_abs) for row in report.rows[:_MOST_ROWS]}
    for known in cell:
        _runs.pop(known, None)  # the newest come last
        _runs[known] = now
    while len(_runs) > _MOST_CELLS:
        _runs.popitem(last=False)
    if last is None:
        return report
    rows = tuple(replace(row, before=last.get(row.name)) for row in report.rows)
    gone = [name for name in last if name not in now]
    return replace(report, rows=rows, notes=(*report.notes, *_gone(gone)))


def forget() -> None:
    """Forget every run."""
    _runs.clear()


def _gone(names: list[str]) -> list[str]:
    return [f"compared in this cell's last run and not in this one: {listed(names, _NAMED)}"] if names else []
