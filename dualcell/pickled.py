"""The bytes of a pickle -> the calls it asks for, found without making one.

It knows the operations that torch's reader of weights knows, which are few.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Call:
    """A function or a class that would be called.

    Attributes:
        name: its full name.
        arguments: texts, whole numbers, calls and tuples of them as they are, anything else as None;
            None if they are no tuple.
    """

    name: str
    arguments: tuple[Any, ...] | None


@dataclass(frozen=True)
class _Global:
    name: str


class _Stack:
    """What the operations work on; a value that is of no interest is None."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self.below: list[list[Any]] = []  # what lies below each mark
        self.memo: dict[Any, Any] = {}

    def push(self, value: Any) -> None:
        self.values.append(value)

    def pop(self, count: int) -> tuple[Any, ...]:
        if len(self.values) < count:
            raise IndexError("the stack is empty")
        found = tuple(self.values[-count:])
        del self.values[-count:]
        return found

    def mark(self) -> None:
        self.below.append(self.values)
        self.values = []

    def unmark(self) -> tuple[Any, ...]:
        found, self.values = tuple(self.values), self.below.pop()
        return found

    def remember(self, place: Any) -> None:
        self.memo[place] = self.values[-1]


_STEPS: Mapping[str, Callable[[_Stack, Any], object]] = {
    "PROTO": lambda stack, _: None,
    "STOP": lambda stack, _: None,
    "MARK": lambda stack, _: stack.mark(),
    "TUPLE": lambda stack, _: stack.push(stack.unmark()),
    **{f"TUPLE{count}": lambda stack, _, count=count: stack.push(stack.pop(count)) for count in (1, 2, 3)},
    "EMPTY_TUPLE": lambda stack, _: stack.push(()),
    "APPENDS": lambda stack, _: stack.unmark(),
    "SETITEMS": lambda stack, _: stack.unmark(),
    "APPEND": lambda stack, _: stack.pop(1),
    "SETITEM": lambda stack, _: stack.pop(2),
    "BUILD": lambda stack, _: stack.pop(1),
    **{name: lambda stack, place: stack.push(stack.memo[place]) for name in ("BINGET", "LONG_BINGET")},
    **{name: lambda stack, place: stack.remember(place) for name in ("BINPUT", "LONG_BINPUT")},
    "BINPERSID": lambda stack, _: (stack.pop(1), stack.push(None)),
    "GLOBAL": lambda stack, name: stack.push(_Global(name.replace(" ", ".").replace("__builtin__.", "builtins."))),
    **{
        name: lambda stack, value: stack.push(value)
        for name in ("BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE", "SHORT_BINSTRING")
    },
}


def calls(data: bytes) -> Iterator[Call]:
    """The calls in the order in which they would be made.

    Raises:
        ValueError: the pickle cannot be followed.
    """
    stack = _Stack()
    try:
        for operation, argument, _ in pickletools.genops(data):
            if operation.name in ("REDUCE", "NEWOBJ"):
                called, given = stack.pop(2)
                call = Call(called.name if isinstance(called, _Global) else "", given if type(given) is tuple else None)
                yield call
                stack.push(call)
            elif operation.name in _STEPS:
                _STEPS[operation.name](stack, argument)
            else:
                stack.push(None)
    except (IndexError, KeyError, ValueError) as error:
        raise ValueError(f"its pickle cannot be followed ({type(error).__name__}: {error})") from error
