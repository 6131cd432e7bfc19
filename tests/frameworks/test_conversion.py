"""Files converted by a saved plan: the same bits as a copy between the models, and nothing written when in doubt."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import h5py
import keras
import numpy as np
import pytest
import torch
from keras import layers
from safetensors.torch import load_file, load_model, save_file, save_model
from torch import nn

import dualcell
from dualcell import FileError, FrameworkError, PlanError
from dualcell.command import main
from dualcell.files import open_file
from dualcell.weights.conversion import Converted
from dualcell.weights.document import left_out


def image_model():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(4, 3),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(5),
        ]
    )
    return filled(model)


def image_net():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5))


class Reader(nn.Module):
    """Recurrent layers of both kinds: packed biases, gates in another order, two directions."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(7, 6)
        self.lstm = nn.LSTM(6, 4, bidirectional=True, batch_first=True)
        self.gru = nn.GRU(8, 3, batch_first=True)
        self.head = nn.Linear(3, 2)

    def forward(self, x):
        return self.head(self.gru(self.lstm(self.table(x))[0])[0][:, -1])


def reader_model():
    return filled(
        keras.Sequential(
            [
                keras.Input((5,)),
                layers.Embedding(7, 6),
                layers.Bidirectional(layers.LSTM(4, return_sequences=True)),
                layers.GRU(3),
                layers.Dense(2),
            ]
        )
    )


class Attending(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.norm = nn.LayerNorm(8, bias=False)

    def forward(self, x):
        return self.norm(self.attention(x, x, x)[0])


class AttendingModel(keras.Model):
    def __init__(self):
        super().__init__()
        self.attention = layers.MultiHeadAttention(2, 4)
        self.norm = layers.LayerNormalization(center=False)
        self.build((None, 5, 8))

    def build(self, shape):
        self.attention.build(shape, shape)
        self.norm.build(shape)
        self.built = True

    def call(self, x):
        return self.norm(self.attention(x, x))


def filled(model, seed=0):
    """The model with other weights everywhere."""
    random = np.random.default_rng(seed)
    for weight in model.weights:
        weight.assign(random.uniform(0.5, 1.5, weight.shape).astype("float32"))
    return model


def filled_net(net, seed=0):
    torch.manual_seed(seed)
    with torch.no_grad():
        for tensor in net.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape) + 0.5)
            else:
                tensor.fill_(3)
    return net


MODELS = {
    "image": (image_model, image_net),
    "reader": (reader_model, Reader),
    "attending": (lambda: filled(AttendingModel()), Attending),
}
pairs = pytest.mark.parametrize("name", MODELS)


def bits(state):
    """Name -> dtype, shape and bytes."""
    return {name: (each.dtype, each.shape, each.reshape(-1).view(torch.uint8).tolist()) for name, each in state.items()}


def in_dtype(state, dtype):
    return {name: each.to(dtype) if each.is_floating_point() else each for name, each in state.items()}


def values(model):
    return [keras.ops.convert_to_numpy(weight).tobytes() for weight in model.weights]


FILES = ("m.weights.h5", "m.keras", "m.h5")


@pytest.mark.parametrize(("name", "file"), [(name, file) for name in MODELS for file in FILES][:-1])
def test_a_file_of_keras_becomes_one_of_torch(tmp_path, name, file):
    model, net = (make() for make in MODELS[name])
    model.save_weights(tmp_path / file) if "weights" in file else model.save(tmp_path / file)
    plan = dualcell.plan_weights(model, net)
    plan.save(tmp_path / "plan.json")
    done = dualcell.convert(tmp_path / file, tmp_path / "net.safetensors", tmp_path / "plan.json")
    plan.apply()
    converted = load_file(tmp_path / "net.safetensors")
    assert bits(converted) == bits(net.state_dict())
    assert set(done.names) == set(converted)
    assert done.size == (tmp_path / "net.safetensors").stat().st_size
    net.load_state_dict(converted)
    load_model(net, tmp_path / "net.safetensors")
    assert {path.name for path in tmp_path.iterdir()} == {file, "plan.json", "net.safetensors"}


