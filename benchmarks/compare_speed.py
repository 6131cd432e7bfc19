"""How long one large float32 pair takes, against `torch.dot` over the same two arrays."""

from __future__ import annotations

from functools import partial

import torch

from benchmarks.data import VERDICTS, pair
from benchmarks.harness import Scale, interleaved, ratio, threads
from benchmarks.subject import SUBJECTS, expect, warm_up
from benchmarks.tables import Row, Table, at_most, no_target

LIMIT = 1.6  # times torch.dot

NOTE = """\
{elements:,} float32 pairs in host memory, all metrics, {threads} threads on both sides; medians of {rounds} rounds, \
then the spread and both times. `measure` is the engine on two NumPy arrays, `dualcell.compare` the public function \
on the same arrays; where they differ it looks for the cause too. \
`torch.dot` reads both arrays once and does next to nothing with them: it is what memory allows."""


def run(scale: Scale) -> Table:
    """One row for each kind of data and each way in."""
    torch.set_num_threads(threads())
    warm_up()
    rows = [row for kind in VERDICTS for row in _rows(kind, scale)]
    note = NOTE.format(elements=scale.elements, threads=threads(), rounds=scale.rounds)
    return Table("Speed of one large pair", note, rows)


def _rows(kind: str, scale: Scale) -> list[Row]:
    left, right = pair(kind, scale.elements)
    expect(VERDICTS[kind], left, right)
    ours = {name: partial(function, left, right) for name, function in SUBJECTS.items()}
    dot = partial(torch.dot, torch.from_numpy(left), torch.from_numpy(right))
    seconds = interleaved({"torch.dot": dot, **ours}, scale.rounds)
    rows: list[Row] = []
    for name in SUBJECTS:
        times = ratio(seconds[name], seconds["torch.dot"])
        if name == "dualcell.compare" and VERDICTS[kind] == "differs":
            rows.append(
                no_target(f"`{name}`, {kind}, causes included", times.middle, "x torch.dot", details=str(times))
            )
        else:
            rows.append(at_most(f"`{name}`, {kind}", times.middle, LIMIT, "x torch.dot", details=str(times)))
    return rows
