"""What tells layers apart that have one shape and are wired alike: `Evidence`, from a model's steps.

Two things are asked of it. Do words that both frameworks share say which layer of one model
is which of the other? And could the layers change places in their own model, all calls,
arguments and numbers considered? Where the first gives no answer and the second is no, only
the order of definition is left, and a plan says so.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from dualcell.weights.cuts import Cuts, Label, cuts_of, factors_of, is_of_last_axis, label_of
from dualcell.weights.inventory import Flow, Layer
from dualcell.weights.steps import MERGES, Step, Trace, done_by, flow_of, is_split, of_values, plain_name

Words = tuple[frozenset[str], ...]


@dataclass(frozen=True)
class Evidence:
    """For each layer of an inventory, by index.

    Attributes:
        words: what is done with its result before the next layer, with what else, and what was done to its input.
        unscaled: the words and the cuts as if nothing was scaled, shifted or masked by what is no value of the
            model: where and how that is done is a matter of taste.
        colours: equal numbers for layers that can change places with nothing to show it in their own model.
        stems: the inputs of the model that reach it, as -1, -2, ... in their order.
        cuts: of one whose result is cut into parts along its features, what is done with each, see `cuts.Cuts`.
        factors: the axes that its features are split into, in order; empty if they are not.
    """

    words: Words
    unscaled: Callable[[], tuple[Words, Sequence[Cuts]]]
    colours: tuple[int, ...]
    stems: tuple[frozenset[int], ...]
    cuts: tuple[Cuts, ...]
    factors: tuple[tuple[int, ...], ...]

    def within(self, indices: Sequence[int]) -> Evidence:
        """That of some of the layers, which become the first, the second, ..."""

        def some(said: Sequence[Any]) -> tuple[Any, ...]:
            return tuple(said[index] for index in indices)

        def unscaled() -> tuple[Words, Sequence[Cuts]]:
            words, cuts = self.unscaled()
            return some(words), some(cuts)

        return Evidence(
            some(self.words), unscaled, some(self.colours), some(self.stems), some(self.cuts), some(self.factors)
        )

    def readings(self) -> Iterator[tuple[Words, Sequence[Cuts]]]:
        """The words and the cuts, as they are and then unscaled."""
        yield self.words, self.cuts
        yield self.unscaled()


def wiring_of(trace: Trace, layers: Sequence[Layer]) -> Flow:
    """How the layers of an inventory feed each other, with the evidence for when that does not decide."""
    return replace(flow_of(trace, layers), evidence=cache(lambda: evidence_of(trace, layers)))


def evidence_of(trace: Trace, layers: Sequence[Layer]) -> Evidence:
    """All there is to know of the layers of an inventory beside their wiring."""
    walk = _Words(trace, layers)

    @cache
    def unscaled() -> tuple[Words, Sequence[Cuts]]:
        other = _Words(_unscaled(trace, layers), layers)
        return other.all(), other.cuts()

    colours, stems = _colours(trace, layers), _stems(trace, layers)
    return Evidence(walk.all(), unscaled, colours, stems, walk.cuts(), tuple(walk.factors))


def _unscaled(trace: Trace, layers: Sequence[Layer]) -> Trace:
    """The steps, as if those did nothing that change a value by a number, a buffer or a size: a scale, a mask."""
    steps: list[Step] = []
    kept: set[int] = set()  # values that are no results of the model's inputs or parameters
    for step in trace.steps:
        held = [index for stage in step.stages for index in stage]
        is_input = bool(step.given) or plain_name(step.name) in ("input", "inputlayer")
        if step.blind or not (is_input or any(not layers[index].is_buffer for index in held) or {*step.inputs} - kept):
            kept.add(step.output)
        others = tuple(value for value in step.inputs if value not in kept)
        if len(others) == 1 and not held and _name(step) in _CHANGING:
            step = replace(step, name="identity", inputs=others, literal="", detail="")
        steps.append(step)
    return replace(trace, steps=tuple(steps))


_CHANGING = ("mul", "div", "add", "sub", "maskedfill", "where")


# --- words that both frameworks share ---

# of no matter for what is computed, or only for where it stands
_SILENT = {
    "reshape", "view", "flatten", "unflatten", "contiguous", "identity", "dropout", "spatialdropout", "alphadropout",
    "gaussiandropout", "gaussiannoise", "featuredropout", "cast", "to", "float", "type", "expanddims", "unsqueeze",
    "squeeze", "expand", "broadcastto", "permute", "transpose", "movedim", "moveaxis", "swapaxes", "swapdims", "t",
    "mt",
    "rearrange", "input", "inputlayer", "outputs", "weights", "getattr", "getattribute", "shape", "size", "detach",
    "stopgradient", "getitem", "split", "chunk", "unbind", "unstack", "activation", "clone",
    "converttotensor", "astype", "tuple", "list",
}  # fmt: skip
_COMMON = {
    "greater": "gt", "less": "lt", "greaterequal": "ge", "lessequal": "le", "equal": "eq", "notequal": "ne",
    "linear": "matmul", "mm": "matmul",
}  # fmt: skip
_ANY_ORDER = {"add", "mul", "maximum", "minimum"}
_CHAINS = {*_ANY_ORDER, "cat"}  # of which several in a row are one
_RECURRENT = {"rnn", "lstm", "gru"}  # whose activations are their own


Subject = tuple[int, Label | None]  # a layer, or a part of its result


class _Words:
    """Walks through the steps once, with what was done to each value since the last layer."""

    def __init__(self, trace: Trace, layers: Sequence[Layer]) -> None:
        self.layers = layers
        self.found: dict[Subject, set[str]] = defaultdict(set)
        self.factors: list[tuple[int, ...]] = [()] * len(layers)
        self.inner: set[int] = set()  # of whose factors the last is cut
        self.untold: set[int] = set()  # whose features may be split into axes of sizes that are not known
        self._before: dict[int, frozenset[str]] = {}  # what is said of a layer before its result is cut
        self._since: dict[int, frozenset[str]] = {}
        self._reach: dict[int, tuple[Subject, ...]] = {}
        self._operands: dict[tuple[str, int], list[int]] = {}  # what a chain of one operation has joined
        self._takers: dict[int, set[str]] = defaultdict(set)
        steps = [*of_values(trace)]
        for step in steps:
            for value in step.inputs:
                self._takers[value].add(_name(step))
        for step in steps:
            if step.name != "getitem" or step.output in self._takers or step.output in trace.results:
                self._take(step)  # a tuple that is unpacked also gives what nobody takes

    def all(self) -> tuple[frozenset[str], ...]:
        """The words of each layer."""
        return tuple(frozenset(self.found[index, None]) for index, _ in enumerate(self.layers))

    def cuts(self) -> tuple[Cuts, ...]:
        """For each layer, what is done with each part of its result."""
        parts: dict[int, dict[Label, frozenset[str]]] = defaultdict(dict)
        for (index, label), words in self.found.items():
            if label and index not in self.untold:
                parts[index][label] = frozenset(words)
        return tuple(
            cuts_of(parts[index], factors, last=index in self.inner) for index, factors in enumerate(self.factors)
        )

    def _take(self, step: Step) -> None:
        held = [index for stage in step.stages for index in stage]
        real = [index for index in held if self.layers[index].kind != "weight"]
        words = frozenset[str]() if any(self.layers[index].kind in _RECURRENT for index in real) else _words(step)
        before = frozenset[str]().union(*(self._since.get(value, frozenset()) for value in step.inputs))
        turned = {"flip"} if getattr(step.source, "go_backwards", False) else set[str]()
        for index in real:
            self.found[index, None] |= {f"{word} before" for word in before ^ turned}
        arriving = dict.fromkeys(subject for value in step.inputs for subject in self._reach.get(value, ()))
        made = [(index, None) for index in (step.stages[-1] if real else held)]
        makers = made if real else [*(self._cut(subject, step) for subject in arriving), *made]
        self._say(makers, words)
        if not real:
            self._join(step)
        self._since[step.output] = words if real else before | words
        self._reach[step.output] = tuple(makers)

    def _cut(self, subject: Subject, step: Step) -> Subject:
        """The part of a layer's result that a step takes, or the same subject; notes how it splits the features."""
        index, label = subject
        layer = self.layers[index]
        if not self.factors[index] and not label:
            self.factors[index] = factors_of(step.sizes, layer.features)
            if not self.factors[index] and None in step.sizes[-2:] and layer.features not in step.sizes:
                self.untold.add(index)
        if self.factors[index] and (step.index or is_split(step.name)) and is_of_last_axis(step.literal):
            self.inner.add(index)
        if not label:
            label = label_of(step.detail, step.index, split=bool(self.factors[index]))
            if label:  # what is done before it is cut is done to each part
                self._before.setdefault(index, frozenset(self.found[index, None]))
                self.found[index, label] |= self._before[index]
        return index, label

    def _say(self, subjects: Iterable[Subject], words: Iterable[str]) -> None:
        for index, label in subjects:
            self.found[index, None].update(words)
            if label:
                self.found[index, label].update(words)

    def _join(self, step: Step) -> None:
        """What a value is joined with, and in which place; of a chain of one operation, all that it joins at once."""
        name = _name(step)
        if name == "glu" and len(step.inputs) == 1:
            for index, _ in self._reach.get(step.inputs[0], ()):
                kind = self.layers[index].kind
                self._say([(index, ("part", 0))], {"mul", f"mul with {kind} sigmoid"})
                self._say([(index, ("part", 1))], {"mul", f"mul with {kind}", "sigmoid"})
        operands: list[int] = []
        for value in step.inputs:
            operands += self._operands.get((name, value), [value])
        if name in _CHAINS:
            self._operands[name, step.output] = operands
        if not name or len(operands) < 2 or self._takers.get(step.output) == {name} <= _CHAINS:
            return  # it computes nothing, takes one value, or goes on in the next step
        for place, value in enumerate(operands):
            others = [self._described(each) for other, each in enumerate(operands) if other != place]
            self._say(self._reach.get(value, ()), _joined(name, place, others))

    def _described(self, value: int) -> str:
        kinds = sorted({self.layers[index].kind for index, _ in self._reach.get(value, ())})
        return " ".join((*kinds, *sorted(self._since.get(value, ())))) or "an input"


