"""Matching by how layers feed each other: colour refinement of both models at once.

Layers start with the colour of their kind and shape, and take in the colours of what feeds
them and what they feed, step by step. A colour that one layer of each side has, and no other,
makes a match, and from then on is a fixed point for its neighbours. What stays alike in both
is alike in every way the models are wired (Weisfeiler and Leman, 1968).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable
from typing import Any

from dualcell.weights.inventory import Flow

Pairs = list[tuple[int, int]]
Classes = list[tuple[list[int], list[int]]]
Colours = tuple[dict[int, Any], dict[int, Any]]


class Refinement:
    """The layers of two models, coloured.

    Args:
        flows: how the layers feed each other, on each side.
        colours: what the layers are, by index, on each side; those of a pair that is known are equal and unique.
    """

    def __init__(self, flows: tuple[Flow, Flow], colours: Colours) -> None:
        self.colours = colours
        # a layer that is called several times is fed by the same ones each time
        self.before = [
            {index: tuple(dict.fromkeys(flow.before[index])) for index in colours[side]}
            for side, flow in enumerate(flows)
        ]
        self.after = [_turned_round(before) for before in self.before]
        self.fixed: tuple[set[int], set[int]] = set(), set()
        self._count = 0

    def fix(self, source: int, target: int) -> None:
        """From here on these two are known to belong together."""
        self._count += 1
        for side, index in enumerate((source, target)):
            self.colours[side][index] = ("fixed", self._count)
            self.fixed[side].add(index)

    def refine(self) -> Pairs:
        """New matches; empty when nothing more follows."""
        start: Colours = (dict(self.colours[0]), dict(self.colours[1]))
        colours, classes = start, 0
        while True:
            pairs = self._single(colours)
            if pairs or self._number(colours) == classes:
                break
            classes = self._number(colours)
            colours = self._next(colours)
        for source, target in pairs:
            self.fix(source, target)
        self._stable = colours
        return pairs

    def alike(self) -> Classes:
        """After `refine` gave nothing: layers of both sides that the wiring does not tell apart, smallest first."""
        groups = self._groups(self._stable)
        return sorted((pair for pair in groups if all(pair)), key=lambda pair: len(pair[0]))

    def _groups(self, colours: Colours) -> Classes:
        groups: dict[Hashable, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
        for side in (0, 1):
            for index, colour in colours[side].items():
                if index not in self.fixed[side]:
                    groups[colour][side].append(index)
        return list(groups.values())

    def _single(self, colours: Colours) -> Pairs:
        return [(left[0], right[0]) for left, right in self._groups(colours) if len(left) == len(right) == 1]

    def _number(self, colours: Colours) -> int:
        return len({(side, colour) for side in (0, 1) for colour in colours[side].values()})

    def _next(self, colours: Colours) -> Colours:
        """One round: each free layer takes in its neighbours."""
        names: dict[Hashable, int] = {}

        def seen(side: int, index: int) -> Hashable:
            own = colours[side][index]
            if index in self.fixed[side]:
                return own
            around = [
                tuple(sorted(map(repr, (colours[side][i] for i in near[side][index] if i in colours[side]))))
                for near in (self.before, self.after)
            ]
            return names.setdefault((own, *around), len(names))

        first, second = ({index: seen(side, index) for index in colours[side]} for side in (0, 1))
        return first, second


def _turned_round(before: dict[int, tuple[int, ...]]) -> dict[int, list[int]]:
    after: dict[int, list[int]] = {index: [] for index in before}
    for index, feeding in before.items():
        for each in feeding:
            if each in after:
                after[each].append(index)
    return after
