"""Attention as one layer on one side and as its four projections on the other: both as projections."""

from __future__ import annotations

from dataclasses import replace

from dualcell.weights.inventory import Inventory, Layer
from dualcell.weights.stages import Stages, with_stages

_FIRST = ("query", "key", "value")


def both_apart(source: Inventory, target: Inventory) -> tuple[Inventory, Inventory]:
    """Both inventories; with projections instead of attention if only one of them has attention."""
    have = [any(layer.kind == "attention" for layer in side.layers) for side in (source, target)]
    if have[0] == have[1]:
        return source, target
    return apart(source), apart(target)


def apart(side: Inventory) -> Inventory:
    """An inventory whose attention layers are several layers."""
    found = {index: _projections(layer) for index, layer in enumerate(side.layers) if layer.kind == "attention"}
    return with_stages(side, found)


def _projections(layer: Layer) -> Stages:
    def dense(name: str) -> Layer:
        found = [(role, layer.role(f"{name}_{role}")) for role in ("kernel", "bias")]
        weights = tuple(replace(weight, role=role) for role, weight in found if weight is not None)
        separator = "." if "." in weights[0].array and "/" not in weights[0].array else "/"
        path = f"{layer.path}{separator}{name}" if layer.path else name
        return replace(layer, path=path, kind="dense", weights=weights, aliases=())

    return tuple(dense(name) for name in _FIRST), (dense("output"),)
