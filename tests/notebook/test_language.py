"""What a notebook's language allows, a dual cell allows."""

from __future__ import annotations

import re

import pytest

from tests.notebook.kernel import Kernel, marked

SPELLINGS = {
    "magic": ("%%dual", "# --- numpy ---", "# --- numpy: new ---", "# the end"),
    "fences": ("# a cell", "%dual numpy", "%dual numpy: new", "%dual diff"),
}


def dual_cell(spelling: str, left: str, right: str, shared: str = "pass") -> str:
    """A cell of two numpy blocks without captures, in one of the spellings."""
    first, before, between, end = SPELLINGS[spelling]
    return "\n".join([first, shared, before, left, between, right, end])


def verdicts(shell: Kernel) -> dict[str, str]:
    """Row -> verdict of the last result."""
    return shell.value("{row.name: row.verdict for row in __import__('dualcell').last_result()}")


spelled = pytest.mark.parametrize("spelling", SPELLINGS)

# a block that binds `y`; the other block is `y = np.arange(3.0)`
BLOCKS = {
    "await": "import asyncio\nawait asyncio.sleep(0)\ny = np.arange(3.0)",
    "async with": """\
class Manager:
    async def __aenter__(self): return 3.0
    async def __aexit__(self, *_): pass
async with Manager() as size:
    y = np.arange(size)""",
    "async for": """\
async def count():
    for i in range(3): yield float(i)
y = np.array([i async for i in count()])""",
    "shell line": "!echo hello\ny = np.arange(3.0)",
    "shell assignment": "words = !echo 3\ny = np.arange(float(words[0]))",
    "shell in if": "if True:\n    words = !echo 3\ny = np.arange(float(words[0]))",
    "line magic": "%precision 3\ny = np.arange(3.0)",
    "magic assignment": "here = %pwd\ny = np.arange(3.0) if here else None",
    "magic %time": "%time z = np.arange(3.0)\ny = z",
    "help": "y = np.arange(3.0)\nnp.arange?",
    "comprehension": "size = 3\ny = np.array([float(i) for i in range(size) if i < size])",
    "nested comprehension": "rows = [[0.0], [1.0, 2.0]]\ny = np.array([x for row in rows for x in row if rows])",
    "closure": "size = 3\ndef make():\n    return np.arange(float(size))\ny = make()",
    "lambda": "size = 3\ny = (lambda: np.arange(float(size)))()",
    "recursion": "def f(n): return [] if n == 0 else f(n - 1) + [n - 1.0]\ny = np.array(f(3))",
    "global": "def make():\n    global y\n    y = np.arange(3.0)\nmake()",
    "class": """\
class Model:
    size = 3
    def __call__(self):
        return np.arange(float(self.size))
y = Model()()""",
    "decorator": "def twice(f): return lambda *a: f(*a) / 1\n@twice\ndef f(n): return np.arange(n)\ny = f(3.0)",
    "if": "if np.ones(1).sum() == 1:\n    y = np.arange(3.0)\nelse:\n    y = None",
    "for": "y = np.zeros(3)\nfor i in range(3):\n    y = y + (np.arange(3) == i) * i",
    "while": "i = 0\nwhile i < 3:\n    i += 1\n    y = np.arange(float(i))",
    "try": "try:\n    y = undefined\nexcept NameError as error:\n    y = np.arange(3.0)\nfinally:\n    done = True",
    "with": "import contextlib\nwith contextlib.nullcontext(3.0) as size:\n    y = np.arange(size)",
    "torch.no_grad": "import torch\nwith torch.no_grad():\n    y = torch.arange(3.0, dtype=torch.float64)",
    "match": "match 3.0:\n    case float(size):\n        y = np.arange(size)",
    "walrus": "(y := np.arange(3.0))",
    "unpacking": "y, *rest = np.arange(3.0), 1, 2",
    "annotated": "y: np.ndarray = np.arange(3.0)",
    "augmented": "y = np.arange(3.0) - 1\ny += 1",
    "chained": "z = y = np.arange(3.0)",
    "semicolons": "z = 1; y = np.arange(3.0); z",
    "import as": "import numpy.linalg as la\ny = np.arange(3.0)",
    "string with headers": """\
text = '''
# --- keras ---
%dual torch
# --- torch: x ---
'''
y = np.arange(float(len(text.split()) - 8))""",
    "f-string with a header": """\
text = f'''
# --- keras --- {1 + 1}
'''
assert text.split() == ['#', '---', 'keras', '---', '2']
y = np.arange(3.0)""",
    "docstring with a header": 'def f():\n    """Text.\n\n# --- torch ---\n    """\n    return np.arange(3.0)\ny = f()',
    "indented header-like comment": "if True:\n    # --- torch ---\n    y = np.arange(3.0)",
    "comment like a header": "# --- results ---- of the thing\n# --- torch.nn is not used\ny = np.arange(3.0)",
    "line continuation": "y = \\\n    np.arange(3.0)",
    "brackets over lines": "y = np.array([\n    0.0,\n    # --- a comment\n    1.0,\n    2.0,\n])",
    "unicode": "größe = 3.0\ny = np.arange(größe)  # ü 漢字",
    "star import": "from math import *\ny = np.arange(floor(3.5) * 1.0)",
    "del": "z = np.ones(1)\ny = np.arange(3.0)\ndel z",
    "dollar and braces": "x = {'a': 3.0}\ny = np.arange(x['a']); s = '{x} $x'\nassert s[0] == '{' and s[-2] == '$'",
}


