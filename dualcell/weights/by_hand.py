"""Layers that one model has and the other writes by hand -> layers on both sides: `both_layers`.

`x @ self.w + self.b` is what `nn.Linear` and `Dense` do, `x * rsqrt(mean(x * x) + epsilon) * self.w` an RMS norm.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace

from dualcell.weights.axes import joined, transpose
from dualcell.weights.evidence import wiring_of
from dualcell.weights.inventory import Inventory, Layer, Weight
from dualcell.weights.steps import MERGES, Step, Trace, plain_name


@dataclass(frozen=True)
class _Written:
    """Steps that do what a layer does.

    Attributes:
        step: what stands for them, with the weight's index in the inventory as its stage.
        layer: the layer.
        bias: the index of the weight that is its bias; None if it has none.
        spent: the values that are no longer made.
    """

    step: Step
    layer: Layer
    bias: int | None
    spent: frozenset[int]

    @property
    def index(self) -> int:
        """That of its first weight."""
        return self.step.stages[0][0]


def both_layers(source: Inventory, target: Inventory) -> tuple[Inventory, Inventory]:
    """The inventories, with as many layers made of what is written by hand as the other side has more.

    Only if those are all there are of their shape: else it would have to be guessed which.
    """
    sides, found = (source, target), [[*_Reader(side).written()] for side in (source, target)]
    return _made(sides[0], found[0], sides[1], found[1]), _made(sides[1], found[1], sides[0], found[0])


def _made(side: Inventory, found: list[_Written], other: Inventory, theirs: list[_Written]) -> Inventory:
    own, others = (Counter(map(_key, each.layers)) for each in (side, other))
    counts, their_counts = (Counter(_key(each.layer) for each in written) for written in (found, theirs))
    wanted = {key for key, count in counts.items() if count == others[key] - own[key] and not their_counts[key]}
    chosen = [each for each in found if _key(each.layer) in wanted]
    return _with(side, chosen) if chosen else side


def _key(layer: Layer) -> Hashable:
    return layer.signature, layer.role("bias") is not None


def _with(side: Inventory, chosen: list[_Written]) -> Inventory:
    """The inventory in which these are layers, and their biases no weights of their own."""
    trace: Trace = side.trace
    spent = frozenset[int]().union(*(each.spent for each in chosen))
    made = {each.step.output: each.step for each in chosen}
    steps = (made.get(step.output, step) for step in trace.steps if step.output in made or step.output not in spent)
    parents = Counter(_parent(each.layer.path) for each in chosen)
    layers = [*side.layers]
    for each in chosen:
        parent = _parent(each.layer.path)
        path = parent if parents[parent] == 1 and parent else each.layer.path
        layers[each.index] = replace(each.layer, path=path, aliases=(each.layer.path,))
    kept = [index for index, _ in enumerate(layers) if index not in {each.bias for each in chosen}]
    flow = wiring_of(replace(trace, steps=tuple(steps)), layers).within(kept)
    return replace(side, layers=tuple(layers[index] for index in kept), flow=flow, trace=None)


def _parent(path: str) -> str:
    """`encoder.fc` for `encoder.fc.weight`, `lin` for `lin/w`; empty for what is in nothing."""
    return path[: max(path.rfind("."), path.rfind("/"), 0)]


class _Reader:
    """Reads the steps of one model."""

    def __init__(self, side: Inventory) -> None:
        self.side = side
        self.trace: Trace | None = side.trace
        self.steps = {} if self.trace is None else {step.output: step for step in self.trace.steps}
        self.places = {value: place for place, value in enumerate(self.steps)}
        self.takers: dict[int, list[Step]] = {}
        for step in self.steps.values():
            for value in step.inputs:
                self.takers.setdefault(value, []).append(step)
        for value in () if self.trace is None else self.trace.results:
            self.takers.setdefault(value, []).append(_RESULT)
        self.held: dict[int, tuple[int, frozenset[int]]] = {}  # a weight, and the values on the way to where it is used
        for step in self.steps.values():
            self._hold(step)

    def written(self) -> Iterator[_Written]:
        """All that is written by hand, in the order of the steps."""
        for step in self.steps.values():
            if step.stages:
                continue
            if plain_name(step.name) in ("matmul", "linear", "mm") and len(step.inputs) in (2, 3):
                yield from self._product(step)
            elif MERGES.get(plain_name(step.name)) == "mul" and len(step.inputs) == 2:
                yield from self._norm(step)

    def _hold(self, step: Step) -> None:
        if len(self.takers.get(step.output, ())) != 1:
            return
        if step.name == "get_attr" and step.stages and not step.inputs:
            index = step.stages[0][0]
            layer = self.side.layers[index]
            if layer.kind == "weight" and not (layer.is_buffer or layer.doubt or layer.has_features):
                self.held[step.output] = index, frozenset({step.output})
        elif len(step.inputs) == 1 and step.inputs[0] in self.held and not step.stages:
            index, spent = self.held[step.inputs[0]]
            self.held[step.output] = index, spent | {step.output}

    def _weight(self, value: int) -> Weight:
        return self.side.layers[self.held[value][0]].weights[0]

    # --- dense layers ---

    def _product(self, step: Step) -> Iterator[_Written]:
        given, kernel, *rest = step.inputs
        held = [kernel, *rest]
        if given in self.held or not all(value in self.held for value in held):
            return
        sizes = self._weight(kernel).canonical
        if len(sizes) != 2:
            return
        last, bias = (step, rest) if rest else self._bias(step, sizes[1:])
        if all(self._weight(value).canonical == sizes[1:] for value in bias):
            yield self._dense(step, last, kernel, bias)

    def _bias(self, step: Step, size: tuple[int, ...]) -> tuple[Step, list[int]]:
        """The step after a product, and the value that it adds, if it adds a bias."""
        taking = self.takers.get(step.output, ())
        after = taking[0] if len(taking) == 1 else step
        if MERGES.get(plain_name(after.name)) != "add" or len(after.inputs) != 2 or after.stages:
            return step, []
        found = [value for value in after.inputs if value in self.held and self._weight(value).canonical == size]
        return (after, found) if found else (step, [])

    def _dense(self, step: Step, last: Step, kernel: int, bias: list[int]) -> _Written:
        index, spent = self.held[kernel]
        matrix = self._weight(kernel)
        weights = (replace(matrix, role="kernel", move=joined(matrix.move, transpose(1, 0))),)
        for value in bias:
            weights += (replace(self._weight(value), role="bias"),)
            spent |= self.held[value][1] | {step.output}
        dense = Step("Dense", step.inputs[:1], last.output, ((index,),), (step.shapes[0], last.shapes[1]))
        layer = replace(self.side.layers[index], kind="dense", weights=weights)
        return _Written(dense, layer, self.held[bias[0]][0] if bias else None, spent - {last.output})

    # --- RMS norms ---

    def _norm(self, step: Step) -> Iterator[_Written]:
        scales = [value for value in step.inputs if value in self.held]
        if len(scales) != 1 or len(self._weight(scales[0]).canonical) != 1:
            return
        other = next(value for value in step.inputs if value not in self.held)
        given, inside = self._inside(other)
        if given is None or self.takers[other] != [step]:
            return
        index, spent = self.held[scales[0]]
        norm = Step("RMSNormalization", (given,), step.output, ((index,),), (step.shapes[1], step.shapes[1]))
        layer = self.side.layers[index]
        weights = (replace(layer.weights[0], role="scale"),)
        yield _Written(norm, replace(layer, kind="rms_norm", weights=weights), None, spent | inside)

    def _inside(self, value: int) -> tuple[int | None, frozenset[int]]:
        """The one value that a normalized one is made of, and the values between; None if it is no RMS norm."""
        frontier, inside = {value}, set[int]()
        while len(inside) < _LONGEST:
            newest = max(frontier, key=lambda each: self.places[each])
            step = self.steps[newest]
            if step.stages or step.given or not step.inputs:
                break
            frontier = (frontier - {newest}) | {*step.inputs}
            inside.add(newest)
            names = {MERGES.get(name, name) for name in (plain_name(self.steps[each].name) for each in inside)}
            if len(frontier) == 1 and "mean" in names and names & {"rsqrt", "sqrt"}:
                is_norm = names & {"pow", "square", "mul"}
                alone = all(taker.output in inside for each in inside - {value} for taker in self.takers[each])
                return (frontier.pop() if is_norm and alone else None), frozenset(inside)
        return None, frozenset()


_RESULT = Step("result", (), -1)  # what takes a value that the model gives
_LONGEST = 12  # steps of a norm, casts included
