"""Every cause, planted in tensors of several kinds, is named; alone and in pairs."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from dualcell.catalogue import CAUSES
from tests.faults.held_out import held_out
from tests.faults.pairs import PAIRS
from tests.faults.planting import BY_NAME, EQUIVALENT, Case, judged, planted, plantings
from tests.faults.tensors import special, tensors

LEAST_TENSORS = 5  # in which each cause must be found
FAULTS = [cause for cause in CAUSES if cause.fault]


@cache
def cases(name: str) -> list[Case]:
    """What is named where one cause was planted: in the special tensors only if it does not go into many others."""
    found = [judged(one) for one in plantings([BY_NAME[name]], tensors())]
    return found if len(found) > 2 * LEAST_TENSORS else found + [
        judged(one) for one in plantings([BY_NAME[name]], special())
    ]  # fmt: skip


@pytest.mark.parametrize("cause", FAULTS, ids=lambda cause: cause.name)
def test_a_planted_cause_is_named(cause):
    found = cases(cause.name)
    missed = {one.planted.tensor: one.named for one in found if one.missed}
    assert len(found) - len(missed) >= LEAST_TENSORS, missed
    assert len(missed) <= max(1, 0.1 * len(found)), missed


def test_nearly_every_planted_cause_is_named_and_no_other():
    found = [one for cause in FAULTS for one in cases(cause.name)]
    named = sum(len(one.said) for one in found)
    assert sum(not one.missed for one in found) >= 0.98 * len(found)
    wrong = {(one.planted.causes, one.planted.tensor): one.named for one in found if one.wrong}
    assert sum(len(one.wrong) for one in found) <= 0.01 * named, wrong


def test_it_is_so_in_tensors_that_nothing_was_tuned_on():
    found = [judged(one) for one in plantings(FAULTS, held_out(count=10))]
    named = sum(len(one.said) for one in found)
    assert len(found) >= 300
    assert sum(not one.missed for one in found) >= 0.95 * len(found)
    assert sum(len(one.wrong) for one in found) <= 0.02 * named


def test_held_out_tensors_are_others_by_another_seed():
    one, same, other = held_out(0, 8), held_out(0, 8), held_out(1, 8)
    assert all(np.array_equal(one[name], same[name]) for name in one)
    assert not set(one) & set(other)


def test_four_of_five_pairs_are_named():
    pairs = [planted([BY_NAME[name] for name in names], tensor, tensors()[tensor]) for *names, tensor in PAIRS]
    assert len(pairs) >= 30
    found = [judged(one) for one in pairs if one is not None]
    assert len(found) == len(pairs)
    lost = {(one.planted.causes, one.planted.tensor): one.named for one in found if one.missed}
    assert len(lost) <= 0.2 * len(found), lost


def test_equivalents_are_causes():
    assert {name for names in EQUIVALENT for name in names} <= set(BY_NAME)
