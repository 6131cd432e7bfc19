"""A `DualResult` -> `Power`: which faults this comparison would have caught.

Each known cause is planted in the tensors that were compared. What then still passes
would have passed in a wrong port too.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

import numpy as np

from dualcell.catalogue import CAUSES
from dualcell.cause import Array, Cause
from dualcell.coded import codes_of, decoded
from dualcell.comparison import Comparison
from dualcell.devices import host
from dualcell.errors import OptionError
from dualcell.measure import measure
from dualcell.result import DualResult, last_result

LARGEST = 1 << 20  # elements; of larger tensors the first rows are used


@dataclass(frozen=True)
class Planted:
    """What became of one fault.

    Attributes:
        cause: the name of the cause that was planted.
        title: what it does.
        noticed: rows in which it failed the comparison.
        unnoticed: rows that still passed with the fault in them.
        expose: what tensor would show it.
    """

    cause: str
    title: str
    noticed: tuple[str, ...]
    unnoticed: tuple[str, ...]
    expose: str


@dataclass(frozen=True)
class Power:
    """What a comparison would catch; in a terminal or notebook it shows as text.

    Attributes:
        planted: the faults that could be put into at least one row.
        inapplicable: names of the causes that fit no tensor here.
    """

    planted: tuple[Planted, ...]
    inapplicable: tuple[str, ...]

    @property
    def unnoticed(self) -> tuple[Planted, ...]:
        """The faults that would have passed in every row they could be put into."""
        return tuple(one for one in self.planted if not one.noticed)

    def __repr__(self) -> str:
        caught = len(self.planted) - len(self.unnoticed)
        lines = [f"dualcell: {caught} of {len(self.planted)} planted faults would have been noticed"]
        for one in self.unnoticed:
            lines += [
                f"  not noticed: {one.cause} in {_listed(one.unnoticed)}",
                *_indented(f"{one.title}. It would show in {one.expose}."),
            ]
        partly = [one for one in self.planted if one.noticed and one.unnoticed]
        lines += [f"  noticed in {one.noticed[0]}, not in {_listed(one.unnoticed)}: {one.cause}" for one in partly]
        if self.inapplicable:
            lines.append(f"  {len(self.inapplicable)} more fit no tensor here (`.inapplicable` names them)")
        return "\n".join(lines)


_MOST_ROWS = 3


def _listed(rows: tuple[str, ...]) -> str:
    return ", ".join(rows[:_MOST_ROWS]) + (", ..." if len(rows) > _MOST_ROWS else "")


def _indented(text: str, indent: str = "    ") -> list[str]:
    return textwrap.wrap(text, 100, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


def parity_power(result: DualResult | None = None) -> Power:
    """Plant every known cause in the tensors of a result, and see which still pass.

    Args:
        result: a result whose rows hold tensors; the newest of a cell if None. Nothing in
            it is changed.

    Raises:
        OptionError: there is no result, it is something else, or it has no tensor to plant a fault in.

    Examples:
        >>> import dualcell
        >>> square = np.ones((3, 3))
        >>> power = parity_power(dualcell.compare(square, square))
        >>> "axes-permuted" in [one.cause for one in power.unnoticed]
        True
    """
    result = last_result() if result is None else result
    if not isinstance(result, DualResult | None):  # pyright: ignore[reportUnnecessaryIsInstance] - users pass anything
        raise OptionError(f"expected a result of a %%dual cell or of compare, got {type(result).__name__}.")
    if result is None:
        raise OptionError(
            "there is no result yet to plant faults in; run a %%dual cell, or pass what compare returned."
        )
    rows = {
        row.name: row.comparison for row in result if row.comparison.stats is not None and row.comparison.stats.total
    }
    if not rows:
        raise OptionError(
            "no row of the result holds two tensors of one shape, so there is nothing to plant a fault in."
        )
    tensors = {name: _tensor(comparison) for name, comparison in rows.items()}
    found = [_planted(cause, rows, tensors) for cause in CAUSES if cause.fault]
    applied = tuple(one for one in found if one.noticed or one.unnoticed)
    return Power(applied, tuple(one.cause for one in found if one not in applied))


def _tensor(comparison: Comparison) -> Array:
    """The left tensor's first rows, on the host."""
    whole = host(comparison.left)
    codes = codes_of(whole)
    if codes.size > LARGEST and codes.ndim:
        codes = codes[: max(1, LARGEST * codes.shape[0] // codes.size)]
    return decoded(codes, whole)


def _planted(cause: Cause, rows: dict[str, Comparison], tensors: dict[str, Array]) -> Planted:
    noticed, unnoticed = [], []
    for name, comparison in rows.items():
        passes = _passes(cause, tensors[name], comparison)
        if passes is not None:
            (unnoticed if passes else noticed).append(name)
    return Planted(cause.name, cause.title, tuple(noticed), tuple(unnoticed), cause.expose)


def _passes(cause: Cause, healthy: Array, comparison: Comparison) -> bool | None:
    """Whether a tensor with the fault in it would pass against itself; None if it cannot be put in."""
    if healthy.dtype.kind == "c" and not cause.complex:
        return None
    with np.errstate(all="ignore"):
        faulty = cause.plant(healthy.copy(), np.random.default_rng(0))
    if faulty is None:
        return None
    if faulty.shape != healthy.shape:
        return False
    assert comparison.tolerance is not None  # noqa: S101 - it has figures
    return measure(healthy, np.asarray(faulty), comparison.tolerance).close
