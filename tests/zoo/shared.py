"""Layers that are used twice, and a weight that two layers share."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers
from torch import Tensor, nn

from tests.zoo.by_hand import conv, dense, embedding, lstm, norm
from tests.zoo.entry import Entry, channels_first, fresh, images, long, same, tokens

WORDS, WIDTH = 30, 12


@fresh
def keras_siamese() -> keras.Model:
    half = keras.Input((16, 12, 3))
    x = layers.Conv2D(8, 3, activation="relu")(half)
    x = layers.Conv2D(8, 3, activation="relu")(x)
    tower = keras.Model(half, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))

    image = keras.Input((16, 24, 3))
    left, right = tower(image[:, :, :12]), tower(image[:, :, 12:])
    refine = layers.Dense(10, activation="relu")
    distance = keras.ops.abs(refine(refine(left)) - refine(refine(right)))
    return keras.Model(image, layers.Dense(1)(distance))


class TiedLanguageModel(keras.Model):
    """Words go out through the matrix they came in by."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = layers.Embedding(WORDS, WIDTH)
        self.lstm = layers.LSTM(WIDTH, return_sequences=True)
        self.norm = layers.LayerNormalization(epsilon=1e-5)

    def call(self, ids: Any) -> Any:
        hidden = self.norm(self.lstm(self.embedding(ids)))
        return hidden @ keras.ops.transpose(self.embedding.embeddings)


@fresh
def keras_tied() -> keras.Model:
    model = TiedLanguageModel()
    model(tokens(2, 9, WORDS)())
    return model


class Siamese(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.tower = nn.Sequential(
            nn.Conv2d(3, 8, 3),
            nn.ReLU(),
            nn.Conv2d(8, 8, 3),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(8, 10),
        )
        self.refine = nn.Sequential(nn.Linear(10, 10), nn.ReLU())
        self.out = nn.Linear(10, 1)

    def embed(self, half: Tensor) -> Tensor:
        return self.refine(self.refine(self.tower(half)))

    def forward(self, image: Tensor) -> Tensor:
        left, right = image.chunk(2, dim=3)
        return self.out((self.embed(left) - self.embed(right)).abs())


class TiedLM(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(WORDS, WIDTH)
        self.lstm = nn.LSTM(WIDTH, WIDTH, batch_first=True)
        self.norm = nn.LayerNorm(WIDTH)
        self.decoder = nn.Linear(WIDTH, WORDS, bias=False)
        self.decoder.weight = self.embedding.weight  # one tensor, two names in `state_dict`

    def forward(self, ids: Tensor) -> Tensor:
        outputs, _ = self.lstm(self.embedding(ids))
        return self.decoder(self.norm(outputs))


SIAMESE = Entry(
    name="siamese CNN",
    keras=keras_siamese,
    torch=Siamese,
    input=images(2, 16, 24, 3),
    copies=(
        *conv("conv2d", "tower.0"),
        *conv("conv2d_1", "tower.2"),
        *dense("dense", "tower.6"),
        *dense("dense_1", "refine.0"),
        *dense("dense_2", "out"),
    ),
    to_torch=channels_first,
    to_keras=same,
)

TIED = Entry(
    name="tied language model",
    keras=keras_tied,
    torch=TiedLM,
    input=tokens(2, 9, WORDS),
    copies=(
        *embedding("tied_language_model/embedding", "embedding"),
        *lstm("tied_language_model/lstm/lstm_cell", "lstm"),
        *norm("tied_language_model/layer_normalization", "norm"),
        *embedding("tied_language_model/embedding", "decoder"),
    ),
    to_torch=long,
    to_keras=same,
)
