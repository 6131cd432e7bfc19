"""Weights of Keras on JAX and PyTorch, in processes of their own, and of Keras 2."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

import dualcell

CODE = """
import numpy as np, torch, keras
from torch import nn
from keras import layers
import dualcell
assert keras.config.backend() == {backend!r}

def build():
    inputs = keras.Input((5, 6, 2))
    x = layers.BatchNormalization()(layers.Conv2D(3, 2)(inputs))
    return keras.Model(inputs, layers.Dense(4)(layers.Flatten()(x)))

class Block(keras.Model):
    def __init__(self):
        super().__init__()
        self.first, self.second = layers.Dense(4), layers.Dense(4)
    def call(self, x):
        return self.second(self.first(x) + x)

model, other = build(), build()
for number, weight in enumerate(model.weights):
    weight.assign(np.random.default_rng(number).uniform(0.5, 1.5, weight.shape))
net = nn.Sequential(nn.Conv2d(2, 3, 2), nn.BatchNorm2d(3, eps=1e-3), nn.Flatten(), nn.Linear(60, 4)).eval()
plan = dualcell.plan_weights(model, net)
assert plan.complete, plan
plan.apply()
x = np.random.default_rng(0).random((2, 5, 6, 2), np.float32)
left = keras.ops.convert_to_numpy(model(x))
with torch.no_grad():
    right = net(torch.from_numpy(np.moveaxis(x, -1, 1).copy())).numpy()
np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-4)
dualcell.plan_weights(net, other).apply()
bits = [keras.ops.convert_to_numpy(weight).tobytes() for weight in other.weights]
with torch.no_grad():
    for array in (*net.parameters(), *net.buffers()):
        array.add_(1)  # as an optimizer does: the models share no memory
assert [keras.ops.convert_to_numpy(weight).tobytes() for weight in other.weights] == bits
for one, two in zip(model.weights, other.weights):
    assert keras.ops.convert_to_numpy(one).tobytes() == keras.ops.convert_to_numpy(two).tobytes()

block = Block()
block(np.zeros((1, 4), "float32"))
assert dualcell.plan_weights(block, nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))).source.flow is not None

two_ways = keras.Sequential([keras.Input((5, 4)), layers.Bidirectional(layers.GRU(3, return_sequences=True), name="g")])
reader = nn.GRU(4, 3, batch_first=True, bidirectional=True)
plan = dualcell.plan_weights(two_ways, reader).apply()
assert plan.rows[0].source_name == "g/forward_layer/cell/kernel", plan.rows[0].source_name
x = np.random.default_rng(0).random((2, 5, 4), np.float32)
with torch.no_grad():
    right = reader(torch.from_numpy(x))[0].numpy()
np.testing.assert_allclose(keras.ops.convert_to_numpy(two_ways(x)), right, rtol=1e-4, atol=1e-4)
"""


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_keras_on_other_backends(backend):
    environment = {**os.environ, "KERAS_BACKEND": backend}
    code = CODE.format(backend=backend)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


tf_keras = pytest.importorskip("tf_keras")
L = tf_keras.layers


def filled(model):
    for number, weight in enumerate(model.weights):
        weight.assign(np.random.default_rng(number).uniform(0.5, 1.5, weight.shape))
    return model


def vision():
    inputs = L.Input((5, 6, 2))
    x = L.BatchNormalization()(L.Conv2D(3, 2)(inputs))
    x = L.DepthwiseConv2D(2, depth_multiplier=2)(L.Activation("relu")(x))
    return tf_keras.Model(inputs, L.Dense(4)(L.Flatten()(x)))


def text():
    return tf_keras.Sequential([
        L.Input((7,)), L.Embedding(10, 4), L.Bidirectional(L.LSTM(3, return_sequences=True)), L.GRU(3), L.Dense(2),
    ])  # fmt: skip


class Text(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.both = nn.Embedding(10, 4), nn.LSTM(4, 3, bidirectional=True, batch_first=True)
        self.gru, self.fc = nn.GRU(6, 3, batch_first=True), nn.Linear(3, 2)

    def forward(self, x):
        return self.fc(self.gru(self.both(self.table(x))[0])[1][0])


PAIRS = {
    "vision": (
        vision,
        lambda: nn.Sequential(
            nn.Conv2d(2, 3, 2), nn.BatchNorm2d(3, eps=1e-3), nn.ReLU(), nn.Conv2d(3, 6, 2, groups=3), nn.Flatten(),
            nn.Linear(72, 4),
        ),
        np.random.default_rng(0).random((2, 5, 6, 2), np.float32),
        lambda x: np.moveaxis(x, -1, 1).copy(),
    ),
    "text": (text, Text, np.random.default_rng(0).integers(0, 10, (2, 7)), lambda x: x),
}  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
def test_keras_2(name):
    build, twin, x, turned = PAIRS[name]
    model, net = filled(build()), twin().eval()
    plan = dualcell.plan_weights(model, net)
    assert plan.complete, plan
    plan.apply()
    with torch.no_grad():
        right = net(torch.from_numpy(turned(x))).numpy()
    np.testing.assert_allclose(model(x).numpy(), right, rtol=1e-4, atol=1e-4)
    other = build()
    dualcell.plan_weights(net, other).apply()
    for one, two in zip(model.weights, other.weights, strict=True):
        assert one.numpy().tobytes() == two.numpy().tobytes()
