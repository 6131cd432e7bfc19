"""Convolutions that are not plain: separable, depthwise with a multiplier, grouped, along one axis, along three."""

from __future__ import annotations

import keras
from keras import layers
from torch import Tensor, nn
from torch.nn import functional

from tests.zoo.by_hand import (
    Copy,
    as_it_is,
    batch_norm,
    conv,
    conv_kernel,
    dense,
    depthwise,
    depthwise_kernel,
    flat,
    kernel_and_bias,
    linear_from_conv,
    norm,
    pointwise_kernel,
)
from tests.zoo.entry import Entry, channels_first, channels_last, fresh, images, same


@fresh
def keras_separable() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((18, 22, 4)),
            layers.SeparableConv2D(8, 3, activation="relu"),
            layers.SeparableConv2D(12, 3, depth_multiplier=2, use_bias=False),
            layers.BatchNormalization(epsilon=1e-5),
            layers.ReLU(),
            layers.DepthwiseConv2D(3, depth_multiplier=2, activation="relu"),
            layers.GlobalMaxPooling2D(),
            layers.Dense(5),
        ]
    )


@fresh
def keras_grouped() -> keras.Model:
    image = keras.Input((18, 22, 4))
    x = layers.Conv2D(16, 3, padding="same", groups=2)(image)
    x = layers.GroupNormalization(groups=4, epsilon=1e-5)(x)
    x = layers.PReLU(shared_axes=[1, 2])(x)
    y = layers.Conv2D(16, 3, padding="same", groups=16, use_bias=False)(x)  # depthwise by another name
    y = layers.GroupNormalization(groups=1, epsilon=1e-5)(y)
    y = layers.PReLU(shared_axes=[1, 2, 3])(y)
    return keras.Model(image, layers.Conv2D(16, 1, groups=4)(layers.Add()([x, y])))


@fresh
def keras_causal() -> keras.Model:
    x = frames = keras.Input((20, 6))
    for dilation in (1, 2, 4):
        x = layers.Conv1D(8, 2, padding="causal", dilation_rate=dilation, activation="tanh")(x)
    return keras.Model(frames, layers.Conv1D(3, 1)(x))


@fresh
def keras_volumes() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((6, 8, 10, 2)),
            layers.Conv3D(4, (1, 2, 3), activation="relu"),
            layers.Conv3DTranspose(4, (3, 2, 1), activation="relu"),
            layers.Conv3D(4, 3),
        ]
    )


@fresh
def keras_pointwise() -> keras.Model:
    image = keras.Input((6, 8, 5))
    x = layers.Dense(12, activation="relu")(image)  # a 1x1 convolution by another name
    x = layers.Dense(12, activation="relu")(x)
    x = layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = layers.Conv2D(7, 1)(x)  # a Dense layer by another name
    return keras.Model(image, layers.Flatten()(x))


