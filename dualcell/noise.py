"""Runs of a cell with its inputs moved a little -> `Noise`: is a difference only rounding? And `Referee`.

The idea is the oldest test of numerical stability there is: change the inputs by what
float arithmetic cannot help losing anyway, one unit in the last place, and see how far
the results move (N. Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed.,
section 1.5; W. Kahan's advice to rerun with perturbed data).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dualcell.captures import Captured
from dualcell.devices import host
from dualcell.measure import measure
from dualcell.tolerance import Tolerance

# drift / noise: up to the one it is rounding, from the other on it is not. Healthy ports of the
# test zoo have 0.2 to 1.2, a product of a tensor with itself 2.5 (`python -m benchmarks noise`)
ROUNDING, FAULT = 3.0, 40.0
_SAME, _STAYS = 0.05, 0.5  # what of the difference is left in float64
_OTHER = 1e-2  # of the largest value: a side that float64 moves by more computes something else there
_WIDE = ("float64", "complex128")


@dataclass(frozen=True)
class Noise:
    """How far the sides lie apart, and how far each moves when inputs and weights move by one ulp.

    Attributes:
        drift: largest |left - right| as the cell was run.
        left: largest movement of the left side in all runs.
        right: largest movement of the right side.
        repeat: largest movement of either side when nothing was moved.
        runs: how many runs there were.
        refuted: whether float64 leaves the difference as it is, so that it is not rounding, however small.
    """

    drift: float
    left: float
    right: float
    repeat: float
    runs: int
    refuted: bool = False

    @property
    def ratio(self) -> float:
        """Drift over noise: about 1 is rounding, far above is a fault; NaN where neither can be said."""
        noise = max(self.left, self.right)
        if self.drift == 0:
            return 0.0
        return self.drift / noise if noise else math.inf

    @property
    def verdict(self) -> str:
        """`same`, `rounding`, `unclear`, `fault`, `unmoved`, `unrepeatable`, `refuted` or `not finite`."""
        if not math.isfinite(self.drift + self.left + self.right + self.repeat):
            return "not finite"
        if self.drift == 0:
            return "same"
        if self.repeat > self.drift / 2:
            return "unrepeatable"
        if max(self.left, self.right) == 0:
            return "unmoved"
        if self.ratio <= ROUNDING and self.refuted:
            return "refuted"
        return "rounding" if self.ratio <= ROUNDING else "fault" if self.ratio >= FAULT else "unclear"

    @property
    def sentence(self) -> str:
        """The verdict with its evidence."""
        apart = f"the sides lie {self.drift:.2g} apart"
        noise = f"one ulp moves them by {max(self.left, self.right):.2g} in {self.runs} runs"
        return {
            "same": "no difference, so nothing to explain",
            "rounding": f"rounding: {apart}, {noise} ({self.ratio:.2g} times)",
            "unclear": f"unclear: {apart}, {noise} ({self.ratio:.2g} times); rounding seldom gives more than "
            f"{ROUNDING:g} times, a fault mostly {FAULT:g}",
            "fault": f"no rounding: {apart}, {noise} ({self.ratio:.2g} times)",
            "unmoved": f"no rounding of inputs: {apart}, and moving inputs and weights by one ulp changes neither",
            "unrepeatable": f"not told: {apart}, and the same cell run again with nothing moved gives other values "
            f"(by {self.repeat:.2g})",
            "not finite": "not told: NaN or Inf stand on one side or in one run only, or a run gave another shape",
            "refuted": f"unclear: {apart}, {noise} ({self.ratio:.2g} times), as rounding does; but float64 leaves it",
        }[self.verdict]


@dataclass(frozen=True)
class Referee:
    """The same cell in float64, and what it says of the sides as they were run.

    Attributes:
        drift: largest |left - right| as the cell was run.
        gap: largest |left - right| in float64.
        left_error: largest distance of the left side from its own float64 values.
        right_error: the same of the right side.
        size: largest magnitude on either side.
        labels: what the sides are called.
        dtypes: what the two sides are in the float64 run.
    """

    drift: float
    gap: float
    left_error: float
    right_error: float
    size: float
    labels: tuple[str, str]
    dtypes: tuple[str, str]

    @property
    def verdict(self) -> str:
        """`same`, `rounding`, `fault`, `unclear`, `not float64`, `other numbers` or `not finite`."""
        if any(dtype not in _WIDE for dtype in self.dtypes):
            return "not float64"
        if not math.isfinite(self.drift + self.gap + self.left_error + self.right_error):
            return "not finite"
        if max(self.left_error, self.right_error) > _OTHER * self.size:
            return "other numbers"
        if self.drift == 0:
            return "same"
        left = self.gap / self.drift
        return "rounding" if left <= _SAME else "fault" if left >= _STAYS else "unclear"

    @property
    def nearer(self) -> str:
        """The side nearer to the truth; empty if they are equally near, or there is no truth to tell by."""
        if self.verdict != "rounding" or self.left_error == self.right_error:
            return ""
        return self.labels[self.right_error < self.left_error]

    @property
    def sentence(self) -> str:
        """The verdict with its evidence."""
        errors = f"{self.labels[0]} is off by {self.left_error:.2g}, {self.labels[1]} by {self.right_error:.2g}"
        nearer = f"; {self.nearer} is nearer to the truth" if self.nearer else "; both are equally near to the truth"
        stayed = [f"{label} stayed {dtype}" for label, dtype in zip(self.labels, self.dtypes, strict=True)
                  if dtype not in _WIDE]  # fmt: skip
        return {
            "same": "no difference, so nothing to judge",
            "rounding": f"rounding: in float64 the sides agree to {self.gap:.2g} ({self.drift:.2g} as run); "
            f"{errors}{nearer}",
            "fault": f"no rounding: in float64 the sides still lie {self.gap:.2g} apart ({self.drift:.2g} as run)",
            "unclear": f"unclear: float64 leaves {self.gap:.2g} of {self.drift:.2g}",
            "not float64": f"not told: {' and '.join(stayed)}; name no float32 in the cell, and make its layers there",
            "other numbers": f"not told: in float64 a side is off by {max(self.left_error, self.right_error):.2g}, "
            f"which no rounding is; random numbers are drawn anew there. Make the inputs above the first header",
            "not finite": "not told: NaN or Inf stand on one side or in one run only, or a run gave another shape",
        }[self.verdict]


@dataclass(frozen=True)
class Again:
    """What running a cell again has shown.

    Attributes:
        noise: row -> how its drift compares to its noise.
        referee: row -> what float64 says.
        notes: sentences about the runs.
    """

    noise: Mapping[str, Noise] = field(default_factory=dict)
    referee: Mapping[str, Referee] = field(default_factory=dict)
    notes: Sequence[str] = ()


def measurable(one: Captured, other: Captured) -> bool:
    """Whether two tensors have a distance: both can be read, and their shapes are the same."""
    if one.facts is None or other.facts is None or one.facts.shape != other.facts.shape:
        return False
    return not (one.unsupported or other.unsupported)


def distance(one: Captured, other: Captured) -> float:
    """Largest |one - other|; 0 for equal NaNs and infinities, NaN where nothing can be measured."""
    if not measurable(one, other):
        return math.nan
    return float(measure(host(one), host(other), Tolerance(0.0, 0.0), equal_nan=True).max_abs)
