"""What the layers, optimizers and losses of a cell's blocks say about rows that failed.

Nothing is looked at while all rows pass. A difference in settings is a fact; a cause it
is only where the tensors say the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dualcell.counted import listed

if TYPE_CHECKING:
    from dualcell.cause import Finding
    from dualcell.settings import Difference

Findings = dict[str, "tuple[Finding, ...]"]
_MOST = 8  # settings that the note lists
_KERAS = {"keras", "tf_keras"}


def objects_of(names: Iterable[str], namespace: Mapping[str, Any]) -> dict[str, Any]:
    """What the names of a block stand for when it has run; the other block may bind them anew."""
    return {name: namespace[name] for name in names if name in namespace}


def with_settings(
    findings: Findings, objects: tuple[Mapping[str, Any], Mapping[str, Any]], frameworks: tuple[str, str]
) -> tuple[Findings, tuple[str, ...]]:
    """Add to findings what the settings of the blocks' layers say, and rank first what they say too.

    Args:
        findings: row name -> why it failed.
        objects: of each side, what its block's names stand for.
        frameworks: what the two sides are written in.

    Returns:
        The findings, and sentences for the settings that differ and that no finding is about.
    """
    try:
        differing = _differing(objects, frameworks)
    except Exception as error:  # an object that cannot be read must not cost the result
        return findings, (f"settings were not compared: {type(error).__name__}: {error}",)
    if not differing:
        return findings, ()
    told = {row: tuple(_told(finding, differing) for finding in found) for row, found in findings.items()}
    ranked = {row: tuple(sorted(found, key=lambda one: _SAYS not in one.evidence)) for row, found in told.items()}
    said = {one.line for found in ranked.values() for finding in found for one in _fitting(finding, differing)}
    unexplained = not all(findings.values())
    rest = [one.line for one in differing if one.line not in said and one.is_worth_saying(unexplained)]
    return ranked, (_note(rest, unexplained),) if rest else ()


@dataclass(frozen=True)
class _Differing:
    """A setting that a layer of each side has, and that differs.

    Attributes:
        left: what the left side's layer is called.
        right: what the right side's is called.
        difference: the setting, and what to write.
    """

    left: str
    right: str
    difference: Difference

    @property
    def line(self) -> str:
        """`norm ~ bn: epsilon=0.001 against eps=1e-05`."""
        name = self.left if self.left == self.right else f"{self.left} ~ {self.right}"
        return f"{name}: {self.difference.left} against {self.difference.right}"

    @property
    def is_mode(self) -> bool:
        """Whether one side trains and the other may not: a remark, for Keras is told so where it is called."""
        return self.difference.setting == "mode"

    def is_worth_saying(self, unexplained: bool) -> bool:
        """Whether it is a fault where no row shows it; `unexplained` if a row has no known cause."""
        return not self.difference.remark or (unexplained and self.is_mode)

    def is_about(self, causes: Iterable[str]) -> bool:
        """Whether its own cause is one of these; else they are only what tensors may show of it."""
        return self.difference.cause in causes

    def fixes(self) -> tuple[str, str]:
        """`norm: epsilon=1e-05` and `bn: eps=0.001`; empty where nothing can be written."""
        lines = (self.left, self.difference.left_fix), (self.right, self.difference.right_fix)
        left, right = (f"{name}: {line}" if line else "" for name, line in lines)
        return left, right


def _differing(
    objects: tuple[Mapping[str, Any], Mapping[str, Any]], frameworks: tuple[str, str]
) -> tuple[_Differing, ...]:
    from dualcell.parts import match_named  # deferred: mostly nothing fails
    from dualcell.settings import differences

    left, right = (_own(named, framework) for named, framework in zip(objects, frameworks, strict=True))
    if not left or not right:
        return ()
    pairs = match_named(left, right).pairs
    return tuple(_Differing(one.name, other.name, each) for one, other in pairs for each in differences(one, other))


def _own(named: Mapping[str, Any], framework: str) -> dict[str, Any]:
    """Those that are objects of the block's own framework, and the optimizers of models that were compiled."""
    from dualcell.frameworks.registry import layer_reader

    own = _KERAS if framework in (*_KERAS, "tensorflow", "jax") else {framework}
    inner = {
        f"{name}.optimizer": getattr(value, "optimizer", None) for name, value in named.items() if layer_reader(value)
    }
    named = {**named, **{name: value for name, value in inner.items() if value is not None}}
    readers = {name: layer_reader(value) for name, value in named.items()}
    return {name: named[name] for name, reader in readers.items() if reader and reader.library(named[name]) in own}


_SAYS = "; and the layers say it: "
_CITED = 2  # settings that a finding cites
# what a layer hands out is right, and stands otherwise: the line that moves it stays
_MOVED = {"axes-permuted", "flatten-order", "axis-reversed", "index-kept", "reduction"}


def _told(finding: Finding, differing: tuple[_Differing, ...]) -> Finding:
    """The finding, with the settings that say the same, and their lines for those that only make up for them."""
    fitting = _fitting(finding, differing)
    if not fitting:
        return finding
    cited = listed([one.line for one in fitting], _CITED, ";")
    told = replace(finding, evidence=finding.evidence + _SAYS + cited)
    fixes = [[one.fixes()[side] for one in fitting if one.fixes()[side]] for side in (0, 1)]
    first, *others = finding.causes
    stays = others or first in _MOVED or not fitting[0].is_about(finding.causes)
    if stays or not any(fixes):
        return told
    left, right = (listed(lines, _CITED, ";") for lines in fixes)
    return replace(told, left_fix=left, right_fix=right, both=False)


def _fitting(finding: Finding, differing: tuple[_Differing, ...]) -> list[_Differing]:
    """The settings that say the same as a finding: those it is about, else those it may be seen as."""
    from dualcell.causes.settings import seen_as

    fitting = [
        one for one in differing
        if set(seen_as(one.difference.kind, one.difference.setting)) & set(finding.causes)
    ]  # fmt: skip
    return [one for one in fitting if one.is_about(finding.causes)] or fitting


def _note(lines: list[str], unexplained: bool) -> str:
    what = "settings that differ, and may be why" if unexplained else "settings that differ too"
    return f"{what}: {listed(lines, _MOST, ';')}; dualcell.compare_settings gives the lines to change"
