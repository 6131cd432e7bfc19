"""What a row says must be true: a side's own value, as it was right after its block."""

from __future__ import annotations

import pytest

from tests.notebook.kernel import Kernel

MAGIC = "%%dual{captures}\n{shared}\n# --- numpy ---\n{left}\n# --- numpy: new ---\n{right}"
FENCES = "{shared}\n%dual numpy\n{left}\n%dual numpy: new\n{right}\n%dual diff{captures}"
spelled = pytest.mark.parametrize("form", [MAGIC, FENCES], ids=["magic", "fences"])


def rows(shell: Kernel, form: str, left: str, right: str, *captures: str, shared: str = "pass") -> dict[str, str]:
    """Run a cell; row -> verdict."""
    texts = "".join(f' "{capture}"' for capture in captures)
    shell.succeed(form.format(captures=texts, shared=shared, left=left, right=right))
    return shell.value("{row.name: row.verdict for row in __import__('dualcell').last_result()}")


def causes(shell: Kernel) -> dict[str, str]:
    """Row -> cause of the last result."""
    return shell.value("{row.name: row.cause for row in __import__('dualcell').last_result()}")


# right blocks that bind no `y` of their own; the left block binds one
UNBOUND = {
    "another name": "z = np.ones(3)",
    "nothing": "pass",
    "if False": "if False:\n    y = np.ones(3)",
    "for nothing": "for y in []:\n    pass",
    "while False": "while False:\n    y = np.ones(3)",
    "suppressed": "import contextlib\nwith contextlib.suppress(ZeroDivisionError):\n    1 / 0\n    y = np.ones(3)",
    "try": "try:\n    1 / 0\n    y = np.ones(3)\nexcept ZeroDivisionError:\n    pass",
    "match": "match 1:\n    case 2:\n        y = np.ones(3)",
    "function never called": "def f():\n    global y\n    y = np.ones(3)",
    "method never called": "class A:\n    def f(self):\n        global y\n        y = np.ones(3)",
    "local of a function": "def f():\n    y = np.ones(3)\nf()",
    "comprehension": "x = [y for y in (1, 2)]",
    "lambda argument": "f = lambda y: y\nf(1)",
    "attribute": "class A: pass\nA.y = np.ones(3)",
    "short circuit": "False and (y := np.ones(3))",
    "conditional expression": "z = 1 if True else (y := np.ones(3))",
    "empty comprehension": "z = [(y := x) for x in []]",
    "deleted": "y = np.ones(3)\ndel y",
    "in place": "y[:] = 2",
    "only read": "print(y.sum())",
}


@spelled
@pytest.mark.parametrize("case", UNBOUND)
def test_a_name_the_right_block_did_not_bind_is_missing(shell, form, case):
    assert rows(shell, form, "y = np.ones(3)", UNBOUND[case], "y") == {"y": "missing"}
    assert "new block does not bind 'y'" in causes(shell)["y"]


@spelled
@pytest.mark.parametrize("case", UNBOUND)
def test_nor_is_it_compared_when_nothing_was_asked_for(shell, form, case):
    found = rows(shell, form, "y = np.ones(3)\nok = np.ones(1)", UNBOUND[case] + "\nok = np.ones(1)")
    assert found in ({"ok": "equal"}, {"y": "missing", "ok": "equal"})


@spelled
@pytest.mark.parametrize("case", ["if False", "suppressed", "try", "match"])
def test_a_name_in_both_texts_but_not_in_the_run_is_missing_unasked(shell, form, case):
    found = rows(shell, form, "y = np.ones(3)\nok = np.ones(1)", UNBOUND[case] + "\nok = np.ones(1)")
    assert found == {"y": "missing", "ok": "equal"}
    left = UNBOUND[case].replace(" y ", " w ") + "\nok = np.ones(1)"
    found = rows(shell, form, left, "w = np.ones(3)\nok = np.ones(1)")
    assert found == {"w": "missing", "ok": "equal"}


