"""Causes of `causes/regions.py`: planted and found, and not found where they are not."""

from __future__ import annotations

import numpy as np
import pytest

from dualcell.causes import regions
from dualcell.diagnosis import diagnose
from tests.planting import causes, planted


@pytest.mark.parametrize("cause", regions.CAUSES, ids=lambda cause: cause.name)
def test_planted_and_found(cause):
    pairs = list(planted(cause))
    assert len(pairs) >= 5
    assert [causes(*pair) for pair in pairs] == [[(cause.name,)]] * len(pairs)


X = np.random.default_rng(0).normal(size=(6, 12, 10, 4))
RANDOM = np.random.default_rng(0).integers(0, 3, (2, 90))


def other(region):
    """X with other numbers in a region."""
    found = X.copy()
    found[region] = np.random.default_rng(1).normal(size=found[region].shape)
    return found


@pytest.mark.parametrize(
    ("region", "cause", "where"),
    [
        (np.s_[:, :, -1], "last-step", "in the last of 10 along axis 2"),
        (np.s_[:, 5:], "later-steps", "from index 5 on along axis 1"),
        (np.s_[2], "some-slices", "in 1 of 6 along axis 0: 2"),
        (np.s_[..., [0, 2]], "some-slices", "in 2 of 4 along axis 3: 0, 2"),
        (np.s_[:, [0, -1]], "border", "within 1 of the border of axis 1"),
        (np.s_[[0, 3], [1, 2], [3, 4], [0, 1]], "few-elements", "at (0, 1, 3, 0), (3, 2, 4, 1)"),
    ],
)
def test_where(region, cause, where):
    (found,) = diagnose(X, other(region))
    assert found.causes == (cause,)
    assert found.sentence.endswith(where)
    assert "max abs 0 elsewhere" in found.evidence


@pytest.mark.parametrize("widths", [(1, 1, 1, 1), (2, 1, 1, 1), (0, 1, 0, 1), (2, 2, 2, 2), (1, 2, 1, 2)])
def test_borders_of_any_width(widths):
    top, bottom, start, stop = widths
    found = other(np.s_[:])
    inside = np.s_[:, top : 12 - bottom, start : 10 - stop]
    found[inside] = X[inside]
    (finding,) = diagnose(X, found)
    assert finding.causes == ("border",)
    assert "axes 1, 2" in finding.sentence


def test_nan():
    spoilt = X.copy()
    spoilt[1, 2] = np.nan
    (found,) = diagnose(spoilt, X)
    assert "40 elements NaN on the left only" in found.sentence
    assert "first at (1, 2, 0, 0)" in found.evidence
    assert [one.causes for one in diagnose(spoilt, X * 2)] == [("not-finite",), ("scale",)]
    assert [one.causes for one in diagnose(spoilt, spoilt * 2)] == [("scale",)]  # in the same places
    assert diagnose(np.where(X > 0, np.inf, X), np.where(X > 0, -np.inf, X))[0].causes == ("not-finite",)
    assert diagnose(spoilt, X[:3]) == ()


def test_crops_and_shifts():
    (found,) = diagnose(X, X[:, 1:, 1:])
    assert found.left_fix == "left[:, 1:12, 1:10, :]"
    assert not found.both
    assert found.after == 0
    (found,) = diagnose(X[:, 2:], X[:, :-2])
    assert found.causes == ("grid-shifted",)
    assert found.left_fix == "left[:, :-2, :, :]"
    assert found.right_fix == "right[:, 2:, :, :]"
    assert found.both  # either line alone leaves two shapes


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (np.ones(40), np.where(np.arange(40) < 39, 1.0, 5.0)),  # what agrees is one number: it says nothing
        (np.zeros((8, 8)), np.eye(8)),
        (X[:, :, :3], np.random.default_rng(2).normal(size=(6, 12, 4, 4))),
        (RANDOM[0], RANDOM[1]),  # equal here and there
    ],
)
def test_agreement_by_chance_is_no_region(left, right):
    assert [name for name in causes(left, right) if name != ("constant-side",)] == []


@pytest.mark.parametrize("seed", range(20))
def test_slices_of_few_integers_that_agree_by_chance(seed):
    rng = np.random.default_rng(seed)
    left, right = rng.integers(0, 2, (2, 64, 2))
    assert causes(left, right) == []
    left, right = rng.integers(0, 3, (2, 20, 3))
    right[:3] = left[:3]
    assert causes(left, right) == []


def test_a_shift_is_confirmed_on_all_elements():
    left, right = X[:, 1:].copy(), X[:, :-1].copy()
    right[2, 3, :4, :3] += 5.0
    assert causes(left, right) == []


def test_the_constant_side_is_named():
    (found,) = diagnose(X, np.zeros_like(X))
    assert found.sentence == "The right is 0 everywhere"
    assert found.right_fix
    assert not found.left_fix
