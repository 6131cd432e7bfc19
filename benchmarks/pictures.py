"""What pictures of a large pair cost, against one pass of NumPy over the same arrays."""

from __future__ import annotations

import tracemalloc
from functools import partial
from statistics import median
from time import perf_counter, process_time
from typing import Any

import numpy as np

import dualcell
from benchmarks.data import Array, pair
from benchmarks.harness import Scale, duration, interleaved, ratio
from benchmarks.machine import available_bytes
from benchmarks.tables import Row, Table, at_most, no_target, not_measured
from dualcell.pictures.kinds import KINDS
from dualcell.pictures.panels import panels

LIMIT_SECONDS = 2.0  # for what `plot()` draws
LIMIT_RATIO = 1.0
LIMIT_MEMORY = 64.0  # MB
SIDE = 500  # of the last two axes

NOTE = """\
A *close* float32 pair of shape {shape}, {size:.3g} GB a side, in host memory; warm, medians of rounds that took \
turns. The ratio is to `np.abs(left - right).max()`, one pass of NumPy that finds a single number. `plot()` draws \
the default kinds (`heat`, `hist`) and makes the PNG; its figure is the processor time of all threads together, so \
what one idle core would take, as there is nothing to set it against. A cell's `--plot` draws twice, for light and \
dark pages. *Extra memory* is the peak of what Python and NumPy allocate while all kinds are made together."""

EVERY = tuple(kind for kind in KINDS if kind != "curves")


def run(scale: Scale) -> Table:
    """One row for each kind, all together, the drawing, and memory."""
    shape = scale.largest // 4 // SIDE**2, SIDE, SIDE
    elements = int(np.prod(shape))
    note = NOTE.format(shape=shape, size=elements * 4 / 1e9)
    if available_bytes() < elements * 16:
        return Table("Pictures", note, [not_measured("pictures", f"it needs {elements * 16 / 1e9:.0f} GB")])
    left, right = (_repeated(side, elements).reshape(shape) for side in pair("close", SIDE**2))
    row = dualcell.compare(left, right, causes=False)["value"]
    actions: dict[str, Any] = {kind: partial(panels, row.comparison, [kind]) for kind in EVERY}
    actions["heat, hist"] = partial(panels, row.comparison, ["heat", "hist"])
    actions["all of them"] = partial(panels, row.comparison, EVERY)
    actions["numpy"] = lambda: np.abs(left - right).max()
    interleaved(actions, 1)
    seconds = interleaved(actions, min(scale.rounds, 3))
    rows = [_row(name, seconds[name], seconds["numpy"]) for name in actions if name != "numpy"]
    flat = dualcell.compare(left.reshape(-1), right.reshape(-1), causes=False)["value"].comparison
    panels(flat, ["curves"])
    curves = interleaved({"curves": partial(panels, flat, ["curves"])}, len(seconds["numpy"]))
    rows.insert(len(EVERY), _row("curves", curves["curves"], seconds["numpy"]))
    return Table("Pictures", note, [*rows, _drawn(row), _memory(row.comparison)])


def _repeated(side: Array, elements: int) -> Array:
    return np.tile(side, elements // side.size)


def _row(name: str, seconds: list[float], plain: list[float]) -> Row:
    found = ratio(seconds, plain)
    if name == "heat, hist":
        return at_most(f"`{name}`, to NumPy's pass", found.middle, LIMIT_RATIO, "x", details=str(found))
    what = name if name.startswith("all") else f"`{name}`"
    return no_target(f"{what}, to NumPy's pass", found.middle, "x", details=str(found))


def _drawn(row: Any) -> Row:
    """The processor time of a figure and its PNG."""
    found: list[tuple[float, float]] = []
    for _ in range(4):
        processor, clock = process_time(), perf_counter()
        row.plot()._repr_mimebundle_()
        found.append((process_time() - processor, perf_counter() - clock))
    processors, clocks = zip(*found[1:], strict=True)  # the first one loads matplotlib
    details = f"on the clock {duration(median(clocks))}, beside whatever else ran"
    return at_most("`plot()`, drawn", median(processors), LIMIT_SECONDS, " s of processor time", details=details)


def _memory(comparison: Any) -> Row:
    tracemalloc.start()
    panels(comparison, EVERY)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return at_most("all of them, extra memory", peak / 1e6, LIMIT_MEMORY, " MB")
