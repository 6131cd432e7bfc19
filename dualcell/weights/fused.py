"""One dense layer whose result is cut into equal parts, where the other side has as many layers: as those.

`q, k, v = split(qkv(x), 3, -1)` against three projections, `value, gate = chunk(both(x), 2, -1)` against two layers.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from dualcell.weights.axes import Transpose
from dualcell.weights.inventory import Inventory, Layer, Weight
from dualcell.weights.stages import with_stages, without_cuts_of

Counts = dict[int, int]  # index of a layer -> how many it holds


def both_in_parts(
    source: Inventory, target: Inventory, overrides: Mapping[str, str | None] | None = None
) -> tuple[Inventory, Inventory]:
    """The inventories, with parts in the place of layers of which the other side has the parts as layers.

    Args:
        source: one side.
        target: the other side.
        overrides: see `plan.plan_weights`; `qkv[0 of 3]` asks for parts.
    """
    named = {*_named(overrides or {})}
    counts = [_said(side, named) | _found(side, other) for side, other in ((source, target), (target, source))]
    if not any(counts):
        return source, target
    return _in_parts(source, counts[0]), _in_parts(target, counts[1])


def _in_parts(side: Inventory, counts: Counts) -> Inventory:
    parts = {index: (tuple(_part(side.layers[index], number, count) for number in range(count)),)
             for index, count in counts.items()}  # fmt: skip
    return without_cuts_of(with_stages(side, parts))  # a part is what the other side has whole


def _part(layer: Layer, number: int, count: int) -> Layer:
    weights = tuple(_part_of(weight, number, count) for weight in layer.weights)
    path = f"{layer.path}[{number} of {count}]"
    return replace(layer, path=path, weights=weights, aliases=(layer.path, *layer.aliases))


def _part_of(weight: Weight, number: int, count: int) -> Weight:
    axis = _outputs(weight) or 0
    sizes = (size // count if place == axis else size for place, size in enumerate(weight.shape))
    return replace(weight, shape=tuple(sizes), part=(number, count), axis=axis)


def _outputs(weight: Weight) -> int | None:
    """The axis of the framework's array that runs over the outputs of a dense layer; None if several do."""
    axis = 0
    for step in reversed(weight.move):
        if isinstance(step, Transpose):
            axis = step.axes[axis]
        elif getattr(step, "axis", axis) == axis:  # flattened inputs are along another one
            return None
    return axis


# --- which layers ---


def _named(overrides: Any) -> Iterator[tuple[str, int]]:
    """(path, count) of each layer of which overrides name a part."""
    pairs = overrides.items() if isinstance(overrides, Mapping) else ()  # what is none is refused later
    names = (name for pair in pairs for name in pair if isinstance(name, str))
    yield from (
        (said[1], int(said[2])) for said in (re.fullmatch(r"(.+)\[\d+ of (\d+)\]", name) for name in names) if said
    )


def _said(side: Inventory, named: Iterable[tuple[str, int]]) -> Counts:
    places = {layer.path: index for index, layer in enumerate(side.layers)}
    return {places[path]: count for path, count in named
            if path in places and _can_be_cut(side.layers[places[path]], count)}  # fmt: skip


def _can_be_cut(layer: Layer, count: int) -> bool:
    """Whether a layer has so many equal parts."""
    if layer.signature[0] != "dense" or any(_outputs(one) is None or one.part[1] > 1 for one in layer.weights):
        return False
    return count > 1 and layer.features % count == 0


def _found(side: Inventory, other: Inventory) -> Counts:
    """The layers that the other side has the parts of, and in how many parts their results are cut."""
    own, theirs = (Counter(layer.signature for layer in each.layers) for each in (side, other))
    lacking = {signature[2]: count - own[signature] for signature, count in theirs.items()
               if signature[0] == "dense" and count - own[signature] > 1}  # fmt: skip
    found: dict[tuple[int, ...], Counts] = defaultdict(dict)
    for index, layer in enumerate(side.layers):
        if lacking and layer.signature[0] == "dense" and not theirs[layer.signature]:
            for (outputs, inputs), most in lacking.items():
                count, rest = divmod(layer.features, outputs)
                fits = not rest and inputs == layer.signature[2][1] and count <= most
                if fits and _can_be_cut(layer, count) and count == _cut_into(side, index):
                    found[outputs, inputs][index] = count
    return {index: count for sizes, counts in found.items() if sum(counts.values()) == lacking[sizes]
            for index, count in counts.items()}  # fmt: skip


def _cut_into(side: Inventory, index: int) -> int:
    """In how many parts, one after the other, a model cuts a layer's result; by its name if nobody can see it."""
    if side.flow is None:
        return 3 if "qkv" in side.layers[index].path.lower() else 0
    cuts = side.flow.evidence().cuts[index]
    return len(cuts) if cuts and not any(apart for *_, apart in cuts) else 0


# --- what to say ---


def parts_to_name(sides: Sequence[Inventory], free: Sequence[Sequence[int]]) -> Iterator[str]:
    """What to write about layers without a partner that may hold several of the other side.

    Args:
        sides: source and target.
        free: the layers of each that have no partner, by index.
    """
    for here, there in ((0, 1), (1, 0)):
        others: dict[tuple[int, ...], list[Layer]] = defaultdict(list)
        for layer in (sides[there].layers[index] for index in free[there]):
            others[layer.signature].append(layer)
        for index in free[here]:
            layer = sides[here].layers[index]
            found = next((each for each in others.values() if _may_hold(layer, each)), None)
            if found and not _is_cut(sides[here], index):
                count = layer.features // found[0].features
                pair = [repr(found[0].path), repr(f"{layer.path}[0 of {count}]")]
                said = ": ".join(pair if here else reversed(pair))
                yield (
                    f"{layer.path!r} is as large as {count} layers like {found[0].path!r}; if it holds them one after "
                    f"the other, name its parts, as in overrides={{{said}}}"
                )


def _may_hold(layer: Layer, others: Sequence[Layer]) -> bool:
    one = others[0]
    if one.signature[0] != "dense" or layer.signature[0] != "dense" or layer.signature[2][1] != one.signature[2][1]:
        return False
    count, rest = divmod(layer.features, one.features)
    return not rest and count <= len(others) and _can_be_cut(layer, count)


def _is_cut(side: Inventory, index: int) -> bool:
    """Whether a model is seen to cut a layer's result, or to split its features."""
    if side.flow is None:
        return False
    evidence = side.flow.evidence()
    return bool(evidence.cuts[index] or evidence.factors[index])