@spelled
@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_may_be_any_python(shell, spelling, name):
    shell.succeed(dual_cell(spelling, "y = np.arange(3.0)", BLOCKS[name]))
    assert verdicts(shell)["y"] == "equal"
    shell.succeed(dual_cell(spelling, BLOCKS[name], "y = np.arange(3.0)"))
    assert verdicts(shell)["y"] == "equal"


@spelled
def test_the_shared_lines_may_be_any_python(shell, spelling):
    shared = "import asyncio\nawait asyncio.sleep(0)\nsize = !echo 3\nx = np.arange(float(size[0]))"
    shell.succeed(dual_cell(spelling, "y = x + 1", "y = 1 + x", shared))
    assert verdicts(shell) == {"y": "equal"}


@spelled
def test_names_stay_after_the_cell(shell, spelling):
    shell.succeed(dual_cell(spelling, "a = 1\ny = np.ones(1)", "b = 2\ny = np.zeros(1)", "x = 0"))
    assert shell.value("(x, a, b, float(y[0]))") == (0, 1, 2, 0.0)


# --- last expressions ---


@spelled
def test_last_expressions_show_in_order_and_are_compared_as_out(shell, spelling):
    reply = shell.succeed(dual_cell(spelling, "np.ones(2)", "np.ones(2) * 1"))
    assert reply.lanes == ["array([1., 1.])"] * 2
    assert len(reply.shown) == 1
    assert verdicts(shell) == {"out": "equal"}


@spelled
@pytest.mark.parametrize(
    ("left_end", "right_end", "shown"),
    [("", "", "lr"), (";", "", "r"), ("", ";", "l"), (";", ";", ""), (" ;  # quiet", ";", ""), ("", "  # loud;", "lr")],
)
def test_a_semicolon_silences_its_own_block_only(shell, spelling, left_end, right_end, shown):
    reply = shell.succeed(dual_cell(spelling, f"np.ones(2){left_end}", f"np.ones(2){right_end}"))
    assert reply.lanes == (["array([1., 1.])" * (side in shown) for side in "lr"] if shown else [])
    assert "1 row passed" in reply.shown[-1]
    assert verdicts(shell) == {"out": "equal"}


def test_a_semicolon_at_the_very_end_of_a_magic_cell_leaves_the_table(shell):
    reply = shell.succeed("%%dual\n# --- numpy ---\nnp.ones(2)\n# --- numpy ---\nnp.ones(2);")
    assert reply.lanes == ["array([1., 1.])", ""]
    assert "1 row passed" in reply.shown[0]


def test_a_semicolon_after_diff_silences_the_table(shell):
    reply = shell.succeed("%dual numpy\ny = np.ones(2)\n%dual numpy\ny = np.ones(2)\n%dual diff y;")
    assert reply.shown == []
    assert verdicts(shell) == {"y": "equal"}


def test_a_semicolon_after_diff_leaves_what_was_printed(shell):
    reply = shell.succeed("%dual numpy\nprint('left')\ny = np.ones(2)\n%dual numpy\ny = np.ones(2)\n%dual diff y;")
    assert reply.lanes == ["left", ""]
    assert "1 row passed" not in reply.shown[0]


@spelled
def test_a_last_none_shows_nothing(shell, spelling):
    reply = shell.succeed(dual_cell(spelling, "y = np.ones(2)\nNone", "y = np.ones(2)\nprint('x')"))
    assert len(reply.shown) == 1


