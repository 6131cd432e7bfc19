"""Tensors in several files: with an index, or numbered in a folder."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from safetensors.numpy import save_file

import dualcell
from dualcell.errors import FileError
from dualcell.files import open_file

WHOLE = {"a.weight": np.arange(6, dtype="f4").reshape(2, 3), "a.bias": np.ones(2, "f4"), "b": np.arange(3)}
FILES = ("net-00001-of-00002.safetensors", "net-00002-of-00002.safetensors")
PLACES = {"a.weight": FILES[0], "b": FILES[1], "a.bias": FILES[0]}
INDEX = "net.safetensors.index.json"


def split(folder, places=PLACES, index=None):
    for file in dict.fromkeys(places.values()):
        save_file({name: WHOLE[name] for name, place in places.items() if place == file}, folder / file)
    if index is not None:
        text = index if isinstance(index, str) else json.dumps({"metadata": {"total_size": 1}, "weight_map": index})
        (folder / INDEX).write_text(text)


def refusal(path):
    with pytest.raises(FileError) as error:
        open_file(path)
    text = str(error.value)
    assert "\n" not in text
    return text.replace(str(path.parent) + os.sep, "")


def test_an_index_the_folder_and_numbered_files_alone(tmp_path):
    split(tmp_path, index=PLACES)
    assert list(open_file(tmp_path / INDEX)) == list(PLACES)
    for path in (tmp_path / INDEX, tmp_path):
        result = dualcell.compare(path, WHOLE)
        assert (result.passed, len(result)) == (True, 3)
    (tmp_path / INDEX).unlink()
    assert dualcell.compare(WHOLE, tmp_path).passed
    assert not dualcell.compare(WHOLE | {"b": np.arange(1, 4)}, tmp_path).passed


def test_a_folder_with_one_file(tmp_path):
    save_file(WHOLE, tmp_path / "net.safetensors")
    (tmp_path / "README.md").touch()
    assert dualcell.compare(WHOLE, tmp_path).passed


UNSOUND = f"{INDEX!r} is not a sound index: {{}}. Write or fetch all of its files again."


@pytest.mark.parametrize(
    ("index", "what"),
    [
        ("{", "it is not JSON (Expecting property name enclosed in double quotes: line 1 column 2 (char 1))"),
        ("[]", "it has no weight_map of tensors and their files"),
        ({}, "it has no weight_map of tensors and their files"),
        (
            PLACES | {"b": "../net.safetensors"},
            "the file of 'b' is '../net.safetensors', expected a .safetensors file beside the index",
        ),
        (
            PLACES | {"b": "/net"},
            "the file of 'b' is '/net', expected a .safetensors file beside the index",
        ),
        (PLACES | {"b": 1}, "the file of 'b' is 1, expected a .safetensors file beside the index"),
        (PLACES | {"c": FILES[1]}, f"it says that 'c' is in {FILES[1]!r}, which holds no such tensor"),
        ({"a.weight": FILES[0]}, f"{FILES[0]!r} holds 'a.bias', and the index does not say so"),
    ],
)
def test_an_index_that_does_not_fit(tmp_path, index, what):
    split(tmp_path, index=index)
    assert refusal(tmp_path / INDEX) == UNSOUND.format(what)


def test_an_index_that_is_too_long(tmp_path):
    with (tmp_path / INDEX).open("wb") as file:
        file.truncate(100_000_001)
    assert refusal(tmp_path / INDEX) == UNSOUND.format("it has 100000001 bytes, more than 100000000")


def test_a_file_of_the_index_is_not_there(tmp_path):
    split(tmp_path, index=PLACES)
    (tmp_path / FILES[1]).unlink()
    assert refusal(tmp_path / INDEX) == f"{FILES[1]!r} is not there. Did you mean {FILES[0]!r}?"


def test_folders_that_hold_no_one_model(tmp_path):
    folder = tmp_path / "m"
    folder.mkdir()
    assert refusal(folder) == "'m' is a folder without .safetensors files; name a file in it."
    split(folder)
    (folder / FILES[0]).unlink()
    assert refusal(folder) == "'m' holds 1 of the 2 parts of 'net'; fetch all of them."
    save_file(WHOLE, folder / FILES[0])
    assert refusal(folder) == f"'m' holds 'b' twice, in {FILES[1]!r} and in a part before it."
    save_file(WHOLE, folder / "other.safetensors")
    assert (
        refusal(folder) == f"'m' holds several models: {', '.join(FILES)}, other.safetensors; name one of these files."
    )


def test_two_indices_in_a_folder(tmp_path):
    folder = tmp_path / "m"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / f"{name}.safetensors.index.json").write_text("{}")
    listed = "a.safetensors.index.json, b.safetensors.index.json"
    assert refusal(folder) == f"'m' holds several models: {listed}; name one of these files."


def test_a_number_of_parts_that_nobody_has(tmp_path):
    folder = tmp_path / "m"
    folder.mkdir()
    for number in (1, 2):
        save_file(WHOLE, folder / f"net-{number}-of-99999999999999.safetensors")
    assert refusal(folder) == "'m' holds 2 of the 99999999999999 parts of 'net'; fetch all of them."
