"""`--noise` and `--referee` in a real kernel: what they say, and that nothing of the user's changes."""

from __future__ import annotations

import pytest

SOFTMAX = """\
%%dual y --noise 2 --referee
x = np.random.randn(20, 50).astype("float32")
# --- numpy: one ---
e = np.exp(x); y = e / e.sum(1, keepdims=True)
# --- numpy: other ---
z = np.exp(x - x.max(1, keepdims=True)); y = z / z.sum(1, keepdims=True)
"""
RESULT = '__import__("dualcell").last_result()'
LINEAR = """\
x = np.random.randn(16, 30).astype("float32")
# --- keras ---
dense = keras.layers.Dense(8)
y = dense(x)
# --- torch ---
linear = torch.nn.Linear(30, 8)
with torch.no_grad():
    linear.weight.copy_(torch.tensor(np.asarray(dense.kernel).T))
    linear.bias.copy_(torch.tensor(np.asarray(dense.bias)))
y = linear(torch.as_tensor(x)){fault}
"""


def row(shell, attribute):
    return shell.value(f'{RESULT}["y"].{attribute}')


def test_the_order_of_rounding_is_rounding(shell):
    reply = shell.succeed(SOFTMAX)
    assert row(shell, "noise.verdict") == "rounding"
    assert row(shell, "noise.runs") == 2
    assert 0 < row(shell, "noise.ratio") < 4
    [shown] = reply.shown
    assert "max rel  drift/noise  mismatched" in shown
    assert "y, noise: rounding: the sides lie" in shown


def test_a_fault_within_the_tolerance_is_seen(shell):
    """It is what the tolerance is too wide for."""
    fault = SOFTMAX.replace("z.sum(1, keepdims=True)\n", "z.sum(1, keepdims=True) + np.float32(1e-4)\n", 1)
    fault = fault.replace("%%dual y", "%%dual y --rtol 1e-3 --atol 1e-3")
    shell.succeed(fault)
    assert row(shell, "verdict") == "close"
    assert row(shell, "noise.verdict") == "fault"


def test_rows_of_two_shapes_have_no_noise(shell):
    """They hold no NaN, and must not be told so."""
    reply = shell.succeed(SOFTMAX.replace("y = z / z.sum(1, keepdims=True)", "y = (z / z.sum(1, keepdims=True)).T"))
    assert row(shell, "verdict") == "shape"
    assert row(shell, "noise") is None
    assert row(shell, "referee") is None
    assert "NaN" not in reply.shown[0]


def test_power_takes_no_other_words(shell):
    shell.succeed(SOFTMAX)
    shell.succeed("%dual power")
    said = shell.run("%dual power y").stderr
    assert "`%dual power` takes nothing else, got 'y'; it is about the last result. For another one: " in said


def test_numpy_has_no_default_float_to_widen_but_its_inputs_are(shell):
    shell.succeed(SOFTMAX)
    assert row(shell, "referee.verdict") == "rounding"
    assert row(shell, "referee.gap") < 1e-15
    assert shell.value("str(x.dtype), str(y.dtype)") == ("float32", "float32")


def test_without_the_options_nothing_runs_twice(shell):
    shell.succeed("count = []")
    shell.succeed("%%dual y\n# --- numpy: a ---\ncount.append(1); y = np.ones(2)\n# --- numpy: b ---\ny = np.ones(2)")
    assert shell.value("count") == [1]
    assert row(shell, "noise") is None
    assert row(shell, "referee") is None


CHANGES = """\
%%dual y --noise 3 --referee
print("shared")
# --- numpy: a ---
log.append("ran"); table["n"] += 1; weights -= 0.25; drawn = rng.random()
x = np.asarray([1.0, 2.0]); y = weights * x * scale
counter.count += 1
print("left")
# --- numpy: b ---
y = weights * x * scale
y
"""


