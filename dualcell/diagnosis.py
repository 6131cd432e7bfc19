"""Two host arrays that differ -> `Finding`s: the simplest explanations that the elements bear out.

Steps are tried on a sample of elements, moves and relations alone and in pairs, and
what fits is confirmed on all elements. Nothing that was not confirmed is named.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from dualcell.catalogue import CAUSES
from dualcell.cause import Array, Finding, Move, MoveCause, PlaceCause, RelationCause, Step, WholeCause
from dualcell.coded import HostArray, codes_of, decoded
from dualcell.sampling import fits, information, places, take

_ELEMENTWISE = {cause.name for cause in CAUSES if isinstance(cause, RelationCause)}

FEW, MANY = 48, 4096  # elements of the first and of the second sample
SECONDS = 0.15  # for the search in one pair
LARGEST = 1 << 27  # elements that a step may copy; of larger tensors the first part is looked at
WHOLE = 1 << 20  # elements of the sample that whole steps are tried on
LEAST = 8  # elements below which anything can be fitted
BITS = 7  # of information, for each step and once more: fewer agree by chance with one of the many steps tried

# what two computations of the same numbers may differ by, relative to their root mean square
_CLOSENESS = {"float16": 3e-3, "bfloat16": 2e-2, "float8_e4m3fn": 0.2, "float8_e5m2": 0.4}
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
    if left.size < LEAST or right.size < LEAST or "complex" in "".join(dtypes):
        return ()
    codes = codes_of(left), codes_of(right)
    if max(left.size, right.size) > LARGEST:
        if left.shape[:1] != right.shape[:1]:
            return ()
        codes = _first_part(*codes)
    left, right = decoded(codes[0], left), decoded(codes[1], right)
    closeness = max(_CLOSENESS.get(dtype, _CLOSE) for dtype in dtypes)
    facts = {"shape": left.shape, "closeness": closeness, "dtypes": dtypes, "names": names}
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
    confirmed = list(_confirmed(left, right, facts)) or list(_confirmed_whole(left, right, facts))
    least = min((one.cost for one, _ in confirmed), default=None)
    best = [(one, after) for one, after in confirmed if one.cost == least]
    before = _gap(left, right) if left.shape == right.shape else np.nan
    return tuple(
        _finding(one.steps, before, after, facts["names"], [other for other, _ in best if other is not one])
        for one, after in best
    )


def _all_finite(array: Array) -> bool:
    if array.dtype.kind in "biu":
        return True
    with np.errstate(all="ignore"):
        return bool(np.isfinite(np.sum(array, dtype=np.float64)) or np.isfinite(array).all())


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
    for cause in CAUSES:
        if isinstance(cause, PlaceCause) and cause.when == when:
            with np.errstate(all="ignore"):
                found = cause.find(left, right, facts)
            if found is not None:
                return (_named(found, facts["names"]),)
    return ()


def _named(found: Finding, names: tuple[str, str]) -> Finding:
    fixes = [fix.replace("{left}", names[0]).replace("{right}", names[1]) for fix in (found.left_fix, found.right_fix)]
    return replace(found, left_fix=fixes[0], right_fix=fixes[1])


# --- candidates ---


def _confirmed(left: Array, right: Array, facts: Mapping[str, Any]) -> Iterator[tuple[_Explanation, float]]:
    deadline = time.perf_counter() + SECONDS
    cheapest: tuple[int, int] | None = None
    candidates = sorted(_candidates(left, right, facts, deadline), key=lambda one: one.cost)
    for one in candidates:
        if cheapest is not None and one.cost > cheapest:
            return
        after = _residual(left, right, one.steps, facts["closeness"])
        if after is not None:
            cheapest = one.cost
            yield one, after


def _candidates(left: Array, right: Array, facts: Mapping[str, Any], deadline: float) -> Iterator[_Explanation]:
    random = np.random.default_rng(0)
    few, many = (places(right.size, count, random) for count in (FEW, MANY))
    if left.shape == right.shape:
        few, many = (_with_different(left, right, index, facts["closeness"]) for index in (few, many))
    wanted = [take(right, index).astype(np.float64) for index in (few, many)]
    steps = information(wanted[1]) / BITS - 1
    with np.errstate(all="ignore"):
        for move in _moves(left.shape, right.shape):
            if time.perf_counter() > deadline:
                return
            for one in _with_relations(move, left, (few, many), wanted, facts):
                if len(one.steps) <= steps:
                    yield one


def _with_different(left: Array, right: Array, index: Array, closeness: float) -> Array:
    """Half of these places, and as many where the sides differ: a rule may touch few elements only."""
    one, other = (part.reshape(-1) for part in _first_part(left, right))
    gap = np.abs(one - other.astype(np.float64))
    different = np.flatnonzero(gap > closeness * np.abs(other).max())
    half = index.size // 2
    if different.size == 0 or different.size > gap.size // 2 or right.size <= index.size:
        return index
    return np.sort(np.concatenate([index[::2], different[:: max(1, different.size // half)][:half]]))


def _moves(shape: tuple[int, ...], right_shape: tuple[int, ...]) -> Iterator[Move | None]:
    """Moves from one shape to the other; None for no move, first."""
    if shape == right_shape:
        yield None
    for cause in CAUSES:
        if isinstance(cause, MoveCause):
            yield from cause.moves(shape, right_shape)


def _with_relations(
    move: Move | None, left: Array, samples: Sequence[Array], wanted: Sequence[Array], facts: Mapping[str, Any]
) -> Iterator[_Explanation]:
    def moved(index: Array) -> Array:
        return take(left, index if move is None else move.source(index)).astype(np.float64)

    few = moved(samples[0])
    if move is not None and not _in_step(few, wanted[0], facts["closeness"]):
        return
    many = moved(samples[1])
    before = () if move is None else (move,)
    if move is not None and fits(many, wanted[1], facts["closeness"]):
        yield _Explanation(before)
        return
    for cause in CAUSES:
        if isinstance(cause, RelationCause) and cause.relate(few, wanted[0], facts) is not None:
            step = cause.relate(many, wanted[1], facts)
            if step is not None:
                yield _Explanation((*before, step))


def _in_step(few: Array, wanted: Array, closeness: float) -> bool:
    """Whether the larger elements on one side are the larger, or the smaller, on the other."""
    rising = np.diff(wanted[np.argsort(few, kind="stable")])
    slack = 100 * closeness * np.ptp(wanted)
    return bool((rising >= -slack).all() or (rising <= slack).all())


# --- steps that need whole tensors ---


def _confirmed_whole(left: Array, right: Array, facts: Mapping[str, Any]) -> Iterator[tuple[_Explanation, float]]:
    """Steps on whole tensors, alone; failing that, with a move or relation after them."""
    left, right = (part.astype(np.float64) for part in _first_part(left, right))
    with np.errstate(all="ignore"):
        steps = [step for cause in CAUSES if isinstance(cause, WholeCause) for step in cause.steps(left, right, facts)]
        found = [(step, _residual(left, right, (step,), facts["closeness"])) for step in steps]
    alone = [(_Explanation((step,)), after) for step, after in found if after is not None]
    yield from alone or _after_whole(steps, left, right, facts)


def _after_whole(
    steps: Sequence[Step], left: Array, right: Array, facts: Mapping[str, Any]
) -> Iterator[tuple[_Explanation, float]]:
    for step in steps:
        if step.on == "left" and step.freedom == 0:
            changed = step.apply(left)
            for one, after in _confirmed(changed, right, {**facts, "shape": changed.shape}):
                yield _Explanation((step, *one.steps)), after


def _first_part(left: Array, right: Array) -> tuple[Array, Array]:
    """The first rows of both, at most `WHOLE` elements; all if they have not the same number of rows."""
    if left.size <= WHOLE or left.shape[:1] != right.shape[:1]:
        return left, right
    rows = max(1, WHOLE * left.shape[0] // left.size)
    return left[:rows], right[:rows]


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
            sides = {"left": one.astype(np.float64), "right": other.astype(np.float64)}
            for step in elementwise:
                sides[step.on] = _applied(step, sides)
            gap = np.abs(sides["left"] - sides["right"])
            top, square = max(top, float(gap.max())), square + float(np.sum(np.square(gap)))
            size += float(np.sum(np.square(sides["right"])))
    if not 0 < size < np.inf:  # the squares do not fit into a float64
        return top if top == 0 else None
    return top if square <= closeness**2 * size else None


def _applied(step: Step, sides: Mapping[str, Array]) -> Array:
    if step.given:
        return step.apply(sides[step.on], sides["right" if step.on == "left" else "left"])
    return step.apply(sides[step.on])


def _gap(left: Array, right: Array) -> float:
    return max(float(np.abs(one.astype(np.float64) - other).max()) for one, other in _parts(left, right))


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
