"""Two models -> `WeightPlan`: which weight goes where, to look at before anything is copied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dualcell.coded import HostArray
from dualcell.errors import PlanError
from dualcell.frameworks.base import ModelAdapter
from dualcell.frameworks.registry import array_adapter, model_adapter
from dualcell.render.plan import plan_html, plan_text
from dualcell.weights.attention import both_apart
from dualcell.weights.boundary import Flatten, with_features
from dualcell.weights.copying import check_dropped, is_exact, stage, untangled, write_all
from dualcell.weights.inventory import Inventory, Layer
from dualcell.weights.matching import Matching, match
from dualcell.weights.rows import Dropped, Problem, Row, rows_of
from dualcell.weights.table import PlanTable


@dataclass(frozen=True, repr=False)
class WeightPlan:
    """Which weight of one model goes where in another, and how its axes move.

    Attributes:
        source: what the model to copy from holds.
        target: what the model to copy to holds.
        matching: which layers belong together.
        rows: each weight that would be written.
        dropped: weights of matched source layers without a place; they must do nothing.
        problems: weights of matched layers that cannot be copied, and why.
    """

    source: Inventory
    target: Inventory
    matching: Matching
    rows: tuple[Row, ...]
    dropped: tuple[Dropped, ...]
    problems: tuple[Problem, ...]
    adapter: ModelAdapter = field(repr=False)

    @property
    def source_left(self) -> tuple[str, ...]:
        """Paths of the source's weights that go nowhere."""
        return _left(self.matching.source_left, {weight.array for row in self.rows for weight, _ in row.sources})

    @property
    def target_left(self) -> tuple[str, ...]:
        """Paths of the target's weights that get no values."""
        return _left(self.matching.target_left, {row.target.array for row in self.rows})

    @property
    def complete(self) -> bool:
        """Every weight of both models has its place, and at least one is copied."""
        return bool(self.rows) and not (self.problems or self.source_left or self.target_left)

    def apply(self, *, partial: bool = False, allow_dtype: bool = False) -> WeightPlan:
        """Copy the values into the target, all of them or none.

        The target's arrays stay the same objects on the same devices; gradients, optimizers
        and whether they are trained are not touched.

        Args:
            partial: copy what has its place although something is left over.
            allow_dtype: let values be rounded into a narrower dtype. A dtype that holds
                every value of the other needs no permission.

        Returns:
            The plan itself.

        Raises:
            PlanError: the plan is not complete, a dtype would round, a weight without a
                place does something, or a write failed. Nothing has changed then.
        """
        if not (self.complete or partial):
            raise PlanError(f"the plan is not complete: {'; '.join(self._lacking())}. {_WAY_OUT}")
        if not self.rows:
            raise PlanError("the plan has no row, so there is nothing to copy.")
        self._check_dtypes(allow_dtype)
        check_dropped(self.dropped, self.source.arrays, read)
        staged = stage(self.rows, self.source.arrays, self.target.arrays, read)
        staged = untangled(staged, {name: self.target.arrays[name] for name in staged}, read)
        write_all(staged, self.target.arrays, read, self.adapter.write)
        return self

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
        notes = [*self._lacking(), *(
            f"{one.weight.name} has no place in {one.layer!r}; it is left out if it is {one.neutral:g} everywhere"
            for one in self.dropped
        )]  # fmt: skip
        title = f"{self.source.framework} {self.source.label} -> {self.target.framework} {self.target.label}"
        return PlanTable(title, rows, tuple(notes), self.complete, self._summary())

    def _summary(self) -> str:
        layers = len(self.matching.matches)
        copied = f"{len(self.rows)} weights in {layers} layers"
        if self.complete:
            return f"{copied}: the plan is complete"
        return f"{copied}: the plan is not complete"

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
        said = [f"{problem.name}: {problem.reason}" for problem in self.problems]
        hints = (layer.hint for layer in (*self.matching.source_left, *self.matching.target_left) if layer.hint)
        said += list(dict.fromkeys(hints))
        for side, paths, fate in (
            (self.source, self.source_left, "the source go nowhere"),
            (self.target, self.target_left, "the target get no values"),
        ):
            if paths:
                more = f" and {len(paths) - _MOST} more" if len(paths) > _MOST else ""
                listed = ", ".join(f"{path} {_shape(side, path)}" for path in paths[:_MOST])
                said.append(f"{len(paths)} of the {len(side.arrays)} arrays of {fate}: {listed}{more}")
        return said if self.rows else [*said, "no layer of the source fits one of the target"]


_MOST = 8
_WAY_OUT = (
    "Pair them with overrides={'source path': 'target path'}, leave them out with {'path': None}, "
    "or copy the rest with apply(partial=True). Nothing was written."
)


def _shape(side: Inventory, path: str) -> str:
    weight = next(w for layer in side.layers for w in layer.weights if w.array == path)
    return str(weight.shape if weight.part[1] == 1 else (weight.shape[0] * weight.part[1], *weight.shape[1:]))


def _left(layers: tuple[Layer, ...], used: set[str]) -> tuple[str, ...]:
    """The arrays of layers that are left over; one that is tied to a weight with a place is none."""
    return tuple(
        dict.fromkeys(
            w.array for layer in layers if layer.kind != "counter" for w in layer.weights if w.array not in used
        )
    )


def plan_weights(
    source: Any, target: Any, overrides: Mapping[str, str | None] | None = None, *, flatten: Flatten | None = None
) -> WeightPlan:
    """Find out which weight of one model belongs where in another; nothing is copied yet.

    Args:
        source: a Keras model or layer (Keras 3 on any backend, or tf_keras), or a torch module.
        target: the same, of the same or the other framework.
        overrides: layers that belong together, `{"conv1": "features.0"}`; a path may also be
            of what holds layers, `*` in both stands for any text, and None leaves a layer out.
        flatten: for a Dense layer after flattened maps whose shape the Keras model does not
            show: its path -> their (height, width, channels); or None if both frameworks
            hand it its features in the same order.

    Returns:
        A plan that shows as a table. `plan.apply()` copies.

    Raises:
        PlanError: one of them is no model, a layer is not built yet, an override fits
            nothing, layers fit each other in several ways and nothing decides, or the
            order of flattened features cannot be found.
    """
    inventories = _inventory(source, "source"), _inventory(target, "target")
    inventories = both_apart(inventories[0], inventories[1])
    matching = with_features(match(inventories[0], inventories[1], overrides), inventories, flatten or {})
    made = [row for found in matching.matches for row in rows_of(found)]
    adapter = model_adapter(target)
    assert adapter is not None  # noqa: S101 - it has an inventory
    return WeightPlan(
        inventories[0], inventories[1], matching,
        tuple(row for row in made if isinstance(row, Row)),
        tuple(row for row in made if isinstance(row, Dropped)),
        tuple(row for row in made if isinstance(row, Problem)),
        adapter,
    )  # fmt: skip


def _inventory(model: Any, side: str) -> Inventory:
    adapter = model_adapter(model)
    if adapter is None:
        raise PlanError(
            f"the {side} is a {type(model).__name__}, expected a Keras model or layer, or a torch.nn.Module."
        )
    return adapter.inventory(model)


def read(array: Any) -> HostArray:
    """The values of a framework's array on the host, a view where possible."""
    adapter: Any = array_adapter(array)
    return adapter.to_host(array) if hasattr(adapter, "to_host") else adapter.to_numpy(array)
