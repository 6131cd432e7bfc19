"""The weights in HDF5 files, which Keras writes: `.weights.h5`, `.h5`, and the one in a `.keras` archive.

Arrays are views of the mapped file where they lie in one piece, as Keras writes them; others
are unpacked into a temporary file. Nothing outside the file is opened, whatever it links to.
"""

from __future__ import annotations

import io
import math
import mmap
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

import h5py
import numpy as np

from dualcell.coded import Coded, HostArray
from dualcell.errors import FileError
from dualcell.mapped import MappedFile, numbered
from dualcell.narrow import table_named
from dualcell.slabs import slabs
from dualcell.zipped import members, unpacked

_MEMBER = "model.weights.h5"  # of a .keras archive

# deflate makes at most 1 of 1,032 bytes; what stands for more than that holds nothing
_SMALL, _MOST_TIMES = 100_000_000, 1_100
_SLAB = 1 << 22  # elements

# what HDF5 unpacks by itself; other filters are plugins, code from elsewhere
_FILTERS = {1: "gzip", 2: "shuffle", 3: "fletcher32", 4: "szip", 5: "nbit", 6: "scaleoffset", 32000: "lzf"}


def hdf5_arrays(file: MappedFile) -> dict[str, HostArray]:
    """Name -> array of each dataset of an HDF5 file, by its path in the file: `layers/dense/vars/0`.

    Raises:
        FileError: the file is not sound, refers to other files, or holds what is no number.
    """
    return _Reader(file, 0, len(file.data)).arrays()


def keras_arrays(file: MappedFile) -> dict[str, HostArray]:
    """The same of the weights in a `.keras` archive, of which nothing else is read.

    Raises:
        FileError: see `hdf5_arrays`.
    """
    found = members(file)
    if _MEMBER not in found:
        file.refuse(f"it has no member {_MEMBER!r}, only {', '.join(map(repr, sorted(found))) or 'nothing'}")
    return _Reader(*unpacked(file, found[_MEMBER])).arrays()


@dataclass
class _Unpacked:
    """Arrays that do not lie in one piece, one after the other in a temporary file."""

    stream: Any
    places: dict[str, tuple[np.dtype[Any], tuple[int, ...], int]] = field(default_factory=dict)


