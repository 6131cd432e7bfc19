"""`Finding`: why two tensors differ, with the evidence; and `Cause`, a kind of finding that can also be planted.

A cause is an object of one file in `causes/`. It proposes steps that may turn the left
tensor into the right one; `diagnosis` tries them on samples, alone and in pairs, and
confirms on all elements what fits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Step:
    """One thing that turns the left tensor into the right one.

    Attributes:
        cause: the name of the cause that proposes it.
        words: what is done to the left tensor, as in `transpose(0, 3, 1, 2)`.
        apply: the step itself, on a whole array; must not write to it.
        left_fix: the line that changes the left side; `{left}` stands for its tensor.
        right_fix: the line that changes the right side; `{right}` stands for its tensor.
        hint: what is known of this very case, as in `225 is the number of elements`.
        freedom: how many numbers were fitted to the data.
        on: the side whose tensor `apply` takes; the other one stays as it is.
        given: whether `apply` takes the other side's elements too, as `apply(elements, others)`:
            for a rule that leaves some of them open (which ones dropout zeroed).
    """

    cause: str
    words: str
    apply: Callable[..., Array]
    left_fix: str = ""
    right_fix: str = ""
    hint: str = ""
    freedom: int = 0
    on: Literal["left", "right"] = "left"
    given: bool = False


@dataclass(frozen=True)
class Move(Step):
    """A step that puts elements elsewhere and changes none.

    Attributes:
        source: flat C-order indices on the right -> those of the same elements on the left.
    """

    source: Callable[[Array], Array] = field(default=lambda index: index)


@dataclass(frozen=True)
class RowStep(Step):
    """A step on the left that fits nothing to the data, and takes each row along some axes by itself.

    Attributes:
        axes: the axes that make a row.
        ends: what becomes of them: `kept`, of length `one`, or `gone`.
    """

    axes: tuple[int, ...] = ()
    ends: Literal["kept", "one", "gone"] = "kept"


@dataclass(frozen=True)
class Finding:
    """One explanation of a failing pair.

    Attributes:
        causes: the names of the causes, in the order in which their steps are taken.
        sentence: the explanation in a few words.
        evidence: what was measured before and after, on these tensors.
        left_fix: one line that changes the left side so that it agrees.
        right_fix: one line that changes the right side so that it agrees.
        hint: what would tell it from other explanations that fit as well; may be empty.
        both: whether the sides agree only after both fixes, and not after one of them.
        before: largest |left - right|; NaN where the shapes differ.
        after: largest |steps(left) - right|.
    """

    causes: tuple[str, ...]
    sentence: str
    evidence: str
    left_fix: str = ""
    right_fix: str = ""
    hint: str = ""
    both: bool = False
    before: float = np.nan
    after: float = np.nan


@dataclass(frozen=True)
class Cause:
    """A reason why tensors of two frameworks differ.

    Attributes:
        name: its name in tables and on the command line.
        title: what happens, in one line.
        about: when it happens, and how to tell; a short paragraph of the documentation.
        entries: the names of its entries in the catalogue of differences.
        plant: puts the fault into a healthy array; None if it cannot be put into this one.
            It takes a random generator too.
        fault: whether a port that has it is wrong; rounding is no fault.
        expose: what tensor would show the fault, where one did not.
        complex: whether it is looked for in complex tensors, and planted in them.
    """

    name: str
    title: str
    about: str
    entries: tuple[str, ...]
    plant: Callable[[Array, np.random.Generator], Array | None]
    fault: bool = field(default=True, kw_only=True)
    expose: str = field(
        default="a tensor with more elements, whose values spread well beyond the tolerance", kw_only=True
    )
    complex: bool = field(default=False, kw_only=True)


@dataclass(frozen=True)
class MoveCause(Cause):
    """A cause that puts elements elsewhere.

    Attributes:
        moves: left and right shape -> the moves that lead from one to the other.
    """

    moves: Callable[[tuple[int, ...], tuple[int, ...]], Iterable[Move]] = field(default=lambda left, right: ())
    expose: str = field(default="values that vary along every axis, and axes of different sizes", kw_only=True)
    complex: bool = field(default=True, kw_only=True)


@dataclass(frozen=True)
class RelationCause(Cause):
    """A cause that changes every element by one rule.

    Attributes:
        relate: some elements of the left, those of the right, and facts about the pair
            (`shape`, ...) -> a step that makes the right of the left, or None.
    """

    relate: Callable[[Array, Array, Mapping[str, Any]], Step | None] = field(default=lambda left, right, facts: None)


@dataclass(frozen=True)
class WholeCause(Cause):
    """A cause that is seen on whole tensors only (rows, channels, regions).

    Attributes:
        steps: left and right tensor (float64; the first part along axis 0 if they are
            large) and facts -> the steps that may explain them. A step of such a cause
            may change the shape.
        blind: the left shape -> steps that may come before another step, which hides from
            `steps` what they do.
    """

    steps: Callable[[Array, Array, Mapping[str, Any]], Iterable[Step]] = field(default=lambda left, right, facts: ())
    blind: Callable[[tuple[int, ...]], Iterable[RowStep]] = field(default=lambda shape: ())


@dataclass(frozen=True)
class PlaceCause(Cause):
    """A cause that says where, or by how much, the sides differ, and turns nothing into anything.

    Attributes:
        when: the pairs it looks at: with a NaN or an infinity (`not finite`), that agree
            but for rounding (`near`), or that nothing else explains (`last`).
        find: left and right tensor, whole, of one shape unless `when` is `last`, and facts
            -> the finding; `{left}` and `{right}` in its fixes stand for the tensors.
    """

    when: Literal["not finite", "near", "last"] = "last"
    find: Callable[[Array, Array, Mapping[str, Any]], Finding | None] = field(default=lambda left, right, facts: None)
