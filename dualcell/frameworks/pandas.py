"""pandas Series, Index and single-dtype DataFrames, read as arrays.

A DataFrame whose columns have several dtypes has no array that holds it exactly.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dualcell.frameworks.base import ArrayFacts, HostArrays, why_not_numeric


class PandasArrays(HostArrays):
    """Series, Index, DataFrame, and the extension arrays in them."""

    def owns(self, value: Any) -> bool:
        return isinstance(value, pd.Series | pd.Index | pd.DataFrame | pd.api.extensions.ExtensionArray)

    def array(self, value: Any) -> NDArray[Any]:
        return value.to_numpy()

    def why_not(self, value: Any) -> str:
        if isinstance(value, pd.DataFrame) and value.shape[1] == 0:
            return "a DataFrame without columns"
        if isinstance(value, pd.DataFrame) and len(set(value.dtypes)) != 1:
            return "a DataFrame whose columns have several dtypes; name its columns, as in df['a'] ~ b"
        dtype = _dtype(value)
        if not isinstance(dtype, np.dtype):
            return f"pandas dtype {dtype} is not a NumPy dtype; pass .to_numpy(dtype=...)"
        return why_not_numeric(np.empty(0, dtype))

    def facts(self, value: Any) -> ArrayFacts:
        dtype = _dtype(value)
        return ArrayFacts(tuple(value.shape), dtype.name if isinstance(dtype, np.dtype) else str(dtype))

    def snapshot(self, value: Any) -> Any:
        return value.copy() if isinstance(value, pd.api.extensions.ExtensionArray) else value.copy(deep=True)


def _dtype(value: Any) -> Any:
    if not isinstance(value, pd.DataFrame):
        return value.dtype
    return "/".join(dict.fromkeys(map(str, value.dtypes))) if len(set(value.dtypes)) != 1 else value.dtypes.iloc[0]


arrays = PandasArrays()
