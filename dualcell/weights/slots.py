"""What an optimizer keeps for each weight, in no framework's words: `Slots`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Slot:
    """One thing that an optimizer keeps for each weight it trains.

    Attributes:
        name: the framework's name: `velocity`, `exp_avg_sq`.
        values: the framework's array, of the weight's shape, under the weight's path; or a count of steps.
        factor: how many times as much it is as what PyTorch keeps, where a learning rate is in it;
            None if it is the same thing.
    """

    name: str
    values: Mapping[str, Any] = field(repr=False)
    factor: float | None = None


@dataclass(frozen=True)
class Slots:
    """All that an optimizer keeps of the weights of one model.

    Attributes:
        label: the optimizer's class.
        kind: the update rule, in lower case; AdamW keeps what Adam keeps.
        trained: paths of the model's weights that it trains.
        by_role: what it keeps, by a role that both frameworks have: `first moment`.
    """

    label: str
    kind: str
    trained: frozenset[str]
    by_role: Mapping[str, Slot]


STEP = "step"
# roles that hold squares of gradients, or of what a step changed
SQUARES = frozenset({
    "second moment", "largest second moment", "mean square", "sum of squares", "mean squared change",
})  # fmt: skip
