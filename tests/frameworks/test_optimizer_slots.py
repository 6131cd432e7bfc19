"""What the optimizers of both frameworks keep, after the same steps of a real training."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import subprocess
import sys

import keras
import numpy as np
import pytest
import torch
from keras import layers
from torch import nn, optim

import dualcell
from dualcell import PlanError

IMAGES = np.random.default_rng(3).random((4, 5, 5, 2), np.float32)
CLOSE = {"rtol": 1e-3, "atol": 1e-4}


class Vision(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 3)
        self.fc = nn.Linear(27, 4)

    def forward(self, x):
        return self.fc(torch.tanh(self.conv(x)).flatten(1))


def vision():
    made = [layers.Conv2D(3, 3, activation="tanh", name="conv"), layers.Flatten(), layers.Dense(4, name="fc")]
    return keras.Sequential([keras.Input((5, 5, 2)), *made])


def twins():
    """Two models of the same weights."""
    keras.utils.set_random_seed(0)
    model, module = vision(), Vision()
    dualcell.plan_weights(model, module).apply()
    return model, module


def train_keras(model, optimizer, inputs=IMAGES, steps=3):
    import tensorflow as tf

    for _ in range(steps):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(model(inputs) ** 2)
        optimizer.apply(tape.gradient(loss, [v.value for v in model.trainable_variables]), model.trainable_variables)


def train_torch(module, optimizer, inputs=IMAGES, steps=3):
    for _ in range(steps):
        optimizer.zero_grad()
        found = module(torch.from_numpy(np.moveaxis(inputs, -1, 1).copy()))
        (found**2).mean().backward()
        optimizer.step()


# name -> (Keras, PyTorch, the rows of a kernel)
KINDS = {
    "Adam": (
        lambda: keras.optimizers.Adam(0.01),
        lambda weights: optim.Adam(weights, 0.01),
        ["momentum ~ exp_avg", "velocity ~ exp_avg_sq", "iterations ~ step"],
    ),
    "Adam, amsgrad": (
        lambda: keras.optimizers.Adam(0.01, amsgrad=True),
        lambda weights: optim.Adam(weights, 0.01, amsgrad=True),
        ["momentum ~ exp_avg", "velocity ~ exp_avg_sq", "velocity_hat ~ max_exp_avg_sq", "iterations ~ step"],
    ),
    "AdamW": (
        lambda: keras.optimizers.AdamW(0.01, weight_decay=0.1),
        lambda weights: optim.AdamW(weights, 0.01, weight_decay=0.1),
        ["momentum ~ exp_avg", "velocity ~ exp_avg_sq", "iterations ~ step"],
    ),
    "SGD": (
        lambda: keras.optimizers.SGD(0.1, momentum=0.9),
        lambda weights: optim.SGD(weights, 0.1, momentum=0.9),
        ["momentum / -0.1 ~ momentum_buffer"],
    ),
    "SGD, Nesterov": (
        lambda: keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
        lambda weights: optim.SGD(weights, 0.1, momentum=0.9, nesterov=True),
        ["momentum / -0.1 ~ momentum_buffer"],
    ),
    "RMSprop": (
        lambda: keras.optimizers.RMSprop(0.01, epsilon=1e-14),
        lambda weights: optim.RMSprop(weights, 0.01, alpha=0.9, eps=1e-14),
        ["velocity ~ square_avg", "iterations ~ step"],
    ),
    "RMSprop, momentum and centered": (
        lambda: keras.optimizers.RMSprop(0.001, momentum=0.8, centered=True, epsilon=1e-14),
        lambda weights: optim.RMSprop(weights, 0.001, alpha=0.9, momentum=0.8, centered=True, eps=1e-14),
        ["velocity ~ square_avg", "momentum / 0.001 ~ momentum_buffer", "average_gradient ~ grad_avg",
         "iterations ~ step"],
    ),
    "Adagrad": (
        lambda: keras.optimizers.Adagrad(0.01),
        lambda weights: optim.Adagrad(weights, 0.01, initial_accumulator_value=0.1),
        ["accumulator ~ sum", "iterations ~ step"],
    ),
    "Adadelta": (
        lambda: keras.optimizers.Adadelta(1.0, epsilon=1e-6),
        lambda weights: optim.Adadelta(weights, 1.0, rho=0.95, eps=1e-6),
        ["accumulated_grad ~ square_avg", "accumulated_delta_var ~ acc_delta", "iterations ~ step"],
    ),
    "Adamax": (
        lambda: keras.optimizers.Adamax(0.01),
        lambda weights: optim.Adamax(weights, 0.01),
        ["momentum ~ exp_avg", "norm ~ exp_inf", "iterations ~ step"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_three_equal_steps_leave_the_same_slots(name):
    make_keras, make_torch, rows = KINDS[name]
    model, module = twins()
    optimizers = make_keras(), make_torch(module.parameters())
    train_keras(model, optimizers[0])
    train_torch(module, optimizers[1])
    result = dualcell.compare_weights(model, module, slots=optimizers, **CLOSE)
    assert result.passed, result
    expected = [
        f"{left} {row.replace(' ~ ', f' ~ {right} ')}"
        for left, right in (("conv/kernel", "conv.weight"), ("conv/bias", "conv.bias"),
                            ("fc/kernel", "fc.weight"), ("fc/bias", "fc.bias"))
        for row in rows
    ]  # fmt: skip
    assert [row.name for row in result] == expected
    back = dualcell.compare_weights(module, model, slots=(optimizers[1], optimizers[0]), **CLOSE)
    assert back.passed, back
    assert len(back) == len(expected)


@pytest.mark.parametrize("name", KINDS)
def test_a_step_more_and_other_gradients_are_seen(name):
    make_keras, make_torch, _ = KINDS[name]
    model, module = twins()
    optimizers = make_keras(), make_torch(module.parameters())
    train_keras(model, optimizers[0])
    train_torch(module, optimizers[1], IMAGES[:2] * 1.2, steps=4)
    result = dualcell.compare_weights(model, module, slots=optimizers, rtol=1e-3, atol=0)
    assert {row.verdict for row in result} == {"differs"}, result


def test_a_slot_is_compared_after_the_axis_move():
    model, module = twins()
    optimizers = KINDS["Adam"][0](), KINDS["Adam"][1](module.parameters())
    train_keras(model, optimizers[0])
    train_torch(module, optimizers[1])
    optimizers[1].state[module.fc.weight]["exp_avg"][2, 7] += 1
    result = dualcell.compare_weights(model, module, slots=optimizers, **CLOSE)
    name = "fc/kernel momentum ~ fc.weight exp_avg"
    assert [row.name for row in result if not row.passed] == [name]
    assert result[name].figures.worst_index == (2, 7)


def test_a_changed_rate_of_keras_momentum_differs():
    """Keras' next step uses the old momentum whole; PyTorch's would be smaller."""
    model, module = twins()
    optimizers = KINDS["SGD"][0](), KINDS["SGD"][1](module.parameters())
    train_keras(model, optimizers[0])
    train_torch(module, optimizers[1])
    optimizers[0].learning_rate = 0.01
    result = dualcell.compare_weights(model, module, slots=optimizers, **CLOSE)
    assert {row.verdict for row in result} == {"differs"}
    assert "conv/kernel momentum / -0.01 ~ conv.weight momentum_buffer" in [row.name for row in result]


def test_two_keras_optimizers_compare_as_they_are():
    models = [twins()[0], twins()[0]]
    optimizers = tuple(keras.optimizers.SGD(0.1, momentum=0.9) for _ in models)
    for model, optimizer in zip(models, optimizers, strict=True):
        train_keras(model, optimizer)
    result = dualcell.compare_weights(*models, slots=optimizers)
    assert {row.verdict for row in result} <= {"equal", "close"}
    assert [row.name for row in result][:2] == [
        "conv/kernel momentum ~ conv/kernel momentum", "conv/kernel iterations ~ conv/kernel iterations",
    ]  # fmt: skip


def one_step_of_lstm():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((5, 4)), layers.LSTM(3, name="lstm")])
    module = nn.LSTM(4, 3, batch_first=True)
    dualcell.plan_weights(model, module).apply()
    optimizers = keras.optimizers.Adam(0.01), optim.Adam(module.parameters(), 0.01)
    x = np.random.default_rng(0).random((2, 5, 4), np.float32)
    train_keras(model, optimizers[0], x, steps=1)
    (module(torch.from_numpy(x))[0][:, -1] ** 2).mean().backward()
    optimizers[1].step()
    return model, module, optimizers


def test_each_of_two_added_biases_has_the_slots_of_the_one():
    model, module, optimizers = one_step_of_lstm()
    result = dualcell.compare_weights(model, module, slots=optimizers, **CLOSE)
    assert result.passed, result
    names = [row.name for row in result]
    assert "lstm/cell/bias velocity ~ bias_hh_l0 exp_avg_sq" in names
    assert "lstm/cell/bias velocity ~ bias_ih_l0 exp_avg_sq" in names
    back = dualcell.compare_weights(module, model, slots=optimizers[::-1], **CLOSE)
    assert back.passed, back
    assert len(back) == len(result) == 12
    optimizers[1].state[module.bias_hh_l0]["exp_avg_sq"][0] += 1
    assert not dualcell.compare_weights(model, module, slots=optimizers, **CLOSE)
    assert not dualcell.compare_weights(module, model, slots=optimizers[::-1], **CLOSE)


# --- what one side lacks ---


def lacking(result):
    return {row.name: row.cause for row in result if row.verdict == "missing"}


def test_a_slot_that_one_side_does_not_keep_is_missing():
    model, module = twins()
    optimizers = KINDS["Adam, amsgrad"][0](), KINDS["Adam"][1](module.parameters())
    train_keras(model, optimizers[0])
    train_torch(module, optimizers[1])
    found = lacking(dualcell.compare_weights(model, module, slots=optimizers, **CLOSE))
    assert len(found) == 4
    assert "this Adam keeps no such thing (amsgrad, momentum or centered" in found[
        "fc/bias velocity_hat ~ fc.bias velocity_hat"
    ]  # fmt: skip


def test_a_weight_without_a_gradient_or_outside_the_optimizer_is_missing():
    model, module = twins()
    module.conv.bias.requires_grad_(False)
    optimizers = KINDS["Adam"][0](), optim.Adam([module.conv.weight, module.conv.bias, module.fc.weight], 0.01)
    train_keras(model, optimizers[0])
    train_torch(module, optimizers[1])
    found = lacking(dualcell.compare_weights(model, module, slots=optimizers, **CLOSE))
    assert len(found) == 6
    said = found["conv/bias momentum ~ conv.bias exp_avg"]
    assert "this Adam keeps no exp_avg of 'conv.bias' yet: it had no gradient" in said
    said = found["fc/bias momentum ~ fc.bias exp_avg"]
    assert "'fc.bias' is not among the weights that this Adam trains" in said


def test_a_weight_without_a_partner_is_missing():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(4, name="a"), layers.Dense(2, name="b")])
    module = nn.Linear(4, 4)
    optimizers = keras.optimizers.SGD(0.1, momentum=0.9), optim.SGD(module.parameters(), 0.1, momentum=0.9)
    train_keras(model, optimizers[0], IMAGES[:, 0, :2].reshape(4, 4))
    train_torch(module, optimizers[1], IMAGES[:, 0, :2].reshape(4, 4))
    found = lacking(dualcell.compare_weights(model, module, slots=optimizers))
    assert "'b/kernel' has no partner on the right side" in found["b/kernel momentum"]
    assert "'b/bias' has no partner on the right side" in found["b/bias momentum"]
    found = lacking(dualcell.compare_weights(module, model, slots=optimizers[::-1]))
    assert "'b/kernel' has no partner on the left side" in found["b/kernel momentum"]


def test_a_bias_that_one_side_lacks_is_missing():
    keras_model = keras.Sequential([keras.Input((4,)), layers.Dense(4, use_bias=False, name="a")])
    module = nn.Linear(4, 4)
    optimizers = keras.optimizers.Adagrad(0.1), optim.Adagrad(module.parameters(), 0.1)
    train_keras(keras_model, optimizers[0], IMAGES[:, 0, :2].reshape(4, 4))
    train_torch(module, optimizers[1], IMAGES[:, 0, :2].reshape(4, 4))
    found = lacking(dualcell.compare_weights(keras_model, module, slots=optimizers))
    assert "this weight has no partner on the left side" in found["0 everywhere accumulator ~ bias sum"]
    found = lacking(dualcell.compare_weights(module, keras_model, slots=optimizers[::-1]))
    assert "'bias' has no partner on the right side" in found["bias sum"]


# --- what is an error ---


def stepped(make, module):
    optimizer = make(module.parameters())
    train_torch(module, optimizer, steps=1)
    return optimizer


def built(make, model):
    optimizer = make()
    optimizer.build(model.trainable_variables)
    return optimizer


def of(name, side):
    return KINDS[name][side]


REFUSED = {
    "not two": (lambda model, module: built(of("Adam", 0), model),
                "slots: expected two optimizers, (left, right), got Adam"),
    "swapped": (lambda model, module: (stepped(of("Adam", 1), module), built(of("Adam", 0), model)),
                "slots: expected an optimizer of keras for the Keras model, got Adam; give the optimizers in the"),
    "no torch optimizer": (lambda model, module: (built(of("Adam", 0), model), built(of("Adam", 0), model)),
                           "slots: expected a torch optimizer for the torch module, got Adam; give the optimizers"),
    "not built": (lambda model, module: (of("Adam", 0)(), stepped(of("Adam", 1), module)),
                  "slots: the Adam is not built and keeps nothing yet; train a step, or call its build()"),
    "no step": (lambda model, module: (built(of("Adam", 0), model), of("Adam", 1)(module.parameters())),
                "slots: the Adam keeps nothing yet; call its step() once after backward()"),
    "no step of momentum": (lambda model, module: (built(of("SGD", 0), model), of("SGD", 1)(module.parameters())),
                            "slots: the SGD keeps nothing yet; call its step()"),
    "another model": (lambda model, module: (built(of("Adam", 0), vision()), stepped(of("Adam", 1), module)),
                      "slots: the Adam trains none of the model's variables"),
    "another module": (lambda model, module: (built(of("Adam", 0), model), stepped(of("Adam", 1), Vision())),
                       "slots: the Adam trains none of the module's parameters"),
    "two kinds": (lambda model, module: (built(of("SGD", 0), model), stepped(of("Adam", 1), module)),
                  "slots: SGD on the left and Adam on the right keep other things"),
    "nothing kept": (
        lambda model, module: (built(lambda: keras.optimizers.SGD(0.1), model),
                               stepped(lambda weights: optim.SGD(weights, 0.1), module)),
        "slots: SGD without momentum keeps nothing for a weight on either side, so there is nothing to compare"),
    "unknown Keras": (lambda model, module: (built(keras.optimizers.Lion, model), stepped(of("Adam", 1), module)),
                      "Adadelta, Adamax of Keras keep, got Lion."),
    "wrapped Keras": (
        lambda model, module: (built(lambda: keras.optimizers.LossScaleOptimizer(of("Adam", 0)()), model),
                               stepped(of("Adam", 1), module)),
        "of Keras keep, got LossScaleOptimizer; give its inner_optimizer."),
    "unknown torch": (lambda model, module: (built(of("Adam", 0), model), stepped(optim.NAdam, module)),
                      "Adadelta, Adamax of torch.optim keep, got NAdam."),
    "no rate": (
        lambda model, module: (built(lambda: keras.optimizers.SGD(0.0, momentum=0.9), model),
                               stepped(of("SGD", 1), module)),
        "slots: the learning rate is 0, and Keras' momentum holds it as a factor"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_optimizers_that_cannot_be_compared_are_an_error(name):
    make, sentence = REFUSED[name]
    model, module = twins()
    with pytest.raises(PlanError) as error:
        dualcell.compare_weights(model, module, slots=make(model, module))
    assert sentence in str(error.value)


def test_gradients_and_slots_are_two_comparisons():
    model, module = twins()
    with pytest.raises(PlanError, match="compares gradients= or slots=, one at a time; call it twice"):
        dualcell.compare_weights(model, module, gradients=(None, None), slots=(None, None))


# --- other Keras ---


@pytest.mark.parametrize(
    "make",
    [
        (lambda kind: kind.Adam(0.01), lambda weights: optim.Adam(weights, 0.01)),
        (lambda kind: kind.SGD(0.1, momentum=0.9), lambda weights: optim.SGD(weights, 0.1, momentum=0.9)),
        (lambda kind: kind.RMSprop(0.01, momentum=0.9, epsilon=1e-14),
         lambda weights: optim.RMSprop(weights, 0.01, alpha=0.9, momentum=0.9, eps=1e-14)),
        (lambda kind: kind.Adadelta(1.0, epsilon=1e-6), lambda weights: optim.Adadelta(weights, 1.0, 0.95, 1e-6)),
        (lambda kind: kind.Adamax(0.01), lambda weights: optim.Adamax(weights, 0.01)),
    ],
)  # fmt: skip
def test_keras_2(make):
    import tensorflow as tf
    import tf_keras

    kept = [tf_keras.layers.Conv2D(3, 3, activation="tanh", name="conv"), tf_keras.layers.Flatten()]
    model = tf_keras.Sequential([tf_keras.Input((5, 5, 2)), *kept, tf_keras.layers.Dense(4, name="fc")])
    module = Vision()
    dualcell.plan_weights(model, module).apply()
    optimizers = make[0](tf_keras.optimizers), make[1](module.parameters())
    with pytest.raises(PlanError, match=r"is not built|trains none of the model's"):
        dualcell.compare_weights(model, module, slots=optimizers)
    for _ in range(3):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(model(IMAGES) ** 2)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizers[0].apply_gradients(zip(gradients, model.trainable_variables, strict=True))
    train_torch(module, optimizers[1])
    result = dualcell.compare_weights(model, module, slots=optimizers, **CLOSE)
    assert result.passed, result
    assert len(result) >= 4


FIT = """
import keras, numpy as np, torch, dualcell
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="fc")])
module = torch.nn.Linear(4, 3)
dualcell.plan_weights(model, module).apply()
ours, theirs = keras.optimizers.SGD(0.1, momentum=0.9), torch.optim.SGD(module.parameters(), 0.1, momentum=0.9)
x, y = (np.random.default_rng(0).random(shape, np.float32) for shape in ((8, 4), (8, 3)))
model.compile(ours, "mse")
model.fit(x, y, batch_size=8, epochs=3, verbose=0)
for _ in range(3):
    theirs.zero_grad()
    torch.nn.functional.mse_loss(module(torch.from_numpy(x)), torch.from_numpy(y)).backward()
    theirs.step()
result = dualcell.compare_weights(model, module, slots=(ours, theirs), rtol=1e-3, atol=1e-4)
assert result.passed and len(result) == 2, result
theirs.state[module.weight]["momentum_buffer"] *= 1.1
assert not dualcell.compare_weights(model, module, slots=(ours, theirs), rtol=1e-3, atol=1e-4)
"""


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_keras_on_other_backends(backend):
    environment = {**os.environ, "KERAS_BACKEND": backend}
    done = subprocess.run(
        [sys.executable, "-c", FIT], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
