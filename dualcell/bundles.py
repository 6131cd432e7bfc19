"""A bundle that was displayed -> `Shown`, if a lane can hold it.

What needs scripts, widgets or a front end's own renderer is not for a lane, nor is HTML
that would not stay in its place: it is shown below, by the front end, as it would be in
any cell.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from dualcell.in_place import stays_in_place
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
