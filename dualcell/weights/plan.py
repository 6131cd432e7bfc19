"""Two models -> `WeightPlan`: which weight goes where, to look at before anything is copied."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dualcell.coded import HostArray
from dualcell.counted import listed, plural
from dualcell.errors import PlanError
from dualcell.frameworks.base import ModelAdapter
from dualcell.frameworks.registry import array_adapter, model_adapter
from dualcell.paths import path_of
from dualcell.render.plan import plan_html, plan_text
from dualcell.weights.attention import both_apart
from dualcell.weights.boundary import Flatten, with_features
from dualcell.weights.by_hand import both_layers
from dualcell.weights.configuration import Configuration, configuration, norm_hints
from dualcell.weights.copying import all_or_nothing, check_dropped, is_exact, stage, untangled
from dualcell.weights.document import text_of
from dualcell.weights.fused import both_in_parts
from dualcell.weights.inventory import Inventory
from dualcell.weights.matching import match
from dualcell.weights.naming import naming, uncopied_counts
from dualcell.weights.notation import arrays_of, read_draft, written
from dualcell.weights.outputs import outputs_apart
from dualcell.weights.overrides import fits
from dualcell.weights.rows import Draft, Row, draft, left_out
from dualcell.weights.table import PlanTable
from dualcell.written import whole_file


@dataclass(frozen=True, repr=False)
class WeightPlan:
    """Which weight of one model goes where in another, and how its axes move.

    Attributes:
        source: what the model to copy from holds.
        target: what the model to copy to holds.
        draft: the rows, and what cannot be copied.
        differences: settings of matched layers that differ although their weights fit; empty in a plan from a file.
        copied: whether this is what `apply` gave back.
        apart: of one that was checked, the largest difference of the outputs over the largest output; else None.
        reviewed: whether it is from a file that someone has looked at and kept.
    """

    source: Inventory
    target: Inventory
    draft: Draft
    differences: tuple[Configuration, ...]
    adapter: ModelAdapter = field(repr=False)
    copied: bool = False
    apart: float | None = None
    reviewed: bool = False

    @property
    def rows(self) -> tuple[Row, ...]:
        """Each weight that would be written."""
        return self.draft.rows

    @property
    def source_left(self) -> tuple[str, ...]:
        """Paths of the source's arrays that go nowhere."""
        return self.draft.left[0]

    @property
    def target_left(self) -> tuple[str, ...]:
        """Paths of the target's arrays that get no values."""
        return self.draft.left[1]

    @property
    def complete(self) -> bool:
        """Every weight of both models has its place, and at least one is copied."""
        return bool(self.rows) and not (self.draft.problems or self.source_left or self.target_left)

    def apply(
        self, *, partial: bool = False, allow_dtype: bool = False, check: Callable[[], Any] | None = None
    ) -> WeightPlan:
        """Copy the values into the target, all of them or none.

        The target's arrays stay the same objects on the same devices; gradients, optimizers
        and whether they are trained are not touched. It warns of weights that went by the
        order of definition alone; a plan from a file does not, which has been looked at.

        Args:
            partial: copy what has its place although something is left over.
            allow_dtype: let values be rounded into a narrower dtype. A dtype that holds
                every value of the other needs no permission.
            check: a function that runs both models on the same input and returns both
                outputs, source first: `lambda: (model(x), net(y))`. It is called after the
                copy, with both models set to inference; if the outputs differ by more than
                rounding, everything has its old values again. What no plan can see, such as
                two parts of a layer that one model uses in another order, shows there.

        Returns:
            The plan, which now says that it was copied.

        Raises:
            PlanError: the plan is not complete, a dtype would round, a weight without a
                place does something, a write failed, or the outputs differ. Nothing has
                changed then; neither if `check` raises an error of its own, which goes on.
        """
        if not (self.complete or partial):
            raise PlanError(f"the plan is not complete: {'; '.join(self._lacking())}. {self._way_out()}")
        if not self.rows:
            raise PlanError("the plan has no row, so there is nothing to copy.")
        for sentence in () if self.reviewed or check else self._unseen():
            warnings.warn(sentence, stacklevel=2)
        self._check_dtypes(allow_dtype)
        check_dropped(self.draft.dropped, self.source.arrays, read)
        staged = stage(self.rows, self.source.arrays, self.target.arrays, read)
        staged = untangled(staged, {name: self.target.arrays[name] for name in staged}, read)
        with all_or_nothing(self.target.arrays, read, self.adapter.write, self._settle) as write:
            for name, values in staged.items():
                write(name, values)
            self._settle()
            apart = None if check is None else self._checked(check)
        return replace(self, copied=True, apart=apart)

    def _settle(self) -> None:
        self.adapter.settle(self.target.model)

    def _checked(self, run: Callable[[], Any]) -> float:
        """How far the outputs of both models lie apart."""
        with ExitStack() as stack:
            for side in (self.source, self.target):
                stack.enter_context(_adapter(side.model, "model").inference(side.model))
            try:
                apart = outputs_apart(run)
            except PlanError as error:
                raise PlanError(f"{error}. {_PUT_BACK}") from None
        if not apart.is_rounding:
            raise PlanError(". ".join([f"check: {apart}", *self._suspects(), _PUT_BACK]))
        return apart.ratio

    def _suspects(self) -> list[str]:
        """What may be the reason if outputs differ, in sentences without their full stop."""
        ordered = [row for row in self.rows if row.by == "order"]
        settings = [f"{one.difference.setting} of {one.source} and {one.target}" for one in self.differences]
        said = (
            [f"{plural(len(settings), 'setting')} {_differ(settings)}: {listed(settings, _MOST)}"] if settings else []
        )
        said += [f"These went by the order of definition: {_pairs(ordered)}"] if ordered else []
        return said

    def save(self, path: str | Path) -> None:
        """Write the plan as JSON, one line a weight, the same text for the same plan; `load_plan` reads it.

        Args:
            path: the file; one that is there is replaced when the new one is whole.

        Raises:
            FileError: it cannot be written.
        """
        text = self.text()
        with whole_file(path_of(path, "path"), force=True) as partial:
            partial.write_text(text, encoding="utf-8")

    def text(self) -> str:
        """What `save` writes."""
        kept = {name: read(array) for name, array in uncopied_counts(self.draft, self.target).items()}
        return written(self.draft, self.source, self.target, naming(self.source, self.target, kept))

    def __repr__(self) -> str:
        return plan_text(self.table)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """HTML and text of one table."""
        return {"text/html": plan_html(self.table), "text/plain": plan_text(self.table)}

    @property
    def table(self) -> PlanTable:
        """The plan in plain words."""
        rows = tuple(
            (row.source_name, row.target.name, row.kind.replace("_", " "), row.move, row.by, row.note)
            for row in self.rows
        )
        notes = [
            *self._lacking(),
            *self._left_out(),
            *self._unseen(),
            *(
                f"{one.weight.name} has no place in {one.layer!r}; it is left out if it is {one.neutral:g} everywhere"
                for one in self.draft.dropped
            ),
        ]
        title = f"{self.source.framework} {self.source.label} -> {self.target.framework} {self.target.label}"
        settings = tuple(_said(one) for one in self.differences)
        return PlanTable(title, rows, settings, tuple(notes), self.complete, self._summary())

    def _left_out(self) -> list[str]:
        """What overrides leave out, and buffers without a counterpart: nobody asks for it, and it keeps its values."""
        said: list[str] = []
        unsaid = left_out(self.draft, self.source, self.target)
        for side, paths, fate in zip((self.source, self.target), unsaid, _LEFT_OUT, strict=True):
            buffers = {layer.weights[0].array for layer in side.layers if layer.is_buffer}
            for among, reason in ((False, "by overrides"), (True, "as buffers without a counterpart")):
                found = [path for path in paths if (path in buffers) == among]
                said += [f"{fate} {reason}: {_listed(found, side)}"] if found else []
        return said

    def _unseen(self) -> list[str]:
        """What was believed without a look: at how the layers feed each other, or at what is done with them."""
        ordered = sum(row.by == "order" for row in self.rows)
        blind = [f"{side.framework} {side.label}" for side in (self.source, self.target) if side.flow is None]
        if not (ordered and blind):
            return [*self.draft.doubts]
        return [
            *self.draft.doubts,
            f"{' and '.join(blind)} cannot be looked into without values, so {plural(ordered, 'weight')} of several "
            f"with one shape went by the order of definition alone; if layers are called in another order, the "
            f"outputs of the two models differ after apply(): compare them, or say overrides={{...}}",
        ]

    def _summary(self) -> str:
        weights = f"{plural(len(self.rows), 'weight')} in {plural(self.draft.layers, 'layer')}"
        said = f"{weights} copied" if self.copied else f"{weights}: the plan is complete"
        said += "" if self.apart is None else f"; outputs differ by {self.apart:.2g} of the largest"
        if not self.complete:
            said = f"{weights} copied; the rest has no place" if self.copied else f"{weights}: the plan is not complete"
        if not self.differences:
            return said
        return f"{said}; {plural(len(self.differences), 'setting')} {_differ(self.differences)}"

    def _check_dtypes(self, allow: bool) -> None:
        for row in self.rows:
            for weight, _ in row.sources:
                if not (allow or is_exact(weight.dtype, row.target.dtype)):
                    raise PlanError(
                        f"{weight.name} is {weight.dtype} and {row.target.name} {row.target.dtype}, which would "
                        f"round it; apply(allow_dtype=True) allows that. Nothing was written."
                    )

    def _lacking(self) -> list[str]:
        """What keeps the plan from being complete, in sentences."""
        said = [f"{problem.name}: {problem.reason}" for problem in self.draft.problems]
        said += self.draft.hints
        for side, paths, fate in (
            (self.source, self.source_left, "the source go nowhere"),
            (self.target, self.target_left, "the target get no values"),
        ):
            if paths:
                said.append(f"{len(paths)} of the {len(side.arrays)} arrays of {fate}: {_listed(paths, side)}")
        return said if self.rows else [*said, "no layer of the source fits one of the target"]

    def _way_out(self) -> str:
        """What to do about a plan that is not complete; overrides pair what fits alone."""
        left = [[layer for layer in side.layers if {each.array for each in layer.weights} & {*paths}]
                for side, paths in ((self.source, self.source_left), (self.target, self.target_left))]  # fmt: skip
        if any(fits(one, other) for one in left[0] for other in left[1]):
            return f"Pair them with overrides={{'source path': 'target path'}}, {_LEAVE_OUT}"
        hinted = any("[0 of" in hint for hint in self.draft.hints)
        apart = "None of these layers fits one of the other side, so no override pairs them. " if all(left) else ""
        apart = "" if hinted else apart
        return f"{apart}{_LEAVE_OUT[0].upper()}{_LEAVE_OUT[1:]}"


