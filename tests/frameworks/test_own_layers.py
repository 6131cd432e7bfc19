"""Layers that people write themselves on one side: a product with a matrix is a dense layer, a scale that of a norm."""

from __future__ import annotations

import keras
import pytest
import torch
from keras import layers, ops
from torch import nn
from torch.nn import functional

import dualcell
from tests.frameworks.both_ways import Layer, Net, Pair, agree, channels_first, held, noise, refused, symbolic

VECTORS, IMAGES = noise(4, 8), noise(2, 4, 4, 3)
SHAPES = {"w": (8, 8), "b": (8,)}

IN_KERAS = {
    "matmul and add": lambda layer, x: ops.matmul(x, layer.w) + layer.b,
    "operators": lambda layer, x: x @ layer.w + layer.b,
    "bias first": lambda layer, x: layer.b + ops.matmul(x, layer.w),
    "turned": lambda layer, x: ops.matmul(x, ops.transpose(layer.w)) + layer.b,
}
IN_TORCH = {
    "linear": lambda net, x: functional.linear(x, net.weight, net.bias),
    "linear and add": lambda net, x: functional.linear(x, net.weight) + net.bias,
    "operators": lambda net, x: x @ net.weight + net.bias,
    "turned": lambda net, x: x @ net.weight.T + net.bias,
}


def own_layers(run):
    """Two layers of one's own in Keras; the module defines its own the other way round."""

    def make():
        def model(x):
            return layers.Dense(3)(Layer(run, SHAPES)(ops.tanh(Layer(run, SHAPES)(x))))

        parts = {"last": nn.Linear(8, 8), "first": nn.Linear(8, 8), "head": nn.Linear(8, 3)}
        return Pair(symbolic(model, (8,)), Net(lambda n, x: n.head(n.last(torch.tanh(n.first(x)))), **parts), VECTORS)

    return make


def own_modules(run, *, bias=True):
    """The same in PyTorch."""

    def part():
        sizes = {"bias": held(8)} if bias else {}
        return Net(run, weight=held(8, 8), **sizes)

    def make():
        def model(x):
            hidden = layers.Dense(8, "tanh", use_bias=bias)(x)
            return layers.Dense(3)(layers.Dense(8, use_bias=bias)(hidden))

        parts = {"last": part(), "first": part(), "head": nn.Linear(8, 3)}
        return Pair(symbolic(model, (8,)), Net(lambda n, x: n.head(n.last(torch.tanh(n.first(x)))), **parts), VECTORS)

    return make


@pytest.mark.parametrize("run", IN_KERAS.values(), ids=IN_KERAS)
def test_a_layer_of_ones_own_is_a_linear(run):
    agree(own_layers(run))


@pytest.mark.parametrize("run", IN_TORCH.values(), ids=IN_TORCH)
def test_a_module_of_ones_own_is_a_dense(run):
    agree(own_modules(run))


def test_without_a_bias():
    agree(own_modules(lambda net, x: functional.linear(x, net.weight), bias=False))


def test_one_is_called_by_its_path_or_its_matrix(tmp_path):
    pair = own_layers(IN_KERAS["operators"])()
    names = [layer.name for layer in pair.model.layers if isinstance(layer, Layer)]
    plan = dualcell.plan_weights(pair.model, pair.module, {names[1]: "last", f"{names[0]}/w": "first"})
    assert plan.complete
    assert {row.kind for row in plan.rows} == {"dense"}
    assert sum(row.by == "override" for row in plan.rows) == 4
    plan.save(tmp_path / "plan.json")
    loaded = dualcell.load_plan(tmp_path / "plan.json", pair.model, pair.module)
    assert [row.target for row in loaded.rows] != []
    assert loaded.complete