@spelled
def test_rich_values_of_both_blocks_show_as_in_their_own_cell(shell, spelling):
    frame = "import pandas as pd\ny = np.ones(1)\npd.DataFrame({'a': [1]})"
    reply = shell.succeed(dual_cell(spelling, frame, frame))
    (page,) = [content["data"]["text/html"] for _, content in reply.messages if "data" in content]
    assert page.count('class="dataframe"') == 2
    assert page.count('class="dualcell-v1"') == 1


@pytest.mark.parametrize(
    ("mode", "arrays", "tables"),
    [("last_expr", 2, 1), ("all", 4, 1), ("none", 0, 0), ("last", 2, 1), ("last_expr_or_assign", 2, 1)],
)
@spelled
def test_ast_node_interactivity(shell, spelling, mode, arrays, tables):
    shell.succeed(f"get_ipython().ast_node_interactivity = {mode!r}")
    reply = shell.succeed(dual_cell(spelling, "np.zeros(1)\nnp.ones(2)", "np.zeros(1)\nnp.ones(2)"))
    shell.succeed("get_ipython().ast_node_interactivity = 'last_expr'")
    assert "\n".join(reply.lanes).count("array") == arrays
    assert sum("dualcell: " in text for text in reply.shown) == tables


# --- the result ---


def test_the_result_is_the_cells_value(shell):
    reply = shell.succeed(dual_cell("magic", "y = np.ones(2)", "y = np.ones(2)"))
    assert reply.is_one_result
    assert shell.value("(type(_).__name__, _.passed)") == ("DualResult", True)
    assert shell.value("_ is __import__('dualcell').last_result() and Out[max(Out)] is _")


def test_a_result_can_be_assigned(shell):
    reply = shell.succeed("%dual numpy\ny = np.ones(2)\n%dual numpy\ny = np.ones(2)\nresult = %dual diff y")
    assert reply.shown == []
    assert shell.value("(result.passed, len(result))") == (True, 1)


@spelled
def test_out_stores_the_result(shell, spelling):
    cell = dual_cell(spelling, "y = np.ones(2)", "y = np.ones(2)")
    shell.succeed(cell.replace("%%dual", "%%dual --out kept").replace("%dual diff", "%dual diff --out kept"))
    assert shell.value("kept is __import__('dualcell').last_result()")


def test_code_after_diff_runs_and_the_table_still_shows(shell):
    reply = shell.succeed("%dual numpy\ny = np.ones(2)\n%dual numpy\ny = np.ones(2)\n%dual diff y\nz = 5\nz + 1")
    assert ("1 row passed" in reply.shown[0], reply.shown[1]) == (True, "6")


def test_code_before_the_fences_runs_once_outside_any_block(shell):
    before = "n = 0\nn += 1\nfor i in range(2):\n    n += 1\n"
    shell.succeed(before + "%dual numpy\ny = np.ones(2)\n%dual numpy\ny = np.ones(2)")
    assert shell.value("n") == 3


def test_two_comparisons_in_one_cell(shell):
    reply = shell.succeed(
        "%dual numpy\na = np.ones(2)\n%dual numpy\na = np.ones(2)\n%dual diff a\nz = 1\n"
        "%dual numpy\nb = np.ones(2)\n%dual numpy\nb = np.zeros(2)\n%dual diff b"
    )
    assert ["1 row passed" in text for text in reply.shown] == [True, False]
    assert reply.kinds[:-1] == ["display_data"]
    assert verdicts(shell) == {"b": "differs"}


def test_fences_without_diff_compare_at_the_end_of_the_cell(shell):
    reply = shell.succeed("%dual numpy\ny = np.ones(2)\n%dual numpy\ny = np.ones(2)\nz = 1")
    assert "1 row passed" in reply.shown[0]


def test_a_magic_cell_takes_fences_as_headers(shell):
    shell.succeed("%%dual\n%dual numpy\ny = np.ones(2)\n%dual numpy: new\ny = np.ones(2)")
    assert verdicts(shell) == {"y": "equal"}


# --- other magics around ---


def test_time_over_fences(shell):
    reply = shell.succeed("%%time\n%dual numpy\ny = np.ones(2)\n%dual numpy\ny = np.ones(2)\n%dual diff y")
    assert "Wall time" in reply.stdout
    assert "1 row passed" in reply.shown[-1]


