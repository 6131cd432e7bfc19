"""VGG16: large Dense layers behind a flatten."""

from __future__ import annotations

from functools import partial

import keras
from torch import Tensor, nn

from tests.zoo.by_hand import after_flatten, conv, dense, kernel_and_bias
from tests.zoo.entry import Entry, channels_first, fresh, images, same

WIDTHS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


@fresh
def keras_model() -> keras.Model:
    return keras.applications.VGG16(weights=None, input_shape=(64, 96, 3), classes=10, classifier_activation=None)


class VGG16(nn.Module):
    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for stage in WIDTHS:
            for width in stage:
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
                channels = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Linear(512 * 2 * 3, 4096),
            nn.ReLU(inplace=True),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Linear(4096, classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).flatten(1))


VGG_16 = Entry(
    name="VGG16",
    keras=keras_model,
    torch=VGG16,
    input=images(1, 64, 96, 3),
    copies=(
        *conv("block1_conv1", "features.0"),
        *conv("block1_conv2", "features.2"),
        *conv("block2_conv1", "features.5"),
        *conv("block2_conv2", "features.7"),
        *conv("block3_conv1", "features.10"),
        *conv("block3_conv2", "features.12"),
        *conv("block3_conv3", "features.14"),
        *conv("block4_conv1", "features.17"),
        *conv("block4_conv2", "features.19"),
        *conv("block4_conv3", "features.21"),
        *conv("block5_conv1", "features.24"),
        *conv("block5_conv2", "features.26"),
        *conv("block5_conv3", "features.28"),
        *kernel_and_bias("fc1", "classifier.0", partial(after_flatten, shape=(2, 3, 512))),
        *dense("fc2", "classifier.2"),
        *dense("predictions", "classifier.4"),
    ),
    to_torch=channels_first,
    to_keras=same,
)
