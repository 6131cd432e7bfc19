"""Files on either side: mapped, read right, and refused in a sentence where they lie about themselves."""

from __future__ import annotations

import json
import math
import os
import pickle
import struct
from pathlib import Path
from types import SimpleNamespace

import ml_dtypes
import numpy as np
import pytest
import safetensors
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save, save_file

import dualcell
from dualcell.coded import Coded
from dualcell.errors import FileError
from dualcell.files import names_file, open_file
from dualcell.mapped import CODED, DTYPES
from dualcell.narrow import table_named

NUMBERS = ["?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8", "c8"]
NARROW = {
    "BF16": "bfloat16", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "F8_E8M0": "float8_e8m0fnu",
    "F8_E4M3FNUZ": "float8_e4m3fnuz", "F8_E5M2FNUZ": "float8_e5m2fnuz",
}  # fmt: skip


def refusal(path):
    with pytest.raises(FileError) as error:
        dualcell.compare(path, path)
    text = str(error.value)
    assert "\n" not in text
    assert text.endswith((".", "?"))
    return text.replace(str(path.parent) + os.sep, "")


# --- .npy ---


@pytest.mark.parametrize("dtype", [*NUMBERS, "c16", ">f4", "<f8"])
@pytest.mark.parametrize("shape", [(3, 2), (), (0, 2), (5,)])
def test_an_npy_file_is_its_array(tmp_path, dtype, shape):
    array = (np.arange(math.prod(shape)) % 2).astype(dtype).reshape(shape)
    np.save(tmp_path / "x.npy", array)
    opened = open_file(tmp_path / "x.npy")
    assert (opened.dtype, opened.shape, opened.tolist()) == (array.dtype, array.shape, array.tolist())
    assert not opened.flags.writeable
    assert not opened.flags.owndata
    row = dualcell.compare(tmp_path / "x.npy", array)["value"]
    assert (row.verdict, row.figures.total) == ("equal", array.size)


def test_the_order_in_a_file_is_kept(tmp_path):
    array = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    np.save(tmp_path / "x.npy", array)
    assert open_file(tmp_path / "x.npy").tolist() == array.tolist()


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_each_version_of_npy(tmp_path, version):
    with (tmp_path / "x.NPY").open("wb") as file:
        np.lib.format.write_array(file, np.arange(3), version=version)
    assert open_file(tmp_path / "x.NPY").tolist() == [0, 1, 2]


def test_files_on_both_sides_or_on_one(tmp_path):
    left, right = np.arange(4.0), np.array([0, 1, 2, 7.0])
    np.save(tmp_path / "left.npy", left)
    np.save(tmp_path / "right.npy", right)
    for one in (tmp_path / "left.npy", left):
        for other in (tmp_path / "right.npy", right):
            row = dualcell.compare(one, other)["value"]
            assert (row.verdict, row.figures.worst_index, row.figures.max_abs) == ("differs", (3,), 4)
    dualcell.assert_close(tmp_path / "left.npy", left)
    with pytest.raises(dualcell.DualMismatch):
        dualcell.assert_close(tmp_path / "left.npy", right)


def test_any_path_like_will_do(tmp_path):
    np.save(tmp_path / "x.npy", np.ones(1))
    [entry] = os.scandir(tmp_path)
    assert dualcell.compare(entry, tmp_path / "x.npy").passed


def test_what_is_no_number_in_a_file_is_unsupported(tmp_path):
    np.save(tmp_path / "x.npy", np.array(["a", "b"]))
    np.save(tmp_path / "y.npy", np.zeros(2, [("x", "f4"), ("é", "f4")]))
    for name, cause in (("x", "dtype <U1 holds text"), ("y", "a structured array")):
        row = dualcell.compare(tmp_path / f"{name}.npy", np.ones(2))["value"]
        assert (row.verdict, row.cause.startswith(f"left: {cause}")) == ("unsupported", True)


