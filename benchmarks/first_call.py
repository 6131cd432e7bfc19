"""What the first of everything costs, in processes of their own."""

from __future__ import annotations

from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.harness import WARM_ELEMENTS, Scale, fresh_process
from benchmarks.tables import Row, Table, at_most, no_target

LIMIT = 20.0  # ms

NOTE = f"""\
Each figure from fresh processes. The first small comparison: a torch tensor of 3 elements against a NumPy array, \
after `import numpy, torch` and `from dualcell import compare`, which is the row below; one process goes before, to \
write the byte code. `%load_ext dualcell`: in a new \
IPython shell. The first large comparison ({WARM_ELEMENTS:,} float32 pairs) compiles the loops once on a machine, \
later processes load them from numba's cache; the same comparison once more is given beside it."""


def run(scale: Scale) -> Table:
    """One row for each first thing."""
    return Table("The first call", NOTE, [*_comparison(scale), _extension(scale), *_compiled(scale)])


def _comparison(scale: Scale) -> list[Row]:
    fresh_process("first_comparison")
    pairs = [fresh_process("first_comparison") for _ in range(scale.processes)]
    touched, compared = ([seconds * 1e3 for seconds in found] for found in zip(*pairs, strict=True))
    return [
        at_most("first small comparison", median(compared), LIMIT, " ms", details=_spread(compared)),
        no_target("importing `dualcell.compare`", median(touched), " ms", details=_spread(touched)),
    ]


def _extension(scale: Scale) -> Row:
    with TemporaryDirectory() as folder:  # a profile as new as the shell
        found = [fresh_process("load_extension", IPYTHONDIR=folder) * 1e3 for _ in range(scale.processes)]
    return no_target("`%load_ext dualcell`", median(found), " ms", details=_spread(found))


def _compiled(scale: Scale) -> list[Row]:
    with TemporaryDirectory() as cache:

        def seconds() -> Any:
            return fresh_process("first_large", NUMBA_CACHE_DIR=cache)

        uncached = seconds()
        cached = [seconds() for _ in range(min(3, scale.processes))]
    first, second = (median(found) for found in zip(*cached, strict=True))
    return [
        no_target("first large comparison, from numba's cache", first, " s", details=f"once more {second:.3g} s"),
        no_target("first large comparison, compiling", uncached[0], " s", details=f"once more {uncached[1]:.3g} s"),
    ]


def _spread(found: list[float]) -> str:
    return f"{min(found):.3g} to {max(found):.3g}; processes: {len(found)}"
