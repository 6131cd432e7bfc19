"""PyTorch's normalizations in common words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from dualcell.frameworks.arguments import arguments_of
from dualcell.frameworks.spelling import UNTOLD, Spelling, constant, one_or_all, unwritable
from dualcell.frameworks.torch_objects import LEARNED, MODE

# --- scale and offset ---


def _has(name: str, twin: str, neutral: float) -> Callable[[Any], bool]:
    """Whether a module has a scale or an offset; one that alone is frozen at ones or zeros does nothing."""

    def own(module: Any) -> bool:
        part, other = getattr(module, name), getattr(module, twin, None)
        alone = part is not None and not part.requires_grad and other is not None and other.requires_grad
        return part is not None and not (alone and not part.is_meta and bool((part == neutral).all()))

    return own


def _line(word: str) -> Callable[[Any, Any, Mapping[str, Any]], str]:
    """What gives a module the other side's scale and offset, both at once: one keyword is for both."""

    def line(module: Any, _: Any, wanted: Mapping[str, Any]) -> str:
        scale, center = wanted["scale"], wanted.get("center", module.weight is not None)
        if not scale and not center:
            return f"{word}=False"
        given = [f"{word}=True"] if module.weight is None else []
        takes_bias = "bias" in arguments_of(type(module))
        if takes_bias and (not center or (module.weight is not None and module.bias is None)):
            given.append(f"bias={center}")
        frozen = [
            f"torch.nn.init.{fill}_(layer.{name}).requires_grad_(False)"
            for name, fill, stays in (("weight", "ones", scale), ("bias", "zeros", center or takes_bias))
            if not stays
        ]
        return ", then ".join([*([", ".join(given)] if given else []), *frozen])

    return line


def _scaled(word: str) -> tuple[Spelling, Spelling]:
    return _part(word, "scale", ("weight", "bias", 1)), _part(word, "center", ("bias", "weight", 0))


def _part(word: str, setting: str, names: tuple[str, str, float]) -> Spelling:
    own, name = _has(*names), names[0]

    def said(module: Any) -> str:
        """`affine=True`, or `bias=False` where only that says it."""
        if getattr(module, name) is None:
            return "bias=False" if module.weight is not None else f"{word}=False"
        return f"{word}=True" if own(module) else f"{name} frozen at {'ones' if name == 'weight' else 'zeros'}"

    return Spelling(setting, f"{word}, bias", own, lines=_line(word), shows=said)


# --- rows ---

_NORMALISED = (Spelling("epsilon", "eps"), *_scaled("affine"), *LEARNED)
_MOMENTUM = Spelling(
    "momentum", "momentum",
    common=lambda own: "cumulative" if own is None else 1 - own,
    back=lambda common: None if common == "cumulative" else 1 - common,
)  # fmt: skip
BATCH_NORM = (
    *_NORMALISED,
    Spelling("channels", "num_features"),
    Spelling("running statistics", "track_running_stats"),
    _MOMENTUM,
    constant("variance", "n - 1", "running variance divided by n - 1", remark=True),
    constant("axis", "axis 1", "normalises per index of axis 1", remark=True, line="permute to channels first"),
    MODE,
)


def _running_momentum(module: Any) -> Any:
    return module.momentum if module.track_running_stats else UNTOLD


def _group_norm(module: Any, groups: Any, _: Any) -> str:
    """Instance normalization has one group for each channel."""
    return f"torch.nn.GroupNorm({groups}, {module.num_features})"


INSTANCE_NORM = (
    *_NORMALISED,
    Spelling("channels", "num_features"),
    Spelling("groups", "num_features", lambda _: "each channel", says=lambda _: "one group for each channel",
             lines=_group_norm),
    Spelling("running statistics", "track_running_stats"),
    Spelling("momentum", "momentum", _running_momentum, _MOMENTUM.common, _MOMENTUM.back),
)  # fmt: skip


def _groups(module: Any) -> Any:
    return "each channel" if module.num_groups == module.num_channels else module.num_groups


def _groups_line(module: Any, groups: Any, _: Any) -> str:
    return f"num_groups={module.num_channels if groups == 'each channel' else groups}"


GROUP_NORM = (
    *_NORMALISED,
    Spelling("channels", "num_channels"),
    Spelling("groups", "num_groups", _groups, says=lambda groups: f"num_groups={groups}", lines=_groups_line),
    constant("running statistics", False, "no running statistics"),
)


def _axes_line(module: Any, axes: tuple[int, ...], _: Any) -> str:
    """PyTorch normalizes over the last axes."""
    last = tuple(range(-len(axes), 0))
    if axes == last:
        return f"normalized_shape=x.shape[-{len(axes)}:]"
    if len(axes) != len(module.normalized_shape):
        return ""
    moved = [one_or_all(one) if len(one) == 1 else one for one in (axes, last)]
    return f"x.movedim({moved[0]}, {moved[1]}) before it, and .movedim({moved[1]}, {moved[0]}) after it"


_AXES = Spelling("axes", "normalized_shape", lambda module: tuple(module.normalized_shape),
                 lambda shape: tuple(range(-len(shape), 0)), unwritable, lines=_axes_line)  # fmt: skip
LAYER_NORM = (Spelling("epsilon", "eps"), _AXES, *_scaled("elementwise_affine"), *LEARNED)


def _rms_epsilon(module: Any) -> float:
    weight = getattr(module, "weight", None)
    dtype = weight.dtype if weight is not None else torch.get_default_dtype()
    return module.eps if module.eps is not None else torch.finfo(dtype).eps


RMS_NORM = (
    Spelling("epsilon", "eps", _rms_epsilon),
    _AXES,
    Spelling("scale", "elementwise_affine", lambda module: module.weight is not None),
    *LEARNED,
)
