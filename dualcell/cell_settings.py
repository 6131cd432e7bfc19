"""What the layers, optimizers and losses of a cell's blocks say about rows that failed.

Nothing is looked at while all rows pass. A difference in settings is a fact; a cause it
is only where the tensors say the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

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
    said = {line for found in ranked.values() for one in found for line in _cited(one, differing)}
    rest = [line for line, one in differing.items() if line not in said and not one.remark]
    return ranked, (_note(rest),) if rest else ()


def _differing(
    objects: tuple[Mapping[str, Any], Mapping[str, Any]], frameworks: tuple[str, str]
) -> dict[str, Difference]:
    """`norm ~ bn: epsilon=0.001 against eps=1e-05` -> the difference."""
    from dualcell.parts import match_named  # deferred: mostly nothing fails
    from dualcell.settings import differences
    from dualcell.settings_report import part_name

    left, right = (_own(named, framework) for named, framework in zip(objects, frameworks, strict=True))
    if not left or not right:
        return {}
    return {
        f"{part_name(*pair)}: {one.left} against {one.right}": one
        for pair in match_named(left, right).pairs
        for one in differences(*pair)
    }


def _own(named: Mapping[str, Any], framework: str) -> dict[str, Any]:
    """Those that are objects of the block's own framework."""
    from dualcell.frameworks.registry import layer_reader

    own = _KERAS if framework in (*_KERAS, "tensorflow", "jax") else {framework}
    readers = {name: layer_reader(value) for name, value in named.items()}
    return {name: named[name] for name, reader in readers.items() if reader and reader.library(named[name]) in own}


_SAYS = "; and the layers say it: "


def _told(finding: Finding, differing: Mapping[str, Difference]) -> Finding:
    """The finding, with the settings that say the same."""
    lines = _fitting(finding, differing)
    return replace(finding, evidence=finding.evidence + _SAYS + "; ".join(lines[:2])) if lines else finding


def _fitting(finding: Finding, differing: Mapping[str, Difference]) -> list[str]:
    from dualcell.causes.settings import seen_as

    return [line for line, one in differing.items() if set(seen_as(one.kind, one.setting)) & set(finding.causes)]


def _cited(finding: Finding, differing: Mapping[str, Difference]) -> list[str]:
    return _fitting(finding, differing)[:2]


def _note(lines: list[str]) -> str:
    more = f"; and {len(lines) - _MOST} more, see dualcell.compare_settings" if len(lines) > _MOST else ""
    return f"settings that differ, which no row shows to be its cause: {'; '.join(lines[:_MOST])}{more}"