def _joined(name: str, place: int, others: Sequence[str]) -> set[str]:
    """What is said of one of several values that an operation takes."""
    if name in _ANY_ORDER:
        return {f"{name} with {other}" for other in others}
    return {f"{place} of cat"} if name == "cat" else {f"{place} of {name} with {', '.join(others)}"}


def _words(step: Step) -> frozenset[str]:
    """What one step does to what it takes: function, slice, place among several results, numbers that are no axes.

    Examples:
        >>> sorted(_words(Step("leaky_relu", (1,), 2, literal="_, 0.3")))
        ['leakyrelu', 'leakyrelu 0.3']
        >>> _words(Step("getitem", (1,), 2, index="[0]")), _words(Step("Reshape", (1,), 2, literal="4, 4"))
        (frozenset({'[0]'}), frozenset())
    """
    words = {*done_by(step)} | ({step.index} if step.index else set())
    if step.stages:
        return frozenset(words)
    name = _name(step)
    numbers = " ".join(re.findall(r"(?<![\w.])\d+\.\d+(?:e-?\d+)?", step.literal))
    return frozenset(words | ({name} if name else set()) | ({f"{name} {numbers}"} if name and numbers else set()))


def _name(step: Step) -> str:
    """The operation, in one spelling; empty if it computes nothing."""
    plain = plain_name(step.name)
    name = MERGES.get(plain, _COMMON.get(plain, plain))
    return "" if name in _SILENT else name


