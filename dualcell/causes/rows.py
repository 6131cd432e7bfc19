"""Causes along an axis: softmax, normalisation over rows, reductions."""

from __future__ import annotations

from dualcell.cause import Cause

CAUSES: tuple[Cause, ...] = ()
