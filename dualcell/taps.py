"""`tap`: hand out a tensor from inside a function, a `forward` or a Keras `call`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

_recorders: list[Recorder] = []  # the running side is the last; empty outside a run


class Recorder:
    """What the taps of one running side have handed out, by name, in order.

    Args:
        keep: makes of a value what is kept of it: a snapshot (`captures.capture`).
    """

    def __init__(self, keep: Callable[[Any], Any]) -> None:
        self.keep = keep
        self.values: dict[str, list[Any]] = {}
        self.traced: dict[str, str] = {}  # name -> why a call had no value to record

    def __enter__(self) -> Recorder:
        _recorders.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        _recorders.remove(self)

    def record(self, name: str, value: Any) -> None:
        """Keep the value as it is now."""
        self.values.setdefault(name, []).append(self.keep(value))


def tap(name: str, value: T) -> T:
    """Record `value` under `name` for the side that is running; return it unchanged.

    Inside a `%%dual` cell (or `dualcell.dual()`) each call adds a row; repeated calls
    under one name give `name[0]`, `name[1]`, ... Outside a run it does nothing. Inside a
    compiled graph there is no value to record; the row then says so and names `--eager`.
    A graph that was compiled before the run calls no taps, so its row is missing. A tap in
    any thread of the process counts for the side that is running.

    Args:
        name: the row's name, the same on both sides.
        value: a tensor of any framework, or a nested structure of tensors.

    Returns:
        The same object.

    Raises:
        TypeError: `name` is not a string (the arguments were probably swapped).

    Examples:
        >>> tap("hidden", [1.0, 2.0])
        [1.0, 2.0]
    """
    if not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance] - callers are seldom checked
        raise TypeError(f"tap(name, value): the name is a {type(name).__name__}, expected a string.")
    if not _recorders:
        return value
    reason = _stand_in()
    if reason:
        _recorders[-1].traced[name] = reason
    else:
        _recorders[-1].record(name, value)
    return value


tap.__dict__["autograph_info__"] = {}  # tells TensorFlow's AutoGraph to call `tap` as it is


def _stand_in() -> str:
    """Why tensors are stand-ins at this moment even if they look real; empty if they are not.

    torch.compile traces with them, and Keras builds a functional model with ones where
    its torch backend cannot do without values.
    """
    torch = sys.modules.get("torch")
    if torch is not None and torch.compiler.is_compiling():
        return "ran inside a compiled graph (torch.compile); add --eager to run it eagerly"
    keras = sys.modules.get("keras.src.backend.common.symbolic_scope")
    keras2 = sys.modules.get("tf_keras.src.engine.base_layer_utils")
    if (keras is not None and keras.in_symbolic_scope()) or (
        keras2 is not None and keras2.call_context().in_keras_graph
    ):
        return "ran only while Keras built the model; call the model on an array"
    return ""
