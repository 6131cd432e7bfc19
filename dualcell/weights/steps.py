"""What a model does, step by step: `Step`s, and the `Flow` between its layers that follows from them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dualcell.weights.inventory import ORIGIN, Flow, Join, Layer, Part

Shape = tuple[int | None, ...]
Stages = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Step:
    """One call in a model.

    Attributes:
        name: of the operation or the layer's class.
        inputs: the values it takes, in the order of its arguments.
        output: the value it gives; several results count as one.
        stages: the inventory's layers it calls, one stage after the other, those of one stage side by side.
        shapes: of its first input and of its output, with the batch axis; `()` where unknown.
        blind: what it gives tells nothing about its inputs but their shape.
        detail: the part of its input that it takes, or the number it joins with it; may be empty.
        source: the framework's object.
        given: of an input of the model, its name; else empty.
        window: the places that a pool takes together, as `3` or `3x2`; empty if it is none, or takes all.
        literal: the arguments and settings that are no values of the model, in the framework's own words.
        index: the places it picks, without whole axes, as `[0]` or `[:4]`; or `state 1` of several results.
        sizes: of a reshape, the new shape as it was given: None where a size hangs on the input.
    """

    name: str
    inputs: tuple[int, ...]
    output: int
    stages: Stages = ()
    shapes: tuple[Shape, Shape] = ((), ())
    blind: bool = False
    detail: str = ""
    source: Any = field(default=None, compare=False, repr=False)
    given: str = ""
    window: str = ""
    literal: str = ""
    index: str = ""
    sizes: tuple[int | None, ...] = ()


@dataclass(frozen=True)
class Trace:
    """All steps of a model, each after those it needs.

    Attributes:
        steps: the calls.
        results: the values the model gives.
    """

    steps: tuple[Step, ...]
    results: tuple[int, ...]


def detail_of(name: str, arguments: Sequence[Any]) -> str:
    """What tells two calls of the same operation apart: the slice it takes, the number it joins.

    Args:
        name: the operation, in either framework's spelling.
        arguments: what it was called with; those that are values of the model do not count.

    Examples:
        >>> detail_of("getitem", [object(), (slice(None), slice(None, 4))]), detail_of("Multiply", [object(), 0.5])
        ('[:, :4]', '0.5')
        >>> detail_of("cat", [object(), 1])
        ''
        >>> detail_of("getitem", [object(), 0])  # one of several results, that only one framework hands out so
        ''
    """
    plain = name.lower().replace("_", "")
    if plain == "getitem" and len(arguments) > 1:
        index = arguments[1] if isinstance(arguments[1], tuple) else (arguments[1],)
        return _slices(index) if any(isinstance(each, slice) and each != slice(None) for each in index) else ""
    if MERGES.get(plain, "cat") != "cat":  # whose number is its axis
        neutral = _NEUTRAL.get(MERGES[plain])  # `sum(...)` starts with 0
        return " ".join(repr(float(x)) for x in arguments if isinstance(x, (int, float)) and x != neutral)
    return ""


def index_of(index: Any) -> str:
    """The places that an index picks, in one spelling; empty if it takes all, or is none of plain numbers.

    Examples:
        >>> index_of((slice(None), 0)), index_of((Ellipsis, slice(None, 4))), index_of(slice(None))
        ('[0]', '[:4]', '')
    """
    listed = index if isinstance(index, tuple) else (index,)
    told = [each for each in listed if each is not None and each is not Ellipsis and each != slice(None)]
    if not told or not all(isinstance(each, (int, slice)) for each in told):
        return ""
    return _slices(told)


def window_of(sizes: Any) -> str:
    """The size of a pool's window in words, one number for all axes where they agree; empty for no size.

    Examples:
        >>> window_of((3, 3)), window_of([3, 2]), window_of(2), window_of(None)
        ('3', '3x2', '2', '')
    """
    listed = [*sizes] if isinstance(sizes, (tuple, list)) else [sizes]
    known = all(isinstance(size, int) for size in listed)
    return "x".join(map(str, listed if len({*listed}) > 1 else listed[:1])) if known else ""


def attended(query: int, key: int, value: int, numbers: Callable[[], int]) -> tuple[Step, ...]:
    """What attention without weights computes of three values, in steps; the last gives the result.

    Args:
        query: a value.
        key: a value.
        value: a value.
        numbers: gives a new value.
    """
    scores, shares = numbers(), numbers()
    return (
        Step("matmul", (query, key), scores), Step("softmax", (scores,), shares),
        Step("matmul", (shares, value), numbers()),
    )  # fmt: skip


def is_split(name: str) -> bool:
    """Whether an operation, in either framework's spelling, cuts a value into parts that stand for themselves."""
    return name.lower().replace("_", "") in ("split", "arraysplit", "tensorsplit", "chunk", "unbind", "unstack")


