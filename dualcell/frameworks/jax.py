"""JAX arrays, and blocks of JAX code."""

from __future__ import annotations

import importlib
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from numpy.typing import NDArray

from dualcell.coded import HostArray
from dualcell.frameworks.base import ArrayFacts, as_host, uncoded, widen
from dualcell.frameworks.numpy import host_seed
from dualcell.options import Options


class JaxArrays:
    """`jax.Array`, which cannot change, and tracers; those of jax.grad know their values."""

    def owns(self, value: Any) -> bool:
        return isinstance(value, jax.Array)

    def symbolic(self, value: Any) -> bool:
        value = _primal(value)
        return isinstance(value, Tracer) and not _is_batched(value)

    def why_not(self, value: Any) -> str:
        value = _primal(value)
        if self.symbolic(value):
            return "a tracer, inside jax.jit or a control-flow primitive, has no values"
        if _is_batched(value):
            return "a tracer inside jax.vmap has no values of its own; tap what vmap returns"
        if jnp.issubdtype(value.dtype, jax.dtypes.prng_key):
            return "random keys; pass jax.random.key_data(key)"
        if value.is_deleted():
            return "a deleted (donated) array has no values; hand out t.copy()"
        if not value.is_fully_addressable:
            return "an array spread over several hosts; gather it first"
        return ""

    def facts(self, value: Any) -> ArrayFacts:
        value = _primal(value)
        known = not isinstance(value, Tracer)
        device = ",".join(sorted(_name(d) for d in value.sharding.device_set)) if known else ""
        return ArrayFacts(tuple(value.shape), str(value.dtype), device)

    def snapshot(self, value: Any) -> Any:
        """A copy: the array may share memory with a NumPy or torch one (DLPack), or be donated."""
        return jnp.array(_primal(value), copy=True)

    def bare(self, value: Any) -> Any:
        return _primal(value)

    def to_numpy(self, value: Any) -> NDArray[Any]:
        return widen(np.asarray(_primal(value)))

    def to_host(self, value: Any) -> HostArray:
        return as_host(np.asarray(_primal(value)))

    def refill(self, value: Any, array: HostArray) -> Any:
        return jax.device_put(uncoded(array), value.sharding)


def _primal(value: Any) -> Any:
    """The array under the tracers of jax.grad, jax.jvp and jax.vjp, outside of jax.jit."""
    while isinstance(value, Tracer) and hasattr(value, "primal"):
        value = value.primal
    return value


def _is_batched(value: Any) -> bool:
    return type(value).__name__ == "BatchTracer"


def _name(device: Any) -> str:
    kind = {"gpu": "cuda", "rocm": "cuda"}.get(device.platform, device.platform)
    return kind if kind == "cpu" else f"{kind}:{device.id}"


class JaxBlocks:
    """Blocks of JAX code. JAX has explicit keys, so a seed reaches Python and NumPy only."""

    dtypes = ("float32", "float64")

    def devices(self) -> tuple[str, ...]:
        return ("cpu", *(_name(device) for device in jax.devices() if device.platform != "cpu"))

    @contextmanager
    def scope(self, options: Options) -> Generator[None]:
        with ExitStack() as stack:
            stack.enter_context(host_seed(options.seed))
            if options.device != "auto":
                stack.enter_context(jax.default_device(_device(options.device)))
            if options.dtype is not None:
                stack.enter_context(_enable_x64(options.dtype == "float64"))
            if options.eager:
                stack.enter_context(jax.disable_jit())
            yield

    def wait(self) -> None:
        jax.effects_barrier()
        jax.block_until_ready(jax.live_arrays())

    def describe(self) -> dict[str, str]:
        return {"jax": jax.__version__, "dtype": str(jnp.result_type(float))}


def _enable_x64(on: bool) -> Any:
    """`jax.enable_x64` where JAX has it (0.8), else its older place."""
    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(on)
    return importlib.import_module("jax.experimental").enable_x64(on)


def _device(name: str) -> Any:
    if name == "cpu":
        return jax.devices("cpu")[0]
    return next(device for device in jax.devices() if _name(device) == name)


arrays = JaxArrays()
blocks = JaxBlocks()
