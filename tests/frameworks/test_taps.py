"""`dualcell.tap` inside the functions of every framework, traced, compiled and eager."""

from __future__ import annotations

import shutil
import subprocess
import sys
import warnings

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
import torch

import dualcell
from dualcell import tap

X = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.fixture(autouse=True)
def _fresh_dynamo():
    torch._dynamo.reset()


def run(left, right=lambda: tap("y", X * 2), framework="numpy", **options):
    """`left` in a block of `framework`, `right` in a numpy block."""
    with dualcell.dual(framework, "numpy", **options) as pair:
        with pair.left:
            returned = left()
        with pair.right:
            right()
    return pair.result, returned


def rows(result):
    return {row.name: row.verdict for row in result}


# --- no graph ---


def test_outside_a_run_it_hands_back_the_same_object():
    for value in (X, torch.ones(2), tf.ones(2), jnp.ones(2), {"a": 1}, None, object()):
        assert tap("y", value) is value


def test_arguments_swapped():
    with pytest.raises(TypeError, match="the name is a Tensor, expected a string"):
        tap(torch.ones(2), "y")


class Torch(torch.nn.Module):
    def forward(self, x):
        return tap("y", x * 2) + 1


def test_in_a_torch_forward():
    result, out = run(lambda: Torch()(torch.tensor(X)), framework="torch")
    assert rows(result) == {"y": "equal"}
    assert np.array_equal(out, X * 2 + 1)


def test_the_value_is_of_the_moment():
    def left():
        x = torch.zeros(2)
        for step in (1, 2):
            tap("x", x.add_(step))

    result, _ = run(left, lambda: [tap("x", np.full(2, n, "f4")) for n in (1, 3)], framework="torch")
    assert rows(result) == {"x[0]": "equal", "x[1]": "equal"}


def test_a_call_more_on_one_side_is_no_pass():
    result, _ = run(lambda: [tap("y", X), tap("y", X)], lambda: tap("y", X))
    assert rows(result) == {"y[0]": "equal", "y[1]": "missing"}


def test_a_tap_named_like_a_variable_hides_neither():
    with dualcell.dual("numpy: old", "numpy: new", captures=["y"]) as pair:
        with pair.left:
            y = tap("y", np.ones(2))
        with pair.right:
            y = tap("y", np.ones(2) + 1) - 1
    assert y.shape == (2,)
    assert rows(pair.result) == {"y": "equal", "y (tap)": "differs"}


def test_a_tap_of_one_side_only_is_missing():
    result, _ = run(lambda: tap("y", X), lambda: None)
    assert rows(result) == {"y": "missing"}


def test_structures_and_gradients():
    def left():
        weight = torch.ones(2, requires_grad=True)
        tap("both", {"a": weight, "b": [weight * 2]})["b"][0].sum().backward()
        return weight.grad

    result, grad = run(
        left, lambda: tap("both", {"a": np.ones(2, "f4"), "b": [np.full(2, 2, "f4")]}), framework="torch"
    )
    assert rows(result) == {"both.a": "equal", "both.b[0]": "equal"}
    assert grad.tolist() == [2, 2]


def test_a_block_that_raises_closes_its_recorder():
    with pytest.raises(ZeroDivisionError), dualcell.dual("numpy", "numpy") as pair, pair.left:
        tap("y", X)
        _ = 1 / 0
    assert not pair.result.passed
    assert tap("y", X) is X


# --- torch.compile ---


@pytest.mark.parametrize("fullgraph", [True, False])
@pytest.mark.parametrize("used_before", [True, False])
def test_torch_compile(fullgraph, used_before):
    model = torch.compile(Torch(), backend="eager", fullgraph=fullgraph)
    if used_before:
        model(torch.tensor(X))
    for eager, verdict in ((False, "unsupported"), (True, "equal"), (False, "unsupported")):
        result, out = run(lambda: model(torch.tensor(X)), framework="torch", eager=eager)
        assert rows(result) == {"y": verdict}
        assert np.array_equal(out, X * 2 + 1)
        if not eager:
            sentence = "tap('y') ran inside a compiled graph (torch.compile); add --eager to run it eagerly"
            assert sentence in result["y"].cause


def test_torch_compile_loop():
    @torch.compile(backend="eager", fullgraph=True)
    def loop(x):
        for step in range(3):
            x = tap("x", x + step)
        return x

    def right():
        for step in (0, 1, 3):
            tap("x", np.full(2, step, "f4"))

    result, _ = run(lambda: loop(torch.zeros(2)), right, framework="torch", eager=True)
    assert rows(result) == {"x[0]": "equal", "x[1]": "equal", "x[2]": "equal"}


