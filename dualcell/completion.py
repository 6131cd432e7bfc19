"""What may follow on a `%%dual`, `%dual` or header line, given what is typed so far."""

from __future__ import annotations

import re
from collections.abc import Iterable

from dualcell.frameworks.registry import SPELLINGS
from dualcell.options import DTYPES, build_parser, option_flags

_LINE = re.compile(r"\s*%{1,2}dual\b(.*)$")
_HEADER = re.compile(r"\s*#\s*-{2,}\s*(.*)$")
_TARGETS = re.compile(r"(?m)^[ \t]*((?:[A-Za-z_]\w*\s*,\s*)*[A-Za-z_]\w*)\s*(?::[^=\n]+)?=(?!=)")
_VALUES = {
    "--device": ("auto", "cpu", "gpu", "cuda", "mps"),
    "--dtype": DTYPES,
    "--reference": ("left", "right"),
}


def complete(line: str, cell: str = "", devices: Iterable[str] = ()) -> list[str] | None:
    """The words that may stand where `line` ends.

    Args:
        line: the line up to the cursor.
        cell: the whole cell, whose assignments are offered as captures.
        devices: further devices this machine has.

    Returns:
        Whole words that begin with the unfinished one, sorted; None if the line is not
        one of dualcell's.

    Examples:
        >>> complete("%%dual --dty"), complete("%%dual --device c")
        (['--dtype'], ['cpu', 'cuda'])
        >>> complete("%%dual pr", "%%dual\\n# --- keras ---\\nprobs = 1")
        ['probs']
    """
    magic, header = _LINE.match(line), _HEADER.match(line)
    if magic is None and header is None:
        return None
    typed = (magic or header)[1]  # type: ignore[index]
    word = re.split(r"[\s\"'~=]", typed)[-1]
    before = typed[: len(typed) - len(word)].split()
    if header is not None or (not before and not line.lstrip().startswith("%%")):
        offered: Iterable[str] = () if before else (*SPELLINGS, *(() if header else ("diff", "--help")))
    else:
        offered = _after(before, word, assigned_names(cell), devices)
    return sorted({candidate for candidate in offered if candidate.startswith(word)})


def assigned_names(cell: str) -> list[str]:
    """Names the cell's text assigns, in order; it need not parse yet.

    Examples:
        >>> assigned_names("a, b = f(x=1)\\n  c: int = 2\\nd == 3")
        ['a', 'b', 'c']
    """
    return [name.strip() for targets in _TARGETS.findall(cell) for name in targets.split(",")]


def _after(before: list[str], word: str, names: Iterable[str], devices: Iterable[str]) -> Iterable[str]:
    flag = before[-1] if before else ""
    if flag == "--device":
        return (*_VALUES[flag], *devices)
    if flag in _VALUES:
        return _VALUES[flag]
    if flag in _flags_with_value():
        return ()
    return option_flags() if word.startswith("-") else names


def _flags_with_value() -> set[str]:
    actions = build_parser()._actions  # noqa: SLF001 - argparse has no public list
    return {flag for action in actions if action.nargs is None for flag in action.option_strings}
