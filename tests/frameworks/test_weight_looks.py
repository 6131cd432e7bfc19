"""A plan looks at both models and changes neither; and weights that frameworks treat in a way of their own."""

from __future__ import annotations

import os
from collections import deque

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest
import torch
from keras import layers
from torch import nn

import dualcell
from dualcell import PlanError
from dualcell.weights.plan import inventory_of

X = np.random.default_rng(0).random((2, 4), np.float32)


class Remembering(nn.Module):
    """Writes into itself whenever it runs."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.register_buffer("mean", torch.zeros(4))
        self.last, self.seen, self.by_name = None, [1], {"kept": [2]}
        self.queue, self.names = deque([3]), {"name"}

    def forward(self, x):
        self.mean.mul_(0.9).add_(0.1 * torch.ones(4))
        self.last = self.fc(x)
        self.seen.append(x)
        self.by_name["kept"].append(x)
        self.by_name["new"] = x
        self.queue.popleft()
        self.names.clear()
        return self.last + torch.randn(4)


class Counting(keras.Model):
    """The same in Keras."""

    def __init__(self):
        super().__init__()
        self.fc = layers.Dense(4)
        self.mean = self.add_weight(shape=(4,), trainable=False, name="mean", initializer="zeros")
        self.last, self.seen, self.by_name = None, [1], {"kept": 2}

    def call(self, x):
        self.mean.assign(self.mean * 0.9 + 0.1)
        self.last = self.fc(x)
        self.seen.append(x)
        self.by_name["new"] = x
        return self.last


def test_looking_at_a_module_leaves_nothing_in_it():
    other, module = Remembering(), Remembering()
    random = torch.get_rng_state()
    plan = dualcell.plan_weights(other, module)
    assert plan.target.flow is not None
    assert (module.last, module.seen, module.by_name) == (None, [1], {"kept": [2]})
    assert (list(module.queue), module.names) == ([3], {"name"})
    assert not module.mean.any()
    assert torch.equal(torch.get_rng_state(), random)


def test_looking_at_a_subclassed_keras_model_leaves_nothing_in_it():
    model, module = Counting(), Remembering()
    model(X)
    model.mean.assign(np.zeros(4))
    kept, nodes, seen = model.last, len(model.fc._inbound_nodes), list(model.seen)
    plan = dualcell.plan_weights(model, module)
    assert plan.source.flow is not None
    assert model.last is kept
    assert len(model.fc._inbound_nodes) == nodes
    assert len(model.seen) == len(seen)
    assert all(one is other for one, other in zip(model.seen, seen, strict=True))
    assert set(model.by_name) == {"kept", "new"}
    assert not np.asarray(model.mean).any()
    assert plan.complete


def test_a_forward_that_refuses_leaves_nothing_either():
    class Refusing(Remembering):
        def forward(self, x):
            return super().forward(x) if bool(x.sum() > -1) else x

    module = Refusing()
    assert dualcell.plan_weights(Remembering(), module).target.flow is None
    assert (module.last, module.seen, list(module.queue)) == (None, [1], [3])
    assert not module.mean.any()


class Scaled(keras.Model):
    def __init__(self):
        super().__init__()
        self.fc = layers.Dense(4)
        self.logit_scale = self.add_weight(shape=(), name="logit_scale", initializer="ones")

    def call(self, x):
        return self.fc(x) * self.logit_scale


class ScaledModule(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.logit_scale = nn.Parameter(torch.tensor(2.6))

    def forward(self, x):
        return self.fc(x) * self.logit_scale


def test_a_single_number_goes_both_ways():
    model, module = Scaled(), ScaledModule()
    model(X)
    dualcell.plan_weights(module, model).apply()
    assert model.logit_scale.shape == ()
    assert dualcell.compare(model(X), module(torch.from_numpy(X)), rtol=1e-5, atol=1e-6)
    model.logit_scale.assign(-0.5)
    dualcell.plan_weights(model, module).apply()
    assert module.logit_scale.item() == -0.5


def test_a_module_made_for_inference_is_written():
    with torch.inference_mode():
        module = nn.Linear(4, 4)
    model = keras.Sequential([keras.Input((4,)), layers.Dense(4)])
    dualcell.plan_weights(model, module).apply()
    np.testing.assert_array_equal(module.weight.detach().numpy().T, np.asarray(model.weights[0]))


@pytest.mark.parametrize("script", [torch.jit.script, lambda module: torch.jit.trace(module, torch.zeros(1, 4))])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_scripted_module_is_said_to_be_one(script):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(4)])
    with pytest.raises(PlanError, match="that it was made of, and load the other's state_dict"):
        dualcell.plan_weights(model, script(nn.Sequential(nn.Linear(4, 4))))


# --- layers that a `call` gives values of its own ---


class Placed(keras.Model):
    """Positions are no argument: `call` makes them."""

    def __init__(self, refuses=False):
        super().__init__()
        self.positions, self.tokens = layers.Embedding(9, 4), layers.Embedding(9, 4)
        self.norms = [layers.LayerNormalization(epsilon=1e-5), layers.LayerNormalization(epsilon=1e-5)]
        self.fc, self.refuses = layers.Dense(4, activation=lambda x: keras.ops.tanh(x)), refuses

    def call(self, tokens):
        x = self.tokens(tokens) + self.positions(keras.ops.arange(3))
        if self.refuses and not keras.ops.is_tensor(x):
            raise ValueError("no values")
        return self.norms[1](x + self.fc(self.norms[0](x)))


class PlacedPort(nn.Module):
    def __init__(self):
        super().__init__()
        self.last, self.first = nn.LayerNorm(4), nn.LayerNorm(4)
        self.token, self.fc, self.place = nn.Embedding(9, 4), nn.Linear(4, 4), nn.Embedding(9, 4)

    def forward(self, tokens):
        x = self.token(tokens) + self.place(torch.arange(tokens.shape[1]))
        return self.last(x + torch.tanh(self.fc(self.first(x))))


TOKENS = np.array([[1, 2, 3], [4, 5, 6]])


def placed(refuses=False):
    model = Placed(refuses)
    model(TOKENS)
    for place, variable in enumerate(model.variables):
        variable.assign(np.random.default_rng(place).normal(size=variable.shape))
    return model


def test_positions_that_a_call_makes_are_seen(recwarn):
    model, module = placed(), PlacedPort()
    plan = dualcell.plan_weights(model, module).apply(check=lambda: (model(TOKENS), module(torch.tensor(TOKENS))))
    assert plan.table.notes == ()
    assert [str(each.message) for each in recwarn if "lambda" in str(each.message)] == []


@pytest.mark.parametrize("refuses", [False, True])
def test_layers_are_called_as_ever_afterwards(refuses):
    before, model = layers.Layer.__call__, placed(refuses)
    assert (inventory_of(model).flow is None) == refuses
    assert layers.Layer.__call__ is before
    assert keras.ops.is_tensor(model.positions(np.arange(3)))
