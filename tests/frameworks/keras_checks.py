"""What must hold for Keras on every backend; `test_blocks.py` runs this once for each.

`FLAVOUR` is `keras` or `tf_keras`; KERAS_BACKEND is set with it.
"""

from __future__ import annotations

import inspect
import os
import random
import subprocess
import sys

import numpy as np
import pytest

import dualcell
from dualcell import tap
from dualcell.errors import DeviceError, OptionError
from dualcell.frameworks import keras_settings
from dualcell.frameworks.arguments import arguments_of
from dualcell.frameworks.registry import array_adapter, block_adapter
from dualcell.options import Options
from dualcell.parts import read_parts

FLAVOUR = os.environ.get("FLAVOUR", "keras")
BACKEND = os.environ.get("KERAS_BACKEND", "tensorflow")
X = np.arange(6, dtype=np.float32).reshape(2, 3)
REAL = {"tensorflow": "tensorflow", "jax": "jax", "torch": "torch", "numpy": "numpy"}[BACKEND]


@pytest.fixture(scope="module")
def library():
    return __import__(FLAVOUR)


@pytest.fixture(scope="module")
def blocks():
    return block_adapter(FLAVOUR)


def read(value):
    return array_adapter(value).to_numpy(value)


def facts(value):
    return array_adapter(value).facts(value)


def floatx(library):
    return library.config.floatx() if FLAVOUR == "keras" else library.backend.floatx()


def policy(library):
    return (library.config.dtype_policy() if FLAVOUR == "keras" else library.mixed_precision.global_policy()).name


def set_floatx(library, name):
    (library.config if FLAVOUR == "keras" else library.backend).set_floatx(name)


def draw(library):
    """Everything random that a block may use."""
    x = np.ones((2, 20), np.float32)
    drawn = [random.random(), np.random.rand(3)]
    drawn.append(library.layers.Dense(3)(x))
    drawn.append(library.layers.Dense(3, kernel_initializer="random_normal")(x))
    drawn.append(library.layers.Dropout(0.5)(x, training=True))
    drawn.append(library.initializers.HeNormal()((3, 3)))
    if FLAVOUR == "keras":
        drawn += [library.random.normal((3,)), library.random.shuffle(library.ops.arange(10))]
    else:
        drawn.append(library.backend.random_normal((3,)))
    if BACKEND == "tensorflow":
        import tensorflow as tf

        drawn += [tf.random.normal([3]), tf.random.get_global_generator().normal([3])]
    if BACKEND == "torch":
        import torch

        drawn.append(torch.rand(3))
    return [read(value) for value in drawn]


# this one first: it needs a Keras that no test has touched


def test_nothing_is_fixed_by_running(library, blocks):
    """Asking for the dtype policy would fix it: set_floatx would no longer reach new layers."""
    blocks.describe()
    with blocks.scope(Options(dtype="float64", seed=0)):
        pass
    set_floatx(library, "float16")
    assert policy(library) == "float16"
    set_floatx(library, "float32")
    if FLAVOUR == "keras":
        library.config.set_dtype_policy("float32")


def test_dualcell_imports_no_other_framework(library, blocks):
    """Keras imports jax by itself where orbax is installed."""
    code = f"import sys, {FLAVOUR}; print(*(n for n in ('tensorflow', 'torch', 'jax') if n in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {name for name in ("tensorflow", "torch", "jax") if name in sys.modules} == set(done.stdout.split())


def test_seed_repeats(library, blocks):
    with blocks.scope(Options(seed=1)):
        first = draw(library)
    with blocks.scope(Options(seed=1)):
        second = draw(library)
    with blocks.scope(Options(seed=2)):
        third = draw(library)
    for one, two, other in zip(first, second, third, strict=True):
        assert np.array_equal(one, two)
        assert not np.array_equal(one, other)


def continued(library, blocks, run):
    """The user's own numbers after a seeded beginning, with `run` in the middle."""
    library.utils.set_random_seed(5)
    first = draw(library)
    run()
    return first, draw(library)


def test_the_users_sequences_continue(library, blocks):
    def seeded():
        with blocks.scope(Options(seed=1)):
            draw(library)

    def failing():
        with pytest.raises(KeyError), blocks.scope(Options(seed=1, dtype="float64", eager=True)):
            draw(library)
            raise KeyError

    undisturbed = continued(library, blocks, lambda: None)
    for run in (seeded, failing):
        disturbed = continued(library, blocks, run)
        for index, (one, two) in enumerate(zip(undisturbed[1], disturbed[1], strict=True)):
            is_global = BACKEND == "tensorflow" and index == len(undisturbed[1]) - 1
            assert is_global or np.array_equal(one, two), index  # the global generator ignores set_random_seed


