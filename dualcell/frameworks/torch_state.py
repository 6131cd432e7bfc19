"""What PyTorch keeps between two runs of a cell: modules, optimizers, schedulers, generators."""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.overrides import TorchFunctionMode

from dualcell.frameworks.keeping import put_back
from dualcell.frameworks.torch import kept_tensor


class TorchStates:
    """Remembers holders of tensors, and sees the weights that a block makes."""

    def owns(self, value: Any) -> bool:
        if isinstance(value, torch.nn.Module | torch.Generator):
            return True
        stateful = type(value).__module__.startswith(("torch.optim", "torch.amp")) or isinstance(
            value, torch.optim.Optimizer | torch.optim.lr_scheduler.LRScheduler
        )
        return stateful and hasattr(value, "load_state_dict") and not isinstance(value, type)

    def tensors(self, value: Any) -> list[Any]:
        """Parameters and buffers of a module; of an optimizer none: they belong to its module."""
        return [*value.parameters(), *value.buffers()] if isinstance(value, torch.nn.Module) else []

    def keep(self, value: Any) -> Callable[[], None]:
        if isinstance(value, torch.nn.Module):
            return _kept_module(value)
        if isinstance(value, torch.Generator):
            state = value.get_state()
            return lambda: _discard(value.set_state(state))
        state = copy.deepcopy(value.state_dict())
        return lambda: value.load_state_dict(copy.deepcopy(state))

    @contextmanager
    def born(self, visit: Callable[[Any, Any], None]) -> Generator[None]:
        """Show every parameter and buffer to `visit` before the first forward that uses its module."""
        seen: dict[int, Any] = {}

        def before(module: torch.nn.Module, _: Any) -> None:
            if torch.compiler.is_compiling():
                return
            for tensor in (*module.parameters(), *module.buffers()):
                if id(tensor) not in seen and not torch.nn.parameter.is_lazy(tensor):
                    seen[id(tensor)] = tensor
                    visit(tensor, None)

        handle = register_module_forward_pre_hook(before)
        try:
            yield
        finally:
            handle.remove()

    @contextmanager
    def in_float64(self) -> Generator[None]:
        """Read `torch.float32` and `.float()` in the user's code as float64."""
        with _Widened():
            yield


class _Widened(TorchFunctionMode):
    """Calls of torch's functions and methods with float64 where they ask for a narrower float."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = {key: _WIDER.get(_hashable(value), value) for key, value in (kwargs or {}).items()}
        if func in _CASTS:
            return args[0].to(torch.float64)
        return func(*(_WIDER.get(_hashable(value), value) for value in args), **given)


def _hashable(value: Any) -> Any:
    return value if isinstance(value, torch.dtype) else None


_WIDER: Any = {torch.float16: torch.float64, torch.bfloat16: torch.float64, torch.float32: torch.float64}
_CASTS = {torch.Tensor.float, torch.Tensor.half, torch.Tensor.bfloat16}


def _kept_module(module: torch.nn.Module) -> Callable[[], None]:
    """Tensors, gradients, flags, submodules and hooks, of the module and all in it."""
    tensors = [kept_tensor(tensor) for tensor in (*module.parameters(), *module.buffers())]
    attributes = [(one, vars(one).copy(), _dicts(one)) for one in module.modules()]

    def restore() -> None:
        for one, plain, dicts in attributes:
            vars(one).clear()
            vars(one).update(plain)
            for held, contents in dicts:
                held.clear()
                held.update(contents)
        put_back(tensors)

    return restore


def _dicts(module: torch.nn.Module) -> list[tuple[Any, Any]]:
    """The module's registers (parameters, submodules, hooks), with what is in them now."""
    return [(held, held.copy()) for held in vars(module).values() if isinstance(held, dict)]


def _discard(_: Any) -> None:
    """For a function whose result nobody needs."""


states = TorchStates()
