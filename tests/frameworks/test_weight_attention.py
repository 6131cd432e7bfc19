"""Attention in one layer, in four, or with query, key and value in one; and gates that only their use tells apart."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest
import torch
from keras import layers, ops
from torch import nn
from torch.nn import functional as F  # noqa: N812 - everybody calls it so

import dualcell
from dualcell import PlanError

X = np.random.default_rng(2).standard_normal((2, 5, 6)).astype(np.float32)


def attention():
    layer = layers.MultiHeadAttention(2, 3)
    layer(X, X)
    for number, weight in enumerate(layer.weights):
        weight.assign(np.random.default_rng(number).standard_normal(weight.shape))
    return layer


class Apart(nn.Module):
    """Attention by hand; its projections are defined in the order of their names."""

    def __init__(self, *names):
        super().__init__()
        for name in names:
            setattr(self, name, nn.Linear(6, 6))
        self.names = names

    def projected(self, x):
        return (getattr(self, name)(x) for name in sorted(self.names, key="qkvo".index))

    def forward(self, x):
        q, k, v = (getattr(self, name)(x).reshape(2, 5, 2, 3).transpose(1, 2) for name in ("q", "k", "v"))
        found = F.softmax(q @ k.transpose(-1, -2) / 3**0.5, -1) @ v
        return self.o(found.transpose(1, 2).reshape(2, 5, 6))


class Packed(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv, self.proj = nn.Linear(6, 18), nn.Linear(6, 6)

    def forward(self, x):
        q, k, v = self.qkv(x).reshape(2, 5, 3, 2, 3).permute(2, 0, 3, 1, 4)
        found = F.scaled_dot_product_attention(q, k, v)
        return self.proj(found.transpose(1, 2).reshape(2, 5, 6))


@pytest.mark.parametrize("make", [lambda: Apart("q", "k", "v", "o"), lambda: Apart("k", "q", "v", "o"), Packed])
def test_attention_in_one_layer_and_in_several(make):
    layer, module = attention(), make()
    plan = dualcell.plan_weights(layer, module)
    assert plan.complete, plan
    plan.apply()
    np.testing.assert_allclose(layer(X, X), module(torch.from_numpy(X)).detach(), rtol=1e-4, atol=1e-5)
    other = attention()
    for weight in other.weights:
        weight.assign(np.zeros(weight.shape))
    dualcell.plan_weights(module, other).apply()
    assert all(np.array_equal(one, two) for one, two in zip(layer.weights, other.weights, strict=True))


# --- gates ---


def gated(first, second):
    """`act(first(x)) * second(x)` with square kernels: the wiring of both is the same but for the activation."""
    x = keras.Input((4,))
    one, other = layers.Dense(4, name=first), layers.Dense(4, name=second)
    model = keras.Model(x, ops.silu(one(x)) * other(x))
    for number, weight in enumerate(model.weights):
        weight.assign(np.random.default_rng(number).standard_normal(weight.shape))
    return model


class Gated(nn.Module):
    def __init__(self, swap):
        super().__init__()
        self.w1, self.w3 = nn.Linear(4, 4), nn.Linear(4, 4)
        self.swap = swap

    def forward(self, x):
        return self.w1(x) * F.silu(self.w3(x)) if self.swap else F.silu(self.w1(x)) * self.w3(x)


@pytest.mark.parametrize("swap", [False, True])
def test_the_activation_tells_a_gate_from_what_it_gates(swap):
    model, module = gated("p", "q"), Gated(swap)
    plan = dualcell.plan_weights(model, module).apply()
    assert {row.by for row in plan.rows} == {"flow"}
    x = X[0, :, :4]
    np.testing.assert_allclose(model(x), module(torch.from_numpy(x)).detach(), rtol=1e-4, atol=1e-5)


def test_uses_that_differ_on_both_sides_are_not_guessed():
    class Other(Gated):
        def forward(self, x):
            return torch.tanh(self.w1(x)) * self.w3(x)

    with pytest.raises(PlanError, match="what is done with their inputs and results differs"):
        dualcell.plan_weights(gated("p", "q"), Other(False))


@pytest.mark.parametrize("pooled", [True, False])
def test_a_pool_before_a_layer_tells_it_from_its_twin(pooled):
    x = keras.Input((4, 4, 3))
    pool = layers.MaxPooling2D(3, strides=1, padding="same")(x)
    model = keras.Model(x, layers.Conv2D(3, 1, name="p")(pool) + layers.Conv2D(3, 1, name="q")(x))
    for number, weight in enumerate(model.weights):
        weight.assign(np.random.default_rng(number).standard_normal(weight.shape))

    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            self.u, self.v = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)

        def forward(self, x):
            pool = F.max_pool2d(x, 3, 1, 1)
            return self.u(pool) + self.v(x) if pooled else self.u(x) + self.v(pool)

    module = Branches()
    plan = dualcell.plan_weights(model, module).apply()
    assert {row.by for row in plan.rows} == {"flow"}
    images = np.random.default_rng(0).standard_normal((1, 4, 4, 3)).astype(np.float32)
    right = module(torch.from_numpy(np.moveaxis(images, -1, 1).copy())).detach().numpy()
    np.testing.assert_allclose(model(images), np.moveaxis(right, 1, -1), rtol=1e-4, atol=1e-5)


class Difference(nn.Module):
    def __init__(self, forward):
        super().__init__()
        self.u, self.v = nn.Linear(4, 4), nn.Linear(4, 4)
        self.made = forward

    def forward(self, x):
        return self.made(self.u(x), self.v(x))


def difference():
    x = keras.Input((4,))
    return keras.Model(x, layers.Dense(4, name="p")(x) - layers.Dense(4, name="q")(x))


def test_what_is_subtracted_is_told_from_what_it_is_subtracted_from():
    plan = dualcell.plan_weights(difference(), Difference(lambda u, v: v - u))
    assert [(row.source_name, row.by) for row in plan.rows if row.target.name == "v.weight"] == [("p/kernel", "flow")]


def test_a_difference_written_as_a_sum_is_not_guessed():
    with pytest.raises(PlanError, match="what is done with their inputs and results differs"):
        dualcell.plan_weights(difference(), Difference(lambda u, v: -u + v))
