"""Healthy tensors to plant faults in: plain ones, and outputs and weights of real layers."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

Array = NDArray[Any]


@cache
def plain() -> dict[str, Array]:
    """Arrays of NumPy, made without any framework."""
    random = np.random.default_rng(7)
    made = {
        "normal (12, 20)": random.standard_normal((12, 20), np.float32),
        "normal (6, 8, 10) float64": random.standard_normal((6, 8, 10)),
        "normal (2, 3, 4, 5, 6)": random.standard_normal((2, 3, 4, 5, 6), np.float32),
        "normal (300,)": random.standard_normal(300, np.float32),
        "normal (24, 36) float16": random.standard_normal((24, 36)).astype(np.float16),
        "uniform (40, 15)": random.random((40, 15), np.float32),
        "shifted (16, 30)": (3 + 2 * random.standard_normal((16, 30))).astype(np.float32),
        "large (500, 300)": random.standard_normal((500, 300), np.float32),
        "losses (400,)": random.exponential(12, 400).astype(np.float32),
        "small numbers (20, 18)": (1e-4 * random.standard_normal((20, 18))).astype(np.float32),
        "counts (30, 16) int64": random.integers(-500, 500, (30, 16)),
        "labels (64,) int64": random.integers(0, 10, 64),
        "pixels (4, 9, 11, 3) uint8": random.integers(0, 256, (4, 9, 11, 3)).astype(np.uint8),
    }
    return {name: _frozen(array) for name, array in made.items()}


@cache
def of_torch() -> dict[str, Array]:
    """Weights and outputs of torch's layers."""
    import torch
    from torch import nn

    torch.manual_seed(3)
    images = torch.randn(6, 5, 12, 10)
    words = torch.randn(5, 14, 9)
    conv = nn.Conv2d(5, 8, 3)
    linear = nn.Linear(24, 18)
    logits = 3 * linear(torch.randn(32, 24))
    made = {
        "nn.Conv2d weight": conv.weight,
        "nn.Conv2d output": conv(images),
        "nn.ReLU of nn.Conv2d": torch.relu(conv(images)),
        "nn.LeakyReLU of nn.Conv2d": nn.LeakyReLU(0.2)(4 * conv(images)),
        "nn.Linear weight": linear.weight,
        "nn.Linear output": logits,
        "softmax of nn.Linear": logits.softmax(-1),
        "sigmoid of nn.Linear": logits.sigmoid(),
        "nn.GRU weight_ih": nn.GRU(9, 8).weight_ih_l0,
        "nn.LSTM output": nn.LSTM(9, 12, batch_first=True)(words)[0],
        "nn.BatchNorm2d output": nn.BatchNorm2d(5)(images * torch.linspace(0.05, 2, 5).view(1, 5, 1, 1)),
        "nn.LayerNorm output": nn.LayerNorm(9)(words * 0.1),
        "nn.Embedding weight": nn.Embedding(30, 16).weight,
        "attention of 4 heads": (torch.randn(2, 4, 7, 16) @ torch.randn(2, 4, 16, 7) / 4).softmax(-1),
    }
    return {name: _frozen(tensor.detach().numpy().copy()) for name, tensor in made.items()}


@cache
def of_keras() -> dict[str, Array]:
    """Weights and outputs of Keras' layers."""
    import keras

    keras.utils.set_random_seed(5)
    random = np.random.default_rng(11)
    images = random.standard_normal((4, 10, 12, 6), np.float32)
    words = random.standard_normal((6, 9, 7), np.float32)
    conv, dense = keras.layers.Conv2D(8, 3), keras.layers.Dense(20)
    recurrent, kernels = keras.layers.LSTM(10, return_sequences=True), keras.layers.GRU(12)
    conv.build(images.shape), dense.build((None, 30)), kernels.build(words.shape)
    made = {
        "Conv2D kernel": conv.kernel,
        "Conv2D output": conv(images),
        "Dense kernel": dense.kernel,
        "Dense output": dense(random.standard_normal((40, 30), np.float32)),
        "LSTM output": recurrent(words),
        "GRU kernel": kernels.cell.kernel,
        "LayerNormalization output": keras.layers.LayerNormalization()(0.05 * words),
        "MaxPooling2D output": keras.layers.MaxPooling2D()(images),
    }
    return {name: _frozen(np.array(keras.ops.convert_to_numpy(value))) for name, value in made.items()}


