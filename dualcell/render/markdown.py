"""Report -> Markdown, for front ends that show no HTML and for pages like GitHub's.

A notebook's output has it beside HTML and text. JupyterLab, nbconvert and VS Code prefer
HTML; PDF by nbconvert and VS Code with a screen reader show this.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from dualcell.render.folds import COLLAPSED
from dualcell.render.text import Column, drawn_in_words, header_line, reasons, reruns, settings_line, table_columns
from dualcell.render.words import LONGEST_SENTENCE, from_to, one_line, shortened
from dualcell.report import Report, Row, runs_of

# what Markdown, its tables, HTML in it or formulas in it could be made of; and bare addresses, which become links
_SPECIAL = re.compile(
    r"[\\`*\[\]<>|~$&#{}!]|(?<![^\W_])_|_(?![^\W_])|@|:(?=//)|(?<=www)\.|(?<=mailto):|(?<=xmpp):", re.IGNORECASE
)
# the begin of a line of code, or of a list
_BEGIN = re.compile(r"\A(?: |[-+:](?=[-\s]|\Z)|[0-9](?=[0-9]*[.)](?:\s|\Z)))")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def render_markdown(report: Report, before: str = "") -> str:
    """The report as GitHub-flavoured Markdown; whatever a user can name is inert in it.

    Args:
        report: what is shown.
        before: text to stand above it as it is, in a block of code.
    """
    parts = [fenced(before)] if before else []
    parts.append(f"**{inert(report.summary)}**")
    if report.rows:
        parts.append("\n".join(_table(report)))
    parts.append("\n".join(_reasons(report)))
    facts = [header_line(side) for side in report.sides if header_line(side)]
    facts += [settings_line(report)] if report.settings else []
    lines = [*(f"note: {note}" for note in report.notes), *facts]
    parts += [_line_of(shortened(line, LONGEST_SENTENCE)) for line in lines]
    return "\n\n".join(part for part in parts if part)


def inert(text: str) -> str:
    """A text that Markdown shows as it is.

    Examples:
        >>> inert("a_b | <b> $x$ _c_")
        'a_b &#124; &#60;b&#62; &#36;x&#36; &#95;c&#95;'
    """
    return _SPECIAL.sub(_written_out, one_line(text))


def _written_out(found: re.Match[str]) -> str:
    return f"&#{ord(found[0])};"


def _line_of(text: str) -> str:
    """A text that may stand at the begin of a line, too."""
    return _BEGIN.sub(_written_out, inert(text))


def code(text: str) -> str:
    """A text as code within a line, whatever backticks are in it.

    Examples:
        >>> code("x.T"), code("a`b")
        ('`x.T`', '`` a`b ``')
    """
    text = one_line(text)
    longest = max(map(len, re.findall("`+", text)), default=0)
    return f"`{text}`" if not longest else f"{'`' * (longest + 1)} {text} {'`' * (longest + 1)}"


def fenced(text: str) -> str:
    """Lines as a block of code, whatever backticks are in them; without the codes for colours."""
    text = "\n".join(one_line(_COLOUR.sub("", line.expandtabs())) for line in text.split("\n"))
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}text\n{text}\n{fence}"


def _table(report: Report) -> list[str]:
    columns = table_columns(report)
    lines = [_line(inert(column.heading) for column in columns)]
    lines.append(_line("---:" if column.right else "---" for column in columns))
    at = 0
    for run in runs_of(report.shown, collapses=len(report.rows) > COLLAPSED):
        if run.folded:
            said = f"*{len(run.rows)} equal:* {inert(from_to(run.rows[0].name, run.rows[-1].name))}"
            lines.append(_line([said, *[""] * (len(columns) - 1)]))
        else:
            lines += [_row(columns, place, run.rows[place - at]) for place in range(at, at + len(run.rows))]
        at += len(run.rows)
    return lines


def _row(columns: Iterable[Column], place: int, row: Row) -> str:
    cells = [inert(column.cells[place]) for column in columns]
    return _line(f"**{cell}**" if at == 1 and not row.passed else cell for at, cell in enumerate(cells))


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _reasons(report: Report) -> list[str]:
    """Reruns, pictures in words, then why rows failed, with the lines to change."""
    said: list[str] = []
    for line in (*reruns(report), *drawn_in_words(report), *reasons(report)):
        text = _line_of(shortened(line.text, LONGEST_SENTENCE))
        change = code(line.code) if line.code else ""
        joint = ": " if line.code or line.words else ""
        said.append(f"{'  ' * (line.depth - 1)}- {text}{joint}{change}{inert(line.words)}")
    return said