_MOST = 8
_PUT_BACK = "The target has its old values again."
_LEFT_OUT = ("left out of the source", "left as it is in the target")
_LEAVE_OUT = (
    "leave them out with overrides={'path': None}, or copy the rest with apply(partial=True). Nothing was written."
)


def _listed(paths: Sequence[str], side: Inventory) -> str:
    """Some arrays of a model with their shapes."""
    arrays = arrays_of(side)
    return listed([f"{path} {arrays[path][0]}" for path in paths], _MOST)


def _differ(found: Sequence[Any]) -> str:
    return "differs" if len(found) == 1 else "differ"


def _pairs(rows: Sequence[Row]) -> str:
    return listed([f"{row.source_name} -> {row.target.name}" for row in rows], _MOST)


def _said(one: Configuration) -> tuple[str, ...]:
    """A setting that differs, as the cells of `table.SETTINGS`."""
    found = one.difference
    fix = f"target: {found.right_fix}" if found.right_fix else f"source: {found.left_fix}" if found.left_fix else ""
    return one.source, one.target, found.setting, found.left, found.right, fix


def plan_weights(
    source: Any, target: Any, overrides: Mapping[str, str | None] | None = None, *, flatten: Flatten | None = None
) -> WeightPlan:
    """Find out which weight of one model belongs where in another; nothing is copied yet.

    Args:
        source: a Keras model or layer (Keras 3 on any backend, or tf_keras), or a torch module.
        target: the same, of the same or the other framework.
        overrides: layers that belong together, `{"conv1": "features.0"}`; a path may also be
            of what holds layers, `*` in both stands for any text, and None leaves a layer out.
        flatten: for a Dense or recurrent layer after flattened maps whose shape the Keras model does not
            show: its path -> their (height, width, channels); or None if both frameworks
            hand it its features in the same order.

    Returns:
        A plan that shows as a table. `plan.apply()` copies.

    Raises:
        PlanError: one of them is no model, a layer is not built yet, an override fits
            nothing, layers fit each other in several ways and nothing decides, or the
            order of flattened features cannot be found.

    Examples:
        >>> import torch
        >>> plan = plan_weights(torch.nn.Linear(2, 3), torch.nn.Linear(2, 3))
        >>> plan.complete, [row.target.name for row in plan.rows]
        (True, ['weight', 'bias'])
    """
    inventories = _inventories(source, target, overrides)
    matching = with_features(match(inventories[0], inventories[1], overrides), inventories, flatten or {})
    found = configuration(matching, source, target)
    made = draft(matching)
    made = replace(made, hints=(*made.hints, *norm_hints(matching, found)))
    return WeightPlan(inventories[0], inventories[1], made, found, _adapter(target, "target"))