def test_the_example_of_the_readme_runs(tmp_path, monkeypatch):
    import torch
    from safetensors.torch import save_model

    monkeypatch.chdir(tmp_path)
    net = torch.nn.Sequential(torch.nn.Linear(2, 1))
    save_model(net, "net.safetensors")
    np.save("old.npy", np.arange(3))
    np.save("new.npy", np.arange(3))
    readme = (Path(dualcell.__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    example = readme.partition("## Files\n\n```python\n")[2].partition("```")[0]
    results = []
    watched = {"dualcell": SimpleNamespace(compare=lambda *sides: results.append(dualcell.compare(*sides))), "net": net}
    exec(example, watched)  # noqa: S102 - ours
    assert [{row.name for row in result} for result in results] == [{"value"}, {"value['0.weight']", "value['0.bias']"}]
    assert all(results)


# --- text that looks like a path ---


@pytest.mark.parametrize(
    ("text", "way_out"),
    [
        ("a/x.npy", "; pass pathlib.Path('a/x.npy') to compare the file"),
        ("x.SafeTensors", "; pass pathlib.Path('x.SafeTensors') to compare the file"),
        ("x.weights.h5", "; pass pathlib.Path('x.weights.h5') to compare the file"),
        ("x.txt", ""),
        ("npy", ""),
    ],
)
def test_text_is_not_opened(text, way_out):
    assert dualcell.compare(np.ones(1), text)["value"].cause == f"right: a str is not a tensor{way_out}"
    assert names_file(text) is bool(way_out)


def test_a_setting_in_a_structure_is_no_file():
    left, right = {"name": "x.npy", "w": 1.0}, {"name": "y.npy", "w": 1.0}
    assert dualcell.compare(left, right).passed


# --- .safetensors ---


@pytest.mark.parametrize("dtype", NUMBERS)
def test_a_safetensors_file_is_a_dict_of_its_tensors(tmp_path, dtype):
    tensors = {
        "layer.weight": np.arange(6).astype(dtype).reshape(2, 3),
        "layer.bias": np.ones((), dtype),
        "none": np.zeros((0, 4), dtype),
        "odd": np.arange(3).astype("i1"),
    }
    save_file(tensors, tmp_path / "x.safetensors", {"format": "np"})
    opened = open_file(tmp_path / "x.safetensors")
    assert opened.keys() == tensors.keys()
    for name, array in tensors.items():
        assert (opened[name].dtype, opened[name].shape) == (array.dtype, array.shape)
        assert opened[name].tobytes() == array.tobytes()
        assert not opened[name].flags.writeable
    result = dualcell.compare(tmp_path / "x.safetensors", tensors)
    assert {row.name: row.verdict for row in result} == dict.fromkeys(
        ["value['layer.weight']", "value['layer.bias']", "value.none", "value.odd"], "equal"
    )


def test_the_rows_are_in_the_order_of_the_header(tmp_path):
    tensors = {"b": np.ones(1, "f4"), "a": np.ones(1, "f8"), "c": np.ones(1, "f4")}
    save_file(tensors, tmp_path / "x.safetensors")
    names = list(json.loads(header_of(tmp_path / "x.safetensors")))
    assert [row.name for row in dualcell.compare(tmp_path / "x.safetensors", tensors)] == [f"value.{n}" for n in names]


def test_every_dtype_that_the_library_writes_is_known():
    """The library says which dtypes it knows when asked for one that it does not."""
    with pytest.raises(safetensors.SafetensorError, match="Supported dtypes") as error:
        safetensors.TensorSpec(dtype="float31", shape=[1], data_ptr=0, data_len=4)
    theirs = set(str(error.value).partition("Supported dtypes: ")[2].split(", "))
    ours = {np.dtype(code).name for code in DTYPES.values()} | {name for _, name in CODED.values()}
    assert theirs - ours == {"float4_e2m1fn_x2"}
    assert ours <= theirs


@pytest.mark.parametrize(("code", "name"), NARROW.items())
def test_every_bit_pattern_of_the_narrow_floats(tmp_path, code, name):
    kind = np.dtype(getattr(ml_dtypes, name))
    bits = np.arange(1 << (8 * kind.itemsize), dtype=f"u{kind.itemsize}").view(kind)
    save_file({"w": bits}, tmp_path / "x.safetensors")
    assert json.loads(header_of(tmp_path / "x.safetensors"))["w"]["dtype"] == code
    opened = open_file(tmp_path / "x.safetensors")["w"]
    assert isinstance(opened, Coded)
    with np.errstate(invalid="ignore"):
        assert np.array_equal(np.asarray(opened), bits.astype(np.float32), equal_nan=True)
        assert np.array_equal(np.signbit(table_named(name)), np.signbit(bits.astype(np.float32))) or "float8" in name
    row = dualcell.compare(tmp_path / "x.safetensors", {"w": bits}, equal_nan=True)["value.w"]
    assert (row.verdict, row.figures.left_dtype, row.figures.right_dtype) == ("equal", name, name)
    changed = bits.copy()
    changed.view(f"u{kind.itemsize}")[1] ^= 1
    found = dualcell.compare({"w": changed}, tmp_path / "x.safetensors", equal_nan=True)["value.w"]
    assert found.verdict in ("close", "differs")
    assert found.error[1] > 0


def test_a_model_against_its_file(tmp_path):
    import torch
    from safetensors.torch import save_model

    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2)).to(torch.bfloat16)
    save_model(model, tmp_path / "model.safetensors")
    result = dualcell.compare(tmp_path / "model.safetensors", model.state_dict())
    result.assert_close()
    assert result["value['0.weight']"].figures.left_dtype == "bfloat16"
    with torch.no_grad():
        model[0].bias[1] += 1
    row = dualcell.compare(model.state_dict(), tmp_path / "model.safetensors")["value['0.bias']"]
    assert (row.verdict, row.figures.worst_index) == ("differs", (1,))


