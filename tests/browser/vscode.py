"""A real VS Code workbench with a notebook open in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from tests.browser import tools
from tests.browser.processes import free_port, serving

PATIENCE = 90  # the workbench and its extensions take a while on a busy machine
THEMES = {
    "light": "Default Light Modern",
    "dark": "Default Dark Modern",
    "high contrast": "Default High Contrast",
    "high contrast light": "Default High Contrast Light",
}


@contextmanager
def workbench(folder: Path, log: Path, *, restricted: bool = False) -> Iterator[str]:
    """The address of a workbench with `folder` open in it, in Restricted Mode or trusted."""
    port = free_port()
    command = [
        *tools.node(),
        str(tools.HERE / "workbench.js"),
        str(folder),
        str(port),
        "restricted" if restricted else "trusted",
    ]
    with serving(command, f"http://127.0.0.1:{port}/", log=log):
        yield f"http://code.localhost:{port}/"


def open_notebook(page: Any, address: str, *, theme: str, shown: str, settings: Mapping[str, Any] | None = None) -> Any:
    """Open demo.ipynb in a theme; the frame of its outputs, once a text is shown in it.

    The frame is transparent: the editor's colour, which is behind it, is painted into it for what looks at colours.
    """
    payload = [["openFile", "vscode-test-web://mount/demo.ipynb"]]
    asked = {"theme": THEMES[theme], "payload": json.dumps(payload), "settings": json.dumps(settings or {})}
    page.goto(f"{address}?{urlencode(asked, quote_via=quote)}")
    page.locator(".notebookOverlay .monaco-list-row").first.wait_for(state="attached", timeout=PATIENCE * 1000)
    for _ in range(PATIENCE * 5):
        for frame in page.frames:
            if frame.locator(".output_container", has_text=shown).count():
                frame.evaluate("() => document.body.style.setProperty('background', 'var(--vscode-editor-background)')")
                return frame
        page.wait_for_timeout(200)
    raise AssertionError(f"VS Code did not show {shown!r} of demo.ipynb")