def test_time_over_a_dual_cell(shell):
    reply = shell.succeed("%%time\n%%dual y\n# --- numpy ---\ny = np.ones(2)\n# --- numpy ---\ny = np.ones(2)")
    assert "Wall time" in reply.stdout
    assert "1 row passed" in reply.shown[-1]


@spelled
def test_capture_takes_the_table(shell, spelling):
    body = dual_cell(spelling, "print('left')\ny = np.ones(2)", "y = np.ones(2)")
    reply = shell.succeed("%%capture kept\n" + body)
    assert reply.shown == []
    assert shell.value("kept.stdout") == "left\n"
    assert "1 row passed" in shell.value("kept.outputs[-1].data['text/plain']")


def test_run_cell_magic(shell):
    code = "# --- numpy ---\nprint('left')\ny = np.ones(2)\ny\n# --- numpy ---\ny = np.ones(2)"
    reply = shell.succeed(f"result = get_ipython().run_cell_magic('dual', 'y', {code!r})")
    assert reply.lanes == ["left\narray([1., 1.])", ""]
    assert len(reply.shown) == 1
    assert shell.value("(result.passed, type(result).__name__)") == (True, "DualResult")


def test_run_cell_magic_that_fails_has_no_frame_of_dualcell(shell):
    code = "# --- numpy ---\ny = np.ones(2)\n# --- numpy ---\n1 / 0"
    reply = shell.run(f"get_ipython().run_cell_magic('dual', 'y', {code!r})")
    assert (reply.status, reply.kinds) == ("error", ["display_data", "error"])
    assert "dualcell/" not in reply.traceback
    assert reply.arrows[-1] == (5, "1 / 0")


def test_run_cell_magic_without_blocks_is_refused(shell):
    reply = shell.run("get_ipython().run_cell_magic('dual', 'y', 'y = 1')")
    assert (reply.status, reply.kinds) == ("error", [])
    assert "No header found" in reply.stderr


@spelled
def test_a_nested_run_cell(shell, spelling):
    inner = dual_cell(spelling, "inner = np.ones(1)", "inner = np.zeros(1)")
    outer = dual_cell(spelling, f"y = np.ones(2)\nget_ipython().run_cell({inner!r}).result;", "y = np.ones(2)")
    (text,) = shell.succeed(outer).shown
    assert text.index("1 of 1 row failed") < text.index("1 row passed")
    assert verdicts(shell) == {"y": "equal"}


def test_a_cell_inside_a_loop_of_run_cell(shell):
    cell = dual_cell("magic", "y = np.ones(i)", "y = np.ones(i)")
    reply = shell.succeed(f"for i in (1, 2, 3):\n    get_ipython().run_cell({cell!r})")
    assert sum("1 row passed" in text for text in reply.shown) == 3


# --- help ---


@pytest.mark.parametrize("line", ["%%dual --help", "%%dual -h", "%dual --help", "%dual", "%%dual --help\ny = 1"])
def test_help_prints_the_options(shell, line):
    reply = shell.succeed(line)
    assert reply.kinds == []
    for word in ("--device", "--seed", "--strict", "# --- keras ---", "%dual diff", *LINES.values()):
        assert word in reply.stdout


LINES = {
    "weights": "%dual weights SOURCE -> TARGET [--apply] [--partial] [--allow-dtype]",
    "init": "%dual init [MODEL [MODEL]]",
    "power": "%dual power",
}


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("line", ["%dual {} --help", "%dual {} -h", "if True:\n    %dual {} x --help"])
def test_each_line_has_a_help_of_its_own(shell, name, line):
    reply = shell.succeed(line.format(name))
    assert reply.kinds == []
    assert reply.stdout.startswith(f"usage: {LINES[name]}\n\n")
    assert "--device" not in reply.stdout
    assert ("--allow-dtype   with --apply: let values be rounded" in reply.stdout) == (name == "weights")


@pytest.mark.parametrize("line", ["%%dual?", "%dual?", "?%%dual"])
def test_a_question_mark_shows_the_options(shell, line):
    reply = shell.succeed(line)
    pages = [page["data"]["text/plain"] for page in reply.content["payload"]]
    assert len(pages) == 1
    assert "--device" in pages[0]


# --- the text of a cell ---


@spelled
def test_windows_line_endings(shell, spelling):
    cell = dual_cell(spelling, "y = np.ones(2)\ny", "y = np.ones(2)\ny;").replace("\n", "\r\n")
    reply = shell.succeed(cell)
    assert reply.lanes == ["array([1., 1.])", ""]
    assert verdicts(shell) == {"y": "equal", "out": "equal"}


