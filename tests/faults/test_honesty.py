"""No cause is named where none is; where several fit as well, all are shown."""

from __future__ import annotations

import numpy as np
import pytest

from dualcell.diagnosis import diagnose
from tests.faults.unrelated import unrelated


def test_unrelated_tensors_have_no_cause():
    named = {}
    for what, left, right in unrelated(200):
        findings = diagnose(left, right, dtypes=(left.dtype.name, right.dtype.name))
        if findings:
            named[what] = [(finding.causes, finding.evidence) for finding in findings]
    assert not named


@pytest.mark.parametrize("value", [0.0, 1.0, -3.5])
def test_a_constant_side_is_called_constant_and_nothing_else(value):
    other = np.random.default_rng(0).standard_normal((12, 10))
    (found,) = diagnose(np.full((12, 10), value), other)
    assert found.causes == ("constant-side",)


def test_two_constants_are_left_alone():
    """A scale, an offset, a function: anything turns one number into another."""
    assert diagnose(np.ones((10, 10)), np.full((10, 10), 2.0)) == ()
    assert diagnose(np.ones((10, 10)), np.ones((5, 20))[:, ::2]) == ()


def test_a_symmetric_matrix_reversed_along_either_axis():
    """Reversed along one axis and then transposed, it is reversed along the other."""
    some = np.random.default_rng(0).standard_normal((9, 9))
    left = some + some.T
    left = left + left[::-1, ::-1]  # and the same from behind
    found = diagnose(left, left[::-1].copy())
    assert {finding.causes for finding in found} == {("axis-reversed",)}
    assert {finding.sentence[-15:] for finding in found} == {"axis 0 reversed", "axis 1 reversed"}
    assert all("explained as well by: axis" in finding.hint for finding in found)


def test_equal_axes_of_a_tensor_that_is_alike_along_them():
    """C == H == W, and the same along two of the axes: two orders of the axes fit."""
    line = np.random.default_rng(0).standard_normal((6, 1, 1))
    left = np.broadcast_to(line, (6, 6, 6)) + np.zeros((6, 6, 6))
    found = diagnose(left, left.transpose(1, 0, 2).copy())
    assert ("axes-permuted",) in {finding.causes for finding in found}
    assert len(found) > 1
    assert all("explained as well by" in finding.hint for finding in found)


def test_equal_axes_of_any_other_tensor():
    """C == H == W, and nothing else: the elements tell."""
    left = np.random.default_rng(0).standard_normal((6, 6, 6))
    (found,) = diagnose(left, left.transpose(2, 0, 1).copy())
    assert found.causes == ("axes-permuted",)
    assert "transpose(2, 0, 1)" in found.sentence


def test_a_palindrome_rolled_or_reversed():
    half = np.random.default_rng(0).standard_normal(10)
    left = np.concatenate([half, half, half[::-1], half[::-1]])
    found = diagnose(left, np.roll(left, 20))
    assert len(found) > 1 or "as well" in found[0].hint