@pairs
@pytest.mark.parametrize("file", ["net.pt", "net.safetensors"])
def test_a_file_of_torch_becomes_one_of_keras(tmp_path, name, file):
    model, net = (make() for make in MODELS[name])
    net = filled_net(net)
    torch.save(net.state_dict(), tmp_path / file) if file == "net.pt" else save_model(net, tmp_path / file)
    plan = dualcell.plan_weights(net, model)
    dualcell.convert(tmp_path / file, tmp_path / "m.weights.h5", plan)
    dualcell.convert(tmp_path / file, tmp_path / "m.safetensors", plan)
    plan.apply()
    expected = values(model)
    by_path = {path: keras.ops.convert_to_numpy(array).tobytes() for path, array in plan.target.arrays.items()}
    filled(model, 9)
    assert values(model) != expected
    model.load_weights(tmp_path / "m.weights.h5")
    assert values(model) == expected
    assert {path: array.tobytes() for path, array in open_file(tmp_path / "m.safetensors").items()} == by_path


def test_there_and_back_is_the_same_file_of_weights(tmp_path):
    model, net = image_model(), image_net()
    model.save_weights(tmp_path / "m.weights.h5")
    dualcell.convert(tmp_path / "m.weights.h5", tmp_path / "n.safetensors", dualcell.plan_weights(model, net))
    dualcell.convert(tmp_path / "n.safetensors", tmp_path / "back.weights.h5", dualcell.plan_weights(net, model))
    assert dualcell.compare(tmp_path / "m.weights.h5", tmp_path / "back.weights.h5", rtol=0, atol=0).passed


def test_what_keras_keeps_beside_the_weights_is_left_out(tmp_path):
    model, net = image_model(), image_net()
    plan = dualcell.plan_weights(model, net)
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(np.zeros((2, 8, 8, 3)), np.zeros((2, 5)), verbose=0)
    plan.apply()
    for file in ("m.weights.h5", "m.keras", "m.h5"):
        model.save_weights(tmp_path / file) if "weights" in file else model.save(tmp_path / file)
        assert any(name.startswith("optimizer") for name in open_file(tmp_path / file))
        dualcell.convert(tmp_path / file, tmp_path / "n.safetensors", plan, force=True)
        assert bits(load_file(tmp_path / "n.safetensors")) == bits(net.state_dict())


def test_a_plan_serves_files_of_a_later_session(tmp_path):
    """Keras numbers the layers it names itself."""
    plan = dualcell.plan_weights(image_model(), image_net())
    model, net = image_model(), image_net()
    assert plan.source.layers[0].path != dualcell.plan_weights(model, net).source.layers[0].path
    dualcell.plan_weights(model, net).apply()
    for file in ("m.weights.h5", "m.keras", "m.h5"):
        model.save_weights(tmp_path / file) if "weights" in file else model.save(tmp_path / file)
        dualcell.convert(tmp_path / file, tmp_path / "n.safetensors", plan, force=True)
        assert bits(load_file(tmp_path / "n.safetensors")) == bits(net.state_dict())


def test_files_and_models_of_keras_2(tmp_path):
    tf_keras = pytest.importorskip("tf_keras")
    made = [
        tf_keras.Input((8, 8, 3)), tf_keras.layers.Conv2D(4, 3), tf_keras.layers.BatchNormalization(),
        tf_keras.layers.ReLU(), tf_keras.layers.Flatten(), tf_keras.layers.Dense(5),
    ]  # fmt: skip
    old, net = filled(tf_keras.Sequential(made)), image_net()
    plan = dualcell.plan_weights(old, net)
    dualcell.plan_weights(old, net).apply()
    newer = dualcell.plan_weights(image_model(), net)  # Keras 3 reads the old file
    for file in ("m.weights.h5", "m.keras", "m.h5"):
        old.save_weights(tmp_path / file) if "weights" in file else old.save(tmp_path / file)
        for each in (plan, newer):
            dualcell.convert(tmp_path / file, tmp_path / "n.safetensors", each, force=True)
            assert bits(load_file(tmp_path / "n.safetensors")) == bits(net.state_dict())


