"""The catalogue in words: the page in docs, and `dualcell explain`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dualcell.catalogue import CAUSES
from dualcell.causes.settings import SETTING_CAUSES
from dualcell.command import main
from dualcell.reference import causes_page, list_causes
from dualcell.unseen import UNSEEN

ALL = (*CAUSES, *SETTING_CAUSES)
PAGE = Path(__file__).parents[2] / "docs" / "causes.md"


def test_the_page_is_the_catalogue():
    assert PAGE.read_text(encoding="utf-8") == causes_page(), "run `make docs`"


def test_every_cause_is_on_the_page_once():
    *headings, last = [line[3:] for line in causes_page().splitlines() if line.startswith("## ")]
    assert (headings, last) == ([cause.name for cause in ALL], "What neither tensors nor settings show")
    assert len({cause.name for cause in ALL}) == len(ALL)


def test_every_known_difference_is_seen_or_said_to_be_unseen():
    """The catalogue of differences, of which the causes are made, has 295 entries."""
    seen = {entry for cause in ALL for entry in cause.entries}
    unseen = [entry for entries in UNSEEN.values() for entry in entries]
    assert seen.isdisjoint(unseen)
    assert len(unseen) == len(set(unseen))
    assert len(seen) + len(unseen) == 295


@pytest.mark.parametrize("cause", ALL, ids=lambda cause: cause.name)
def test_a_cause_is_described_in_sentences(cause):
    assert cause.title[0].isupper()
    assert not cause.title.endswith(".")
    assert cause.about.endswith(".")


def test_explain_prints_one_cause(capsys):
    assert main(["explain", "axes-permuted"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("axes-permuted: the axes stand in another order\n\nNHWC against NCHW")
    assert max(map(len, said.splitlines())) <= 88


def test_explain_prints_a_cause_of_settings(capsys):
    assert main(["explain", "weight-decay"]) == 0
    assert capsys.readouterr().out.startswith("weight-decay: weights decay otherwise\n\nweight_decay of every Keras")


def test_explain_alone_lists_all(capsys):
    assert main(["explain"]) == 0
    assert capsys.readouterr().out == list_causes() + "\n"


def test_an_unknown_cause_is_refused_with_the_nearest(capsys):
    assert main(["explain", "axes-permutted"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("dualcell: no cause 'axes-permutted'. Did you mean 'axes-permuted'? Causes: reshaped, ")


def test_the_module_is_the_command():
    done = subprocess.run([sys.executable, "-m", "dualcell", "explain", "scale"], capture_output=True, text=True)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "scale: every element is multiplied by one number")


def test_no_command_says_what_there_is(capsys):
    with pytest.raises(SystemExit) as stop:
        main([])
    assert stop.value.code == 2
    assert "COMMAND" in capsys.readouterr().err
