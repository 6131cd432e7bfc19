"""Forwards that ask for shapes, as most real ones do, are looked into; those whose answers decide are not."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
import torch
from keras import layers
from torch import nn
from torch.nn.functional import relu

import dualcell
from dualcell.weights.plan import inventory_of

BLIND = "cannot be looked into without values"


class Port(nn.Module):
    """Two layers of one shape, defined in another order than they are called in."""

    def __init__(self):
        super().__init__()
        self.second, self.first, self.out = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 3)

    def called(self, x):
        return self.out(relu(self.second(relu(self.first(x)))))


def asserts(self, x):
    assert x.dim() == 2, "two axes"
    assert x.shape[1] == 8
    assert x.size(0) > 0
    return self.called(x)


def raises(self, x):
    if x.size(-1) != 8 or x.dtype != torch.float32:
        raise ValueError("8 features")
    return self.called(x)


def adds_an_axis(self, x):
    if x.dim() == 1:
        x = x.unsqueeze(0)
    return self.called(x)


def fills(self, x):
    return self.called(x + torch.zeros(x.size(0), 8, device=x.device) * torch.arange(x.size(1)))


def goes_on(self, x):
    while x.size(0) > 100:
        x = x[:100]
    return self.called(x)


def asks_again_and_again(self, x):
    for _ in range(40):
        assert x.shape[1] == 8
    return self.called(x)


def loops(self, x):
    for place in range(x.shape[1]):
        assert place < 8
    return self.called(x)


def calls_in_a_loop(self, x):
    """Each row by itself: the layers are called several times, and feed each other as if they were called once."""
    return torch.cat([self.called(x[place : place + 1]) for place in range(x.shape[0])])


def decides(self, x):
    if x.shape[1] == 8:
        return self.called(x)
    return self.out(relu(self.first(relu(self.second(x)))))


def looks_at_values(self, x):
    return self.called(x if x.sum() < 1e9 else -x)


def makes_numbers_of_values(self, x):
    return self.called(x[: int(x.abs().max()) + 10])


def copied(forward, back=False):
    """A plan between a Keras model and a module with this forward, applied, and how far their outputs lie apart."""
    given = keras.Input((8,))
    hidden = layers.Dense(8, activation="relu")(layers.Dense(8, activation="relu")(given))
    model = keras.Model(given, layers.Dense(3)(hidden))
    module = type("Port", (Port,), {"forward": forward})().eval()
    plan = dualcell.plan_weights(*((module, model) if back else (model, module)))
    plan.apply()
    x = np.random.default_rng(0).normal(size=(4, 8)).astype(np.float32)
    with torch.no_grad():
        outputs = keras.ops.convert_to_numpy(model(x)), module(torch.as_tensor(x)).numpy()
    return plan, float(np.abs(outputs[0] - outputs[1]).max())


@pytest.mark.parametrize("back", [False, True], ids=["to PyTorch", "to Keras"])
@pytest.mark.parametrize(
    "forward", [asserts, raises, adds_an_axis, fills, goes_on, loops, calls_in_a_loop, asks_again_and_again]
)
def test_questions_that_decide_nothing(forward, back):
    plan, apart = copied(forward, back)
    assert plan.table.notes == ()
    assert apart < 1e-5


@pytest.mark.parametrize("forward", [decides, looks_at_values, makes_numbers_of_values])
def test_questions_that_may_decide_are_not_answered(forward):
    with pytest.warns(UserWarning, match="order of definition"):
        plan, _ = copied(forward)
    assert any(BLIND in note for note in plan.table.notes)


def wired_otherwise():
    given = keras.Input((8,))
    first, second, third = (layers.Dense(8, name=name) for name in ("one", "two", "three"))
    hidden = keras.ops.tanh(first(given))
    model = keras.Model(given, third(keras.ops.relu(second(hidden)) + hidden))
    return model, nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8))


def test_layers_that_are_wired_otherwise_are_noted_where_their_order_decides():
    """The residual is in one model only."""
    model, module = wired_otherwise()
    plan = dualcell.plan_weights(model, module)
    said = "'one', 'three' are wired otherwise than '0', '4', so they went by the order of definition. Copy with"
    assert [note for note in plan.table.notes if note.startswith(said)] == [*plan.table.notes]
    with pytest.warns(UserWarning, match="wired otherwise"):
        plan.apply()


def test_plans_in_several_threads_leave_torch_as_it_was():
    before = torch.zeros, torch.full, nn.Module.__call__, nn.Module.__getattr__
    modules = [type("Port", (Port,), {"forward": fills})() for _ in range(16)]
    with ThreadPoolExecutor(8) as pool:
        flows = [*pool.map(lambda module: inventory_of(module).flow, modules * 4)]
    assert None not in flows
    assert (torch.zeros, torch.full, nn.Module.__call__, nn.Module.__getattr__) == before


def test_functions_that_fill_tensors_are_put_back():
    before = torch.zeros, torch.ones, torch.full
    copied(fills)
    assert (torch.zeros, torch.ones, torch.full) == before
    assert torch.zeros(2).tolist() == [0, 0]
