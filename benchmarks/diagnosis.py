"""Planted causes against named ones, and how long it takes to name them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from statistics import median
from typing import Any

import numpy as np

from benchmarks.harness import FULL, Scale, duration, timed
from benchmarks.tables import Row, Table, at_least, at_most
from dualcell.catalogue import CAUSES
from dualcell.cause import Cause
from dualcell.diagnosis import diagnose
from tests.faults.held_out import COUNT, held_out
from tests.faults.pairs import PAIRS
from tests.faults.planting import BY_NAME, Case, judged, planted, plantings
from tests.faults.tensors import Array, plain, special, tensors
from tests.faults.unrelated import unrelated

LEAST_RECALL = 0.95
LEAST_PRECISION = 0.98
LEAST_PAIRS = 0.8
UNRELATED = 200
MEDIUM, LARGE = (1000, 1000), (10_000, 10_000)
MEDIUM_SECONDS, LARGE_SECONDS = 0.2, 2.0

NOTE = """\
Each cause is planted in every tensor that takes it, of {tensors} (plain ones, and weights and outputs of layers of \
Keras and PyTorch; float16 to float64, 1 to 5 axes), with noise of 1e-6 relative on one side; `diagnose` then sees \
both. *recall*: the share of the planted causes that it names; *precision*: the share of the causes it names that \
were planted. Where two causes are the same thing in a tensor (two blocks swapped, and an axis rolled by half), \
either counts; `tests/faults/planting.py` has the list. *Held out* are {held_out} other tensors, drawn from other \
layers, sizes, inputs and dtypes by a seed (`tests/faults/held_out.py`), in which nothing was \
tuned. Times are medians of {rounds} calls on a warm process."""


def run(scale: Scale) -> Table:
    """A row for each cause, and one for each promise."""
    healthy = {**tensors(), **special()} if scale is FULL else dict(islice(plain().items(), 4))
    faults = [cause for cause in CAUSES if cause.fault]
    cases = {cause.name: [judged(case) for case in plantings([cause], healthy)] for cause in faults}
    count = COUNT if scale is FULL else 4
    unseen = [judged(case) for case in plantings(faults, held_out(count=count))]
    every = [case for found in cases.values() for case in found]
    rows = [*_named(every), *_named(unseen, ", held out"), _pairs(healthy), _none(), *_times(scale, faults)]
    rows += [_confusion(name, found, cases) for name, found in cases.items() if found]
    return Table("Causes", NOTE.format(tensors=len(healthy), held_out=count, rounds=min(3, scale.rounds)), rows)


# --- what is named ---


def _named(every: list[Case], which: str = "") -> Iterator[Row]:
    said = sum(len(case.said) for case in every)
    right = said - sum(len(case.wrong) for case in every)
    hit = sum(not case.missed for case in every)
    yield at_least(
        f"recall{which}", hit / len(every), LEAST_RECALL, "", details=f"{hit:,} of {len(every):,} planted causes"
    )
    yield at_least(
        f"precision{which}", right / max(1, said), LEAST_PRECISION, "", details=f"{right:,} of {said:,} named causes"
    )


def _pairs(healthy: Mapping[str, Array]) -> Row:
    chosen = [pair for pair in PAIRS if pair[2] in healthy]
    planned = [planted([BY_NAME[name] for name in names], tensor, healthy[tensor]) for *names, tensor in chosen]
    found = [judged(case) for case in planned if case is not None]
    hit = sum(not case.missed for case in found)
    return at_least("two causes at once, both named", hit / len(found), LEAST_PAIRS, "",
                    details=f"{hit} of {len(found)} pairs")  # fmt: skip


def _none() -> Row:
    pairs = list(unrelated(UNRELATED))
    named = sum(bool(diagnose(left, right, dtypes=(left.dtype.name, right.dtype.name))) for _, left, right in pairs)
    return at_most(f"{len(pairs)} unrelated pairs, with a cause named", named, 0, "")


def _confusion(name: str, found: list[Case], cases: dict[str, list[Case]]) -> Row:
    """How often a cause is named where it was planted, and what is named in its place; and where it was not."""
    hit = sum(not case.missed for case in found)
    instead = Counter(other for case in found for other in case.wrong)
    elsewhere = sum(name in case.wrong for others in cases.values() for case in others)
    own = sum(name in case.said for case in found)
    details = f"{hit} of {len(found)}; precision {own / max(1, own + elsewhere):.3g}"
    if instead:
        details += "; also named: " + ", ".join(f"`{other}` {count}" for other, count in instead.most_common())
    return at_least(f"recall of `{name}`", hit / len(found), LEAST_RECALL, "", details=details)


# --- how long it takes ---


def _times(scale: Scale, faults: list[Cause]) -> Iterator[Row]:
    medium, large = (MEDIUM, LARGE) if scale is FULL else ((100, 100), (300, 300))
    random = np.random.default_rng(0)
    left = random.standard_normal(medium, np.float32)
    pairs = {cause.name: right for cause in faults if (right := _faulty(cause, left)) is not None}
    pairs["none"] = random.standard_normal(medium, np.float32)
    seconds = {name: _seconds(partial(diagnose, left, right), scale) for name, right in pairs.items()}
    slowest = max(seconds, key=lambda name: seconds[name])
    size = f"{left.size:,} elements"
    yield at_most(f"slowest cause in {size}", seconds[slowest], MEDIUM_SECONDS, " s", details=f"`{slowest}`")
    yield at_most(f"no cause in {size}", seconds["none"], MEDIUM_SECONDS, " s",
                  details=f"median of all causes: {duration(median(seconds.values()))}")  # fmt: skip
    left = random.standard_normal(large, np.float32)
    for what, right in _large_pairs(left, random):
        yield at_most(f"{what} in {left.size:,} elements", _seconds(partial(diagnose, left, right), scale),
                      LARGE_SECONDS, " s")  # fmt: skip


def _large_pairs(left: Array, random: np.random.Generator) -> Iterator[tuple[str, Array]]:
    """One at a time: they are large."""
    yield "no cause", random.standard_normal(left.shape, np.float32)
    yield "transposed axes", np.ascontiguousarray(left.T)
    yield "a scale", left * np.float32(0.5)
    yield "transposed axes and a scale", np.ascontiguousarray(left.T) * np.float32(0.5)
    yield "few elements", np.where(random.random(left.shape, np.float32) < 1e-4, 0, left)


def _faulty(cause: Cause, left: Array) -> Array | None:
    with np.errstate(all="ignore"):
        return cause.plant(left, np.random.default_rng(1))


def _seconds(action: Callable[[], Any], scale: Scale) -> float:
    action()
    return median(timed(action) for _ in range(min(3, scale.rounds)))