def test_coded_values_can_be_kept_and_read(tmp_path):
    save_file({"w": np.array([1.5, -2.0], ml_dtypes.bfloat16)}, tmp_path / "x.safetensors")
    left = open_file(tmp_path / "x.safetensors")["w"]
    with dualcell.dual("numpy: old", "numpy: new", captures=["y"]) as pair:
        with pair.left:
            y = left
        with pair.right:
            y = np.array([1.5, -2.0], ml_dtypes.bfloat16)  # noqa: F841 - captured
    row = pair.result["y"]
    assert (row.verdict, np.asarray(row.left).tolist(), row.error.tolist()) == ("equal", [1.5, -2.0], [0, 0])
    assert row.left.codes is left.codes  # the file's own memory
    writable = Coded(left.codes.copy(), left.table, left.name)
    [(_, leaf)] = dualcell.captures.capture(writable)
    assert not np.shares_memory(leaf.value.codes, writable.codes)


def test_tensors_that_lie_askew_are_read_right(tmp_path):
    """The library aligns tensors; the format does not ask for it."""
    size = 3_000_000
    for name, values in (("x", np.arange(size)), ("y", np.arange(size) + (np.arange(size) == size - 2))):
        entries = {"a": ("U8", [1]), "w": ("F32", [size])}
        write(tmp_path / f"{name}.safetensors", entries, b"\1" + values.astype("<f4").tobytes())
    assert not open_file(tmp_path / "x.safetensors")["w"].flags.aligned
    row = dualcell.compare(tmp_path / "x.safetensors", tmp_path / "y.safetensors", rtol=0, atol=0)["value.w"]
    assert (row.verdict, row.figures.mismatched, row.figures.worst_index) == ("differs", 1, (size - 2,))


# --- files that are refused ---


def header_of(path):
    data = path.read_bytes()
    return data[8 : 8 + int.from_bytes(data[:8], "little")]


def tiled(entries):
    """Names with dtype and shape -> a header in which they lie one after the other."""
    sizes = {"F32": 4, "BF16": 2, "U8": 1}
    header, end = {}, 0
    for name, (dtype, shape) in entries.items():
        start, end = end, end + sizes[dtype] * math.prod(shape)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}
    return header


def write(path, header, data):
    if all(isinstance(said, tuple) for said in header.values()):
        header = tiled(header)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def entry(dtype="F32", shape=(2,), offsets=(0, 8), **more):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets), **more}


def raw(header, data=b"", length=None):
    return struct.pack("<Q", len(header) if length is None else length) + header + data


