"""`initializers`: one model, or two -> `InitializersResult`: what each weight was drawn from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from dualcell.cause import Array
from dualcell.distributions import drawn_from
from dualcell.errors import OptionError, PlanError
from dualcell.expressions import models_in, valued
from dualcell.frameworks.base import plain_array
from dualcell.frameworks.registry import model_adapter
from dualcell.initializers_report import (
    InitializersReport,
    InitializersRow,
    Origin,
    build_initializers_report,
)
from dualcell.options import parse_line
from dualcell.render.initializers import render_initializers_html, render_initializers_text
from dualcell.weights.by_hand import both_layers
from dualcell.weights.copying import part_of
from dualcell.weights.fans import gates_of, sizes_of
from dualcell.weights.inventory import Inventory, Layer, Weight
from dualcell.weights.kinds import KINDS
from dualcell.weights.matching import match
from dualcell.weights.plan import read
from dualcell.weights.rows import Row, rows_of


class InitializersResult:
    """What the weights of one or two models were drawn from, as a table.

    Attributes:
        report: everything that was found, in plain values.
    """

    def __init__(self, report: InitializersReport) -> None:
        self.report = report

    @property
    def rows(self) -> tuple[InitializersRow, ...]:
        """A row for each weight, or each two that belong together."""
        return self.report.rows

    def __getitem__(self, name: str) -> Origin:
        """What the weight of this path was drawn from."""
        found = [one for row in self.rows for one in row.origins if one.name == name]
        if not found:
            names = ", ".join(one.name for row in self.rows for one in row.origins)
            raise KeyError(f"no weight is named {name!r}; there are: {names}")
        return found[0]

    def __repr__(self) -> str:
        return render_initializers_text(self.report)

    def _repr_mimebundle_(self, **_: Any) -> Mapping[str, str]:
        return {"text/html": render_initializers_html(self.report), "text/plain": render_initializers_text(self.report)}


def initializers(left: Any, right: Any = None, overrides: Mapping[str, str | None] | None = None) -> InitializersResult:
    """Say of each weight which known initializer its numbers may be drawn from.

    The fans come from the layer. Each formula of the catalogue is tested on bounds, mean,
    standard deviation and the whole distribution; all that fit are named. Trained weights
    fit none, but a weight that training has not moved still fits. A result about hundreds of
    weights may reject one that fits: each of its tests does so once in 10,000.

    Args:
        left: a Keras model or layer (Keras 3 on any backend, or `tf_keras`), or a torch module.
        right: another one, to be shown side by side; weights are paired as `plan_weights` does.
        overrides: layers that belong together, see `plan_weights`.

    Returns:
        An `InitializersResult`, shown as a table; with two models, what to write on one side
        for the other side's initializer.

    Raises:
        OptionError: one of them is no model, or has no weights.
        PlanError: a Keras layer has no weights yet, or an override fits nothing.

    Examples:
        >>> import torch
        >>> _ = torch.manual_seed(0)
        >>> result = initializers(torch.nn.Linear(100, 250))
        >>> result["weight"].drawn.names
        ('kaiming_uniform(a=√5)',)
    """
    models = [left] if right is None else [left, right]
    found = [_inventory(model) for model in models]
    origins = [_origins(inventory) for inventory in found]
    notes = [note for side in origins for note in _repeated(side)]
    if len(found) == 1:
        rows = [InitializersRow(origin) for origin in origins[0].values()]
        return InitializersResult(build_initializers_report((found[0].framework,), rows, notes))
    pairs, why = _pairs(found[0], found[1], overrides)
    labels = tuple(one.framework for one in found)
    labels = labels if labels[0] != labels[1] else ("left", "right")
    rows = _rows(origins[0], origins[1], pairs)
    return InitializersResult(build_initializers_report(labels, rows, [*why, *notes]))


def initializers_named(line: str, namespace: Mapping[str, Any]) -> InitializersResult:
    """`%dual init [MODEL [MODEL]]`: the models are names or expressions; without any, all there are, if one or two.

    Raises:
        OptionError: there are none, there are too many, or one is no model.
    """
    captures = parse_line(line.replace("->", "~")).captures
    names = [name.strip() for capture in captures for name in capture.split("~") if name.strip()]
    if not names:
        found = models_in(namespace)
        names = list({id(value): name for name, value in reversed(found.items())}.values())[::-1]
    if not 1 <= len(names) <= MOST:
        found_said = f"there are {len(names)}: {', '.join(names)}" if names else "no name is bound to one"
        raise OptionError(f"%dual init takes one model or two, {found_said}. Write %dual init MODEL MODEL.")
    return initializers(*(valued(name, namespace, "%dual init") for name in names))


MOST = 2  # models side by side


def _inventory(model: Any) -> Inventory:
    adapter = model_adapter(model)
    if adapter is None:
        raise OptionError(f"expected a Keras model or layer, or a torch.nn.Module, got a {type(model).__name__}.")
    inventory = adapter.inventory(model)
    if not any(True for _ in _weights(inventory)):
        raise OptionError(f"the {inventory.framework} {inventory.label} has no weights, so nothing was drawn.")
    return inventory


def _weights(inventory: Inventory) -> Iterator[tuple[Layer, Weight]]:
    """All but counts of steps; a tied array once."""
    seen: set[str] = set()
    for layer in inventory.layers:
        counters = [role.name for role in KINDS[layer.kind] if role.counter]
        for weight in layer.weights:
            if weight.role not in counters and weight.name not in seen:
                seen.add(weight.name)
                yield layer, weight


def _origins(inventory: Inventory) -> dict[str, Origin]:
    return {weight.name: _origin(inventory, layer, weight) for layer, weight in _weights(inventory)}


def _origin(inventory: Inventory, layer: Layer, weight: Weight) -> Origin:
    sizes = sizes_of(inventory.framework, layer, weight)
    values = _drawn_part(_values(inventory, weight), layer)
    drawn = drawn_from(values, sizes, dtype=weight.dtype, gates=gates_of(layer))
    shared = layer.kind == "attention" and inventory.framework != "torch"
    bare = layer.kind == "weight"
    return Origin(weight.name, inventory.framework, weight.shape, sizes[0], drawn, shared=shared, bare=bare)


def _values(inventory: Inventory, weight: Weight) -> Array:
    """The numbers of a weight; a view where possible."""
    return part_of(plain_array(read(inventory.arrays[weight.array])), weight)


def _drawn_part(values: Array, layer: Layer) -> Array:
    """Without the row of an embedding that PyTorch keeps at zero."""
    padding = getattr(layer.source, "padding_idx", None)
    return np.delete(values, padding, 0) if layer.kind == "embedding" and padding is not None else values


def _pairs(
    left: Inventory, right: Inventory, overrides: Mapping[str, str | None] | None
) -> tuple[dict[str, str], list[str]]:
    """Weights that belong together, by name; and why there are none."""
    try:
        matches = match(*both_layers(left, right), overrides).matches
    except PlanError as error:
        if overrides:
            raise
        return {}, [f"the sides stand one after the other, as their weights could not be paired: {error}"]
    rows = (row for found in matches for row in rows_of(found) if isinstance(row, Row) and row.sources)
    return {row.sources[0][0].name: row.target.name for row in rows}, []


def _rows(left: Mapping[str, Origin], right: Mapping[str, Origin], pairs: Mapping[str, str]) -> list[InitializersRow]:
    """In the order of the left side; what only the right side has comes last."""
    rows = [InitializersRow(one, right.get(pairs.get(name, ""))) for name, one in left.items()]
    taken = set(pairs.values())
    return [*rows, *(InitializersRow(None, one) for name, one in right.items() if name not in taken)]


def _repeated(origins: Mapping[str, Origin]) -> Iterator[str]:
    """Weights that hold the same numbers although they are two: an initializer with a fixed seed drew both."""
    alike: dict[tuple[Any, ...], list[str]] = {}
    for name, one in origins.items():
        numbers = one.drawn.numbers
        known = any(not fit.formula for fit in one.drawn.fits)  # zeros, ones and their like
        if numbers is not None and numbers.count > 1 and not known:
            facts = (one.shape, numbers.low, numbers.high, numbers.mean, numbers.deviation)
            alike.setdefault(facts, []).append(name)
    for names in alike.values():
        if len(names) > 1:
            yield f"{' and '.join(names)} hold the same numbers, as if one initializer with a fixed seed drew them"
