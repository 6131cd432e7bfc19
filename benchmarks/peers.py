"""The other ways to compare two float32 arrays: each a function that raises or answers no if they are not close.

All get the tolerance that dualcell takes for float32. What a peer needs is imported when
it is first called, so that a process that measures one does not hold the others.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any

import numpy as np

from benchmarks.data import TOLERANCES, Array, pair

RTOL, ATOL = TOLERANCES["float32"]


def torch_assert_close(left: Array, right: Array) -> None:
    """`torch.testing.assert_close` of two tensors that share the arrays' memory."""
    import torch

    torch.testing.assert_close(torch.from_numpy(left), torch.from_numpy(right), rtol=RTOL, atol=ATOL)


def numpy_assert_allclose(left: Array, right: Array) -> None:
    """`numpy.testing.assert_allclose`."""
    np.testing.assert_allclose(left, right, rtol=RTOL, atol=ATOL)


def polygraphy_simple(left: Array, right: Array) -> None:
    """Polygraphy's `CompareFunc.simple`, as its users call it; what it prints is dropped.

    Raises:
        AssertionError: the arrays are not close.
    """
    from polygraphy.comparator import Comparator, CompareFunc, IterationResult, RunResults

    sides = (("left", left), ("right", right))
    results = RunResults([(name, [IterationResult({"value": side}, runner_name=name)]) for name, side in sides])
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore", DeprecationWarning)  # only the name is deprecated
        compare: Any = CompareFunc.simple(rtol=RTOL, atol=ATOL)
        if not Comparator.compare_accuracy(results, compare_func=compare):
            raise AssertionError("Polygraphy found a difference")


PEERS: dict[str, Callable[[Array, Array], None]] = {
    "torch.testing.assert_close": torch_assert_close,
    "numpy.testing.assert_allclose": numpy_assert_allclose,
    "Polygraphy CompareFunc.simple": polygraphy_simple,
}


def why_not(name: str) -> str:
    """Empty if a peer can be called here, else the reason; warms it up on a small pair."""
    try:
        PEERS[name](*pair("close", 1000))
    except ImportError as error:
        return f"{error.name} is not installed; `make bench` installs it"
    return ""
