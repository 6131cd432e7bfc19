"""Two host arrays that differ -> `Finding`s: the simplest explanations that the elements bear out.

Steps are tried on a sample of elements, moves and relations alone and in pairs, and
what fits is confirmed on all elements. Nothing that was not confirmed is named.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Literal, TypeVar

import numpy as np

from dualcell.catalogue import CAUSES
from dualcell.cause import Array, Cause, Finding, Move, MoveCause, PlaceCause, RelationCause, Step, WholeCause
from dualcell.coded import HostArray, codes_of, decoded
from dualcell.sampling import fits, information, mean_square, places, take, wide

_ELEMENTWISE = {cause.name for cause in CAUSES if isinstance(cause, RelationCause)}
_OF_AXES = {"axes-permuted", "reshaped"}  # other moves may come after these

FEW, MANY = 48, 4096  # elements of the first and of the second sample
SECONDS = 0.1  # of processor time, for the search in one pair: the answer must not hang on how busy the machine is
LARGEST = 1 << 27  # elements that a step may copy; of larger tensors the first part is looked at
WHOLE = 1 << 20  # elements of the sample that whole steps are tried on
LEAST = 8  # elements below which anything can be fitted
BITS = 7  # of information, for each step and once more: fewer agree by chance with one of the many steps tried

# what two computations of the same numbers may differ by, relative to their root mean square
_CLOSENESS = {"float16": 3e-3, "bfloat16": 2e-2, "float8_e4m3fn": 0.2, "float8_e5m2": 0.4, "complex32": 3e-3}
_CLOSE = 2e-5


@dataclass(frozen=True)
class _Explanation:
    """Steps that make the sides agree, and by how much."""

    steps: tuple[Step, ...]

    @property
    def cost(self) -> tuple[int, int]:
        return len(self.steps), sum(step.freedom for step in self.steps)


def diagnose(
    left: HostArray,
    right: HostArray,
    *,
    dtypes: tuple[str, str] = ("float32", "float32"),
    names: tuple[str, str] = ("left", "right"),
) -> tuple[Finding, ...]:
    """Explain why two arrays differ.

    Args:
        left: numeric array of any shape.
        right: numeric array of any shape.
        dtypes: names of the tensors' dtypes; set how near counts as the same.
        names: what the two tensors are called in the fixes.

    Returns:
        The simplest explanations, all that fit equally well; empty if none does.
    """
    if left.size < LEAST or right.size < LEAST:
        return ()
    codes = codes_of(left), codes_of(right)
    if max(left.size, right.size) > LARGEST:
        if left.shape[:1] != right.shape[:1]:
            return ()
        codes = _first_part(*codes)
    left, right = decoded(codes[0], left), decoded(codes[1], right)
    if _beyond_float64(left) or _beyond_float64(right):
        return ()
    closeness = max(_CLOSENESS.get(dtype, _CLOSE) for dtype in dtypes)
    facts = {
        "shape": left.shape, "right_shape": right.shape, "closeness": closeness, "dtypes": dtypes, "names": names,
        "complex": "c" in left.dtype.kind + right.dtype.kind,
    }  # fmt: skip
    if not (_all_finite(left) and _all_finite(right)):
        return _not_finite(left, right, facts)
    if left.shape == right.shape and _is_near(left, right, closeness):
        return _placed("near", left, right, facts) or _placed("last", left, right, facts)
    return _explained(left, right, facts) or _placed("last", left, right, facts)


def _is_near(left: Array, right: Array, closeness: float) -> bool:
    """Whether the sides agree but for rounding; the first part is asked first, for it mostly says no."""
    parts = (_first_part(left, right), (left, right))
    return all(_residual(*part, (), closeness) is not None for part in parts[left.size <= WHOLE :])


def _explained(left: Array, right: Array, facts: Mapping[str, Any]) -> tuple[Finding, ...]:
    """The simplest steps that turn one side into the other."""
    ways = (_confirmed, _confirmed_whole, _confirmed_moved)
    confirmed = next((found for way in ways if (found := list(way(left, right, facts)))), [])
    least = min((one.cost for one, _ in confirmed), default=None)
    best = [(one, after) for one, after in confirmed if one.cost == least]
    before = _gap(left, right) if left.shape == right.shape else np.nan
    return tuple(
        _finding(one.steps, before, after, facts["names"], [other for other, _ in best if other is not one])
        for one, after in best
    )


def _beyond_float64(array: Array) -> bool:
    """Whether a longdouble array holds numbers that float64, in which all is done here, does not."""
    if array.dtype.kind not in "fc" or np.real(array).dtype.itemsize <= 8:
        return False
    return bool((np.abs(array[np.isfinite(array)]) > np.finfo(np.float64).max).any())


def _all_finite(array: Array) -> bool:
    if array.dtype.kind in "biu":
        return True
    with np.errstate(all="ignore"):
        wide_type = np.complex128 if array.dtype.kind == "c" else np.float64
        return bool(np.isfinite(np.sum(array, dtype=wide_type)) or np.isfinite(array).all())


# --- places ---


def _not_finite(left: Array, right: Array, facts: Mapping[str, Any]) -> tuple[Finding, ...]:
    """Where NaN and infinity stand; and why the elements that are finite on both sides differ."""
    if left.shape != right.shape:
        return ()
    found = _placed("not finite", left, right, facts)
    left, right = _first_part(left, right)
    both = np.isfinite(left) & np.isfinite(right)
    rest = left[both], right[both]
    if rest[0].size < LEAST or _residual(*rest, (), facts["closeness"]) is not None:
        return found
    return found + _explained(*rest, {**facts, "shape": rest[0].shape})


def _placed(
    when: Literal["not finite", "near", "last"], left: Array, right: Array, facts: Mapping[str, Any]
) -> tuple[Finding, ...]:
    """What the first cause that recognises itself says of the place of the difference."""
    for cause in _causes(PlaceCause, facts):
        if cause.when == when:
            with np.errstate(all="ignore"):
                found = cause.find(left, right, facts)
            if found is not None:
                return (_named(found, facts["names"]),)
    return ()


def _named(found: Finding, names: tuple[str, str]) -> Finding:
    fixes = [fix.replace("{left}", names[0]).replace("{right}", names[1]) for fix in (found.left_fix, found.right_fix)]
    return replace(found, left_fix=fixes[0], right_fix=fixes[1])


def _causes(kind: type[_Kind], facts: Mapping[str, Any]) -> Iterator[_Kind]:
    """The causes of one kind; for complex tensors, those that know them."""
    return (cause for cause in CAUSES if isinstance(cause, kind) and (cause.complex or not facts["complex"]))


_Kind = TypeVar("_Kind", bound=Cause)


# --- candidates ---


def _confirmed(left: Array, right: Array, facts: Mapping[str, Any]) -> Iterator[tuple[_Explanation, float]]:
    """The moves and relations that explain all elements: one of them, or else two."""
    samples = _samples(left, right, facts)
    deadline = time.thread_time() + SECONDS
    ways = (_one_step, _moved_and_related, _moved_twice)
    for steps, way in zip((1, 2, 2), ways, strict=True):
        if information(samples.wanted[1]) < BITS * (steps + 1):
            return
        with np.errstate(all="ignore"):
            candidates = sorted(way(samples, deadline), key=lambda one: one.cost)
        cheapest: tuple[int, int] | None = None
        for one in candidates:
            if cheapest is not None and one.cost > cheapest:
                return
            after = _residual(left, right, one.steps, facts["closeness"])
            if after is not None:
                cheapest = one.cost
                yield one, after
        if cheapest is not None:
            return


@dataclass(frozen=True)
class _Samples:
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

    def fit(self, moves: Sequence[Move]) -> bool:
        """Whether the moves alone explain both samples."""
        closeness = self.facts["closeness"]
        return _in_step(self.moved(moves, 0), self.wanted[0], closeness) and fits(
            self.moved(moves, 1), self.wanted[1], closeness
        )


def _samples(left: Array, right: Array, facts: Mapping[str, Any]) -> _Samples:
    random = np.random.default_rng(0)
    few, many = (places(right.size, count, random) for count in (FEW, MANY))
    if left.shape == right.shape:
        few, many = (_with_different(left, right, index, facts["closeness"]) for index in (few, many))
    wanted = [wide(take(right, index)) for index in (few, many)]
    return _Samples(left, right.shape, (few, many), (wanted[0], wanted[1]), facts)


def _with_different(left: Array, right: Array, index: Array, closeness: float) -> Array:
    """Half of these places, and as many where the sides differ: a rule may touch few elements only."""
    one, other = (part.reshape(-1) for part in _first_part(left, right))
    gap = np.abs(one - wide(other))
    different = np.flatnonzero(gap > closeness * np.abs(other).max())
    half = index.size // 2
    if different.size == 0 or different.size > gap.size // 2 or right.size <= index.size:
        return index
    return np.sort(np.concatenate([index[::2], different[:: max(1, different.size // half)][:half]]))


def _moves(shape: tuple[int, ...], right_shape: tuple[int, ...]) -> Iterator[Move]:
    """Moves from one shape to the other."""
    for cause in CAUSES:
        if isinstance(cause, MoveCause):
            yield from cause.moves(shape, right_shape)


def _one_step(samples: _Samples, deadline: float) -> Iterator[_Explanation]:
    """Moves alone; of those that do the same thing, the first. Relations alone."""
    seen: set[bytes] = set()
    for move in _moves(samples.left.shape, samples.right_shape):
        if time.thread_time() > deadline:
            break
        if samples.fit((move,)):
            source = samples.source((move,), 1).tobytes()
            if source not in seen:
                seen.add(source)
                yield _Explanation((move,))
    if samples.left.shape == samples.right_shape:
        yield from _related((), samples)


def _moved_and_related(samples: _Samples, deadline: float) -> Iterator[_Explanation]:
    """A move, then a relation."""
    for move in _moves(samples.left.shape, samples.right_shape):
        if time.thread_time() > deadline:
            return
        forced = move.cause in _OF_AXES and samples.left.shape != samples.right_shape
        if forced or _in_step(samples.moved((move,), 0), samples.wanted[0], samples.facts["closeness"]):
            yield from _related((move,), samples)


def _moved_twice(samples: _Samples, deadline: float) -> Iterator[_Explanation]:
    """A move of axes, then another move."""
    axes = [move for move in _moves(samples.left.shape, samples.right_shape) if move.cause in _OF_AXES]
    others = (move for move in _moves(samples.right_shape, samples.right_shape) if move.cause not in _OF_AXES)
    for moves in product(axes, others):
        if time.thread_time() > deadline:
            return
        if samples.fit(moves):
            yield _Explanation(moves)


def _related(moves: tuple[Move, ...], samples: _Samples) -> Iterator[_Explanation]:
    few, many = (samples.moved(moves, which) for which in (0, 1))
    for cause in _causes(RelationCause, samples.facts):
        if cause.relate(few, samples.wanted[0], samples.facts) is not None:
            step = cause.relate(many, samples.wanted[1], samples.facts)
            if step is not None:
                yield _Explanation((*moves, step))


def _in_step(few: Array, wanted: Array, closeness: float) -> bool:
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


def _confirmed_whole(left: Array, right: Array, facts: Mapping[str, Any]) -> Iterator[tuple[_Explanation, float]]:
    """Steps on whole tensors, alone; failing that, with a move or relation after them."""
    left, right = (wide(part) for part in _first_part(left, right))
    with np.errstate(all="ignore"):
        steps = [step for cause in _causes(WholeCause, facts) for step in cause.steps(left, right, facts)]
        found = [(step, _residual(left, right, (step,), facts["closeness"])) for step in steps]
    alone = [(_Explanation((step,)), after) for step, after in found if after is not None]
    yield from alone or _after_whole(steps, left, right, facts)


def _confirmed_moved(left: Array, right: Array, facts: Mapping[str, Any]) -> Iterator[tuple[_Explanation, float]]:
    """Axes moved to the right shape, then a step on whole tensors."""
    deadline = time.thread_time() + SECONDS / 2
    for move in _moves(left.shape, right.shape) if left.shape != right.shape else ():
        if move.cause in _OF_AXES and time.thread_time() < deadline:
            moved = move.apply(left)
            for one, after in _confirmed_whole(moved, right, {**facts, "shape": moved.shape}):
                yield _Explanation((move, *one.steps)), after


def _after_whole(
    steps: Sequence[Step], left: Array, right: Array, facts: Mapping[str, Any]
) -> Iterator[tuple[_Explanation, float]]:
    for step in steps:
        if step.on == "left" and step.freedom == 0:
            changed = step.apply(left)
            for one, after in _confirmed(changed, right, {**facts, "shape": changed.shape}):
                yield _Explanation((step, *one.steps)), after


def _first_part(left: Array, right: Array) -> tuple[Array, Array]:
    """The first elements of both, about `WHOLE`; all if the first axes are not the same."""
    axis = next((axis for axis, length in enumerate(left.shape) if length > 1), 0)
    if left.size <= WHOLE or left.shape[: axis + 1] != right.shape[: axis + 1]:
        return left, right
    rows = max(1, WHOLE * left.shape[axis] // left.size)
    part = (*(slice(None),) * axis, slice(rows))
    return left[part], right[part]


# --- confirmation ---


def _residual(left: Array, right: Array, steps: Sequence[Step], closeness: float) -> float | None:
    """The largest |left - right| after the steps; None if they do not explain all elements."""
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
            gap = np.abs(sides["left"] - sides["right"])
            top, square = max(top, float(gap.max())), square + float(np.sum(np.square(gap)))
            size += mean_square(sides["right"]) * sides["right"].size
    if not 0 < size < np.inf:  # the squares do not fit into a float64
        return top if top == 0 else None
    return top if square <= closeness**2 * size else None


def _applied(step: Step, sides: Mapping[str, Array]) -> Array:
    if step.given:
        return step.apply(sides[step.on], sides["right" if step.on == "left" else "left"])
    return step.apply(sides[step.on])


def _gap(left: Array, right: Array) -> float:
    return max(float(np.abs(wide(one) - other).max()) for one, other in _parts(left, right))


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


# --- words ---


def _finding(
    steps: tuple[Step, ...], before: float, after: float, names: tuple[str, str], others: list[_Explanation]
) -> Finding:
    words = ", then ".join(step.words for step in steps)
    was = f"max abs {before:.3g}" if np.isfinite(before) else "shapes differ"
    fixes = [_fix(steps, side, names) for side in ("left", "right")]
    hints = [step.hint for step in steps if step.hint]
    if others:
        also = "; ".join(", then ".join(step.words for step in other.steps) for other in others[:3])
        hints.append(f"explained as well by: {also}")
    return Finding(
        causes=tuple(step.cause for step in steps),
        sentence=f"{_titles(steps)}: {words}",
        evidence=f"{was} → {after:.2g} after {words}",
        left_fix=fixes[0],
        right_fix=fixes[1],
        hint="; ".join(hints),
        before=before,
        after=after,
    )


def _titles(steps: Sequence[Step]) -> str:
    titles = [next(cause.title for cause in CAUSES if cause.name == step.cause) for step in steps]
    said = ", and ".join(title[0].lower() + title[1:] for title in titles)
    return said[0].upper() + said[1:]


def _fix(steps: Sequence[Step], side: str, names: tuple[str, str]) -> str:
    """The steps' lines, one inside the other."""
    text = names[0] if side == "left" else names[1]
    for step in steps if side == "left" else reversed(steps):
        line = step.left_fix if side == "left" else step.right_fix
        if line:
            text = f"({text})" if " " in text and line.startswith("{") else text
            text = line.replace("{left}", text).replace("{right}", text)
    return text
