"""Usage errors as IPython shows them, and the defaults that the loaded magic provides.

Kept apart from the runtime, so that `%load_ext dualcell` need not import that.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from IPython.core.error import UsageError

from dualcell.errors import DualError
from dualcell.options import Options

P = ParamSpec("P")
R = TypeVar("R")

defaults: list[Callable[[], Options]] = [Options]  # the loaded magic puts its traits on top


def usage(function: Callable[P, R]) -> Callable[P, R]:
    """Turn dualcell's own complaints into `UsageError`: one line, no traceback."""

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        __tracebackhide__ = True
        try:
            return function(*args, **kwargs)
        except DualError as error:
            raise UsageError(str(error)) from None

    return checked
