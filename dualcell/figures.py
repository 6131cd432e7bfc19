"""matplotlib's open figures: those that a block leaves open are shown when it ends."""

from __future__ import annotations

import sys
from typing import Any

from IPython.display import display


def open_figures() -> set[int]:
    """Their numbers; those that are left open at the end of a cell are shown then."""
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    return set(pyplot.get_fignums()) if pyplot is not None else set()


def close_new(before: set[int]) -> None:
    """Close the figures that were not open `before`, unseen."""
    for number in open_figures() - before:
        sys.modules["matplotlib.pyplot"].close(number)


def show_new(before: set[int]) -> None:
    """Show the figures that were not open `before`, as the inline backend does at the end of a cell.

    One that other lines have opened stays as it is: the blocks may draw on it in turn.
    """
    inline: Any = sys.modules.get("matplotlib_inline.backend_inline")
    new = sorted(open_figures() - before)
    if inline is None or not new or not _is_inline():
        return
    managers: dict[int, Any] = sys.modules["matplotlib._pylab_helpers"].Gcf.figs
    for number in new:
        figure = managers[number].canvas.figure
        display(figure, metadata=_ground(inline, figure))
        if inline.InlineBackend.instance().close_figures:
            sys.modules["matplotlib.pyplot"].close(number)
        elif figure in inline.show._to_draw:  # noqa: SLF001 - the backend would show it again
            inline.show._to_draw.remove(figure)  # noqa: SLF001


def _is_inline() -> bool:
    return "inline" in sys.modules["matplotlib"].get_backend().lower()


def _ground(inline: Any, figure: Any) -> Any:
    """What the backend says of a figure without a background of its own."""
    said = getattr(inline, "_fetch_figure_metadata", None)
    return said(figure) if said is not None else None
