"""TensorFlow tensors and variables, and blocks of plain TensorFlow code."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.python.eager import context

from dualcell.coded import HostArray
from dualcell.frameworks.base import ArrayFacts, as_host, uncoded, widen
from dualcell.frameworks.numpy import host_seed
from dualcell.options import Options

_WAY_OUT = {
    tf.RaggedTensor: "a ragged tensor; pass .to_tensor()",
    tf.SparseTensor: "a sparse tensor; pass tf.sparse.to_dense(t)",
    tf.IndexedSlices: "tf.IndexedSlices (the gradient of a gather); pass tf.convert_to_tensor(t)",
}


class TensorflowArrays:
    """Eager tensors, variables (also those of tf_keras) and the kinds that have no dense form."""

    def owns(self, value: Any) -> bool:
        return isinstance(value, (tf.Tensor, tf.Variable, *_WAY_OUT))

    def symbolic(self, value: Any) -> bool:
        """A variable has a value inside tf.function too, but not the one of that moment."""
        return tf.is_symbolic_tensor(value) or (isinstance(value, tf.Variable) and not tf.executing_eagerly())

    def why_not(self, value: Any) -> str:
        for kind, sentence in _WAY_OUT.items():
            if isinstance(value, kind):
                return sentence
        if self.symbolic(value):
            return "a symbolic tensor, inside tf.function, has no values"
        dtype = value.dtype
        if dtype.is_quantized or not (dtype.is_floating or dtype.is_integer or dtype.is_bool or dtype.is_complex):
            return f"dtype {dtype.name} holds no numbers that can be compared"
        return ""

    def facts(self, value: Any) -> ArrayFacts:
        shape = value.shape
        if isinstance(value, tf.Variable) and not shape.is_fully_defined() and not self.symbolic(value):
            shape = value.value().shape  # declared open, as in tf.Variable(x, shape=[None])
        sizes = tuple(-1 if size is None else size for size in shape) if shape.rank is not None else ()
        return ArrayFacts(sizes, value.dtype.name, _device(getattr(value, "device", "")))

    def snapshot(self, value: Any) -> Any:
        """Tensors cannot change; a variable gives a copy of its present value."""
        return tf.identity(value) if isinstance(value, tf.Variable) else value

    def bare(self, value: Any) -> Any:
        return value.value() if isinstance(value, tf.Variable) else value

    def to_numpy(self, value: Any) -> NDArray[Any]:
        return widen(_on_host(value))

    def to_host(self, value: Any) -> HostArray:
        return as_host(_on_host(value))

    def refill(self, value: Any, array: HostArray) -> Any:
        with tf.device(value.device):
            given = tf.constant(uncoded(array))
            if not isinstance(value, tf.Variable):
                return given
            if value.dtype != given.dtype:
                return tf.Variable(given)
        value.assign(given)
        return value


def _on_host(value: Any) -> NDArray[Any]:
    """The values, a view where they are in host memory (`value.numpy()` would copy them)."""
    tensor = tf.identity(value) if isinstance(value, tf.Variable) else value
    return np.asarray(tensor if tensor.shape.rank else tensor.numpy())  # NumPy cannot view 0-d bfloat16


def _device(name: str) -> str:
    """`/job:localhost/replica:0/task:0/device:GPU:1` -> `cuda:1`."""
    kind, _, index = name.rpartition("device:")[2].partition(":")
    return f"cuda:{index}" if kind == "GPU" else kind.lower() or "cpu"


class TensorflowBlocks:
    """Blocks of plain TensorFlow code; TensorFlow has no default float type to set."""

    dtypes = ()

    def devices(self) -> tuple[str, ...]:
        gpus = tf.config.list_logical_devices("GPU")
        return ("cpu", *(f"cuda:{index}" for index in range(len(gpus))))

    @contextmanager
    def scope(self, options: Options) -> Generator[None]:
        with ExitStack() as stack:
            stack.enter_context(host_seed(options.seed))
            if options.seed is not None:
                stack.enter_context(_seed(options.seed))
            if options.device != "auto":
                stack.enter_context(tf.device(_tf_name(options.device)))
            if options.eager:
                stack.callback(tf.config.run_functions_eagerly, tf.config.functions_run_eagerly())
                tf.config.run_functions_eagerly(True)
            yield

    def wait(self) -> None:
        """Wait for work that was started and not finished (GPU kernels run behind)."""
        if hasattr(tf, "test") and tf.config.list_physical_devices("GPU"):
            tf.test.experimental.sync_devices()

    def forget_peak(self) -> None:
        for name in _started_gpus():
            tf.config.experimental.reset_memory_stats(name)

    def peak(self) -> tuple[int, str] | None:
        found = [(tf.config.experimental.get_memory_info(name)["peak"], _device(f"device:{name}")) for name in
                 _started_gpus()]  # fmt: skip
        return max(((size, name) for size, name in found if size), default=None)

    def describe(self) -> dict[str, str]:
        facts = {"tensorflow": tf.__version__, "oneDNN": _onednn()}
        if tf.config.list_physical_devices("GPU"):
            facts["TF32"] = "on" if tf.config.experimental.tensor_float_32_execution_enabled() else "off"
        return facts


def _started_gpus() -> list[str]:
    """`GPU:0`, ...; none until TensorFlow has taken them, as after that they cannot be configured any more."""
    if not tf.config.list_physical_devices("GPU") or not getattr(context.context(), "_initialized", False):
        return []
    return [f"GPU:{index}" for index in range(len(tf.config.list_logical_devices("GPU")))]


def _tf_name(device: str) -> str:
    kind, _, index = device.partition(":")
    return "/CPU:0" if kind == "cpu" else f"/GPU:{index or 0}"


def _onednn() -> str:
    """Read when TensorFlow was imported; on by default where the build has it (x86 Linux)."""
    try:
        from tensorflow.python.util import _pywrap_util_port

        return "on" if _pywrap_util_port.IsMklEnabled() else "off"
    except (ImportError, AttributeError):
        return {"0": "off", "1": "on"}.get(os.environ.get("TF_ENABLE_ONEDNN_OPTS", ""), "default")


@contextmanager
def _seed(seed: int) -> Generator[None]:
    """Set the global seed and generator; on exit the old ones continue where they were.

    TensorFlow has no public way to read them. Ops with a seed of their own start anew
    after the block: their state lies in a cache that `set_seed` clears.
    """
    from tensorflow.python.eager import context
    from tensorflow.python.ops import stateful_random_ops

    eager: Any = context.context()
    generator = stateful_random_ops.global_generator
    old_seed, sequence = eager._seed, getattr(eager, "_rng", None)  # noqa: SLF001
    try:
        tf.random.set_seed(seed)
        tf.random.set_global_generator(tf.random.Generator.from_seed(seed))
        yield
    finally:
        stateful_random_ops.global_generator = generator
        tf.random.set_seed(old_seed)
        if sequence is not None:
            eager._rng = sequence  # noqa: SLF001


arrays = TensorflowArrays()
blocks = TensorflowBlocks()
