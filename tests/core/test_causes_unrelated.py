"""Tensors that have nothing to do with each other: no cause is named."""

from __future__ import annotations

import numpy as np
import pytest

from tests.planting import SHAPES, causes


@pytest.mark.parametrize("seed", range(60))
def test_unrelated_tensors_have_no_cause(seed):
    rng = np.random.default_rng(seed)
    shape = SHAPES[seed % len(SHAPES)]
    kinds = (
        lambda: rng.normal(size=shape),
        lambda: rng.random(shape),
        lambda: rng.integers(0, 5, shape),
        lambda: np.maximum(rng.normal(size=shape), 0),
        lambda: rng.integers(0, 256, shape).astype(np.uint8),
        lambda: (rng.random(shape) < 0.3).astype(np.float32),
        lambda: np.tanh(5 * rng.normal(size=shape)),
    )
    assert causes(kinds[seed % 7](), kinds[(seed + seed % 2) % 7]()) == []
