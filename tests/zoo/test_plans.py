"""Plans of whole models against the truth that was written by hand."""

from __future__ import annotations

import numpy as np
import pytest

import dualcell
from tests.zoo.by_hand import moved
from tests.zoo.entry import filled, keras_forward, torch_forward, weights_of
from tests.zoo.models import ENTRIES


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_a_plan_copies_what_was_mapped_by_hand(entry):
    model, module = filled(entry), entry.torch()
    plan = dualcell.plan_weights(model, module)
    assert plan.complete, plan
    plan.apply()
    state = {name: array.numpy() for name, array in module.state_dict().items()}
    truth = moved(entry.copies, weights_of(model))
    assert [name for name in truth if not np.array_equal(truth[name], state[name])] == []
    left, right = keras_forward(entry, model), torch_forward(entry, module)
    np.testing.assert_allclose(left, right, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_the_way_back_gives_the_same_bits(entry):
    model, module, other = filled(entry), entry.torch(), entry.keras()
    dualcell.plan_weights(model, module).apply()
    plan = dualcell.plan_weights(module, other)
    assert plan.complete, plan
    plan.apply()
    before, after = weights_of(model), weights_of(other)
    different = [path for path in before if before[path].tobytes() != after[path].tobytes()]
    assert [path for path in different if not path.endswith("/count")] == []
