"""Where text goes now -> `Terminal`: how wide it may be, and whether it may have colours."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Terminal:
    """What the standard output can show.

    Attributes:
        width: columns of the terminal; None where it is none, so that nothing is left out.
        coloured: whether escape codes are understood and wanted.
    """

    width: int | None = None
    coloured: bool = False


ANYWHERE = Terminal()  # a pipe, a file, an error message


def terminal() -> Terminal:
    """The terminal that `sys.stdout` is, if it is one.

    A kernel's output, a pipe, a file and captured output are none, so what is stored in a
    notebook never has escape codes. NO_COLOR (https://no-color.org), TERM=dumb and
    IPython's `colors = "nocolor"` turn colours off; nothing turns them on elsewhere.
    """
    try:
        if not sys.stdout.isatty():
            return ANYWHERE
    except (AttributeError, ValueError):  # there is none, or it has been closed
        return ANYWHERE
    refused = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or _shell_has_no_colours()
    return Terminal(shutil.get_terminal_size().columns, not refused)


def _shell_has_no_colours() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return str(getattr(shell, "colors", "")).lower() == "nocolor"