_NEUTRAL = {"add": 0, "sub": 0, "mul": 1, "div": 1}


def _slices(index: Sequence[Any]) -> str:
    return "[" + ", ".join(_slice(each) for each in index) + "]"


def _slice(each: Any) -> str:
    if not isinstance(each, slice):
        return "..." if each is Ellipsis else str(each)
    start, stop = ("" if edge is None or edge == 0 else str(edge) for edge in (each.start, each.stop))
    return f"{start}:{stop}" + (f":{each.step}" if each.step not in (None, 1) else "")


TURNS = ("permute", "transpose", "movedim", "moveaxis", "swapaxes", "swapdims", "einsum", "rearrange", "t",
         "T", "mT", "H", "mH", "adjoint")  # fmt: skip


# operations by what they do, however a framework or a class spells them
_ACTIVATIONS = ("relu", "silu", "gelu", "sigmoid", "tanh", "softmax", "elu", "selu", "leakyrelu", "softplus", "relu6",
                "hardswish", "hardsigmoid", "mish", "logsigmoid", "softsign", "logsoftmax", "exp",
                "neg")  # fmt: skip
MERGES = {
    "add": "add", "iadd": "add", "mul": "mul", "imul": "mul", "multiply": "mul", "sub": "sub", "subtract": "sub",
    "truediv": "div", "div": "div", "divide": "div", "truedivide": "div", "matmul": "matmul", "bmm": "matmul",
    "einsum": "matmul", "dot": "matmul", "cat": "cat", "concat": "cat", "concatenate": "cat", "stack": "cat",
    "hstack": "cat", "columnstack": "cat", "maximum": "maximum",
    "minimum": "minimum", "pow": "pow", "power": "pow",
}  # fmt: skip


def _uses(step: Step) -> set[str]:
    """The activation that a step applies, alone or after its layer; that it pools; how it joins several values.

    Examples:
        >>> _uses(Step("SiLU", (1,), 2)), _uses(Step("Multiply", (1, 2), 3)), _uses(Step("mul", (1,), 2))
        ({'silu'}, {'mul'}, set())
        >>> _uses(Step("AveragePooling2D", (1,), 2)), _uses(Step("max_pool2d", (1,), 2))
        ({'avgpool'}, {'maxpool'})
    """
    names = [step.name, getattr(getattr(step.source, "activation", None), "__name__", "")]
    plain = [name.lower().replace("_", "").replace("swish", "silu").replace("hardsilu", "hardswish") for name in names]
    plain = ["neg" if name == "negative" else name for name in plain]
    merge = MERGES.get(plain[0], "") if len(step.inputs) > 1 else ""
    pool = next((word for word in ("maxpool", "avgpool") if word in plain[0].replace("average", "avg")), "")
    return {name for name in (*plain, merge, pool) if name in _ACTIVATIONS or (name and name in (merge, pool))} | (
        {f"{MERGES.get(plain[0], '')} {step.detail}".strip()} if step.detail else set()
    )


def _stride(layer: Layer) -> set[str]:
    """The stride and dilation of a convolution that has any: they tell layers of one shape apart.

    Examples:
        >>> from types import SimpleNamespace
        >>> _stride(Layer("conv", "conv2d", (), source=SimpleNamespace(stride=(1, 1), dilation_rate=(2, 2))))
        {'dilation 2'}
    """
    if not layer.kind.startswith(("conv", "depthwise")):
        return set()
    found: set[str] = set()
    for word, spellings in (("stride", ("strides", "stride")), ("dilation", ("dilation_rate", "dilation"))):
        value = next((getattr(layer.source, name) for name in spellings if hasattr(layer.source, name)), 1)
        sizes = dict.fromkeys(value if isinstance(value, (tuple, list)) else (value,))
        found |= {f"{word} {'x'.join(map(str, sizes))}"} if [*sizes] != [1] else set()
    return found


_ORDERED = {"sub", "div", "pow"}  # joins in which the first value is not as the second


def _places(step: Step) -> Iterator[tuple[str, int, str]]:
    """(place, value, operation) of the two values of a difference, a quotient or a power."""
    for merge in sorted(_uses(step) & _ORDERED):
        yield from ((place, value, merge) for place, value in zip(("first", "second"), step.inputs, strict=False))


