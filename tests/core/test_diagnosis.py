"""Diagnosis survives any input, writes to none, and takes bounded time."""

from __future__ import annotations

import time
import warnings

import numpy as np
import pytest

from dualcell.diagnosis import diagnose

RANDOM = np.random.default_rng(0)


def normal(*shape):
    return RANDOM.standard_normal(shape)


def halves(array):
    return array, array * 0.5


ODD = {
    "0-d": (np.array(1.0), np.array(2.0)),
    "empty": (np.zeros((0, 3)), np.zeros((3, 0))),
    "one element": (np.ones(1), np.zeros(1)),
    "axes of size 1": (normal(1, 1, 1, 20), normal(20, 1, 1, 1)),
    "21 axes": (normal(*[1] * 20, 30), normal(*[1] * 20, 30)),
    "rank 8": (normal(*[2] * 8), normal(*[2] * 8)),
    "huge": halves(1e300 * normal(20, 20)),
    "tiny": halves(1e-300 * normal(20, 20)),
    "denormal": halves(1e-310 * normal(20, 20)),
    "bool": (normal(9, 9) > 0, normal(9, 9) > 0),
    "bool and float": (normal(9, 9) > 0, normal(9, 9)),
    "uint64": (RANDOM.integers(0, 2**63, (8, 9), dtype=np.uint64) * 2, RANDOM.integers(0, 9, (8, 9), dtype=np.uint64)),
    "int8 wrapped": (np.arange(-60, 60, dtype=np.int8), np.arange(-60, 60, dtype=np.int8) * np.int8(3)),
    "longdouble": halves(normal(9, 8).astype(np.longdouble)),
    "beyond float64": (normal(9, 8) * np.longdouble("1e4000"), normal(9, 8).astype(np.longdouble)),
    "big-endian": (normal(9, 8).astype(">f4"), normal(9, 8).astype(">f4")),
    "strided": (normal(30, 40)[::2, ::-2], normal(15, 20)),
    "broadcast": (np.broadcast_to(normal(1, 20), (30, 20)), normal(30, 20)),
    "float16 overflowed": (1e4 * normal(20, 20), np.where(normal(20, 20) > 0, np.inf, 6e4).astype(np.float16)),
    "all NaN": (np.full((5, 5), np.nan), normal(5, 5)),
    "all infinite": (np.full((5, 5), np.inf), np.full((5, 5), -np.inf)),
    "zeros": (np.zeros((10, 10)), normal(10, 10)),
    "complex": (normal(9, 8) + 1j * normal(9, 8), normal(9, 8)),
    "complex beyond float64": (normal(9, 8) * (np.longdouble("1e4000") + 0j), normal(9, 8).astype(np.clongdouble)),
    "complex infinite": (np.full((9, 8), complex("inf+nanj")), normal(9, 8) + 1j),
    "complex zeros": (np.zeros((9, 8), complex), np.ones((9, 8), complex)),
    "other ranks": (normal(10, 10), normal(10)),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_inputs(name):
    left, right = ODD[name]
    kept = left.copy(), right.copy()
    for one, other in ((left, right), (right, left), (left, left.copy())):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            diagnose(one, other, dtypes=(one.dtype.name, other.dtype.name))
    assert all(
        np.array_equal(now, then, equal_nan=now.dtype.kind in "fc")
        for now, then in zip((left, right), kept, strict=True)
    )


def test_inputs_that_cannot_be_written_to():
    left = normal(12, 10)
    right = (left * 2).T
    left.setflags(write=False), right.setflags(write=False)
    (found,) = diagnose(left, right)
    assert found.causes == ("axes-permuted", "scale")


SHAPES = [(6, 5, 4, 3, 2, 4), (4,) * 6, (100_000,), (50_400,), (1, 1, 90_000), (2, 45_000), (300, 300), (2,) * 12]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_time_is_bounded_where_nothing_fits(shape):
    left, right = normal(*shape), normal(*shape)
    diagnose(left, right)
    started = time.thread_time()
    assert diagnose(left, right) == ()
    assert time.thread_time() - started < 0.6


@pytest.mark.parametrize("shape", [s for s in SHAPES if len(s) in (2, 6)], ids=str)
def test_any_permutation_up_to_rank_6(shape):
    left = normal(*shape)
    axes = RANDOM.permutation(len(shape))
    while (axes == np.arange(len(shape))).all():
        axes = RANDOM.permutation(len(shape))
    (found,) = diagnose(left, left.transpose(axes))
    assert found.causes == ("axes-permuted",)
    assert f"transpose({', '.join(map(str, axes))})" in found.left_fix


def test_the_evidence_is_measured():
    left = normal(12, 10)
    (found,) = diagnose(left, left.T + 1e-7 * normal(10, 12))
    assert np.isnan(found.before)
    assert 0 < found.after < 1e-6
    assert found.evidence.startswith("shapes differ → ")
    (found,) = diagnose(left, left * 2)
    assert found.before == pytest.approx(np.abs(left).max())
    assert found.after == 0


def test_names_stand_in_the_fixes():
    left = normal(12, 10)
    (found,) = diagnose(left, left.T, names=("dense.kernel", "linear.weight"))
    assert found.left_fix == "dense.kernel.transpose(1, 0)"
    assert found.right_fix == "linear.weight.transpose(1, 0)"


def test_the_answer_is_the_same_every_time():
    left, right = normal(30, 20), normal(30, 20)
    assert diagnose(left, left[::-1]) == diagnose(left, left[::-1])
    assert diagnose(left, right) == diagnose(left, right)
