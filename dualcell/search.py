"""Steps that turn one array into another: tried on a sample of elements, alone and in pairs, confirmed on all."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, TypeVar

import numpy as np

from dualcell.catalogue import CAUSES
from dualcell.cause import Array, Cause, Move, MoveCause, RelationCause, Step, WholeCause
from dualcell.sampling import fits, floating, information, mean_square, places, take, wide

_ELEMENTWISE = {cause.name for cause in CAUSES if isinstance(cause, RelationCause)}
_OF_AXES = {"axes-permuted", "reshaped"}  # other moves may come after these

FEW, MANY = 48, 4096  # elements of the first and of the second sample
SECONDS = 0.1  # of processor time, for the search in one pair: the answer must not hang on how busy the machine is
WHOLE = 1 << 20  # elements of the sample that whole steps are tried on
SMALL = 1 << 16  # elements, up to which there is time to try what is rarely so
BITS = 7  # of information, for each step and once more: fewer agree by chance with one of the many steps tried


@dataclass(frozen=True)
class Explanation:
    """Steps that make the sides agree.

    Attributes:
        steps: in the order in which they are taken.
        mirrored: whether they were found from the right to the left.
    """

    steps: tuple[Step, ...]
    mirrored: bool = False

    @property
    def cost(self) -> tuple[int, int]:
        """How much it takes: steps, and numbers fitted to the data."""
        return len(self.steps), sum(step.freedom for step in self.steps)


Found = Iterator[tuple[Explanation, float]]  # with the largest |left - right| that is left
_Sample = tuple[Array, Array]  # few elements, and many
_Kind = TypeVar("_Kind", bound=Cause)


def causes_of(kind: type[_Kind], facts: Mapping[str, Any]) -> Iterator[_Kind]:
    """The causes of one kind; for complex tensors, those that know them."""
    return (cause for cause in CAUSES if isinstance(cause, kind) and (cause.complex or not facts["complex"]))


# --- candidates ---


def moved_or_related(left: Array, right: Array, facts: Mapping[str, Any]) -> Found:
    """The moves and relations that explain all elements: one of them, or else two."""
    samples = samples_of(left, right, facts)
    deadline = time.thread_time() + SECONDS
    ways = (_one_step, _moved_and_related, _moved_twice)
    for steps, way in zip((1, 2, 2), ways, strict=True):
        if information(samples.finite(samples.wanted[1])) < BITS * (steps + 1):
            return
        with np.errstate(all="ignore"):
            candidates = sorted(way(samples, deadline), key=lambda one: one.cost)
        cheapest: tuple[int, int] | None = None
        for one in candidates:
            if cheapest is not None and one.cost > cheapest:
                return
            after = residual(left, right, one.steps, facts["closeness"], finite=facts["finite"])
            if after is not None:
                cheapest = one.cost
                yield one, after
        if cheapest is not None:
            return


def only_moved(left: Array, right: Array, facts: Mapping[str, Any]) -> Found:
    """The moves that explain all elements."""
    for one in _moved(samples_of(left, right, facts), time.thread_time() + SECONDS / 4):
        after = residual(left, right, one.steps, facts["closeness"])
        if after is not None:
            yield one, after


@dataclass(frozen=True)
class Samples:
    """Elements at a few places and at many.

    Attributes:
        left: the left tensor.
        right_shape: the shape of the right one.
        places: flat indices on the right, few and many.
        wanted: the right one's elements there.
        facts: what causes are told.
    """

    left: Array
    right_shape: tuple[int, ...]
    places: tuple[Array, Array]
    wanted: tuple[Array, Array]
    facts: Mapping[str, Any]

    def source(self, moves: Sequence[Move], which: int) -> Array:
        """Flat indices on the left of the elements that moves put there; `which` is 0 for few and 1 for many."""
        index = self.places[which]
        for move in reversed(moves):
            index = move.source(index)
        return index

    def moved(self, moves: Sequence[Move], which: int) -> Array:
        """Those elements."""
        return wide(take(self.left, self.source(moves, which)))

    def pair(self, moves: Sequence[Move], which: int) -> _Sample | None:
        """Those elements and the right one's, where they are finite; None if that is not so in the same places."""
        found, wanted = self.moved(moves, which), self.wanted[which]
        if self.facts["finite"]:
            return found, wanted
        finite = np.isfinite(found)
        if not (finite == np.isfinite(wanted)).all() or not (np.isnan(found) == np.isnan(wanted)).all():
            return None
        return (found[finite], wanted[finite]) if np.count_nonzero(finite) >= _LEAST_FINITE else None

    def finite(self, values: Array) -> Array:
        """The finite ones."""
        return values if self.facts["finite"] else values[np.isfinite(values)]

    def in_step(self, moves: Sequence[Move]) -> bool:
        """Whether the few elements rise or fall as the right one's do."""
        pair = self.pair(moves, 0)
        return pair is not None and in_step(*pair, self.facts["closeness"])

    def fit(self, moves: Sequence[Move]) -> bool:
        """Whether the moves alone explain both samples."""
        pair = self.pair(moves, 1) if self.in_step(moves) else None
        return pair is not None and fits(*pair, self.facts["closeness"])


