"""The parts of two concatenations, held against each other: whether what is done to them says the same order.

Parts are those of one layer, whose number does not tell them apart: its average pool and its max pool.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from dualcell.weights.inventory import ORIGIN, Join, Part

Parts = Mapping[int, Part]  # by place


def without_inputs(join: Join) -> Join:
    """The parts, as if the model's inputs were all alike."""
    return tuple(
        replace(part, makers=frozenset(index for index in part.makers if index >= 0),
                done=frozenset(pair for pair in part.done if pair[0] != ORIGIN))
        for part in join
    )  # fmt: skip


def places_of_one_maker(join: Join) -> Iterator[list[int]]:
    """The places of parts that the same layers made, where there are several; of what no layer made none."""
    places: dict[frozenset[int], list[int]] = defaultdict(list)
    for place, part in enumerate(join):
        places[part.makers].append(place)
    yield from (found for makers, found in places.items() if makers and len(found) > 1)


def crossed_words(source: Parts, target: Parts) -> set[str]:
    """What is done to as many parts on both sides, but to parts in other places.

    Examples:
        >>> one, other = (Part(done=frozenset({(word, frozenset({0}))})) for word in ("maxpool", "avgpool"))
        >>> sorted(crossed_words({0: one, 1: other}, {0: other, 1: one}))
        ['avgpool', 'maxpool']
        >>> crossed_words({0: one, 1: other}, {0: one, 1: Part()})
        set()
    """
    left, right = _places(source), _places(target)
    both = left.keys() & right.keys()
    return {pair[0] for pair in both if left[pair] != right[pair] and len(left[pair]) == len(right[pair])}


def are_untold(source: Parts, target: Parts) -> bool:
    """Whether two parts could change places with nothing to show it; the same value twice may."""
    left, right = _places(source), _places(target)
    telling = [places for pair, places in left.items() if right.get(pair) == places]
    return any(
        not any((one in places) != (other in places) for places in telling)
        and any(side[one].value != side[other].value for side in (source, target))
        for one, other in combinations(source, 2)
    )


def telling(join: Join) -> Iterator[tuple[Part, Sequence[str], Sequence[int]]]:
    """Each part with what is done to it, and the inputs it stems from, but not to all of the same makers."""
    for part in join:
        alike = [each.done for each in join if each.makers == part.makers]
        own = part.done - frozenset.intersection(*alike)
        words = sorted({word for word, _ in own if word != ORIGIN})
        yield part, words, sorted({index for word, makers in own if word == ORIGIN for index in makers}, reverse=True)


def _places(parts: Parts) -> dict[tuple[str, frozenset[int]], set[int]]:
    found: dict[tuple[str, frozenset[int]], set[int]] = defaultdict(set)
    for place, part in parts.items():
        for pair in part.done:
            found[pair].add(place)
    return found