# --- what could change places ---


def _colours(trace: Trace, layers: Sequence[Layer]) -> tuple[int, ...]:
    """Colour refinement of the steps: by what they are, then by what they take and what takes them."""
    steps = [*_chained(trace)]
    colours = {step.output: hash(_itself(step, place, layers)) for place, step in enumerate(steps)}
    takers: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for step in steps:
        for place, value in enumerate(step.inputs):
            takers[value].append((step.output, 0 if _name(step) in _ANY_ORDER else place))
    for place, value in enumerate(trace.results):
        colours[value] = hash((colours.get(value), "result", place))
    count = 0
    while len({*colours.values()}) > count:
        count = len({*colours.values()})
        colours = {step.output: _refined(step, colours, takers) for step in steps}
    found: list[list[Hashable]] = [[] for _ in layers]
    for step in steps:
        for stage, indices in enumerate(step.stages):
            for index in indices:
                found[index].append((stage, layers[index].variant, colours[step.output]))
    return tuple(hash(tuple(each)) for each in found)


def _chained(trace: Trace) -> Iterator[Step]:
    """The steps, with sums and products of several values as one each; one that adds 0 goes up in the next."""
    takers: dict[int, list[Step]] = defaultdict(list)
    for step in trace.steps:
        for value in step.inputs:
            takers[value].append(step)
    operands: dict[tuple[str, int], tuple[int, ...]] = {}
    for step in trace.steps:
        name = _name(step)
        if name not in _ANY_ORDER or step.stages:
            yield step
        else:
            joined = tuple(each for value in step.inputs for each in operands.get((name, value), (value,)))
            taking = [_name(each) == name and not each.detail for each in takers[step.output]]
            if taking == [True] and not step.detail and step.output not in trace.results:
                operands[name, step.output] = joined
            else:
                yield replace(step, name=name, literal="", inputs=joined)


