"""Parts of one layer that are concatenated: told apart by what is done to them, refused where they cross over."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest
import torch
from keras import layers, ops
from torch import nn
from torch.nn import functional

import dualcell
from dualcell import PlanError

IMAGES = np.random.default_rng(2).random((2, 8, 8, 3), np.float32)


class Fork(nn.Module):
    """A convolution whose result is taken in several ways, side by side, by the last layer."""

    def __init__(self, *ways, after=lambda maps: maps, features=8, padding=0):
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3, padding=padding), nn.Linear(features, 2)
        self.ways, self.after = ways, after

    def forward(self, images):
        maps = self.conv(images)
        return self.head(self.after(torch.cat([way(maps) for way in self.ways], 1)))


def forked(*ways, after=lambda maps: maps):
    given = keras.Input((8, 8, 3))
    maps = layers.Conv2D(4, 3, name="conv")(given)
    joined = layers.Concatenate()([way(maps) for way in ways])
    return keras.Model(given, layers.Dense(2, name="head")(after(joined)))


def space(maps):
    return ops.mean(maps, (1, 2))


def places(maps):
    return maps.mean((2, 3))


def made(layer, *arguments):
    """Make the layer when the model is built: beside one that was made at import, a new one may get its name again."""
    return lambda maps: layer(*arguments)(maps)


LARGEST = made(layers.MaxPooling2D, 3, 1, "same")
# two ways in Keras, the same two in PyTorch, and how what they give becomes features
PAIRS = {
    "global pools": ((made(layers.GlobalAveragePooling2D), made(layers.GlobalMaxPooling2D)),
                     (lambda maps: maps.mean((2, 3)), lambda maps: maps.amax((2, 3)))),
    "adaptive pools": ((made(layers.GlobalAveragePooling2D), made(layers.GlobalMaxPooling2D)),
                       (lambda maps: functional.adaptive_avg_pool2d(maps, 1).flatten(1),
                        lambda maps: nn.AdaptiveMaxPool2d(1)(maps).flatten(1))),
    "reductions": ((lambda maps: ops.mean(maps, (1, 2)), lambda maps: ops.max(maps, (1, 2))),
                   (lambda maps: functional.avg_pool2d(maps, 6).flatten(1),
                    lambda maps: maps.flatten(2).max(2)[0])),
    "pools": ((made(layers.AveragePooling2D, 2), made(layers.MaxPooling2D, 2)), (nn.AvgPool2d(2), nn.MaxPool2d(2))),
    "functions": ((made(layers.AveragePooling2D, 2), made(layers.MaxPooling2D, 2)),
                  (lambda maps: functional.avg_pool2d(maps, 2), lambda maps: functional.max_pool2d(maps, 2))),
    "windows": ((made(layers.MaxPooling2D, 5, 1, "same"), LARGEST),
                (lambda maps: functional.max_pool2d(maps, kernel_size=5, stride=1, padding=2), nn.MaxPool2d(3, 1, 1))),
    "sum and mean": ((lambda maps: ops.sum(maps, (1, 2)), space), (lambda maps: maps.sum((2, 3)), places)),
    "activation": ((made(layers.ReLU), lambda maps: maps), (functional.relu, lambda maps: maps)),
    "activations": ((made(layers.Activation, "relu"), made(layers.Activation, "tanh")), (nn.ReLU(), torch.tanh)),
    "crelu": ((made(layers.ReLU), lambda maps: ops.relu(-maps)), (torch.relu, lambda maps: torch.relu(-maps))),
    "scaled": ((lambda maps: maps * 0.5, lambda maps: maps), (lambda maps: 0.5 * maps, lambda maps: maps)),
    "waves": ((ops.sin, ops.cos), (torch.sin, torch.cos)),
    "upsampled": ((lambda maps: layers.UpSampling2D(2)(layers.MaxPooling2D(2)(maps)), lambda maps: maps),
                  (lambda maps: functional.interpolate(functional.max_pool2d(maps, 2), scale_factor=2.0),
                   nn.Identity())),
    "slices": ((lambda maps: maps[:, ::2, ::2], lambda maps: maps[:, 1::2, ::2]),
               (lambda maps: maps[..., ::2, ::2], lambda maps: maps[..., 1::2, ::2])),
    "twice": ((LARGEST, lambda maps: LARGEST(LARGEST(maps))),
              (nn.MaxPool2d(3, 1, 1), lambda maps: nn.MaxPool2d(3, 1, 1)(nn.MaxPool2d(3, 1, 1)(maps)))),
}  # fmt: skip
FLAT = ("global pools", "adaptive pools", "reductions", "sum and mean")


def built(name, *, turned=False):
    left, right = PAIRS[name]
    after = () if name in FLAT else (space, places)
    model = forked(*left, after=after[0] if after else lambda maps: maps)
    return model, Fork(*(right[::-1] if turned else right), after=after[1] if after else lambda maps: maps)


def agree(model, module):
    """Copy both ways, and compare what both give."""
    random = np.random.default_rng(7)
    for weight in model.weights:
        weight.assign(random.normal(0, 0.3, weight.shape))
    plan = dualcell.plan_weights(model, module)
    assert not plan.table.notes
    plan.apply()
    with torch.no_grad():
        right = module(torch.as_tensor(IMAGES.transpose(0, 3, 1, 2).copy())).numpy()
    assert dualcell.compare(np.asarray(model(IMAGES)), right, rtol=1e-4, atol=1e-5)
    assert dualcell.plan_weights(module, model).complete


@pytest.mark.parametrize("name", PAIRS)
def test_parts_of_one_layer_in_one_order_are_copied(name):
    agree(*built(name))


@pytest.mark.parametrize("name", PAIRS)
def test_parts_of_one_layer_in_another_order_are_refused(name):
    model, module = built(name, turned=True)
    for pair in ((model, module), (module, model)):
        with pytest.raises(PlanError, match="in another order, so weights would meet the features of others"):
            dualcell.plan_weights(*pair)
    assert dualcell.plan_weights(model, module, {"head": "head"}).complete
    assert dualcell.plan_weights(model, module, {"head": None}).rows


def test_the_refusal_names_what_is_done_to_each_part():
    with pytest.raises(PlanError) as refused:
        dualcell.plan_weights(*built("pools", turned=True))
    assert str(refused.value) == (
        "'head' takes ['conv average-pooled', 'conv max-pooled'] side by side, 'head' takes ['conv max-pooled', "
        "'conv average-pooled']: in another order, so weights would meet the features of others. Concatenate in one "
        "order in both models, or say overrides={'head': 'head'} if these are the same features by other names."
    )


def test_activations_of_the_layer_itself_count():
    """`relu` is a part of the Keras layer and a call in PyTorch, of both parts."""
    given = keras.Input((8, 8, 3))
    maps = layers.Conv2D(4, 3, activation="relu", name="conv")(given)
    pools = [layers.GlobalAveragePooling2D()(maps), layers.GlobalMaxPooling2D()(maps)]
    model = keras.Model(given, layers.Dense(2, name="head")(layers.Concatenate()(pools)))
    mean, most = PAIRS["global pools"][1]
    agree(model, Fork(lambda maps: mean(maps.relu()), lambda maps: most(maps.relu())))
    with pytest.raises(PlanError, match="in another order"):
        dualcell.plan_weights(model, Fork(lambda maps: most(maps.relu()), lambda maps: mean(maps.relu())))


DIFFERENCES = {
    "first minus second": (lambda one, two: one - two, lambda one, two: two - one),
    "quotients": (lambda one, two: one / two, lambda one, two: two / one),
}


class Two(nn.Module):
    def __init__(self, *ways):
        super().__init__()
        self.one, self.two, self.head = nn.Linear(4, 5), nn.Linear(4, 5), nn.Linear(5 * len(ways), 2)
        self.ways = ways

    def forward(self, given):
        one, two = self.one(given), self.two(given).tanh()
        return self.head(torch.cat([way(one, two) for way in self.ways], 1))


def two(*ways):
    given = keras.Input((4,))
    one, other = layers.Dense(5, name="one")(given), layers.Dense(5, "tanh", name="two")(given)
    return keras.Model(given, layers.Dense(2, name="head")(layers.Concatenate()([way(one, other) for way in ways])))


@pytest.mark.parametrize("name", DIFFERENCES)
def test_what_is_subtracted_or_divided_tells_parts_apart(name):
    ways = DIFFERENCES[name]
    assert not dualcell.plan_weights(two(*ways), Two(*ways)).table.notes
    with pytest.raises(PlanError, match="in another order"):
        dualcell.plan_weights(two(*ways), Two(*ways[::-1]))


def test_sums_and_products_have_no_order():
    model = two(lambda one, two: one + two, lambda one, two: one * two)
    module = Two(lambda one, two: two + one, lambda one, two: two * one)
    plan = dualcell.plan_weights(model, module)
    assert plan.complete
    assert not plan.table.notes
    with pytest.raises(PlanError, match="in another order"):
        dualcell.plan_weights(model, Two(*module.ways[::-1]))


UNTOLD = (
    "'head' takes ['conv', 'conv'] side by side, 'head' takes ['conv', 'conv'], and what is done to them does not tell "
    "whether that is one order; copy with apply(check=...)"
)


@pytest.mark.parametrize("turned", [False, True])
def test_parts_that_nothing_tells_apart_are_noted(turned, tmp_path):
    model = forked(*(layers.Lambda(way) for way in (lambda maps: maps + maps, lambda maps: maps - 3)), after=space)
    ways = [torch.erf, torch.lgamma]
    plan = dualcell.plan_weights(model, Fork(*(ways[::-1] if turned else ways), after=places))
    assert plan.complete
    assert UNTOLD in plan.table.notes
    plan.save(tmp_path / "plan.json")
    assert UNTOLD in (tmp_path / "plan.json").read_text()


def test_the_same_part_twice_needs_no_note():
    agree(forked(*[lambda maps: maps] * 2, after=space), Fork(*[lambda maps: maps] * 2, after=places))


def test_a_note_does_not_keep_files_from_being_converted(tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    model = forked(*(layers.Lambda(way) for way in (lambda maps: maps + maps, lambda maps: maps - 3)), after=space)
    module = Fork(torch.erf, torch.lgamma, after=places)
    dualcell.plan_weights(module, model).save(tmp_path / "plan.json")
    safetensors.save_file(module.state_dict(), tmp_path / "net.safetensors")
    dualcell.convert(tmp_path / "net.safetensors", tmp_path / "model.weights.h5", tmp_path / "plan.json")
    model.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(model.get_layer("head").kernel, module.head.weight.detach().numpy().T)


# --- inputs of the model ---


class Siamese(nn.Module):
    """One layer for both inputs."""

    def __init__(self):
        super().__init__()
        self.tower, self.head = nn.Linear(4, 5), nn.Linear(10, 2)

    def forward(self, a, b):
        return self.head(torch.cat([self.tower(a), self.tower(b)], 1))


class Crossed(Siamese):
    def forward(self, a, b):
        return self.head(torch.cat([self.tower(b), self.tower(a)], 1))


def siamese():
    given = [keras.Input((4,), name=name) for name in "ab"]
    tower = layers.Dense(5, name="tower")
    return keras.Model(given, layers.Dense(2, name="head")(layers.Concatenate()([tower(each) for each in given])))


def test_a_shared_layer_is_told_apart_by_the_inputs_it_takes():
    assert not dualcell.plan_weights(siamese(), Siamese()).table.notes
    with pytest.raises(PlanError) as refused:
        dualcell.plan_weights(siamese(), Crossed())
    assert str(refused.value) == (
        "'head' takes ['tower of a', 'tower of b'] side by side, 'head' takes ['tower of b', 'tower of a'], and the "
        "inputs are not in that order in both models. If they are handed over so that the features meet, say "
        "overrides={'head': 'head'}; if not, concatenate them in one order."
    )
    assert dualcell.plan_weights(siamese(), Crossed(), {"head": "head"}).complete
