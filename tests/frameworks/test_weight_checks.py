"""`apply(check=...)`: what the two models compute after a copy decides whether it stays."""

from __future__ import annotations

import os
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest
import torch
from keras import layers
from torch import nn

import dualcell
from dualcell import PlanError

X = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)


class Gate(nn.Module):
    """Two layers of one shape, only one of which is behind a sigmoid; blind, as its input's values decide."""

    def __init__(self, first="value", second="gate"):
        super().__init__()
        for name in (first, second):
            setattr(self, name, nn.Linear(4, 4))
        self.norm, self.drop = nn.BatchNorm1d(4, eps=1e-3, momentum=0.01), nn.Dropout(0.5)

    def forward(self, x):
        if bool((x > 1e9).any()):
            return x
        return self.drop(self.norm(self.value(x) * torch.sigmoid(self.gate(x))))


def gated():
    given = keras.Input((4,))
    value, gate = layers.Dense(4)(given), layers.Dense(4, "sigmoid")(given)
    model = keras.Model(given, layers.BatchNormalization()(layers.Multiply()([value, gate])))
    random = np.random.default_rng(1)
    for weight in model.weights:
        weight.assign(random.uniform(0.5, 1.5, weight.shape))
    return model


def bits(module):
    return {name: array.numpy().tobytes() for name, array in module.state_dict().items()}


def both(model, module):
    return lambda: (model(X), module(torch.from_numpy(X)))


def test_a_right_copy_stays_and_says_how_far_the_outputs_lie_apart():
    model, module = gated(), Gate()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # what the order decided was checked
        plan = dualcell.plan_weights(model, module).apply(check=both(model, module))
    assert plan.apart is not None
    assert plan.apart < 1e-5
    assert f"copied; outputs differ by {plan.apart:.2g} of the largest" in str(plan)
    assert "outputs differ" not in str(dualcell.plan_weights(model, module))


def test_it_also_works_the_other_way():
    model, module = gated(), Gate()
    dualcell.plan_weights(module, model).apply(check=lambda: (module(torch.from_numpy(X)), model(X)))


def test_a_wrong_copy_is_taken_back_and_the_suspects_are_named():
    model, module = gated(), Gate("gate", "value")
    before = bits(module)
    with pytest.raises(PlanError) as refused:
        dualcell.plan_weights(model, module).apply(check=both(model, module))
    assert bits(module) == before
    said = str(refused.value)
    assert said.startswith("check: output of the two models differs by 0.")
    assert "of the largest (up to 0.0001 is rounding). These went by the order of definition: " in said
    assert "/kernel -> gate.weight, " in said
    assert said.endswith("The target has its old values again.")


def test_another_epsilon_is_a_suspect_too():
    model, module = gated(), Gate()
    module.norm.eps = 0.5
    with pytest.raises(PlanError, match=r"\. 1 setting differs: epsilon of \w+ and \w+\. "):
        dualcell.plan_weights(model, module).apply(check=both(model, module))


def test_modules_are_checked_as_they_are_used_and_left_as_they_are():
    model, module = gated(), Gate()
    module.train()
    module.value.eval()
    modes = [each.training for each in module.modules()]
    dualcell.plan_weights(model, module).apply(check=both(model, module))
    assert [each.training for each in module.modules()] == modes
    np.testing.assert_array_equal(module.norm.running_mean.numpy(), np.asarray(model.layers[-1].moving_mean))
    assert module.value.weight.requires_grad
    assert torch.is_grad_enabled()


def test_an_error_of_the_check_goes_on_and_nothing_has_changed():
    model, module = gated(), Gate()
    before = bits(module)
    with pytest.raises(ZeroDivisionError):
        dualcell.plan_weights(model, module).apply(check=lambda: 1 / 0)
    assert bits(module) == before


@pytest.mark.parametrize(
    ("run", "sentence"),
    [
        (lambda y: y, "returns the outputs of both models, as in check=lambda: (model(x), net(y)); it returned a T"),
        (lambda y: (y, y, y), "(model(x), net(y)); it returned a tuple of 3"),
        (lambda y: (y, y.T), "output cannot be compared: its shapes are (6, 4) and (4, 6); bring them into one order"),
        (lambda y: ({}, {}), "the function returned no tensor, so nothing was compared"),
        (lambda y: ([y], [y, y]), "output[1] cannot be compared: "),
        (lambda y: (y, None), "output cannot be compared: "),
        (lambda y: (0 * y, y), "output of the source is 0 everywhere, which shows nothing; take another input"),
        (lambda y: (y, y * float("nan")), "output of the two models differs in NaN or infinity"),
        (lambda y: (y, y / 0), "output of the two models differs in NaN or infinity"),
        (lambda y: ({"a": y, "b": y}, {"a": y, "b": 2 * y}), "output.b of the two models differs by 1 of"),
        (lambda y: (y, y + 2e-4 * y.abs().max()), "output of the two models differs by 0.0002 of the largest"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_or_differs_is_said(run, sentence):
    module = nn.Linear(4, 4)
    before = bits(module)
    with pytest.raises(PlanError) as refused:
        dualcell.plan_weights(nn.Linear(4, 4), module).apply(check=lambda: run(torch.from_numpy(X)))
    assert sentence in str(refused.value)
    assert str(refused.value).endswith("The target has its old values again.")
    assert bits(module) == before


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.int64])
def test_rounding_is_that_of_the_dtype(dtype):
    step = {torch.float16: 5e-3, torch.bfloat16: 3e-2, torch.float32: 5e-5, torch.int64: 0}[dtype]
    y = 100 * torch.from_numpy(X)
    left, right = y.to(dtype), (y * (1 + step)).to(dtype)
    dualcell.plan_weights(nn.Linear(4, 4), nn.Linear(4, 4)).apply(check=lambda: (left, right))
