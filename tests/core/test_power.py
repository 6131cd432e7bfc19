"""`parity_power`: which planted faults a comparison would have let through."""

from __future__ import annotations

import numpy as np
import pytest

import dualcell
from dualcell.catalogue import CAUSES
from dualcell.errors import OptionError
from dualcell.result import remember


def power(**tensors):
    return dualcell.parity_power(dualcell.compare(tensors, tensors))


def names(planted):
    return [one.cause for one in planted]


def test_a_tensor_of_ones_shows_no_permutation():
    found = power(w=np.ones((3, 3), np.float32))
    assert {"axes-permuted", "axis-reversed", "axis-rolled"} <= {*names(found.unnoticed)}
    assert "scale" not in names(found.unnoticed)
    assert "not noticed: axes-permuted in value.w" in repr(found)
    said = " ".join(repr(found).split())
    assert "It would show in values that vary along every axis, and axes of different sizes." in said


def test_a_random_tensor_shows_every_fault():
    found = power(x=np.random.default_rng(0).standard_normal((4, 8, 6, 5)).astype(np.float32))
    assert names(found.unnoticed) == []
    assert len(found.planted) >= 10
    assert {*names(found.planted), *found.inapplicable} == {cause.name for cause in CAUSES if cause.fault}
    assert repr(found).startswith(f"dualcell: {len(found.planted)} of {len(found.planted)} planted faults would")


def test_a_fault_seen_in_one_row_is_not_called_unnoticed():
    found = power(x=np.random.default_rng(0).standard_normal((4, 4)), w=np.ones((3, 3)))
    partly = next(one for one in found.planted if one.cause == "axes-permuted")
    assert (partly.noticed, partly.unnoticed) == (("value.x",), ("value.w",))
    assert "noticed in value.x, not in value.w: axes-permuted" in repr(found)


def test_a_loose_tolerance_lets_small_faults_through():
    tensor = np.full((5, 5), 1e-9)
    tensor[0, 0] = 2e-9
    result = dualcell.compare(tensor, tensor, rtol=0.0, atol=1.0)
    assert "sign" in names(dualcell.parity_power(result).unnoticed)


def test_the_tensors_are_not_changed():
    tensor = np.arange(24.0).reshape(2, 3, 4)
    kept = tensor.copy()
    power(x=tensor)
    assert (tensor == kept).all()


def test_large_tensors_are_planted_in_their_first_rows(monkeypatch):
    monkeypatch.setattr("dualcell.power.LARGEST", 40)
    tensor = np.ones((100, 4))
    tensor[10:] = np.random.default_rng(0).standard_normal((90, 4))
    assert "axis-reversed" in names(power(x=tensor).unnoticed)


def test_the_newest_result_of_a_cell_is_taken():
    remember(dualcell.compare(np.ones((3, 3)), np.ones((3, 3))))
    assert "axes-permuted" in names(dualcell.parity_power().unnoticed)


def test_without_a_result_it_says_what_to_do(monkeypatch):
    monkeypatch.setattr("dualcell.result._last", [])
    with pytest.raises(
        OptionError, match=r"^there is no result yet to plant faults in; run a %%dual cell, or pass what"
    ):
        dualcell.parity_power()


def test_a_result_without_tensors_is_refused():
    result = dualcell.compare(np.ones(3), np.ones(4))
    with pytest.raises(OptionError, match=r"^expected a result of a %%dual cell or of compare, got int\.$"):
        dualcell.parity_power(3)
    with pytest.raises(OptionError, match=r"^no row of the result holds two tensors of one shape, so there is nothing"):
        dualcell.parity_power(result)
