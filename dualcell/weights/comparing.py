"""`compare_weights`: two models and their plan -> `DualResult`, a row for each weight after its axis move."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from dualcell.captures import Captured, capture
from dualcell.comparison import compare_pair
from dualcell.errors import PlanError
from dualcell.explanations import explain_failures
from dualcell.options import COMPARE_OPTIONS, options_from
from dualcell.pairs import Pair
from dualcell.pictures.drawing import check_plot, with_pictures
from dualcell.report import SideFacts, build_report, settings_of
from dualcell.result import DualResult
from dualcell.weights.copying import added, part_values, values_of
from dualcell.weights.gradients import Given, both_gradients
from dualcell.weights.magnitude import proportioned
from dualcell.weights.plan import WeightPlan, plan_for, plan_weights, read
from dualcell.weights.rows import is_added
from dualcell.weights.slot_pairs import both_slots, slot_pairs


def compare_weights(
    left: Any, right: Any, plan: WeightPlan | str | os.PathLike[str] | None = None, *,
    gradients: tuple[Given, Given] | None = None, slots: tuple[Any, Any] | None = None,
    overrides: Mapping[str, str | None] | None = None, **options: Any,
) -> DualResult:  # fmt: skip
    """Compare the weights of two models, each after the axis move that a copy would make.

    Args:
        left: a Keras model or layer, or a torch module; the reference unless `reference="right"`.
        right: the same, of either framework.
        plan: which weight is which, from `plan_weights(left, right)`, also of other models built
            alike, or the path of a saved plan; planned now if None.
        gradients: compare these in place of the weights: for each side a list in the order
            of `trainable_variables` or `parameters()`, a dict by path, or None to take what
            PyTorch keeps in `.grad`. A weight that has none on either side makes no row.
        slots: compare in place of the weights what these two optimizers keep for each: the moments of Adam, a
            momentum, the number of steps. A row is `dense/kernel velocity ~ 0.weight exp_avg_sq`. Where Keras
            keeps a momentum with the learning rate in it and PyTorch one without, that of Keras is divided by the
            rate of its next step, and the row says so: `dense/kernel momentum / -0.01 ~ 0.weight momentum_buffer`.
            Steps are compared where both count them, which SGD of PyTorch does not.
            Gradients and slots are of any size: without `rtol` and `atol`, `atol` is 1e-3 of the row's own root
            mean square (float32), and at least 1e-5 of that of the largest row, which is all that rounding leaves
            of a gradient that ought to be zero; of squares, 1e-10. That is for one step or a few. Adam and its kin
            divide by small numbers, so over many steps rounding grows: give `rtol` and `atol` then.
        overrides: see `plan_weights`; for the plan that is made now.
        **options: see `compare`.

    Returns:
        A `DualResult` with a row `source ~ target` for each weight; one for two biases of PyTorch, as their sum,
        against one of Keras. A weight without a partner is `missing`, so a plan that is not complete does not pass.

    Raises:
        PlanError: see `plan_weights`; or the plan is for other models, the gradients fit no weights, or the
            optimizers keep nothing yet, are of other models, or of two kinds.
        FileError: `plan` is a path that leads to no file, or to one that cannot be read.
        OptionError: an option is unknown or has a bad value.

    Examples:
        >>> import torch
        >>> linear = torch.nn.Linear(2, 3)
        >>> result = compare_weights(linear, linear)
        >>> result.passed, result["weight ~ weight"].verdict
        (True, 'equal')
    """
    checked = options_from(options, accepted=COMPARE_OPTIONS)
    check_plot(checked)
    plan = plan_weights(left, right, overrides) if plan is None else plan_for(plan, left, right)
    sides = [dict(plan.source.arrays), dict(plan.target.arrays)]
    if slots is not None:
        if gradients is not None:
            raise PlanError("compare_weights compares gradients= or slots=, one at a time; call it twice.")
        rows = list(slot_pairs(plan, both_slots((left, right), sides, slots)))
    else:
        if gradients is not None:
            sides = both_gradients(gradients, sides)
        pairs = _weight_pairs(plan, sides) if gradients is None else _gradient_pairs(plan, sides)
        rows = [("gradient", pair) for pair in pairs]
    each = [checked] * len(rows) if gradients is slots is None else proportioned(rows, checked)
    comparisons = tuple(compare_pair(pair, own) for (_, pair), own in zip(rows, each, strict=True))
    settings = {name: said for name, said in settings_of(checked).items() if name != "device"}
    labels = plan.source.framework, plan.target.framework
    facts = (
        SideFacts(labels[0] if labels[0] != labels[1] else "left"),
        SideFacts(labels[1] if labels[0] != labels[1] else "right"),
    )
    findings = explain_failures(comparisons, labels) if checked.causes else None
    report = replace(build_report(facts, comparisons, settings, findings=findings), sort=checked.sort)
    return DualResult(with_pictures(report, comparisons, checked), comparisons)


def _weight_pairs(plan: WeightPlan, sides: Sequence[Mapping[str, Any]]) -> Iterator[Pair]:
    """The rows; a bias that the source has once and the target twice is compared with the sum."""
    for before, row, after in zip((None, *plan.rows), plan.rows, (*plan.rows[1:], None), strict=False):
        if before is None or not is_added(row, before):
            targets = [row.target, after.target] if after is not None and is_added(after, row) else [row.target]
            right = added([part_values(sides[1], weight, read) for weight in targets])
            name = f"{row.source_name} ~ {' + '.join(weight.name for weight in targets)}"
            yield Pair(name, _taken(values_of(row, sides[0], read)), _taken(right))
    for one in plan.draft.dropped:
        neutral = np.full(one.weight.shape, one.neutral, np.float32)
        yield Pair(f"{one.weight.name} ~ {one.neutral:g} everywhere", _taken(part_values(sides[0], one.weight, read)),
                   _taken(neutral))  # fmt: skip
    for side, paths in enumerate(plan.draft.left):
        for path in paths:
            missing = Captured(missing=f"{path!r} has no partner on the {('right', 'left')[side]} side")
            here = _taken(sides[side][path])
            yield Pair(path, here, missing) if side == 0 else Pair(path, missing, here)
    for problem in plan.draft.problems:
        yield Pair(problem.name, Captured(missing=problem.reason), Captured(missing=problem.reason))


_STATISTICS = ("mean", "variance", "steps")


def _gradient_pairs(plan: WeightPlan, sides: Sequence[Mapping[str, Any]]) -> Iterator[Pair]:
    """The rows of weights that both sides have, and of which a side has a gradient: frozen layers have none."""
    for each in plan.rows:
        if each.sources and each.target.role not in _STATISTICS:
            row = each.first_alone()  # two biases that are added have each the gradient of their sum
            weights = row.sources[0][0], row.target
            lacking = [weight.name for weight, side in zip(weights, sides, strict=True) if weight.array not in side]
            name = f"{each.source_name} ~ {row.target.name}"
            if not lacking:
                left, right = values_of(row, sides[0], read), part_values(sides[1], row.target, read)
                yield Pair(name, _taken(left), _taken(right))
            elif len(lacking) == 1:
                missing = Captured(missing=f"{lacking[0]} has no gradient")
                yield Pair(name, missing, missing)


def _taken(value: Any) -> Captured:
    return capture(value, borrow=True)[0][1]
