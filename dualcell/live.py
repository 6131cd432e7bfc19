"""One output that shows both lanes of a cell while it runs, and becomes its result: `Live`."""

from __future__ import annotations

import contextvars
import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from dualcell.blocks import Block
from dualcell.figures import open_figures, show_new
from dualcell.lanes import Lane, Progress, Shown
from dualcell.outlet import Outlet
from dualcell.peak import PeakMemory
from dualcell.recording import Recording
from dualcell.render.lanes import lanes_html, lanes_text, progress_html, progress_text
from dualcell.report import Report

FIRST_LOOK = 0.2  # seconds after which a cell that still runs is shown
INTERVAL = 0.4  # between two looks at what is new
SIGN_OF_LIFE = 1.0  # between two looks when nothing is new, and only the clock goes on
BYTES_PER_SECOND = 2_000_000  # of live views; large pictures come less often
MOST_LINES = 100  # of each text in a live view
MOST_CHARACTERS = 20_000  # likewise
MOST_PIECES = 50  # of each lane in a live view
MOST_PICTURES = 2_000_000  # characters of a lane's pictures and tables in a live view

Bundle = tuple[Mapping[str, Any], Mapping[str, Any]]  # data and metadata


class Live:
    """Both lanes of one cell, from the first block's begin to the result.

    Args:
        shell: a kernel's, whose output can be led into lanes.
        labels: what the blocks are called.
        stacked: one lane below the other.
        names: gives the captures that both sides have by now; asked from another thread.

    Attributes:
        above: HTML to stand above the lanes while the cell runs.
    """

    def __init__(
        self, shell: Any, labels: tuple[str, str], stacked: bool, names: Callable[[], tuple[str, ...]]
    ) -> None:
        self._shell = shell
        self._labels = labels
        self._stacked = stacked
        self._names = names
        self._recordings = (Recording(), Recording())
        self._devices = ["", ""]
        self._memory: list[PeakMemory] = []
        self._peaks: list[tuple[int | None, str]] = [(None, ""), (None, "")]
        self._figures: set[int] = set()
        self._threads = frozenset(threading.enumerate())
        self._spans: list[tuple[float, float | None]] = []  # begin and end of each block
        self._outlet: Outlet | None = None
        self._note = ""
        self._publish = shell.display_pub.publish
        self._context = contextvars.copy_context()  # ipykernel 7 keeps the cell's header there
        self._sending = threading.RLock()
        self._ended = threading.Event()
        self._ticker: threading.Thread | None = None
        self._display = {"display_id": f"dualcell-{os.urandom(8).hex()}"}
        self._drawn: Any = None
        self.is_shown = False
        self.above = ""

    # --- the blocks ---

    def open(self, block: Block) -> None:
        """The next block begins: its output goes into its lane."""
        index = len(self._spans)
        self._devices[index] = "" if block.options.device == "auto" else block.options.device
        self._memory.append(PeakMemory(block))
        self._figures = open_figures()
        self._spans.append((time.perf_counter(), None))
        self._note = ""
        others = {} if index == 0 else dict.fromkeys(self._new_threads(), self._recordings[0])
        self._outlet = Outlet(self._shell, self._recordings[:: 1 - 2 * index], self.show_now, others)
        self._outlet.open()
        if self._ticker is None:
            self._ticker = threading.Thread(target=self._tick, name="dualcell lanes", daemon=True)
            self._ticker.start()

    def _new_threads(self) -> list[threading.Thread]:
        """Those that the first block has started, and that go on."""
        return [thread for thread in threading.enumerate() if thread not in self._threads]

    def close(self, note: str = "") -> None:
        """The block has ended; `note` says what is done until the next one begins."""
        if self._outlet is None:
            return
        index = len(self._spans) - 1
        try:
            self._peaks[index] = self._memory[index].found()
            self._show_figures()
        finally:
            self._outlet.close()
            self._outlet = None
            self._spans[-1] = (self._spans[-1][0], time.perf_counter())
            self._note = note

    def _show_figures(self) -> None:
        try:
            show_new(self._figures)
        except Exception:  # as the inline backend does at the end of a cell
            self._shell.showtraceback()

    def say(self, note: str) -> None:
        """What is done at the moment, if it is not a block's work."""
        self._note = note

    @property
    def has_content(self) -> bool:
        """Whether a block has printed or shown anything that is in its lane."""
        return any(recording.shown(1) for recording in self._recordings)

    def lanes(self, report: Report, stopped: bool = False) -> tuple[Lane, Lane]:
        """What both blocks printed and showed, in a run that has ended.

        Args:
            report: says how long they ran, and where their tensors are.
            stopped: an error ended the newest block.
        """

        def lane(index: int) -> Lane:
            ran, last = index < len(self._spans), index == len(self._spans) - 1
            state = "not run" if not ran else "stopped" if stopped and last else "done"
            device = _devices(report, index) or self._devices[index]
            seconds = report.sides[index].seconds if ran else None
            return Lane(
                self._labels[index], self._recordings[index].shown(), seconds, device, *self._peaks[index], state
            )

        return lane(0), lane(1)

    # --- the output ---

    def show_now(self) -> None:
        """Make the output, if it is not there yet: what follows comes below it."""
        with self._sending:
            if not self.is_shown:
                self._refresh()

    def stop(self) -> None:
        """No more live views."""
        try:
            self.close()
        finally:
            self._ended.set()
        if self._ticker is not None:
            self._ticker.join()

    def end(self, bundle: Bundle) -> None:
        """Let the output be this from now on."""
        self.stop()
        self._send(*bundle)

    def _tick(self) -> None:
        pause = FIRST_LOOK
        while not self._ended.wait(pause):
            with self._sending:
                size = 0 if self._ended.is_set() else self._refresh()
            pause = max(INTERVAL, size / BYTES_PER_SECOND)

    def _refresh(self) -> int:
        """Show how things stand, if that is news; the size of what was sent. A view that fails costs nothing else."""
        try:
            return self._show()
        except Exception:
            return 0

    def _show(self) -> int:
        outlet = self._outlet
        if outlet is not None and outlet.is_taken:  # the view would go into the widget
            return 0
        progress = self._progress()
        changes = tuple(recording.changes for recording in self._recordings)
        state = changes, progress.names, progress.note, tuple(lane.state for lane in progress.lanes)
        now = time.perf_counter()
        if self._drawn is not None and self._drawn[0] == state and now - self._drawn[1] < SIGN_OF_LIFE:
            return 0
        page = self.above + progress_html(progress, stacked=self._stacked)
        self._context.run(self._send, {"text/html": page, "text/plain": progress_text(progress)}, {})
        self._drawn = state, now
        return len(page)

    def _send(self, data: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
        self._publish(dict(data), dict(metadata), transient=self._display, update=self.is_shown)
        self.is_shown = True

    def _progress(self) -> Progress:
        left, right = (self._lane(index) for index in (0, 1))
        return Progress((left, right), self._names(), self._note)

    def _lane(self, index: int) -> Lane:
        begin, end = self._spans[index] if index < len(self._spans) else (None, None)
        state = "waiting" if begin is None else "running" if end is None else "done"
        seconds = None if begin is None else (end or time.perf_counter()) - begin
        shown = _in_brief(self._recordings[index].shown(MOST_LINES))
        return Lane(self._labels[index], shown, seconds, self._devices[index], *self._peaks[index], state)


def last_view(lanes: tuple[Lane, Lane], stacked: bool) -> Bundle:
    """The lanes alone, where the result is not shown."""
    return {"text/html": lanes_html(lanes, stacked=stacked), "text/plain": lanes_text(lanes)}, {}


def _devices(report: Report, index: int) -> str:
    """Where a side's tensors are."""
    found = (row.right_device if index else row.left_device for row in report.rows)
    return ", ".join(dict.fromkeys(device for device in found if device))


_HALF_A_CODE = re.compile(r"\A\[?[0-9;]*m")


def _in_brief(shown: tuple[Shown, ...]) -> tuple[Shown, ...]:
    """The end of long texts, and the newest of many large things."""
    kept: list[Shown] = []
    room = MOST_PICTURES
    for one in reversed(shown):
        if len(kept) == MOST_PIECES:
            room = 0
        brief = one
        if one.kind in ("stdout", "stderr", "text/plain") and len(one.data) > MOST_CHARACTERS:
            brief = replace(one, data=_HALF_A_CODE.sub("", one.data[-MOST_CHARACTERS:]))
        room -= len(brief.data)
        if room < 0:
            kept.append(Shown("text/plain", "(more, in the final output)"))
            break
        kept.append(brief)
    return tuple(reversed(kept))
