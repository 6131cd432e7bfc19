"""Causes with one scale or offset for each channel: normalisation layers."""

from __future__ import annotations

from dualcell.cause import Cause

CAUSES: tuple[Cause, ...] = ()
