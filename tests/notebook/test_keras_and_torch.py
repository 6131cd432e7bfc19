"""The design's example with the real frameworks, and that everything is put back after it."""

from __future__ import annotations

import re

import pytest

from tests.notebook.kernel import Kernel, marked

EXAMPLE = """\
%%dual probs "dense.kernel ~ linear.weight.T" --device cpu --seed 0
x = np.random.rand(5, 10)                      # above the first header: runs once, before both
# --- keras ---
dense = keras.layers.Dense(1, activation="sigmoid")
probs = dense(x + 2)
# --- torch ---
linear = nn.Linear(10, 1)
with torch.no_grad():
    linear.weight.copy_(torch.as_tensor(np.array(dense.kernel)).T)
    linear.bias.copy_(torch.as_tensor(np.array(dense.bias)))
probs = torch.sigmoid(linear(torch.as_tensor(x, dtype=torch.float32) + 2))"""
_BODY = EXAMPLE.split("\n", 1)[1].replace("# --- keras ---", "%dual keras --device cpu --seed 0")
_BODY = _BODY.replace("np.random.rand", "np.random.RandomState(0).rand")  # a line before the fences is not seeded
FENCES = _BODY.replace("# --- torch ---", "%dual torch") + '\n%dual diff probs "dense.kernel ~ linear.weight.T"'

# all that a run may set, as one text; to look changes nothing
STATE = """\
def state():
    import random, sys
    from keras.src.backend.common import global_state
    from tensorflow.python.eager import context
    python = random.getstate()
    seen = {
        "python": hash(python),
        "numpy": hash(str(np.random.get_state())),
        "torch": hash(torch.get_rng_state().numpy().tobytes()),
        "tensorflow": (context.global_seed(), tf.random.get_global_generator().state.numpy().tolist()),
        "tensorflow ops": hash(context.context()._rng.getstate()),
        "keras": (global_state.get_global_attribute("global_random_seed"),
                  id(global_state.get_global_attribute("global_seed_generator"))),
        "dtype": (str(torch.get_default_dtype()), keras.config.floatx(), keras.config.dtype_policy().name),
        "new": (str(torch.ones(1).dtype), str(torch.ones(1).device), keras.layers.Dense(1).dtype_policy.name),
        "device": (str(torch.get_default_device()), str(tf.ones(1).device)),
        "eager": (tf.config.functions_run_eagerly(), str(torch._dynamo.eval_frame._stance.stance)),
        "hooks": (type(sys.displayhook).__name__, type(sys.stdout).__name__),
    }
    random.setstate(python)
    return repr(seen)
"""
IMPORTS = """\
import torch
from torch import nn
import keras
import torch._dynamo
import tensorflow as tf
tf.random.set_seed(11)
"""
RUN = """\
%%dual y --device cpu --seed 3 --dtype float64 --eager{options}
x = np.random.rand(2)
# --- keras ---
keras.random.normal((2,))
keras.layers.Dense(2)(keras.ops.ones((1, 2)))
y = keras.ops.convert_to_tensor(x, "float64")
# --- torch ---
import time
torch.rand(2); np.random.rand(2)
y = torch.as_tensor(x)
{end}"""


@pytest.fixture
def frameworks(shell: Kernel) -> Kernel:
    """The kernel with Keras and PyTorch imported."""
    shell.succeed(IMPORTS)
    return shell


@pytest.mark.parametrize("cell", [EXAMPLE, FENCES], ids=["magic", "fences"])
def test_the_example_is_close(frameworks, cell):
    reply = frameworks.succeed(cell)
    assert reply.is_one_result
    assert frameworks.value("(type(_).__name__, _.passed, _['probs'].verdict)") == ("DualResult", True, "close")
    assert frameworks.value("0 < _['probs'].figures.max_abs < 3e-7")
    assert frameworks.value("_['dense.kernel ~ linear.weight.T'].verdict") == "equal"
    assert frameworks.value("(probs.shape == (5, 1), type(dense).__name__, x.shape)") == (True, "Dense", (5, 10))


def test_the_example_shows_a_table_as_html_and_text_and_data(frameworks):
    (content,) = [content for _, content in frameworks.succeed(EXAMPLE).messages]
    assert set(content["data"]) == {"text/plain", "text/html", "text/markdown"}
    text = content["data"]["text/plain"]
    assert re.search(r"(?m)^probs +close +\(5, 1\) +float32 ", text)
    assert re.search(r"(?m)^keras: keras \S+, tensorflow \S+", text)
    assert re.search(r"(?m)^torch: torch \S+", text)
    assert "device cpu, seed 0" in text
    assert "2 rows passed" in text
    assert "<table" in content["data"]["text/html"]
    assert set(content["metadata"]) == {"dualcell"}
    names = [row["name"] for row in content["metadata"]["dualcell"]["rows"]]
    assert names == ["probs", "dense.kernel ~ linear.weight.T"]


def test_both_sides_of_a_seed_get_the_same_numbers(frameworks):
    frameworks.succeed(
        "%%dual x --seed 0\n# --- keras ---\nx = keras.ops.convert_to_tensor(np.random.rand(3), 'float32')\n"
        "# --- torch ---\nx = torch.as_tensor(np.random.rand(3), dtype=torch.float32)"
    )
    assert frameworks.value("_.passed")


