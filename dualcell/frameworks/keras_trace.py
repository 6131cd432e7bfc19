"""The steps of a Keras model, of version 3 or 2, read from its graph. Imports neither.

What has no graph, a subclassed model or layer, is called once on symbolic tensors, which
hold no values, as Keras itself does to find a layer's output shape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from dualcell.frameworks.keeping import unchanged
from dualcell.weights.inventory import Layer
from dualcell.weights.steps import Stages, Step, Trace, attended, detail_of, index_of, is_split, window_of

_WITH_STATES = {"RNN", "LSTM", "GRU", "SimpleRNN"}
_ONE_AFTER_THE_OTHER = {"RNN", "LSTM", "GRU", "SimpleRNN", "StackedRNNCells", "TimeDistributed"}


@dataclass(frozen=True)
class Symbolic:
    """What a version of Keras offers to call a layer on symbolic tensors.

    Attributes:
        flatten: the leaves of a nested structure.
        fresh: the same structure with new symbolic tensors, and each leaf's new one.
        is_tensor: whether a leaf is a symbolic tensor.
        inputs: symbolic arguments for a built model: positional ones and keyword ones; None if unknown.
        stand_in: a symbolic tensor in the place of a variable.
        scope: around such calls, so that no variable is written.
    """

    flatten: Callable[[Any], list[Any]]
    fresh: Callable[[Any], Any]
    is_tensor: Callable[[Any], bool]
    inputs: Callable[[Any], tuple[list[Any], dict[str, Any]] | None]
    stand_in: Callable[[Any], Any]
    scope: Callable[[], AbstractContextManager[Any]]


class Unseen(Exception):
    """A part of the model cannot be looked into."""


def trace(model: Any, layers: Sequence[Layer], arrays: Mapping[str, Any],
          children: Callable[[Any], list[tuple[str, Any]]], symbolic: Symbolic | None) -> Trace | None:  # fmt: skip
    """The steps of a model, or None if they cannot be seen.

    Args:
        model: a built Keras layer or model.
        layers: what it holds; `stages` speaks of them by index.
        arrays: its variables, by the names in `layers`.
        children: gives the layers in a layer.
        symbolic: to look into what has no graph; None to give up there.
    """
    walker = _Walker(layers, arrays, children, symbolic)
    try:
        parts = model._flatten_layers()  # noqa: SLF001 - Keras has no public name for it
        with unchanged(parts), symbolic.scope() if symbolic else nullcontext():
            results = walker.root(model)
    except Exception:  # any `call` may refuse symbolic tensors, in its own words; then the order has to do
        return None
    return Trace(tuple(walker.steps), tuple(results))


class _Walker:
    def __init__(
        self, layers: Sequence[Layer], arrays: Mapping[str, Any], children: Any, symbolic: Symbolic | None
    ) -> None:
        self.children = children
        self.symbolic = symbolic
        self.steps: list[Step] = []
        self.own: dict[int, list[int]] = {}
        self.bare: dict[int, list[int]] = {}
        self.variables = {id(arrays[layer.weights[0].array]): index for index, layer in enumerate(layers)
                          if layer.kind == "weight"}  # fmt: skip
        for index, layer in enumerate(layers):
            if layer.kind == "counter":
                continue
            by_layer = self.bare if layer.kind == "weight" else self.own
            by_layer.setdefault(id(layer.source), []).append(index)
        self._count = 0

    def root(self, model: Any) -> list[int]:
        graph = _graph(model)
        if graph is not None:
            return self.walk(graph[1], self._inputs(graph[0], [str(getattr(each, "name", "")) for each in graph[0]]))
        if self.stages(model) is not None:
            return [self.add(Step(type(model).__name__, (), self.number(), self.stages(model) or (), source=model))]
        given = self.symbolic.inputs(model) if self.symbolic else None
        if self.symbolic is None or given is None:
            raise Unseen
        leaves = [each for each in self.symbolic.flatten(given) if self.symbolic.is_tensor(each)]
        known = self._inputs(leaves, [f"input {place}" for place, _ in enumerate(leaves)])
        return self.called(model, given, known)

    def _inputs(self, tensors: Sequence[Any], names: Sequence[str]) -> dict[int, int]:
        """Add the model's inputs; returns the value of each tensor, by its id."""
        named = zip(tensors, names, strict=True)
        return {id(each): self.add(_input(each, self.number(), name)) for each, name in named}

    def number(self) -> int:
        """A new value."""
        self._count += 1
        return self._count

    def add(self, step: Step) -> int:
        self.steps.append(step)
        return step.output

    def called(self, layer: Any, given: tuple[Any, Any], known: dict[int, int]) -> list[int]:
        """What `layer.call` gives for symbolic arguments, its own variables among them."""
        assert self.symbolic is not None  # noqa: S101 - the caller has looked
        args, kwargs = given
        known, stand_ins = dict(known), self._stand_ins(layer)
        known |= {id(each): self.add(Step("get_attr", (), self.number(), ((index,),))) for each, index in stand_ins}
        results = self.symbolic.flatten(layer.call(*args, **kwargs))
        outputs = [each for each in results if self.symbolic.is_tensor(each)]
        if not outputs:
            raise Unseen
        values = self.walk(outputs, known)
        taken = {value for step in self.steps for value in step.inputs}
        seen = {index for each, index in stand_ins if known[id(each)] in taken}
        bare = tuple(index for index in self.bare.get(id(layer), ()) if index not in seen)
        shapes = _shape(outputs[0]), _shape(outputs[0])
        # whatever else a layer does with weights of its own, they reach its result
        return [self.add(Step("weights", tuple(values), self.number(), (bare,), shapes))] if bare else values

    def _stand_ins(self, layer: Any) -> list[tuple[Any, int]]:
        """Put symbolic tensors in the place of a layer's own variables; they are put back with all else."""
        assert self.symbolic is not None  # noqa: S101 - the caller has looked
        found: list[tuple[Any, int]] = []
        for name, value in [*vars(layer).items()]:
            if id(value) in self.variables:
                found.append((self.symbolic.stand_in(value), self.variables[id(value)]))
                vars(layer)[name] = found[-1][0]  # past what Keras does with attributes
        return found

    def walk(self, outputs: Sequence[Any], known: dict[int, int]) -> list[int]:
        """Add the steps that lead to some tensors; returns their values."""
        nodes: dict[int, int] = {}
        stack = [*reversed(outputs)]
        while stack:
            tensor = stack[-1]
            node = None if id(tensor) in known else _node(tensor)
            if node is None or id(node) in nodes:
                stack.pop()
                continue
            for each in _inputs(node):
                if id(each) not in known and _node(each) is None:  # made without the model's inputs
                    known[id(each)] = self.add(Step("constant", (), self.number()))
            waiting = [each for each in _inputs(node) if id(each) not in known and id(_node(each)) not in nodes]
            if waiting:
                stack += reversed(waiting)
                continue
            stack.pop()
            values = [known[id(each)] if id(each) in known else self.part(each, nodes) for each in _inputs(node)]
            nodes[id(node)] = self.step(node, tensor, values)
        return [known[id(each)] if id(each) in known else nodes[id(_node(each))] for each in outputs]

    def part(self, tensor: Any, nodes: dict[int, int]) -> int:
        """The value of a tensor that a node gave; of one that splits, a step that says which part it is."""
        node = _node(tensor)
        value, name = nodes[id(node)], type(_operation(node, tensor)).__name__
        index = tensor._keras_history[2]  # noqa: SLF001
        if is_split(name):
            return self.add(Step("getitem", (value,), self.number(), detail=f"part {index}"))
        if index and name in _WITH_STATES:
            return self.add(Step("getitem", (value,), self.number(), index=f"state {index}"))
        return value

    def step(self, node: Any, tensor: Any, values: list[int]) -> int:
        """Add the steps of one node; returns the value it gives."""
        layer, inputs = _operation(node, tensor), _inputs(node)
        shapes = (_shape(inputs[0]) if inputs else (), _shape(tensor))
        stages = self.stages(layer)
        if stages == () and type(layer).__name__ == "Attention" and 2 <= len(values) <= 3:
            query, value, key = (*values, values[1])[:3]  # in this order, the key last
            return [self.add(each) for each in attended(query, key, value, self.number)][-1]
        if stages is not None:
            name = type(layer).__name__
            given = () if stages else _given(node)
            return self.add(Step(
                name, tuple(values), self.number(), stages, shapes, detail=detail_of(name, given), source=layer,
                window=window_of(getattr(layer, "pool_size", None)), literal=_literal(layer, node),
                index=index_of(given[1]) if name == "GetItem" and len(given) > 1 else "",
                sizes=tuple(getattr(layer, "target_shape", getattr(layer, "newshape", None)) or ()),
            ))  # fmt: skip
        inner = layer if _graph(layer) is not None else getattr(layer, "layer", None)
        graph = _graph(inner) if inner is not None else None
        if graph is not None:
            known = {id(each): value for each, value in zip(graph[0], values, strict=True)}
            return self._one(self.walk(graph[1], known), shapes)
        if self.symbolic is None:
            raise Unseen
        given, pairs = self.symbolic.fresh(node)
        known = {id(new): values[[id(each) for each in inputs].index(id(old))] for old, new in pairs}
        before = len(self.steps)
        try:
            return self._one(self.called(layer, given, known), shapes)
        except Exception:  # a `call` of a layer without others may refuse: its weights still reach its result
            if self._weighted_children(layer):
                raise
            del self.steps[before:]
        bare = tuple(self.bare.get(id(layer), ()))
        return self.add(Step(type(layer).__name__, tuple(values), self.number(), (bare,), shapes, source=layer))

    def _one(self, values: list[int], shapes: Any) -> int:
        return values[0] if len(values) == 1 else self.add(Step("outputs", tuple(values), self.number(), shapes=shapes))

    def stages(self, layer: Any) -> Stages | None:
        """The layers of the inventory in a layer, if it calls them in a way that is known; else None."""
        own = self.own.get(id(layer))
        if own is not None:
            return tuple((index,) for index in own)
        inside = [(child, self.stages(child)) for child in self._weighted_children(layer)]
        names = {kind.__name__ for kind in type(layer).__mro__}
        if not inside:
            bare = tuple(self.bare.get(id(layer), ()))
            return ((bare,) if self.symbolic is None else None) if bare else ()
        parts = [stages for _, stages in inside if stages is not None]
        if len(parts) < len(inside) or _graph(layer) is not None:
            return None
        if "Bidirectional" in names:
            return tuple(tuple(index for stage in side for index in stage) for side in _side_by_side(parts))
        return tuple(stage for part in parts for stage in part) if names & _ONE_AFTER_THE_OTHER else None

    def _weighted_children(self, layer: Any) -> list[Any]:
        if not hasattr(layer, "_flatten_layers"):
            return []
        return [
            child for _, child in self.children(layer)
            if any(id(each) in self.own or id(each) in self.bare for each in child._flatten_layers())  # noqa: SLF001
        ]  # fmt: skip


