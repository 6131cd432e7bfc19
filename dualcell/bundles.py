"""A bundle that was displayed -> `Shown`, if a lane can hold it.

What needs scripts, widgets or a front end's own renderer is not for a lane, nor is HTML
that would not stay in its place: it is shown below, by the front end, as it would be in
any cell.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any

from dualcell.lanes import Shown
from dualcell.screen import as_shown

_PICTURES = ("image/svg+xml", "image/png", "image/jpeg")
_RENDERED = ("text/markdown", "text/latex")  # by the front end alone


def shown(data: Mapping[str, Any], metadata: Mapping[str, Any] | None = None) -> Shown | None:
    """The best of a bundle that a lane can hold; None if the bundle must go to the front end.

    Args:
        data: type -> content, as it is sent to front ends.
        metadata: type -> what is said of that content.

    Examples:
        >>> shown({"text/plain": "Table", "text/html": "<b>1</b>"})
        Shown(kind='text/html', data='<b>1</b>', width=None, ground='', text='Table')
        >>> shown({"text/plain": "Table", "text/html": "<script>1</script>"}) is None
        True
    """
    if any(kind.startswith("application/") or kind == "text/javascript" for kind in data):
        return None
    words = as_shown(str(data.get("text/plain", "")))
    if "text/html" in data:
        page = str(data["text/html"])
        return Shown("text/html", page, text=words) if stays_in_place(page) else None
    if any(kind in data for kind in _RENDERED):
        return None
    for kind in _PICTURES:
        if kind in data:
            return Shown(kind, _text(data[kind], kind), _width(metadata, kind), _ground(metadata), words)
    return Shown("text/plain", words) if "text/plain" in data else None


def _text(content: Any, kind: str) -> str:
    if isinstance(content, bytes) and kind != "image/svg+xml":
        return base64.b64encode(content).decode("ascii")
    return content.decode("utf-8", "replace") if isinstance(content, bytes) else str(content).strip()


def _width(metadata: Mapping[str, Any] | None, kind: str) -> int | None:
    said = (metadata or {}).get(kind)
    width = said.get("width") if isinstance(said, Mapping) else None
    return int(width) if isinstance(width, int | float) and width > 0 else None


def _ground(metadata: Mapping[str, Any] | None) -> str:
    said = (metadata or {}).get("needs_background")
    return said if said in ("light", "dark") else ""


def stays_in_place(page: str) -> bool:
    """Whether HTML runs nothing, loads no page of its own and closes every element it opens."""
    reader = _Reader()
    reader.feed(page)
    rest = reader.rawdata  # a tag or comment that has no end
    return reader.quiet and not reader.open and "<" not in rest


_VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
_LIVE = {
    "script", "iframe", "frame", "frameset", "object", "embed", "applet", "form", "video", "audio", "portal",
    "html", "head", "body", "base", "meta", "link", "plaintext", "template", "canvas", "button", "input", "select",
    "textarea", "noscript", "marquee", "title", "xmp", "noembed", "noframes",
}  # fmt: skip
_ENDS_ALONE = {"p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "colgroup", "option", "caption"}


class _Reader(HTMLParser):
    """Reads HTML and notices what would not stay in its place."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.open: list[str] = []
        self.quiet = True

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = ("".join((value or "").split()).lower() for _, value in attrs)
        if tag in _LIVE or any(name.startswith("on") for name, _ in attrs):
            self.quiet = False
        if any(value.startswith(("javascript:", "vbscript:", "data:text/html")) for value in values):
            self.quiet = False
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID and self._in_picture():
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID:
            return
        while self.open and self.open[-1] != tag and self.open[-1] in _ENDS_ALONE:
            self.open.pop()
        if not self.open or self.open.pop() != tag:
            self.quiet = False

    def _in_picture(self) -> bool:
        """Whether `<x/>` closes itself, as it does in SVG and MathML and nowhere else."""
        return any(tag in ("svg", "math") for tag in self.open)
