"""What the fences of a running cell call: check, running, again, enter, show, finish.

The calls stand in the user's own code (`dualcell.fences` put them there), so none of
them may leave a frame in a traceback: usage errors become IPython's `UsageError`.
"""

from __future__ import annotations

import linecache
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from IPython.core.getipython import get_ipython
from IPython.display import display
from IPython.utils.capture import capture_output

from dualcell.blocks import read_cell
from dualcell.errors import DualMismatch, in_a_line
from dualcell.fences import unpack
from dualcell.figures import figures_aside
from dualcell.live import Live, last_view
from dualcell.outlet import can_be_led
from dualcell.places import Places
from dualcell.render.cell import running_html
from dualcell.render.text import one_line
from dualcell.result import DualResult
from dualcell.turns import Turns
from dualcell.usage import defaults, usage

_sessions: list[_Cell] = []  # the running one is last; a nested cell adds one
_places = Places()


class _Cell:
    """A cell that runs: its turns, and the output that shows them, if it has one."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.layout = _layout(turns.cell.options.layout, _shell())
        self.live: Live | None = None
        self.stopped = self.has_ended = False
        self.trouble = ""  # why the lanes cannot be shown
        if self.layout != "plain" and self.layout != "headed":
            labels = turns.first.labels
            self.live = Live(_shell(), labels, self.layout == "stacked", turns.first.on_both_sides)
            if turns.cell.options.code and turns.first.code is not None:
                self.live.above = running_html(turns.first.code, labels)

    def open(self, index: int) -> None:
        """Before block `index`."""
        turns = self.turns
        turns.current.close()  # first, as a block's time ends before its figures are drawn
        if self.live is not None and turns.is_first:
            self.live.close()
        turns.open(index)
        if self.live is not None and turns.is_first:
            self.live.open(turns.cell.blocks[index])
        elif self.layout == "headed" and turns.is_first:
            before = "\n" if index or turns.cell.above else ""  # what was printed there may have no end of its line
            print(before + _rule(turns.first.labels[index]))

    def close_blocks(self, note: str = "") -> None:
        """After the second block."""
        if self.live is not None and self.turns.is_first:
            self.turns.current.close()
            self.live.close(note)
        elif self.live is not None:
            self.live.say(note)

    def keep_lanes(self) -> None:
        """Put what the lanes hold into the result."""
        result = self.turns.first.result
        try:
            if self.live is not None and self.live.has_content:
                lanes = self.live.lanes(result.report, self.stopped)
                result.report = replace(result.report, lanes=lanes, layout=self.layout)
        except Exception as error:  # whatever a block has shown, its result is there
            self._drop_lanes(error)

    def _drop_lanes(self, error: Exception) -> None:
        """Do without the lanes, and say so."""
        self.trouble = f"what the blocks printed and showed cannot be shown: {in_a_line(error)}"
        result = self.turns.first.result
        result.report = replace(result.report, lanes=None, notes=(*result.report.notes, self.trouble))

    def fail(self, error: BaseException) -> bool:
        """After an error in a run: put everything back; whether the error is none of the user's concern."""
        try:
            if self.live is not None:
                self.live.close()
        finally:
            goes_on = self.turns.fail(error)
        return goes_on

    def settle(self) -> bool:
        """Draw no more live views; whether the result has an output of theirs to go into."""
        if self.live is None:
            return False
        self.live.stop()
        return self.live.is_shown or self.turns.first.result.report.lanes is not None or bool(self.trouble)

    def draw(self) -> None:
        """Show the result now."""
        result = self.turns.first.result
        if self.live is None or not self.settle():
            display(result)
            return
        try:
            self.live.end(result.bundle())
        except Exception as error:
            self._drop_lanes(error)
            self.live.end(result.bundle())

    def draw_lanes(self) -> None:
        """Show what the lanes hold, and no result."""
        if self.live is None or not self.settle():
            return
        report = self.turns.first.result.report
        try:
            lanes = report.lanes or self.live.lanes(report, self.stopped)
            self.live.end(last_view(lanes, self.layout == "stacked"))
        except Exception as error:
            self._drop_lanes(error)
            self.live.end(({"text/plain": self.trouble}, {}))


