"""Keras' activations in common words: functions by their names, and layers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from dualcell.frameworks.keras_objects import LEARNED, LIBRARIES, library, names
from dualcell.frameworks.spelling import ABSENT, UNTOLD, Rows, Spelling, Unread, constant, read_all, spelt, unwritable
from dualcell.settings import Settings, same

_SAME_FUNCTION = {"swish": "silu", "hard_swish": "hard_silu", "logsigmoid": "log_sigmoid"}
# what a function of keras.activations is set to
_OF_FUNCTIONS: dict[str, dict[str, Any]] = {
    "leaky_relu": {"slope": 0.2},
    "elu": {"alpha": 1.0},
    "celu": {"alpha": 1.0},
    "relu": {"slope": 0.0},
    "relu6": {"slope": 0.0},
    "gelu": {"approximate": "none"},
    "softmax": {"axis": -1},
    "log_softmax": {"axis": -1},
    "glu": {"axis": -1},
    "hard_sigmoid": {"hard sigmoid slope": 1 / 6},
    "hard_silu": {"hard sigmoid slope": 1 / 6},
    "softplus": {"beta": 1.0},
    "hard_tanh": {"lower": -1.0, "upper": 1.0},
    "soft_shrink": {"threshold": 0.5},
    "hard_shrink": {"threshold": 0.5},
}
_SET_TO_NOTHING = ("linear", "exponential", "log_sigmoid", "mish", "selu", "sigmoid", "silu", "softsign", "tanh",
                   "tanh_shrink")  # fmt: skip
_KERAS_2_SLOPE = 0.2  # of tf_keras' hard sigmoid
_PARAMETERS = tuple(dict.fromkeys(name for known in _OF_FUNCTIONS.values() for name in known))


def _function(word: str) -> Callable[[Any], Any]:
    """The name of the function that a layer applies; the user's own has none."""

    def own(layer: Any) -> Any:
        activation = getattr(layer, word, None)
        if activation is None:
            return "linear"
        name = getattr(activation, "__name__", type(activation).__name__)
        inner = _settings_of(activation)
        if inner is not None:  # a layer, as in Dense(3, activation=ELU())
            return inner.values.get("function", Unread(f"{word}={name}"))
        module = str(getattr(activation, "__module__", "")).split(".")
        known = module[0] in LIBRARIES and name[0].islower()
        approximates = name == "gelu" and "activations" not in module  # keras.ops.gelu
        return _SAME_FUNCTION.get(name, name) if known and not approximates else Unread(f"{word}={name}")

    return own


def _parameter(word: str, name: str) -> Callable[[Any], Any]:
    """What the function that a layer applies is set to; `ABSENT` if it has no such setting."""

    def own(layer: Any) -> Any:
        inner = _settings_of(getattr(layer, word, None))
        if inner is not None:
            return inner.values.get(name, ABSENT)
        function = _function(word)(layer)
        return ABSENT if isinstance(function, Unread) else _set_to(function, layer).get(name, ABSENT)

    return own


def _set_to(function: str, layer: Any) -> dict[str, Any]:
    if function == "hard_sigmoid" and library(layer) == "tf_keras":
        return {"hard sigmoid slope": _KERAS_2_SLOPE}
    return _OF_FUNCTIONS.get(function, {})


def _settings_of(layer: Any) -> Settings | None:
    """The settings of an activation layer; None for anything else."""
    name = next((name for name in names(layer) if name in ACTIVATIONS), None)
    return None if name is None else read_all("activation", library(layer), layer, ACTIVATIONS[name][1])


# --- what to write ---

# where a function is not set as Keras sets it by name
_WRITTEN = {
    "leaky_relu": "keras.layers.LeakyReLU(negative_slope={slope!r})",
    "elu": "keras.layers.ELU(alpha={alpha!r})",
    "softmax": "keras.layers.Softmax(axis={axis!r})",
    "gelu": "lambda x: keras.activations.gelu(x, approximate=True)",
    "celu": "lambda x: keras.activations.celu(x, alpha={alpha!r})",
    "log_softmax": "lambda x: keras.activations.log_softmax(x, axis={axis!r})",
    "glu": "lambda x: keras.activations.glu(x, axis={axis!r})",
    "softplus": "lambda x: keras.activations.softplus({beta!r} * x) / {beta!r}",
    "hard_tanh": "lambda x: keras.ops.clip(x, {lower!r}, {upper!r})",
    "soft_shrink": "lambda x: keras.activations.soft_shrink(x, threshold={threshold!r})",
    "hard_shrink": "lambda x: keras.activations.hard_shrink(x, threshold={threshold!r})",
}


