"""Two inventories -> `Match`es: which layer holds which weights, and what says so.

The evidence, strongest first: the user's word, how the layers feed each other, a shape that
no other layer has, the order of definition. What none decides is an error, never a guess.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dualcell.counted import listed
from dualcell.errors import PlanError
from dualcell.weights.crossings import crossed, input_pairs, partners
from dualcell.weights.evidence import told_apart
from dualcell.weights.fused import parts_to_name
from dualcell.weights.inventory import Flow, Inventory, Layer
from dualcell.weights.names import Couple, by_name, contradiction, likely
from dualcell.weights.overrides import Overrides, fits
from dualcell.weights.refinement import Refinement
from dualcell.weights.uses import in_words


@dataclass(frozen=True)
class Match:
    """A layer of the source and the layer of the target that takes its weights.

    Attributes:
        source: the layer to read.
        target: the layer to write.
        by: what says so: `override`, `flow`, `shape`, `name` or `order`.
    """

    source: Layer
    target: Layer
    by: str


@dataclass(frozen=True)
class Matching:
    """All that belongs together, and what is left over on each side.

    Attributes:
        matches: in the order of the target.
        source_left: layers no target layer takes.
        target_left: layers that get no weights.
        notes: what could not be seen.
        parts: what is left over and may be several layers in one, and what to write then.
    """

    matches: tuple[Match, ...]
    source_left: tuple[Layer, ...]
    target_left: tuple[Layer, ...]
    notes: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()


def match(source: Inventory, target: Inventory, overrides: Mapping[str, str | None] | None = None) -> Matching:
    """Find for each layer of the source the layer of the target that takes its weights.

    Args:
        source: what there is to copy.
        target: where it goes.
        overrides: see `plan.plan_weights`.

    Raises:
        PlanError: the evidence does not decide, or an override fits nothing.
    """
    matcher = _Matcher(source, target)
    matcher.take(Overrides(source, target, overrides or {}))
    matcher.unwire_buffers()
    try:
        matcher.by_flow()
        matcher.by_signature()
        matcher.by_order()
        matcher.leave_buffers()
        matcher.notes += crossed(matcher.sides, matcher.found)
    except PlanError as error:
        hints = "".join(f"\n{hint[0].upper()}{hint[1:]}." for hint in matcher.hints())
        raise PlanError(f"{error}{hints}") if hints else error from None
    return matcher.matching()


class _Matcher:
    def __init__(self, source: Inventory, target: Inventory) -> None:
        self.sides = source, target
        self.found: dict[int, tuple[int, str]] = {}  # target -> source
        self.free = [list(range(len(side.layers))) for side in self.sides]
        self.signatures = [[layer.signature for layer in side.layers] for side in self.sides]
        self.counts = [Counter(signatures) for signatures in self.signatures]
        self.notes: list[str] = []

    def matching(self) -> Matching:
        source, target = (side.layers for side in self.sides)
        matches = tuple(Match(source[self.found[i][0]], target[i], self.found[i][1]) for i in sorted(self.found))
        left = [tuple(self._layers(side)) for side in (0, 1)]
        parts = tuple(parts_to_name(self.sides, self.free))
        return Matching(matches, left[0], left[1], tuple(dict.fromkeys(self.notes)), parts)

    def _layers(self, side: int, indices: Iterable[int] | None = None) -> list[Layer]:
        return [self.sides[side].layers[index] for index in (self.free[side] if indices is None else indices)]

    def hints(self) -> list[str]:
        """What to change about layers without an equivalent: others of their kind may lack a partner for it."""
        left = (layer for side in (0, 1) for layer in self._layers(side))
        hints = dict.fromkeys(layer.hint for layer in left if layer.hint)
        return [*hints, *parts_to_name(self.sides, self.free)]

    def pair(self, source: int, target: int, by: str) -> None:
        """Note that two layers belong together."""
        self.found[target] = source, by
        self.free[0].remove(source)
        self.free[1].remove(target)

    def take(self, overrides: Overrides) -> None:
        """First what the user said."""
        for side, dropped in enumerate(overrides.dropped):
            self.free[side] = [index for index in self.free[side] if index not in dropped]
        for left, right in overrides.groups:
            if len(left) == len(right) == 1:
                self._said(left[0], right[0])
            else:
                self._inside(left, right)

    def _said(self, source: int, target: int) -> None:
        one, other = self.sides[0].layers[source], self.sides[1].layers[target]
        if not fits(one, other):
            raise PlanError(
                f"overrides: {one.path!r} is {_described(one)} and {other.path!r} is {_described(other)}; "
                f"their weights do not fit each other."
            )
        self.pair(source, target, "override")

    def _inside(self, left: list[int], right: list[int]) -> None:
        """Layers of what holds several, matched among themselves."""
        parts = [
            replace(
                side,
                layers=tuple(self._layers(index, inside)),
                flow=None if side.flow is None else side.flow.within(inside),
            )
            for index, (side, inside) in enumerate(zip(self.sides, (left, right), strict=True))
        ]
        for found in match(parts[0], parts[1]).matches:
            self._all([(found.source, found.target)], "order" if found.by == "order" else "override")

    def unwire_buffers(self) -> None:
        """Buffers that nothing on the other side can stand for, a mask say, are no wiring that it could have."""
        sides = [self._without_lone_buffers(side) for side in (0, 1)]
        self.sides = sides[0], sides[1]

    def _without_lone_buffers(self, side: int) -> Inventory:
        found = self.sides[side]
        lone = {index for index in self.free[side] if found.layers[index].is_buffer
                and not self.counts[1 - side][self.signatures[side][index]]}  # fmt: skip
        if found.flow is None or not lone:
            return found
        before = tuple(tuple(index for index in feeding if index not in lone) for feeding in found.flow.before)
        return replace(found, flow=replace(found.flow, before=before))

    def groups(self) -> dict[Any, tuple[list[int], list[int]]]:
        """The free layers of both sides by what they must share."""
        groups: dict[Any, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
        for side in (0, 1):
            for index in self.free[side]:
                groups[self.signatures[side][index]][side].append(index)
        return dict(groups)

    def by_flow(self) -> None:
        """Layers that the wiring of both models tells apart; then those that it does not, in order."""
        flows = self.sides[0].flow, self.sides[1].flow
        if flows[0] is None or flows[1] is None:
            return
        known = [*self.found.items()]
        colours = [
            {index: self.signatures[side][index] for index in (*self.free[side], *(p[side] for p in _pairs(known)))}
            for side in (0, 1)
        ]
        refinement = Refinement((flows[0], flows[1]), (colours[0], colours[1]))
        for source, target in _pairs(known):
            refinement.fix(source, target)
        while True:
            while pairs := refinement.refine():
                for source, target in pairs:
                    unique = self._alone(source, target)
                    self.pair(source, target, "shape" if unique else "flow")
            alike = next((pair for pair in refinement.alike() if len(pair[0]) == len(pair[1])), None)
            if alike is None:
                break
            for source, target, by in self._in_order(alike, (flows[0], flows[1])):
                self.pair(source, target, by)
                refinement.fix(source, target)
        self._no_crossed_names()

    def _alone(self, source: int, target: int) -> bool:
        """Whether no other layer of either side has their kind and shape."""
        return all(self.counts[side][self.signatures[side][i]] == 1 for side, i in enumerate((source, target)))

    def _in_order(self, alike: tuple[list[int], list[int]], flows: tuple[Flow, Flow]) -> list[tuple[int, int, str]]:
        """Layers wired alike: by equal names, else one after the other if every order there is says the same."""
        layers = [self._layers(side, indices) for side, indices in enumerate(alike)]
        named = by_name(layers[0], layers[1])
        if named is not None:
            return [(self._index(0, one), self._index(1, other), "name") for one, other in named]
        used = [_apart({index: flows[side].uses[index] for index in alike[side]}) for side in (0, 1)]
        by_use = all(len({*each.values()}) > 1 for each in used)
        if by_use and {*used[0].values()} == {*used[1].values()}:
            return self._by_use(layers, used)
        told = self._by_evidence(alike, flows)
        if told:
            return [(one, other, "flow") for one, other in told]
        if by_use:
            raise PlanError(_undecided(layers[0], layers[1], self._done_otherwise(used)))
        reached = [sorted(alike[side], key=_place(flows[side])) for side in (0, 1)]
        orders = [[*zip(*map(sorted, alike), strict=True)], [*zip(*reached, strict=True)]]
        any_will_do = all(self._can_change_places(side, alike[side]) for side in (0, 1))
        if {*orders[0]} != {*orders[1]} and not any_will_do:
            reason = "the order of definition says otherwise than the order in which they are called"
            raise PlanError(_undecided(layers[0], layers[1], reason))
        couples = [(self.sides[0].layers[one], self.sides[1].layers[other]) for one, other in orders[0]]
        clash = contradiction(couples, numbers=True)
        if clash is not None:
            raise PlanError(_undecided(layers[0], layers[1], _two_ways(clash)))
        if not any_will_do:
            self.notes.append(_guessed(layers[0], layers[1]))
        return [(one, other, "order") for one, other in orders[0]]

    def _by_evidence(self, alike: tuple[list[int], list[int]], flows: tuple[Flow, Flow]) -> list[tuple[int, int]]:
        """Layers that the inputs they stem from tell apart, or else all that is done with them."""
        found = [flows[side].evidence() for side in (0, 1)]
        if None in found:
            return []
        inputs = input_pairs(flows[0], flows[1])
        stems = [{index: found[side].stems[index] for index in alike[side]} for side in (0, 1)]
        if inputs:
            stems[0] = {index: partners(stem, inputs) for index, stem in stems[0].items()}
        told = told_apart(stems[0], stems[1]) if inputs else []
        for said in zip(found[0].readings(), found[1].readings(), strict=True):
            if told:
                break
            words = [{index: said[side][0][index] for index in alike[side]} for side in (0, 1)]
            told = told_apart(words[0], words[1])
        return told

    def _can_change_places(self, side: int, indices: Sequence[int]) -> bool:
        """Whether nothing in their own model tells these layers apart."""
        flow = self.sides[side].flow
        evidence = None if flow is None else flow.evidence()
        return evidence is None or len({evidence.colours[index] for index in indices}) < 2

    def _by_use(self, layers: list[list[Layer]], used: list[dict[int, frozenset[str]]]) -> list[tuple[int, int, str]]:
        """Layers wired alike, told apart by what is done with their inputs and results, or by their stride."""
        by_use = [{use: [i for i, each in side.items() if each == use] for use in side.values()} for side in used]
        pairs = [(by_use[0][use], by_use[1][use]) for use in by_use[0]]
        single = [(left[0], right[0], "flow") for left, right in pairs if len(left) == len(right) == 1]
        if single:
            return single
        flows = self.sides[0].flow, self.sides[1].flow
        assert flows[0] is not None  # noqa: S101 - the caller has looked
        assert flows[1] is not None  # noqa: S101
        left, right = pairs[0]
        if len(left) != len(right):
            raise PlanError(_undecided(layers[0], layers[1], "what is done with their results differs in number"))
        return self._in_order((left, right), (flows[0], flows[1]))

    def _done_otherwise(self, used: list[dict[int, frozenset[str]]]) -> str:
        said: list[str] = []
        for side, name in enumerate(("source", "target")):
            layers = self.sides[side].layers
            uses = [f"{layers[index].path!r} is {in_words(words)}" for index, words in used[side].items()][:_MOST]
            said.append(f"in the {name} {'; '.join(uses)}")
        return f"what is done with their inputs and results differs: {', and '.join(said)}"

    def _index(self, side: int, layer: Layer) -> int:
        return next(index for index, each in enumerate(self.sides[side].layers) if each is layer)

    def _no_crossed_names(self) -> None:
        """What the wiring says must not be denied by names that both sides share."""
        couples: dict[Any, list[Couple]] = defaultdict(list)
        for target, (source, by) in self.found.items():
            if by == "flow":
                pair = self.sides[0].layers[source], self.sides[1].layers[target]
                couples[pair[1].signature].append(pair)
        for group in couples.values():
            clash = contradiction(group, numbers=False)
            if clash is not None:
                layers = [[couple[side] for couple in clash] for side in (0, 1)]
                raise PlanError(_undecided(layers[0], layers[1], _two_ways(clash, "wiring"), wired=clash))

    def by_signature(self) -> None:
        """Layers that have no second of their kind and shape on either side."""
        for left, right in self.groups().values():
            if len(left) == len(right) == 1:
                self.pair(left[0], right[0], "shape")

    def by_order(self) -> None:
        """The rest one after the other, if both sides go through the same shapes in the same order."""
        groups = {key: pair for key, pair in self.groups().items() if all(pair)}
        sequences = [[key for layer in self._layers(side) if (key := layer.signature) in groups] for side in (0, 1)]
        for left, right in groups.values():
            named = by_name(self._layers(0, left), self._layers(1, right))
            couples = self._couples(left, right)
            if sequences[0] == sequences[1]:
                clash = contradiction(couples, numbers=True)
                if clash is not None:
                    raise PlanError(_undecided(self._layers(0, left), self._layers(1, right), _two_ways(clash)))
                are_named = _are_named(couples, named)
                if not are_named and self._are_seen() and not all(map(self._can_change_places, (0, 1), (left, right))):
                    self.notes.append(_wired_otherwise(self._layers(0, left), self._layers(1, right)))
                self._all(couples, "name" if are_named else "order")
            elif named is not None:
                self._all(named, "name")
            else:
                reason = "the source has its layers in another order than the target, so the order does not decide"
                if len(left) != len(right):
                    reason = f"there are {len(left)} of them in the source and {len(right)} in the target"
                    hints = (
                        self.sides[side].layers[index].hint for side, each in enumerate((left, right)) for index in each
                    )
                    reason += "".join(f" ({hint})" for hint in dict.fromkeys(hints) if hint)
                raise PlanError(_undecided(self._layers(0, left), self._layers(1, right), reason))

    def leave_buffers(self) -> None:
        """Buffers that nothing is left over for: masks and tables of positions, which the other model computes."""
        for side in (0, 1):
            if not self.free[1 - side]:
                self.free[side] = [index for index in self.free[side] if not self.sides[side].layers[index].is_buffer]

    def _are_seen(self) -> bool:
        return all(side.flow is not None for side in self.sides)

    def _couples(self, left: Sequence[int], right: Sequence[int]) -> list[Couple]:
        return list(zip(self._layers(0, left), self._layers(1, right), strict=False))

    def _all(self, couples: Iterable[Couple], by: str) -> None:
        for left, right in couples:
            source = next(i for i in self.free[0] if self.sides[0].layers[i] is left)
            target = next(i for i in self.free[1] if self.sides[1].layers[i] is right)
            self.pair(source, target, by)


def _guessed(left: Sequence[Layer], right: Sequence[Layer]) -> str:
    """What is said of layers that are not as good as each other, and that only their order tells apart."""
    sources, targets = (listed([repr(layer.path) for layer in side], _MOST) for side in (left, right))
    return (
        f"{sources} are wired alike, and so are {targets}; they are used in different ways, which do not say in both "
        f"models which is which, so they went by the order of definition. Copy with apply(check=...), or say "
        f"overrides={{{left[0].path!r}: {right[0].path!r}, ...}}"
    )


def _wired_otherwise(left: Sequence[Layer], right: Sequence[Layer]) -> str:
    """What is said of layers that feed others in one model than in the other."""
    sources, targets = (listed([repr(layer.path) for layer in side], _MOST) for side in (left, right))
    return (
        f"{sources} are wired otherwise than {targets}, so they went by the order of definition. Copy with "
        f"apply(check=...), or say overrides={{{left[0].path!r}: {right[0].path!r}, ...}}"
    )


def _are_named(couples: Sequence[Couple], named: Sequence[Couple] | None) -> bool:
    """Whether names say the same: whole paths, or what their authors called them."""
    if all(left.path == right.path for left, right in couples):
        return True
    return named is not None and all(any(a is c and b is d for c, d in named) for a, b in couples)


def _pairs(found: Iterable[tuple[int, tuple[int, str]]]) -> list[tuple[int, int]]:
    return [(source, target) for target, (source, _) in found]


def _apart(used: dict[int, frozenset[str]]) -> dict[int, frozenset[str]]:
    """What is done with some of the layers only: what is done with all of them tells none apart."""
    shared = frozenset.intersection(*used.values())
    return {index: words - shared for index, words in used.items()}


def _place(flow: Flow) -> Callable[[int], int]:
    places = {index: place for place, index in enumerate(flow.order)}
    return lambda index: places.get(index, len(places))


def _two_ways(clash: tuple[Couple, Couple], evidence: str = "order") -> str:
    (a, b), (c, d) = clash
    return f"the {evidence} says {a.path!r} goes to {b.path!r} and {c.path!r} to {d.path!r}, their names say otherwise"


def _undecided(left: Sequence[Layer], right: Sequence[Layer], reason: str, *, wired: Sequence[Couple] = ()) -> str:
    """What cannot be told apart, why, and what to write; what is wired alike gives the same outputs."""
    first = left[0]
    shape = "x".join(map(str, first.weights[0].canonical))
    sources, targets = (listed([repr(layer.path) for layer in side], _MOST) for side in (left, right))
    return (
        f"these {first.kind} layers of shape {shape} fit each other in several ways, and {reason}:\n"
        f"  source: {sources}\n  target: {targets}\n"
        f"Say which belong together, {_proposed(left, right, wired)} (None instead of a path leaves a layer out)."
    )


def _proposed(left: Sequence[Layer], right: Sequence[Layer], wired: Sequence[Couple]) -> str:
    """The override to write: as wired, else by names that begin alike, else one that does not claim to be right."""
    couples = wired or likely(left, right)
    if not couples:
        return f"as in overrides={{{left[0].path!r}: {right[0].path!r}}} if these two do"
    pairs = ", ".join(f"{one.path!r}: {other.path!r}" for one, other in couples[:_MOST])
    return f"as in overrides={{{pairs}}}, which is what the {'wiring says' if wired else 'names suggest'}"


def _described(layer: Layer) -> str:
    shapes = ", ".join(f"{weight.role} {weight.canonical}" for weight in layer.weights)
    return f"{layer.kind} ({shapes})"


_MOST = 6