def load_plan(path: str | Path, source: Any, target: Any) -> WeightPlan:
    """A plan that `WeightPlan.save` wrote, for these two models.

    Args:
        path: the file.
        source: the model to copy from, as when the plan was made.
        target: the model to copy to.

    Raises:
        PlanError: the file is no plan, or one for other models; the text says what differs.
        FileError: there is no such file, or it cannot be read.
    """
    text, inventories = text_of(path), _inventories(source, target)
    try:
        found = _held(text, inventories, lambda one, other: f"Say load_plan({str(path)!r}, <the {one}>, <the {other}>)")
    except PlanError as error:
        raise PlanError(f"{str(path)!r}: {error}. Nothing was written.") from None
    return WeightPlan(inventories[0], inventories[1], found, (), _adapter(target, "target"), reviewed=True)


def plan_for(plan: Any, source: Any, target: Any) -> WeightPlan:
    """A plan of models built alike, or the path of a saved one, for these two models.

    Raises:
        PlanError: it is no plan, or one for other models; the text says what differs.
        FileError: there is no such file, or it cannot be read.
    """
    if isinstance(plan, str | os.PathLike):
        return load_plan(Path(plan), source, target)
    if not isinstance(plan, WeightPlan):
        raise PlanError(
            f"plan: expected what plan_weights or load_plan has given, or the path of a saved plan, got "
            f"{type(plan).__name__}."
        )
    inventories = _inventories(source, target)
    try:
        text = written(plan.draft, plan.source, plan.target, {})
        found = _held(text, inventories, lambda one, other: f"Give the {one} first, then the {other}")
    except PlanError as error:
        raise PlanError(f"the plan does not fit these models: {error}.") from None
    return replace(plan, source=inventories[0], target=inventories[1], draft=found, adapter=_adapter(target, "target"))


