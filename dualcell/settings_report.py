"""Matched parts -> `SettingsReport`: which settings differ, in plain values ready to be drawn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dualcell.counted import listed, plural
from dualcell.errors import OptionError
from dualcell.parts import Matched
from dualcell.settings import NONE_SUCH, Difference, Settings, compared, differences, not_compared


@dataclass(frozen=True)
class SettingsRow:
    """A setting that differs.

    Attributes:
        part: what the part is called; `left ~ right` if the sides call it by two names.
        difference: the setting, both values, the cause and what to write.
    """

    part: str
    difference: Difference


@dataclass(frozen=True)
class SettingsReport:
    """What a comparison of settings found.

    Attributes:
        labels: what the table calls the two sides.
        rows: the settings that differ.
        remarks: what is worth knowing, and no difference in settings.
        leftover: parts that have no partner.
        unread: parts whose settings dualcell does not read.
        compared: how many settings were compared.
        passed: nothing differs, nothing is left over, and something was compared.
        summary: the outcome in one sentence.
    """

    labels: tuple[str, str]
    rows: tuple[SettingsRow, ...]
    remarks: tuple[str, ...]
    leftover: tuple[str, ...]
    unread: tuple[str, ...]
    compared: int
    passed: bool
    summary: str


def build_settings_report(matched: Matched, labels: tuple[str, str]) -> SettingsReport:
    """Compare the parts that were matched.

    Raises:
        OptionError: no setting of any part could be compared.
    """
    found = [(part_name(*pair), one) for pair in matched.pairs for one in differences(*pair)]
    unknown = [(part_name(*pair), said) for pair in matched.pairs for said in not_compared(*pair)]
    rows = tuple(SettingsRow(part, one) for part, one in found if not one.remark)
    count = sum(len(compared(*pair)) for pair in matched.pairs) + sum(_on_one_side(row.difference) for row in rows)
    if not count and not rows:
        why = "; ".join((*matched.leftover, *matched.unread)) or "the two have no setting in common"
        raise OptionError(f"No setting could be compared: {why}. Name two layers, optimizers or losses of one kind.")
    summary = _summary(len(rows), count, len(matched.pairs), len(matched.leftover))
    return SettingsReport(
        labels=labels,
        rows=rows,
        remarks=_remarks(
            [(part, f"{one.kind}, {one.setting}: {one.left} | {one.right}") for part, one in found if one.remark]
            + [(part, f"not compared: {said}") for part, said in unknown]
        ),
        leftover=matched.leftover,
        unread=matched.unread,
        compared=count,
        passed=not rows and not matched.leftover,
        summary=summary,
    )


def part_name(left: Settings, right: Settings) -> str:
    """What a part is called."""
    return left.name if left.name == right.name else f"{left.name} ~ {right.name}"


def _on_one_side(one: Difference) -> bool:
    return NONE_SUCH in (one.left, one.right)


def _remarks(found: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """One sentence for all parts of which the same is true."""
    parts: dict[str, list[str]] = {}
    for part, said in found:
        parts.setdefault(said, []).append(part)
    return tuple(f"{said} ({listed(names, 1)})" for said, names in parts.items())


def _summary(rows: int, count: int, parts: int, leftover: int) -> str:
    what = f"{plural(count, 'setting')} of {plural(parts, 'part')}"
    said = f"{rows} of {what} {'differs' if rows == 1 else 'differ'}" if rows else f"{what} agree"
    return f"{said}; {plural(leftover, 'kind')} of parts without a partner" if leftover else said
