"""PyTorch's activations in common words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import nn

from dualcell.frameworks.arguments import arguments_of
from dualcell.frameworks.spelling import Rows, Spelling, constant, spelt, unwritable
from dualcell.frameworks.torch_objects import LEARNED
from dualcell.settings import same


def written(function: str, wanted: Mapping[str, Any], prefix: str = "") -> str:
    """`torch.nn.LeakyReLU(negative_slope=0.2)`: the module that does what a function of the other side does.

    Args:
        function: its common name.
        wanted: all common values of the other side.
        prefix: what stands there before the names of the function's settings.

    Raises:
        ValueError: PyTorch has none.
    """
    if function in _OTHERS:
        return _OTHERS[function]
    for kind, (_, (name, *rows)) in ACTIVATIONS.items():
        given = [(row, wanted[prefix + row.setting]) for row in rows if prefix + row.setting in wanted]
        if name.owned(None) == function and all(row.word or same(row.owned(None), one) for row, one in given):
            own = arguments_of(kind)
            words = [(row.word, row.back(one)) for row, one in given if row.word in own]
            said = [spelt(word, one) for word, one in words if not same(one, own[word])]
            return f"torch.nn.{kind.__name__}({', '.join(said)})"
    return unwritable(function)


_OTHERS = {"exponential": "torch.exp", "linear": "torch.nn.Identity()"}


def _instead(_module: Any, function: Any, wanted: Mapping[str, Any]) -> str:
    return written(function, wanted)


def _activation(kind: type, function: str, *rows: Spelling) -> dict[type, Rows]:
    name = replace(constant("function", function, f"torch.nn.{kind.__name__}"), lines=_instead)
    return {kind: ("activation", (name, *rows))}


_BY_AXES = "by the number of axes"  # the first or the second axis, if PyTorch is told none


def _slopes(module: Any) -> tuple[int, ...]:
    """The sizes of the axes along which the slopes differ."""
    return () if module.num_parameters == 1 else (module.num_parameters,)


def _slopes_line(sizes: tuple[int, ...]) -> str:
    """One slope, or one for each channel.

    Raises:
        ValueError: there are more.
    """
    return spelt("num_parameters", sizes[0] if sizes else 1) if len(sizes) < 2 else unwritable(sizes)


# axis 1 of two is the last one: the module alone does not tell
_AXIS = Spelling("axis", "dim", common=lambda dim: _BY_AXES if dim is None else dim,
                 back=lambda axis: None if axis == _BY_AXES else axis,
                 remark=lambda dim: dim is not None and dim > 0)  # fmt: skip
_NO_SLOPE = constant("slope", 0.0, "slope 0")
_HARD_SLOPE = constant("hard sigmoid slope", 1 / 6, "slope 1/6")
_LIMIT = 20.0  # float32 cannot tell softplus(x) from x above it

ACTIVATIONS: dict[type, Rows] = {
    **_activation(nn.ReLU, "relu", _NO_SLOPE),
    **_activation(nn.ReLU6, "relu6", _NO_SLOPE),
    **_activation(nn.LeakyReLU, "leaky_relu", Spelling("slope", "negative_slope")),
    **_activation(nn.PReLU, "prelu", Spelling("slopes", "num_parameters", _slopes, line=_slopes_line), *LEARNED),
    **_activation(nn.ELU, "elu", Spelling("alpha", "alpha")),
    **_activation(nn.CELU, "celu", Spelling("alpha", "alpha")),
    **_activation(nn.SELU, "selu"),
    **_activation(nn.GELU, "gelu", Spelling("approximate", "approximate")),
    **_activation(nn.SiLU, "silu"),
    **_activation(nn.Mish, "mish"),
    **_activation(nn.Sigmoid, "sigmoid"),
    **_activation(nn.LogSigmoid, "log_sigmoid"),
    **_activation(nn.Hardsigmoid, "hard_sigmoid", _HARD_SLOPE),
    **_activation(nn.Hardswish, "hard_silu", _HARD_SLOPE),
    **_activation(nn.Hardtanh, "hard_tanh", Spelling("lower", "min_val"), Spelling("upper", "max_val")),
    **_activation(nn.Tanh, "tanh"),
    **_activation(
        nn.Softplus,
        "softplus",
        Spelling("beta", "beta"),
        Spelling("linear above", "threshold", common=lambda own: min(own, _LIMIT), neutral=_LIMIT),
    ),
    **_activation(nn.Softsign, "softsign"),
    **_activation(nn.Softshrink, "soft_shrink", Spelling("threshold", "lambd")),
    **_activation(nn.Hardshrink, "hard_shrink", Spelling("threshold", "lambd")),
    **_activation(nn.Tanhshrink, "tanh_shrink"),
    **_activation(nn.Threshold, "threshold", Spelling("threshold", "threshold"), Spelling("below", "value")),
    **_activation(nn.GLU, "glu", _AXIS),
    **_activation(nn.Softmax, "softmax", _AXIS),
    **_activation(nn.Softmax2d, "softmax", constant("axis", 1, "over axis 1", remark=True)),
    **_activation(nn.LogSoftmax, "log_softmax", _AXIS),
}
