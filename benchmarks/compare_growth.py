"""Time against size: from a thousand elements to a thousand million."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from io import BytesIO
from statistics import median

import numpy as np

import dualcell
from benchmarks.data import Array, pair
from benchmarks.harness import Scale, duration, interleaved
from benchmarks.machine import available_bytes
from benchmarks.subject import engine, warm_up
from benchmarks.tables import Row, Table, at_most, no_target, not_measured

LIMIT = 12.0  # times the time of a tenth of the elements
BLOCK = 1_000_000  # elements that are made once and repeated
RESERVE = 2_000_000_000  # bytes to leave free

NOTE = """\
*Close* float32 pairs of growing size, slices of one pair of arrays in host memory; time of `measure`, warm, medians. \
Linear growth is ten times the time for ten times the elements; below about a million, what a call costs at any size \
counts too."""


@dataclass(frozen=True)
class Point:
    """One size: median seconds of each thing that was timed, by its name."""

    elements: int
    seconds: dict[str, float]


def run(scale: Scale) -> Table:
    """One row for each size, and a plot."""
    warm_up()
    sizes = _sizes(scale.largest)
    fitting = [size for size in sizes if _needed_bytes(size) <= available_bytes()]
    left, right = _repeated(fitting[-1])
    points = [_point(left[:size], right[:size], scale.rounds) for size in fitting]
    rows = [_row(point, before) for point, before in zip(points, [None, *points], strict=False)]
    rows += [
        not_measured(f"{size:,} pairs", f"it needs {_needed_bytes(size) / 1e9:.0f} GB, and fewer are free")
        for size in sizes[len(fitting) :]
    ]
    return Table("Growth", NOTE, rows, _picture(points))


def _sizes(largest: int) -> list[int]:
    return [10**power for power in range(3, 10) if 10**power <= largest]


def _needed_bytes(elements: int) -> int:
    """Both arrays, and some to spare."""
    return 8 * elements + RESERVE


def _repeated(elements: int) -> tuple[Array, Array]:
    """A close pair that repeats itself: a thousand million random numbers would take minutes."""
    blocks = pair("close", BLOCK)
    sides = np.empty((2, elements), np.float32)
    for side, block in zip(sides, blocks, strict=True):
        for start in range(0, elements, BLOCK):
            part = side[start : start + BLOCK]
            part[:] = block[: part.size]
    return sides[0], sides[1]


def _point(left: Array, right: Array, rounds: int) -> Point:
    actions = {
        "measure": partial(engine, left, right),
        "dualcell.compare": partial(dualcell.compare, left, right),
    }
    interleaved(actions, 1)
    timed = interleaved(actions, min(rounds, 3) if left.size >= 10**8 else rounds)
    return Point(left.size, {name: median(seconds) for name, seconds in timed.items()})


def _row(point: Point, before: Point | None) -> Row:
    seconds, what = point.seconds["measure"], f"{point.elements:,} pairs"
    public = duration(point.seconds["dualcell.compare"])
    details = f"{duration(seconds)}, {seconds / point.elements * 1e9:.3g} ns an element; `dualcell.compare` {public}"
    if before is None:
        return Row(what, details)
    growth = seconds / before.seconds["measure"]
    if point.elements / before.elements != 10:
        return no_target(what, growth, "x the row above", details=details)
    return at_most(what, growth, LIMIT, "x the row above", details=details)


def _picture(points: list[Point]) -> bytes:
    """The points as a PNG, both axes logarithmic; empty without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return b""
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    sizes = [point.elements for point in points]
    for name, mark in (("dualcell.compare", "s"), ("measure", "o")):
        axes.plot(sizes, [point.seconds[name] for point in points], marker=mark, label=name)
    slope = points[-1].seconds["measure"] / sizes[-1]
    axes.plot(
        sizes,
        [slope * size for size in sizes],
        "--",
        color="gray",
        label="slope 1: ten times the time for ten times the data",
    )
    axes.set(xscale="log", yscale="log", xlabel="elements of each side", ylabel="seconds")
    axes.set_ylim(bottom=min(seconds for point in points for seconds in point.seconds.values()) / 2)
    axes.set_title("Time to compare two float32 tensors")
    axes.grid(visible=True, which="major", color="0.9")
    axes.legend(frameon=False)
    stream = BytesIO()
    figure.savefig(stream, format="png", dpi=90, metadata={"Software": None}, pil_kwargs={"optimize": True})
    return stream.getvalue()
