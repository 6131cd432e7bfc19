"""A path -> its `MappedFile`, and the tensors of those kinds whose header says where they lie: .npy, .safetensors.

Nothing is read before it is compared, and nothing is copied. A header is not trusted: every
number in it is held against the file's size. Nothing is ever unpickled.
"""

from __future__ import annotations

import json
import math
import mmap
import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from reprlib import repr as brief
from typing import Any, NoReturn

import numpy as np

from dualcell.coded import Array, Coded, HostArray
from dualcell.errors import FileError, did_you_mean
from dualcell.narrow import table_named

_LONGEST_HEADER = 100_000_000  # bytes; the safetensors library has the same limit

_AXES = 64  # the most that NumPy's arrays have

# what .safetensors calls a dtype -> NumPy's name, or the name of one that is coded
DTYPES = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4", "U64": "<u8",
    "I64": "<i8", "F16": "<f2", "F32": "<f4", "F64": "<f8", "C64": "<c8",
}  # fmt: skip
CODED = {
    "BF16": ("<u2", "bfloat16"),
    "F8_E4M3": ("u1", "float8_e4m3fn"),
    "F8_E5M2": ("u1", "float8_e5m2"),
    "F8_E8M0": ("u1", "float8_e8m0fnu"),
    "F8_E4M3FNUZ": ("u1", "float8_e4m3fnuz"),
    "F8_E5M2FNUZ": ("u1", "float8_e5m2fnuz"),
}