def test_nothing_of_the_users_is_changed_by_running_again(shell):
    shell.succeed(
        "log, table, weights, scale = [], {'n': 0}, np.ones(2), np.float32([2, 3])\n"
        "rng = np.random.default_rng(5)\nclass Counter:\n    count = 0\ncounter = Counter()\nbefore = scale"
    )
    reply = shell.succeed(CHANGES)
    assert shell.value("log, table, weights.tolist(), counter.count") == (["ran"], {"n": 1}, [0.75, 0.75], 1)
    assert shell.value("scale is before, scale.tolist(), x.tolist()") == (True, [2, 3], [1, 2])
    assert shell.value("bool(drawn == np.random.default_rng(5).random())")
    assert shell.value("bool(rng.random() == np.random.default_rng(5).random(2)[1])")
    assert (reply.stdout, reply.lanes) == ("shared\n", ["left", "array([1.5, 4.5])"])
    assert len(reply.shown) == 1


def test_what_cannot_be_put_back_is_not_run_again(shell):
    shell.succeed("many, log = [[] for _ in range(100_001)], []")
    reply = shell.succeed(
        "%%dual y --noise 1\n# --- numpy: a ---\nmany; log.append('ran'); y = np.ones(2)\n"
        "# --- numpy: b ---\ny = np.ones(2)"
    )
    assert shell.value("log") == ["ran"]
    assert "the cell was run once only: the cell reaches more than 100,000 objects" in reply.shown[-1]
    assert row(shell, "noise") is None
    assert row(shell, "verdict") == "equal"


def test_a_cell_that_does_not_repeat_is_not_judged(shell):
    shell.succeed(
        "%%dual y --noise 1\nx = np.ones(1000)\n# --- numpy: a ---\ny = x + np.random.default_rng().random(1000)\n"
        "# --- numpy: b ---\ny = x + np.random.default_rng().random(1000)"
    )
    assert row(shell, "noise.verdict") == "unrepeatable"


def test_without_a_seed_both_blocks_and_all_runs_draw_the_same(shell):
    shell.succeed(
        "%%dual y --noise 1\n# --- numpy: a ---\nx = np.random.rand(3); y = x * 3\n# --- numpy: b ---\n"
        "x = np.random.rand(3); y = x + x + x"
    )
    assert shell.value(f"{RESULT}.report.settings['seed']") == "0"
    assert row(shell, "figures.max_abs") < 1e-15


def test_nothing_to_move_is_said(shell):
    reply = shell.succeed(
        "%%dual y --noise 1\n# --- numpy: a ---\ny = np.arange(3.0)\n# --- numpy: b ---\ny = np.arange(3.0) * 2"
    )
    assert "--noise found nothing to move" in reply.shown[0]
    assert "make the inputs above the first header" in reply.shown[0]
    assert row(shell, "noise") is None


FAILS_LATER = """\
%%dual y --noise 2 {options}
x = np.ones(3)
# --- numpy: a ---
y = x * 2
# --- numpy: b ---
import sys; sys.dualcell_runs = getattr(sys, "dualcell_runs", 0) + 1
if sys.dualcell_runs > 1: raise {error}("second")
y = x * 2
"""


def test_an_error_that_comes_only_later_is_a_note(shell):
    reply = shell.succeed(FAILS_LATER.format(options="", error="ValueError"))
    assert "run again, unchanged, raised ValueError: second" in reply.shown[0]
    assert row(shell, "verdict") == "equal"
    assert shell.value(f"{RESULT}.passed")
    shell.succeed("import sys; del sys.dualcell_runs")


def test_ctrl_c_while_running_again_goes_on_its_way(shell):
    reply = shell.run(FAILS_LATER.format(options="", error="KeyboardInterrupt"))
    assert reply.status == "error"
    assert "KeyboardInterrupt" in reply.traceback
    assert "KeyboardInterrupt while the cell was run again; the first run is complete" in reply.shown[0]
    assert shell.value("y.tolist()") == [2, 2, 2]
    shell.succeed("import sys; del sys.dualcell_runs")


