"""The settings of Keras' layers, optimizers, losses and schedules, in common words: Keras 3 and `tf_keras`.

Classes are known by name, so that one table serves both and neither is imported here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from dualcell.frameworks.keras_training_settings import TRAINING, config_value
from dualcell.frameworks.spelling import (
    ABSENT,
    Rows,
    Spelling,
    constant,
    even,
    extent,
    plain,
    read_all,
    several,
    spelt,
    unwritable,
)
from dualcell.padding import Edges, Padding
from dualcell.settings import Setting, Settings

_LIBRARIES = ("keras", "tf_keras")
_BASES = ("Layer", "Loss", "Optimizer", "BaseOptimizer", "OptimizerV2", "LearningRateSchedule")


class KerasLayers:
    """Reads layers, optimizers, losses and schedules."""

    def owns(self, value: Any) -> bool:
        """Whether this is an object of Keras that has settings, or parts that have."""
        return any(name in _BASES for name in _names(value))

    def library(self, value: Any) -> str:
        """`keras` or `tf_keras`."""
        return _library(value)

    def settings_of(self, value: Any) -> Settings | None:
        """The settings of one layer, optimizer, loss or schedule; None for those dualcell has no words for."""
        value = _unwrapped(value)
        if "Bidirectional" in _names(value):
            return _bidirectional(value)
        row = _row(value)
        if row is None:
            return None
        kind, spellings = row
        settings = read_all(kind if isinstance(kind, str) else kind(value), _library(value), value, spellings)
        return replace(settings, name=getattr(value, "name", None) or settings.name)

    def parts_of(self, value: Any) -> list[tuple[str, Any]]:
        """(path, layer) of a model's layers that do something themselves, in order of definition; each once."""
        seen: set[int] = set()
        parts = _parts("", value) if "Layer" in _names(value) else iter([("", value)])
        return [(path, part) for path, part in parts if not (id(part) in seen or seen.add(id(part)))]

    def changed(self, value: Any, setting: str, to: Any) -> Any:
        """A new object of the same config but for one setting; None if no keyword of its config changes it."""
        row = _row(value)
        spelling = next((one for one in row[1] if one.setting == setting), None) if row else None
        config = value.get_config()
        if spelling is None or spelling.word not in config:
            return None
        try:
            config[spelling.word] = spelling.back(to)
            twin = type(value).from_config(config)
            done = read_all("", _library(value), twin, (spelling,)).values[setting]
        except (ValueError, TypeError, AttributeError, KeyError):
            return None
        return twin if done == to else None


def _names(value: Any) -> list[str]:
    """The names of Keras' own classes that an object is of, the nearest first."""
    return [kind.__name__ for kind in type(value).__mro__ if kind.__module__.partition(".")[0] in _LIBRARIES]


def _library(value: Any) -> str:
    modules = (kind.__module__.partition(".")[0] for kind in type(value).__mro__)
    return next(module for module in modules if module in _LIBRARIES)


def _row(value: Any) -> Rows | None:
    return next((_ROWS[name] for name in _names(value) if name in _ROWS), None)


def _unwrapped(value: Any) -> Any:
    """The layer inside `TimeDistributed`, the optimizer inside `LossScaleOptimizer`."""
    names = _names(value)
    if "TimeDistributed" in names:
        return value.layer
    return value.inner_optimizer if "LossScaleOptimizer" in names else value


def _parts(path: str, layer: Any) -> Iterator[tuple[str, Any]]:
    names = _names(layer)
    if "InputLayer" in names or "Identity" in names:
        return
    inner = [] if _row(_unwrapped(layer)) is not None or "Bidirectional" in names else _inner(layer)
    if not inner:
        if "Model" not in names:
            yield path, layer
        return
    for part in inner:
        yield from _parts(f"{path}.{part.name}" if path else part.name, part)


def _inner(layer: Any) -> list[Any]:
    """The layers in a model, or in a layer that is made of others."""
    own = getattr(layer, "layers", None)
    if isinstance(own, list | tuple):
        return list(own)
    return list(layer._flatten_layers(False, False))  # noqa: SLF001 (neither Keras has another way)


# --- getters ---


