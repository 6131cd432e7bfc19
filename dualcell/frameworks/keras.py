"""Keras 3 variables, and blocks of Keras code on any of its backends.

The arrays that Keras returns belong to its backend; only its variables and symbolic
tensors are Keras' own.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from dualcell.frameworks.base import ArrayFacts, widen
from dualcell.frameworks.numpy import NumpyBlocks
from dualcell.options import DTYPES, Options

_SEED_STATE = ("global_random_seed", "global_seed_generator")


class KerasArrays:
    """`keras.Variable` and `keras.KerasTensor`."""

    def owns(self, value: Any) -> bool:
        return isinstance(value, keras.Variable | keras.KerasTensor)

    def symbolic(self, value: Any) -> bool:
        return isinstance(value, keras.KerasTensor)

    def why_not(self, value: Any) -> str:
        if self.symbolic(value):
            return "a symbolic KerasTensor has no values; call the model on an array"
        return ""

    def facts(self, value: Any) -> ArrayFacts:
        shape = tuple(-1 if size is None else size for size in value.shape)
        return ArrayFacts(shape, str(value.dtype), "" if self.symbolic(value) else _device(value))

    def snapshot(self, value: Any) -> Any:
        """A host copy of the variable's present value."""
        return value if self.symbolic(value) else np.array(keras.ops.convert_to_numpy(value.value))

    def to_numpy(self, value: Any) -> NDArray[Any]:
        return widen(np.asarray(keras.ops.convert_to_numpy(value.value)))


def _device(variable: Any) -> str:
    """The device in the words of the backend's own adapter."""
    return _backend().arrays.facts(variable.value).device


def _backend() -> Any:
    name = keras.config.backend()
    return importlib.import_module(f"dualcell.frameworks.{name}")


class KerasBlocks:
    """Blocks of Keras code: what the backend does, and Keras' own settings."""

    dtypes = DTYPES

    def devices(self) -> tuple[str, ...]:
        return self._runner().devices()

    @contextmanager
    def scope(self, options: Options) -> Iterator[None]:
        with ExitStack() as stack:
            stack.enter_context(self._runner().scope(options))
            if options.device != "auto":
                stack.enter_context(keras.device(options.device.replace("cuda", "gpu")))
            if options.seed is not None:
                stack.enter_context(_seed(options.seed))
            if options.dtype is not None:
                stack.enter_context(_dtype(options.dtype))
            yield

    def wait(self) -> None:
        self._runner().wait()

    def describe(self) -> dict[str, str]:
        facts = self._runner().describe()
        facts.pop("dtype", None)
        return {"keras": keras.__version__, **facts, "dtype": keras.config.dtype_policy().name}

    def _runner(self) -> Any:
        known = keras.config.backend() in ("tensorflow", "torch", "jax")
        return _backend().blocks if known else NumpyBlocks()


@contextmanager
def _seed(seed: int) -> Iterator[None]:
    """Seed Keras' own generator and put it back on exit; the backend's is not Keras'.

    `keras.utils.set_random_seed` would do, but it imports TensorFlow on every backend.
    """
    from keras.src.backend.common import global_state

    old = {name: global_state.get_global_attribute(name) for name in _SEED_STATE}
    global_state.set_global_attribute("global_random_seed", seed)
    global_state.set_global_attribute("global_seed_generator", None)
    try:
        yield
    finally:
        for name, value in old.items():
            global_state.set_global_attribute(name, value)


@contextmanager
def _dtype(dtype: str) -> Iterator[None]:
    """floatx and the policy of new layers: Keras keeps them apart once a layer was made."""
    floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)
    try:
        yield
    finally:
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(policy)


arrays = KerasArrays()
blocks = KerasBlocks()
