"""The outputs of both models after a copy: how far they lie apart, or why they cannot be the same."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from dualcell.captures import Captured, Captures, capture
from dualcell.comparison import Comparison, compare_pair
from dualcell.devices import host
from dualcell.errors import PlanError
from dualcell.options import COMPARE_OPTIONS, options_from
from dualcell.pairs import pair_up

# the largest |difference| of two healthy outputs over the largest |output|: 2.4e-6 at most in the zoo's whole models,
# in float32; a weight in another's place is far above it
LIMIT = 1e-4
_LIMITS = {"float16": 1e-2, "bfloat16": 1e-1}


@dataclass(frozen=True)
class Apart:
    """One output of both models.

    Attributes:
        row: `output`, with its place where there are several.
        ratio: the largest |difference| over the largest |output| of the source; NaN if NaN or infinity disagree.
        limit: the ratio up to which it is rounding.
    """

    row: str
    ratio: float
    limit: float

    @property
    def is_rounding(self) -> bool:
        """Whether the outputs agree."""
        return self.ratio <= self.limit

    def __str__(self) -> str:
        far = f"by {self.ratio:.2g} of the largest" if math.isfinite(self.ratio) else "in NaN or infinity"
        return f"{self.row} of the two models differs {far} (up to {self.limit:g} is rounding)"


def outputs_apart(run: Callable[[], Any]) -> Apart:
    """How far the outputs of both models lie apart, where that is most.

    Args:
        run: takes nothing, and returns the outputs of both models: a tensor each, or a structure of them.

    Raises:
        PlanError: they cannot be compared, or show nothing.
    """
    given = run()
    if not (isinstance(given, (tuple, list)) and len(given) == 2):
        raise PlanError(
            f"check: expected a function that takes nothing and returns the outputs of both models, as in "
            f"check=lambda: (model(x), net(y)); it returned {_what(given)}"
        )
    left, right = (Captures({f"output{path}": leaf for path, leaf in capture(value, borrow=True)}) for value in given)
    options = options_from({"rtol": 0.0, "atol": 0.0, "allow_dtype": True}, accepted=COMPARE_OPTIONS)
    compared = [compare_pair(pair, options) for pair in pair_up(left, right, (), ("the source", "the target"))]
    if not compared:
        raise PlanError("check: the function returned no tensor, so nothing was compared")
    found = [_apart(one) for one in compared]
    return max(found, key=lambda one: (math.isnan(one.ratio), one.ratio / one.limit))


def _apart(one: Comparison) -> Apart:
    if one.stats is None:
        raise PlanError(f"check: {one.row} cannot be compared: {_reason(one)}")
    size = _largest(one.left)
    if not size:
        raise PlanError(f"check: {one.row} of the source is 0 everywhere, which shows nothing; take another input")
    limit = max(_LIMITS.get(leaf.facts.dtype, LIMIT) for leaf in (one.left, one.right) if leaf.facts)
    return Apart(one.row, float(one.stats.max_abs) / size, limit)


def _reason(one: Comparison) -> str:
    if one.verdict != "shape":
        return one.note
    shapes = " and ".join(str(leaf.facts.shape) for leaf in (one.left, one.right) if leaf.facts)
    return f"its shapes are {shapes}; bring them into one order there, as in net(y).permute(0, 2, 3, 1)"


def _largest(leaf: Captured) -> float:
    values = np.abs(np.asarray(host(leaf)))
    return float(np.max(values, where=np.isfinite(values), initial=0.0))


def _what(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {len(value)}"
    return f"a {type(value).__name__}"
