"""What a run says about its options once the rows are known."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import dualcell
from dualcell.blocks import RawBlock, RawCell, read_cell
from dualcell.options import Options, parse_line
from dualcell.requests import read_requests
from dualcell.session import Session


def notes(**options):
    with dualcell.dual("numpy: old", "numpy: new", captures=["y"], **options) as pair:
        with pair.left:
            y = np.array([1, 2])
        with pair.right:
            y = np.array([1, 3])
    assert y.shape == (2,)
    return pair.result


def test_a_rule_that_fits_a_row_applies_and_is_not_remarked():
    result = notes(tol=["y:rtol=0,atol=1"])
    assert result.passed
    assert result.report.notes == ()


def test_a_rule_that_fits_no_row_is_remarked():
    result = notes(tol=["z*:rtol=0,atol=1"])
    assert not result.passed
    assert result.report.notes == ("--tol 'z*' fits no row",)


def test_a_misspelled_header_among_others_is_remarked():
    blocks = (RawBlock("numpy: old", 2, ("y",), ("y",)), RawBlock("numpy: new", 4, ("y",), ("y",)))
    cell = read_cell(RawCell("", blocks, near=((6, "kears"), (8, "data"))), Options())
    [note] = cell.notes
    assert note == "Line 6 looks like a header, but 'kears' is no framework dualcell knows. Did you mean 'keras'?"
    session = Session(cell, dict)
    session.finish()
    assert note in session.result.report.notes


def test_names_may_be_listed_with_commas():
    assert parse_line("y, z , k").captures == ("y", "z", "k")


@pytest.mark.parametrize("texts", [("k = a ~ c", "k = b ~ d"), ("y", "y"), ("a ~ b", "a ~ b")])
def test_two_rows_of_one_name_are_refused(texts):
    with pytest.raises(dualcell.OptionError) as error:
        read_requests(texts)
    row = texts[0].split(" = ")[0]
    assert str(error.value) == f"Two captures make a row named {row!r}. Name one of them, as in 'other = {row}'."


def test_triton_after_tensorflow_is_said(tmp_path):
    """Stand-ins are enough: only which module was imported first counts."""
    (tmp_path / "triton.py").write_text("")
    code = (
        "import sys, types; sys.modules['tensorflow'] = types.ModuleType('tensorflow')\n"
        "from dualcell.blocks import RawBlock, RawCell, read_cell\n"
        "from dualcell.environment import clashes\n"
        "from dualcell.options import Options\n"
        "cell = read_cell(RawCell('', (RawBlock('keras', 1), RawBlock('torch', 2))), Options())\n"
        "print(clashes(cell))\n"
        "import triton; print(clashes(cell))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    said, silent = run.stdout.splitlines()
    assert "TensorFlow was imported before triton" in said
    assert silent == "[]"
