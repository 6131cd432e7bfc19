"""`compare_weights` on models that were trained alike, and on models that were not."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from keras import layers
from torch import nn, optim

import dualcell
from dualcell import FileError, PlanError

INPUTS = np.random.default_rng(0).normal(size=(64, 20)).astype(np.float32)


def chain(*made, shape=(20,)):
    return keras.Sequential([keras.Input(shape), *made])


def twins(model, module):
    dualcell.plan_weights(model, module).apply()
    return model, module


def gradients_of(model, inputs=INPUTS, times=1.0):
    with tf.GradientTape() as tape:
        loss = times * tf.reduce_mean((model(inputs, training=True) - 1) ** 2)
    return tape.gradient(loss, model.trainable_variables)


def backward(module, inputs=INPUTS, times=1.0):
    module.zero_grad()
    (times * ((module(torch.from_numpy(inputs)) - 1) ** 2).mean()).backward()


# --- how near is near enough ---


def one_step(beta):
    """One step of Adam on either side, with small gradients; 0.999 is Keras' own."""
    model, module = twins(chain(layers.Dense(30)), nn.Linear(20, 30))
    ours = keras.optimizers.Adam(1e-3)
    theirs = optim.Adam(module.parameters(), 1e-3, betas=(0.9, beta))
    ours.apply(gradients_of(model, times=0.1), model.trainable_variables)
    backward(module, times=0.1)
    theirs.step()
    return model, module, (ours, theirs)


def verdicts(result):
    return {row.name: row.verdict for row in result}


def test_second_moments_ten_times_apart_differ():
    model, module, slots = one_step(0.99)
    found = verdicts(dualcell.compare_weights(model, module, slots=slots))
    assert [name for name, verdict in found.items() if verdict == "differs"] == [
        "dense/kernel velocity ~ weight exp_avg_sq".replace("dense", model.layers[0].name),
        "dense/bias velocity ~ bias exp_avg_sq".replace("dense", model.layers[0].name),
    ]
    model, module, slots = one_step(0.999)
    assert dualcell.compare_weights(model, module, slots=slots).passed


@pytest.mark.parametrize("times", [1.0, 1e-7, 1e4])
def test_gradients_are_measured_by_their_own_size(times):
    model, module = twins(
        chain(layers.Dense(40, activation="tanh"), layers.Dense(30)),
        nn.Sequential(nn.Linear(20, 40), nn.Tanh(), nn.Linear(40, 30)),
    )
    given = gradients_of(model, times=times)
    backward(module, times=times)
    assert dualcell.compare_weights(model, module, gradients=(given, None)).passed
    given[0] = given[0] * 1.01
    result = dualcell.compare_weights(model, module, gradients=(given, None))
    assert [row.verdict for row in result if not row.passed] == ["differs"]


