"""Floats -> their neighbours: each number moved by one unit in the last place."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from dualcell.coded import Array, Coded, HostArray

# codes of floats without a NumPy dtype: those of finite numbers lie below infinity's, or below NaN's
_INFINITE = {"bfloat16": 0x7F80, "float8_e5m2": 0x7C, "float8_e4m3fn": 0x7F}


def nudged(array: HostArray, random: np.random.Generator) -> HostArray | None:
    """A copy with each element moved to a neighbouring float, away from zero or towards it.

    Zeros (masks, padding, missing biases), NaN and infinities stay, and no number
    becomes one of them.

    Args:
        array: floats or complex numbers of any shape.
        random: decides for each element which way it goes.

    Returns:
        An array of the same shape and dtype; None if its elements have no neighbours
        (integers, booleans) or an unknown format.

    Examples:
        >>> [float(number).hex() for number in nudged(np.float16([1.0, 0.0]), np.random.default_rng(0))]
        ['0x1.ffc0000000000p-1', '0x0.0p+0']
    """
    if isinstance(array, Coded):
        infinite = _INFINITE.get(array.name)
        if infinite is None:
            return None
        return replace(array, codes=_moved(np.array(array.codes), infinite, random))
    if array.dtype.kind == "c":
        parts = np.array(array, order="C")
        floats = parts.reshape(-1).view(f"f{parts.dtype.itemsize // 2}")
        return _nudged_floats(floats, random).view(parts.dtype).reshape(parts.shape)
    if array.dtype.kind != "f" or array.dtype.itemsize not in (2, 4, 8):
        return None
    return _nudged_floats(np.array(array, order="C"), random)


def _nudged_floats(array: Array, random: np.random.Generator) -> Array:
    codes: Any = np.dtype(f"u{array.dtype.itemsize}")
    infinite = int(np.array(np.inf, array.dtype).view(codes))
    return _moved(array.view(codes), infinite, random).view(array.dtype)


def _moved(codes: Array, infinite: int, random: np.random.Generator) -> Array:
    """The codes one further or one back; a float's code grows with its magnitude, below the bit of its sign."""
    sign = codes.dtype.type(1 << (8 * codes.dtype.itemsize - 1))
    magnitude = codes & ~sign
    further = random.integers(0, 2, codes.shape, dtype=np.uint8).astype(bool)
    may_grow = (magnitude > 0) & (magnitude < infinite - 1)
    may_shrink = (magnitude > 1) & (magnitude < infinite)
    one = codes.dtype.type(1)
    return codes + (may_grow & further) * one - (may_shrink & ~further) * one
