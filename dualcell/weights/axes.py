"""Axis moves: exactly invertible steps that bring a weight from one layout into another.

A move is a tuple of steps, `()` if nothing moves. No step computes with the values, so a
move there and back gives the same bits; each works on codes of any dtype.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Transpose:
    """The axes in another order, as `numpy.transpose` has it."""

    axes: tuple[int, ...]

    def apply(self, array: Array) -> Array:
        """A view."""
        return array.transpose(self.axes)

    def inverse(self) -> Transpose:
        """The step back."""
        return Transpose(tuple(int(axis) for axis in np.argsort(self.axes)))

    def __str__(self) -> str:
        return f"transpose{_tuple(self.axes)}"


@dataclass(frozen=True)
class Reshape:
    """Axes merged, split, or of size 1 added and dropped."""

    before: Shape
    after: Shape

    def apply(self, array: Array) -> Array:
        """A view where the strides allow it, else a copy."""
        return array.reshape(self.after)

    def inverse(self) -> Reshape:
        """The step back."""
        return Reshape(self.after, self.before)

    def __str__(self) -> str:
        return f"reshape{_tuple(self.after)}"


@dataclass(frozen=True)
class Blocks:
    """Equal blocks along the first axis in another order: the gates of a recurrent layer."""

    order: tuple[int, ...]

    def apply(self, array: Array) -> Array:
        """A copy."""
        blocks = np.split(array, len(self.order))
        return np.concatenate([blocks[index] for index in self.order])

    def inverse(self) -> Blocks:
        """The step back."""
        return Blocks(tuple(int(index) for index in np.argsort(self.order)))

    def __str__(self) -> str:
        return f"gates{_tuple(self.order)}"


@dataclass(frozen=True)
class Features:
    """Flattened feature maps along one axis: channels last into channels first, or back.

    Attributes:
        axis: the axis that runs over the features.
        segments: the maps that lie there one after the other, each with its channels last:
            `((7, 7, 512),)`; one of a single axis stays as it is.
        back: from channels first into channels last.
    """

    axis: int
    segments: tuple[Shape, ...]
    back: bool = False

    def apply(self, array: Array) -> Array:
        """A copy."""
        ends = np.cumsum([math.prod(segment) for segment in self.segments])[:-1]
        parts = np.split(array, ends, self.axis)
        return np.concatenate([self._moved(*pair) for pair in zip(parts, self.segments, strict=True)], self.axis)

    def _moved(self, part: Array, segment: Shape) -> Array:
        places, channels = math.prod(segment[:-1]), segment[-1]
        split = (channels, places) if self.back else (places, channels)
        before, after = part.shape[: self.axis], part.shape[self.axis + 1 :]
        return part.reshape(*before, *split, *after).swapaxes(self.axis, self.axis + 1).reshape(part.shape)

    def inverse(self) -> Features:
        """The step back."""
        return Features(self.axis, self.segments, not self.back)

    def __str__(self) -> str:
        return " and ".join(self._said(segment) for segment in self.segments if len(segment) > 1)

    def _said(self, segment: Shape) -> str:
        first = (segment[-1], *segment[:-1])
        old, new = (first, segment) if self.back else (segment, first)
        return f"features {_tuple(old)} to {_tuple(new)}"


Step = Transpose | Reshape | Blocks | Features
Move = tuple[Step, ...]


def moved(array: Array, move: Move) -> Array:
    """The array after all steps; a view where they allow it.

    Examples:
        >>> moved(np.arange(6).reshape(2, 3), (Transpose((1, 0)),)).tolist()
        [[0, 3], [1, 4], [2, 5]]
    """
    for step in move:
        array = step.apply(array)
    return array


def inverse(move: Move) -> Move:
    """The move back.

    Examples:
        >>> inverse((Transpose((2, 0, 1)), Reshape((3, 1, 2), (3, 2))))
        (Reshape(before=(3, 2), after=(3, 1, 2)), Transpose(axes=(1, 2, 0)))
    """
    return tuple(step.inverse() for step in reversed(move))


def shape_after(shape: Shape, move: Move) -> Shape:
    """The shape that `moved` gives; no values are needed."""
    for step in move:
        if isinstance(step, Transpose):
            shape = tuple(shape[axis] for axis in step.axes)
        elif isinstance(step, Reshape):
            shape = step.after
    return shape


def joined(first: Move, second: Move) -> Move:
    """Both moves, one after the other, without steps that undo each other.

    Examples:
        >>> joined((Transpose((1, 0)),), (Transpose((1, 0)),))
        ()
    """
    steps: list[Step] = list(first)
    for step in second:
        last = steps[-1] if steps else None
        if last is not None and last == step.inverse():
            steps.pop()
        elif isinstance(last, Transpose) and isinstance(step, Transpose):
            steps[-1] = Transpose(tuple(last.axes[axis] for axis in step.axes))
        elif isinstance(last, Reshape) and isinstance(step, Reshape):
            steps[-1] = Reshape(last.before, step.after)
        else:
            steps.append(step)
    return tuple(step for step in steps if not _does_nothing(step))


def in_words(move: Move) -> str:
    """`transpose(3, 2, 0, 1)`; empty if nothing moves."""
    return ", ".join(map(str, move))


def transpose(*axes: int) -> Move:
    """A move of one transposition; empty if the order stays."""
    return () if axes == tuple(range(len(axes))) else (Transpose(axes),)


def reshape(before: Sequence[int], after: Sequence[int]) -> Move:
    """A move of one reshape; empty if the shape stays."""
    return () if tuple(before) == tuple(after) else (Reshape(tuple(before), tuple(after)),)


def _does_nothing(step: Step) -> bool:
    if isinstance(step, Transpose):
        return step.axes == tuple(range(len(step.axes)))
    return isinstance(step, Reshape) and step.before == step.after


def _tuple(numbers: Sequence[int]) -> str:
    return f"({', '.join(map(str, numbers))})" if len(numbers) != 1 else f"({numbers[0]},)"
