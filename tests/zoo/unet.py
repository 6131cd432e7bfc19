"""A U-Net: skips, and PyTorch modules that are listed in another order than they run."""

from __future__ import annotations

from typing import Any

import keras
import torch
from keras import layers
from torch import Tensor, nn

from tests.zoo.by_hand import Copy, batch_norm, conv
from tests.zoo.entry import Entry, channels_first, channels_last, fresh, images

WIDTHS = (8, 16)


def double_conv(x: Any, width: int) -> Any:
    for _ in range(2):
        x = layers.Conv2D(width, 3, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization(epsilon=1e-5)(x)
        x = layers.ReLU()(x)
    return x


@fresh
def keras_model() -> keras.Model:
    x = image = keras.Input((24, 32, 3))
    skips = []
    for width in WIDTHS:
        x = double_conv(x, width)
        skips.append(x)
        x = layers.MaxPooling2D()(x)
    x = double_conv(x, 32)
    for width, skip in zip(reversed(WIDTHS), reversed(skips), strict=True):
        x = layers.Conv2DTranspose(width, 2, strides=2, padding="same")(x)
        x = double_conv(layers.Concatenate()([skip, x]), width)
    return keras.Model(image, layers.Conv2D(2, 1)(x))


class DoubleConv(nn.Module):
    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width, momentum=0.01),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width, momentum=0.01),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.downs = nn.ModuleList([DoubleConv(3, 8), DoubleConv(8, 16)])
        self.ups = nn.ModuleList(
            [
                nn.ConvTranspose2d(32, 16, 2, stride=2),
                DoubleConv(32, 16),
                nn.ConvTranspose2d(16, 8, 2, stride=2),
                DoubleConv(16, 8),
            ]
        )
        self.pool = nn.MaxPool2d(2)
        self.bottleneck = DoubleConv(16, 32)  # listed last, run in the middle
        self.final_conv = nn.Conv2d(8, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for down in self.downs:
            x = down(x)
            skips.append(x)
            x = self.pool(x)
        x = self.bottleneck(x)
        for up, double in zip(self.ups[::2], self.ups[1::2], strict=True):
            x = double(torch.cat([skips.pop(), up(x)], 1))
        return self.final_conv(x)


def _double(first: str, second: str, torch_name: str) -> list[Copy]:
    """The layers of Keras are numbered through: `first` and `second` are how their names end."""
    return [
        *conv(f"conv2d{first}", f"{torch_name}.conv.0", bias=False),
        *batch_norm(f"batch_normalization{first}", f"{torch_name}.conv.1"),
        *conv(f"conv2d{second}", f"{torch_name}.conv.3", bias=False),
        *batch_norm(f"batch_normalization{second}", f"{torch_name}.conv.4"),
    ]


UNET = Entry(
    name="U-Net",
    keras=keras_model,
    torch=UNet,
    input=images(2, 24, 32, 3),
    copies=(
        *_double("", "_1", "downs.0"),
        *_double("_2", "_3", "downs.1"),
        *_double("_4", "_5", "bottleneck"),
        *conv("conv2d_transpose", "ups.0"),
        *_double("_6", "_7", "ups.1"),
        *conv("conv2d_transpose_1", "ups.2"),
        *_double("_8", "_9", "ups.3"),
        *conv("conv2d_10", "final_conv"),
    ),
    to_torch=channels_first,
    to_keras=channels_last,
)
