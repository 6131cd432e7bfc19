"""What objects of Keras 3 and `tf_keras` are, by the names of their classes, and what they were made with."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

from dualcell.frameworks.spelling import ABSENT, UNTOLD, Spelling

LIBRARIES = ("keras", "tf_keras")


def is_of_keras(kind: type) -> bool:
    """Whether a class is one of Keras' own."""
    return kind.__module__.partition(".")[0] in LIBRARIES


def names(value: Any) -> list[str]:
    """The names of Keras' own classes that an object is of, the nearest first."""
    return [kind.__name__ for kind in type(value).__mro__ if is_of_keras(kind)]


def library(value: Any) -> str:
    """Whose the nearest of Keras' classes is."""
    return next(kind.__module__.partition(".")[0] for kind in type(value).__mro__ if is_of_keras(kind))


def axes(layer: Any) -> int:
    """1, 2 or 3, by the name of the class; 0 if it has none."""
    return next((int(digit) for name in names(layer) for digit in name if digit in "123"), 0)


def built(layer: Any, variable: str, axis: int) -> Any:
    """A size of a variable of a layer that has been built; `UNTOLD` before."""
    found = getattr(layer, variable, None) if getattr(layer, "built", False) else None
    return UNTOLD if found is None else int(found.shape[axis])


def built_shape(layer: Any) -> tuple[int | None, ...] | None:
    """The shape of the input that a layer was built for; None before."""
    shape = getattr(layer, "_build_input_shape", None)  # tf_keras
    if shape is None:
        shapes = getattr(layer, "_build_shapes_dict", None) or {}
        shape = shapes.get("input_shape") or (next(iter(shapes.values())) if len(shapes) == 1 else None)
    try:
        return None if shape is None else tuple(shape)
    except TypeError:  # several inputs
        return None


def arguments(value: Any) -> Callable[[Any, str], Any]:
    """What an object was made with: an attribute, or an entry of its config; `ABSENT` if it is neither."""
    config_of = cache(lambda: config(value))  # read once for all of them

    def own(_: Any, name: str) -> Any:
        try:
            found = getattr(value, name, None)
            found = config_of().get(name, ABSENT) if found is None else found
        except Exception:  # a property of a layer that is not built, a config that cannot be written
            return ABSENT
        return found.get("class_name", found) if isinstance(found, dict) else found

    return own


def config(value: Any) -> dict[str, Any]:
    """The config of an object; Keras 3 leaves out some of what the function of a loss is given."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a lambda is no safe thing to save: nothing is saved
        return {**vars(value).get("_fn_kwargs", {}), **value.get_config()}


def _trainable(layer: Any) -> Any:
    return bool(layer.trainable) if layer.weights or not getattr(layer, "built", False) else UNTOLD


# rows of every layer that has weights
LEARNED = (
    Spelling("trainable", "trainable", _trainable),
    Spelling("dtype", "dtype", lambda layer: str(layer.compute_dtype)),
)


def mode(verb: str) -> Spelling:
    """Whether a layer is in training, which Keras is told by the call and the layer does not know."""
    return Spelling(
        "mode", "", lambda _: "as it is called", says=lambda _: f"{verb} only where it is called with training=True",
        line={"training": "", "inference": "call it with training=False"}.__getitem__, remark=True,
    )  # fmt: skip
