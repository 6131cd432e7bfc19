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
from dualcell.weights.magnitude import proportioned
from dualcell.weights.plan import WeightPlan, plan_for, plan_weights, read
from dualcell.weights.rows import Row, is_added
from dualcell.weights.slot_pairs import both_slots, slot_pairs

Given = Mapping[str, Any] | Sequence[Any] | None


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
            PyTorch keeps in `.grad`.
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
            _check_given(gradients)
            sides = [_gradients(given, arrays) for given, arrays in zip(gradients, sides, strict=True)]
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


def _check_given(gradients: Any) -> None:
    kinds = Mapping | Sequence | None
    if not (isinstance(gradients, tuple | list) and len(gradients) == 2) or any(
        isinstance(given, str) or not isinstance(given, kinds) for given in gradients
    ):
        raise PlanError(
            "gradients: expected two, (left, right), each a list in the order of the weights, a dict by path, or None "
            f"for what PyTorch keeps in .grad, got {_kinds(gradients)}."
        )


def _kinds(value: Any) -> str:
    """What was given: `bool`, or `(list, Tensor)`."""
    if isinstance(value, tuple | list):
        return f"({', '.join(type(each).__name__ for each in value[:3])}{', ...' if len(value) > 3 else ''})"
    return type(value).__name__


def _gradients(given: Given, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """The gradient of each array that has one, under the array's path."""
    if given is None:
        if not any(hasattr(array, "grad") for array in arrays.values()):
            raise PlanError(
                "gradients: Keras keeps none in its model; give what tape.gradient(loss, model.trainable_variables) "
                "returned, or the like of another backend."
            )
        return {path: array.grad for path, array in arrays.items() if getattr(array, "grad", None) is not None}
    if isinstance(given, Mapping):
        unknown = next((path for path in given if path not in arrays), None)
        if unknown is not None:
            raise PlanError(f"gradients: {unknown!r} is no weight of the model; it has {', '.join([*arrays][:6])}, ...")
        return dict(given)
    trained = [
        path for path, array in arrays.items() if getattr(array, "trainable", getattr(array, "requires_grad", True))
    ]
    if len(trained) != len(given):
        raise PlanError(
            f"gradients: {len(given)} were given and the model has {len(trained)} trainable weights; "
            f"give a dict by path: {', '.join(trained[:6])}, ..."
        )
    return {path: each for path, each in zip(trained, given, strict=True) if each is not None}


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
    """The rows of weights that both sides have."""
    for row in plan.rows:
        if row.sources and row.target.role not in _STATISTICS:
            yield _gradient_pair(row, sides)


def _gradient_pair(row: Row, sides: Sequence[Mapping[str, Any]]) -> Pair:
    name = f"{row.source_name} ~ {row.target.name}"
    lacking = [
        weight.name
        for weights, arrays in (([weight for weight, _ in row.sources], sides[0]), ([row.target], sides[1]))
        for weight in weights
        if weight.array not in arrays
    ]
    if lacking:
        missing = Captured(missing=f"{', '.join(lacking)} has no gradient")
        return Pair(name, missing, missing)
    left = values_of(row.first_alone(), sides[0], read)  # two biases that are added have each the gradient of their sum
    return Pair(name, _taken(left), _taken(part_values(sides[1], row.target, read)))


def _taken(value: Any) -> Captured:
    return capture(value, borrow=True)[0][1]
