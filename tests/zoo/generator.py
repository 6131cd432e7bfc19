"""A generator of images: what comes out of its Dense layer becomes an image, whose order differs."""

from __future__ import annotations

from functools import partial

import keras
import torch
from keras import layers
from torch import Tensor, nn

from tests.zoo.by_hand import Copy, batch_norm, before_unflatten, conv, vector_before_unflatten
from tests.zoo.entry import Entry, channels_last, fresh, images

IMAGE = (4, 5, 16)  # height, width, channels


@fresh
def keras_model() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((10,)),
            layers.Dense(4 * 5 * 16, use_bias=False),
            layers.BatchNormalization(epsilon=1e-5),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Reshape(IMAGE),
            layers.Conv2DTranspose(8, 4, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(epsilon=1e-5),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Conv2DTranspose(3, 5, strides=2, padding="same", activation="tanh"),
        ]
    )


class Generator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Sequential(
            nn.Linear(10, 16 * 4 * 5, bias=False),
            nn.BatchNorm1d(16 * 4 * 5, momentum=0.01),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Unflatten(1, (16, 4, 5)),
        )
        self.main = nn.Sequential(
            nn.ConvTranspose2d(16, 8, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(8, momentum=0.01),
            nn.LeakyReLU(0.2, inplace=True),
            nn.ConvTranspose2d(8, 3, 5, stride=2, padding=1),
            nn.ZeroPad2d((0, -1, 0, -1)),
            nn.Tanh(),
        )

    def forward(self, noise: Tensor) -> Tensor:
        return self.main(self.project(noise))


_vector = partial(vector_before_unflatten, shape=IMAGE)

GENERATOR = Entry(
    name="image generator",
    keras=keras_model,
    torch=Generator,
    input=images(3, 10),
    copies=(
        Copy("project.0.weight", ("sequential/dense/kernel",), partial(before_unflatten, shape=IMAGE)),
        Copy("project.1.weight", ("sequential/batch_normalization/gamma",), _vector),
        Copy("project.1.bias", ("sequential/batch_normalization/beta",), _vector),
        Copy("project.1.running_mean", ("sequential/batch_normalization/moving_mean",), _vector),
        Copy("project.1.running_var", ("sequential/batch_normalization/moving_variance",), _vector),
        *conv("sequential/conv2d_transpose", "main.0", bias=False),
        *batch_norm("sequential/batch_normalization_1", "main.1"),
        *conv("sequential/conv2d_transpose_1", "main.3"),
    ),
    to_torch=torch.from_numpy,
    to_keras=channels_last,
)
