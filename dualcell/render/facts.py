"""Row -> what it unfolds to: every figure, in words."""

from __future__ import annotations

from collections.abc import Sequence

from dualcell.render.words import LONGEST_NAME, LONGEST_SENTENCE, one_or_both, shortened
from dualcell.report import Row, figure, in_words, values_in_words

Fact = tuple[str, str]  # what it is, what it is here


def facts(row: Row, labels: Sequence[str]) -> list[Fact]:
    """All that is known of a row, the heading of each first; what its line says too, as that may be out of sight."""
    texts = (("name", row.name, LONGEST_NAME), ("cause", row.cause, LONGEST_SENTENCE))
    whole = [(what, text) for what, text, most in texts if len(text) > most]
    measured = [] if row.total is None else [*_errors(row, labels), *_tolerance(row), *_not_finite(row, labels)]
    again = [(what, said.sentence) for what, said in (("noise", row.noise), ("float64", row.referee)) if said]
    return [*whole, *measured, *again, *_tensors(row)]


def _errors(row: Row, labels: Sequence[str]) -> list[Fact]:
    if row.verdict == "equal":
        return [("max rel, mean abs, rms", "0"), ("mismatched", f"0 of {row.total}")]
    worst = f"{in_words(row.worst_index)}: " + ", ".join(
        f"{shortened(label)} {value}" for label, value in zip(labels, values_in_words(row), strict=True)
    )
    share = f" ({100 * (row.mismatched or 0) / row.total:.3g} %)" if row.total else ""
    return [
        ("max rel", figure(row.max_rel)), ("mean abs", figure(row.mean_abs)),
        ("rms", figure(row.rms)), ("cosine", in_words(row.cosine, "float16")),
        ("mismatched", f"{row.mismatched} of {row.total}{share}"), ("worst element", worst),
    ]  # fmt: skip


def _tolerance(row: Row) -> list[Fact]:
    """What is allowed, and what would be enough."""
    there = f"; {figure(row.allowed_at_worst)} at the worst element" if row.allowed_at_worst is not None else ""
    found = [("allowed", row.allowed + there)]
    within = row.allowed_at_worst is not None and (row.max_abs or 0) <= row.allowed_at_worst
    if row.mismatched and within:
        found.append(("note", "the worst element is within the tolerance; others, of a smaller reference, are not"))
    if row.mismatched:
        found.append(("enough", f"atol {in_words(row.needed_atol)} or rtol {in_words(row.needed_rtol)}"))
    return found


def _not_finite(row: Row, labels: Sequence[str]) -> list[Fact]:
    """NaN and infinities of both sides, where there are any."""
    counts = (("NaN", row.left_nan, row.right_nan), ("Inf", row.left_inf, row.right_inf))
    found = [
        (what, f"{labels[0]} {left or 0}, {labels[1]} {right or 0}") for what, left, right in counts if left or right
    ]
    if row.nonfinite_disagree:
        found.append(("disagree", f"NaN or Inf in {row.nonfinite_disagree} places"))
    return found or [("NaN, Inf", "none")]


def _tensors(row: Row) -> list[Fact]:
    """Shape, dtype and device, once where both sides have the same."""
    shapes = in_words(row.left_shape), in_words(row.right_shape)
    sides = (
        ("shape", *shapes), ("dtype", row.left_dtype, row.right_dtype), ("device", row.left_device, row.right_device),
    )  # fmt: skip
    return [(what, one_or_both(left, right)) for what, left, right in sides if left or right]