def test_a_written_file_loads_into_keras_2(tmp_path):
    """tf_keras looks for the variables of the model itself, also where it has none; Keras 3 does not."""
    tf_keras = pytest.importorskip("tf_keras")
    inner = [tf_keras.Input((8, 8, 3)), tf_keras.layers.Conv2D(4, 3), tf_keras.layers.BatchNormalization()]
    inputs = tf_keras.Input((8, 8, 3))
    outputs = tf_keras.layers.Dense(5)(tf_keras.layers.Flatten()(tf_keras.Sequential(inner)(inputs)))
    old, net = tf_keras.Model(inputs, outputs), filled_net(image_net())
    save_file(net.state_dict(), tmp_path / "n.safetensors")
    plan = dualcell.plan_weights(net, old)
    dualcell.convert(tmp_path / "n.safetensors", tmp_path / "m.weights.h5", plan)
    old.load_weights(tmp_path / "m.weights.h5")
    assert dualcell.compare_weights(net, old, plan).passed


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64", "float8_e4m3fn", "float8_e5m2"])
def test_each_dtype_is_kept_bit_for_bit(tmp_path, dtype):
    model, net = image_model(), filled_net(image_net())
    kind = getattr(torch, dtype)
    state = in_dtype(net.state_dict(), kind)
    save_file(state, tmp_path / "n.safetensors")
    plan = dualcell.plan_weights(net, model)
    dualcell.convert(tmp_path / "n.safetensors", tmp_path / "m.safetensors", plan)
    back = dualcell.plan_weights(model, net)
    dualcell.convert(tmp_path / "m.safetensors", tmp_path / "back.safetensors", back)
    there = load_file(tmp_path / "m.safetensors")
    assert {tensor.dtype for tensor in there.values()} == {kind}
    [kernel] = [tensor for name, tensor in there.items() if "dense" in name and "kernel" in name]
    assert kernel.shape == (144, 5)
    again = load_file(tmp_path / "back.safetensors")
    state["1.num_batches_tracked"] = again["1.num_batches_tracked"]  # a count that Keras has not
    assert bits(again) == bits(state)


def test_bfloat16_into_and_out_of_files_of_keras(tmp_path):
    model, net = image_model(), filled_net(image_net())
    state = in_dtype(net.state_dict(), torch.bfloat16)
    torch.save(state, tmp_path / "n.pt")
    dualcell.convert(tmp_path / "n.pt", tmp_path / "m.weights.h5", dualcell.plan_weights(net, model))
    model.load_weights(tmp_path / "m.weights.h5")
    assert np.array_equal(keras.ops.convert_to_numpy(model.layers[-1].bias), state["4.bias"].float().numpy())
    dualcell.convert(tmp_path / "m.weights.h5", tmp_path / "n.safetensors", dualcell.plan_weights(model, net))
    state["1.num_batches_tracked"] = torch.tensor(3)
    assert bits(load_file(tmp_path / "n.safetensors")) == bits(state)
    (tmp_path / "m.weights.h5").unlink()
    save_file(in_dtype(state, torch.float8_e5m2), tmp_path / "n8.safetensors")
    said = r"Keras' files have no float8_e5m2, which 'layers/.*' is; write \.safetensors\.$"
    with pytest.raises(FileError, match=said):
        dualcell.convert(tmp_path / "n8.safetensors", tmp_path / "m.weights.h5", dualcell.plan_weights(net, model))
    assert not (tmp_path / "m.weights.h5").exists()


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.second.weight = self.first.weight

    def forward(self, x):
        return self.second(self.first(x))


def test_tied_weights(tmp_path):
    net, copy = filled_net(Tied()), Tied()
    plan = dualcell.plan_weights(net, copy)
    torch.save(net.state_dict(), tmp_path / "n.pt")
    save_model(net, tmp_path / "n.safetensors")
    for file in ("n.pt", "n.safetensors"):
        dualcell.convert(tmp_path / file, tmp_path / "copy.safetensors", plan, force=True)
        load_model(filled_net(copy, 5), tmp_path / "copy.safetensors")
        assert bits(copy.state_dict()) == bits(net.state_dict())
    state = dict(net.state_dict())
    state["second.weight"] = state["second.weight"] + 1
    torch.save(state, tmp_path / "n.pt")
    with pytest.raises(PlanError) as error:
        dualcell.convert(tmp_path / "n.pt", tmp_path / "copy2.safetensors", plan)
    assert str(error.value) == (
        "the plan says that first.weight and second.weight are one array; in the file they differ. Nothing was written."
    )


