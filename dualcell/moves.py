"""Moves: steps that put the elements of a tensor elsewhere, and know for each where it came from.

Every one here is the same chain, with parts left out: split axes, permute axes, reorder
along one axis, merge axes. So a move can be probed at a few places without being made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import permutations

import numpy as np

from dualcell.cause import Array, Move

Shape = tuple[int, ...]


def transposed(cause: str, shape: Shape, axes: Sequence[int], right_shape: Shape | None = None) -> Move:
    """Permute the axes as `numpy.transpose` does, then reshape to `right_shape` if given.

    Args:
        cause: the name of the cause that proposes it.
        shape: the left shape.
        axes: the left axis that becomes each axis.
        right_shape: the right shape; that of the permuted tensor if None.
    """
    axes = tuple(axes)
    middle = tuple(shape[axis] for axis in axes)
    final = middle if right_shape is None else right_shape
    back = tuple(int(axis) for axis in np.argsort(axes))
    is_order = axes != tuple(range(len(axes)))
    words = [f"transpose{_axes(axes)}"] if is_order else []
    words += [f"reshape{_axes(final)}"] if final != middle else []

    def apply(array: Array) -> Array:
        return array.transpose(axes).reshape(final)

    def source(index: Array) -> Array:
        places = np.unravel_index(index, middle)
        return np.ravel_multi_index([places[axis] for axis in back], shape)

    inverse = [f"reshape{_axes(middle)}"] if final != middle else []
    inverse += [f"transpose{_axes(back)}"] if is_order else []
    return Move(cause, "".join(f".{word}" for word in words).lstrip("."), apply, _chain("left", words),
                _chain("right", inverse), source=source)  # fmt: skip


def reordered(
    cause: str, shape: Shape, axis: int, order: Callable[[Array], Array], words: str, fixes: tuple[str, str]
) -> Move:
    """Take the elements along one axis in another order; `order(i)` are the left indices of elements `i`."""
    after = int(np.prod(shape[axis + 1 :], dtype=np.int64))
    length = shape[axis]

    def source(index: Array) -> Array:
        place = index // after % length
        return index + (order(place) - place) * after

    def apply(array: Array) -> Array:
        return np.take(array, order(np.arange(length)), axis)

    return Move(cause, words, apply, *fixes, source=source)


def then(first: Move, second: Move) -> Move:
    """Both moves, one after the other."""
    words = f"{first.words}, then {second.words}"
    return replace(
        first, words=words, left_fix="", right_fix="",
        apply=lambda array: second.apply(first.apply(array)),
        source=lambda index: first.source(second.source(index)),
    )  # fmt: skip


def orders(shape: Shape, right_shape: Shape) -> list[tuple[int, ...]]:
    """All permutations of the axes, but the identity, that turn one shape into the other."""
    if sorted(shape) != sorted(right_shape) or len(shape) > _MOST_AXES:
        return []
    moving = [axis for axis, size in enumerate(shape) if size > 1]
    found: dict[tuple[int, ...], tuple[int, ...]] = {}
    for axes in permutations(range(len(shape))):
        # axes of size 1 may stand anywhere: one permutation stands for all that differ only in them
        key = tuple(axis for axis in axes if axis in moving)
        if tuple(shape[axis] for axis in axes) == right_shape and key != tuple(moving):
            found.setdefault(key, axes)
    return list(found.values())


_MOST_AXES = 6


def _axes(numbers: Sequence[int]) -> str:
    return f"({', '.join(map(str, numbers))})" if len(numbers) != 1 else f"({numbers[0]},)"


def _chain(side: str, calls: Sequence[str]) -> str:
    return "{" + side + "}" + "".join(f".{call}" for call in calls) if calls else ""
