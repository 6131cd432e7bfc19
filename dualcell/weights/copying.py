"""Rows -> the target's arrays, all of them or none.

Every value is made and checked before the first is written; if a write fails, the arrays
written before it get their old values back.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from itertools import accumulate
from typing import Any

import numpy as np

from dualcell.coded import Coded, HostArray, codes_of, copied, decoded
from dualcell.errors import PlanError
from dualcell.weights.axes import Array, Move, moved
from dualcell.weights.inventory import Weight
from dualcell.weights.rows import Dropped, Row

Read = Callable[[Any], HostArray]
Write = Callable[[Any, HostArray], None]

# dtype -> those that hold each of its values
_WIDER: Mapping[str, tuple[str, ...]] = {
    "float16": ("float32", "float64"),
    "bfloat16": ("float32", "float64"),
    "float32": ("float64",),
    "int32": ("int64", "float64"),
    "uint8": ("int16", "int32", "int64", "float16", "float32", "float64"),
    "int64": (),
}


def is_exact(source: str, target: str) -> bool:
    """Whether every value of one dtype is one of another."""
    return source == target or target in _WIDER.get(source, ())


def values_of(row: Row, arrays: Mapping[str, Any], read: Read) -> HostArray:
    """The values a row writes, in the target's layout; a view where nothing is computed."""
    if not row.sources:
        return np.full(row.target.shape, row.fill, np.float32)
    return added([_moved(weight, move, arrays, read) for weight, move in row.sources])


def added(values: Sequence[HostArray]) -> HostArray:
    """The sum of some arrays; of one, that array itself."""
    first, *others = values
    if not others:
        return first
    whole = decoded(codes_of(first), first)
    for other in others:
        whole = whole + decoded(codes_of(other), other)
    return whole


def _moved(weight: Weight, move: Move, arrays: Mapping[str, Any], read: Read) -> HostArray:
    whole = read(arrays[weight.array])
    codes = moved(part_of(codes_of(whole), weight), move)
    return Coded(codes, whole.table, whole.name) if isinstance(whole, Coded) else codes


def part_of(array: Array, weight: Weight) -> Array:
    """The part of an array that a weight is; a view."""
    index, count = weight.part
    if count == 1:
        return array
    length = array.shape[weight.axis] // count
    return array[(slice(None),) * weight.axis + (slice(index * length, (index + 1) * length),)]


def part_values(arrays: Mapping[str, Any], weight: Weight, read: Read) -> HostArray:
    """The values of one weight in its framework's layout; a view."""
    return _moved(weight, (), arrays, read)


def check_dropped(dropped: Iterable[Dropped], arrays: Mapping[str, Any], read: Read) -> None:
    """See that weights without a place do nothing.

    Raises:
        PlanError: one of them has other values than the neutral one.
    """
    for one in dropped:
        whole = read(arrays[one.weight.array])
        part = part_of(codes_of(whole), one.weight)
        if not np.all(decoded(part, whole) == one.neutral):
            raise PlanError(
                f"{one.weight.name} has no place in {one.layer!r}, and its values are not {one.neutral:g} everywhere, "
                f"so to leave it out would change the results; build {one.layer!r} with a {one.weight.role}. "
                f"Nothing was written."
            )


def stage(
    rows: Sequence[Row], sources: Mapping[str, Any], targets: Mapping[str, Any], read: Read
) -> dict[str, HostArray]:
    """The new values of each target array, whole.

    Raises:
        PlanError: two rows want other values in the same place of an array (tied weights).
    """
    by_array: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_array[row.target.array].append(row)
    staged: dict[str, HostArray] = {}
    for name, group in by_array.items():
        if len(group) == 1 and group[0].target.part[1] == 1:
            staged[name] = values_of(group[0], sources, read)
        else:
            staged[name] = _assembled(group, sources, read(targets[name]), read)
    return staged


def _assembled(rows: Sequence[Row], sources: Mapping[str, Any], old: HostArray, read: Read) -> HostArray:
    """An array of several parts, or one that several rows write."""
    values = [values_of(row, sources, read) for row in rows]
    first = next((each for each in values if isinstance(each, Coded)), None)
    same = all(isinstance(each, Coded) for each in (*values, old))
    plain: list[Array] = [codes_of(each) if same else decoded(codes_of(each), each) for each in values]
    kept = codes_of(old) if same else decoded(codes_of(old), old)
    whole = np.array(kept, dtype=np.result_type(*plain))
    written: dict[tuple[int, int], tuple[Row, Array]] = {}
    for row, value in zip(rows, plain, strict=True):
        before = written.setdefault(row.target.part, (row, value))
        if before[1].tobytes() != value.tobytes():
            raise PlanError(
                f"{row.target.array!r} is one array for several layers of the target (tied weights), and the source "
                f"has other values for it: {before[0].source_name} and {row.source_name} differ. Tie them in the "
                f"source, or leave one out with overrides={{...: None}}. Nothing was written."
            )
        part_of(whole, row.target)[...] = value
    return Coded(whole, first.table, first.name) if same and first is not None else whole


@contextmanager
def all_or_nothing(
    targets: Mapping[str, Any], read: Read, write: Write, settle: Callable[[], None]
) -> Generator[Callable[[str, HostArray], None]]:
    """Gives the verb that writes an array; if anything fails inside, all have their old values again.

    Args:
        targets: the arrays by name.
        read: gives an array's values.
        write: puts values into an array.
        settle: called when all have their values: their old ones, if anything failed.

    Raises:
        PlanError: a write failed.
    """
    old: dict[str, HostArray] = {}

    def put(name: str, values: HostArray) -> None:
        old[name] = copied(read(targets[name]))
        try:
            write(targets[name], values)
        except Exception as error:
            raise PlanError(
                f"{name} could not be written: {type(error).__name__}: {error}. What had been written before has its "
                f"old values again."
            ) from error

    try:
        yield put
    except BaseException:
        for name, values in old.items():
            write(targets[name], values)
        settle()
        raise


def untangled(staged: dict[str, HostArray], targets: Mapping[str, Any], read: Read) -> dict[str, HostArray]:
    """The values, copied where they lie in memory that is about to be written."""
    spans = sorted(_span(codes_of(read(array))) for array in targets.values())
    starts = [start for start, _ in spans]
    ends = list(accumulate((end for _, end in spans), max))

    def is_written(values: HostArray) -> bool:
        first, last = _span(codes_of(values))
        before = bisect_left(starts, last)  # the spans that begin before the values end
        return before > 0 and ends[before - 1] > first

    return {name: copied(values) if is_written(values) else values for name, values in staged.items()}


def _span(array: Array) -> tuple[int, int]:
    return np.lib.array_utils.byte_bounds(array) if array.size else (0, 0)
