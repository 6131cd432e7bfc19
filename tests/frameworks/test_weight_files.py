"""Files that Keras and torch themselves have written, against the models they came from."""

from __future__ import annotations

import codecs
import os
import pickle
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

import dualcell
from dualcell.errors import FileError, FrameworkError
from dualcell.files import open_file

keras = pytest.importorskip("keras")
torch = pytest.importorskip("torch")


def refusal(path):
    with pytest.raises(FileError) as error:
        dualcell.compare(path, path)
    text = str(error.value)
    assert "\n" not in text
    assert text.endswith((".", "?"))
    return text.replace(str(path.parent) + os.sep, "")


# --- Keras ---


def small_model(dtype="float32"):
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, name="conv", dtype=dtype)(inputs)
    x = keras.layers.BatchNormalization(name="norm", dtype=dtype)(x)
    x = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(5, dtype=dtype)], name="head")(x)
    return keras.Model(inputs, x)


EXPECTED = {  # as Keras names them in its files -> as its own model has them
    "layers/conv2d/vars/0": "conv/conv/kernel",
    "layers/conv2d/vars/1": "conv/conv/bias",
    "layers/batch_normalization/vars/0": "norm/norm/gamma",
    "layers/batch_normalization/vars/1": "norm/norm/beta",
    "layers/batch_normalization/vars/2": "norm/norm/moving_mean",
    "layers/batch_normalization/vars/3": "norm/norm/moving_variance",
}


@pytest.mark.parametrize("name", ["m.weights.h5", "m.keras", "m.h5"])
def test_each_file_of_keras_holds_the_weights_of_its_model(tmp_path, name):
    model = small_model()
    model.save_weights(tmp_path / name) if "weights" in name else model.save(tmp_path / name)
    legacy = name == "m.h5"
    expected = {f"model_weights/{value}" if legacy else key: value for key, value in EXPECTED.items()}
    opened = open_file(tmp_path / name)
    values = {f"{v.path.partition('/')[0]}/{v.path}": keras.ops.convert_to_numpy(v) for v in model.weights}
    assert {key: opened[key].tolist() for key in expected} == {key: values[v].tolist() for key, v in expected.items()}
    assert len(opened) == len(model.weights)


def test_two_files_of_keras_row_by_row(tmp_path):
    model = small_model()
    model.save_weights(tmp_path / "old.weights.h5")
    assert dualcell.compare(tmp_path / "old.weights.h5", tmp_path / "old.weights.h5").passed
    kernel = keras.ops.convert_to_numpy(model.get_layer("conv").kernel)
    kernel = kernel + (np.arange(108).reshape(3, 3, 3, 4) == 63)
    model.get_layer("conv").kernel.assign(kernel)
    model.save(tmp_path / "new.keras")
    result = dualcell.compare(tmp_path / "old.weights.h5", tmp_path / "new.keras")
    assert [(row.name, row.figures.worst_index) for row in result if not row.passed] == [
        ("value['layers/conv2d/vars/0']", (1, 2, 0, 3))
    ]


def test_bfloat16_and_float16_of_keras(tmp_path):
    for dtype in ("bfloat16", "float16"):
        model = small_model(dtype)
        model.save_weights(tmp_path / "m.weights.h5")
        rows = dualcell.compare(tmp_path / "m.weights.h5", {"layers/conv2d/vars/0": model.get_layer("conv").kernel})
        row = rows["value['layers/conv2d/vars/0']"]
        assert (row.verdict, row.figures.left_dtype, row.figures.right_dtype) == ("equal", dtype, dtype)


def test_bfloat16_in_the_old_file_of_keras(tmp_path):
    """Which Keras itself cannot read again."""
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, dtype="bfloat16", name="d")]).save(tmp_path / "m.h5")
    said = refusal(tmp_path / "m.h5")
    assert said.startswith("'m.h5' holds elements of 2 bytes without a type in 'model_weights/d/")
    assert said.endswith(
        "which is how Keras saves bfloat16 in .h5, and cannot read it itself; save the weights again, as in "
        "model.save_weights('model.weights.h5')."
    )


# --- torch ---


def small_net():
    return torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))


@pytest.mark.parametrize("name", ["net.pt", "net.PTH"])
def test_a_state_dict(tmp_path, name):
    state = small_net().state_dict()
    torch.save(state, tmp_path / name)
    result = dualcell.compare(tmp_path / name, state)
    assert (result.passed, len(result)) == (True, 7)
    state["0.bias"] = state["0.bias"] + 1
    [row] = [row for row in dualcell.compare(tmp_path / name, state) if not row.passed]
    assert row.name == "value['0.bias']"


def test_narrow_floats_tied_and_empty_tensors(tmp_path):
    shared = torch.arange(6.0)
    state = {
        "whole": shared, "part": shared[2:4], "b": torch.ones(3, dtype=torch.bfloat16), "empty": torch.ones(0, 2),
        "f": torch.ones(4).to(torch.float8_e4m3fn), "step": 3,
    }  # fmt: skip
    torch.save(state, tmp_path / "x.pt")
    assert dualcell.compare(tmp_path / "x.pt", state).passed