class SeparableConv2d(nn.Module):
    def __init__(self, channels: int, width: int, multiplier: int = 1, bias: bool = True) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels * multiplier, 3, groups=channels, bias=False)
        self.pointwise = nn.Conv2d(channels * multiplier, width, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.pointwise(self.depthwise(x))


class SeparableCNN(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.sep1 = SeparableConv2d(4, 8)
        self.sep2 = SeparableConv2d(8, 12, multiplier=2, bias=False)
        self.bn = nn.BatchNorm2d(12, momentum=0.01)
        self.depthwise = nn.Conv2d(12, 24, 3, groups=12)
        self.fc = nn.Linear(24, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.sep1(x).relu()
        x = self.bn(self.sep2(x)).relu()
        x = self.depthwise(x).relu()
        return self.fc(x.amax((2, 3)))


class GroupedCNN(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(4, 16, 3, padding=1, groups=2)
        self.norm1 = nn.GroupNorm(4, 16)
        self.act1 = nn.PReLU(16)
        self.conv2 = nn.Conv2d(16, 16, 3, padding=1, groups=16, bias=False)
        self.norm2 = nn.GroupNorm(1, 16)
        self.act2 = nn.PReLU()
        self.conv3 = nn.Conv2d(16, 16, 1, groups=4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act1(self.norm1(self.conv1(x)))
        return self.conv3(x + self.act2(self.norm2(self.conv2(x))))


class CausalNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            [nn.Conv1d(channels, 8, 2, dilation=dilation) for channels, dilation in ((6, 1), (8, 2), (8, 4))]
        )
        self.head = nn.Conv1d(8, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(functional.pad(x, (layer.dilation[0], 0))).tanh()
        return self.head(x)


class VolumeNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv3d(2, 4, (1, 2, 3)),
            nn.ReLU(),
            nn.ConvTranspose3d(4, 4, (3, 2, 1)),
            nn.ReLU(),
            nn.Conv3d(4, 4, 3),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


class PointwiseNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Sequential(nn.Conv2d(5, 12, 1), nn.ReLU(), nn.Conv2d(12, 12, 1), nn.ReLU())
        self.fc = nn.Linear(12, 7)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.mix(x).mean((2, 3)))


SEPARABLE = Entry(
    name="separable CNN",
    keras=keras_separable,
    torch=SeparableCNN,
    input=images(2, 18, 22, 4),
    copies=(
        Copy("sep1.depthwise.weight", ("sequential/separable_conv2d/depthwise_kernel",), depthwise_kernel),
        Copy("sep1.pointwise.weight", ("sequential/separable_conv2d/pointwise_kernel",), conv_kernel),
        Copy("sep1.pointwise.bias", ("sequential/separable_conv2d/bias",), as_it_is),
        Copy("sep2.depthwise.weight", ("sequential/separable_conv2d_1/depthwise_kernel",), depthwise_kernel),
        Copy("sep2.pointwise.weight", ("sequential/separable_conv2d_1/pointwise_kernel",), conv_kernel),
        *batch_norm("sequential/batch_normalization", "bn"),
        *depthwise("sequential/depthwise_conv2d", "depthwise"),
        *dense("sequential/dense", "fc"),
    ),
    to_torch=channels_first,
    to_keras=same,
)

GROUPED = Entry(
    name="grouped CNN",
    keras=keras_grouped,
    torch=GroupedCNN,
    input=images(2, 18, 22, 4),
    copies=(
        *conv("conv2d", "conv1"),
        *norm("group_normalization", "norm1"),
        Copy("act1.weight", ("p_re_lu/alpha",), flat),
        *conv("conv2d_1", "conv2", bias=False),
        *norm("group_normalization_1", "norm2"),
        Copy("act2.weight", ("p_re_lu_1/alpha",), flat),
        *conv("conv2d_2", "conv3"),
    ),
    to_torch=channels_first,
    to_keras=channels_last,
)

CAUSAL = Entry(
    name="causal 1-D CNN",
    keras=keras_causal,
    torch=CausalNet,
    input=images(2, 20, 6),
    copies=(
        *conv("conv1d", "layers.0"),
        *conv("conv1d_1", "layers.1"),
        *conv("conv1d_2", "layers.2"),
        *conv("conv1d_3", "head"),
    ),
    to_torch=channels_first,
    to_keras=channels_last,
)

VOLUMES = Entry(
    name="3-D CNN",
    keras=keras_volumes,
    torch=VolumeNet,
    input=images(1, 6, 8, 10, 2),
    copies=(
        *conv("sequential/conv3d", "net.0"),
        *conv("sequential/conv3d_transpose", "net.2"),
        *conv("sequential/conv3d_1", "net.4"),
    ),
    to_torch=channels_first,
    to_keras=channels_last,
)

POINTWISE = Entry(
    name="pointwise net",
    keras=keras_pointwise,
    torch=PointwiseNet,
    input=images(2, 6, 8, 5),
    copies=(
        *kernel_and_bias("dense", "mix.0", pointwise_kernel),
        *kernel_and_bias("dense_1", "mix.2", pointwise_kernel),
        *kernel_and_bias("conv2d", "fc", linear_from_conv),
    ),
    to_torch=channels_first,
    to_keras=same,
)
