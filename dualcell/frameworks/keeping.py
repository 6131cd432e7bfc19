"""What was remembered, put back: `put_back`; and what calls of a model leave behind in it: `unchanged`.

Such calls are on stand-ins, which nobody asked for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

Restore = Callable[[], None]


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
    restores = [restore for part in parts for restore in _of(part)]
    try:
        yield
    finally:
        put_back(restores)


def _of(part: Any) -> Iterator[Restore]:
    attributes = vars(part)
    seen: set[int] = set()
    stack = [*attributes.values()]
    while stack:
        value = stack.pop()
        if isinstance(value, (list, dict, set, deque)) and id(value) not in seen:
            seen.add(id(value))
            held = [*value.values()] if isinstance(value, dict) else [*value]
            stack += held
            yield _content(value)
    yield _content(attributes)


def _content(container: Any) -> Restore:
    before = container.copy() if isinstance(container, dict) else [*container]

    def restore() -> None:
        now = container if isinstance(container, dict) else [*container]
        if len(now) == len(before) and all(one is other for one, other in zip(_flat(now), _flat(before), strict=True)):
            return
        container.clear()
        getattr(container, "extend" if isinstance(container, (list, deque)) else "update")(before)

    return restore


def _flat(content: Any) -> Iterable[Any]:
    """Keys and values; identity is what counts, as tensors have no single truth."""
    return [each for pair in content.items() for each in pair] if isinstance(content, dict) else content
