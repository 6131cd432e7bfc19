"""Floats of 8 and 16 bits that a file holds and NumPy has no dtype for."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from dualcell.coded import Coded, HostArray
from dualcell.frameworks import numpy
from dualcell.frameworks.base import ArrayFacts, plain_array


class CodedArrays:
    """`dualcell.coded.Coded`."""

    def owns(self, value: Any) -> bool:
        return isinstance(value, Coded)

    def why_not(self, value: Any) -> str:
        return ""

    def facts(self, value: Any) -> ArrayFacts:
        return ArrayFacts(value.shape, value.name)

    def snapshot(self, value: Any) -> Any:
        return Coded(numpy.arrays.snapshot(value.codes), value.table, value.name)

    def to_numpy(self, value: Any) -> NDArray[Any]:
        return plain_array(value)

    def to_host(self, value: Any) -> HostArray:
        return value


arrays = CodedArrays()
