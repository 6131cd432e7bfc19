"""What objects of Keras 3 and `tf_keras` are, by the names of their classes."""

from __future__ import annotations

from typing import Any

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
