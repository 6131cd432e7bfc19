"""What was given for a file -> its `Path`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from dualcell.errors import FileError


def path_of(given: Any, role: str, way_out: str = "") -> Path:
    """The path, also of bytes.

    Args:
        given: what should be one.
        role: what it is called in the error: `plan`.
        way_out: how to come to one, if that is not obvious.

    Raises:
        FileError: it is none.

    Examples:
        >>> path_of("a/b.npy", "source").name
        'b.npy'
    """
    try:
        return Path(os.fsdecode(given))
    except TypeError:
        raise FileError(f"{role}: expected the path of a file, got {type(given).__name__}{way_out}.") from None
