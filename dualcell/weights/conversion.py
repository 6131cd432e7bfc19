"""A file of weights and a saved plan -> another file, array by array; no model is needed and none is built."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dualcell.coded import Coded, HostArray
from dualcell.errors import FileError, PlanError
from dualcell.frameworks.registry import needed
from dualcell.mapped import CODED
from dualcell.narrow import table_named
from dualcell.paths import path_of
from dualcell.weights.copying import check_dropped, stage
from dualcell.weights.filed import facts_of, filed_arrays
from dualcell.weights.guide import Guide, check_complete, guide_of
from dualcell.weights.output import WRITERS, Output
from dualcell.weights.plan import WeightPlan, read
from dualcell.weights.rows import Row
from dualcell.written import check_free, whole_file

_KERAS = ".weights.h5"


@dataclass(frozen=True)
class Converted:
    """What was written.

    Attributes:
        path: where it lies.
        names: the arrays in it, in the order of the plan.
        size: bytes.
    """

    path: Path
    names: tuple[str, ...]
    size: int

    def __str__(self) -> str:
        return f"{self.path}: {len(self.names)} arrays, {_size(self.size)}"


def _size(count: int) -> str:
    """A number of bytes in the unit that leaves the fewest digits."""
    unit, name = next(((unit, name) for unit, name in _UNITS if count >= unit), (1, "bytes"))
    return f"{count / unit:.1f} {name}" if unit > 1 else f"{count} {name}"


_UNITS = ((10**9, "GB"), (10**6, "MB"), (10**3, "kB"))


def convert(
    source: os.PathLike[str] | str, to: os.PathLike[str] | str, plan: WeightPlan | os.PathLike[str] | str | None = None,
    *, force: bool = False, partial: bool = False,
) -> Converted:  # fmt: skip
    """Bring a file of weights into the layout and the names of the other framework.

    Arrays are read, moved and written one after the other. Each keeps the dtype it has in the
    file, bit for bit; only biases that are added are rounded (once; narrow floats to float32).

    Args:
        source: a file of the plan's source model, of any kind `files.open_file` reads.
        to: the file to write: `.safetensors`, named as the target names its weights, or
            `.weights.h5` for a Keras target.
        plan: from `plan_weights(source_model, target_model)`, or the path it was saved to.
        force: replace a file that is there already.
        partial: also by a plan that is not complete; the file lacks what has no values.

    Returns:
        What was written. The file appears when it is whole.

    Raises:
        PlanError: there is no plan, it is not complete, or one for another file; the text says what differs.
        FileError: the source cannot be read, or the target not be written.
        FrameworkError: h5py or torch is not installed, which such a file needs.
    """
    target, given = path_of(to, "to"), path_of(source, "source", _NO_FILE)
    suffix = _suffix(target)
    if plan is None:
        raise PlanError(_NO_PLAN)
    guide = guide_of(plan if isinstance(plan, WeightPlan) else path_of(plan, "plan", _NO_FILE))
    check_free(target, force=force)
    check_complete(guide, partial=partial)
    _check_kind(guide, target, suffix)
    arrays = filed_arrays(given, guide)
    check_dropped(guide.draft.dropped, arrays, read)
    outputs = _outputs(guide, arrays, _keras_name if suffix == _KERAS else _plain_name)
    with whole_file(target, force=force) as path:
        WRITERS[suffix](path, outputs, _metadata(guide))
    return Converted(target, tuple(output.name for output in outputs), target.stat().st_size)


_NO_FILE = "; convert knows files only, a model is saved first and a plan may be what plan_weights has given"
_NO_PLAN = (
    "a conversion needs a plan, which says what belongs where. Make one from both models, which may hold any values: "
    "dualcell.plan_weights(keras_model, net).save('plan.json'), then name it: --plan plan.json, plan='plan.json'."
)


def _suffix(target: Path) -> str:
    found = next((suffix for suffix in WRITERS if target.name.lower().endswith(suffix)), None)
    if found is None:
        raise FileError(f"{str(target)!r} cannot be written: expected a name that ends in {' or '.join(WRITERS)}.")
    return found


def _check_kind(guide: Guide, target: Path, suffix: str) -> None:
    if suffix == _KERAS:
        if guide.target.framework != "keras":
            kind = guide.target.framework
            raise guide.refuse(f"is for a {kind} model, whose files are .safetensors; name such a target")
        needed("h5py", str(target))


def _plain_name(guide: Guide, name: str) -> str:
    return name


def _keras_name(guide: Guide, name: str) -> str:
    """What an array is called in a `.weights.h5` file."""
    inside = [each for each in guide.target.names.get(name, ()) if "vars" in each.split("/")]
    if not inside:
        raise guide.refuse(
            f"does not tell what Keras calls {name} in its files; make it again with this version of dualcell and "
            f"Keras, or write a .safetensors file"
        )
    return inside[0]


def _metadata(guide: Guide) -> dict[str, str]:
    """As the safetensors library has it: the framework, and for each other name of a tied tensor the one it has."""
    if guide.target.framework != "torch":
        return {"format": "np"}
    ties = {other: name for name, names in guide.target.names.items() for other in names if other != name}
    return {"format": "pt", **ties}


# --- what is written ---


def _outputs(guide: Guide, arrays: Mapping[str, Any], called: Callable[[Guide, str], str]) -> list[Output]:
    """The arrays of the new file, in the order of the plan; none is made yet."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in guide.draft.rows:
        groups[row.target.array].append(row)
    made = [_output(guide, name, rows, arrays, called) for name, rows in groups.items()]
    for name, count in guide.counts.items():
        shape, dtype = guide.target.arrays[name]
        made.append(Output(called(guide, name), shape, dtype, _constant(shape, dtype, count)))
    twice = [name for name, times in Counter(output.name for output in made).items() if times > 1]
    if twice:
        raise guide.refuse(f"has two arrays that go by the name {twice[0]} in a file")
    return made