@spelled
def test_a_second_run_does_not_find_the_firsts_value(shell, form):
    assert rows(shell, form, "y = np.ones(3)", "flag = True\nif flag:\n    y = np.ones(3)", "y") == {"y": "equal"}
    assert rows(shell, form, "y = np.ones(3)", "flag = False\nif flag:\n    y = np.ones(3)", "y") == {"y": "missing"}
    assert rows(shell, form, "flag = False\nif flag:\n    y = np.ones(3)", "y = np.ones(3)", "y") == {"y": "missing"}


@spelled
def test_the_left_block_does_not_get_the_rights_value_of_an_earlier_run(shell, form):
    assert rows(shell, form, "a = np.ones(3)", "y = np.ones(3)", "y")["y"] == "missing"
    assert "numpy block does not bind 'y'" in causes(shell)["y"]
    assert rows(shell, form, "a = np.ones(3)", "y = np.ones(3)", "y")["y"] == "missing"


@spelled
def test_swapped_sides_of_a_pair_are_missing(shell, form):
    assert rows(shell, form, "a = np.ones(3)", "b = np.ones(3)", "a ~ b") == {"a ~ b": "equal"}
    assert rows(shell, form, "a = np.ones(3)", "b = np.ones(3)", "b ~ a") == {"b ~ a": "missing"}


@spelled
def test_an_expression_over_the_other_blocks_name_is_missing(shell, form):
    found = rows(shell, form, "a = np.ones(3)", "b = np.ones(3)", "k = a + 1 ~ a + 1")
    assert found == {"k": "missing"}
    assert "the numpy block binds it" in causes(shell)["k"]


@spelled
def test_what_the_right_block_writes_in_place_does_not_change_the_left(shell, form):
    left = "import torch\na = np.zeros(3)\nb = torch.zeros(3)\nc = {'x': [np.zeros(2)]}"
    right = "a[:] = 5\nb.add_(5)\nc['x'][0] += 5\nd = np.zeros(3)\ne = torch.zeros(3)\nf = {'x': [np.zeros(2)]}"
    found = rows(shell, form, left, right, "a ~ d", "b ~ e", "c ~ f")
    assert list(found.values()) == ["equal"] * 3


@spelled
def test_what_later_cells_write_does_not_change_the_result(shell, form):
    rows(shell, form, "y = np.ones(3)", "y = np.ones(3)")
    shell.succeed("result = __import__('dualcell').last_result()\ny[:] = 9")
    assert shell.value("result['y'].right.tolist()") == [1.0, 1.0, 1.0]


@spelled
def test_the_same_object_bound_again_in_both_blocks_is_compared(shell, form):
    assert rows(shell, form, "y = x", "y = x", shared="x = np.ones(3)") == {"y": "equal"}
    assert rows(shell, form, "y = x", "y = x", "y", shared="x = np.ones(3)") == {"y": "equal"}


@spelled
def test_a_model_of_an_earlier_cell_may_be_used_in_an_expression(shell, form):
    shell.succeed("import torch\nmodel = torch.nn.Linear(2, 1)\nf = lambda x: x * 2")
    assert rows(shell, form, "y = np.ones(3)", "y = np.ones(3)", "f(y)") == {"f(y)": "equal"}
    found = rows(shell, form, "w = model.weight.detach().numpy()", "pass", "w ~ model.weight")
    assert found == {"w ~ model.weight": "equal"}


@spelled
def test_a_name_of_an_earlier_cell_that_neither_block_binds_is_missing(shell, form):
    shell.succeed("y = np.ones(3)")
    assert rows(shell, form, "a = 1", "b = 1", "y") == {"y": "missing"}


@spelled
def test_a_misspelled_capture_is_missing_and_names_the_nearest(shell, form):
    found = rows(shell, form, "probs = np.ones(3)", "probs = np.ones(3)", "prob")
    assert found == {"prob": "missing"}
    assert "Did you mean 'probs'?" in causes(shell)["prob"]