def test_an_error_of_the_first_run_is_the_users(shell):
    reply = shell.run(SOFTMAX.replace("z = np.exp", "1 / 0; z = np.exp"))
    assert reply.status == "error"
    assert "ZeroDivisionError" in reply.traceback
    assert "dualcell" not in reply.traceback


def test_strict_and_out(shell):
    reply = shell.run(SOFTMAX.replace("--noise 2", "--noise 1 --strict --out found --rtol 0 --atol 0"))
    assert reply.status == "error"
    assert "--strict" in reply.traceback
    assert shell.value('found["y"].noise.verdict') == "rounding"


def test_await_and_magics_run_again_too(shell):
    shell.succeed(
        "%%dual y --noise 1\nimport asyncio\nx = np.ones(3)\n# --- numpy: a ---\nawait asyncio.sleep(0)\n"
        "%time y = x / 3\n# --- numpy: b ---\nwho = !echo me\ny = x * (1 / 3)"
    )
    assert row(shell, "noise.verdict") in ("same", "rounding")


@pytest.mark.parametrize("kernel", ["main"], indirect=True)  # the other interpreter has no matplotlib
def test_figures_of_later_runs_are_closed(shell):
    shell.succeed("import matplotlib; matplotlib.use('agg'); import matplotlib.pyplot as plt; plt.close('all')")
    shell.succeed(SOFTMAX.replace("z = np.exp", "plt.figure(); z = np.exp"))
    assert shell.value("len(plt.get_fignums())") == 1


@pytest.mark.parametrize("kernel", ["main"], indirect=True)
def test_later_runs_draw_on_no_figure_that_is_open(shell):
    """A terminal's figures stay open, and what pyplot does without a name it does to the newest."""
    shell.succeed("import matplotlib; matplotlib.use('agg'); import matplotlib.pyplot as plt; plt.close('all')")
    shell.succeed("older = plt.figure(7); plt.plot([1])")
    shell.succeed(SOFTMAX.replace("z = np.exp", "plt.plot([1, 2]); z = np.exp"))
    assert shell.value("(plt.get_fignums(), len(older.axes[0].lines), plt.gcf() is older)") == ([7], 2, True)


def test_names_that_begin_with_an_underscore_are_the_users_too(shell):
    shell.succeed(SOFTMAX.replace("x = ", "_kept = x = ").replace("e = np.exp(x)", "_new = e = np.exp(x)"))
    assert shell.value("(np.array_equal(_kept, x), np.array_equal(_new, np.exp(_kept)), _new.dtype.name)") == (
        True, True, "float32",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("--noise -1", "noise is -1, expected a number of runs from 0 to 1000."),
        ("--noise many", "invalid int value: 'many'"),
    ],
)
def test_a_bad_number_of_runs_is_refused(shell, options, sentence):
    reply = shell.run(SOFTMAX.replace("--noise 2", options))
    assert reply.status == "error"
    assert sentence in reply.stderr


def test_the_header_of_a_block_takes_neither(shell):
    reply = shell.run("%%dual y\n# --- numpy: a --noise 2 ---\ny = 1\n# --- numpy: b ---\ny = 1")
    assert "--noise has no effect on the header of a block" in reply.stderr


# --- real layers ---


@pytest.fixture
def frameworks(shell):
    shell.succeed("import keras, torch")
    return shell


def test_weights_made_in_the_cell_are_moved_and_judged(frameworks):
    frameworks.succeed("%%dual y --noise 3 --referee\n" + LINEAR.format(fault=""))
    assert row(frameworks, "noise.verdict") in ("rounding", "same")
    assert row(frameworks, "referee.verdict") in ("rounding", "same")
    assert frameworks.value("str(dense.kernel.dtype), str(linear.weight.dtype), str(x.dtype)") == (
        "float32", "torch.float32", "float32",
    )  # fmt: skip
    assert frameworks.value("bool(np.allclose(np.asarray(dense.kernel).T, linear.weight.detach().numpy()))")