def dtypes():
    if FLAVOUR == "tf_keras":
        return ["float64", "float16"]
    return ["float16", "bfloat16"] if BACKEND == "numpy" else ["float64", "float16", "bfloat16"]


@pytest.mark.parametrize("dtype", dtypes())  # Keras' NumPy backend makes float32 kernels under a float64 policy
def test_dtype(library, blocks, dtype):
    before = (floatx(library), policy(library))
    with blocks.scope(Options(dtype=dtype)):
        layer = library.layers.Dense(2)
        assert facts(layer(X)).dtype == dtype
        assert facts(layer.kernel).dtype == dtype
        assert (floatx(library), policy(library)) == (dtype, dtype)
        assert blocks.describe()["dtype"] == dtype
    assert (floatx(library), policy(library)) == before
    if BACKEND == "jax":
        import jax

        assert not jax.config.jax_enable_x64
    assert facts(library.layers.Dense(2)(X)).dtype == "float32"


def test_a_mixed_policy_comes_back(library, blocks):
    set_policy = library.config.set_dtype_policy if FLAVOUR == "keras" else library.mixed_precision.set_global_policy
    set_policy("mixed_bfloat16")
    with pytest.raises(KeyError), blocks.scope(Options(dtype="float32")):
        raise KeyError
    assert policy(library) == "mixed_bfloat16"
    set_policy("float32")


def test_device(library, blocks):
    assert blocks.devices()[0] == "cpu"
    with blocks.scope(Options(device="cpu")):
        assert facts(library.layers.Dense(2)(X)).device == "cpu"
        assert facts(library.layers.Dense(2).add_weight(shape=(2,))).device == "cpu"


@pytest.mark.parametrize("device", ["cuda:7", "mps"])
def test_a_device_it_lacks(device):
    with (
        pytest.raises(DeviceError, match=rf"The {FLAVOUR} block: --device {device}: there is no such device here\."),
        dualcell.dual(FLAVOUR, "numpy", device=device),
    ):
        pass


def test_dtype_on_the_other_side_is_refused():
    with (
        pytest.raises(OptionError, match="--dtype float64 does not fit numpy"),
        dualcell.dual(FLAVOUR, "numpy", dtype="float64"),
    ):
        pass


def test_variables_are_read_on_this_backend(library):
    layer = library.layers.Dense(2)
    layer.build((None, 3))
    result = dualcell.compare(
        layer.kernel, library.backend.get_value(layer.kernel) if FLAVOUR == "tf_keras" else layer.get_weights()[0]
    )
    assert result["value"].verdict == "equal"
    if FLAVOUR == "keras":
        for dtype in ("bfloat16", "float16", "int32", "uint8", "bool"):
            variable = library.Variable([1, 0, 1], dtype=dtype, trainable=False)
            snapshot = array_adapter(variable).snapshot(variable)
            variable.assign(library.ops.zeros((3,), dtype))
            assert (facts(variable).dtype, facts(variable).device) == (dtype, "cpu")
            assert read(snapshot).tolist() == [1, 0, 1]
            assert read(variable).tolist() == [0, 0, 0]


# --- taps ---


class _Taps:
    """A layer that taps; one that the meta device of torch cannot trace, too."""

    def __init__(self, library, needs_values):
        class Layer(library.layers.Layer):
            def call(self, x):
                if needs_values and BACKEND == "torch":
                    float(x.sum())
                return tap("y", x * 2)

        self.layer = Layer


@pytest.mark.parametrize("needs_values", [False, True])
@pytest.mark.parametrize("eager", [False, True])
def test_taps(library, eager, needs_values):
    layer = _Taps(library, needs_values).layer

    def functional():
        inputs = library.Input((3,))
        return library.Model(inputs, layer()(inputs))

    for act, verdict in (
        (lambda: layer()(X), "equal"),
        (lambda: functional()(X), "equal"),
        (functional, "unsupported"),
    ):
        with dualcell.dual(FLAVOUR, "numpy", eager=eager) as pair:
            with pair.left:
                act()
            with pair.right:
                tap("y", X * 2)
        assert [(row.name, row.verdict) for row in pair.result] == [("y", verdict)]
        if verdict == "unsupported":
            assert "ran only while Keras built the model" in pair.result["y"].cause


@pytest.mark.filterwarnings("ignore:Even though the `tf.config")
def test_predict_of_a_built_model(library):
    inputs = library.Input((3,))
    model = library.Model(inputs, _Taps(library, False).layer()(inputs))
    with dualcell.dual(FLAVOUR, "numpy", eager=True, captures=["out"]) as pair:
        with pair.left:
            out = model.predict(X, verbose=0)
        with pair.right:
            out = tap("y", X * 2)
    assert pair.result["out"].verdict == "equal"
    assert pair.result["y"].verdict == "equal"
    assert out.shape == (2, 3)


