"""The text of a saved plan -> its document: known keys only, each once, and no weight forgotten.

Plans are edited and merged by hand. What one leaves out on purpose stands in it by name, so a
row that is gone is noticed.
"""

from __future__ import annotations

import difflib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dualcell.counted import listed
from dualcell.errors import FileError, PlanError
from dualcell.paths import path_of

VERSION = 1
LEFT_OUT, LEFT_OVER, TIED, COUNTS, NAMES = "left out", "left over", "tied", "counts", "in files"

# what stands in each part of a plan: keys it must have, and keys it may have
_KEYS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "the plan": (
        ("dualcell weight plan", "source", "target", "layers", "rows", "left out if neutral", "problems", "hints"),
        (NAMES, COUNTS),
    ),
    "a side": (("framework", "model", "arrays", LEFT_OVER, LEFT_OUT), (TIED,)),
    "a row": (("target", "kind", "by", "note"), ("sources", "value")),
    "a source of a row": (("array", "role", "move"), ("part", "axis")),
    "a weight": (("array", "role"), ("part", "axis")),
    "a weight left out if neutral": (("source", "value", "layer"), ()),
    "a problem": (("name", "reason"), ()),
    f"{NAMES!r}": ((), ("source", "target")),
}
_PARTS = 64  # no array holds as many weights; a file could ask for any number
_MOST = 4
_AGAIN = "make the plan again with plan_weights(...).save(...)"


def text_of(path: str | Path) -> str:
    """The text of a saved plan.

    Raises:
        FileError: there is no such file, or it cannot be read as text.
    """
    path = path_of(path, "plan")
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        reason = "it is no text" if isinstance(error, UnicodeDecodeError) else getattr(error, "strerror", None) or error
        raise FileError(f"{str(path)!r} cannot be read as a weight plan: {reason}.") from None


def document_of(text: str) -> dict[str, Any]:
    """What the text of a saved plan says, not yet held against models.

    Raises:
        PlanError: it is no plan of this version, has unknown keys, lacks some, says one twice, or its rows
            and what it leaves out do not cover the weights of both models.
    """
    document = json.loads(text, object_pairs_hook=_once)
    version = document.get("dualcell weight plan")
    if version != VERSION:
        raise PlanError(f"it says 'dualcell weight plan': {version!r}, expected {VERSION}")
    for part, where, value in _parts(document):
        _check_keys(part, where, value)
    for side in ("source", "target"):
        _check_side(side, document[side])
    _check_names(document)
    _check_counts(document)
    _check_covered(document)
    return document


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise PlanError(f"it says {twice!r} twice in one place; take out the one that is wrong")
    return found


# --- keys ---


