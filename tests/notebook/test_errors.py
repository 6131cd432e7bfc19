"""A cell that fails while it runs: the partial table, one native traceback, the queue stops."""

from __future__ import annotations

import re

import pytest

from tests.notebook.kernel import Reply, marked

# the line that fails ends with `# boom`; the cells have the same lines in both spellings where they can
RAISING = {
    "first line of the right block": """\
%%dual y
# --- numpy ---
y = np.ones(3)
# --- numpy: new ---
y = np.ones(3).nothing  # boom
z = 1""",
    "middle of the right block": """\
%%dual y
x = 1
# --- numpy ---
y = np.ones(3)

# --- numpy: new ---
a = 1
# a comment

y = np.ones(3) / undefined  # boom
b = 2""",
    "last expression of the right block": """\
%%dual y
# --- numpy ---
y = np.ones(3)
y
# --- numpy: new ---
y = np.ones(3)
y.nothing  # boom""",
    "last expression of the left block": """\
%%dual y
# --- numpy ---
y = np.ones(3)
y.nothing  # boom
# --- numpy: new ---
y = np.ones(3)""",
    "shared lines": """\
%%dual y
x = 1
x.nothing  # boom
# --- numpy ---
y = np.ones(3)
# --- numpy: new ---
y = np.ones(3)""",
    "a statement of many lines": """\
%%dual y
# --- numpy ---
y = np.ones(3)
# --- numpy: new ---
y = np.add(
    np.ones(3),
    undefined,  # boom
)""",
    "under if and with": """\
%%dual y
import contextlib
# --- numpy ---
y = np.ones(3)
# --- numpy: new ---
if True:
    with contextlib.nullcontext():
        y = undefined  # boom""",
    "middle, fences": """\
x = 1
%dual numpy
y = np.ones(3)
%dual numpy: new
a = 1
y = np.ones(3) / undefined  # boom
b = 2
%dual diff y""",
    "last expression, fences": """\
%dual numpy
y = np.ones(3)
%dual numpy: new
y = np.ones(3)

y.nothing  # boom
%dual diff y""",
    "before the fences": """\
x = 1
x.nothing  # boom
%dual numpy
y = np.ones(3)
%dual numpy: new
y = np.ones(3)
%dual diff y""",
    "after the diff": """\
%dual numpy
y = np.ones(3)
%dual numpy: new
y = np.ones(3)
%dual diff y
x = undefined  # boom""",
    "after await": """\
%%dual y
import asyncio
# --- numpy ---
y = np.ones(3)
# --- numpy: new ---
await asyncio.sleep(0)
y = undefined  # boom
await asyncio.sleep(0)""",
    "no diff line": """\
%dual numpy
y = np.ones(3)
%dual numpy: new
y = np.ones(3)
x = undefined  # boom""",
    "a second comparison": """\
%dual numpy
y = np.ones(3)
%dual numpy: new
y = np.ones(3)
%dual diff y
%dual numpy
z = np.ones(3)
%dual numpy: new
z = undefined  # boom
%dual diff z""",
}
TABLE = re.compile(r"^dualcell: ", re.MULTILINE)


def in_function(spelling: str) -> str:
    """A cell whose right block defines a function that fails when that block calls it."""
    first, headers = {
        "magic": ("%%dual y", ("# --- numpy ---", "# --- torch ---")),
        "fences": ("# fences", ("%dual numpy", "%dual torch")),
    }[spelling]
    return f"""\
{first}
{headers[0]}
y = np.ones(3)
{headers[1]}
import torch

def forward(x):
    hidden = x + 1
    return hidden.nothing  # boom

y = forward(torch.ones(3))  # call"""


def one_error(reply: Reply) -> bool:
    """Whether the reply is an error with one traceback and no frame of dualcell."""
    assert reply.status == "error"
    assert reply.kinds.count("error") == 1
    assert reply.kinds[-1] == "error"
    assert "dualcell/" not in reply.traceback
    assert "dualcell\\" not in reply.traceback
    return True


@pytest.mark.parametrize("case", RAISING)
def test_the_traceback_names_the_visible_line(shell, case):
    cell = RAISING[case]
    failed, queued = shell.queue(cell, "queued = True")
    assert one_error(failed)
    line = marked(cell, "# boom")
    assert failed.arrows == [(line, cell.split("\n")[line - 1].strip())]
    assert queued.status == "aborted"


@pytest.mark.parametrize("spelling", ["magic", "fences"])
def test_a_function_of_the_block_has_its_own_frame(shell, spelling):
    cell = in_function(spelling)
    failed, queued = shell.queue(cell, "queued = True")
    assert one_error(failed)
    assert [line for line, _ in failed.arrows] == [marked(cell, "# call"), marked(cell, "# boom")]
    assert queued.status == "aborted"


