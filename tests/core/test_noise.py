"""Verdicts of reruns, each with its sentence."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dualcell.captures import Captured
from dualcell.frameworks.base import ArrayFacts
from dualcell.noise import Noise, Referee, distance

KERAS, TORCH = "keras", "torch"


def noise(drift, left, right=0.0, repeat=0.0):
    return Noise(drift, left, right, repeat, runs=3)


@pytest.mark.parametrize(
    ("found", "verdict", "sentence"),
    [
        (noise(0.0, 1e-7), "same", "no difference, so nothing to explain"),
        (noise(2e-7, 1e-7), "rounding", "rounding: the sides lie 2e-07 apart, one ulp moves them by 1e-07 in 3 runs"),
        (noise(2e-7, 0.0, 1e-7), "rounding", "(2 times)"),
        (noise(1e-6, 1e-7), "unclear", "rounding seldom gives more than 3 times, a fault mostly 40"),
        (noise(1e-3, 1e-7), "fault", "no rounding: the sides lie 0.001 apart, one ulp moves them by 1e-07"),
        (noise(1e-3, 0.0), "unmoved", "moving inputs and weights by one ulp changes neither"),
        (noise(1e-3, 1e-3, repeat=6e-4), "unrepeatable", "the same cell run again with nothing moved gives other"),
        (noise(math.nan, 1e-3), "not finite", "NaN or Inf stand on one side or in one run only"),
        (noise(1e-3, math.inf), "not finite", "NaN or Inf"),
    ],
)
def test_noise(found, verdict, sentence):
    assert found.verdict == verdict
    assert sentence in found.sentence


def test_a_run_that_hardly_repeats_is_told_all_the_same():
    assert noise(1.0, 1e-3, repeat=1e-3).verdict == "fault"


def referee(gap, left=1e-7, right=5e-8, drift=1e-7, dtypes=("float64", "float64"), size=1.0):
    return Referee(drift, gap, left, right, size, (KERAS, TORCH), dtypes)


@pytest.mark.parametrize(
    ("found", "verdict", "sentence"),
    [
        (referee(1e-16), "rounding", "in float64 the sides agree to 1e-16 (1e-07 as run); keras is off by 1e-07"),
        (referee(1e-16), "rounding", "torch is nearer to the truth"),
        (referee(1e-16, left=5e-8), "rounding", "both are equally near to the truth"),
        (referee(9e-8), "fault", "no rounding: in float64 the sides still lie 9e-08 apart (1e-07 as run)"),
        (referee(2e-8), "unclear", "unclear: float64 leaves 2e-08 of 1e-07"),
        (referee(0.0, drift=0.0), "same", "no difference, so nothing to judge"),
        (referee(math.nan), "not finite", "NaN or Inf"),
        (referee(1e-16, dtypes=("float32", "float64")), "not float64", "keras stayed float32; name no float32"),
        (referee(1e-16, dtypes=("float32", "int64")), "not float64", "keras stayed float32 and torch stayed int64"),
        (referee(1e-16, left=0.5), "other numbers", "in float64 a side is off by 0.5, which no rounding is"),
    ],
)
def test_referee(found, verdict, sentence):
    assert found.verdict == verdict
    assert sentence in found.sentence


def test_only_rounding_has_a_nearer_side():
    assert referee(1e-16).nearer == TORCH
    assert referee(1e-16, left=1e-9).nearer == KERAS
    assert referee(9e-8).nearer == ""


def leaf(values):
    values = np.asarray(values)
    return Captured(ArrayFacts(values.shape, values.dtype.name), values)


def test_what_float64_leaves_is_not_called_rounding():
    """A bias of 1e-6 lies within the noise of a layer; the two verdicts must not contradict each other."""
    found = Noise(1e-6, 6e-7, 5e-7, 0.0, 4, refuted=True)
    assert found.verdict == "refuted"
    assert found.sentence == (
        "unclear: the sides lie 1e-06 apart, one ulp moves them by 6e-07 in 4 runs (1.7 times), as rounding does; "
        "but float64 leaves it"
    )
    assert Noise(1e-6, 6e-7, 5e-7, 0.0, 4).verdict == "rounding"
    assert Noise(1e-3, 6e-7, 5e-7, 0.0, 4, refuted=True).verdict == "fault"


def test_distance():
    assert distance(leaf([1.0, 2.0]), leaf([1.0, 2.5])) == 0.5
    assert distance(leaf([1.0, math.nan]), leaf([1.0, math.nan])) == 0
    assert math.isnan(distance(leaf([1.0, math.nan]), leaf([1.0, 2.0])))
    assert math.isnan(distance(leaf([1.0]), leaf([1.0, 2.0])))
    assert math.isnan(distance(leaf([1.0]), Captured(missing="there is none")))
    assert distance(leaf(np.float32([1.0])), leaf([1.0 + 1e-9])) > 0
