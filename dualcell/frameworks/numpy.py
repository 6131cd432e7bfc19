"""NumPy arrays and scalars, and blocks that use NumPy alone."""

from __future__ import annotations

import mmap
import random
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualcell.coded import Coded, HostArray
from dualcell.frameworks.base import HostArrays
from dualcell.options import Options


class NumpyArrays(HostArrays):
    """NumPy arrays and NumPy scalars."""

    def owns(self, value: Any) -> bool:
        return isinstance(value, np.ndarray | np.generic)

    def array(self, value: Any) -> NDArray[Any]:
        return np.asanyarray(value)

    def snapshot(self, value: Any) -> Any:
        """A copy, unless nobody can write to the memory; a masked or structured array is kept as it is.

        An array that is merely marked read-only is copied: its base, an older view of it
        or its owner, who may lift the mark, can still be written to.
        """
        return value if self.why_not(value) or _is_frozen(value) else super().snapshot(value)

    def refill(self, value: Any, array: HostArray) -> Any:
        if not isinstance(value, np.ndarray):
            return np.asarray(array)[()]
        given = array.codes.view(value.dtype) if isinstance(array, Coded) else array
        if not value.flags.writeable or given.dtype.newbyteorder("=") != value.dtype.newbyteorder("="):
            return given
        value[...] = given
        return value


def _is_frozen(array: Any) -> bool:
    """Whether the memory is a read-only mapping of a file, or `bytes`, however many views there are on it.

    A file can be written to by other means; its mapping is kept all the same, as it may
    be larger than memory.
    """
    owner = array
    while isinstance(owner, np.ndarray | memoryview):
        owner = owner.base if isinstance(owner, np.ndarray) else owner.obj
    return isinstance(owner, bytes) or (isinstance(owner, mmap.mmap) and memoryview(owner).readonly)


class NumpyBlocks:
    """Blocks of NumPy code."""

    dtypes = ()

    def devices(self) -> tuple[str, ...]:
        return ("cpu",)

    @contextmanager
    def scope(self, options: Options) -> Generator[None]:
        """NumPy has no device and no default float type to set."""
        with host_seed(options.seed):
            yield

    def wait(self) -> None:
        """NumPy has finished when it returns."""

    def describe(self) -> dict[str, str]:
        return {"numpy": np.__version__}


@contextmanager
def host_seed(seed: int | None) -> Generator[None]:
    """Seed Python's and NumPy's generators; put their states back on exit."""
    if seed is None:
        yield
        return
    python_state, numpy_state = random.getstate(), np.random.get_state()
    try:
        random.seed(seed)
        np.random.seed(seed)
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)


arrays = NumpyArrays()
blocks = NumpyBlocks()
