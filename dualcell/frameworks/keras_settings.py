"""The settings of Keras' layers, optimizers, losses and schedules, in common words: Keras 3 and `tf_keras`.

Classes are known by name, so that one table serves both and neither is imported here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from dualcell.frameworks.arguments import arguments_of, unread
from dualcell.frameworks.keras_activations import ACTIVATIONS, applied
from dualcell.frameworks.keras_norms import BATCH_NORM, GROUP_NORM, LAYER_NORM, RMS_NORM
from dualcell.frameworks.keras_objects import LEARNED, arguments, built, is_of_keras, mode
from dualcell.frameworks.keras_objects import axes as axes_of
from dualcell.frameworks.keras_objects import library as library_of
from dualcell.frameworks.keras_objects import names as names_of
from dualcell.frameworks.keras_padding import (
    average_pool_line,
    convolution_line,
    convolution_padding,
    crops,
    crops_line,
    crops_said,
    max_pool_line,
    pooling_padding,
    said_with,
    word_for,
)
from dualcell.frameworks.keras_training_settings import TRAINING, config_value
from dualcell.frameworks.spelling import (
    ABSENT,
    UNTOLD,
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
from dualcell.settings import Setting, Settings, differences

# arguments that no row has to read: they change no number, or others say what they do
_TOLD = (
    "name", "dtype", "trainable", "seed", "data_format", "weights", "return_state", "unroll", "use_cudnn",
    "implementation", "unit_forget_bias", "flash_attention", "depth_multiplier", "padding", "output_padding",
    "ema_momentum", "ema_overwrite_frequency", "loss_scale_factor", "jit_compile", "fused", "fn",
)  # fmt: skip
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
        own = next(kind for kind in type(value).__mro__ if is_of_keras(kind))
        told = [name for name in arguments_of(own) if name in _TOLD or name.endswith("_initializer")]
        more = unread(value, own, spellings, told, arguments(value))
        settings = read_all(kind if isinstance(kind, str) else kind(value), library_of(value), value, spellings, more)
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


def _regularizer(layer: Any) -> Any:
    penalty = getattr(layer, "kernel_regularizer", None)
    return None if penalty is None else type(penalty).__name__


_REGULARIZER = Spelling("regularizer", "kernel_regularizer", _regularizer, remark=True, back=unwritable)
_DATA_FORMAT = Spelling("data format", "data_format", common=lambda own: own.replace("_", " "),
                        back=lambda common: common.replace(" ", "_"), remark=True, neutral="channels last")  # fmt: skip
_BIAS = Spelling("bias", "use_bias")

# --- layers ---


def _groups(layer: Any) -> Any:
    return int(layer.groups)


def _kind_of_convolution(layer: Any) -> str:
    inputs = built(layer, "kernel", -2)
    depthwise = inputs == 1 and layer.groups > 1
    return "depthwise convolution" if depthwise else "convolution"


def _inputs(layer: Any) -> Any:
    inputs = built(layer, "kernel", -2)
    return UNTOLD if inputs is UNTOLD else inputs * layer.groups


def _steps_line(word: str) -> Callable[[Any, Any, Mapping[str, Any]], str]:
    def line(_: Any, steps: Any, wanted: Mapping[str, Any]) -> str:
        """Keras has no strides in a dilated convolution."""
        both = max(wanted["strides"]) > 1 and max(wanted["dilation"]) > 1
        return "" if both else spelt(word, one_or_all(steps))

    return line


_OF_CONVOLUTIONS = (
    Spelling("kernel", "kernel_size", _each("kernel_size"), back=one_or_all),
    Spelling("strides", "strides", _each("strides"), back=one_or_all, lines=_steps_line("strides")),
    Spelling("dilation", "dilation_rate", _each("dilation_rate"), back=one_or_all, lines=_steps_line("dilation_rate")),
    _BIAS,
    constant("padding mode", "zeros", "pads with zeros"),
    *applied(),
    _REGULARIZER,
    _DATA_FORMAT,
    *LEARNED,
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
    Spelling("inputs", "", lambda layer: built(layer, "kernel", -1), says=lambda inputs: f"{inputs} channels in",
             back=unwritable),
    constant("groups", 1, "one group"),
    *_OF_CONVOLUTIONS,
    Spelling("padding", "", crops, shows=crops_said, lines=crops_line),
)  # fmt: skip


def _depthwise(name: str) -> Callable[[Any], Any]:
    """Groups, filters and inputs of a depthwise convolution that has been built."""

    def own(layer: Any) -> Any:
        kernel = "depthwise_kernel" if hasattr(layer, "depthwise_kernel") else "kernel"
        channels, multiplier = built(layer, kernel, -2), built(layer, kernel, -1)
        if channels is UNTOLD:
            return UNTOLD
        return channels * multiplier if name == "filters" else channels

    return own


def _multiplier_line(layer: Any, filters: Any, wanted: Mapping[str, Any]) -> str:
    """So many filters of each channel.

    Raises:
        ValueError: they are not as many of each.
    """
    channels = wanted.get("inputs", _depthwise("inputs")(layer))
    return unwritable(filters) if filters % channels else f"depth_multiplier={filters // channels}"


def _known_when_built(setting: str, own: Callable[[Any], Any]) -> Spelling:
    return Spelling(setting, "", own, says=lambda size: f"{size} {setting}", back=unwritable)


_DEPTHWISE = (
    replace(_known_when_built("filters", _depthwise("filters")), lines=_multiplier_line),
    _known_when_built("inputs", _depthwise("inputs")),
    _known_when_built("groups", _depthwise("groups")),
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
    Spelling("counts padding", "", lambda layer: UNTOLD if layer.padding == "valid" else False, back=unwritable,
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


_RECURRENT = (
    Spelling("units", "units"),
    Spelling("inputs", "", lambda layer: built(layer.cell, "kernel", 0), says=lambda size: f"{size} inputs",
             back=unwritable),
    constant("layers", 1, "one layer", line="{} of these layers one after the other, return_sequences=True"),
    _BIAS,
    constant("batch first", True, "(batch, time, features)"),
    constant("bidirectional", False, "forwards only", line="keras.layers.Bidirectional(layer)"),
    constant("projection", 0, "no projection"),
    *applied(),
    Spelling("dropout", "dropout", lambda layer: ("input", float(layer.dropout)) if layer.dropout else 0.0,
             line=lambda rate: f"{f'keras.layers.Dropout({rate[1]}) between the layers, ' if rate else ''}dropout=0.0",
             shows=lambda layer: f"dropout={layer.dropout!r}" + (" on the input" if layer.dropout else "")),
    Spelling("recurrent dropout", "recurrent_dropout", lambda layer: float(layer.recurrent_dropout)),
    Spelling("returns", "return_sequences", common=lambda every: "every step" if every else "the last step",
             back=lambda returns: returns == "every step", remark=True),
    Spelling("stateful", "stateful"),
    Spelling("backwards", "go_backwards"),
    *LEARNED,
)  # fmt: skip
_GATED = (*_RECURRENT, *applied("recurrent_activation", "recurrent activation"))
_GRU = (*_GATED, Spelling("reset after", "reset_after"))


def _inside(setting: Setting, value: Any, wanted: Mapping[str, Any]) -> str:
    line = setting.write(value, wanted)
    return f"{line} in the layer inside" if line.partition("=")[0].isidentifier() else line


def _bidirectional(wrapper: Any) -> Settings | None:
    """The layer inside, that it runs both ways, and what becomes of the two results."""
    inner, backward = (layers.settings_of(layer) for layer in (wrapper.forward_layer, wrapper.backward_layer))
    if inner is None or backward is None:
        return None
    rows = {
        "bidirectional": Setting(True, "Bidirectional"),
        "merge mode": Setting(
            wrapper.merge_mode, spelt("merge_mode", wrapper.merge_mode), lambda mode, _: spelt("merge_mode", mode),
            neutral="concat",
        ),
    }  # fmt: skip
    learns = Setting(wrapper.trainable and inner.values["trainable"], spelt("trainable", wrapper.trainable),
                     lambda learns, _: spelt("trainable", learns))  # fmt: skip
    own = {name: replace(one, write=partial(_inside, one)) for name, one in inner.settings.items()}
    odd = [one.right for one in differences(inner, backward) if one.setting != "backwards"]
    unread = (*inner.unread, *(f"backward_layer with {said}" for said in odd))
    return replace(inner, name=wrapper.name, settings={**own, **rows, "trainable": learns}, unread=unread)


def _projected(name: str, axis: int) -> Callable[[Any], Any]:
    """A size of one of the projections of attention, once it is built."""
    return lambda layer: built(getattr(layer, f"_{name}_dense", None), "kernel", axis)


def _value_size(layer: Any) -> Any:
    """The size of one head of the values, where it is another than that of the keys."""
    size = config_value("value_dim")(layer)
    return None if size == config_value("key_dim")(layer) else size


def _output_size(layer: Any) -> Any:
    given = config_value("output_shape")(layer)
    return _projected("output", -1)(layer) if given is None else one_or_all(given)


_ATTENTION = (
    Spelling("heads", "num_heads", config_value("num_heads")),
    Spelling("head size", "key_dim", config_value("key_dim")),
    Spelling("value size", "value_dim", _value_size, neutral=None),
    *(
        Spelling(
            setting, "", _projected(name, 0), says=lambda size, name=name: f"{name} of size {size}", back=unwritable
        )
        for setting, name in (("inputs", "query"), ("key inputs", "key"), ("value inputs", "value"))
    ),
    Spelling("output size", "output_shape", _output_size),
    Spelling(
        "attended axes", "attention_axes", lambda layer: config_value("attention_axes")(layer) or ABSENT, neutral=(1,)
    ),
    Spelling("gate", "use_gate", config_value("use_gate"), neutral=False),
    Spelling("sliding window", "sliding_window", config_value("sliding_window"), neutral=None),
    Spelling("bias", "use_bias", config_value("use_bias")),
    Spelling("dropout", "dropout", lambda layer: float(config_value("dropout")(layer))),
    constant("batch first", True, "(batch, time, features)"),
    *LEARNED,
)
_EMBEDDING = (
    Spelling("entries", "input_dim"),
    Spelling("size", "output_dim"),
    Spelling("padding index", "mask_zero", common=lambda mask: "a mask of 0" if mask else None,
             back=lambda padding: unwritable(padding) if padding else False),
    *LEARNED,
)  # fmt: skip


def _dropout(drops: str) -> tuple[Spelling, ...]:
    return (
        Spelling("rate", "rate", lambda layer: float(layer.rate)),
        constant("drops", drops, f"drops {drops}"),
        Spelling("noise shape", "noise_shape", neutral=None),
        mode("drops"),
    )  # fmt: skip


_DENSE = (
    Spelling("units", "units"),
    Spelling("inputs", "", lambda layer: built(layer, "kernel", 0), says=lambda size: f"{size} inputs",
             back=unwritable),
    _BIAS,
    *applied(),
    _REGULARIZER,
    *LEARNED,
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


def _interpolation_word(common: str) -> str:
    """The word of Keras.

    Raises:
        ValueError: it has none.
    """
    return common if common in ("nearest", "bilinear", "bicubic") else unwritable(common)


def _cubic(layer: Any) -> Any:
    """The constant of the cubic kernel, where there is one: that of the backend."""
    if getattr(layer, "interpolation", "nearest") != "bicubic":
        return ABSENT
    backend = sys.modules[library_of(layer)].backend.backend()
    return -0.75 if backend == "torch" else -0.5


_INTERPOLATION = Spelling("interpolation", "interpolation", back=_interpolation_word)
_OF_RESIZING = (
    constant("align corners", False, "does not align corners"),
    Spelling("cubic", "", _cubic, says="cubic kernel of {}".format, back=unwritable),
    _DATA_FORMAT,
)
_UPSAMPLING = (
    *_OF_RESIZING,
    constant("antialias", False, "no antialiasing"),
    Spelling("scale", "size", _factors, back=_whole_factors,
             shows=lambda layer: spelt("size", one_or_all(several(layer.size, axes_of(layer))))),
)  # fmt: skip
_REPEATING = (*_UPSAMPLING, constant("interpolation", "nearest", "repeats elements"))
_RESIZING = (
    *_OF_RESIZING,
    _INTERPOLATION,
    Spelling("antialias", "antialias", lambda layer: bool(getattr(layer, "antialias", False))),
    Spelling("size", "height, width", lambda layer: one_or_all((layer.height, layer.width)),
             line=lambda size: "height={}, width={}".format(*several(size, 2))),
    Spelling("crops", "crop_to_aspect_ratio", neutral=False),
    Spelling("pads", "pad_to_aspect_ratio", neutral=False),
)  # fmt: skip
_FLATTEN = (
    constant("first axis", 1, "keeps the batch"),
    constant("last axis", -1, "to the last axis"),
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
    "BatchNormalization": ("batch normalization", BATCH_NORM),
    "LayerNormalization": ("layer normalization", LAYER_NORM),
    "GroupNormalization": ("group normalization", GROUP_NORM),
    "RMSNormalization": ("rms normalization", RMS_NORM),
    "LSTM": ("lstm", _GATED),
    "GRU": ("gru", _GRU),
    "SimpleRNN": ("simple rnn", _RECURRENT),
    "MultiHeadAttention": ("attention", _ATTENTION),
    "Dropout": ("dropout", _dropout("elements")),
    **_each_size("SpatialDropout{}D", "dropout", _dropout("channels")),
    "AlphaDropout": ("alpha dropout", _dropout("elements")),
    **ACTIVATIONS,
    **_each_size("MaxPooling{}D", "max pooling", _MAX_POOL),
    **_each_size("AveragePooling{}D", "average pooling", _AVERAGE_POOL),
    **_each_size("GlobalAveragePooling{}D", "adaptive average pooling", _GLOBAL),
    **_each_size("GlobalMaxPooling{}D", "adaptive max pooling", _GLOBAL),
    **_each_size("AdaptiveAveragePooling{}D", "adaptive average pooling", _ADAPTIVE),
    **_each_size("AdaptiveMaxPooling{}D", "adaptive max pooling", _ADAPTIVE),
    **_each_size("UpSampling{}D", "resize", _REPEATING),
    "UpSampling2D": ("resize", (*_UPSAMPLING, _INTERPOLATION)),
    "Resizing": ("resize", _RESIZING),
    "Flatten": ("flatten", _FLATTEN),
    **_each_size("ZeroPadding{}D", "padding", _ZERO_PADDING),
    **TRAINING,
}

layers = KerasLayers()
