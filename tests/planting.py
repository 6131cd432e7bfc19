"""Healthy tensors, and the same with a fault planted in them."""

from __future__ import annotations

import numpy as np

from dualcell.diagnosis import diagnose

SHAPES = [(64,), (8, 12), (4, 6, 10), (2, 8, 8, 3), (1000,), (32, 100), (3, 5, 7, 4, 2), (2, 16, 16, 8)]


def tensors():
    """Healthy tensors of several shapes, dtypes and distributions."""
    for seed, shape in enumerate(SHAPES):
        rng = np.random.default_rng(seed)
        yield rng.normal(size=shape).astype(np.float32)
        yield rng.normal(0.5, 3, shape)
        yield (rng.exponential(12, shape) - 4).astype(np.float32)
        yield rng.integers(-400, 400, shape)
        yield np.where(rng.random(shape) < 0.3, 0, rng.normal(size=shape)).astype(np.float32)


def planted(cause):
    """(healthy, faulty) pairs, with noise of 1e-6 in floats."""
    for seed, healthy in enumerate(tensors()):
        rng = np.random.default_rng(1000 + seed)
        faulty = cause.plant(healthy.copy(), rng)
        if faulty is not None:
            noise = 1 + 1e-6 * rng.normal(size=faulty.shape)
            yield healthy, (faulty * noise).astype(faulty.dtype) if faulty.dtype.kind == "f" else faulty


def causes(left, right):
    return [found.causes for found in diagnose(left, right)]
