"""Report -> plain data for the output's metadata and for `DualResult.save`.

JSON has no NaN and no infinity; they become the strings `nan`, `inf` and `-inf`.
"""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from typing import Any

from dualcell.report import Report

SCHEMA = 1


def render_json(report: Report) -> dict[str, Any]:
    """The report as dicts, lists, strings, finite numbers and None.

    Returns:
        A dict with `schema`, `passed`, `summary`, `sides`, `settings`, `notes` and `rows`.
    """
    plain: dict[str, Any] = _plain(asdict(replace(report, code=None, lanes=None)))
    return {"schema": SCHEMA, **{name: value for name, value in plain.items() if name not in _LOOKS}}


_LOOKS = ("code", "shows_code", "large", "lanes", "layout")  # how it is shown; the notebook has the code


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items() if not isinstance(item, bytes)}  # no pictures
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, complex):
        return [_plain(value.real), _plain(value.imag)]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
