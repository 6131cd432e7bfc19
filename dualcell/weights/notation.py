"""A weight plan as JSON that can be read, committed and checked: rows there and back.

A file that is no plan is refused; a move in it is tried on shapes before it is believed.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

from dualcell.errors import PlanError
from dualcell.weights.axes import Blocks, Features, Move, Reshape, Step, Transpose, shape_after
from dualcell.weights.document import LEFT_OUT, LEFT_OVER, TIED, VERSION, document_of, left_out
from dualcell.weights.inventory import Inventory, Shape, Weight
from dualcell.weights.rows import Draft, Dropped, Problem, Row

Arrays = Mapping[str, tuple[Shape, str]]


def arrays_of(side: Inventory) -> Arrays:
    """Shape and dtype of each array of an inventory that is a weight."""
    found: dict[str, tuple[Shape, str]] = {}
    for weight in (weight for layer in side.layers for weight in layer.weights):
        found.setdefault(weight.array, (weight.whole, weight.dtype))
    return found


def written(draft: Draft, source: Inventory, target: Inventory, files: Mapping[str, Any]) -> str:
    """A plan as the text of a file; the same plan always gives the same text.

    Args:
        draft: the plan.
        source: what it reads.
        target: what it writes.
        files: what else a file must tell so that it serves without the models, see `naming`.
    """
    document: dict[str, Any] = {
        "dualcell weight plan": VERSION,
        "source": _side(source, draft.left[0]),
        "target": _side(target, draft.left[1]),
        "layers": draft.layers,
        "rows": [_row(row) for row in draft.rows],
        "left out if neutral": [
            {"source": _weight(one.weight), "value": one.neutral, "layer": one.layer} for one in draft.dropped
        ],
        "problems": [{"name": one.name, "reason": one.reason} for one in draft.problems],
        "hints": [*draft.hints, *draft.doubts],
        **files,
    }
    for side in ("source", "target"):
        document[side][LEFT_OUT] = left_out(document, side)
    return _lines(document, 0) + "\n"


def _lines(value: Any, depth: int) -> str:
    """JSON with one line for each row and each array, to be read and to be seen in a diff."""
    if isinstance(value, dict) and (depth < 2 or (depth == 2 and all(isinstance(v, list) for v in value.values()))):
        inside = [f"{json.dumps(key)}: {_lines(each, depth + 1)}" for key, each in value.items()]
        marks = "{}"
    elif isinstance(value, list) and depth < 2:
        inside, marks = [_lines(each, depth + 2) for each in value], "[]"
    else:
        return json.dumps(value)
    if not inside:
        return marks
    gap = "\n" + " " * depth
    return f"{marks[0]}{gap} {f',{gap} '.join(inside)}{gap}{marks[1]}"


def _side(side: Inventory, left: Sequence[str]) -> dict[str, Any]:
    arrays = {name: [list(shape), dtype] for name, (shape, dtype) in arrays_of(side).items()}
    tied = {name: count for name, count in _holders(side).items() if count > 1}
    known = {"framework": side.framework, "model": side.label, "arrays": arrays, **({TIED: tied} if tied else {})}
    return {**known, LEFT_OVER: list(left)}


def _holders(side: Inventory) -> dict[str, int]:
    """How many layers hold each array: several hold a tied one."""
    parts = Counter((weight.array, weight.part) for layer in side.layers for weight in layer.weights)
    found: dict[str, int] = {}
    for (array, _), count in parts.items():
        found[array] = max(count, found.get(array, 0))
    return found


def _row(row: Row) -> dict[str, Any]:
    made = [{**_weight(weight), "move": [_step(step) for step in move]} for weight, move in row.sources]
    value = {"sources": made} if made else {"value": row.fill}
    return {"target": _weight(row.target), **value, "kind": row.kind, "by": row.by, "note": row.note}


def _weight(weight: Weight) -> dict[str, Any]:
    part = {} if weight.part[1] == 1 else {"part": list(weight.part)}
    axis = {"axis": weight.axis} if part and weight.axis else {}
    return {"array": weight.array, "role": weight.role, **part, **axis}


def _step(step: Step) -> list[Any]:
    if isinstance(step, Transpose):
        return ["transpose", list(step.axes)]
    if isinstance(step, Reshape):
        return ["reshape", list(step.before), list(step.after)]
    if isinstance(step, Blocks):
        return ["gates", list(step.order)]
    name = "features last" if step.back else "features first"
    return [name, step.axis, [list(segment) for segment in step.segments]]


def read_draft(text: str, source: Inventory, target: Inventory) -> Draft:
    """What a file's text says of two models.

    Keras numbers the layers it names itself through a whole session; a plan whose names
    differ only in that is the same plan.

    Raises:
        PlanError: it is no plan, a damaged one, or one for other models.
    """
    try:
        document = document_of(text)
        sides = [_Side(document[name], side, name) for name, side in (("source", source), ("target", target))]
        return _read(document, sides)
    except PlanError:
        raise
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError) as error:
        raise PlanError(f"it is no weight plan of dualcell: {type(error).__name__}: {error}") from None


class _Side:
    """One side of a file against a model: which name in the file is which array.

    Raises:
        PlanError: the model holds other arrays.
    """

    def __init__(self, saved: Mapping[str, Any], side: Inventory, name: str) -> None:
        self.name = name
        self.arrays = arrays_of(side)
        self.holders = _holders(side)
        expected = {path: (tuple(map(int, shape)), str(dtype)) for path, (shape, dtype) in saved["arrays"].items()}
        self.names = self._names(expected, side.label)
        self.left = tuple(self.names[path] for path in saved[LEFT_OVER])

    def _names(self, expected: Arrays, label: str) -> dict[str, str]:
        if {p: facts[0] for p, facts in expected.items()} == {p: facts[0] for p, facts in self.arrays.items()}:
            return {path: path for path in expected}
        saved, there = ([(unnumbered(p), facts[0]) for p, facts in each.items()] for each in (expected, self.arrays))
        if saved == there:
            return dict(zip(expected, self.arrays, strict=True))
        raise PlanError(f"it is for another {self.name} than this {label}: {self._difference(expected)}")

    def _difference(self, expected: Arrays) -> str:
        for path, (shape, _) in expected.items():
            if path not in self.arrays:
                return f"the plan has {path} {shape}, the model does not"
            if self.arrays[path][0] != shape:
                return f"{path} is {shape} in the plan and {self.arrays[path][0]} in the model"
        extra = next(path for path in self.arrays if path not in expected)
        return f"the model has {extra} {self.arrays[extra][0]}, the plan does not"

    def weight(self, saved: Mapping[str, Any]) -> Weight:
        array = self.names[saved["array"]]
        shape, dtype = self.arrays[array]
        index, count = (int(number) for number in saved.get("part", (0, 1)))
        axis = int(saved.get("axis", 0))
        if not 0 <= index < count or (count > 1 and (not 0 <= axis < len(shape) or shape[axis] % count)):
            raise ValueError(f"{array} has no part {index} of {count}{f' along axis {axis}' if axis else ''}")
        part = tuple(size // count if place == axis else size for place, size in enumerate(shape))
        return Weight(str(saved["role"]), array, part, dtype, (index, count), axis=axis)


def unnumbered(path: str) -> str:
    """A name in a file without the numbers by which Keras tells layers of one kind apart."""
    return re.sub(r"_\d+(?=/|$)", "", path)


def _read(document: Mapping[str, Any], sides: Sequence[_Side]) -> Draft:
    rows = tuple(_read_row(saved, sides[0], sides[1]) for saved in document["rows"])
    for weight, count in Counter((row.target.name, row.target.array) for row in rows).items():
        if count > sides[1].holders[weight[1]]:
            raise PlanError(
                f"{count} rows write {weight[0]}; only a weight that several layers share (tied weights) has "
                f"several. Take out the row that is wrong"
            )
    dropped = tuple(
        Dropped(sides[0].weight(saved["source"]), float(saved["value"]), str(saved["layer"]))
        for saved in document["left out if neutral"]
    )
    problems = tuple(Problem(str(saved["name"]), str(saved["reason"])) for saved in document["problems"])
    hints = tuple(map(str, document["hints"]))
    return Draft(rows, dropped, problems, (sides[0].left, sides[1].left), hints, int(document["layers"]))


def _read_row(saved: Mapping[str, Any], source: _Side, target: _Side) -> Row:
    weight = target.weight(saved["target"])
    sources: list[tuple[Weight, Move]] = []
    for each in saved.get("sources", ()):
        one = source.weight(each)
        move = tuple(_read_step(step, one.name) for step in each["move"])
        shape = one.shape
        for step in move:
            _check(step, shape)
            shape = shape_after(shape, (step,))
        if shape != weight.shape:
            raise ValueError(f"{one.name} would be {shape}, and {weight.name} is {weight.shape}")
        sources.append((one, move))
    if bool(sources) == ("value" in saved):
        raise ValueError(f"the row of {weight.name} needs either sources or a value")
    fill = None if sources else float(saved["value"])
    return Row(tuple(sources), weight, str(saved["kind"]), fill, str(saved["by"]), str(saved["note"]))


_STEPS: Mapping[str, Callable[..., Step]] = {
    "transpose": lambda axes: Transpose(_whole(axes)),
    "reshape": lambda before, after: Reshape(_whole(before), _whole(after)),
    "gates": lambda order: Blocks(_whole(order)),
    "features first": lambda axis, segments: Features(int(axis), tuple(map(_whole, segments))),
    "features last": lambda axis, segments: Features(int(axis), tuple(map(_whole, segments)), back=True),
}


def _whole(numbers: Sequence[Any]) -> tuple[int, ...]:
    if not all(type(number) is int and number >= 0 for number in numbers):
        raise ValueError(f"{numbers!r} are no sizes or axes")
    return tuple(numbers)


def _read_step(saved: Any, name: str) -> Step:
    kind = saved[0] if isinstance(saved, list) and saved else None
    if not isinstance(kind, str) or kind not in _STEPS:
        raise PlanError(
            f"the move of {name} has the step {json.dumps(saved)[:60]}; steps begin with {', '.join(map(repr, _STEPS))}"
        )
    try:
        return _STEPS[kind](*saved[1:])
    except (TypeError, ValueError) as error:
        reason = str(error) if isinstance(error, ValueError) else "it has too few or too many parts"
        raise PlanError(f"the move of {name} has the step {json.dumps(saved)[:60]}: {reason}") from None


def _check(step: Step, shape: Shape) -> None:
    """See that a step can be made on a shape.

    Raises:
        ValueError: it cannot.
    """
    fits = {
        Transpose: lambda: sorted(step.axes) == [*range(len(shape))],  # pyright: ignore
        Reshape: lambda: step.before == shape and prod(step.after) == prod(shape),  # pyright: ignore
        Blocks: lambda: sorted(step.order) == [*range(len(step.order))] and shape[0] % len(step.order) == 0,  # pyright: ignore
        Features: lambda: shape[step.axis] == sum(prod(segment) for segment in step.segments),  # pyright: ignore
    }  # fmt: skip
    if not fits[type(step)]():
        raise ValueError(f"{step} cannot be made on the shape {shape}")
