"""Plant causes in healthy tensors, and judge what `diagnose` names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from dualcell.catalogue import CAUSES
from dualcell.cause import Cause
from dualcell.diagnosis import diagnose
from tests.faults.tensors import Array

NOISE = 1e-6  # relative, on one side


@dataclass(frozen=True)
class Planted:
    """Two tensors of which one has faults.

    Attributes:
        causes: the names of what was planted, in this order.
        tensor: the healthy tensor's name.
        left: the healthy tensor.
        right: the one with the faults.
    """

    causes: tuple[str, ...]
    tensor: str
    left: Array
    right: Array


_ONE_ROW = "over all of the axes, or over rows that are alike, one number does it"
_SUMS = "rows that sum to one, as those of a softmax do"

_NORMALISED = "rows that were normalised already are the other side's, normalised; whatever was done to each"

# (planted, named) -> why the second is as right as the first, in some tensors
EQUIVALENT: dict[tuple[str, str], str] = {
    ("axis-rolled", "block-order"): "two blocks swapped are an axis rolled by half; three, by a third",
    ("axis-rolled", "axis-reversed"): "an axis of two elements rolled is an axis reversed",
    ("axis-reversed", "block-order"): "an axis of two or four elements reversed is its elements in another order",
    ("axis-reversed", "axis-rolled"): "an axis of two elements reversed is an axis rolled",
    ("block-order", "axis-rolled"): "all blocks rolled by one are an axis rolled by a block",
    ("block-order", "flatten-order"): "four blocks in the order 0, 2, 1, 3 are an axis split in 2 x 2, transposed",
    ("flatten-order", "block-order"): "the same, the other way round",
    ("log-softmax", "offset"): _ONE_ROW,
    ("softmax", "function"): "of two elements, softmax is a sigmoid of their difference",
    ("normalised-rows", "scale"): _ONE_ROW,
    ("standardised", "affine"): _ONE_ROW,
    ("standardised", "channel-affine"): "rows that are few and long: each is scaled and shifted",
    ("standardised", "normalisation-epsilon"): "rows normalised once with a large epsilon, and again without",
    ("centred-rows", "offset"): _ONE_ROW,
    ("centred-rows", "rounding"): "rows that were centred already",
    ("variance-bessel", "scale"): "rows that are centred: n / (n - 1) scales them all",
    ("variance-bessel", "affine"): "rows of one mean: n / (n - 1) scales them all about it",
    ("channel-scale", "normalised-rows"): _SUMS + ", are the quotient by any factor of the row, divided by their sum",
    ("channel-offset", "centred-rows"): "rows that were centred are the other side's less its means",
    ("pooling-edges", "normalised-rows"): _SUMS + ", are the quotient by the edge's factor, divided by their sum",
    ("channel-scale", "standardised"): _NORMALISED,
    ("channel-offset", "standardised"): _NORMALISED,
    ("channel-affine", "standardised"): _NORMALISED,
    ("pooling-edges", "standardised"): _NORMALISED,
    ("log-softmax", "standardised"): _NORMALISED,
    ("log-softmax", "centred-rows"): _NORMALISED,
    ("repetition", "cropped"): "a tensor repeated has the tensor as a part",
}


@dataclass(frozen=True)
class Case:
    """What `diagnose` made of planted faults.

    Attributes:
        planted: the faults.
        named: the causes of each finding.
    """

    planted: Planted
    named: tuple[tuple[str, ...], ...]

    @property
    def said(self) -> set[str]:
        """All causes that were named."""
        return {cause for causes in self.named for cause in causes}

    @property
    def missed(self) -> set[str]:
        """The planted causes that were not named, nor anything as right."""
        return {one for one in self.planted.causes if not any(_as_right(one, other) for other in self.said)}

    @property
    def wrong(self) -> set[str]:
        """The named causes that are neither planted nor as right."""
        return {other for other in self.said if not any(_as_right(one, other) for one in self.planted.causes)}


def _as_right(planted: str, named: str) -> bool:
    return planted == named or (planted, named) in EQUIVALENT


def judged(case: Planted) -> Case:
    """Diagnose one."""
    dtypes = case.left.dtype.name, case.right.dtype.name
    return Case(case, tuple(finding.causes for finding in diagnose(case.left, case.right, dtypes=dtypes)))


def plantings(causes: Sequence[Cause], tensors: dict[str, Array]) -> Iterator[Planted]:
    """Each cause in each tensor that takes it."""
    for cause in causes:
        for name, healthy in tensors.items():
            case = planted((cause,), name, healthy)
            if case is not None:
                yield case


def planted(causes: Iterable[Cause], name: str, healthy: Array) -> Planted | None:
    """The causes in one tensor, one after the other, and noise; None if one does not go into it."""
    causes = tuple(causes)
    names = tuple(cause.name for cause in causes)
    random = np.random.default_rng(crc32(" ".join((*names, name)).encode()))
    faulty: Array | None = healthy
    if healthy.dtype.kind == "c" and not all(cause.complex for cause in causes):
        return None
    with np.errstate(all="ignore"):
        for cause in causes:
            faulty = None if faulty is None else cause.plant(faulty, random)
    if faulty is None or (faulty.shape == healthy.shape and np.array_equal(faulty, healthy)):
        return None
    return Planted(names, name, healthy, noisy(faulty, random))


def noisy(array: Array, random: np.random.Generator) -> Array:
    """Noise on every element, but on none of a dtype of whole numbers."""
    if array.dtype.kind not in "fc":
        return array
    return (array * (1 + NOISE * random.standard_normal(array.shape))).astype(array.dtype)


BY_NAME = {cause.name: cause for cause in CAUSES}
