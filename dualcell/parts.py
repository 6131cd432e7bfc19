"""Two layers, optimizers, losses or models -> `Matched`: which part of one is which part of the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from dualcell.errors import OptionError
from dualcell.frameworks.registry import layer_reader
from dualcell.settings import Settings, padded, unfused

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
    """Pair the parts of two objects by kind and size, those of one kind and size in order.

    Two single parts are a pair, whatever they are. Otherwise parts of which the sides
    have different numbers are left over: nobody knows which one is missing.

    Raises:
        OptionError: one of them has no settings that dualcell reads.
    """
    sides = [_read(value, side) for value, side in zip((left, right), ("left", "right"), strict=True)]
    unread = tuple(_no_words(label, names) for label, (_, names) in zip(labels, sides, strict=True) if names)
    one, other = (parts for parts, _ in sides)
    if len(one) == len(other) == 1 and not unread:
        return Matched(((one[0], other[0]),))
    return replace(_matched(_alone(one), _alone(other), labels), unread=unread)


def match_named(left: Mapping[str, Any], right: Mapping[str, Any]) -> Matched:
    """As `match`, for all parts of several objects on each side; their names come before the paths of their parts.

    A part that several objects share is there once. What has no partner is left out.
    """
    one, other = (_alone(_parts_of_all(objects)) for objects in (left, right))
    return _matched(one, other, ("left", "right"))


def match_parts(left: list[Settings], right: list[Settings]) -> tuple[tuple[Settings, Settings], ...]:
    """As `match`, for parts whose settings have been read; what has no partner is left out."""
    return _matched(left, right, ("left", "right")).pairs


def _parts_of_all(objects: Mapping[str, Any]) -> list[Settings]:
    found: dict[int, Settings] = {}
    for name, value in objects.items():
        for path, settings, part in read_parts(value):
            if settings is not None:
                found.setdefault(id(part), replace(settings, name=f"{name}.{path}" if path else name))
    return list(found.values())


def _matched(one: list[Settings], other: list[Settings], labels: tuple[str, str]) -> Matched:
    pairs: list[tuple[Settings, Settings]] = []
    leftover: list[str] = []
    for kind in dict.fromkeys(part.kind for part in (*one, *other)):
        found, ours, theirs = _paired(*([part for part in parts if part.kind == kind] for parts in (one, other)))
        pairs += found
        leftover += [_no_partner(kind, labels, (ours, theirs))] if ours or theirs else []
    order = {id(part): place for place, part in enumerate(one)}
    return Matched(tuple(sorted(pairs, key=lambda pair: order[id(pair[0])])), tuple(leftover))


# of these two layers of one kind that belong together have the same
_SIZES = ("units", "inputs", "filters", "kernel", "groups", "channels", "entries", "size", "heads")


def _paired(
    left: list[Settings], right: list[Settings]
) -> tuple[list[tuple[Settings, Settings]], list[Settings], list[Settings]]:
    """Pairs of parts of one kind, and what is left over on each side."""
    known = [name for name in _SIZES if all(name in part.settings for part in (*left, *right))]
    pairs: list[tuple[Settings, Settings]] = []
    for sizes in dict.fromkeys(_sizes(part, known) for part in left):
        ours, theirs = ([part for part in parts if _sizes(part, known) == sizes] for parts in (left, right))
        if len(ours) == len(theirs):
            pairs += zip(ours, theirs, strict=True)
            left, right = ([part for part in parts if _sizes(part, known) != sizes] for parts in (left, right))
    if len(left) == len(right):  # their sizes differ, which is the news
        return [*pairs, *zip(left, right, strict=True)], [], []
    return pairs, left, right


def _sizes(part: Settings, known: list[str]) -> tuple[str, ...]:
    return tuple(str(part.values[name]) for name in known)


def _alone(parts: list[Settings]) -> list[Settings]:
    """The parts as modules that do one thing each: activations apart, zeros before a convolution in its padding."""
    found: list[Settings] = []
    for part in (one for whole in parts for one in unfused(whole)):
        last = found[-1] if found else None
        if last is not None and last.kind == "padding" and (merged := padded(last, part)) is not None:
            found[-1] = merged
        elif part.values.get("function") != "linear":
            found.append(part)
    return found


def read_parts(value: Any) -> Iterator[tuple[str, Settings | None, Any]]:
    """(path, settings, the part itself) of each part of an object; settings are None where there are no words.

    Raises:
        OptionError: no framework's reader knows the object.
    """
    reader = layer_reader(value)
    if reader is None:
        raise OptionError(f"expected {_EXPECTED}, got {_article(type(value).__name__)}")
    for path, part in reader.parts_of(value):
        settings = (layer_reader(part) or reader).settings_of(part)  # a model may have layers of another framework
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
    return f"{kind}: {said[0]}, {said[1]}; not compared"


def _no_words(label: str, names: list[str]) -> str:
    count = f"{len(names)} part{'s' if len(names) > 1 else ''}"
    return f"{label} has {count} whose settings dualcell does not read: {_some(names)}"


def _some(names: Iterable[str], most: int = 5) -> str:
    names = list(names)
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")


def _article(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"
