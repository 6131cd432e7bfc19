"""The table of layer kinds: their roles in a canonical layout, and how each framework's classes hold them.

The canonical layout is PyTorch's, with every packed array in its parts: output features
first, then input features, then space; gates in the order of `nn.LSTM` and `nn.GRU`.
A new layer is a new row here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dualcell.weights.axes import Blocks, Move, Transpose, reshape, transpose

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Role:
    """One weight of a kind.

    Attributes:
        name: in standard terms: `kernel`, `bias`, `scale`, `offset`.
        neutral: the value with which it does nothing, so that a side without it stands for
            that value; None if there is none.
        inputs: the canonical axis that runs over the input features; None if none does.
        outputs: the canonical axis that runs over the output features.
        joins: the role it is added to on a side that has only that one.
        counter: no weight but a count of steps: copied where both sides have it, else left alone.
    """

    name: str
    neutral: float | None = None
    inputs: int | None = None
    outputs: int | None = None
    joins: str = ""
    counter: bool = False


_KERNEL = Role("kernel", inputs=1, outputs=0)
_BIAS = Role("bias", 0.0, outputs=0)
_NORM = (Role("scale", 1.0, inputs=0, outputs=0), Role("offset", 0.0, inputs=0, outputs=0))
_STATISTICS = (Role("mean", inputs=0, outputs=0), Role("variance", inputs=0, outputs=0))
_GATES = (Role("input_kernel", inputs=1), Role("recurrent_kernel"), Role("input_bias", 0.0))
_PROJECTIONS = ("query", "key", "value", "output")

KINDS: Mapping[str, tuple[Role, ...]] = {
    "dense": (_KERNEL, _BIAS),
    **{f"conv{rank}d": (_KERNEL, _BIAS) for rank in (1, 2, 3)},
    **{f"conv{rank}d_transpose": (Role("kernel"), _BIAS) for rank in (1, 2, 3)},
    "embedding": (Role("table", outputs=1),),
    "batch_norm": (*_STATISTICS, *_NORM, Role("steps", counter=True)),
    "batch_norm_of_batch": (*_NORM,),  # without moving statistics
    "layer_norm": _NORM,
    "group_norm": _NORM,
    "rms_norm": _NORM[:1],
    "rnn": (*_GATES, Role("recurrent_bias", 0.0, joins="input_bias")),
    "lstm": (*_GATES, Role("recurrent_bias", 0.0, joins="input_bias")),
    "gru": (*_GATES, Role("recurrent_bias", 0.0)),
    "gru_reset_before": _GATES,
    "attention": tuple(
        role for name in _PROJECTIONS
        for role in (Role(f"{name}_kernel", inputs=1), Role(f"{name}_bias", 0.0))
    ),
    "prelu": (Role("slope", inputs=0, outputs=0),),
    "weight": (Role("value", inputs=0, outputs=0),),  # a bare parameter or buffer
    "counter": (Role("value", counter=True),),  # a bare number of steps
}  # fmt: skip


@dataclass(frozen=True)
class Part:
    """How a framework's class holds one role.

    Attributes:
        role: the role in its kind.
        name: the framework's name of the array, within the layer.
        move: from the framework's layout to the canonical one, given its shape.
        part: see `inventory.Weight`.
    """

    role: str
    name: str
    move: Callable[[Shape], Move] = lambda shape: ()
    part: tuple[int, int] = (0, 1)


@dataclass(frozen=True)
class Form:
    """How a framework's class holds one kind of layer.

    Attributes:
        kind: a name in `KINDS`.
        parts: of its roles those the class can have; of several for one role the first that is there.
        variant: see `inventory.Layer`.
        hint: see `inventory.Layer`.
    """

    kind: str
    parts: tuple[Part, ...]
    variant: str = ""
    hint: str = ""


# --- moves into the canonical layout ---


def _kernel(shape: Shape) -> Move:
    """(space..., in, out) -> (out, in, space...)."""
    last = len(shape) - 1
    return transpose(last, last - 1, *range(last - 1))


def _depthwise(shape: Shape) -> Move:
    """(space..., channels, multiplier) -> (channels * multiplier, 1, space...)."""
    *space, channels, multiplier = shape
    last = len(shape) - 1
    order = transpose(last - 1, last, *range(last - 1))
    return (*order, *reshape((channels, multiplier, *space), (channels * multiplier, 1, *space)))


def _three_gates(shape: Shape) -> Move:
    """Keras' update, reset, candidate -> torch's reset, update, candidate; kernels are transposed."""
    return (*transpose(*reversed(range(len(shape)))), Blocks((1, 0, 2)))


def _into_heads(shape: Shape) -> Move:
    """(in, heads, size) -> (heads * size, in)."""
    return (*reshape(shape, (shape[0], math.prod(shape[1:]))), Transpose((1, 0)))


def _out_of_heads(shape: Shape) -> Move:
    """(heads, size, out) -> (out, heads * size)."""
    return (*reshape(shape, (math.prod(shape[:-1]), shape[-1])), Transpose((1, 0)))


def _flat(shape: Shape) -> Move:
    """(heads, size) -> (heads * size)."""
    return reshape(shape, (math.prod(shape),))


def _channels_first(shape: Shape) -> Move:
    """(space..., channels) -> (channels, space...)."""
    last = len(shape) - 1
    return transpose(last, *range(last))


def _bare(shape: Shape) -> Move:
    """Without axes of size 1, but with one axis at least."""
    return reshape(shape, tuple(size for size in shape if size != 1) or (1,))


# --- Keras, version 3 and 2 ---

_KERAS_NORM = (Part("scale", "gamma", _channels_first), Part("offset", "beta", _channels_first))
_KERAS_STATISTICS = (Part("mean", "moving_mean"), Part("variance", "moving_variance"))
_KERAS_GATES = (Part("input_kernel", "kernel", _kernel), Part("recurrent_kernel", "recurrent_kernel", _kernel))
_ONE_BIAS = (*_KERAS_GATES, Part("input_bias", "bias"))
_RESET_BEFORE = (
    Part("input_kernel", "kernel", _three_gates),
    Part("recurrent_kernel", "recurrent_kernel", _three_gates),
    Part("input_bias", "bias", _three_gates),
)
_RESET_AFTER = (
    *_RESET_BEFORE[:2],
    Part("input_bias", "bias", lambda shape: (*reshape(shape, shape[-1:]), Blocks((1, 0, 2))), (0, 2)),
    Part("recurrent_bias", "bias", lambda shape: (*reshape(shape, shape[-1:]), Blocks((1, 0, 2))), (1, 2)),
)


def _plain(kind: str, *parts: Part) -> tuple[Form, ...]:
    return (Form(kind, parts),)


_DENSE = (Part("kernel", "kernel", _kernel), Part("bias", "bias"))
_DEPTHWISE = ("kernel", "depthwise_kernel")  # of Keras 3 and Keras 2
_EACH_RANK = (1, 2, 3)

KERAS: Mapping[str, tuple[Form, ...]] = {
    "Dense": _plain("dense", *_DENSE),
    **{f"Conv{rank}D": _plain(f"conv{rank}d", *_DENSE) for rank in _EACH_RANK},
    **{f"Conv{rank}DTranspose": _plain(f"conv{rank}d_transpose", *_DENSE) for rank in _EACH_RANK},
    **{
        f"DepthwiseConv{rank}D": (
            Form(f"conv{rank}d", (*(Part("kernel", name, _depthwise) for name in _DEPTHWISE), Part("bias", "bias"))),
        )
        for rank in (1, 2)
    },
    **{
        f"SeparableConv{rank}D": (
            Form(f"conv{rank}d", (Part("kernel", "depthwise_kernel", _depthwise),)),
            Form(f"conv{rank}d", (Part("kernel", "pointwise_kernel", _kernel), Part("bias", "bias"))),
        )
        for rank in (1, 2)
    },
    "Embedding": _plain("embedding", Part("table", "embeddings")),
    "BatchNormalization": _plain("batch_norm", *_KERAS_STATISTICS, *_KERAS_NORM),
    "LayerNormalization": _plain("layer_norm", *_KERAS_NORM),
    "GroupNormalization": _plain("group_norm", *_KERAS_NORM),
    "RMSNormalization": _plain("rms_norm", Part("scale", "scale", _channels_first)),
    "SimpleRNNCell": _plain("rnn", *_ONE_BIAS),
    "LSTMCell": _plain("lstm", *_ONE_BIAS),
    "GRUCell": _plain("gru", *_RESET_AFTER),
    "PReLU": _plain("prelu", Part("slope", "alpha", _bare)),
    "MultiHeadAttention": _plain(
        "attention",
        *(Part(f"{name}_kernel", f"{name}/kernel", _into_heads) for name in _PROJECTIONS[:3]),
        *(Part(f"{name}_bias", f"{name}/bias", _flat) for name in _PROJECTIONS[:3]),
        Part("output_kernel", "attention_output/kernel", _out_of_heads),
        Part("output_bias", "attention_output/bias", _flat),
    ),
}

GRU_RESET_BEFORE = Form(
    "gru_reset_before", _RESET_BEFORE,
    hint="GRU(reset_after=False) has no equivalent in PyTorch, whose GRU resets after the recurrent product; "
    "build the Keras layer with reset_after=True, or write a cell of your own in PyTorch",
)  # fmt: skip
RMS_SCALING = Form(
    "layer_norm", _KERAS_NORM, "rms_scaling",
    "LayerNormalization(rms_scaling=True) has no equivalent in PyTorch: it divides by the standard deviation and "
    "subtracts no mean, as neither nn.LayerNorm nor nn.RMSNorm does; build the Keras layer without rms_scaling, or "
    "as RMSNormalization for nn.RMSNorm",
)  # fmt: skip


# --- PyTorch ---

_TORCH_NORM = (Part("scale", "weight"), Part("offset", "bias"))
_TORCH_DENSE = (Part("kernel", "weight"), Part("bias", "bias"))
_TORCH_BATCH_NORM = _plain(
    "batch_norm",
    Part("mean", "running_mean"),
    Part("variance", "running_var"),
    *_TORCH_NORM,
    Part("steps", "num_batches_tracked"),
)


def recurrent(kind: str, suffix: str = "", variant: str = "") -> Form:
    """One direction of one layer of `nn.RNN`, `nn.LSTM` or `nn.GRU`, or a cell."""
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    parts = zip(KINDS[kind], names, strict=True)
    return Form(kind, tuple(Part(role.name, name + suffix) for role, name in parts), variant)


TORCH: Mapping[str, tuple[Form, ...]] = {
    "Linear": _plain("dense", *_TORCH_DENSE),
    **{f"Conv{rank}d": _plain(f"conv{rank}d", *_TORCH_DENSE) for rank in _EACH_RANK},
    **{f"ConvTranspose{rank}d": _plain(f"conv{rank}d_transpose", *_TORCH_DENSE) for rank in _EACH_RANK},
    "Embedding": _plain("embedding", Part("table", "weight")),
    "EmbeddingBag": _plain("embedding", Part("table", "weight")),
    **{f"BatchNorm{rank}d": _TORCH_BATCH_NORM for rank in _EACH_RANK},
    "SyncBatchNorm": _TORCH_BATCH_NORM,
    "LayerNorm": _plain("layer_norm", *_TORCH_NORM),
    "GroupNorm": _plain("group_norm", *_TORCH_NORM),
    **{f"InstanceNorm{rank}d": _plain("group_norm", *_TORCH_NORM) for rank in _EACH_RANK},
    "RMSNorm": _plain("rms_norm", Part("scale", "weight")),
    "RNNCell": (recurrent("rnn"),),
    "LSTMCell": (recurrent("lstm"),),
    "GRUCell": (recurrent("gru"),),
    "PReLU": _plain("prelu", Part("slope", "weight")),
    "MultiheadAttention": _plain(
        "attention",
        *(Part(f"{name}_kernel", "in_proj_weight", part=(index, 3)) for index, name in enumerate(_PROJECTIONS[:3])),
        *(Part(f"{name}_bias", "in_proj_bias", part=(index, 3)) for index, name in enumerate(_PROJECTIONS[:3])),
        *(Part(f"{name}_kernel", f"{name[0]}_proj_weight") for name in _PROJECTIONS[:3]),
        Part("output_kernel", "out_proj.weight"),
        Part("output_bias", "out_proj.bias"),
    ),
}

BARE = Part("value", "", _bare)
FORMS: Mapping[str, Mapping[str, tuple[Form, ...]]] = {"keras": KERAS, "torch": TORCH}


def forms_of(names: Sequence[str], framework: str) -> tuple[Form, ...]:
    """The forms of a class, by the names of it and its bases, the nearest first; empty if it is none of the table."""
    table = FORMS[framework]
    return next((table[name] for name in names if name in table), ())


def groups_of(form: Form, layer: Any, shape: Shape) -> int:
    """The groups of a convolution: a depthwise one of Keras has one for each input channel."""
    is_depthwise = any(part.move is _depthwise for part in form.parts)
    return shape[-2] if is_depthwise else int(getattr(layer, "groups", 1))


def feature_axes(kind: str, side: str) -> dict[str, int]:
    """Role -> the canonical axis that runs over the `inputs` or `outputs` features."""
    found: dict[str, Any] = {role.name: getattr(role, side) for role in KINDS[kind]}
    return {name: axis for name, axis in found.items() if axis is not None}
