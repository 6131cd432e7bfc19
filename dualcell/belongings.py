"""Names that a cell reads -> `Belongings`: what its code can reach and change, and how to put it back.

Models, optimizers, arrays, lists, generators of random numbers: whatever a second run of
the same cell must find as the first one found it.
"""

from __future__ import annotations

import random
import sys
import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dualcell.coded import HostArray, copied
from dualcell.errors import DualError
from dualcell.frameworks.base import StateAdapter
from dualcell.frameworks.keeping import Restore, put_back
from dualcell.frameworks.registry import ADAPTERS, array_adapter, is_symbolic, state_adapter
from dualcell.nested import NUMBERS

MOST = 100_000  # objects


@dataclass(frozen=True)
class Held:
    """A tensor, and how to put another one in its place.

    Attributes:
        value: the tensor.
        put: takes the tensor that shall stand there instead; None if nothing else can.
    """

    value: Any
    put: Callable[[Any], None] | None


@dataclass
class Belongings:
    """What code can reach.

    Attributes:
        tensors: tensors that names or plain containers hold.
        holders: layers, models, optimizers and whatever else a framework keeps state in.
        containers: lists, queues, dicts, sets, and the attributes of objects.
        generators: generators of random numbers.
    """

    tensors: list[Held] = field(default_factory=list)
    holders: list[Any] = field(default_factory=list)
    containers: list[Any] = field(default_factory=list)
    generators: list[Any] = field(default_factory=list)

    def inner_tensors(self) -> Iterator[Any]:
        """The weights and other tensors inside the holders."""
        for holder in self.holders:
            yield from _keeper(holder).tensors(holder)

    def keep(self) -> Restore:
        """Remember everything as it is now.

        Returns:
            A function that puts it back; it may be called more than once.
        """
        restores = [_kept_container(one) for one in self.containers]
        restores += [_keeper(holder).keep(holder) for holder in self.holders]
        restores += [_kept_tensor(held.value) for held in self.tensors]
        restores += [_kept_generator(generator) for generator in self.generators]

        return lambda: put_back(restores)


def _keeper(holder: Any) -> StateAdapter:
    adapter = state_adapter(holder)
    assert adapter is not None  # noqa: S101 - it is a holder because it has one
    return adapter


def reachable(names: Iterable[str], namespace: MutableMapping[str, Any]) -> Belongings:
    """Everything that code which reads `names` can get hold of.

    Functions are followed to the global names they read, objects to their attributes;
    layers and optimizers are not entered, for their framework knows what is in them.

    Raises:
        DualError: these are too many objects.
    """
    found = Belongings()
    seen: dict[int, Any] = {}
    waiting = [(namespace[name], _setter(namespace, name)) for name in dict.fromkeys(names) if name in namespace]
    while waiting:
        value, put = waiting.pop()
        if id(value) in seen or _holds_nothing(value):
            continue
        seen[id(value)] = value
        if len(seen) > MOST:  # to put back some of them only would change the others
            raise DualError(f"the cell reaches more than {MOST:,} objects, too many to put back")
        waiting += _entered(value, put, namespace, found)
    return found


def _holds_nothing(value: Any) -> bool:
    """Whether a value can neither change nor lead to another: a number, a text, a module."""
    return value is None or type(value) in NUMBERS or isinstance(value, str | bytes | types.ModuleType)


def _entered(
    value: Any, put: Callable[[Any], None] | None, namespace: MutableMapping[str, Any], found: Belongings
) -> list[tuple[Any, Callable[[Any], None] | None]]:
    """Note what a value is; the values it leads to."""
    inside: list[tuple[Any, Callable[[Any], None] | None]] = [(own, None) for own in _read_by(value, namespace)]
    if state_adapter(value) is not None:
        found.holders.append(value)
    elif array_adapter(value) is not None:
        if not is_symbolic(value):
            found.tensors.append(Held(value, put))
    elif isinstance(value, np.random.Generator | np.random.RandomState | random.Random):
        found.generators.append(value)
    elif isinstance(value, dict):
        found.containers.append(value)
        inside += [(item, _setter(value, key)) for key, item in value.items()]
    elif isinstance(value, list | deque):
        found.containers.append(value)
        inside += [(item, _setter(value, index)) for index, item in enumerate(value)]
    elif isinstance(value, tuple | set | frozenset):
        found.containers += [value] if isinstance(value, set) else []
        inside += [(item, None) for item in value]
    elif _has_attributes(value):
        inside.append((vars(value), None))
    return inside


# objects of these keep what no cell changes, or what must not be put back (the shell, open files)
_LEFT_ALONE = {
    *sys.stdlib_module_names,
    "IPython",
    "dualcell",
    "ipykernel",
    "matplotlib",
    "numpy",
    "traitlets",
    *ADAPTERS,
}


def _has_attributes(value: Any) -> bool:
    """Whether an object's attributes belong to the cell: a trainer's, also one of a module or library of the user's."""
    library = type(value).__module__.partition(".")[0]
    users = library == "__main__" or library not in _LEFT_ALONE
    return users and not isinstance(value, type) and isinstance(getattr(value, "__dict__", None), dict)


def _setter(place: Any, key: Any) -> Callable[[Any], None]:
    return lambda value: place.__setitem__(key, value)


def _is_users(kind: type) -> bool:
    return kind.__module__ == "__main__"


def _read_by(value: Any, namespace: MutableMapping[str, Any]) -> Iterator[Any]:
    """What a function, method or an object's own class reads: globals of the notebook and closures."""
    if isinstance(value, types.MethodType):
        yield from (value.__self__, value.__func__)
    classes = [one for one in (value if isinstance(value, type) else type(value)).__mro__ if _is_users(one)]
    functions = [value] if isinstance(value, types.FunctionType) else []
    functions += [one for kind in classes for one in vars(kind).values() if isinstance(one, types.FunctionType)]
    for function in functions:
        for name in _names(function.__code__):
            if function.__module__ == "__main__" and name in namespace:
                yield namespace[name]
        for cell in function.__closure__ or ():
            try:
                yield cell.cell_contents
            except ValueError:  # not bound yet
                continue


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def _kept_container(container: Any) -> Restore:
    before = container.copy()

    def restore() -> None:
        container.clear()
        (container.extend if isinstance(container, list | deque) else container.update)(before)

    return restore


def _kept_tensor(value: Any) -> Restore:
    adapter: Any = array_adapter(value)
    if not hasattr(adapter, "refill") or adapter.why_not(value):
        return lambda: None
    if hasattr(adapter, "keep"):
        return adapter.keep(value)
    before = copied(adapter.to_host(value))
    return lambda: _refilled(value, before)


def _refilled(value: Any, before: HostArray) -> None:
    adapter: Any = array_adapter(value)
    adapter.refill(value, before)  # one that cannot change gives another, which nobody needs: it did not change


def _kept_generator(generator: Any) -> Restore:
    if isinstance(generator, np.random.Generator):
        bits = generator.bit_generator
        before = bits.state
        return lambda: setattr(bits, "state", before)
    get, put = ("getstate", "setstate") if isinstance(generator, random.Random) else ("get_state", "set_state")
    state = getattr(generator, get)()
    return lambda: getattr(generator, put)(state)
