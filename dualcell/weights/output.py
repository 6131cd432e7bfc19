"""Arrays that are made one after the other -> a file of them: `.safetensors`, or Keras' `.weights.h5`.

Shapes and dtypes are known before: the header is written first, and then each array as soon
as it is made, in slabs, so that no more than one is in memory.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from dualcell.coded import Array, Coded, HostArray, codes_of
from dualcell.errors import FileError
from dualcell.mapped import CODED, DTYPES
from dualcell.slabs import slabs
from dualcell.strided import in_c_order

_SLAB = 1 << 20  # elements that are brought in order and written at once


@dataclass(frozen=True)
class Output:
    """One array of the file.

    Attributes:
        name: its name there.
        shape: sizes of the axes.
        dtype: NumPy's name of the dtype, or `bfloat16` and its like.
        make: gives its values; called once.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    make: Callable[[], HostArray]


def blocks_of(output: Output) -> Iterator[tuple[Any, Array]]:
    """(index, block) one after the other in C order; blocks in the byte order of files, codes for narrow floats."""
    made = output.make()
    values = codes_of(made)
    dtype = made.name if isinstance(made, Coded) else made.dtype.name
    assert (values.shape, dtype) == (output.shape, output.dtype)  # noqa: S101 - the header has said so
    little = values.dtype.newbyteorder("<")
    for _, index in slabs(output.shape, _SLAB):
        yield index, in_c_order(values[index], little)


# --- .safetensors ---

_CODES = {named: name for name, (_, named) in CODED.items()}
_NAMES = {np.dtype(code).name: name for name, code in DTYPES.items()} | _CODES
_SIZES = {name: np.dtype(code).itemsize for name, code in (*DTYPES.items(), *((n, c) for n, (c, _) in CODED.items()))}


def write_safetensors(path: Path, outputs: Sequence[Output], metadata: Mapping[str, str]) -> None:
    """Write arrays into a `.safetensors` file, the widest first so that each lies at a multiple of its size.

    Raises:
        FileError: the format has no such dtype.
    """
    for output in outputs:
        if output.dtype not in _NAMES:
            known = ", ".join(_NAMES)
            raise FileError(f".safetensors has no dtype {output.dtype}, which {output.name!r} is; it has {known}.")
    ordered = sorted(outputs, key=lambda output: (-_SIZES[_NAMES[output.dtype]], output.name))
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    end = 0
    for output in ordered:
        start, end = end, end + _SIZES[_NAMES[output.dtype]] * prod(output.shape)
        header[output.name] = {
            "dtype": _NAMES[output.dtype], "shape": list(output.shape), "data_offsets": [start, end],
        }  # fmt: skip
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("xb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        for output in ordered:
            for _, block in blocks_of(output):
                stream.write(block.data)


# --- .weights.h5 ---


def write_hdf5(path: Path, outputs: Sequence[Output], metadata: Mapping[str, str]) -> None:
    """Write arrays into an HDF5 file as Keras lays it out.

    Raises:
        FileError: Keras' files have no such dtype.
    """
    import h5py

    narrow = [output for output in outputs if output.dtype in _CODES and output.dtype != "bfloat16"]
    if narrow:
        raise FileError(f"Keras' files have no {narrow[0].dtype}, which {narrow[0].name!r} is; write .safetensors.")
    with h5py.File(path, "x") as file:
        file.create_group("vars")  # of the model itself; tf_keras asks for it, also when it is empty
        for output in outputs:
            kind = np.dtype("V2") if output.dtype == "bfloat16" else np.dtype(output.dtype)
            dataset = file.create_dataset(output.name, output.shape, kind)
            if output.dtype == "bfloat16":
                dataset.attrs["dtype"] = "bfloat16"
            for index, block in blocks_of(output):
                dataset[index] = block.view(kind) if kind.kind == "V" else block


WRITERS = {".safetensors": write_safetensors, ".weights.h5": write_hdf5}
