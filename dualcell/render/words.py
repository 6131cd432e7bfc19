"""Texts as every report shows them: on one line, no longer than it should be, said once where both sides agree."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable, Iterator

from dualcell.columns import columns_of

LONGEST_NAME, LONGEST_SENTENCE = 80, 1000  # characters


def one_line(text: str) -> str:
    r"""The text with line breaks, tabs, control characters and marks that turn its direction written out.

    Examples:
        >>> one_line("a" + chr(9) + "b"), one_line(chr(0x202E) + "evil")
        ('a\\tb', '\\u202eevil')
    """
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


def shortened(text: str, most: int = LONGEST_NAME) -> str:
    """A text of at most so many characters, its middle left out; names differ at either end.

    Examples:
        >>> shortened("encoder.layers.0.attention.kernel", 20)
        'encoder.la…on.kernel'
    """
    if len(text) <= most:
        return text
    behind = (most - 1) // 2
    return text[: most - 1 - behind] + "…" + text[len(text) - behind :]


def from_to(first: str, last: str) -> str:
    """Names that follow each other, by the first and the last.

    Examples:
        >>> from_to("h0", "h9")
        'h0 … h9'
    """
    return f"{shortened(first)} … {shortened(last)}"


def code_and_words(fix: str, name: str) -> tuple[str, str]:
    """A line to change: what of it is code, and what is said of it behind; a long name is shortened in both.

    Args:
        fix: code, words, or both, as causes write them.
        name: of the row.

    Examples:
        >>> code_and_words("y + offset, with those of each index", "y")
        ('y + offset', ', with those of each index')
        >>> code_and_words("check that y was computed", "y")
        ('', 'check that y was computed')
    """
    ends = [len(fix), *(found.start() for found in _SAID.finditer(fix))]
    end = next((end for end in ends if _is_python(fix[:end].replace(name or "x", "x"))), 0)  # whatever the name is
    code, words = (part.replace(name, shortened(name)) if name else part for part in (fix[:end], fix[end:]))
    return shortened(code, LONGEST_SENTENCE), shortened(words, LONGEST_SENTENCE)


_SAID = re.compile(r",? (?:with|without|makes) ")


def _is_python(text: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what stands in a name, such as a backslash
            return bool(ast.parse(text).body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def one_or_both(left: str, right: str) -> str:
    """Both texts if they differ, one if they agree.

    Examples:
        >>> one_or_both("float32", "float32"), one_or_both("(3,)", "")
        ('float32', '(3,) | -')
    """
    return left if left == right else f"{left or '-'} | {right or '-'}"


def duration(seconds: float) -> str:
    """A wall time with its unit.

    Examples:
        >>> duration(0.0123), duration(75.0)
        ('12.3 ms', '75.0 s')
    """
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.1f} s"


def fitted(text: str, columns: int) -> str:
    """A text shortened to so many columns of a terminal.

    Examples:
        >>> fitted("encoder.kernel", 8), fitted("確率の名前", 7)
        ('enco…nel', '確率…前')
    """
    return next(
        (short for most in range(columns, 1, -1) if columns_of(short := shortened(text, most)) <= columns), text[:1]
    )


def wrapped(text: str, columns: int) -> list[str]:
    """A text on lines of so many columns; those after the first stand two further to the right.

    Examples:
        >>> wrapped("  y: the axes stand in another order", 20)
        ['  y: the axes stand', '    in another order']
    """
    indent = text[: len(text) - len(text.lstrip())]
    lines, line = [], indent
    for joint, piece in _pieces(text.split(), columns - len(indent) - 2):
        if line.strip() and columns_of(line + joint + piece) > columns:
            lines.append(line)
            line = f"{indent}  "
        line += joint + piece if line.strip() else piece
    return [*lines, line]


def _pieces(words: Iterable[str], most: int) -> Iterator[tuple[str, str]]:
    """The words, those that are too long for a line in pieces, each with what stands before it on the same line."""
    for word in words:
        size = max(most if word.isascii() else most // 2, 8)
        for at in range(0, len(word), size):
            yield "" if at else " ", word[at : at + size]
