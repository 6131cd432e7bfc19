"""MobileNetV2: depthwise convolutions, ReLU6, and padding on one side before each stride."""

from __future__ import annotations

from collections.abc import Iterator

import keras
from torch import Tensor, nn

from tests.zoo.by_hand import Copy, batch_norm, conv, dense, depthwise
from tests.zoo.entry import Entry, channels_first, fresh, images, same
from tests.zoo.same_padding import Conv2dSame

# expansion, width, depth, stride: table 2 of the paper
STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


@fresh
def keras_model() -> keras.Model:
    return keras.applications.MobileNetV2(weights=None, input_shape=(64, 96, 3), classes=10, classifier_activation=None)


def norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.001)


class ConvBNReLU(nn.Sequential):
    def __init__(self, channels: int, width: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(
            Conv2dSame(channels, width, kernel, stride, groups=groups, bias=False),
            norm(width),
            nn.ReLU6(inplace=True),
        )


class InvertedResidual(nn.Module):
    def __init__(self, channels: int, width: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = channels * expansion
        self.use_res_connect = stride == 1 and channels == width
        self.conv = nn.Sequential(
            *([ConvBNReLU(channels, hidden, 1)] if expansion > 1 else []),
            ConvBNReLU(hidden, hidden, 3, stride, groups=hidden),
            nn.Conv2d(hidden, width, 1, bias=False),
            norm(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


class MobileNetV2(nn.Module):
    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        features: list[nn.Module] = [ConvBNReLU(3, 32, 3, stride=2)]
        channels = 32
        for expansion, width, depth, stride in STAGES:
            for block in range(depth):
                features.append(InvertedResidual(channels, width, 1 if block else stride, expansion))
                channels = width
        features.append(ConvBNReLU(320, 1280, 1))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, classes))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).mean((2, 3)))


def _blocks() -> Iterator[Copy]:
    for number in range(1, 17):
        keras_name, torch_name = f"block_{number}", f"features.{number + 1}.conv"
        yield from conv(f"{keras_name}_expand", f"{torch_name}.0.0", bias=False)
        yield from batch_norm(f"{keras_name}_expand_BN", f"{torch_name}.0.1")
        yield from depthwise(f"{keras_name}_depthwise", f"{torch_name}.1.0", bias=False)
        yield from batch_norm(f"{keras_name}_depthwise_BN", f"{torch_name}.1.1")
        yield from conv(f"{keras_name}_project", f"{torch_name}.2", bias=False)
        yield from batch_norm(f"{keras_name}_project_BN", f"{torch_name}.3")


MOBILENET_V2 = Entry(
    name="MobileNetV2",
    keras=keras_model,
    torch=MobileNetV2,
    input=images(1, 64, 96, 3),
    copies=(
        *conv("Conv1", "features.0.0", bias=False),
        *batch_norm("bn_Conv1", "features.0.1"),
        *depthwise("expanded_conv_depthwise", "features.1.conv.0.0", bias=False),
        *batch_norm("expanded_conv_depthwise_BN", "features.1.conv.0.1"),
        *conv("expanded_conv_project", "features.1.conv.1", bias=False),
        *batch_norm("expanded_conv_project_BN", "features.1.conv.2"),
        *_blocks(),
        *conv("Conv_1", "features.18.0", bias=False),
        *batch_norm("Conv_1_bn", "features.18.1"),
        *dense("predictions", "classifier.1"),
    ),
    to_torch=channels_first,
    to_keras=same,
)
