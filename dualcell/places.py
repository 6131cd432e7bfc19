"""Which run of which cell begins -> what its last run is looked up by: `Places`."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any


class Places:
    """Counts the runs of each cell as it is executed; those in cells that a block runs are further ones."""

    def __init__(self) -> None:
        self._executed: Hashable = None
        self._runs = 0

    def next(self, shell: Any, likeness: Iterable[Hashable]) -> tuple[tuple[int, Hashable], ...]:
        """The run that begins now: its number in its cell, with the cell's id or else each of `likeness`.

        Args:
            shell: the running one; JupyterLab, Notebook 7 and VS Code tell it which cell it runs.
            likeness: what tells the cell from others where it has no id.
        """
        parent = getattr(shell, "get_parent", dict)()
        executed = parent.get("header", {}).get("msg_id", shell.execution_count)
        if executed != self._executed:
            self._executed, self._runs = executed, 0
        number = self._runs
        self._runs += 1
        cell = parent.get("metadata", {}).get("cellId")
        return tuple((number, known) for known in ((cell,) if isinstance(cell, str) else likeness))
