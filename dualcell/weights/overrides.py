"""What the user says belongs together -> `Overrides`: groups of layers of both sides."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dualcell.counted import listed
from dualcell.errors import PlanError, did_you_mean
from dualcell.weights.inventory import Inventory, Layer

Group = tuple[list[int], list[int]]


class Overrides:
    """The overrides of a plan, found in both inventories.

    Args:
        source: one side.
        target: the other side.
        given: path -> path, or None to leave a layer out. A path may be a layer, or what
            holds layers; `*` stands for any text, the same on both sides, in turn. The key
            may be of either side, so that one dict serves both directions.

    Attributes:
        groups: layers of both sides that belong together, by index.
        dropped: layers of each side to leave out, by index.

    Raises:
        PlanError: they are no dict of paths, or a path is on neither side, or stands in two overrides.
    """

    def __init__(self, source: Inventory, target: Inventory, given: Mapping[str, str | None]) -> None:
        _check_given(given)
        self.sides = source, target
        self.groups: list[Group] = []
        self.dropped: tuple[set[int], set[int]] = set(), set()
        taken: tuple[set[int], set[int]] = set(), set()
        for key, value in given.items():
            for group in self._groups(key, value):
                for side in (0, 1):
                    twice = taken[side] & {*group[side]}
                    if twice:
                        path = self.sides[side].layers[min(twice)].path
                        raise PlanError(f"overrides: {key!r} speaks of {path!r}, and another override does too. {_ONE}")
                    taken[side].update(group[side])
                if value is None:
                    for side in (0, 1):
                        self.dropped[side].update(group[side])
                else:
                    self.groups.append(group)

    def _groups(self, key: str, value: str | None) -> Iterator[Group]:
        if value is None:
            found = [self._named(side, key) for side in (0, 1)]
            if not any(found):
                raise PlanError(self._unknown(key, (0, 1)))
            yield found[0], found[1]
            return
        side = 0 if self._named(0, key) else 1
        if not self._named(side, key):
            raise PlanError(self._unknown(key, (0, 1)))
        for path, other in self._filled(side, key, value):
            here, there = self._named(side, path), self._named(1 - side, other)
            if not there:
                raise PlanError(self._unknown(other, (1 - side,)))
            yield (here, there) if side == 0 else (there, here)

    def _filled(self, side: int, key: str, value: str) -> Iterator[tuple[str, str]]:
        """The couples of paths a pattern stands for; the couple itself if it is none."""
        if "*" not in key:
            yield key, value
            return
        if key.count("*") != value.count("*"):
            raise PlanError(f"overrides: {key!r} and {value!r} need the same number of `*`.")
        pattern = re.compile("(.*?)".join(map(re.escape, key.split("*"))) + r"\Z")
        for path in dict.fromkeys(layer.path for layer in self.sides[side].layers):
            texts = pattern.match(path)
            if texts:
                pieces = value.split("*")
                yield path, "".join(a + b for a, b in zip(pieces, (*texts.groups(), ""), strict=True))

    def _named(self, side: int, name: str) -> list[int]:
        """The layers called `name`, else those in what is called so."""
        layers = self.sides[side].layers
        if "*" in name:
            pattern = re.compile(".*?".join(map(re.escape, name.split("*"))) + r"\Z")
            return [index for index, layer in enumerate(layers) if pattern.match(layer.path)]
        inside = tuple(f"{name}{mark}" for mark in "./")
        for fits in (
            lambda layer: layer.path == name,
            lambda layer: any(weight.array == name for weight in layer.weights) and len(layer.weights) == 1,
            lambda layer: layer.path.startswith(inside),
            lambda layer: name in layer.aliases,
        ):
            found = [index for index, layer in enumerate(layers) if fits(layer)]
            if found:
                return found
        return []

    def _unknown(self, name: str, sides: tuple[int, ...]) -> str:
        known = [layer.path for side in sides for layer in self.sides[side].layers]
        where = " nor ".join(f"the {('source', 'target')[side]}'s {self.sides[side].label}" for side in sides)
        neither = "neither " if len(sides) > 1 else ""
        no = "" if neither else "no "
        nearest = did_you_mean(name, known) or _known(known)
        return f"overrides: {neither}{where} has {no}layer {name!r}.{nearest}"


_ONE = (
    "A layer has one partner in a plan: leave its second one out with None, and give that its weights with "
    "plan_weights(layer, second).apply()."
)


def _check_given(given: Any) -> None:
    lists = isinstance(given, Mapping) and any(isinstance(path, list | tuple) for path in given.values())
    several = f" {_ONE}" if lists else ""
    if not (
        isinstance(given, Mapping)
        and all(isinstance(key, str) and isinstance(path, str | None) for key, path in given.items())
    ):
        raise PlanError(
            f"overrides: expected a dict of paths, as in {{'conv1': 'features.0', 'fc': None}}, got {given!r}.{several}"
        )


_MOST = 8


def _known(paths: Sequence[str]) -> str:
    return f" There are {listed([*map(repr, paths)], _MOST)}." if paths else ""


def fits(source: Layer, target: Layer) -> bool:
    """Whether one layer's weights can be those of another, whatever they are called."""
    if len(source.weights) == len(target.weights) == 1:
        shapes = [[size for size in layer.weights[0].canonical if size != 1] for layer in (source, target)]
        return shapes[0] == shapes[1]
    return source.signature == target.signature
