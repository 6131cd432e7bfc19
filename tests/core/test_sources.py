"""The lines of a cell as typed: where they stand, what they make, which are level and which are marked."""

from __future__ import annotations

import ast

import pytest

from dualcell.blocks import SHOWN, makers
from dualcell.fences import weave
from dualcell.sources import Code, CodeLine, Outcome, level, mark, typed_lines

# --- which typed line a parsed line comes from ---


@pytest.mark.parametrize(
    ("source", "typed", "numbers"),
    [
        ("a = 1\nb = 2", "a = 1\nb = 2\n", (1, 2)),
        ("run('ls')\nb = 2\n", "!ls\nb = 2", (1, 2)),
        ("run('a b')\nc = 3", "!a \\\n b\nc = 3", (1, 3)),
        ("x = run('a b c')\nc = 3", "x = !a \\\n b \\\n c\nc = 3", (1, 4)),
        ("y = 1 + \\\n 2\nrun('a b')\nc = 3", "y = 1 + \\\n 2\n%a \\\n b\nc = 3", (1, 2, 3, 5)),
        ("a = 1\r\nb = 2", "a = 1\nb = 2", (1, 2)),
    ],
)
def test_a_line_that_goes_on_is_parsed_as_one(source, typed, numbers):
    assert typed_lines(source, typed).numbers == numbers


@pytest.mark.parametrize("typed", ["", "a = 1\nb = 2\nc = 3"])
def test_text_that_does_not_fit_is_no_source(typed):
    assert typed_lines("a = 1\nb = 2", typed).lines == ()
    assert typed_lines("a = 1\nb = 2", typed).between(1, 3) == ()


# --- what a line makes ---


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("a = 1\nb = a", {1: ("a",), 2: ("b",)}),
        ("h, (c, *_) = f()", {1: ("h", "c", "_")}),
        ("a = (\n    1\n)", {1: ("a",)}),
        ("if x:\n    a = 1\nelse:\n    a = 2", {2: ("a",), 4: ("a",)}),
        ("for i in v:\n    a += i", {1: ("i",), 2: ("a",)}),
        ("def f():\n    b = 1\n    return tap('fc', b)", {1: ("f",), 3: ("fc",)}),
        ("def f():\n    global g\n    g = 1", {1: ("f", "g")}),
        ("import numpy as np\nfrom os import (\n    path,\n)", {1: ("np",), 3: ("path",)}),
        ("h = dualcell.tap('fc', f())", {1: ("h", "fc")}),
        ("tap(name, f())\na = 1", {2: ("a",)}),
        ("f(\n    (b := 2)\n)", {2: ("b",), 1: (SHOWN,)}),
        ("a = 1\na", {1: ("a",), 2: (SHOWN,)}),
        ("match v:\n    case [a, *b]:\n        pass\n    case {**c}:\n        pass", {2: ("a", "b"), 4: ("c",)}),
        ("s.run_line_magic('time', 'y = net(x)')", {1: ("y", SHOWN)}),
        ("", {}),
    ],
)
def test_each_name_has_the_line_that_binds_it(text, made):
    assert makers(ast.parse(text).body) == made


# --- the cell cut into its parts ---


FENCES = """x = 1
get_ipython().run_line_magic('dual', 'keras')
a = x

get_ipython().run_line_magic('dual', 'torch : new')
get_ipython().system('a b')
a = x
get_ipython().run_line_magic('dual', 'diff a')
z = 3
get_ipython().run_line_magic('dual', 'numpy')
1
get_ipython().run_line_magic('dual', 'numpy')
2"""
TYPED = """x = 1
%dual keras
a = x

%dual torch : new
!a \\
  b
a = x
%dual diff a
z = 3
%dual numpy
1
%dual numpy
2
"""


def specs(source: str, typed: str) -> list[tuple]:
    """What the runs of a cell hand to the runtime."""
    nodes = ast.walk(weave(ast.parse(source), source, typed))
    found = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, tuple)]
    return list(dict.fromkeys(value for value in found if len(value) == 7))


def parts(spec: tuple) -> list[list[tuple[int, str]]]:
    """(number, text) of the lines above, left, right and below."""
    _, (left, right), _, _, _, above, below = spec
    return [[(line[0], line[1]) for line in lines] for lines in (above, left[-1], right[-1], below)]


def test_every_line_of_a_cell_stands_in_one_part_as_it_was_typed():
    first, second = specs(FENCES, TYPED)
    assert parts(first) == [
        [(1, "x = 1")],
        [(2, "%dual keras"), (3, "a = x")],
        [(5, "%dual torch : new"), (6, "!a \\"), (7, "  b"), (8, "a = x")],
        [(9, "%dual diff a")],
    ]
    assert parts(second) == [[(10, "z = 3")], [(11, "%dual numpy"), (12, "1")], [(13, "%dual numpy"), (14, "2")], []]
    text = TYPED.split("\n")
    numbers = [number for spec in (first, second) for part in parts(spec) for number, _ in part]
    assert [number for number in range(1, len(text)) if number not in numbers] == [4]  # a blank line at a block's end


def test_names_stand_at_the_typed_line():
    first, _ = specs(FENCES, TYPED)
    assert [line[:3] for line in first[1][1][-1] if line[2]] == [(8, "a = x", ("a",))]


def test_without_the_typed_text_there_is_no_code():
    assert parts(specs(FENCES, "")[0]) == [[], [], [], []]


# --- level with each other ---


def lines(*names: str, start: int = 1) -> tuple[CodeLine, ...]:
    """Lines that make what is named; `-` makes nothing."""
    return tuple(
        CodeLine(number, name, () if name == "-" else tuple(name.split(",")))
        for number, name in enumerate(names, start)
    )


