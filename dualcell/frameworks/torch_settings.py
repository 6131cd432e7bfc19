"""The settings of PyTorch's modules, optimizers, losses and schedulers, in common words."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn, optim
from torch.optim import lr_scheduler

from dualcell.frameworks.spelling import (
    ABSENT,
    Rows,
    Spelling,
    constant,
    one_or_all,
    read_all,
    several,
    spelt,
    unwritable,
)
from dualcell.frameworks.torch_objects import axes as axes_of
from dualcell.frameworks.torch_padding import (
    average_pool_line,
    convolution_line,
    convolution_padding,
    crop_line,
    crops,
    crops_said,
    max_pool_line,
    numbers_for,
    padding_said,
    pads_anything,
    pooling_padding,
    strides_of_pool,
)
from dualcell.frameworks.torch_training_settings import TRAINING
from dualcell.padding import Edges
from dualcell.settings import Settings

FRAMEWORK = "torch"


class TorchLayers:
    """Reads modules, optimizers, losses and schedulers."""

    def owns(self, value: Any) -> bool:
        """Whether this is an object of PyTorch that has settings, or parts that have."""
        return isinstance(value, nn.Module | optim.Optimizer | lr_scheduler.LRScheduler)

    def library(self, value: Any) -> str:
        """Whose it is."""
        return FRAMEWORK

    def settings_of(self, value: Any) -> Settings | None:
        """The settings of one module, optimizer, loss or scheduler; None for those dualcell has no words for."""
        value = _unwrapped(value)
        row = _ROWS.get(type(value))
        if row is None:
            row = next((known for kind, known in _ROWS.items() if isinstance(value, kind)), None)
        if row is None:
            return None
        kind, spellings = row
        return read_all(kind if isinstance(kind, str) else kind(value), FRAMEWORK, value, spellings)

    def parts_of(self, value: Any) -> list[tuple[str, Any]]:
        """(path, module) of a model's parts that do something themselves, in order of definition.

        A module that this reader has words for is one part, also if it is made of others;
        so is one that is made of none. A module used twice is there once.
        """
        return list(_parts("", value)) if isinstance(value, nn.Module) else [("", value)]

    def changed(self, value: Any, setting: str, to: Any) -> Any:
        """A copy of an object with one setting changed to a common value; None if that takes more than an attribute."""
        row = next((known for kind, known in _ROWS.items() if type(value) is kind), None)
        spelling = next((one for one in row[1] if one.setting == setting), None) if row else None
        if spelling is None:
            return None
        twin = copy.deepcopy(value)
        try:
            _set(twin, spelling, to)
            done = read_all("", FRAMEWORK, twin, (spelling,)).values[setting]
        except (ValueError, TypeError, AttributeError, KeyError):
            return None
        return twin if done == to else None


def _set(twin: Any, spelling: Spelling, to: Any) -> None:
    """Change one setting of an object in place."""
    if spelling.setting == "trainable":
        twin.requires_grad_(to)
        return
    own, old = spelling.back(to), getattr(twin, spelling.word, None)
    if isinstance(twin, optim.Optimizer):
        for group in twin.param_groups:
            group[spelling.word] = own
    elif isinstance(old, nn.Parameter):
        setattr(twin, spelling.word, None)
    else:
        setattr(twin, spelling.word, several(own, len(old)) if isinstance(old, tuple) else own)


def _unwrapped(value: Any) -> Any:
    """The module inside what `torch.compile` and `DataParallel` made of it."""
    while True:
        inner = getattr(value, "_orig_mod", None) or (value.module if isinstance(value, nn.DataParallel) else None)
        if inner is None:
            return value
        value = inner


def _parts(path: str, module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    module = _unwrapped(module)
    inner = [(name, part) for name, part in module.named_children() if not name.startswith("parametrizations")]
    if not inner or _is_known(module):
        if not isinstance(module, _CONTAINERS):
            yield path, module
        return
    for name, part in inner:
        yield from _parts(f"{path}.{name}" if path else name, part)


_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict, nn.ParameterList, nn.ParameterDict, nn.Identity)


def _is_known(module: nn.Module) -> bool:
    return isinstance(module, tuple(_ROWS))


# --- getters ---


def _has(name: str) -> Callable[[Any], Any]:
    """Whether a module has this parameter."""
    return lambda module: getattr(module, name, None) is not None


def _each(name: str) -> Callable[[Any], Any]:
    """One number for each axis."""
    return lambda module: several(getattr(module, name), axes_of(module))


def _trainable(module: Any) -> Any:
    learned = [parameter.requires_grad for parameter in module.parameters()]
    return any(learned) if learned else ABSENT


def _dtype(module: Any) -> Any:
    first = next((one for one in module.parameters() if one.is_floating_point()), None)
    return ABSENT if first is None else str(first.dtype).removeprefix("torch.")


_LEARNED = (
    Spelling("trainable", "requires_grad", _trainable, line="layer.requires_grad_({})".format),
    Spelling("dtype", "dtype", _dtype, line="layer.to(torch.{})".format, says="torch.{}".format),
)
_NO_ACTIVATION = constant("activation", "linear", "no activation in the module", line="torch.nn.functional.{} after it")
_NO_REGULARIZER = constant("regularizer", None, "no penalty in the module", remark=True, line="add {} to the loss")
_CHANNELS_FIRST = constant("data format", "channels first", "channels first", remark=True)
_BIAS = Spelling("bias", "bias", _has("bias"))


# --- convolutions ---

_OF_CONVOLUTIONS = (
    Spelling("filters", "out_channels"),
    Spelling("inputs", "in_channels"),
    Spelling("kernel", "kernel_size", back=one_or_all),
    Spelling("strides", "stride", back=one_or_all),
    Spelling("dilation", "dilation", back=one_or_all),
    Spelling("groups", "groups"),
    _BIAS,
    Spelling("padding mode", "padding_mode"),
    _NO_ACTIVATION,
    _NO_REGULARIZER,
    _CHANNELS_FIRST,
    *_LEARNED,
)


_CONVOLUTION = (
    *_OF_CONVOLUTIONS,
    Spelling("padding", "padding", convolution_padding, back=numbers_for, shows=padding_said, lines=convolution_line),
)
_TRANSPOSED = (
    *_OF_CONVOLUTIONS,
    Spelling("padding", "padding", crops, back=unwritable, shows=crops_said, line=crop_line),
)


def _kind_of_convolution(module: Any) -> str:
    depthwise = module.groups == module.in_channels and module.groups > 1
    return "depthwise convolution" if depthwise else "convolution"


# --- pooling ---

_OF_POOLS = (
    Spelling("window", "kernel_size", _each("kernel_size"), back=one_or_all),
    Spelling("strides", "stride", strides_of_pool, back=one_or_all),
    _CHANNELS_FIRST,
)
_MAX_POOL = (
    *_OF_POOLS,
    Spelling("dilation", "dilation", _each("dilation"), back=one_or_all),
    Spelling("padding", "padding", pooling_padding, back=numbers_for, shows=padding_said,
             lines=max_pool_line),
)  # fmt: skip
_AVERAGE_POOL = (
    *_OF_POOLS,
    Spelling("padding", "padding", pooling_padding, back=numbers_for, shows=padding_said,
             lines=average_pool_line),
    Spelling("counts padding", "count_include_pad",
             lambda module: module.count_include_pad if pads_anything(module) else ABSENT),
)  # fmt: skip
_ADAPTIVE = (
    Spelling("size", "output_size", _each("output_size")),
    constant("keeps axes", True, "keeps axes of size 1", remark=True, line="flatten(1) after it"),
    _CHANNELS_FIRST,
)

# --- normalisation ---


def _mode_line(module: Any, mode: str) -> str:
    """The call for a mode; Keras does not say in which it is called, and mostly that is inference."""
    lines = {"training": "train()", "inference": "eval()", "as it is called": "eval()" if module.training else ""}
    return lines[mode]


_MODE = Spelling(
    "mode", "training", lambda module: "training" if module.training else "inference",
    says=lambda mode: f"training={mode == 'training'}", lines=_mode_line, remark=True,
)  # fmt: skip
_NORMALISED = (
    Spelling("epsilon", "eps"),
    Spelling("scale", "affine", _has("weight")),
    Spelling("center", "affine", _has("bias")),
    *_LEARNED,
)
_MOMENTUM = Spelling(
    "momentum", "momentum",
    common=lambda own: "cumulative" if own is None else 1 - own,
    back=lambda common: None if common == "cumulative" else 1 - common,
)  # fmt: skip
_BATCH_NORM = (
    *_NORMALISED,
    Spelling("channels", "num_features"),
    Spelling("running statistics", "track_running_stats"),
    _MOMENTUM,
    constant("variance", "n - 1", "running variance divided by n - 1", remark=True),
    constant("axis", "axis 1", "normalises per index of axis 1", remark=True, line="permute to channels first"),
    _MODE,
)
_INSTANCE_NORM = (
    *_NORMALISED,
    Spelling("groups", "num_features", lambda module: "each channel", says=lambda _: "one group for each channel"),
    Spelling("running statistics", "track_running_stats"),
)


def _groups(module: Any) -> Any:
    return "each channel" if module.num_groups == module.num_channels else module.num_groups


_GROUP_NORM = (
    *_NORMALISED,
    Spelling("groups", "num_groups", _groups, says=lambda groups: f"num_groups={groups}"),
    constant("running statistics", False, "no running statistics"),
)


_LAYER_NORM = (
    Spelling("epsilon", "eps"),
    Spelling("axes", "normalized_shape", lambda module: tuple(module.normalized_shape), len, unwritable,
             line=lambda axes: f"normalized_shape of the last {axes} axes"),
    Spelling("scale", "elementwise_affine", _has("weight")),
    Spelling("center", "bias", _has("bias")),
    *_LEARNED,
)  # fmt: skip


def _rms_epsilon(module: Any) -> float:
    weight = getattr(module, "weight", None)
    dtype = weight.dtype if weight is not None else torch.get_default_dtype()
    return module.eps if module.eps is not None else torch.finfo(dtype).eps


_RMS_NORM = (
    Spelling("epsilon", "eps", _rms_epsilon),
    Spelling("axes", "normalized_shape", lambda module: tuple(module.normalized_shape), len, unwritable,
             line=lambda axes: f"normalized_shape of the last {axes} axes"),
    *_LEARNED,
)  # fmt: skip

# --- recurrent layers, attention, embeddings, dropout ---


def _drops(module: Any) -> bool:
    """Dropout lies between layers: one layer alone has none."""
    return module.dropout > 0 and module.num_layers > 1


_RECURRENT = (
    Spelling("units", "hidden_size"),
    Spelling("inputs", "input_size"),
    Spelling("layers", "num_layers"),
    _BIAS,
    Spelling("bias", "bias", lambda module: bool(module.bias)),
    Spelling("batch first", "batch_first"),
    Spelling("bidirectional", "bidirectional"),
    Spelling("projection", "proj_size", lambda module: getattr(module, "proj_size", 0)),
    Spelling("dropout", "dropout", shows=lambda module: f"dropout={float(module.dropout)!r} between layers",
             own=lambda module: ("between layers", float(module.dropout)) if _drops(module) else 0.0),
    constant("recurrent dropout", 0.0, "none on the state"),
    constant("returns", "every step", "returns every step", remark=True, line="output[:, -1]"),
    constant("stateful", False, "starts at zero unless a state is passed"),
    constant("backwards", False, "forwards", line="x.flip(1) before it"),
    *_LEARNED,
)  # fmt: skip
_GATED = (*_RECURRENT, constant("activation", "tanh", "tanh"), constant("recurrent activation", "sigmoid", "sigmoid"))
_GRU = (*_GATED, constant("reset after", True, "resets after the matrix product"))
_RNN = (*_RECURRENT, Spelling("activation", "nonlinearity"))

_ATTENTION = (
    Spelling("heads", "num_heads"),
    Spelling("head size", "embed_dim", lambda module: module.embed_dim // module.num_heads,
             says=lambda size: f"embed_dim / num_heads = {size}", line="embed_dim={} * num_heads".format),
    Spelling("bias", "bias", lambda module: module.in_proj_bias is not None),
    Spelling("dropout", "dropout", lambda module: float(module.dropout)),
    Spelling("batch first", "batch_first"),
    *_LEARNED,
)  # fmt: skip
_EMBEDDING = (
    Spelling("entries", "num_embeddings"),
    Spelling("size", "embedding_dim"),
    Spelling("padding index", "padding_idx", lambda module: module.padding_idx,
             lambda index: None if index is None else f"row {index} stays zero",
             line=lambda index: "padding_idx=None" if index is None else "a mask made by hand"),
    *_LEARNED,
)  # fmt: skip


def _dropout(drops: str) -> tuple[Spelling, ...]:
    return (
        Spelling("rate", "p"),
        constant("drops", drops, f"drops {drops}"),
        _MODE,
    )


_LINEAR = (
    Spelling("units", "out_features"),
    Spelling("inputs", "in_features"),
    _BIAS,
    _NO_ACTIVATION,
    _NO_REGULARIZER,
    *_LEARNED,
)

# --- activations ---


def _activation(name: str, *rows: Spelling) -> tuple[Spelling, ...]:
    return (constant("function", name, f"torch.nn.functional.{name}"), *rows)


def _clean(axis: Any) -> Any:
    """The axis; PyTorch takes the first or the second if it is told none."""
    return "by the number of axes" if axis is None else axis


# axis 1 of two is the last one: the module alone does not tell
_SOFTMAX_AXIS = Spelling("axis", "dim", common=_clean, remark=lambda dim: dim is not None and dim > 0)

_ACTIVATIONS: dict[type, tuple[Spelling, ...]] = {
    nn.ReLU: _activation("relu", constant("slope", 0.0, "slope 0")),
    nn.ReLU6: _activation("relu6", constant("slope", 0.0, "slope 0")),
    nn.LeakyReLU: _activation("leaky_relu", Spelling("slope", "negative_slope")),
    nn.PReLU: _activation("prelu", Spelling("slopes", "num_parameters"), *_LEARNED),
    nn.ELU: _activation("elu", Spelling("alpha", "alpha")),
    nn.CELU: _activation("celu", Spelling("alpha", "alpha")),
    nn.SELU: _activation("selu"),
    nn.GELU: _activation("gelu", Spelling("approximate", "approximate")),
    nn.SiLU: _activation("silu"),
    nn.Mish: _activation("mish"),
    nn.Sigmoid: _activation("sigmoid"),
    nn.LogSigmoid: _activation("log_sigmoid"),
    nn.Hardsigmoid: _activation("hard_sigmoid", constant("hard sigmoid slope", 1 / 6, "slope 1/6")),
    nn.Hardswish: _activation("hard_silu", constant("hard sigmoid slope", 1 / 6, "slope 1/6")),
    nn.Hardtanh: _activation("hard_tanh", Spelling("lower", "min_val"), Spelling("upper", "max_val")),
    nn.Tanh: _activation("tanh"),
    nn.Softplus: _activation("softplus", Spelling("beta", "beta")),
    nn.Softsign: _activation("softsign"),
    nn.Softshrink: _activation("soft_shrink", Spelling("threshold", "lambd")),
    nn.Hardshrink: _activation("hard_shrink", Spelling("threshold", "lambd")),
    nn.Tanhshrink: _activation("tanh_shrink"),
    nn.Threshold: _activation("threshold", Spelling("threshold", "threshold")),
    nn.GLU: _activation("glu", Spelling("axis", "dim")),
    nn.Softmax2d: _activation("softmax", constant("axis", 1, "over axis 1", remark=True)),
    nn.Softmax: _activation("softmax", _SOFTMAX_AXIS),
    nn.LogSoftmax: _activation("log_softmax", _SOFTMAX_AXIS),
}

# --- resizing, padding, flattening ---


def _interpolation(module: Any) -> Any:
    """PyTorch's nearest is Keras' for whole scales; for others it is a rule of its own."""
    if module.mode != "nearest":
        return "nearest" if module.mode == "nearest-exact" else _MODES.get(module.mode, module.mode)
    factors = several(module.scale_factor, 1) if module.scale_factor is not None else (0.5,)
    return "nearest" if all(float(factor).is_integer() for factor in factors) else "nearest, rounded down"


_MODES = {"linear": "bilinear", "trilinear": "bilinear"}


def _scale(module: Any) -> Any:
    if module.scale_factor is None:
        return ABSENT
    return one_or_all(tuple(float(factor) for factor in several(module.scale_factor, 1)))


_RESIZE = (
    Spelling("interpolation", "mode", _interpolation, says=lambda mode: f"mode of {mode!r}",
             line=lambda mode: spelt("mode", {"nearest": "nearest-exact"}.get(mode, mode))),
    Spelling("align corners", "align_corners", lambda module: bool(module.align_corners)),
    constant("antialias", False, "no antialiasing",
             line="torch.nn.functional.interpolate(x, ..., antialias={})"),
    Spelling("scale", "scale_factor", _scale),
    Spelling("size", "size", lambda module: ABSENT if module.size is None else several(module.size, 1), one_or_all),
)  # fmt: skip


def _edges(module: Any) -> Edges:
    """Before and after each axis, the first axis first; PyTorch lists the last one first."""
    flat = several(module.padding, 2 * axes_of(module))
    return tuple(zip(flat[::2], flat[1::2], strict=True))[::-1]


def _edge_line(pads: Any) -> str:
    return spelt("padding", tuple(number for pair in reversed(pads) for number in pair))


def _pad_layer(mode: str) -> tuple[Spelling, ...]:
    return (
        Spelling("padding", "padding", _edges, back=unwritable, line=_edge_line),
        constant("padding mode", mode, f"pads with {mode}"),
    )


_FLATTEN = (
    Spelling("first axis", "start_dim"),
    constant("channel order", "as it lies", "in the order in which the axes lie", line="permute(0, 2, 3, 1) before it"),
)

# --- every class and its rows ---

_ROWS: dict[type, Rows] = {
    nn.Linear: ("dense", _LINEAR),
    **dict.fromkeys((nn.Conv1d, nn.Conv2d, nn.Conv3d), (_kind_of_convolution, _CONVOLUTION)),
    **dict.fromkeys(
        (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d), ("transposed convolution", _TRANSPOSED)
    ),
    nn.Embedding: ("embedding", _EMBEDDING),
    **dict.fromkeys(
        (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm), ("batch normalization", _BATCH_NORM)
    ),
    **dict.fromkeys((nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d), ("group normalization", _INSTANCE_NORM)),
    nn.LayerNorm: ("layer normalization", _LAYER_NORM),
    nn.GroupNorm: ("group normalization", _GROUP_NORM),
    nn.RMSNorm: ("rms normalization", _RMS_NORM),
    nn.LSTM: ("lstm", _GATED),
    nn.GRU: ("gru", _GRU),
    nn.RNN: ("simple rnn", _RNN),
    nn.MultiheadAttention: ("attention", _ATTENTION),
    nn.Dropout: ("dropout", _dropout("elements")),
    **{kind: ("dropout", _dropout("channels")) for kind in (nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)},
    nn.AlphaDropout: ("alpha dropout", _dropout("elements")),
    **{kind: ("activation", rows) for kind, rows in _ACTIVATIONS.items()},
    **dict.fromkeys((nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d), ("max pooling", _MAX_POOL)),
    **dict.fromkeys((nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d), ("average pooling", _AVERAGE_POOL)),
    **dict.fromkeys(
        (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d), ("adaptive average pooling", _ADAPTIVE)
    ),
    **dict.fromkeys(
        (nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d), ("adaptive max pooling", _ADAPTIVE)
    ),
    nn.Upsample: ("resize", _RESIZE),
    nn.Flatten: ("flatten", _FLATTEN),
    **{kind: ("padding", _pad_layer("zeros")) for kind in (nn.ZeroPad1d, nn.ZeroPad2d, nn.ZeroPad3d)},
    **{
        kind: ("padding", _pad_layer("reflect"))
        for kind in (nn.ReflectionPad1d, nn.ReflectionPad2d, nn.ReflectionPad3d)
    },
    **{
        kind: ("padding", _pad_layer("replicate"))
        for kind in (nn.ReplicationPad1d, nn.ReplicationPad2d, nn.ReplicationPad3d)
    },
    **{kind: ("padding", _pad_layer("circular")) for kind in (nn.CircularPad1d, nn.CircularPad2d, nn.CircularPad3d)},
    **TRAINING,
}

layers = TorchLayers()
