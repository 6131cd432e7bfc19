"""`compare_settings`: two layers, optimizers, losses or models -> `SettingsResult`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dualcell.frameworks.registry import layer_reader
from dualcell.parts import match
from dualcell.render.settings import render_settings_html, render_settings_text
from dualcell.settings import Difference
from dualcell.settings_report import SettingsReport, build_settings_report


class SettingsResult:
    """Which settings of two objects differ, as a table. Its truth value is `passed`.

    Attributes:
        report: everything that was found, in plain values.
    """

    def __init__(self, report: SettingsReport) -> None:
        self.report = report

    @property
    def passed(self) -> bool:
        """No setting differs, every part has a partner, and at least one setting was compared."""
        return self.report.passed

    @property
    def differences(self) -> tuple[tuple[str, Difference], ...]:
        """(part, difference) for each setting that differs."""
        return tuple((row.part, row.difference) for row in self.report.rows)

    def __bool__(self) -> bool:
        return self.passed

    def __repr__(self) -> str:
        return render_settings_text(self.report)

    def _repr_mimebundle_(self, **_: Any) -> Mapping[str, str]:
        return {"text/html": render_settings_html(self.report), "text/plain": render_settings_text(self.report)}


def compare_settings(left: Any, right: Any) -> SettingsResult:
    """Compare the settings of two layers, optimizers, losses, schedules, or models part by part.

    No tensor is looked at and nothing is run or built. Values are compared in common
    units: Keras' `momentum=0.99` is PyTorch's `momentum=0.01`. In models the first dense
    layer is compared with the first, and so on, if both sides have as many of that kind;
    what has no partner is said. An activation that a layer applies itself
    (`Dense(3, activation="relu")`) is a part of its own there.

    Args:
        left: an object of Keras or PyTorch.
        right: another one, of either.

    Returns:
        A `SettingsResult`, shown as a table with the line to change on each side.

    Raises:
        OptionError: a side is none of these, or no setting could be compared.

    Examples:
        >>> import torch
        >>> result = compare_settings(torch.nn.Dropout(0.2), torch.nn.Dropout(0.5))
        >>> result.passed, result.differences[0][1].left_fix
        (False, 'p=0.5')
    """
    labels = _labels(left, right)
    return SettingsResult(build_settings_report(match(left, right, labels), labels))


def _labels(left: Any, right: Any) -> tuple[str, str]:
    """The frameworks, if they tell the sides apart."""
    readers = [layer_reader(value) for value in (left, right)]
    one, other = (reader.library(value) if reader else "" for reader, value in zip(readers, (left, right), strict=True))
    return (one, other) if one != other and one and other else ("left", "right")
