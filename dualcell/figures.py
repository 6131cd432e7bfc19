"""matplotlib's open figures: those that a block leaves open are shown when it ends, others are kept from later runs."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from IPython.display import display


def open_figures() -> set[int]:
    """Their numbers; those that are left open at the end of a cell are shown then."""
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    return set(pyplot.get_fignums()) if pyplot is not None else set()


@contextmanager
def figures_aside() -> Generator[None]:
    """For a while no figure is open, so that nothing draws on one; afterwards those that were, and no other."""
    figures, waiting = _managers().copy(), [*_waiting()]
    _managers().clear()
    try:
        yield
    finally:
        try:
            for number in open_figures():
                sys.modules["matplotlib.pyplot"].close(number)
        finally:
            _managers().clear()
            _managers().update(figures)
            _waiting()[:] = waiting


def _managers() -> dict[int, Any]:
    """What matplotlib holds of open figures, the current one last."""
    helpers: Any = sys.modules.get("matplotlib._pylab_helpers")
    return helpers.Gcf.figs if helpers is not None else {}


def _waiting() -> list[Any]:
    """The figures that the inline backend will draw if it is told not to close them."""
    inline: Any = sys.modules.get("matplotlib_inline.backend_inline")
    return inline.show._to_draw if inline is not None else []  # noqa: SLF001


def show_new(before: set[int]) -> None:
    """Show the figures that were not open `before`, as the inline backend does at the end of a cell.

    One that other lines have opened stays as it is: the blocks may draw on it in turn.
    """
    inline: Any = sys.modules.get("matplotlib_inline.backend_inline")
    new = sorted(open_figures() - before)
    if inline is None or not new or not _is_inline():
        return
    for number in new:
        figure = _managers()[number].canvas.figure
        display(figure, metadata=_ground(inline, figure))
        if inline.InlineBackend.instance().close_figures:
            sys.modules["matplotlib.pyplot"].close(number)
        elif figure in _waiting():  # the backend would show it again
            _waiting().remove(figure)


def _is_inline() -> bool:
    return "inline" in sys.modules["matplotlib"].get_backend().lower()


def _ground(inline: Any, figure: Any) -> Any:
    """What the backend says of a figure without a background of its own."""
    said = getattr(inline, "_fetch_figure_metadata", None)
    return said(figure) if said is not None else None
