"""The namespace after a block -> `Captures`: snapshots that later code cannot change."""

from __future__ import annotations

import types
import weakref
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from dualcell.errors import did_you_mean
from dualcell.files import names_file
from dualcell.frameworks.base import ArrayFacts
from dualcell.frameworks.registry import array_adapter, is_symbolic
from dualcell.nested import NUMBERS, holds_values, leaves
from dualcell.requests import Request, free_names
from dualcell.taps import Recorder
from dualcell.tolerance import glob_matches

OUT = "out"  # the row of the blocks' last expressions


def root(row: str) -> str:
    """`out.hidden[2]` -> `out`."""
    return row.partition(".")[0].partition("[")[0]


@dataclass(frozen=True)
class Captured:
    """One leaf of one side, or the reason there is none.

    Attributes:
        facts: shape, dtype and device; None if there is no tensor.
        value: the snapshot, or the tensor itself if it was borrowed; in its framework, on its device.
        missing: why there is nothing to compare (`missing`).
        unsupported: why what is there cannot be compared (`unsupported`).
        symbolic: the value belongs to a graph that had not run.
        aside: no tensor, inside a structure: a name, a flag, a setting.
        number: a Python number, which nobody asked to compare unless its partner is a tensor.
        text: what is there, if it is one.
    """

    facts: ArrayFacts | None = None
    value: Any = None
    missing: str = ""
    unsupported: str = ""
    symbolic: bool = False
    aside: bool = False
    number: bool = False
    text: str | bytes | None = None


@dataclass(frozen=True)
class Captures:
    """Everything one side handed out, in order.

    Attributes:
        rows: row name -> leaf.
        taps: tap name -> calls, each of them path -> leaf. How the rows of a tap are
            named depends on the calls of both sides, see `pairs`.
        cut: what became of the block if it did not reach its end: `did not run`, `did not finish`.
    """

    rows: Mapping[str, Captured] = field(default_factory=dict)
    taps: Mapping[str, Sequence[Mapping[str, Captured]]] = field(default_factory=dict)
    cut: str = ""


def capture(value: Any, *, borrow: bool = False) -> list[tuple[str, Captured]]:
    """Snapshot every leaf of a value.

    Args:
        value: a tensor, a number, or a nested structure of them.
        borrow: keep the tensors themselves, without a copy; for whoever measures at once.

    Returns:
        (path, leaf) pairs; the path of a bare tensor is empty.
    """
    return [(path, _taken(leaf, inside=bool(path), borrow=borrow)) for path, leaf in leaves(value)]


# what a structure may hold beside its tensors without a row of its own
_PLAIN = (str, bytes, type, types.FunctionType, types.BuiltinFunctionType, types.ModuleType, Enum)


def _taken(value: Any, *, inside: bool, borrow: bool) -> Captured:
    adapter = array_adapter(value)
    if adapter is None:
        way_out = "; call it and compare what it returns" if callable(value) else ""
        if borrow and not inside and names_file(value):
            way_out = f"; pass pathlib.Path({value!r}) to compare the file"
        words = value if isinstance(value, str | bytes) else None
        reason, aside = f"{_what(value)} is not a tensor{way_out}", inside and isinstance(value, _PLAIN)
        return Captured(unsupported=reason, aside=aside, text=words)
    try:
        facts, reason = adapter.facts(value), adapter.why_not(value)
        if reason:
            return Captured(facts, unsupported=reason, symbolic=is_symbolic(value))
        kept = value if borrow else adapter.snapshot(value)
        return Captured(facts, kept, number=type(value) in NUMBERS)
    except Exception as error:  # an exotic tensor that its adapter does not foresee is a finding, not a crash
        return Captured(unsupported=f"{_what(value)} could not be read: {type(error).__name__}: {error}")


def _what(value: Any) -> str:
    """The kind of an object, with its article: `a keras.src...Dense`, `a function`."""
    if isinstance(value, type):
        return f"the class {value.__qualname__}"
    if isinstance(value, types.ModuleType):
        return f"the module {value.__name__}"
    kind = type(value)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


# --- which names a block has bound ---


class Watch:
    """Notices which names of a namespace have been bound to another object."""

    def __init__(self, namespace: Mapping[str, Any], names: Iterable[str]) -> None:
        self._before = {name: _reference(namespace[name]) for name in names if name in namespace}

    def changed(self, name: str, namespace: Mapping[str, Any]) -> bool:
        """Whether `name` now holds another object than when the watch began."""
        if name not in namespace:
            return False
        return name not in self._before or self._before[name]() is not namespace[name]


def _reference(value: Any) -> Any:
    """A weak reference where possible, so that watching keeps no large tensor alive."""
    try:
        return weakref.ref(value)
    except TypeError:
        return lambda: value


# --- one side ---


@dataclass(frozen=True)
class Side:
    """What is known about a side when its captures are taken.

    Attributes:
        index: 0 for left, 1 for right.
        label: its name in sentences and in the table.
        other_label: the other side's.
        bound: names this block has bound.
        foreign: names the other block binds.
        stopped: an error ended the block.
    """

    index: int
    label: str
    other_label: str
    bound: Collection[str]
    foreign: Collection[str]
    stopped: bool = False


