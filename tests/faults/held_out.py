"""Tensors that no cause was tuned on: layers, sizes, dtypes and inputs drawn by a seed.

What is found in these is reported beside what is found in `tensors`. A fault that they
show is mended in general, or not at all; then the seed is changed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.faults.tensors import Array

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

SEED = 3
COUNT = 60
_DTYPES = ("float32", "float32", "float32", "float64", "float16")  # float32 as often as it is met

Random = np.random.Generator


def held_out(seed: int = SEED, count: int = COUNT) -> dict[str, Array]:
    """Weights and outputs of random layers, name -> array that cannot be written to."""
    import keras
    import torch

    random = np.random.default_rng(seed)
    keras.utils.set_random_seed(seed)
    torch.manual_seed(seed)
    made: dict[str, Array] = {}
    makers = [*_torch_makers().items(), *_keras_makers().items()]
    for number in range(count):
        layer, maker = makers[random.integers(len(makers))]
        array = np.array(maker(random)).astype(_DTYPES[random.integers(len(_DTYPES))])
        array.setflags(write=False)
        made[f"{number}: {layer} {array.shape} {array.dtype}"] = array
    return made


def _size(random: Random, low: int = 2, high: int = 17) -> int:
    return int(random.integers(low, high))


def _inputs(random: Random, *shape: int) -> Array:
    """Of one of several distributions, size and place."""
    drawn = (random.standard_normal, random.random, random.standard_exponential)[random.integers(3)](shape)
    return (drawn * 10 ** random.uniform(-1, 1) + random.choice([0, 0, 1, -2])).astype(np.float32)


def _torch_makers() -> dict[str, Callable[[Random], Any]]:  # noqa: C901 - a list of layers
    import torch
    from torch import nn

    def of(layer: nn.Module, inputs: Array) -> Array:
        made = layer(torch.from_numpy(inputs))
        return (made[0] if isinstance(made, tuple) else made).detach().numpy()

    def conv(random: Random) -> Array:
        channels = _size(random)
        return of(nn.Conv2d(channels, _size(random), 3, padding=1), _inputs(random, 3, channels, 9, _size(random, 5)))

    def conv1d(random: Random) -> Array:
        channels = _size(random)
        return of(nn.Conv1d(channels, _size(random), 3), _inputs(random, _size(random), channels, 20))

    def transposed(random: Random) -> Array:
        channels = _size(random)
        return of(nn.ConvTranspose2d(channels, _size(random), 2, 2), _inputs(random, 2, channels, 5, _size(random)))

    def linear(random: Random) -> Array:
        return of(nn.Linear(24, _size(random, 5, 40)), _inputs(random, _size(random, 8, 60), 24))

    def norm(random: Random) -> Array:
        channels = 4 * _size(random, 1, 6)
        layer = (nn.BatchNorm2d(channels), nn.GroupNorm(4, channels), nn.InstanceNorm2d(channels))[random.integers(3)]
        return of(layer, _inputs(random, 4, channels, 6, _size(random, 4)))

    def layer_norm(random: Random) -> Array:
        size = _size(random, 6, 40)
        return of(nn.LayerNorm(size), _inputs(random, _size(random), 7, size))

    def recurrent(random: Random) -> Array:
        size = _size(random)
        layer = (nn.GRU, nn.LSTM, nn.RNN)[random.integers(3)](size, _size(random, 3), batch_first=True)
        return of(layer, _inputs(random, _size(random), 12, size))

    def attention(random: Random) -> Array:
        size = 4 * _size(random, 1, 6)
        values = torch.from_numpy(_inputs(random, 3, _size(random, 5), size))
        return nn.MultiheadAttention(size, 4, batch_first=True)(values, values, values)[random.integers(2)].detach()

    def activation(random: Random) -> Array:
        ways = (nn.GELU(), nn.SiLU(), nn.ELU(), nn.Softplus(), nn.Tanh(), nn.ReLU(), nn.Softmax(-1), nn.Sigmoid())
        return of(ways[random.integers(len(ways))], _inputs(random, _size(random, 8, 40), _size(random, 5, 30)))

    def dropout(random: Random) -> Array:
        return of(nn.Dropout(float(random.uniform(0.1, 0.5))), _inputs(random, _size(random, 8, 40), 25))

    def weight(random: Random) -> Array:
        one, other = _size(random, 3, 30), _size(random, 3, 30)
        layers = (nn.Linear(one, other), nn.Embedding(4 * one, other), nn.Conv2d(one, other, 3), nn.GRU(one, other))
        return next(layers[random.integers(4)].parameters()).detach()

    return {
        "nn.Conv2d": conv, "nn.Conv1d": conv1d, "nn.ConvTranspose2d": transposed, "nn.Linear": linear,
        "a norm of torch": norm, "nn.LayerNorm": layer_norm, "a recurrent layer of torch": recurrent,
        "nn.MultiheadAttention": attention, "an activation of torch": activation, "nn.Dropout": dropout,
        "a weight of torch": weight,
    }  # fmt: skip


def _keras_makers() -> dict[str, Callable[[Random], Any]]:
    from keras import layers

    def of(layer: Any, inputs: Array, **how: Any) -> Array:
        return np.array(layer(inputs, **how))

    def conv(random: Random) -> Array:
        kind = (layers.Conv2D, layers.Conv2DTranspose)[random.integers(2)]
        layer = kind(_size(random), 3, padding=("same", "valid")[random.integers(2)])
        return of(layer, _inputs(random, 2, 8, _size(random, 6), _size(random)))

    def depthwise(random: Random) -> Array:
        return of(layers.DepthwiseConv2D(3), _inputs(random, 3, 9, _size(random, 6), _size(random)))

    def dense(random: Random) -> Array:
        kind = (None, "gelu", "softmax", "swish", "relu")[random.integers(5)]
        return of(layers.Dense(_size(random, 5, 40), kind), _inputs(random, _size(random, 8, 60), 20))

    def norm(random: Random) -> Array:
        layer = (layers.BatchNormalization(), layers.LayerNormalization(), layers.RMSNormalization())[
            random.integers(3)
        ]
        how = {"training": True} if isinstance(layer, layers.BatchNormalization) else {}
        return of(layer, _inputs(random, 8, _size(random, 4), _size(random, 4)), **how)

    def recurrent(random: Random) -> Array:
        layer = (layers.GRU, layers.LSTM, layers.SimpleRNN)[random.integers(3)](_size(random), return_sequences=True)
        return of(layer, _inputs(random, _size(random), 10, _size(random)))

    def pooling(random: Random) -> Array:
        layer = (layers.AveragePooling2D(2, padding="same"), layers.MaxPooling2D())[random.integers(2)]
        return of(layer, _inputs(random, 3, 12, 2 * _size(random, 3), _size(random)))

    def weight(random: Random) -> Array:
        layer = (layers.Dense(_size(random, 3, 30)), layers.LSTM(_size(random)), layers.GRU(_size(random)))[
            random.integers(3)
        ]
        layer.build((None, 8, _size(random, 3)))
        return np.array(layer.get_weights()[0])

    return {
        "a convolution of Keras": conv, "DepthwiseConv2D": depthwise, "Dense": dense, "a norm of Keras": norm,
        "a recurrent layer of Keras": recurrent, "a pooling of Keras": pooling, "a weight of Keras": weight,
    }  # fmt: skip
