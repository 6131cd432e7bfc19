"""A file of weights and a guide -> the file's arrays by the paths of the plan's source model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dualcell.coded import HostArray, codes_of
from dualcell.counted import listed
from dualcell.errors import FileError
from dualcell.files import open_file
from dualcell.frameworks.base import ArrayFacts
from dualcell.frameworks.registry import array_adapter
from dualcell.mapped import numbered
from dualcell.weights.guide import MOST, Guide, GuideSide
from dualcell.weights.notation import unnumbered
from dualcell.weights.plan import read

Opened = Mapping[str, Any]

_BESIDE = ("optimizer/", "optimizer_weights/")  # what Keras keeps in its files beside the weights
_MOST = 4


def filed_arrays(path: Path, guide: Guide) -> dict[str, Any]:
    """Path of each array the plan knows -> the array in the file, nothing read yet.

    Raises:
        PlanError: the file is of another model; the text says what differs.
        FileError: it cannot be read, or holds more than arrays.
    """
    opened = _renumbered(_unwrapped(_arrays(path), guide.source), guide.source)
    found = {name: _found(name, opened, guide.source) for name in guide.source.arrays}
    _check_names(path, guide, opened, found)
    _check_ties(guide, opened, found)
    arrays = {name: opened[names[0]] for name, names in found.items() if names}
    for name, array in arrays.items():
        there, dtype = facts_of(array).dtype, guide.source.arrays[name][1]
        if _kind(there) != _kind(dtype):
            raise guide.refuse(f"says that {name} is {dtype}, and in the file it is {there}: {_WHY[_kind(there)]}")
    return arrays


def facts_of(array: Any) -> ArrayFacts:
    """Shape and dtype of an array of a file."""
    adapter: Any = array_adapter(array)
    facts: ArrayFacts = adapter.facts(array)
    return facts


def _kind(dtype: str) -> str:
    return next((kind for kind in ("complex", "float") if kind in dtype), "whole")


_WHY = {
    "complex": "imaginary parts, for which there is no place",
    "float": "numbers of another kind",
    "whole": "numbers of another kind, as in a quantized model, are no weights without their scales",
}


# --- names ---


def _arrays(path: Path) -> dict[str, Any]:
    opened: Any = open_file(path)
    if not isinstance(opened, Mapping):
        raise FileError(
            f"{str(path)!r} holds no arrays by name; save a state dict, as in torch.save(net.state_dict(), 'net.pt')."
        )
    others = [str(name) for name, value in opened.items() if not isinstance(name, str) or array_adapter(value) is None]
    if others:
        raise FileError(f"{str(path)!r} holds more than arrays: {listed(others, MOST)}; {_alone(path, opened)}.")
    arrays = {_plain(name): value for name, value in opened.items()}
    for name, value in arrays.items():
        adapter: Any = array_adapter(value)
        reason = "" if name.startswith(_BESIDE) else adapter.why_not(value)
        if reason:
            raise FileError(f"{str(path)!r} holds {name!r}, of which no values can be read: {reason}.")
    return arrays


def _alone(path: Path, opened: Opened) -> str:
    """How to get the state dict out of a checkpoint that holds more."""
    inside = [str(name) for name, value in opened.items() if isinstance(value, Mapping) and _is_state(value)]
    if not inside:
        return "save a state dict alone: torch.save(net.state_dict(), 'weights.pt')"
    which = "the state dict" if len(inside) == 1 else f"one of its state dicts ({listed(inside, MOST)})"
    loaded = f"torch.load({path.name!r}, weights_only=True)[{inside[0]!r}]"
    return f"save {which} alone: torch.save({loaded}, 'weights.pt')"


def _is_state(values: Opened) -> bool:
    return bool(values) and all(array_adapter(value) is not None for value in values.values())


def _plain(name: str) -> str:
    """A name in an old `.h5` file, without what marks a whole model and the device: `model_weights/d/d/kernel:0`."""
    return name.removeprefix("model_weights/").removesuffix(":0")


_WRAPPERS = ("module.", "_orig_mod.")  # what DataParallel and torch.compile put before every name


def _unwrapped(opened: dict[str, Any], side: GuideSide) -> dict[str, Any]:
    """The arrays by the names that a wrapped module gives them, unless the plan's model is wrapped too."""
    found = opened
    while found and not any(name in found for name in side.arrays):
        wrapper = next((each for each in _WRAPPERS if all(name.startswith(each) for name in found)), None)
        if wrapper is None:
            return opened
        found = {name.removeprefix(wrapper): array for name, array in found.items()}
    return found


