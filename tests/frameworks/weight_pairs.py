"""One layer of Keras and the same of PyTorch, in drawn configurations, with an input for both."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import torch
from hypothesis import strategies as st
from keras import layers
from torch import nn

from dualcell.coded import Array


def same(array: Array) -> Array:
    return array


def channels_first(array: Array) -> Array:
    return np.moveaxis(array, -1, 1)


def channels_last(array: Array) -> Array:
    return np.moveaxis(array, 1, -1)


@dataclass
class LayerPair:
    """A built Keras layer, its twin, and how to call both.

    Args:
        build: makes the Keras layer, unbuilt.
        torch: the module.
        x: the Keras layer's input.
        to_torch: its input in PyTorch's layout.
        to_keras: the module's output in Keras' layout.
        call: calls the module.
        inputs: how often the Keras layer takes its input.
    """

    build: Callable[[], Any]
    torch: nn.Module
    x: Array
    to_torch: Callable[[Array], Array] = same
    to_keras: Callable[[Array], Array] = same
    call: Callable[[nn.Module, torch.Tensor], torch.Tensor] = lambda module, x: module(x)
    inputs: int = 1

    def keras(self) -> Any:
        """A new Keras layer, built, with weights that all matter."""
        layer = self.build()
        layer(*[self.x] * self.inputs)
        random = np.random.default_rng(7)
        for weight in layer.weights:
            weight.assign(random.uniform(0.1, 1.0, weight.shape).astype(weight.dtype) * random.choice([0.2, 0.7]))
        return layer

    def outputs(self, layer: Any) -> tuple[Array, Array]:
        """What both make of the input."""
        with torch.no_grad():
            x = torch.from_numpy(np.ascontiguousarray(self.to_torch(self.x)))
            right = self.call(self.torch.eval(), x).numpy()
        return keras.ops.convert_to_numpy(layer(*[self.x] * self.inputs)), self.to_keras(right)


sizes = st.integers(1, 5)
flags = st.booleans()
scales = st.sampled_from([(True, True), (True, False), (False, True)])  # with neither, a layer has no weights
SPACE = {1: (9,), 2: (8, 9), 3: (6, 7, 6)}


def noise(*shape: int) -> Array:
    return np.random.default_rng(3).standard_normal(shape).astype(np.float32)


@st.composite
def dense(draw: Any) -> LayerPair:
    before, after, bias = draw(sizes), draw(sizes), draw(flags)
    return LayerPair(lambda: layers.Dense(after, use_bias=bias), nn.Linear(before, after, bias=bias), noise(2, before))


@st.composite
def einsum_dense(draw: Any) -> LayerPair:
    """A dense layer, projections into heads and out of them, in any order of the kernel's axes."""
    summed, made = draw(st.sampled_from([("m", "n"), ("m", "uh"), ("uh", "n"), ("uh", "vw")]))
    kernel, bias = "".join(draw(st.permutations(summed + made))), draw(flags)
    before, after = (tuple(draw(st.integers(1, 4)) for _ in letters) for letters in (summed, made))

    def flat(array: Array) -> Array:
        return array.reshape(2, 3, -1)

    return LayerPair(
        lambda: layers.EinsumDense(f"bq{summed},{kernel}->bq{made}", (3, *after), bias_axes=made if bias else None),
        nn.Linear(int(np.prod(before)), int(np.prod(after)), bias=bias),
        noise(2, 3, *before), flat, lambda array: array.reshape(2, 3, *after),
    )  # fmt: skip


@st.composite
def conv(draw: Any) -> LayerPair:
    rank, groups, bias = draw(st.sampled_from([1, 2, 3])), draw(st.integers(1, 3)), draw(flags)
    before, after = groups * draw(st.integers(1, 3)), groups * draw(st.integers(1, 3))
    kernel = tuple(draw(st.integers(1, 3)) for _ in range(rank))
    stride, dilation = draw(st.sampled_from([(1, 1), (2, 1), (1, 2)]))
    kind, twin = getattr(layers, f"Conv{rank}D"), getattr(nn, f"Conv{rank}d")
    return LayerPair(
        lambda: kind(after, kernel, stride, dilation_rate=dilation, groups=groups, use_bias=bias),
        twin(before, after, kernel, stride, dilation=dilation, groups=groups, bias=bias),
        noise(2, *SPACE[rank], before), channels_first, channels_last,
    )  # fmt: skip


@st.composite
def depthwise(draw: Any) -> LayerPair:
    rank, channels, multiplier, bias = draw(st.sampled_from([1, 2])), draw(sizes), draw(st.integers(1, 3)), draw(flags)
    kernel = draw(st.integers(1, 3))
    kind, twin = getattr(layers, f"DepthwiseConv{rank}D"), getattr(nn, f"Conv{rank}d")
    return LayerPair(
        lambda: kind(kernel, depth_multiplier=multiplier, use_bias=bias),
        twin(channels, channels * multiplier, kernel, groups=channels, bias=bias),
        noise(2, *SPACE[rank], channels), channels_first, channels_last,
    )  # fmt: skip


