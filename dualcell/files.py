"""A path -> the arrays in the file or folder, by name. Each is mapped: it may be larger than memory.

What a kind of file needs, h5py or torch, is imported when such a file is opened. Nothing is
ever unpickled that could run code.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dualcell.coded import HostArray
from dualcell.errors import FileError
from dualcell.frameworks.registry import needed, state_files
from dualcell.mapped import map_file, npy_array, safetensors_tensors
from dualcell.paths import path_of
from dualcell.shards import INDEX, folder_tensors, indexed_tensors

# files that others open: how
_OTHERS = {".npz": "numpy.load(path)", ".bin": "torch.load(path, weights_only=True)"}


def open_file(path: os.PathLike[str]) -> HostArray | dict[str, Any]:
    """Map a file of arrays into memory, for reading only.

    Args:
        path: a `.npy`, `.safetensors`, `.safetensors.index.json`, `.weights.h5`, `.h5`,
            `.keras`, `.pt` or `.pth` file, or a folder of the `.safetensors` files of one
            model. It must not shrink while its arrays are in use.

    Returns:
        The array of a `.npy` file; the name and array of each tensor of the other kinds, in
        the order of the file: views of it, in its byte order. A `.pt` file gives what was
        saved, usually a dict of torch tensors.

    Raises:
        FileError: there is no such file, it is of another kind, not sound, or asks for code to run.
        FrameworkError: the library that reads it, h5py or torch, is not installed.
    """
    path = path_of(path, "path")
    try:
        return _opened(path)
    except OSError as error:
        if isinstance(error, FileError):
            raise
        raise FileError(f"{str(path)!r} cannot be opened: {error.strerror or error}.") from error


def _opened(path: Path) -> HostArray | dict[str, Any]:
    if path.is_dir() and path.suffix.lower() not in _READERS:
        return folder_tensors(path)
    name = path.name.lower()
    reader = next((read for suffix, read in _READERS.items() if name.endswith(suffix)), None)
    if reader is None:
        raise FileError(f"{_is_something_else(path)}, expected {_EXPECTED}{_way_out(path)}.")
    try:
        return reader(path)
    except FileError as error:
        _refuse_misnamed(path, error)
        raise


def _refuse_misnamed(path: Path, cause: FileError) -> None:
    """Say so if a file that cannot be read begins like one of another suffix."""
    if not path.is_file():  # a pipe would be waited for
        return
    try:
        with path.open("rb") as stream:
            beginning = stream.read(8)
    except OSError:
        return
    for mark, (kind, suffixes) in _BEGINNINGS.items():
        if beginning.startswith(mark) and not path.name.lower().endswith(suffixes):
            first, *others = suffixes
            named = f"{', '.join(others)} or {first}" if others else first
            raise FileError(
                f"{str(path)!r} ends in {path.suffix!r} and begins like {kind}; name it as what it is, {named}."
            ) from cause


_BEGINNINGS = {
    b"\x89HDF\r\n\x1a\n": ("an HDF5 file", (".h5", ".weights.h5")),
    b"PK\3\4": ("a zip archive", (".pth", ".keras", ".pt")),
    b"\x93NUMPY": ("an array of NumPy", (".npy",)),
}


def names_file(text: Any) -> bool:
    """Whether a value is text that looks like the path of a file that `open_file` opens."""
    return isinstance(text, str) and text.lower().endswith(tuple(_READERS))


def _is_something_else(path: Path) -> str:
    return f"{str(path)!r} ends in {path.suffix!r}" if path.suffix else f"{str(path)!r} has no suffix"


def _way_out(path: Path) -> str:
    how = _OTHERS.get(path.suffix.lower())
    return f"; open it yourself and pass what it holds, as in {how}" if how else ""


def _hdf5(path: Path) -> dict[str, HostArray]:
    file = map_file(path)
    needed("h5py", str(path))
    from dualcell.hdf5 import hdf5_arrays, keras_arrays

    return keras_arrays(file) if path.suffix.lower() == ".keras" else hdf5_arrays(file)


def _torch(path: Path) -> dict[str, Any]:
    file = map_file(path)
    needed("torch", str(path))
    return state_files("torch").open(file)


_READERS: dict[str, Callable[[Path], HostArray | dict[str, Any]]] = {
    ".npy": lambda path: npy_array(map_file(path)),
    ".safetensors": lambda path: safetensors_tensors(map_file(path)),
    INDEX: indexed_tensors,
    ".h5": _hdf5,
    ".keras": _hdf5,
    ".pt": _torch,
    ".pth": _torch,
}
*_FIRST, _LAST = _READERS
_EXPECTED = f"{', '.join(_FIRST)} or {_LAST}"