def _parts(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """(name in `_KEYS`, words for where it stands, value) of each part, the outer before the inner."""
    yield "the plan", "the plan", document
    for side in ("source", "target"):
        yield "a side", f"the {side}", document[side]
    for number, row in enumerate(document["rows"], 1):
        yield "a row", f"row {number}", row
        yield "a weight", f"the target of row {number}", row["target"]
        yield from (("a source of a row", f"the source of row {number}", each) for each in row.get("sources", ()))
    for one in document["left out if neutral"]:
        yield "a weight left out if neutral", "a weight left out if neutral", one
        yield "a weight", "a weight left out if neutral", one["source"]
    yield from (("a problem", "a problem", each) for each in document["problems"])
    yield f"{NAMES!r}", f"{NAMES!r}", document.get(NAMES, {})


def _check_keys(part: str, where: str, value: Any) -> None:
    if not isinstance(value, dict):
        raise PlanError(f"{where} is {json.dumps(value)[:40]}, expected keys with values in {{}}")
    needed, allowed = _KEYS[part]
    known = (*needed, *allowed)
    for key in value:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            said = f"the nearest known one is {near[0]!r}" if near else f"known are {', '.join(map(repr, known))}"
            raise PlanError(f"{where} has the unknown key {key!r}; {said}")
    lacking = next((key for key in needed if key not in value), None)
    if lacking is not None:
        raise PlanError(f"{where} lacks {lacking!r}; put it back, or {_AGAIN}")


# --- names ---

_FRAMEWORKS = ("keras", "torch")
_DTYPE = re.compile(r"bool|q?u?int(\d|16|32|64)(x2)?|bfloat16|float(16|32|64|128)|float\d_\w+|complex(32|64|128|256)")


def _check_side(side: str, saved: Mapping[str, Any]) -> None:
    if saved["framework"] not in _FRAMEWORKS:
        raise PlanError(f"the {side} is of {saved['framework']!r}, expected {' or '.join(_FRAMEWORKS)}")
    wrong = next((name for name, (_, dtype) in saved["arrays"].items() if not _DTYPE.fullmatch(dtype)), None)
    if wrong is not None:
        raise PlanError(f"{wrong} of the {side} is {saved['arrays'][wrong][1]!r}, which is no dtype; as in 'float32'")


def _check_names(document: Mapping[str, Any]) -> None:
    """See that whatever names an array names one that its model has, and that no row reads one twice."""
    for side, where, name in _named(document):
        known = document[side]["arrays"]
        if name not in known:
            near = "".join(f"; the nearest is {each!r}" for each in difflib.get_close_matches(name, known, n=1))
            raise PlanError(f"{where} {name!r}, which the {side} has not{near}")
    for number, row in enumerate(document["rows"], 1):
        read = [(each["array"], tuple(each.get("part", ()))) for each in row.get("sources", ())]
        twice = next((array for array, part in read if read.count((array, part)) > 1), None)
        if twice is not None:
            raise PlanError(f"row {number} reads {twice} twice, and would add it to itself; take one out")


def _named(document: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(side, words for where it stands, name) of each mention of an array."""
    for number, row in enumerate(document["rows"], 1):
        yield from (("source", f"row {number} reads", each["array"]) for each in row.get("sources", ()))
        yield "target", f"row {number} writes", row["target"]["array"]
    for one in document["left out if neutral"]:
        yield "source", "'left out if neutral' names", one["source"]["array"]
    for side in ("source", "target"):
        yield from ((side, f"{LEFT_OVER!r} of the {side} names", name) for name in document[side][LEFT_OVER])
        yield from ((side, f"{TIED!r} of the {side} names", name) for name in document[side].get(TIED, {}))
        yield from ((side, f"{NAMES!r} names", name) for name in document.get(NAMES, {}).get(side, {}))
    yield from (("target", f"{COUNTS!r} names", name) for name in document.get(COUNTS, {}))


_MOST_STEPS = 2**63 - 1  # PyTorch counts in int64


def _check_counts(document: Mapping[str, Any]) -> None:
    for name, count in document.get(COUNTS, {}).items():
        if type(count) is not int or not 0 <= count <= _MOST_STEPS:
            raise PlanError(
                f"{COUNTS!r} says that {name} is {json.dumps(count)[:40]}, expected a number of steps, from 0 to "
                f"{_MOST_STEPS}"
            )


# --- whether it covers the weights of both models ---


def left_out(document: Mapping[str, Any], side: str) -> list[str]:
    """Weights of one side that no row takes and that nothing else in the document speaks of: left out on purpose.

    Args:
        document: a plan, with or without its list of those.
        side: `source` or `target`.
    """
    said = {*document[side][LEFT_OVER], *(one["name"] for one in document["problems"])}
    said |= {*document.get(COUNTS, {})} if side == "target" else set()
    return [name for name in _untaken(document[side]["arrays"], _taken(document, side)) if name not in said]


def _taken(document: Mapping[str, Any], side: str) -> Iterator[Mapping[str, Any]]:
    for row in document["rows"]:
        yield from [row["target"]] if side == "target" else row.get("sources", ())
    if side == "source":
        yield from (one["source"] for one in document["left out if neutral"])


def _untaken(arrays: Iterable[str], taken: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Names of the arrays, and of parts of arrays, that are not taken."""
    parts: dict[str, set[tuple[int, int]]] = defaultdict(set)
    for weight in taken:
        index, count = weight.get("part", (0, 1))
        if not 0 <= index < count <= _PARTS:
            raise PlanError(f"{weight['array']} has no part {index} of {count}")
        parts[weight["array"]].add((index, count))
    for name in arrays:
        lacking = [_lacking(parts[name], count) for count in {count for _, count in parts[name]}]
        if not lacking:
            yield name
        elif all(lacking):
            yield from (f"{name}[{index} of {count}]" for index, count in min(lacking, key=len))


def _lacking(parts: set[tuple[int, int]], count: int) -> list[tuple[int, int]]:
    return [(index, count) for index in range(count) if (index, count) not in parts]


def _check_covered(document: Mapping[str, Any]) -> None:
    forgotten: list[str] = []
    for side, verb in (("target", "writes"), ("source", "reads")):
        there, named = left_out(document, side), document[side][LEFT_OUT]
        gone = [name for name in there if name not in named]
        forgotten += [f"no row {verb} {listed(gone, _MOST)} of the {side}"] if gone else []
        wrong = next((name for name in named if name not in there), None)
        if wrong is not None:
            raise PlanError(
                f"{LEFT_OUT!r} of the {side} names {wrong}, but a row {verb} it, or something else speaks of it, or "
                f"the {side} has no such weight; take the name out of that list"
            )
    if forgotten:
        raise PlanError(
            f"{', and '.join(forgotten)}, and {LEFT_OUT!r} does not name what is to be left out: was a row taken "
            f"out by hand? Put it back, name the weights under {LEFT_OUT!r} of their side, or {_AGAIN}"
        )
