"""A Keras model and a PyTorch module, planned and copied both ways: what they compute then, or what is said instead."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest
import torch
from torch import nn

import dualcell
from dualcell import PlanError

WAYS = ("to torch", "to keras")


def noise(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def channels_first(maps: Any) -> Any:
    return np.ascontiguousarray(np.moveaxis(maps, -1, 1))


def same(values: Any) -> Any:
    return values


def held(*sizes: int) -> nn.Parameter:
    """A weight that a module holds, in no layer."""
    return nn.Parameter(torch.zeros(*sizes))


class Net(nn.Module):
    """Some layers, and what is done with them: `run` takes the module and one input, or two."""

    def __init__(self, run: Callable[..., Any], **parts: Any) -> None:
        super().__init__()
        self.run = run
        self.takes = sum(each.default is each.empty for each in signature(run).parameters.values()) - 1
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, first: Any, second: Any = None) -> Any:
        return self.run(self, first) if self.takes == 1 else self.run(self, first, second)


class Layer(keras.layers.Layer):
    """Some weights by their shapes, and what is done with them."""

    def __init__(self, run: Callable[..., Any], shapes: dict[str, tuple[int, ...]], name: str | None = None) -> None:
        super().__init__(name=name)
        self.run = run
        for weight, shape in shapes.items():
            setattr(self, weight, self.add_weight(shape=shape, name=weight))

    def call(self, given: Any) -> Any:
        return self.run(self, given)


def symbolic(run: Callable[..., Any], *shapes: tuple[int, ...], dtype: str = "float32") -> Any:
    """The Keras model of a function of symbolic inputs."""
    given = [keras.Input(shape, dtype=dtype) for shape in shapes]
    return keras.Model(given if len(given) > 1 else given[0], run(*given))


@dataclass
class Pair:
    """Both models, what they take, and how what Keras gives lies in PyTorch."""

    model: Any
    module: nn.Module
    given: Any
    to_torch: Callable[[Any], Any] = same
    result: Callable[[Any], Any] = same

    def sides(self, way: str) -> tuple[Any, Any]:
        return (self.model, self.module) if way == "to torch" else (self.module, self.model)

    def error(self) -> float:
        """How far the results lie apart, in parts of the largest number."""
        given = self.given if isinstance(self.given, list) else [self.given]
        tensors = [keras.ops.convert_to_tensor(each) for each in given]
        left = self.result(keras.ops.convert_to_numpy(self.model(tensors if len(tensors) > 1 else tensors[0])))
        with torch.no_grad():
            right = self.module.eval()(*[torch.as_tensor(self.to_torch(each)) for each in given]).numpy()
        assert left.shape == right.shape
        assert np.std(left) > 1e-4
        return float(np.abs(left - right).max() / np.abs(left).max())


def randomise(pair: Pair) -> None:
    """Give every weight of both sides numbers of its own."""
    random = np.random.default_rng(7)
    for weight in pair.model.variables:
        if weight.dtype == "float32":
            positive = "variance" in weight.path
            weight.assign(random.uniform(0.5, 2, weight.shape) if positive else random.normal(0, 0.4, weight.shape))
    for layer in pair.model._flatten_layers():
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
    for name, tensor in pair.module.state_dict().items():
        if tensor.is_floating_point():
            positive = "var" in name or "std" in name
            drawn = random.uniform(0.5, 2, tensor.shape) if positive else random.normal(0, 0.4, tensor.shape)
            tensor.copy_(torch.as_tensor(drawn))


def bits(model: Any) -> list[bytes]:
    if isinstance(model, nn.Module):
        return [tensor.numpy().tobytes() for tensor in model.state_dict().values()]
    return [keras.ops.convert_to_numpy(each).tobytes() for each in model.variables]


def _overrides(way: str, options: dict[str, Any]) -> dict[str, Any]:
    given = options.get("overrides")
    turned = given if way == "to torch" or given is None else {other: one for one, other in given.items()}
    return {**options, "overrides": turned}


def agree(make: Callable[[], Pair], **options: Any) -> None:
    """Copied both ways without a word, both sides compute the same; before, they do not."""
    for way in WAYS:
        pair = make()
        randomise(pair)
        assert pair.error() > 1e-3
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            plan = dualcell.plan_weights(*pair.sides(way), **_overrides(way, options))
            plan.apply()
        assert plan.complete
        assert plan.table.notes == ()
        assert pair.error() < 2e-5


def refused(make: Callable[[], Pair], *sentences: str, **options: Any) -> None:
    """Refused both ways, with a sentence for each way or one for both, and nothing has changed."""
    for number, way in enumerate(WAYS):
        pair = make()
        randomise(pair)
        sides = pair.sides(way)
        before = [bits(side) for side in sides]
        with pytest.raises(PlanError) as error:
            dualcell.plan_weights(*sides, **_overrides(way, options)).apply()
        assert sentences[number % len(sentences)] in str(error.value)
        assert [bits(side) for side in sides] == before


def noted(make: Callable[[], Pair], *sentences: str, **options: Any) -> None:
    """Copied both ways, with a note and a warning that says the same, a sentence for each way or one for both."""
    for number, way in enumerate(WAYS):
        pair = make()
        randomise(pair)
        sentence = sentences[number % len(sentences)]
        plan = dualcell.plan_weights(*pair.sides(way), **_overrides(way, options))
        assert any(sentence in note for note in plan.table.notes)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            plan.apply()
        assert any(sentence in str(each.message) for each in caught)
