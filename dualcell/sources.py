"""The lines of a cell as typed, and what came of them: `Code`.

The lines of both blocks that make one captured name stand level with each other, as in
a diff of two files; those whose row failed are marked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

_BREAK = re.compile(r"\r\n|\r|\n")  # where the parser counts a line
_ESCAPED = re.compile(r"\s*(?:[\w., ]+=\s*)?[!%]")  # `!ls`, `%cd`, `files = !ls`


@dataclass(frozen=True)
class CodeLine:
    """One line of a cell.

    Attributes:
        number: its number in the cell, as in a traceback, counted from 1.
        text: what the user typed, without the line break.
        names: what it makes; after the run, the captures it makes.
        verdict: what became of the rows it makes, in words; empty if it makes none, or
            a later line makes them anew.
        failed: whether one of these rows failed.
    """

    number: int
    text: str
    names: tuple[str, ...] = ()
    verdict: str = ""
    failed: bool = False


@dataclass(frozen=True)
class Code:
    """The text of a run, every line once.

    Attributes:
        left: lines of the left block, its header first.
        right: lines of the right block.
        above: lines before the first block.
        below: `%dual diff`, if there is one.
        first: the first divergent line, in words; empty if none is known.
    """

    left: tuple[CodeLine, ...]
    right: tuple[CodeLine, ...]
    above: tuple[CodeLine, ...] = ()
    below: tuple[CodeLine, ...] = ()
    first: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of a row, and the names that it was made from.

    Attributes:
        row: its name.
        capture: what the row was captured as; several rows may come of one.
        verdict: as in the table.
        failed: whether it did not pass.
        left: names on the left side; the last line that makes one of them made the row.
        right: names on the right side.
        more: what to add to the verdict, as `max abs 0.03`; may be empty.
    """

    row: str
    capture: str
    verdict: str
    failed: bool
    left: tuple[str, ...]
    right: tuple[str, ...]
    more: str = ""


# --- the text ---


@dataclass(frozen=True)
class TypedLines:
    """Where the lines of a parsed cell stand in what was typed.

    Attributes:
        lines: the lines as typed; empty if they are not known.
        numbers: for each parsed line, the typed line it begins on, counted from 1.
    """

    lines: tuple[str, ...]
    numbers: tuple[int, ...]

    def between(
        self, start: float, end: float, makers: Mapping[int, tuple[str, ...]] | None = None
    ) -> tuple[CodeLine, ...]:
        """The typed lines of the parsed lines `[start, end)`, without the blank ones at the end.

        Args:
            start: a parsed line.
            end: a parsed line; infinite for all that follow.
            makers: what parsed lines make.
        """
        if not self.lines or start > len(self.numbers):
            return ()
        first = self.numbers[int(start) - 1]
        last = self.numbers[int(end) - 1] if end <= len(self.numbers) else len(self.lines) + 1
        made = {self.numbers[line - 1]: names for line, names in (makers or {}).items()}
        found = [CodeLine(n, self.lines[n - 1], made.get(n, ())) for n in range(first, last)]
        while found and not found[-1].text.strip():
            found.pop()
        return tuple(found)


def typed_lines(source: str, typed: str) -> TypedLines:
    r"""Tell which typed line each line of a parsed cell comes from.

    IPython writes a `!` or `%` line that goes on after a backslash as one; all others
    stay where they are.

    Args:
        source: the text that was parsed.
        typed: the text before IPython's transformations.

    Returns:
        Nothing if the two do not fit each other, as another extension may rewrite cells.

    Examples:
        >>> typed_lines("get_ipython().system('ls -l')\ny = 1", "!ls \\\n -l\ny = 1").numbers
        (1, 3)
    """
    lines = _BREAK.split(typed.removesuffix("\n"))
    count = len(_BREAK.split(source.removesuffix("\n")))
    numbers = list(range(1, len(lines) + 1))
    if len(lines) != count:
        numbers = [number for number in numbers if not _goes_on(lines, number)]
    return TypedLines(tuple(lines), tuple(numbers)) if typed and len(numbers) == count else TypedLines((), ())


def _goes_on(lines: Sequence[str], number: int) -> bool:
    """Whether a typed line only continues a `!` or `%` line."""
    first = number - 1
    while first > 0 and lines[first - 1].endswith("\\"):
        first -= 1
    return first < number - 1 and _ESCAPED.match(lines[first]) is not None


# --- after the run ---


