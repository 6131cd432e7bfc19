"""The weights of Keras 3 layers, on any backend."""

from __future__ import annotations

from typing import Any

import keras

from dualcell.coded import HostArray
from dualcell.frameworks.keras_layers import KerasReader, keras_array
from dualcell.weights.inventory import Inventory


class KerasModels:
    """Keras 3 models and layers."""

    def owns(self, model: Any) -> bool:
        return isinstance(model, keras.layers.Layer)

    def inventory(self, model: Any) -> Inventory:
        return KerasReader(keras.layers.Layer, _own).inventory(model)

    def write(self, array: Any, values: HostArray) -> None:
        array.assign(keras_array(values))


def _own(layer: Any) -> list[Any]:
    return [*layer._trainable_variables, *layer._non_trainable_variables]  # noqa: SLF001 - of the layer alone


models = KerasModels()