def flow_of(trace: Trace, layers: Sequence[Layer]) -> Flow:
    """How the layers of an inventory feed each other.

    A bare weight feeds whatever its value reaches; nothing feeds it.
    """
    before: list[list[int]] = [[] for _ in layers]
    reach: dict[int, tuple[int, ...]] = {}
    turned: set[int] = set()
    is_turned: dict[int, bool] = {}
    uses: list[set[str]] = [set() for _ in layers]
    since: dict[int, set[str]] = {}  # what was done to a value since the last layer
    alone: dict[int, int] = {}  # values that are a bare weight and nothing else
    for step in trace.steps:
        arriving = _once(index for value in step.inputs for index in reach.get(value, ()))
        twisted = any(is_turned.get(value, False) for value in step.inputs) or step.name in TURNS
        done = {name for value in step.inputs for name in since.get(value, ())}
        if twisted and len(step.inputs) > 1 and MERGES.get(plain_name(step.name)) in ("add", "mul", "sub", "div"):
            turned |= {alone[value] for value in step.inputs if value in alone}
        elif len(step.inputs) == 1 and step.inputs[0] in alone and not step.stages:
            alone[step.output] = alone[step.inputs[0]]
        for stage in step.stages:
            bare = tuple(index for index in stage if layers[index].kind == "weight")
            real = tuple(index for index in stage if index not in bare)
            if bare and not step.inputs:
                alone[step.output] = bare[0]
            for index in real:
                before[index] += arriving
                turned |= {index} if twisted else set()
                uses[index] |= {f"{name} before" for name in done} | _stride(layers[index])
            arriving = real if real else (*arriving, *bare)
            twisted = twisted and not real
            done = set() if real else done
        since[step.output] = set() if step.blind else done | _uses(step)
        for index in () if step.blind else arriving:
            uses[index] |= _uses(step)
        for place, value, merge in _places(step):
            for index in reach.get(value, ()):
                uses[index].add(f"{place} of {merge}")
        reach[step.output] = () if step.blind else _once((*reach.get(step.output, ()), *arriving))
        is_turned[step.output] = twisted and not step.blind
    inputs = [step for step in trace.steps if step.given]
    joins = _joins(trace, layers, {step.output: -1 - place for place, step in enumerate(inputs)})
    return Flow(tuple(map(tuple, before)), _order(trace), frozenset(turned), tuple(map(frozenset, uses)), joins,
                tuple(step.given for step in inputs))  # fmt: skip


def _joins(trace: Trace, layers: Sequence[Layer], given: Mapping[int, int]) -> tuple[Join, ...]:
    """For each layer that takes a concatenation, who made its parts, in their order; of a shared one, at first.

    A chain of concatenations is one, and what keeps values apart (an activation, a pool) keeps parts apart.
    What is done to a part stays with it; what is done to all of them tells none apart.
    """
    joins: list[Join] = [()] * len(layers)
    parts: dict[int, Join] = {}
    for value, number in given.items():
        makers = frozenset([number])
        parts[value] = (Part(makers, frozenset({(ORIGIN, makers)}), value),)
    called: set[int] = set()
    for step in of_values(trace):
        if step.given:
            continue
        arriving = [parts.get(value, (Part(value=value),)) for value in step.inputs]
        real = [index for stage in step.stages for index in stage if layers[index].kind != "weight"]
        for index in real:
            if index not in called and arriving and len(arriving[0]) > 1:
                joins[index] = arriving[0]
            called.add(index)
        if real:
            stems = frozenset(pair for part in _all(arriving) for pair in part.done if pair[0] == ORIGIN)
            parts[step.output] = (_after(step, Part(frozenset(step.stages[-1]), stems)),)
        elif step.stages and not step.inputs:
            parts[step.output] = (Part(frozenset(step.stages[-1]), value=step.output),)
        elif MERGES.get(plain_name(step.name)) == "cat" and not _moves(step):
            parts[step.output] = tuple(_all(arriving))
        elif len(arriving) == 1 and len(arriving[0]) > 1 and not (step.detail or _moves(step)):
            parts[step.output] = arriving[0]
        else:
            parts[step.output] = (_merged(step, arriving),)
    return tuple(joins)


def of_values(trace: Trace) -> Iterator[Step]:
    """The steps without those that work on shapes alone, and without what others take of these."""
    sizes: set[int] = set()
    for step in trace.steps:
        if step.blind or (step.inputs and sizes.issuperset(step.inputs)):
            sizes.add(step.output)
        else:
            yield replace(step, inputs=tuple(value for value in step.inputs if value not in sizes))


