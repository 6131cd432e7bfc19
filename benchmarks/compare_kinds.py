"""Other dtypes and memory layouts, byte for byte against float32 arrays in a row."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import isqrt
from typing import Any

import numpy as np
import torch

from benchmarks.data import Pair, pair
from benchmarks.harness import Scale, interleaved, ratio, threads
from benchmarks.subject import expect, verdict_of, warm_up
from benchmarks.tables import Row, Table, at_most

LIMIT = 4.0  # times float32, per byte

NOTE = """\
Two tensors of {megabytes:g} MB each, measured and judged as `dualcell.compare` does; time per byte as a multiple \
of that of a *close* pair of \
contiguous float32 arrays, measured in the same rounds; medians of {rounds} rounds, then the spread and both times per \
byte. bfloat16 comes as torch tensors, all else as NumPy arrays. *Differs* is noise of deviation 0.1, in integers a \
step of 0 or 1. A broadcast view counts the bytes that it stands for. Transposed, broadcast and reversed are views of \
float32; NaN-heavy has NaN in a random tenth of one float32 side."""


def run(scale: Scale) -> Table:
    """One row for each dtype or layout and kind of data."""
    torch.set_num_threads(threads())
    warm_up()
    yardstick = pair("close", scale.side_bytes // 4)
    expect("close", *yardstick)
    rows = [
        _row(name, kind, make(kind, scale.side_bytes), yardstick, scale.rounds)
        for name, (kinds, make) in MAKERS.items()
        for kind in kinds
    ]
    note = NOTE.format(megabytes=scale.side_bytes / 1e6, rounds=scale.rounds)
    return Table("Other dtypes and layouts", note, rows)


def _row(name: str, kind: str, sides: Pair, yardstick: Pair, rounds: int) -> Row:
    expect(kind, *sides)
    actions = {"other": partial(verdict_of, *sides), "float32": partial(verdict_of, *yardstick)}
    seconds = interleaved(actions, rounds)
    per_byte = {
        "other": [one / _bytes(sides) for one in seconds["other"]],
        "float32": [one / _bytes(yardstick) for one in seconds["float32"]],
    }
    times = ratio(per_byte["other"], per_byte["float32"])
    ours, other = (f"{one * 1e9:.3f}" for one in times.seconds)
    details = f"{times.low:.3g} to {times.high:.3g}; {ours} ns against {other} ns"
    return at_most(f"{name}, {kind}", times.middle, LIMIT, "x float32", details=details)


def _bytes(sides: Pair) -> int:
    return sum(int(np.prod(side.shape)) * side.dtype.itemsize for side in sides)


# --- makers: a kind of data and the bytes of a side -> two tensors ---


def _floats(dtype: str, kind: str, size: int) -> Pair:
    return pair(kind, size // np.dtype(dtype).itemsize, dtype)


def _bfloat16(kind: str, size: int) -> Pair:
    left, right = (torch.from_numpy(side).bfloat16() for side in pair(kind, size // 2, "bfloat16"))
    return left, right


def _complex64(kind: str, size: int) -> Pair:
    left, right = (side.view(np.complex64) for side in pair(kind, size // 8 * 2))
    return left, right


def _integers(dtype: str, kind: str, size: int) -> Pair:
    random = np.random.default_rng(0)
    number: Any = np.dtype(dtype)
    high = min(2**62, int(np.iinfo(number).max))
    left = random.integers(0, high, size // number.itemsize, dtype=number)
    step = random.integers(0, 2, left.size, dtype=number) if kind == "differs" else 0
    return left, left + step


def _matrices(kind: str, size: int) -> Pair:
    """Two square float32 matrices, in rows."""
    side = isqrt(size // 4)
    left, right = (array.reshape(side, side) for array in pair(kind, side * side))
    return left, right


def _one_transposed(kind: str, size: int) -> Pair:
    left, right = _matrices(kind, size)
    return left.T.copy().T, right


def _both_transposed(kind: str, size: int) -> Pair:
    left, right = _matrices(kind, size)
    return left.T, right.T


def _broadcast(kind: str, size: int) -> Pair:
    """A row stretched over a matrix, and the matrix that it stands for, changed by `kind`."""
    side = isqrt(size // 4)
    rows, changed = pair(kind, side)
    left = np.broadcast_to(rows, (side, side))
    return left, np.tile(changed, (side, 1))


def _reversed(kind: str, size: int) -> Pair:
    left, right = pair(kind, size // 4)
    return left[::-1], right[::-1]


def _nan_heavy(kind: str, size: int) -> Pair:
    left, right = pair("NaN-heavy", size // 4)
    np.nan_to_num(left, copy=False)
    return left, right


BOTH = ("close", "differs")
EXACT = ("equal", "differs")

# name -> the kinds of data, and what makes the tensors
MAKERS: dict[str, tuple[tuple[str, ...], Callable[[str, int], Pair]]] = {
    "float16": (BOTH, partial(_floats, "float16")),
    "bfloat16": (BOTH, _bfloat16),
    "float64": (BOTH, partial(_floats, "float64")),
    "int64": (EXACT, partial(_integers, "int64")),
    "complex64": (BOTH, _complex64),
    "uint8": (EXACT, partial(_integers, "uint8")),
    "one side transposed": (BOTH, _one_transposed),
    "both sides transposed": (BOTH, _both_transposed),
    "one side broadcast": (BOTH, _broadcast),
    "both sides reversed": (BOTH, _reversed),
    "one side NaN-heavy": (("differs",), _nan_heavy),
}
