"""The weights of Keras layers, of version 3 and 2: what both versions share. Imports neither."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from dualcell.coded import Coded, HostArray
from dualcell.errors import PlanError
from dualcell.frameworks.keras_trace import Symbolic, trace
from dualcell.strided import in_c_order
from dualcell.weights.bare import as_multiplied
from dualcell.weights.einsum import einsum_form
from dualcell.weights.evidence import wiring_of
from dualcell.weights.features import feature_orders, in_order, with_doubts
from dualcell.weights.inventory import Inventory, Layer
from dualcell.weights.kinds import GRU_RESET_BEFORE, RMS_SCALING, Form, forms_of
from dualcell.weights.reading import Found, Place, layers_of
from dualcell.weights.unsupported import einsum_hint, hint_of

Variables = Callable[[Any], list[Any]]


class KerasReader:
    """Reads models of one version of Keras.

    Args:
        base: the class of all its layers.
        variables: gives the variables a layer made itself, without those of layers in it.
        symbolic: what it has to look into layers that have no graph, if anything.
    """

    def __init__(self, base: Any, variables: Variables, symbolic: Symbolic | None = None) -> None:
        self.base = base
        self.variables = variables
        self.symbolic = symbolic

    def inventory(self, model: Any) -> Inventory:
        """What a model or a layer holds.

        Raises:
            PlanError: a layer has no weights yet.
        """
        names: dict[int, str] = {}
        arrays: dict[str, Any] = {}
        layers: list[Layer] = []
        for place in self._walk(model):
            self._check(place)
            found = {found.name: found for found in self._found(place, names)}
            arrays |= {each.path: each.array for each in found.values()}
            layers += layers_of(place, _forms(place.layer), found)
        steps = trace(model, layers, arrays, self.children, self.symbolic)
        if steps is None:
            return Inventory("keras", type(model).__name__, tuple(with_doubts(layers)), arrays)
        orders = feature_orders(steps)
        turned = as_multiplied(layers, steps)
        ordered = tuple(in_order(index, layer, orders) for index, layer in enumerate(turned))
        return Inventory("keras", type(model).__name__, ordered, arrays, wiring_of(steps, layers), trace=steps)

    def _walk(self, model: Any) -> Iterator[Place]:
        """Every layer once, the outer before the inner, in the model's order."""
        seen: set[int] = set()

        def walk(layer: Any, path: str, variant: str, within: tuple[Any, ...]) -> Iterator[Place]:
            if id(layer) in seen:
                return
            seen.add(id(layer))
            yield Place(path, type(layer).__name__, layer, (layer.name,), variant, within, _hint(layer, within, path))
            if "MultiHeadAttention" in _names(layer):  # its projections are its own roles
                return
            for name, child in self.children(layer):
                inside = "backward" if name == "backward_layer" else variant
                yield from walk(child, f"{path}/{name}" if path else name, inside, (layer, *within))

        yield from walk(model, "", "", ())

    def children(self, layer: Any) -> list[tuple[str, Any]]:
        """The layers a layer holds: by name in a functional or sequential model, else by attribute."""
        children = layer._flatten_layers(include_self=False, recursive=False)  # noqa: SLF001 - no public name
        if hasattr(layer, "layers") and hasattr(layer, "inputs"):
            in_order: list[Any] = list(layer.layers)
            return [(str(child.name), child) for child in in_order]
        names = dict(self._attributes(vars(layer).items(), ""))
        return [(names.get(id(child), str(child.name)), child) for child in children]

    def _attributes(self, items: Any, path: str) -> Iterator[tuple[int, str]]:
        """(id, attribute) of the layers among attributes, inner lists and dictionaries included."""
        for name, value in reversed(list(items)):  # the first name a layer has wins
            if str(name) in _BOOKKEEPING or str(name).startswith("_self_"):
                continue
            if name == _OF_TORCH and isinstance(value, dict):
                yield from self._attributes(value.items(), path)
            elif isinstance(value, self.base):
                yield id(value), f"{path}{name}"
            elif isinstance(value, list | tuple):
                yield from self._attributes(enumerate(value), f"{path}{name}/")
            elif isinstance(value, dict):
                yield from self._attributes(value.items(), f"{path}{name}/")

    def _check(self, place: Place) -> None:
        layer = place.layer
        is_built = layer.built or getattr(type(layer), "build", None) is getattr(self.base, "build", None)
        if not is_built and not self.children(layer):
            where = f"layer {place.path!r}" if place.path else "the layer"
            raise PlanError(
                f"{where} ({place.native}) has no weights yet: it is not built. "
                f"Call the model once on an input first, or model.build(input_shape)."
            )

    def _found(self, place: Place, names: dict[int, str]) -> Iterator[Found]:
        inner = [(f"{child.name}/", child) for _, child in self.children(place.layer)]
        deep = inner if "MultiHeadAttention" in _names(place.layer) else []
        held = {id(variable) for _, child in inner for variable in child.weights}
        for prefix, layer in [("", place.layer), *deep]:
            for variable in self.variables(layer):
                if id(variable) in held and not prefix:
                    continue  # a wrapper that keeps a variable of the layer it wraps
                name = prefix + variable.name.rpartition("/")[2].partition(":")[0]
                path = names.setdefault(id(variable), f"{place.path}/{name}" if place.path else name)
                yield Found(name, path, tuple(variable.shape), _dtype(variable), variable)


_OF_TORCH = "_modules"  # where a layer on the torch backend has its attributes that are layers
_BOOKKEEPING = {"_layers", "_metrics", "_self_tracked_trackables", "_functional", "_operations", "_nested_layers"}


def _dtype(variable: Any) -> str:
    return str(getattr(variable.dtype, "name", variable.dtype))


def _names(layer: Any) -> list[str]:
    """The classes of Keras itself that a layer is one of, the nearest first."""
    return [kind.__name__ for kind in type(layer).__mro__ if kind.__module__.partition(".")[0] in ("keras", "tf_keras")]


def _forms(layer: Any) -> tuple[Form, ...]:
    forms = forms_of(_names(layer), "keras")
    if forms and forms[0].kind == "gru" and not layer.reset_after:
        return (GRU_RESET_BEFORE,)
    if forms and forms[0].kind == "layer_norm" and getattr(layer, "rms_scaling", False):
        return (RMS_SCALING,)
    if not forms and _is_einsum(layer):
        form = einsum_form(layer.equation, layer.bias_axes)
        return () if form is None else (form,)
    return forms


def _is_einsum(layer: Any) -> bool:
    return "EinsumDense" in _names(layer)


def _hint(layer: Any, within: tuple[Any, ...], path: str) -> str:
    if _is_einsum(layer) and einsum_form(layer.equation, layer.bias_axes) is None:
        return einsum_hint(layer.equation)
    return hint_of(_names(layer), _names(within[0]) if within else [], path)


def keras_array(values: HostArray) -> Any:
    """The values as an array that Keras takes; bfloat16 in the dtype of ml_dtypes, which comes with Keras."""
    if not isinstance(values, Coded):
        return in_c_order(values)
    import ml_dtypes

    return in_c_order(values.codes).view(getattr(ml_dtypes, values.name))


def settle(model: Any) -> None:
    """Work out again what layers keep that follows from their weights: Normalization, its mean and variance."""
    for layer in model._flatten_layers():  # noqa: SLF001 - Keras has no public name for it
        finalize = getattr(layer, "finalize_state", None)
        if finalize is not None and layer.weights:
            finalize()