UNSOUND = "'x.safetensors' is not a sound .safetensors file: {}. Write or fetch it again."
KNOWN = "BOOL, U8, I8, U16, I16, U32, I32, U64, I64, F16, F32, F64, C64, "
KNOWN += "BF16, F8_E4M3, F8_E5M2, F8_E8M0, F8_E4M3FNUZ, F8_E5M2FNUZ"
OTHER = ", expected .npy, .safetensors, .safetensors.index.json, .h5, .keras, .pt or .pth"
OPEN = f"{OTHER}; open it yourself and pass what it holds, as in "
HUGE = f"({2**62}, 4)"


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"NUMPY!", "it has 6 bytes, fewer than the 8 that give the length of its header"),
        (raw(b"{}", length=900), "its header should have 900 bytes, but 2 follow"),
        (raw(b"{}", length=2**64 - 1), "its header should have 18446744073709551615 bytes, but 2 follow"),
        (b"PK\3\5" + bytes(99), "its header should have 84101968 bytes, but 95 follow"),
        (raw(b"[1, 2]"), "its header is [1, 2], expected names and what is said of them"),
        (raw(b'{"a": 1'), "its header is not JSON (Expecting ',' delimiter: line 1 column 8 (char 7))"),
        (
            raw(b'{"a\xff": 1}'),
            "its header is not JSON ('utf-8' codec can't decode byte 0xff in position 3: invalid start byte)",
        ),
        (raw(b'{"a": 1, "a": 2}'), "its header is not JSON (it has the name 'a' twice)"),
        (raw(b""), "its header is not JSON (Expecting value: line 1 column 1 (char 0))"),
        (raw(b'{"a":' * 99_999), "its header is not JSON (maximum recursion depth exceeded)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_hostile_beginning(tmp_path, data, what):
    (tmp_path / "x.safetensors").write_bytes(data)
    said = refusal(tmp_path / "x.safetensors")
    if "recursion" in what:  # Python words it in several ways
        assert said.startswith(UNSOUND.partition("{")[0] + what.partition("exceeded")[0])
    else:
        assert said == UNSOUND.format(what)


@pytest.mark.parametrize(
    ("header", "what"),
    [
        ({"a": 1}, "the shape of 'a' is None, expected sizes"),
        ({"a": entry(shape=[-1])}, "the shape of 'a' is [-1], expected sizes"),
        ({"a": entry(shape=[True, 2])}, "the shape of 'a' is [True, 2], expected sizes"),
        ({"a": entry(shape=[2.0])}, "the shape of 'a' is [2.0], expected sizes"),
        ({"a": entry(shape=[2**63])}, "the shape of 'a' is [9223372036854775808], expected sizes"),
        ({"a": entry(shape=[1] * 65)}, "the shape of 'a' is [1, 1, 1, 1, 1, 1, ...], expected sizes"),
        (
            {"a": entry(offsets=[0])},
            "the data_offsets of 'a' are [0], expected its first byte and its last",
        ),
        (
            {"a": entry(offsets=[-8, 0])},
            "the data_offsets of 'a' are [-8, 0], expected its first byte and its last",
        ),
        ({"a": entry(offsets=[0, 4])}, "'a' has 4 bytes, but F32 of shape [2] 8"),
        ({"a": entry(offsets=[8, 0])}, "'a' has -8 bytes, but F32 of shape [2] 8"),
        ({"a": entry("F64")}, "'a' has 8 bytes, but F64 of shape [2] 16"),
        ({"a": entry("BF16")}, "'a' has 8 bytes, but BF16 of shape [2] 4"),
        ({"a": entry(), "b": entry()}, "'b' begins at byte 0, which overlaps the tensor before it (expected 8)"),
        (
            {"a": entry(), "b": entry(offsets=[4, 12])},
            "'b' begins at byte 4, which overlaps the tensor before it (expected 8)",
        ),
        ({"a": entry(offsets=[8, 16])}, "'a' begins at byte 8, which leaves a gap before it (expected 0)"),
        ({"a": entry("U8", [4], [0, 4])}, "its tensors end at byte 4, the file at byte 8"),
        ({"a": entry(shape=[4], offsets=[0, 16])}, "its tensors end at byte 16, the file at byte 8"),
        ({}, "its tensors end at byte 0, the file at byte 8"),
        (
            {"a": entry(shape=[0, 2**62], offsets=[0, 0]), "b": entry()},
            "NumPy has no array of shape (0, 4611686018427387904) "
            "(array is too big; `arr.size * arr.dtype.itemsize` is larger than the maximum possible size.)",
        ),
    ],
)  # fmt: skip
def test_a_hostile_header(tmp_path, header, what):
    write(tmp_path / "x.safetensors", header, bytes(8))
    assert refusal(tmp_path / "x.safetensors") == UNSOUND.format(what)


@pytest.mark.parametrize("dtype", ["F4", "f32", "Q" * 99, None, 7])
def test_an_unknown_dtype(tmp_path, dtype):
    write(tmp_path / "x.safetensors", {"a": entry(dtype)}, bytes(8))
    said = dtype if dtype != "Q" * 99 else "Q" * 12 + "..." + "Q" * 13
    assert refusal(tmp_path / "x.safetensors") == (
        f"'x.safetensors' holds 'a' of dtype {said!r}, which dualcell cannot read; it reads {KNOWN}."
    )


def test_a_header_that_is_too_long(tmp_path):
    with (tmp_path / "x.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", 100_000_001))
        file.truncate(100_000_100)
    assert refusal(tmp_path / "x.safetensors") == UNSOUND.format("its header has 100000001 bytes, more than 100000000")


