"""ConvNeXt Tiny: grouped convolutions as depthwise ones, LayerNorm over channels, a learned scale of each branch."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import keras
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.zoo.by_hand import Copy, as_it_is, conv, dense, norm
from tests.zoo.entry import Entry, channels_first, fresh, pixels, same

DEPTHS = (3, 3, 9, 3)
WIDTHS = (96, 192, 384, 768)


@fresh
def keras_model() -> keras.Model:
    return keras.applications.ConvNeXtTiny(
        weights=None, input_shape=(128, 160, 3), classes=10, classifier_activation=None
    )


class LayerNorm2d(nn.LayerNorm):
    """Over the channels of (N, C, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        x = x.permute(0, 2, 3, 1)
        return functional.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps).permute(0, 3, 1, 2)


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.pwconv1 = nn.Linear(width, 4 * width)
        self.act = nn.GELU()
        self.pwconv2 = nn.Linear(4 * width, width)
        self.gamma = nn.Parameter(1e-6 * torch.ones(width))  # a parameter comes before all modules in `state_dict`

    def forward(self, x: Tensor) -> Tensor:
        out = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        out = self.gamma * self.pwconv2(self.act(self.pwconv1(out)))
        return x + out.permute(0, 3, 1, 2)


class ConvNeXtTiny(nn.Module):
    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        mean, std = 255 * torch.tensor([0.485, 0.456, 0.406]), 255 * torch.tensor([0.229, 0.224, 0.225])
        self.register_buffer("mean", mean[:, None, None], persistent=False)
        self.register_buffer("std", std[:, None, None], persistent=False)
        # all of these are listed before the stages that run between them
        self.downsample_layers = nn.ModuleList(
            [nn.Sequential(nn.Conv2d(3, WIDTHS[0], 4, stride=4), LayerNorm2d(WIDTHS[0], eps=1e-6))]
        )
        for channels, width in pairwise(WIDTHS):
            self.downsample_layers.append(
                nn.Sequential(LayerNorm2d(channels, eps=1e-6), nn.Conv2d(channels, width, 2, stride=2))
            )
        self.stages = nn.ModuleList(
            [nn.Sequential(*(Block(width) for _ in range(depth))) for width, depth in zip(WIDTHS, DEPTHS, strict=True)]
        )
        self.norm = nn.LayerNorm(WIDTHS[-1], eps=1e-6)
        self.head = nn.Linear(WIDTHS[-1], classes)

    def forward(self, x: Tensor) -> Tensor:
        x = (x - self.mean) / self.std
        for downsample, stage in zip(self.downsample_layers, self.stages, strict=True):
            x = stage(downsample(x))
        return self.head(self.norm(x.mean((2, 3))))


def _blocks() -> Iterator[Copy]:
    scales = iter(["variable", *(f"variable_{number}" for number in range(1, sum(DEPTHS)))])
    for stage, depth in enumerate(DEPTHS):
        for block in range(depth):
            keras_name, torch_name = f"convnext_tiny_stage_{stage}_block_{block}", f"stages.{stage}.{block}"
            yield from conv(f"{keras_name}_depthwise_conv", f"{torch_name}.dwconv")
            yield from norm(f"{keras_name}_layernorm", f"{torch_name}.norm")
            yield from dense(f"{keras_name}_pointwise_conv_1", f"{torch_name}.pwconv1")
            yield from dense(f"{keras_name}_pointwise_conv_2", f"{torch_name}.pwconv2")
            # Keras gives this weight no name, and numbers it
            yield Copy(f"{torch_name}.gamma", (f"{keras_name}_layer_scale/{next(scales)}",), as_it_is)


def _downsampling() -> Iterator[Copy]:
    for number in range(3):
        block = f"convnext_tiny_downsampling_block_{number}/convnext_tiny_downsampling"
        yield from norm(f"{block}_layernorm_{number}", f"downsample_layers.{number + 1}.0")
        yield from conv(f"{block}_conv_{number}", f"downsample_layers.{number + 1}.1")


CONVNEXT_TINY = Entry(
    name="ConvNeXtTiny",
    keras=keras_model,
    torch=ConvNeXtTiny,
    input=pixels(1, 128, 160, 3),
    copies=(
        *conv("convnext_tiny_stem/convnext_tiny_stem_conv", "downsample_layers.0.0"),
        *norm("convnext_tiny_stem/convnext_tiny_stem_layernorm", "downsample_layers.0.1"),
        *_downsampling(),
        *_blocks(),
        *norm("convnext_tiny_head_layernorm", "norm"),
        *dense("convnext_tiny_head_dense", "head"),
    ),
    to_torch=channels_first,
    to_keras=same,
)