class _Reader:
    def __init__(self, file: MappedFile, start: int, stop: int) -> None:
        self.file = file
        self.start, self.stop = start, stop

    def arrays(self) -> dict[str, HostArray]:
        with tempfile.TemporaryFile() as stream:
            aside = _Unpacked(stream)
            try:
                found = self._read(aside)
            except FileError:
                raise
            except Exception as error:  # whatever the library raises at bytes that anyone may have written
                self.file.refuse(f"HDF5 cannot read it ({str(error).splitlines()[0]})", error)
            if stream.tell():
                stream.flush()
                data = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
                found |= {name: np.ndarray(shape, dtype, data, at) for name, (dtype, shape, at) in aside.places.items()}
        return {name: self._named(name, found[name]) for name in sorted(found, key=numbered)}

    def _read(self, aside: _Unpacked) -> dict[str, Any]:
        self.dtypes: dict[str, str] = {}
        bounded = _Section(self.file.data, self.start, self.stop)
        with h5py.File(bounded, "r") as opened:
            return {name: self._array(name, dataset, aside) for name, dataset in self._datasets(opened)}

    def _datasets(self, opened: Any) -> Iterator[tuple[str, Any]]:
        """Every dataset with its path; only what lies in the file itself is looked at."""
        seen: set[Any] = set()
        stack: list[tuple[str, Any]] = [("", opened)]
        while stack:
            path, group = stack.pop()
            if group.id in seen:
                self.file.refuse(f"its group {path!r} is also found under another name")
            seen.add(group.id)
            for name in group:
                inner = f"{path}/{name}" if path else name
                link = group.get(name, getlink=True)
                if not isinstance(link, h5py.HardLink):
                    self._leads_away(f"{inner!r} is a link to {_aim(link)!r}")
                item = group[name]
                if isinstance(item, h5py.Group):
                    stack.append((inner, item))
                elif isinstance(item, h5py.Dataset):
                    yield inner, item
                else:
                    self.file.refuse(f"{inner!r} is neither a group nor a dataset")

    def _array(self, name: str, dataset: Any, aside: _Unpacked) -> Any:
        if dataset.external:
            self._leads_away(f"the values of {name!r} lie in {dataset.external[0][0]!r}")
        if dataset.is_virtual:
            self._leads_away(f"{name!r} is put together from datasets elsewhere")
        dtype, shape = dataset.dtype, dataset.shape
        self._check_dtype(name, dataset)
        kind, stored = dataset.id.get_type(), dataset.id.get_storage_size()
        size = kind.get_size() * math.prod(shape or ())
        properties = dataset.id.get_create_plist()
        plain = properties.get_layout() == h5py.h5d.CONTIGUOUS
        if shape is None or (plain and stored != size):
            self.file.refuse(
                f"{name!r} should have {size} bytes ({dtype.name} of shape {shape}), but {stored} are there"
            )
        if not size:
            return np.empty(shape, dtype)
        if plain and (dtype.kind == "V" or h5py.h5t.py_create(dtype, logical=True) == kind):
            return self._view(name, dataset, size)
        if size > max(_SMALL, _MOST_TIMES * stored):
            self.file.refuse(f"{name!r} of {stored} bytes says it unpacks to {size}")
        for index in range(properties.get_nfilters()):
            code = properties.get_filter(index)[0]
            if code not in _FILTERS:
                self.file.refuse(f"{name!r} is packed with filter {code}, which only a plugin unpacks")
        return self._unpack(name, dataset, aside)

    def _view(self, name: str, dataset: Any, size: int) -> Any:
        offset = dataset.id.get_offset()
        if offset is None or self.start + offset + size > self.stop:
            self.file.refuse(f"{name!r} ends behind the end of the file")
        return self.file.view(dataset.dtype, dataset.shape, self.start + offset)

    def _unpack(self, name: str, dataset: Any, aside: _Unpacked) -> None:
        aside.places[name] = dataset.dtype, dataset.shape, aside.stream.tell()
        for _, index in slabs(dataset.shape, _SLAB):
            aside.stream.write(np.ascontiguousarray(dataset[index]))

    def _check_dtype(self, name: str, dataset: Any) -> None:
        dtype = dataset.dtype
        if dtype.kind in "biufc":
            return
        said = dataset.attrs.get("dtype", "")
        if dtype.kind == "V" and dtype.names is None and dtype.itemsize == 2 and said == "bfloat16":
            self.dtypes[name] = "bfloat16"
            return
        if dtype.kind == "V" and dtype.names is None and dtype.itemsize == 2:
            raise FileError(
                f"{str(self.file.path)!r} holds elements of 2 bytes without a type in {name!r}, which is how Keras "
                "saves bfloat16 in .h5, and cannot read it itself; save the weights again, as in "
                "model.save_weights('model.weights.h5')."
            )
        kind = "text" if dtype.kind in "OSU" else f"dtype {dtype}"
        raise FileError(
            f"{str(self.file.path)!r} holds {kind} in {name!r}, expected numbers: it is no file of weights."
        )

    def _named(self, name: str, array: Any) -> HostArray:
        if name not in self.dtypes:
            return array
        return Coded(array.view("<u2"), table_named(self.dtypes[name]), self.dtypes[name])

    def _leads_away(self, what: str) -> NoReturn:
        raise FileError(
            f"{str(self.file.path)!r} refers to something outside of it: {what}. Keras writes no such files, and it "
            f"is not followed; save the weights again, as in model.save_weights('model.weights.h5')."
        )


def _aim(link: Any) -> str:
    return f"{link.filename}:{link.path}" if isinstance(link, h5py.ExternalLink) else str(getattr(link, "path", link))


class _Section(io.RawIOBase):
    """A part of a mapped file, as a file to read."""

    def __init__(self, data: mmap.mmap, start: int, stop: int) -> None:
        self._data, self._start, self._size, self._at = data, start, stop - start, 0

    def readinto(self, buffer: Any) -> int:
        count = max(0, min(len(buffer), self._size - self._at))
        first = self._start + self._at
        with memoryview(self._data) as data:
            buffer[:count] = data[first : first + count]
        self._at += count
        return count

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True
