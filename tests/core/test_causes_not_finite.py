"""Tensors that hold NaN or infinity, and were moved or changed as a whole: that is the cause, and no NaN is."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from dualcell.diagnosis import diagnose


def spoilt(*shape, share=0.04):
    random = np.random.default_rng(0)
    array = random.standard_normal(shape)
    flat = array.reshape(-1)
    flat[random.permutation(flat.size)[: int(share * flat.size)]] = np.nan
    flat[[0, 5]] = np.inf, -np.inf
    return array


def found(left, right):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return diagnose(left, right)


X = spoilt(12, 10, 7)
CHANGES = {
    ("axes-permuted",): lambda x: x.transpose(2, 0, 1),
    ("flatten-order",): lambda x: x.transpose(0, 2, 1).reshape(12, -1),
    ("reshaped",): lambda x: x.reshape(12, -1),
    ("axis-reversed",): lambda x: np.flip(x, 1),
    ("axis-rolled",): lambda x: np.roll(x, 3, 2),
    ("block-order",): lambda x: np.roll(x, 5, 1),
    ("scale",): lambda x: x / 12,
    ("sign",): np.negative,
    ("offset",): lambda x: x + 1,
    ("axes-permuted", "scale"): lambda x: x.transpose(2, 1, 0) / 12,
    ("axes-permuted", "axis-reversed"): lambda x: np.flip(x.transpose(2, 1, 0), 1),
}


@pytest.mark.parametrize("causes", CHANGES, ids=" ".join)
@pytest.mark.parametrize("mirrored", [False, True])
def test_what_moved_is_named(causes, mirrored):
    pair = (X, CHANGES[causes](X))[:: -1 if mirrored else 1]
    assert {frozenset(finding.causes) for finding in found(*pair)} == {frozenset(causes)}


def test_a_square_of_which_nothing_stands_in_its_place():
    left = spoilt(40, 40)
    (finding,) = found(left, left.T.copy())
    assert finding.causes == ("axes-permuted",)
    finite = left[np.isfinite(left) & np.isfinite(left.T)] - left.T[np.isfinite(left) & np.isfinite(left.T)]
    assert finding.before == np.abs(finite).max()
    assert finding.after == 0


def test_complex_numbers_too():
    left = spoilt(12, 10) + 1j * np.random.default_rng(1).standard_normal((12, 10))
    left[np.isinf(left)] = np.nan
    assert {finding.causes for finding in found(left, left.T)} == {("axes-permuted",)}


def test_finite_elements_alone_do_not_make_it_a_move():
    """One NaN more, one of another kind, one in another place: that is what differs, whatever moved."""
    moved = X.transpose(2, 0, 1)
    for where, value in (((3, 3, 3), np.nan), ((0, 0, 0), -np.inf), ((0, 0, 0), 0.0)):
        right = moved.copy()
        right[where] = value
        assert found(X, right) == ()
    right = moved.copy()
    right[np.isnan(right)] = 0
    assert found(X, right) == ()


@pytest.mark.parametrize("where", [(3, 3, 3), (0, 0, 0)])
def test_one_more_in_place_is_the_cause(where):
    right = X.copy()
    right[where] = np.nan
    assert {finding.causes for finding in found(X, right)} == {("not-finite",)}


@pytest.mark.parametrize("seed", range(10))
def test_unrelated_ones_are_not_moved(seed):
    random = np.random.default_rng(seed)
    for right in (random.permuted(X.reshape(-1)), random.permuted(X.reshape(-1)).reshape(7, 12, 10)):
        assert found(X, right) == found(right, X) == ()
    same = random.permuted(X.reshape(-1)).reshape(X.shape)
    assert {finding.causes for finding in found(X, same)} == {("not-finite",)}
