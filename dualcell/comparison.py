"""`Pair` and options -> `Comparison`: the verdict, the figures, and one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from dualcell.captures import Captured
from dualcell.devices import host, measure_slabs, measure_there
from dualcell.measure import measure
from dualcell.options import Options
from dualcell.pairs import Pair
from dualcell.stats import Stats
from dualcell.tolerance import Tolerance

Verdict = Literal["equal", "close", "differs", "shape", "dtype", "missing", "unsupported"]
VERDICTS: tuple[Verdict, ...] = ("equal", "close", "differs", "shape", "dtype", "missing", "unsupported")


@dataclass(frozen=True)
class Comparison:
    """One row, judged.

    Attributes:
        row: the row's name.
        verdict: one of `VERDICTS`.
        passed: whether the row counts as the same.
        left: the left leaf.
        right: the right leaf.
        stats: the figures; None where nothing could be measured.
        tolerance: what was allowed; None where nothing was measured.
        note: one sentence that says why, or what to do; may be empty.
    """

    row: str
    verdict: Verdict
    passed: bool
    left: Captured
    right: Captured
    stats: Stats | None = None
    tolerance: Tolerance | None = None
    note: str = ""


def compare_pair(pair: Pair, options: Options) -> Comparison:
    """Judge one pair: is there something, can it be read, shape, values, dtype.

    Shapes are never broadcast, reshaped or permuted to make a pair pass.
    """
    left, right = pair.left, pair.right
    if left.missing or right.missing:
        note = _both(left.missing or _compiled(left), right.missing or _compiled(right))
        return Comparison(pair.row, "missing", False, left, right, note=note)
    if left.unsupported or right.unsupported:
        note = _both(_sided("left", left.unsupported), _sided("right", right.unsupported))
        return Comparison(pair.row, "unsupported", False, left, right, note=note)
    assert left.facts is not None  # noqa: S101 - a supported leaf has facts
    assert right.facts is not None  # noqa: S101
    if left.facts.shape != right.facts.shape:
        note = "shapes are compared as they are, never broadcast or permuted"
        return Comparison(pair.row, "shape", False, left, right, note=note)
    return _compare_values(pair, left.facts.dtype, right.facts.dtype, options)


def _compiled(leaf: Captured) -> str:
    """Why a tap of one side saw no value: the other's call of the same graph runs no tap at all."""
    return f"{leaf.unsupported} (a function that was compiled before runs no taps)" if leaf.symbolic else ""


def _compare_values(pair: Pair, left_dtype: str, right_dtype: str, options: Options) -> Comparison:
    tolerance = options.tolerances.of(pair.row, left_dtype, right_dtype)
    try:
        stats = _measured(pair.left, pair.right, tolerance, options)
    except Exception as error:  # an exotic tensor that cannot be read is a finding, not a crash
        note = f"the values could not be read: {type(error).__name__}: {error}"
        return Comparison(pair.row, "unsupported", False, pair.left, pair.right, note=note)
    verdict = _verdict(stats, left_dtype == right_dtype)
    passed = verdict in ("equal", "close") or (verdict == "dtype" and options.allow_dtype)
    note = _note(verdict, passed, stats)
    return Comparison(pair.row, verdict, passed, pair.left, pair.right, stats, tolerance, note)


def _measured(left: Captured, right: Captured, tolerance: Tolerance, options: Options) -> Stats:
    """The figures, measured where the leaves are: on the host, on their accelerator, else slab by slab."""
    how: Any = {"equal_nan": options.equal_nan, "reference": options.reference}
    if left.facts and right.facts and left.facts.device == right.facts.device == "cpu":
        return measure(host(left), host(right), tolerance, **how)
    return measure_there(left, right, tolerance, **how) or measure_slabs(left, right, tolerance, **how)


def _verdict(stats: Stats, same_dtype: bool) -> Verdict:
    if not stats.close:
        return "differs"
    if not same_dtype:
        return "dtype"
    return "equal" if stats.identical else "close"


def _note(verdict: Verdict, passed: bool, stats: Stats) -> str:
    if verdict == "dtype":
        return "" if passed else "the values are close, the types differ; --allow-dtype lets this pass"
    if stats.nonfinite_disagree:
        return f"NaN or Inf disagree in {stats.nonfinite_disagree} of {stats.total} places"
    if verdict == "differs" and stats.left_nan:
        return f"NaN in the same {stats.left_nan} places on both sides; --equal-nan lets them pass"
    if stats.total == 0:
        return "both are empty: no element was compared"
    return ""


def _sided(side: str, reason: str) -> str:
    return f"{side}: {reason}" if reason else ""


def _both(left: str, right: str) -> str:
    return "; ".join(dict.fromkeys(reason for reason in (left, right) if reason))
