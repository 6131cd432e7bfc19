"""What may follow on a `%%dual`, `%dual` or header line, given what is typed so far."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from dualcell.frameworks.registry import ADAPTERS, SPELLINGS
from dualcell.lines import LINES
from dualcell.options import (
    BLOCK_OPTIONS,
    COMPARE_OPTIONS,
    DTYPES,
    INITS,
    LAYOUTS,
    OPTION_NAMES,
    SORTS,
    build_parser,
    option_flags,
)
from dualcell.pictures.kinds import AUTO, KINDS, LAYERS

_LINE = re.compile(r"\s*(?:[A-Za-z_][\w., ]*=\s*)?(%{1,2})dual\b(.*)$")
_HEADER = re.compile(r"\s*(#)\s*-{2,}\s*(.*)$")
_TARGETS = re.compile(r"(?m)^[ \t]*((?:[A-Za-z_]\w*\s*,\s*)*[A-Za-z_]\w*)\s*(?::[^=\n]+)?=(?!=)")
_FRAMEWORKS = tuple(word for word, library in SPELLINGS.items() if library in ADAPTERS)
_AFTER_RUN = (*COMPARE_OPTIONS, "strict", "out", "code", "large")
_VALUES = {
    "--device": ("auto", "cpu", "gpu", "cuda", "mps"),
    "--dtype": DTYPES,
    "--init": INITS,
    "--layout": LAYOUTS,
    "--reference": ("left", "right"),
    "--sort": SORTS,
    "--plot": (AUTO, *KINDS, LAYERS),
}


def complete(line: str, cell: str = "", devices: Iterable[str] = ()) -> list[str] | None:
    r"""The words that may stand where `line` ends.

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
        >>> complete("%%dual pr", "%%dual\n# --- keras ---\nprobs = 1")
        ['probs']
    """
    in_magic_cell = cell.lstrip().startswith("%%dual")
    match = _LINE.match(line) or (_HEADER.match(line) if in_magic_cell else None)
    if match is None:
        return None
    sign, typed = match.groups()
    word = re.split(r"[\s\"'~=]", typed)[-1]
    before = typed[: len(typed) - len(word)].split()
    if sign != "%%" and not before:
        alone = ("diff", *LINES, "--help") if sign == "%" else ()
        offered: Iterable[str] = (*_FRAMEWORKS, *alone)
    elif sign == "#":
        offered = _after(before, word, (), devices, BLOCK_OPTIONS)
    else:
        accepted = _AFTER_RUN if before[:1] == ["diff"] else OPTION_NAMES
        offered = _after(before, word, assigned_names(cell), devices, accepted)
    return sorted({candidate for candidate in offered if candidate.startswith(word)})


def assigned_names(cell: str) -> list[str]:
    r"""Names the cell's text assigns, in order; it need not parse yet.

    Examples:
        >>> assigned_names("a, b = f(x=1)\n  c: int = 2\nd == 3")
        ['a', 'b', 'c']
    """
    return [name.strip() for targets in _TARGETS.findall(cell) for name in targets.split(",")]


def _after(
    before: list[str], word: str, names: Iterable[str], devices: Iterable[str], accepted: Collection[str]
) -> Iterable[str]:
    """A value of the option before, one of the `accepted` options, or a name."""
    flag = before[-1] if before else ""
    if flag == "--device":
        return (*_VALUES[flag], *devices)
    if flag == "--plot":  # a list: what is typed of it stays
        listed = word[: word.rfind(",") + 1]
        return [listed + kind for kind in _VALUES[flag] if kind not in listed.split(",")]
    if flag in _VALUES:
        return _VALUES[flag]
    if flag in _flags_with_value():
        return ()
    if word.startswith("-"):
        return [flag for flag in option_flags() if _option_of(flag) in (*accepted, "help")]
    return names


def _option_of(flag: str) -> str:
    """`--no-equal-nan` -> `equal_nan`."""
    return flag.removeprefix("--").removeprefix("no-").replace("-", "_")


def _flags_with_value() -> set[str]:
    actions = build_parser()._actions  # noqa: SLF001 - argparse has no public list
    return {flag for action in actions if action.nargs is None for flag in action.option_strings}