def test_eager_is_put_back(library, blocks):
    def state():
        if BACKEND == "tensorflow":
            import tensorflow as tf

            return tf.config.functions_run_eagerly()
        if BACKEND == "jax":
            import jax

            return jax.config.jax_disable_jit
        if BACKEND == "torch":
            from torch._dynamo import eval_frame

            return eval_frame._stance.stance
        return None

    before = state()
    with pytest.raises(KeyError), blocks.scope(Options(eager=True)):
        assert BACKEND == "numpy" or state() != before
        raise KeyError
    assert state() == before


def test_header(blocks):
    facts = blocks.describe()
    assert facts[FLAVOUR] == __import__(FLAVOUR).__version__
    assert facts[REAL] == __import__(REAL).__version__
    assert facts["dtype"] == "float32"
    blocks.wait()


def test_settings_are_read_whatever_the_backend(library):
    """Of layers, optimizers and losses; nothing of it hangs on the backend or on Keras' generation."""
    layers, optimizers, losses = library.layers, library.optimizers, library.losses
    model = library.Sequential([
        layers.Input((9, 9, 3)), layers.Conv2D(4, 3, 2, padding="same"), layers.BatchNormalization(),
        layers.LeakyReLU(), layers.MaxPooling2D(), layers.Flatten(),
        layers.Dense(3, activation="softmax", kernel_regularizer="l2"),
    ])  # fmt: skip
    assert dualcell.compare_settings(model, model).passed
    read = {settings.kind: settings for _, settings, _ in read_parts(model)}
    assert list(read) == ["convolution", "batch normalization", "activation", "max pooling", "flatten", "dense"]
    assert read["batch normalization"].values["epsilon"] == 1e-3
    assert read["activation"].settings["slope"].said.endswith("=0.3")
    assert read["convolution"].values["padding"].numbers() == ((1, 1), (1, 1))
    assert read["dense"].values["activation"] == "softmax"
    (found,) = dualcell.compare_settings(layers.GRU(3), layers.GRU(3, reset_after=False)).differences
    assert found[1].cause == "later-steps"
    for make, other in [
        (optimizers.Adam, {"epsilon": 1e-3}),
        (optimizers.SGD, {"momentum": 0.9}),
        (losses.Huber, {"delta": 2.0}),
        (losses.CategoricalCrossentropy, {"from_logits": True}),
    ]:
        assert dualcell.compare_settings(make(), make()).passed
        ((_, one),) = dualcell.compare_settings(make(), make(**other)).differences
        assert one.setting.replace("takes", "from_logits") in other


GIVEN = {
    "units": 3, "filters": 4, "kernel_size": 3, "input_dim": 9, "output_dim": 4, "num_heads": 2, "key_dim": 4,
    "rate": 0.5, "activation": "relu", "height": 4, "width": 5, "output_size": 3, "pool_size": 2,
    "initial_learning_rate": 0.1, "decay_steps": 9, "decay_rate": 0.5, "boundaries": [3], "values": [0.1, 0.01],
}  # fmt: skip


def test_defaults_are_no_news(library):
    """What every class of the table is set to by default is read, or changes nothing."""
    homes = (library.layers, library.losses, library.optimizers, library.optimizers.schedules)
    kinds = [kind for name in keras_settings._ROWS for home in homes if (kind := getattr(home, name, None))]
    assert len(kinds) > 50
    for kind in kinds:
        required = [name for name, default in arguments_of(kind).items() if default is inspect.Parameter.empty]
        made = kind(**{name: GIVEN[name] for name in required})
        assert keras_settings.layers.settings_of(made).unread == (), kind.__name__


def test_the_cubic_kernel_is_that_of_the_backend(library):
    """An impulse enlarged twice: the weight of what lies a quarter away, as the constant of the kernel makes it."""
    layer = library.layers.UpSampling2D(2, interpolation="bicubic")
    wide = np.zeros((1, 9, 9, 1), np.float32)
    wide[:, 4] = 1
    constant = keras_settings.layers.settings_of(layer).values["cubic"]
    near = (constant + 2) / 64 - (constant + 3) / 16 + 1
    np.testing.assert_allclose(read(layer(wide))[0, 8, 9, 0], near, atol=1e-6)


if FLAVOUR == "tf_keras":

    def test_settings_of_legacy_optimizers(library):
        legacy = library.optimizers.legacy
        assert dualcell.compare_settings(legacy.Adam(), library.optimizers.Adam()).report.compared > 5
        ((_, one),) = dualcell.compare_settings(legacy.SGD(decay=0.1), legacy.SGD()).differences
        assert (one.setting, one.cause) == ("learning rate decay", "learning-rate")