def _layout(asked: str | None, shell: Any) -> str:
    """`lanes`, `stacked`, `plain`, or `headed`: a line above each block, all that a terminal can."""
    if asked == "plain" or _sessions:  # a cell inside a block prints into that block's lane
        return "plain"
    if can_be_led(shell):
        return asked or "lanes"
    return "plain" if getattr(shell, "kernel", None) is not None else "headed"


def _rule(label: str) -> str:
    """A line that names the block that follows."""
    line = f"\u2500\u2500 {one_line(label)} \u2500\u2500"
    try:
        line.encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except UnicodeEncodeError:
        return f"-- {one_line(label).encode('ascii', 'backslashreplace').decode()} --"
    return line


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
        while _sessions and _sessions[-1].has_ended:  # Ctrl-C came before its result was shown
            _sessions.pop()
        turns = _turns(self.spec)
        turns.first.places = _places.next(_shell(), turns.first.likeness)
        _sessions.append(_Cell(turns))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> bool:
        if error is None:
            return False
        cell = _sessions.pop()
        try:
            return _failed(cell, error)
        except BaseException:
            if cell.live is not None:
                cell.live.stop()
            raise


def _failed(cell: _Cell, error: BaseException) -> bool:
    """Show what came before an error, unless it is none of the user's concern; whether it is none."""
    if cell.fail(error):
        _sessions.append(cell)
        _store(cell)
        return True
    cell.stopped = cell.turns.is_first
    cell.keep_lanes()
    if len(cell.turns.first.result):
        cell.draw()
    else:
        cell.draw_lanes()
    return False


@usage
def again() -> bool:
    """Whether the cell is to be run (once more); when it is not, the result is there."""
    cell = _sessions[-1]
    cell.close_blocks(cell.turns.outlook)
    if cell.turns.again():
        return True
    _store(cell)
    return False


def _store(cell: _Cell) -> None:
    """The run has ended: its result is there, and no more live views are."""
    cell.has_ended = True
    if cell.live is not None:
        cell.live.stop()
    cell.keep_lanes()
    if cell.turns.cell.options.out:
        _shell().user_ns[cell.turns.cell.options.out] = cell.turns.first.result


@usage
def enter(index: int) -> None:
    """Start block `index`."""
    _sessions[-1].open(index)


def show(value: Any, silenced: bool) -> Any:
    """A block's last expression: note it, and show it unless a `;` follows."""
    _sessions[-1].turns.current.show(value)
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
    turns = _sessions[-1].turns
    return turns.cell.options.strict and not turns.first.result.passed


def mismatch() -> DualMismatch:
    """The error `--strict` raises in the user's cell; the table is shown before it."""
    cell = _sessions.pop()
    result = cell.turns.first.result
    cell.draw()
    return DualMismatch(f"--strict: {result.report.summary}", result)


def finish(shown: str) -> DualResult | None:
    """Hand over the result.

    Args:
        shown: `hook` if the display hook will show the returned value, `always` if a `;`
            at the end of the cell must not silence it, `display` if more code follows,
            `none` if the value is assigned, `silent` if the user silenced it.
    """
    cell = _sessions.pop()
    result, shell = cell.turns.first.result, _shell()
    quiet = shell.displayhook.quiet()
    if shown in ("silent", "none") or (shown == "hook" and quiet):
        cell.draw_lanes()
        return None if shown == "silent" else result
    if shown == "display" or (shown == "always" and quiet):
        cell.draw()
    elif cell.settle():  # which is lost if the value is never shown
        cell.draw()
        count = shell.execution_count
        result.drawn(lambda: shell.execution_count == count)
    return result


def _shell() -> Any:
    """The running shell; a woven cell has one."""
    return get_ipython()


def _turns(spec: tuple[Any, ...]) -> Turns:
    return Turns(read_cell(unpack(spec), defaults[-1]()), _shell().user_ns, _quiet)


@contextmanager
def _quiet() -> Generator[None]:
    """Keep what a cell prints, shows and draws from the user."""
    with capture_output(), figures_aside():
        yield


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