def _side_by_side(parts: Sequence[Stages]) -> Iterator[tuple[tuple[int, ...], ...]]:
    yield from zip(*parts, strict=True)


def _graph(model: Any) -> tuple[list[Any], list[Any]] | None:
    """The symbolic inputs and outputs of a functional or sequential model, else None."""
    if not hasattr(model, "layers"):
        return None
    inputs, outputs = (getattr(model, name, None) for name in ("inputs", "outputs"))
    return (list(inputs), list(outputs)) if inputs and outputs else None


def _node(tensor: Any) -> Any:
    """What made a tensor; None for one that nothing made."""
    layer, index, _ = getattr(tensor, "_keras_history", (None, 0, 0))
    return None if layer is None else layer._inbound_nodes[index]  # noqa: SLF001


def _operation(node: Any, tensor: Any) -> Any:
    return getattr(node, "operation", None) or getattr(node, "layer", None) or tensor._keras_history[0]  # noqa: SLF001


def _inputs(node: Any) -> list[Any]:
    if getattr(node, "is_input", False):
        return []
    return list(node.input_tensors if hasattr(node, "operation") else node.keras_inputs)


def _given(node: Any) -> Sequence[Any]:
    """The positional arguments of a call in Keras 3; Keras 2 keeps those of its operations elsewhere."""
    return getattr(getattr(node, "arguments", None), "args", None) or getattr(node, "call_args", None) or ()


def _literal(layer: Any, node: Any) -> str:
    """The settings of a layer or operation, and the arguments of the call that are no tensors of the model."""
    arguments = getattr(node, "arguments", None)
    given = [*getattr(arguments, "args", ())], dict(getattr(arguments, "kwargs", {}))
    plain = {name: value for name, value in vars(layer).items() if not name.startswith("_") and name != "name"}
    return f"{_words(plain)} {_words(given[0])} {_words(given[1])}"


def _words(values: Any) -> str:
    """Numbers, texts, slices and sequences of them; what is none of these is left out."""
    if isinstance(values, dict):
        said = {name: _words(value) for name, value in sorted(values.items())}
        return ", ".join(f"{name}={text}" for name, text in said.items() if text)
    if isinstance(values, (list, tuple)):
        return f"({', '.join(filter(None, map(_words, values)))})"
    return repr(values) if values is None or isinstance(values, (int, float, str, slice, type(...))) else ""


def _shape(tensor: Any) -> tuple[int | None, ...]:
    return tuple(tensor.shape)


def _input(tensor: Any, value: int, name: str) -> Step:
    return Step("InputLayer", (), value, shapes=((), _shape(tensor)), given=name)
