"""PyTorch tensors, and blocks of PyTorch code. The only file that imports torch."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch._C._functorch import (
    get_unwrapped,
    is_functorch_wrapped_tensor,
    is_gradtrackingtensor,
    peek_interpreter_stack,
)
from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack

from dualcell.coded import Coded, HostArray
from dualcell.frameworks.base import ArrayFacts, plain_array
from dualcell.frameworks.numpy import host_seed
from dualcell.frameworks.torch_initializers import keras_defaults
from dualcell.narrow import table_named
from dualcell.options import DTYPES, Options

# no NumPy dtype: read through a wider one that holds every value, or by the codes
_WIDER = {torch.complex32: torch.complex64}
_CODES = {1: torch.uint8, 2: torch.uint16}
_NUMPY = {
    torch.bool, torch.int8, torch.int16, torch.int32, torch.int64,
    torch.uint8, torch.uint16, torch.uint32, torch.uint64,
    torch.float16, torch.float32, torch.float64, torch.complex64, torch.complex128,
}  # fmt: skip
_READABLE = {*_NUMPY, *_WIDER, torch.bfloat16}
_PLAIN = getattr(torch.Tensor, "__torch_dispatch__")  # noqa: B009 - subclasses that stand for others replace it


class TorchArrays:
    """Tensors and Parameters; gradients are neither needed nor touched."""

    def owns(self, value: Any) -> bool:
        return isinstance(value, torch.Tensor)

    def symbolic(self, value: Any) -> bool:
        return type(value).__name__ in ("FakeTensor", "FunctionalTensor")

    def why_not(self, value: Any) -> str:
        value = _unwrapped(value)
        if torch.nn.parameter.is_lazy(value):
            return "an uninitialized parameter; run the lazy module once"
        if self.symbolic(value):
            return "a fake tensor, made while tracing, has no values"
        if is_functorch_wrapped_tensor(value):
            return "a tensor inside torch.func.vmap has no values of its own; tap what vmap returns"
        if value.is_meta:
            return "a tensor on the meta device has no values"
        if value.is_nested:
            return "a nested tensor; pass .to_padded_tensor(padding)"
        if value.layout is not torch.strided:
            return f"a sparse tensor ({str(value.layout).removeprefix('torch.')}); pass .to_dense()"
        if value.is_quantized:
            return f"a quantized tensor ({_name(value.dtype)}); pass .dequantize() or .int_repr()"
        if getattr(type(value), "__torch_dispatch__") is not _PLAIN:  # noqa: B009 - hidden from type checkers
            return f"a {type(value).__name__}, which stands for other tensors; pass {_way_out(value)}"
        if value.dtype not in _READABLE and not _is_float8(value.dtype):
            return f"dtype {_name(value.dtype)} cannot be read as numbers"
        return ""

    def facts(self, value: Any) -> ArrayFacts:
        return ArrayFacts(_shape(value), _name(value.dtype), str(value.device))

    def snapshot(self, value: Any) -> Any:
        """A detached copy on the same device: the next optimizer step writes in place."""
        if self.why_not(value):
            return value
        with temporarily_clear_interpreter_stack():  # inside torch.func, a copy would be wrapped again
            return _unwrapped(value).detach().clone()

    def to_numpy(self, value: Any) -> NDArray[Any]:
        return plain_array(self.to_host(value))

    def bare(self, value: Any) -> torch.Tensor:
        with temporarily_clear_interpreter_stack():
            return _unwrapped(value).detach().as_subclass(torch.Tensor)

    def refill(self, value: Any, array: HostArray) -> Any:
        given = _from_host(array, value)
        if given.dtype == value.dtype:
            value.data.copy_(given)
        else:
            value.data = given
        return value

    def keep(self, value: Any) -> Callable[[], None]:
        return kept_tensor(value)

    def to_host(self, value: Any) -> HostArray:
        inside: Any = peek_interpreter_stack()  # None outside of torch.func, whatever its stub says
        if inside is None:
            return _on_host(value)
        with temporarily_clear_interpreter_stack():
            return _on_host(value)


def _on_host(value: Any) -> HostArray:
    value = _unwrapped(value).detach()
    if value.dtype in _NUMPY:
        return value.numpy(force=True)  # from any device; lazy conjugates, and zero tensors, too
    value = value.cpu().resolve_conj().resolve_neg()
    if value.dtype in _WIDER:
        return value.to(_WIDER[value.dtype]).numpy(force=True)
    return Coded(value.view(_CODES[value.dtype.itemsize]).numpy(), table_named(_name(value.dtype)), _name(value.dtype))


def _from_host(array: HostArray, like: torch.Tensor) -> torch.Tensor:
    if isinstance(array, Coded):
        return torch.from_numpy(array.codes).view(getattr(torch, array.name)).to(like.device)
    return torch.from_numpy(np.array(array)).to(like.device)


def kept_tensor(tensor: torch.Tensor) -> Callable[[], None]:
    """Remember a tensor's values and its gradient; gives the function that puts them back."""
    if torch.nn.parameter.is_lazy(tensor):
        return lambda: None
    data, before = tensor.data, tensor.detach().clone()
    grad = tensor.grad if tensor.is_leaf else None
    old = None if grad is None else grad.detach().clone()

    def restore() -> None:
        data.copy_(before)
        tensor.data = data  # the same memory, for whoever else looks at it
        if tensor.is_leaf:
            tensor.grad = None if grad is None or old is None else grad.detach().copy_(old)

    return restore


