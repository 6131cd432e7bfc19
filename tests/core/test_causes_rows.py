"""Causes of `causes/rows.py` and `causes/reductions.py`: planted and found, and not found where they are not."""

from __future__ import annotations

import numpy as np
import pytest

from dualcell.causes import reductions, rows
from dualcell.diagnosis import diagnose

SHAPES = [(32, 10), (8, 16, 24), (4, 6, 8, 10), (2, 12, 9, 11), (64, 128), (16, 3, 20, 20)]
DTYPES = ["float32", "float64", "float16"]
CAUSES = (*rows.CAUSES, *reductions.CAUSES)


def softmax(values, axis):
    powers = np.exp(values - values.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


def healthy(cause, shape, random):
    """A tensor that the cause can be planted in."""
    if cause == "pairwise":
        return random.normal(size=shape[0] + 8)
    values = random.normal(0.3, 2, shape)
    return softmax(values, -1) if cause == "softmax-axis" else values


def planted(cause, dtype, noise=1e-6):
    """(healthy, faulty) pairs with noise, every other one turned."""
    for seed, shape in enumerate(SHAPES):
        random = np.random.default_rng(seed)
        left = healthy(cause.name, shape, random).astype(dtype)
        right = cause.plant(left.copy(), random)
        assert right is not None
        right = (right * (1 + noise * random.normal(size=right.shape))).astype(dtype)
        yield (left, right) if seed % 2 else (right, left)


def causes(left, right):
    return {name for found in diagnose(left, right, dtypes=(str(left.dtype), str(right.dtype)))
            for name in found.causes}  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.name)
def test_planted_and_found(cause, dtype):
    # what is repeated as a whole is a part of it too
    allowed = {cause.name, "cropped"} if cause.name == "repetition" else {cause.name}
    for left, right in planted(cause, dtype):
        assert cause.name in causes(left, right) <= allowed, (left.shape, right.shape)


@pytest.mark.parametrize("cause", reductions.CAUSES, ids=lambda cause: cause.name)
def test_planted_in_long_rows(cause):
    """Fewer rows are looked at where they are long: the same ones on both sides."""
    random = np.random.default_rng(0)
    for shape in ((900, 1100), (700, 5, 300)):
        left = random.normal(size=1000 if cause.name == "pairwise" else shape).astype(np.float32)
        right = cause.plant(left, random)
        assert cause.name in causes(left, right)


@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.name)
def test_spoiled_and_not_named(cause):
    """The checker fed a lie: the same fault with errors of a percent in the numbers."""
    for left, right in planted(cause, "float32", noise=1e-2):
        assert cause.name not in causes(left, right), (left.shape, right.shape)


@pytest.mark.parametrize("seed", range(48))
def test_unrelated_tensors_have_no_cause(seed):
    random = np.random.default_rng(seed)
    shape = SHAPES[seed % len(SHAPES)]
    smaller = [shape, shape[:-1], shape[1:], (1, *shape[1:])][seed // len(SHAPES) % 4]
    kinds = [
        lambda size: random.normal(size=size),
        lambda size: softmax(random.normal(size=size), -1),
        lambda size: random.normal(1, 1e-2, size),
        lambda size: random.integers(0, 10, size).astype(float),
        lambda size: np.sign(random.normal(size=size)),
    ]
    left, right = (
        kinds[number % 5](size).astype(DTYPES[seed % 3]) for number, size in ((seed, shape), (seed // 2, smaller))
    )
    assert not causes(left, right) - {"rounding"}


@pytest.mark.parametrize("way", [*rows._ROWS, *rows._STANDARD], ids=lambda way: way.words)
def test_every_normaliser(way):
    cause = "normalised-rows" if way in rows._ROWS else "standardised"
    for seed, (shape, axes) in enumerate([((40, 12), (1,)), ((9, 8, 20), (2,)), ((6, 5, 4, 8), (0, 2, 3)),
                                          ((3, 4, 8, 8), (2, 3)), ((12, 4, 5), (1, 2))]):  # fmt: skip
        left = np.random.default_rng(seed).normal(0.3, 0.05, shape).astype(np.float32)
        right = way.apply(left.astype(np.float64), axes).astype(np.float32)
        found = diagnose(left, right)
        assert cause in {name for one in found for name in one.causes}
        said = axes[0] if len(axes) == 1 else axes
        assert any(str(said) in one.sentence for one in found)


@pytest.mark.parametrize("name", reductions._REDUCTIONS)
@pytest.mark.parametrize("keep", [False, True])
def test_every_reduction(name, keep):
    function, _ = reductions._REDUCTIONS[name]
    ways = [((40, 12), (1,)), ((12, 40), (0,)), ((9, 8, 20), (2,)), ((6, 5, 4, 8), (2, 3)), ((8, 4, 8, 8), (1,))]
    for seed, (shape, axes) in enumerate(ways):
        left = np.random.default_rng(seed).normal(1, 0.4, shape).astype(np.float32)
        right = function(left.astype(np.float64), axes).astype(np.float32)
        right = np.expand_dims(right, axes) if keep else right
        assert any(name in found.sentence for found in diagnose(left, right))


def test_epsilon_of_a_standardisation_is_named():
    left = np.random.default_rng(0).normal(0, 0.05, (64, 32)).astype(np.float32)
    for epsilon in (1e-3, 1e-5):
        right = (left - left.mean(1, keepdims=True)) / np.sqrt(left.var(1, keepdims=True) + epsilon)
        (found,) = diagnose(left, right)
        assert f"epsilon {epsilon:g}" in found.sentence


def test_root_of_the_head_size_is_named():
    logits = np.random.default_rng(0).normal(0, 3, (2, 4, 10, 10)).astype(np.float32)
    (found,) = diagnose(softmax(logits, -1), softmax(logits / 8, -1))
    assert found.causes == ("softmax-temperature",)
    assert "square root of 64" in found.hint


def test_fixes_name_the_side_that_lacks_softmax():
    logits = np.random.default_rng(0).normal(size=(12, 10)).astype(np.float32)
    (found,) = diagnose(logits, softmax(logits, 1), names=("keras_out", "torch_out"))
    assert found.left_fix == "softmax(keras_out, 1)"
    assert found.right_fix == "torch_out without softmax over axis 1"
    assert found.after < 1e-6


def test_softmax_twice_is_said():
    once = softmax(np.random.default_rng(0).normal(0, 4, (12, 10)), 1)
    (found,) = diagnose(once, softmax(once, 1), dtypes=("float64", "float64"))
    assert "twice" in found.hint