def test_a_function_of_the_block_that_fails_later_is_quoted_as_seen(shell):
    shell.succeed(in_function("magic").replace("hidden.nothing", "hidden").replace("# boom", "# fine"))
    failed = shell.run("forward(None)")
    assert one_error(failed)
    assert failed.arrows[1] == (8, "hidden = x + 1")
    assert failed.arrows[0] == (1, "forward(None)")


def test_the_traceback_quotes_the_cell_as_the_user_sees_it(shell):
    cell = "%%dual y\n# --- numpy ---\ny = np.ones(3)\n# --- numpy: new ---\ny = undefined\n# --- end"
    failed = shell.run(cell)
    assert "# --- numpy: new ---" in failed.traceback
    assert "get_ipython" not in failed.traceback
    assert "run_line_magic" not in failed.traceback


@pytest.mark.parametrize("case", [name for name in RAISING if "right" in name or name.startswith("last")])
def test_the_partial_table_comes_before_the_error(shell, case):
    failed = shell.run(RAISING[case])
    tables = [text for text in failed.shown if TABLE.search(text)]
    assert len(tables) == 1
    assert failed.kinds[-2:] == ["display_data", "error"]
    assert re.search(r"block raised (AttributeError|NameError); before that: ", tables[0])


def test_what_the_failing_block_had_bound_is_compared(shell):
    failed = shell.run(
        "%%dual\n# --- numpy ---\na = np.ones(2)\nb = np.ones(2)\n# --- numpy: new ---\na = np.ones(2)\n1 / 0\nb = 1"
    )
    table = failed.shown[0]
    assert "new block raised ZeroDivisionError; before that: 1 equal, 1 missing" in table
    assert failed.kinds == ["display_data", "error"]


def test_a_magic_of_the_block_that_refuses_leaves_the_partial_table(shell):
    cell = "%%dual y\n# --- numpy ---\ny = np.ones(2)\n# --- numpy: new ---\n%nothing\ny = 1"
    failed, queued = shell.queue(cell, "queued = True")
    assert (failed.status, failed.kinds, queued.status) == ("error", ["display_data"], "aborted")
    assert "new block raised UsageError; before that: 1 missing" in failed.shown[0]
    assert "UsageError: Line magic function `%nothing` not found." in failed.stderr


def test_a_framework_that_breaks_on_import_is_one_sentence(shell, tmp_path):
    (tmp_path / "jax").mkdir()
    (tmp_path / "jax" / "__init__.py").write_text("raise RuntimeError('broken build')")
    shell.succeed(f"import sys\nsys.path.insert(0, {str(tmp_path)!r})")
    failed = shell.run("%%dual y --seed 0\n# --- numpy ---\ny = np.ones(2)\n# --- jax ---\ny = np.ones(2)")
    shell.succeed("import sys\nsys.path.pop(0)\nsys.path_importer_cache.clear()")
    assert (failed.status, failed.kinds) == ("error", ["display_data"])
    assert "jax block raised UsageError; before that: 1 missing" in failed.shown[0]
    assert "UsageError: jax is installed but cannot be imported: RuntimeError: broken build" in failed.stderr


def test_an_error_before_anything_was_captured_shows_no_table(shell):
    failed = shell.run("%%dual\n1 / 0\n# --- numpy ---\ny = np.ones(2)\n# --- numpy ---\ny = np.ones(2)")
    assert failed.kinds == ["error"]


def test_what_the_block_printed_and_showed_before_the_error_stays(shell):
    failed = shell.run("%%dual\n# --- numpy ---\nprint('left')\ny = 7\ny\n# --- numpy ---\nprint('right')\n1 / 0")
    assert failed.lanes == ["left\n7", "right"]
    assert failed.kinds == ["display_data", "error"]


@pytest.mark.parametrize(
    ("cell", "line"),
    [
        ("%%dual y\n# --- numpy ---\ny = 1\n# --- numpy: new ---\ny = = 2\nz = 3", 5),
        ("%%dual y\n# --- numpy ---\nfor x in 3\n    y = 1\n# --- numpy: new ---\ny = 2", 3),
        ("%%dual y\nx = (1\n# --- numpy ---\ny = 1\n# --- numpy: new ---\ny = 2", 2),
        ("x = 1\n%dual numpy\ny = 1\n%dual numpy: new\ny = = 2\n%dual diff y", 5),
        ("%dual numpy\ny = 1\n%dual numpy: new\nreturn 2\n%dual diff y", 4),
    ],
)
def test_a_syntax_error_names_the_visible_line_and_runs_nothing(shell, cell, line):
    failed, queued = shell.queue(cell, "queued = True")
    assert (failed.status, failed.kinds, queued.status) == ("error", ["error"], "aborted")
    assert "SyntaxError" in failed.traceback
    assert re.search(rf"line {line}\b", failed.traceback)
    assert "dualcell/" not in failed.traceback
    assert not shell.value("{'x', 'y', 'queued'} & set(get_ipython().user_ns)")


