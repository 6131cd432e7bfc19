"""Causes of `causes/channels.py`: planted and found, and not found where they are not."""

from __future__ import annotations

import numpy as np
import pytest

from dualcell.causes import channels
from dualcell.diagnosis import diagnose

SHAPES = [(40, 10), (8, 16, 24), (4, 6, 8, 10), (2, 12, 9, 11), (64, 128), (16, 3, 20, 20)]
DTYPES = ["float32", "float64"]


def normalised(values, axes, epsilon):
    centred = values - values.mean(axes, keepdims=True)
    return centred / np.sqrt(values.var(axes, keepdims=True) + epsilon)


def healthy(cause, seed):
    """A tensor that the cause can be planted in."""
    random, shape = np.random.default_rng(seed), SHAPES[seed]
    values = random.normal(0.3, 2, shape)
    if cause == "batch-norm-momentum":
        return 0.99 + 0.01 * random.exponential(size=8 + 8 * seed)
    if cause == "image-statistics":
        return random.integers(0, 256, (4 + seed, *((3, 16, 12) if seed % 2 else (16, 12, 3)))) / 255
    if cause == "normalisation-epsilon":
        scales = np.exp(random.uniform(-4, 0, (1, shape[1], *(1 for _ in shape[2:]))))
        return normalised(values * scales, (0, *range(2, len(shape))), 1e-3)
    if cause == "layer-norm-epsilon":
        return random.normal(size=(*shape[:-1], 24))
    return values


def planted(cause, dtype, noise=1e-6):
    for seed in range(len(SHAPES)):
        random = np.random.default_rng(seed)
        left = healthy(cause.name, seed).astype(dtype)
        right = cause.plant(left.copy(), random)
        assert right is not None
        right = (right * (1 + noise * random.normal(size=right.shape))).astype(dtype)
        yield (left, right) if seed % 2 else (right, left)


def causes(left, right):
    return {name for found in diagnose(left, right, dtypes=(str(left.dtype), str(right.dtype)))
            for name in found.causes}  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cause", channels.CAUSES, ids=lambda cause: cause.name)
def test_planted_and_found(cause, dtype):
    for left, right in planted(cause, dtype):
        assert causes(left, right) == {cause.name}, left.shape


@pytest.mark.parametrize("cause", [channels.CHANNEL_SCALE, channels.CHANNEL_OFFSET, channels.CHANNEL_AFFINE,
                                   channels.EPSILON, channels.IMAGES, channels.LAYER_NORM_EPSILON],
                         ids=lambda cause: cause.name)  # fmt: skip
def test_planted_in_half_precision(cause):
    for left, right in planted(cause, "float16"):
        assert causes(left, right) == {cause.name}, left.shape


@pytest.mark.parametrize("cause", channels.CAUSES, ids=lambda cause: cause.name)
def test_spoiled_and_not_named(cause):
    """The checker fed a lie: the same fault with errors of a percent in the numbers."""
    for left, right in planted(cause, "float32", noise=1e-2):
        assert cause.name not in causes(left, right), left.shape


@pytest.mark.parametrize("seed", range(60))
def test_unrelated_tensors_have_no_cause(seed):
    random = np.random.default_rng(seed)
    shape = [*SHAPES, (16,), (9, 2), (5, 3)][seed % 9]
    kinds = [
        lambda: random.normal(size=shape),
        lambda: random.normal(1, 1e-2, shape),
        lambda: normalised(random.normal(size=shape), (0,), 1e-3),
        lambda: np.maximum(random.normal(size=shape), 0),
        lambda: np.ones(shape) * random.normal(size=(1, *shape[1:])),
    ]
    left, right = (kinds[number % 5]().astype([*DTYPES, "float16"][seed % 3]) for number in (seed, seed // 2))
    assert not causes(left, right) - {"rounding", "constant-side"}


def test_noise_is_not_explained_by_channels():
    """Noise just above what counts as rounding must not be called a factor of each channel."""
    for seed, shape in enumerate(SHAPES):
        random = np.random.default_rng(seed)
        left = random.normal(size=shape).astype(np.float32)
        right = (left * (1 + 2.2e-5 * random.normal(size=shape))).astype(np.float32)
        assert not {name for name in causes(left, right) if name in {cause.name for cause in channels.CAUSES}}


@pytest.mark.parametrize(("more", "less"), [(1e-3, 1e-5), (1e-3, 1e-6), (1e-5, 1e-6), (1e-3, 1e-12), (1e-5, 1e-12)])
def test_both_epsilons_are_named(more, less):
    for seed, axes in enumerate([(0, 2, 3), (0, 1, 2), (3,), (1, 2, 3), (2, 3)]):
        random = np.random.default_rng(seed)
        kept = [1 if axis in axes else size for axis, size in enumerate((6, 8, 10, 12))]
        values = random.normal(size=(6, 8, 10, 12)) * np.exp(random.uniform(-6, -1, kept))
        (found,) = diagnose(*(normalised(values, axes, one).astype(np.float32) for one in (more, less)))
        said = (
            f"epsilon {more:g} on the left, {less:.3g} on the right"
            if less > 1e-12
            else "none to speak of on the right"
        )
        assert said in found.sentence


def test_epsilon_of_groups_is_named():
    random = np.random.default_rng(0)
    values = random.normal(size=(6, 5, 7, 4, 8)) * np.exp(random.uniform(-4, 0, (6, 1, 1, 4, 1)))
    left, right = (normalised(values, (1, 2, 4), one).reshape(6, 5, 7, 32).astype(np.float32) for one in (1e-3, 1e-5))
    assert causes(left, right) == {"normalisation-epsilon"}


def test_momentum_and_divisor_are_both_solved_for():
    variance = np.random.default_rng(0).exponential(size=16)
    (found,) = diagnose(0.99 + 0.01 * variance, 0.9 + 0.1 * variance * 32 / 31, dtypes=("float64", "float64"))
    assert "0.01 on the left, 0.1 on the right" in found.sentence
    assert "divided by n - 1 on the right (n about 32)" in found.sentence


def test_a_channel_that_differs_alone_is_named():
    left = np.random.default_rng(0).normal(size=(20, 16, 6))
    right = left.copy()
    right[:, 5] *= 2
    (step,) = channels.CHANNEL_SCALE.steps(left, right, {"closeness": 2e-5})
    assert "1 of 16 differ: 5" in step.hint


def test_logits_shifted_by_row():
    random = np.random.default_rng(0)
    left = random.normal(size=(5, 20, 12)).astype(np.float32)
    (found,) = diagnose(left, left + random.normal(size=(5, 20, 1)).astype(np.float32))
    assert found.causes == ("channel-offset",)
    assert "axes (0, 1)" in found.sentence
