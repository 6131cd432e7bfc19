"""Run a notebook in a real kernel of this very Python, print its dualcell tables, write it as HTML.

Usage: python tests/notebook/run_demo.py demo.ipynb demo.html
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter

CELL_SECONDS = 300


def execute(notebook: nbformat.NotebookNode, folder: Path) -> None:
    """Run every cell in place.

    Raises:
        CellExecutionError: a cell failed that is not tagged `raises-exception`.
    """
    # no folder to look in, so no other installed kernel can win: the kernel is sys.executable's own
    specs = KernelSpecManager(kernel_dirs=[])
    kernel = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=specs)
    client = NotebookClient(notebook, km=kernel, timeout=CELL_SECONDS, resources={"metadata": {"path": str(folder)}})
    client.execute(cleanup_kc=True)  # a kernel manager from outside is otherwise left running


def tables(notebook: nbformat.NotebookNode) -> Iterator[str]:
    """The text of every output that holds a dualcell report."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if "dualcell" in output.get("metadata", {}):
                yield f"In [{cell.execution_count}]:\n{output.data['text/plain']}"


def main(source: str, target: str) -> int:
    """Run `source`, print its tables, write `target`; the exit status."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")  # TensorFlow's hints about this machine are not the demo's
    notebook = nbformat.read(source, as_version=4)
    try:
        execute(notebook, Path(source).resolve().parent)
    except CellExecutionError as error:
        print(error, file=sys.stderr)
        return 1
    found = list(tables(notebook))
    print("\n\n".join(found))
    if not found:
        print(f"{source} ran, but showed no table of dualcell", file=sys.stderr)
        return 1
    html, _ = HTMLExporter().from_notebook_node(notebook)
    Path(target).write_text(html, encoding="utf-8")
    print(f"\n{len(found)} tables; the whole notebook is in {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
