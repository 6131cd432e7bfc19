"""Errors -> a `Scale`, the log scale that all error bars of a table share, and the bars."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from dualcell.report import Row

# by whether the row passed; seen on white as on every host's dark page, so opaque, and never behind a text
BARS = {True: "#1e964b", False: "#eb504b"}
MARK, CLEAR = "#8a8a8a", "#0000"


@dataclass(frozen=True)
class Scale:
    """Powers of ten between which every error and every tolerance of a table lies.

    Attributes:
        low: the exponent at which bars begin.
        high: the exponent at which they end.
    """

    low: int
    high: int

    def share(self, value: float) -> float:
        """How much of the bar a value fills, from 0.0 to 1.0; NaN and infinities fill it.

        Examples:
            >>> scale = Scale(-8, 0)
            >>> scale.share(1e-8), scale.share(1e-4), scale.share(0.0), scale.share(float("nan"))
            (0.0, 0.5, 0.0, 1.0)
        """
        if value == 0:
            return 0.0
        if not math.isfinite(value):
            return 1.0
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return min(max(share, 0.0), 1.0)

    @property
    def words(self) -> str:
        """`1e-08 to 1e+00`."""
        return f"1e{self.low:+03d} to 1e{self.high:+03d}"


def scale_of(rows: Iterable[Row]) -> Scale | None:
    """The scale of a table, whole powers of ten; None where no row has an error above zero."""
    measured = [row for row in rows if row.max_abs is not None]
    errors = [row.max_abs for row in measured if row.max_abs is not None and _on_a_scale(row.max_abs)]
    allowed = [row.allowed_at_worst for row in measured if row.allowed_at_worst is not None]
    shown = [math.log10(value) for value in (*errors, *filter(_on_a_scale, allowed))]
    if not errors:
        return None
    # a bar of the smallest error must be seen, so the scale begins below it
    return Scale(math.floor(min(shown) - 0.5), math.floor(max(shown)) + 1)


def _on_a_scale(value: float) -> bool:
    return math.isfinite(value) and value > 0


def bar(row: Row, scale: Scale | None) -> str:
    """What stands below a row's largest error: a bar on the table's log scale, the tolerance marked.

    One gradient of hard stops, which sanitisers that drop style sheets keep.
    """
    if scale is None or row.max_abs is None:
        return ""
    end = round(100 * scale.share(row.max_abs))
    colours = [BARS[row.passed]] * end + [CLEAR] * (100 - end)  # of each percent of the width
    if row.allowed_at_worst:
        mark = min(round(100 * scale.share(row.allowed_at_worst)), 98)
        for place in range(max(mark - 2, 0), min(mark + 4, 100)):  # clear beside it, to be seen within a bar
            colours[place] = MARK if mark <= place < mark + 2 else CLEAR
    ends = [place for place in range(1, 100) if colours[place] != colours[place - 1]]
    stretches = (f"{colours[begin]} {begin}% {end}%" for begin, end in pairwise([0, *ends, 100]))
    return f"background:linear-gradient(90deg,{','.join(stretches)})"
