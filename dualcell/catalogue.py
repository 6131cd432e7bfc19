"""The causes dualcell knows: a closed list, the simplest first."""

from __future__ import annotations

from dualcell.cause import Cause
from dualcell.causes import channels, complex_numbers, layout, numbers, pieces, reductions, regions, rows, values

CAUSES: tuple[Cause, ...] = (
    *layout.CAUSES,
    *values.CAUSES,
    *complex_numbers.CAUSES,
    *pieces.CAUSES,
    *numbers.CAUSES,
    *reductions.CAUSES,
    *rows.CAUSES,
    *channels.CAUSES,
    *regions.CAUSES,
)