class Normed(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(20, 8)
        self.norm = nn.BatchNorm1d(8, eps=1e-3, momentum=0.01)
        self.out = nn.Linear(8, 4)

    def forward(self, x):
        return self.out(torch.tanh(self.norm(self.fc(x))))


def test_a_gradient_that_is_only_rounding_passes():
    """A BatchNorm takes out what the bias before it adds."""
    model, module = twins(
        chain(layers.Dense(8), layers.BatchNormalization(), layers.Activation("tanh"), layers.Dense(4)), Normed()
    )
    given = gradients_of(model)
    backward(module)
    result = dualcell.compare_weights(model, module, gradients=(given, None))
    assert result.passed, result
    bias = [*result][1]
    assert bias.figures.max_abs > np.abs(given[1].numpy()).max() / 10  # it is rounding, to the whole of it


def test_a_tolerance_that_is_given_stays():
    model, module, slots = one_step(0.99)
    assert dualcell.compare_weights(model, module, slots=slots, rtol=0, atol=1e-5).passed
    assert dualcell.compare_weights(model, module, slots=slots, tol=["*velocity*:rtol=0,atol=1e-5"]).passed


def test_the_size_is_that_of_the_finite_numbers():
    model, module = twins(chain(layers.Dense(30)), nn.Linear(20, 30))
    backward(module)
    given = [value.numpy() for value in gradients_of(model)]
    given[0][0, 0] = module.weight.grad[0, 0] = np.inf
    assert dualcell.compare_weights(model, module, gradients=(given, None)).passed
    given[0][1, 1] *= 2
    assert not dualcell.compare_weights(model, module, gradients=(given, None))


def test_numbers_too_large_to_square_are_measured_as_ever():
    left, right = nn.Linear(3, 2).double(), nn.Linear(3, 2).double()
    huge = {"weight": torch.full((2, 3), 1e200, dtype=torch.float64), "bias": torch.ones(2, dtype=torch.float64)}
    result = dualcell.compare_weights(left, right, gradients=(huge, huge))
    assert verdicts(result) == {"weight ~ weight": "equal", "bias ~ bias": "equal"}


# --- one bias against two ---

RECURRENT = {
    "LSTM": (layers.LSTM, nn.LSTM),
    "GRU": (layers.GRU, nn.GRU),
    "SimpleRNN": (layers.SimpleRNN, nn.RNN),
}


@pytest.mark.parametrize("kind", RECURRENT)
def test_two_biases_are_compared_as_their_sum(kind):
    model, module = chain(RECURRENT[kind][0](5), shape=(6, 8)), RECURRENT[kind][1](8, 5, batch_first=True)
    dualcell.plan_weights(module, model).apply()
    for pair in ((module, model), (model, module)):
        result = dualcell.compare_weights(*pair)
        assert {row.verdict for row in result} == {"equal"}, result
        assert len(result) == (4 if kind == "GRU" else 3)
    with torch.no_grad():
        module.bias_hh_l0[2] += 1
    for pair in ((module, model), (model, module)):
        result = dualcell.compare_weights(*pair)
        (wrong,) = [row for row in result if not row.passed]
        assert "bias_hh_l0" in wrong.name
        assert wrong.figures.max_abs == pytest.approx(1)


def test_two_biases_are_named_and_may_stand_for_none():
    model = chain(layers.LSTM(5, use_bias=False, name="lstm"), shape=(6, 8))
    module = nn.LSTM(8, 5, batch_first=True)
    with torch.no_grad():
        module.bias_ih_l0.fill_(0.5)
        module.bias_hh_l0.fill_(-0.5)
    found = verdicts(dualcell.compare_weights(model, module))
    assert found["0 everywhere ~ bias_ih_l0 + bias_hh_l0"] == "equal"
    model = chain(layers.LSTM(5, name="lstm"), shape=(6, 8))
    assert "lstm/cell/bias ~ bias_ih_l0 + bias_hh_l0" in verdicts(dualcell.compare_weights(model, module))


def test_two_modules_have_both_biases_compared():
    left, right = nn.LSTM(8, 5), nn.LSTM(8, 5)
    dualcell.plan_weights(left, right).apply()
    with torch.no_grad():
        right.bias_ih_l0 += 1
        right.bias_hh_l0 -= 1
    found = verdicts(dualcell.compare_weights(left, right))
    assert len(found) == 4
    assert found["bias_ih_l0 ~ bias_ih_l0"] == found["bias_hh_l0 ~ bias_hh_l0"] == "differs"


# --- a plan that was made before ---


def counted():
    """A model whose layers Keras numbers through the whole session."""
    return chain(layers.Dense(4), layers.Dense(4), shape=(4,))


def two_linear():
    return nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))


def test_a_plan_serves_models_built_alike(tmp_path):
    plan = dualcell.plan_weights(counted(), two_linear())
    plan.save(tmp_path / "plan.json")
    model, module = counted(), two_linear()
    dualcell.load_plan(tmp_path / "plan.json", model, module).apply()
    for known in (plan, tmp_path / "plan.json", str(tmp_path / "plan.json")):
        result = dualcell.compare_weights(model, module, known)
        assert {row.verdict for row in result} == {"equal"}
        assert next(row.name for row in result) == f"{model.layers[0].name}/kernel ~ 0.weight"
    assert not dualcell.compare_weights(counted(), module, plan)


def test_a_plan_for_other_models_compares_nothing(tmp_path):
    model, module = counted(), two_linear()
    plan = dualcell.plan_weights(model, module)
    with pytest.raises(PlanError) as error:
        dualcell.compare_weights(module, model, plan)
    assert str(error.value) == (
        "the plan does not fit these models: the two models are swapped: it copies from keras Sequential to torch "
        "Sequential. Give the keras Sequential first, then the torch Sequential."
    )
    with pytest.raises(PlanError, match="the plan does not fit these models: it is for another target than this "):
        dualcell.compare_weights(model, nn.Linear(4, 4), plan)
    with pytest.raises(FileError, match=r"'none.json' cannot be read as a weight plan: No such file or directory."):
        dualcell.compare_weights(model, module, "none.json")


