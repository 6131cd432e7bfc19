"""The words for pictures: which there are, and which suit a tensor of some shape."""

from __future__ import annotations

from collections.abc import Iterable

from dualcell.errors import OptionError, did_you_mean

AUTO = "auto"  # what suits the shape
LAYERS = "layers"  # of a whole result; all others are of a row
KINDS = ("heat", "channels", "hist", "values", "scatter", "curves")
THEMES = ("light", "dark")
OF_ONE_SIDE = ("values",)  # also drawn where there is no error, as the shapes differ


def default_kinds(shape: tuple[int, ...]) -> tuple[str, ...]:
    """What shows most of a tensor of this shape.

    Examples:
        >>> default_kinds((100,)), default_kinds((8, 10))
        (('curves', 'hist'), ('heat', 'hist'))
    """
    return ("curves", "hist") if len(shape) == 1 else ("heat", "hist")


def read_kinds(words: str | Iterable[str], accepted: Iterable[str] = (AUTO, *KINDS, LAYERS)) -> tuple[str, ...]:
    """`heat,hist`, or a list of such words, as a tuple without repetitions.

    Raises:
        OptionError: a word is none of the accepted ones.

    Examples:
        >>> read_kinds("heat, hist,heat"), read_kinds("")
        (('heat', 'hist'), ())
    """
    split = words.split(",") if isinstance(words, str) else list(words)
    found = tuple(dict.fromkeys(word.strip() for word in split if word.strip()))
    accepted = tuple(accepted)
    for word in found:
        if word not in accepted:
            expected = f"{'one of ' if len(accepted) > 1 else ''}{', '.join(accepted)}"
            raise OptionError(f"plot is {word!r}, expected {expected}.{did_you_mean(word, accepted)}")
    return found


def check_theme(theme: str) -> None:
    """Refuse what is no theme.

    Raises:
        OptionError: it is none of `THEMES`.
    """
    if theme not in THEMES:
        raise OptionError(f"theme is {theme!r}, expected 'light' or 'dark'.{did_you_mean(str(theme), THEMES)}")
