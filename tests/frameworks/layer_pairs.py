"""Matching layers, optimizers, losses and schedules of Keras and PyTorch: nothing that can be set differs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import torch
from torch import nn

L, Opt, Loss, Plan = keras.layers, keras.optimizers, keras.losses, keras.optimizers.schedules


def learning(make: Any, **settings: Any) -> Any:
    """An optimizer of PyTorch."""
    return make(nn.Linear(2, 2).parameters(), **settings)


def plan(make: Any, *args: Any, **settings: Any) -> Any:
    """A scheduler of PyTorch, from the rate 0.1."""
    return make(learning(torch.optim.SGD, lr=0.1), *args, **settings)


Pair = Callable[[], tuple[Any, Any]]

LAYERS: dict[str, Pair] = {
    "dense": lambda: (L.Dense(3), nn.Linear(4, 3)),
    "dense without bias": lambda: (L.Dense(7, use_bias=False), nn.Linear(4, 7, bias=False)),
    "conv1d": lambda: (L.Conv1D(4, 3), nn.Conv1d(2, 4, 3)),
    "conv2d": lambda: (L.Conv2D(4, 3, padding="same"), nn.Conv2d(3, 4, 3, padding=1)),
    "conv2d dilated": lambda: (
        L.Conv2D(4, (3, 5), padding="same", dilation_rate=2), nn.Conv2d(3, 4, (3, 5), padding="same", dilation=2)),
    "conv2d strided": lambda: (L.Conv2D(8, 3, strides=2), nn.Conv2d(4, 8, 3, stride=2)),
    "conv2d grouped": lambda: (L.Conv2D(8, 3, groups=2), nn.Conv2d(4, 8, 3, groups=2)),
    "conv3d": lambda: (L.Conv3D(4, 2, use_bias=False), nn.Conv3d(3, 4, 2, bias=False)),
    "depthwise": lambda: (
        built(L.DepthwiseConv2D(3, depth_multiplier=2), (None, 8, 8, 4)), nn.Conv2d(4, 8, 3, groups=4)),
    "transposed": lambda: (L.Conv2DTranspose(4, 4, 2, padding="same"), nn.ConvTranspose2d(3, 4, 4, 2, padding=1)),
    "transposed valid": lambda: (
        L.Conv1DTranspose(4, 2, 3), nn.ConvTranspose1d(3, 4, 2, 3, output_padding=1)),
    "embedding": lambda: (L.Embedding(10, 4), nn.Embedding(10, 4)),
    "batch norm": lambda: (L.BatchNormalization(momentum=0.9, epsilon=1e-5), nn.BatchNorm2d(3)),
    "batch norm, Keras' settings": lambda: (L.BatchNormalization(), nn.BatchNorm1d(3, eps=1e-3, momentum=0.01)),
    "batch norm bare": lambda: (
        L.BatchNormalization(epsilon=1e-5, momentum=0.9, center=False, scale=False), nn.BatchNorm2d(3, affine=False)),
    "layer norm": lambda: (L.LayerNormalization(epsilon=1e-5), nn.LayerNorm(6)),
    "layer norm of two axes": lambda: (L.LayerNormalization(axis=(-2, -1)), nn.LayerNorm((4, 6), eps=1e-3)),
    "group norm": lambda: (L.GroupNormalization(2, epsilon=1e-5), nn.GroupNorm(2, 6)),
    "instance norm": lambda: (L.GroupNormalization(-1, epsilon=1e-5), nn.InstanceNorm2d(6, affine=True)),
    "rms norm": lambda: (L.RMSNormalization(), nn.RMSNorm(6, eps=1e-6)),
    "lstm": lambda: (L.LSTM(5, return_sequences=True), nn.LSTM(3, 5, batch_first=True)),
    "lstm both ways": lambda: (
        L.Bidirectional(L.LSTM(5, return_sequences=True)), nn.LSTM(3, 5, batch_first=True, bidirectional=True)),
    "gru": lambda: (L.GRU(5, return_sequences=True), nn.GRU(3, 5, batch_first=True)),
    "simple rnn": lambda: (L.SimpleRNN(5), nn.RNN(3, 5, batch_first=True)),
    "simple rnn relu": lambda: (
        L.SimpleRNN(5, activation="relu", use_bias=False),
        nn.RNN(3, 5, nonlinearity="relu", bias=False, batch_first=True)),
    "attention": lambda: (L.MultiHeadAttention(2, 4), nn.MultiheadAttention(8, 2, batch_first=True)),
    "dropout": lambda: (L.Dropout(0.3), nn.Dropout(0.3)),
    "dropout of channels": lambda: (L.SpatialDropout2D(0.2), nn.Dropout2d(0.2)),
    "alpha dropout": lambda: (L.AlphaDropout(0.2), nn.AlphaDropout(0.2)),
    "relu": lambda: (L.ReLU(), nn.ReLU()),
    "relu by name": lambda: (L.Activation("relu"), nn.ReLU()),
    "relu6": lambda: (L.ReLU(6.0), nn.ReLU6()),
    "leaky relu": lambda: (L.LeakyReLU(negative_slope=0.01), nn.LeakyReLU()),
    "leaky relu of ReLU": lambda: (L.ReLU(negative_slope=0.1), nn.LeakyReLU(0.1)),
    "leaky relu by name": lambda: (L.Activation("leaky_relu"), nn.LeakyReLU(0.2)),
    "elu": lambda: (L.ELU(), nn.ELU()),
    "gelu": lambda: (L.Activation("gelu"), nn.GELU()),
    "silu": lambda: (L.Activation("swish"), nn.SiLU()),
    "hard sigmoid": lambda: (L.Activation("hard_sigmoid"), nn.Hardsigmoid()),
    "hard swish": lambda: (L.Activation("hard_swish"), nn.Hardswish()),
    "softmax": lambda: (L.Softmax(), nn.Softmax(-1)),
    "log softmax": lambda: (L.Activation("log_softmax"), nn.LogSoftmax(-1)),
    "max pool": lambda: (L.MaxPooling2D(), nn.MaxPool2d(2)),
    "max pool rounded up": lambda: (L.MaxPooling2D(padding="same"), nn.MaxPool2d(2, ceil_mode=True)),
    "max pool of steps of one": lambda: (L.MaxPooling1D(3, 1, padding="same"), nn.MaxPool1d(3, 1, padding=1)),
    "average pool": lambda: (L.AveragePooling2D(3), nn.AvgPool2d(3)),
    "average pool padded": lambda: (
        L.AveragePooling2D(3, 1, padding="same"), nn.AvgPool2d(3, 1, padding=1, count_include_pad=False)),
    "global pool": lambda: (L.GlobalAveragePooling2D(), nn.AdaptiveAvgPool2d(1)),
    "adaptive pool": lambda: (L.AdaptiveAveragePooling2D(3), nn.AdaptiveAvgPool2d(3)),
    "upsampling": lambda: (L.UpSampling2D(), nn.Upsample(scale_factor=2)),
    "bilinear": lambda: (
        L.UpSampling2D(3, interpolation="bilinear"), nn.Upsample(scale_factor=3, mode="bilinear")),
    "resizing": lambda: (L.Resizing(6, 7), nn.Upsample((6, 7), mode="bilinear")),
    "resizing nearest": lambda: (
        L.Resizing(6, 7, interpolation="nearest"), nn.Upsample((6, 7), mode="nearest-exact")),
    "flatten": lambda: (L.Flatten(), nn.Flatten()),
    "zero padding": lambda: (L.ZeroPadding2D(((1, 2), (3, 4))), nn.ZeroPad2d((3, 4, 1, 2))),
    "zero padding 1d": lambda: (L.ZeroPadding1D((1, 2)), nn.ZeroPad1d((1, 2))),
}  # fmt: skip

TRAINING: dict[str, Pair] = {
    "adam": lambda: (Opt.Adam(epsilon=1e-8), learning(torch.optim.Adam)),
    "adam, amsgrad": lambda: (
        Opt.Adam(0.01, beta_1=0.8, amsgrad=True), learning(torch.optim.Adam, lr=0.01, betas=(0.8, 0.999), amsgrad=True,
                                                          eps=1e-7)),
    "adamw": lambda: (Opt.AdamW(), learning(torch.optim.AdamW, weight_decay=0.004, eps=1e-7)),
    "adam that decays": lambda: (
        Opt.Adam(weight_decay=0.1),
        learning(torch.optim.Adam, weight_decay=0.1, eps=1e-7, decoupled_weight_decay=True)),
    "nadam": lambda: (Opt.Nadam(), learning(torch.optim.NAdam, lr=1e-3, eps=1e-7, momentum_decay=1.0)),
    "adamax": lambda: (Opt.Adamax(), learning(torch.optim.Adamax, lr=1e-3, eps=1e-7)),
    "sgd": lambda: (Opt.SGD(), learning(torch.optim.SGD, lr=0.01)),
    "sgd, nesterov": lambda: (
        Opt.SGD(0.1, momentum=0.9, nesterov=True), learning(torch.optim.SGD, lr=0.1, momentum=0.9, nesterov=True)),
    "rmsprop": lambda: (Opt.RMSprop(), learning(torch.optim.RMSprop, lr=1e-3, alpha=0.9, eps=1e-7)),
    "rmsprop, centred": lambda: (
        Opt.RMSprop(momentum=0.5, centered=True),
        learning(torch.optim.RMSprop, lr=1e-3, alpha=0.9, eps=1e-7, momentum=0.5, centered=True)),
    "adagrad": lambda: (
        Opt.Adagrad(), learning(torch.optim.Adagrad, lr=1e-3, eps=1e-7, initial_accumulator_value=0.1)),
    "adadelta": lambda: (Opt.Adadelta(), learning(torch.optim.Adadelta, lr=1e-3, rho=0.95, eps=1e-7)),
    "cross entropy": lambda: (Loss.CategoricalCrossentropy(from_logits=True), nn.CrossEntropyLoss()),
    "sparse cross entropy": lambda: (
        Loss.SparseCategoricalCrossentropy(from_logits=True, ignore_class=3), nn.CrossEntropyLoss(ignore_index=3)),
    "smoothed": lambda: (
        Loss.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1), nn.CrossEntropyLoss(label_smoothing=0.1)),
    "summed": lambda: (
        Loss.CategoricalCrossentropy(from_logits=True, reduction="sum"), nn.CrossEntropyLoss(reduction="sum")),
    "binary": lambda: (Loss.BinaryCrossentropy(), nn.BCELoss()),
    "binary of logits": lambda: (Loss.BinaryCrossentropy(from_logits=True), nn.BCEWithLogitsLoss()),
    "squared": lambda: (Loss.MeanSquaredError(), nn.MSELoss()),
    "absolute": lambda: (Loss.MeanAbsoluteError(), nn.L1Loss()),
    "huber": lambda: (Loss.Huber(0.5), nn.HuberLoss(delta=0.5)),
    "kl divergence": lambda: (Loss.KLDivergence(), nn.KLDivLoss(reduction="batchmean")),
    "poisson": lambda: (Loss.Poisson(), nn.PoissonNLLLoss(log_input=False)),
    "exponential": lambda: (
        Plan.ExponentialDecay(0.1, 10, 0.5, staircase=True), plan(torch.optim.lr_scheduler.StepLR, 10, 0.5)),
    "exponential by one": lambda: (
        Plan.ExponentialDecay(0.1, 1, 0.9), plan(torch.optim.lr_scheduler.ExponentialLR, 0.9)),
    "cosine": lambda: (Plan.CosineDecay(0.1, 20), plan(torch.optim.lr_scheduler.CosineAnnealingLR, 20)),
    "polynomial": lambda: (
        Plan.PolynomialDecay(0.1, 20, 0.0, power=2.0), plan(torch.optim.lr_scheduler.PolynomialLR, 20, 2.0)),
    "piecewise": lambda: (
        Plan.PiecewiseConstantDecay([9, 19], [0.1, 0.01, 0.001]),
        plan(torch.optim.lr_scheduler.MultiStepLR, [10, 20])),
}  # fmt: skip

PAIRS = LAYERS | TRAINING


def built(layer: Any, shape: tuple[int | None, ...]) -> Any:
    """The layer, built for inputs of a shape."""
    layer.build(shape)
    return layer