def test_sharded_files_are_read(tmp_path):
    model, net = image_model(), filled_net(image_net())
    state = net.state_dict()
    (tmp_path / "net").mkdir()
    parts = [dict(list(state.items())[:3]), dict(list(state.items())[3:])]
    for number, part in enumerate(parts, 1):
        save_file(part, tmp_path / "net" / f"model-{number:05}-of-00002.safetensors")
    places = {name: f"model-{number:05}-of-00002.safetensors" for number, part in enumerate(parts, 1) for name in part}
    (tmp_path / "net" / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    plan = dualcell.plan_weights(net, model)
    dualcell.convert(tmp_path / "net", tmp_path / "m.weights.h5", plan)
    plan.apply()
    expected = values(model)
    filled(model, 4).load_weights(tmp_path / "m.weights.h5")
    assert values(model) == expected


# --- the command ---


@pytest.fixture
def ready(tmp_path, monkeypatch):
    """A folder with a file and its plan, in which the test runs."""
    monkeypatch.chdir(tmp_path)
    model, net = image_model(), image_net()
    model.save_weights("m.weights.h5")
    plan = dualcell.plan_weights(model, net)
    plan.save("plan.json")
    return plan


def test_the_command(ready, capsys):
    arguments = ["convert", "m.weights.h5", "--to", "net.safetensors", "--plan", "plan.json"]
    assert main(arguments) == 0
    assert (
        capsys.readouterr().out
        == f"net.safetensors: 9 arrays, {Path('net.safetensors').stat().st_size / 1000:.1f} kB\n"
    )
    assert main(arguments) == 2
    said = "dualcell: 'net.safetensors' is there already; name another path, or force it: force=True, --force.\n"
    assert capsys.readouterr().err == said
    assert main([*arguments, "--force"]) == 0


def test_ctrl_c_ends_the_command_with_one_line(ready, capsys, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("dualcell.weights.conversion.stage", interrupted)
    before = {path.name for path in here()}
    assert main(["convert", "m.weights.h5", "--to", "n.safetensors", "--plan", "plan.json"]) == 130
    assert capsys.readouterr() == ("", "dualcell: interrupted.\n")
    assert {path.name for path in here()} == before


def test_the_command_imports_no_framework(ready):
    code = (
        "import sys; from dualcell.command import main\n"
        "assert main(['convert', 'm.weights.h5', '--to', 'n.safetensors', '--plan', 'plan.json']) == 0\n"
        "print([name for name in ('torch', 'tensorflow', 'keras', 'jax', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")


def test_without_a_plan(ready, capsys):
    assert main(["convert", "m.weights.h5", "--to", "net.safetensors"]) == 2
    assert capsys.readouterr().err == (
        "dualcell: a conversion needs a plan, which says what belongs where. Make one from both models, which may hold "
        "any values: dualcell.plan_weights(keras_model, net).save('plan.json'), then name it: --plan plan.json, "
        "plan='plan.json'.\n"
    )


# --- refused: nothing is written, and what was there stays ---


def refusal(source, to, plan, **options):
    """The sentence; whatever was in the folder is as before."""
    before = {path.name: path.read_bytes() for path in here()}
    with pytest.raises((PlanError, FileError, FrameworkError)) as error:
        dualcell.convert(source, to, plan, **options)
    assert {path.name: path.read_bytes() for path in here()} == before
    text = str(error.value)
    assert text.endswith((".", "?", "h5py"))
    return text


def here():
    return [path for path in Path().iterdir() if path.is_file()]


def test_a_plan_for_another_file(ready):
    other = filled(keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Dense(2)]))
    other.save_weights("other.weights.h5")
    assert refusal("other.weights.h5", "n.safetensors", "plan.json") == (
        "'plan.json' is for another file than 'other.weights.h5': the file has no "
        + ", ".join([*ready.source.arrays][:2] + [name for name in ready.source.arrays if "moving" in name])
        + " and 2 more; the plan has no layers/dense_1/vars/0, layers/dense_1/vars/1; "
        f"{list(ready.source.arrays)[6]} is (4, 3) in the file and (144, 5) in the plan; "
        f"{list(ready.source.arrays)[7]} is (3,) in the file and (5,) in the plan. Nothing was written."
    )


def test_a_plan_for_the_other_way(ready):
    save_file(image_net().state_dict(), "n.safetensors")
    said = refusal("n.safetensors", "n2.safetensors", ready)
    assert said.endswith(
        "It fits the plan's target: for this way make the plan with plan_weights(target_model, source_model). "
        "Nothing was written."
    )


