"""The arguments that an object was made with and no row of a reader's table reads.

So that none of them vanishes: one that a framework has added, or that nobody has thought of.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from dualcell.frameworks.spelling import ABSENT, Spelling, spelt
from dualcell.settings import same

_PLAIN = (bool, int, float, str, tuple, list)


def unread(
    thing: Any, kind: type, rows: Iterable[Spelling], told: Iterable[str], value_of: Callable[[Any, str], Any]
) -> list[str]:
    """`word=value` for each argument that is not at its default, and that no row reads.

    Args:
        thing: an object.
        kind: the class of a framework that it is of.
        rows: its rows; they read the arguments that they have as words.
        told: arguments that need no row.
        value_of: object and argument -> its value; `ABSENT` if that is not kept.
    """
    read = {word for row in rows for word in re.findall(r"\w+", row.word)}.union(told)
    defaults = {name: default for name, default in arguments_of(kind).items() if name not in read}
    values = {name: value_of(thing, name) for name in defaults}
    return [
        _said(name, value)
        for name, value in values.items()
        if value is not ABSENT and not _is_default(value, defaults[name])
    ]


@cache
def arguments_of(kind: type) -> dict[str, Any]:
    """The names of a constructor's arguments and their defaults, `inspect.Parameter.empty` for none."""
    for base in kind.__mro__:  # some hand all of it on, as `nn.LSTM(*args, **kwargs)`
        known = list(inspect.signature(base.__init__).parameters.values())[1:]
        named = {one.name: one.default for one in known if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)}
        if named:
            return named
    return {}


def _is_default(value: Any, default: Any) -> bool:
    if value is default:
        return True
    return isinstance(value, _PLAIN) and isinstance(default, _PLAIN) and same(value, default)


def _said(name: str, value: Any) -> str:
    return spelt(name, value) if isinstance(value, _PLAIN) else f"{name}={type(value).__name__}"
