"""Rows of gradients or of what optimizers keep -> the tolerance of each, in proportion to its own size.

The default tolerance of a dtype is for numbers of about 1. A gradient may be of any size, and a second
moment is its square, so that an absolute tolerance passes what is nine times too large.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dualcell.captures import Captured
from dualcell.coded import codes_of, decoded
from dualcell.devices import host
from dualcell.options import Options
from dualcell.pairs import Pair
from dualcell.slabs import slabs
from dualcell.tolerance import default_tolerance
from dualcell.weights.slots import SQUARES

# of a row's root mean square, in units of its dtype's atol: rounding of one step takes a hundredth of it, of a few
# steps about half, and a setting that is not the same shows in percents
_OWN = 100.0
_SLAB = 1 << 20  # elements


def proportioned(rows: Sequence[tuple[str, Pair]], options: Options) -> list[Options]:
    """The options each row is compared with.

    Args:
        rows: what each one is, and the pair; rows of one kind, of all layers, are in one proportion.
        options: what was asked for; a tolerance in them stays.

    Returns:
        Options with `atol` a share of the root mean square of the row's reference, and at least what rounding
        leaves of the largest row of the kind: the gradient of a bias before a BatchNorm is that and nothing else.
    """
    if options.rtol is not None:
        return [options] * len(rows)
    sizes = [_size(getattr(pair, options.reference)) for _, pair in rows]
    largest: dict[str, float] = {}
    for (kind, _), size in zip(rows, sizes, strict=True):
        largest[kind] = max(size, largest.get(kind, 0.0))
    return [
        _with_tolerance(pair, size, largest[kind], options, is_square=kind in SQUARES)
        for (kind, pair), size in zip(rows, sizes, strict=True)
    ]


def _with_tolerance(pair: Pair, size: float, largest: float, options: Options, *, is_square: bool) -> Options:
    default = default_tolerance(*(leaf.facts.dtype if leaf.facts else "" for leaf in (pair.left, pair.right)))
    rest = default.atol**2 if is_square else default.atol
    atol = max(size * max(_OWN * default.atol, default.rtol), largest * rest)
    return replace(options, rtol=default.rtol, atol=atol) if math.isfinite(atol) else options


def _size(leaf: Captured) -> float:
    """The root mean square of a row's finite numbers; 0 if it has none."""
    if leaf.facts is None or leaf.missing or leaf.unsupported:
        return 0.0
    values, total, count = host(leaf), 0.0, 0
    for _, index in slabs(values.shape, _SLAB):
        part = np.abs(decoded(codes_of(values)[index], values)).astype(np.float64)
        part = part[np.isfinite(part)]
        with np.errstate(over="ignore"):
            total, count = total + float(np.sum(np.square(part))), count + part.size
    return math.sqrt(total / count) if count else 0.0