def test_a_missing_array_and_one_too_many(ready):
    with h5py.File("m.weights.h5", "a") as file:
        del file["layers/dense/vars/1"]
    bias = next(name for name in ready.source.arrays if "dense" in name and name.endswith("bias"))
    assert refusal("m.weights.h5", "n.safetensors", "plan.json") == (
        f"'plan.json' is for another file than 'm.weights.h5': the file has no {bias}. Nothing was written."
    )
    with h5py.File("m.weights.h5", "a") as file:
        file["layers/dense/vars/1"] = np.ones(5, "f4")
        file["layers/dense/vars/2"] = np.ones(5, "f4")
    assert refusal("m.weights.h5", "n.safetensors", "plan.json") == (
        "'plan.json' is for another file than 'm.weights.h5': the plan has no layers/dense/vars/2. Nothing was written."
    )


def test_quantized_weights(ready):
    with h5py.File("m.weights.h5", "a") as file:
        del file["layers/dense/vars/0"]
        file["layers/dense/vars/0"] = np.ones((144, 5), "i1")
    kernel = next(name for name in ready.source.arrays if "dense" in name and name.endswith("kernel"))
    assert refusal("m.weights.h5", "n.safetensors", "plan.json") == (
        f"'plan.json' says that {kernel} is float32, and in the file it is int8: numbers of another kind, as in a "
        "quantized model, are no weights without their scales. Nothing was written."
    )


def test_a_plan_that_is_not_complete(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = filled(keras.Sequential([keras.Input((4,)), layers.Dense(3, name="one"), layers.Dense(2, name="two")]))
    model.save_weights("m.weights.h5")
    net = nn.Sequential(nn.Linear(4, 3))
    dualcell.plan_weights(model, net).save("plan.json")
    assert refusal("m.weights.h5", "n.safetensors", "plan.json") == (
        "'plan.json' is not complete: two/kernel, two/bias have no partner. Pair them with overrides when it is made, "
        "or convert the rest: partial=True, --partial. Nothing was written."
    )
    assert main(["convert", "m.weights.h5", "--to", "n.safetensors", "--plan", "plan.json", "--partial"]) == 0
    net.load_state_dict(load_file("n.safetensors"))
    assert np.array_equal(net[0].weight.detach(), keras.ops.convert_to_numpy(model.layers[0].kernel).T)


def test_a_weight_without_a_place_that_does_something(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="one")])
    net = nn.Sequential(nn.Linear(4, 3, bias=False))
    plan = dualcell.plan_weights(model, net)
    model.save_weights("zeros.weights.h5")
    dualcell.convert("zeros.weights.h5", "n.safetensors", plan)
    assert list(load_file("n.safetensors")) == ["0.weight"]
    filled(model).save_weights("m.weights.h5")
    assert refusal("m.weights.h5", "n2.safetensors", plan).startswith("one/bias has no place in '0', and its values ")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda plan: "{", "it is no weight plan of dualcell: JSONDecodeError: Expecting property name"),
        (lambda plan: "[]", "it is no weight plan of dualcell: AttributeError: "),
        (lambda plan: "{}", "it says 'dualcell weight plan': None, expected 1"),
        (lambda plan: json.dumps(plan | {"dualcell weight plan": 2}), "it says 'dualcell weight plan': 2, expected 1"),
        (lambda plan: json.dumps(plan | {"rows": [{}]}), "row 1 lacks 'target'; put it back, or make the plan again"),
        (lambda plan: json.dumps(plan | {"in files": 3}), "'in files' is 3, expected keys with values in {}"),
        (lambda plan: json.dumps(plan | {"rows": plan["rows"][1:]}), "no row writes "),
        (
            lambda plan: json.dumps(plan | {"rows": [plan["rows"][0], *plan["rows"]]}),
            "2 rows write 0.weight; only a weight that several layers share (tied weights) has several.",
        ),
        (
            lambda plan: json.dumps(plan | {"counts": plan["counts"] | {"x": 1}}),
            "'counts' names 'x', which the target has not.",
        ),
    ],
)
def test_a_broken_plan(ready, change, said):
    plan = json.loads(Path("plan.json").read_text())
    Path("plan.json").write_text(change(plan))
    assert refusal("m.weights.h5", "n.safetensors", "plan.json").startswith(f"'plan.json': {said}")


