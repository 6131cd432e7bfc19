"""The catalogue of causes in words: for the terminal, and as the page docs/causes.md."""

from __future__ import annotations

import textwrap

from dualcell.catalogue import CAUSES
from dualcell.cause import Cause
from dualcell.causes.settings import SETTING_CAUSES, SettingCause
from dualcell.errors import OptionError, did_you_mean
from dualcell.unseen import UNSEEN

_ALL: tuple[Cause | SettingCause, ...] = (*CAUSES, *SETTING_CAUSES)
_HEAD = """\
# Causes

Why tensors of two frameworks differ, as far as dualcell knows: a closed list. Each cause is tried on the \
tensors themselves and named only if it explains them; where several explain them equally well, all are named. \
Those that only the settings of layers, optimizers and losses show come last. \
`dualcell explain NAME` prints an entry in a terminal. This page is made from the code by `make docs`.
"""


def explain_cause(name: str) -> str:
    """One entry, wrapped for a terminal.

    Raises:
        OptionError: no cause has this name; the text names the nearest.

    Examples:
        >>> print(explain_cause("sign"))
        sign: the sign is turned
        <BLANKLINE>
        A similarity that one side turns into a loss, a gradient taken for ascent.
    """
    known = {cause.name: cause for cause in _ALL}
    if name not in known:
        raise OptionError(f"no cause {name!r}.{did_you_mean(name, known)} Causes: {', '.join(known)}.")
    cause = known[name]
    return f"{_heading(cause)}\n\n{textwrap.fill(cause.about, 88)}"


def list_causes() -> str:
    """All causes, a line each."""
    width = max(len(cause.name) for cause in _ALL)
    return "\n".join(f"{cause.name.ljust(width)}  {cause.title}" for cause in _ALL)


def causes_page() -> str:
    """The page docs/causes.md."""
    unseen = "".join(f"\n{reason}\n\n{_listed(entries)}\n" for reason, entries in UNSEEN.items())
    return _HEAD + "".join(_section(cause) for cause in _ALL) + _UNSEEN_HEAD + unseen


_UNSEEN_HEAD = """
## What neither tensors nor settings show

These known differences are not named, with the reason.
"""


def _listed(entries: tuple[str, ...]) -> str:
    return ", ".join(f"`{entry}`" for entry in entries)


def _heading(cause: Cause | SettingCause) -> str:
    return f"{cause.name}: {cause.title[0].lower()}{cause.title[1:]}"


def _section(cause: Cause | SettingCause) -> str:
    known_as = f"\nKnown as: {_listed(cause.entries)}.\n" if cause.entries else ""
    settings = "" if isinstance(cause, Cause) else "\nShown by settings only.\n"
    return f"\n## {cause.name}\n\n{cause.title}.\n\n{cause.about}\n{known_as}{settings}"
