"""Two host arrays that differ -> `Finding`s: the simplest explanations that the elements bear out.

Steps that turn one side into the other come first (`search`, `rows_first`), then the
place of the difference. Nothing that all elements do not bear out is named.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from dualcell.catalogue import CAUSES
from dualcell.cause import Array, Finding, PlaceCause, Step
from dualcell.causes.values import few_numbers
from dualcell.coded import HostArray, codes_of, decoded
from dualcell.rows_first import rows_first, seen_from_the_right
from dualcell.sampling import mean_square, wide
from dualcell.search import (
    SMALL,
    WHOLE,
    Explanation,
    Found,
    causes_of,
    first_part,
    largest_gap,
    moved_and_whole,
    moved_or_related,
    residual,
    whole,
)

LARGEST = 1 << 27  # elements that a step may copy; of larger tensors the first part is looked at
MANY_FITTED = 16  # numbers, above which two steps that fit none or few are the simpler explanation
LEAST = 8  # elements below which anything can be fitted

# what two computations of the same numbers may differ by, relative to their root mean square
_CLOSENESS = {"float16": 3e-3, "bfloat16": 2e-2, "float8_e4m3fn": 0.2, "float8_e5m2": 0.4, "complex32": 3e-3}
_CLOSE = 2e-5


def diagnose(
    left: HostArray,
    right: HostArray,
    *,
    dtypes: tuple[str, str] = ("float32", "float32"),
    names: tuple[str, str] = ("left", "right"),
    shape: tuple[int, ...] | None = None,
) -> tuple[Finding, ...]:
    """Explain why two arrays differ.

    Args:
        left: numeric array of any shape.
        right: numeric array of any shape.
        dtypes: names of the tensors' dtypes; set how near counts as the same.
        names: what the two tensors are called in the fixes.
        shape: that of the whole left tensor, where `left` and `right` are only the rows of
            two tensors that hold the worst element; that of `left` if None.

    Returns:
        The simplest explanations, all that fit equally well; empty if none does.
    """
    if left.size < LEAST or right.size < LEAST:
        return _of_few(left, right, dtypes, names)
    codes = codes_of(left), codes_of(right)
    places: tuple[str, ...] = ("not finite", "near", "last") if shape in (None, left.shape) else ("near",)
    elements = math.prod(shape or left.shape)
    if max(left.size, right.size) > LARGEST:
        if left.shape[:1] != right.shape[:1]:
            return ()
        codes = first_part(*codes)
        places = ()  # it is not known whether the worst element is among these
    left, right = decoded(codes[0], left), decoded(codes[1], right)
    if _beyond_float64(left) or _beyond_float64(right):
        return ()
    closeness = max(_CLOSENESS.get(dtype, _CLOSE) for dtype in dtypes)
    facts = {
        "shape": left.shape, "right_shape": right.shape, "closeness": closeness, "dtypes": dtypes, "names": names,
        "complex": "c" in left.dtype.kind + right.dtype.kind,
        "finite": _all_finite(left) and _all_finite(right), "places": places,
        "part": f" in {left.size:,} of {elements:,} elements" if left.size < elements else "",
    }  # fmt: skip
    if not facts["finite"]:
        return _not_finite(left, right, facts)
    if left.shape == right.shape and _is_near(left, right, closeness):
        found = _placed("near", left, right, facts) or _explained_nearer(left, right, facts)
        return found or _placed("last", left, right, facts)
    return _explained(left, right, facts) or _placed("last", left, right, facts)


def _is_near(left: Array, right: Array, closeness: float) -> bool:
    """Whether the sides agree but for rounding; the first part is asked first, for it mostly says no."""
    parts = (first_part(left, right), (left, right))
    return all(residual(*part, (), closeness) is not None for part in parts[left.size <= WHOLE :])


def _explained_nearer(left: Array, right: Array, facts: Mapping[str, Any]) -> tuple[Finding, ...]:
    """What explains a difference that could be rounding by its size, and is not: all but a twentieth of it."""
    one, other = first_part(left, right)
    with np.errstate(all="ignore"):  # squares may be too large, or the difference
        apart, size = mean_square(wide(one) - wide(other)), mean_square(wide(other))
    if not 0 < apart < size < math.inf:
        return ()
    return _explained(left, right, {**facts, "closeness": math.sqrt(apart / size) / 20}, (moved_or_related,))


_Way = Callable[[Array, Array, Mapping[str, Any]], Found]
_WAYS: tuple[_Way, ...] = (moved_or_related, whole, moved_and_whole, rows_first, seen_from_the_right)


def _explained(
    left: Array, right: Array, facts: Mapping[str, Any], ways: tuple[_Way, ...] = _WAYS
) -> tuple[Finding, ...]:
    """The simplest steps that turn one side into the other."""
    confirmed = next((found for way in ways if (found := list(way(left, right, facts)))), [])
    if confirmed and left.size <= SMALL and min(one.cost[1] for one, _ in confirmed) > MANY_FITTED:
        confirmed = list(rows_first(left, right, facts)) or list(seen_from_the_right(left, right, facts)) or confirmed
    least = min((one.cost for one, _ in confirmed), default=None)
    best = [(one, after) for one, after in confirmed if one.cost == least]
    gap, said = _before(left, right)
    before = gap, said + facts["part"]
    return tuple(
        _finding(one, before, after, facts["names"], [other for other, _ in best if other is not one])
        for one, after in best
    )


def _before(left: Array, right: Array) -> tuple[float, str]:
    """The largest |left - right|, and that in words."""
    if left.shape != right.shape:
        return math.nan, "shapes differ"
    gap = largest_gap(left, right)
    return gap, f"max abs {gap:.3g}" if np.isfinite(gap) else "NaN or infinity"


def _of_few(left: HostArray, right: HostArray, dtypes: tuple[str, str], names: tuple[str, str]) -> tuple[Finding, ...]:
    """Why a few numbers differ, a loss above all."""
    if not left.size or {*dtypes} - {"float32", "float64"}:
        return ()
    one, other = (np.atleast_1d(np.asarray(side, np.float64)) for side in (left, right))
    if left.shape != right.shape or not (np.isfinite(one).all() and np.isfinite(other).all()):
        return ()
    step = few_numbers(one, other)
    if step is None:
        return ()
    after = float(np.abs(step.apply(one) - other).max())
    return (_finding(Explanation((step,)), _before(one, other), after, names, []),)


def _beyond_float64(array: Array) -> bool:
    """Whether a longdouble array holds numbers that float64, in which all is done here, does not."""
    if array.dtype.kind not in "fc" or np.real(array).dtype.itemsize <= 8:
        return False
    return bool((np.abs(array[np.isfinite(array)]) > np.finfo(np.float64).max).any())


def _all_finite(array: Array) -> bool:
    if array.dtype.kind in "biu":
        return True
    with np.errstate(all="ignore"):
        wide_type = np.complex128 if array.dtype.kind == "c" else np.float64
        return bool(np.isfinite(np.sum(array, dtype=wide_type)) or np.isfinite(array).all())


# --- places ---


def _not_finite(left: Array, right: Array, facts: Mapping[str, Any]) -> tuple[Finding, ...]:
    """What explains all elements, NaN and infinity included; else where those stand, and why the others differ."""
    if _count_not_finite(left) == _count_not_finite(right):
        steps = _explained(left, right, facts, (moved_or_related, seen_from_the_right))
        if steps:
            return steps
    if left.shape != right.shape:
        return ()
    found = _placed("not finite", left, right, facts)
    left, right = first_part(left, right)
    both = np.isfinite(left) & np.isfinite(right)
    rest = left[both], right[both]
    if rest[0].size < LEAST or residual(*rest, (), facts["closeness"]) is not None:
        return found
    return found + _explained(*rest, {**facts, "shape": rest[0].shape, "finite": True})


def _count_not_finite(array: Array) -> int:
    return 0 if array.dtype.kind in "biu" else int(array.size - np.count_nonzero(np.isfinite(array)))


def _placed(
    when: Literal["not finite", "near", "last"], left: Array, right: Array, facts: Mapping[str, Any]
) -> tuple[Finding, ...]:
    """What the first cause that recognises itself says of the place of the difference."""
    for cause in causes_of(PlaceCause, facts):
        if cause.when == when and when in facts["places"]:
            with np.errstate(all="ignore"):
                found = cause.find(left, right, facts)
            if found is not None:
                found = replace(found, evidence=found.evidence + facts["part"])
                return (_named(found, facts["names"]),)
    return ()


def _named(found: Finding, names: tuple[str, str]) -> Finding:
    fixes = [fix.replace("{left}", names[0]).replace("{right}", names[1]) for fix in (found.left_fix, found.right_fix)]
    return replace(found, left_fix=fixes[0], right_fix=fixes[1])


# --- words ---


def _finding(
    one: Explanation, before: tuple[float, str], after: float, names: tuple[str, str], others: list[Explanation]
) -> Finding:
    steps = one.steps
    words = ", then ".join(step.words for step in steps)
    fixes = [_fix(one, side, names) for side in ("left", "right")]
    hints = [step.hint for step in steps if step.hint]
    if others:
        also = "; ".join(", then ".join(step.words for step in other.steps) for other in others[:3])
        hints.append(f"explained as well by: {also}")
    return Finding(
        causes=tuple(step.cause for step in steps),
        sentence=f"{_titles(steps)}: {words}",
        evidence=f"{before[1]} → {after:.2g} after {words}",
        left_fix=fixes[0],
        right_fix=fixes[1],
        hint="; ".join(hints),
        before=before[0],
        after=after,
    )


def _titles(steps: Sequence[Step]) -> str:
    titles = [next(cause.title for cause in CAUSES if cause.name == step.cause) for step in steps]
    said = ", and ".join(title[0].lower() + title[1:] for title in titles)
    return said[0].upper() + said[1:]


def _fix(one: Explanation, side: str, names: tuple[str, str]) -> str:
    """The steps' lines, one inside the other; empty if no step has one for this side."""
    if not any(step.left_fix if side == "left" else step.right_fix for step in one.steps):
        return ""
    text = names[0] if side == "left" else names[1]
    for step in one.steps if (side == "left") != one.mirrored else reversed(one.steps):
        line = step.left_fix if side == "left" else step.right_fix
        if line:
            text = f"({text})" if " " in text and line.startswith("{") else text
            text = line.replace("{left}", text).replace("{right}", text)
    return text