def test_paths_that_cannot_be_written_or_read(ready, tmp_path):
    expected = "expected a name that ends in .safetensors or .weights.h5"
    assert refusal("m.weights.h5", "n.pt", "plan.json") == f"'n.pt' cannot be written: {expected}."
    assert refusal("m.weights.h5", "no/n.safetensors", "plan.json") == (
        f"{str(Path('no', 'n.safetensors'))!r} cannot be written: there is no folder 'no'; make it first."
    )
    Path("d.safetensors").mkdir()
    assert refusal("m.weights.h5", "d.safetensors", "plan.json", force=True) == (
        "'d.safetensors' cannot be written: there is something else than a file; name another path."
    )
    Path("n.safetensors").write_text("mine")
    assert refusal("m.weights.h5", "n.safetensors", "plan.json") == (
        "'n.safetensors' is there already; name another path, or force it: force=True, --force."
    )
    assert refusal("m.weights.h5", "x.safetensors", "no.json") == (
        "'no.json' cannot be read as a weight plan: No such file or directory."
    )
    Path("latin.json").write_bytes(b"\xff")
    assert refusal("m.weights.h5", "x.safetensors", "latin.json") == (
        "'latin.json' cannot be read as a weight plan: it is no text."
    )
    assert refusal("gone.weights.h5", "x.safetensors", "plan.json") == (
        "'gone.weights.h5' is not there. Did you mean 'm.weights.h5'?"
    )
    assert refusal("m.weights.h5", "x.weights.h5", "plan.json") == (
        "'plan.json' is for a torch model, whose files are .safetensors; name such a target. Nothing was written."
    )


def test_what_is_no_path(ready):
    said = "; convert knows files only, a model is saved first and a plan may be what plan_weights has given."
    assert refusal("m.weights.h5", "x.safetensors", {}) == f"plan: expected the path of a file, got dict{said}"
    assert refusal("m.weights.h5", "x.safetensors", image_net()) == (
        f"plan: expected the path of a file, got {type(image_net()).__name__}{said}"
    )
    assert refusal(image_model(), "x.safetensors", ready) == (
        f"source: expected the path of a file, got {type(image_model()).__name__}{said}"
    )
    assert refusal("m.weights.h5", 3, ready) == "to: expected the path of a file, got int."
    assert refusal("m.weights.h5", "x" * 300 + ".safetensors", ready).endswith(
        ".safetensors' cannot be written: File name too long."
    )
    assert refusal("x" * 300 + ".h5", "x.safetensors", ready).endswith(".h5' cannot be opened: File name too long.")
    dualcell.convert(b"m.weights.h5", b"x.safetensors", b"plan.json")
    assert Path("x.safetensors").exists()
    with pytest.raises(FileError, match="path: expected the path of a file, got dict"):
        ready.save({})
    with pytest.raises(FileError, match="plan: expected the path of a file, got dict"):
        dualcell.load_plan({}, image_model(), image_net())


@pytest.mark.parametrize("before", ["module.", "_orig_mod.", "_orig_mod.module."])
def test_names_from_within_data_parallel_and_compile(tmp_path, before):
    net, model = filled_net(image_net()), image_model()
    save_file({before + name: tensor for name, tensor in net.state_dict().items()}, tmp_path / "n.safetensors")
    plan = dualcell.plan_weights(net, model)
    dualcell.convert(tmp_path / "n.safetensors", tmp_path / "m.weights.h5", plan)
    model.load_weights(tmp_path / "m.weights.h5")
    assert dualcell.compare_weights(net, model, plan).passed


def test_names_with_other_words_before_each(ready):
    net, model = image_net(), image_model()
    torch.save({"encoder." + name: tensor for name, tensor in net.state_dict().items()}, "n.pt")
    assert refusal("n.pt", "x.weights.h5", dualcell.plan_weights(net, model)).endswith(
        ". The file's names are the plan's with 'encoder.' before each: take that off in the file, or make the plan "
        "with the module that holds the net under that name. Nothing was written."
    )
    torch.save(net.state_dict(), "n.pt")
    wrapped = dualcell.plan_weights(nn.ModuleDict({"encoder": net}), model)
    assert refusal("n.pt", "x.weights.h5", wrapped).endswith(
        ". The plan's names are the file's with 'encoder.' before each: make the plan with that part alone, or save "
        "the whole in the file. Nothing was written."
    )


