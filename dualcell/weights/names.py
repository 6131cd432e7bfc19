"""What the names of layers say about which belong together: little, but it must not be contradicted."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import combinations, takewhile

from dualcell.weights.inventory import Layer

Couple = tuple[Layer, Layer]


def contradiction(couples: Sequence[Couple], *, numbers: bool) -> tuple[Couple, Couple] | None:
    """Two of the couples that the names would pair the other way, or None.

    Args:
        couples: layers that could all be paired with each other.
        numbers: also count words cut short, `enc` for `encoder`, and the numbers in names:
            `fc1`, `fc2` against `dense_1`, `dense`. Enough to deny an order, not to deny the wiring.

    Examples:
        >>> def layer(path): return Layer(path, "dense", ())
        >>> crossed = [(layer("left"), layer("right")), (layer("right"), layer("left"))]
        >>> contradiction(crossed, numbers=False) is None
        False
    """
    same = _cut_short if numbers else _equal
    for first, second in combinations(couples, 2):
        if _crossed(first, second, same) or (numbers and _numbered_otherwise(first, second)):
            return first, second
    return None


def by_name(left: Sequence[Layer], right: Sequence[Layer]) -> list[Couple] | None:
    """Layers paired by names that are one word, in full or cut short, if that pairs every one with just one.

    Examples:
        >>> def layers(*paths): return [Layer(path, "weight", ()) for path in paths]
        >>> [(a.path, b.path) for a, b in by_name(layers("mean", "variance"), layers("var", "mean")) or ()]
        [('mean', 'mean'), ('variance', 'var')]
        >>> by_name(layers("mean", "variance"), layers("mean", "std")) is None
        True
    """
    fitting = [[other for other in right if _cut_short(said(layer), said(other))] for layer in left]
    if len(left) != len(right) or any(len(found) != 1 for found in fitting):
        return None
    couples = [(layer, found[0]) for layer, found in zip(left, fitting, strict=True)]
    return couples if len({id(other) for _, other in couples}) == len(right) else None


def said(layer: Layer) -> str:
    """What a layer is called by its author, without marks; empty if nobody named it.

    Examples:
        >>> said(Layer("encoder/left_dense", "dense", ())), said(Layer("features.0", "dense", ()))
        ('leftdense', 'features')
        >>> said(Layer("dense_3", "dense", (), native="Dense"))
        ''
    """
    return _said(layer.path, layer.native)


@lru_cache(maxsize=8192)  # each pair of layers asks for both
def _said(path: str, native: str) -> str:
    for step in reversed(re.split(r"[./]", path)):
        word = re.sub(r"[\W_]", "", step.lower())
        if word and not word.isdigit() and re.sub(r"_?\d*$", "", step) != _automatic(native):
            return word
    return ""


def _automatic(native: str) -> str:
    """`Conv2DTranspose` -> `conv2d_transpose`, the name Keras gives by itself."""
    spaced = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", native)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", spaced).lower()


def _crossed(first: Couple, second: Couple, same: Callable[[str, str], bool]) -> bool:
    """Whether a name of one couple is also in the other, and not where it would have to be."""
    (a, b), (c, d) = ((said(left), said(right)) for left, right in (first, second))
    if a == c or b == d:  # named by where they are, not by what they are
        return False
    return (same(a, d) and not same(a, b)) or (same(c, b) and not same(c, d))


def _equal(one: str, other: str) -> bool:
    return one == other != ""


_SHORTEST = 3  # letters of a word cut short: `enc` for `encoder`


def _cut_short(one: str, other: str) -> bool:
    """Whether two names are one word, in full or not: `enc` and `encoder`, but not `conv` and `conv3`."""
    short, long = sorted((one, other), key=len)
    return _equal(short, long) or (len(short) >= _SHORTEST and f"{short}{long}".isalpha() and long.startswith(short))


def likely(left: Sequence[Layer], right: Sequence[Layer]) -> list[Couple]:
    """Layers whose names begin alike, each more than with any other: what a person would try first.

    Examples:
        >>> def layers(*paths): return [Layer(path, "dense", ()) for path in paths]
        >>> couples = likely(layers("mha/query", "mha/key"), layers("attn.k_proj", "attn.q_proj"))
        >>> [(one.path, other.path) for one, other in couples]
        [('mha/query', 'attn.q_proj'), ('mha/key', 'attn.k_proj')]
        >>> likely(layers("left", "right"), layers("a", "b"))
        []
    """
    here, there = ([said(layer) for layer in side] for side in (left, right))
    best = {one: _closest(name, there) for one, name in enumerate(here)}
    back = {other: _closest(name, here) for other, name in enumerate(there)}
    return [(left[one], right[other]) for one, other in best.items() if other is not None and back[other] == one]


def _closest(name: str, others: Sequence[str]) -> int | None:
    """The one of the others that has the longest beginning in common with a name."""
    lengths = [_shared(name, other) for other in others]
    longest = max(lengths, default=0)
    return lengths.index(longest) if longest and lengths.count(longest) == 1 else None


def _numbered_otherwise(first: Couple, second: Couple) -> bool:
    """Whether the numbers in the names of one side go up where those of the other go down."""
    directions = []
    for one, other in zip(first, second, strict=True):
        (stem, number), (other_stem, other_number) = _numbers(one.path), _numbers(other.path)
        if stem != other_stem or number == other_number:
            return False
        directions.append(number < other_number)
    return directions[0] != directions[1]


@lru_cache(maxsize=8192)
def _numbers(path: str) -> tuple[str, tuple[tuple[int, ...], ...]]:
    """`block_3/dense` -> (`block/dense`, ((3,), (0,)))."""
    steps = re.split(r"[./]", path)
    stem = "/".join(re.sub(r"_?\d+", "", step) for step in steps)
    return stem, tuple(tuple(map(int, re.findall(r"\d+", step))) or (0,) for step in steps)


def _shared(one: str, other: str) -> int:
    """How many letters two names begin with in common."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
