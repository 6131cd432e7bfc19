"""DenseNet121: normalised before each convolution, and every layer sees all before it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

import keras
import torch
from torch import Tensor, nn

from tests.zoo.by_hand import Copy, batch_norm, conv, dense
from tests.zoo.entry import Entry, channels_first, fresh, images, same

DEPTHS = (6, 12, 24, 16)
GROWTH = 32


@fresh
def keras_model() -> keras.Model:
    return keras.applications.DenseNet121(weights=None, input_shape=(64, 96, 3), classes=10, classifier_activation=None)


def norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1.001e-5, momentum=0.01)


class DenseLayer(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1 = norm(channels)
        self.conv1 = nn.Conv2d(channels, 4 * GROWTH, 1, bias=False)
        self.norm2 = norm(4 * GROWTH)
        self.conv2 = nn.Conv2d(4 * GROWTH, GROWTH, 3, padding=1, bias=False)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        new = self.conv2(self.relu(self.norm2(self.conv1(self.relu(self.norm1(x))))))
        return torch.cat([x, new], 1)


def dense_block(channels: int, depth: int) -> nn.Sequential:
    layers = [(f"denselayer{number + 1}", DenseLayer(channels + number * GROWTH)) for number in range(depth)]
    return nn.Sequential(OrderedDict(layers))


def transition(channels: int) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict(
            norm=norm(channels),
            relu=nn.ReLU(inplace=True),
            conv=nn.Conv2d(channels, channels // 2, 1, bias=False),
            pool=nn.AvgPool2d(2),
        )
    )


class DenseNet121(nn.Module):
    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.features = nn.Sequential(
            OrderedDict(
                conv0=nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False),
                norm0=norm(64),
                relu0=nn.ReLU(inplace=True),
                pool0=nn.MaxPool2d(3, stride=2, padding=1),
            )
        )
        channels = 64
        for number, depth in enumerate(DEPTHS, 1):
            self.features.add_module(f"denseblock{number}", dense_block(channels, depth))
            channels += depth * GROWTH
            if number < len(DEPTHS):
                self.features.add_module(f"transition{number}", transition(channels))
                channels //= 2
        self.features.add_module("norm5", norm(channels))
        self.classifier = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).relu().mean((2, 3)))


def _blocks() -> Iterator[Copy]:
    for stage, depth in enumerate(DEPTHS, 1):
        for layer in range(1, depth + 1):
            keras_name = f"conv{stage + 1}_block{layer}"
            torch_name = f"features.denseblock{stage}.denselayer{layer}"
            yield from batch_norm(f"{keras_name}_0_bn", f"{torch_name}.norm1")
            yield from conv(f"{keras_name}_1_conv", f"{torch_name}.conv1", bias=False)
            yield from batch_norm(f"{keras_name}_1_bn", f"{torch_name}.norm2")
            yield from conv(f"{keras_name}_2_conv", f"{torch_name}.conv2", bias=False)


def _transitions() -> Iterator[Copy]:
    for number in (1, 2, 3):
        yield from batch_norm(f"pool{number + 1}_bn", f"features.transition{number}.norm")
        yield from conv(f"pool{number + 1}_conv", f"features.transition{number}.conv", bias=False)


DENSENET121 = Entry(
    name="DenseNet121",
    keras=keras_model,
    torch=DenseNet121,
    input=images(1, 64, 96, 3),
    copies=(
        *conv("conv1_conv", "features.conv0", bias=False),
        *batch_norm("conv1_bn", "features.norm0"),
        *_blocks(),
        *_transitions(),
        *batch_norm("bn", "features.norm5"),
        *dense("predictions", "classifier"),
    ),
    to_torch=channels_first,
    to_keras=same,
)
