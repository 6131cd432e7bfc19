"""PyTorch tensors, and blocks of PyTorch code. The only file that imports torch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from numpy.typing import NDArray

from dualcell.frameworks.base import ArrayFacts
from dualcell.frameworks.numpy import host_seed
from dualcell.options import DTYPES, Options

# no NumPy dtype: read through a wider one that holds every value
_WIDER = {torch.bfloat16: torch.float32, torch.complex32: torch.complex64}


class TorchArrays:
    """Tensors and Parameters; gradients are neither needed nor touched."""

    def owns(self, value: Any) -> bool:
        return isinstance(value, torch.Tensor)

    def symbolic(self, value: Any) -> bool:
        return type(value).__name__ in ("FakeTensor", "FunctionalTensor")

    def why_not(self, value: Any) -> str:
        if self.symbolic(value):
            return "a fake tensor, made while tracing, has no values"
        if value.is_meta:
            return "a tensor on the meta device has no values"
        if value.is_nested:
            return "a nested tensor; pass .to_padded_tensor(padding)"
        if value.layout is not torch.strided:
            return f"a sparse tensor ({str(value.layout).removeprefix('torch.')}); pass .to_dense()"
        if value.is_quantized:
            return f"a quantized tensor ({_name(value.dtype)}); pass .dequantize() or .int_repr()"
        if not _readable(value.dtype):
            return f"dtype {_name(value.dtype)} cannot be read as numbers"
        return ""

    def facts(self, value: Any) -> ArrayFacts:
        return ArrayFacts(tuple(value.shape), _name(value.dtype), str(value.device))

    def snapshot(self, value: Any) -> Any:
        """A detached copy on the same device: the next optimizer step writes in place."""
        return value if self.why_not(value) else value.detach().clone()

    def to_numpy(self, value: Any) -> NDArray[Any]:
        value = value.detach().cpu().resolve_conj().resolve_neg()
        if value.dtype in _WIDER or value.dtype.itemsize == 1 and value.dtype.is_floating_point:
            value = value.to(_WIDER.get(value.dtype, torch.float32))
        return value.numpy()


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _readable(dtype: torch.dtype) -> bool:
    """Whether `to_numpy` knows the dtype; asked of an empty tensor, so no list can age."""
    try:
        arrays.to_numpy(torch.empty(0, dtype=dtype))
    except (TypeError, RuntimeError):
        return False
    return True


class TorchBlocks:
    """Blocks of PyTorch code."""

    dtypes = DTYPES

    def devices(self) -> tuple[str, ...]:
        cuda = tuple(f"cuda:{index}" for index in range(torch.cuda.device_count()))
        return ("cpu", *cuda, *(("mps",) if torch.backends.mps.is_available() else ()))

    @contextmanager
    def scope(self, options: Options) -> Iterator[None]:
        with ExitStack() as stack:
            stack.enter_context(host_seed(options.seed))
            if options.seed is not None:
                stack.enter_context(_seed(options.seed))
            if options.device != "auto":
                stack.enter_context(torch.device(options.device))
            if options.dtype is not None:
                stack.callback(torch.set_default_dtype, torch.get_default_dtype())
                torch.set_default_dtype(getattr(torch, options.dtype))
            if options.eager:
                stack.enter_context(torch.compiler.set_stance("force_eager"))
            yield

    def wait(self) -> None:
        if torch.cuda.is_initialized():
            torch.cuda.synchronize()

    def describe(self) -> dict[str, str]:
        facts = {
            "torch": torch.__version__,
            "dtype": _name(torch.get_default_dtype()),
            "oneDNN": _on(torch.backends.mkldnn.is_available() and torch.backends.mkldnn.enabled),
        }
        if torch.cuda.is_available():
            facts["TF32"] = _on(torch.backends.cuda.matmul.allow_tf32)
        return facts


def _on(flag: bool) -> str:
    return "on" if flag else "off"


@contextmanager
def _seed(seed: int) -> Iterator[None]:
    cuda = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    with torch.random.fork_rng(devices=cuda):
        torch.manual_seed(seed)
        yield


arrays = TorchArrays()
blocks = TorchBlocks()
