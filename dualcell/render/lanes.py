"""Lanes, of a cell that has ended or still runs -> HTML and text."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

from dualcell.lanes import Lane, Progress, Shown
from dualcell.render.ansi import ansi_html, plain
from dualcell.render.html import template
from dualcell.render.text import duration, one_line

_PRINTED = ("stdout", "stderr", "text/plain")
_GROUNDS = {"light": "white", "dark": "black"}
_PICTURES = {"image/png": "png", "image/jpeg": "jpeg", "image/svg+xml": "svg+xml"}


def lanes_html(lanes: Iterable[Lane], *, stacked: bool = False) -> str:
    """Lanes side by side, or one below the other on narrow screens and where that is asked for."""
    return _drawn(lanes, stacked=stacked)


def lanes_text(lanes: Iterable[Lane], *, most: int | None = None) -> str:
    """Lanes one after another, each under its label.

    Args:
        lanes: what is shown.
        most: of longer lanes the last characters, where the whole is at hand in another form.
    """
    return _speakable("\n\n".join(_lane_text(lane, most) for lane in lanes))


def progress_html(progress: Progress, *, stacked: bool = False) -> str:
    """Both lanes of a cell that still runs, and what is done at the moment."""
    return _drawn(progress.lanes, stacked=stacked, progress=progress)


def progress_text(progress: Progress) -> str:
    """The same as text."""
    said = [f"on both sides: {', '.join(progress.names)}"] if progress.names else []
    said += [f"{progress.note} ..."] if progress.note else []
    return "\n\n".join([lanes_text(progress.lanes), *said])


def _drawn(lanes: Iterable[Lane], *, stacked: bool, progress: Progress | None = None) -> str:
    drawn = [{"lane": lane, "facts": _facts(lane), "items": [_item(one) for one in lane.shown]} for lane in lanes]
    page = template("lanes.html.jinja")
    text = page.render(lanes=drawn, stacked=stacked, progress=progress, style=_style())
    return _speakable(str(text)).strip() + "\n"


def _item(one: Shown) -> dict[str, Any]:
    """What the template puts into a lane; `content` is HTML by now."""
    if one.kind in _PRINTED:
        return {"kind": one.kind, "content": ansi_html(one.data)}
    if one.kind == "text/html":
        return {"kind": "html", "content": one.data}
    data = one.data if one.kind != "image/svg+xml" else base64.b64encode(_speakable(one.data).encode()).decode("ascii")
    address = f"data:image/{_PICTURES[one.kind]};base64,{''.join(data.split())}"
    return {"kind": "picture", "content": escape(address), "width": one.width, "ground": _GROUNDS.get(one.ground)}


def _speakable(text: str) -> str:
    """Half a surrogate pair, which no message can hold, written out."""
    return text.encode("utf-8", "backslashreplace").decode()


def _facts(lane: Lane) -> str:
    """`1.2 s, cuda:0, peak memory on cuda:0 1.5 GB`."""
    facts = [] if lane.state == "done" else [lane.state]
    if lane.seconds is not None:
        facts.append(f"{lane.seconds:.1f} s" if lane.state == "running" else duration(lane.seconds))
    facts += [lane.device] if lane.device else []
    if lane.peak_bytes is not None:
        facts.append(f"peak memory of {lane.peak_of} {_size(lane.peak_bytes)}")
    elif lane.peak_of:
        facts.append(f"peak memory not counted ({one_line(lane.peak_of)})")
    return ", ".join(facts)


def _size(count: int) -> str:
    """A number of bytes with its unit."""
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _lane_text(lane: Lane, most: int | None) -> str:
    facts = _facts(lane)
    said = "\n".join(_text_of(one) for one in lane.shown)
    if most is not None and len(said) > most:
        said = f"... (the last {most:,} of {len(said):,} characters)\n{said[-most:]}"
    return "\n".join([f"--- {one_line(lane.label)}{f' ({facts})' if facts else ''} ---", *([said] if said else [])])


def _text_of(one: Shown) -> str:
    said = one.data if one.kind in _PRINTED else one.text or f"[{one.kind}]"
    return plain(said)


@cache
def _style() -> str:
    return (files("dualcell") / "render" / "lanes.css").read_text(encoding="utf-8")
