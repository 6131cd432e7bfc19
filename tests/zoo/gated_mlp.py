"""Gated feed-forward blocks with RMSNorm, whose three matrices PyTorch numbers in another order than they run."""

from __future__ import annotations

import keras
import torch
from keras import layers
from torch import Tensor, nn
from torch.nn import functional

from tests.zoo.by_hand import Copy, as_it_is, dense
from tests.zoo.entry import Entry, fresh, images, same


@fresh
def keras_model() -> keras.Model:
    x = frames = keras.Input((6, 12))
    for _ in range(2):
        normed = layers.RMSNormalization(epsilon=1e-6)(x)
        gate = layers.Dense(20, activation="silu", use_bias=False)(normed)
        up = layers.Dense(20, use_bias=False)(normed)
        x = layers.Add()([x, layers.Dense(12, use_bias=False)(layers.Multiply()([gate, up]))])
    return keras.Model(frames, layers.RMSNormalization(epsilon=1e-6)(x))


class FeedForward(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w1 = nn.Linear(12, 20, bias=False)
        self.w2 = nn.Linear(20, 12, bias=False)  # listed second, run last
        self.w3 = nn.Linear(12, 20, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.w2(functional.silu(self.w1(x)) * self.w3(x))


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.feed_forward = FeedForward()
        self.ffn_norm = nn.RMSNorm(12, eps=1e-6)  # listed after what it feeds

    def forward(self, x: Tensor) -> Tensor:
        return x + self.feed_forward(self.ffn_norm(x))


class GatedMLP(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([Block(), Block()])
        self.norm = nn.RMSNorm(12, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return self.norm(x)


GATED_MLP = Entry(
    name="gated MLP",
    keras=keras_model,
    torch=GatedMLP,
    input=images(2, 6, 12),
    copies=(
        Copy("layers.0.ffn_norm.weight", ("rms_normalization/scale",), as_it_is),
        *dense("dense", "layers.0.feed_forward.w1", bias=False),
        *dense("dense_1", "layers.0.feed_forward.w3", bias=False),
        *dense("dense_2", "layers.0.feed_forward.w2", bias=False),
        Copy("layers.1.ffn_norm.weight", ("rms_normalization_1/scale",), as_it_is),
        *dense("dense_3", "layers.1.feed_forward.w1", bias=False),
        *dense("dense_4", "layers.1.feed_forward.w3", bias=False),
        *dense("dense_5", "layers.1.feed_forward.w2", bias=False),
        Copy("norm.weight", ("rms_normalization_2/scale",), as_it_is),
    ),
    to_torch=torch.from_numpy,
    to_keras=same,
)
