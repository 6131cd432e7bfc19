"""demo.ipynb, executed once for all browser tests: every kind of result, by real frameworks."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Demo:
    """The executed notebook.

    Attributes:
        path: the file.
        results: HTML and metadata of every result in it.
        tables: how many of its outputs hold a table, those of pandas and of plans among them.
    """

    path: Path
    results: list[tuple[str, dict[str, Any]]]
    tables: int

    @property
    def page(self) -> str:
        """All results below one another, as in one page of a notebook."""
        return "\n".join(html for html, _ in self.results)

    @property
    def facts(self) -> list[dict[str, Any]]:
        """The rows of all reports, in order."""
        return [row for _, report in self.results for row in report["rows"]]


def jupyter_environment(folder: Path) -> dict[str, str]:
    """The environment of Jupyter's processes: nothing of this user's, only what lies in `folder`."""
    places = {name: str(folder / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")}
    return os.environ | places | {"JUPYTER_RUNTIME_DIR": str(folder / "runtime"), "TF_CPP_MIN_LOG_LEVEL": "3"}


def executed(folder: Path) -> Demo:
    """Run demo.ipynb in a kernel of this Python, in a process of its own: a browser's loop may run in this one."""
    target = folder / "demo.ipynb"
    command = ["nbconvert", "--to", "notebook", "--execute", "--output-dir", str(folder), str(ROOT / target.name)]
    done = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, env=jupyter_environment(folder), check=False
    )
    assert done.returncode == 0, done.stderr
    cells = nbformat.read(target, as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", ()) if "text/html" in output.get("data", {})]
    results = [(one.data["text/html"], one.metadata["dualcell"]) for one in outputs if "dualcell" in one.metadata]
    return Demo(target, results, sum("<table" in one.data["text/html"] for one in outputs))
