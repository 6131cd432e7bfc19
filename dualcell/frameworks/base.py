"""What dualcell asks of a framework: two small sets of verbs, both optional.

An adapter is a module (or any object) with these names. `ArrayAdapter` answers for
values of one type; `BlockAdapter` answers for blocks of one framework. They are two
questions: Keras can run on torch, so a Keras block may hand over torch tensors.

No verb writes to, moves or detaches what it was given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dualcell.coded import Coded, HostArray, coded
from dualcell.options import Options
from dualcell.settings import Settings
from dualcell.weights.inventory import Inventory
from dualcell.weights.slots import Slots


@dataclass(frozen=True)
class ArrayFacts:
    """Shape, dtype and device of a tensor, in plain words.

    Attributes:
        shape: sizes of the axes; `()` for a 0-d tensor.
        dtype: NumPy's name where NumPy has one, else the framework's (`bfloat16`).
        device: `cpu`, `cuda:0`, `mps:0`; never a framework's own longer spelling.
    """

    shape: tuple[int, ...]
    dtype: str
    device: str = "cpu"


class ArrayAdapter(Protocol):
    """Reads the arrays of one library: its own snapshots, or (for `compare`) the values themselves."""

    def owns(self, value: Any) -> bool:
        """Whether `value` is an array of this library (of any kind, also unsupported)."""
        ...

    def why_not(self, value: Any) -> str:
        """Empty if the array can be compared, else one sentence with the way out."""
        ...

    def facts(self, value: Any) -> ArrayFacts:
        """Shape, dtype and device; no values are read."""
        ...

    def snapshot(self, value: Any) -> Any:
        """The value as it is now: itself if it cannot change, a copy on its device if it can."""
        ...

    def to_numpy(self, value: Any) -> NDArray[Any]:
        """The values on the host, in a dtype that holds them exactly (float32 for bfloat16).

        An adapter may have two verbs more. `to_host` gives the same values but leaves
        bfloat16 and float8 as they are, in `dualcell.coded.Coded`: no wider copy. `bare`
        gives the tensor itself, on its device and without a copy, that a parameter,
        variable or tracer stands for; what it gives can be indexed.

        What a cell is to be run again with needs two more. `refill(value, array)` writes
        numbers into a tensor and gives it back, or gives a new one on the same device if
        it cannot change or has another dtype. `keep(value)`, where a copy of the numbers
        is not all there is to remember, gives a function that puts the tensor back.
        """
        ...


class BlockAdapter(Protocol):
    """Runs the blocks of one framework.

    Attributes:
        dtypes: what `--dtype` may be; empty or absent if there is no default float type to set.
    """

    dtypes: tuple[str, ...]

    def devices(self) -> tuple[str, ...]:
        """Devices this framework can use now, `cpu` first."""
        ...

    def scope(self, options: Options) -> AbstractContextManager[None]:
        """Set device, seed, default dtype and eager mode; put everything back on exit."""
        ...

    def wait(self) -> None:
        """Return when work that was started on a device has finished."""
        ...

    def describe(self) -> dict[str, str]:
        """Versions and numerics settings for the header.

        An adapter may have two verbs more, where its framework counts a device's memory:
        `forget_peak()` counts afresh, `peak()` gives the most bytes in use since then and
        the device they were on, or None.
        """
        ...


class LayerReader(Protocol):
    """Reads the settings of layers, optimizers and losses of one library. No verb builds, runs or changes them."""

    def owns(self, value: Any) -> bool:
        """Whether `value` is an object of this library that has settings, or parts that have."""
        ...

    def library(self, value: Any) -> str:
        """The name of the library it is of."""
        ...

    def settings_of(self, value: Any) -> Settings | None:
        """Its settings in common words; None for a kind that there are no words for, models among them."""
        ...

    def parts_of(self, value: Any) -> list[tuple[str, Any]]:
        """(path, part) of the parts of a model that do something themselves, in order of definition.

        An object that is no model is its own only part, with an empty path.
        """
        ...

    def changed(self, value: Any, setting: str, to: Any) -> Any:
        """A copy of the object with one setting at another common value, or None: what the tests plant."""
        ...


class StateAdapter(Protocol):
    """Knows the objects in which a framework keeps state: layers, models, optimizers."""

    def owns(self, value: Any) -> bool:
        """Whether `value` is such an object."""
        ...

    def tensors(self, value: Any) -> list[Any]:
        """The tensors in it, each of which an `ArrayAdapter` reads."""
        ...

    def keep(self, value: Any) -> Callable[[], None]:
        """Remember it as it is now; gives the function that puts it back, any number of times."""
        ...

    def born(self, visit: Callable[[Any, Any], None]) -> AbstractContextManager[None]:
        """As long as it lasts, show `visit` each weight once, before it is used for the first time.

        With it come its first values as a NumPy array if it cannot be read yet, else None.
        """
        ...

    def in_float64(self) -> AbstractContextManager[None]:
        """As long as it lasts, take narrower float types that code names for float64, where that can be done."""
        ...


class ModelAdapter(Protocol):
    """Reads and writes the weights of one library's models."""

    def owns(self, model: Any) -> bool:
        """Whether `model` is a model or layer of this library."""
        ...

    def inventory(self, model: Any) -> Inventory:
        """What the model holds; no values are read.

        Raises:
            PlanError: a layer has no weights yet.
        """
        ...

    def write(self, array: Any, values: HostArray) -> None:
        """Put values into one of the inventory's arrays, in place, cast to its dtype."""
        ...

    def settle(self, model: Any) -> None:
        """After weights were written: work out again what layers keep that follows from them."""
        ...

    def inference(self, model: Any) -> AbstractContextManager[Any]:
        """The model as it is used when it is not trained; as it was, afterwards."""
        ...

    def file_names(self, model: Any) -> dict[int, list[str]]:
        """Id of each of the inventory's arrays -> its names in the files this library writes, the usual one first."""
        ...

    def slots(self, optimizer: Any, arrays: Mapping[str, Any]) -> Slots:
        """What an optimizer keeps for the weights among the inventory's arrays; no values are read.

        Raises:
            PlanError: it is not one of this library, of a kind unknown here, of another model, or keeps nothing yet.
        """
        ...


