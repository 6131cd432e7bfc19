"""Causes of `causes/numbers.py`: planted and found, and not found where they are not."""

from __future__ import annotations

import numpy as np
import pytest

from dualcell.causes import numbers
from dualcell.diagnosis import diagnose
from tests.planting import causes, planted


@pytest.mark.parametrize("cause", numbers.CAUSES, ids=lambda cause: cause.name)
def test_planted_and_found(cause):
    pairs = list(planted(cause))
    assert len(pairs) >= 5
    assert [causes(*pair) for pair in pairs] == [[(cause.name,)]] * len(pairs)


X = np.random.default_rng(0).normal(size=(16, 40)).astype(np.float32)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (X, X * (1 + np.float32(1.5e-5))),  # a factor is no rounding
        (X, X + np.float32(1e-5)),  # nor is an offset
        (X, (X.astype(np.float16) * np.float32(1.0007)).astype(np.float16).astype(np.float32)),  # more than half a step
        (X * 100, np.round(X * 100) + 1),
        (X * 100, np.round(X * 100) * 3),
        (np.abs(X[0]) * 1e-7, np.abs(X[0]) * 1e-6 + np.abs(X[1]) * 1e-9),  # small, which is no whole number
    ],
)
def test_almost_one_of_them_is_none(left, right):
    assert not {"rounding", "narrower-type", "whole-numbers"} & {
        name for names in causes(left, right) for name in names
    }


def test_an_epsilon_is_never_called_rounding():
    variance = np.random.default_rng(1).uniform(0.3, 2, 40)
    left, right = X / np.sqrt(variance + 1e-3), X / np.sqrt(variance + 1e-5)
    assert ("rounding",) not in causes(left.astype(np.float32), right.astype(np.float32))


@pytest.mark.parametrize("seed", range(20))
def test_wrapped_integers_that_have_nothing_in_common(seed):
    rng = np.random.default_rng(seed)
    assert causes(rng.integers(0, 2000, 300), rng.integers(0, 256, 300)) == []


def test_what_is_said():
    (found,) = diagnose(X, X.astype(np.float16).astype(np.float32))
    assert "10 bits of fraction, as float16 or TF32 has" in found.sentence
    (found,) = diagnose(np.arange(-300, 300), np.arange(-300, 300).astype(np.uint8))
    assert "modulo 2 ** 8, as in uint8" in found.sentence
    (found,) = diagnose(X, X * (1 + 2e-7 * np.sign(np.sin(999 * X))))
    assert "Only rounding" in found.sentence


def test_rounding_is_measured_in_the_steps_of_the_coarser_dtype():
    half = X.astype(np.float16)
    (found,) = diagnose(X, half, dtypes=("float32", "float16"))
    assert found.causes == ("rounding",)
    assert "float16" in found.sentence


def test_a_sample_that_fits_nothing_is_refused_before_all_elements_are_looked_at():
    facts = {"shape": (640,), "closeness": 2e-5}
    narrow = X.reshape(-1).astype(np.float16).astype(np.float64)
    near = narrow * 1.05  # farther than half a step
    assert numbers.NARROWER_TYPE.relate(near, narrow, facts) is None
    assert numbers.NARROWER_TYPE.relate(narrow, narrow, facts) is None
