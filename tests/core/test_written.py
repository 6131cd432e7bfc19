"""Arrays in files: the order of their elements, the header, and files that are whole or not there."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from dualcell.errors import FileError
from dualcell.files import open_file
from dualcell.weights.output import Output, blocks_of, write_hdf5, write_safetensors
from dualcell.written import whole_file


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_blocks_are_the_array_in_order_however_it_lies(data):
    """Sizes around the tiles' and of 1 and 0, axes in any order, steps between elements."""
    shape = data.draw(st.lists(st.sampled_from([0, 1, 2, 3, 63, 64, 65, 130]), max_size=3))
    step = data.draw(st.sampled_from([1, 2]))
    dtype = data.draw(st.sampled_from(["<f4", ">f4", "i1", "<f8"]))
    axes = data.draw(st.permutations(range(len(shape))))
    lying = np.arange(np.prod([each * step for each in shape], dtype=int)) % 127
    array = lying.astype(dtype).reshape([each * step for each in shape])[tuple(slice(None, None, step) for _ in shape)]
    array = array.transpose(axes)
    output = Output("w", array.shape, array.dtype.name, lambda: array)
    found = b"".join(block.tobytes() for _, block in blocks_of(output))
    assert found == array.astype(np.dtype(dtype).newbyteorder("<")).tobytes()


def test_an_array_larger_than_a_slab(tmp_path):
    values = np.random.default_rng(0).random((1200, 1100), np.float32).T
    output = Output("g/w", values.shape, "float32", lambda: values)
    write_safetensors(tmp_path / "x.safetensors", [output], {})
    write_hdf5(tmp_path / "x.h5", [output], {})
    assert np.array_equal(load_file(tmp_path / "x.safetensors")["g/w"], values)
    assert np.array_equal(open_file(tmp_path / "x.h5")["g/w"], values)


@pytest.mark.parametrize("other", ["x" * count for count in range(7)] + ["é"])
def test_the_library_reads_the_header(tmp_path, other):
    arrays = {
        "b": np.ones((), "i1"),
        "a": np.arange(6.0).reshape(2, 3),
        "c": np.zeros((0, 2), "f4"),
        "d": np.ones(3, "?"),
    }
    outputs = [Output(n, a.shape, a.dtype.name, lambda a=a: a) for n, a in arrays.items()]
    write_safetensors(tmp_path / "x.safetensors", outputs, {"format": "np", "other": other})
    found = load_file(tmp_path / "x.safetensors")
    assert {n: (a.dtype, a.tolist()) for n, a in found.items()} == {n: (a.dtype, a.tolist()) for n, a in arrays.items()}
    data = (tmp_path / "x.safetensors").read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    assert header.pop("__metadata__") == {"format": "np", "other": other}
    assert length % 8 == 0
    for name, entry in header.items():
        assert entry["data_offsets"][0] % arrays[name].dtype.itemsize == 0


def test_a_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "x"
    with whole_file(path, force=False) as partial:
        partial.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert [each.name for each in tmp_path.iterdir()] == ["x"]
    with whole_file(path, force=True) as partial:
        partial.write_text("newer")
        assert path.read_text() == "new"
    assert path.read_text() == "newer"


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, MemoryError])
def test_whatever_stops_it_nothing_is_left(tmp_path, error):
    (tmp_path / "x").write_text("old")
    with pytest.raises(error), whole_file(tmp_path / "x", force=True) as partial:
        partial.write_text("half")
        raise error
    assert [each.read_text() for each in tmp_path.iterdir()] == ["old"]


def test_a_full_disk(tmp_path):
    """A limit on the size of files stands for it."""
    resource = pytest.importorskip("resource")
    values = np.ones(1_000_000, np.float32)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with pytest.raises(FileError) as error:
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
            with whole_file(tmp_path / "x.safetensors", force=False) as partial:
                write_safetensors(partial, [Output("w", values.shape, "float32", lambda: values)], {})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    said = f"{str(tmp_path / 'x.safetensors')!r} could not be written: File too large. Nothing is left of it."
    assert str(error.value) == said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("points_to", ["nothing", "y"])
def test_a_link_that_leads_nowhere_is_there_already(tmp_path, points_to):
    """Also one that leads to itself."""
    link = tmp_path / "y"
    link.symlink_to(points_to)
    with pytest.raises(FileError) as error, whole_file(link, force=False):
        pytest.fail("it is not free")
    said = f"is there already, a link to {points_to!r}, which leads nowhere; name another path, or force it: force=True"
    assert said in str(error.value)
    with whole_file(link, force=True) as partial:
        partial.write_text("new")
    assert link.read_text() == "new"
    assert not link.is_symlink()


@pytest.mark.parametrize(("name", "reason"), [("x" * 300, "File name too long"), ("a\0b", "embedded null")])
def test_a_name_that_cannot_be(tmp_path, name, reason):
    with pytest.raises(FileError) as error, whole_file(tmp_path / name, force=False):
        pytest.fail("there can be no such file")
    assert str(error.value).startswith(f"{str(tmp_path / name)!r} cannot be written: {reason}")


def test_a_file_that_is_replaced_keeps_its_mode(tmp_path):
    path = tmp_path / "x"
    path.touch(mode=0o600)
    path.chmod(0o600)
    with whole_file(path, force=True) as partial:
        partial.write_text("new")
    assert (path.stat().st_mode & 0o777, path.read_text()) == (0o600, "new")


def test_the_new_file_may_be_read_like_any_other(tmp_path):
    """As the user's own files are, and not by its owner alone as temporary ones."""
    (tmp_path / "y").touch()
    with whole_file(Path(tmp_path / "x"), force=False) as partial:
        partial.touch()
    assert (tmp_path / "x").stat().st_mode == (tmp_path / "y").stat().st_mode
