"""Print what one conversion takes: seconds, those of a plain copy of the same file, bytes of memory at the peak.

Arguments: the source, the target and the plan. Memory that maps a file does not count: the system can drop it.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import sys
from pathlib import Path
from statistics import median
from time import perf_counter

import dualcell
from tests.memory import Peak

ROUNDS = 3


def measured(source: Path, target: Path, plan: Path) -> dict[str, float]:
    """Medians of a few rounds in turns, each flushed to the disk; the first of all is not counted."""
    converted: list[float] = []
    copied: list[float] = []
    rise = 0
    for _ in range(ROUNDS + 1):
        with Peak() as peak:
            started = perf_counter()
            dualcell.convert(source, target, plan, force=True)
            converted.append(perf_counter() - started)
        rise = max(rise, peak.rise)
        started = perf_counter()
        _copy(source, target)
        copied.append(perf_counter() - started)
    return {"seconds": median(converted[1:]), "copy": median(copied[1:]), "rise": rise}


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    with target.open("rb+") as stream:
        os.fsync(stream.fileno())


if __name__ == "__main__":
    for library in ("h5py", *(["torch"] if sys.argv[1].endswith(".pt") else [])):
        importlib.import_module(library)  # not part of what is measured
    sys.stdout.write(f"\n{json.dumps(measured(*map(Path, sys.argv[1:4])))}\n")
