"""What a model does, step by step: `Step`s, and the `Flow` between its layers that follows from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dualcell.weights.inventory import Flow, Layer

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
        source: the framework's object.
    """

    name: str
    inputs: tuple[int, ...]
    output: int
    stages: Stages = ()
    shapes: tuple[Shape, Shape] = ((), ())
    blind: bool = False
    source: Any = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Trace:
    """All steps of a model, each after those it needs.

    Attributes:
        steps: the calls.
        results: the values the model gives.
    """

    steps: tuple[Step, ...]
    results: tuple[int, ...]


TURNS = ("permute", "transpose", "movedim", "moveaxis", "swapaxes", "swapdims", "einsum", "rearrange", "t", "mT")


# operations by what they do, however a framework or a class spells them
_ACTIVATIONS = ("relu", "silu", "gelu", "sigmoid", "tanh", "softmax", "elu", "selu", "leakyrelu", "softplus", "relu6",
                "hardswish", "hardsigmoid", "mish", "logsigmoid", "softsign", "logsoftmax", "exp",
                "neg", "negative")  # fmt: skip
_MERGES = {
    "add": "add", "iadd": "add", "mul": "mul", "imul": "mul", "multiply": "mul", "sub": "sub", "subtract": "sub",
    "truediv": "div", "div": "div", "divide": "div", "truedivide": "div", "matmul": "matmul", "bmm": "matmul",
    "einsum": "matmul", "dot": "matmul", "cat": "cat", "concat": "cat", "concatenate": "cat", "maximum": "maximum",
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
    merge = _MERGES.get(plain[0], "") if len(step.inputs) > 1 else ""
    pool = next((word for word in ("maxpool", "avgpool") if word in plain[0].replace("average", "avg")), "")
    return {name for name in (*plain, merge, pool) if name in _ACTIVATIONS or (name and name in (merge, pool))}


_ORDERED = {"sub", "div", "pow"}  # joins in which the first value is not as the second


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
    for step in trace.steps:
        arriving = _once(index for value in step.inputs for index in reach.get(value, ()))
        twisted = any(is_turned.get(value, False) for value in step.inputs) or step.name in TURNS
        done = {name for value in step.inputs for name in since.get(value, ())}
        for stage in step.stages:
            bare = tuple(index for index in stage if layers[index].kind == "weight")
            real = tuple(index for index in stage if index not in bare)
            for index in real:
                before[index] += arriving
                turned |= {index} if twisted else set()
                uses[index] |= {f"{name} before" for name in done}
            arriving = real if real else (*arriving, *bare)
            twisted = twisted and not real
            done = set() if real else done
        since[step.output] = set() if step.blind else done | _uses(step)
        for index in () if step.blind else arriving:
            uses[index] |= _uses(step)
        for place, value in enumerate(step.inputs if _uses(step) & _ORDERED else ()):
            for index in reach.get(value, ()):
                uses[index].add(f"argument {place}")
        reach[step.output] = () if step.blind else _once((*reach.get(step.output, ()), *arriving))
        is_turned[step.output] = twisted and not step.blind
    return Flow(tuple(map(tuple, before)), _order(trace), frozenset(turned), tuple(map(frozenset, uses)))


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