def test_files_are_mapped_and_not_read(tmp_path):
    torch.save({"w": torch.ones(1000)}, tmp_path / "x.pt")
    opened = open_file(tmp_path / "x.pt")["w"]
    with zipfile.ZipFile(tmp_path / "x.pt") as archive:
        [info] = [info for info in archive.infolist() if info.filename.endswith("data/0")]
    data = bytearray((tmp_path / "x.pt").read_bytes())
    place = data.index(np.ones(1000, "f4").tobytes(), info.header_offset)
    with (tmp_path / "x.pt").open("r+b") as file:
        file.seek(place)
        file.write(np.float32(7).tobytes())
    assert opened[0] == 7


class Trap:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (self.path,))


def test_code_in_a_file_is_not_run(tmp_path):
    torch.save({"w": torch.ones(2), "x": Trap(str(tmp_path / "sprung"))}, tmp_path / "x.pt")
    call = f"{os.mkdir.__module__}.mkdir"
    assert refusal(tmp_path / "x.pt") == (
        f"'x.pt' holds more than tensors: to read it, {call} would have to be called, and that could "
        "run any code. It was not; save the state dict alone: torch.save(net.state_dict(), 'weights.pt')."
    )
    (tmp_path / "y.pt").write_bytes(pickle.dumps(Trap(str(tmp_path / "sprung"))))
    assert refusal(tmp_path / "y.pt").startswith("'y.pt' is no zip archive, the only kind of file that torch can map; ")
    assert not (tmp_path / "sprung").exists()


class Asks:
    """What is pickled as a call."""

    def __init__(self, called, *arguments):
        self.call = called, arguments

    def __reduce__(self):
        return self.call


MADE = {
    "bytes": (Asks(bytearray, 1 << 40), "builtins.bytearray(1099511627776)"),
    "bytes of bytes": (
        Asks(codecs.encode, Asks(codecs.encode, b"ab", "hex_codec"), "hex_codec"),
        "_codecs.encode(..., 'hex_codec')",
    ),
    "bytes, as many as a tensor says": (Asks(bytearray, torch.tensor(1 << 40)), "builtins.bytearray(...)"),
    "a set of a tensor": (Asks(set, torch.ones(1).expand(1 << 40)), "builtins.set(...)"),
    "names of a tensor": (Asks(OrderedDict, torch.ones(1).expand(1 << 40, 2)), "collections.OrderedDict(...)"),
    "a tensor": (Asks(torch.Tensor, 1 << 40), "torch.Tensor(1099511627776)"),
    "a tensor of a dtype": (Asks(torch.FloatTensor, 3, 5), "torch.FloatTensor(3, 5)"),
    "a storage": (Asks(torch.storage.UntypedStorage, 1 << 40), "torch.storage.UntypedStorage(1099511627776)"),
}


@pytest.mark.parametrize("name", MADE)
def test_what_a_pickle_would_make_out_of_nothing_is_not_made(tmp_path, name):
    asks, call = MADE[name]
    torch.save({"w": torch.ones(2), "x": [asks]}, tmp_path / "x.pt")
    assert refusal(tmp_path / "x.pt") == (
        f"'x.pt' may unpack to far more than it holds: to read it, {call} would have to be called, which torch.save "
        "never writes. It was not; save the state dict alone: torch.save(net.state_dict(), 'weights.pt')."
    )


@pytest.mark.parametrize(
    ("asked", "given"),
    [(b"K\x07\x85\x81", "7"), (b"]K\x07aR", "..."), (b"]K\x07a\x81", "...")],
    ids=["without its call", "a list of arguments", "both"],
)
def test_other_ways_to_ask_for_bytes(tmp_path, asked, given):
    torch.save({"w": torch.ones(2)}, tmp_path / "x.pt")
    new = b"\x80\x02cbuiltins\nbytearray\n" + asked + b"."
    again(tmp_path / "x.pt", tmp_path / "y.pt", lambda name, data: new if name.endswith("data.pkl") else data)
    assert f"to read it, builtins.bytearray({given}) would have to be called" in refusal(tmp_path / "y.pt")


@pytest.mark.parametrize("pickle", [b"bytearray", b"\x80\x02\x86.", b"\x80\x02h\x05.", b"\x80\x02a."])
def test_a_pickle_that_cannot_be_followed(tmp_path, pickle):
    torch.save({"w": torch.ones(2)}, tmp_path / "x.pt")
    again(tmp_path / "x.pt", tmp_path / "y.pt", lambda name, data: pickle if name.endswith("data.pkl") else data)
    assert "'y.pt' is not a sound .pt file: its pickle cannot be followed (" in refusal(tmp_path / "y.pt")


