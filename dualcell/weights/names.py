"""What the names of layers say about which belong together: little, but it must not be contradicted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations

from dualcell.weights.inventory import Layer

Couple = tuple[Layer, Layer]


def contradiction(couples: Sequence[Couple], *, numbers: bool) -> tuple[Couple, Couple] | None:
    """Two of the couples that the names would pair the other way, or None.

    Args:
        couples: layers that could all be paired with each other.
        numbers: also count the numbers in names: `fc1`, `fc2` against `dense_1`, `dense`.

    Examples:
        >>> def layer(path): return Layer(path, "dense", ())
        >>> crossed = [(layer("left"), layer("right")), (layer("right"), layer("left"))]
        >>> contradiction(crossed, numbers=False) is None
        False
    """
    for first, second in combinations(couples, 2):
        if _crossed(first, second) or (numbers and _numbered_otherwise(first, second)):
            return first, second
    return None


def by_name(left: Sequence[Layer], right: Sequence[Layer]) -> list[Couple] | None:
    """Layers paired by equal names, if that pairs every one with just one; else None."""
    there = {said(layer): layer for layer in right}
    here = {said(layer): layer for layer in left}
    if "" in here or here.keys() != there.keys() or not len(here) == len(left) == len(right):
        return None
    return [(layer, there[said(layer)]) for layer in left]


def said(layer: Layer) -> str:
    """What a layer is called by its author, without marks; empty if nobody named it.

    Examples:
        >>> said(Layer("encoder/left_dense", "dense", ())), said(Layer("features.0", "dense", ()))
        ('leftdense', 'features')
        >>> said(Layer("dense_3", "dense", (), native="Dense"))
        ''
    """
    for step in reversed(re.split(r"[./]", layer.path)):
        word = re.sub(r"[\W_]", "", step.lower())
        if word and not word.isdigit() and re.sub(r"_?\d*$", "", step) != _automatic(layer.native):
            return word
    return ""


def _automatic(native: str) -> str:
    """`Conv2DTranspose` -> `conv2d_transpose`, the name Keras gives by itself."""
    spaced = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", native)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", spaced).lower()


def _crossed(first: Couple, second: Couple) -> bool:
    """Whether a name of one couple is also in the other, and not where it would have to be."""
    (a, b), (c, d) = ((said(left), said(right)) for left, right in (first, second))
    if a == c or b == d:  # named by where they are, not by what they are
        return False
    return (a == d != "" and a != b) or (c == b != "" and c != d)


def _numbered_otherwise(first: Couple, second: Couple) -> bool:
    """Whether the numbers in the names of one side go up where those of the other go down."""
    directions = []
    for one, other in zip(first, second, strict=True):
        (stem, number), (other_stem, other_number) = _numbers(one.path), _numbers(other.path)
        if stem != other_stem or number == other_number:
            return False
        directions.append(number < other_number)
    return directions[0] != directions[1]


def _numbers(path: str) -> tuple[str, tuple[tuple[int, ...], ...]]:
    """`block_3/dense` -> (`block/dense`, ((3,), (0,)))."""
    steps = re.split(r"[./]", path)
    stem = "/".join(re.sub(r"_?\d+", "", step) for step in steps)
    return stem, tuple(tuple(map(int, re.findall(r"\d+", step))) or (0,) for step in steps)