def _axes(layer: Any) -> int:
    """1, 2 or 3, by the name of the class."""
    name = next((name for name in _names(layer) if name in _ROWS), "")
    return next((int(digit) for digit in name if digit in "123"), 0)


def _each(name: str) -> Callable[[Any], Any]:
    """One number for each axis."""
    return lambda layer: several(getattr(layer, name), _axes(layer))


def _built(layer: Any, variable: str, axis: int) -> Any:
    """A size of a variable of a layer that has been built; `ABSENT` before."""
    found = getattr(layer, variable, None) if getattr(layer, "built", False) else None
    return ABSENT if found is None else int(found.shape[axis])


def _one_or_all(value: Any) -> Any:
    """`2` for `(2, 2)`."""
    return value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value


def _trainable(layer: Any) -> Any:
    return bool(layer.trainable) if layer.weights or not getattr(layer, "built", False) else ABSENT


_LEARNED = (
    Spelling("trainable", "trainable", _trainable),
    Spelling("dtype", "dtype", lambda layer: str(layer.compute_dtype)),
)


def _regularizer(layer: Any) -> Any:
    penalty = getattr(layer, "kernel_regularizer", None)
    return None if penalty is None else type(penalty).__name__


_REGULARIZER = Spelling("regularizer", "kernel_regularizer", _regularizer, remark=True, back=unwritable)
_DATA_FORMAT = Spelling("data format", "data_format", common=lambda own: own.replace("_", " "),
                        back=lambda common: common.replace(" ", "_"), remark=True)  # fmt: skip
_BIAS = Spelling("bias", "use_bias")

# --- activations ---

_SAME_FUNCTION = {
    "swish": "silu", "hard_swish": "hard_silu", "hard_shrink": "hard_shrink", "logsigmoid": "log_sigmoid",
    "leaky_relu": "leaky_relu",
}  # fmt: skip
# what a function of keras.activations is set to
_OF_FUNCTIONS: dict[str, dict[str, Any]] = {
    "leaky_relu": {"slope": 0.2},
    "elu": {"alpha": 1.0},
    "celu": {"alpha": 1.0},
    "relu": {"slope": 0.0},
    "gelu": {"approximate": "none"},
    "softmax": {"axis": -1},
    "log_softmax": {"axis": -1},
    "hard_sigmoid": {"hard sigmoid slope": 1 / 6},
    "hard_silu": {"hard sigmoid slope": 1 / 6},
}
_KERAS_2_SLOPE = 0.2  # of tf_keras' hard sigmoid


def _function(word: str) -> Callable[[Any], Any]:
    """The name of the function that a layer applies; `ABSENT` if it is the user's own."""

    def own(layer: Any) -> Any:
        activation = getattr(layer, word, None)
        if activation is None:
            return "linear"
        if type(activation).__module__.partition(".")[0] in _LIBRARIES:  # a layer, as in Dense(3, activation=ELU())
            inner = layers.settings_of(activation)
            return ABSENT if inner is None or "function" not in inner.settings else inner.settings["function"].value
        if getattr(activation, "__module__", "").partition(".")[0] not in _LIBRARIES:
            return ABSENT
        name = activation.__name__
        return _SAME_FUNCTION.get(name, name)

    return own


def _parameter(word: str, name: str) -> Callable[[Any], Any]:
    """What the function that a layer applies is set to; `ABSENT` if it has no such setting."""

    def own(layer: Any) -> Any:
        activation = getattr(layer, word, None)
        if type(activation).__module__.partition(".")[0] in _LIBRARIES:
            inner = layers.settings_of(activation)
            return inner.values.get(name, ABSENT) if inner else ABSENT
        function = _function(word)(layer)
        if name == "hard sigmoid slope" and function == "hard_sigmoid" and _library(layer) == "tf_keras":
            return _KERAS_2_SLOPE
        return _OF_FUNCTIONS.get(function, {}).get(name, ABSENT)

    return own


_PARAMETERS = ("slope", "alpha", "approximate", "axis", "hard sigmoid slope")


