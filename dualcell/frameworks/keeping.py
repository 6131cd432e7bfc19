"""What was remembered, put back: `put_back`; and what calls of a model leave behind in it: `unchanged`.

Such calls are on stand-ins, which nobody asked for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

Restore = Callable[[], None]

_CONTAINERS = (list, dict, set, deque)


def put_back(restores: Iterable[Restore]) -> None:
    """Call all of them, in order; one that fails keeps no other from its work, and its error comes at the end."""
    with ExitStack() as everything:
        for restore in reversed([*restores]):
            everything.callback(restore)


@contextmanager
def unchanged(parts: Iterable[Any]) -> Generator[None]:
    """Put back the attributes of objects, and the lists, dicts, sets and deques among them.

    Tensors are not looked at: stand-ins never write to them.

    Args:
        parts: the layers or modules of a model.
    """
    kept = [pair for part in parts for pair in _content_of(part)]
    try:
        yield
    finally:
        put_back(partial(_fill, *pair) for pair in kept if not _is_as(*pair))


def _fill(container: Any, before: Any) -> None:
    container.clear()
    getattr(container, "extend" if isinstance(container, (list, deque)) else "update")(before)


def _content_of(part: Any) -> Iterator[tuple[Any, Any]]:
    """Each container that an object holds, its attributes first, and what is in it."""
    seen: set[int] = set()
    stack: list[Any] = [vars(part)]
    while stack:
        container = stack.pop()
        before: Any = dict(container) if isinstance(container, dict) else [*container]
        yield container, before
        for value in before.values() if isinstance(before, dict) else before:
            if isinstance(value, _CONTAINERS) and id(value) not in seen:
                seen.add(id(value))
                stack.append(value)


def _is_as(container: Any, before: Any) -> bool:
    """Whether it holds the same objects; identity is what counts, as tensors have no single truth."""
    if len(container) != len(before):
        return False
    if isinstance(container, dict):
        pairs = zip(container.items(), before.items(), strict=True)
        return all(key is other and value is second for (key, value), (other, second) in pairs)
    return all(one is other for one, other in zip(container, before, strict=True))
