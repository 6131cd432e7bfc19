"""`%dual weights keras_model -> net --apply`: the line -> a plan, copied if the line says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dualcell.errors import OptionError, did_you_mean
from dualcell.expressions import valued
from dualcell.lines import LINES, WEIGHTS
from dualcell.weights.plan import WeightPlan, plan_weights

FLAGS = ("--apply", "--partial", "--allow-dtype")
USAGE = LINES[WEIGHTS].usage


def plan_line(text: str, namespace: Mapping[str, Any]) -> WeightPlan:
    """The plan that a line asks for; nothing is copied without `--apply`, and then it says so.

    Args:
        text: what follows `%dual weights`: two expressions with `->` between, and flags.
        namespace: where the expressions are evaluated.

    Raises:
        OptionError: the line is no such line, or an expression raised.
        PlanError: see `plan_weights` and `WeightPlan.apply`.
    """
    words = text.split(" ")
    flags = [word for word in words if word.startswith("--")]
    unknown = next((flag for flag in flags if flag not in FLAGS), None)
    if unknown is not None:
        raise OptionError(f"{unknown}: no such option.{did_you_mean(unknown, FLAGS)} Usage: {USAGE}")
    sides = [side.strip() for side in " ".join(word for word in words if word not in flags).split("->")]
    if len(sides) != 2 or not all(sides):
        raise OptionError(f"expected two models with -> between them, got {text.strip()!r}. Usage: {USAGE}")
    if "--apply" not in flags and flags:
        raise OptionError(f"{flags[0]} says how to copy, and nothing is copied without --apply. Usage: {USAGE}")
    source, target = (_value(side, namespace) for side in sides)
    plan = plan_weights(source, target)
    if "--apply" not in flags:
        return plan
    return plan.apply(partial="--partial" in flags, allow_dtype="--allow-dtype" in flags)


def _value(expression: str, namespace: Mapping[str, Any]) -> Any:
    if "{" in expression and not _is_expression(expression):
        said = f"{expression!r} is no model. Overrides are given in Python"
        raise OptionError(f"{said}: dualcell.plan_weights(source, target, {{...}}). Usage: {USAGE}")
    return valued(expression, namespace, "%dual weights")


def _is_expression(text: str) -> bool:
    try:
        compile(text, "", "eval")
    except (SyntaxError, ValueError):
        return False
    return True
