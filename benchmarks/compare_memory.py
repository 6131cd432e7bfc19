"""How much memory a comparison takes beyond the arrays it is given, at its peak."""

from __future__ import annotations

from pathlib import Path

from benchmarks.harness import Scale, fresh_process
from benchmarks.peers import PEERS, why_not
from benchmarks.subject import SUBJECTS
from benchmarks.tables import Row, Table, at_most, no_target, not_measured

LIMIT = 64.0  # MB

NOTE = """\
The highest resident memory during one call, less the resident memory before it, in MB of 10⁶ bytes; each figure \
from a process of its own, on *close* float32 pairs in host memory (two arrays of {sizes}). Everything is warmed up \
before on small arrays of its own; `cold` is without that, and so holds the compiled loops and all of numba."""


def run(scale: Scale) -> Table:
    """One row for each size, way in and peer."""
    arrays = " or ".join(f"{elements * 4 / 1e6:g} MB" for elements in scale.memory_elements)
    rows = [row for elements in scale.memory_elements for row in _rows(elements)]
    return Table("Extra memory", NOTE.format(sizes=arrays), rows)


def _rows(elements: int) -> list[Row]:
    if not Path("/proc/self/clear_refs").exists():
        return [not_measured(f"{elements:,} pairs", "it needs Linux's /proc/self/clear_refs")]
    rows: list[Row] = []
    for name in SUBJECTS:
        what = f"`{name}`, {elements:,} pairs"
        rows.append(at_most(what, _megabytes(name, elements, "warm"), LIMIT, " MB"))
        rows.append(no_target(f"{what}, cold", _megabytes(name, elements, "cold"), " MB"))
    for name in PEERS:
        reason, what = why_not(name), f"{name}, {elements:,} pairs"
        rows.append(
            not_measured(what, reason) if reason else no_target(what, _megabytes(name, elements, "warm"), " MB")
        )
    return rows


def _megabytes(name: str, elements: int, start: str) -> float:
    return fresh_process("peak_memory", name, str(elements), start) / 1e6