def _renumbered(opened: dict[str, Any], side: GuideSide) -> dict[str, Any]:
    """An old `.h5` file goes by the names of layers, and Keras numbers those through a whole session.

    If the names of the plan and of the file differ only in that, those of the file in the
    order of their numbers become those of the plan.
    """
    there = sorted((name for name in opened if not name.startswith(_BESIDE)), key=numbered)
    legacy = [[name for name in names if "vars" not in name.split("/")] for names in side.names.values()]
    for index in (0, -1):
        here = sorted((names[index] for names in legacy if names), key=numbered)
        if here != there and [*map(unnumbered, here)] == [*map(unnumbered, there)]:
            return {name: opened[other] for name, other in zip(here, there, strict=True)}
    return opened


def _found(name: str, opened: Opened, side: GuideSide) -> list[str]:
    return [each for each in dict.fromkeys((*side.names.get(name, ()), name)) if each in opened]


# --- what differs ---


def _check_names(path: Path, guide: Guide, opened: Opened, found: Mapping[str, Sequence[str]]) -> None:
    missing = [name for name, names in found.items() if not names and not _is_unread(name, guide)]
    taken = {name for names in found.values() for name in names}
    extra = [name for name in opened if name not in taken and not name.startswith(_BESIDE)]
    shapes = [
        f"{name} is {there} in the file and {expected} in the plan"
        for name, expected, there in _shapes(guide, opened, found) if there != expected
    ]  # fmt: skip
    said = [f"the file has no {listed(missing, MOST)}"] if missing else []
    said += [f"the plan has no {listed(extra, MOST)}"] if extra else []
    said += shapes[:_MOST] + ([f"{len(shapes) - _MOST} more shapes differ"] if len(shapes) > _MOST else [])
    if said:
        what = f"is for another file than {str(path)!r}: {'; '.join(said)}"
        raise guide.refuse(f"{what}{(_other_way(guide, opened) or _prefix(guide, missing, extra)) if missing else ''}")


def _shapes(guide: Guide, opened: Opened, found: Mapping[str, Sequence[str]]) -> list[tuple[str, Any, Any]]:
    """(path, shape in the plan, shape in the file) of the arrays that are in both."""
    return [
        (name, guide.source.arrays[name][0], tuple(facts_of(opened[names[0]]).shape))
        for name, names in found.items() if names
    ]  # fmt: skip


def _is_unread(name: str, guide: Guide) -> bool:
    """Whether nothing needs an array: a count of steps, which some files lack."""
    rows = {weight.array for row in guide.draft.rows for weight, _ in row.sources}
    return name not in rows | {*guide.source.left} | {one.weight.array for one in guide.draft.dropped}


def _prefix(guide: Guide, missing: Sequence[str], extra: Sequence[str]) -> str:
    """What stands before each name of one side, where that is all in which they differ."""
    for short, long, way_out in ((missing, extra, _FILE_LONGER), (extra, [*guide.source.arrays], _PLAN_LONGER)):
        ends = (name.removesuffix(short[0]) for name in long if short and name.endswith(short[0]))
        before = next((each for each in ends if all(each + name in long for name in short)), "")
        if before:
            return way_out.format(before)
    return ""


_FILE_LONGER = (
    ". The file's names are the plan's with {!r} before each: take that off in the file, or make the plan with the "
    "module that holds the net under that name"
)
_PLAN_LONGER = (
    ". The plan's names are the file's with {!r} before each: make the plan with that part alone, or save the whole "
    "in the file"
)


def _other_way(guide: Guide, opened: Opened) -> str:
    if not all(_found(name, opened, guide.target) for name in guide.target.arrays if name not in guide.counts):
        return ""
    return ". It fits the plan's target: for this way make the plan with plan_weights(target_model, source_model)"


def _check_ties(guide: Guide, opened: Opened, found: Mapping[str, Sequence[str]]) -> None:
    """An array with several names may be in a file several times, and must be the same each time."""
    for names in found.values():
        for name in names[1:]:
            if _bytes(read(opened[names[0]])) != _bytes(read(opened[name])):
                raise guide.refuse(f"says that {names[0]} and {name} are one array; in the file they differ")


def _bytes(array: HostArray) -> bytes:
    return codes_of(array).tobytes()
