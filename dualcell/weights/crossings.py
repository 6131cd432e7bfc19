"""A matching of two models, asked whether features meet their own weights: `crossed`.

Layers that belong together may take concatenations in another order, or have results that are
cut into parts, or axes, in another order: their weights fit each other, and mean other things.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from dualcell.errors import PlanError
from dualcell.weights.cuts import Cuts, are_one_order
from dualcell.weights.evidence import told_apart
from dualcell.weights.inventory import ORIGIN, Flow, Inventory, Join, Part
from dualcell.weights.joins import are_untold, crossed_words, places_of_one_maker, telling, without_inputs
from dualcell.weights.names import Couple
from dualcell.weights.uses import in_words


def crossed(sides: tuple[Inventory, Inventory], found: Mapping[int, tuple[int, str]]) -> list[str]:
    """What cannot be told of the order of features, in sentences.

    Args:
        sides: source and target.
        found: for each layer of the target that gets weights, the layer of the source, and what says so.

    Raises:
        PlanError: features are in another order, so that they would meet the weights of others.
    """
    asked = _Asked(sides, found)
    asked.no_crossed_joins()
    asked.no_crossed_results()
    return asked.notes


class _Asked:
    def __init__(self, sides: tuple[Inventory, Inventory], found: Mapping[int, tuple[int, str]]) -> None:
        self.sides = sides
        self.found = found
        self.notes: list[str] = []

    def no_crossed_joins(self) -> None:
        """What both models concatenate must stand in one order, or features would go to the weights of others."""
        flows = self.sides[0].flow, self.sides[1].flow
        if flows[0] is None or flows[1] is None:
            return
        partner = {source: target for target, (source, _) in self.found.items()} | input_pairs(flows[0], flows[1])
        for target, (source, by) in self.found.items():
            left, right = flows[0].joins[source], flows[1].joins[target]
            if by == "override" or -1 not in partner:  # the user knows how inputs are handed over, or nobody does
                left, right = without_inputs(left), without_inputs(right)
            if not all(part.makers <= partner.keys() for part in left):
                continue
            mapped = [part.renamed(lambda makers: partners(makers, partner)) for part in left]
            makers = [[part.makers for part in join] for join in (mapped, right)]
            if makers[0] != makers[1]:
                if Counter(makers[0]) == Counter(makers[1]):
                    given = any(index < 0 for part in left for index in part.makers)
                    raise PlanError(self._crossed(source, target, left, right, _INPUTS if given else _LAYERS))
                if by != "override":
                    self.notes.append(self._crossed(source, target, left, right, _UNTOLD))
            elif by != "override":
                self._no_crossed_parts(source, target, left, mapped, right)

    def _no_crossed_parts(self, source: int, target: int, left: Join, mapped: Sequence[Part], right: Join) -> None:
        """Parts of the same layers are told apart by what is done to them."""
        for places in places_of_one_maker(right):
            told = [{place: mapped[place] for place in places}, {place: right[place] for place in places}]
            crossed = crossed_words(told[0], told[1])
            if crossed == {ORIGIN}:
                raise PlanError(self._crossed(source, target, left, right, _INPUTS))
            if crossed:
                raise PlanError(self._crossed(source, target, left, right, _PARTS))
            if are_untold(told[0], told[1]):
                self.notes.append(self._crossed(source, target, left, right, _UNTOLD))

    def no_crossed_results(self) -> None:
        """What both models split into parts, or into axes, must lie in one order too."""
        left, right = (None if side.flow is None else side.flow.evidence() for side in self.sides)
        if left is None or right is None:
            return
        for target, (source, by) in self.found.items():
            if by == "override":
                continue
            pair = self.sides[0].layers[source], self.sides[1].layers[target]
            factors = left.factors[source], right.factors[target]
            if all(factors) and not are_one_order(*factors) and not any(layer.has_features for layer in pair):
                raise PlanError(_split_otherwise(pair, factors))
            readings = zip(left.readings(), right.readings(), strict=True)
            self._no_crossed_cuts(pair, ((one[1][source], other[1][target]) for one, other in readings))
            if self.sides[0].framework != self.sides[1].framework:
                self._no_moved_places(pair, left.words[source] ^ right.words[target])

    def _no_moved_places(self, pair: Couple, words: frozenset[str]) -> None:
        moved = sorted({word.removesuffix(" before") for word in words} & _OWN_ORDER)
        if moved:
            self.notes.append(
                f"{pair[0].path!r} and {pair[1].path!r}: the frameworks have an order of channels of their own in "
                f"{', '.join(moved)}; copy with apply(check=...)"
            )

    def _no_crossed_cuts(self, pair: Couple, readings: Iterable[tuple[Cuts, Cuts]]) -> None:
        for left, right in readings:
            if left == right:
                return
            if left.keys() != right.keys():
                if len(left) == len(right):
                    raise PlanError(_cut_apart(pair, next(iter(left))))
                break
            same = sorted(told_apart(dict(enumerate(left.values())), dict(enumerate(right.values()))))
            if any(one != other for one, other in same):
                order = [other for _, other in same]
                raise PlanError(_parts_crossed(pair, order if len(order) == len(left) else []))
            if len(same) == len(left):
                return
        self.notes.append(_cut_otherwise(pair))

    def _made(self, side: int, index: int) -> str:
        """What made a part of a concatenation: a layer, or an input of the model."""
        found = self.sides[side]
        return found.layers[index].path if index >= 0 or found.flow is None else found.flow.inputs[-1 - index]

    def _crossed(self, source: int, target: int, left: Join, right: Join, sentence: str) -> str:
        one, other = (self.sides[side].layers[index].path for side, index in enumerate((source, target)))
        here, there = (self._listed(side, join) for side, join in enumerate((left, right)))
        here, there = (f"{here} side by side", there) if left else (here, f"{there} side by side")
        return f"{one!r} takes {here}, {other!r} takes {there}{sentence.format(one=one, other=other)}"

    def _listed(self, side: int, join: Join) -> str:
        return f"[{', '.join(repr(self._said_of(side, *each)) for each in telling(join))}]" if join else "one value"

    def _joined(self, side: int, makers: Sequence[int]) -> str:
        return "+".join(dict.fromkeys(self._made(side, index) for index in makers))

    def _said_of(self, side: int, part: Part, words: Sequence[str], origins: Sequence[int]) -> str:
        """Who made a part, and what is done to it but not to the others of those makers."""
        said = self._joined(side, sorted(part.makers)) or "the input"
        said += f" of {self._joined(side, origins)}" if origins else ""
        return f"{said} {in_words(words)}" if words else said


def input_pairs(source: Flow, target: Flow) -> dict[int, int]:
    """The inputs that belong together, by name if both models call them alike, else by place; none if nobody knows."""
    left, right = source.inputs, target.inputs
    if {*left} == {*right} and len({*left}) == len(left) == len(right):
        return {-1 - place: -1 - right.index(name) for place, name in enumerate(left)}
    return {-1 - place: -1 - place for place, _ in enumerate(left)} if len(left) == len(right) else {}


_UNKNOWN = -(1 << 30)  # a layer without a partner
_LAYERS = (
    ": in another order, so weights would meet the features of others. Concatenate in one order in both models, or "
    "leave {one!r} out with overrides={{{one!r}: None}}."
)
_PARTS = (
    ": in another order, so weights would meet the features of others. Concatenate in one order in both models, or "
    "say overrides={{{one!r}: {other!r}}} if these are the same features by other names."
)
_INPUTS = (
    ", and the inputs are not in that order in both models. If they are handed over so that the features meet, say "
    "overrides={{{one!r}: {other!r}}}; if not, concatenate them in one order."
)
_UNTOLD = ", and what is done to them does not tell whether that is one order; copy with apply(check=...)"


def _split_otherwise(pair: Couple, factors: Sequence[tuple[int, ...]]) -> str:
    one, other = (layer.path for layer in pair)
    return (
        f"the features of {one!r} are split into axes {factors[0]}, those of {other!r} into {factors[1]}: in another "
        f"order, so numbers would go to other places. {_SAME_FEATURES.format(one=one, other=other)}"
    )


def _parts_crossed(pair: Couple, order: Sequence[int]) -> str:
    one, other = (layer.path for layer in pair)
    here, there = (", ".join(map(str, numbers)) for numbers in (range(len(order)), order))
    places = f": parts {here} of {one!r} are parts {there} of {other!r}" if order else ""
    return (
        f"the results of {one!r} and {other!r} are cut into parts that are used in another order{places}. "
        f"{_SAME_FEATURES.format(one=one, other=other)}"
    )


def _cut_apart(pair: Couple, cut: tuple[int, int, bool]) -> str:
    one, other = (layer.path for layer in pair)
    whole, apart = (other, one) if cut[2] else (one, other)
    return (
        f"the result of {whole!r} is cut into {cut[1]} parts that lie one after the other, that of {apart!r} into "
        f"parts whose features lie between each other. {_SAME_FEATURES.format(one=one, other=other)}"
    )


def _cut_otherwise(pair: Couple) -> str:
    left, right = pair
    return (
        f"the result of {left.path!r} or {right.path!r} is cut into parts, and what is done with them does not tell "
        f"whether they lie in one order; copy with apply(check=...)"
    )


_OWN_ORDER = {"pixelshuffle", "pixelunshuffle", "depthtospace", "spacetodepth", "extractpatches", "unfold", "fold"}
_SAME_FEATURES = (
    "Take them in one order in both models, or say overrides={{{one!r}: {other!r}}} if these are the same features."
)


def partners(layers: frozenset[int], partner: Mapping[int, int]) -> frozenset[int]:
    """Layers and inputs of the source, as those of the target that belong to them."""
    return frozenset(partner.get(index, _UNKNOWN) for index in layers)