def test_a_size_is_told_in_fitting_units():
    sizes = (12, 1843, 2_460_000, 5 * 10**9)
    told = [str(Converted(Path("n"), ("a",), size)).partition(", ")[2] for size in sizes]
    assert told == ["12 bytes", "1.8 kB", "2.5 MB", "5.0 GB"]


def test_checkpoints_that_hold_more_than_weights(ready, tmp_path):
    net, model = image_net(), image_model()
    plan = dualcell.plan_weights(net, model)
    torch.save({"model": net.state_dict(), "epoch": 3}, "n.pt")
    assert refusal("n.pt", "x.weights.h5", plan) == (
        "'n.pt' holds more than arrays: model; save the state dict alone: "
        "torch.save(torch.load('n.pt', weights_only=True)['model'], 'weights.pt')."
    )
    torch.save({"state_dict": net.state_dict(), "optimizer": {"state": {}}}, "n.pt")
    assert refusal("n.pt", "x.weights.h5", plan) == (
        "'n.pt' holds more than arrays: state_dict, optimizer; save the state dict alone: "
        "torch.save(torch.load('n.pt', weights_only=True)['state_dict'], 'weights.pt')."
    )
    torch.save({"net": net.state_dict(), "average": net.state_dict()}, "n.pt")
    assert refusal("n.pt", "x.weights.h5", plan) == (
        "'n.pt' holds more than arrays: net, average; save one of its state dicts (net, average) alone: "
        "torch.save(torch.load('n.pt', weights_only=True)['net'], 'weights.pt')."
    )
    torch.save({"optimizer": {"state": {}}, "weight": torch.ones(2)}, "n.pt")
    assert refusal("n.pt", "x.weights.h5", plan) == (
        "'n.pt' holds more than arrays: optimizer; save a state dict alone: torch.save(net.state_dict(), 'weights.pt')."
    )
    torch.save([torch.ones(2)], "n.pt")
    assert refusal("n.pt", "x.weights.h5", plan) == (
        "'n.pt' holds no arrays by name; save a state dict, as in torch.save(net.state_dict(), 'net.pt')."
    )


@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize("to", ["n.safetensors", "n.weights.h5"])
def test_a_write_that_fails_leaves_nothing(ready, monkeypatch, to, existing):
    """The first array is written, and then making the second fails."""
    net, model = image_net(), image_model()
    save_file(net.state_dict(), "s.safetensors")
    if existing:
        Path(to).write_text("mine")
    plan = dualcell.plan_weights(net, model)
    real, calls = dualcell.weights.conversion.stage, []

    def failing(*arguments):
        calls.append(1)
        if len(calls) == 2:
            assert [path.suffix for path in Path().iterdir() if path.name.startswith(".")] == [".part"]
            raise OSError(28, "No space left on device")
        return real(*arguments)

    monkeypatch.setattr("dualcell.weights.conversion.stage", failing)
    said = refusal("s.safetensors", to, plan, force=True)
    assert said == f"{to!r} could not be written: No space left on device. Nothing is left of it."
    assert len(calls) == 2


def test_a_file_that_appears_meanwhile_is_not_replaced(ready, monkeypatch):
    real = dualcell.weights.conversion.stage

    def slow(*arguments):
        Path("n.safetensors").write_text("mine")
        return real(*arguments)

    monkeypatch.setattr("dualcell.weights.conversion.stage", slow)
    with pytest.raises(FileError, match="is there already"):
        dualcell.convert("m.weights.h5", "n.safetensors", "plan.json")
    assert Path("n.safetensors").read_text() == "mine"
    assert not [path for path in Path().iterdir() if path.name.startswith(".")]


def changed(**sections):
    """The saved plan with some of its sections replaced, and what no row takes left out."""
    plan = json.loads(Path("plan.json").read_text()) | sections
    for side in ("source", "target"):
        plan[side]["left out"] = left_out(plan, side)
    Path("plan.json").write_text(json.dumps(plan))
    return plan


