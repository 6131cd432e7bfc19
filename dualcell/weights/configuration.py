"""Settings of matched layers that differ although their weights fit: epsilon, momentum, padding, an activation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from dualcell.errors import OptionError
from dualcell.parts import match_parts, read_parts
from dualcell.settings import Difference, Settings, differences, padded, unfused
from dualcell.weights.inventory import Layer
from dualcell.weights.matching import Matching

# what the weights have said already; a stack of layers is one module in one framework and several in the other
_SAID = ("kind", "layers", "bidirectional", "inputs", "units", "bias")


@dataclass(frozen=True)
class Configuration:
    """A setting that differs.

    Attributes:
        source: the source's layer, by path.
        target: the target's layer, by path.
        difference: the two values, and the line to change on each side.
    """

    source: str
    target: str
    difference: Difference


def configuration(matching: Matching, source: Any, target: Any) -> tuple[Configuration, ...]:
    """The settings that differ, layer by layer: first of layers with weights, then of those without.

    Layers without weights are compared in order, kind by kind, where both sides have as many.

    Args:
        matching: which layers with weights belong together.
        source: the model to copy from.
        target: the model to copy to.
    """
    try:
        sides = [_parts(model) for model in (source, target)]
    except OptionError:  # a model of a kind whose settings dualcell cannot read
        return ()
    met: set[tuple[int, int]] = set()
    found: list[Configuration] = []
    for couple in matching.matches:
        keys = _key(couple.source, sides[0]), _key(couple.target, sides[1])
        if keys[0] is None or keys[1] is None or (keys[0], keys[1]) in met:
            continue
        met.add((keys[0], keys[1]))
        found += _differing(unfused(sides[0][keys[0]])[0], unfused(sides[1][keys[1]])[0])
    used = [{pair[side] for pair in met} for side in (0, 1)]
    rest = [list(_without_weights(each, keys)) for each, keys in zip(sides, used, strict=True)]
    for left, right in match_parts(rest[0], rest[1]):
        found += _differing(left, right)
    return tuple(found)


def norm_hints(matching: Matching, found: Iterable[Configuration]) -> tuple[str, ...]:
    """What to change where a normalization's scale and offset are left over because its twin has neither.

    Args:
        matching: with what is left over.
        found: the settings that differ.
    """
    said: list[str] = []
    for side, layers in enumerate((matching.source_left, matching.target_left)):
        for layer in (layer for layer in layers if layer.kind in _NORMS):
            told = [one for one in found if one.difference.setting in ("scale", "center") and _is_of(layer, one, side)]
            fixes = dict.fromkeys(one.difference.right_fix for one in told if one.difference.right_fix)
            if fixes:
                names = told[0].source, told[0].target
                roles = " and ".join(weight.role for weight in layer.weights)
                said.append(
                    f"{names[side]!r} ({layer.native}) has {roles}, and {names[1 - side]!r} does not: "
                    f"build {names[1]!r} with {', '.join(fixes)}"
                )
    return tuple(said)


_NORMS = ("layer_norm", "group_norm", "rms_norm", "batch_norm_of_batch")


def _is_of(layer: Layer, one: Configuration, side: int) -> bool:
    return (one.source, one.target)[side] in (layer.path, *layer.aliases)


def _parts(model: Any) -> dict[int, Settings]:
    """Settings of a model's parts by id; zeros before a convolution count as its padding."""
    found: dict[int, Settings] = {}
    for _, settings, part in read_parts(model):
        if settings is None:
            continue
        last = [*found.items()][-1:] if found else []
        merged = padded(last[0][1], settings) if last and last[0][1].kind == "padding" else None
        if merged is not None:
            del found[last[0][0]]
        found[id(part)] = merged or settings
    return found


def _key(layer: Layer, parts: dict[int, Settings]) -> int | None:
    """The part whose settings are those of a layer: itself, or what it is a cell of."""
    return next((id(each) for each in (layer.source, *layer.within) if id(each) in parts), None)


def _without_weights(parts: dict[int, Settings], used: set[int]) -> Iterable[Settings]:
    """The parts that no match has; of layers that apply their activation themselves only that."""
    for key, settings in parts.items():
        yield from unfused(settings)[1:] if key in used else unfused(settings)


def _differing(left: Settings, right: Settings) -> Iterable[Configuration]:
    for one in differences(left, right):
        if not one.remark and one.setting not in _SAID:
            yield Configuration(left.name, right.name, one)