def _moves(step: Step) -> bool:
    """Whether features may stand in other places after a step than one part after the other.

    Examples:
        >>> _moves(Step("flip", (1,), 2)), _moves(Step("getitem", (1,), 2, literal="(_, (slice, [1, 0])) {}"))
        (True, True)
        >>> [_moves(Step("stack", (1, 2), 3, literal=said)) for said in ("([_, _], 2) {}", "([_, _], 1) {}", "axis=1")]
        [True, False, False]
    """
    name = plain_name(step.name)
    if name == "stack":
        return re.search(r"(?:axis=|'dim': |\], )1\b", step.literal) is None
    return name in _MOVING or (name == "getitem" and re.search(r"\[-?\d+,", step.literal) is not None)


_MOVING = {"flip", "fliplr", "roll", "sort", "indexselect", "take", "gather", "takealongaxis"}


def _all(joins: Iterable[Join]) -> Iterator[Part]:
    yield from (part for join in joins for part in join)


def _after(step: Step, part: Part) -> Part:
    """The part after a step that makes nothing else of it."""
    done = {*part.done}
    for word in sorted(done_by(step)):
        pair = (word, part.makers)
        while pair in done:
            pair = (f"{pair[0]} again", part.makers)
        done.add(pair)
    return Part(part.makers, frozenset(done), step.output)


def _merged(step: Step, arriving: Sequence[Join]) -> Part:
    """What a step makes of several parts, or of a slice of one."""
    makers = frozenset[int]().union(*(part.makers for part in _all(arriving)))
    done = frozenset[tuple[str, frozenset[int]]]().union(*(part.done for part in _all(arriving)))
    places = {
        (f"{place} of {merge}", part.makers)
        for place, value, merge in _places(step)
        for part in arriving[step.inputs.index(value)]
    }
    return _after(step, Part(makers, done | places))


_SAME = {
    "mean": "avgpool", "reducemean": "avgpool", "max": "maxpool", "amax": "maxpool", "reducemax": "maxpool",
    "amin": "min", "reducemin": "min", "reducesum": "sum", "absolute": "abs", "upsampling": "upsample",
    "interpolate": "upsample", "resize": "upsample", "resizing": "upsample", "clamp": "clip",
    "unitnormalization": "normalize",
}  # fmt: skip
_TELLING = {*_SAME.values(), "min", "sum", "abs", "sign", "sqrt", "rsqrt", "square", "log", "log1p", "sin", "cos",
            "flip", "roll", "std", "var", "cumsum", "reciprocal", "round", "floor", "ceil"}  # fmt: skip


def plain_name(name: str) -> str:
    """An operation in letters and digits alone, without the number of its axes."""
    return re.sub(r"[123]d$", "", name.lower().replace("_", ""))


def done_by(step: Step) -> set[str]:
    """What a step does, in words that both frameworks share: as `_uses` has it, and reductions, slices, functions.

    Examples:
        >>> done_by(Step("amax", (1,), 2)), done_by(Step("GlobalMaxPooling2D", (1,), 2))
        ({'maxpool'}, {'maxpool'})
        >>> done_by(Step("getitem", (1,), 2, detail="[..., ::2]")), done_by(Step("Absolute", (1,), 2))
        ({'[::2]'}, {'abs'})
    """
    plain = plain_name(step.name)
    common = _SAME.get(plain, plain)
    words = {word for word in _uses(step) if not word.startswith("[")}
    words |= {common} if common in _TELLING and len(step.inputs) == 1 else set()
    words |= {f"window {step.window}"} if step.window else set()
    cut = [each for each in step.detail.strip("[]").split(", ") if each not in (":", "...")]
    return words | ({f"[{', '.join(cut)}]"} if step.detail.startswith("[") else set())


def _once(indices: Any) -> tuple[int, ...]:
    return tuple(dict.fromkeys(indices))


def _order(trace: Trace) -> tuple[int, ...]:
    """The layers as a walk from the results meets them: what is needed first, earlier arguments first."""
    makers: Mapping[int, Step] = {step.output: step for step in trace.steps}
    order: dict[int, None] = {}
    done: set[int] = set()
    stack = [(value, False) for value in reversed(trace.results)]
    while stack:
        value, ready = stack.pop()
        step = makers.get(value)
        if step is None or (value in done and not ready):
            continue
        if ready:
            order |= dict.fromkeys(index for stage in step.stages for index in stage)
            continue
        done.add(value)
        stack.append((value, True))
        stack += [(each, False) for each in reversed(step.inputs)]
    return tuple(order)
