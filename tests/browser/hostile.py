"""Names and values that try to leave the table they are shown in."""

from __future__ import annotations

import numpy as np

import dualcell

NAMES = (
    "<script>window.struck = 1</script>",
    '"><img src=x onerror="window.struck = 1">',
    "</td></tr></table><h1>struck</h1>",
    "</style><script>window.struck = 1</script>",
    "javascript:window.struck=1",
    "\u202egnp.exe",
    "two\nlines",
    "n" * 10_000,
    "{{ 7 * 7 }}",
)


def result() -> dualcell.DualResult:
    """A comparison whose rows bear those names; half of them fail."""
    left = {name: np.arange(6.0) + number for number, name in enumerate(NAMES)}
    right = {name: values * (1 + number % 2) for number, (name, values) in enumerate(left.items())}
    return dualcell.compare(left, right)
