"""`exact` and `quick`: how the loops are compiled, and where the result is kept.

numba keeps what it compiled and looks, to see whether it is stale, at the file of each
function alone, not at the functions it calls. So each version of the loops has a folder
of its own, named by a digest of them all.
"""

from __future__ import annotations

import hashlib
import os
from functools import cache
from pathlib import Path
from typing import Any

import numba

_config: Any = numba.config  # pyright: ignore[reportPrivateImportUsage] - documented, though not exported
_HERE = Path(__file__).parent
_SOURCES = ("compiling.py", "loops.py", "walks.py", "pictures/loops.py")


@cache
def cache_folder() -> Path | None:
    """Where the compiled loops are kept; None if no folder can be written to.

    The first of numba's own folder (`NUMBA_CACHE_DIR`), the package's, the user's.
    """
    try:
        digest = hashlib.blake2b(b"".join((_HERE / name).read_bytes() for name in _SOURCES), digest_size=8).hexdigest()
    except OSError:  # no files of their own, as inside a zip archive
        return None
    user = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    for base in (_config.CACHE_DIR, _HERE / "__pycache__", f"{user}/dualcell"):
        if not base:  # not configured
            continue
        try:
            folder = Path(base).expanduser() / f"loops-{digest}"
            folder.mkdir(parents=True, exist_ok=True)
        except (OSError, RuntimeError):  # not writable; a user without a home
            continue
        if os.access(folder, os.W_OK):
            return folder
    return None


def _compiled(**options: Any) -> Any:
    def decorate(function: Any) -> Any:
        folder, before = cache_folder(), _config.CACHE_DIR
        _config.CACHE_DIR = str(folder or before)
        try:
            return numba.njit(nogil=True, cache=folder is not None, error_model="numpy", **options)(function)
        finally:
            _config.CACHE_DIR = before

    return decorate


# sums may be reordered and bounds have slack; nothing else may be rounded differently
exact = _compiled()
quick = _compiled(fastmath={"reassoc", "nsz", "contract"})
