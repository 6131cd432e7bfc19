"""Many small tensors in one call, as a model's weights are."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import numpy as np
import torch

import dualcell
from benchmarks.data import pair
from benchmarks.harness import Scale, interleaved
from benchmarks.tables import Row, Table, at_most

ELEMENTS = 64
LIMIT_SECONDS = 1.0  # of 10,000 pairs
LIMIT_MICROSECONDS = 100.0

NOTE = """\
`dualcell.compare` of two dicts of {tensors:,} float32 tensors of {elements} elements each, *close*: a row for each, \
all metrics. Medians of {rounds} calls."""


def run(scale: Scale) -> Table:
    """Two rows for each library."""
    actions = {name: _action(wrap, scale.tensors) for name, wrap in LIBRARIES.items()}
    interleaved(actions, 1)
    timed = interleaved(actions, min(3, scale.rounds))
    rows = [row for name, seconds in timed.items() for row in _rows(name, median(seconds), scale.tensors)]
    note = NOTE.format(tensors=scale.tensors, elements=ELEMENTS, rounds=min(3, scale.rounds))
    return Table("Many small tensors", note, rows)


LIBRARIES: dict[str, Callable[[Any], Any]] = {"NumPy": np.copy, "torch": lambda array: torch.from_numpy(array.copy())}


def _action(wrap: Callable[[Any], Any], tensors: int) -> Callable[[], object]:
    sides = (side.reshape(tensors, ELEMENTS) for side in pair("close", tensors * ELEMENTS))
    left, right = ({f"weight_{row}": wrap(values) for row, values in enumerate(side)} for side in sides)
    return partial(dualcell.compare, left, right)


def _rows(name: str, seconds: float, tensors: int) -> list[Row]:
    limit = LIMIT_SECONDS * tensors / 10_000
    return [
        at_most(f"{tensors:,} pairs, {name}", seconds, limit, " s"),
        at_most(f"each pair, {name}", seconds / tensors * 1e6, LIMIT_MICROSECONDS, " us"),
    ]
