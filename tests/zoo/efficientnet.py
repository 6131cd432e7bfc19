"""EfficientNetB0: squeeze and excitation, stochastic depth, and an input that the model normalises itself."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import torch
from torch import Tensor, nn

from tests.zoo.by_hand import Copy, as_it_is, batch_norm, conv, dense, depthwise
from tests.zoo.entry import Entry, channels_first, fresh, pixels, same
from tests.zoo.same_padding import Conv2dSame

# expansion, width, depth, stride, kernel: table 1 of the paper
STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)


@fresh
def keras_model() -> keras.Model:
    return keras.applications.EfficientNetB0(
        weights=None, input_shape=(96, 128, 3), classes=10, classifier_activation=None
    )


def norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class Normalize(nn.Module):
    """Pixels to a mean of 0 and a variance of 1; the statistics come with the weights."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(3))
        self.register_buffer("var", torch.ones(3))

    def forward(self, x: Tensor) -> Tensor:
        return (x / 255 - self.mean[:, None, None]) / self.var.sqrt()[:, None, None]


class DropPath(nn.Module):
    """Leaves a sample's branch out at times, in training only."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        keep = torch.rand(len(x), 1, 1, 1, device=x.device) >= self.rate
        return x * keep / (1 - self.rate)


class SqueezeExcite(nn.Module):
    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.conv_reduce = nn.Conv2d(channels, squeezed, 1)
        self.act1 = nn.SiLU(inplace=True)
        self.conv_expand = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        scale = self.act1(self.conv_reduce(x.mean((2, 3), keepdim=True)))
        return x * self.conv_expand(scale).sigmoid()


class DepthwiseSeparable(nn.Module):
    """The first stage, which does not expand."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.conv_dw = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.bn1 = norm(channels)
        self.act1 = nn.SiLU(inplace=True)
        self.se = SqueezeExcite(channels, channels // 4)
        self.conv_pw = nn.Conv2d(channels, width, 1, bias=False)
        self.bn2 = norm(width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.se(self.act1(self.bn1(self.conv_dw(x))))
        return self.bn2(self.conv_pw(x))


class InvertedResidual(nn.Module):
    def __init__(self, channels: int, width: int, stride: int, kernel: int, drop: float) -> None:
        super().__init__()
        hidden = 6 * channels
        self.has_skip = stride == 1 and channels == width
        self.conv_pw = nn.Conv2d(channels, hidden, 1, bias=False)
        self.bn1 = norm(hidden)
        self.conv_dw = Conv2dSame(hidden, hidden, kernel, stride, groups=hidden, bias=False)
        self.bn2 = norm(hidden)
        self.act = nn.SiLU(inplace=True)
        self.se = SqueezeExcite(hidden, channels // 4)
        self.conv_pwl = nn.Conv2d(hidden, width, 1, bias=False)
        self.bn3 = norm(width)
        self.drop_path = DropPath(drop)

    def forward(self, x: Tensor) -> Tensor:
        out = self.act(self.bn1(self.conv_pw(x)))
        out = self.se(self.act(self.bn2(self.conv_dw(out))))
        out = self.bn3(self.conv_pwl(out))
        return x + self.drop_path(out) if self.has_skip else out


class EfficientNetB0(nn.Module):
    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.normalize = Normalize()
        self.conv_stem = Conv2dSame(3, 32, 3, stride=2, bias=False)
        self.bn1 = norm(32)
        self.act = nn.SiLU(inplace=True)
        stages = [nn.Sequential(DepthwiseSeparable(32, 16))]
        channels, number = 16, 1
        for _, width, depth, stride, kernel in STAGES[1:]:
            blocks = []
            for block in range(depth):
                blocks.append(InvertedResidual(channels, width, 1 if block else stride, kernel, 0.2 * number / 16))
                channels, number = width, number + 1
            stages.append(nn.Sequential(*blocks))
        self.blocks = nn.Sequential(*stages)
        self.conv_head = nn.Conv2d(320, 1280, 1, bias=False)
        self.bn2 = norm(1280)
        self.dropout = nn.Dropout(0.2)
        self.classifier = nn.Linear(1280, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.bn1(self.conv_stem(self.normalize(x))))
        x = self.act(self.bn2(self.conv_head(self.blocks(x))))
        return self.classifier(self.dropout(x.mean((2, 3))))


def _blocks() -> Iterator[Copy]:
    for stage, (_, _, depth, _, _) in enumerate(STAGES[1:], 1):
        for block in range(depth):
            keras_name, torch_name = f"block{stage + 1}{'abcd'[block]}", f"blocks.{stage}.{block}"
            yield from conv(f"{keras_name}_expand_conv", f"{torch_name}.conv_pw", bias=False)
            yield from batch_norm(f"{keras_name}_expand_bn", f"{torch_name}.bn1")
            yield from depthwise(f"{keras_name}_dwconv", f"{torch_name}.conv_dw", bias=False)
            yield from batch_norm(f"{keras_name}_bn", f"{torch_name}.bn2")
            yield from conv(f"{keras_name}_se_reduce", f"{torch_name}.se.conv_reduce")
            yield from conv(f"{keras_name}_se_expand", f"{torch_name}.se.conv_expand")
            yield from conv(f"{keras_name}_project_conv", f"{torch_name}.conv_pwl", bias=False)
            yield from batch_norm(f"{keras_name}_project_bn", f"{torch_name}.bn3")


EFFICIENTNET_B0 = Entry(
    name="EfficientNetB0",
    keras=keras_model,
    torch=EfficientNetB0,
    input=pixels(1, 96, 128, 3),
    copies=(
        Copy("normalize.mean", ("normalization/mean",), as_it_is),
        Copy("normalize.var", ("normalization/variance",), as_it_is),
        *conv("stem_conv", "conv_stem", bias=False),
        *batch_norm("stem_bn", "bn1"),
        *depthwise("block1a_dwconv", "blocks.0.0.conv_dw", bias=False),
        *batch_norm("block1a_bn", "blocks.0.0.bn1"),
        *conv("block1a_se_reduce", "blocks.0.0.se.conv_reduce"),
        *conv("block1a_se_expand", "blocks.0.0.se.conv_expand"),
        *conv("block1a_project_conv", "blocks.0.0.conv_pw", bias=False),
        *batch_norm("block1a_project_bn", "blocks.0.0.bn2"),
        *_blocks(),
        *conv("top_conv", "conv_head", bias=False),
        *batch_norm("top_bn", "bn2"),
        *dense("predictions", "classifier"),
    ),
    to_torch=channels_first,
    to_keras=same,
    unused=frozenset({"normalization/count"}),  # of the images that the statistics were taken from
    gain=1.5,
)