def tensors() -> dict[str, Array]:
    """All of them, name -> array that cannot be written to."""
    return {**plain(), **of_torch(), **of_keras()}


@cache
def special() -> dict[str, Array]:
    """Tensors that causes need which cannot be planted in many others: five for each of those."""
    made = {**_special_plain(), **_special_torch(), **_special_keras()}
    return {name: _frozen(array) for name, array in made.items()}


def _special_plain() -> dict[str, Array]:
    random = np.random.default_rng(13)
    made: dict[str, Array] = {}
    for top, size in ((25, 200), (40, 350), (30, 90), (60, 1000), (35, 64)):
        made[f"losses up to {top} ({size},)"] = (top * random.random(size)).astype(np.float32)
    for shape, dtype in (((40, 12), "int32"), ((300,), "int64"), ((6, 7, 8), "int32"), ((64, 64), "int64"),
                         ((9, 30), "int32")):  # fmt: skip
        made[f"quotients {shape} {dtype}"] = random.integers(-900, 900, shape).astype(dtype) // 3
    for shape in ((4, 3, 12, 10), (2, 3, 9, 9), (8, 16, 12, 3), (5, 7, 7, 3), (3, 20, 18)):
        made[f"images {shape}"] = random.random(shape, np.float32)
    for shape in ((6, 20, 9), (40, 12), (300,), (3, 4, 5, 6)):
        parts = random.standard_normal((2, *shape))
        made[f"complex {shape}"] = (parts[0] + 1j * parts[1]).astype(np.complex64)
    for size in (12, 20, 33, 50, 64):
        made[f"targets ({size},)"] = random.standard_normal(size).astype(np.float32)
    return made


def _special_torch() -> dict[str, Array]:
    import torch
    from torch import nn

    torch.manual_seed(17)
    made = {}
    for number, (share, shape) in enumerate(
        ((0.1, (40, 30)), (0.2, (6, 9, 10)), (0.3, (500,)), (0.4, (32, 64)), (0.5, (4, 8, 6, 6)))
    ):
        made[f"nn.Dropout({share}) {shape}"] = nn.Dropout(share)(torch.randn(shape))
        axis = number % len(shape)
        made[f"nn.Softmax({axis}) {shape}"] = nn.Softmax(axis)(torch.randn(shape))
    for channels, size in ((4, 9), (6, 12), (3, 8), (8, 7), (5, 16)):
        made[f"torch.fft.rfft2 {channels} {size}"] = torch.fft.rfft2(torch.randn(3, channels, size, size + 1))
        made[f"nn.Conv2d({channels}) output of {size}"] = nn.Conv2d(2, channels, 3, padding=1)(
            torch.randn(3, 2, size, size)
        )
    return {name: tensor.detach().numpy().copy() for name, tensor in made.items()}


def _special_keras() -> dict[str, Array]:
    import keras

    keras.utils.set_random_seed(19)
    random = np.random.default_rng(19)
    made = {}
    for channels, shape in ((16, (40,)), (24, (30,)), (12, (8, 6, 6)), (32, (5, 10)), (48, (64,))):
        layer = keras.layers.BatchNormalization()
        inputs = random.standard_normal((*shape, channels)) * np.geomspace(0.01, 3, channels)
        output = layer(inputs.astype(np.float32), training=True)
        made[f"BatchNormalization({channels}) output"] = output
        made[f"BatchNormalization({channels}) moving_variance"] = layer.moving_variance
    return {name: np.array(keras.ops.convert_to_numpy(value)) for name, value in made.items()}


def _frozen(array: Array) -> Array:
    array.setflags(write=False)
    return array
