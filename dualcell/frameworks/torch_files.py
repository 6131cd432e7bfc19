"""The files that torch writes: state dicts in `.pt` and `.pth`, mapped, and never unpickled beyond tensors."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from reprlib import repr as brief
from typing import Any, NoReturn

import torch

from dualcell.errors import FileError
from dualcell.mapped import MappedFile
from dualcell.pickled import Call, calls
from dualcell.zipped import Member, members

_LONGEST_PICKLE = 100_000_000  # bytes, without the tensors


class TorchFiles:
    """What `torch.save` has written."""

    def open(self, file: MappedFile) -> Any:
        """What was saved, its tensors views of the file."""
        if file.data[:2] != b"PK":
            _refuse_other(file)
        inside = members(file)
        _check(file, inside)
        storages: list[Any] = []
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = torch.load(
                    file.path, weights_only=True, mmap=True, map_location=lambda storage, _: _noted(storage, storages)
                )
        except Exception as error:
            _refuse_code(file)
            file.refuse(str(error).splitlines()[0].rstrip("."), error)
        _check_storages(file, storages, inside.values())
        return found


def _noted(storage: Any, storages: list[Any]) -> Any:
    storages.append(storage)
    return storage


def _refuse_other(file: MappedFile) -> NoReturn:
    raise FileError(
        f"{str(file.path)!r} is no zip archive, the only kind of file that torch can map; if it is an old checkpoint "
        "that you trust, save it again: torch.save(torch.load(path, weights_only=True), path)."
    )


def _check(file: MappedFile, inside: dict[str, Member]) -> None:
    names = {name.rpartition("/")[2] for name in inside}
    if "constants.pkl" in names:
        raise FileError(
            f"{str(file.path)!r} is a TorchScript archive, which holds code; "
            "save its weights: torch.save(torch.jit.load(path).state_dict(), 'weights.pt')."
        )
    if "archive_format" in names:
        raise FileError(
            f"{str(file.path)!r} is a torch.export archive, which holds a program, and its name would end in .pt2; "
            "save its weights: torch.save(torch.export.load(path).state_dict, 'weights.pt')."
        )
    if "data.pkl" not in names:
        file.refuse("it has no member 'data.pkl', which torch.save writes")
    for member in inside.values():
        if member.is_packed:
            file.refuse(f"its member {member.name!r} is compressed, and torch writes none that is")
        if member.name.endswith(".pkl"):
            if member.size > _LONGEST_PICKLE:
                file.refuse(f"its member {member.name!r} has {member.size} bytes, more than {_LONGEST_PICKLE}")
            _check_calls(file, file.data[member.start : member.start + member.size])


def _check_calls(file: MappedFile, pickle: bytes) -> None:
    """Refuse calls that torch allows and that make any amount of memory out of a few bytes."""
    try:
        found = next((call for call in calls(pickle) if _grows(call)), None)
    except ValueError as error:
        file.refuse(str(error), error)
    if found is not None:
        given = ", ".join(brief(each) if isinstance(each, int | str) else "..." for each in found.arguments or (None,))
        raise FileError(
            f"{str(file.path)!r} may unpack to far more than it holds: to read it, {found.name}({given}) would have to "
            "be called, which torch.save never writes. It was not; save the state dict alone: "
            "torch.save(net.state_dict(), 'weights.pt')."
        )


_BARE = re.compile(r"torch(\.\w+)*\.(\w*Tensor|(Unt|T)ypedStorage)")


def _grows(call: Call) -> bool:
    """Whether a call is one by which a few bytes become many: as `bytearray(1 << 40)`, or a set of a tensor."""
    if call.name.startswith("torch."):
        return bool(_BARE.fullmatch(call.name))
    if call.name == "_codecs.encode":  # bytes are written so; other codecs make bytes of bytes, and again
        return call.arguments is None or call.arguments[1:] != ("latin1",)
    if not call.name.startswith(("builtins.", "collections.")):  # it is not allowed, unless by the user
        return False
    return call.arguments is None or any(not _is_held(each) for each in call.arguments)


def _is_held(value: Any) -> bool:
    """Whether a value lies in the pickle itself."""
    return value is None or (isinstance(value, Call) and value.name == "_codecs.encode")


def _refuse_code(file: MappedFile) -> None:
    """Say what beside tensors a file asks for; it is looked up without running anything."""
    try:
        asked = torch.serialization.get_unsafe_globals_in_checkpoint(file.path)
    except Exception:  # it is damaged in another way
        return
    if asked:
        listed = ", ".join(sorted(asked)[:4]) + (", ..." if len(asked) > 4 else "")
        raise FileError(
            f"{str(file.path)!r} holds more than tensors: to read it, {listed} would have to be called, and that could "
            "run any code. It was not; save the state dict alone: torch.save(net.state_dict(), 'weights.pt')."
        )


def _check_storages(file: MappedFile, storages: Sequence[Any], inside: Any) -> None:
    """See that each storage is a member of the archive, whole: torch maps it wherever the pickle says it ends."""
    places = [(storage.data_ptr(), storage.nbytes()) for storage in storages if storage.nbytes()]
    records = {(member.start, member.size) for member in inside}
    if not places:
        return
    first, size = places[0]
    starts = (first - start for start, length in records if length == size)
    if not any(all((place - base, length) in records for place, length in places) for base in starts):
        file.refuse("its tensors are not as large as its pickle says")


files = TorchFiles()
