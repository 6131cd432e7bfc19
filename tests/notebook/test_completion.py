"""The Tab key, through real complete_request messages."""

from __future__ import annotations

import re

import pytest

BLOCKS = "\n# --- keras ---\nprobs = 1\nlosses, extra = 2, 3\n# --- torch ---\nprobs = 3"
OPTIONS = {
    "--allow-dtype", "--atol", "--causes", "--code", "--device", "--dtype", "--eager", "--equal-nan", "--help",
    "--init", "--large", "--layout", "--no-allow-dtype", "--no-causes", "--no-code", "--no-eager", "--no-equal-nan",
    "--no-large", "--no-referee", "--no-strict", "--noise", "--out", "--plot", "--referee", "--reference",
    "--rtol", "--seed", "--sort", "--strict", "--tol",
}  # fmt: skip
# the text up to the cursor, what follows it, and all that Tab offers
OFFERED = {
    "option": ("%%dual --dev", "", {"--device"}),
    "all options": ("%%dual --", "", OPTIONS),
    "options of a fence": ("%dual keras --", "", OPTIONS),
    "options of diff": ("%dual diff --s", "", {"--sort", "--strict"}),
    "looks of diff": ("%dual diff --c", "", {"--causes", "--code"}),
    "options of a block": (
        "%%dual\n# --- torch --",
        "",
        {"--device", "--init", "--dtype", "--eager", "--help", "--no-eager", "--seed"},
    ),
    "device": ("%%dual --device c", "", {"cpu", "cuda"}),
    "all devices": ("%%dual --device ", "", {"auto", "cpu", "cuda", "gpu", "mps"}),
    "device of a fence": ("%dual torch --device m", "", {"mps"}),
    "device of a block": ("%%dual\n# --- torch --device m", "", {"mps"}),
    "dtype": ("%%dual --dtype f", "", {"float16", "float32", "float64"}),
    "layout": ("%%dual --layout ", "", {"lanes", "stacked", "plain"}),
    "reference": ("%%dual --reference ", "", {"left", "right"}),
    "sort": ("%%dual --sort f", "", {"failing"}),
    "kinds of pictures": ("%%dual --plot h", "", {"heat", "hist"}),
    "a further kind": ("%%dual --plot heat,c", "", {"heat,channels", "heat,curves"}),
    "names": ("%%dual ", BLOCKS, {"probs", "losses", "extra"}),
    "a name": ("%%dual pr", BLOCKS, {"probs"}),
    "a name after another": ("%%dual probs lo", BLOCKS, {"losses"}),
    "a name after an option": ("%%dual --seed 1 lo", BLOCKS, {"losses"}),
    "a name on the right of ~": ('%%dual "probs ~ lo', BLOCKS, {"losses"}),
    "a name after a row's name": ('%%dual "row=lo', BLOCKS, {"losses"}),
    "a name on diff": ("%dual keras\nprobs = 1\n%dual torch\nprobs = 2\n%dual diff p", "", {"probs"}),
    "framework in a header": (f"%%dual{BLOCKS}\n# --- ten", "", {"tensorflow"}),
    "frameworks in a header": ("%%dual\n# --- t", "", {"tensorflow", "tf", "tf_keras", "torch"}),
    "framework of a fence": ("%dual ker", "", {"keras"}),
    "verbs": ("%dual d", "", {"diff"}),
    "an assigned diff": ("result = %dual d", "", {"diff"}),
}


@pytest.mark.parametrize("case", OFFERED)
def test_offered(shell, case):
    before, after, offered = OFFERED[case]
    assert set(shell.matches(before + after, len(before))) == offered


def test_options_that_would_be_refused_are_not_offered(shell):
    assert "--device" not in shell.matches("%dual diff --de")


def test_the_word_is_replaced_from_its_beginning(shell):
    for cell in ("%%dual --dev", "%%dual --device c", "%dual ker", '%%dual "a ~ --dev'):
        cursor = shell.completion(cell)
        assert cell[cursor["cursor_start"] : cursor["cursor_end"]] == re.split('[ "~]', cell)[-1]


def test_attributes_of_a_capture_are_pythons(shell):
    shell.succeed("class Model:\n    weight = bias = 1\nmodel = Model()")
    assert {match.rpartition(".")[2] for match in shell.matches("%%dual model.we")} == {"weight"}


def test_the_magic_itself_is_offered(shell):
    assert shell.matches("%%du") == ["%%dual"]
    assert shell.matches("%du")[0] == "%dual"


ORDINARY = (
    "np.aran", "import jso", "# --- ke", "x = 1  # --- t", "%%tim", "prin", "'--dev", "%time np.aran", "open('",
    "dual --dev",
)  # fmt: skip


@pytest.mark.parametrize("cell", [*ORDINARY, "%%dual\n# --- keras ---\nnp.aran", "%%dual\nprin"])
def test_ordinary_completion_is_untouched(shell, cell):
    loaded = [match for match in shell.matches(cell) if match not in ("%dual", "%%dual")]
    shell.succeed("%unload_ext dualcell")
    bare = shell.matches(cell)
    assert [match for match in bare if match[0] != "_"] == [match for match in loaded if match[0] != "_"]
    shell.succeed("%load_ext dualcell")