def test_bytes_beside_tensors_are_read(tmp_path):
    state = {"w": torch.ones(2), "b": b"ab", "a": bytearray(b"ab"), "e": bytearray(), "n": (torch.Size([2]), {1}, 1j)}
    torch.save(state, tmp_path / "x.pt")
    opened = open_file(tmp_path / "x.pt")
    assert (opened["b"], opened["a"], opened["e"], opened["n"]) == (b"ab", b"ab", b"", ((2,), {1}, 1j))


def test_a_whole_model_is_code(tmp_path):
    torch.save(small_net(), tmp_path / "x.pt")
    assert "holds more than tensors: to read it, torch.nn.modules.batchnorm.BatchNorm1d, " in refusal(tmp_path / "x.pt")


def test_torchscript_and_old_files(tmp_path):
    torch.jit.save(torch.jit.script(small_net()), tmp_path / "x.pt")
    assert refusal(tmp_path / "x.pt") == (
        "'x.pt' is a TorchScript archive, which holds code; save its weights: "
        "torch.save(torch.jit.load(path).state_dict(), 'weights.pt')."
    )
    torch.save({"w": torch.ones(2)}, tmp_path / "x.pt", _use_new_zipfile_serialization=False)
    assert refusal(tmp_path / "x.pt") == (
        "'x.pt' is no zip archive, the only kind of file that torch can map; if it is an old checkpoint that you "
        "trust, save it again: torch.save(torch.load(path, weights_only=True), path)."
    )


def test_other_archives(tmp_path):
    program = torch.export.export(small_net().eval(), (torch.ones(1, 3),))
    torch.export.save(program, tmp_path / "x.pt2")
    (tmp_path / "x.pt2").rename(tmp_path / "x.pt")
    assert refusal(tmp_path / "x.pt") == (
        "'x.pt' is a torch.export archive, which holds a program, and its name would end in .pt2; save its weights: "
        "torch.save(torch.export.load(path).state_dict, 'weights.pt')."
    )
    with zipfile.ZipFile(tmp_path / "x.pt", "w") as archive:
        archive.writestr("x/other", b"")
    what = "it has no member 'data.pkl', which torch.save writes"
    assert refusal(tmp_path / "x.pt") == f"'x.pt' is not a sound .pt file: {what}. Write or fetch it again."


def again(source, target, edit=lambda name, data: data, method=zipfile.ZIP_STORED):
    """The archive, member by member, changed."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", method) as new:
        for info in old.infolist():
            new.writestr(info.filename, edit(info.filename, old.read(info)))


def test_archives_that_torch_itself_would_misread(tmp_path):
    """It maps what the pickle tells of, whatever lies there."""
    source, target = tmp_path / "x.pt", tmp_path / "y.pt"
    torch.save(small_net().state_dict(), source)
    again(source, target, lambda name, data: data[:4] if name.endswith("data/0") else data)
    assert torch.load(target, weights_only=True, mmap=True)["0.weight"].shape == (2, 3)
    what = "its tensors are not as large as its pickle says"
    assert refusal(target) == f"'y.pt' is not a sound .pt file: {what}. Write or fetch it again."
    again(source, target, method=zipfile.ZIP_DEFLATED)
    name = zipfile.ZipFile(source).infolist()[0].filename
    what = f"its member {name!r} is compressed, and torch writes none that is"
    assert refusal(target) == f"'y.pt' is not a sound .pt file: {what}. Write or fetch it again."
    again(source, target)
    assert dualcell.compare(source, target).passed


def test_damaged_files(tmp_path):
    path = tmp_path / "x.pt"
    torch.save(small_net().state_dict(), path)
    whole = path.read_bytes()
    for data in (whole[:-1], whole[: len(whole) // 2], b"PK" + bytes(99)):
        path.write_bytes(data)
        assert refusal(path).startswith("'x.pt' is not a sound .pt file: ")
    path.write_bytes(b"")
    assert refusal(path) == "'x.pt' is empty: 0 bytes. Write it again."


def test_a_pickle_that_is_too_long(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.pt", "w") as archive, archive.open("x/data.pkl", "w") as member:
        for _ in range(11):
            member.write(bytes(10_000_000))
    what = "its member 'x/data.pkl' has 110000000 bytes, more than 100000000"
    assert refusal(tmp_path / "x.pt") == f"'x.pt' is not a sound .pt file: {what}. Write or fetch it again."


def test_without_torch(tmp_path, monkeypatch):
    torch.save(OrderedDict(w=torch.ones(1)), tmp_path / "x.pt")
    monkeypatch.setattr("dualcell.frameworks.registry.is_installed", lambda name: name != "torch")
    with pytest.raises(FrameworkError) as error:
        open_file(tmp_path / "x.pt")
    assert str(error.value) == f"{str(tmp_path / 'x.pt')!r} needs torch, which is not installed here: pip install torch"