@cache
def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _is_float8(dtype: torch.dtype) -> bool:
    return _name(dtype).startswith("float8_")


def _unwrapped(value: Any) -> Any:
    """The tensor that has the values; torch.func.grad and its kin wrap it, once a level."""
    while is_gradtrackingtensor(value):
        value = get_unwrapped(value)
    return value


def _shape(value: Any) -> tuple[int, ...]:
    """The sizes; -1 for one that is not fixed, `()` where a tensor cannot say."""
    try:
        shape = tuple(value.shape)
        fixed = all(isinstance(size, int) for size in shape)
        return shape if fixed else tuple(size if isinstance(size, int) else -1 for size in shape)
    except RuntimeError:  # nested, or not initialized yet
        return ()


def _way_out(value: Any) -> str:
    methods = (f".{name}" for name in ("full_tensor()", "to_tensor(value)") if hasattr(value, name.partition("(")[0]))
    return next(methods, "one of these")


class TorchBlocks:
    """Blocks of PyTorch code."""

    dtypes = DTYPES

    def devices(self) -> tuple[str, ...]:
        cuda = tuple(f"cuda:{index}" for index in range(torch.cuda.device_count()))
        return ("cpu", *cuda, *(("mps",) if torch.backends.mps.is_available() else ()))

    @contextmanager
    def scope(self, options: Options) -> Generator[None]:
        with ExitStack() as stack:
            stack.enter_context(host_seed(options.seed))
            if options.seed is not None:
                stack.enter_context(_seed(options.seed))
            if options.device != "auto":
                stack.enter_context(torch.device(options.device))
            if options.dtype is not None:
                stack.callback(torch.set_default_dtype, torch.get_default_dtype())
                torch.set_default_dtype(getattr(torch, options.dtype))
            if options.init == "keras":
                stack.enter_context(keras_defaults())
            if options.eager:
                stack.enter_context(torch.compiler.set_stance("force_eager"))
            yield

    def wait(self) -> None:
        if torch.cuda.is_initialized():
            torch.cuda.synchronize()

    def forget_peak(self) -> None:
        if torch.cuda.is_initialized():
            for index in range(torch.cuda.device_count()):
                torch.cuda.reset_peak_memory_stats(index)

    def peak(self) -> tuple[int, str] | None:
        count = torch.cuda.device_count() if torch.cuda.is_initialized() else 0
        peaks = [(torch.cuda.max_memory_allocated(index), f"cuda:{index}") for index in range(count)]
        return max(((size, name) for size, name in peaks if size), default=None)

    def describe(self) -> dict[str, str]:
        facts = {
            "torch": torch.__version__,
            "dtype": _name(torch.get_default_dtype()),
            "oneDNN": _on(torch.backends.mkldnn.is_available() and torch.backends.mkldnn.enabled),
        }
        if torch.cuda.is_available():
            facts["TF32"] = _on(torch.backends.cuda.matmul.allow_tf32)
        return facts


def _on(flag: Any) -> str:
    return "on" if flag else "off"


@contextmanager
def _seed(seed: int) -> Generator[None]:
    with ExitStack() as stack:
        if torch.cuda.is_initialized():
            stack.enter_context(torch.random.fork_rng(devices=range(torch.cuda.device_count())))
        else:
            # CUDA starts with the CPU's seed: say it again after the CPU's state is back
            stack.callback(lambda: torch.cuda.is_available() and torch.cuda.manual_seed_all(torch.initial_seed()))
            stack.enter_context(torch.random.fork_rng(devices=()))
        if torch.backends.mps.is_available():
            stack.callback(torch.mps.set_rng_state, torch.mps.get_rng_state())
        torch.manual_seed(seed)
        yield


arrays = TorchArrays()
blocks = TorchBlocks()
