"""HDF5 files and `.keras` archives: read right where they are sound, refused in a sentence where they are not."""

from __future__ import annotations

import os
import zipfile

import h5py
import ml_dtypes
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dualcell
from dualcell.coded import Coded
from dualcell.errors import FileError, FrameworkError
from dualcell.files import open_file


def refusal(path):
    with pytest.raises(FileError) as error:
        dualcell.compare(path, path)
    text = str(error.value)
    assert "\n" not in text
    assert text.endswith(".")
    return text.replace(str(path.parent) + os.sep, "")


UNSOUND = "'x.h5' is not a sound .h5 file: {}. Write or fetch it again."
AWAY = (
    "'x.h5' refers to something outside of it: {}. Keras writes no such files, and it is not followed; "
    "save the weights again, as in model.save_weights('model.weights.h5')."
)


def write(path, **datasets):
    with h5py.File(path, "w") as file:
        for name, (values, options) in datasets.items():
            file.create_dataset(name, data=values, **options)


@pytest.mark.parametrize("dtype", ["?", "u1", "i1", "u2", "i4", "i8", "u8", "f2", "f4", "f8", "c8", ">f4", ">i2"])
@pytest.mark.parametrize("options", [{}, {"chunks": True}, {"compression": "gzip", "shuffle": True}], ids=str)
def test_an_array_is_as_it_was_written(tmp_path, dtype, options):
    values = (np.arange(35) % 3).astype(dtype).reshape(5, 7)
    write(tmp_path / "x.h5", w=(values, options), z=(values[0], {}))
    opened = open_file(tmp_path / "x.h5")
    assert (opened["w"].dtype, opened["w"].tolist()) == (values.dtype, values.tolist())
    assert not opened["w"].flags.writeable
    assert not opened["w"].flags.owndata
    assert opened["z"].tolist() == values[0].tolist()
    assert dualcell.compare(tmp_path / "x.h5", {"w": values, "z": values[0]})


def test_scalars_empty_arrays_and_a_user_block(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w", userblock_size=512) as file:
        file["group/s"] = np.float32(3)
        file["group/e"] = np.zeros((0, 3))
        file["n"] = np.arange(4, dtype="i2")
        file["n"].attrs["dtype"] = "bfloat16"  # on an array of another kind it means nothing
    opened = open_file(tmp_path / "x.h5")
    assert {name: array.tolist() for name, array in opened.items()} == {
        "group/e": [],
        "group/s": 3,
        "n": [0, 1, 2, 3],
    }
    assert opened["group/e"].shape == (0, 3)


def test_large_compressed_arrays_are_unpacked_in_slabs(tmp_path):
    values = np.random.default_rng(0).integers(0, 9, (3000, 1501)).astype("f4")
    write(
        tmp_path / "x.h5", w=(values, {"compression": "gzip", "chunks": (1000, 100)}), v=(values[:9], {"chunks": True})
    )
    opened = open_file(tmp_path / "x.h5")
    assert np.array_equal(opened["w"], values)
    assert np.array_equal(opened["v"], values[:9])


def test_arrays_stand_in_the_order_of_their_numbers(tmp_path):
    write(tmp_path / "x.h5", **{f"vars/{index}": (index, {}) for index in range(12)})
    assert list(open_file(tmp_path / "x.h5")) == [f"vars/{index}" for index in range(12)]


def test_bfloat16_as_keras_writes_it(tmp_path):
    values = np.array([1.5, -2, np.nan, 1e-40], ml_dtypes.bfloat16)
    for options in ({}, {"chunks": True}):
        with h5py.File(tmp_path / "x.h5", "w") as file:
            file.create_dataset("w", data=values, **options).attrs["dtype"] = "bfloat16"
        opened = open_file(tmp_path / "x.h5")["w"]
        assert isinstance(opened, Coded)
        assert opened.codes.tobytes() == values.tobytes()
        assert dualcell.compare(tmp_path / "x.h5", {"w": values}, equal_nan=True)["value.w"].verdict == "equal"


def test_floats_of_another_layout_are_read_by_hdf5(tmp_path):
    """A float of 3 bytes: what NumPy takes for it is wider than what lies in the file."""
    kind = h5py.h5t.IEEE_F32LE.copy()
    kind.set_fields(23, 16, 7, 0, 7)
    kind.set_ebias(63)
    kind.set_size(3)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        dataset = h5py.h5d.create(file.id, b"w", kind, h5py.h5s.create_simple((3,)))
        dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, np.array([1.5, -2, 0.25], "f4"))
    assert open_file(tmp_path / "x.h5")["w"].tolist() == [1.5, -2, 0.25]


# --- refused ---


def soft(file):
    file["a"] = h5py.SoftLink("/w")


def external(file):
    file["a"] = h5py.ExternalLink("/etc/passwd", "/w")


def stored_elsewhere(file):
    file.create_dataset("a", (3,), "u1", external=[("/etc/passwd", 0, 3)])


