"""The settings of a layer, optimizer or loss in one vocabulary -> `Difference`s of two of them.

A reader of a framework (`frameworks/torch_settings.py`, `frameworks/keras_settings.py`)
makes a `Settings` of an object; `differences` compares two, whatever they are of.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from dualcell.causes.settings import cause_of
from dualcell.padding import Edges, Padding

CLOSE = 1e-6  # relative: Keras keeps learning rates in float32
UNKNOWN = object()  # where nobody knows which value does the same as no such setting
NONE_SUCH = "no such setting"


class ByGroup(tuple[Any, ...]):
    """The values of a setting for several groups of parameters, where they differ."""

    __slots__ = ()


@dataclass(frozen=True)
class Setting:
    """One setting of one object.

    Attributes:
        value: in common units, comparable with that of any framework.
        said: as its framework spells it, as in `momentum=0.99`.
        write: a common value, and all common values of the other object -> the line that
            would give this object that value; empty if there is none.
        remark: whether no difference in it can be held against the object: the framework
            always does it so, or the object does not say what is done with it.
        neutral: the common value that does the same as an object without such a setting.
    """

    value: Any
    said: str
    write: Callable[[Any, Mapping[str, Any]], str] = lambda value, wanted: ""
    remark: bool = False
    neutral: Any = UNKNOWN


@dataclass(frozen=True)
class Settings:
    """What one layer, optimizer or loss is set to.

    Attributes:
        kind: what it is, in common words (`dense`, `batch normalization`, `adam`).
        name: what it is called: its path in a model, or its class.
        framework: whose it is.
        settings: common name of each setting (`epsilon`) -> the setting.
        untold: common names of settings that it has and does not tell, or that change nothing here.
        unread: settings for which dualcell has no words, as its framework spells them.
    """

    kind: str
    name: str
    framework: str
    settings: Mapping[str, Setting]
    untold: frozenset[str] = frozenset()
    unread: tuple[str, ...] = ()

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
    """The settings that differ, in the left side's order; remarks last.

    A setting that one side alone has differs unless it is set to what the other one does anyway.

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
        _difference(left.kind, name, (one, other), (left, right))
        for name, one, other in _pairs(left, right)
        if not same(one.value, other.value)
    ]
    return tuple(sorted(found, key=lambda one: one.remark))


def compared(left: Settings, right: Settings) -> tuple[str, ...]:
    """The settings that both have, and that are no mere remarks."""
    both = (name for name in left.settings if name in right.settings)
    return tuple(name for name in both if not (left.settings[name].remark or right.settings[name].remark))


def not_compared(left: Settings, right: Settings) -> tuple[str, ...]:
    """What is set on one side, as its framework spells it, and nobody knows what the other side does instead.

    Examples:
        >>> one = Settings("dropout", "drop", "keras", {}, unread=("noise_shape=(None, 1)",))
        >>> not_compared(one, Settings("dropout", "drop", "torch", {})), not_compared(one, one)
        (('noise_shape=(None, 1)',), ())
    """
    if left.kind != right.kind and not _may_be_compared(left, right):
        return ()
    said: list[str] = []
    for one, other in ((left, right), (right, left)):
        said += [each.said for name, each in one.settings.items() if _is_alone(name, one, other, known=False)]
        said += [each for each in one.unread if each not in other.unread]
    return tuple(said)


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


def _pairs(left: Settings, right: Settings) -> Iterator[tuple[str, Setting, Setting]]:
    """(name, left setting, right setting); what the other side does stands for one that it has not."""
    for name, one in left.settings.items():
        if name in right.settings:
            yield name, one, right.settings[name]
        elif _is_alone(name, left, right, known=True):
            yield name, one, Setting(one.neutral, NONE_SUCH)
    for name, one in right.settings.items():
        if _is_alone(name, right, left, known=True):
            yield name, Setting(one.neutral, NONE_SUCH), one


def _is_alone(name: str, one: Settings, other: Settings, *, known: bool) -> bool:
    """Whether `other` has no such setting, and whether it is known what it does instead."""
    if name in other.settings or name in other.untold or (one.settings[name].neutral is not UNKNOWN) != known:
        return False
    of = next((of for of in ("recurrent activation", "activation") if name.startswith(f"{of} ")), "function")
    return same(one.values.get(of), other.values.get(of))  # what another function is set to says nothing


def _difference(kind: str, name: str, pair: tuple[Setting, Setting], of: tuple[Settings, Settings]) -> Difference:
    left, right = pair
    return Difference(
        kind=kind,
        setting=name,
        left=left.said,
        right=right.said,
        cause=cause_of(kind, name),
        left_fix=left.write(right.value, of[1].values),
        right_fix=right.write(left.value, of[0].values),
        remark=left.remark or right.remark,
    )
