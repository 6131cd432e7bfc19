"""ResNet50 as in the paper: with the stride in the first convolution of a block."""

from __future__ import annotations

from collections.abc import Iterator

import keras
from torch import Tensor, nn

from tests.zoo.by_hand import Copy, batch_norm, conv, dense
from tests.zoo.entry import Entry, channels_first, fresh, images, same

DEPTHS = (3, 4, 6, 3)
EPSILON = 1.001e-5


@fresh
def keras_model() -> keras.Model:
    return keras.applications.ResNet50(weights=None, input_shape=(64, 96, 3), classes=10, classifier_activation=None)


class Bottleneck(nn.Module):
    def __init__(self, channels: int, width: int, stride: int, downsample: nn.Module | None) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 1, stride=stride)
        self.bn1 = nn.BatchNorm2d(width, eps=EPSILON, momentum=0.01)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(width, eps=EPSILON, momentum=0.01)
        self.conv3 = nn.Conv2d(width, 4 * width, 1)
        self.bn3 = nn.BatchNorm2d(4 * width, eps=EPSILON, momentum=0.01)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        identity = x if self.downsample is None else self.downsample(x)
        return self.relu(out + identity)


class ResNet50(nn.Module):
    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3)
        self.bn1 = nn.BatchNorm2d(64, eps=EPSILON, momentum=0.01)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = self._stage(64, 64, DEPTHS[0], stride=1)
        self.layer2 = self._stage(256, 128, DEPTHS[1], stride=2)
        self.layer3 = self._stage(512, 256, DEPTHS[2], stride=2)
        self.layer4 = self._stage(1024, 512, DEPTHS[3], stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(2048, classes)

    def _stage(self, channels: int, width: int, depth: int, stride: int) -> nn.Sequential:
        downsample = nn.Sequential(
            nn.Conv2d(channels, 4 * width, 1, stride=stride),
            nn.BatchNorm2d(4 * width, eps=EPSILON, momentum=0.01),
        )
        blocks = [Bottleneck(channels, width, stride, downsample)]
        return nn.Sequential(*blocks, *(Bottleneck(4 * width, width, 1, None) for _ in range(depth - 1)))

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


def _blocks() -> Iterator[Copy]:
    for stage, depth in enumerate(DEPTHS, 1):
        for block in range(depth):
            keras_name, torch_name = f"conv{stage + 1}_block{block + 1}", f"layer{stage}.{block}"
            for number in (1, 2, 3):
                yield from conv(f"{keras_name}_{number}_conv", f"{torch_name}.conv{number}")
                yield from batch_norm(f"{keras_name}_{number}_bn", f"{torch_name}.bn{number}")
            if block == 0:  # Keras runs the shortcut first and numbers it 0
                yield from conv(f"{keras_name}_0_conv", f"{torch_name}.downsample.0")
                yield from batch_norm(f"{keras_name}_0_bn", f"{torch_name}.downsample.1")


RESNET50 = Entry(
    name="ResNet50",
    keras=keras_model,
    torch=ResNet50,
    input=images(1, 64, 96, 3),
    copies=(
        *conv("conv1_conv", "conv1"),
        *batch_norm("conv1_bn", "bn1"),
        *_blocks(),
        *dense("predictions", "fc"),
    ),
    to_torch=channels_first,
    to_keras=same,
)
