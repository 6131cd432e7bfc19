"""IPython in a terminal, and a notebook that CI runs: the same answers as in Jupyter."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from tests.notebook.kernel import INTERPRETERS, interpreter

MAGIC = "%%dual y{}\n# --- numpy ---\ny = np.ones(3)\n# --- numpy: new ---\ny = np.{}(3)"
FENCES = "%dual numpy\ny = np.ones(3)\n%dual numpy: new\ny = np.ones(3)\n%dual diff y"
TERMINAL = ["--simple-prompt", "--no-banner", "--no-confirm-exit", "--colors=NoColor"]
each_interpreter = pytest.mark.parametrize("name", INTERPRETERS)


def terminal(name: str, folder: Path, *inputs: str, encoding: str = "utf-8") -> str:
    """What IPython prints when these are typed, each ended by two empty lines."""
    typed = "\n\n\n".join(["%load_ext dualcell", "import numpy as np", *inputs, "exit", ""])
    done = subprocess.run(
        [interpreter(name), "-m", "IPython", *TERMINAL], input=typed, cwd=folder, capture_output=True,
        timeout=120, check=True, encoding="utf-8",
        env=os.environ | {"IPYTHONDIR": str(folder), "PYTHONIOENCODING": encoding},
    )  # fmt: skip
    return done.stdout + done.stderr


@pytest.mark.kernel
@each_interpreter
def test_a_dual_cell_in_a_terminal(name, tmp_path):
    text = terminal(name, tmp_path, MAGIC.format("", "ones"), "print('between')")
    assert text.count("1 row passed: 1 equal") == 1
    assert re.search(r"(?m)^y +equal +\(3,\) +float64 ", text)
    assert text.index("1 row passed") < text.index("between")


PRINTING = "%%dual y{}\n# --- numpy ---\nprint('le' + 'ft'); y = 1\n# --- numpy: new ---\nprint('ri' + 'ght'); y = 1"


@pytest.mark.kernel
@each_interpreter
def test_the_blocks_of_a_terminal_stand_under_their_names(name, tmp_path):
    for layout in ("", " --layout lanes", " --layout stacked"):
        text = terminal(name, tmp_path, PRINTING.format(layout))
        assert re.search(r"(?s)── numpy ──\n+left\n.*── new ──\n+right\n.*1 row passed", text), layout
    assert "── numpy" not in terminal(name, tmp_path, PRINTING.format(" --layout plain"))
    assert "-- numpy --\nleft" in terminal(name, tmp_path, PRINTING.format(""), encoding="ascii")


UNFINISHED = """\
%%dual y
print("shared", end="")
# --- numpy ---
import sys
sys.stderr.write("left"); y = 1
# --- numpy: new ---
y = 1"""


@pytest.mark.kernel
@each_interpreter
def test_a_heading_stands_on_a_line_of_its_own(name, tmp_path):
    """Also after output whose last line has no end, as that of a progress bar."""
    text = terminal(name, tmp_path, UNFINISHED)
    assert re.search(r"(?s)shared\n── numpy ──\n.*\n── new ──\n", text)
    assert "\n\n── numpy ──" not in terminal(name, tmp_path, PRINTING.format(""))  # nothing stands above it


@pytest.mark.kernel
@each_interpreter
def test_errors_in_a_terminal(name, tmp_path):
    text = terminal(name, tmp_path, MAGIC.format(" --strict", "zeros"), MAGIC.format(" --sed 1", "ones"), "%%dual y\n1")
    assert "1 of 1 row failed: 1 differs" in text
    assert "DualMismatch: --strict" in text
    assert "Unknown option '--sed'. Did you mean '--seed'?" in text
    assert "UsageError: No header found" in text
    assert "dualcell/" not in text


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("%%dual y", "incomplete"),
        ("%%dual", "incomplete"),
        ("%%dual y\n# --- numpy ---\ny = 1", "incomplete"),
        ("%%dual y\n# --- numpy ---\ny = 1\n# --- torch ---\ny = 1\n", "incomplete"),
        ("%%dual y\n# --- numpy ---\ny = 1\n# --- torch ---\ny = 1\n\n", "complete"),
        ("%dual numpy\ny = 1\n%dual numpy\ny = 1\n%dual diff y\n", "complete"),
        ("for x in y:", "incomplete"),
        ("x = 1", "complete"),
    ],
)
def test_a_terminal_asks_for_more_until_the_cell_is_complete(shell, typed, answer):
    assert shell.value(f"get_ipython().input_transformer_manager.check_complete({typed!r})[0]") == answer


def notebook(*cells: str) -> nbformat.NotebookNode:
    """A notebook of code cells."""
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])


def execute(name: str, folder: Path, cells: nbformat.NotebookNode) -> None:
    """Run all cells as CI does, in a kernel of that interpreter."""
    home = folder / "kernels" / name
    home.mkdir(parents=True)
    argv = [interpreter(name), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (home / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": name, "language": "python"}))
    specs = KernelSpecManager(kernel_dirs=[str(folder / "kernels")], ensure_native_kernel=False)
    kernel = AsyncKernelManager(kernel_name=name, kernel_spec_manager=specs)
    NotebookClient(cells, km=kernel, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()


@pytest.mark.kernel
@each_interpreter
def test_nbclient_stops_at_a_strict_cell_that_fails(name, tmp_path):
    cells = notebook("%load_ext dualcell\nimport numpy as np", MAGIC.format(" --strict", "zeros"), "after = 1")
    with pytest.raises(CellExecutionError, match="--strict: 1 of 1 row failed"):
        execute(name, tmp_path, cells)
    assert [output.output_type for output in cells.cells[1].outputs] == ["display_data", "error"]
    assert cells.cells[2].outputs == []
    assert cells.cells[2].execution_count is None


@pytest.mark.kernel
@each_interpreter
def test_nbclient_runs_a_notebook_that_passes_and_keeps_its_data(name, tmp_path):
    cells = notebook("%load_ext dualcell\nimport numpy as np", MAGIC.format(" --strict", "ones"), FENCES)
    execute(name, tmp_path, cells)
    nbformat.validate(cells)
    for cell in cells.cells[1:]:
        (output,) = cell.outputs
        assert set(output.data) == {"text/html", "text/markdown", "text/plain"}
        assert output.metadata["dualcell"]["passed"] is True


SLOW = MAGIC.format("", "ones").replace(
    "y = np.ones(3)", "import time\nprint('left'); time.sleep(0.6)\ny = np.ones(3)", 1
)


@pytest.mark.kernel
@each_interpreter
def test_nbclient_keeps_the_end_of_a_live_output(name, tmp_path):
    cells = notebook("%load_ext dualcell\nimport numpy as np", SLOW)
    execute(name, tmp_path, cells)
    nbformat.validate(cells)
    (output,) = cells.cells[1].outputs
    assert output.output_type == "display_data"
    assert re.search(r"(?s)--- numpy .*\nleft\n.*1 row passed", output.data["text/plain"])
    assert output.metadata["dualcell"]["passed"] is True
