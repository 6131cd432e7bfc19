"""Several layers in the place of one: `with_stages`, an inventory and its flow as if the model was written so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from dualcell.weights.cuts import Cuts, without_cuts
from dualcell.weights.inventory import Flow, Inventory, Join, Layer

Stages = tuple[tuple[Layer, ...], ...]
Words = tuple[frozenset[str], ...]


def with_stages(side: Inventory, stages: Mapping[int, Stages]) -> Inventory:
    """The inventory with other layers in the place of some, stage after stage, and the flow between them.

    Args:
        side: what a model holds.
        stages: index of a layer -> the layers in its place: those of a first stage side by side, then those that
            take their results. Of several layers side by side with no stage after them, each gives a part of
            the result.
    """
    if not stages:
        return side
    layers: list[Layer] = []
    places: list[tuple[tuple[int, ...], ...]] = []
    for index, layer in enumerate(side.layers):
        made: list[tuple[int, ...]] = []
        for stage in stages.get(index, ((layer,),)):
            made.append(tuple(range(len(layers), len(layers) + len(stage))))
            layers += stage
        places.append(tuple(made))
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


_USED: Mapping[int, tuple[str, ...]] = {  # by the place among query, key and value, as `evidence` says it
    0: ("matmul", "softmax", "0 of matmul with dense"),
    1: ("matmul", "softmax", "1 of matmul with dense", "0 of matmul with dense"),
    2: ("matmul", "1 of matmul with dense matmul softmax"),
}


@dataclass(frozen=True)
class _New:
    """A layer in the place of an old one, alone or with others.

    Attributes:
        old: the old one's index.
        number: its place in its stage.
        count: how many there are in its stage.
        staged: whether there are several stages, which only attention has.
    """

    old: int
    number: int
    count: int
    staged: bool

    def words(self, said: Words, cuts: Sequence[Cuts]) -> frozenset[str]:
        """What is said of it: by its place in attention, or by the part of the result that it gives."""
        if self.count == 1:
            return said[self.old]
        if self.staged:
            return frozenset(_USED[self.number])
        return cuts[self.old].get((self.number, self.count, False), said[self.old])


def _evidence(found: Any, places: list[tuple[tuple[int, ...], ...]]) -> Any:
    """The evidence of the new layers."""
    new = [_New(old, number, len(stage), len(stages) > 1) for old, stages in enumerate(places) for stage in stages
           for number, _ in enumerate(stage)]  # fmt: skip

    @cache
    def unscaled() -> tuple[Words, Sequence[Cuts]]:
        words, cuts = found.unscaled()
        return tuple(each.words(words, cuts) for each in new), tuple(
            {} if each.count > 1 else cuts[each.old] for each in new
        )

    return replace(
        found,
        words=tuple(each.words(found.words, found.cuts) for each in new),
        unscaled=unscaled,
        colours=tuple(hash((found.colours[each.old], each.number)) for each in new),
        stems=tuple(found.stems[each.old] for each in new),
        cuts=tuple({} if each.count > 1 else found.cuts[each.old] for each in new),
        factors=tuple(() if each.count > 1 else found.factors[each.old] for each in new),
    )


def without_cuts_of(side: Inventory) -> Inventory:
    """The inventory, with nothing said of which part of a result something is."""
    if side.flow is None:
        return side
    flow = side.flow

    def plain(said: Sequence[frozenset[str]]) -> Words:
        return tuple(frozenset(without_cuts(words)) for words in said)

    @cache
    def evidence() -> Any:
        found = flow.evidence()

        @cache
        def unscaled() -> tuple[Words, Sequence[Cuts]]:
            words, cuts = found.unscaled()
            return plain(words), cuts

        return replace(found, words=plain(found.words), unscaled=unscaled)

    return replace(side, flow=replace(flow, uses=plain(flow.uses), evidence=evidence))
