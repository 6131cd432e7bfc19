"""Attention as one layer on one side and as its four projections on the other: both as projections.

A Linear called `qkv` holds three of them, one after the other, as in the Transformers of timm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from dualcell.weights.inventory import Flow, Inventory, Join, Layer, Weight

_FIRST = ("query", "key", "value")
Parts = tuple[tuple[Layer, ...], ...]


def both_apart(source: Inventory, target: Inventory) -> tuple[Inventory, Inventory]:
    """Both inventories; with projections instead of attention if only one of them has attention."""
    have = [any(layer.kind == "attention" for layer in side.layers) for side in (source, target)]
    if have[0] == have[1]:
        return source, target
    return apart(source), apart(target)


def apart(side: Inventory) -> Inventory:
    """An inventory whose attention layers, and whose Linears for three projections, are several layers."""
    parts: dict[int, Parts] = {}
    for index, layer in enumerate(side.layers):
        if layer.kind == "attention":
            parts[index] = _projections(layer)
        elif layer.kind == "dense" and "qkv" in layer.path.lower() and layer.weights[0].canonical[0] % 3 == 0:
            parts[index] = (tuple(_third(layer, number) for number in range(3)),)
    return _with(side, parts)


def _projections(layer: Layer) -> Parts:
    def dense(name: str) -> Layer:
        found = [(role, layer.role(f"{name}_{role}")) for role in ("kernel", "bias")]
        weights = tuple(replace(weight, role=role) for role, weight in found if weight is not None)
        separator = "." if "." in weights[0].array and "/" not in weights[0].array else "/"
        path = f"{layer.path}{separator}{name}" if layer.path else name
        return replace(layer, path=path, kind="dense", weights=weights, aliases=())

    return tuple(dense(name) for name in _FIRST), (dense("output"),)


def _third(layer: Layer, number: int) -> Layer:
    def part(weight: Weight) -> Weight:
        return replace(weight, shape=(weight.shape[0] // 3, *weight.shape[1:]), part=(number, 3))

    return replace(layer, weights=tuple(map(part, layer.weights)))


def _with(side: Inventory, parts: Mapping[int, Parts]) -> Inventory:
    """The inventory with other layers in the place of some, stage after stage, and the flow between them."""
    layers: list[Layer] = []
    places: list[tuple[tuple[int, ...], ...]] = []
    for index, layer in enumerate(side.layers):
        stages: list[tuple[int, ...]] = []
        for stage in parts.get(index, ((layer,),)):
            stages.append(tuple(range(len(layers), len(layers) + len(stage))))
            layers += stage
        places.append(tuple(stages))
    flow = None if side.flow is None else _flow(side.flow, places)
    return replace(side, layers=tuple(layers), flow=flow)


def _flow(flow: Flow, places: list[tuple[tuple[int, ...], ...]]) -> Flow:
    before: list[tuple[int, ...]] = []
    for index, stages in enumerate(places):
        feeding = tuple(new for old in flow.before[index] for new in places[old][-1])
        for stage in stages:
            before += [feeding] * len(stage)
            feeding = stage
    order = tuple(new for old in flow.order for stage in places[old] for new in stage)
    turned = frozenset(new for old in flow.turned for new in places[old][0])
    uses = tuple(flow.uses[old] for old, stages in enumerate(places) for stage in stages for _ in stage)

    def after(layers: frozenset[int]) -> frozenset[int]:
        return frozenset(new for old in layers for new in (places[old][-1] if old >= 0 else (old,)))

    def moved(join: Join) -> Join:
        return tuple(part.renamed(after) for part in join)

    joins = tuple(moved(flow.joins[old]) for old, stages in enumerate(places) for stage in stages for _ in stage)
    evidence = cache(lambda: _evidence(flow.evidence(), places))
    return Flow(tuple(before), order, turned, uses, joins, flow.inputs, evidence)


_USED: Mapping[int, tuple[str, ...]] = {  # by the place in `_FIRST`, as `evidence` says it of a product of three
    0: ("matmul", "softmax", "0 of matmul with dense"),
    1: ("matmul", "softmax", "1 of matmul with dense", "0 of matmul with dense"),
    2: ("matmul", "1 of matmul with dense matmul softmax"),
}


def _evidence(found: Any, places: list[tuple[tuple[int, ...], ...]]) -> Any:
    """The evidence, with projections told apart by their place in attention, or by the part of the result they give."""
    new = [(old, len(stage) > 1, number, len(stages) > 1) for old, stages in enumerate(places) for stage in stages
           for number, _ in enumerate(stage)]  # fmt: skip

    def words(said: tuple[frozenset[str], ...], old: int, is_first: bool, number: int, is_attention: bool) -> Any:
        if not is_first:
            return said[old]
        if is_attention:
            return frozenset(_USED[number])
        return found.cuts[old].get((number, len(_FIRST), False), said[old])

    return replace(
        found,
        words=tuple(words(found.words, *each) for each in new),
        unscaled=lambda: tuple(words(found.unscaled(), *each) for each in new),
        colours=tuple(hash((found.colours[old], number)) for old, _, number, _ in new),
        stems=tuple(found.stems[old] for old, *_ in new),
        cuts=tuple({} if is_first else found.cuts[old] for old, is_first, *_ in new),
        factors=tuple(() if is_first else found.factors[old] for old, is_first, *_ in new),
    )