@pytest.mark.parametrize("spelling", ["magic"])
def test_windows_line_endings_keep_the_line_of_an_error(shell, spelling):
    cell = dual_cell(spelling, "y = np.ones(2)", "y = undefined  # boom")
    failed = shell.run(cell.replace("\n", "\r\n"))
    assert failed.arrows == [(marked(cell, "# boom"), "y = undefined  # boom")]


@pytest.mark.parametrize("blank", ["\n", "\n\n  \n"])
def test_blank_lines_before_the_magic(shell, blank):
    shell.succeed(blank + dual_cell("magic", "y = np.ones(2)", "y = np.ones(2)"))
    assert verdicts(shell) == {"y": "equal"}


@spelled
@pytest.mark.parametrize("end", ["", "\n", "\n\n\n", "\n# a comment", "  "])
def test_the_end_of_a_cell_is_free(shell, spelling, end):
    shell.succeed(dual_cell(spelling, "y = np.ones(2)", "y = np.ones(2)") + end)
    assert verdicts(shell) == {"y": "equal"}


@spelled
def test_a_block_of_comments_only(shell, spelling):
    reply = shell.succeed(dual_cell(spelling, "y = np.ones(2)", "# to do"))
    assert "nothing was compared" in reply.shown[0]
    assert "new binds nothing" in reply.shown[0]
    assert shell.value("bool(_)") is False


@spelled
def test_a_name_asked_of_a_block_of_comments_is_missing(shell, spelling):
    cell = dual_cell(spelling, "y = np.ones(2)", "# to do").replace("%%dual", "%%dual y").replace("diff", "diff y")
    shell.succeed(cell)
    assert verdicts(shell) == {"y": "missing"}


HEADERS = (
    "# --- numpy ---", "#--- numpy", "# -- numpy --", "#  ------ NumPy ------", "# --- numpy: my port ---",
    "# --- numpy --seed 1 ---",
)  # fmt: skip


@pytest.mark.parametrize("header", HEADERS)
def test_headers_are_read_loosely(shell, header):
    shell.succeed(f"%%dual\n# --- torch ---\nimport torch\ny = torch.ones(2)\n{header}\ny = np.ones(2, 'float32')")
    assert verdicts(shell) == {"y": "equal"}


@pytest.mark.parametrize(
    ("capture", "row"),
    [("\"{'a': y}['a']\"", "{'a': y}['a']"), ("y[{0:1}[0]:]", "y[{0:1}[0]:]"), ('"y * {1: n}[1]"', "y * {1: n}[1]")],
)
@spelled
def test_braces_in_captures_are_not_expanded(shell, spelling, capture, row):
    shell.succeed("n = 2")
    cell = dual_cell(spelling, "y = np.ones(3)", "y = np.ones(3)")
    shell.succeed(cell.replace("%%dual", f"%%dual {capture}").replace("diff", f"diff {capture}"))
    assert verdicts(shell) == {row: "equal"}


@spelled
def test_a_dollar_in_a_capture_is_not_expanded(shell, spelling):
    shell.succeed("y = 'z'")
    cell = dual_cell(spelling, "y = np.ones(3)", "y = np.ones(3)")
    reply = shell.run(cell.replace("%%dual", "%%dual $y").replace("diff", "diff $y"))
    assert "'$y' is not a Python expression" in reply.stderr


def test_the_input_history_holds_the_cell_as_typed(shell):
    cell = dual_cell("magic", "y = np.ones(2)", "y = np.ones(2)")
    shell.succeed(cell)
    assert shell.value("get_ipython().history_manager.input_hist_raw[-1]") == cell


def test_inspect_shows_a_function_of_a_block_as_typed(shell):
    function = "def f(x):\n    # --- numpy ---- inside\n    return x"
    shell.succeed(dual_cell("magic", f"{function}\ny = np.ones(1)", "y = np.ones(1)"))
    assert shell.value("__import__('inspect').getsource(f)").rstrip() == function


def test_html_and_text_come_with_the_machine_data_in_the_metadata(shell):
    reply = shell.succeed(dual_cell("magic", "y = np.ones(2)", "y = np.zeros(2)"))
    (content,) = [content for kind, content in reply.messages if kind == "execute_result"]
    assert set(content["data"]) == {"text/html", "text/markdown", "text/plain"}
    assert re.search(r"<table", content["data"]["text/html"])
    assert content["metadata"]["dualcell"]
