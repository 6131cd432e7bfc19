"""Where options come from: the line, then `%config`, then `[tool.dualcell]` in pyproject.toml."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.notebook.kernel import Kernel

CELL = "%%dual y{options}\n# --- numpy ---\ny = np.random.rand(2)\n# --- numpy: new ---\ny = np.random.rand(2)"


def table(shell: Kernel, options: str = "", config: str = "") -> str:
    """Configure, run the cell, return its table."""
    if config:
        shell.succeed("\n".join(f"%config DualMagics.{setting}" for setting in config.split("; ")))
    return shell.succeed(CELL.format(options=options)).shown[-1]


@pytest.fixture
def fresh(shell: Kernel, tmp_path: Path) -> Iterator[Kernel]:
    """The kernel in an empty folder, with no setting of another test."""
    shell.succeed(f"import os\nhome = os.getcwd()\nos.chdir({str(tmp_path)!r})\n%reload_ext dualcell")
    yield shell
    shell.succeed("%unload_ext dualcell\nget_ipython().config.pop('DualMagics', None)\nos.chdir(home)")


def load_with(fresh: Kernel, tmp_path: Path, toml: str):
    """Load the extension again in a folder with this pyproject.toml."""
    (tmp_path / "pyproject.toml").write_text(toml)
    return fresh.queue("%unload_ext dualcell", "%load_ext dualcell")[1]


def test_config_sets_every_option(fresh):
    fresh.succeed(
        "%config DualMagics.device = 'cpu'\n%config DualMagics.seed = 3\n%config DualMagics.eager = True\n"
        "%config DualMagics.rtol = 0\n%config DualMagics.atol = 1.0\n%config DualMagics.tol = ['y:rtol=0,atol=0.5']\n"
        "%config DualMagics.allow_dtype = True\n%config DualMagics.equal_nan = True\n"
        "%config DualMagics.causes = False\n%config DualMagics.plot = ''\n"
        "%config DualMagics.reference = 'right'\n%config DualMagics.strict = True\n%config DualMagics.out = 'kept'"
    )
    text = table(fresh)
    assert "device cpu, seed 3, eager yes, reference right" in text
    assert fresh.value("(kept.passed, kept['y'].figures.allowed)") == (True, "atol 0.5 + rtol 0")


def test_config_lists_the_options(fresh):
    assert "DualMagics.seed=" in fresh.succeed("%config DualMagics").stdout


def test_the_line_wins_over_config(fresh):
    assert "seed 3" in table(fresh, config="seed = 3")
    assert "seed 4" in table(fresh, " --seed 4")
    assert "seed 3" in table(fresh)


def test_a_switch_can_be_taken_back_on_the_line(fresh):
    fresh.succeed("%config DualMagics.strict = True")
    assert fresh.run(CELL.format(options="")).status == "error"
    assert fresh.run(CELL.format(options=" --no-strict")).status == "ok"


def test_a_seed_makes_the_same_numbers(fresh):
    assert "1 equal" in table(fresh, " --seed 0")
    assert "1 differs" in table(fresh)


def test_an_option_of_one_block_is_its_own(fresh):
    cell = CELL.format(options=" --seed 1").replace("new ---", "new --seed 2 ---")
    assert "differs" in fresh.succeed(cell).shown[-1]
    assert "equal" in fresh.succeed(cell.replace("--seed 2", "--seed 1")).shown[-1]


@pytest.mark.parametrize(
    "setting", ["dtype = 'float8'", "seed = 'x'", "reference = 'up'", "eager = 3", "tol = 3", "device = 1"]
)
def test_config_refuses_a_value_of_the_wrong_kind(fresh, setting):
    name = setting.split(" ")[0]
    before = fresh.value(f"get_ipython().magics_manager.registry['DualMagics'].{name}")
    reply = fresh.run(f"%config DualMagics.{setting}")
    assert "trait" in reply.stderr + reply.stdout + reply.traceback
    assert fresh.value(f"get_ipython().magics_manager.registry['DualMagics'].{name}") == before


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("seed = -1", "seed is -1, expected 0 <= seed < 2**32"),
        ("device = 'gpuu'", "Did you mean 'gpu'?"),
        ("rtol = 1e-3", "atol"),
        ("tol = ['y']", "'y'"),
        ("out = 'a b'", "out is 'a b', expected a Python name"),
    ],
)
def test_a_bad_value_in_config_is_refused_by_the_next_cell(fresh, setting, sentence):
    fresh.succeed(f"%config DualMagics.{setting}")
    reply = fresh.run("ran = 1\n%dual numpy\ny = np.ones(1)\n%dual numpy\ny = np.ones(1)")
    assert (reply.status, reply.kinds) == ("error", [])
    assert sentence in reply.stderr
    assert not fresh.value("'ran' in get_ipython().user_ns")


def test_a_project_sets_defaults_and_loading_says_so(fresh, tmp_path):
    reply = load_with(fresh, tmp_path, "[tool.dualcell]\nseed = 5\nallow-dtype = true\ntol = ['y:rtol=0,atol=0']\n")
    assert reply.stdout == "dualcell: pyproject.toml sets seed=5, allow_dtype=True, tol=['y:rtol=0,atol=0']\n"
    assert "seed 5" in table(fresh)


def test_config_wins_over_the_project_and_the_line_over_both(fresh, tmp_path):
    load_with(fresh, tmp_path, "[tool.dualcell]\nseed = 5\n")
    assert "seed 6" in table(fresh, config="seed = 6")
    assert "seed 7" in table(fresh, " --seed 7")
    assert fresh.succeed("%reload_ext dualcell").stdout == ""
    assert "seed 6" in table(fresh)


def test_the_nearest_project_above_counts(fresh, tmp_path):
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    fresh.succeed(f"os.chdir({str(below)!r})")
    assert load_with(fresh, tmp_path, "[tool.dualcell]\nseed = 5\n").stdout.endswith("seed=5\n")


@pytest.mark.parametrize("toml", ["", "[tool.other]\nseed = 5\n", "[tool.dualcell]\n", "[project]\nname = 'x'\n"])
def test_a_project_that_sets_nothing_is_not_mentioned(fresh, tmp_path, toml):
    assert load_with(fresh, tmp_path, toml).messages == []


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        ("[tool.dualcell]\nsead = 5\n", "Did you mean 'seed'?"),
        ("[tool.dualcell]\nseed = 'x'\n", "seed is 'x'"),
        ("[tool.dualcell]\nseed = -5\n", "seed is -5"),
        ("[tool.dualcell]\neager = 1\n", "eager is 1"),
        ("[tool.dualcell]\ndevice = 3\n", "device is 3"),
        ("[tool.dualcell]\ntol = 'y:rtol=0,atol=0'\n", "tol is"),
        ("[tool.dualcell]\ndtype = 'float8'\n", "dtype is 'float8'"),
        ("[tool.dualcell]\nrtol = 1e-3\n", "atol"),
        ("[tool]\ndualcell = 3\n", "expected a table"),
        ("[tool.dualcell\n", "pyproject.toml"),
    ],
)
def test_a_bad_project_is_one_sentence_and_nothing_is_loaded(fresh, tmp_path, toml, sentence):
    reply = load_with(fresh, tmp_path, toml)
    assert (reply.status, reply.kinds) == ("error", [])
    assert reply.stderr.startswith("UsageError: pyproject.toml, [tool.dualcell]: ")
    assert sentence in reply.stderr
    assert fresh.value("[type(c).__name__ for c in get_ipython().configurables].count('DualMagics')") == 0
    assert fresh.value("'dual' in get_ipython().magics_manager.magics['line']") is False
    (tmp_path / "pyproject.toml").unlink()
    fresh.succeed("%load_ext dualcell")
    assert "1 differs" in table(fresh)