def take(
    side: Side, requests: Iterable[Request], automatic: Iterable[str],
    namespace: Mapping[str, Any], recorder: Recorder, last: Mapping[str, Any],
) -> Captures:  # fmt: skip
    """Take one side's captures right after its block.

    Args:
        side: which side, and what it bound.
        requests: captures the user asked for; evaluated now.
        automatic: names to capture if they hold tensors; used without requests.
        namespace: where expressions are evaluated; nothing is written to it.
        recorder: what the taps handed out.
        last: `{"value": ...}` if the block ended with an expression, else empty.
    """
    rows: dict[str, Captured] = {}
    for request in requests:
        for row, leaf in _requested(request, side, namespace).items():
            rows[row if row not in rows else f"{row} ({request.row!r})"] = leaf
    for name in automatic:
        if name in side.bound and name in namespace and holds_values(namespace[name]):
            rows |= {name + path: leaf for path, leaf in capture(namespace[name])}
    claimed = {root(name) for name in (*automatic, *(request.row for request in requests))}
    if last and OUT not in claimed and holds_values(last["value"]):
        rows |= {OUT + path: leaf for path, leaf in capture(last["value"])}
    return Captures(rows, _taps(recorder), "did not finish" if side.stopped else "")


def _requested(request: Request, side: Side, namespace: Mapping[str, Any]) -> dict[str, Captured]:
    expression = request.right if side.index else request.left
    missing = _not_this_sides(expression, request.shared, side, namespace)
    if missing:
        return {request.row: Captured(missing=missing)}
    try:
        value = eval(expression.strip(), dict(namespace))  # noqa: S307 - the user's own expression
    except Exception as error:  # whatever the user's expression raises becomes the row's reason
        return {request.row: Captured(missing=_raised(expression, error, side))}
    taken = {request.row + path: leaf for path, leaf in capture(value) if _selected(request.pattern, path)}
    if all(leaf.aside for leaf in taken.values()):
        what = f"matches {request.pattern!r}" if request.pattern else "is a tensor"
        return {request.row: Captured(missing=f"{side.label}: nothing in {expression!r} {what}")}
    return taken


def _selected(pattern: str, path: str) -> bool:
    """Whether a leaf's path fits; `.`, `[0]` and `['key']` all count as steps `/`."""
    return not pattern or glob_matches(_as_folders(pattern), _as_folders(path))


def _as_folders(path: str) -> str:
    return path.replace("[", "/").replace(".", "/").replace("]", "").replace("'", "").lstrip("/")


def _not_this_sides(expression: str, shared: bool, side: Side, namespace: Mapping[str, Any]) -> str:
    """Why the expression would not give this side's own value; empty if it would."""
    names = free_names(expression)
    foreign = [n for n in names if n in side.foreign and n not in side.bound and not _is_tool(namespace.get(n))]
    own = [n for n in names if n in side.bound and not isinstance(namespace.get(n), types.ModuleType)]
    is_name = names == (expression.strip(),)
    unbound = [*foreign, *(names if is_name and not own else ())]
    if unbound and side.stopped:
        return f"the {side.label} block stopped before it bound {unbound[0]!r}"
    if foreign:
        return (
            f"the {side.label} block does not bind {foreign[0]!r}; the value there is not its own "
            f"(the {side.other_label} block binds it)"
        )
    if not own and (shared or is_name):
        value = names[0] if names else expression
        return f"the {side.label} block does not bind {value!r}" + _earlier(value, is_name, namespace)
    return ""


def _earlier(name: str, is_name: bool, namespace: Mapping[str, Any]) -> str:
    """How to compare a value that was made before the block."""
    is_there = is_name and name in namespace and not _is_tool(namespace[name])
    return f"; to compare its earlier value, write `{name} = {name}` in the block" if is_there else ""


def _is_tool(value: Any) -> bool:
    """Whether a value is a function, class or module: shared helpers, not results."""
    return isinstance(value, types.ModuleType | types.FunctionType | types.BuiltinFunctionType | type)


def _raised(expression: str, error: Exception, side: Side) -> str:
    first = (str(error).splitlines() or [""])[0]
    cut = f"the {side.label} block did not finish; " if side.stopped else ""
    return f"{cut}{expression!r} after the {side.label} block raised {type(error).__name__}: {first}"


def _taps(recorder: Recorder) -> dict[str, list[dict[str, Captured]]]:
    """The taps' calls; symbolic ones (while a graph was built) count only if no other came."""
    taps: dict[str, list[dict[str, Captured]]] = {}
    for name, calls in recorder.values.items():
        concrete = [dict(call) for call in calls if not any(leaf.symbolic for _, leaf in call)]
        taps[name] = concrete or [{path: _needs_eager(name, leaf) for path, leaf in calls[0]}]
    for name, reason in recorder.traced.items():
        taps.setdefault(name, [{"": Captured(unsupported=f"tap({name!r}) {reason}", symbolic=True)}])
    return taps


def _needs_eager(name: str, leaf: Captured) -> Captured:
    reason = f"tap({name!r}) ran inside a compiled graph ({leaf.unsupported}); add --eager to run it eagerly"
    return Captured(leaf.facts, unsupported=reason, symbolic=True)


def unbound_hint(request: Request, names: Iterable[str]) -> str:
    """`did you mean` for a capture that neither block binds."""
    free = free_names(request.left)
    return did_you_mean(free[0], names) if free else ""
