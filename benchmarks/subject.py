"""dualcell as the benchmarks call it: warm, and checked to find what the data holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dualcell
from benchmarks.data import TOLERANCES, Array, pair
from benchmarks.harness import WARM_ELEMENTS
from dualcell.captures import capture
from dualcell.comparison import compare_pair
from dualcell.measure import measure
from dualcell.options import Options
from dualcell.pairs import Pair
from dualcell.tolerance import Tolerance


def engine(left: Array, right: Array) -> object:
    """All metrics of two float32 arrays on the host, and nothing around them."""
    return measure(left, right, Tolerance(*TOLERANCES["float32"]))


# the two ways in: the engine and the public function
SUBJECTS: dict[str, Callable[[Array, Array], object]] = {"measure": engine, "dualcell.compare": dualcell.compare}


def verdict_of(left: Any, right: Any) -> str:
    """A pair of tensors measured and judged as `dualcell.compare` does, but causes are not looked for."""
    (_, one), (_, other) = capture(left, borrow=True)[0], capture(right, borrow=True)[0]
    return compare_pair(Pair("value", one, other), _DEFAULTS).verdict


_DEFAULTS = Options()


def expect(verdict: str, left: Any, right: Any) -> None:
    """Compare once, unmeasured.

    Raises:
        RuntimeError: the verdict is another; a time would say nothing then.
    """
    found = verdict_of(left, right)
    if found != verdict:
        raise RuntimeError(f"dualcell finds {found!r}, and this data was made to be {verdict!r}.")


def warm_up() -> None:
    """Let dualcell load its compiled loops for float32, on arrays of their own."""
    for kind in ("close", "differs"):
        expect(kind, *pair(kind, WARM_ELEMENTS))