def _held(text: str, inventories: Sequence[Inventory], swap: Callable[[str, str], str]) -> Draft:
    """What a saved plan says of two models; `swap`: what to write if they are the wrong way round."""
    try:
        return read_draft(text, inventories[0], inventories[1])
    except PlanError as error:
        reason = error
    try:
        read_draft(text, inventories[1], inventories[0])
    except PlanError:
        raise reason from None
    target, source = (f"{side.framework} {side.label}" for side in inventories)
    raise PlanError(f"the two models are swapped: it copies from {source} to {target}. {swap(source, target)}")


def _adapter(model: Any, side: str) -> ModelAdapter:
    adapter = model_adapter(model)
    if adapter is None:
        what = f"the class {model.__name__}" if isinstance(model, type) else f"of type {type(model).__name__}"
        raise PlanError(
            f"the {side} is {what}, expected a Keras model or layer, or a torch.nn.Module{_way_to_model(model)}."
        )
    return adapter


def _way_to_model(given: Any) -> str:
    """How to come to a model from what was given in its place; may be empty."""
    if isinstance(given, type):
        return "; make one of it first"
    if isinstance(given, Mapping):
        return "; load its arrays into one first, as in net.load_state_dict(...)"
    if isinstance(given, str | Path):
        return "; load the file into one first, or convert it: dualcell.convert(source, target, plan)"
    return ""


def inventory_of(model: Any, side: str = "model") -> Inventory:
    """What a model holds.

    Args:
        model: a model, layer or module.
        side: what to call it in errors.

    Raises:
        PlanError: it is no model, or one that is not built yet.
    """
    return replace(_adapter(model, side).inventory(model), model=model)


def _inventories(
    source: Any, target: Any, overrides: Mapping[str, str | None] | None = None
) -> tuple[Inventory, Inventory]:
    written = both_layers(inventory_of(source, "source"), inventory_of(target, "target"))
    return both_in_parts(*both_apart(*written), overrides)


def read(array: Any) -> HostArray:
    """The values of a framework's array on the host, a view where possible."""
    adapter: Any = array_adapter(array)
    return adapter.to_host(array) if hasattr(adapter, "to_host") else adapter.to_numpy(array)
