"""The settings of PyTorch's modules, optimizers, losses and schedulers, in common words."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from torch import nn, optim
from torch.optim import lr_scheduler

from dualcell.frameworks.arguments import unread
from dualcell.frameworks.spelling import (
    ABSENT,
    UNTOLD,
    Rows,
    Spelling,
    constant,
    one_or_all,
    read_all,
    several,
    spelt,
    unwritable,
)
from dualcell.frameworks.torch_activations import ACTIVATIONS, written
from dualcell.frameworks.torch_norms import BATCH_NORM, GROUP_NORM, INSTANCE_NORM, LAYER_NORM, RMS_NORM
from dualcell.frameworks.torch_objects import LEARNED, MODE
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


# arguments that no row has to read: they change no number, or others say what they do
_TOLD = (
    "device", "dtype", "inplace", "size_average", "reduce", "process_group", "ceil_mode", "mode",
    "output_padding", "min_value", "max_value", "_weight", "_freeze", "sparse", "init", "params",
    "betas", "foreach", "fused", "capturable", "differentiable", "optimizer", "last_epoch",
)  # fmt: skip


def _argument(value: Any, name: str) -> Any:
    """What an object was made with; `ABSENT` if it does not keep it."""
    return value.defaults.get(name, ABSENT) if isinstance(value, optim.Optimizer) else getattr(value, name, ABSENT)


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
        more = unread(value, type(value), spellings, _TOLD, _argument)
        return read_all(kind if isinstance(kind, str) else kind(value), FRAMEWORK, value, spellings, more)

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


_NO_ACTIVATION = replace(
    constant("activation", "linear", "no activation in the module"),
    lines=lambda _, function, wanted: f"{written(function, wanted, 'activation ')} after it",
)
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
    *LEARNED,
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
             lambda module: module.count_include_pad if pads_anything(module) else UNTOLD),
    Spelling("divisor", "divisor_override", neutral=None),
)  # fmt: skip
_ADAPTIVE = (
    Spelling("size", "output_size", _each("output_size")),
    constant("keeps axes", True, "keeps axes of size 1", remark=True, line="flatten(1) after it"),
    _CHANNELS_FIRST,
)

# --- recurrent layers, attention, embeddings, dropout ---


def _drops(module: Any) -> bool:
    """Dropout lies between layers: one layer alone has none."""
    return module.dropout > 0 and module.num_layers > 1


def _dropout_line(module: Any, rate: Any, _: Any) -> str:
    """Keras drops what comes in."""
    rest = ["dropout=0.0"] if _drops(module) else []
    return ", ".join([f"torch.nn.Dropout({rate[1]}) before it", *rest] if rate else rest)


# `merge_mode` of Keras -> what makes it of `output`
_MERGED = {
    "sum": "output.unflatten(-1, (2, -1)).sum(-2)",
    "ave": "output.unflatten(-1, (2, -1)).mean(-2)",
    "mul": "output.unflatten(-1, (2, -1)).prod(-2)",
    None: "output.chunk(2, -1)",
}
_RECURRENT = (
    Spelling("units", "hidden_size"),
    Spelling("inputs", "input_size"),
    Spelling("layers", "num_layers"),
    _BIAS,
    Spelling("bias", "bias", lambda module: bool(module.bias)),
    Spelling("batch first", "batch_first"),
    Spelling("bidirectional", "bidirectional"),
    Spelling("merge mode", "", lambda module: "concat" if module.bidirectional else ABSENT,
             says=lambda _: "concatenates both directions", line=_MERGED.__getitem__, neutral="concat"),
    Spelling("projection", "proj_size", lambda module: getattr(module, "proj_size", 0)),
    Spelling("dropout", "dropout", lambda module: ("between layers", float(module.dropout)) if _drops(module) else 0.0,
             shows=lambda module: f"dropout={float(module.dropout)!r} between layers", lines=_dropout_line),
    constant("recurrent dropout", 0.0, "none on the state"),
    constant("returns", "every step", "returns every step", remark=True, line="output[:, -1]"),
    constant("stateful", False, "starts at zero unless a state is passed"),
    constant("backwards", False, "forwards", line="x.flip(1) before it"),
    *LEARNED,
)  # fmt: skip
_GATED = (*_RECURRENT, constant("activation", "tanh", "tanh"), constant("recurrent activation", "sigmoid", "sigmoid"))
_GRU = (*_GATED, constant("reset after", True, "resets after the matrix product"))
_RNN = (
    *_RECURRENT,
    Spelling("activation", "nonlinearity", back=lambda name: name if name in ("tanh", "relu") else unwritable(name)),
    Spelling("activation slope", "", lambda module: 0.0 if module.nonlinearity == "relu" else ABSENT,
             says=lambda _: "slope 0", back=unwritable),
)  # fmt: skip


def _head_size(module: Any) -> int:
    return module.embed_dim // module.num_heads


def _heads_line(module: Any, _: Any, wanted: Mapping[str, Any]) -> str:
    """PyTorch shares the size of its input out among the heads."""
    heads, size = wanted.get("heads", module.num_heads), wanted.get("head size", _head_size(module))
    fits = wanted.get("inputs", heads * size) == heads * size
    return f"embed_dim={heads * size}, num_heads={heads}" if fits else ""


_ATTENTION = (
    Spelling("heads", "num_heads", lines=_heads_line),
    Spelling("head size", "embed_dim", _head_size, says=lambda size: f"embed_dim / num_heads = {size}",
             lines=_heads_line),
    Spelling("inputs", "embed_dim", lines=_heads_line),
    Spelling("key inputs", "kdim"),
    Spelling("value inputs", "vdim"),
    Spelling("output size", "embed_dim", lines=_heads_line),
    Spelling("bias", "bias", lambda module: module.in_proj_bias is not None),
    Spelling("learned key and value", "add_bias_kv", _has("bias_k"), neutral=False),
    Spelling("key of zeros", "add_zero_attn", neutral=False),
    Spelling("dropout", "dropout", lambda module: float(module.dropout)),
    Spelling("batch first", "batch_first"),
    *LEARNED,
)  # fmt: skip


def _longest(module: Any) -> Any:
    """The longest that an entry of an embedding may be, and by which norm."""
    return None if module.max_norm is None else (module.max_norm, module.norm_type)


def _longest_said(longest: Any) -> str:
    return "max_norm=None" if longest is None else f"max_norm={longest[0]}, norm_type={longest[1]}"


_EMBEDDING = (
    Spelling("entries", "num_embeddings"),
    Spelling("size", "embedding_dim"),
    Spelling("padding index", "padding_idx", lambda module: module.padding_idx,
             lambda index: None if index is None else f"row {index} stays zero",
             line=lambda index: "padding_idx=None" if index is None else "a mask of x != 0, made by hand"),
    Spelling("longest entry", "max_norm, norm_type", _longest, says=_longest_said, line=_longest_said, neutral=None),
    Spelling("gradient by frequency", "scale_grad_by_freq", neutral=False),
    *LEARNED,
)  # fmt: skip


def _dropout(drops: str) -> tuple[Spelling, ...]:
    return (
        Spelling("rate", "p"),
        constant("drops", drops, f"drops {drops}"),
        MODE,
    )


_LINEAR = (
    Spelling("units", "out_features"),
    Spelling("inputs", "in_features"),
    _BIAS,
    _NO_ACTIVATION,
    _NO_REGULARIZER,
    *LEARNED,
)

# --- resizing, padding, flattening ---


def _interpolation(module: Any) -> Any:
    """PyTorch's nearest is Keras' for whole scales; for others it is a rule of its own."""
    if module.mode != "nearest":
        return "nearest" if module.mode == "nearest-exact" else _MODES.get(module.mode, module.mode)
    factors = several(module.scale_factor, 1) if module.scale_factor is not None else (0.5,)
    return "nearest" if all(float(factor).is_integer() for factor in factors) else "nearest, rounded down"


_MODES = {"linear": "bilinear", "trilinear": "bilinear"}
_WRITTEN = {"nearest": "nearest-exact", "nearest, rounded down": "nearest", "bilinear": "bilinear",
            "bicubic": "bicubic", "area": "area"}  # fmt: skip


def _scale(module: Any) -> Any:
    if module.scale_factor is None:
        return ABSENT
    return one_or_all(tuple(float(factor) for factor in several(module.scale_factor, 1)))


def _resized(module: Any, antialias: bool) -> str:
    """The function that does what the module cannot."""
    given = [spelt(word, getattr(module, word)) for word in ("size", "scale_factor") if getattr(module, word)]
    return f"torch.nn.functional.interpolate(x, {given[0]}, {spelt('mode', module.mode)}, antialias={antialias})"


def _cubic_line(module: Any, cubic: Any, _: Any) -> str:
    """With antialiasing PyTorch has Keras' kernel, and does nothing else while it enlarges.

    Raises:
        ValueError: it may make smaller.
    """
    grows = module.scale_factor is not None and min(several(module.scale_factor, 1)) >= 1
    return _resized(module, antialias=True) if grows and cubic == -0.5 else unwritable(cubic)


_RESIZE = (
    Spelling("interpolation", "mode", _interpolation, shows=lambda module: spelt("mode", module.mode),
             line=lambda mode: spelt("mode", _WRITTEN[mode])),
    Spelling("align corners", "align_corners", lambda module: bool(module.align_corners)),
    replace(constant("antialias", False, "no antialiasing"),
            lines=lambda module, antialias, _: _resized(module, antialias)),
    Spelling("cubic", "", lambda module: -0.75 if module.mode == "bicubic" else ABSENT,
             says="cubic kernel of {}".format, lines=_cubic_line),
    Spelling("scale", "scale_factor", _scale),
    Spelling("size", "size", lambda module: ABSENT if module.size is None else one_or_all(several(module.size, 1))),
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
    Spelling("last axis", "end_dim", remark=lambda axis: axis > 0),
    constant(
        "channel order", "as it lies", "in the order in which the axes lie", line="x.permute(0, 2, 3, 1) before it"
    ),
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
        (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm), ("batch normalization", BATCH_NORM)
    ),
    **dict.fromkeys((nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d), ("group normalization", INSTANCE_NORM)),
    nn.LayerNorm: ("layer normalization", LAYER_NORM),
    nn.GroupNorm: ("group normalization", GROUP_NORM),
    nn.RMSNorm: ("rms normalization", RMS_NORM),
    nn.LSTM: ("lstm", _GATED),
    nn.GRU: ("gru", _GRU),
    nn.RNN: ("simple rnn", _RNN),
    nn.MultiheadAttention: ("attention", _ATTENTION),
    nn.Dropout: ("dropout", _dropout("elements")),
    **{kind: ("dropout", _dropout("channels")) for kind in (nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)},
    nn.AlphaDropout: ("alpha dropout", _dropout("elements")),
    **ACTIVATIONS,
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
