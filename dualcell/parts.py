"""Two layers, optimizers, losses or models -> `Matched`: which part of one is which part of the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from dualcell.errors import OptionError
from dualcell.frameworks.registry import layer_reader
from dualcell.settings import Settings, unfused

_EXPECTED = "a layer, optimizer, loss, schedule or model of Keras or PyTorch"


@dataclass(frozen=True)
class Matched:
    """The parts of two objects.

    Attributes:
        pairs: left and right settings of the same part.
        leftover: a sentence for each kind of part that has no partner.
        unread: a sentence for each side that has parts dualcell has no words for.
    """

    pairs: tuple[tuple[Settings, Settings], ...]
    leftover: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


def match(left: Any, right: Any, labels: tuple[str, str] = ("left", "right")) -> Matched:
    """Pair the parts of two objects: the first of a kind with the first of that kind, if both have as many.

    Two single parts are a pair, whatever they are. Otherwise a kind of which the sides
    have different numbers is left over as a whole: nobody knows which one is missing.

    Raises:
        OptionError: one of them has no settings that dualcell reads.
    """
    sides = [_read(value, side) for value, side in zip((left, right), ("left", "right"), strict=True)]
    unread = tuple(_no_words(label, names) for label, (_, names) in zip(labels, sides, strict=True) if names)
    one, other = (parts for parts, _ in sides)
    if len(one) == len(other) == 1 and not unread:
        return Matched(((one[0], other[0]),))
    one, other = ([part for whole in parts for part in unfused(whole)] for parts in (one, other))
    kinds = dict.fromkeys(part.kind for part in (*one, *other))
    pairs: list[tuple[Settings, Settings]] = []
    leftover: list[str] = []
    for kind in kinds:
        ours, theirs = ([part for part in parts if part.kind == kind] for parts in (one, other))
        if len(ours) == len(theirs):
            pairs += zip(ours, theirs, strict=True)
        else:
            leftover.append(_no_partner(kind, labels, (ours, theirs)))
    order = {id(part): place for place, part in enumerate(one)}
    return Matched(tuple(sorted(pairs, key=lambda pair: order[id(pair[0])])), tuple(leftover), unread)


def read_parts(value: Any) -> Iterator[tuple[str, Settings | None, Any]]:
    """(path, settings, the part itself) of each part of an object; settings are None where there are no words.

    Raises:
        OptionError: no framework's reader knows the object.
    """
    reader = layer_reader(value)
    if reader is None:
        raise OptionError(f"expected {_EXPECTED}, got {_article(type(value).__name__)}")
    for path, part in reader.parts_of(value):
        settings = reader.settings_of(part)
        yield path, settings and replace(settings, name=path or settings.name), part


def _read(value: Any, side: str) -> tuple[list[Settings], list[str]]:
    """The settings of an object's parts, and the names of those without."""
    try:
        parts = list(read_parts(value))
    except OptionError as error:
        raise OptionError(f"the {side} side: {error}") from None
    unread = [f"{path or type(part).__name__} ({type(part).__name__})" for path, one, part in parts if one is None]
    return [one for _, one, _ in parts if one is not None], unread


def _no_partner(kind: str, labels: tuple[str, str], sides: tuple[list[Settings], list[Settings]]) -> str:
    """`dropout: keras has 2 (drop1, drop2), torch none`."""
    said = [
        f"{label} has {len(parts)} ({_some(part.name for part in parts)})" if parts else f"{label} has none"
        for label, parts in zip(labels, sides, strict=True)
    ]
    return f"{kind}: {said[0]}, {said[1]}; none of them were compared"


def _no_words(label: str, names: list[str]) -> str:
    return f"{label} has {len(names)} parts whose settings dualcell does not read: {_some(names)}"


def _some(names: Iterable[str], most: int = 5) -> str:
    names = list(names)
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")


def _article(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"