def mark(code: Code, outcomes: Iterable[Outcome], labels: tuple[str, str]) -> Code:
    """Write into each line what became of the rows it made.

    Args:
        code: the lines with all they make.
        outcomes: what became of each row.
        labels: what the sides are called.
    """
    outcomes = tuple(outcomes)
    sides: list[tuple[CodeLine, ...]] = []
    places: list[dict[str, int]] = []
    for index, lines in enumerate((code.left, code.right)):
        sources = {outcome.row: outcome.right if index else outcome.left for outcome in outcomes}
        last = {name: line.number for line in lines for name in line.names}
        place = {row: max((last[name] for name in names if name in last), default=0) for row, names in sources.items()}
        captures: dict[str, dict[str, None]] = {}
        made: dict[int, list[Outcome]] = {}
        for one in outcomes:
            made.setdefault(place[one.row], []).append(one)
            for name in sources[one.row]:
                captures.setdefault(name, {})[one.capture] = None
        places.append(place)
        sides.append(tuple(_marked(line, captures, made.get(line.number, ())) for line in lines))
    return replace(code, left=sides[0], right=sides[1], first=_first(outcomes, places, labels))


def _marked(line: CodeLine, captures: Mapping[str, Iterable[str]], made: Sequence[Outcome]) -> CodeLine:
    names = dict.fromkeys(capture for name in line.names for capture in captures.get(name, ()))
    failed = [one for one in made if one.failed]
    return CodeLine(line.number, line.text, tuple(names), _verdict(failed or made, len(made), line), bool(failed))


def _verdict(told: Sequence[Outcome], of: int, line: CodeLine) -> str:
    """`differs`; `kernel: differs` where the line does not show the row's name; `2 of 9 rows: differs, shape`."""
    words = ", ".join(dict.fromkeys(one.verdict for one in told))
    if not told or (len(told) == of == 1 and len(line.names) == 1 and told[0].row in (*line.names, *_UNNAMED)):
        return words
    if len(told) == 1:
        return f"{told[0].row}: {words}"
    return f"{len(told)} of {of} rows: {words}" if len(told) < of else f"{of} rows: {words}"


_UNNAMED = ("out",)  # the row of the last expression, whose line shows no name


def _first(outcomes: Iterable[Outcome], places: Sequence[Mapping[str, int]], labels: tuple[str, str]) -> str:
    """The failed row that was made first, and where."""
    failed = [one for one in outcomes if one.failed and any(place[one.row] for place in places)]
    if not failed:
        return ""
    one = min(failed, key=lambda one: places[0][one.row] or places[1][one.row])
    where = [f"line {place[one.row]} ({label})" for place, label in zip(places, labels, strict=True) if place[one.row]]
    makes = "makes" if len(where) == 1 else "make"
    more = f", {one.more}" if one.more else ""
    return f"First divergence: {' and '.join(where)} {makes} {one.row!r}: {one.verdict}{more}."


def level(code: Code) -> tuple[tuple[CodeLine | None, CodeLine | None], ...]:
    """Both blocks side by side, None where one of them has a gap.

    Lines that make the same capture share a place, in order; between two such places
    the shorter side is filled up at its end.
    """
    rows: list[tuple[CodeLine | None, CodeLine | None]] = []
    start = (0, 0)
    for anchor in (*_anchors(code.left, code.right), (len(code.left), len(code.right))):
        left, right = code.left[start[0] : anchor[0]], code.right[start[1] : anchor[1]]
        height = max(len(left), len(right))
        rows += zip(_filled(left, height), _filled(right, height), strict=True)
        start = anchor
    return tuple(rows)


def _filled(lines: Sequence[CodeLine], height: int) -> list[CodeLine | None]:
    return [*lines, *[None] * (height - len(lines))]


def _anchors(left: Sequence[CodeLine], right: Sequence[CodeLine]) -> list[tuple[int, int]]:
    """Places of the lines that make the same capture, ascending on both sides.

    Matched from the end: of a name bound several times, the last is what was captured.
    """
    made = [_makers(left), _makers(right)]
    matches = SequenceMatcher(None, [name for _, name in made[0]], [name for _, name in made[1]])
    anchors = [
        (made[0][block.a + step][0], made[1][block.b + step][0])
        for block in matches.get_matching_blocks()
        for step in range(block.size)
    ]
    return anchors[::-1]


def _makers(lines: Sequence[CodeLine]) -> list[tuple[int, str]]:
    """(place, capture) of every line that makes one, the last first."""
    return [(place, name) for place, line in enumerate(lines) for name in line.names][::-1]