def _output(
    guide: Guide, name: str, rows: Sequence[Row], arrays: Mapping[str, Any], called: Callable[[Guide, str], str]
) -> Output:
    shape, count, filled = guide.target.arrays[name][0], rows[0].target.part[1], {row.target.part for row in rows}
    if len(filled) != count:
        raise guide.refuse(f"gives values to {len(filled)} of the {count} parts of {name}, and a file has it whole")
    if len(rows) == 1 and rows[0].fill is not None:
        dtype = rows[0].target.dtype
        return Output(called(guide, name), shape, dtype, _constant(shape, dtype, rows[0].fill))
    dtype = _common(*(_dtype(row, arrays) for row in rows))

    def make() -> HostArray:
        return stage(rows, arrays, {name: _constant(shape, dtype, 0)()}, read)[name]

    return Output(called(guide, name), shape, dtype, make)


_NARROW = {name: np.dtype(code) for code, name in CODED.values()}


def _dtype(row: Row, arrays: Mapping[str, Any]) -> str:
    """The dtype of the values that `copying.values_of` gives, without making them."""
    found = [facts_of(arrays[weight.array]).dtype for weight, _ in row.sources]
    if len(found) == 1:
        return found[0]
    return np.result_type(*map(_wide, found)).name if found else "float32"


def _common(*dtypes: str) -> str:
    """The dtype of an array that is put together of parts, as `copying.stage` does it."""
    return dtypes[0] if len({*dtypes}) == 1 else np.result_type(*map(_wide, dtypes)).name


def _wide(dtype: str) -> np.dtype[Any]:
    return np.dtype(np.float32 if dtype in _NARROW else dtype)


def _constant(shape: tuple[int, ...], dtype: str, value: float) -> Callable[[], HostArray]:
    """Makes an array of one value, which takes no memory."""

    def make() -> HostArray:
        if dtype not in _NARROW:
            return np.broadcast_to(np.array(value, dtype), shape)
        table = table_named(dtype)
        code = np.flatnonzero(table == value)[0].astype(_NARROW[dtype])
        return Coded(np.broadcast_to(code, shape), table, dtype)

    return make
