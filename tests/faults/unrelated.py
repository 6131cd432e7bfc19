"""Pairs of tensors that have nothing to do with each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from tests.faults.tensors import Array

Shape = tuple[int, ...]
Maker = Callable[[np.random.Generator, Shape], Array]

SHAPES: tuple[Shape, ...] = (
    (8,), (9,), (3, 4), (4, 4), (5, 5), (16,), (10, 10), (8, 8, 8), (4, 6, 4, 6), (2, 3, 4, 5, 6), (32, 10),
    (120,), (64, 64), (1, 40), (40, 1), (3, 3, 8, 16), (7, 13), (2, 2, 2, 2, 2), (1000,), (50, 200),
)  # fmt: skip


def _one_hot(random: np.random.Generator, shape: Shape) -> Array:
    return np.eye(shape[-1], dtype=np.float32)[random.integers(0, shape[-1], shape[:-1])]


def _softmax(random: np.random.Generator, shape: Shape) -> Array:
    weights = np.exp(random.standard_normal(shape))
    return (weights / weights.sum(-1, keepdims=True)).astype(np.float32)


MAKERS: dict[str, Maker] = {
    "normal": lambda random, shape: random.standard_normal(shape).astype(np.float32),
    "normal float64": lambda random, shape: random.standard_normal(shape),
    "normal float16": lambda random, shape: random.standard_normal(shape).astype(np.float16),
    "uniform": lambda random, shape: random.random(shape, np.float32),
    "far from zero": lambda random, shape: (100 + random.standard_normal(shape)).astype(np.float32),
    "exponential": lambda random, shape: random.exponential(2, shape).astype(np.float32),
    "relu": lambda random, shape: np.maximum(random.standard_normal(shape), 0).astype(np.float32),
    "mostly zeros": lambda random, shape: (random.random(shape) * (random.random(shape) < 0.1)).astype(np.float32),
    "softmax": _softmax,
    "one-hot": _one_hot,
    "sorted": lambda random, shape: np.sort(random.standard_normal(shape), axis=None).reshape(shape),
    "labels": lambda random, shape: random.integers(0, 10, shape),
    "bits": lambda random, shape: random.integers(0, 2, shape).astype(np.float32),
    "signs": lambda random, shape: random.choice([-1.0, 1.0], shape),
    "counts": lambda random, shape: random.poisson(3, shape).astype(np.int32),
}


def unrelated(count: int) -> Iterator[tuple[str, Array, Array]]:
    """(what they are, left, right): every second pair of one kind on both sides, the others mixed.

    No side is constant: that one is, is seen and said.
    """
    random = np.random.default_rng(2)
    kinds = list(MAKERS)
    number = 0
    while number < count:
        shape = SHAPES[random.integers(len(SHAPES))]
        one = kinds[number % len(kinds)]
        other = one if number // len(kinds) % 2 == 0 else kinds[random.integers(len(kinds))]
        right_shape = shape[::-1] if number % 5 == 0 else shape
        left, right = MAKERS[one](random, shape), MAKERS[other](random, right_shape)
        if np.ptp(left) > 0 and np.ptp(right) > 0 and not np.array_equal(left, right):
            number += 1
            yield f"{one} {shape}, {other} {right_shape}", left, right
