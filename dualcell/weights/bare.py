"""Weights that stand alone, in no layer of a known kind: how they lie is told by what is done with them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from dualcell.weights.axes import joined, transpose
from dualcell.weights.inventory import Layer
from dualcell.weights.steps import TURNS, Step, Trace, plain_name


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
        elif len(step.inputs) == 1 and step.inputs[0] in held:
            held[step.output] = held[step.inputs[0]]
            rank = len(layers[held[step.output]].weights[0].canonical)
            is_turned[step.output] = is_turned[step.inputs[0]] != _turns(step, rank)
    return tuple(_turned(layer) if turned.get(index) == {True} else layer for index, layer in enumerate(layers))


def _turns(step: Step, rank: int) -> bool:
    """Whether a step takes the last two axes the other way round: of several matrices only if it says so.

    Examples:
        >>> said = "(_, 0, 2, 1) {}", "(_, 1, 2) {}", "(_, -2, -1) {}", "axes=(0, 2, 1)", "(_, 1, 2, 0) {}"
        >>> [_turns(Step("permute", (1,), 2, literal=each), 3) for each in said]
        [True, True, True, True, False]
    """
    if rank < 3 or step.name in ("mT", "mH", "adjoint"):
        return step.name in TURNS or plain_name(step.name) in TURNS
    return re.search(r"(?<!\d, )(0, 2, 1|1, 2|2, 1|-1, -2|-2, -1)(?!, \d)", step.literal) is not None


def _sums_last(literal: str) -> bool:
    """Whether an einsum sums over the last axis of the matrices it takes second, and makes the one before.

    Examples:
        >>> [_sums_last(f"('{said}', _, _) {{}}") for said in ("bi,oi->bo", "bi,io->bo", "...i, oi -> ...o")]
        [True, False, True]
        >>> [_sums_last(f"('{said}', _, _) {{}}") for said in ("ebi,eoi->ebo", "bhd,hd->bh", "bi,oi->boi")]
        [True, False, False]
    """
    found = re.search(r"(\w*)\s*,\s*\w*?(\w)(\w)\s*->\s*([\w.]*)", literal)
    return found is not None and found[2] in found[4] and found[2] not in found[1] and found[3] not in found[4]


def _turned(layer: Layer) -> Layer:
    """A matrix, or several, with the last two axes the other way round."""
    (weight,) = layer.weights
    rank = len(weight.canonical)
    if rank < 2:
        return layer
    return replace(
        layer, weights=(replace(weight, move=joined(weight.move, transpose(*range(rank - 2), rank - 1, rank - 2))),)
    )
