"""Every exception dualcell raises.

```
DualError
├── OptionError      a wrong option, header or capture (also a ValueError)
├── DeviceError      a device this machine lacks (also a RuntimeError)
├── FileError        a file that cannot be read as tensors (also an OSError)
├── FrameworkError   a framework that is unknown or not installed (also an ImportError)
├── PlanError        weights that cannot be matched or copied (also a ValueError)
└── DualMismatch     the comparison failed (also an AssertionError)
```
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


class DualError(Exception):
    """The base of every error dualcell raises."""


class OptionError(DualError, ValueError):
    """An option, a header or a capture that cannot be understood."""


class DeviceError(DualError, RuntimeError):
    """A device that this machine, or the framework on it, does not have."""


class FileError(DualError, OSError):
    """A file that is not there, of a kind dualcell does not open, or not what it says it is."""


class FrameworkError(DualError, ImportError):
    """A framework that dualcell does not know or that is not installed."""


class PlanError(DualError, ValueError):
    """Weights of two models that cannot be matched, or not without a guess, or not be copied."""


class DualMismatch(DualError, AssertionError):
    """The comparison failed; the text holds the whole table.

    Attributes:
        result: the `DualResult` that failed.
    """

    def __init__(self, message: str, result: Any = None) -> None:
        super().__init__(message)
        self.result = result


def in_a_line(error: BaseException) -> str:
    """An error's kind and the first line of what it says.

    Examples:
        >>> in_a_line(ValueError("no such axis")), in_a_line(KeyError())
        ('ValueError: no such axis', 'KeyError')
    """
    said = str(error).splitlines()
    return f"{type(error).__name__}: {said[0]}" if said else type(error).__name__


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A sentence `did you mean 'x'?`, or an empty text when nothing is near.

    Examples:
        >>> did_you_mean("prob", ["probs", "dense"])
        " Did you mean 'probs'?"
        >>> did_you_mean("zebra", ["probs", "dense"])
        ''
    """
    near = nearest(word, known)
    return f" Did you mean {near!r}?" if near else ""


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that is most like another one; empty if none is near."""
    return next(iter(difflib.get_close_matches(word, list(known), n=1)), "")
