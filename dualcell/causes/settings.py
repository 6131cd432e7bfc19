"""Causes that the settings of layers, optimizers and losses show, and which setting shows which cause.

Some are causes that tensors show too, and have their entry there; a `SettingCause` is
one that only settings show. A row of `SHOWN` says as what else a difference in that
setting may be seen in tensors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dualcell.padding import Padding


@dataclass(frozen=True)
class SettingCause:
    """A reason why two sides differ that shows in settings only.

    Attributes:
        name: its name in tables and on the command line.
        title: what differs, in one line.
        about: when it happens, and how to tell; a short paragraph of the documentation.
        entries: the names of its entries in the catalogue of differences.
    """

    name: str
    title: str
    about: str
    entries: tuple[str, ...] = ()

    def plant(self, kind: str, values: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
        """Settings that show this cause, with another value for each; empty if it cannot be put into this object.

        Args:
            kind: what the object is.
            values: its settings, in common units.
        """
        return plantings(self.name, kind, values)


@dataclass(frozen=True)
class Shown:
    """A setting that shows a cause.

    Attributes:
        cause: the cause.
        settings: common names of settings.
        kinds: the kinds of objects; empty for all.
        seen_as: causes that tensors show when this setting differs.
    """

    cause: str
    settings: tuple[str, ...]
    kinds: tuple[str, ...] = ()
    seen_as: tuple[str, ...] = ()


_NORMS = ("batch normalization", "layer normalization", "group normalization", "rms normalization")
_CONVOLUTIONS = ("convolution", "depthwise convolution")
_LOSSES = ("cross entropy", "binary cross entropy", "mean squared error", "mean absolute error", "huber", "poisson",
           "kl divergence", "cosine similarity", "ctc", "hinge", "squared hinge", "categorical hinge", "multi margin",
           "hinge embedding", "triplet margin")  # fmt: skip
_SHIFTED = ("grid-shifted", "cropped", "border", "last-step")

SHOWN: tuple[Shown, ...] = (
    Shown("normalisation-epsilon", ("epsilon",), _NORMS,
          ("epsilon-unit-variance", "layer-norm-epsilon")),
    Shown("batch-norm-momentum", ("momentum", "variance"), ("batch normalization",)),
    Shown("standardised", ("mode", "running statistics"),
          ("batch normalization", "group normalization"),
          ("channel-affine",)),
    Shown("normalised-axis", ("axis", "axes", "groups"), _NORMS, ("standardised", "centred-rows")),
    Shown("one-sided-setting", ("divides by the variance", "learned key and value", "key of zeros", "gate", "crops",
                                "pads", "sliding window", "attended axes", "longest entry", "gradient by frequency",
                                "divisor")),
    Shown("channel-scale", ("scale",), _NORMS, ("channel-affine",)),
    Shown("channel-offset", ("center", "bias"), (), ("channel-affine", "offset")),
    Shown("dropout", ("mode", "rate", "drops", "dropout", "noise shape"), (), ("dropout-masks",)),
    Shown("axes-permuted", ("data format", "batch first"), (), ("flatten-order",)),
    Shown("flatten-order", ("channel order", "first axis", "last axis"), ("flatten",), ("reshaped",)),
    Shown("negative-slope", ("slope",), (), ("activation-variant",)),
    Shown("softmax-axis", ("axis",), ("activation",), ("softmax",)),
    Shown("activation-variant", ("function", "activation", "recurrent activation", "approximate", "alpha", "beta",
                                 "threshold", "below", "lower", "upper", "linear above", "hard sigmoid slope"),
          (), ("function", "softmax", "log-softmax", "negative-slope")),
    Shown("later-steps", ("reset after",), ("gru",)),
    Shown("index-kept", ("returns",), ("lstm", "gru", "simple rnn"), ("last-step",)),
    Shown("axis-reversed", ("backwards", "bidirectional"), ("lstm", "gru", "simple rnn"), ("last-step",)),
    Shown("masked", ("padding index",), ("embedding",), ("some-slices",)),
    Shown("grid-shifted", ("padding",), ("transposed convolution",), _SHIFTED),
    Shown("padding-split", ("padding",), (), _SHIFTED),
    Shown("border", ("padding mode", "padding value"), (), _SHIFTED),
    Shown("pooling-edges", ("counts padding",), ("average pooling",), ("border",)),
    Shown("reduction", ("keeps axes",), (), ("reshaped",)),
    Shown("narrower-type", ("dtype",)),
    Shown("interpolation", ("interpolation", "align corners", "antialias", "cubic"), ("resize",), ("border",)),
    Shown("convolution-geometry", ("strides", "dilation", "groups"), (*_CONVOLUTIONS, "transposed convolution"),
          ("cropped",)),
    Shown("layer-size", ("units", "inputs", "filters", "kernel", "multiplier", "channels", "entries", "size", "heads",
                         "head size", "value size", "key inputs", "value inputs", "output size", "window", "strides",
                         "scale", "projection", "dilation", "slopes")),
    Shown("recurrent-states", ("layers", "stateful", "recurrent dropout", "merge mode"),
          ("lstm", "gru", "simple rnn")),
    Shown("frozen", ("trainable",)),
    Shown("regulariser", ("regularizer",)),
    Shown("learning-rate", ("learning rate", "learning rate decay", "relative step")),
    Shown("optimizer-epsilon", ("epsilon", "clip threshold")),
    Shown("epsilon-place", ("epsilon place",)),
    Shown("optimizer-smoothing", ("beta 1", "beta 2", "rho", "centered", "amsgrad", "initial accumulator",
                                  "momentum decay", "second decay")),
    Shown("optimizer-momentum", ("momentum", "nesterov", "dampening")),
    Shown("momentum-learning-rate", ("momentum buffer",)),
    Shown("weight-decay", ("weight decay", "decoupled")),
    Shown("gradient-clipping", ("clip each norm", "clip global norm", "clip values")),
    Shown("scale", ("accumulated steps", "class weight", "positive weight", "maximize")),
    Shown("optimizer-updates", ("sparse rows", "moving average")),
    Shown("optimizer-steps", ("steps",)),
    Shown("schedule", ("schedule", "initial rate", "decay steps", "decay rate", "staircase", "final rate", "power",
                       "boundaries", "rates", "counts", "cycle", "after the end", "warmup steps", "warmup target")),
    Shown("loss-input", ("takes", "target"), (), ("function", "softmax", "log-softmax")),
    Shown("loss-definition", ("delta", "divided by delta", "margin", "plus one", "full")),
    Shown("loss-reduction", ("reduction",), (), ("scale", "reduction")),
    Shown("label-smoothing", ("label smoothing",)),
    Shown("some-slices", ("ignored class",)),
    Shown("softmax-axis", ("class axis",)),
    Shown("loss-definition", ("kind",), _LOSSES),
    Shown("other-kind", ("kind",)),
)  # fmt: skip

SETTING_CAUSES: tuple[SettingCause, ...] = (
    SettingCause(
        "padding-split",
        "Padding is split otherwise, or another amount",
        "padding='same' of Keras puts the smaller half first, and with strides the amount hangs on the input's size; "
        "PyTorch's padding=p pads p on both sides. With kernel 3, stride 2 and an even size, Keras pads (0, 1) where "
        "padding=1 pads (1, 1): the two sample other points, and no element agrees.",
        ("same-padding-stride", "maxpool-same-offset"),
    ),
    SettingCause(
        "convolution-geometry",
        "Strides, dilation or groups differ",
        "Keras says strides, dilation_rate and groups, PyTorch stride, dilation and groups.",
        ("conv-groups-dilation",),
    ),
    SettingCause(
        "layer-size",
        "The sizes of the layers differ",
        "Units, filters, kernel, window, heads. Keras' key_dim is the size of one head, PyTorch's embed_dim that of "
        "all; a pooling window that is not given is 2 in Keras and an error in PyTorch.",
        ("pool-size-default", "mha-key-dim-per-head"),
    ),
    SettingCause(
        "normalised-axis",
        "A normalisation is taken over other axes",
        "Keras normalises per index of the last axis, PyTorch's BatchNorm per index of axis 1; LayerNormalization of "
        "Keras takes one axis, LayerNorm as many as its normalized_shape has.",
        ("bn-2d-input-axis",),
    ),
    SettingCause(
        "interpolation",
        "Resizing samples by another rule",
        "nn.UpsamplingBilinear2d aligns the corners and keras.layers never does; mode='nearest' of PyTorch is "
        "'nearest-exact' in Keras when the scale is no whole number; bicubic kernels are -0.5 and -0.75.",
        ("resize-nearest-rounding", "resize-half-pixel", "resize-antialias"),
    ),
    SettingCause(
        "recurrent-states",
        "Recurrent layers are stacked, joined, or keep their states, otherwise",
        "num_layers=k is k layers of Keras with return_sequences=True; stateful=True carries the state to the next "
        "batch, where PyTorch starts at zero unless a state is passed; PyTorch puts both directions side by side, as "
        "merge_mode='concat' of Bidirectional does.",
        ("rnn-units-vs-stacking", "rnn-initial-state"),
    ),
    SettingCause(
        "frozen",
        "A layer learns on one side only",
        "layer.trainable=False against requires_grad=False of its parameters. In Keras it also puts batch "
        "normalisation into inference; in PyTorch it does not.",
        ("freeze-parameters",),
    ),
    SettingCause(
        "regulariser",
        "One side adds a penalty on weights to its loss",
        "kernel_regularizer of Keras adds to the loss that it reports; PyTorch's weight_decay acts on the gradient and "
        "shows in no loss. Modules of PyTorch hold no such setting.",
        ("regulariser-in-loss",),
    ),
    SettingCause(
        "learning-rate",
        "The learning rates differ",
        "Defaults differ: SGD 0.01 in Keras and 0.001 in PyTorch, RMSprop and Adagrad 0.001 and 0.01, Adadelta 0.001 "
        "and 1, Adamax and Nadam 0.001 and 0.002.",
        ("opt-string-defaults", "legacy-decay-argument"),
    ),
    SettingCause(
        "optimizer-epsilon",
        "Optimizers have another epsilon",
        "1e-7 in Keras and 1e-8 in PyTorch for Adam and its kin: it shows where gradients are tiny.",
        ("adam-epsilon-value",),
    ),
    SettingCause(
        "epsilon-place",
        "Optimizers add epsilon at another place",
        "Adam of Keras adds it before the bias correction, so that it acts 31.6 times larger at the first step than "
        "PyTorch's; RMSprop and Adagrad of Keras add it inside the root. No setting changes it.",
        ("adam-epsilon-place", "adamax-epsilon", "rmsprop-epsilon-place"),
    ),
    SettingCause(
        "optimizer-smoothing",
        "Optimizers average gradients over another time, or start the averages elsewhere",
        "rho is 0.9 in Keras' RMSprop where alpha is 0.99 in PyTorch's; Adagrad starts at 0.1 in Keras and at 0 in "
        "PyTorch; Nadam of Keras is NAdam with momentum_decay=1.",
        ("rmsprop-defaults", "adagrad-defaults", "adadelta-defaults", "nadam-momentum-decay"),
    ),
    SettingCause(
        "optimizer-momentum",
        "Optimizers have another momentum",
        "momentum and nesterov mean the same in both; dampening is PyTorch's alone.",
        ("sgd-nesterov",),
    ),
    SettingCause(
        "momentum-learning-rate",
        "The learning rate stands inside the momentum on one side",
        "Keras multiplies the gradient by it before the buffer, PyTorch after: the same while it is constant, "
        "another step after it has changed. No setting changes it.",
        ("sgd-momentum-lr", "rmsprop-momentum-lr"),
    ),
    SettingCause(
        "weight-decay",
        "Weights decay otherwise",
        "weight_decay of every Keras optimizer shrinks the weights themselves, as AdamW does; that of PyTorch's Adam, "
        "SGD and RMSprop adds to the gradient. AdamW decays by 0.004 in Keras and 0.01 in PyTorch.",
        ("weight-decay-decoupled-everywhere", "adamw-decay-default"),
    ),
    SettingCause(
        "gradient-clipping",
        "Gradients are clipped on one side, or otherwise",
        "clipnorm of Keras clips each variable's gradient, global_clipnorm all together, as clip_grad_norm_ of "
        "PyTorch, which is called in the training loop and shows in no optimizer.",
        ("clipnorm-per-variable",),
    ),
    SettingCause(
        "optimizer-updates",
        "One optimizer updates other weights than the other, or averages them",
        "SparseAdam leaves embedding rows alone that a batch did not use, Adam moves them; use_ema averages weights.",
        ("embedding-sparse-adam",),
    ),
    SettingCause(
        "optimizer-steps",
        "The optimizers have taken another number of steps",
        "step() called twice, or a state that was not restored from a checkpoint: bias correction and averages start "
        "anew.",
        ("optimizer-step-twice", "optimizer-state-not-restored"),
    ),
    SettingCause(
        "schedule",
        "The learning rate follows another schedule",
        "Schedules of Keras count batches, those of PyTorch calls of scheduler.step(), mostly epochs; "
        "ExponentialDecay is continuous unless staircase=True; PiecewiseConstantDecay changes one step later than "
        "MultiStepLR; CosineDecay stays at its end where CosineAnnealingLR rises again; PolynomialDecay ends at "
        "0.0001 and PolynomialLR at 0.",
        ("schedule-step-unit", "schedule-exponential-continuous", "schedule-piecewise-boundary",
         "schedule-cosine-after-end", "schedule-polynomial-end"),
    ),
    SettingCause(
        "loss-input",
        "The losses take other inputs: logits, probabilities, their logarithms",
        "Cross-entropy of Keras takes probabilities unless from_logits=True, CrossEntropyLoss of PyTorch logits and "
        "NLLLoss log-probabilities; KLDivLoss takes log-probabilities, PoissonNLLLoss a log rate.",
        ("ce-logits-without-flag", "kldiv-arguments", "poisson-log-input"),
    ),
    SettingCause(
        "loss-definition",
        "The losses are defined otherwise",
        "SmoothL1Loss(beta) is Huber(delta=beta) divided by beta; CosineEmbeddingLoss is 1 - cos, where Keras has "
        "-cos; CategoricalHinge is not MultiMarginLoss.",
        ("huber-vs-smooth-l1", "hinge-family"),
    ),
    SettingCause(
        "loss-reduction",
        "The losses are averaged or summed otherwise",
        "sum of Keras adds means over the last axis, sum of PyTorch adds elements; KLDivLoss divides by all elements "
        "unless reduction='batchmean'; CTCLoss divides each by the length of its target.",
        ("ctc-reduction",),
    ),
    SettingCause(
        "label-smoothing",
        "The losses smooth labels otherwise",
        "label_smoothing means the same in both.",
        ("label-smoothing-equal",),
    ),
    SettingCause(
        "one-sided-setting",
        "A setting that the other framework's layer has not is in use",
        "What the other side computes without it is known, and this is something else: max_norm of nn.Embedding, "
        "divisor_override of AvgPool2d, add_zero_attn of MultiheadAttention, rms_scaling of LayerNormalization. It "
        "has to be left out, or written by hand on the other side.",
    ),
    SettingCause(
        "other-kind",
        "The two sides are two kinds of things",
        "Another layer, optimizer or loss: LSTM against GRU, Adam against SGD.",
    ),
)  # fmt: skip


def shown(kind: str, setting: str) -> Shown | None:
    """The row of the table for a setting, or for one of the function that a layer applies; None if it has none."""
    found = next((row for row in SHOWN if setting in row.settings and (not row.kinds or kind in row.kinds)), None)
    own = setting.removeprefix("recurrent ").removeprefix("activation ")
    return found or (shown("activation", own) if own != setting and kind != "activation" else None)


def cause_of(kind: str, setting: str) -> str:
    """The name of the cause that a difference in a setting is.

    Raises:
        KeyError: the table lacks this setting.

    Examples:
        >>> cause_of("batch normalization", "epsilon"), cause_of("adam", "epsilon")
        ('normalisation-epsilon', 'optimizer-epsilon')
    """
    row = shown(kind, setting)
    if row is None:
        raise KeyError(
            f"no cause for the setting {setting!r} of {kind}; add it to SHOWN in dualcell/causes/settings.py"
        )
    return row.cause


def seen_as(kind: str, setting: str) -> tuple[str, ...]:
    """The causes by which tensors show a difference in a setting, that of the setting first."""
    row = shown(kind, setting)
    return () if row is None else (row.cause, *row.seen_as)


# --- planting ---

_WORDS = {
    "padding mode": ("zeros", "reflect"),
    "approximate": ("none", "tanh"),
    "interpolation": ("nearest", "bilinear"),
    "reduction": ("mean", "sum", "none"),
    "recurrent activation": ("sigmoid", "hard_sigmoid"),
    "activation": ("linear", "relu", "tanh"),
    "function": ("relu", "tanh"),
    "data format": ("channels last", "channels first"),
    "takes": ("logits", "probabilities"),
}


def plantings(cause: str, kind: str, values: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Settings that show a cause, each with another value.

    Args:
        cause: the cause's name.
        kind: what the object is.
        values: its settings, in common units.

    Examples:
        >>> plantings("dropout", "dropout", {"rate": 0.5, "drops": "elements"})
        (('rate', 0.25),)
    """
    named = [name for name in values if getattr(shown(kind, name), "cause", "") == cause]
    return tuple((name, other) for name in named for other in _others(name, values[name]))


def _others(setting: str, value: Any) -> Iterable[Any]:
    """Another value of the same sort; none for a sort that has no obvious one."""
    if isinstance(value, bool):
        return (not value,)
    if isinstance(value, int):
        return (value + 1,)
    if isinstance(value, float):
        return (value / 2 if value else 0.1,)
    if isinstance(value, str):
        return tuple(word for word in _WORDS.get(setting, ()) if word != value)[:1]
    if isinstance(value, Padding):
        return (value.like(((0, 0),) * len(value.windows) if value.edges is None else None),)
    if isinstance(value, tuple) and value and all(type(size) is int for size in value):
        return (tuple(size + 1 for size in value),)
    return ()
