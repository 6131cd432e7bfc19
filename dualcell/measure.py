"""Two host arrays of one shape -> `Stats`, by the pass that suits them."""

from __future__ import annotations

from dualcell.coded import HostArray
from dualcell.plain_pass import plain_pass
from dualcell.stats import Stats
from dualcell.tolerance import Tolerance

# elements; below, NumPy is done before the compiler's loops would be loaded (0.5 s, once a process)
COMPILED_FROM = 4_000_000

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
    if left.size < COMPILED_FROM or max(tolerance.rtol, tolerance.atol) > _LARGEST:
        figures = plain_pass(left, right, tolerance, equal_nan=equal_nan, reference=reference)
        return figures.stats(left, right)
    from dualcell.compiled_pass import compiled_pass, plan_for  # deferred: it imports numba

    plan = plan_for(left, right)
    one_pass = plain_pass if plan is None else compiled_pass
    return one_pass(left, right, tolerance, equal_nan=equal_nan, reference=reference).stats(left, right)
