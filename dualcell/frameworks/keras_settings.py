"""The settings of Keras' layers, optimizers, losses and schedules, in common words: Keras 3 and `tf_keras`.

Classes are known by name, so that one table serves both and neither is imported here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from dualcell.frameworks.keras_objects import LIBRARIES
from dualcell.frameworks.keras_objects import axes as axes_of
from dualcell.frameworks.keras_objects import library as library_of
from dualcell.frameworks.keras_objects import names as names_of
from dualcell.frameworks.keras_padding import (
    average_pool_line,
    convolution_line,
    convolution_padding,
    crops,
    crops_said,
    max_pool_line,
    pooling_padding,
    said_with,
    word_for,
)
from dualcell.frameworks.keras_training_settings import TRAINING, config_value
from dualcell.frameworks.spelling import (
    ABSENT,
    Rows,
    Spelling,
    constant,
    one_or_all,
    plain,
    read_all,
    several,
    spelt,
    unwritable,
)
from dualcell.settings import Setting, Settings

_BASES = ("Layer", "Loss", "Optimizer", "BaseOptimizer", "OptimizerV2", "LearningRateSchedule")


class KerasLayers:
    """Reads layers, optimizers, losses and schedules."""

    def owns(self, value: Any) -> bool:
        """Whether this is an object of Keras that has settings, or parts that have."""
        return any(name in _BASES for name in names_of(value))

    def library(self, value: Any) -> str:
        """`keras` or `tf_keras`."""
        return library_of(value)

    def settings_of(self, value: Any) -> Settings | None:
        """The settings of one layer, optimizer, loss or schedule; None for those dualcell has no words for."""
        value = _unwrapped(value)
        if "Bidirectional" in names_of(value):
            return _bidirectional(value)
        row = _row(value)
        if row is None:
            return None
        kind, spellings = row
        settings = read_all(kind if isinstance(kind, str) else kind(value), library_of(value), value, spellings)
        return replace(settings, name=getattr(value, "name", None) or settings.name)

    def parts_of(self, value: Any) -> list[tuple[str, Any]]:
        """(path, layer) of a model's layers that do something themselves, in order of definition; each once."""
        seen: set[int] = set()
        parts = _parts("", value) if "Layer" in names_of(value) else iter([("", value)])
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
            done = read_all("", library_of(value), twin, (spelling,)).values[setting]
        except (ValueError, TypeError, AttributeError, KeyError):
            return None
        return twin if done == to else None


def _row(value: Any) -> Rows | None:
    return next((_ROWS[name] for name in names_of(value) if name in _ROWS), None)


def _unwrapped(value: Any) -> Any:
    """The layer inside `TimeDistributed`, the optimizer inside `LossScaleOptimizer`."""
    names = names_of(value)
    if "TimeDistributed" in names:
        return value.layer
    return value.inner_optimizer if "LossScaleOptimizer" in names else value


def _parts(path: str, layer: Any) -> Iterator[tuple[str, Any]]:
    names = names_of(layer)
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


def _each(name: str) -> Callable[[Any], Any]:
    """One number for each axis."""
    return lambda layer: several(getattr(layer, name), axes_of(layer))


def _built(layer: Any, variable: str, axis: int) -> Any:
    """A size of a variable of a layer that has been built; `ABSENT` before."""
    found = getattr(layer, variable, None) if getattr(layer, "built", False) else None
    return ABSENT if found is None else int(found.shape[axis])


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
        if type(activation).__module__.partition(".")[0] in LIBRARIES:  # a layer, as in Dense(3, activation=ELU())
            inner = layers.settings_of(activation)
            return ABSENT if inner is None or "function" not in inner.settings else inner.settings["function"].value
        if getattr(activation, "__module__", "").partition(".")[0] not in LIBRARIES:
            return ABSENT
        name = activation.__name__
        return _SAME_FUNCTION.get(name, name)

    return own


def _parameter(word: str, name: str) -> Callable[[Any], Any]:
    """What the function that a layer applies is set to; `ABSENT` if it has no such setting."""

    def own(layer: Any) -> Any:
        activation = getattr(layer, word, None)
        if type(activation).__module__.partition(".")[0] in LIBRARIES:
            inner = layers.settings_of(activation)
            return inner.values.get(name, ABSENT) if inner else ABSENT
        function = _function(word)(layer)
        if name == "hard sigmoid slope" and function == "hard_sigmoid" and library_of(layer) == "tf_keras":
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
    Spelling("kernel", "kernel_size", _each("kernel_size"), back=one_or_all),
    Spelling("strides", "strides", _each("strides"), back=one_or_all),
    Spelling("dilation", "dilation_rate", _each("dilation_rate"), back=one_or_all),
    _BIAS,
    constant("padding mode", "zeros", "pads with zeros"),
    *_applied(),
    _REGULARIZER,
    _DATA_FORMAT,
    *_LEARNED,
)
_PADDING = Spelling("padding", "padding", convolution_padding, back=word_for, lines=convolution_line,
                    shows=said_with(convolution_padding))  # fmt: skip
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
    Spelling("padding", "", crops, back=unwritable, shows=crops_said),
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
    Spelling("window", "pool_size", _each("pool_size"), back=one_or_all),
    Spelling("strides", "strides", _each("strides"), back=one_or_all),
    _DATA_FORMAT,
)
_POOLING_PADDING = Spelling("padding", "padding", pooling_padding, back=word_for, lines=max_pool_line,
                            shows=said_with(pooling_padding))  # fmt: skip
_MAX_POOL = (
    *_OF_POOLS,
    _POOLING_PADDING,
    Spelling("dilation", "", lambda layer: (1,) * axes_of(layer), says=lambda _: "no dilation", back=unwritable),
)
_AVERAGE_POOL = (
    *_OF_POOLS,
    replace(_POOLING_PADDING, lines=average_pool_line),
    Spelling("counts padding", "", lambda layer: ABSENT if layer.padding == "valid" else False, back=unwritable,
             says=lambda _: "divides by the elements inside"),
)  # fmt: skip
_GLOBAL = (
    Spelling("size", "", lambda layer: (1,) * axes_of(layer), says=lambda _: "over all of the axes", back=unwritable),
    Spelling("keeps axes", "keepdims", remark=True),
    _DATA_FORMAT,
)
_ADAPTIVE = (
    Spelling("size", "output_size", _each("output_size"), back=one_or_all),
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
    return "by the kind of input" if library_of(layer) == "tf_keras" else "n"


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
    return one_or_all(tuple(float(factor) for factor in several(layer.size, axes_of(layer))))


def _whole_factors(factors: Any) -> Any:
    """Keras repeats by whole numbers.

    Raises:
        ValueError: a factor is no whole number.
    """
    all_factors = factors if isinstance(factors, tuple) else (factors,)
    if not all(float(factor).is_integer() for factor in all_factors):
        unwritable(factors)
    return one_or_all(tuple(int(factor) for factor in all_factors))


_UPSAMPLING = (
    Spelling("interpolation", "interpolation", lambda layer: getattr(layer, "interpolation", "nearest")),
    constant("align corners", False, "does not align corners"),
    constant("antialias", False, "no antialiasing"),
    Spelling("scale", "size", _factors, back=_whole_factors,
             shows=lambda layer: spelt("size", one_or_all(several(layer.size, axes_of(layer))))),
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
    return (own,) if axes_of(layer) == 1 else own


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