def drawn(left: str, right: str) -> list[str]:
    """Both sides, one text a row; `.` is a gap."""
    rows = level(Code(lines(*left.split()), lines(*right.split())))
    return [" ".join(one.text if one else "." for one in row) for row in rows]


@pytest.mark.parametrize(
    ("left", "right", "rows"),
    [
        ("h y", "h y", ["h h", "y y"]),
        ("- - h - y", "- h - - y", ["- -", "- .", "h h", "- -", ". -", "y y"]),
        ("- y - -", "- - - y", ["- -", ". -", ". -", "y y", "- .", "- ."]),
        ("h y", "y h", ["h .", "y y", ". h"]),  # both cannot be
        ("x x h", "x h", ["x .", "x x", "h h"]),  # the last is what was captured
        ("h,c y", "h c y", [". h", "h,c c", "y y"]),
        ("h c y", "h,c y", ["h .", "c h,c", "y y"]),
        ("- -", "-", ["- -", "- ."]),
    ],
)
def test_lines_that_make_the_same_are_level(left, right, rows):
    assert drawn(left, right) == rows


def test_no_line_is_lost_and_none_is_out_of_order():
    left, right = lines(*"abcabcxyz"), lines(*"cbazyxabc")
    rows = level(Code(left, right))
    assert [row[0] for row in rows if row[0]] == list(left)
    assert [row[1] for row in rows if row[1]] == list(right)


def test_a_long_cell_is_level_in_a_moment():
    code = Code(lines(*["x"] * 3000), lines(*["x", "y"] * 1500))
    assert len(level(code)) >= 3000


def test_a_cell_of_many_captures_is_marked_in_a_moment():
    names = [f"h{number}" for number in range(2000)]
    code = mark(Code(lines(*names), lines(*names)), [outcome(name, "equal") for name in names], ("keras", "torch"))
    assert [line.verdict for line in code.left] == ["equal"] * 2000
    assert len(level(code)) == 2000


# --- marked ---


def outcome(row: str, verdict: str = "differs", left: str = "", right: str = "", **more: str) -> Outcome:
    name = row.partition(".")[0]
    failed = verdict not in ("equal", "close")
    return Outcome(row, name, verdict, failed, (left or name,), (right or name,), **more)


def marked(code: Code, *outcomes: Outcome) -> list[list[str]]:
    """The verdicts of both sides, with `!` where a line is marked."""
    after = mark(code, outcomes, ("keras", "torch"))
    return [["!" * line.failed + line.verdict for line in side] for side in (after.left, after.right)]


def test_the_last_line_that_makes_a_row_says_what_became_of_it():
    code = Code(lines("x", "-", "x"), lines("x"))
    assert marked(code, outcome("x")) == [["", "", "!differs"], ["!differs"]]
    assert marked(code, outcome("x", "equal")) == [["", "", "equal"], ["equal"]]


def test_a_line_that_makes_several_rows_counts_those_that_failed():
    code = Code(lines("out"), lines("out"))
    rows = [outcome(f"out.h{number}", "equal") for number in range(3)]
    assert marked(code, *rows) == [["3 rows: equal"]] * 2
    assert marked(code, *rows, outcome("out.y"), outcome("out.z", "shape")) == [["!2 of 5 rows: differs, shape"]] * 2
    assert marked(code, *rows, outcome("out.y")) == [["!out.y: differs"]] * 2


def test_a_row_that_its_line_does_not_name_is_named():
    code = Code(lines("h,c", "dense"), lines("h,c", "linear"))
    found = marked(code, outcome("c"), outcome("kernel", "equal", "dense", "linear"))
    assert found == [["!c: differs", "kernel: equal"]] * 2


def test_a_row_with_two_names_on_the_two_sides_is_level():
    code = mark(
        Code(lines("-", "dense"), lines("linear")), [outcome("kernel", "equal", "dense", "linear")], ("keras", "torch")
    )
    assert [tuple(one and one.number for one in row) for row in level(code)] == [(1, None), (2, 1)]


def test_a_name_that_is_not_captured_levels_nothing():
    code = mark(Code(lines("-", "x"), lines("x", "-")), [], ("keras", "torch"))
    assert [tuple(one and one.number for one in row) for row in level(code)] == [(1, 1), (2, 2)]


@pytest.mark.parametrize(
    ("outcomes", "sentence"),
    [
        ([outcome("x", "equal"), outcome("y")], "line 3 (keras) and line 7 (torch) make 'y': differs."),
        ([outcome("y"), outcome("x", "shape")], "line 1 (keras) and line 5 (torch) make 'x': shape."),
        ([outcome("y", more="max abs 0.03")], "line 3 (keras) and line 7 (torch) make 'y': differs, max abs 0.03."),
        ([outcome("only", "missing")], "line 6 (torch) makes 'only': missing."),
        ([outcome("only", "missing"), outcome("y")], "line 3 (keras) and line 7 (torch) make 'y': differs."),
    ],
)
def test_the_first_divergent_line_is_said_in_words(outcomes, sentence):
    code = Code(lines("x", "-", "y"), lines("x", "only", "y", start=5))
    assert mark(code, outcomes, ("keras", "torch")).first == f"First divergence: {sentence}"


@pytest.mark.parametrize("outcomes", [[], [outcome("x", "equal")], [outcome("tap in a module")]])
def test_no_line_is_named_where_none_diverged_or_none_is_known(outcomes):
    assert mark(Code(lines("x"), lines("x")), outcomes, ("keras", "torch")).first == ""
