"""Print the seconds of a process's first large comparison, and of the same once more, as a list."""

import sys
from time import perf_counter

import dualcell
from benchmarks.data import pair
from benchmarks.harness import WARM_ELEMENTS

left, right = pair("close", WARM_ELEMENTS)
dualcell.compare([1.0], [1.0])  # the rest of dualcell is imported by then
found: list[float] = []
for _ in range(2):
    started = perf_counter()
    passed = bool(dualcell.compare(left, right))
    found.append(perf_counter() - started)
    if not passed:
        raise RuntimeError("dualcell says that close arrays differ.")
sys.stdout.write(f"{found}\n")
