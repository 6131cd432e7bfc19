"""Python's own numbers, read as 0-d arrays of 64 bits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualcell.frameworks.base import ArrayFacts, HostArrays


class PythonNumbers(HostArrays):
    """`bool`, `int`, `float` and `complex`."""

    def owns(self, value: Any) -> bool:
        return type(value) in (bool, int, float, complex)

    def array(self, value: Any) -> NDArray[Any]:
        return np.asarray(value)

    def why_not(self, value: Any) -> str:
        """Integers of any size are accepted up to 64 bits."""
        if type(value) is int and not -(2**63) <= value < 2**64:
            return "an integer of more than 64 bits; pass float(n)"
        return ""

    def facts(self, value: Any) -> ArrayFacts:
        return super().facts(value) if not self.why_not(value) else ArrayFacts((), "int")

    def snapshot(self, value: Any) -> Any:
        """Numbers cannot change."""
        return value


arrays = PythonNumbers()