def _itself(step: Step, place: int, layers: Sequence[Layer]) -> Hashable:
    held = tuple(layers[index].signature for stage in step.stages for index in stage)
    return step.name, step.literal, step.detail, step.index, step.window, held, place if step.given else -1


def _refined(step: Step, colours: Mapping[int, int], takers: Mapping[int, list[tuple[int, int]]]) -> int:
    taken = [colours.get(value, 0) for value in step.inputs]
    taken = sorted(taken) if _name(step) in _ANY_ORDER else taken
    taking = sorted((colours[output], place) for output, place in takers.get(step.output, ()))
    return hash((colours[step.output], tuple(taken), tuple(taking)))


# --- the inputs ---


def _stems(trace: Trace, layers: Sequence[Layer]) -> tuple[frozenset[int], ...]:
    """The model's inputs that reach each layer, through others too."""
    given = [step.output for step in trace.steps if step.given]
    reach: dict[int, frozenset[int]] = {value: frozenset({-1 - place}) for place, value in enumerate(given)}
    stems: list[frozenset[int]] = [frozenset()] * len(layers)
    for step in trace.steps:
        arriving = frozenset[int]().union(*(reach.get(value, frozenset()) for value in step.inputs))
        for stage in step.stages:
            for index in stage:
                stems[index] |= arriving
        if not step.given and not step.blind:
            reach[step.output] = arriving
    return tuple(stems)


# --- two models ---


Said = Mapping[int, frozenset[Hashable]]


def told_apart(left: Said, right: Said) -> list[tuple[int, int]]:
    """Pairs of layers of which the same is said, and of no second on either side.

    Args:
        left: what is said of the layers in question.
        right: the same of the other model's.

    Returns:
        The pairs; empty unless both models say the same of all of them, or of two at least. What is
        said of the last two alone is the rest: that may be put in other words.

    Examples:
        >>> relu, tanh = frozenset({"relu", "add"}), frozenset({"tanh", "add"})
        >>> told_apart({0: relu, 1: tanh}, {5: tanh, 6: relu})
        [(0, 6), (1, 5)]
        >>> told_apart({0: relu, 1: tanh}, {5: relu, 6: relu})
        []
    """
    own, others = _apart(left), _apart(right)
    counts = Counter(own.values()), Counter(others.values())
    places = {said: index for index, said in others.items()}
    pairs = [(index, places[said]) for index, said in own.items() if counts[0][said] == counts[1][said] == 1]
    if counts[0] == counts[1] and len(counts[0]) > 1:
        return pairs
    if len(pairs) < 2 or len(pairs) != len(left) - 1 or len(left) != len(right):
        return []
    rest = [{*side} - {pair[place] for pair in pairs} for place, side in enumerate((left, right))]
    return [*pairs, (rest[0].pop(), rest[1].pop())]


def _apart(words: Said) -> dict[int, frozenset[Hashable]]:
    """What is said of some only: what is said of all tells none apart."""
    shared = frozenset[Hashable].intersection(*words.values())
    return {index: said - shared for index, said in words.items()}