def _applied(word: str = "activation", setting: str = "activation") -> tuple[Spelling, ...]:
    """The function that a layer applies, and what that is set to."""
    return (
        Spelling(setting, word, _function(word)),
        *(
            Spelling(f"{setting} {name}", "", _parameter(word, name), back=unwritable,
                     says=lambda value, name=name: f"{name} {value:.3g}" if type(value) is float else f"{name} {value}")
            for name in _PARAMETERS
        ),
    )  # fmt: skip


def _activation_layer() -> tuple[Spelling, ...]:
    """`Activation("relu")`: the names without the word before them."""
    return tuple(
        replace(row, setting="function" if row.setting == "activation" else row.setting.removeprefix("activation "))
        for row in _applied()
    )


def _named(function: str, *rows: Spelling) -> tuple[Spelling, ...]:
    return (constant("function", function, f"keras.layers.{function}"), *rows)


def _relu_name(layer: Any) -> str:
    if layer.max_value is not None and float(layer.max_value) == 6:
        return "relu6"
    return "leaky_relu" if layer.negative_slope else "relu"


_RELU = (
    Spelling("function", "", _relu_name, says=lambda name: name, back=unwritable),
    Spelling("slope", "negative_slope", lambda layer: float(layer.negative_slope)),
)
# axis 1 of two is the last one: the layer alone does not tell
_SOFTMAX_AXIS = Spelling("axis", "axis", remark=lambda axis: type(axis) is int and axis > 0)
_SLOPE = Spelling(
    "slope", "negative_slope",
    lambda layer: float(layer.negative_slope if hasattr(layer, "negative_slope") else layer.alpha),
)  # fmt: skip

# --- padding ---


def _sizes(layer: Any) -> tuple[int | None, ...] | None:
    """The lengths of the input along the axes that are padded, as the layer was built; None if it was not."""
    shape = getattr(layer, "_build_input_shape", None)  # tf_keras
    if shape is None:
        shapes = getattr(layer, "_build_shapes_dict", None) or {}
        shape = shapes.get("input_shape") or (next(iter(shapes.values())) if len(shapes) == 1 else None)
    try:
        sizes = tuple(shape)[1:-1] if layer.data_format == "channels_last" else tuple(shape)[2:]  # type: ignore[arg-type]
    except TypeError:
        return None
    return sizes if len(sizes) == _axes(layer) else None


def _padding(layer: Any, windows: tuple[int, ...]) -> Padding:
    strides = several(layer.strides, _axes(layer))
    edges: dict[str, Edges | None] = {"valid": even(0, len(windows)), "same": None, "causal": ((windows[0] - 1, 0),)}
    return Padding(windows, strides, edges[layer.padding], sizes=_sizes(layer))


def _convolution_padding(layer: Any) -> Padding:
    axes = _axes(layer)
    return _padding(layer, extent(several(layer.kernel_size, axes), several(layer.dilation_rate, axes)))


def _pooling_padding(layer: Any) -> Padding:
    return _padding(layer, several(layer.pool_size, _axes(layer)))


def _said_with(padding_of: Callable[[Any], Padding]) -> Callable[[Any], str]:
    """`padding='same'`, and what that is here."""

    def said(layer: Any) -> str:
        word = spelt("padding", layer.padding)
        if layer.padding == "valid":
            return word
        edges = padding_of(layer).numbers()
        return f"{word}, which pads {'by the size of the input' if edges is None else _one_or_all(edges)}"

    return said


def _padding_line(own: Padding, wanted: Padding, before: str) -> str:
    """`padding='same'`, or else what has to come before the layer."""
    words = {"valid": own.like(even(0, len(own.windows))), "same": own.like(None)}
    for word, padding in words.items():
        if padding.agrees(wanted):
            return spelt("padding", word)
    edges = wanted.numbers()
    if edges is None:
        return ""
    sides = edges if len(edges) > 1 else next(iter(edges))
    return f"{before.format(len(edges), sides, edges)} before it, padding='valid'"


def _convolution_line(layer: Any, wanted: Any) -> str:
    return _padding_line(_convolution_padding(layer), wanted, "keras.layers.ZeroPadding{0}D({1})")


