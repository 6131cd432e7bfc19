"""Keras' normalizations in common words."""

from __future__ import annotations

from typing import Any

from dualcell.frameworks.keras_objects import LEARNED, built, built_shape, library, mode
from dualcell.frameworks.spelling import UNTOLD, Spelling, constant, plain, spelt, unwritable

_EPSILON = Spelling("epsilon", "epsilon")
_NORMALISED = (_EPSILON, Spelling("scale", "scale"), Spelling("center", "center"), *LEARNED)


def _axes(layer: Any) -> tuple[int, ...]:
    """The axes that are normalized over, counted from the last one if the layer says how many there are."""
    axes = tuple(layer.axis) if isinstance(layer.axis, list | tuple) else (layer.axis,)
    shape = built_shape(layer)
    return axes if shape is None else tuple(sorted(axis - len(shape) if axis >= 0 else axis for axis in axes))


_AXES = Spelling(
    "axes", "axis", _axes, shows=lambda layer: spelt("axis", plain(layer.axis)),
    back=lambda axes: axes if len(axes) > 1 else axes[0],
    remark=lambda axes: any(axis >= 0 for axis in axes),  # axis 1 may be the last one
)  # fmt: skip
LAYER_NORM = (*_NORMALISED, _AXES, Spelling("divides by the variance", "rms_scaling", neutral=False))
RMS_NORM = (_EPSILON, _AXES, constant("scale", True, "has a scale"), *LEARNED)


def _axis(layer: Any) -> str:
    axis = layer.axis[0] if isinstance(layer.axis, list | tuple) else layer.axis
    return "the last axis" if axis == -1 else f"axis {axis}"


def _variance(layer: Any) -> str:
    return "by the kind of input" if library(layer) == "tf_keras" else "n"


BATCH_NORM = (
    *_NORMALISED,
    Spelling("momentum", "momentum", back=lambda common: unwritable(common) if common == "cumulative" else common),
    Spelling("channels", "", lambda layer: built(layer, "moving_mean", 0), says=lambda size: f"{size} channels",
             back=unwritable),
    constant("running statistics", True, "keeps running statistics"),
    Spelling("variance", "", _variance, says=lambda by: f"running variance divided {'by n' if by == 'n' else by}",
             back=unwritable, remark=True),
    Spelling("axis", "axis", _axis, remark=True, shows=lambda layer: spelt("axis", plain(layer.axis)),
             line=lambda axis: "axis=1" if axis == "axis 1" else "axis=-1"),
    mode("trains"),
)  # fmt: skip


def _groups(layer: Any) -> Any:
    """Keras' -1 is a group for each channel."""
    size = built(layer, "gamma", 0)
    return "each channel" if layer.groups == -1 or (size is not UNTOLD and size == layer.groups) else layer.groups


GROUP_NORM = (
    *_NORMALISED,
    Spelling("channels", "", lambda layer: built(layer, "gamma", 0), says=lambda size: f"{size} channels",
             back=unwritable),
    Spelling("groups", "groups", _groups, shows=lambda layer: f"groups={layer.groups}",
             back=lambda groups: -1 if groups == "each channel" else groups),
    constant("running statistics", False, "no running statistics"),
)  # fmt: skip
