"""Steps on rows that hide behind a second one: softmax and then a scale, a norm and then another order of the axes.

The first step is taken blindly, of a few whole rows; whether anything leads from there
to the other side is asked of those, and only then of all elements.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from itertools import groupby
from typing import Any

import numpy as np

from dualcell.cause import Array, RowStep, Step, WholeCause
from dualcell.sampling import floating, information, mean_square, places, take, wide
from dualcell.search import (
    BITS,
    FEW,
    MANY,
    SECONDS,
    WHOLE,
    Explanation,
    Found,
    causes_of,
    first_part,
    in_step,
    moved_and_whole,
    moved_or_related,
    only_moved,
    relations,
    residual,
)

Facts = Mapping[str, Any]
Shape = tuple[int, ...]
_LEAST, _MOST = 1 << 11, 1 << 14  # elements of the rows that a step is tried on, first and then; a few rows at least
_FAR = 0.3  # by which the quantiles of numbers moved elsewhere may differ, relative to their root mean square


def rows_first(left: Array, right: Array, facts: Facts) -> Found:
    """A step on rows of the left, then a rule for each element, or a move."""
    if facts["complex"] or not facts["finite"]:
        return
    left, right, cut = *first_part(left, right), left.size > WHOLE
    if max(left.size, right.size) > 4 * WHOLE or information(_some(right)) < 3 * BITS:
        return
    steps = [step for cause in causes_of(WholeCause, facts) for step in cause.blind(left.shape)]
    axis = next((axis for axis, length in enumerate(left.shape) if length > 1), 0) if cut else -1
    steps = [step for step in steps if axis not in step.axes]
    with np.errstate(all="ignore"):
        found = list(_then_related(steps, left, right, facts))
        yield from _best(found or list(_then_moved(steps, left, right, facts)))


def _best(found: list[tuple[Explanation, float]]) -> Found:
    """Of explanations by the same causes (another epsilon, another bound), the one that leaves least."""
    least: dict[tuple[str, ...], tuple[Explanation, float]] = {}
    for one, after in found:
        causes = tuple(step.cause for step in one.steps)
        if causes not in least or after < 0.5 * least[causes][1]:
            least[causes] = one, after
    yield from least.values()


def _some(array: Array) -> Array:
    return wide(take(array, places(array.size, MANY, np.random.default_rng(0))))


def _then_related(steps: list[RowStep], left: Array, right: Array, facts: Facts) -> Found:
    deadline = time.thread_time() + SECONDS / 2
    steps = [step for step in steps if _shape_after(step, left.shape) == right.shape]
    for step, here in _with_rows(steps, left, _LEAST):
        if time.thread_time() > deadline:
            return
        there = right[_some_rows(left.shape, step.axes, step.ends, _LEAST)[1]]
        few = places(there.size, FEW, np.random.default_rng(0))
        given, goal = step.apply(here).reshape(-1)[few], wide(there.reshape(-1)[few])
        if np.isfinite(given).all() and in_step(given, goal, facts["closeness"]):
            many = _many(step, left, right)
            for second in relations((given, many[0]), (goal, many[1]), {**facts, "shape": right.shape}):
                after = residual(left, right, (step, second), facts["closeness"])
                if after is not None:
                    yield Explanation((step, second)), after


def _with_rows(steps: list[RowStep], left: Array, most: int) -> Iterator[tuple[RowStep, Array]]:
    """Steps, with a few rows of the left."""
    for axes, group in groupby(sorted(steps, key=lambda step: step.axes), lambda step: step.axes):
        here = wide(left[_some_rows(left.shape, axes, most=most)[0]])
        yield from ((step, here) for step in group)


def _many(step: RowStep, left: Array, right: Array) -> tuple[Array, Array]:
    """What a step makes of more rows, and what it should."""
    here, there = _some_rows(left.shape, step.axes, step.ends)
    made, wanted = step.apply(wide(left[here])).reshape(-1), wide(right[there]).reshape(-1)
    many = places(made.size, MANY, np.random.default_rng(0))
    return made[many], wanted[many]


def _then_moved(steps: list[RowStep], left: Array, right: Array, facts: Facts) -> Found:
    deadline = time.thread_time() + SECONDS
    wanted = _Numbers(right)
    sizes = {step: math.prod(_shape_after(step, left.shape)) for step in steps if step.ends != "one"}
    steps = [step for step, size in sizes.items() if size == right.size]
    for step, here in _with_rows(steps, left, _MOST):
        if time.thread_time() > deadline:
            return
        if wanted.may_be(step, here, facts["closeness"]):
            changed = step.apply(floating(left))
            for one, after in only_moved(changed, right, {**facts, "shape": changed.shape}):
                yield Explanation((step, *one.steps)), after


class _Numbers:
    """How the numbers of a tensor are spread, wherever they stand."""

    def __init__(self, array: Array) -> None:
        self._quantiles = np.quantile(_some(array), _SHARES)
        self._means = float(np.mean(array, dtype=np.float64)), mean_square(wide(array))

    def may_be(self, step: RowStep, rows: Array, closeness: float) -> bool:
        """Whether a step makes such numbers of a few rows, in any order."""
        made = step.apply(rows)
        size = math.sqrt(self._means[1])
        inside = step.axes if step.ends == "kept" else ()
        means = made.mean(inside), np.square(made).mean(inside)
        near = all(
            abs(found.mean() - wanted) <= _ERRORS * found.std() / math.sqrt(found.size) + closeness * scale
            for found, wanted, scale in zip(means, self._means, (size, size * size), strict=True)
        )
        return near and bool(np.abs(np.quantile(made, _SHARES) - self._quantiles).max() <= _FAR * size)


_SHARES = np.linspace(0.1, 0.9, 9)
_ERRORS = 6  # standard errors of the mean of a few rows


def _shape_after(step: RowStep, shape: Shape) -> Shape:
    if step.ends == "gone":
        return tuple(length for axis, length in enumerate(shape) if axis not in step.axes)
    return tuple(1 if step.ends == "one" and axis in step.axes else length for axis, length in enumerate(shape))


def _some_rows(
    shape: Shape, axes: Shape, ends: str = "kept", most: int = _MOST
) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """How to index a few whole rows on the left, and what a step makes of them on the right."""
    random = np.random.default_rng(0)
    most = max(2 if most == _LEAST else 16, most // math.prod(shape[axis] for axis in axes))
    chosen: dict[int, Array] = {}
    for axis in sorted((axis for axis in range(len(shape)) if axis not in axes), key=lambda axis: shape[axis]):
        count = max(1, min(shape[axis], most))
        chosen[axis] = np.sort(random.permutation(shape[axis])[:count])
        most //= count
    here = [chosen.get(axis, np.arange(length)) for axis, length in enumerate(shape)]
    if ends == "gone":
        return np.ix_(*here), np.ix_(*(chosen[axis] for axis in sorted(chosen))) if chosen else ()
    there = [np.arange(1) if ends == "one" and axis in axes else place for axis, place in enumerate(here)]
    return np.ix_(*here), np.ix_(*there)


# --- from the right to the left ---


def seen_from_the_right(left: Array, right: Array, facts: Facts) -> Found:
    """What turns the right into the left: axes merged there, or a step on its rows that hides behind another."""
    turned = {**facts, "shape": right.shape, "right_shape": left.shape, "dtypes": facts["dtypes"][::-1]}
    moved = (moved_or_related, moved_and_whole, rows_first) if left.shape != right.shape else (rows_first,)
    for way in moved if facts["finite"] else moved[:1]:
        found = list(way(right, left, turned))
        if found:
            yield from ((Explanation(tuple(map(_turned, one.steps)), mirrored=True), after) for one, after in found)
            return


def _turned(step: Step) -> Step:
    """The same step, said of the other side."""
    words = _sides_swapped(step.words)
    if words == step.words:
        words = f"{words} on the right"
    known = {one.name: getattr(step, one.name) for one in fields(Step)}
    return replace(
        Step(**known),
        words=words,
        hint=_sides_swapped(step.hint),
        left_fix=_sides_swapped(step.right_fix),
        right_fix=_sides_swapped(step.left_fix),
        on="right" if step.on == "left" else "left",
    )


def _sides_swapped(text: str) -> str:
    return re.sub(r"\b(left|right)\b", lambda found: "right" if found[0] == "left" else "left", text)
