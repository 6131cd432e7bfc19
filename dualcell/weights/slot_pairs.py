"""Two optimizers and a plan -> `Pair`s, one for each thing both keep of a weight."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from dualcell.captures import Captured, capture
from dualcell.coded import HostArray, codes_of, decoded
from dualcell.errors import PlanError
from dualcell.frameworks.registry import model_adapter
from dualcell.pairs import Pair
from dualcell.weights.copying import part_values, values_of
from dualcell.weights.plan import WeightPlan, read
from dualcell.weights.rows import Row, is_added
from dualcell.weights.slots import STEP, Slot, Slots

Both = tuple[Slots, Slots]


def both_slots(models: tuple[Any, Any], arrays: Sequence[Mapping[str, Any]], optimizers: Any) -> Both:
    """What two optimizers keep.

    Args:
        models: the two models.
        arrays: their arrays by path.
        optimizers: their optimizers.

    Raises:
        PlanError: see `compare_weights`.
    """
    if not isinstance(optimizers, tuple | list) or len(optimizers) != 2:
        raise PlanError(f"slots: expected two optimizers, (left, right), got {type(optimizers).__name__}.")
    adapters: list[Any] = [model_adapter(model) for model in models]
    left, right = (adapter.slots(*each) for adapter, *each in zip(adapters, optimizers, arrays, strict=True))
    if left.kind != right.kind:
        raise PlanError(
            f"slots: {left.label} on the left and {right.label} on the right keep other things; "
            f"give two optimizers of one kind."
        )
    if not (set(left.by_role) | set(right.by_role)) - {STEP}:
        raise PlanError(
            f"slots: {left.label} without momentum keeps nothing for a weight on either side, so there is nothing "
            f"to compare; compare the weights."
        )
    return left, right


def slot_pairs(plan: WeightPlan, both: Both) -> Iterator[tuple[str, Pair]]:
    """(role, row) for each weight and role that a side keeps something for."""
    before: Row | None = None
    for row in plan.rows:
        alone = [replace(row, sources=(source,)) for source in row.sources]
        if before is not None and is_added(row, before):  # its gradient is that of the bias it is added to
            alone = [replace(row, sources=before.sources)]
        for one in alone or [row]:
            yield from _pairs(one, both)
        before = row
    lonely = [one.weight for one in plan.draft.dropped]
    yield from (pair for weight in lonely for pair in _alone(weight.array, weight.name, both, 0))
    for side, paths in enumerate(plan.draft.left):
        yield from (pair for path in paths for pair in _alone(path, path, both, side))
    for problem in plan.draft.problems:
        yield "", Pair(problem.name, Captured(missing=problem.reason), Captured(missing=problem.reason))


def _pairs(row: Row, both: Both) -> Iterator[tuple[str, Pair]]:
    """A pair for each role that a side keeps of this row's weights."""
    paths = row.sources[0][0].array if row.sources else "", row.target.array
    for role in _roles(both):
        slots = both[0].by_role.get(role), both[1].by_role.get(role)
        kept = [slot is not None and path in slot.values for slot, path in zip(slots, paths, strict=True)]
        if any(kept):
            names = _names(row, slots)
            sides = [
                _values(row, index, slots)
                if has
                else Captured(missing=_lacking(both[index], paths[index], slots[index]))
                for index, has in enumerate(kept)
            ]
            yield role, Pair(names, *sides)


def _values(row: Row, side: int, slots: tuple[Slot | None, Slot | None]) -> Captured:
    """What one side keeps, in the target's layout."""
    slot, other = slots[side], slots[1 - side]
    weight = row.target if side else row.sources[0][0]
    kept: Mapping[str, Any] = slot.values if slot else {}
    if isinstance(kept[weight.array], int):
        return _taken(np.asarray(kept[weight.array]))
    values = part_values(kept, weight, read) if side else values_of(row, kept, read)
    return _taken(_divided(values, slot) if slot and _is_scaled(slot, other) else values)


def _names(row: Row, slots: tuple[Slot | None, Slot | None]) -> str:
    names: list[str] = []
    for weight, slot, other in ((row.source_name, *slots), (row.target.name, *reversed(slots))):
        found = slot or other
        name = f"{weight} {found.name if found else ''}"
        names.append(f"{name} / {found.factor:g}" if slot and found and _is_scaled(slot, other) else name)
    return " ~ ".join(names)


def _is_scaled(slot: Slot, other: Slot | None) -> bool:
    """Whether there is a learning rate in what one side keeps, and none in what the other does."""
    return slot.factor is not None and other is not None and other.factor is None


def _divided(values: HostArray, slot: Slot) -> HostArray:
    if not slot.factor:
        raise PlanError(
            f"slots: the learning rate is 0, and Keras' {slot.name} holds it as a factor, so it cannot be compared "
            f"with PyTorch's, which does not; set the rate that it was trained with."
        )
    whole = decoded(codes_of(values), values)
    return whole / whole.dtype.type(slot.factor)


def _roles(both: Both) -> list[str]:
    """What either side keeps; steps only where both count them, which SGD of PyTorch does not."""
    found = dict.fromkeys((*both[0].by_role, *both[1].by_role))
    return [role for role in found if role != STEP or all(STEP in side.by_role for side in both)]


def _lacking(slots: Slots, path: str, slot: Slot | None) -> str:
    if not path:
        return "this weight has no partner on the left side"
    if path not in slots.trained:
        return f"{path!r} is not among the weights that this {slots.label} trains"
    if slot is None:
        return f"this {slots.label} keeps no such thing (amsgrad, momentum or centered is not set alike)"
    return f"this {slots.label} keeps no {slot.name} of {path!r} yet: it had no gradient"


def _alone(path: str, name: str, both: Both, side: int) -> Iterator[tuple[str, Pair]]:
    """What one side keeps of a weight that only it has."""
    missing = Captured(missing=f"{name!r} has no partner on the {('right', 'left')[side]} side")
    for role, slot in both[side].by_role.items():
        if path in slot.values:
            here = _taken(_host(slot.values[path]))
            yield role, Pair(f"{name} {slot.name}", *((here, missing) if side == 0 else (missing, here)))


def _host(value: Any) -> HostArray:
    return np.asarray(value) if isinstance(value, int) else read(value)


def _taken(value: Any) -> Captured:
    return capture(value, borrow=True)[0][1]
