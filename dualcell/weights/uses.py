"""The words of `Flow.uses` in sentences: what is done with a layer's result, or was done to its input."""

from __future__ import annotations

from collections.abc import Iterable

_JOINED = {
    "add": "added to another", "mul": "multiplied with another", "sub": "one side of a difference",
    "div": "one side of a quotient", "matmul": "in a matrix product", "cat": "concatenated",
    "maximum": "in a maximum", "minimum": "in a minimum", "pow": "in a power",
    "first of sub": "what another is subtracted from", "second of sub": "subtracted",
    "first of div": "divided by another", "second of div": "a divisor",
    "first of pow": "a base", "second of pow": "an exponent",
    "neg": "negated", "maxpool": "max-pooled", "avgpool": "average-pooled",
}  # fmt: skip
_NUMBERED = {"add": "added to {}", "mul": "multiplied by {}", "sub": "subtracted with {}", "div": "divided with {}",
             "pow": "in a power with {}", "part": "part {} of a split",
             "window": "in windows of {}"}  # fmt: skip


def in_words(words: Iterable[str]) -> str:
    """What is done with one layer, in the order of the alphabet; `used as the others are` if nothing.

    Examples:
        >>> in_words(["second of sub"]), in_words(["mul 0.5", "relu"]), in_words([])
        ('subtracted', 'multiplied by 0.5, passed to relu', 'used as the others are')
        >>> in_words(["maxpool before"]), in_words(["[:, :4]", "stride 2"])
        ('max-pooled before it', 'cut to [:, :4], of stride 2')
        >>> in_words(['maxpool again', 'window 3'])
        'max-pooled again, in windows of 3'
    """
    return ", ".join(map(_said, sorted(words))) or "used as the others are"


def _said(word: str) -> str:
    if word.endswith(" before"):
        return f"{_said(word.removesuffix(' before'))} before it"
    if word.endswith(" again"):
        return f"{_said(word.removesuffix(' again'))} again"
    first, _, rest = word.partition(" ")
    if word in _JOINED:
        return _JOINED[word]
    if word.startswith("["):
        return f"cut to {word}"
    if first in ("stride", "dilation"):
        return f"of {word}"
    return _NUMBERED[first].format(rest) if rest and first in _NUMBERED else f"passed to {word}"
