"""Two host arrays of one shape -> `Stats`, by the pass that suits them."""

from __future__ import annotations

from collections.abc import Callable

from dualcell.coded import HostArray, dtype_of
from dualcell.plain_pass import plain_pass
from dualcell.stats import Figures, Stats
from dualcell.tolerance import Tolerance

# Elements of one pair of dtypes that a process has met before it loads the compiled loops:
# NumPy takes about 0.1 us for each, loading from numba's cache 0.4 s (compiling 5 s, once a machine).
COMPILED_FROM = 4_000_000
SMALL = 20_000  # elements below which NumPy is as fast and starts no threads

_met: dict[object, int] = {}

_LARGEST = 1e30  # tolerances above it would overflow float32


def measure(
    left: HostArray, right: HostArray, tolerance: Tolerance, *, equal_nan: bool = False, reference: str = "left"
) -> Stats:
    """Compare two arrays of the same shape, element by element.

    Args:
        left: numeric or boolean array of any shape and strides; or `Coded`.
        right: array of the same shape; its dtype may differ.
        tolerance: what counts as close.
        equal_nan: NaN in the same place counts as equal.
        reference: `left` or `right`, the side that rtol is relative to.

    Returns:
        The measured `Stats`. Neither array is changed or copied whole. Whatever pass
        measures, only the sums behind mean, RMS and cosine differ, by their rounding.

    Raises:
        ValueError: the shapes differ.
    """
    if left.shape != right.shape:
        raise ValueError(f"measure needs one shape, got {left.shape} and {right.shape}.")
    if left.size == 0:
        return Stats(total=0)
    one_pass = fast_pass(left, right, tolerance) if _is_much(left, right) else plain_pass
    return one_pass(left, right, tolerance, equal_nan=equal_nan, reference=reference).stats(left, right)


def fast_pass(left: HostArray, right: HostArray, tolerance: Tolerance) -> Callable[..., Figures]:
    """The compiled pass if it knows these dtypes; else, and where numba refuses this NumPy or Python, the plain one."""
    if max(tolerance.rtol, tolerance.atol) > _LARGEST:
        return plain_pass
    try:
        from dualcell.compiled_pass import compiled_pass, plan_for  # deferred: it imports numba
    except ImportError:
        return plain_pass
    return plain_pass if plan_for(left, right) is None else compiled_pass


def _is_much(left: HostArray, right: HostArray) -> bool:
    """Whether the compiled loops are worth their start for arrays of these dtypes."""
    dtypes = dtype_of(left), dtype_of(right)
    _met[dtypes] = _met.get(dtypes, 0) + left.size
    return left.size >= SMALL and _met[dtypes] >= COMPILED_FROM
