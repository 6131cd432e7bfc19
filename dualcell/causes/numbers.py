"""Causes in the numbers themselves: rounding to a narrower type, overflow, indices against one-hot."""

from __future__ import annotations

from dualcell.cause import Cause

CAUSES: tuple[Cause, ...] = ()
