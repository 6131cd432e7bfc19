"""Blocks of Keras 2 code (`tf_keras`). Its variables are TensorFlow's own."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import Any

import tf_keras
import tf_keras.src.backend
import tf_keras.src.mixed_precision.policy
from numpy.typing import NDArray

from dualcell.frameworks import tensorflow
from dualcell.frameworks.base import ArrayFacts
from dualcell.frameworks.keras_initializers import torch_defaults
from dualcell.options import Options


class TfKerasArrays:
    """The symbolic tensors of Keras 2's functional API."""

    def owns(self, value: Any) -> bool:
        return isinstance(value, tf_keras.__internal__.KerasTensor)

    def symbolic(self, value: Any) -> bool:
        return True

    def why_not(self, value: Any) -> str:
        return "a symbolic KerasTensor has no values; call the model on an array"

    def facts(self, value: Any) -> ArrayFacts:
        return ArrayFacts(tuple(-1 if size is None else size for size in value.shape), value.dtype.name, "")

    def snapshot(self, value: Any) -> Any:
        return value

    def to_numpy(self, value: Any) -> NDArray[Any]:
        raise TypeError(self.why_not(value))


class TfKerasBlocks:
    """Blocks of Keras 2 code."""

    dtypes = ("float16", "float32", "float64")  # its floatx takes no bfloat16

    def devices(self) -> tuple[str, ...]:
        return tensorflow.blocks.devices()

    @contextmanager
    def scope(self, options: Options) -> Generator[None]:
        with ExitStack() as stack:
            stack.enter_context(tensorflow.blocks.scope(options))
            if options.seed is not None:
                stack.enter_context(_seed(options.seed))
            if options.init == "torch":
                stack.enter_context(torch_defaults(tf_keras))
            if options.dtype is not None:
                backend, policy = tf_keras.backend, vars(tf_keras.src.mixed_precision.policy)["_global_policy"]
                stack.callback(tf_keras.mixed_precision.set_global_policy, policy)  # None: it follows floatx
                stack.callback(backend.set_floatx, backend.floatx())
                backend.set_floatx(options.dtype)
                tf_keras.mixed_precision.set_global_policy(options.dtype)
            yield

    def wait(self) -> None:
        tensorflow.blocks.wait()

    def forget_peak(self) -> None:
        tensorflow.blocks.forget_peak()

    def peak(self) -> tuple[int, str] | None:
        return tensorflow.blocks.peak()

    def describe(self) -> dict[str, str]:
        return {
            "tf_keras": tf_keras.__version__,
            **tensorflow.blocks.describe(),
            "dtype": tf_keras.mixed_precision.global_policy().name,
        }


@contextmanager
def _seed(seed: int) -> Generator[None]:
    """`tf_keras.utils.set_random_seed`, with its own generator put back on exit."""
    state = vars(vars(tf_keras.src.backend)["_SEED_GENERATOR"])
    old = state.get("generator")
    try:
        tf_keras.utils.set_random_seed(seed)
        yield
    finally:
        state["generator"] = old


arrays = TfKerasArrays()
blocks = TfKerasBlocks()
