"""How many times faster dualcell is than what people use today."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

import torch

from benchmarks.data import Array, pair
from benchmarks.harness import Scale, interleaved, ratio, threads
from benchmarks.peers import PEERS, why_not
from benchmarks.subject import SUBJECTS, warm_up
from benchmarks.tables import Row, Table, at_least, no_target, not_measured

# dualcell must be so many times faster
LIMITS = {
    "torch.testing.assert_close": 15,
    "numpy.testing.assert_allclose": 30,
    "Polygraphy CompareFunc.simple": 250,
}

NOTE = """\
{elements:,} float32 pairs in host memory. The target is for *close* data (noise of up to 0.4 of the tolerance): \
every peer has to look at all of it, and passes it. On data that *differs* they do more: they gather figures for a \
message and raise, and Polygraphy logs histograms and answers no. All get dualcell's tolerance. Medians of {rounds} \
rounds, of {slow} for Polygraphy and differing data; then the spread and both times."""


def run(scale: Scale) -> Table:
    """Two rows for each peer and kind of data."""
    torch.set_num_threads(threads())
    warm_up()
    rows: list[Row] = []
    for kind in ("close", "differs"):
        left, right = pair(kind, scale.elements)
        for name in PEERS:
            rows += _rows(name, kind, left, right, scale)
    note = NOTE.format(elements=scale.elements, rounds=_rounds(scale), slow=scale.slow_rounds)
    return Table("Times faster than the peers", note, rows)


def _rounds(scale: Scale) -> int:
    return min(3, scale.rounds)


def _rows(name: str, kind: str, left: Array, right: Array, scale: Scale) -> list[Row]:
    reason = why_not(name)
    if reason:
        return [not_measured(f"{name}, {kind}", reason)]
    slow = kind == "differs" or name.startswith("Polygraphy")
    ours = {subject: partial(function, left, right) for subject, function in SUBJECTS.items()}
    peer = partial(_passes if kind == "close" else _fails, name, left, right)
    seconds = interleaved({"peer": peer, **ours}, scale.slow_rounds if slow else _rounds(scale))
    rows: list[Row] = []
    for subject in SUBJECTS:
        times = ratio(seconds["peer"], seconds[subject])
        what = f"`{subject}` against {name}, {kind}"
        if kind == "close":
            rows.append(at_least(what, times.middle, LIMITS[name], "x", details=str(times)))
        else:
            rows.append(no_target(what, times.middle, "x", details=str(times)))
    return rows


def _passes(name: str, left: Array, right: Array) -> None:
    PEERS[name](left, right)


def _fails(name: str, left: Array, right: Array) -> None:
    with suppress(AssertionError):
        PEERS[name](left, right)
        raise RuntimeError(f"{name} passes data that differs.")
