"""Settings that differ although the weights fit: both values and a line to change, in either direction."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import pytest
from keras import layers
from torch import nn

import dualcell


def gelu():
    return layers.Activation("gelu", name="k")


BOTH = {  # setting, value and line to write in Keras, the same in PyTorch, layer of Keras, input, module
    "epsilon": ("epsilon=0.001", "epsilon=1e-05", "eps=1e-05", "eps=0.001",
                lambda: layers.BatchNormalization(name="k"), (4,), lambda: nn.BatchNorm1d(4)),
    "momentum": ("momentum=0.99", "momentum=0.9", "momentum=0.1", "momentum=0.01",
                 lambda: layers.BatchNormalization(name="k"), (4,), lambda: nn.BatchNorm1d(4)),
    "slope": ("negative_slope=0.3", "negative_slope=0.01", "negative_slope=0.01", "negative_slope=0.3",
              lambda: layers.LeakyReLU(name="k"), (4,), nn.LeakyReLU),
    "approximate": ("approximate none", "activation=lambda x: keras.activations.gelu(x, approximate=True)",
                    "approximate='tanh'", "approximate='none'",
                    gelu, (4,), lambda: nn.GELU(approximate="tanh")),
    "padding": ("padding='same', which pads (0, 1)", "keras.layers.ZeroPadding2D(((1, 1), (1, 1))) before it, "
                "padding='valid'", "padding=1", "torch.nn.functional.pad(x, (0, 1, 0, 1)) before it, padding=0",
                lambda: layers.Conv2D(4, 3, 2, padding="same", name="k"), (8, 8, 4),
                lambda: nn.Conv2d(4, 4, 3, 2, padding=1)),
    "reset after": ("reset_after=False", "reset_after=True", "resets after the matrix product", "",
                    lambda: layers.GRU(4, reset_after=False, name="k"), (5, 4),
                    lambda: nn.GRU(4, 4, batch_first=True)),
}  # fmt: skip


@pytest.mark.parametrize("setting", BOTH)
def test_both_values_and_a_line_to_change_in_either_direction(setting):
    value, fix, other_value, other_fix, layer, shape, module = BOTH[setting]
    weighed = len(shape) == 1  # with a layer that has weights, or there is no plan
    model = keras.Sequential([keras.Input(shape), *([layers.Dense(4, name="d")] if weighed else []), layer()])
    net = nn.Sequential(nn.Linear(4, 4), module()) if weighed else nn.Sequential(module())
    there, back = (
        [one for one in dualcell.plan_weights(*pair).differences if one.difference.setting == setting]
        for pair in ((model, net), (net, model))
    )
    [one], [other] = there, back
    assert (one.source, one.target) == ("k", "1" if weighed else "0") == (other.target, other.source)
    found = one.difference
    assert (found.left, found.left_fix, found.right, found.right_fix) == (value, fix, other_value, other_fix)
    found = other.difference
    assert (found.right, found.right_fix, found.left, found.left_fix) == (value, fix, other_value, other_fix)
    for pair in ((model, net), (net, model)):
        shown = dualcell.plan_weights(*pair).table.settings
        [row] = [row for row in shown if row[2] == setting]
        assert row[3:5] == ((value, other_value) if pair[0] is model else (other_value, value))
        assert row[5] in (f"target: {other_fix}", f"source: {fix}", f"target: {fix}", f"source: {other_fix}")
