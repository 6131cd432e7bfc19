"""The settings of PyTorch's modules, optimizers, losses and schedulers, in common words."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import torch
from torch import nn, optim
from torch.optim import lr_scheduler

from dualcell.frameworks.spelling import (
    ABSENT,
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


def _axes(module: Any) -> int:
    """1, 2 or 3, by the name of the class."""
    return next((int(digit) for digit in reversed(type(module).__name__) if digit in "123"), 0)


def _each(name: str) -> Callable[[Any], Any]:
    """One number for each axis."""
    return lambda module: several(getattr(module, name), _axes(module))


def _one_or_all(value: Any) -> Any:
    """`2` for `(2, 2)`."""
    return value[0] if len(set(value)) == 1 else value


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


# --- padding ---


def _convolution_padding(module: Any) -> Padding:
    windows = extent(module.kernel_size, module.dilation)
    if module.padding == "same":  # PyTorch takes it with a stride of one only
        return Padding(windows, tuple(module.stride), None)
    pads = several(0 if module.padding == "valid" else module.padding, len(windows))
    return Padding(windows, tuple(module.stride), tuple((pad, pad) for pad in pads))


def _even(padding: Padding) -> Any:
    """The number, or numbers, of PyTorch's padding.

    Raises:
        ValueError: PyTorch pads evenly, these edges are not even.
    """
    if padding.edges is None or any(before != after for before, after in padding.edges):
        unwritable(padding)
    return _one_or_all(tuple(before for before, _ in padding.edges or ()))


def _padding_said(module: Any) -> str:
    padding = module.padding
    said = spelt("padding", padding if isinstance(padding, str) else _one_or_all(several(padding, 1)))
    return f"{said}, ceil_mode=True" if getattr(module, "ceil_mode", False) else said


def _padding_line(own: Padding, wanted: Padding, ups: tuple[bool, ...], fill: str = "") -> str:
    """`padding=1`, or else what has to come before the layer."""
    axes = len(own.windows)
    for up, number in product(ups, range(max(own.windows))):
        if own.like(even(number, axes), up=up).agrees(wanted):
            return f"padding={number}, ceil_mode={up}" if len(ups) > 1 else f"padding={number}"
    edges = wanted.numbers()
    flat = "..." if edges is None else tuple(number for pair in reversed(edges) for number in pair)
    why = ", by the split of 'same' for the size of x" if edges is None else ""
    return f"torch.nn.functional.pad(x, {flat}{fill}) before it, padding=0{why}"


def _convolution_line(module: Any, wanted: Any) -> str:
    return _padding_line(_convolution_padding(module), wanted, (False,))


def _max_pool_line(module: Any, wanted: Any) -> str:
    return _padding_line(_pooling_padding(module), wanted, (False, True), ", value=-float('inf')")


def _average_pool_line(module: Any, wanted: Any) -> str:
    return _padding_line(_pooling_padding(module), wanted, (False, True))


def _crops(module: Any) -> tuple[tuple[int, int], ...]:
    """What a transposed convolution cuts off before and after each axis."""
    pads, outer = several(module.padding, _axes(module)), several(module.output_padding, _axes(module))
    return tuple((pad, pad - more) for pad, more in zip(pads, outer, strict=True))


def _crops_said(module: Any) -> str:
    return ", ".join(spelt(word, _one_or_all(getattr(module, word))) for word in ("padding", "output_padding"))


def _crop_line(crops: Any) -> str:
    pads = tuple(before for before, _ in crops)
    more = tuple(before - after for before, after in crops)
    if all(extra >= 0 for extra in more):
        return f"{spelt('padding', _one_or_all(pads))}, {spelt('output_padding', _one_or_all(more))}"
    return f"padding=0, and cut {crops} off before and after each axis"


_OF_CONVOLUTIONS = (
    Spelling("filters", "out_channels"),
    Spelling("inputs", "in_channels"),
    Spelling("kernel", "kernel_size", back=_one_or_all),
    Spelling("strides", "stride", back=_one_or_all),
    Spelling("dilation", "dilation", back=_one_or_all),
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
    Spelling("padding", "padding", _convolution_padding, back=_even, shows=_padding_said, lines=_convolution_line),
)
_TRANSPOSED = (
    *_OF_CONVOLUTIONS,
    Spelling("padding", "padding", _crops, back=unwritable, shows=_crops_said, line=_crop_line),
)


def _kind_of_convolution(module: Any) -> str:
    depthwise = module.groups == module.in_channels and module.groups > 1
    return "depthwise convolution" if depthwise else "convolution"


# --- pooling ---


def _pads_anything(module: Any) -> bool:
    return any(several(module.padding, _axes(module)))


def _strides_of_pool(module: Any) -> Any:
    stride = module.stride
    return several(module.kernel_size if stride is None or stride == () else stride, _axes(module))


def _pooling_padding(module: Any) -> Padding:
    axes = _axes(module)
    windows = extent(several(module.kernel_size, axes), several(getattr(module, "dilation", 1), axes))
    edges = tuple((pad, pad) for pad in several(module.padding, axes))
    return Padding(windows, _strides_of_pool(module), edges, up=module.ceil_mode)


_OF_POOLS = (
    Spelling("window", "kernel_size", _each("kernel_size"), back=_one_or_all),
    Spelling("strides", "stride", _strides_of_pool, back=_one_or_all),
    _CHANNELS_FIRST,
)
_MAX_POOL = (
    *_OF_POOLS,
    Spelling("dilation", "dilation", _each("dilation"), back=_one_or_all),
    Spelling("padding", "padding", _pooling_padding, back=_even, shows=_padding_said,
             lines=_max_pool_line),
)  # fmt: skip
_AVERAGE_POOL = (
    *_OF_POOLS,
    Spelling("padding", "padding", _pooling_padding, back=_even, shows=_padding_said,
             lines=_average_pool_line),
    Spelling("counts padding", "count_include_pad",
             lambda module: module.count_include_pad if _pads_anything(module) else ABSENT),
)  # fmt: skip
_ADAPTIVE = (
    Spelling("size", "output_size", _each("output_size")),
    constant("keeps axes", True, "keeps axes of size 1", remark=True, line="flatten(1) after it"),
    _CHANNELS_FIRST,
)

# --- normalisation ---

_MODE = Spelling(
    "mode", "training", lambda module: "training" if module.training else "inference",
    says=lambda mode: f"training={mode == 'training'}", line={"training": "train()", "inference": "eval()"}.__getitem__,
    remark=True,
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
    return _one_or_all(tuple(float(factor) for factor in several(module.scale_factor, 1)))


_RESIZE = (
    Spelling("interpolation", "mode", _interpolation, says=lambda mode: f"mode of {mode!r}",
             line=lambda mode: spelt("mode", {"nearest": "nearest-exact"}.get(mode, mode))),
    Spelling("align corners", "align_corners", lambda module: bool(module.align_corners)),
    constant("antialias", False, "no antialiasing",
             line="torch.nn.functional.interpolate(x, ..., antialias={})"),
    Spelling("scale", "scale_factor", _scale),
    Spelling("size", "size", lambda module: ABSENT if module.size is None else several(module.size, 1), _one_or_all),
)  # fmt: skip


def _edges(module: Any) -> Edges:
    """Before and after each axis, the first axis first; PyTorch lists the last one first."""
    flat = several(module.padding, 2 * _axes(module))
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

# --- losses ---


def _reduced(common: Any) -> Any:
    """How PyTorch names a reduction.

    Raises:
        ValueError: it has none like that.
    """
    return common if common in ("mean", "sum", "none") else unwritable(common)


_REDUCTION = Spelling("reduction", "reduction", back=_reduced)


def _takes(what: str, said: str, *, remark: bool = False) -> Spelling:
    return constant("takes", what, said, remark=remark, line="{} fed to it")


def _loss(*rows: Spelling) -> tuple[Spelling, ...]:
    return (_REDUCTION, *rows)


_WEIGHT = Spelling(
    "class weight", "weight", lambda module: None if module.weight is None else "given",
    says=lambda weight: "weight=None" if weight is None else "weight=..., and divided by their sum",
)  # fmt: skip
_CLASSES = (
    Spelling("ignored class", "ignore_index", lambda module: module.ignore_index,
             lambda index: None if index < 0 else index, lambda index: -100 if index is None else index),
    _WEIGHT,
    constant("class axis", "axis 1", "classes on axis 1", remark=True, line="transpose the classes to axis 1"),
)  # fmt: skip
_SIMPLE = constant("averages", "elements", "averages all elements", remark=True)

_LOSSES: dict[type, tuple[str, tuple[Spelling, ...]]] = {
    nn.CrossEntropyLoss: ("cross entropy", _loss(
        _takes("logits", "takes logits"), Spelling("label smoothing", "label_smoothing"), *_CLASSES)),
    nn.NLLLoss: ("cross entropy", _loss(_takes("log-probabilities", "takes log-probabilities"), *_CLASSES)),
    nn.BCEWithLogitsLoss: ("binary cross entropy", _loss(
        _takes("logits", "takes logits"), constant("label smoothing", 0.0, "no label smoothing"), _WEIGHT)),
    nn.BCELoss: ("binary cross entropy", _loss(
        _takes("probabilities", "takes probabilities"), constant("label smoothing", 0.0, "no label smoothing"),
        _WEIGHT)),
    nn.MSELoss: ("mean squared error", _loss(_SIMPLE)),
    nn.L1Loss: ("mean absolute error", _loss(_SIMPLE)),
    nn.HuberLoss: ("huber", _loss(
        Spelling("delta", "delta"), constant("divided by delta", False, "as it is", line="torch.nn.SmoothL1Loss"))),
    nn.SmoothL1Loss: ("huber", _loss(
        Spelling("delta", "beta"), constant("divided by delta", True, "divided by beta", line="torch.nn.HuberLoss"))),
    nn.KLDivLoss: ("kl divergence", (
        Spelling("reduction", "reduction", lambda module: module.reduction,
                 lambda own: {"batchmean": "mean", "mean": "mean of elements"}.get(own, own),
                 lambda common: {"mean": "batchmean", "mean of elements": "mean"}.get(common, common)),
        constant("takes", "log-probabilities", "takes log-probabilities, and the target second", remark=True),
        Spelling("target", "log_target", common=lambda log: "log-probabilities" if log else "probabilities",
                 back=lambda target: target == "log-probabilities"))),
    nn.PoissonNLLLoss: ("poisson", _loss(
        Spelling("takes", "log_input", common=lambda log: "log rate" if log else "rate",
                 back=lambda takes: takes == "log rate"))),
    nn.CosineEmbeddingLoss: ("cosine similarity", _loss(
        constant("plus one", True, "1 - cos", remark=True), Spelling("margin", "margin"))),
    nn.CTCLoss: ("ctc", (
        Spelling("reduction", "reduction", lambda module: module.reduction,
                 lambda own: "mean by length" if own == "mean" else own,
                 lambda common: "none" if common == "mean" else common),)),
    nn.MultiMarginLoss: ("multi margin", _loss(Spelling("margin", "margin"))),
    nn.HingeEmbeddingLoss: ("hinge embedding", _loss(Spelling("margin", "margin"))),
    nn.TripletMarginLoss: ("triplet margin", _loss(Spelling("margin", "margin"))),
}  # fmt: skip

# --- optimizers ---


def _of_groups(word: str) -> Callable[[Any], Any]:
    """A setting of all parameter groups: one value, or one for each group if they differ."""

    def own(optimizer: Any) -> Any:
        values = [plain(_number(group.get(word, ABSENT))) for group in optimizer.param_groups]
        if not values or values[0] is ABSENT:
            return ABSENT
        return values[0] if all(value == values[0] for value in values) else tuple(values)

    return own


def _number(value: Any) -> Any:
    return value.item() if isinstance(value, torch.Tensor) else value


def _beta(index: int) -> Callable[[Any], Any]:
    def own(optimizer: Any) -> Any:
        betas = [group["betas"][index] for group in optimizer.param_groups]
        return float(betas[0]) if len(set(map(float, betas))) == 1 else tuple(map(float, betas))

    return own


def _option(setting: str, word: str, **more: Any) -> Spelling:
    return Spelling(setting, word, _of_groups(word), **more)


def _steps(optimizer: Any) -> Any:
    """How many steps were taken; SGD counts none."""
    taken = [int(state["step"]) for state in optimizer.state.values() if "step" in state]
    if not taken:
        return ABSENT if isinstance(optimizer, optim.SGD) else 0
    return max(taken)


def _clipping(setting: str, line: str) -> Spelling:
    return constant(
        setting, None, "not in the optimizer: done, if at all, in the training loop", remark=True, line=line
    )


_EVERY_OPTIMIZER = (
    _option("learning rate", "lr"),
    _option("weight decay", "weight_decay", common=float),
    _option("maximize", "maximize"),
    Spelling("steps", "step", _steps, says=lambda steps: f"{steps} steps taken"),
    _clipping("clip each norm", "torch.nn.utils.clip_grad_norm_(p, {}) for each parameter p before step()"),
    _clipping("clip global norm", "torch.nn.utils.clip_grad_norm_(model.parameters(), {}) before step()"),
    _clipping("clip values", "torch.nn.utils.clip_grad_value_(model.parameters(), {}) before step()"),
    constant("accumulated steps", 1, "sums what backward() adds", remark=True, line="(loss / {}).backward()"),
    constant("moving average", False, "no average of weights", remark=True, line="torch.optim.swa_utils.AveragedModel"),
    constant("learning rate decay", 0.0, "no decay"),
)


def _decays(optimizer: Any) -> bool:
    decay = _of_groups("weight_decay")(optimizer)
    return decay not in (0, ABSENT)


def _decoupled(optimizer: Any) -> Any:
    """How weights decay, where they do."""
    if not _decays(optimizer):
        return ABSENT
    own = _of_groups("decoupled_weight_decay")(optimizer)
    return isinstance(optimizer, optim.AdamW) if own is ABSENT else bool(own)


def _decouple_line(decoupled: Any) -> str:
    return "torch.optim.AdamW" if decoupled else "torch.optim.Adam"


_DECOUPLED = Spelling(
    "decoupled", "decoupled_weight_decay", _decoupled,
    says=lambda own: "decay shrinks the weights themselves" if own else "decay is added to the gradient",
    line=_decouple_line,
)  # fmt: skip
_COUPLED = Spelling(
    "decoupled", "", _decoupled, back=unwritable, says=lambda own: "decay is added to the gradient",
)  # fmt: skip
_BETAS = (
    Spelling("beta 1", "betas[0]", _beta(0)),
    Spelling("beta 2", "betas[1]", _beta(1)),
)
_EPSILON = _option("epsilon", "eps")
_DENSE_ROWS = constant("sparse rows", False, "moves every row")
_AFTER_CORRECTION = constant("epsilon place", "after bias correction", "epsilon after the bias correction", remark=True)
_AFTER_ROOT = constant("epsilon place", "outside the root", "epsilon outside the root", remark=True)


def _buffer(optimizer: Any) -> Any:
    return "without learning rate" if _of_groups("momentum")(optimizer) not in (0, ABSENT) else ABSENT


_BUFFER = Spelling("momentum buffer", "", _buffer, says=lambda _: "learning rate outside the momentum buffer",
                   back=unwritable, remark=True)  # fmt: skip
_ADAM = (*_EVERY_OPTIMIZER, *_BETAS, _EPSILON, _option("amsgrad", "amsgrad"), _DECOUPLED, _DENSE_ROWS,
         _AFTER_CORRECTION)  # fmt: skip

_OPTIMIZERS: dict[type, tuple[str, tuple[Spelling, ...]]] = {
    optim.Adam: ("adam", _ADAM),
    optim.AdamW: ("adam", _ADAM),
    optim.SparseAdam: ("adam", (*_EVERY_OPTIMIZER, *_BETAS, _EPSILON, _AFTER_CORRECTION, constant(
        "sparse rows", True, "moves only rows that a batch uses", line="torch.optim.Adam"))),
    optim.NAdam: ("nadam", (*_EVERY_OPTIMIZER, *_BETAS, _EPSILON, _DECOUPLED, _AFTER_CORRECTION,
                            _option("momentum decay", "momentum_decay"))),
    optim.RAdam: ("radam", (*_EVERY_OPTIMIZER, *_BETAS, _EPSILON, _DECOUPLED)),
    optim.Adamax: ("adamax", (*_EVERY_OPTIMIZER, *_BETAS, _EPSILON, _COUPLED, constant(
        "epsilon place", "beside the gradient", "epsilon beside the gradient", remark=True))),
    optim.SGD: ("sgd", (*_EVERY_OPTIMIZER, _option("momentum", "momentum", common=float), _COUPLED,
                        _option("nesterov", "nesterov"), _option("dampening", "dampening", common=float), _BUFFER)),
    optim.RMSprop: ("rmsprop", (*_EVERY_OPTIMIZER, _option("rho", "alpha"), _EPSILON, _COUPLED, _AFTER_ROOT,
                                _option("momentum", "momentum", common=float), _option("centered", "centered"),
                                _BUFFER)),
    optim.Adagrad: ("adagrad", (*_EVERY_OPTIMIZER, _EPSILON, _COUPLED, _AFTER_ROOT,
                                _option("learning rate decay", "lr_decay", common=float),
                                _option("initial accumulator", "initial_accumulator_value", common=float))),
    optim.Adadelta: ("adadelta", (*_EVERY_OPTIMIZER, _option("rho", "rho"), _EPSILON, _COUPLED)),
    optim.Adafactor: ("adafactor", (*_EVERY_OPTIMIZER, _option("clip threshold", "d"))),
}  # fmt: skip

# --- schedules ---

_COUNTS = constant("counts", "calls", "counts calls of scheduler.step()", remark=True)
_INITIAL = Spelling("initial rate", "lr", lambda scheduler: float(scheduler.base_lrs[0]))
_SCHEDULES: dict[type, tuple[str, tuple[Spelling, ...]]] = {
    lr_scheduler.ExponentialLR: ("exponential schedule", (
        _COUNTS, _INITIAL, Spelling("decay rate", "gamma"), constant("decay steps", 1, "every call"))),
    lr_scheduler.StepLR: ("exponential schedule", (
        _COUNTS, _INITIAL, Spelling("decay rate", "gamma"), Spelling("decay steps", "step_size"),
        constant("staircase", True, "in steps"))),
    lr_scheduler.CosineAnnealingLR: ("cosine schedule", (
        _COUNTS, _INITIAL, Spelling("decay steps", "T_max"), Spelling("final rate", "eta_min", common=float),
        constant("after the end", "rises", "rises again after T_max", remark=True))),
    lr_scheduler.PolynomialLR: ("polynomial schedule", (
        _COUNTS, _INITIAL, Spelling("decay steps", "total_iters"), Spelling("power", "power", common=float),
        constant("final rate", 0.0, "ends at 0"))),
    lr_scheduler.MultiStepLR: ("piecewise schedule", (
        _COUNTS, Spelling("boundaries", "milestones", lambda scheduler: tuple(sorted(scheduler.milestones.elements())),
                          says=lambda steps: f"milestones={list(steps)}",
                          line=lambda steps: f"milestones={list(steps)}"))),
}  # fmt: skip

# --- every class and its rows ---

_ROWS: dict[type, tuple[Any, tuple[Spelling, ...]]] = {
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
    **_LOSSES,
    **_OPTIMIZERS,
    **_SCHEDULES,
}

layers = TorchLayers()
