"""A small image classifier: the flatten between its convolutions and its Dense layers sees other orders."""

from __future__ import annotations

from functools import partial

import keras
from keras import layers
from torch import Tensor, nn

from tests.zoo.by_hand import after_flatten, batch_norm, conv, dense, kernel_and_bias
from tests.zoo.entry import Entry, channels_first, fresh, images, same


@fresh
def keras_model() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((20, 28, 3)),
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(16, 3, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(32, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(32, activation="relu"),  # square: its shape does not tell that it must be transposed
            layers.Dense(10),
        ]
    )


class SmallCNN(nn.Module):
    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, bias=False),
            nn.BatchNorm2d(16, eps=1e-3, momentum=0.01),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Sequential(
            nn.Linear(16 * 3 * 5, 32),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(32, 32),
            nn.ReLU(),
            nn.Linear(32, classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).flatten(1))


SMALL_CNN = Entry(
    name="small CNN",
    keras=keras_model,
    torch=SmallCNN,
    input=images(2, 20, 28, 3),
    copies=(
        *conv("sequential/conv2d", "features.0"),
        *conv("sequential/conv2d_1", "features.3", bias=False),
        *batch_norm("sequential/batch_normalization", "features.4"),
        *kernel_and_bias("sequential/dense", "classifier.0", partial(after_flatten, shape=(3, 5, 16))),
        *dense("sequential/dense_1", "classifier.3"),
        *dense("sequential/dense_2", "classifier.5"),
    ),
    to_torch=channels_first,
    to_keras=same,
)