def _max_pool_line(layer: Any, wanted: Any) -> str:
    """Zeros would win over negative numbers in a maximum."""
    axes = _axes(layer)
    batch = "keras.ops.pad(x, ((0, 0), " + ", ".join(f"{{2[{axis}]}}" for axis in range(axes))
    return _padding_line(_pooling_padding(layer), wanted, batch + ", (0, 0)), constant_values=-float('inf'))")


def _average_pool_line(layer: Any, wanted: Any) -> str:
    """What Keras pads itself it does not count; zeros of another layer it does."""
    return _padding_line(_pooling_padding(layer), wanted, "keras.layers.ZeroPadding{0}D({1})")


def _word_for(padding: Padding) -> str:
    """The word of Keras for given edges.

    Raises:
        ValueError: there is none.
    """
    if padding.edges is None:
        return "same"
    return "valid" if not any(number for pair in padding.edges for number in pair) else unwritable(padding)


def _crops(layer: Any) -> tuple[tuple[int, int], ...]:
    """What a transposed convolution cuts off before and after each axis (Keras' backend_utils.py has the formula)."""
    axes = _axes(layer)
    windows = extent(several(layer.kernel_size, axes), several(layer.dilation_rate, axes))
    outer = several(layer.output_padding, axes)
    strides = several(layer.strides, axes)
    return tuple(
        _crop(window, stride, layer.padding, more) for window, stride, more in zip(windows, strides, outer, strict=True)
    )


