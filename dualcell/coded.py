"""Floats of 8 and 16 bits as the codes that stand for them, with the table of their values.

NumPy has no bfloat16 and no float8. Their codes are unsigned integers that it does have,
and a table of 256 or 65,536 values reads them; so a tensor of them needs no wider copy.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Coded:
    """An array of 8- or 16-bit floats.

    Attributes:
        codes: uint8 or uint16 array of any shape and strides; a view of the tensor.
        table: float32 array of 256 or 65,536 elements; the value of each code.
        name: the dtype's name, as in `bfloat16`.
    """

    codes: Array
    table: Array
    name: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes."""
        return self.codes.shape

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.codes.size

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """The values, for `numpy.asarray`: a new float32 array."""
        if copy is False:
            raise ValueError(f"{self.name} has no NumPy dtype, so its values are a copy.")
        return self.table[self.codes].astype(dtype or self.table.dtype, copy=False)


HostArray = Array | Coded


def codes_of(array: HostArray) -> Array:
    """The codes of coded values, an array itself; a view."""
    return array.codes if isinstance(array, Coded) else array


def decoded(codes: Array, array: HostArray) -> Array:
    """The values of some elements of `array`: a new float32 array if they are coded, else `codes`."""
    return array.table[codes] if isinstance(array, Coded) else codes


def dtype_of(array: HostArray) -> np.dtype[Any]:
    """The dtype of the values `decoded` gives."""
    return array.table.dtype if isinstance(array, Coded) else array.dtype


def same_dtype(left: HostArray, right: HostArray) -> bool:
    """Whether the tensors both stand for have one dtype."""
    if isinstance(left, Coded) or isinstance(right, Coded):
        return isinstance(left, Coded) and isinstance(right, Coded) and left.name == right.name
    return left.dtype == right.dtype


@cache
def table_of(dtype: np.dtype[Any]) -> Array:
    """The float32 value of each code of an 8- or 16-bit dtype that NumPy can cast (ml_dtypes' too)."""
    codes = np.arange(1 << (8 * dtype.itemsize), dtype=f"u{dtype.itemsize}")
    with np.errstate(invalid="ignore"):  # a signalling NaN
        return codes.view(dtype).astype(np.float32)


def coded(array: Array) -> Coded:
    """An array of an 8- or 16-bit float dtype as its codes; a view."""
    return Coded(array.view(f"u{array.dtype.itemsize}"), table_of(array.dtype), array.dtype.name)


def copied(array: HostArray) -> HostArray:
    """The values in memory of their own."""
    return Coded(array.codes.copy(), array.table, array.name) if isinstance(array, Coded) else np.array(array)
