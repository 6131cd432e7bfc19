"""Weights that stand alone: maps, tokens, scales, statistics; how they lie is told by what is done with them."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import torch
from keras import layers, ops
from torch import nn

import dualcell
from tests.frameworks.both_ways import Layer, Net, Pair, agree, channels_first, held, noise, noted, refused, symbolic

VECTORS, WORDS, IMAGES = noise(4, 8), noise(2, 4, 8), noise(2, 8, 8, 3)


# --- maps and tokens ---


def added(held, x):
    return x + held.w


def positions(shape, module_shape, join=(added, added)):
    """A map of weights, joined with the result of a convolution."""

    def make():
        model = symbolic(
            lambda x: layers.Conv2D(3, 1)(Layer(join[0], {"w": shape})(layers.Conv2D(4, 2, 2)(x))), (8, 8, 3)
        )
        module = Net(lambda net, x: net.o(join[1](net, net.c(x))), c=nn.Conv2d(3, 4, 2, 2), o=nn.Conv2d(4, 3, 1),
                     w=held(*module_shape))  # fmt: skip
        return Pair(model, module, IMAGES, channels_first, channels_first)

    return make


MAPS = {
    "cube": positions((1, 4, 4, 4), (1, 4, 4, 4)),
    "without batch": positions((4, 4, 4), (4, 4, 4)),
    "channels": positions((1, 1, 1, 4), (1, 4, 1, 1)),
    "places": positions((1, 4, 4, 1), (1, 1, 4, 4)),
    "product": positions((1, 4, 4, 4), (1, 4, 4, 4),
                         (lambda layer, x: layer.w * ops.tanh(x), lambda net, x: net.w * x.tanh())),
    "other name": positions((1, 4, 4, 4), (1, 4, 4, 4),
                            (lambda layer, x: x + ops.tanh(layer.w), lambda net, x: x + net.w.tanh())),
}  # fmt: skip


@pytest.mark.parametrize("name", MAPS)
def test_maps_of_weights_get_their_channels_first(name):
    agree(MAPS[name])


LAST = {
    "maps": (added, lambda net, x: (x.permute(0, 2, 3, 1) + net.w).permute(0, 3, 1, 2)),
    "weight": (added, lambda net, x: x + net.w.permute(0, 3, 1, 2)),
    "weight, doubled": (added, lambda net, x: x * (2 * net.w.permute(0, 3, 1, 2))),
}


@pytest.mark.parametrize("name", LAST)
def test_a_map_of_weights_that_is_turned_is_asked_about(name):
    refused(positions((1, 4, 4, 4), (1, 4, 4, 4), LAST[name]),
            "the order of the axes of 'w' is not known: axes are moved before it is joined with others")  # fmt: skip


def test_maps_that_are_turned_after_a_weight_was_added_do_not_matter():
    def module_run(net, x):
        maps = (x + net.w).permute(0, 2, 3, 1)
        return (maps * maps.sigmoid() + maps).permute(0, 3, 1, 2)

    agree(positions((1, 4, 4, 4), (1, 4, 4, 4), (lambda layer, x: (y := x + layer.w) * ops.sigmoid(y) + y, module_run)))


def test_positions_of_patches_stay():
    """In PyTorch the maps are turned into a sequence before."""

    def make():
        def run(x):
            patches = layers.Reshape((4, 4))(layers.Conv2D(4, 4, 4)(x))
            return layers.Dense(3)(Layer(added, {"w": (1, 4, 4)})(patches))

        module = Net(lambda net, x: net.o(net.c(x).flatten(2).transpose(1, 2) + net.w), c=nn.Conv2d(3, 4, 4, 4),
                     o=nn.Linear(4, 3), w=held(1, 4, 4))  # fmt: skip
        return Pair(symbolic(run, (8, 8, 3)), module, IMAGES, channels_first)

    agree(make)


def test_positions_of_a_sequence_stay():
    def make():
        model = symbolic(lambda x: layers.Dense(3)(Layer(added, {"w": (1, 8, 8)})(layers.Dense(8)(x))), (8, 8))
        module = Net(lambda net, x: net.o(net.d(x) + net.w), d=nn.Linear(8, 8), o=nn.Linear(8, 3), w=held(1, 8, 8))
        return Pair(model, module, noise(2, 8, 8))

    agree(make)


def flat_scale():
    """A weight for each feature of a flattened map."""

    def run(x):
        features = layers.Flatten()(layers.Conv2D(2, 5)(x))
        return layers.Dense(3)(Layer(lambda layer, x: layer.w * x, {"w": (32,)})(features))

    model = symbolic(run, (8, 8, 3))
    module = Net(
        lambda net, x: net.o(net.w * net.c(x).flatten(1)), c=nn.Conv2d(3, 2, 5), o=nn.Linear(32, 3), w=held(32)
    )
    return Pair(model, module, IMAGES, channels_first)


def test_a_weight_for_each_flattened_feature_is_brought_in_their_order():
    agree(flat_scale)


def tokens(order, names=("t1", "t2")):
    """Tokens before the words, defined in another order; they are told apart by their places."""

    def make():
        def run(layer, x):
            first, second = (
                ops.broadcast_to(getattr(layer, name), (ops.shape(x)[0], 1, 8)) for name in ("cls", "dist")
            )
            return ops.tanh(ops.concatenate([first, second, ops.square(x)], 1))

        made = {"dist": (1, 1, 8), "cls": (1, 1, 8)}
        model = symbolic(lambda x: layers.Dense(3)(Layer(run, made)(layers.Dense(8)(x))), (4, 8))

        def forward(net, x):
            found = [getattr(net, name).expand(len(x), -1, -1) for name in order]
            return net.o(torch.cat([*found, net.d(x).pow(2)], 1).tanh())

        parts = {name: held(1, 1, 8) for name in names}
        return Pair(model, Net(forward, d=nn.Linear(8, 8), o=nn.Linear(8, 3), **parts), WORDS)

    return make


def test_tokens_go_by_their_places():
    agree(tokens(("t1", "t2")))
    agree(tokens(("t2", "t1")))


def test_a_norm_without_a_layer():
    """An RMS norm by hand: nothing but a scale is its own."""

    def make():
        def run(layer, x):
            return x * ops.rsqrt(ops.mean(ops.square(x), -1, keepdims=True) + 1e-5) * layer.w

        model = symbolic(lambda x: layers.Dense(3)(Layer(run, {"w": (8,)})(x)), (8,))
        module = Net(
            lambda net, x: net.o(net.w * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5))),
            o=nn.Linear(8, 3), w=held(8),
        )  # fmt: skip
        return Pair(model, module, VECTORS)

    agree(make)


def test_scale_and_shift_that_are_used_in_other_ways_are_asked_about():
    def run(layer, x):
        mean, variance = ops.mean(x, -1, keepdims=True), ops.var(x, -1, keepdims=True)
        return (x - mean) / ops.sqrt(variance + 1e-5) * layer.w_1 + layer.w_0

    def forward(net, x):
        spread = torch.sqrt(x.var(-1, keepdim=True, unbiased=False) + 1e-5)
        return net.o(net.a_2 * (x - x.mean(-1, keepdim=True)) / spread + net.b_2)

    def make():
        model = symbolic(lambda x: layers.Dense(3)(Layer(run, {"w_0": (8,), "w_1": (8,)}, name="norm")(x)), (8,))
        return Pair(model, Net(forward, o=nn.Linear(8, 3), a_2=held(8), b_2=held(8)), VECTORS)

    refused(make, "these weight layers of shape 8 fit each other in several ways")
    agree(make, overrides={"norm/w_1": "a_2", "norm/w_0": "b_2"})


# --- statistics ---


def normalization(name, *, count=False):
    def make():
        given = keras.Input((8,))
        layer = layers.Normalization(name="norm")
        layer.adapt(noise(50, 8))
        model = keras.Model(given, layers.Dense(3)(layer(given)))
        module = Net(
            lambda net, x: net.o((x - net.mean) / (net.std if name == "std" else getattr(net, name).sqrt())),
            o=nn.Linear(8, 3),
        )
        module.register_buffer("mean", torch.zeros(8))
        module.register_buffer(name, torch.ones(8))
        if count:
            module.register_buffer("count", torch.zeros((), dtype=torch.int64))
        return Pair(model, module, VECTORS)

    return make


@pytest.mark.parametrize("name", ["variance", "var"])
@pytest.mark.parametrize("count", [False, True])
def test_what_normalization_has_adapted_is_copied_and_takes_effect(name, count):
    agree(normalization(name, count=count))


def test_a_deviation_is_no_variance():
    noted(normalization("std"), "'norm/mean', 'norm/variance' are wired alike, and so are 'mean', 'std'; they are used",
          "'mean', 'std' are wired alike, and so are 'norm/mean', 'norm/variance'; they are used")  # fmt: skip


def test_a_failed_copy_leaves_normalization_as_it_was():
    pair = normalization("variance")()
    before = np.asarray(pair.model(VECTORS))
    with pytest.raises(dualcell.PlanError):
        dualcell.plan_weights(pair.module, pair.model).apply(check=lambda: (np.zeros(3), np.ones(3)))
    np.testing.assert_array_equal(np.asarray(pair.model(VECTORS)), before)


class Table(layers.Layer):
    """A layer without weights, that works out what it keeps from what it has seen."""

    def call(self, given):
        return given

    def finalize_state(self):
        raise AssertionError("nothing of it was written")


def test_a_layer_without_weights_works_nothing_out():
    make = lambda: Pair(symbolic(lambda x: layers.Dense(3)(Table()(x)), (8,)), nn.Linear(8, 3), VECTORS)  # noqa: E731
    agree(make)


def test_a_normalization_with_given_numbers_is_left_alone():
    def make():
        model = symbolic(lambda x: layers.Dense(3)(layers.Normalization(mean=0.5, variance=2.0)(x)), (8,))
        module = Net(lambda net, x: net.o((x - 0.5) / 2.0**0.5), o=nn.Linear(8, 3))
        return Pair(model, module, VECTORS)

    agree(make)
