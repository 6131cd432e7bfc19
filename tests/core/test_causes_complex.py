"""Complex tensors: what is the same as of real ones, what is their own, and what must not be named."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

import dualcell
from dualcell.diagnosis import diagnose
from dualcell.power import parity_power


def numbers(*shape, seed=0):
    real, imaginary = np.random.default_rng(seed).standard_normal((2, *shape))
    return real + 1j * imaginary


def found(left, right):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a cast that drops the imaginary parts warns
        return diagnose(left, right, dtypes=(left.dtype.name, right.dtype.name))


def spoilt(array, where):
    array = array.copy()
    array[where] += numbers(*array[where].shape, seed=1)
    return array


PAIRS = {
    "axes-permuted": lambda x: x.transpose(2, 0, 1),
    "flatten-order": lambda x: x.transpose(0, 2, 1).reshape(12, -1),
    "axis-reversed": lambda x: np.flip(x, 1),
    "axis-rolled": lambda x: np.roll(x, 3, 2),
    "block-order": lambda x: np.fft.fftshift(x, 1),
    "reshaped": lambda x: x.reshape(12, -1),
    "scale": lambda x: x / 10,
    "sign": np.negative,
    "offset": lambda x: x + (0.5 - 2j),
    "conjugate": np.conj,
    "parts-swapped": lambda x: x.imag + 1j * x.real,
    "complex-part": np.abs,
    "complex-pairs": lambda x: np.stack([x.real, x.imag], 1),
    "index-kept": lambda x: x[:, -1],
    "reduction": lambda x: x.mean(1),
    "broadcast": lambda x: np.stack([x, x, x]),
    "repetition": lambda x: np.repeat(x, 2, 1),
    "cropped": lambda x: x[:, 1:],
    "constant-side": np.zeros_like,
    "grid-shifted": lambda x: np.concatenate([x[:, 1:], numbers(12, 1, 7, seed=2)], 1),
    "some-slices": lambda x: spoilt(x, 3),
    "few-elements": lambda x: spoilt(x, ([1, 4], [2, 0], [3, 3])),
    "last-step": lambda x: spoilt(x, (slice(None), -1)),
    "later-steps": lambda x: spoilt(x, (slice(None), slice(5, None))),
    "not-finite": lambda x: np.where(np.arange(7) == 3, np.nan, x),
    "rounding": lambda x: x * (1 + 1e-7 * np.random.default_rng(1).standard_normal(x.shape)),
}


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
@pytest.mark.parametrize("name", PAIRS)
def test_causes_that_know_complex_numbers(name, dtype):
    left = numbers(12, 10, 7).astype(dtype)
    right = np.asarray(PAIRS[name](left))
    right = right.astype(dtype) if right.dtype.kind == "c" else right
    if name == "rounding" and dtype == "complex128":
        right = left * (1 + 1e-15 * np.random.default_rng(1).standard_normal(left.shape))
    for one, other in ((left, right), (right, left)):
        assert {finding.causes for finding in found(one, other)} == {(name,)}


@pytest.mark.parametrize(
    ("change", "causes"),
    [
        (lambda x: x.conj().transpose(0, 2, 1), ("axes-permuted", "conjugate")),  # adjoint against transpose
        (lambda x: x.transpose(2, 1, 0) / 70, ("axes-permuted", "scale")),
        (lambda x: np.square(np.abs(x)).transpose(0, 2, 1), ("axes-permuted", "complex-part")),
        (lambda x: np.flip(x, 1) * -1j, ("axis-reversed", "scale")),
    ],
)
def test_two_at_once(change, causes):
    left = numbers(12, 10, 7)
    assert {finding.causes for finding in found(left, change(left))} == {causes}


@pytest.mark.parametrize(
    ("norm", "axes", "hint"),
    [
        ("forward", (2,), "7, the elements of axis 2: a Fourier transform that is divided by them on one side"),
        ("forward", (1, 2), "70, the elements of axes 1, 2"),
        ("ortho", (0, 1, 2), "the square root of 840, the elements of axes 0, 1, 2"),
        ("ortho", (0,), "(norm='ortho')"),
    ],
)
def test_the_factor_of_a_fourier_transform(norm, axes, hint):
    given = numbers(12, 10, 7)
    (finding,) = found(np.fft.fftn(given, axes=axes), np.fft.fftn(given, axes=axes, norm=norm))
    assert finding.causes == ("scale",)
    assert hint in finding.hint


def test_a_turn_in_the_plane():
    left = numbers(9, 8)
    (finding,) = found(left, left * np.exp(1j * math.pi / 3))
    assert finding.left_fix == "left * (0.5+0.8660254j)"
    assert "a turn by 60 degrees" in finding.hint
    (finding,) = found(left, left + 1 - 1j)
    assert finding.right_fix == "right - (1-1j)"


def test_parts_of_complex_numbers():
    left = numbers(9, 8)
    for part in (left.real, left.imag, np.angle(left), np.square(np.abs(left)), left.real + 0j):
        assert {finding.causes for finding in found(left, part)} == {("complex-part",)}
    (finding,) = found(left, np.abs(left))
    assert finding.left_fix == "abs(left)"


def test_numbers_on_one_line_have_a_factor_and_no_conjugate():
    line = np.random.default_rng(0).standard_normal((9, 8)) * (1 + 1j)
    assert {finding.causes for finding in found(line, line.conj())} == {("scale",)}
    assert {finding.causes for finding in found(line.real + 0j, 1j * line.real)} == {("scale",)}


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("kind", ["complex", "shuffled", "real", "transformed"])
def test_unrelated_ones_have_no_cause(seed, kind):
    left = numbers(9, 8, seed=seed)
    random = np.random.default_rng(seed)
    right = {
        "complex": numbers(9, 8, seed=seed + 100),
        "shuffled": random.permuted(left.reshape(-1)).reshape(9, 8),
        "real": random.standard_normal((9, 8)),
        "transformed": np.fft.fft2(left),
    }[kind]
    assert found(left, right) == found(right, left) == ()


def test_faults_are_planted_in_complex_tensors():
    left = numbers(12, 10)
    power = parity_power(dualcell.compare(left, left))
    planted = {one.cause for one in power.planted}
    assert {"conjugate", "scale", "offset", "axes-permuted", "not-finite"} <= planted
    assert not {"softmax", "clipped", "function", "affine"} & planted
    assert not power.unnoticed
