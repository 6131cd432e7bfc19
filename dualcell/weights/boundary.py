"""The flatten boundary of a matching: whose flattened features change their order, and whose do not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from dualcell.errors import PlanError, did_you_mean
from dualcell.weights.axes import Features, Transpose, in_words
from dualcell.weights.inventory import Inventory, Layer
from dualcell.weights.kinds import feature_axes
from dualcell.weights.matching import Match, Matching

Flatten = Mapping[str, tuple[int, ...] | None]


def with_features(matching: Matching, sides: Sequence[Inventory], flatten: Flatten) -> Matching:
    """The matching, with the features of both sides in one order.

    Args:
        matching: which layers belong together.
        sides: source and target.
        flatten: what the user says: path of a layer of either side -> the maps before it.

    Raises:
        PlanError: the order of a layer's features is not known, or `flatten` fits nothing.
    """
    _check_given(flatten)
    same = sides[0].framework == sides[1].framework
    layers = [layer for found in matching.matches for layer in (found.source, found.target)]
    known = [name for layer in layers for name in _called(layer)]
    for key in flatten:
        if key not in known:
            raise PlanError(f"flatten: no matched layer is called {key!r}.{did_you_mean(str(key), known)}")
    matches: list[Match] = []
    notes = [*matching.notes]
    for found in matching.matches:
        key = next((key for key in flatten if key in (*_called(found.source), *_called(found.target))), None)
        if key is not None:
            matches.append(_as_said(found, sides, flatten[key]))
        elif same:
            matches.append(replace(found, source=_plain(found.source), target=_plain(found.target)))
        else:
            _check(found, sides)
            notes += _unseen(found, sides)
            matches.append(found)
    return replace(matching, matches=tuple(matches), notes=tuple(notes))


def _check_given(flatten: Any) -> None:
    if not (isinstance(flatten, Mapping) and all(maps is None or _are_sizes(maps) for maps in flatten.values())):
        raise PlanError(
            f"flatten: expected a dict of a layer's path to the height, width and channels before it, as in "
            f"{{'fc': (7, 7, 512)}}, or to None, got {flatten!r}."
        )


def _are_sizes(maps: Any) -> bool:
    return isinstance(maps, tuple | list) and all(isinstance(size, int) and size > 0 for size in maps)


def _called(layer: Layer) -> tuple[str, ...]:
    """The names of a layer, and of what it is within if the order of its features is asked for: `bi` for both cells."""
    steps = re.split(r"([./])", layer.path)
    around = ("".join(steps[:end]) for end in range(len(steps) - 2, 0, -2)) if layer.doubt or layer.has_features else ()
    return layer.path, *layer.aliases, *around


def _plain(layer: Layer) -> Layer:
    return replace(layer.without_features(), doubt="")


def _without_inputs(layer: Layer, axes: Mapping[str, int]) -> Layer:
    return replace(layer.without_features(axes), doubt="")


def _as_said(found: Match, sides: Sequence[Inventory], maps: tuple[int, ...] | None) -> Match:
    """The match with the maps that the user named, on the side whose channels come last: Keras'."""
    if maps is None:
        return replace(found, source=_plain(found.source), target=_plain(found.target))
    on_source = sides[0].framework == "keras"
    axes = feature_axes(found.source.kind, "inputs")
    source, target = (_without_inputs(layer, axes) for layer in (found.source, found.target))
    layer = source if on_source else target
    if not layer.fits_features(axes, (tuple(maps),)):
        features = layer.weights[0].canonical[min(axes.values(), default=0)]
        raise PlanError(
            f"flatten: {layer.path!r} takes {features} features, and maps of {tuple(maps)} have another number."
        )
    layer = layer.with_features(axes, (tuple(maps),))
    return replace(found, source=layer, target=target) if on_source else replace(found, source=source, target=layer)


def _both_ways(found: Match, sides: Sequence[Inventory]) -> Iterator[tuple[Layer, Layer, Inventory]]:
    """A layer, its partner, and the partner's side."""
    yield found.source, found.target, sides[1]
    yield found.target, found.source, sides[0]


def _unseen(found: Match, sides: Sequence[Inventory]) -> Iterator[str]:
    """What is believed of flattened maps where the other model cannot be looked into."""
    for layer, other, side in _both_ways(found, sides):
        if layer.has_features and side.flow is None:
            yield (
                f"{layer.path!r} has flattened maps, {_moves(layer)}; {other.path!r} is taken to have them with their "
                f"channels first, but {side.label} cannot be looked into. Say flatten={{{layer.path!r}: None}} if it "
                f"has them last, or copy with apply(check=...)"
            )


def _moves(layer: Layer) -> str:
    return next(in_words((step,)) for weight in layer.weights for step in weight.move if isinstance(step, Features))


def _check(found: Match, sides: Sequence[Inventory]) -> None:
    for layer, other, side in _both_ways(found, sides):
        if layer.doubt:
            raise PlanError(f"{layer.doubt}.")
        if layer.has_features and side.flow is not None and side.layers.index(other) in side.flow.turned:
            raise PlanError(
                f"the order of the features of {other.path!r} is not known: axes are moved before it, and "
                f"{layer.path!r} takes flattened maps with their channels last. Say flatten={{{layer.path!r}: None}} "
                f"if {other.path!r} takes them so too, or their (height, width, channels) if not."
            )
        if _has_moved_maps(layer) and side.flow is not None and side.layers.index(other) in side.flow.turned:
            raise PlanError(
                f"the order of the axes of {other.path!r} is not known: axes are moved before it is joined with "
                f"others, and {layer.path!r} is of maps with their channels last. Keep it with its channels first, as "
                f"the maps are, or leave it out with overrides={{{layer.path!r}: None}}."
            )
        if layer.has_features and _has_channels_last(layer, other, side):
            raise PlanError(
                f"{layer.path!r} gives maps with their channels last, and so does {other.path!r}, whose features are "
                f"split that way. Say flatten={{{layer.path!r}: None}} if its axes are moved after that, as in "
                f"view(...).permute(0, 3, 1, 2), or overrides={{{layer.path!r}: {other.path!r}}} if not."
            )


def _has_moved_maps(layer: Layer) -> bool:
    """Whether it is a weight that stands alone, whose channels are brought before its space axes."""
    return layer.kind == "weight" and any(isinstance(step, Transpose) for step in layer.weights[0].move)


def _has_channels_last(layer: Layer, other: Layer, side: Inventory) -> bool:
    """Whether the partner's features are split into maps as this layer's are, height first."""
    evidence = None if side.flow is None else side.flow.evidence()
    if evidence is None:
        return False
    axes = evidence.factors[side.layers.index(other)]
    moves = [step for weight in layer.weights for step in weight.move if isinstance(step, Features)]
    last = {segment for step in moves for segment in step.segments if len(segment) > 1}
    return any(axes == segment != (segment[-1], *segment[:-1]) for segment in last)