STRICT = {
    "magic": "%%dual y --strict\n# --- numpy ---\ny = np.zeros(3)\n# --- numpy: new ---\ny = np.ones(3)",
    "fences": "%dual numpy\ny = np.zeros(3)\n%dual numpy: new\ny = np.ones(3)\n%dual diff y --strict",
    "assigned": "%dual numpy\ny = np.zeros(3)\n%dual numpy: new\ny = np.ones(3)\nr = %dual diff y --strict",
    "code after": "%dual numpy\ny = np.zeros(3)\n%dual numpy: new\ny = np.ones(3)\n%dual diff y --strict\nafter = 1",
    "nothing compared": "%%dual --strict\n# --- numpy ---\ny = 1\n# --- numpy: new ---\nz = 1",
    "missing": "%%dual y --strict\n# --- numpy ---\ny = np.zeros(3)\n# --- numpy: new ---\nz = 1",
}


@pytest.mark.parametrize("case", STRICT)
def test_strict_shows_the_table_and_fails_the_cell(shell, case):
    failed, queued = shell.queue(STRICT[case], "queued = True")
    assert one_error(failed)
    assert failed.kinds == ["display_data", "error"]
    assert TABLE.search(failed.shown[0])
    assert "DualMismatch: --strict: " in failed.traceback
    assert "get_ipython" not in failed.traceback or case != "magic"
    assert queued.status == "aborted"
    assert not shell.value("'after' in get_ipython().user_ns or 'r' in get_ipython().user_ns")


def test_strict_says_nothing_when_all_is_well(shell):
    reply = shell.succeed("%%dual y --strict\n# --- numpy ---\ny = np.ones(3)\n# --- numpy: new ---\ny = np.ones(3)")
    assert reply.is_one_result


def test_without_strict_a_difference_is_no_error(shell):
    reply, queued = shell.queue(STRICT["magic"].replace(" --strict", ""), "queued = True")
    assert (reply.status, reply.is_one_result, queued.status) == ("ok", True, "ok")


def test_the_error_of_strict_holds_the_result(shell):
    shell.run(STRICT["magic"])
    assert shell.value("__import__('sys').last_value.result.passed") is False
    assert shell.value("isinstance(__import__('sys').last_value, AssertionError)")


def test_an_exit_of_the_user_goes_its_way(shell):
    failed = shell.run("%%dual y\n# --- numpy ---\ny = np.ones(3)\n# --- numpy: new ---\nraise SystemExit(1)")
    assert failed.kinds[0] == "display_data"


INTERRUPTED = {
    "magic": """\
%%dual y
# --- numpy ---
y = np.ones(3)
# --- torch ---
import time
print('now', flush=True)
time.sleep(30)  # here
y = 1""",
    "fences": """\
%dual numpy
y = np.ones(3)
%dual torch
import time
print('now', flush=True)
time.sleep(30)  # here
y = 1
%dual diff y""",
}


@pytest.mark.parametrize("spelling", INTERRUPTED)
def test_ctrl_c_stops_the_cell_shows_the_half_and_leaves_a_working_kernel(shell, spelling):
    cell = INTERRUPTED[spelling]
    failed, queued = shell.interrupt(cell, "queued = True", when="now")
    assert one_error(failed)
    assert failed.content["ename"] == "KeyboardInterrupt"
    assert failed.arrows[0][0] == marked(cell, "# here")
    assert "torch block raised KeyboardInterrupt; before that: 1 missing" in failed.shown[0]
    assert queued.status == "aborted"
    again = shell.succeed(cell.replace("time.sleep(30)", "time.sleep(0)").replace("y = 1", "y = np.ones(3)"))
    assert "1 row passed" in again.shown[0]


@pytest.mark.parametrize("place", ["shared", "left"])
def test_ctrl_c_before_the_right_block(shell, place):
    wait = "print('now', flush=True)\nimport time\ntime.sleep(30)  # here"
    shared, left = (wait, "y = 1") if place == "shared" else ("x = 1", wait)
    cell = f"%%dual y\n{shared}\n# --- numpy ---\n{left}\n# --- numpy: new ---\ny = np.ones(3)"
    failed, queued = shell.interrupt(cell, "queued = True", when="now")
    assert one_error(failed)
    assert (failed.content["ename"], queued.status) == ("KeyboardInterrupt", "aborted")
    assert failed.arrows[0][0] == marked(cell, "# here")


@pytest.mark.parametrize("case", ["last expression of the right block", "last expression, fences"])
def test_a_failed_cell_leaves_no_name_of_its_own(shell, case):
    names = "{name for name in get_ipython().user_ns if name[0] != '_' or name[:2] == '__'}"
    before = shell.value(names)
    shell.run(RAISING[case])
    assert shell.value(names) - before == {"y"}


def test_the_lines_of_other_cells_are_quoted_right_afterwards(shell):
    shell.succeed("def fails():\n    # --- torch ---\n    return 1 / 0")
    shell.run(RAISING["middle of the right block"])
    shell.succeed("__import__('linecache').checkcache()")
    failed = shell.run("fails()")
    assert failed.arrows == [(1, "fails()"), (3, "return 1 / 0")]