def test_a_plan_that_does_not_know_the_names_of_keras(ready):
    net, model = image_net(), image_model()
    save_file(net.state_dict(), "n.safetensors")
    plan = dualcell.plan_weights(net, model)
    plan.save("plan.json")
    changed(**{"in files": {}})
    assert refusal("n.safetensors", "x.weights.h5", "plan.json") == (
        f"'plan.json' does not tell what Keras calls {plan.rows[0].target.array} in its files; make it again with this "
        "version of dualcell and Keras, or write a .safetensors file. Nothing was written."
    )
    dualcell.convert("n.safetensors", "x.safetensors", "plan.json")
    names = {path: ["layers/x/vars/0"] for path in plan.target.arrays}
    changed(**{"in files": {"target": names}})
    assert refusal("n.safetensors", "x.weights.h5", "plan.json") == (
        "'plan.json' has two arrays that go by the name layers/x/vars/0 in a file. Nothing was written."
    )


def test_an_array_of_which_a_part_is_missing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    net, model = Attending(), filled(AttendingModel())
    model.save_weights("m.weights.h5")
    dualcell.plan_weights(model, net).save("plan.json")
    rows = json.loads(Path("plan.json").read_text())["rows"]
    changed(rows=[row for row in rows if row["target"].get("part") != [1, 3]])
    assert refusal("m.weights.h5", "n.safetensors", "plan.json") == (
        "'plan.json' gives values to 2 of the 3 parts of attention.in_proj_weight, and a file has it whole. "
        "Nothing was written."
    )


def test_a_plan_without_rows(ready):
    changed(rows=[])
    assert refusal("m.weights.h5", "n.safetensors", "plan.json") == (
        "'plan.json' has no row, so there is nothing to convert. Nothing was written."
    )


def test_without_h5py(ready, monkeypatch):
    net, model = image_net(), image_model()
    save_file(net.state_dict(), "n.safetensors")
    plan = dualcell.plan_weights(net, model)
    monkeypatch.setattr("dualcell.frameworks.registry.is_installed", lambda name: name != "h5py")
    assert refusal("n.safetensors", "x.weights.h5", plan) == (
        "'x.weights.h5' needs h5py, which is not installed here: pip install h5py"
    )


def test_a_dtype_that_safetensors_has_not(ready):
    net = nn.Linear(3, 2, dtype=torch.complex128)
    plan = dualcell.plan_weights(net, nn.Linear(3, 2, dtype=torch.complex128))
    torch.save(net.state_dict(), "n.pt")
    assert refusal("n.pt", "x.safetensors", plan).startswith(".safetensors has no dtype complex128, which ")


@pytest.mark.parametrize(
    ("bias", "said"),
    [
        (
            torch.ones(2).to_sparse(),
            "'n.pt' holds 'bias', of which no values can be read: a sparse tensor (sparse_coo); pass .to_dense().",
        ),
        (
            torch.ones(2, device="meta"),
            "'n.pt' holds 'bias', of which no values can be read: a tensor on the meta device has no values.",
        ),
        (
            torch.tensor([1 + 2j, 3]),
            "the plan says that bias is float32, and in the file it is complex64: imaginary parts, for which there is "
            "no place. Nothing was written.",
        ),
    ],
    ids=["sparse", "meta", "complex"],
)
def test_tensors_that_are_no_weights(ready, bias, said):
    net = nn.Linear(3, 2)
    plan = dualcell.plan_weights(net, nn.Linear(3, 2))
    torch.save({"weight": net.weight.detach(), "bias": bias}, "n.pt")
    assert refusal("n.pt", "x.safetensors", plan) == said
    complex_net = nn.Linear(3, 2, dtype=torch.complex64)
    plan = dualcell.plan_weights(complex_net, nn.Linear(3, 2, dtype=torch.complex64))
    torch.save(net.state_dict(), "n.pt")
    assert refusal("n.pt", "x.safetensors", plan).endswith(
        "weight is complex64, and in the file it is float32: numbers of another kind. Nothing was written."
    )


@pytest.mark.parametrize("count", [10**30, 2**63, 1.5, -5, True, "3", None])
def test_a_count_that_is_no_number_of_steps(ready, count):
    plan = json.loads(Path("plan.json").read_text())
    name = next(iter(plan["counts"]))
    changed(counts=plan["counts"] | {name: count})
    assert refusal("m.weights.h5", "n.safetensors", "plan.json") == (
        f"'plan.json': 'counts' says that {name} is {json.dumps(count)}, expected a number of steps, from 0 to "
        f"{2**63 - 1}. Nothing was written."
    )
    changed(counts=plan["counts"] | {name: 2**63 - 1})
    dualcell.convert("m.weights.h5", "n.safetensors", "plan.json")
    assert load_file("n.safetensors")[name] == 2**63 - 1
