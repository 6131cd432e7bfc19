"""Causes that change the elements by pieces: activation variants, clipping, dropout."""

from __future__ import annotations

from dualcell.cause import Cause

CAUSES: tuple[Cause, ...] = ()
