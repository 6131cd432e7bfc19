"""Texts as every report shows them: on one line, no longer than it should be, said once where both sides agree."""

from __future__ import annotations

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
