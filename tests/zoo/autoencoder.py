"""A convolutional autoencoder: strided `same` padding, and transposed convolutions that undo it."""

from __future__ import annotations

import keras
from keras import layers
from torch import Tensor, nn

from tests.zoo.by_hand import conv
from tests.zoo.entry import Entry, channels_first, channels_last, fresh, images


@fresh
def keras_model() -> keras.Model:
    image = keras.Input((24, 32, 3))
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(image)
    x = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Conv2DTranspose(16, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Conv2DTranspose(8, 4, strides=2, padding="same", activation="relu")(x)
    return keras.Model(image, layers.Conv2D(3, 3, padding="same", activation="sigmoid")(x))


class Autoencoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        # Keras' `same` pads even sizes at their ends only, and its transpose cuts there
        self.encoder = nn.Sequential(
            nn.ZeroPad2d((0, 1, 0, 1)),
            nn.Conv2d(3, 8, 3, stride=2),
            nn.ReLU(),
            nn.ZeroPad2d((0, 1, 0, 1)),
            nn.Conv2d(8, 16, 3, stride=2),
            nn.ReLU(),
        )
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(16, 16, 3, stride=2),  # as many channels in as out: the shape does not tell
            nn.ZeroPad2d((0, -1, 0, -1)),
            nn.ReLU(),
            nn.ConvTranspose2d(16, 8, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(8, 3, 3, padding=1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.encoder(x))


AUTOENCODER = Entry(
    name="autoencoder",
    keras=keras_model,
    torch=Autoencoder,
    input=images(2, 24, 32, 3),
    copies=(
        *conv("conv2d", "encoder.1"),
        *conv("conv2d_1", "encoder.4"),
        *conv("conv2d_transpose", "decoder.0"),
        *conv("conv2d_transpose_1", "decoder.3"),
        *conv("conv2d_2", "decoder.5"),
    ),
    to_torch=channels_first,
    to_keras=channels_last,
)
