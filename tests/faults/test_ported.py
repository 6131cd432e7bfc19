"""What real layers of Keras and PyTorch give when a port forgets something: nothing is made to fit."""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from torch import nn

from dualcell.diagnosis import diagnose

SIZES = [(5, 12, 10, 3, 8), (2, 9, 9, 4, 6), (3, 16, 8, 2, 5), (4, 7, 11, 3, 7), (1, 20, 14, 5, 4)]


def named(left, right):
    """The causes of each explanation of two tensors of either framework."""
    arrays = [np.array(side.detach() if isinstance(side, torch.Tensor) else side, np.float32) for side in (left, right)]
    return {finding.causes for finding in diagnose(*arrays)}


def tensor(array):
    return torch.from_numpy(np.ascontiguousarray(array))


def images(batch, height, width, channels, seed=0):
    return np.random.default_rng(seed).standard_normal((batch, height, width, channels), np.float32)


def convolutions(channels, filters):
    """Two of the same weights, which are not zero."""
    left, right = keras.layers.Conv2D(filters, 3), nn.Conv2d(channels, filters, 3)
    left.build((None, None, None, channels))
    left.set_weights([right.weight.detach().numpy().transpose(2, 3, 1, 0), right.bias.detach().numpy()])
    return left, right


@pytest.mark.parametrize(("batch", "height", "width", "channels", "filters"), SIZES)
def test_convolutions_give_other_layouts(batch, height, width, channels, filters):
    left, right = convolutions(channels, filters)
    pixels = images(batch, height, width, channels)
    outputs = left(pixels), right(tensor(pixels.transpose(0, 3, 1, 2)))
    assert named(*outputs) == {("axes-permuted",)}
    assert named(left.kernel, right.weight) == {("axes-permuted",)}


@pytest.mark.parametrize(("batch", "height", "width", "channels", "filters"), SIZES[:4])
def test_convolutions_of_which_one_has_relu(batch, height, width, channels, filters):
    left, right = convolutions(channels, filters)
    pixels = images(batch, height, width, channels)
    outputs = keras.ops.relu(left(pixels)), right(tensor(pixels.transpose(0, 3, 1, 2)))
    assert any({"axes-permuted"} < set(causes) for causes in named(*outputs))


@pytest.mark.parametrize(("batch", "height", "width", "channels", "filters"), SIZES)
def test_flattened_features(batch, height, width, channels, filters):
    features = images(batch, height, width, filters)
    left = keras.layers.Flatten()(features)
    right = nn.Flatten()(tensor(features.transpose(0, 3, 1, 2)))
    assert ("flatten-order",) in named(left, right)


@pytest.mark.parametrize(("height", "width", "channels", "units"), [(4, 3, 8, 10), (5, 5, 6, 7), (2, 7, 4, 12)])
def test_the_dense_layer_after_flatten(height, width, channels, units):
    """The weights of a port that computes the same: rows reordered, and transposed."""
    dense = keras.layers.Dense(units)
    dense.build((None, height * width * channels))
    kernel = np.array(dense.kernel)
    weight = kernel.reshape(height, width, channels, units).transpose(3, 2, 0, 1).reshape(units, -1)
    assert any(set(causes) == {"axes-permuted", "flatten-order"} for causes in named(kernel, weight))


@pytest.mark.parametrize(("features", "units"), [(9, 8), (5, 12), (16, 10), (7, 7), (20, 6)])
def test_the_gates_of_gru(features, units):
    """z, r, n against r, z, n; and (in, 3 units) against (3 units, in)."""
    layer = keras.layers.GRU(units)
    layer.build((None, None, features))
    kernel, recurrent, bias = (np.array(weight) for weight in layer.get_weights())
    bias = np.random.default_rng(0).standard_normal(bias.shape).astype(np.float32)
    for array in (kernel, recurrent, bias):
        update, reset, candidate = np.split(array, 3, -1)
        ported = np.concatenate([reset, update, candidate], -1)
        assert ("block-order",) in named(array, ported)
        if array is not bias:
            assert any(set(causes) == {"block-order", "axes-permuted"} for causes in named(array, ported.T))


@pytest.mark.parametrize("units", [6, 9])
def test_the_outputs_of_a_layer_that_goes_backwards(units):
    layer = keras.layers.LSTM(units, return_sequences=True, go_backwards=True)
    words = images(1, 4, 11, 5)[0]
    left = layer(words)
    kernel, recurrent, bias = (np.array(weight) for weight in layer.get_weights())
    right = nn.LSTM(5, units, batch_first=True)
    with torch.no_grad():
        for parameter, value in zip(
            right.parameters(), (kernel.T, recurrent.T, bias, np.zeros_like(bias)), strict=True
        ):
            parameter.copy_(tensor(value))
    outputs = right(tensor(words).flip(1))[0].flip(1)
    assert named(left, outputs) == {("axis-reversed",)}


@pytest.mark.parametrize("rows", [6, 16, 50])
def test_gradients_of_a_sum_and_of_a_mean(rows):
    random = np.random.default_rng(rows)
    inputs, targets = (random.standard_normal((rows, size), np.float32) for size in (12, 3))
    weight = tf.Variable(random.standard_normal((12, 3), np.float32))
    with tf.GradientTape() as tape:
        loss = keras.losses.MeanSquaredError(reduction="sum")(targets, inputs @ weight)
    left = tape.gradient(loss, weight)
    ported = tensor(np.array(weight)).requires_grad_()
    nn.MSELoss()(tensor(inputs) @ ported, tensor(targets)).backward()
    (found,) = diagnose(np.array(left), ported.grad.numpy())
    assert found.causes == ("scale",)
    assert found.left_fix == f"left / {rows}"


def test_softmax_and_logits_in_another_layout():
    logits = images(4, 6, 5, 9)
    left = keras.layers.Softmax()(logits)
    assert any(
        set(causes) == {"axes-permuted", "softmax"} for causes in named(left, tensor(logits).permute(0, 3, 1, 2))
    )


@pytest.mark.parametrize("scale", [1e-6, 1e-5])
def test_the_first_step_of_adam_is_explained_by_nothing_simpler(scale):
    """Epsilon stands in another place: every element differs by its own factor, which no cause here may claim."""
    gradient = (scale * np.random.default_rng(0).standard_normal((20, 15))).astype(np.float32)
    variable = keras.Variable(np.zeros((20, 15), np.float32))
    keras.optimizers.Adam().apply([gradient], [variable])
    weight = nn.Parameter(torch.zeros(20, 15))
    weight.grad = tensor(gradient)
    torch.optim.Adam([weight]).step()
    assert not named(variable, weight) & {("scale",), ("offset",), ("affine",), ("rounding",)}


def test_the_same_layers_need_no_explanation():
    left, right = convolutions(3, 8)
    pixels = images(5, 12, 10, 3)
    outputs = np.array(left(pixels)), right(tensor(pixels.transpose(0, 3, 1, 2))).permute(0, 2, 3, 1)
    assert named(*outputs) <= {("rounding",)}
