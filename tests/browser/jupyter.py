"""A real Jupyter server with JupyterLab and Notebook 7, and how a person uses their pages."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat

from tests.browser.demo import jupyter_environment
from tests.browser.processes import free_port, serving

SECONDS = 120  # TensorFlow's import on a busy machine
PATIENCE = 20  # for what a page draws
ADDRESSES = {"lab": "/lab/tree/{}?reset", "notebook": "/notebooks/{}"}


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """The address of a server whose files are in `folder`; both front ends are at it."""
    files = folder / "files"
    files.mkdir()
    port = free_port()
    options = [
        f"--ServerApp.port={port}", "--ServerApp.port_retries=0", "--ServerApp.ip=127.0.0.1", "--no-browser",
        "--allow-root", "--IdentityProvider.token=", f"--ServerApp.root_dir={files}",
    ]  # fmt: skip
    environment = jupyter_environment(folder)
    _configure(Path(environment["JUPYTER_CONFIG_DIR"]))
    command = [sys.executable, "-m", "jupyterlab", *options]
    address = f"http://127.0.0.1:{port}"
    with serving(command, f"{address}/api", log=folder / "server.log", environment=environment):
        yield address


def _configure(folder: Path) -> None:
    """No news, and the page tells whether it has reached its kernel."""
    files = {
        "labconfig/default_setting_overrides.json": {
            "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}
        },
        "jupyter_lab_config.json": {"LabApp": {"expose_app_in_browser": True}},
        "jupyter_notebook_config.json": {"JupyterNotebookApp": {"expose_app_in_browser": True}},
    }
    for name, settings in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(settings), encoding="utf-8")


def write(target: Path, *cells: nbformat.NotebookNode) -> None:
    """A notebook file for the Python kernel."""
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=list(cells), metadata=kernel), target)


class FrontEnd:
    """A notebook open in one of the two.

    Args:
        page: an empty page.
        address: the server's.
        name: `lab` or `notebook`.
        file: the notebook's name in the server's folder.
    """

    def __init__(self, page: Any, address: str, name: str, file: str) -> None:
        self.page = page
        self.name = name
        page.set_default_timeout(PATIENCE * 1000)
        page.goto(address + ADDRESSES[name].format(file))
        page.locator(".jp-Notebook .jp-Cell").first.wait_for()

    def cell(self, number: int) -> Any:
        """A cell, by its place from 0."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(number)

    def write(self, number: int, text: str) -> None:
        """Type a cell's text, key by key."""
        self.cell(number).locator(".cm-content").click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.type(text)
        self.page.keyboard.press("Escape")

    def wait_for_kernel(self) -> None:
        """Until the page has reached its kernel; before, it answers Ctrl+Enter with a dialog or not at all."""
        self.page.wait_for_function(
            """() => {
                const kernel = window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel;
                return kernel?.connectionStatus === "connected" && kernel.status === "idle";
            }""",
            timeout=SECONDS * 1000,
        )

    def run(self, number: int) -> None:
        """Press Ctrl+Enter in a cell."""
        self.cell(number).locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")

    def wait_until_run(self, number: int) -> None:
        """Until a cell has its number."""
        self.cell(number).locator(".jp-InputPrompt", has_text=re.compile(r"\[\d+\]")).wait_for(timeout=SECONDS * 1000)

    def theme(self, name: str) -> None:
        """Choose the theme Light or Dark by the command behind the menu."""
        command = "(theme) => window.jupyterapp.commands.execute('apputils:change-theme', {theme})"
        self.page.evaluate(command, f"JupyterLab {name}")
        self.page.locator(f"body[data-jp-theme-light='{str(name == 'Light').lower()}']").wait_for(state="attached")
        self.page.wait_for_timeout(500)  # the page tells it before its own work on the old theme is over
