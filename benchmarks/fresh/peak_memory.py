"""Print the extra resident memory, in bytes, of one comparison at its peak.

Arguments: what to call (a name of `SUBJECTS` or `PEERS`), elements of each side, and `warm` or `cold`.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from contextlib import suppress
from pathlib import Path

from benchmarks.data import pair
from benchmarks.harness import WARM_ELEMENTS
from benchmarks.peers import PEERS
from benchmarks.subject import SUBJECTS


def extra_bytes(name: str, elements: int, start: str) -> int:
    """Bytes at the peak of one call, above those before it."""
    call = SUBJECTS.get(name) or PEERS[name]
    if start == "warm":
        for _ in range(2):
            call(*pair("close", WARM_ELEMENTS if name in SUBJECTS else 1000))
    left, right = pair("close", elements)
    _give_back()
    Path("/proc/self/clear_refs").write_text("5")  # the peak is what is resident now
    before = _resident("VmRSS")
    call(left, right)
    return max(0, _resident("VmHWM") - before)


def _give_back() -> None:
    """Return freed memory to the system, or a call that takes it again would seem to need none."""
    gc.collect()
    with suppress(OSError, AttributeError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)


def _resident(field: str) -> int:
    """A field of /proc/self/status, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))


if __name__ == "__main__":
    sys.stdout.write(f"\n{extra_bytes(sys.argv[1], int(sys.argv[2]), sys.argv[3])}\n")
