"""Pages that carry what the front ends' pages carry around a result: theme hooks, colours, default styles."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import nbformat
from nbconvert import HTMLExporter

_PAGE = """<!DOCTYPE html><html lang="en"{attributes}><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width"><style>{style}</style></head>
<body><main><h1>{title}</h1>{body}</main></body></html>"""


def plain(body: str, theme: str) -> str:
    """A page that follows the system's theme, as files on disk and many sites do."""
    # painted in words, as axe-core takes every page that paints nothing for white
    style = f":root {{ color-scheme: {theme}; background: Canvas; color: CanvasText; }}"
    return _PAGE.format(title="plain", attributes="", body=body, style=style)


def colab(body: str, theme: str) -> str:
    """An output frame of Colab: its theme is an attribute of `html`, its colours are set there."""
    style = "html[theme=dark] { color: #e3e3e3; background: #383838; } html { font-family: Roboto, sans-serif; }"
    attributes = ' theme="dark"' if theme == "dark" else ""
    return _PAGE.format(title="Colab", attributes=attributes, body=body, style=style)


def nbconvert(body: str, theme: str) -> str:
    """The page that nbconvert writes of a notebook with this output."""
    data = {"text/html": body, "text/plain": "..."}
    output = nbformat.v4.new_output("display_data", data=data)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("result", outputs=[output])])
    page, _ = HTMLExporter(theme=theme, mathjax_url="", require_js_url="").from_notebook_node(notebook)
    return page


HOSTS: Mapping[str, Callable[[str, str], str]] = {"plain": plain, "colab": colab, "nbconvert": nbconvert}