UNSOUND_NPY = "'x.npy' is not a sound .npy file: {}. Write or fetch it again."


def npy(descr="'<f4'", shape="(2,)", data=bytes(8), version=b"\1\0"):
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}\n".encode("latin1")
    return b"\x93NUMPY" + version + struct.pack("<H", len(header)) + header + data


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"\x93NUM", "EOF: reading magic string, expected 8 bytes got 4"),
        (pickle.dumps([1] * 9), None),
        (npy(version=b"\7\0"), "version (7, 0) of the format"),
        (npy(data=bytes(7)), "its header tells of 8 bytes (float32 of shape (2,)), but 7 follow it"),
        (npy(data=bytes(9)), "its header tells of 8 bytes (float32 of shape (2,)), but 9 follow it"),
        (npy(shape="(3,)"), "its header tells of 12 bytes (float32 of shape (3,)), but 8 follow it"),
        (npy("'<f8'"), "its header tells of 16 bytes (float64 of shape (2,)), but 8 follow it"),
        (npy(shape="(-2,)"), "its shape is (-2,)"),
        (npy(shape="(True, 2)"), "its shape is (True, 2)"),
        (npy(shape=HUGE), f"its header tells of {2**66} bytes (float32 of shape {HUGE}), but 8 follow it"),
        (npy(shape="2"), "shape is not valid: 2"),
        (npy(shape="__import__('os')"), None),
        (npy("'nonsense'"), "descr is not a valid dtype descriptor: 'nonsense'"),
        (npy(shape="(" + "2," * 9000 + ")"), None),
        (npy()[:30], None),
        (b"\x93NUMPY\1\0\xff\xff" + bytes(20), None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_hostile_npy_file(tmp_path, data, what):
    (tmp_path / "x.npy").write_bytes(data)
    said = refusal(tmp_path / "x.npy")
    if what is None:  # the words are NumPy's
        assert said.startswith(UNSOUND_NPY.partition("{")[0])
        assert "allow_pickle" not in said
    else:
        assert said == UNSOUND_NPY.format(what)


def test_nothing_is_unpickled(tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    np.save(tmp_path / "x.npy", np.array([Trap()], object), allow_pickle=True)
    assert refusal(tmp_path / "x.npy") == (
        "'x.npy' holds Python objects, which only unpickling reads, and that could run any code; "
        "save numbers, as in numpy.save(path, array.astype(float))."
    )
    (tmp_path / "y.npy").write_bytes(pickle.dumps(Trap()))
    refusal(tmp_path / "y.npy")
    assert not (tmp_path / "sprung").exists()


def test_bfloat16_saved_by_numpy(tmp_path):
    np.save(tmp_path / "x.npy", np.ones(2, ml_dtypes.bfloat16))
    assert refusal(tmp_path / "x.npy") == (
        "'x.npy' holds elements of 2 bytes without a type, which is how NumPy saves bfloat16 and float8; "
        "save them as float32, or in a .safetensors file."
    )


# --- no file, or one of another kind ---


def test_a_file_that_is_not_there(tmp_path):
    assert refusal(tmp_path / "x.npy") == "'x.npy' is not there."
    (tmp_path / "model.safetensors").touch()
    assert refusal(tmp_path / "mode.safetensors") == (
        "'mode.safetensors' is not there. Did you mean 'model.safetensors'?"
    )
    assert refusal(tmp_path / "model.safetensors") == "'model.safetensors' is empty: 0 bytes. Write it again."
    with pytest.raises(OSError, match="is not there"):
        dualcell.assert_close(1, tmp_path / "gone" / "x.npy")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("x.npz", f"'x.npz' ends in '.npz'{OPEN}numpy.load(path)."),
        ("x.bin", f"'x.bin' ends in '.bin'{OPEN}torch.load(path, weights_only=True)."),
        ("x.txt", f"'x.txt' ends in '.txt'{OTHER}."),
        ("x", f"'x' has no suffix{OTHER}."),
    ],
)  # fmt: skip
def test_another_kind_of_file(tmp_path, name, sentence):
    assert refusal(tmp_path / name) == sentence


