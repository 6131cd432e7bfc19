"""Tensors in several `.safetensors` files, with an index or numbered: `model-00001-of-00002.safetensors`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from reprlib import repr as brief
from typing import Any, NoReturn

from dualcell.coded import HostArray
from dualcell.errors import FileError
from dualcell.mapped import map_file, safetensors_tensors

INDEX = ".safetensors.index.json"
_LARGEST_INDEX = 100_000_000  # bytes
_NUMBERED = re.compile(r"(.*)-(\d+)-of-(\d+)\.safetensors")


def indexed_tensors(path: Path) -> dict[str, HostArray]:
    """The tensors of all files that an index names, in the order of the index.

    Raises:
        FileError: the index or one of its files is not sound, or they do not fit each other.
    """
    places = _weight_map(path)
    shards = {name: safetensors_tensors(map_file(path.parent / name)) for name in dict.fromkeys(places.values())}
    for name, place in places.items():
        if name not in shards[place]:
            _refuse(path, f"it says that {name!r} is in {place!r}, which holds no such tensor")
    for place, tensors in shards.items():
        for name in tensors:
            if places.get(name) != place:
                _refuse(path, f"{place!r} holds {name!r}, and the index does not say so")
    return {name: shards[place][name] for name, place in places.items()}


def _weight_map(path: Path) -> dict[str, str]:
    """Name of each tensor -> name of its file, which lies beside the index."""
    file = map_file(path)
    if len(file.data) > _LARGEST_INDEX:
        _refuse(path, f"it has {len(file.data)} bytes, more than {_LARGEST_INDEX}")
    try:
        said: Any = json.loads(file.data[:].decode())
    except (ValueError, RecursionError) as error:
        _refuse(path, f"it is not JSON ({error})", error)
    places = said.get("weight_map") if isinstance(said, dict) else None
    if not isinstance(places, dict) or not places:
        _refuse(path, "it has no weight_map of tensors and their files")
    for name, place in places.items():
        if not isinstance(place, str) or Path(place).name != place or not place.endswith(".safetensors"):
            _refuse(path, f"the file of {name!r} is {brief(place)}, expected a .safetensors file beside the index")
    return places


def folder_tensors(folder: Path) -> dict[str, HostArray]:
    """The tensors of the one model in a folder: by its index, in one file, or in numbered ones.

    Raises:
        FileError: there are no `.safetensors` files, or more than one model, or a part is missing.
    """
    indices = sorted(folder.glob(f"*{INDEX}"))
    if len(indices) == 1:
        return indexed_tensors(indices[0])
    files = sorted(folder.glob("*.safetensors"))
    if not files and not indices:
        raise FileError(f"{str(folder)!r} is a folder without .safetensors files; name a file in it.")
    if len(files) == 1 and not _NUMBERED.fullmatch(files[0].name):
        return safetensors_tensors(map_file(files[0]))
    return _joined(folder, _parts(folder, [path.name for path in (indices or files)]))


def _parts(folder: Path, names: Iterable[str]) -> list[Path]:
    """Files that are the numbered parts of one model, all of them."""
    names = list(names)
    found = [_NUMBERED.fullmatch(name) for name in names]
    stems = {(match[1], int(match[3])) for match in found if match}
    if len(stems) != 1 or not all(found):
        raise FileError(f"{str(folder)!r} holds several models: {', '.join(names)}; name one of these files.")
    [(stem, count)] = stems
    here = {int(match[2]): name for match, name in zip(found, names, strict=True) if match}
    missing = [number for number in range(1, count + 1) if number not in here] if count <= len(names) + 1000 else [0]
    if missing or len(here) != count or len(names) != count:
        raise FileError(f"{str(folder)!r} holds {len(names)} of the {count} parts of {stem!r}; fetch all of them.")
    return [folder / here[number] for number in sorted(here)]


def _joined(folder: Path, parts: Iterable[Path]) -> dict[str, HostArray]:
    tensors: dict[str, HostArray] = {}
    for path in parts:
        for name, tensor in safetensors_tensors(map_file(path)).items():
            if name in tensors:
                raise FileError(f"{str(folder)!r} holds {name!r} twice, in {path.name!r} and in a part before it.")
            tensors[name] = tensor
    return tensors


def _refuse(path: Path, what: str, cause: Exception | None = None) -> NoReturn:
    raise FileError(f"{str(path)!r} is not a sound index: {what}. Write or fetch all of its files again.") from cause
