"""What modules of PyTorch are, by the names of their classes, and rows that many of them have."""

from __future__ import annotations

from typing import Any

from dualcell.frameworks.spelling import UNTOLD, Spelling


def axes(module: Any) -> int:
    """1, 2 or 3, by the name of the class; 0 if it has none."""
    return next((int(digit) for digit in reversed(type(module).__name__) if digit in "123"), 0)


def _trainable(module: Any) -> Any:
    learned = [parameter.requires_grad for parameter in module.parameters()]
    return any(learned) if learned else UNTOLD


def _dtype(module: Any) -> Any:
    first = next((one for one in module.parameters() if one.is_floating_point()), None)
    return UNTOLD if first is None else str(first.dtype).removeprefix("torch.")


# rows of every module that has parameters
LEARNED = (
    Spelling("trainable", "requires_grad", _trainable, line="layer.requires_grad_({})".format),
    Spelling("dtype", "dtype", _dtype, line="layer.to(torch.{})".format, says="torch.{}".format),
)


def _mode_line(module: Any, mode: str, _: Any) -> str:
    """The call for a mode; Keras does not say in which it is called, and mostly that is inference."""
    lines = {"training": "train()", "inference": "eval()", "as it is called": "eval()" if module.training else ""}
    return lines[mode]


MODE = Spelling(
    "mode", "training", lambda module: "training" if module.training else "inference",
    says=lambda mode: f"training={mode == 'training'}", lines=_mode_line, remark=True,
)  # fmt: skip
