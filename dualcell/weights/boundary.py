"""The flatten boundary of a matching: whose flattened features change their order, and whose do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from dualcell.errors import PlanError, did_you_mean
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
    known = [name for found in matching.matches for layer in (found.source, found.target) for name in _called(layer)]
    for key in flatten:
        if key not in known:
            raise PlanError(f"flatten: no matched layer is called {key!r}.{did_you_mean(str(key), known)}")
    matches: list[Match] = []
    for found in matching.matches:
        key = next((key for key in flatten if key in (*_called(found.source), *_called(found.target))), None)
        if key is not None:
            matches.append(_as_said(found, sides, flatten[key]))
        elif same:
            matches.append(replace(found, source=_plain(found.source), target=_plain(found.target)))
        else:
            _check(found, sides)
            matches.append(found)
    return replace(matching, matches=tuple(matches))


def _check_given(flatten: Any) -> None:
    if not (isinstance(flatten, Mapping) and all(maps is None or _are_sizes(maps) for maps in flatten.values())):
        raise PlanError(
            f"flatten: expected a dict of a layer's path to the height, width and channels before it, as in "
            f"{{'fc': (7, 7, 512)}}, or to None, got {flatten!r}."
        )


def _are_sizes(maps: Any) -> bool:
    return isinstance(maps, tuple | list) and all(isinstance(size, int) and size > 0 for size in maps)


def _called(layer: Layer) -> tuple[str, ...]:
    return layer.path, *layer.aliases


def _plain(layer: Layer) -> Layer:
    return replace(layer.without_features(), doubt="")


def _as_said(found: Match, sides: Sequence[Inventory], maps: tuple[int, ...] | None) -> Match:
    """The match with the maps that the user named, on the side whose channels come last: Keras'."""
    source, target = _plain(found.source), _plain(found.target)
    if maps is None:
        return replace(found, source=source, target=target)
    on_source = sides[0].framework == "keras"
    layer = source if on_source else target
    axes = feature_axes(layer.kind, "inputs")
    if not layer.fits_features(axes, (tuple(maps),)):
        features = layer.weights[0].canonical[min(axes.values(), default=0)]
        raise PlanError(
            f"flatten: {layer.path!r} takes {features} features, and maps of {tuple(maps)} have another number."
        )
    layer = layer.with_features(axes, (tuple(maps),))
    return replace(found, source=layer, target=target) if on_source else replace(found, source=source, target=layer)


def _check(found: Match, sides: Sequence[Inventory]) -> None:
    for layer, other, side in ((found.source, found.target, sides[1]), (found.target, found.source, sides[0])):
        if layer.doubt:
            raise PlanError(f"{layer.doubt}.")
        if layer.has_features and side.flow is not None and side.layers.index(other) in side.flow.turned:
            raise PlanError(
                f"the order of the features of {other.path!r} is not known: axes are moved before it, and "
                f"{layer.path!r} takes flattened maps with their channels last. Say flatten={{{layer.path!r}: None}} "
                f"if {other.path!r} takes them so too, or their (height, width, channels) if not."
            )
