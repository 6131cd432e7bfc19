"""What torch optimizers keep for each weight."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from dualcell.errors import PlanError
from dualcell.weights.slots import STEP, Slot, Slots

# class -> (kind, role -> the name in the optimizer's state)
_ADAM = ("adam", {
    "first moment": "exp_avg", "second moment": "exp_avg_sq", "largest second moment": "max_exp_avg_sq", STEP: "step",
})  # fmt: skip
_NAMES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "Adam": _ADAM,
    "AdamW": _ADAM,
    "SGD": ("sgd", {"momentum": "momentum_buffer"}),
    "RMSprop": ("rmsprop", {
        "mean square": "square_avg", "momentum": "momentum_buffer", "mean gradient": "grad_avg", STEP: "step",
    }),
    "Adagrad": ("adagrad", {"sum of squares": "sum", STEP: "step"}),
    "Adadelta": ("adadelta", {"mean square": "square_avg", "mean squared change": "acc_delta", STEP: "step"}),
    "Adamax": ("adamax", {"first moment": "exp_avg", "largest gradient": "exp_inf", STEP: "step"}),
}  # fmt: skip


def slots_of(optimizer: Any, arrays: Mapping[str, Any]) -> Slots:
    """What an optimizer keeps for the weights of a module.

    Args:
        optimizer: a `torch.optim.Optimizer`, after a step.
        arrays: the module's parameters and buffers by path.

    Raises:
        PlanError: it is no torch optimizer or one of a kind unknown here, it trains another module, or it made no
            step yet.
    """
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise PlanError(
            f"slots: expected a torch optimizer for the torch module, got {type(optimizer).__name__}; give the "
            f"optimizers in the order of the models."
        )
    label = type(optimizer).__name__
    found = next((_NAMES[kind.__name__] for kind in type(optimizer).__mro__ if kind.__name__ in _NAMES), None)
    if found is None:
        raise PlanError(f"slots: dualcell knows what {', '.join(_NAMES)} of torch.optim keep, got {label}.")
    trained = {id(array) for group in optimizer.param_groups for array in group["params"]}
    paths = [path for path, array in arrays.items() if id(array) in trained]
    if not paths:
        raise PlanError(
            f"slots: the {label} trains none of the module's parameters; give the one that was made with "
            f"this module's parameters()."
        )
    state: Mapping[Any, Mapping[str, Any]] = optimizer.state
    kept = {path: state[arrays[path]] for path in paths if arrays[path] in state}
    by_role = {role: _slot(role, name, kept) for role, name in found[1].items()}
    if not kept and not (found[0] == "sgd" and all(group["momentum"] == 0 for group in optimizer.param_groups)):
        raise PlanError(f"slots: the {label} keeps nothing yet; call its step() once after backward().")
    return Slots(label, found[0], frozenset(paths), {role: slot for role, slot in by_role.items() if slot.values})


def _slot(role: str, name: str, kept: Mapping[str, Mapping[str, Any]]) -> Slot:
    values = {path: state[name] for path, state in kept.items() if state.get(name) is not None}
    return Slot(name, {path: int(value) for path, value in values.items()} if role == STEP else values)