def _written(layer: Any, setting: str, wanted: Mapping[str, Any]) -> str:
    """The other side's function, as an argument.

    Raises:
        KeyError: Keras has no such function, or the other side does not say which it is.
    """
    function, prefix = wanted[setting], "" if setting == "function" else f"{setting} "
    if function not in (*_SET_TO_NOTHING, *_OF_FUNCTIONS):
        raise KeyError(function)
    own = _set_to(function, layer)
    given = {name: wanted.get(prefix + name, value) for name, value in own.items()}
    by_name = all(same(given[name], value) for name, value in own.items())
    return repr(function) if by_name else _WRITTEN[function].format(**given)


def _instead(layer: Any, _: Any, wanted: Mapping[str, Any]) -> str:
    """The layer to use instead of one of another function."""
    written = _written(layer, "function", wanted)
    return written if written.startswith("keras.layers.") else f"keras.layers.Activation({written})"


# --- rows ---


def applied(word: str = "activation", setting: str = "activation") -> tuple[Spelling, ...]:
    """The function that a layer applies, and what that is set to, named `activation slope`; `function` and `slope`."""

    def line(layer: Any, _: Any, wanted: Mapping[str, Any]) -> str:
        return f"{word}={_written(layer, setting, wanted)}"

    def says(name: str) -> Callable[[Any], str]:
        return lambda value: f"{name} {value:.3g}" if type(value) is float else f"{name} {value}"

    prefix = "" if setting == "function" else f"{setting} "
    return (
        Spelling(setting, word, _function(word), lines=line),
        *(Spelling(prefix + name, "", _parameter(word, name), says=says(name), lines=line) for name in _PARAMETERS),
    )


def _named(function: str, kind: str, *rows: Spelling) -> Rows:
    return "activation", (replace(constant("function", function, f"keras.layers.{kind}"), lines=_instead), *rows)


def _relu_name(layer: Any) -> str:
    if layer.max_value is not None and float(layer.max_value) == 6:
        return "relu6"
    return "leaky_relu" if layer.negative_slope else "relu"


def _relu_line(layer: Any, function: Any, wanted: Mapping[str, Any]) -> str:
    words = {"relu": "max_value=None, negative_slope=0.0", "relu6": "max_value=6.0, negative_slope=0.0"}
    if function == "leaky_relu":
        return f"max_value=None, {spelt('negative_slope', wanted['slope'])}"
    return words.get(function) or _instead(layer, function, wanted)


def _upper(layer: Any) -> Any:
    """Where ReLU is cut off; where that is at 6, or nowhere, the name of the function says it."""
    return ABSENT if layer.max_value is None or _relu_name(layer) == "relu6" else float(layer.max_value)


_RELU = (
    Spelling("function", "", _relu_name, says=lambda name: name, lines=_relu_line),
    Spelling("slope", "negative_slope", lambda layer: float(layer.negative_slope)),
    Spelling("upper", "max_value", _upper, back=lambda upper: None if upper == math.inf else upper, neutral=math.inf),
    Spelling("threshold", "threshold", lambda layer: float(layer.threshold), neutral=0.0),
)


def _slope_word(layer: Any) -> str:
    return "negative_slope" if hasattr(layer, "negative_slope") else "alpha"  # of tf_keras


def _slope(layer: Any) -> float:
    return float(getattr(layer, _slope_word(layer)))


_SLOPE = Spelling("slope", "negative_slope, alpha", _slope,
                  shows=lambda layer: spelt(_slope_word(layer), _slope(layer)),
                  lines=lambda layer, slope, _: spelt(_slope_word(layer), slope))  # fmt: skip


def _slopes(layer: Any) -> Any:
    """The sizes of the axes along which PReLU's slopes differ."""
    alpha = getattr(layer, "alpha", None) if getattr(layer, "built", False) else None
    return UNTOLD if alpha is None else tuple(int(size) for size in alpha.shape if size != 1)


def _slopes_line(layer: Any, sizes: Any, _: Any) -> str:
    """PyTorch has one slope, or one for each channel."""
    last = len(layer.alpha.shape) + (not sizes)
    return "" if sizes[1:] else f"shared_axes={[*range(1, last)]}"


_SLOPES = Spelling("slopes", "shared_axes", _slopes, lines=_slopes_line,
                   shows=lambda layer: f"alpha of shape {tuple(layer.alpha.shape)}")  # fmt: skip
# axis 1 of two is the last one: the layer alone does not tell
_AXIS = Spelling("axis", "axis", back=lambda axis: unwritable(axis) if isinstance(axis, str) else axis,
                 remark=lambda axis: type(axis) is int and axis > 0)  # fmt: skip

ACTIVATIONS: dict[str, Rows] = {
    "Activation": ("activation", applied(setting="function")),
    "ReLU": ("activation", _RELU),
    "LeakyReLU": _named("leaky_relu", "LeakyReLU", _SLOPE),
    "PReLU": _named("prelu", "PReLU", _SLOPES, *LEARNED),
    "ELU": _named("elu", "ELU", Spelling("alpha", "alpha", lambda layer: float(layer.alpha))),
    "Softmax": _named("softmax", "Softmax", _AXIS),
}