@pytest.mark.parametrize(("plan", "kind"), [({}, "dict"), (keras.Model, "type"), (3, "int")])
def test_what_is_no_plan_is_said(plan, kind):
    with pytest.raises(PlanError) as error:
        dualcell.compare_weights(nn.Linear(2, 2), nn.Linear(2, 2), plan)
    assert str(error.value) == (
        f"plan: expected what plan_weights or load_plan has given, or the path of a saved plan, got {kind}."
    )


# --- gradients as they come ---


def two_sizes():
    model = chain(layers.Dense(7, name="a"), layers.Dense(3, name="b"))
    module = nn.Sequential(nn.Linear(20, 7), nn.Linear(7, 3))
    twins(model, module)
    backward(module)
    return model, module, gradients_of(model)


ORDER = "give a list in the order of the weights, a/kernel, a/bias, b/kernel, b/bias, or a dict by path."
REFUSED = {
    "reversed": (
        lambda model, given: given[::-1],
        f"gradients: that of 'a/kernel' has shape (3,), and the weight (20, 7); {ORDER}",
    ),
    "kernels swapped": (
        lambda model, given: [given[2], given[1], given[0], given[3]],
        f"gradients: that of 'a/kernel' has shape (7, 3), and the weight (20, 7); {ORDER}",
    ),
    "pairs": (
        lambda model, given: list(zip(given, model.trainable_variables, strict=True)),
        "gradients: expected a tensor for 'a/kernel', got a tuple; give the gradients alone: "
        "[gradient for gradient, variable in pairs].",
    ),
    "numbers": (
        lambda model, given: [1.0, 2.0, 3.0, 4.0],
        f"gradients: that of 'a/kernel' has shape (), and the weight (20, 7); {ORDER}",
    ),
    "texts": (lambda model, given: ["x"] * 4, "gradients: expected a tensor for 'a/kernel', got a str."),
    "sparse": (
        lambda model, given: [tf.IndexedSlices(tf.ones((1, 7)), [0], (20, 7)), *given[1:]],
        "gradients: that of 'a/kernel' cannot be read: tf.IndexedSlices (the gradient of a gather); "
        "pass tf.convert_to_tensor(t).",
    ),
    "too few": (
        lambda model, given: given[1:],
        "gradients: 3 were given and the model has 4 trainable weights; give a list in their order, a/kernel, a/bias, "
        "b/kernel, b/bias, or a dict by path.",
    ),
    "a path misspelt": (
        lambda model, given: {"a/kernal": given[0]},
        "gradients: 'a/kernal' is no weight of the model. Did you mean 'a/kernel'? It has a/kernel, a/bias, b/kernel, "
        "b/bias.",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_gradients_that_do_not_fit_are_an_error(name):
    change, sentence = REFUSED[name]
    model, module, given = two_sizes()
    with pytest.raises(PlanError) as error:
        dualcell.compare_weights(model, module, gradients=(change(model, given), None))
    assert str(error.value) == sentence


def test_gradients_go_by_the_names_of_keras_too():
    model, module, given = two_sizes()
    for names in (["a/kernel", "a/bias", "b/kernel", "b/bias"], [each.path for each in model.trainable_variables]):
        by_name = dict(zip(names, given, strict=True))
        assert dualcell.compare_weights(model, module, gradients=(by_name, None)).passed
        found = verdicts(dualcell.compare_weights(model, module, gradients=(by_name | {names[0]: None}, None)))
        assert found["a/kernel ~ 0.weight"] == "missing"


def test_weights_that_are_frozen_on_both_sides_are_left_out():
    model = chain(layers.Dense(7), layers.Dense(7, name="frozen"), layers.Dense(3))
    module = nn.Sequential(nn.Linear(20, 7), nn.Linear(7, 7), nn.Linear(7, 3))
    twins(model, module)
    model.get_layer("frozen").trainable = False
    backward(module)
    result = dualcell.compare_weights(model, module, gradients=(gradients_of(model), None))
    assert verdicts(result)["frozen/kernel ~ 1.weight"] == "missing"
    assert "frozen/kernel has no gradient" in result["frozen/kernel ~ 1.weight"].cause
    module[1].requires_grad_(False)
    backward(module)
    module[1].zero_grad()
    result = dualcell.compare_weights(model, module, gradients=(gradients_of(model), None))
    assert result.passed
    assert len(result) == 4
    module.zero_grad()
    nothing = dualcell.compare_weights(model, module, gradients=({}, None))
    assert (len(nothing), nothing.passed) == (0, False)
