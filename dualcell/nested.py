"""A nested value -> its leaves, each with a path such as `out.hidden[2]`.

optree walks the same structures but only classes that were registered with it; a
dataclass or a model's output class that the user made is not, so the walk is ours.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from dualcell.errors import DualError
from dualcell.frameworks.registry import array_adapter

NUMBERS = (bool, int, float, complex)
_TOO_DEEP = 100


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (path, leaf) for dict, list, tuple, NamedTuple, dataclass and mixes of them.

    A tensor is one leaf. None stands for "nothing here" and is left out.

    Args:
        value: any object; one that is no structure is its own leaf.
        path: the name the paths begin with.

    Raises:
        DualError: it is nested more than 100 levels deep.

    Examples:
        >>> list(leaves({"loss": 1.0, "hidden": [2, None, 3]}, "out"))
        [('out.loss', 1.0), ('out.hidden[0]', 2), ('out.hidden[2]', 3)]
    """
    yield from _walk(value, path, ())


def holds_values(value: Any) -> bool:
    """Whether a value is a tensor or a number, or a structure with at least one in it."""
    return any(array_adapter(leaf) is not None for _, leaf in leaves(value))


def _walk(value: Any, path: str, above: tuple[int, ...]) -> Iterator[tuple[str, Any]]:
    if value is None:
        return
    children = None if id(value) in above else _children(value)
    if children is None:
        yield path, value
        return
    if len(above) > _TOO_DEEP:  # to skip what is below would be to pass it unseen
        raise DualError(f"{path[:40]}... is nested more than {_TOO_DEEP} levels deep; name the part to compare.")
    for step, child in children:
        yield from _walk(child, path + step, (*above, id(value)))


def _children(value: Any) -> list[tuple[str, Any]] | None:
    """The parts of a structure with their steps; None for anything that is no structure."""
    if type(value) in (*NUMBERS, str, bytes) or array_adapter(value) is not None:
        return None
    if isinstance(value, Mapping):
        return _told_apart([(_key_step(key), child) for key, child in value.items()])
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        names: tuple[str, ...] = getattr(value, "_fields", ())
        return [(f".{name}", getattr(value, name)) for name in names]
    if isinstance(value, list | tuple):
        return [(f"[{index}]", child) for index, child in enumerate(value)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [(f".{f.name}", getattr(value, f.name, None)) for f in dataclasses.fields(value)]
    return None


def _told_apart(children: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Number the keys that look alike, such as tensors of equal values: no leaf may hide another."""
    seen: dict[str, int] = {}
    told = []
    for step, child in children:
        count = seen[step] = seen.get(step, 0) + 1
        told.append((step if count == 1 else f"{step}#{count}", child))
    return told


def _key_step(key: Any) -> str:
    return f".{key}" if isinstance(key, str) and key.isidentifier() else f"[{key!r}]"
