"""Causes seen in a region only: borders, time steps, NaN and infinity."""

from __future__ import annotations

from dualcell.cause import Cause

CAUSES: tuple[Cause, ...] = ()