def virtual(file):
    layout = h5py.VirtualLayout((3,), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "w", (3,))
    file.create_virtual_dataset("a", layout)


@pytest.mark.parametrize(
    ("plant", "what"),
    [
        (soft, "'a' is a link to '/w'"),
        (external, "'a' is a link to '/etc/passwd:/w'"),
        (stored_elsewhere, "the values of 'a' lie in '/etc/passwd'"),
        (virtual, "'a' is put together from datasets elsewhere"),
    ],
)
def test_what_leads_out_of_the_file_is_refused(tmp_path, plant, what):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["w"] = np.ones(3, "f4")
        plant(file)
    assert refusal(tmp_path / "x.h5") == AWAY.format(what)


def circle(file):
    file["g/inner"] = file["/"]


def twice(file):
    file.create_group("g")
    file["h"] = file["g"]


def named_type(file):
    file["t"] = np.dtype("f4")


def nothing(file):
    file["a"] = h5py.Empty("f4")


def never_written(file):
    file.create_dataset("a", (1 << 40,), "f4")


def bomb(file):
    file.create_dataset("a", (1 << 40,), "f4", chunks=(1 << 20,), compression="gzip")


def plugin(file):
    file.create_dataset("a", (9,), "f4", chunks=(9,), compression=32015, allow_unknown_filter=True)


@pytest.mark.parametrize(
    ("plant", "what"),
    [
        (circle, "its group 'g/inner' is also found under another name"),
        (twice, "its group 'g' is also found under another name"),
        (named_type, "'t' is neither a group nor a dataset"),
        (nothing, "'a' should have 4 bytes (float32 of shape None), but 0 are there"),
        (never_written, f"'a' should have {1 << 42} bytes (float32 of shape ({1 << 40},)), but 0 are there"),
        (bomb, f"'a' of 0 bytes says it unpacks to {1 << 42}"),
        (plugin, "'a' is packed with filter 32015, which only a plugin unpacks"),
    ],
)
def test_what_no_file_of_weights_holds_is_refused(tmp_path, plant, what):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        plant(file)
    assert refusal(tmp_path / "x.h5") == UNSOUND.format(what)


@pytest.mark.parametrize(
    ("values", "kind"),
    [("text", "text"), (np.array([b"ab"]), "text"), (np.zeros(2, "V3"), "dtype |V3"), (np.zeros(2, "V1"), "dtype |V1")],
)
def test_what_is_no_number_is_refused(tmp_path, values, kind):
    write(tmp_path / "x.h5", a=(values, {}))
    said = f"'x.h5' holds {kind} in 'a', expected numbers: it is no file of weights."
    assert refusal(tmp_path / "x.h5") == said


def test_a_file_cut_short_and_files_of_another_kind(tmp_path):
    write(tmp_path / "x.h5", w=(np.arange(999.0), {}))
    whole = (tmp_path / "x.h5").read_bytes()
    for data in (whole[:-1], whole[:2000], whole[:9], b"PK\3\5" + bytes(99), b"{}"):
        (tmp_path / "x.h5").write_bytes(data)
        assert refusal(tmp_path / "x.h5").startswith(UNSOUND.format("HDF5 cannot read it (")[:-30])
    (tmp_path / "x.h5").write_bytes(b"")
    assert refusal(tmp_path / "x.h5") == "'x.h5' is empty: 0 bytes. Write it again."


def test_without_h5py(tmp_path, monkeypatch):
    write(tmp_path / "x.h5", w=(1.0, {}))
    monkeypatch.setattr("dualcell.frameworks.registry.is_installed", lambda name: name != "h5py")
    with pytest.raises(FrameworkError) as error:
        open_file(tmp_path / "x.h5")
    assert str(error.value) == f"{str(tmp_path / 'x.h5')!r} needs h5py, which is not installed here: pip install h5py"


SOUND: dict[str, bytes] = {}


def sound(folder):
    if not SOUND:
        write(folder / "s.h5", **{"g/w": (np.arange(6.0), {}), "g/v": (np.arange(9, dtype="i2"), {"chunks": (4,)})})
        SOUND["data"] = (folder / "s.h5").read_bytes()
    return SOUND["data"]


