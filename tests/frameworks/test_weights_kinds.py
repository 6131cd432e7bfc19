"""Every kind of layer: the copy computes the same, and goes there and back bit by bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dualcell
from tests.frameworks.weight_pairs import KINDS

SLOW = settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=[*HealthCheck])


def bits(layer):
    return [np.asarray(weight).tobytes() for weight in layer.weights]


def planned(source, target):
    """A plan that has a place for every weight of this one layer."""
    plan = dualcell.plan_weights(source, target)
    assert plan.complete, plan
    return plan.apply()


@pytest.mark.parametrize("kind", KINDS)
@SLOW
@given(data=st.data())
def test_after_a_copy_both_compute_the_same(kind, data):
    pair = data.draw(KINDS[kind])
    layer = pair.keras()
    planned(layer, pair.torch)
    left, right = pair.outputs(layer)
    np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@SLOW
@given(data=st.data())
def test_after_a_copy_back_both_compute_the_same(kind, data):
    """Also where PyTorch has two biases that Keras adds up: both have values here."""
    pair = data.draw(KINDS[kind])
    layer = pair.keras()
    scaled = [getattr(layer, name, True) is not False for name in ("scale", "center")]
    random = np.random.default_rng(11)
    for name, array in pair.torch.state_dict().items():
        without = (name == "weight" and not scaled[0]) or (name == "bias" and not scaled[1])
        if array.is_floating_point() and not without:  # what Keras lacks keeps its neutral value
            array.copy_(torch.from_numpy(random.uniform(0.1, 1.0, array.shape)))
    planned(pair.torch, layer)
    left, right = pair.outputs(layer)
    np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@SLOW
@given(data=st.data())
def test_keras_to_torch_to_keras_is_bit_identical(kind, data):
    pair = data.draw(KINDS[kind])
    first, second = pair.keras(), pair.keras()
    for weight in second.weights:
        weight.assign(np.zeros(weight.shape, weight.dtype))
    planned(first, pair.torch)
    planned(pair.torch, second)
    assert bits(first) == bits(second)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "recurrent"])
@SLOW
@given(data=st.data())
def test_torch_to_keras_to_torch_is_bit_identical(kind, data):
    """But for recurrent layers, whose two biases Keras adds up."""
    pair = data.draw(KINDS[kind])
    planned(pair.keras(), pair.torch)
    before = {name: array.clone() for name, array in pair.torch.state_dict().items()}
    layer = pair.keras()
    planned(pair.torch, layer)
    for array in pair.torch.state_dict().values():
        if array.is_floating_point():
            array.zero_()
    planned(layer, pair.torch)
    assert all(torch.equal(before[name], array) for name, array in pair.torch.state_dict().items())


@pytest.mark.parametrize("kind", KINDS)
@SLOW
@given(data=st.data())
def test_torch_to_torch_copies_every_array_as_it_is(kind, data):
    import copy

    module = data.draw(KINDS[kind]).torch
    other = copy.deepcopy(module)
    for array in other.state_dict().values():
        array.add_(1) if array.is_floating_point() else array.add_(3)
    plan = planned(module, other)
    assert {row.move for row in plan.rows} == {""}
    assert all(torch.equal(array, other.state_dict()[name]) for name, array in module.state_dict().items())
