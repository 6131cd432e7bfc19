"""The weights of torch modules: read into an `Inventory`, and written back in place."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.autograd.graph import increment_version
from torch.nn.utils.parametrize import ParametrizationList
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from dualcell.coded import Coded, HostArray, codes_of
from dualcell.errors import PlanError
from dualcell.frameworks.torch_slots import slots_of
from dualcell.frameworks.torch_trace import trace
from dualcell.strided import copy_into
from dualcell.weights.bare import as_multiplied
from dualcell.weights.evidence import wiring_of
from dualcell.weights.inventory import Inventory, Layer
from dualcell.weights.kinds import Form, forms_of, recurrent
from dualcell.weights.reading import Found, Place, layers_of
from dualcell.weights.slots import Slots
from dualcell.weights.unsupported import computed_hint, projected_hint

_RECURRENT = {"RNN_TANH": "rnn", "RNN_RELU": "rnn", "LSTM": "lstm", "GRU": "gru"}


class TorchModels:
    """`torch.nn.Module`s."""

    def owns(self, model: Any) -> bool:
        return isinstance(model, nn.Module)

    def inventory(self, model: Any) -> Inventory:
        model = getattr(model, "_orig_mod", model)  # what torch.compile wraps
        if isinstance(model, torch.jit.ScriptModule):
            raise PlanError(
                "a torch.jit.ScriptModule does not say what its layers are; plan with the nn.Module that it was made "
                "of, and load the other's state_dict() into it afterwards."
            )
        names: dict[int, str] = {}  # a tied tensor goes by the first of its names
        arrays: dict[str, Any] = {}
        for path, array in (*model.named_parameters(), *model.named_buffers()):
            _check(path, array)
            arrays[names.setdefault(id(array), path)] = array
        layers = tuple(layer for path, module in _walk(model, "") for layer in _layers(path, module, names))
        steps = trace(model, layers, names)
        layers = layers if steps is None else as_multiplied(layers, steps)
        flow = None if steps is None else wiring_of(steps, layers)
        return Inventory("torch", type(model).__name__, layers, arrays, flow, trace=steps)

    def write(self, array: Any, values: HostArray) -> None:
        """The values into the tensor's own memory, on its device, cast if its dtype is another."""
        tensor = _tensor(values, array)
        with torch.inference_mode() if array.is_inference() else torch.no_grad():
            if not _is_plain(array, tensor):
                array.copy_(tensor)
                return
            # PyTorch's threads wait for each other on a busy machine, 20 ms for each array
            copy_into(array.detach().numpy(), tensor.numpy())
            increment_version(array)  # or autograd would not see that it has changed

    def settle(self, model: Any) -> None:
        """Nothing: modules keep nothing of the kind."""

    @contextmanager
    def inference(self, model: Any) -> Generator[None]:
        before = [(module, module.training) for module in model.modules()]
        model.eval()
        try:
            with torch.no_grad():
                yield
        finally:
            for module, training in before:
                module.training = training

    def file_names(self, model: Any) -> dict[int, list[str]]:
        names: dict[int, list[str]] = defaultdict(list)
        for name, array in getattr(model, "_orig_mod", model).state_dict(keep_vars=True).items():
            names[id(array)].append(name)
        return dict(names)

    def slots(self, optimizer: Any, arrays: Mapping[str, Any]) -> Slots:
        return slots_of(optimizer, arrays)


def _is_plain(array: Any, tensor: torch.Tensor) -> bool:
    """Whether NumPy can copy one into the other, and torch would not refuse it."""
    if array.dtype == torch.bfloat16 or array.dtype != tensor.dtype or array.shape != tensor.shape:
        return False
    if type(array.data) is not torch.Tensor or array.device.type != "cpu" or array.layout != torch.strided:
        return False
    return array.is_contiguous() and not (array.is_inference() or array.is_conj() or array.is_neg())


def _check(path: str, array: Any) -> None:
    if nn.parameter.is_lazy(array):
        raise PlanError(f"{path!r} has no values yet: its module is lazy. Run the model once on an input first.")
    if array.is_meta:
        raise PlanError(f"{path!r} is on the meta device and has no values; load or make it on a device first.")


