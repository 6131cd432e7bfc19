"""The values of the floats of 8 and 16 bits that NumPy lacks, from the layout of their bits."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

# bits of the fraction, what is subtracted from the exponent, and the codes of NaN
_FLOAT8 = {
    "float8_e4m3fn": (3, 7, (0x7F, 0xFF)),
    "float8_e4m3fnuz": (3, 8, (0x80,)),
    "float8_e5m2fnuz": (2, 16, (0x80,)),
}


@cache
def table_named(name: str) -> NDArray[Any]:
    """The value of each code of a dtype.

    Args:
        name: `bfloat16`, or one of torch's float8 types.

    Returns:
        float32 array of 256 or 65,536 elements, exact.

    Examples:
        >>> table_named("bfloat16")[[0x3F80, 0xC000]].tolist()
        [1.0, -2.0]
        >>> table_named("float8_e4m3fn")[[0x01, 0x7E]].tolist()
        [0.001953125, 448.0]
    """
    if name == "bfloat16":  # the upper half of float32
        return (np.arange(1 << 16, dtype=np.uint32) << 16).view(np.float32)
    codes = np.arange(256, dtype=np.uint16)
    if name == "float8_e5m2":  # the upper half of float16
        with np.errstate(invalid="ignore"):  # a signalling NaN
            return (codes << 8).view(np.float16).astype(np.float32)
    if name == "float8_e8m0fnu":  # an exponent alone
        return np.where(codes == 0xFF, np.nan, np.ldexp(1.0, codes.astype(int) - 127)).astype(np.float32)
    bits, bias, nans = _FLOAT8[name]
    exponent, fraction = (codes & 0x7F) >> bits, (codes & ((1 << bits) - 1)) / (1 << bits)
    size = np.ldexp(fraction + (exponent > 0), np.maximum(exponent, 1).astype(int) - bias)
    size[list(nans)] = np.nan
    return np.where(codes & 0x80, -size, size).astype(np.float32)
