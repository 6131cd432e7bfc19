"""Pairs of arrays to compare: random numbers, the same in every run."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Pair = tuple[Any, Any]

# kind -> the verdict that dualcell must reach; see `pair`
VERDICTS = {
    "equal": "equal",
    "close": "close",
    "differs": "differs",
    "NaN-heavy": "differs",
    "scaled x1.01": "differs",
    "offset +0.01": "differs",
}

# rtol and atol of dualcell (and `torch.testing.assert_close`) where nothing else is asked for
TOLERANCES = {
    "float16": (1e-3, 1e-5),
    "bfloat16": (1.6e-2, 1e-5),
    "float32": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7),
}


def pair(kind: str, elements: int, dtype: str = "float32") -> tuple[Array, Array]:
    """Two flat arrays of `dtype` (a float type of NumPy's); the left one is standard normal.

    Args:
        kind: how the right one came from the left one. `equal`: a copy. `close`: noise of up
            to 0.4 of the tolerance. `differs`: normal noise of deviation 0.1, beyond the
            tolerance nearly everywhere. `NaN-heavy`: as `close`, with NaN in a random tenth
            of the places, the same on both sides. `scaled x1.01`, `offset +0.01`: so.
        elements: how many each has.
        dtype: `float16`, `float32`, `float64`; or `bfloat16`, whose noise comes in float32.
    """
    random = np.random.default_rng(0)
    stored = np.dtype("float32" if dtype == "bfloat16" else dtype)
    working: Any = np.float64 if stored == np.float64 else np.float32
    left = random.standard_normal(elements, working).astype(stored, copy=False)
    if kind == "equal":
        right = left.copy()
    elif kind == "differs":
        right = left + 0.1 * random.standard_normal(elements, working)
    elif kind in ("close", "NaN-heavy"):
        right = left + _noise(left, random.random(elements, working), *TOLERANCES[dtype])
    else:
        right = left * working(1.01) if kind.startswith("scaled") else left + working(0.01)
    if kind == "NaN-heavy":
        places = random.random(elements, np.float32) < 0.1
        left[places], right[places] = np.nan, np.nan
    return left, right.astype(stored, copy=False)


def _noise(left: Array, uniform: Array, rtol: float, atol: float) -> Array:
    """Noise of up to 0.4 of the tolerance, on either side; changes `uniform` in place."""
    uniform *= 0.8
    uniform -= 0.4
    return uniform * (atol + rtol * abs(left).astype(uniform.dtype, copy=False))
