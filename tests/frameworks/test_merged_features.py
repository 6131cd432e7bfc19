"""Features that are merged from maps, step by step of a sequence: copied in PyTorch's order, or asked about."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest
import torch
from keras import layers
from torch import nn

import dualcell
from dualcell import PlanError

RANDOM = np.random.default_rng(3)
FILMS = RANDOM.normal(size=(2, 5, 6, 7, 3)).astype("float32")
IMAGES = FILMS[:, 0]


class Film(nn.Module):
    """A convolution of each image of a film, flattened, and what reads that."""

    def __init__(self, reader, after=lambda values: values):
        super().__init__()
        self.conv, self.reader, self.after = nn.Conv2d(3, 4, 3), reader, after

    def forward(self, films):
        maps = self.conv(films.flatten(0, 1))
        return self.after(self.reader(maps.flatten(1).view(len(films), 5, -1)))


class Text(nn.Module):
    """The columns of a map, read one after the other."""

    def __init__(self):
        super().__init__()
        self.conv, self.reader = nn.Conv2d(3, 4, 3), nn.LSTM(16, 5, batch_first=True)

    def forward(self, images):
        return self.reader(self.conv(images).permute(0, 3, 1, 2).flatten(2))[0]


def text_model():
    return keras.Sequential([
        keras.Input(IMAGES.shape[1:]), layers.Conv2D(4, 3), layers.Permute((2, 1, 3)), layers.Reshape((5, 16)),
        layers.LSTM(5, return_sequences=True, name="lstm"),
    ])  # fmt: skip


def each(*made):
    return [layers.TimeDistributed(layer) for layer in made]


def at_once(*made):
    return [layers.TimeDistributed(keras.Sequential([keras.Input(IMAGES.shape[1:]), *made]))]


def agree(model, module, images, way):
    """Copy, and compare what both give; every weight differs from every other."""
    module.eval()
    with torch.no_grad():
        for tensor in module.state_dict().values():
            tensor.copy_(torch.as_tensor(RANDOM.normal(0, 0.2, tensor.shape)))
    for weight in model.weights:
        weight.assign(RANDOM.normal(0, 0.2, weight.shape))
    source, target = (model, module) if way == "to torch" else (module, model)
    plan = dualcell.plan_weights(source, target).apply()
    given = torch.as_tensor(np.moveaxis(images, -1, -3).copy())
    with torch.no_grad():
        assert dualcell.compare(np.asarray(model(images)), module(given).numpy(), rtol=1e-4, atol=1e-5)
    return plan


def films(*made):
    return keras.Sequential([keras.Input(FILMS.shape[1:]), *made])


def last(given):
    return given[0][:, -1]


PAIRS = {
    "each": lambda: (films(*each(layers.Conv2D(4, 3), layers.Flatten()), layers.LSTM(6)),
                     Film(nn.LSTM(80, 6, batch_first=True), last)),
    "at once": lambda: (films(*at_once(layers.Conv2D(4, 3), layers.Flatten()), layers.Dropout(0.1), layers.LSTM(6)),
                        Film(nn.LSTM(80, 6, batch_first=True), last)),
    "both ways": lambda: (films(*each(layers.Conv2D(4, 3), layers.Flatten()),
                                layers.Bidirectional(layers.GRU(6, return_sequences=True))),
                          Film(nn.GRU(80, 6, batch_first=True, bidirectional=True), lambda given: given[0])),
    "mean": lambda: (films(*each(layers.Conv2D(4, 3), layers.Flatten()), layers.GlobalAveragePooling1D(),
                           layers.Dense(2)),
                     Film(nn.Linear(80, 2), lambda values: values.mean(1))),
    "dense": lambda: (films(*each(layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(2))), Film(nn.Linear(80, 2))),
    "dense, then flattened": lambda: (
        films(*at_once(layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(8)), layers.Flatten(), layers.Dense(2)),
        Film(nn.Sequential(nn.Linear(80, 8), nn.Flatten(), nn.Linear(40, 2))),
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", ["to torch", "to keras"])
@pytest.mark.parametrize("name", PAIRS)
def test_maps_flattened_in_each_step_of_a_sequence(name, way):
    agree(*PAIRS[name](), FILMS, way)


@pytest.mark.parametrize("way", ["to torch", "to keras"])
def test_maps_reshaped_into_a_sequence_are_asked_about(way):
    sides = (text_model(), Text()) if way == "to torch" else (Text(), text_model())
    with pytest.raises(PlanError, match=r"the order of the features of 'lstm/cell' is not known: the model merges"):
        dualcell.plan_weights(*sides)
    dualcell.plan_weights(*sides, flatten={"reader": (4, 4)}).apply()
    model, module = sides if way == "to torch" else sides[::-1]
    with torch.no_grad():
        right = module(torch.as_tensor(IMAGES.transpose(0, 3, 1, 2).copy())).numpy()
    assert dualcell.compare(np.asarray(model(IMAGES)), right, rtol=1e-4, atol=1e-5)


def test_merged_features_that_are_flattened_again_are_asked_about():
    model = films(*each(layers.Conv2D(4, 3), layers.Flatten()), layers.Flatten(), layers.Dense(2, name="head"))
    with pytest.raises(PlanError, match="the order of the features of 'head' is not known"):
        dualcell.plan_weights(model, Film(nn.Sequential(nn.Flatten(), nn.Linear(400, 2))))


def test_attention_to_merged_features_is_asked_about():
    given = keras.Input(FILMS.shape[1:])
    values = films(*each(layers.Conv2D(4, 3), layers.Flatten()))(given)
    model = keras.Model(given, layers.MultiHeadAttention(4, 20, name="look")(values, values))
    reader = nn.MultiheadAttention(80, 4, batch_first=True)
    with pytest.raises(PlanError, match="the order of the features of 'look' is not known"):
        dualcell.plan_weights(model, Film(reader))


def test_a_recurrent_layer_after_convolutions_that_cannot_be_seen_is_asked_about():
    class Hidden(keras.Model):
        def __init__(self):
            super().__init__()
            self.conv, self.reader = layers.Conv2D(4, 3), layers.LSTM(5)

        def call(self, given):
            return self.reader(np.asarray(self.conv(given)).reshape(len(given), 5, 16))

    model = Hidden()
    model(IMAGES)
    with pytest.raises(PlanError, match="it may follow flattened maps of 4 channels"):
        dualcell.plan_weights(model, Text())


def both_ways(units):
    return layers.Bidirectional(layers.LSTM(units, return_sequences=True))


def test_recurrent_layers_after_one_another_that_cannot_be_seen_are_not_asked_about():
    class Hidden(keras.Model):
        def __init__(self):
            super().__init__()
            self.conv, self.first, self.second = layers.Conv1D(4, 3), both_ways(6), layers.LSTM(5)
            self.head = layers.Dense(2)

        def call(self, given):
            values = self.first(np.asarray(self.conv(given)))
            return self.head(self.second(values))

    model = Hidden()
    model(FILMS[:, :, 0, 0])
    module = nn.Sequential(nn.Conv1d(3, 4, 3), nn.LSTM(4, 6, bidirectional=True), nn.LSTM(12, 5), nn.Linear(5, 2))
    assert dualcell.plan_weights(model, module).complete


class Shuffled(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 1), nn.Conv2d(8, 5, 3)

    def forward(self, images):
        maps = self.first(images)
        count, _, height, width = maps.shape
        maps = maps.view(count, 2, 4, height, width).transpose(1, 2).reshape(count, 8, height, width)
        return self.second(maps)[..., 0]


def test_channels_that_are_only_split_and_shuffled_are_not_asked_about():
    model = keras.Sequential([
        keras.Input(IMAGES.shape[1:]), layers.Conv2D(8, 1), layers.Reshape((6, 7, 2, 4)), layers.Permute((1, 2, 4, 3)),
        layers.Reshape((6, 7, 8)), layers.Conv2D(5, 3), layers.Lambda(lambda maps: maps[:, :, 0]),
        layers.Permute((2, 1)),
    ])  # fmt: skip
    agree(model, Shuffled(), IMAGES, "to torch")


class Patches(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(3, 16, 3, 3), nn.LayerNorm(16), nn.Linear(16, 5)

    def forward(self, images):
        return self.head(self.norm(self.conv(images).flatten(2).transpose(1, 2)))


def test_maps_whose_places_become_a_sequence_are_not_asked_about():
    model = keras.Sequential([
        keras.Input(IMAGES.shape[1:]), layers.Conv2D(16, 3, strides=3), layers.Reshape((4, 16)),
        layers.LayerNormalization(epsilon=1e-5), layers.Dense(5),
    ])  # fmt: skip
    agree(model, Patches(), IMAGES, "to torch")


class Multiplied(nn.Module):
    """Flattened features, multiplied with a constant matrix: others, which nothing brings in order."""

    def __init__(self, matrix):
        super().__init__()
        self.conv, self.head, self.matrix = nn.Conv2d(3, 4, 3), nn.Linear(80, 2), torch.as_tensor(matrix)

    def forward(self, images):
        return self.head(self.conv(images).flatten(1) @ self.matrix)


def test_features_after_a_matrix_product_are_its_own():
    matrix = RANDOM.normal(0, 0.2, (80, 80)).astype("float32")
    given = keras.Input(IMAGES.shape[1:])
    maps = layers.Conv2D(4, 3, name="conv")(given)
    features = keras.ops.matmul(layers.Flatten()(maps), matrix)
    model = keras.Model(given, layers.Dense(2, name="head")(features))
    first = matrix.reshape(*maps.shape[1:], 80).transpose(2, 0, 1, 3).reshape(80, 80)
    agree(model, Multiplied(first), IMAGES, "to torch")
