"""Keras 3 variables, and blocks of Keras code on any of its backends.

The arrays that Keras returns belong to its backend; only its variables and symbolic
tensors are Keras' own.
"""

from __future__ import annotations

import importlib
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import Any

import keras
import numpy as np
from keras.src.backend.common import global_state
from numpy.typing import NDArray

from dualcell.coded import HostArray
from dualcell.frameworks.base import ArrayFacts, uncoded
from dualcell.frameworks.keras_initializers import torch_defaults
from dualcell.frameworks.numpy import NumpyArrays, NumpyBlocks
from dualcell.options import DTYPES, Options

_SEED_STATE = ("global_random_seed", "global_seed_generator")


class KerasArrays:
    """`keras.Variable`, read as the tensor in it, and `keras.KerasTensor`."""

    def owns(self, value: Any) -> bool:
        return isinstance(value, keras.Variable | keras.KerasTensor)

    def symbolic(self, value: Any) -> bool:
        return isinstance(value, keras.KerasTensor) or self._ask("symbolic", value, default=False)

    def why_not(self, value: Any) -> str:
        if isinstance(value, keras.KerasTensor):
            return "a symbolic KerasTensor has no values; call the model on an array"
        return self._ask("why_not", value, default="")

    def facts(self, value: Any) -> ArrayFacts:
        if not isinstance(value, keras.KerasTensor):
            return self._ask("facts", value)
        return ArrayFacts(tuple(-1 if size is None else size for size in value.shape), str(value.dtype), "")

    def snapshot(self, value: Any) -> Any:
        """The variable's present value, as a tensor of the backend."""
        return value if self.symbolic(value) else self._ask("snapshot", value)

    def bare(self, value: Any) -> Any:
        return self._ask("bare", value, default=value)

    def to_numpy(self, value: Any) -> NDArray[Any]:
        return self._ask("to_numpy", value)

    def to_host(self, value: Any) -> HostArray:
        return self._ask("to_host", value)

    def refill(self, value: Any, array: HostArray) -> Any:
        value.assign(uncoded(array))
        return value

    def _ask(self, verb: str, variable: Any, **default: Any) -> Any:
        """The answer of the backend's own adapter for the tensor in a variable."""
        tensor = variable.value
        if _known_backend():
            adapter = _backend().arrays
        else:
            adapter, tensor = NumpyArrays(), np.asarray(keras.ops.convert_to_numpy(tensor))
        answer = getattr(adapter, verb, None)
        return answer(tensor) if answer is not None else default["default"]


def _known_backend() -> bool:
    return keras.config.backend() in ("tensorflow", "torch", "jax")


def _backend() -> Any:
    return importlib.import_module(f"dualcell.frameworks.{keras.config.backend()}")


class KerasBlocks:
    """Blocks of Keras code: what the backend does, and Keras' own settings."""

    dtypes = DTYPES

    def devices(self) -> tuple[str, ...]:
        return self._runner().devices()

    @contextmanager
    def scope(self, options: Options) -> Generator[None]:
        with ExitStack() as stack:
            stack.enter_context(self._runner().scope(options))
            if options.device != "auto":
                stack.enter_context(keras.device(options.device.replace("cuda", "gpu")))
            if options.seed is not None:
                stack.enter_context(_seed(options.seed))
            if options.dtype is not None:
                stack.enter_context(_dtype(options.dtype))
            if options.init == "torch":
                stack.enter_context(torch_defaults(keras))
            yield

    def wait(self) -> None:
        self._runner().wait()

    def forget_peak(self) -> None:
        getattr(self._runner(), "forget_peak", lambda: None)()

    def peak(self) -> tuple[int, str] | None:
        return getattr(self._runner(), "peak", lambda: None)()

    def describe(self) -> dict[str, str]:
        policy = global_state.get_global_attribute("dtype_policy")  # asking Keras for it would set it
        facts = self._runner().describe()
        facts.pop("dtype", None)
        return {"keras": keras.__version__, **facts, "dtype": policy.name if policy else keras.config.floatx()}

    def _runner(self) -> Any:
        return _backend().blocks if _known_backend() else NumpyBlocks()


@contextmanager
def _seed(seed: int) -> Generator[None]:
    """Seed Keras' own generator and put it back on exit; the backend's is not Keras'.

    `keras.utils.set_random_seed` would do, but it imports TensorFlow on every backend.
    """
    old = {name: global_state.get_global_attribute(name) for name in _SEED_STATE}
    try:
        global_state.set_global_attribute("global_random_seed", seed)
        global_state.set_global_attribute("global_seed_generator", None)
        yield
    finally:
        for name, value in old.items():
            global_state.set_global_attribute(name, value)


@contextmanager
def _dtype(dtype: str) -> Generator[None]:
    """Set floatx and the policy of new layers: Keras keeps them apart once a layer was made."""
    floatx, policy = keras.config.floatx(), global_state.get_global_attribute("dtype_policy")
    try:
        keras.config.set_floatx(dtype)
        keras.config.set_dtype_policy(dtype)
        yield
    finally:
        keras.config.set_floatx(floatx)
        global_state.set_global_attribute("dtype_policy", policy)


arrays = KerasArrays()
blocks = KerasBlocks()