def _crop(window: int, stride: int, padding: str, more: int | None) -> tuple[int, int]:
    if padding == "valid":
        return 0, -(max(window, stride) - window if more is None else more)
    total = stride + window - 2 if more is None else window + window % 2 - 2 + more
    left = min(total // 2 + total % 2, window - 1)
    return window - 1 - left, window - 1 - (total - left)


def _crops_said(layer: Any) -> str:
    outer = layer.output_padding
    more = "" if outer is None else f", {spelt('output_padding', _one_or_all(several(outer, 1)))}"
    return f"{spelt('padding', layer.padding)}{more}, which cuts {_one_or_all(_crops(layer))}"


# --- layers ---


def _mode(verb: str) -> Spelling:
    """Whether a layer is in training, which Keras is told by the call and the layer does not know."""
    return Spelling(
        "mode", "", lambda _: "as it is called", says=lambda _: f"{verb} only where it is called with training=True",
        line={"training": "", "inference": "call it with training=False"}.__getitem__, remark=True,
    )  # fmt: skip


def _groups(layer: Any) -> Any:
    return int(layer.groups)


def _kind_of_convolution(layer: Any) -> str:
    inputs = _built(layer, "kernel", -2)
    depthwise = inputs == 1 and layer.groups > 1
    return "depthwise convolution" if depthwise else "convolution"


def _inputs(layer: Any) -> Any:
    inputs = _built(layer, "kernel", -2)
    return ABSENT if inputs is ABSENT else inputs * layer.groups


_OF_CONVOLUTIONS = (
    Spelling("kernel", "kernel_size", _each("kernel_size"), back=_one_or_all),
    Spelling("strides", "strides", _each("strides"), back=_one_or_all),
    Spelling("dilation", "dilation_rate", _each("dilation_rate"), back=_one_or_all),
    _BIAS,
    constant("padding mode", "zeros", "pads with zeros"),
    *_applied(),
    _REGULARIZER,
    _DATA_FORMAT,
    *_LEARNED,
)
_PADDING = Spelling("padding", "padding", _convolution_padding, back=_word_for, lines=_convolution_line,
                    shows=_said_with(_convolution_padding))  # fmt: skip
_CONVOLUTION = (
    Spelling("filters", "filters"),
    Spelling("inputs", "", _inputs, says=lambda inputs: f"{inputs} channels in", back=unwritable),
    Spelling("groups", "groups", _groups),
    *_OF_CONVOLUTIONS,
    _PADDING,
)
_TRANSPOSED = (
    Spelling("filters", "filters"),
    Spelling("inputs", "", lambda layer: _built(layer, "kernel", -1), says=lambda inputs: f"{inputs} channels in",
             back=unwritable),
    constant("groups", 1, "one group"),
    *_OF_CONVOLUTIONS,
    Spelling("padding", "", _crops, back=unwritable, shows=_crops_said),
)  # fmt: skip


def _depthwise(name: str) -> Callable[[Any], Any]:
    """Groups, filters and inputs of a depthwise convolution that has been built."""

    def own(layer: Any) -> Any:
        kernel = "depthwise_kernel" if hasattr(layer, "depthwise_kernel") else "kernel"
        channels, multiplier = _built(layer, kernel, -2), _built(layer, kernel, -1)
        if channels is ABSENT:
            return ABSENT
        return channels * multiplier if name == "filters" else channels

    return own


_DEPTHWISE = (
    *(
        Spelling(name, "", _depthwise(name), says=lambda size, name=name: f"{size} {name}", back=unwritable)
        for name in ("filters", "inputs", "groups")
    ),
    *_OF_CONVOLUTIONS,
    _PADDING,
)


_OF_POOLS = (
    Spelling("window", "pool_size", _each("pool_size"), back=_one_or_all),
    Spelling("strides", "strides", _each("strides"), back=_one_or_all),
    _DATA_FORMAT,
)
_POOLING_PADDING = Spelling("padding", "padding", _pooling_padding, back=_word_for, lines=_max_pool_line,
                            shows=_said_with(_pooling_padding))  # fmt: skip
_MAX_POOL = (
    *_OF_POOLS,
    _POOLING_PADDING,
    Spelling("dilation", "", lambda layer: (1,) * _axes(layer), says=lambda _: "no dilation", back=unwritable),
)
_AVERAGE_POOL = (
    *_OF_POOLS,
    replace(_POOLING_PADDING, lines=_average_pool_line),
    Spelling("counts padding", "", lambda layer: ABSENT if layer.padding == "valid" else False, back=unwritable,
             says=lambda _: "divides by the elements inside"),
)  # fmt: skip
_GLOBAL = (
    Spelling("size", "", lambda layer: (1,) * _axes(layer), says=lambda _: "over all of the axes", back=unwritable),
    Spelling("keeps axes", "keepdims", remark=True),
    _DATA_FORMAT,
)
_ADAPTIVE = (
    Spelling("size", "output_size", _each("output_size"), back=_one_or_all),
    constant("keeps axes", True, "keeps axes of size 1", remark=True),
    _DATA_FORMAT,
)


def _axis_count(layer: Any) -> int:
    axis = layer.axis
    return len(axis) if isinstance(axis, list | tuple) else 1


_AXES = Spelling("axes", "axis", _axis_count, shows=lambda layer: spelt("axis", plain(layer.axis)),
                 back=lambda count: tuple(range(-count, 0)) if count > 1 else -1)  # fmt: skip
_EPSILON = Spelling("epsilon", "epsilon")
_NORMALISED = (
    _EPSILON,
    Spelling("scale", "scale"),
    Spelling("center", "center"),
    *_LEARNED,
)


def _normalised_axis(layer: Any) -> str:
    axis = layer.axis[0] if isinstance(layer.axis, list | tuple) else layer.axis
    return "the last axis" if axis == -1 else f"axis {axis}"


def _variance(layer: Any) -> str:
    return "by the kind of input" if _library(layer) == "tf_keras" else "n"


_BATCH_NORM = (
    *_NORMALISED,
    Spelling("momentum", "momentum", back=lambda common: unwritable(common) if common == "cumulative" else common),
    Spelling("channels", "", lambda layer: _built(layer, "moving_mean", 0), says=lambda size: f"{size} channels",
             back=unwritable),
    constant("running statistics", True, "keeps running statistics"),
    Spelling("variance", "", _variance, says=lambda by: f"running variance divided {'by n' if by == 'n' else by}",
             back=unwritable, remark=True),
    Spelling("axis", "axis", _normalised_axis, remark=True, shows=lambda layer: spelt("axis", plain(layer.axis)),
             line=lambda axis: "axis=1" if axis == "axis 1" else "axis=-1"),
    _mode("trains"),
)  # fmt: skip


def _norm_groups(layer: Any) -> Any:
    """Keras' -1 is a group for each channel."""
    size = _built(layer, "gamma", 0)
    return "each channel" if layer.groups == -1 or (size is not ABSENT and size == layer.groups) else layer.groups


_GROUP_NORM = (
    *_NORMALISED,
    Spelling("groups", "groups", _norm_groups, shows=lambda layer: f"groups={layer.groups}",
             back=lambda groups: -1 if groups == "each channel" else groups),
    constant("running statistics", False, "no running statistics"),
)  # fmt: skip

_RECURRENT = (
    Spelling("units", "units"),
    Spelling("inputs", "", lambda layer: _built(layer.cell, "kernel", 0), says=lambda size: f"{size} inputs",
             back=unwritable),
    constant("layers", 1, "one layer"),
    _BIAS,
    constant("batch first", True, "(batch, time, features)"),
    constant("bidirectional", False, "forwards only", line="keras.layers.Bidirectional"),
    constant("projection", 0, "no projection"),
    Spelling("activation", "activation", _function("activation")),
    Spelling("dropout", "dropout", lambda layer: ("input", float(layer.dropout)) if layer.dropout else 0.0,
             back=lambda rate: unwritable(rate) if rate else 0.0,
             shows=lambda layer: f"dropout={layer.dropout!r}" + (" on the input" if layer.dropout else "")),
    Spelling("recurrent dropout", "recurrent_dropout", lambda layer: float(layer.recurrent_dropout)),
    Spelling("returns", "return_sequences", common=lambda every: "every step" if every else "the last step",
             back=lambda returns: returns == "every step", remark=True),
    Spelling("stateful", "stateful"),
    Spelling("backwards", "go_backwards"),
    *_LEARNED,
)  # fmt: skip
_GATED = (*_RECURRENT, Spelling("recurrent activation", "recurrent_activation", _function("recurrent_activation")))
_GRU = (*_GATED, Spelling("reset after", "reset_after"))


def _bidirectional(wrapper: Any) -> Settings | None:
    """The layer inside, and that it runs both ways."""
    inner = layers.settings_of(wrapper.forward_layer)
    if inner is None:
        return None
    both = Setting(True, f"Bidirectional, {spelt('merge_mode', wrapper.merge_mode)}")
    return replace(inner, name=wrapper.name, settings={**inner.settings, "bidirectional": both})


_ATTENTION = (
    Spelling("heads", "num_heads", config_value("num_heads")),
    Spelling("head size", "key_dim", config_value("key_dim")),
    Spelling("bias", "use_bias", config_value("use_bias")),
    Spelling("dropout", "dropout", lambda layer: float(config_value("dropout")(layer))),
    constant("batch first", True, "(batch, time, features)"),
    *_LEARNED,
)
_EMBEDDING = (
    Spelling("entries", "input_dim"),
    Spelling("size", "output_dim"),
    Spelling("padding index", "mask_zero", common=lambda mask: "a mask of 0" if mask else None,
             back=lambda padding: padding == "a mask of 0"),
    *_LEARNED,
)  # fmt: skip


def _dropout(drops: str) -> tuple[Spelling, ...]:
    return (
        Spelling("rate", "rate", lambda layer: float(layer.rate)),
        constant("drops", drops, f"drops {drops}"),
        _mode("drops"),
    )  # fmt: skip


_DENSE = (
    Spelling("units", "units"),
    Spelling("inputs", "", lambda layer: _built(layer, "kernel", 0), says=lambda size: f"{size} inputs",
             back=unwritable),
    _BIAS,
    *_applied(),
    _REGULARIZER,
    *_LEARNED,
)  # fmt: skip


def _factors(layer: Any) -> Any:
    return _one_or_all(tuple(float(factor) for factor in several(layer.size, _axes(layer))))


def _whole_factors(factors: Any) -> Any:
    """Keras repeats by whole numbers.

    Raises:
        ValueError: a factor is no whole number.
    """
    all_factors = factors if isinstance(factors, tuple) else (factors,)
    if not all(float(factor).is_integer() for factor in all_factors):
        unwritable(factors)
    return _one_or_all(tuple(int(factor) for factor in all_factors))


_UPSAMPLING = (
    Spelling("interpolation", "interpolation", lambda layer: getattr(layer, "interpolation", "nearest")),
    constant("align corners", False, "does not align corners"),
    constant("antialias", False, "no antialiasing"),
    Spelling("scale", "size", _factors, back=_whole_factors,
             shows=lambda layer: spelt("size", _one_or_all(several(layer.size, _axes(layer))))),
    _DATA_FORMAT,
)  # fmt: skip
_RESIZING = (
    Spelling("interpolation", "interpolation"),
    constant("align corners", False, "does not align corners"),
    Spelling("antialias", "antialias", lambda layer: bool(getattr(layer, "antialias", False))),
    Spelling("size", "height, width", lambda layer: (layer.height, layer.width), back=unwritable),
    _DATA_FORMAT,
)
_FLATTEN = (
    constant("first axis", 1, "keeps the batch"),
    Spelling("channel order", "data_format",
             common=lambda own: "channels moved last" if own == "channels_first" else "as it lies",
             back=lambda order: "channels_first" if order == "channels moved last" else "channels_last"),
)  # fmt: skip


def _edges(layer: Any) -> Any:
    own = plain(layer.padding)
    return (own,) if _axes(layer) == 1 else own


_ZERO_PADDING = (
    Spelling("padding", "padding", _edges, back=lambda pads: pads[0] if len(pads) == 1 else pads),
    constant("padding mode", "zeros", "pads with zeros"),
)

# --- every class and its rows ---


def _each_size(name: str, kind: Any, rows: tuple[Spelling, ...]) -> dict[str, Rows]:
    return {name.format(axes): (kind, rows) for axes in (1, 2, 3)}


_ROWS: dict[str, Rows] = {
    "Dense": ("dense", _DENSE),
    **_each_size("Conv{}DTranspose", "transposed convolution", _TRANSPOSED),
    **_each_size("Conv{}D", _kind_of_convolution, _CONVOLUTION),
    **_each_size("DepthwiseConv{}D", "depthwise convolution", _DEPTHWISE),
    "Embedding": ("embedding", _EMBEDDING),
    "BatchNormalization": ("batch normalization", _BATCH_NORM),
    "LayerNormalization": ("layer normalization", (*_NORMALISED, _AXES)),
    "GroupNormalization": ("group normalization", _GROUP_NORM),
    "RMSNormalization": ("rms normalization", (_EPSILON, _AXES, *_LEARNED)),
    "LSTM": ("lstm", _GATED),
    "GRU": ("gru", _GRU),
    "SimpleRNN": ("simple rnn", _RECURRENT),
    "MultiHeadAttention": ("attention", _ATTENTION),
    "Dropout": ("dropout", _dropout("elements")),
    **_each_size("SpatialDropout{}D", "dropout", _dropout("channels")),
    "AlphaDropout": ("alpha dropout", _dropout("elements")),
    "Activation": ("activation", _activation_layer()),
    "ReLU": ("activation", _RELU),
    "LeakyReLU": ("activation", _named("leaky_relu", _SLOPE)),
    "PReLU": ("activation", _named("prelu", *_LEARNED)),
    "ELU": ("activation", _named("elu", Spelling("alpha", "alpha", lambda layer: float(layer.alpha)))),
    "Softmax": ("activation", _named("softmax", _SOFTMAX_AXIS)),
    **_each_size("MaxPooling{}D", "max pooling", _MAX_POOL),
    **_each_size("AveragePooling{}D", "average pooling", _AVERAGE_POOL),
    **_each_size("GlobalAveragePooling{}D", "adaptive average pooling", _GLOBAL),
    **_each_size("GlobalMaxPooling{}D", "adaptive max pooling", _GLOBAL),
    **_each_size("AdaptiveAveragePooling{}D", "adaptive average pooling", _ADAPTIVE),
    **_each_size("AdaptiveMaxPooling{}D", "adaptive max pooling", _ADAPTIVE),
    **_each_size("UpSampling{}D", "resize", _UPSAMPLING),
    "Resizing": ("resize", _RESIZING),
    "Flatten": ("flatten", _FLATTEN),
    **_each_size("ZeroPadding{}D", "padding", _ZERO_PADDING),
    **TRAINING,
}

layers = KerasLayers()
