"""The lines that fixes propose, run in the framework they are written for."""

from __future__ import annotations

import numpy as np
import pytest

from dualcell.dialect import in_dialect

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")
torch = pytest.importorskip("torch")
jax = pytest.importorskip("jax")

X = np.random.default_rng(0).standard_normal((4, 6, 5)).astype(np.float32)
LINES = [
    "y.transpose(2, 0, 1)",
    "y.reshape(4, 30)",
    "y.reshape(4, 2, 3, 5).swapaxes(1, 2).reshape(4, 6, 5)",
    "y.transpose(0, 2, 1).reshape(4, 30) * 2",
    "np.flip(y, (1,))",
    "np.roll(y, 2, 1)",
    "np.concatenate([np.split(y, 3, 1)[block] for block in (2, 0, 1)], 1)",
    "softmax(y, 1)",
    "exp(y)",
    "1 / sigmoid(y)",
    "-y",
    "(y - 1.5) / 2",
    "log(abs(y))",
    "square(y)",
]


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("framework", ["keras", "tensorflow", "torch", "jax"])
def test_the_line_runs_and_means_what_numpy_means(line, framework):
    make = {
        "keras": keras.ops.convert_to_tensor,
        "tensorflow": tf.constant,
        "torch": torch.tensor,
        "jax": jax.numpy.array,
    }
    names = {"keras": keras, "tf": tf, "torch": torch, "jax": jax, "jnp": jax.numpy, "np": np}
    found = eval(in_dialect(line, framework), {**names, "y": make[framework](X)})
    assert isinstance(found, type(make[framework](X)))
    np.testing.assert_allclose(np.asarray(found), wanted(line), rtol=1e-5, atol=1e-6)


def wanted(line):
    softmax = {"softmax": lambda y, axis: np.exp(y) / np.exp(y).sum(axis, keepdims=True)}
    functions = {
        "sigmoid": lambda y: 1 / (1 + np.exp(-y)),
        "exp": np.exp,
        "log": np.log,
        "abs": np.abs,
        "square": np.square,
    }
    return eval(line, {"np": np, "y": X, **softmax, **functions})