def map_file(path: Path) -> MappedFile:
    """Map a file into memory, for reading only.

    Raises:
        FileError: there is no such file, it is empty, or it may not be read.
    """
    if not path.is_file():
        raise FileError(f"{str(path)!r} is {_instead_of_a_file(path)}")
    try:
        with path.open("rb") as stream:
            if not os.fstat(stream.fileno()).st_size:
                raise FileError(f"{str(path)!r} is empty: 0 bytes. Write it again.")
            return MappedFile(path, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
    except FileError:
        raise
    except OSError as error:
        raise FileError(f"{str(path)!r} cannot be opened: {error.strerror}.") from error


def _instead_of_a_file(path: Path) -> str:
    if path.exists():
        return "no file."
    if path.is_symlink():
        return f"a link to {str(path.readlink())!r}, which leads nowhere."
    return f"not there.{_neighbour(path)}"


def _neighbour(path: Path) -> str:
    return did_you_mean(path.name, (file.name for file in path.parent.iterdir())) if path.parent.is_dir() else ""


def numbered(name: str) -> list[tuple[str, int]]:
    """What to sort names by so that `vars/10` comes after `vars/9`."""
    return [(text, int(digits or 0)) for text, digits in re.findall(r"(\D*)(\d{0,18})", name)]


@dataclass(frozen=True)
class MappedFile:
    """An open file.

    Attributes:
        path: where it lies.
        data: its bytes, read-only.
    """

    path: Path
    data: mmap.mmap

    def refuse(self, what: str, cause: Exception | None = None) -> NoReturn:
        """Raise: the file is not what its suffix says."""
        raise FileError(
            f"{str(self.path)!r} is not a sound {self.path.suffix} file: {what}. Write or fetch it again."
        ) from cause

    def view(self, dtype: np.dtype[Any], shape: tuple[int, ...], start: int, order: Any = "C") -> Array:
        """An array of the bytes from `start` on; they have been counted."""
        try:
            return np.ndarray(shape, dtype, self.data, start, order=order)
        except (ValueError, OverflowError) as error:  # more axes than NumPy has; an axis too long, beside one of 0
            self.refuse(f"NumPy has no array of shape {brief(shape)} ({error})", error)


# --- .npy ---


def npy_array(file: MappedFile) -> Array:
    """The array of a `.npy` file; a view.

    Raises:
        FileError: the file is not sound, or holds Python objects.
    """
    shape, fortran, dtype = _npy_header(file)
    if dtype.hasobject:
        raise FileError(
            f"{str(file.path)!r} holds Python objects, which only unpickling reads, and that could run any code; "
            "save numbers, as in numpy.save(path, array.astype(float))."
        )
    if dtype.kind == "V" and not dtype.names:
        raise FileError(
            f"{str(file.path)!r} holds elements of {dtype.itemsize} bytes without a type, which is how NumPy saves "
            "bfloat16 and float8; save them as float32, or in a .safetensors file."
        )
    start, expected = file.data.tell(), dtype.itemsize * math.prod(shape)
    if start + expected != len(file.data):
        file.refuse(
            f"its header tells of {expected} bytes ({dtype.name} of shape {brief(shape)}), "
            f"but {len(file.data) - start} follow it"
        )
    return file.view(dtype, shape, start, "F" if fortran else "C")


def _npy_header(file: MappedFile) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether the first axis is the innermost, and dtype; `data` then stands behind the header."""
    try:
        version = np.lib.format.read_magic(file.data)  # pyright: ignore[reportArgumentType] - it only reads
        if version not in ((1, 0), (2, 0), (3, 0)):
            raise ValueError(f"version {version} of the format")
        # version 3 differs from 2 in the names of fields, which no tensor has
        read: Any = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(file.data)
    except Exception as error:  # whatever NumPy's parser raises at bytes that anyone may have written
        file.refuse((str(error).splitlines() or [type(error).__name__])[0].rstrip("."), error)
    if not _are_sizes(shape):
        file.refuse(f"its shape is {brief(shape)}")
    return shape, fortran, dtype


def _are_sizes(numbers: Any) -> bool:
    return len(numbers) <= _AXES and all(type(number) is int and 0 <= number < 2**63 for number in numbers)


# --- .safetensors ---


def safetensors_tensors(file: MappedFile) -> dict[str, HostArray]:
    """Name -> array of each tensor of a `.safetensors` file, in the order of its header; views.

    Raises:
        FileError: the file is not sound, or holds a dtype that is not known.
    """
    entries, start = _safetensors_header(file)
    tensors = {name: _entry(file, name, entry) for name, entry in entries.items() if name != "__metadata__"}
    _check_tiling(file, tensors, len(file.data) - start)
    return {name: _tensor(file, entry, start) for name, entry in tensors.items()}


def _safetensors_header(file: MappedFile) -> tuple[dict[str, Any], int]:
    """Name -> what is said of it, unchecked; and where the tensors begin."""
    data = file.data
    if len(data) < 8:
        file.refuse(f"it has {len(data)} bytes, fewer than the 8 that give the length of its header")
    length = int.from_bytes(data[:8], "little")
    if length > len(data) - 8:
        file.refuse(f"its header should have {length} bytes, but {len(data) - 8} follow")
    if length > _LONGEST_HEADER:
        file.refuse(f"its header has {length} bytes, more than {_LONGEST_HEADER}")
    try:
        entries = json.loads(data[8 : 8 + length].decode(), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        file.refuse(f"its header is not JSON ({error})", error)
    if not isinstance(entries, dict):
        file.refuse(f"its header is {brief(entries)}, expected names and what is said of them")
    return entries, 8 + length


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        [(name, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"it has the name {brief(name)} twice")
    return found


@dataclass(frozen=True)
class _Entry:
    """One tensor of a header, checked for itself; bytes are counted from the end of the header."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int


def _entry(file: MappedFile, name: str, said: Any) -> _Entry:
    dtype, shape, offsets = (said.get(key) if isinstance(said, dict) else None for key in _KEYS)
    if not (isinstance(shape, list) and _are_sizes(shape)):
        file.refuse(f"the shape of {brief(name)} is {brief(shape)}, expected sizes")
    if not (isinstance(offsets, list) and len(offsets) == 2 and _are_sizes(offsets)):
        file.refuse(f"the data_offsets of {brief(name)} are {brief(offsets)}, expected its first byte and its last")
    if not isinstance(dtype, str) or dtype not in (*DTYPES, *CODED):
        raise FileError(
            f"{str(file.path)!r} holds {brief(name)} of dtype {brief(dtype)}, which dualcell cannot read; "
            f"it reads {', '.join((*DTYPES, *CODED))}."
        )
    expected = math.prod(shape) * _host_dtype(dtype).itemsize
    if offsets[1] - offsets[0] != expected:
        file.refuse(
            f"{brief(name)} has {offsets[1] - offsets[0]} bytes, but {dtype} of shape {brief(shape)} {expected}"
        )
    return _Entry(dtype, tuple(shape), *offsets)


_KEYS = ("dtype", "shape", "data_offsets")


def _host_dtype(dtype: str) -> np.dtype[Any]:
    return np.dtype(DTYPES[dtype] if dtype in DTYPES else CODED[dtype][0])


def _check_tiling(file: MappedFile, tensors: dict[str, _Entry], size: int) -> None:
    """The tensors must lie one after the other, from the first byte behind the header to the last."""
    end = 0
    for name, entry in _in_order(tensors.items()):
        if entry.start != end:
            what = "overlaps the tensor before it" if entry.start < end else "leaves a gap before it"
            file.refuse(f"{brief(name)} begins at byte {entry.start}, which {what} (expected {end})")
        end = entry.stop
    if end != size:
        file.refuse(f"its tensors end at byte {end}, the file at byte {size}")


def _in_order(tensors: Iterable[tuple[str, _Entry]]) -> list[tuple[str, _Entry]]:
    return sorted(tensors, key=lambda tensor: (tensor[1].start, tensor[1].stop))


def _tensor(file: MappedFile, entry: _Entry, start: int) -> HostArray:
    array = file.view(_host_dtype(entry.dtype), entry.shape, start + entry.start)
    if entry.dtype not in CODED:
        return array
    name = CODED[entry.dtype][1]
    return Coded(array, table_named(name), name)