def test_a_seed_repeats_the_cell(frameworks):
    cell = (
        "%%dual a --seed 7\nx = np.random.rand()\n# --- keras ---\na = keras.random.normal((2,))\n"
        "# --- torch ---\na = torch.randn(2)"
    )
    frameworks.succeed(cell)
    frameworks.succeed("first = (x, _['a'].left.numpy().tolist(), _['a'].right.tolist())")
    frameworks.succeed(cell)
    assert frameworks.value("first == (x, _['a'].left.numpy().tolist(), _['a'].right.tolist())")


def test_dtype_reaches_both_sides(frameworks):
    frameworks.succeed(
        "%%dual y --dtype float64\n# --- keras ---\n"
        "y = keras.layers.Dense(1, kernel_initializer='ones')(np.ones((1, 2)))\n"
        "# --- torch ---\ny = torch.ones(1, 1) * 2"
    )
    assert frameworks.value("[_['y'].figures.left_dtype, _['y'].figures.right_dtype]") == ["float64", "float64"]


ENDS = {"done": "", "error": "1 / 0", "exit": "raise SystemExit", "strict": "y = y + 1"}


@pytest.mark.parametrize("end", ENDS)
def test_everything_is_put_back(frameworks, end):
    frameworks.succeed(STATE + "before = state()")
    reply = frameworks.run(RUN.format(options=" --strict" if end == "strict" else "", end=ENDS[end]))
    assert end == "exit" or (reply.status == "ok") == (end == "done")
    assert "float64" in reply.shown[-1]
    frameworks.succeed("after = state()")
    assert frameworks.value("after") == frameworks.value("before")


def test_everything_is_put_back_after_ctrl_c(frameworks):
    frameworks.succeed(STATE + "before = state()")
    cell = RUN.format(options="", end="print('now', flush=True)\ntime.sleep(30)  # here")
    failed, queued = frameworks.interrupt(cell, "queued = 1", when="now")
    assert (failed.status, failed.kinds, queued.status) == ("error", ["display_data", "error"], "aborted")
    assert failed.arrows[0][0] == marked(cell, "# here")
    assert "1 equal" in failed.shown[0]
    frameworks.succeed("after = state()")
    assert frameworks.value("after") == frameworks.value("before")
    assert frameworks.succeed(EXAMPLE).is_one_result


def test_everything_is_put_back_after_an_error_in_the_left_block(frameworks):
    frameworks.succeed(STATE + "before = state()")
    cell = RUN.format(options="", end="").replace("keras.random.normal((2,))", "keras.random.normal((2,)); 1 / 0")
    assert frameworks.run(cell).status == "error"
    frameworks.succeed("after = state()")
    assert frameworks.value("after") == frameworks.value("before")


def test_a_tap_inside_predict_needs_eager(frameworks):
    frameworks.succeed("""\
from dualcell import tap
class Tapped(keras.layers.Layer):
    def call(self, x):
        return tap("h", x + 1)
model = keras.Sequential([Tapped()])
""")
    cell = (
        "%%dual y{}\n# --- keras ---\ny = model.predict(np.ones((1, 2)), verbose=0)\n"
        "# --- torch ---\ny = tap('h', torch.ones(1, 2) + 1)"
    )
    frameworks.succeed(cell.format(""))
    assert frameworks.value("(_['y'].verdict, _['h'].verdict)") == ("equal", "unsupported")
    assert "--eager" in frameworks.value("_['h'].cause")
    frameworks.succeed(cell.format(" --eager"))
    assert frameworks.value("(_['y'].verdict, _['h'].verdict)") == ("equal", "equal")


def test_a_keras_model_of_an_earlier_cell(frameworks):
    frameworks.succeed("model = keras.Sequential([keras.layers.Dense(2)])\nmodel.build((None, 3))")
    frameworks.succeed(
        '%%dual "kernel = model.layers[0].kernel ~ weight.T"\n# --- keras ---\n# --- torch ---\n'
        "weight = torch.as_tensor(np.array(model.layers[0].kernel)).T.contiguous()"
    )
    assert frameworks.value("_['kernel'].verdict") == "equal"


@pytest.mark.parametrize("form", ["magic", "fences"])
def test_the_layers_of_the_blocks_are_asked_why(frameworks, form):
    left, right = "norm = keras.layers.BatchNormalization()\ny = norm(x, training=True)", "y = bn(torch.tensor(x))"
    frameworks.succeed(
        "x = np.random.default_rng(0).standard_normal((64, 8)).astype('f4') / 10\nbn = nn.BatchNorm1d(8)"
    )
    cell = f"# --- keras ---\n{left}\n# --- torch ---\n{right}"
    fences = f"%dual keras\n{left}\n%dual torch\n{right}\n%dual diff y"
    frameworks.succeed("%%dual y\n" + cell if form == "magic" else fences)
    said = frameworks.value("repr(__import__('dualcell').last_result())")
    assert "and the layers say it: norm ~ bn: epsilon=0.001 against eps=1e-05" in said
    assert "note: settings that differ too: norm ~ bn: momentum=0.99 against" in said
