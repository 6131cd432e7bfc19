"""The woven module: what replaces a fence, and what stays where it was."""

from __future__ import annotations

import ast

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from dualcell.blocks import RawBlock, RawCell, rewrite
from dualcell.fences import pack, unpack, weave


def woven(cell):
    """The cell in spelling A or B as the compiler would get it."""
    source = TransformerManager().transform_cell(rewrite(cell) if cell.startswith("%%dual") else cell)
    return weave(ast.parse(source), source)


def calls(module):
    """The runtime's verbs with their arguments, in order; the user's own code as text."""
    return [step for statement in module.body for step in steps(statement)]


def steps(statement):
    if isinstance(statement, ast.With):
        inside = [step for inner in statement.body for step in steps(inner)]
        return [verb(statement.items[0].context_expr)[0], *inside, "end"]
    if isinstance(statement, ast.While):
        return [verb(statement.test)[0], *(step for inner in statement.body for step in steps(inner))]
    if isinstance(statement, ast.If) and verb(statement.test):
        return [verb(statement.test)[0]]
    found = verb(statement.value) if isinstance(statement, ast.Expr | ast.Assign) else None
    if found is None:
        return [ast.unparse(statement)]
    return [" ".join(word for word in found if word)]


def verb(node):
    """The runtime verb and its plain arguments; None for other code."""
    if not (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and "dualcell" in ast.unparse(node.func)
    ):
        return None
    return [node.func.attr, *(ast.unparse(argument) for argument in node.args if "((" not in ast.unparse(argument))]


CELL = "%%dual probs\nx = 1\n# --- keras ---\na = x\na\n# --- torch: mine ---\nb = x\nb"


def test_a_cell_is_woven():
    assert calls(woven(CELL)) == [
        "check", "running", "again", "x = 1", "enter 0", "a = x", "show a False", "enter 1", "b = x", "show b False",
        "end", "is_refused", "finish 'always'",
    ]  # fmt: skip


def test_fences_are_woven_alike():
    steps_of_fences = calls(woven("x = 1\n%dual keras\na = x\na\n%dual torch: mine\nb = x\nb\n%dual diff probs"))
    assert steps_of_fences == [
        "check", "x = 1", "running", "again", "enter 0", "a = x", "show a False", "enter 1", "b = x", "show b False",
        "end", "is_refused", "finish 'hook'",
    ]  # fmt: skip


def test_every_statement_keeps_its_line():
    lines = {ast.unparse(node): node.lineno for node in ast.walk(woven(CELL)) if isinstance(node, ast.Assign)}
    assert lines == {"x = 1": 2, "a = x": 4, "b = x": 7}


def test_the_woven_module_compiles():
    assert compile(woven(CELL), "cell", "exec").co_names


def test_a_cell_without_fences_is_left_alone():
    module = ast.parse("x = 1\nif x:\n    get_ipython().run_line_magic('dual', 'keras')")
    assert weave(module, "") is module


def test_a_result_can_be_assigned():
    assert calls(woven("%dual keras\n1\n%dual torch\n2\nr = %dual diff"))[-1] == "finish 'none'"
    assert ast.unparse(woven("%dual keras\n1\n%dual torch\n2\nr = %dual diff").body[-1]).startswith("r = ")


def test_two_runs_are_checked_before_either_runs():
    cell = "%dual keras\n1\n%dual torch\n2\n%dual diff\ny = 3\n%dual keras\n4\n%dual torch\n5\n%dual diff"
    found = calls(woven(cell))
    assert found[:3] == ["check", "check", "running"]
    assert [step for step in found if step.startswith("finish")] == ["finish 'display'", "finish 'hook'"]
    assert found.index("y = 3") > found.index("finish 'display'")


def test_code_after_the_result_stays_outside():
    found = calls(woven("%dual keras\n1\n%dual torch\n2\n%dual diff\nlast = 3"))
    assert found[-2:] == ["finish 'display'", "last = 3"]


@pytest.mark.parametrize(
    ("ending", "silenced"), [("b", False), ("b;", True), ("(b) ;", True), ("b  # ;", False), ("'é'; ", True)]
)
def test_a_semicolon_silences_a_block(ending, silenced):
    show = [step for step in calls(woven(f"%dual keras\n{ending}\n%dual torch\n2")) if step.startswith("show")]
    assert show[0].endswith(str(silenced))


@pytest.mark.parametrize("ending", ["b = 1", "for i in v:\n    i", "del b", "pass"])
def test_only_an_expression_is_shown(ending):
    found = calls(woven(f"%dual keras\n{ending}\n%dual torch\nc = 2"))
    assert not [step for step in found if step.startswith("show")]


def test_only_the_last_expression_of_a_block_is_shown():
    found = calls(woven("%dual keras\nf()\ng()\n%dual torch\nh()"))
    assert [step for step in found if "()" in step] == ["f()", "show g() False", "show h() False"]


def test_the_spec_holds_what_the_text_said():
    raw = RawCell(
        "probs",
        (
            RawBlock("keras", 3, ("a",), ("a",), read=("x", "a")),
            RawBlock("torch : mine", 6, ("b",), ("b",), read=("x", "b")),
        ),
        reads=("x", "a", "b"),
    )
    constants = [node.value for node in ast.walk(woven(CELL)) if isinstance(node, ast.Constant)]
    assert pack(raw) in constants
    assert unpack(pack(raw)) == raw


def test_one_header_only_brings_the_near_ones():
    [spec] = {
        node.value
        for node in ast.walk(woven("%dual keras\n1\n# --- pytroch ---\n2"))
        if isinstance(node, ast.Constant) and isinstance(node.value, tuple) and len(node.value) == 7
    }
    assert unpack(spec).near == ((3, "pytroch"),)


@pytest.mark.parametrize("stray", ["break", "if a:\n    continue", "for i in v:\n    pass\nelse:\n    break"])
def test_a_stray_break_stays_an_error(stray):
    """The loop around a run must not make it legal."""
    module = woven(f"%dual keras\na = 1\n{stray}\n%dual torch\na = 1")
    with pytest.raises(SyntaxError, match="loop"):
        compile(module, "cell", "exec")


def test_a_break_in_a_loop_of_its_own_stays():
    module = woven("%dual keras\nfor i in v:\n    break\n%dual torch\na = [i for i in v]")
    assert "again" in calls(module)
    assert compile(module, "cell", "exec")
