"""Weights that stand alone, in no layer of a known kind: how they lie is told by what is done with them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from dualcell.weights.axes import joined, transpose
from dualcell.weights.inventory import Layer
from dualcell.weights.steps import TURNS, Trace, plain_name


def as_multiplied(layers: Sequence[Layer], trace: Trace) -> tuple[Layer, ...]:
    """The layers of an inventory, with matrices of their own in the layout (in, out) in which `x @ w` takes them.

    `F.linear(x, w)` and `x @ w.T` take them the other way round.
    """
    held = {step.output: stage[0] for step in trace.steps for stage in step.stages[:1]
            if len(stage) == 1 and not step.inputs and layers[stage[0]].kind == "weight"}  # fmt: skip
    is_turned = dict.fromkeys(held, False)
    turned: dict[int, set[bool]] = {index: set() for index in held.values()}
    for step in trace.steps:
        name = plain_name(step.name)
        taken = [value for value in step.inputs[1:2] if value in held]
        if name in ("matmul", "dot", "linear", "mm", "bmm", "einsum") and taken:
            turned[held[taken[0]]].add(is_turned[taken[0]] != (name == "linear" or _sums_last(step.literal)))
        elif len(step.inputs) == 1 and step.inputs[0] in held and not step.stages:
            held[step.output] = held[step.inputs[0]]
            is_turned[step.output] = is_turned[step.inputs[0]] != (step.name in TURNS or name in TURNS)
    return tuple(_turned(layer) if turned.get(index) == {True} else layer for index, layer in enumerate(layers))


def _sums_last(literal: str) -> bool:
    """Whether an einsum sums over the second axis of the matrix it takes second.

    Examples:
        >>> [_sums_last(f"('{said}', _, _) {{}}") for said in ("bi,oi->bo", "bi,io->bo", "...i, oi -> ...o")]
        [True, False, True]
    """
    found = re.search(r",\s*(\w)\w\s*->\s*([\w.]*)", literal)
    return found is not None and found[1] in found[2]


def _turned(layer: Layer) -> Layer:
    """A matrix with its axes the other way round."""
    (weight,) = layer.weights
    if len(weight.canonical) != 2:
        return layer
    return replace(layer, weights=(replace(weight, move=joined(weight.move, transpose(1, 0))),))
