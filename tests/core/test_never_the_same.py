"""Cells in which two different values were once called the same, or an error was lost."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

import dualcell
from dualcell import tap
from dualcell.blocks import RawBlock, RawCell, read_cell
from dualcell.captures import Captured
from dualcell.comparison import compare_pair
from dualcell.frameworks.base import ArrayFacts
from dualcell.options import Options
from dualcell.pairs import Pair
from dualcell.session import Session


def verdicts(result):
    return {row.name: row.verdict for row in result}


def test_the_last_expression_does_not_take_the_place_of_a_variable_out():
    blocks = [RawBlock(f"numpy: {side}", 1, ("out",), ("out",)) for side in ("old", "new")]
    namespace = {}
    session = Session(read_cell(RawCell("", tuple(blocks)), Options()), lambda: namespace)
    for index in (0, 1):
        session.open(index)
        namespace["out"] = {"a": np.full(1, float(index))}
        session.show({"a": np.ones(1)})
    session.finish()
    assert verdicts(session.result) == {"out.a": "differs"}


def test_a_tap_below_a_name_that_only_one_side_holds_keeps_its_row():
    with dualcell.dual("numpy: old", "numpy: new") as pair:
        with pair.left:
            y = np.ones(1)
            tap("y.before", np.zeros(1))
        with pair.right:
            y = "text"
            tap("y.before", np.ones(1))
    assert y == "text"
    assert "differs" in verdicts(pair.result).values()
    assert not pair.result.passed
    assert "'y' holds values on one side only, so it was not compared" in pair.result.report.notes


def test_a_number_against_a_tensor_is_a_row():
    with dualcell.dual("numpy: old", "numpy: new") as pair:
        with pair.left:
            loss = 1.0
        with pair.right:
            loss = np.array(2.0)
    assert loss == 2.0
    assert verdicts(pair.result) == {"loss": "differs"}


@pytest.mark.parametrize("capture", ["out", "out = n"])
def test_numbers_that_were_asked_for_under_the_name_out_keep_their_row(capture):
    with dualcell.dual("numpy: old", "numpy: new", captures=[capture, "y"]) as pair:
        with pair.left:
            out = n = 1.0
            y = np.ones(1)
        with pair.right:
            out = n = 2.0
            y = np.ones(1)
    assert out == n == y + 1
    assert verdicts(pair.result) == {"out": "differs", "y": "equal"}


def test_rows_of_captures_do_not_hide_each_other():
    with dualcell.dual("numpy: old", "numpy: new", captures=["a", "a.b = c"]) as pair:
        with pair.left:
            a, c = {"b": np.zeros(1)}, np.ones(1)
        with pair.right:
            a, c = {"b": np.ones(1)}, np.ones(1)
    assert a["b"] is not c
    assert sorted(verdicts(pair.result).values()) == ["differs", "equal"]


def test_a_tap_named_like_a_call_of_another_hides_nothing():
    with dualcell.dual("numpy: old", "numpy: new") as pair:
        for side, first in ((pair.left, 0.0), (pair.right, 9.0)):
            with side:
                tap("a", np.full(1, first))
                tap("a", np.ones(1))
                tap("a[0]", np.ones(1))
    assert sorted(verdicts(pair.result).values()) == ["differs", "equal", "equal"]


def test_an_augmented_assignment_alone_makes_no_value_of_ones_own():
    with dualcell.dual("numpy: old", "numpy: new", captures=["h"]) as pair:
        with pair.left:
            h = np.ones(3)
        with pair.right:
            h *= 1
    assert verdicts(pair.result) == {"h": "missing"}


def test_a_dual_inside_a_dual_does_not_take_its_names():
    with dualcell.dual("numpy: old", "numpy: new") as outer:
        with outer.left:
            y = np.zeros(1)
            with dualcell.dual("numpy: old", "numpy: new") as inner:
                with inner.left:
                    z = np.ones(1)
                with inner.right:
                    z = np.ones(1)
        with outer.right:
            y = np.ones(1)
    assert y[0] == z[0]
    assert verdicts(inner.result) == {"z": "equal"}
    assert verdicts(outer.result) == {"y": "differs"}


def test_the_users_own_error_is_the_one_that_is_raised():
    deep = [np.ones(1)]
    for _ in range(200):
        deep = [deep]
    with pytest.raises(ValueError, match="my own"), dualcell.dual("numpy: old", "numpy: new", captures=["y"]) as pair:
        with pair.left:
            y = np.ones(1)
        with pair.right:
            y = deep
            raise ValueError("my own")
    assert y is deep
    assert not pair.result.passed
    assert "the new block raised ValueError" in pair.result.report.summary
    assert "what came before could not be compared" in pair.result.report.notes[0]


def notes(result):
    return {row.name: row.figures.cause for row in result}


def test_after_an_error_rows_are_missing_as_their_block_did_not_get_there():
    with pytest.raises(ValueError, match="left"), dualcell.dual("numpy: old", "numpy: new", captures=["y"]) as pair:
        with pair.left:
            y = np.ones(1)
            raise ValueError("left")
        with pair.right:
            y = np.ones(1)
    assert notes(pair.result) == {"y": "the new block did not run, so it has no 'y'"}
    with pytest.raises(ValueError, match="right"), dualcell.dual("numpy: old", "numpy: new") as pair:
        with pair.left:
            z = dualcell.tap("h", y)
        with pair.right:
            if len(y):
                raise ValueError("right")
            z = y
    assert notes(pair.result) == {
        "z": "the new block did not finish, so it has no 'z'", "h": "the new block did not finish, so it has no 'h'",
    }  # fmt: skip
    assert len(z) == 1


def test_a_name_that_only_the_block_that_stopped_would_have_bound():
    with pytest.raises(ValueError, match="right"), dualcell.dual("numpy: old", "numpy: new", captures=["w"]) as pair:
        with pair.left:
            pass
        with pair.right:
            if pair:
                raise ValueError("right")
            w = np.ones(1)
            assert len(w) == 1
    assert "the new block stopped before it bound 'w'" in notes(pair.result)["w"]
    assert "neither" not in notes(pair.result)["w"]


def test_a_dual_keeps_nothing_of_its_caller_alive():
    class Big:
        pass

    def run():
        big = Big()
        with dualcell.dual("numpy: old", "numpy: new", captures=["y"]) as pair:
            with pair.left:
                y = np.ones(1)
            with pair.right:
                y = np.ones(1)
        assert y.size == 1
        return weakref.ref(big), pair

    gc.disable()
    try:
        alive, pair = run()
        assert pair.result.passed
        assert alive() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("module", ["tensorflow", "keras", "torch", "jax"])
def test_a_stub_of_a_framework_breaks_no_other_comparison(module):
    code = (
        f"import sys, types, numpy as np, dualcell\nsys.modules[{module!r}] = types.ModuleType({module!r})\n"
        "result = dualcell.compare({'a': np.ones(1), 'b': 'x'}, {'a': np.ones(1), 'b': 'x'})\n"
        "assert result.passed and len(result) == 1"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_object_that_is_no_tensor_is_missing_when_it_was_asked_for():
    with dualcell.dual("numpy: old", "numpy: new", captures=["a", "z"]) as pair:
        with pair.left:
            a, z = [SimpleNamespace(t=0)], np.ones(1)
        with pair.right:
            a, z = [SimpleNamespace(t=1)], np.ones(1)
    assert len(a) == z.size
    assert verdicts(pair.result) == {"a[0]": "unsupported", "z": "equal"}


def test_the_settings_of_a_blocks_own_header_are_said_on_its_side():
    with dualcell.dual("numpy: old --seed 5", "numpy: new", captures=["y"], seed=1) as pair:
        with pair.left:
            y = np.random.rand(2)
        with pair.right:
            y = np.random.rand(2)
    assert y.size == 2
    left, right = pair.result.report.sides
    assert (left.facts["seed"], "seed" in right.facts) == ("5", False)
    assert pair.result.report.settings["seed"] == "1"


@pytest.mark.parametrize("options", [{"seed": np.int64(3)}, {"rtol": Fraction(1, 2), "atol": np.float32(0)}])
def test_numbers_of_other_kinds_are_numbers(options):
    with dualcell.dual("numpy: old", "numpy: new", captures=["y"], **options) as pair:
        with pair.left:
            y = np.random.rand(2)
        with pair.right:
            y = np.random.rand(2)
    assert y.size == 2
    assert "y" in pair.result


def test_a_tensor_that_fails_when_it_is_read_is_unsupported():
    leaf = Captured(ArrayFacts((1,), "float64"), object())
    found = compare_pair(Pair("y", leaf, leaf), Options())
    assert (found.verdict, found.passed) == ("unsupported", False)
    assert found.note.startswith("the values could not be read: TypeError:")
