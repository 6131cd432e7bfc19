"""Causes of `causes/pieces.py`: planted and found, and not found where they are not."""

from __future__ import annotations

import numpy as np
import pytest

from dualcell.causes import pieces
from dualcell.diagnosis import diagnose
from tests.planting import causes, planted


@pytest.mark.parametrize("cause", pieces.CAUSES, ids=lambda cause: cause.name)
def test_planted_and_found(cause):
    pairs = list(planted(cause))
    assert len(pairs) >= 5
    assert [causes(*pair) for pair in pairs] == [[(cause.name,)]] * len(pairs)


X = np.random.default_rng(0).normal(size=(16, 40))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (X, np.where(X < 0, X * np.linspace(0.1, 0.9, 40), X)),  # no one slope
        (X, np.clip(X, -1, np.linspace(0.5, 1, 40))),  # no one bound
        (X, np.where(X > 1, X - 0.5, X)),  # not at a bound
        (X, np.where(np.arange(40) % 3 == 0, 0, X + 0.1 * X**2)),  # zeros, but other values
        (np.where(np.arange(40) % 3 == 0, 0, X), np.where(np.arange(40) % 4 == 0, 0, X**3)),
        (X, np.where(np.abs(X) < 1, 0, X)),  # the size says which are zero: a threshold, no mask
        (np.tanh(X), X + 0.01 * np.sin(9 * X)),  # near a curve, not on it
    ],
)
def test_almost_one_of_them_is_none(left, right):
    assert causes(left, right) == []


def test_what_is_said():
    (found,) = diagnose(X, np.where(X < 0, X * 0.3, X))
    assert "no activation: 0.3 is the default of keras.layers.LeakyReLU" in found.hint
    (found,) = diagnose(X, np.clip(X, -1, 1))
    assert "[-1, 1]" in found.sentence
    assert found.left_fix == "clip(left, -1, 1)"
    rng = np.random.default_rng(1)
    (found,) = diagnose(X, np.where(rng.random(X.shape) < 0.2, 0, X / 0.8), names=("a", "b"))
    assert "p = 0.2" in found.hint
    assert found.after < 1e-6 < found.before


def test_few_elements_are_fitted_by_nothing():
    assert causes(X[0, :6], np.maximum(X[0, :6], 0)) == []
    assert causes(np.ones(40), np.where(np.arange(40) < 20, 0.0, 1.0)) in ([], [("constant-side",)])


@pytest.mark.parametrize("relate", [cause.relate for cause in pieces.CAUSES])
def test_a_sample_that_fits_nothing_is_refused_before_all_elements_are_looked_at(relate):
    facts = {"shape": (640,), "closeness": 2e-5}
    sample = np.random.default_rng(1).normal(size=(2, 640))
    assert relate(*sample, facts) is None
    assert relate(sample[0], np.where(sample[0] < 0, sample[1], sample[0]), facts) is None
    assert relate(sample[0], np.where(sample[1] < 0, 0, sample[1] + 9), facts) is None
    sizes = np.abs(sample)
    holes = np.where(np.arange(640) % 3 == 0, 0, sizes[0]), np.where(np.arange(640) % 4 == 0, 0, sizes[1])
    assert relate(*holes, facts) is None
    assert relate(sample[0], np.minimum(sample[0], 1 + 0.1 * sample[1]), facts) is None