@pytest.mark.parametrize(
    ("name", "beginning", "kind", "suffixes"),
    [
        ("x.pt", b"\x89HDF\r\n\x1a\n", "an HDF5 file", ".weights.h5 or .h5"),
        ("x.h5", b"PK\3\4", "a zip archive", ".keras, .pt or .pth"),
        ("x.safetensors", b"\x93NUMPY", "an array of NumPy", ".npy"),
    ],
)
def test_a_file_that_begins_like_another_kind(tmp_path, name, beginning, kind, suffixes):
    (tmp_path / name).write_bytes(beginning + bytes(100))
    ends = Path(name).suffix
    assert refusal(tmp_path / name) == (
        f"{name!r} ends in {ends!r} and begins like {kind}; name it as what it is, {suffixes}."
    )


def test_the_way_out_for_npz(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.ones(1), b=np.ones(2))
    result = dualcell.compare(np.load(tmp_path / "x.npz"), {"a": np.ones(1), "b": np.ones(2)})
    assert (result.passed, len(result)) == (True, 2)


def test_a_folder_and_a_pipe(tmp_path):
    (tmp_path / "models").mkdir()
    said = "'models' is a folder without .safetensors files; name a file in it."
    assert refusal(tmp_path / "models") == said
    (tmp_path / "x.npy").mkdir()
    assert refusal(tmp_path / "x.npy") == "'x.npy' is no file."
    os.mkfifo(tmp_path / "y.npy")
    assert refusal(tmp_path / "y.npy") == "'y.npy' is no file."


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    np.save(tmp_path / "x.npy", np.ones(1))

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert refusal(tmp_path / "x.npy") == "'x.npy' cannot be opened: Permission denied."


@pytest.mark.parametrize("points_to", ["nothing.npy", "x.npy"])
def test_a_link_that_leads_nowhere(tmp_path, points_to):
    """Also one that leads to itself, which is not the one that was meant."""
    (tmp_path / "x.npy").symlink_to(points_to)
    assert refusal(tmp_path / "x.npy") == f"'x.npy' is a link to {points_to!r}, which leads nowhere."


@pytest.mark.parametrize("suffix", [".npy", ""])
def test_a_name_that_is_too_long(tmp_path, suffix):
    name = "x" * 300 + suffix
    assert refusal(tmp_path / name) == f"{name!r} cannot be opened: File name too long."


# --- held to the safetensors library ---

SOUND = save({"b": np.arange(3, dtype="f4"), "a": np.arange(2, dtype="u1"), "e": np.zeros((0, 2), "i8")})


@given(st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_the_library_refuses_is_refused_and_what_it_reads_is_read(tmp_path, data):
    """Files that were changed in one place."""
    changed = bytearray(SOUND)
    place = data.draw(st.integers(0, len(SOUND) - 1))
    change = data.draw(st.sampled_from(["set", "cut", "insert", "digit"]))
    if change == "digit":
        place = data.draw(st.sampled_from([i for i, byte in enumerate(SOUND) if chr(byte).isdigit()]))
        changed[place] = ord(data.draw(st.sampled_from("0123456789")))
    elif change == "set":
        changed[place] = data.draw(st.integers(0, 255))
    elif change == "cut":
        del changed[place:]
    else:
        changed.insert(place, data.draw(st.integers(0, 255)))
    (tmp_path / "x.safetensors").write_bytes(changed)
    try:
        theirs = {name: (said["shape"], bytes(said["data"])) for name, said in safetensors.deserialize(bytes(changed))}
    except safetensors.SafetensorError:
        theirs = None
    try:
        ours = open_file(tmp_path / "x.safetensors") if changed else None
    except FileError:
        ours = None
    read = None if ours is None else {name: (list(array.shape), array.tobytes()) for name, array in ours.items()}
    assert read == theirs
