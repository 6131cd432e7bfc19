"""The settings of a layer, optimizer or loss in one vocabulary -> `Difference`s of two of them.

A reader of a framework (`frameworks/torch_settings.py`, `frameworks/keras_settings.py`)
makes a `Settings` of an object; `differences` compares two, whatever they are of.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from dualcell.causes.settings import cause_of
from dualcell.padding import Edges, Padding

CLOSE = 1e-6  # relative: Keras keeps learning rates in float32


@dataclass(frozen=True)
class Setting:
    """One setting of one object.

    Attributes:
        value: in common units, comparable with that of any framework.
        said: as its framework spells it, as in `momentum=0.99`.
        write: a common value -> the line that would give this object that value; empty
            if there is none.
        remark: whether no difference in it can be held against the object: the framework
            always does it so, or the object does not say what is done with it.
    """

    value: Any
    said: str
    write: Callable[[Any], str] = lambda value: ""
    remark: bool = False


@dataclass(frozen=True)
class Settings:
    """What one layer, optimizer or loss is set to.

    Attributes:
        kind: what it is, in common words (`dense`, `batch normalization`, `adam`).
        name: what it is called: its path in a model, or its class.
        framework: whose it is.
        settings: common name of each setting (`epsilon`) -> the setting.
    """

    kind: str
    name: str
    framework: str
    settings: Mapping[str, Setting]

    @property
    def values(self) -> dict[str, Any]:
        """Common name -> comparable value."""
        return {name: setting.value for name, setting in self.settings.items()}


@dataclass(frozen=True)
class Difference:
    """A setting that two objects do not share.

    Attributes:
        kind: what both objects are; `a | b` if they are two things.
        setting: its common name; `kind` if they are two things.
        left: the left value, as its framework spells it.
        right: the right value, as its framework spells it.
        cause: the name of the cause in the catalogue that it is.
        left_fix: what to write on the left side for the right side's value; may be empty.
        right_fix: what to write on the right side for the left side's value; may be empty.
        remark: whether it is only worth knowing: no setting of these objects changes it,
            or they do not show whether it matters.
    """

    kind: str
    setting: str
    left: str
    right: str
    cause: str
    left_fix: str = ""
    right_fix: str = ""
    remark: bool = False


def differences(left: Settings, right: Settings) -> tuple[Difference, ...]:
    """The settings that both sides have and that differ, in the left side's order; remarks last.

    Args:
        left: one object.
        right: another one, of the same framework or not.

    Returns:
        Empty if nothing differs; one `Difference` of `kind` if they are two things.

    Examples:
        >>> keras = Settings("dropout", "drop", "keras", {"rate": Setting(0.3, "rate=0.3", "rate={}".format)})
        >>> torch = Settings("dropout", "drop", "torch", {"rate": Setting(0.5, "p=0.5", "p={}".format)})
        >>> [(one.left, one.right, one.left_fix) for one in differences(keras, torch)]
        [('rate=0.3', 'p=0.5', 'rate=0.5')]
    """
    if left.kind != right.kind and not _may_be_compared(left, right):
        kinds = f"{left.kind} | {right.kind}"
        return (Difference(kinds, "kind", left.kind, right.kind, cause_of(left.kind, "kind")),)
    found = [
        _difference(left.kind, name, one, right.settings[name])
        for name, one in left.settings.items()
        if name in right.settings and not same(one.value, right.settings[name].value)
    ]
    return tuple(sorted(found, key=lambda one: one.remark))


def compared(left: Settings, right: Settings) -> tuple[str, ...]:
    """The settings that both have, and that are no mere remarks."""
    both = (name for name in left.settings if name in right.settings)
    return tuple(name for name in both if not (left.settings[name].remark or right.settings[name].remark))


def same(one: Any, other: Any) -> bool:
    """Whether two values in common units are the same, but for float32 rounding.

    Examples:
        >>> same(0.001, 0.0010000000474974513), same((1, 1), (1, 2)), same(1e-3, None)
        (True, False, False)
    """
    if isinstance(one, Padding) and isinstance(other, Padding):
        return one.agrees(other)
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=CLOSE)
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def unfused(settings: Settings) -> tuple[Settings, ...]:
    """A layer and, after it, the activation that it applies itself: two modules in another framework."""
    fused = settings.settings.get("activation")
    if fused is None or settings.kind in RECURRENT:
        return (settings,)
    rest = {name: one for name, one in settings.settings.items() if not name.startswith("activation")}
    bare = replace(settings, settings=rest)
    if fused.value == "linear":
        return (bare,)
    inner = {"function": replace(fused, remark=False)}
    inner |= {
        name.removeprefix("activation "): one
        for name, one in settings.settings.items()
        if name.startswith("activation ")
    }
    return bare, Settings("activation", f"{settings.name} ({fused.value})", settings.framework, inner)


def padded(layer: Settings, convolution: Settings) -> Settings | None:
    """A convolution with the zeros that a layer before it adds; None if the two are something else."""
    edges: Edges = layer.values.get("padding", ())
    inner = convolution.values.get("padding")
    if layer.values.get("padding mode") != "zeros" or not isinstance(inner, Padding) or inner.edges is None:
        return None
    if "convolution" not in convolution.kind or len(edges) != len(inner.edges):
        return None
    pairs = zip(edges, inner.edges, strict=True)
    both = Padding(inner.windows, inner.strides, tuple((one[0] + two[0], one[1] + two[1]) for one, two in pairs))
    own = convolution.settings["padding"]
    said = f"{own.said}, after {layer.settings['padding'].said}"
    return replace(convolution, settings={**convolution.settings, "padding": replace(own, value=both, said=said)})


RECURRENT = ("lstm", "gru", "simple rnn")  # their activations lie inside


def _may_be_compared(left: Settings, right: Settings) -> bool:
    """Whether two kinds differ by a setting only: a depthwise convolution is one of as many groups as channels."""
    kinds = {left.kind, right.kind}
    return kinds <= {"convolution", "depthwise convolution"} and all("groups" in one.settings for one in (left, right))


def _difference(kind: str, name: str, left: Setting, right: Setting) -> Difference:
    return Difference(
        kind=kind,
        setting=name,
        left=left.said,
        right=right.said,
        cause=cause_of(kind, name),
        left_fix=left.write(right.value),
        right_fix=right.write(left.value),
        remark=left.remark or right.remark,
    )
