"""Differences of real layers, with their defaults, that are seen in rows and channels."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import torch
from torch import nn

from dualcell.diagnosis import diagnose

SHAPES = [(16, 9, 8, 12), (8, 14, 14, 5), (32, 5, 7, 3), (4, 30, 20, 16), (64, 6, 6, 8)]  # NHWC


def numbers(shape, seed=0, axes=(3,)):
    """Normal numbers, of another deviation for each index of some axes."""
    random = np.random.default_rng(seed)
    scales = np.exp(random.uniform(-4, 0, [size if axis in axes else 1 for axis, size in enumerate(shape)]))
    return (random.normal(size=shape) * scales).astype(np.float32)


def found(left, right):
    return diagnose(np.asarray(left), np.asarray(right))


def causes(left, right):
    return {name for one in found(left, right) for name in one.causes}


def channels_last(layer, x):
    with torch.no_grad():
        return layer(torch.from_numpy(x.transpose(0, 3, 1, 2).copy())).numpy().transpose(0, 2, 3, 1)


def torched(layer, x):
    with torch.no_grad():
        return layer(torch.from_numpy(x)).numpy()


@pytest.mark.parametrize("seed", range(5))
def test_batch_normalisation_in_training(seed):
    x = numbers(SHAPES[seed], seed)
    left = keras.layers.BatchNormalization()(x, training=True)
    (one,) = found(left, channels_last(nn.BatchNorm2d(x.shape[3]), x))
    assert one.causes == ("normalisation-epsilon",)
    assert "axis 3 with epsilon 0.001 on the left, 1e-05 on the right" in one.sentence
    assert one.after < 1e-5 < one.before


@pytest.mark.parametrize("seed", range(5))
def test_batch_normalisation_in_training_with_gamma_and_beta(seed):
    x, random = numbers(SHAPES[seed], seed), np.random.default_rng(seed)
    gamma, beta = random.uniform(0.5, 2, x.shape[3]), random.normal(size=x.shape[3])
    layer, other = keras.layers.BatchNormalization(), nn.BatchNorm2d(x.shape[3])
    layer.build(x.shape)
    layer.gamma.assign(gamma)
    layer.beta.assign(beta)
    other.load_state_dict({"weight": torch.tensor(gamma), "bias": torch.tensor(beta)}, strict=False)
    assert causes(layer(x, training=True), channels_last(other, x)) == {"normalisation-epsilon"}


@pytest.mark.parametrize("seed", range(5))
def test_batch_normalisation_in_inference(seed):
    """With running variances of its own each channel has a factor; the hint names the epsilons."""
    x, random = numbers(SHAPES[seed], seed), np.random.default_rng(seed)
    mean, variance = random.normal(size=x.shape[3]), np.exp(random.uniform(-6, -1, x.shape[3]))
    layer, other = keras.layers.BatchNormalization(), nn.BatchNorm2d(x.shape[3]).eval()
    layer.build(x.shape)
    layer.moving_mean.assign(mean)
    layer.moving_variance.assign(variance)
    other.load_state_dict({"running_mean": torch.tensor(mean), "running_var": torch.tensor(variance)}, strict=False)
    (one,) = found(layer(x), channels_last(other, x))
    assert one.causes == ("channel-scale",)
    assert "epsilon 1e-3 (Keras) on the left and 1e-5 (PyTorch) on the right" in one.hint


@pytest.mark.parametrize("seed", range(5))
def test_new_batch_normalisation_in_inference(seed):
    x = numbers(SHAPES[seed], seed)
    right = channels_last(nn.BatchNorm2d(x.shape[3]).eval(), x)
    assert causes(keras.layers.BatchNormalization()(x), right) == {"epsilon-unit-variance"}


@pytest.mark.parametrize("seed", range(5))
def test_batch_statistics_against_running_statistics(seed):
    x = numbers(SHAPES[seed], seed)
    (one,) = found(keras.layers.BatchNormalization()(x), channels_last(nn.BatchNorm2d(x.shape[3]), x))
    assert one.causes == ("standardised",)
    assert "axes (0, 1, 2) of the left" in one.sentence


@pytest.mark.parametrize("seed", range(5))
def test_layer_normalisation(seed):
    x = numbers((40 + seed, 32), seed, axes=(0,))
    left, right = keras.layers.LayerNormalization()(x), torched(nn.LayerNorm(32), x)
    assert causes(left, right) == {"normalisation-epsilon"}
    assert causes(right, left) == {"normalisation-epsilon"}


@pytest.mark.parametrize("seed", range(5))
def test_trained_layer_normalisation(seed):
    x, random = numbers((40, 6, 16 + 8 * seed), seed, axes=(0, 1)), np.random.default_rng(seed)
    gamma, beta = random.uniform(0.5, 2, x.shape[2]), random.normal(size=x.shape[2])
    layer, other = keras.layers.LayerNormalization(), nn.LayerNorm(x.shape[2])
    layer.build(x.shape)
    layer.gamma.assign(gamma)
    layer.beta.assign(beta)
    other.load_state_dict({"weight": torch.tensor(gamma), "bias": torch.tensor(beta)})
    assert causes(layer(x), torched(other, x)) == {"layer-norm-epsilon"}


@pytest.mark.parametrize("seed", range(5))
def test_group_normalisation(seed):
    groups = [2, 4, 8, 2, 4][seed]
    x = numbers((6, 5, 4 + seed, 32), seed, axes=(0, 3)) * 0.1
    left = keras.layers.GroupNormalization(groups)(x)
    assert causes(left, channels_last(nn.GroupNorm(groups, 32), x)) == {"normalisation-epsilon"}


@pytest.mark.parametrize("seed", range(5))
def test_softmax_on_one_side(seed):
    x = np.random.default_rng(seed).normal(0, 2, (32, 10 + seed)).astype(np.float32)
    dense, linear = keras.layers.Dense(7, activation="softmax"), nn.Linear(10 + seed, 7)
    dense.build(x.shape)
    linear.load_state_dict(
        {"weight": torch.from_numpy(keras.ops.convert_to_numpy(dense.kernel).T.copy()), "bias": torch.zeros(7)}
    )
    assert causes(dense(x), torched(linear, x)) == {"softmax"}
    assert causes(dense(x), torched(nn.Sequential(linear, nn.LogSoftmax(0)), x)) == set()
    logits = torched(linear, x)
    assert causes(logits, torched(nn.LogSoftmax(1), logits)) == {"log-softmax"}
    assert causes(keras.ops.softmax(logits), torched(nn.Softmax(0), logits)) == {"softmax-axis"}


@pytest.mark.parametrize("seed", range(5))
def test_running_variances(seed):
    x = numbers((16, 4, 4, 8 + 2 * seed), seed)
    layer, other = keras.layers.BatchNormalization(), nn.BatchNorm2d(x.shape[3])
    layer(x, training=True)
    channels_last(other, x)
    (one,) = found(layer.moving_variance, other.running_var)
    assert one.causes == ("batch-norm-momentum",)
    assert "(n about 256)" in one.sentence


@pytest.mark.parametrize("seed", range(5))
def test_images_of_imagenet(seed):
    x = np.random.default_rng(seed).integers(0, 256, (2, 20 + seed, 24, 3)).astype(np.float32)
    for mode in ("torch", "caffe"):
        left = keras.applications.imagenet_utils.preprocess_input(x.copy(), mode=mode)
        assert causes(left, x) == {"image-statistics"}


@pytest.mark.parametrize("seed", range(5))
def test_losses_without_reduction(seed):
    random = np.random.default_rng(seed)
    truth, guess = (random.random((24, 5 + seed)).astype(np.float32) for _ in range(2))
    left = keras.losses.BinaryCrossentropy(reduction="none")(truth > 0.5, guess)
    right = nn.BCELoss(reduction="none")(torch.from_numpy(guess), torch.from_numpy((truth > 0.5).astype(np.float32)))
    (one,) = found(left, right)
    assert one.causes == ("reduction",)
    assert "mean over axis 1 of the right" in one.sentence
    column, row = torch.from_numpy(guess[:, :1]), torch.from_numpy(truth[:, 0])
    with pytest.warns(UserWarning, match="size"):
        pairs = nn.MSELoss(reduction="none")(column, row)
    assert causes(keras.ops.square(guess[:, 0] - truth[:, 0]), pairs) == {"pairwise"}


@pytest.mark.parametrize("seed", range(5))
def test_recurrent_layers_and_attention(seed):
    x = np.random.default_rng(seed).normal(size=(6, 5 + seed, 4)).astype(np.float32)
    steps, last = (keras.layers.LSTM(8, return_sequences=every) for every in (True, False))
    for layer in (steps, last):
        layer.build(x.shape)
    last.set_weights(steps.get_weights())
    assert causes(last(x), steps(x)) == {"index-kept"}
    query = torch.from_numpy(x)
    each, mean = (nn.MultiheadAttention(4, 2, batch_first=True).eval() for _ in range(2))
    mean.load_state_dict(each.state_dict())
    scores = each(query, query, query, average_attn_weights=False)[1].detach().numpy()
    assert causes(scores, mean(query, query, query)[1].detach().numpy()) == {"reduction"}