@st.composite
def separable(draw: Any) -> LayerPair:
    rank, channels, multiplier, bias = draw(st.sampled_from([1, 2])), draw(sizes), draw(st.integers(1, 3)), draw(flags)
    kernel, after = draw(st.integers(2, 3)), draw(sizes)
    kind, twin = getattr(layers, f"SeparableConv{rank}D"), getattr(nn, f"Conv{rank}d")
    return LayerPair(
        lambda: kind(after, kernel, depth_multiplier=multiplier, use_bias=bias),
        nn.Sequential(
            twin(channels, channels * multiplier, kernel, groups=channels, bias=False),
            twin(channels * multiplier, after, 1, bias=bias),
        ),
        noise(2, *SPACE[rank], channels), channels_first, channels_last,
    )  # fmt: skip


@st.composite
def conv_transpose(draw: Any) -> LayerPair:
    rank, before, after, bias = draw(st.sampled_from([1, 2, 3])), draw(sizes), draw(sizes), draw(flags)
    kernel, stride = draw(st.integers(2, 3)), draw(st.integers(1, 2))
    kind, twin = getattr(layers, f"Conv{rank}DTranspose"), getattr(nn, f"ConvTranspose{rank}d")
    return LayerPair(
        lambda: kind(after, kernel, stride, use_bias=bias),
        twin(before, after, kernel, stride, bias=bias),
        noise(2, *SPACE[rank], before), channels_first, channels_last,
    )  # fmt: skip


@st.composite
def embedding(draw: Any) -> LayerPair:
    words, size = draw(sizes), draw(sizes)
    x = np.random.default_rng(3).integers(0, words, (2, 4))
    return LayerPair(lambda: layers.Embedding(words, size), nn.Embedding(words, size), x)


@st.composite
def batch_norm(draw: Any) -> LayerPair:
    rank, channels, scale, center = draw(st.sampled_from([1, 2, 3])), draw(sizes), draw(flags), draw(flags)
    return LayerPair(
        lambda: layers.BatchNormalization(scale=scale, center=center),
        getattr(nn, f"BatchNorm{rank}d")(channels, eps=1e-3),
        noise(2, *SPACE[rank], channels), channels_first, channels_last,
    )  # fmt: skip


@st.composite
def layer_norm(draw: Any) -> LayerPair:
    size, (scale, center) = draw(sizes), draw(scales)
    return LayerPair(
        lambda: layers.LayerNormalization(scale=scale, center=center),
        nn.LayerNorm(size, eps=1e-3), noise(2, 3, size),
    )  # fmt: skip


@st.composite
def group_norm(draw: Any) -> LayerPair:
    groups, (scale, center) = draw(st.integers(1, 3)), draw(scales)
    channels = groups * draw(st.integers(1, 3))
    return LayerPair(
        lambda: layers.GroupNormalization(groups, scale=scale, center=center),
        nn.GroupNorm(groups, channels, eps=1e-3), noise(2, 5, 4, channels), channels_first, channels_last,
    )  # fmt: skip


@st.composite
def rms_norm(draw: Any) -> LayerPair:
    size = draw(sizes)
    return LayerPair(lambda: layers.RMSNormalization(epsilon=1e-5), nn.RMSNorm(size, eps=1e-5), noise(2, 3, size))


@st.composite
def prelu(draw: Any) -> LayerPair:
    channels, shared = draw(sizes), draw(flags)
    axes = [1, 2, 3] if shared else [1, 2]
    return LayerPair(
        lambda: layers.PReLU(shared_axes=axes), nn.PReLU(1 if shared else channels),
        noise(2, 5, 4, channels), channels_first, channels_last,
    )  # fmt: skip


@st.composite
def recurrent(draw: Any) -> LayerPair:
    kind = draw(st.sampled_from(["SimpleRNN", "LSTM", "GRU"]))
    before, units, bias = draw(sizes), draw(sizes), draw(flags)
    depth, both = draw(st.integers(1, 3)), draw(flags)

    def build() -> Any:
        made = [getattr(layers, kind)(units, use_bias=bias, return_sequences=True) for _ in range(depth)]
        wrapped = [layers.Bidirectional(layer) if both else layer for layer in made]
        return wrapped[0] if depth == 1 else keras.Sequential([keras.Input((4, before)), *wrapped])

    twin = {"SimpleRNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}[kind]
    module = twin(before, units, depth, bias=bias, batch_first=True, bidirectional=both)
    return LayerPair(build, module, noise(2, 4, before), call=lambda module, x: module(x)[0])


@st.composite
def attention(draw: Any) -> LayerPair:
    heads, bias = draw(st.integers(1, 3)), draw(flags)
    size = draw(st.integers(1, 3))
    width = heads * size
    return LayerPair(
        lambda: layers.MultiHeadAttention(heads, size, use_bias=bias),
        nn.MultiheadAttention(width, heads, bias=bias, batch_first=True),
        noise(2, 4, width), call=lambda module, x: module(x, x, x)[0], inputs=2,
    )  # fmt: skip


KINDS = {
    "Dense": dense(), "EinsumDense": einsum_dense(), "Conv": conv(),
    "DepthwiseConv": depthwise(), "SeparableConv": separable(),
    "ConvTranspose": conv_transpose(), "Embedding": embedding(), "BatchNormalization": batch_norm(),
    "LayerNormalization": layer_norm(), "GroupNormalization": group_norm(), "RMSNormalization": rms_norm(),
    "PReLU": prelu(), "recurrent": recurrent(), "MultiHeadAttention": attention(),
}  # fmt: skip
