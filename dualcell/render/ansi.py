"""Text with ANSI codes of colour and weight -> HTML, or plain text without them.

The colours are class names, as one colour is not readable on light and on dark; weight
is inline, so it stays where style sheets are dropped.
"""

from __future__ import annotations

import re
from html import escape

_CODE = re.compile(r"\x1b\[([0-9;]*)m")
_NAMES = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_INLINE = {"1": "font-weight:bold", "3": "font-style:italic", "4": "text-decoration:underline",
           "9": "text-decoration:line-through"}  # fmt: skip


def plain(text: str) -> str:
    """The text without its codes.

    Examples:
        >>> plain(chr(27) + "[1;31mred" + chr(27) + "[0m")
        'red'
    """
    return _CODE.sub("", text) if "\x1b" in text else text


def ansi_html(text: str) -> str:
    """The text as HTML; nothing in it is markup.

    Args:
        text: as `Screen.text` gives it: at most one code of colour or weight at a time.

    Examples:
        >>> ansi_html("<b>" + chr(27) + "[1;31mred" + chr(27) + "[0m")
        '&lt;b&gt;<span class="dualcell-red" style="font-weight:bold">red</span>'
    """
    if "\x1b" not in text:
        return escape(text)
    pieces = _CODE.split(text)
    parts = [escape(pieces[0])]
    for codes, piece in zip(pieces[1::2], pieces[2::2], strict=True):
        if piece:
            parts.append(_span(codes, escape(piece)))
    return "".join(parts)


def _span(codes: str, content: str) -> str:
    names, styles = _look(codes)
    if not (names or styles):
        return content
    named = f' class="{" ".join(names)}"' if names else ""
    looks = f' style="{";".join(styles)}"' if styles else ""
    return f"<span{named}{looks}>{content}</span>"


def _look(codes: str) -> tuple[list[str], list[str]]:
    """Class names and inline styles."""
    numbers = codes.split(";")
    names: list[str] = []
    styles: list[str] = []
    while numbers:
        number = numbers.pop(0)
        if number in ("38", "48"):
            size = 2 if numbers[0] == "5" else 4
            given, numbers = [int(part) for part in numbers[1:size]], numbers[size:]
            side = "color" if number == "38" else "background-color"
            styles.append(f"{side}:{_palette(given[0]) if size == 2 else _rgb(given)}")
        elif number in _INLINE:
            styles.append(_INLINE[number])
        elif number == "7":
            names.append("dualcell-reverse")
        elif len(number) > 1:
            ground = "-ground" if number[:-1] in ("4", "10") else ""
            names.append(f"dualcell-{_NAMES[int(number[-1])]}{ground}")
    return names, styles


def _palette(number: int) -> str:
    """A colour of the 256 that terminals have."""
    if number < 16:
        return _FIRST[number]
    if number < 232:
        red, green, blue = (number - 16) // 36, (number - 16) // 6 % 6, (number - 16) % 6
        return _rgb([level and 55 + 40 * level for level in (red, green, blue)])
    return _rgb([8 + 10 * (number - 232)] * 3)


_FIRST = (
    "rgb(62,66,77)", "rgb(231,92,88)", "rgb(0,162,80)", "rgb(181,131,15)", "rgb(32,143,251)", "rgb(209,96,196)",
    "rgb(38,152,166)", "rgb(160,160,160)", "rgb(110,110,110)", "rgb(178,43,49)", "rgb(0,116,39)", "rgb(178,125,18)",
    "rgb(0,101,202)", "rgb(160,59,150)", "rgb(37,143,143)", "rgb(190,190,190)",
)  # fmt: skip


def _rgb(levels: list[int]) -> str:
    return f"rgb({','.join(str(min(level, 255)) for level in levels)})"
