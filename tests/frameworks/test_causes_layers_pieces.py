"""Differences of real layers, with their defaults, that are seen in pieces, numbers and regions."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
import torch
from torch import nn
from torch.nn import functional

from dualcell.diagnosis import diagnose

SHAPES = [(64,), (8, 12), (4, 6, 10), (2, 8, 8, 3), (256, 100)]


def numbers(shape, seed=0, scale=2.0):
    return np.random.default_rng(seed).normal(size=shape, scale=scale).astype(np.float32)


def causes(left, right):
    return [found.causes for found in diagnose(np.asarray(left), np.asarray(right))]


def torched(function, x):
    with torch.no_grad():
        return function(torch.from_numpy(x)).numpy()


ACTIVATIONS = {
    "layers": (keras.layers.LeakyReLU(), nn.LeakyReLU(), "negative-slope"),
    "functions": (keras.activations.leaky_relu, functional.leaky_relu, "negative-slope"),
    "tensorflow": (tf.nn.leaky_relu, nn.LeakyReLU(), "negative-slope"),
    "keras, twice": (keras.layers.LeakyReLU(), keras.activations.leaky_relu, "negative-slope"),
    "none": (tf.identity, nn.LeakyReLU(), "negative-slope"),
    "elu": (keras.layers.ELU(), nn.ELU(alpha=0.5), "negative-slope"),
    "gelu": (keras.ops.gelu, nn.GELU(), "activation-variant"),
    "gelu turned": (keras.activations.gelu, nn.GELU(approximate="tanh"), "activation-variant"),
    "gelu, none": (tf.identity, nn.GELU(), "activation-variant"),
    "hard sigmoid": (
        lambda x: tf_keras.activations.hard_sigmoid(tf.constant(x)),
        nn.Hardsigmoid(),
        "activation-variant",
    ),
    "selu": (keras.ops.elu, nn.SELU(), "activation-variant"),
    "silu": (keras.ops.silu, nn.Hardswish(), "activation-variant"),
    "hard tanh": (tf.identity, nn.Hardtanh(), "clipped"),
    "saturated": (keras.ops.relu, nn.ReLU6(), "clipped"),
}


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name, shape):
    left, right, cause = ACTIVATIONS[name]
    x = numbers(shape, scale=8.0 if cause == "clipped" else 2.0)
    right = torched(right, x) if isinstance(right, nn.Module) or right is functional.leaky_relu else right(x)
    assert causes(left(x), right) == [(cause,)]


def test_the_slopes_are_named():
    x = numbers((8, 12))
    (found,) = diagnose(np.asarray(keras.layers.LeakyReLU()(x)), torched(nn.LeakyReLU(), x))
    assert "0.3 is the default of keras.layers.LeakyReLU" in found.hint
    assert "nn.LeakyReLU(0.3) makes right" in found.right_fix
    assert "negative_slope=0.01" in found.left_fix


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_same_activation_is_no_cause(shape):
    x = numbers(shape)
    assert causes(keras.activations.gelu(x), torched(nn.GELU(), x)) in ([], [("rounding",)])


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_dropout(shape):
    x = numbers(shape)
    torch.manual_seed(0)
    assert causes(keras.layers.Dropout(0.5)(x), torched(nn.Dropout(), x)) == [("dropout",)]
    keras.utils.set_random_seed(0)
    dropped = keras.layers.Dropout(0.3)(x, training=True)
    assert causes(dropped, torched(nn.Dropout(0.3).eval(), x)) == [("dropout",)]
    assert causes(dropped, torched(nn.Dropout(0.3), x)) == [("dropout-masks",)]


def test_dropout_of_channels():
    x = numbers((6, 5, 5, 12))
    keras.utils.set_random_seed(0)
    assert causes(x, keras.layers.SpatialDropout2D(0.4)(x, training=True)) == [("dropout",)]


@pytest.mark.parametrize("shape", [(200,), (40, 9), (6, 8, 10), (3, 4, 5, 6), (1000,)], ids=str)
def test_losses_of_saturated_probabilities(shape):
    rng = np.random.default_rng(0)
    probabilities = np.round(rng.random(shape) * 4) / 4 * 0.9 + 0.01
    probabilities[rng.random(shape) < 0.3] = 0.0
    probabilities = probabilities.astype(np.float32)[..., None]
    truth = (rng.random(shape) < 0.5).astype(np.float32)[..., None]
    left = keras.losses.binary_crossentropy(truth, probabilities)
    right = functional.binary_cross_entropy(torch.from_numpy(probabilities), torch.from_numpy(truth), reduction="none")
    (found,) = diagnose(np.asarray(left), right.numpy()[..., 0])
    assert found.causes == ("clipped",)
    assert "Keras clips probabilities at 1e-7" in found.hint


def test_losses_saturated_at_both_ends():
    truth = (np.arange(300) % 2).astype(np.float32)[:, None]
    probabilities = np.where(np.arange(300) % 3 == 0, 1 - truth[:, 0], 0.1 + np.arange(300) / 400)[:, None]
    probabilities = probabilities.astype(np.float32)
    left = keras.losses.binary_crossentropy(truth, probabilities)
    right = functional.binary_cross_entropy(torch.from_numpy(probabilities), torch.from_numpy(truth), reduction="none")
    assert causes(left, right.numpy()[..., 0]) == [("loss-clipped",)]


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float8_e4m3fn])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_narrower_types(shape, kind):
    x = numbers(shape, scale=0.5)
    x = np.where(np.abs(x) < 0.05, 0.05, x)  # float8 has few small numbers
    assert causes(x, torch.from_numpy(x).to(kind).float().numpy()) == [("narrower-type",)]


@pytest.mark.parametrize("shape", [(64, 5), (40, 6), (8, 9, 5), (200, 4), (30, 30, 3)], ids=str)
def test_sums_of_small_integers(shape):
    x = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    left, right = tf.reduce_sum(x, -1).numpy(), torch.from_numpy(x).sum(-1).numpy()
    assert causes(left, right) == [("integer-overflow",)]


@pytest.mark.parametrize("shape", [(64, 4), (40, 2), (8, 9, 5), (200, 3), (30, 30, 4)], ids=str)
def test_means_and_quotients_of_integers(shape):
    x = np.random.default_rng(0).integers(-50, 50, shape).astype(np.int32)
    assert causes(tf.reduce_mean(x, -1), torch.from_numpy(x).float().mean(-1)) == [("whole-numbers",)]
    quotient = torch.div(torch.from_numpy(x), 7, rounding_mode="trunc")
    assert causes(tf.convert_to_tensor(x) // 7, quotient) == [("division-rounding",)]
    assert causes(tf.convert_to_tensor(x) % 7, torch.fmod(torch.from_numpy(x), 7)) == [("division-rounding",)]


@pytest.mark.parametrize("terms", [64, 512, 4096])
def test_matrix_products_differ_by_rounding(terms):
    x, weight = numbers((32, terms)), numbers((terms, 40), 1)
    left = np.asarray(tf.matmul(x, weight))
    right = (x.astype(np.float64) @ weight.astype(np.float64)).astype(np.float32)
    (found,) = diagnose(left, right)
    assert found.causes == ("rounding",)


@pytest.mark.parametrize("size", [6, 7, 8, 9, 12])
@pytest.mark.parametrize("stride", [1, 2])
def test_average_pooling(size, stride):
    x = numbers((3, size, size, 4))
    left = keras.layers.AveragePooling2D(3, stride, padding="same")(x)
    right = torched(nn.AvgPool2d(3, stride, padding=1), x.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1)
    if stride == 1 or size % 2:
        assert causes(left, right) == [("pooling-edges",)]
    else:  # other windows: nothing in common
        assert causes(left, right) == []


@pytest.mark.parametrize("size", [6, 7, 8, 9, 12])
def test_grids(size):
    x, kernel = numbers((2, size, size, 3)), numbers((3, 3, 5, 3), 1)
    left = tf.nn.conv2d_transpose(x, kernel, (2, 2 * size, 2 * size, 5), 2, padding="SAME")
    weight = torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy())
    channels_first = torch.from_numpy(x.transpose(0, 3, 1, 2).copy())
    right = functional.conv_transpose2d(channels_first, weight, stride=2, padding=1, output_padding=1)
    assert causes(left, right.permute(0, 2, 3, 1).numpy()) == [("grid-shifted",)]
    even = numbers((4, 4, 3, 5), 2)
    left = tf.nn.conv2d(x, even, 1, "SAME")
    right = functional.conv2d(channels_first, torch.from_numpy(even.transpose(3, 2, 0, 1).copy()), padding=2)
    assert causes(left, right.permute(0, 2, 3, 1).numpy()) == [("cropped",)]
    reflected = functional.pad(channels_first, (1, 1, 1, 1), mode="reflect")
    kernel = numbers((3, 3, 3, 5), 3)
    right = functional.conv2d(reflected, torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy()))
    assert causes(tf.nn.conv2d(x, kernel, 1, "SAME"), right.permute(0, 2, 3, 1).numpy()) == [("border",)]


@pytest.mark.parametrize("shape", [(4, 9, 5), (3, 5, 7), (8, 20, 4), (2, 6, 32), (16, 12, 3)], ids=str)
def test_gru_kinds_part_at_the_second_step(shape):
    x = numbers(shape)
    layers = [keras.layers.GRU(6, return_sequences=True, reset_after=after, use_bias=False) for after in (True, False)]
    for layer in layers:
        layer.build(shape)
    layers[1].set_weights(layers[0].get_weights())
    (found,) = diagnose(*(np.asarray(layer(x)) for layer in layers))
    assert found.causes == ("later-steps",)
    assert "from index 1 on along axis 1" in found.sentence


@pytest.mark.parametrize("shape", [(4, 9), (3, 5, 7), (8, 20), (2, 6, 32), (16, 12)], ids=str)
def test_rows_masked_everywhere(shape):
    x = numbers(shape)
    mask = np.ones(shape, bool)
    mask[1] = False
    right = torched(lambda t: t.masked_fill(torch.from_numpy(~mask), -torch.inf).softmax(-1), x)
    (found,) = diagnose(np.asarray(keras.layers.Softmax()(x, mask=mask)), right)
    assert found.causes == ("not-finite",)
    assert "NaN on the right only" in found.sentence
    assert "masked everywhere" in found.hint
