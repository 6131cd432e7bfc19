"""A path -> a file that is whole or not there: it is written under another name and renamed at the end."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from dualcell.errors import FileError


@contextmanager
def whole_file(path: Path, *, force: bool) -> Generator[Path]:
    """A name beside `path` to write to; on leaving, what was written is flushed and becomes `path`.

    If the block fails, nothing is left of it, and what was at `path` before stays.

    Args:
        path: where the file should be.
        force: replace a file that is there already.

    Raises:
        FileError: there is a file already, no folder for it, or it could not be written.
    """
    check_free(path, force=force)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield partial
        with partial.open("rb+") as stream:
            os.fsync(stream.fileno())
        check_free(path, force=force)  # it may have been written meanwhile
        if path.exists():
            partial.chmod(stat.S_IMODE(path.stat().st_mode))
        partial.replace(path)
    except OSError as error:
        if isinstance(error, FileError):
            raise
        reason = error.strerror or str(error)
        raise FileError(f"{str(path)!r} could not be written: {reason}. Nothing is left of it.") from error
    finally:
        partial.unlink(missing_ok=True)
    _flush_folder(path.parent)


def check_free(path: Path, *, force: bool) -> None:
    """See that a file can be put at `path`.

    Raises:
        FileError: see `whole_file`.
    """
    try:
        problem = _problem(path, force=force)
    except (OSError, ValueError) as error:  # a name that is too long or has a NUL in it, a folder that is closed
        problem = f"cannot be written: {getattr(error, 'strerror', None) or error}"
    if problem:
        raise FileError(f"{str(path)!r} {problem}.")


def _problem(path: Path, *, force: bool) -> str:
    if not path.parent.is_dir():
        return f"cannot be written: there is no folder {str(path.parent)!r}; make it first"
    if path.is_dir() or (path.exists() and not path.is_file()):
        return "cannot be written: there is something else than a file; name another path"
    if _is_there(path) and not force:
        link = "" if path.exists() else f", a link to {str(path.readlink())!r}, which leads nowhere"
        return f"is there already{link}; name another path, or force it: force=True, --force"
    return ""


def _is_there(path: Path) -> bool:
    """Whether there is something, be it a link to nothing."""
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    return True


def _flush_folder(folder: Path) -> None:
    """Let the new name survive a crash of the machine, where folders can be flushed."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)
