"""Output widgets of ipywidgets that a cell has entered: `OutputWidgets`. Imports nothing of it."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class OutputWidgets:
    """All output widgets there are at the moment."""

    def __init__(self) -> None:
        self._known: tuple[Any, ...] = ()
        self._when: tuple[int, Any] = (0, None)  # how many widgets there were, and the newest

    def take(self, message: Any) -> bool:
        """Whether one is entered (`with output:`): front ends then put into it all that comes of this message."""
        return message is not None and any(one.msg_id == message for one in self._all())

    def _all(self) -> tuple[Any, ...]:
        kind: Any = vars(sys.modules.get("ipywidgets.widgets.widget_output", _NOTHING)).get("Output")
        if kind is None:  # not imported, or only just now
            return ()
        module: dict[str, Any] = vars(sys.modules["ipywidgets.widgets.widget"])
        made: dict[str, Any] = module["_instances"] if "_instances" in module else module["Widget"].widgets  # version 7
        when = len(made), next(reversed(made), None)
        if when != self._when:
            self._known = tuple(one for one in list(made.values()) if isinstance(one, kind))
            self._when = when
        return self._known


_NOTHING = ModuleType("nothing")
