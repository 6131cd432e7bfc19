"""What a model holds, in no framework's words: `Inventory`, a list of `Layer`s of `Weight`s.

The layouts are canonical: those of `kinds`. How a weight lies in its framework's array is
told by its move, so a copy from any side to any other is one move there and one back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

from dualcell.weights.axes import Features, Move, shape_after

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Weight:
    """One weight of a layer: a whole array of the framework, or one of its equal parts.

    Attributes:
        role: what it is in its kind of layer: `kernel`, `bias`, `scale`.
        array: the framework's array it lies in, by path. Tied weights name the same array.
        shape: the framework's shape of this part.
        dtype: NumPy's name of the dtype, or the framework's.
        part: `(index, count)`: part `index` of `count` equal ones along an axis.
        move: from the framework's layout to the canonical one.
        axis: that along which the parts lie, in the framework's array.
    """

    role: str
    array: str
    shape: Shape
    dtype: str
    part: tuple[int, int] = (0, 1)
    move: Move = ()
    axis: int = 0

    @property
    def canonical(self) -> Shape:
        """The shape in the canonical layout."""
        return shape_after(self.shape, self.move)

    @property
    def whole(self) -> Shape:
        """The shape of the array it lies in."""
        return tuple(size * (self.part[1] if place == self.axis else 1) for place, size in enumerate(self.shape))

    @property
    def name(self) -> str:
        """`encoder/dense/kernel`, with the part in brackets where the array has several."""
        return self.array if self.part[1] == 1 else f"{self.array}[{self.part[0]} of {self.part[1]}]"


@dataclass(frozen=True)
class Layer:
    """Something that holds weights, of one kind of `kinds.KINDS`.

    Attributes:
        path: where it is in its model, in the framework's spelling.
        kind: a name in `kinds.KINDS`.
        weights: in the order of the kind's roles.
        variant: what must agree beside the shapes: the groups of a convolution, a direction.
        native: the framework's class.
        aliases: other names people call it by.
        doubt: why the order of its input features is unknown, and what to write; may be empty.
        hint: what to change where it has no equivalent on the other side; may be empty.
        source: the framework's object.
        within: the objects around it, the nearest first.
    """

    path: str
    kind: str
    weights: tuple[Weight, ...]
    variant: str = ""
    native: str = ""
    aliases: tuple[str, ...] = ()
    doubt: str = ""
    hint: str = ""
    source: Any = field(default=None, compare=False, repr=False)
    within: tuple[Any, ...] = field(default=(), compare=False, repr=False)

    def role(self, name: str) -> Weight | None:
        """The weight in a role, or None."""
        return next((weight for weight in self.weights if weight.role == name), None)

    @property
    def features(self) -> int:
        """How many features its result has along one axis, where that is known; else 0."""
        main = self.weights[0].canonical
        if self.kind == "dense" or self.kind in _CONVOLUTIONS:
            return main[0]
        return main[1] if self.kind == "embedding" else 0

    @property
    def is_buffer(self) -> bool:
        """Whether it is a bare array that is kept with the weights, and never trained."""
        return self.kind == "weight" and self.variant == "buffer"

    @property
    def signature(self) -> tuple[Any, ...]:
        """What layers must share to hold the same weights: kind, variant and the main weight's shape."""
        main = self.weights[0].canonical
        if self.kind == "weight":
            return "weight", tuple(size for size in main if size != 1)
        if self.kind in _CONVOLUTIONS and set(main[2:]) == {1} and not self.variant:
            return "dense", "", main[:2]  # a convolution of one place is a dense layer
        return self.kind, self.variant, main

    def with_features(self, axes: Mapping[str, int], segments: tuple[Shape, ...]) -> Layer:
        """The layer, with the features along one axis of each role brought into the canonical order.

        Args:
            axes: role -> the canonical axis that runs over the features.
            segments: see `axes.Features`.
        """
        if all(prod(segment[:-1]) == 1 or segment[-1] == 1 for segment in segments):
            return self
        return replace(self, weights=tuple(
            replace(weight, move=(*weight.move, Features(axes[weight.role], segments)))
            if weight.role in axes else weight for weight in self.weights
        ))  # fmt: skip

    def fits_features(self, axes: Mapping[str, int], segments: tuple[Shape, ...]) -> bool:
        """Whether there are as many features along those axes as the maps have elements."""
        features = sum(prod(segment) for segment in segments)
        shapes = [(weight.canonical, axes[weight.role]) for weight in self.weights if weight.role in axes]
        return all(axis < len(shape) and shape[axis] == features for shape, axis in shapes)

    def without_features(self, axes: Mapping[str, int] | None = None) -> Layer:
        """The layer, with flattened features left in the framework's own order.

        Args:
            axes: those along which, by role; all if None.
        """

        def is_left(weight: Weight, step: Any) -> bool:
            return isinstance(step, Features) and (axes is None or axes.get(weight.role) == step.axis)

        return replace(self, weights=tuple(
            replace(weight, move=tuple(step for step in weight.move if not is_left(weight, step)))
            for weight in self.weights
        ))  # fmt: skip

    @property
    def has_features(self) -> bool:
        """Whether flattened features are brought into another order."""
        return any(isinstance(step, Features) for weight in self.weights for step in weight.move)


