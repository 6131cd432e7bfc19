"""How a layer's result is cut into parts along its features, and split into axes: in words of both frameworks.

`a, b = split(y, 2, -1)` and `y[:, :8], y[:, 8:]` are the same two parts; so are `y.view(n, t, 3, h, d)[:, :, k]`
and the parts of `split(y, 3, -1)`, but not those of `y.view(n, t, h, 3, d)[:, :, :, k]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from math import prod
from operator import mul

Label = tuple[str | int, ...]  # `("part", 1)` of a split, `("slice", 0, 8)`, `("pick", 2)` of an axis
Cuts = Mapping[tuple[int, int, bool], frozenset[str]]  # (which, of how many, not in one piece) -> what is done with it


def label_of(detail: str, index: str, *, split: bool) -> Label | None:
    """The part that a step takes; None if it takes none.

    Args:
        detail: of the step.
        index: of the step.
        split: whether the features are split into axes, so that a single place may be a part of them.

    Examples:
        >>> label_of("part 1", "", split=False), label_of("", "[:8]", split=False), label_of("", "[2]", split=True)
        (('part', 1), ('slice', 0, 8), ('pick', 2))
        >>> label_of("", "[2]", split=False) is None
        True
    """
    if detail.startswith("part "):
        return "part", int(detail.removeprefix("part "))
    found = re.fullmatch(r"\[(\d*):(\d*)\]", index)
    if found:
        return "slice", int(found[1] or 0), int(found[2] or -1)
    picked = re.fullmatch(r"\[(\d+)\]", index)
    return ("pick", int(picked[1])) if picked and split else None


def factors_of(sizes: Sequence[int | None], features: int) -> tuple[int, ...]:
    """The axes that a reshape splits the features into; empty if it leaves them in one axis, or none can be told.

    Args:
        sizes: of the new shape; None where they hang on the input, -1 where one is to be found.
        features: how many the layer gives.

    Examples:
        >>> factors_of((None, None, 3, 2, 4), 24), factors_of((5, 2, 12), 24), factors_of((-1, 7), 21)
        ((3, 2, 4), (2, 12), (3, 7))
        >>> factors_of((5, 24), 24), factors_of((None, -1), 24)
        ((), ())
        >>> factors_of((-1, 8, 2), 16), factors_of((2, 8, 2), 16)  # the first is that of the batch
        ((8, 2), (8, 2))
    """
    if features in sizes or features < 2:
        return ()
    runs: list[tuple[tuple[bool, bool, int], tuple[int, ...]]] = []
    for start in range(len(sizes)):
        for end in range(start + 2, len(sizes) + 1):
            run = [size for size in sizes[start:end] if size is not None]
            known = prod(size for size in run if size > 0)
            if len(run) < end - start or not 0 < known <= features or features % known:
                continue
            if run.count(-1) == (known != features):
                found = tuple(features // known if size == -1 else size for size in run)
                runs.append(((start > 0, -1 not in run, len(run)), found))
    whole = [each for each in runs if 1 not in each[1]]
    return max(whole, key=lambda each: each[0], default=((), ()))[1]


def is_of_last_axis(literal: str) -> bool:
    """Whether a split or an index is of the last axis, and says so from the end.

    Examples:
        >>> is_of_last_axis("(_, 3, -1) {}"), is_of_last_axis("(_, (Ellipsis, slice(None, 4, None))) {}")
        (True, True)
        >>> is_of_last_axis("(_, 3, 1) {}"), is_of_last_axis("(_, (Ellipsis, 0, slice(None, None, None))) {}")
        (False, False)
    """
    return re.search(r"(?<![\w.])-1\b|Ellipsis, (\d+|slice\((?!None, None, None)[^()]*\))\)", literal) is not None


def cuts_of(parts: Mapping[Label, frozenset[str]], factors: tuple[int, ...], *, last: bool = False) -> Cuts:
    """The parts, counted; empty if they are not all of one result, or there is one only.

    Args:
        parts: what is done with each.
        factors: the axes that the features were split into first.
        last: whether the last of these axes was cut.
    """
    kinds = {label[0] for label in parts}
    if len(kinds) != 1 or len(parts) < 2:
        return {}
    parts = {label: frozenset(without_cuts(words)) for label, words in parts.items()}
    labels = sorted(parts, key=lambda label: label[1:])
    count = len(labels)
    apart = bool(factors) and (last or not _is_first_cut(factors, count))
    if kinds == {"slice"}:
        meet = labels[0][1] == 0 and all(one[2] == other[1] for one, other in pairwise(labels))
        return {(number, count, apart): parts[label] for number, label in enumerate(labels)} if meet else {}
    if [label[1] for label in labels] != [*range(count)]:
        return {}
    return {(number, count, apart): parts[label] for number, label in enumerate(labels)}


def _is_first_cut(factors: tuple[int, ...], count: int) -> bool:
    """Whether it is the first axis that was cut in so many parts, so that each is one piece of all features."""
    first, *others = factors
    return first == count or (first % count == 0 and all(size % count for size in others))


def without_cuts(words: Iterable[str]) -> Iterator[str]:
    """What is said of a part, but for the cuts themselves, which each framework has its own of.

    Examples:
        >>> [*without_cuts(["part 1", "mul with dense part 0", "silu"])]
        ['mul with dense', 'silu']
    """
    for word in words:
        said = re.sub(r" (part \d+|\[\d*:?\d*\])", "", f" {word}").strip()
        if said:
            yield said


def are_one_order(left: Sequence[int], right: Sequence[int]) -> bool:
    """Whether two ways to split features into axes leave them in one order: one splits on where the other ends.

    Examples:
        >>> are_one_order((2, 12), (2, 3, 4)), are_one_order((2, 12), (3, 2, 4))
        (True, False)
    """
    ends = [{*accumulate(sizes, mul)} for sizes in (left, right)]
    return ends[0] <= ends[1] or ends[1] <= ends[0]
