"""What the fences of a running cell call: check, running, again, enter, show, finish.

The calls stand in the user's own code (`dualcell.fences` put them there), so none of
them may leave a frame in a traceback: usage errors become IPython's `UsageError`.
"""

from __future__ import annotations

import linecache
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from IPython.core.getipython import get_ipython
from IPython.display import display
from IPython.utils.capture import capture_output

from dualcell.blocks import read_cell
from dualcell.errors import DualMismatch
from dualcell.fences import unpack
from dualcell.result import DualResult
from dualcell.turns import Turns
from dualcell.usage import defaults, usage

_sessions: list[Turns] = []  # the running one is last; a nested cell adds one


@usage
def check(spec: tuple[Any, ...]) -> None:
    """Refuse a cell that cannot work, before any of it runs."""
    _turns(spec)


class running:  # noqa: N801 - reads as a statement in the woven cell
    """`with running(spec):` stands around a run; an error in it shows what came before."""

    def __init__(self, spec: tuple[Any, ...]) -> None:
        self.spec = spec

    @usage
    def __enter__(self) -> None:
        __tracebackhide__ = True
        turns = _turns(self.spec)
        turns.first.place = _cell_id() or turns.first.likeness
        _sessions.append(turns)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> bool:
        if error is None:
            return False
        turns = _sessions[-1]
        if turns.fail(error):
            _store(turns)
            return True
        _sessions.pop()
        if len(turns.first.result):
            display(turns.first.result)
        return False


@usage
def again() -> bool:
    """Whether the cell is to be run (once more); when it is not, the result is there."""
    turns = _sessions[-1]
    if turns.again():
        return True
    _store(turns)
    return False


def _store(turns: Turns) -> None:
    if turns.cell.options.out:
        _shell().user_ns[turns.cell.options.out] = turns.first.result


@usage
def enter(index: int) -> None:
    """Start block `index`."""
    _sessions[-1].open(index)


def show(value: Any, silenced: bool) -> Any:
    """A block's last expression: note it, and show it unless a `;` follows."""
    _sessions[-1].current.show(value)
    shell = _shell()
    if not silenced and shell.ast_node_interactivity.startswith("last"):
        # the display hook looks at the end of the whole cell for its `;`
        if value is not None and shell.displayhook.quiet():
            display(value)
        else:
            sys.displayhook(value)
    return value


def is_refused() -> bool:
    """Whether `--strict` turns the result into an error."""
    turns = _sessions[-1]
    return turns.cell.options.strict and not turns.first.result.passed


def mismatch() -> DualMismatch:
    """The error `--strict` raises in the user's cell; the table is shown before it."""
    result = _sessions.pop().first.result
    display(result)
    return DualMismatch(f"--strict: {result.report.summary}", result)


def finish(shown: str) -> DualResult | None:
    """Hand over the result.

    Args:
        shown: `hook` if the display hook will show the returned value, `always` if a `;`
            at the end of the cell must not silence it, `display` if more code follows,
            `none` if the value is assigned, `silent` if the user silenced it.
    """
    result = _sessions.pop().first.result
    if shown == "silent":
        return None
    if shown == "display" or (shown == "always" and _shell().displayhook.quiet()):
        display(result)
    return result


def _shell() -> Any:
    """The running shell; a woven cell has one."""
    return get_ipython()


def _cell_id() -> str | None:
    """What the front end calls the cell that runs; JupyterLab, Notebook 7 and VS Code say so."""
    parent = getattr(_shell(), "get_parent", dict)()
    found = parent.get("metadata", {}).get("cellId")
    return found if isinstance(found, str) else None


def _turns(spec: tuple[Any, ...]) -> Turns:
    return Turns(read_cell(unpack(spec), defaults[-1]()), _shell().user_ns, _quiet)


@contextmanager
def _quiet() -> Generator[None]:
    """Keep what a cell prints, shows and draws from the user."""
    drawn = _figures()
    with capture_output():
        try:
            yield
        finally:
            for number in _figures() - drawn:
                sys.modules["matplotlib.pyplot"].close(number)


def _figures() -> set[int]:
    """The open figures; those that are left open at the end of a cell are shown."""
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    return set(pyplot.get_fignums()) if pyplot is not None else set()


def show_visible_source(transformed: str, visible: str) -> None:
    """Let tracebacks quote the cell's headers as the user sees them, not as they were rewritten.

    The text stays Python, for whoever parses it (AutoGraph does): of `%%dual` it makes a
    comment, and other magics stay as IPython rewrote them.
    """
    lines = [line + "\n" for line in transformed.splitlines()]
    seen = visible.splitlines()
    if len(lines) != len(seen):
        return
    shown = [line + "\n" if line.startswith("#") else now for line, now in zip(seen, lines, strict=True)]
    shown[0] = f"# {seen[0]}\n"
    for name, entry in list(linecache.cache.items()):
        if len(entry) == 4 and entry[2] == lines:
            linecache.cache[name] = (len(visible), None, shown, name)
            own = getattr(linecache, "_ipython_cache", None)  # IPython 7 restores its own entries
            if own is not None:
                own[name] = linecache.cache[name]
