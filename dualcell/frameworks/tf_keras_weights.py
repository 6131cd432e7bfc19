"""The weights of Keras 2 layers (`tf_keras`)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import tf_keras
from tf_keras.src.saving import saving_lib  # how its files are laid out has no public name

from dualcell.coded import HostArray
from dualcell.frameworks.keras_files import file_names
from dualcell.frameworks.keras_layers import KerasReader, keras_array, settle
from dualcell.frameworks.keras_slots import slots_of
from dualcell.weights.inventory import Inventory
from dualcell.weights.slots import Slots


class TfKerasModels:
    """Keras 2 models and layers."""

    def owns(self, model: Any) -> bool:
        return isinstance(model, tf_keras.layers.Layer)

    def inventory(self, model: Any) -> Inventory:
        return KerasReader(tf_keras.layers.Layer, _own).inventory(model)

    def write(self, array: Any, values: HostArray) -> None:
        array.assign(keras_array(values))

    def settle(self, model: Any) -> None:
        settle(model)

    def inference(self, model: Any) -> AbstractContextManager[Any]:
        return nullcontext()  # as it is called unless `training=True` is said

    def file_names(self, model: Any) -> dict[int, list[str]]:
        return file_names(model, saving_lib)

    def slots(self, optimizer: Any, arrays: Mapping[str, Any]) -> Slots:
        return slots_of(optimizer, arrays, tf_keras.optimizers.Optimizer, _place)


def _own(layer: Any) -> list[Any]:
    return [*layer._trainable_weights, *layer._non_trainable_weights]  # noqa: SLF001 - of the layer alone


def _place(optimizer: Any, variable: Any) -> int | None:
    places: dict[Any, int] = optimizer._index_dict  # noqa: SLF001 - no public name; its lists run along this one
    return places.get(optimizer._var_key(variable))  # noqa: SLF001


models = TfKerasModels()