@given(st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_changed_in_one_place_is_read_or_refused(tmp_path, data):
    """Whatever the change, there are arrays of numbers or a `FileError`, and nothing else."""
    changed = bytearray(sound(tmp_path))
    place = data.draw(st.integers(0, len(changed) - 1))
    changed[place] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del changed[data.draw(st.integers(1, len(changed))) :]
    (tmp_path / "x.h5").write_bytes(changed)
    try:
        for array in open_file(tmp_path / "x.h5").values():
            array.sum()
    except FileError:
        pass


# --- .keras ---

UNSOUND_KERAS = UNSOUND.replace("h5", "keras")


def archive(path, *members, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", method) as file:
        for name, data in members:
            file.writestr(name, data)


@pytest.fixture
def weights(tmp_path):
    write(tmp_path / "w.h5", w=(np.arange(300_000, dtype="f4"), {}))
    return (tmp_path / "w.h5").read_bytes()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_the_weights_in_an_archive_and_nothing_else(tmp_path, weights, method):
    members = ("../../escaped", b"x"), ("config.json", b"not JSON"), ("model.weights.h5", weights)
    archive(tmp_path / "x.keras", *members, method=method)
    opened = open_file(tmp_path / "x.keras")
    assert np.array_equal(opened["w"], np.arange(300_000))
    assert {path.name for path in tmp_path.iterdir()} == {"x.keras", "w.h5"}
    assert not (tmp_path.parents[1] / "escaped").exists()


def test_an_archive_without_weights(tmp_path):
    archive(tmp_path / "x.keras", ("config.json", b""), ("model.weights.npz", b""))
    what = "it has no member 'model.weights.h5', only 'config.json', 'model.weights.npz'"
    assert refusal(tmp_path / "x.keras") == UNSOUND_KERAS.format(what)
    archive(tmp_path / "x.keras")
    what = "it has no member 'model.weights.h5', only nothing"
    assert refusal(tmp_path / "x.keras") == UNSOUND_KERAS.format(what)


def test_a_damaged_archive(tmp_path, weights):
    archive(tmp_path / "x.keras", ("model.weights.h5", weights))
    whole = bytearray((tmp_path / "x.keras").read_bytes())
    whole[600_000] ^= 1
    (tmp_path / "x.keras").write_bytes(whole)
    what = "the checksum of its member 'model.weights.h5' does not fit: it was damaged"
    assert refusal(tmp_path / "x.keras") == UNSOUND_KERAS.format(what)
    for data in (whole[:-30], whole[:600_000], b"\x89HDF" + bytes(99), b"PK\3\4"):
        (tmp_path / "x.keras").write_bytes(data)
        assert refusal(tmp_path / "x.keras").startswith(UNSOUND_KERAS.format("it is no zip archive (")[:-30])


def test_a_damaged_compressed_archive(tmp_path, weights):
    archive(tmp_path / "x.keras", ("model.weights.h5", weights), method=zipfile.ZIP_DEFLATED)
    whole = bytearray((tmp_path / "x.keras").read_bytes())
    whole[len(whole) // 2] ^= 1
    (tmp_path / "x.keras").write_bytes(whole)
    assert refusal(tmp_path / "x.keras").startswith(
        UNSOUND_KERAS.format("its member 'model.weights.h5' does not unpack (")[:-30]
    )


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_archive_with_two_files_of_weights(tmp_path, weights):
    archive(tmp_path / "x.keras", ("model.weights.h5", weights), ("model.weights.h5", b""))
    what = "it has two members 'model.weights.h5'"
    assert refusal(tmp_path / "x.keras") == UNSOUND_KERAS.format(what)


def central(path, offset, values):
    """Change bytes of the entry of the only member in the directory at the end."""
    data = bytearray(path.read_bytes())
    start = data.rindex(b"PK\1\2")
    data[start + offset : start + offset + len(values)] = values
    path.write_bytes(data)


def test_an_encrypted_member_and_members_that_are_not_where_they_should_be(tmp_path, weights):
    path = tmp_path / "x.keras"
    archive(path, ("model.weights.h5", weights))
    central(path, 8, b"\1\0")
    assert refusal(path) == UNSOUND_KERAS.format("its member 'model.weights.h5' is encrypted")
    archive(path, ("model.weights.h5", weights))
    central(path, 42, (7).to_bytes(4, "little"))
    assert refusal(path) == UNSOUND_KERAS.format("there is no member at byte 7, where one should be")
    archive(path, ("model.weights.h5", weights))
    central(path, 20, (2**31).to_bytes(4, "little") * 2)
    assert refusal(path) == UNSOUND_KERAS.format("its member 'model.weights.h5' ends behind the end of the file")


def test_a_bomb(tmp_path):
    path = tmp_path / "x.keras"
    archive(path, ("model.weights.h5", bytes(200_000_000)), method=zipfile.ZIP_DEFLATED)
    size = zipfile.ZipFile(path).infolist()[0].compress_size
    what = f"its member 'model.weights.h5' of {size} bytes says it unpacks to 200000000"
    assert refusal(path) == UNSOUND_KERAS.format(what)


@pytest.mark.parametrize("said", [1000, 2_000_000])
def test_a_member_that_unpacks_to_another_size_than_it_says(tmp_path, weights, said):
    path = tmp_path / "x.keras"
    archive(path, ("model.weights.h5", weights), method=zipfile.ZIP_DEFLATED)
    central(path, 24, said.to_bytes(4, "little"))
    assert refusal(path).startswith(UNSOUND_KERAS.format("its member 'model.weights.h5' ")[:-30])
