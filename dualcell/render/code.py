"""`Code` -> the source of both blocks side by side, as HTML and as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from dualcell.columns import columns_of
from dualcell.render.html import TINTS, template
from dualcell.render.terminal import ANYWHERE, Terminal
from dualcell.render.text import COLOURS
from dualcell.render.words import LONGEST_SENTENCE, one_line, shortened
from dualcell.sources import Code, CodeLine, level

_GAP = "   "  # between two columns of text
_TAB = 4
_WITHOUT_A_TERMINAL = 80  # columns


@dataclass(frozen=True)
class Drawn:
    """A line ready to be drawn.

    Attributes:
        line: the line; None for a gap, which keeps both blocks level.
        gutter: the mark of a failed line and the number.
        pieces: (kind, text) of the code; the kind is a letter of `_KINDS`, or empty.
    """

    line: CodeLine | None
    gutter: str = ""
    pieces: tuple[tuple[str, str], ...] = ()


def code_html(code: Code | None, labels: Sequence[str]) -> str:
    """The whole cell as HTML, with the first divergent line in words; empty if its text is not known."""
    if code is None:
        return ""
    lanes = [(shortened(label), _html(lines)) for label, lines in zip(labels, _drawn(code), strict=True)]
    above, below = (_html(_draw(lines, _width(code))) for lines in (code.above, code.below))
    known: dict[str, Any] = {"lanes": lanes, "above": above, "below": below, "first": code.first}
    return str(template("code.html.jinja").render(part="cell", **known)).strip()


def code_text(code: Code | None, labels: Sequence[str], shown_on: Terminal = ANYWHERE) -> str:
    """The same as text: in two columns where the width allows it, else one block after the other."""
    if code is None:
        return ""
    sides = [[(_plain(one), _plain(one, shown_on.coloured)) for one in side] for side in _drawn(code)]
    body = _arranged([shortened(one_line(label)) for label in labels], sides, shown_on)
    above, below = ([_plain(one) for one in _draw(lines, _width(code))] for lines in (code.above, code.below))
    first = shortened(one_line(code.first), LONGEST_SENTENCE)
    parts = ("\n".join(lines).strip("\n") for lines in (above, body, below, [first]))
    return "\n\n".join(part for part in parts if part)


def _arranged(labels: Sequence[str], sides: Sequence[Sequence[tuple[str, str]]], shown_on: Terminal) -> list[str]:
    """Both blocks beside or below each other; each line is given as it is measured and as it is written."""
    texts = [(label, *(seen for seen, _ in side)) for label, side in zip(labels, sides, strict=True)]
    widths = [max(map(columns_of, side)) for side in texts]
    beside = sum(widths) + len(_GAP) <= (shown_on.width or _WITHOUT_A_TERMINAL)
    rules = ["-" * (width if beside else columns_of(label)) for label, width in zip(labels, widths, strict=True)]
    blocks = [[(label, label), (rule, rule), *side] for label, rule, side in zip(labels, rules, sides, strict=True)]
    if not beside:
        return [text for block in blocks for text in (*(written for seen, written in block if seen), "")]
    return [
        f"{left}{' ' * (widths[0] - columns_of(seen))}{_GAP}{right}".rstrip()
        for (seen, left), (_, right) in zip(*blocks, strict=True)
    ]


def _plain(drawn: Drawn, coloured: bool = False) -> str:
    if drawn.line is None:
        return ""
    start, end = (f"\x1b[{COLOURS['differs']}m", "\x1b[0m") if coloured and drawn.line.failed else ("", "")
    verdict = (
        f"  {start}<- {shortened(one_line(drawn.line.verdict), LONGEST_SENTENCE)}{end}" if drawn.line.verdict else ""
    )
    return f"{drawn.gutter}{''.join(text for _, text in drawn.pieces)}{verdict}".rstrip()


def _html(lines: Sequence[Drawn]) -> str:
    end = max((place for place, one in enumerate(lines, start=1) if one.line), default=0)
    if not end:
        return ""
    return str(template("code.html.jinja").render(part="lines", lines=lines[:end], tint=TINTS["differs"])).strip()


# --- lines ---


def _drawn(code: Code) -> tuple[list[Drawn], list[Drawn]]:
    """Both blocks with the gaps that keep them level."""
    rows, width = level(code), _width(code)
    sides: list[list[Drawn]] = []
    for index, lines in enumerate((code.left, code.right)):
        drawn = {one.line.number: one for one in _draw(lines, width) if one.line}
        sides.append([drawn[line.number] if line else Drawn(None) for line in (row[index] for row in rows)])
    return sides[0], sides[1]


def _width(code: Code) -> int:
    """Digits of the largest line number."""
    return len(str(max(line.number for line in (*code.left, *code.right, *code.below))))


def _draw(lines: Sequence[CodeLine], width: int) -> list[Drawn]:
    pieces = _highlighted(line.text.expandtabs(_TAB) for line in lines) if lines else ()
    return [
        Drawn(line, f"{'>' if line.failed else ' '}{line.number:>{width}}  ", tuple(found))
        for line, found in zip(lines, pieces, strict=True)
    ]


def _highlighted(lines: Iterator[str]) -> list[list[tuple[str, str]]]:
    """Each line cut into pieces of one kind."""
    found: list[list[tuple[str, str]]] = [[]]
    for kind, text in _tokens("\n".join(lines)):
        first, *others = text.split("\n")
        found[-1] += [(kind, one_line(first))] if first else []
        found += [[(kind, one_line(other))] if other else [] for other in others]
    return found


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    """(kind, text) of the whole, neighbours of one kind as one."""
    before, held = "", ""
    for _, token, piece in _lexer().get_tokens_unprocessed(text):
        kind = next((letter for letter, kinds in _kinds() if any(token in one for one in kinds)), "")
        if kind != before and held:
            yield before, held
            held = ""
        before, held = kind, held + piece
    yield before, held


@cache
def _lexer() -> Any:
    from pygments.lexers.python import PythonLexer  # deferred: mostly nobody looks at the code

    return PythonLexer()


@cache
def _kinds() -> tuple[tuple[str, tuple[Any, ...]], ...]:
    """Letter -> the tokens that are drawn so."""
    from pygments.token import Comment, Keyword, Name, Number, Operator, String

    return (
        ("k", (Keyword, Operator.Word)), ("s", (String,)), ("c", (Comment,)), ("m", (Number,)),
        ("f", (Name.Function, Name.Class, Name.Decorator, Name.Builtin)),
    )  # fmt: skip
