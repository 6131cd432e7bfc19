"""Fixes in the words of each framework; those that are code run in it, in tests/frameworks/test_dialects.py."""

from __future__ import annotations

import pytest

from dualcell.dialect import in_dialect


@pytest.mark.parametrize(
    ("fix", "framework", "said"),
    [
        ("y.transpose(1, 0)", "keras", "keras.ops.transpose(y, (1, 0))"),
        ("y.transpose(1, 0)", "tensorflow", "tf.transpose(y, (1, 0))"),
        ("y.transpose(1, 0)", "tf_keras", "tf.transpose(y, (1, 0))"),
        ("y.transpose(1, 0)", "torch", "y.permute(1, 0)"),
        ("y.transpose(1, 0)", "jax", "y.transpose(1, 0)"),
        ("y.reshape(4, 6).swapaxes(0, 1)", "keras", "keras.ops.swapaxes(keras.ops.reshape(y, (4, 6)), 0, 1)"),
        ("np.flip(y, 1) * 2", "jax", "jnp.flip(y, 1) * 2"),
        ("np.roll(model.out['a'], 3, 0)", "torch", "torch.roll(model.out['a'], 3, 0)"),
        ("softmax(y, 1)", "tensorflow", "tf.nn.softmax(y, 1)"),
        ("softmax(y, 1)", "torch", "torch.softmax(y, 1)"),
        ("log(sigmoid(y))", "keras", "keras.ops.log(keras.ops.sigmoid(y))"),
        ("softmax(y, 1)", "numpy", "softmax(y, 1)"),
        ("exp(y)", "numpy", "np.exp(y)"),
        ("my_exp(y)", "torch", "my_exp(y)"),
        ("y without sigmoid", "torch", "y without sigmoid"),
        ("y * 2", "torch", "y * 2"),
        ("(y.transpose(1, 0)) without relu", "keras", "(keras.ops.transpose(y, (1, 0))) without relu"),
        ("(y with epsilon=0.1).transpose(1, 0)", "torch", "(y with epsilon=0.1).permute(1, 0)"),
        ("f(x) of ((y.transpose(1, 0)) with a", "torch", "f(x) of ((y.transpose(1, 0)) with a"),
        ("keras.ops.silu(x) or nn.SiLU() makes y", "keras", "keras.ops.silu(x) makes y"),
        ("keras.ops.silu(x) or nn.SiLU() makes y", "torch", "nn.SiLU() makes y"),
        ("keras.ops.silu(x) or nn.SiLU() makes y", "jax", "keras.ops.silu(x) or nn.SiLU() makes y"),
        ("one_hot(y, 5)", "torch", "torch.nn.functional.one_hot(y, 5)"),
        ("diagonal(y)", "tensorflow", "tf.linalg.diag_part(y)"),
        ("y.transpose(1, 0)", "mxnet", "y.transpose(1, 0)"),
        ("", "torch", ""),
    ],
)
def test_a_fix_is_said_in_the_words_of_its_framework(fix, framework, said):
    assert in_dialect(fix, framework) == said
