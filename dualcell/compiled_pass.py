"""Two large host arrays of one shape -> `Figures`, by compiled loops on every core.

The arrays are cut into ranges of consecutive elements. Where a range lies in memory as
the loops want it, they read it in place; else (strides, other dtypes) it is copied into
a small buffer first.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from dualcell import loops, walks
from dualcell.coded import Array, Coded, HostArray, coded, codes_of, dtype_of, same_dtype
from dualcell.slabs import slabs, threads
from dualcell.stats import Figures
from dualcell.tolerance import Tolerance

BLOCK = 16_384  # elements; with its scratch a block stays in the second-level cache
SLAB = 524_288  # elements of 4 bytes a buffer holds: 2 MB a side; long enough that columns are read in runs


@dataclass(frozen=True)
class _Plan:
    """How two dtypes are walked.

    Attributes:
        walk: the compiled walk.
        dtype: what both sides are cast to on the way; None if they are decoded in the loops.
        quick: the type `T` of the quick loops.
        short: see `loops.Bounds`.
    """

    walk: Any
    dtype: np.dtype[Any] | None
    quick: type[np.floating[Any]]
    short: int = 0


def plan_for(left: HostArray, right: HostArray) -> _Plan | None:
    """The compiled walk for two arrays, or None: the plain pass takes the rarer dtypes."""
    dtypes = dtype_of(left), dtype_of(right)
    if _is_short_float(left) and _is_short_float(right):
        return _Plan(walks.walk_short, None, np.float32, 1)
    kinds = {dtype.kind for dtype in dtypes}
    bits = max(8 * dtype.itemsize for dtype in dtypes)
    wide = np.result_type(*dtypes)
    if kinds <= set("biu") and bits <= 16:  # float32 holds them, and their differences
        dtype = None if dtypes[0] == dtypes[1] else np.dtype(np.float32)
        return _Plan(walks.walk_real if dtype else walks.walk_short, dtype, np.float32, int(bits == 8))
    if kinds == {"f"} and wide == np.float32:
        return _Plan(walks.walk_real, np.dtype(np.float32), np.float32)
    if wide == np.complex64 and kinds == {"c"}:
        return _Plan(walks.walk_complex, np.dtype(np.complex64), np.float64, -1)
    long = any(dtype.kind in "iu" and dtype.itemsize == 8 for dtype in dtypes)
    if long and kinds <= set("biu") and wide.kind in "iu":
        return _Plan(walks.walk_integer, wide, np.float64)
    if not long and kinds <= set("biuf") and max(dtype.itemsize for dtype in dtypes) <= 8:
        return _Plan(walks.walk_real, np.dtype(np.float64), np.float64)
    return None


def _is_short_float(array: HostArray) -> bool:
    return isinstance(array, Coded) or array.dtype == np.float16


def compiled_pass(
    left: HostArray, right: HostArray, tolerance: Tolerance, *, equal_nan: bool = False, reference: str = "left"
) -> Figures:
    """The figures of two arrays of one shape, not empty; `plan_for` must know their dtypes.

    Args:
        left: array of any shape and strides.
        right: array of the same shape; its dtype may differ.
        tolerance: what counts as close.
        equal_nan: NaN in the same place counts as equal.
        reference: `left` or `right`, the side that rtol is relative to.
    """
    plan = plan_for(left, right)
    if plan is None:
        raise TypeError(f"no compiled loops for {dtype_of(left)} and {dtype_of(right)}")
    work = _Work(left, right, plan, tolerance, equal_nan, reference == "right")
    slab = min(SLAB, 4 * SLAB // (plan.dtype.itemsize if plan.dtype else 1))
    pieces = _pieces(left.shape, work.in_place, threads(), slab)
    if len(pieces) == 1:
        return work.measure(pieces[0])
    with ThreadPoolExecutor(len(pieces)) as pool:
        parts = list(pool.map(work.measure, pieces))
    with np.errstate(invalid="ignore"):  # infinite sums
        for part in parts[1:]:
            parts[0].merge(part)
    return parts[0]


# a range of consecutive elements: the index of the first, and how to take it from the arrays
_Range = tuple[int, Any]


def _pieces(shape: tuple[int, ...], in_place: bool, threads: int, slab: int) -> list[list[_Range]]:
    """The work of each thread: consecutive ranges, in order."""
    size = int(np.prod(shape, dtype=np.int64))
    if in_place:
        step = -(-size // threads // BLOCK) * BLOCK or BLOCK
        return [[(start, slice(start, min(start + step, size)))] for start in range(0, size, step)]
    ranges = list(slabs(shape, slab))
    step = -(-len(ranges) // threads)
    return [ranges[start : start + step] for start in range(0, len(ranges), step)]


def _fits(side: HostArray, dtype: np.dtype[Any] | None) -> bool:
    """Whether the loops can read a side as it lies in memory."""
    codes = codes_of(side)
    return codes.flags.c_contiguous and (dtype is None or (codes.dtype == dtype and codes is side))


def _as_codes(side: HostArray) -> HostArray:
    """Numbers of 8 or 16 bits as the loops know them."""
    if isinstance(side, Coded) or side.dtype.kind in "iu":
        return side
    return side.view(np.uint8) if side.dtype.kind == "b" else coded(side)


def _decoding(side: HostArray) -> Any:
    """How `loops.decode` reads a side."""
    if isinstance(side, Coded):
        if side.name == "float16" and loops.HALVES:
            return 0.0
        return 16 if side.name == "bfloat16" else side.table
    return None


class _Work:
    """One comparison: what all threads share, read only."""

    def __init__(
        self, left: HostArray, right: HostArray, plan: _Plan, tolerance: Tolerance, equal_nan: bool, by_right: bool
    ) -> None:
        self.plan = plan
        self.sides = tuple(side if plan.dtype else _as_codes(side) for side in (left, right))
        self.how = () if plan.dtype else tuple(_decoding(side) for side in self.sides)
        self.same_dtype = same_dtype(left, right)
        self.rules = walks.Rules(float(tolerance.rtol), float(tolerance.atol), equal_nan, by_right)
        self.bounds = _bounds(tolerance, plan)
        self.in_place = all(_fits(side, plan.dtype) for side in self.sides)

    def measure(self, ranges: list[_Range]) -> Figures:
        """Walk over consecutive ranges, on the calling thread."""
        running = walks.Running(np.zeros(walks.FLOATS), np.zeros(walks.INTEGERS, np.int64), np.zeros(1, np.uint64))
        running.integers[[walks.WORST, walks.PEAK]] = ranges[0][0]
        total = 0
        buffers = [_Buffer(side, self.plan.dtype) for side in self.sides]
        for start, where in ranges:
            left, right = (self._taken(where, *pair) for pair in zip(self.sides, buffers, strict=True))
            self.plan.walk(start, left, right, *self.how, self.rules, self.bounds, BLOCK, running)
            total += left.size
        return self._figures(total, running)

    def _taken(self, where: Any, side: HostArray, buffer: _Buffer) -> Array:
        return _unlocked(codes_of(side).reshape(-1)[where]) if self.in_place else buffer.filled(where)

    def _figures(self, total: int, running: walks.Running) -> Figures:
        floats, integers = running.floats.tolist(), running.integers.tolist()
        counting = all(dtype_of(side).kind in "biu" for side in self.sides)
        max_abs, worst = floats[walks.MAX_ABS], integers[walks.WORST]
        if self.plan.walk is walks.walk_integer:
            max_abs, worst = int(running.peak[0]), integers[walks.PEAK]
        return Figures(
            total=total,
            mismatched=integers[walks.MISMATCHED],
            max_abs=int(max_abs) if counting else max_abs,
            max_rel=floats[walks.MAX_REL],
            worst=worst,
            left_nan=integers[walks.LEFT_NAN],
            right_nan=integers[walks.RIGHT_NAN],
            left_inf=integers[walks.LEFT_INF],
            right_inf=integers[walks.RIGHT_INF],
            nonfinite_disagree=integers[walks.DISAGREE],
            identical=self.same_dtype and not integers[walks.UNEQUAL],
            needed_atol=floats[walks.NEED_ATOL],
            needed_rtol=floats[walks.NEED_RTOL],
            sums=running.floats[walks.FIRST_SUM :],
        )


@dataclass(frozen=True)
class _Memory:
    """Memory by its address, and the array that keeps it."""

    __array_interface__: dict[str, Any]
    owner: Array


def _unlocked(array: Array) -> Array:
    """A view that says it is writable: numba compiles read-only arrays apart. Nothing writes to it."""
    interface = array.__array_interface__
    return np.asarray(_Memory({**interface, "data": (interface["data"][0], False)}, array))


class _Buffer:
    """A place for one side's ranges, one after the other."""

    def __init__(self, side: HostArray, dtype: np.dtype[Any] | None) -> None:
        self._side = side
        self._codes = codes_of(side)
        self._dtype = dtype or self._codes.dtype
        self._in_place = _fits(side, dtype)
        self._space: Array | None = None

    def filled(self, where: Any) -> Array:
        """A range's elements; in the buffer, where the next range takes their place, or in the array."""
        if self._in_place:
            return _unlocked(self._codes[where]).reshape(-1)
        part = self._codes[where]
        if self._space is None or self._space.size < part.size:
            self._space = np.empty(part.size, self._dtype)
        target = self._space[: part.size]
        values = self._side.table[part] if isinstance(self._side, Coded) and self._dtype.kind == "f" else part
        if values.ndim == 2 and values.dtype != np.float16 and abs(values.strides[0]) < abs(values.strides[1]):
            loops.copy_columns(_unlocked(values), target.reshape(part.shape))
            return target
        with np.errstate(invalid="ignore"):  # a signalling NaN
            np.copyto(target.reshape(part.shape), values, casting="unsafe")
        return target


def _bounds(tolerance: Tolerance, plan: _Plan) -> loops.Bounds:
    """The tolerance with slack: 8 roundings of float32, 32 of float64 (a complex size takes more)."""
    number = plan.quick
    single = number is np.float32
    slack, tiny = (2.0**-21, 1e-37) if single else (2.0**-48, 1e-300)
    smallest = tiny * 1e7  # a tolerance below it would be rounded by too much
    low, high = number(tolerance.atol), number(tolerance.atol)
    return loops.Bounds(
        up=number(1 + slack),
        down=number(1 - slack),
        rtol_low=number(tolerance.rtol * (1 - slack) if tolerance.rtol > smallest else 0),
        rtol_high=number(max(tolerance.rtol * (1 + slack), smallest)),
        atol_low=low if float(low) <= tolerance.atol else np.nextafter(low, number(0)),
        atol_high=high if float(high) >= tolerance.atol else np.nextafter(high, number(np.inf)),
        tiny=number(tiny),
        short=number(plan.short),
    )