@spelled
def test_an_expression_that_raises_is_missing_with_its_error(shell, form):
    assert rows(shell, form, "y = np.ones(3)", "y = np.ones(3)", "y.nope") == {"y.nope": "missing"}
    assert "raised AttributeError" in causes(shell)["y.nope"]


@spelled
def test_names_of_both_blocks_in_order_of_assignment(shell, form):
    found = rows(shell, form, "b = np.ones(1)\na = np.ones(1)\nc = np.ones(1)", "a = np.ones(1)\nb = np.ones(1)")
    assert list(found) == ["b", "a"]


@spelled
def test_a_name_starting_with_an_underscore_is_private(shell, form):
    assert rows(shell, form, "_y = np.ones(1)\nz = np.ones(1)", "_y = np.ones(1)\nz = np.ones(1)") == {"z": "equal"}
    assert rows(shell, form, "_y = np.ones(1)", "_y = np.ones(1)", "_y") == {"_y": "equal"}


@spelled
def test_both_blocks_start_from_the_shared_value_if_they_do_not_change_it(shell, form):
    assert rows(shell, form, "y = x * 2", "y = x + x", shared="x = np.arange(3.0)") == {"y": "equal"}


@spelled
def test_a_capture_does_not_bind_names(shell, form):
    rows(shell, form, "y = np.ones(3)", "y = np.ones(3)", "k = (q := y)")
    assert not shell.value("'q' in get_ipython().user_ns or 'k' in get_ipython().user_ns")


@spelled
def test_taps_pair_by_name_and_count(shell, form):
    shell.succeed("from dualcell import tap")
    block = "for i in range(2):\n    h = tap('h', np.full(2, i))\nz = tap('once', np.ones(1))"
    found = rows(shell, form, block, block, "z")
    assert found == {"z": "equal", "h[0]": "equal", "h[1]": "equal", "once": "equal"}


@spelled
def test_a_tap_of_one_side_is_missing_on_the_other(shell, form):
    shell.succeed("from dualcell import tap")
    found = rows(shell, form, "y = tap('h', np.ones(2))", "y = np.ones(2)")
    assert found == {"y": "equal", "h": "missing"}


def test_a_tap_outside_a_run_does_nothing(shell):
    shell.succeed("from dualcell import tap\nx = tap('h', np.ones(2))")
    assert shell.value("x.tolist()") == [1.0, 1.0]


@spelled
def test_an_empty_comparison_has_not_passed(shell, form):
    assert rows(shell, form, "a = 1", "b = 1") == {}
    assert shell.value("__import__('dualcell').last_result().passed") is False


@spelled
def test_nested_values_are_rows_with_their_path(shell, form):
    found = rows(shell, form, "y = {'a': [np.ones(1), np.ones(2)]}", "y = {'a': [np.ones(1), np.zeros(2)]}")
    assert sorted(found.values()) == ["differs", "equal"]
    block = "y = {'a': np.ones(1), 'b': np.ones(2)}"
    found = rows(shell, form, block, block, "y/a*")
    assert list(found.values()) == ["equal"]


@spelled
def test_shapes_are_never_broadcast(shell, form):
    assert rows(shell, form, "y = np.ones((3, 1))", "y = np.ones(3)") == {"y": "shape"}


@spelled
def test_a_timed_assignment_is_compared(shell, form):
    left, right = "%time y = np.ones(1)\nok = np.ones(1)", "%time y = np.zeros(1)\nok = np.ones(1)"
    assert rows(shell, form, left, right) == {"y": "differs", "ok": "equal"}


@spelled
def test_a_future_import_may_stand_above_the_blocks(shell, form):
    shared = "from __future__ import annotations"
    assert rows(shell, form, "def f(x: No): return x\ny = f(1.0)", "y = 1.0", "y", shared=shared) == {"y": "equal"}
