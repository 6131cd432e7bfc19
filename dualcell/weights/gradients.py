"""Gradients as users hand them over -> the gradient of each weight by the path of a plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from dualcell.errors import PlanError, did_you_mean
from dualcell.frameworks.registry import array_adapter

Given = Mapping[str, Any] | Sequence[Any] | None

_MOST = 6


def both_gradients(given: Any, sides: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The gradient of each weight of two models that has one.

    Args:
        given: see `compare_weights`.
        sides: the arrays of both models by path.

    Raises:
        PlanError: they are no gradients, or none of these models.
    """
    _check_given(given)
    return [_gradients(each, arrays) for each, arrays in zip(given, sides, strict=True)]


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
        given = {path: getattr(array, "grad", None) for path, array in arrays.items()}
    found = _by_path(given, arrays) if isinstance(given, Mapping) else _in_order(given, arrays)
    there = {path: each for path, each in found.items() if each is not None}
    for path, each in there.items():
        _check_gradient(path, each, arrays)
    return there


def _by_path(given: Mapping[str, Any], arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Gradients by the model's paths or by the names that Keras itself gives its variables."""
    own = Counter(map(_own_name, arrays.values()))
    known = {_own_name(array): path for path, array in arrays.items() if own[_own_name(array)] == 1}
    known |= {path: path for path in arrays}
    unknown = next((path for path in given if path not in known), None)
    if unknown is not None:
        raise PlanError(
            f"gradients: {unknown!r} is no weight of the model.{did_you_mean(str(unknown), [*arrays])} It has "
            f"{_some([*arrays])}."
        )
    return {known[path]: each for path, each in given.items()}


def _own_name(array: Any) -> str:
    """`sequential/dense/kernel` in Keras 3, `dense/kernel:0` in Keras 2; PyTorch's have none."""
    return str(getattr(array, "path", None) or getattr(array, "name", None) or "")


def _in_order(given: Sequence[Any], arrays: Mapping[str, Any]) -> dict[str, Any]:
    trained = [
        path for path, array in arrays.items() if getattr(array, "trainable", getattr(array, "requires_grad", True))
    ]
    if len(trained) != len(given):
        raise PlanError(
            f"gradients: {len(given)} were given and the model has {len(trained)} trainable weights; give a list in "
            f"their order, {_some(trained)}, or a dict by path."
        )
    return dict(zip(trained, given, strict=True))


def _check_gradient(path: str, given: Any, arrays: Mapping[str, Any]) -> None:
    adapter: Any = array_adapter(given)
    if adapter is None:
        pairs = isinstance(given, tuple | list) and len(given) == 2 and array_adapter(given[0]) is not None
        way_out = "; give the gradients alone: [gradient for gradient, variable in pairs]" if pairs else ""
        raise PlanError(f"gradients: expected a tensor for {path!r}, got a {type(given).__name__}{way_out}.")
    reason = adapter.why_not(given)
    if reason:
        raise PlanError(f"gradients: that of {path!r} cannot be read: {reason}.")
    model_adapter: Any = array_adapter(arrays[path])
    here, there = adapter.facts(given).shape, model_adapter.facts(arrays[path]).shape
    if here != there:
        raise PlanError(
            f"gradients: that of {path!r} has shape {here}, and the weight {there}; give a list in the order of the "
            f"weights, {_some([*arrays])}, or a dict by path."
        )


def _some(paths: Sequence[str]) -> str:
    return ", ".join(paths[:_MOST]) + (", ..." if len(paths) > _MOST else "")
