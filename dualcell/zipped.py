"""A mapped zip archive -> its `Member`s, where they lie in the file: `.keras` and `.pt` files are such archives.

Nothing is extracted, so no name in an archive can lead out of it.
"""

from __future__ import annotations

import mmap
import tempfile
import zipfile
import zlib
from dataclasses import dataclass, replace
from typing import Any

from dualcell.mapped import MappedFile

_LOCAL_HEADER = 30  # bytes, before the name
_ENCRYPTED = 1
_BLOCK = 1 << 24  # bytes that are checked or unpacked at once

# an archive that unpacks to more than this, and to so many times its size, is taken for a bomb
SMALL, MOST_TIMES = 100_000_000, 100


@dataclass(frozen=True)
class Member:
    """A file in an archive.

    Attributes:
        name: its name.
        start: where its bytes begin in the archive.
        size: how many bytes lie there.
        full_size: how many it has unpacked; `size` unless it is compressed.
        method: how it is compressed, as `zipfile` numbers that.
        checksum: the CRC-32 of its unpacked bytes.
    """

    name: str
    start: int
    size: int
    full_size: int
    method: int
    checksum: int

    @property
    def is_packed(self) -> bool:
        """Whether its bytes are compressed."""
        return self.method != zipfile.ZIP_STORED


def members(file: MappedFile) -> dict[str, Member]:
    """The members of an archive by name.

    Raises:
        FileError: the archive is not sound, encrypted, or has a name twice.
    """
    try:
        with zipfile.ZipFile(file.path) as archive:
            entries = archive.infolist()
    except Exception as error:  # whatever the parser raises at bytes that anyone may have written
        file.refuse(f"it is no zip archive ({error})", error)
    found: dict[str, Member] = {}
    for entry in entries:
        if entry.filename in found:
            file.refuse(f"it has two members {entry.filename!r}")
        if entry.flag_bits & _ENCRYPTED:
            file.refuse(f"its member {entry.filename!r} is encrypted")
        start = _start(file, entry.header_offset)
        if start + entry.compress_size > len(file.data):
            file.refuse(f"its member {entry.filename!r} ends behind the end of the file")
        found[entry.filename] = Member(
            entry.filename, start, entry.compress_size, entry.file_size, entry.compress_type, entry.CRC
        )
    return found


def _start(file: MappedFile, offset: int) -> int:
    """Where the bytes of a member begin, whose own header is at `offset`."""
    header = file.data[offset : offset + _LOCAL_HEADER] if offset >= 0 else b""
    if len(header) < _LOCAL_HEADER or header[:4] != b"PK\3\4":
        file.refuse(f"there is no member at byte {offset}, where one should be")
    return offset + _LOCAL_HEADER + int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")


def unpacked(file: MappedFile, member: Member) -> tuple[MappedFile, int, int]:
    """The bytes of a member: the file they lie in, the first and the one behind the last.

    A compressed member is unpacked into a temporary file that nobody else sees.

    Raises:
        FileError: its checksum does not fit, or it unpacks to far more than it should.
    """
    if not member.is_packed:
        checksum = 0
        with memoryview(file.data) as data:
            for first in range(member.start, member.start + member.size, _BLOCK):
                checksum = zlib.crc32(data[first : min(first + _BLOCK, member.start + member.size)], checksum)
        if checksum != member.checksum or member.size != member.full_size:
            file.refuse(f"the checksum of its member {member.name!r} does not fit: it was damaged")
        return file, member.start, member.start + member.size
    if member.full_size > max(SMALL, MOST_TIMES * member.size):
        file.refuse(f"its member {member.name!r} of {member.size} bytes says it unpacks to {member.full_size}")
    with tempfile.TemporaryFile() as stream:
        try:
            with zipfile.ZipFile(file.path) as archive, archive.open(member.name) as packed:
                _copy(packed, stream, member.full_size)
        except Exception as error:
            file.refuse(f"its member {member.name!r} does not unpack ({error})", error)
        if stream.tell() != member.full_size:
            file.refuse(f"its member {member.name!r} unpacks to {stream.tell()} bytes, not to {member.full_size}")
        data = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    return replace(file, data=data), 0, member.full_size


def _copy(source: Any, target: Any, most: int) -> None:
    while most > 0 and (block := source.read(min(_BLOCK, most))):
        target.write(block)
        most -= len(block)
