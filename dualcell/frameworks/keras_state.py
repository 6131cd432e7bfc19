"""What Keras 3 keeps between two runs of a cell: layers, models, optimizers, metrics, generators."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from typing import Any

import keras
import numpy as np
from keras.src.backend.common import variables

from dualcell.frameworks.keeping import put_back

_HOLDERS = (keras.Layer, keras.optimizers.Optimizer, keras.metrics.Metric, keras.random.SeedGenerator)


class KerasStates:
    """Remembers holders of variables, and sees the variables that a block makes."""

    def owns(self, value: Any) -> bool:
        return isinstance(value, _HOLDERS)

    def tensors(self, value: Any) -> list[Any]:
        """Every variable: weights, moving statistics, slots, and those of a compiled model's optimizer."""
        if isinstance(value, keras.random.SeedGenerator):
            return [value.state]
        optimizer = getattr(value, "optimizer", None)
        slots = optimizer.variables if isinstance(optimizer, keras.optimizers.Optimizer) else []
        return [*value.variables, *slots]

    def keep(self, value: Any) -> Callable[[], None]:
        before = [(variable, np.array(keras.ops.convert_to_numpy(variable.value))) for variable in self.tensors(value)]
        flatten: Any = getattr(value, "_flatten_layers", tuple)
        layers = flatten()
        restores = [partial(_set_trainable, layer, layer.trainable) for layer in layers]
        restores += [partial(variable.assign, values) for variable, values in before]
        return lambda: put_back(restores)

    @contextmanager
    def born(self, visit: Callable[[Any, Any], None]) -> Generator[None]:
        """Show every new variable to `visit`, with its first values in it."""
        base: Any = variables.Variable  # of every backend's
        original = base.__init__

        def made(variable: Any, *arguments: Any, **options: Any) -> None:
            original(variable, *arguments, **options)
            if variable._value is None:  # noqa: SLF001 - a stateless scope leaves it for later
                return
            if _is_eager():
                visit(variable, None)
            else:  # it has no values before the graph has run: those of an optimizer's slot are known
                visit(variable, np.zeros(variable.shape, str(variable.dtype)))

        base.__init__ = made
        try:
            yield
        finally:
            base.__init__ = original

    @contextmanager
    def in_float64(self) -> Generator[None]:
        """Keras' defaults are set by the block's `--dtype`; a dtype given in code stays."""
        yield


def _set_trainable(layer: Any, flag: bool) -> None:
    if layer.trainable != flag:
        layer.trainable = flag


def _is_eager() -> bool:
    """Whether a new variable has its values; one that is made while TensorFlow traces a function has not."""
    tensorflow: Any = sys.modules.get("tensorflow")
    return keras.config.backend() != "tensorflow" or tensorflow is None or tensorflow.executing_eagerly()


states = KerasStates()
