"""Models within models: functional, Sequential and subclassed, one in another."""

from __future__ import annotations

from typing import Any

import keras
import torch
from keras import layers
from torch import Tensor, nn

from tests.zoo.by_hand import Copy, as_it_is, batch_norm, conv, conv_kernel, dense, dense_kernel
from tests.zoo.entry import Entry, channels_first, fresh, images, same


class ResidualBlock(layers.Layer):
    """Its layers lie in a list."""

    def __init__(self, width: int, **options: Any) -> None:
        super().__init__(**options)
        self.convolutions = [layers.Conv2D(width, 3, padding="same", activation="relu") for _ in range(2)]
        self.norm = layers.BatchNormalization(epsilon=1e-5)

    def call(self, x: Any) -> Any:
        out = x
        for convolution in self.convolutions:
            out = convolution(out)
        return x + self.norm(out)


class Head(keras.Model):
    """A subclassed model, with a Sequential in it."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.out = layers.Dense(classes)  # listed first, run last
        self.hidden = keras.Sequential([layers.Dense(16, activation="relu"), layers.Dense(16, activation="relu")])

    def call(self, x: Any) -> Any:
        return self.out(self.hidden(x))


@fresh
def keras_nested() -> keras.Model:
    stem = keras.Sequential([layers.Conv2D(8, 3, activation="relu"), layers.MaxPooling2D()], name="stem")
    x = inner = keras.Input((9, 11, 8))
    for _ in range(2):
        x = ResidualBlock(8)(x)
    backbone = keras.Model(inner, x, name="backbone")
    image = keras.Input((20, 24, 3))
    pooled = layers.GlobalAveragePooling2D()(backbone(stem(image)))
    return keras.Model(image, Head(6)(pooled))


def branch(name: str) -> keras.Model:
    """Every branch names its layers alike, so Keras gives their weights the same paths."""
    image = keras.Input((12, 14, 3))
    x = layers.Conv2D(8, 3, activation="relu", name="conv")(image)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(8, name="project")(x), name=name)


@fresh
def keras_twins() -> keras.Model:
    image = keras.Input((12, 14, 3))
    both = layers.Concatenate()([branch("left")(image), branch("right")(keras.ops.flip(image, axis=1))])
    return keras.Model(image, layers.Dense(3, name="project")(both))


class Classifier(keras.Model):
    """Subclassed from top to bottom."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = [ResidualBlock(3), ResidualBlock(3)]
        self.pool = layers.GlobalMaxPooling2D()
        self.head = Head(4)

    def call(self, x: Any) -> Any:
        for block in self.blocks:
            x = block(x)
        return self.head(self.pool(x))


@fresh
def keras_subclassed() -> keras.Model:
    model = Classifier()
    model(images(2, 10, 12, 3)())
    return model


class Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv2d(width, width, 3, padding=1) for _ in range(2)])
        self.norm = nn.BatchNorm2d(width, momentum=0.01)

    def forward(self, x: Tensor) -> Tensor:
        out = x
        for conv_layer in self.convs:
            out = conv_layer(out).relu()
        return x + self.norm(out)


class TorchHead(nn.Module):
    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.hidden = nn.Sequential(nn.Linear(channels, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU())
        self.out = nn.Linear(16, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.hidden(x))


class Nested(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ModuleDict(
            {
                "stem": nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2)),
                "backbone": nn.Sequential(Residual(8), Residual(8)),
                "head": TorchHead(8, 6),
            }
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.parts["backbone"](self.parts["stem"](x))
        return self.parts["head"](x.mean((2, 3)))


class TorchClassifier(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([Residual(3), Residual(3)])
        self.head = TorchHead(3, 4)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return self.head(x.amax((2, 3)))


class Branch(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.project = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        return self.project(self.conv(x).relu().mean((2, 3)))


class Twins(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left = Branch()
        self.right = Branch()
        self.project = nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.project(torch.cat([self.left(x), self.right(x.flip(2))], 1))


NESTED = Entry(
    name="nested models",
    keras=keras_nested,
    torch=Nested,
    input=images(2, 20, 24, 3),
    copies=(
        *conv("stem/conv2d", "parts.stem.0"),
        *conv("residual_block/conv2d_1", "parts.backbone.0.convs.0"),
        *conv("residual_block/conv2d_2", "parts.backbone.0.convs.1"),
        *batch_norm("residual_block/batch_normalization", "parts.backbone.0.norm"),
        *conv("residual_block_1/conv2d_3", "parts.backbone.1.convs.0"),
        *conv("residual_block_1/conv2d_4", "parts.backbone.1.convs.1"),
        *batch_norm("residual_block_1/batch_normalization_1", "parts.backbone.1.norm"),
        *dense("head/sequential/dense_1", "parts.head.hidden.0"),
        *dense("head/sequential/dense_2", "parts.head.hidden.2"),
        *dense("head/dense", "parts.head.out"),
    ),
    to_torch=channels_first,
    to_keras=same,
)

SUBCLASSED = Entry(
    name="subclassed models",
    keras=keras_subclassed,
    torch=TorchClassifier,
    input=images(2, 10, 12, 3),
    copies=(
        *conv("classifier/residual_block/conv2d", "blocks.0.convs.0"),
        *conv("classifier/residual_block/conv2d_1", "blocks.0.convs.1"),
        *batch_norm("classifier/residual_block/batch_normalization", "blocks.0.norm"),
        *conv("classifier/residual_block_1/conv2d_2", "blocks.1.convs.0"),
        *conv("classifier/residual_block_1/conv2d_3", "blocks.1.convs.1"),
        *batch_norm("classifier/residual_block_1/batch_normalization_1", "blocks.1.norm"),
        *dense("classifier/head/sequential/dense_1", "head.hidden.0"),
        *dense("classifier/head/sequential/dense_2", "head.hidden.2"),
        *dense("classifier/head/dense", "head.out"),
    ),
    to_torch=channels_first,
    to_keras=same,
)

TWINS = Entry(
    name="twin branches",
    keras=keras_twins,
    torch=Twins,
    input=images(2, 12, 14, 3),
    copies=(
        *conv("conv", "left.conv"),
        *dense("project", "left.project"),
        Copy("right.conv.weight", ("conv/kernel#2",), conv_kernel),
        Copy("right.conv.bias", ("conv/bias#2",), as_it_is),
        Copy("right.project.weight", ("project/kernel#2",), dense_kernel),
        Copy("right.project.bias", ("project/bias#2",), as_it_is),
        Copy("project.weight", ("project/kernel#3",), dense_kernel),
        Copy("project.bias", ("project/bias#3",), as_it_is),
    ),
    to_torch=channels_first,
    to_keras=same,
)