def _tensor(values: HostArray, like: Any) -> torch.Tensor:
    codes = codes_of(values)
    if codes.flags.writeable:
        tensor = torch.from_numpy(codes)
    else:  # it is only read from here on; torch would warn of what could be written
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The given NumPy array is not writable", UserWarning)
            tensor = torch.from_numpy(codes)
    return tensor.view(getattr(torch, values.name)) if isinstance(values, Coded) else tensor.reshape(like.shape)


def _walk(module: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every module once, the outer before the inner, in order of definition."""
    seen: set[int] = set()

    def walk(module: Any, path: str) -> Iterator[tuple[str, Any]]:
        if id(module) in seen:
            return
        seen.add(id(module))
        yield path, module
        if not isinstance(module, nn.MultiheadAttention):  # its output projection is one of its own roles
            for name, child in module.named_children():
                yield from walk(child, f"{path}.{name}" if path else name)

    yield from walk(module, path)


def _layers(path: str, module: Any, names: dict[int, str]) -> Iterator[Layer]:
    arrays = {name: _found(name, array, names) for name, array in _own(module)}
    place = Place(path, type(module).__name__, module, hint=_hint(path, module))
    yield from layers_of(place, _forms(module), arrays)


def _own(module: Any) -> Iterator[tuple[str, Any]]:
    """Parameters, and the buffers that a state dict holds."""
    deep = isinstance(module, nn.MultiheadAttention)
    yield from module.named_parameters(recurse=deep)
    passing: set[str] = module._non_persistent_buffers_set  # noqa: SLF001 - torch has no public name for it
    yield from ((name, array) for name, array in module.named_buffers(recurse=False) if name not in passing)


def _found(name: str, array: Any, names: dict[int, str]) -> Found:
    dtype, is_buffer = str(array.dtype).removeprefix("torch."), not isinstance(array, nn.Parameter)
    return Found(name, names[id(array)], tuple(array.shape), dtype, array, is_buffer)


def _forms(module: Any) -> tuple[Form, ...]:
    if isinstance(module, nn.RNNBase):
        return tuple(_recurrent_forms(module))
    forms = forms_of([kind.__name__ for kind in type(module).__mro__ if kind.__module__.startswith("torch.")], "torch")
    if forms and forms[0].kind == "batch_norm" and module.running_mean is None:
        return tuple(Form("batch_norm_of_batch", form.parts) for form in forms)
    return forms


def _hint(path: str, module: Any) -> str:
    """What to do about a module whose weights no layer of Keras holds in this way."""
    if isinstance(module, nn.LSTM) and module.proj_size:
        return projected_hint(module.proj_size)
    if isinstance(module, ParametrizationList):
        name, by = path.rpartition(".")[2], " and ".join(type(each).__name__ for each in module)
        undo = f"torch.nn.utils.parametrize.remove_parametrizations(module, {name!r})"
        return computed_hint(name, f"{by} (torch.nn.utils.parametrize)", undo)
    hooks: dict[int, Any] = vars(module)["_forward_pre_hooks"]  # the old way, which has no public name
    for hook in hooks.values():
        for kind, by, undo in _HOOKS:
            if isinstance(hook, kind):
                name = str(getattr(hook, "name", "") or getattr(hook, "_tensor_name", ""))
                return computed_hint(name, f"torch.nn.utils.{by}", f"torch.nn.utils.{undo}(module, {name!r})")
    return ""


_HOOKS = (
    (WeightNorm, "weight_norm", "remove_weight_norm"),
    (SpectralNorm, "spectral_norm", "remove_spectral_norm"),
    (BasePruningMethod, "prune", "prune.remove"),
)


def _recurrent_forms(module: Any) -> Iterator[Form]:
    kind = _RECURRENT[module.mode]
    for layer in range(module.num_layers):
        yield recurrent(kind, f"_l{layer}")
        if module.bidirectional:
            yield recurrent(kind, f"_l{layer}_reverse", "backward")


models = TorchModels()