def after_a_flatten():
    """Features of flattened maps keep their own order in a matrix of one's own, which is not made a dense layer."""

    def model(x):
        return Layer(lambda layer, values: values @ layer.w, {"w": (48, 8)})(layers.Flatten()(layers.Conv2D(3, 1)(x)))

    parts = {"conv": nn.Conv2d(3, 3, 1), "fc": nn.Linear(48, 8, bias=False)}
    return Pair(
        symbolic(model, (4, 4, 3)), Net(lambda n, x: n.fc(n.conv(x).flatten(1)), **parts), IMAGES, channels_first
    )


def test_a_matrix_after_flattened_maps_is_left_to_the_user():
    refused(after_a_flatten, "no override pairs them")


def one_of_two():
    """Two matrices and one dense layer too many: their order would have to say which is which."""

    def model(x):
        one, two = (Layer(IN_KERAS["operators"], SHAPES) for _ in range(2))
        return two(ops.tanh(one(x)))

    return Pair(symbolic(model, (8,)), Net(lambda n, x: n.a(x), a=nn.Linear(8, 8)), VECTORS)


def test_more_matrices_than_layers_are_not_guessed():
    refused(one_of_two, "the plan is not complete")


# --- norms ---


class Norm(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(8))

    def forward(self, x):
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))


class Blocks(nn.Module):
    """Norms by hand, as in most models of language."""

    def __init__(self):
        super().__init__()
        self.norm = Norm()
        self.blocks = nn.ModuleList(
            nn.ModuleDict({"fc": nn.Linear(8, 8, bias=False), "second": Norm(), "first": Norm()}) for _ in range(2)
        )

    def forward(self, x):
        for block in self.blocks:
            x = x + block["second"](block["fc"](block["first"](x)))
        return self.norm(x)


def written_norms():
    def model(x):
        for _ in range(2):
            inside = layers.Dense(8, use_bias=False)(layers.RMSNormalization(epsilon=1e-6)(x))
            x = x + layers.RMSNormalization(epsilon=1e-6)(inside)
        return layers.RMSNormalization(epsilon=1e-6)(x)

    return Pair(symbolic(model, (8,)), Blocks(), VECTORS)


def test_scales_of_norms_by_hand():
    agree(written_norms)


def test_norms_on_both_sides_stay_norms():
    model = keras.Sequential([keras.Input((8,)), layers.RMSNormalization(epsilon=1e-5)])
    plan = dualcell.plan_weights(model, nn.Sequential(nn.RMSNorm(8, eps=1e-6)))
    assert [row.kind for row in plan.rows] == ["rms_norm"]
    assert [one.difference.setting for one in plan.differences] == ["epsilon"]


class Shared(Norm):
    """What is normalized goes on without the scale too: the norm is no step of its own."""

    def forward(self, x):
        normalized = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)
        return self.weight * normalized + torch.tanh(normalized)


class Returned(Norm):
    def forward(self, x):
        normalized = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)
        return self.weight * normalized, normalized


@pytest.mark.parametrize("kind", [Shared, Returned])
def test_what_is_used_besides_is_no_part_of_a_norm(kind):
    def make():
        return Pair(symbolic(layers.RMSNormalization(), (8,)), nn.Sequential(kind()), VECTORS)

    refused(make, "Pair them with overrides={'source path': 'target path'}")


def test_a_product_that_is_a_result_too_keeps_its_bias_apart():
    """Its bias is no part of what the model gives first."""

    def make():
        def run(net, x):
            product = x @ net.weight
            return product, product + net.bias

        given = keras.Input((8,))
        model = keras.Model(given, layers.Dense(8)(given))
        return Pair(model, Net(run, weight=held(8, 8), bias=held(8)), VECTORS)

    refused(make, "the plan is not complete")


class Summed(Norm):
    def forward(self, x):
        return self.weight * (x * torch.rsqrt(x.pow(2).sum(-1, keepdim=True) + 1e-6))


def test_other_norms_by_hand_are_no_rms_norms():
    def make():
        return Pair(symbolic(layers.RMSNormalization(), (8,)), nn.Sequential(Summed()), VECTORS)

    refused(make, "Pair them with overrides={'source path': 'target path'}")