def test_a_fault_is_no_rounding(frameworks):
    frameworks.succeed("%%dual y --noise 3 --referee\n" + LINEAR.format(fault=" * 1.001"))
    assert row(frameworks, "noise.verdict") == "fault"
    assert row(frameworks, "referee.verdict") == "fault"


def test_explicit_float32_in_torch_is_widened_too(frameworks):
    cell = LINEAR.format(fault="").replace("torch.as_tensor(x)", "torch.as_tensor(x, dtype=torch.float32).float()")
    frameworks.succeed("%%dual y --referee\n" + cell)
    assert row(frameworks, "referee.dtypes") == ("float64", "float64")


TRAIN = """\
%%dual y --noise 2
# --- keras ---
losses.append(float(model.train_on_batch(inputs, targets)))
y = model(inputs)
# --- torch ---
hooked = net.register_forward_hook(lambda *_: None)
optimizer.zero_grad()
loss = torch.nn.functional.mse_loss(net(torch.as_tensor(inputs)), torch.as_tensor(targets))
loss.backward(); optimizer.step()
y = net(torch.as_tensor(inputs))
"""
MODELS = """\
keras.utils.set_random_seed(0)
inputs, targets = np.random.rand(8, 4).astype("float32"), np.random.rand(8, 1).astype("float32")
model = keras.Sequential([keras.layers.Dense(1)])
model.compile(keras.optimizers.Adam(0.1, epsilon=1e-8), "mse")
net = torch.nn.Linear(4, 1)
model(inputs)
with torch.no_grad():
    net.weight.copy_(torch.tensor(np.asarray(model.layers[0].kernel).T)); net.bias.zero_()
optimizer = torch.optim.Adam(net.parameters(), 0.1)
losses = []
"""
STATE = (
    "[v.tolist() for v in model.get_weights()], net.weight.tolist(), "
    "optimizer.state[net.weight]['exp_avg'].tolist(), int(optimizer.state[net.weight]['step']), "
    "[np.asarray(v).tolist() for v in model.optimizer.variables], net.weight.grad.tolist(), "
    "len(net._forward_hooks), losses, inputs.tolist()"
)


MADE_INSIDE = """\
%%dual y --referee
inputs, targets = np.random.rand(8, 4).astype("float32"), np.random.rand(8, 1).astype("float32")
# --- keras ---
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
first = np.asarray(model.layers[0].kernel).T
model.train_on_batch(inputs, targets)
later = keras.layers.Dense(2)
y = later(model(inputs))
# --- torch ---
net, last = torch.nn.Linear(4, 1), torch.nn.Linear(1, 2)
with torch.no_grad():
    net.weight.copy_(torch.tensor(first)); net.bias.zero_()
    last.weight.copy_(torch.tensor(np.asarray(later.kernel).T)); last.bias.zero_()
optimizer = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9)
torch.nn.functional.mse_loss(net(torch.as_tensor(inputs)), torch.as_tensor(targets)).backward()
optimizer.step()
y = last(net(torch.as_tensor(inputs)))
"""


def test_a_training_step_made_in_the_cell_is_judged_in_float64(frameworks):
    """Slots that Keras makes while TensorFlow traces the step stand among the weights of the first run."""
    frameworks.succeed(MADE_INSIDE)
    assert row(frameworks, "referee.verdict") in ("rounding", "same")
    frameworks.succeed(MADE_INSIDE.replace("SGD(net.parameters(), 0.1,", "SGD(net.parameters(), 0.1001,"))
    assert row(frameworks, "referee.verdict") == "fault"


def test_training_goes_one_step_and_no_further(frameworks):
    """Models, optimizers that are built in the cell, gradients and hooks: as after one run."""
    frameworks.succeed(MODELS)
    frameworks.succeed(TRAIN.replace(" --noise 2", " --seed 0"))
    once = frameworks.value(STATE)
    frameworks.succeed(MODELS)
    frameworks.succeed(TRAIN)
    assert row(frameworks, "noise.verdict") == "rounding"
    assert frameworks.value(STATE) == once
    assert once[3] == 1
    assert once[6] == 1