_CONVOLUTIONS = ("conv1d", "conv2d", "conv3d")


ORIGIN = "from"  # of the inputs that a part stems from


@dataclass(frozen=True)
class Part:
    """One part of a concatenated input; layers by index, inputs of the model as -1, -2, ...

    Attributes:
        makers: the layers that made it.
        done: what was done since, each with the makers of the value it was done to; and the inputs it stems from.
        value: the number of the step that gave it.
    """

    makers: frozenset[int] = frozenset()
    done: frozenset[tuple[str, frozenset[int]]] = frozenset()
    value: int = -1

    def renamed(self, renamed: Callable[[frozenset[int]], frozenset[int]]) -> Part:
        """The part, with other numbers for its layers."""
        return Part(renamed(self.makers), frozenset((word, renamed(makers)) for word, makers in self.done), self.value)


Join = tuple[Part, ...]


@dataclass(frozen=True)
class Flow:
    """How the layers of a model feed each other.

    Attributes:
        before: for each layer, the layers whose results reach it with no other layer between.
        order: the layers, in the order they are reached from the model's results, earlier arguments first.
        turned: layers that a transposition of axes leads to.
        uses: for each layer, what is done with its result before the next layer (`silu`, `mul`), and what was done
            to its input since the last one (`maxpool before`).
        joins: for each layer, the parts of a concatenated input in their order; else empty.
        inputs: names of the inputs that are used, in their order.
        evidence: what else tells layers apart, see `evidence.Evidence`; worked out when it is asked for.
    """

    before: tuple[tuple[int, ...], ...]
    order: tuple[int, ...]
    turned: frozenset[int] = frozenset()
    uses: tuple[frozenset[str], ...] = ()
    joins: tuple[Join, ...] = ()
    inputs: tuple[str, ...] = ()
    evidence: Callable[[], Any] = field(default=lambda: None, compare=False, repr=False)

    def within(self, indices: Sequence[int]) -> Flow:
        """The flow among some of the layers, which become the first, the second, ... of their own."""
        new = {index: place for place, index in enumerate(indices)}

        def known(layers: Iterable[int]) -> Iterator[int]:
            return (new[index] for index in layers if index in new)

        def inside(join: Join) -> Join:
            if not all(part.makers <= new.keys() for part in join):
                return ()
            return tuple(part.renamed(lambda makers: frozenset(known(makers))) for part in join)

        return Flow(
            tuple(tuple(known(self.before[index])) for index in indices),
            tuple(known(self.order)),
            frozenset(known(self.turned)),
            tuple(self.uses[index] for index in indices),
            tuple(inside(self.joins[index]) for index in indices),
            self.inputs,
            lambda: self.evidence().within(indices),
        )


@dataclass(frozen=True)
class Inventory:
    """Everything a model holds.

    Attributes:
        framework: the library.
        label: the model's class, for sentences.
        layers: in the model's own order; a shared layer once.
        arrays: the framework's arrays by path.
        flow: how they feed each other; None if it cannot be seen.
        model: the framework's object.
        trace: the steps that `flow` was read from; None if they are not known.
    """

    framework: str
    label: str
    layers: tuple[Layer, ...]
    arrays: Mapping[str, Any] = field(repr=False)
    flow: Flow | None = None
    model: Any = field(default=None, compare=False, repr=False)
    trace: Any = field(default=None, compare=False, repr=False)
