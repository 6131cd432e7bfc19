"""A saved plan -> its `Guide`: what it says of weights and of files, without the models it was made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dualcell.counted import listed
from dualcell.errors import PlanError
from dualcell.weights.document import COUNTS, NAMES, TIED, document_of, text_of
from dualcell.weights.inventory import Inventory, Layer, Weight
from dualcell.weights.notation import Arrays, arrays_of, read_draft
from dualcell.weights.plan import WeightPlan
from dualcell.weights.rows import Draft

Names = Mapping[str, tuple[str, ...]]
MOST = 4
_SHARED = 1000  # layers that hold one array; a file could ask for any number


@dataclass(frozen=True)
class GuideSide:
    """One model, as a saved plan tells of it.

    Attributes:
        framework: the library.
        arrays: shape and dtype of each array by path.
        names: other names of arrays in files, the usual one first.
        left: arrays without a partner.
    """

    framework: str
    arrays: Arrays
    names: Names
    left: tuple[str, ...]


@dataclass(frozen=True)
class Guide:
    """A plan that can be followed without models.

    Attributes:
        label: what to call it.
        draft: its rows.
        source: what it reads.
        target: what it writes.
        counts: numbers of steps that no row writes and that the target's files hold.
    """

    label: str
    draft: Draft
    source: GuideSide
    target: GuideSide
    counts: Mapping[str, int]

    def refuse(self, what: str) -> PlanError:
        """What to raise when the plan cannot be followed."""
        return PlanError(f"{self.label} {what}. Nothing was written.")


def guide_of(plan: WeightPlan | str | Path) -> Guide:
    """What a plan, or the file it was saved to, says.

    Raises:
        PlanError: it is no plan.
        FileError: the file cannot be read.
    """
    if isinstance(plan, WeightPlan):
        return _read("the plan", plan.text())
    return _read(repr(str(plan)), text_of(plan))


def _read(label: str, text: str) -> Guide:
    try:
        document = document_of(text)
        sides = [_inventory(document[name]) for name in ("source", "target")]
        draft = read_draft(text, sides[0], sides[1])
        saved = document.get(NAMES, {})
        source, target = (
            GuideSide(side.framework, arrays_of(side), _names(saved.get(name, {})), left)
            for side, name, left in zip(sides, ("source", "target"), draft.left, strict=True)
        )
        return Guide(label, draft, source, target, document.get(COUNTS, {}))
    except PlanError as error:
        raise PlanError(f"{label}: {error}. Nothing was written.") from None
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        reason = f"it is no weight plan of dualcell: {type(error).__name__}: {error}"
        raise PlanError(f"{label}: {reason}. Nothing was written.") from None


def _inventory(saved: Mapping[str, Any]) -> Inventory:
    """A side as its arrays alone, a tied one as often as layers hold it."""
    tied = saved.get(TIED, {})
    layers = tuple(
        Layer(name, "weight", (Weight("value", name, tuple(map(int, shape)), str(dtype)),))
        for name, (shape, dtype) in saved["arrays"].items()
        for _ in range(min(int(tied.get(name, 1)), _SHARED))
    )
    return Inventory(str(saved["framework"]), str(saved["model"]), layers, {})


def _names(saved: Mapping[str, Any]) -> Names:
    return {str(name): tuple(map(str, names)) for name, names in saved.items()}


def check_complete(guide: Guide, *, partial: bool) -> None:
    """See that there is something to follow, and that nothing is left over.

    Raises:
        PlanError: there is not, or it is and `partial` does not allow that.
    """
    left = (*guide.source.left, *guide.target.left)
    lacking = [f"{one.name}: {one.reason}" for one in guide.draft.problems]
    if left:
        lacking.append(f"{listed(left, MOST)} {'has' if len(left) == 1 else 'have'} no partner")
    if lacking and not partial:
        raise guide.refuse(
            f"is not complete: {'; '.join((*lacking, *guide.draft.hints))}. Pair them with overrides when it is made, "
            f"or convert the rest: partial=True, --partial"
        )
    if not guide.draft.rows:
        raise guide.refuse("has no row, so there is nothing to convert")
