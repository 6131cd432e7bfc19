"""An entry of the zoo: one network written twice, in Keras and in PyTorch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any
from zlib import crc32

import keras
import numpy as np
import torch

from tests.zoo.by_hand import Array, Copy


@dataclass(frozen=True)
class Entry:
    """Two models that compute the same once they hold the same weights.

    Args:
        name: of the network.
        keras: builds the Keras model, with weights as Keras makes them.
        torch: builds the module, with weights as PyTorch makes them.
        input: what the Keras model takes, the same at every call; images are (N, H, W, C) float32.
        copies: which weights belong together, by hand.
        to_torch: turns `input()` into what the module takes.
        to_keras: turns the module's output into the layout of the Keras model's.
        unused: paths of Keras weights that PyTorch has no place for.
        gain: of random kernels, so that the signal of the first layers neither dies nor explodes on its way.
    """

    name: str
    keras: Callable[[], Any]
    torch: Callable[[], torch.nn.Module]
    input: Callable[[], Array]
    copies: tuple[Copy, ...] = field(repr=False)  # hundreds of lines
    to_torch: Callable[[Array], torch.Tensor]
    to_keras: Callable[[Array], Array]
    unused: frozenset[str] = frozenset()
    gain: float = 1


def fresh(build: Callable[[], Any]) -> Callable[[], Any]:
    """Let Keras count its layers from one again, so that `conv2d_3` is the same layer in every build."""

    @wraps(build)
    def built() -> Any:
        keras.backend.clear_session(free_memory=False)
        return build()

    return built


# Inputs and outputs.


def images(*shape: int) -> Callable[[], Array]:
    """Noise from 0 to 1, (N, H, W, C); height and width differ, so that swapping them shows."""
    return lambda: np.random.default_rng(3).random(shape, np.float32)


def pixels(*shape: int) -> Callable[[], Array]:
    """Noise from 0 to 255, (N, H, W, C), for models that normalise their input themselves."""
    return lambda: 255 * images(*shape)()


def tokens(batch: int, length: int, vocabulary: int) -> Callable[[], Array]:
    """Numbers of words, (N, length) int32."""
    return lambda: np.random.default_rng(3).integers(0, vocabulary, (batch, length), np.int32)


def channels_first(array: Array) -> torch.Tensor:
    """(N, *space, C) to (N, C, *space)."""
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(array, -1, 1)))


def channels_last(array: Array) -> Array:
    """(N, C, *space) to (N, *space, C)."""
    return np.moveaxis(array, 1, -1)


def long(array: Array) -> torch.Tensor:
    return torch.from_numpy(array).long()


def same(array: Array) -> Array:
    return array


# Weights.


def filled(entry: Entry) -> Any:
    """The entry's Keras model, the same at every call, with weights that all matter."""
    model = entry.keras()
    randomise(model, gain=entry.gain)
    return model


def randomise(model: Any, *, gain: float = 1) -> None:
    """Give every float weight of a Keras model a value that matters: no bias is 0, no scale is 1."""
    for name, variable in variables_of(model).items():
        if np.issubdtype(variable.dtype, np.floating):
            random = np.random.default_rng(crc32(name.encode()))
            kernel = variable.path.endswith("kernel")
            variable.assign((gain if kernel else 1) * _values(variable.path, tuple(variable.shape), random))
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()  # it computes with copies of its weights


def _values(path: str, shape: tuple[int, ...], random: np.random.Generator) -> Array:
    kind = path.rpartition("/")[2]
    normal = random.standard_normal(shape, np.float32)
    if kind.endswith("kernel"):
        depthwise = len(shape) == 4 and shape[3] == 1 < shape[2]
        return normal * np.float32(1 / np.sqrt(np.prod(shape[: 2 if depthwise else -1])))
    if kind in ("gamma", "scale", "variance", "moving_variance"):
        return random.uniform(0.5, 1.5, shape).astype(np.float32)
    return normal if kind == "embeddings" else normal / 10


def variables_of(model: Any) -> dict[str, Any]:
    """A Keras model's variables by path; the second of one path (Keras allows it) is `path#2`."""
    named: dict[str, Any] = {}
    seen = Counter()
    for variable in model.weights:
        seen[variable.path] += 1
        number = seen[variable.path]
        named[variable.path if number == 1 else f"{variable.path}#{number}"] = variable
    return named


def weights_of(model: Any) -> dict[str, Array]:
    """A Keras model's weights, by the names of `variables_of`."""
    return {name: keras.ops.convert_to_numpy(variable) for name, variable in variables_of(model).items()}


def load(module: torch.nn.Module, arrays: dict[str, Array]) -> None:
    """Write arrays into a module by the names of its `state_dict`; shapes must be equal."""
    state = module.state_dict()
    for name, array in arrays.items():
        if state[name].shape != array.shape:
            raise ValueError(f"{name} is {tuple(state[name].shape)}, and its array is {array.shape}")
        state[name].copy_(torch.from_numpy(array.copy()))


# Forwards.


def keras_forward(entry: Entry, model: Any) -> Array:
    """The Keras model's output for the entry's input, in inference mode."""
    return keras.ops.convert_to_numpy(model(entry.input(), training=False))


def torch_forward(entry: Entry, module: torch.nn.Module) -> Array:
    """The module's output for the entry's input, in inference mode and in Keras' layout."""
    with torch.no_grad():
        return entry.to_keras(module.eval()(entry.to_torch(entry.input())).numpy())
