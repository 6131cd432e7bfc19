"""The weights of Keras 3 layers, on any backend."""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import keras
import numpy as np
from keras.src.saving import saving_lib  # how its files are laid out has no public name

from dualcell.coded import HostArray
from dualcell.frameworks.keras_files import file_names
from dualcell.frameworks.keras_layers import KerasReader, keras_array, settle
from dualcell.frameworks.keras_slots import slots_of
from dualcell.frameworks.keras_trace import Symbolic
from dualcell.weights.inventory import Inventory
from dualcell.weights.slots import Slots


class KerasModels:
    """Keras 3 models and layers."""

    def owns(self, model: Any) -> bool:
        return isinstance(model, keras.layers.Layer)

    def inventory(self, model: Any) -> Inventory:
        return KerasReader(keras.layers.Layer, _own, _SYMBOLIC).inventory(model)

    def write(self, array: Any, values: HostArray) -> None:
        given = keras_array(values)
        # JAX keeps the memory it is handed, which may be the source's
        array.assign(np.array(given) if keras.config.backend() == "jax" else given)

    def settle(self, model: Any) -> None:
        settle(model)

    def inference(self, model: Any) -> AbstractContextManager[Any]:
        return nullcontext()  # as it is called unless `training=True` is said

    def file_names(self, model: Any) -> dict[int, list[str]]:
        return file_names(model, saving_lib)

    def slots(self, optimizer: Any, arrays: Mapping[str, Any]) -> Slots:
        return slots_of(optimizer, arrays, keras.optimizers.Optimizer, _place)


def _own(layer: Any) -> list[Any]:
    return [*layer._trainable_variables, *layer._non_trainable_variables]  # noqa: SLF001 - of the layer alone


def _place(optimizer: Any, variable: Any) -> int | None:
    trained: list[Any] = optimizer._trainable_variables  # noqa: SLF001 - no public name; its lists run along this one
    return next((index for index, each in enumerate(trained) if each is variable), None)


def _fresh(node: Any) -> Any:
    """The arguments of a node with new symbolic tensors, and the couples of old and new."""
    pairs: list[tuple[Any, Any]] = []

    def new(leaf: Any) -> Any:
        if not _is_tensor(leaf):
            return leaf
        pairs.append((leaf, keras.KerasTensor(leaf.shape, leaf.dtype)))
        return pairs[-1][1]

    return keras.tree.map_structure(new, (list(node.arguments.args), dict(node.arguments.kwargs))), pairs


def _is_tensor(leaf: Any) -> bool:
    return isinstance(leaf, keras.KerasTensor)


def _inputs(model: Any) -> tuple[list[Any], dict[str, Any]] | None:
    """Symbolic arguments of the shapes a model was built for."""
    shapes: dict[str, Any] = getattr(model, "_build_shapes_dict", None) or {}
    if not shapes:
        return None
    tensors = {name.removesuffix("_shape"): _of_shape(shape) for name, shape in shapes.items()}
    return ([*tensors.values()], {}) if len(tensors) == 1 else ([], tensors)


def _of_shape(shape: Any) -> Any:
    if isinstance(shape, dict):
        return {name: _of_shape(each) for name, each in shape.items()}
    if any(isinstance(each, list | tuple) for each in shape):
        return [_of_shape(each) for each in shape]
    return keras.KerasTensor(tuple(shape))


class _StandIn(keras.KerasTensor):
    """A symbolic tensor that can be used as the variable it stands for; nothing is written."""

    def __init__(self, variable: Any) -> None:
        super().__init__(tuple(variable.shape), variable.dtype)
        self.trainable = variable.trainable
        self.value = self

    def assign(self, value: Any, *_: Any) -> Any:
        return value

    assign_add = assign_sub = assign


_LOCK = threading.RLock()


@contextmanager
def _scope() -> Generator[None]:
    """Writes no variable, and calls layers with weights on symbolic tensors alone.

    What a `call` computes without its arguments, as in `self.positions(ops.arange(length))`, has values, so that
    the layer would not be seen.
    """
    thread = threading.get_ident()

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        leaves = keras.tree.flatten((args, kwargs))
        if threading.get_ident() == thread and self.weights and not any(map(_is_tensor, leaves)):
            symbolic: Any = keras.tree.map_structure(_without_values, (args, kwargs))
            args, kwargs = symbolic
        return plain(self, *args, **kwargs)

    with _LOCK, keras.StatelessScope():
        plain = keras.layers.Layer.__call__
        keras.layers.Layer.__call__ = call
        try:
            yield
        finally:
            keras.layers.Layer.__call__ = plain


def _without_values(leaf: Any) -> Any:
    if isinstance(leaf, np.ndarray) or keras.ops.is_tensor(leaf):
        return keras.KerasTensor(tuple(leaf.shape), keras.backend.standardize_dtype(leaf.dtype))
    return leaf


_SYMBOLIC = Symbolic(keras.tree.flatten, _fresh, _is_tensor, _inputs, _StandIn, _scope)
models = KerasModels()