class HostArrays:
    """The verbs that arrays in host memory share. Subclasses give `owns` and `array`."""

    def array(self, value: Any) -> NDArray[Any]:
        """The value as a NumPy array, without a copy where possible."""
        raise NotImplementedError

    def why_not(self, value: Any) -> str:
        return why_not_numeric(self.array(value))

    def facts(self, value: Any) -> ArrayFacts:
        array = self.array(value)
        return ArrayFacts(array.shape, array.dtype.name)

    def snapshot(self, value: Any) -> Any:
        return np.array(self.array(value), copy=True)

    def to_numpy(self, value: Any) -> NDArray[Any]:
        return widen(np.asarray(self.array(value)))

    def to_host(self, value: Any) -> HostArray:
        return as_host(np.asarray(self.array(value)))


def why_not_numeric(array: NDArray[Any]) -> str:
    """Empty for a numeric or boolean array, else why it cannot be compared."""
    if isinstance(array, np.ma.MaskedArray):
        return "a masked array: masked elements have no value to compare; pass .filled(value)"
    if array.dtype.kind in "biufc" or is_extension(array.dtype):
        return ""
    if array.dtype.kind in "Mm":
        return f"dtype {array.dtype} holds dates; pass .astype('int64')"
    if array.dtype.names:
        return "a structured array; name its fields, as in a['x'] ~ b"
    if array.dtype.kind in "OSUT":
        kind = "Python objects" if array.dtype.kind == "O" else "text"
        return f"dtype {array.dtype} holds {kind}; pass .astype(float) if these are numbers"
    return f"dtype {array.dtype} holds no numbers"


def is_extension(dtype: np.dtype[Any]) -> bool:
    """Whether a dtype is one of ml_dtypes' (bfloat16, float8, int4, ...)."""
    return dtype.kind in "Vf" and dtype.type.__module__.startswith("ml_dtypes")


def widen(array: NDArray[Any]) -> NDArray[Any]:
    """ml_dtypes arrays in a NumPy dtype that holds every value; others in native byte order."""
    if not is_extension(array.dtype):
        return array.astype(array.dtype.newbyteorder("="), copy=False)
    return array.astype(np.int8 if "int" in array.dtype.name else np.float32)


def as_host(array: NDArray[Any]) -> HostArray:
    """Floats of ml_dtypes by their codes, a view; other arrays as `widen` has them."""
    return coded(array) if is_extension(array.dtype) and "int" not in array.dtype.name else widen(array)


def plain_array(array: HostArray) -> NDArray[Any]:
    """The values as an array; coded ones in a new float32 array."""
    return array.table[array.codes] if isinstance(array, Coded) else array


def uncoded(array: HostArray) -> NDArray[Any]:
    """The values in the dtype they have in memory: ml_dtypes' own where they were coded."""
    if not isinstance(array, Coded):
        return array
    import ml_dtypes  # whoever holds such a tensor outside of torch has it

    return array.codes.view(getattr(ml_dtypes, array.name))
