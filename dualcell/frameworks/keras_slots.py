"""What the optimizers of Keras 3 and `tf_keras` keep for each weight. Imports neither."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dualcell.errors import PlanError
from dualcell.weights.slots import STEP, Slot, Slots

Names = Mapping[str, tuple[str, str]]
Place = Callable[[Any, Any], int | None]

# class -> (kind, role -> (what Keras calls it, the optimizer's list))
_ADAM: tuple[str, Names] = ("adam", {
    "first moment": ("momentum", "_momentums"),
    "second moment": ("velocity", "_velocities"),
    "largest second moment": ("velocity_hat", "_velocity_hats"),
})  # fmt: skip
_NAMES: Mapping[str, tuple[str, Names]] = {
    "Adam": _ADAM,
    "AdamW": _ADAM,
    "SGD": ("sgd", {"momentum": ("momentum", "momentums")}),
    "RMSprop": ("rmsprop", {
        "mean square": ("velocity", "_velocities"),
        "momentum": ("momentum", "_momentums"),
        "mean gradient": ("average_gradient", "_average_gradients"),
    }),
    "Adagrad": ("adagrad", {"sum of squares": ("accumulator", "_accumulators")}),
    "Adadelta": ("adadelta", {
        "mean square": ("accumulated_grad", "_accumulated_grads"),
        "mean squared change": ("accumulated_delta_var", "_accumulated_delta_vars"),
    }),
    "Adamax": ("adamax", {"first moment": ("momentum", "_m"), "largest gradient": ("norm", "_u")}),
}  # fmt: skip
# v = momentum * v - rate * gradient, weight += v; PyTorch has b = momentum * b + gradient, weight -= rate * b
_RATE_IN_MOMENTUM = {"sgd": -1.0, "rmsprop": 1.0}


def slots_of(optimizer: Any, arrays: Mapping[str, Any], base: type[Any], place: Place) -> Slots:
    """What an optimizer keeps for the weights of a model.

    Args:
        optimizer: an optimizer of the Keras that made the model, after a step or `build`.
        arrays: the model's variables by path.
        base: the class of all its optimizers.
        place: the optimizer and a variable -> the variable's index in the optimizer's lists, or None.

    Raises:
        PlanError: it is no such optimizer or one of a kind unknown here, it is not built, or it trains another model.
    """
    if not isinstance(optimizer, base):
        raise PlanError(
            f"slots: expected an optimizer of {base.__module__.partition('.')[0]} for the Keras model, got "
            f"{type(optimizer).__name__}; give the optimizers in the order of the models."
        )
    label = type(optimizer).__name__
    kind, names = _kind(optimizer, label)
    if not getattr(optimizer, "built", getattr(optimizer, "_built", False)):
        raise PlanError(f"slots: the {label} is not built and keeps nothing yet; train a step, or call its build().")
    indices = {path: index for path, array in arrays.items() if (index := place(optimizer, array)) is not None}
    if not indices:
        raise PlanError(f"slots: the {label} trains none of the model's variables; give this model's own.")
    by_role = {role: _slot(optimizer, kind, role, names[role], indices) for role in names}
    steps = dict.fromkeys(indices, int(optimizer.iterations))
    by_role[STEP] = Slot("iterations", steps)
    return Slots(label, kind, frozenset(indices), {role: slot for role, slot in by_role.items() if slot.values})


def _kind(optimizer: Any, label: str) -> tuple[str, Names]:
    found = next((_NAMES[kind.__name__] for kind in type(optimizer).__mro__ if kind.__name__ in _NAMES), None)
    if found is not None:
        return found
    way_out = "; give its inner_optimizer" if hasattr(optimizer, "inner_optimizer") else ""
    raise PlanError(f"slots: dualcell knows what {', '.join(_NAMES)} of Keras keep, got {label}{way_out}.")


def _slot(optimizer: Any, kind: str, role: str, names: tuple[str, str], indices: Mapping[str, int]) -> Slot:
    name, attribute = names
    kept: list[Any] = getattr(optimizer, attribute, None) or []
    values = {path: kept[index] for path, index in indices.items() if index < len(kept) and kept[index] is not None}
    sign = _RATE_IN_MOMENTUM.get(kind) if role == "momentum" else None
    return Slot(name, values, None if sign is None else sign * _rate(optimizer))


def _rate(optimizer: Any) -> float:
    """The learning rate of the next step."""
    rate: Any = optimizer.learning_rate
    if callable(rate):
        rate = rate(optimizer.iterations)
    return float(rate)