_LEAST_FINITE = 6  # of the few elements


def samples_of(left: Array, right: Array, facts: Mapping[str, Any]) -> Samples:
    """The elements that steps are tried on, of those that differ as many as of the others."""
    random = np.random.default_rng(0)
    few, many = (places(right.size, count, random) for count in (FEW, MANY))
    if left.shape == right.shape and facts["finite"]:
        few, many = (_with_different(left, right, index, facts["closeness"]) for index in (few, many))
    wanted = [wide(take(right, index)) for index in (few, many)]
    return Samples(left, right.shape, (few, many), (wanted[0], wanted[1]), facts)


def _with_different(left: Array, right: Array, index: Array, closeness: float) -> Array:
    """Half of these places, and as many where the sides differ: a rule may touch few elements only."""
    one, other = (part.reshape(-1) for part in first_part(left, right))
    gap = np.abs(one - wide(other))
    different = np.flatnonzero(gap > closeness * np.abs(other).max())
    half = index.size // 2
    if different.size == 0 or different.size > gap.size // 2 or right.size <= index.size:
        return index
    return np.sort(np.concatenate([index[::2], different[:: max(1, different.size // half)][:half]]))


def moves_between(shape: tuple[int, ...], right_shape: tuple[int, ...]) -> Iterator[Move]:
    """Moves from one shape to the other."""
    for cause in CAUSES:
        if isinstance(cause, MoveCause):
            yield from cause.moves(shape, right_shape)


def _one_step(samples: Samples, deadline: float) -> Iterator[Explanation]:
    """Moves alone; relations alone."""
    yield from _moved(samples, deadline)
    if samples.left.shape == samples.right_shape:
        yield from _related((), samples)


def _moved(samples: Samples, deadline: float) -> Iterator[Explanation]:
    """Moves alone; of those that do the same thing, the first."""
    seen: set[bytes] = set()
    for move in moves_between(samples.left.shape, samples.right_shape):
        if time.thread_time() > deadline:
            break
        if samples.fit((move,)):
            source = samples.source((move,), 1).tobytes()
            if source not in seen:
                seen.add(source)
                yield Explanation((move,))


def _moved_and_related(samples: Samples, deadline: float) -> Iterator[Explanation]:
    """A move, then a relation."""
    for move in moves_between(samples.left.shape, samples.right_shape):
        if time.thread_time() > deadline:
            return
        forced = move.cause in _OF_AXES and samples.left.shape != samples.right_shape
        if forced or samples.in_step((move,)):
            yield from _related((move,), samples)


def _moved_twice(samples: Samples, deadline: float) -> Iterator[Explanation]:
    """A move of axes, then another move."""
    axes = [move for move in moves_between(samples.left.shape, samples.right_shape) if move.cause in _OF_AXES]
    others = (move for move in moves_between(samples.right_shape, samples.right_shape) if move.cause not in _OF_AXES)
    for moves in product(axes, others):
        if time.thread_time() > deadline:
            return
        if samples.fit(moves):
            yield Explanation(moves)


def _related(moves: tuple[Move, ...], samples: Samples) -> Iterator[Explanation]:
    few, many = samples.pair(moves, 0), samples.pair(moves, 1)
    if few is not None and many is not None:
        for step in relations((few[0], many[0]), (few[1], many[1]), samples.facts):
            yield Explanation((*moves, step))


def relations(given: _Sample, wanted: _Sample, facts: Mapping[str, Any]) -> Iterator[Step]:
    """The rules for each element that few and many elements bear out."""
    for cause in causes_of(RelationCause, facts):
        if cause.relate(given[0], wanted[0], facts) is not None:
            step = cause.relate(given[1], wanted[1], facts)
            if step is not None:
                yield step


def in_step(few: Array, wanted: Array, closeness: float) -> bool:
    """Whether the larger elements on one side are the larger, or the smaller, on the other."""
    if few.dtype.kind == "c" or wanted.dtype.kind == "c":
        return few.dtype != wanted.dtype or _in_phase(few, wanted)
    rising = np.diff(wanted[np.argsort(few, kind="stable")])
    slack = 100 * closeness * np.ptp(wanted)
    return bool((rising >= -slack).all() or (rising <= slack).all())


def _in_phase(few: Array, wanted: Array) -> bool:
    """Whether complex numbers, or their conjugates, may be a multiple of others, plus a number."""
    one, other = few - few.mean(), wanted - wanted.mean()
    size = np.sqrt(mean_square(one) * mean_square(other)) * one.size
    return max(abs(np.vdot(one, other)), abs(np.vdot(one.conj(), other))) > 0.99 * size


# --- steps that need whole tensors ---


def whole(left: Array, right: Array, facts: Mapping[str, Any]) -> Found:
    """Steps on whole tensors, alone; failing that, with a move or relation after them."""
    left, right = (wide(part) if part.size <= 4 * WHOLE else floating(part) for part in first_part(left, right))
    with np.errstate(all="ignore"):
        steps = [step for cause in causes_of(WholeCause, facts) for step in cause.steps(left, right, facts)]
        found = [(step, residual(left, right, (step,), facts["closeness"])) for step in steps]
    alone = [(Explanation((step,)), after) for step, after in found if after is not None]
    yield from alone or _after_whole(steps, left, right, facts)


def moved_and_whole(left: Array, right: Array, facts: Mapping[str, Any]) -> Found:
    """Axes moved, then a step on whole tensors."""
    deadline = time.thread_time() + SECONDS / 2
    for move in moves_between(left.shape, right.shape) if left.shape != right.shape or left.size <= SMALL else ():
        if move.cause in _OF_AXES and time.thread_time() < deadline:
            moved = move.apply(left)
            for one, after in whole(moved, right, {**facts, "shape": moved.shape}):
                yield Explanation((move, *one.steps)), after


def _after_whole(steps: Sequence[Step], left: Array, right: Array, facts: Mapping[str, Any]) -> Found:
    for step in steps:
        if step.on == "left" and step.freedom == 0:
            changed = step.apply(left)
            for one, after in moved_or_related(changed, right, {**facts, "shape": changed.shape}):
                yield Explanation((step, *one.steps)), after


def first_part(left: Array, right: Array) -> tuple[Array, Array]:
    """The first elements of both, about `WHOLE`; all if the first axes are not the same."""
    axis = next((axis for axis, length in enumerate(left.shape) if length > 1), 0)
    if left.size <= WHOLE or left.shape[: axis + 1] != right.shape[: axis + 1]:
        return left, right
    rows = max(1, WHOLE * left.shape[axis] // left.size)
    part = (*(slice(None),) * axis, slice(rows))
    return left[part], right[part]


# --- confirmation ---


def residual(
    left: Array, right: Array, steps: Sequence[Step], closeness: float, *, finite: bool = True
) -> float | None:
    """The largest |left - right| after the steps; None if they do not explain all elements.

    Where not all is `finite`, NaN and infinity must be the same on both sides.
    """
    elementwise = [step for step in steps if step.cause in _ELEMENTWISE]
    for step in steps:
        if step not in elementwise:
            sides = {"left": left, "right": right}
            sides[step.on] = step.apply(sides[step.on])
            left, right = sides["left"], sides["right"]
    if left.shape != right.shape:
        return None
    top = square = size = 0.0
    with np.errstate(all="ignore"):
        for one, other in _parts(left, right):
            sides = {"left": wide(one), "right": wide(other)}
            for step in elementwise:
                sides[step.on] = _applied(step, sides)
            if not finite and not _same_but_finite(sides):
                return None
            gap = np.abs(sides["left"] - sides["right"])
            top, square = max(top, float(gap.max())), square + float(np.sum(np.square(gap)))
            size += mean_square(sides["right"]) * sides["right"].size
    if not 0 < size < np.inf:  # the squares do not fit into a float64
        return top if top == 0 else None
    return top if square <= closeness**2 * size else None


def _same_but_finite(sides: dict[str, Array]) -> bool:
    """Whether all that is not finite on a side is the same on both; zeros are put in its place."""
    odd = np.flatnonzero(~(np.isfinite(sides["left"]) & np.isfinite(sides["right"])))
    if odd.size:
        left, right = (np.array(sides[side]).reshape(-1) for side in ("left", "right"))
        if not np.array_equal(left[odd], right[odd], equal_nan=True):
            return False
        left[odd] = right[odd] = 0
        sides.update(left=left, right=right)
    return True


def _applied(step: Step, sides: Mapping[str, Array]) -> Array:
    if step.given:
        return step.apply(sides[step.on], sides["right" if step.on == "left" else "left"])
    return step.apply(sides[step.on])


def largest_gap(left: Array, right: Array) -> float:
    """The largest |left - right| where it is finite; NaN if it is nowhere."""
    top = math.nan
    with np.errstate(all="ignore"):
        for one, other in _parts(left, right):
            gap = np.abs(wide(one) - other)
            gap[~np.isfinite(gap)] = math.nan
            top = np.fmax(top, np.fmax.reduce(gap, None))
    return float(top)


def _parts(left: Array, right: Array) -> Iterator[tuple[Array, Array]]:
    """The same elements of both, `WHOLE` at most at once."""
    if right.size <= WHOLE:
        yield left, right
        return
    axis = next(axis for axis, length in enumerate(right.shape) if length > 1)
    rows = max(1, WHOLE * right.shape[axis] // right.size)
    for start in range(0, right.shape[axis], rows):
        part = (*(slice(None),) * axis, slice(start, start + rows))
        yield from _parts(left[part], right[part])
