"""A cell that cannot work: one sentence, nothing run, the queue stops."""

from __future__ import annotations

import pytest

# the cell, then what the sentence must say
REFUSED = {
    "no header": ("%%dual y\nran = True\ny = 1", "No header found"),
    "near header": ("%%dual\nran = True\n# --- kerras ---\ny = 1", "Did you mean 'keras'?"),
    "one block": ("%%dual y\nran = True\n# --- numpy ---\ny = 1", "One block only"),
    "one block, fences": ("ran = True\n%dual numpy\ny = 1\n%dual diff y", "One block only"),
    "no blocks, fences": ("ran = True\n%dual diff y", "No header found"),
    "three blocks": (
        "%%dual y\nran = True\n# --- numpy ---\ny = 1\n# --- torch ---\ny = 1\n# --- numpy ---\ny = 1",
        "3 blocks, headers on lines 3, 5, 7",
    ),
    "three blocks, fences": (
        "ran = True\n%dual numpy\ny = 1\n%dual torch\ny = 1\n%dual numpy\ny = 1\n%dual diff",
        "3 blocks, headers on lines 2, 4, 6",
    ),
    "unknown framework, fences": (
        "ran = True\n%dual troch\ny = 1\n%dual numpy\ny = 1\n%dual diff",
        "Did you mean 'torch'?",
    ),
    "no adapter": ("%%dual y\nran = True\n# --- mxnet ---\ny = 1\n# --- numpy ---\ny = 1", "no adapter for mxnet"),
    "no adapter, fences": ("ran = True\n%dual numpy\ny = 1\n%dual mxnet\ny = 1", "no adapter for mxnet"),
    "unknown option": (
        "%%dual y --devise cpu\nran = True\n# --- numpy ---\ny = 1\n# --- numpy ---\ny = 1",
        "Unknown option '--devise'. Did you mean '--device'?",
    ),
    "unknown option, diff": (
        "ran = True\n%dual numpy\ny = 1\n%dual numpy\ny = 1\n%dual diff y --strikt",
        "Did you mean '--strict'?",
    ),
    "unknown option, header": (
        "%%dual y\nran = True\n# --- numpy --sed 1 ---\ny = 1\n# --- numpy ---\ny = 1",
        "Line 3: Unknown option '--sed'. Did you mean '--seed'?",
    ),
    "compare option on a header": (
        "%%dual y\nran = True\n# --- numpy ---\ny = 1\n# --- numpy --strict ---\ny = 1",
        "--strict has no effect on the header of a block (line 5); write it on the %%dual line",
    ),
    "run option on diff": (
        "ran = True\n%dual numpy\ny = 1\n%dual numpy\ny = 1\n%dual diff y --seed 1",
        "--seed has no effect on %dual diff",
    ),
    "capture on a header": (
        "%%dual\nran = True\n# --- numpy y ---\ny = 1\n# --- numpy ---\ny = 1",
        "Line 3: unexpected 'y' after the framework",
    ),
    "captures in two places": (
        "%%dual y\nran = True\n# --- numpy ---\ny = 1\n# --- numpy ---\ny = 1\n%dual diff y",
        "write them in one place",
    ),
    "no such device": (
        "%%dual y --device cuda:63\nran = True\n# --- torch ---\ny = 1\n# --- numpy ---\ny = 1",
        "there is no such device here",
    ),
    "no such device, fences": (
        "ran = True\n%dual torch --device cuda:63\ny = 1\n%dual numpy\ny = 1\n%dual diff y",
        "there is no such device here",
    ),
    "no device at all": (
        "%%dual y --device gpuu\nran = True\n# --- torch ---\ny = 1\n# --- numpy ---\ny = 1",
        "Did you mean 'gpu'?",
    ),
    "bad value": (
        "%%dual y --seed pi\nran = True\n# --- torch ---\ny = 1\n# --- numpy ---\ny = 1",
        "invalid int value: 'pi'",
    ),
    "one tolerance": (
        "%%dual y --rtol 1e-3\nran = True\n# --- torch ---\ny = 1\n# --- numpy ---\ny = 1",
        "atol",
    ),
    "bad capture": (
        '%%dual "y +"\nran = True\n# --- numpy ---\ny = 1\n# --- numpy ---\ny = 1',
        "'y +' is not a Python expression",
    ),
    "bad capture, fences": (
        'ran = True\n%dual numpy\ny = 1\n%dual numpy\ny = 1\n%dual diff "a ~ b +"',
        "'b +' is not a Python expression",
    ),
    "open quote": (
        '%%dual "y\nran = True\n# --- numpy ---\ny = 1\n# --- numpy ---\ny = 1',
        "No closing quotation",
    ),
    "dtype the framework cannot take": (
        "%%dual y --dtype float16\nran = True\n# --- numpy ---\ny = 1\n# --- torch ---\ny = 1",
        "--dtype float16 does not fit numpy",
    ),
    "second comparison of two": (
        "ran = True\n%dual numpy\ny = 1\n%dual numpy\ny = 1\n%dual diff y\n%dual numpy\ny = 1\n%dual diff y",
        "One block only",
    ),
    "no option, no framework": ("%dual zebra", "zebra"),
    "a line of its own misspelt": (
        "ran = True\n%dual weight a -> b",
        "`%dual weight`: unknown. Did you mean `%dual weights`?",
    ),
    "another one": ("ran = True\n%dual int a", "`%dual int`: unknown. Did you mean `%dual init`?"),
}

HIDE_JAX = """\
import sys
class Hide:
    def find_spec(name, *_):
        if name == "jax":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Hide)
"""


@pytest.mark.parametrize("case", REFUSED)
def test_a_refused_cell_says_why_and_runs_nothing(shell, case):
    cell, sentence = REFUSED[case]
    first, queued = shell.queue(cell, "queued = True")
    assert (first.status, first.kinds) == ("error", [])
    assert sentence in first.stderr
    assert first.stderr.startswith("UsageError: ")
    assert first.stderr.count("\n") == 1
    assert queued.status == "aborted"
    assert not shell.value("{'ran', 'queued', 'y'} & set(get_ipython().user_ns)")


def test_a_framework_that_is_not_installed_is_named_with_its_command(shell):
    shell.succeed(HIDE_JAX)
    first, queued = shell.queue("%%dual\nran = 1\n# --- jax ---\ny = 1\n# --- numpy ---\ny = 1", "queued = True")
    shell.succeed("sys.meta_path.remove(Hide)")
    assert (first.status, first.kinds, queued.status) == ("error", [], "aborted")
    assert "The jax block needs jax, which is not installed here: pip install jax" in first.stderr
    assert not shell.value("{'ran', 'queued', 'y'} & set(get_ipython().user_ns)")


@pytest.mark.parametrize("line", ["%dual numpy", "%dual diff y", "%dual cell"])
def test_a_fence_inside_a_statement_is_refused(shell, line):
    reply = shell.run(f"if True:\n    {line}")
    assert (reply.status, reply.kinds) == ("error", [])
    assert "must stand at the top level of a cell" in reply.stderr


def test_the_cell_after_a_refused_one_works(shell):
    shell.run("%%dual y")
    reply = shell.succeed("%%dual\n# --- numpy ---\ny = np.ones(2)\n# --- numpy ---\ny = np.ones(2)")
    assert reply.is_one_result