@pytest.mark.skipif(not any(map(shutil.which, ("c++", "g++", "clang++"))), reason="inductor needs a C++ compiler")
def test_inductor():
    model = torch.compile(Torch(), fullgraph=True)
    result, out = run(lambda: model(torch.tensor(X)), framework="torch")
    assert rows(result) == {"y": "unsupported"}
    assert np.array_equal(out, X * 2 + 1)


def test_first_use_inside_a_compiled_function():
    """`dualcell.tap` is imported lazily; that must not break a full graph."""
    code = (
        "import dualcell, torch\n"
        "f = torch.compile(lambda x: dualcell.tap('y', x * 2), backend='eager', fullgraph=True)\n"
        "assert f(torch.ones(2)).tolist() == [2, 2]\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_torch_func():
    def loss(x):
        return tap("y", x * 2).sum()

    result, grad = run(lambda: torch.func.grad(loss)(torch.tensor(X)), framework="torch")
    assert rows(result) == {"y": "equal"}
    assert np.array_equal(grad, np.full((2, 3), 2))
    result, _ = run(lambda: torch.func.vmap(loss)(torch.tensor(X)), framework="torch")
    assert rows(result) == {"y": "unsupported"}
    assert "tap what vmap returns" in result["y"].cause
    assert "--eager" not in result["y"].cause


# --- tf.function ---


def tf_functions():
    @tf.function
    def plain(x):
        return tap("y", x * 2)

    @tf.function
    def dotted(x):
        return dualcell.tap("y", x * 2)

    @tf.function(jit_compile=True)
    def xla(x):
        return dualcell.tap("y", x * 2)

    @tf.function
    def branch(x):
        if tf.reduce_sum(x) > 0:
            y = dualcell.tap("y", x * 2)
        else:
            y = x
        return y

    return [plain, dotted, xla, branch]


@pytest.mark.parametrize("index", range(4))
def test_tf_function(index, capfd):
    function = tf_functions()[index]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result, out = run(lambda: function(tf.constant(X)), framework="tensorflow")
        assert rows(result) == {"y": "unsupported"}
        assert "tap('y') ran inside a compiled graph" in result["y"].cause
        assert "add --eager to run it eagerly" in result["y"].cause
        assert np.array_equal(out, X * 2)
        result, out = run(lambda: function(tf.constant(X)), framework="tensorflow", eager=True)
        assert rows(result) == {"y": "equal"}
        assert np.array_equal(out, X * 2)
    assert "AutoGraph" not in capfd.readouterr().err


def test_tf_function_traced_before_is_missing_never_a_pass():
    function = tf_functions()[0]
    function(tf.constant(X))
    result, _ = run(lambda: function(tf.constant(X)), framework="tensorflow")
    assert rows(result) == {"y": "missing"}
    result, _ = run(lambda: function(tf.constant(X)), framework="tensorflow", eager=True)
    assert rows(result) == {"y": "equal"}


def test_tf_variable_inside_a_function():
    variable = tf.Variable(X)

    @tf.function
    def step():
        variable.assign_add(tf.ones_like(variable))
        tap("v", variable)

    result, _ = run(step, lambda: tap("v", X + 1), framework="tensorflow")
    assert rows(result) == {"v": "unsupported"}
    result, _ = run(step, lambda: tap("v", X + 2), framework="tensorflow", eager=True)
    assert rows(result) == {"v": "equal"}


# --- jax ---


@pytest.mark.parametrize("transform", [jax.jit, lambda f: jax.jit(jax.grad(f)), lambda f: jax.grad(jax.jit(f))])
def test_jax_jit(transform):
    function = transform(lambda x: tap("y", x * 2).sum())
    result, _ = run(lambda: function(jnp.array(X)), framework="jax")
    assert rows(result) == {"y": "unsupported"}
    assert "add --eager to run it eagerly" in result["y"].cause
    result, _ = run(lambda: function(jnp.array(X)), framework="jax", eager=True)
    assert rows(result) == {"y": "equal"}


def test_jax_grad_alone_has_values():
    result, grad = run(lambda: jax.grad(lambda x: tap("y", x * 2).sum())(jnp.array(X)), framework="jax")
    assert rows(result) == {"y": "equal"}
    assert np.array_equal(grad, np.full((2, 3), 2))


@pytest.mark.parametrize("eager", [False, True])
def test_jax_vmap_does_not_send_to_eager(eager):
    result, _ = run(lambda: jax.vmap(lambda x: tap("y", x * 2))(jnp.array(X)), framework="jax", eager=eager)
    assert rows(result) == {"y": "unsupported"}
    assert "tap what vmap returns" in result["y"].cause
    assert "--eager" not in result["y"].cause


def test_jax_scan():
    def scan():
        return jax.lax.scan(lambda carry, x: (tap("c", carry + x), x), jnp.float32(0), jnp.ones(2))

    def right():
        tap("c", np.float32(1))
        tap("c", np.float32(2))

    assert set(rows(run(scan, right, framework="jax")[0]).values()) <= {"missing", "unsupported"}
    assert rows(run(scan, right, framework="jax", eager=True)[0]) == {"c[0]": "equal", "c[1]": "equal"}


# --- Keras 3 (on TensorFlow; the other backends: keras_checks.py) and Keras 2 ---


class Layer(keras.layers.Layer):
    def call(self, x):
        return tap("y", x * 2)


class Layer2(tf_keras.layers.Layer):
    def call(self, x):
        return tap("y", x * 2)


def functional(library, layer):
    inputs = library.Input((3,))
    return library.Model(inputs, layer()(inputs))


KERAS = [(keras, Layer, "keras"), (tf_keras, Layer2, "tf_keras")]


@pytest.mark.parametrize(("library", "layer", "framework"), KERAS)
def test_keras_call_and_construction(library, layer, framework):
    assert rows(run(lambda: layer()(X), framework=framework)[0]) == {"y": "equal"}
    result, out = run(lambda: functional(library, layer)(X), framework=framework)
    assert rows(result) == {"y": "equal"}
    assert np.array_equal(out, X * 2)


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize(("library", "layer", "framework"), KERAS)
def test_keras_construction_alone(library, layer, framework, eager):
    result, _ = run(lambda: functional(library, layer), framework=framework, eager=eager)
    assert rows(result) == {"y": "unsupported"}
    assert "tap('y') ran only while Keras built the model; call the model on an array" in result["y"].cause


@pytest.mark.filterwarnings("ignore:Even though the `tf.config")  # TensorFlow: tf.data stays compiled
@pytest.mark.parametrize(("library", "layer", "framework"), KERAS)
def test_keras_predict(library, layer, framework):
    model = library.Sequential([layer()])
    result, out = run(lambda: model.predict(X, verbose=0), framework=framework)
    assert rows(result) == {"y": "unsupported"}
    assert "add --eager to run it eagerly" in result["y"].cause
    assert np.array_equal(out, X * 2)
    result, out = run(lambda: model.predict(X, verbose=0), framework=framework, eager=True)
    assert rows(result) == {"y": "equal"}
    assert np.array_equal(out, X * 2)


@pytest.mark.filterwarnings("ignore:Even though the `tf.config")
def test_keras_fit():
    def fit():
        model = keras.Sequential([Layer(), keras.layers.Dense(1, kernel_initializer="ones")])
        model.compile("sgd", "mse")
        model.fit(X, X[:, :1], verbose=0, batch_size=2, shuffle=False)

    assert rows(run(fit, framework="keras")[0]) == {"y": "unsupported"}
    assert rows(run(fit, framework="keras", eager=True)[0]) == {"y": "equal"}


def test_an_array_that_is_donated_after_the_tap_was_captured_before():
    step = jax.jit(lambda a: a + 1, donate_argnums=0)
    with dualcell.dual("jax: old", "jax: new") as pair:
        with pair.left:
            weights = tap("weights", jnp.ones(4))
            weights = step(weights)
        with pair.right:
            weights = tap("weights", jnp.ones(4)) + 1
    assert rows(pair.result) == {"weights": "equal", "weights (tap)": "equal"}


def test_a_graph_that_was_compiled_by_the_other_side_still_names_eager():
    graph = tf.function(lambda t: tap("inside", t) * 2)
    with dualcell.dual("tf: old", "tf: new") as pair:
        with pair.left:
            y = graph(tf.ones(2))
        with pair.right:
            y = graph(tf.ones(2))
    assert y.shape == (2,)
    assert rows(pair.result) == {"y": "equal", "inside": "missing"}
    assert "add --eager" in pair.result["inside"].cause
    assert "a function that was compiled before runs no taps" in pair.result["inside"].cause
