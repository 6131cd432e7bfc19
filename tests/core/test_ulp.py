"""Each float moves to a neighbour, and to nothing else."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from dualcell.coded import coded
from dualcell.ulp import nudged

RANDOM = np.random.default_rng(7)
FLOATS = [np.float16, np.float32, np.float64]


@pytest.mark.parametrize("dtype", FLOATS)
def test_every_number_becomes_one_of_its_two_neighbours(dtype):
    values = (RANDOM.standard_normal((50, 40)) * 10.0 ** RANDOM.integers(-2, 3, (50, 40))).astype(dtype)
    moved = nudged(values, RANDOM)
    up, down = np.nextafter(values, dtype(np.inf)), np.nextafter(values, dtype(-np.inf))
    assert moved.dtype == dtype
    assert ((moved == up) | (moved == down)).all()
    assert 0.4 < (moved == up).mean() < 0.6


@pytest.mark.parametrize("dtype", FLOATS)
def test_what_is_special_stays_and_nothing_becomes_special(dtype):
    info = np.finfo(dtype)
    values = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, info.max, -info.max, info.smallest_subnormal], dtype)
    for _ in range(20):
        moved = nudged(values, RANDOM)
        np.testing.assert_array_equal(moved[:5], values[:5])
        assert (np.signbit(moved[:2]) == [False, True]).all()
        assert np.isfinite(moved[5:]).all()
        assert (moved[5:] != 0).all()


@pytest.mark.parametrize("dtype", [ml_dtypes.bfloat16, ml_dtypes.float8_e5m2, ml_dtypes.float8_e4m3fn])
def test_narrow_floats_move_by_their_own_step(dtype):
    values = np.array([1.0, -2.5, 0.0, 3.0, float(ml_dtypes.finfo(dtype).max)], dtype)
    for _ in range(10):
        moved = np.asarray(nudged(coded(values), RANDOM))
        assert np.isfinite(moved).all()
        assert moved[2] == 0
        steps = moved.astype(dtype).view(f"u{values.itemsize}").astype(int) - values.view(f"u{values.itemsize}")
        assert set(np.abs(np.delete(steps, [2, 4]))) == {1}
        assert steps[4] in (0, -1)


def test_complex_numbers_move_in_both_parts():
    values = (RANDOM.standard_normal(200) + 1j * RANDOM.standard_normal(200)).astype(np.complex64).reshape(10, 20)
    moved = nudged(values, RANDOM)
    assert moved.dtype == np.complex64
    assert (moved.real != values.real).all()
    assert (moved.imag != values.imag).all()
    np.testing.assert_allclose(moved, values, rtol=1e-6)


@pytest.mark.parametrize("values", [np.arange(3), np.array([True]), np.uint8([1])])
def test_what_has_no_neighbours_is_not_moved(values):
    assert nudged(values, RANDOM) is None


def test_the_array_itself_stays_whatever_its_strides():
    values = np.ones((6, 4), np.float32)[::2].T
    moved = nudged(values, RANDOM)
    assert (values == 1).all()
    assert moved.shape == values.shape
    assert (moved != 1).all()
