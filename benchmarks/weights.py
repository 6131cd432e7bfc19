"""Whole models: their weights planned and copied, and what both sides then compute."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

import dualcell
from benchmarks.harness import Scale
from benchmarks.tables import Row, Table, at_most, no_target
from tests.zoo.entry import Entry, filled, keras_forward, torch_forward
from tests.zoo.models import ENTRIES

LIMIT_ERROR = 1e-4  # of the largest output: float32 through a hundred layers
LIMIT_SECONDS = 1.0  # to plan ResNet50, and every other model
LIMIT_COPIES = 10.0  # a copy keeps the old values, moves axes and writes; a plain copy does none of that

NOTE = """\
Models of `tests/zoo`, each written in Keras and in PyTorch, with random weights. `plan_weights(keras, torch)`, then \
`apply()`; every bit of the module is held against a mapping written by hand, in `tests/zoo/test_plans.py`. *Error* is \
the largest difference of the two outputs over the largest output; in brackets the largest difference itself, and the \
absolute tolerance it needs beside the default relative one of 1.3e-6. Medians of {rounds} plans and copies."""


def run(scale: Scale) -> Table:
    """Rows for each model, and for all of them together."""
    rounds = min(3, scale.rounds)
    entries = ENTRIES if scale.rounds > 1 else ENTRIES[:3]
    found = [_measured(entry, rounds) for entry in entries]
    rows = [row for each in found for row in each.rows()]
    slowest = max(found, key=lambda each: each.plan)
    rows.append(at_most("slowest plan", slowest.plan, LIMIT_SECONDS, " s", details=slowest.name))
    size, seconds = sum(each.bytes for each in found), sum(each.copy for each in found)
    rows.append(no_target("all copies", size / seconds / 1e9, " GB/s", details=f"{size / 1e6:,.0f} MB"))
    ratio = seconds / sum(each.plain for each in found)
    rows.append(at_most("all copies to plain copies of the same arrays", ratio, LIMIT_COPIES, "x"))
    return Table("Weights of whole models", NOTE.format(rounds=rounds), rows)


class _Measured:
    """One model."""

    def __init__(self, entry: Entry, times: tuple[float, float, float], size: int, result: Any) -> None:
        self.name = entry.name
        self.plan, self.copy, self.plain = times
        self.bytes = size
        self.figures = result["value"].figures
        self.largest = float(np.abs(np.asarray(result["value"].left)).max())

    def rows(self) -> Iterator[Row]:
        """The error, and the seconds."""
        worst = float(self.figures.max_abs or 0)
        needed = f"needs atol {self.figures.needed_atol:.2g}" if self.figures.needed_atol else "passes as it is"
        details = f"max abs {worst:.2g}; {needed}"
        yield at_most(f"{self.name}, error", worst / self.largest, LIMIT_ERROR, "", details=details)
        details = f"and {self.copy * 1000:.3g} ms to copy {self.bytes / 1e6:,.3g} MB"
        yield at_most(f"{self.name}, plan", self.plan * 1000, LIMIT_SECONDS * 1000, " ms", details=details)


def _measured(entry: Entry, rounds: int) -> _Measured:
    model, module = filled(entry), entry.torch()
    plans, copies, plain = [], [], []
    arrays = [array.detach().numpy() for array in module.state_dict().values()]
    for _ in range(rounds):
        started = perf_counter()
        plan = dualcell.plan_weights(model, module)
        planned = perf_counter()
        plan.apply()
        copied = perf_counter()
        _ = [array.copy() for array in arrays]
        plans.append(planned - started)
        copies.append(copied - planned)
        plain.append(perf_counter() - copied)
    result = dualcell.compare(keras_forward(entry, model), torch_forward(entry, module))
    size = sum(array.nbytes for array in arrays)
    return _Measured(entry, (median(plans), median(copies), median(plain)), size, result)
