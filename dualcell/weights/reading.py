"""One layer of a framework -> `Layer`s, by the table of `kinds`. What the framework files share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dualcell.weights.inventory import Layer, Shape, Weight
from dualcell.weights.kinds import BARE, KINDS, Form, Part, groups_of


@dataclass(frozen=True)
class Found:
    """An array of a framework's layer.

    Attributes:
        name: within its layer.
        path: within the model.
        shape: sizes of the axes.
        dtype: NumPy's name where it has one.
        array: the framework's object.
        buffer: whether it is kept with the weights, and never trained.
    """

    name: str
    path: str
    shape: Shape
    dtype: str
    array: Any = field(repr=False)
    buffer: bool = False


@dataclass(frozen=True)
class Place:
    """A layer of a framework, and where it is.

    Attributes:
        path: within the model.
        native: the name of its class.
        layer: the framework's object.
        aliases: see `inventory.Layer`.
        variant: see `inventory.Layer`.
        within: see `inventory.Layer`.
        hint: see `inventory.Layer`.
    """

    path: str
    native: str
    layer: Any = field(repr=False)
    aliases: tuple[str, ...] = ()
    variant: str = ""
    within: tuple[Any, ...] = field(default=(), repr=False)
    hint: str = ""


def layers_of(place: Place, forms: Sequence[Form], arrays: Mapping[str, Found]) -> Iterator[Layer]:
    """The layers that a framework's layer stands for, and its arrays that no form knows as bare weights.

    Args:
        place: the layer.
        forms: how its class holds them, one after the other.
        arrays: its arrays by name.
    """
    known: set[str] = set()
    for form in forms:
        weights = tuple(_weights(form, arrays))
        if weights and weights[0].role in _main(form.kind):
            known |= {part.name for part in form.parts}
            yield _layer(place, form, weights)
    for name, found in arrays.items():
        if name not in known:
            yield bare(place, found)


def _main(kind: str) -> tuple[str, ...]:
    """The roles one of which a layer of a kind always has."""
    roles = KINDS[kind]
    needed = tuple(role.name for role in roles if role.neutral is None and not role.counter)
    return needed or tuple(role.name for role in roles)


def bare(place: Place, found: Found) -> Layer:
    """A weight on its own: a parameter or buffer outside the layers of the table."""
    weight = Weight("value", found.path, found.shape, found.dtype, move=BARE.move(found.shape))
    kind = "counter" if "int" in found.dtype and not found.shape else "weight"
    variant = "buffer" if found.buffer else ""
    return Layer(found.path, kind, (weight,), variant, place.native, hint=place.hint, source=place.layer)


def _weights(form: Form, arrays: Mapping[str, Found]) -> Iterator[Weight]:
    taken: set[str] = set()
    for role in KINDS[form.kind]:
        for part in form.parts:
            if part.role == role.name and part.name in arrays and part.role not in taken:
                taken.add(part.role)
                yield _weight(part, arrays[part.name])


def _weight(part: Part, found: Found) -> Weight:
    index, count = part.part
    shape = (found.shape[0] // count, *found.shape[1:]) if count > 1 else found.shape
    return Weight(part.role, found.path, shape, found.dtype, (index, count), part.move(shape))


def _layer(place: Place, form: Form, weights: tuple[Weight, ...]) -> Layer:
    variants = [form.variant, place.variant]
    if form.kind.startswith("conv"):
        groups = groups_of(form, place.layer, weights[0].shape)
        variants.append("" if groups == 1 else f"groups={groups}")
    return Layer(
        place.path, form.kind, weights, ", ".join(filter(None, variants)), place.native, place.aliases,
        hint=form.hint or place.hint, source=place.layer, within=place.within,
    )  # fmt: skip
