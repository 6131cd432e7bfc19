"""`[tool.dualcell]`: where it is found and what is refused."""

from __future__ import annotations

import pytest

from dualcell.errors import OptionError
from dualcell.project import project_options


def write(folder, text):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_bytes(text if isinstance(text, bytes) else text.encode())


def test_options_with_dashes_or_underscores(tmp_path):
    write(
        tmp_path,
        '[tool.dualcell]\nseed = 0\nallow-dtype = true\ncauses = false\nequal_nan = true\ntol = ["h:rtol=0,atol=1"]',
    )
    assert project_options(tmp_path) == {
        "seed": 0, "allow_dtype": True, "causes": False, "equal_nan": True, "tol": ["h:rtol=0,atol=1"],
    }  # fmt: skip


@pytest.mark.parametrize("text", ["", "[tool.ruff]\nseed = 1", "[project]\nname = 'x'"])
def test_a_project_without_the_table_sets_nothing(tmp_path, text):
    write(tmp_path, text)
    assert project_options(tmp_path) == {}


def test_the_nearest_file_upwards_counts_alone(tmp_path):
    write(tmp_path, "[tool.dualcell]\nseed = 1")
    write(tmp_path / "a", "[tool.dualcell]\nstrict = true")
    (tmp_path / "a" / "b").mkdir()
    (tmp_path / "c").mkdir()
    assert project_options(tmp_path / "a" / "b") == {"strict": True}
    assert project_options(tmp_path / "c") == {"seed": 1}


def test_the_search_begins_in_the_working_directory(tmp_path, monkeypatch):
    write(tmp_path, "[tool.dualcell]\nseed = 1")
    monkeypatch.chdir(tmp_path)
    assert project_options() == {"seed": 1}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[tool.dualcell]\nsede = 1", "Unknown option 'sede'. Did you mean 'seed'? Accepted here: device, seed, dtype"),
        ("[tool.dualcell]\nseed = '1'", "seed is '1', expected an integer."),
        ("[tool.dualcell]\nrtol = 1.0", "--rtol and --atol: rtol was given without atol."),
        ("[tool.dualcell]\ntol = 'h:rtol=1,atol=1'", "tol is 'h:rtol=1,atol=1', expected a list of texts"),
        ("[tool]\ndualcell = 3", "it is 3, expected a table of options."),
        ("[tool.dualcell\n", "Expected ']'"),
        (b"\xff\xfe", "'utf-8' codec can't decode byte 0xff"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_place(tmp_path, text, sentence):
    write(tmp_path, text)
    with pytest.raises(OptionError) as error:
        project_options(tmp_path)
    assert str(error.value).startswith(f"pyproject.toml, [tool.dualcell]: {sentence}")
