"""How many columns of a terminal a text takes, and which part of it stands in some of them."""

from __future__ import annotations

import unicodedata


def columns_of(text: str) -> int:
    """How many columns of a terminal a text takes: two for wide East Asian characters, none for accents on others.

    Examples:
        >>> columns_of("probs"), columns_of("確率"), columns_of("e" + chr(0x301))
        (5, 4, 1)
    """
    return len(text) if text.isascii() else sum(map(_width, text))


def part(text: str, start: int, end: int) -> str:
    """What stands in the columns [start, end); half of a wide character is a space.

    Examples:
        >>> part("probs", 1, 3), part("確率", 0, 3), part("確率", 1, 4)
        ('ro', '確 ', ' 率')
    """
    if text.isascii():
        return text[max(0, start) : max(0, end)]
    found: list[str] = []
    column, kept = 0, start < 0 <= end  # an accent at the begin belongs to what stands before
    for character in text:
        width = _width(character)
        if width:
            inside = min(end, column + width) - max(start, column)
            kept = inside == width
            found += [" "] if 0 < inside < width else []
            column += width
        found += [character] if kept else []
    return "".join(found)


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 1 + (unicodedata.east_asian_width(character) in "WF")
