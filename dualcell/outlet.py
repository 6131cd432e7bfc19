"""Where a notebook's shell sends what is printed and shown: `Outlet` leads it into a lane.

Methods of the kernel's own objects are replaced, not the objects: whoever holds
`sys.stdout` (a logging handler, a tee, a thread) writes into the lane too while the block
runs, and to the front end again afterwards. What a child process writes, what libraries
write past Python, what an output widget takes, and what belongs to another cell goes the
way it always goes.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dualcell.bundles import shown
from dualcell.recording import Recording
from dualcell.widgets import OutputWidgets


def can_be_led(shell: Any) -> bool:
    """Whether this shell is a kernel's whose output goes to a front end; inside `%%capture` it does not."""
    owners = (shell.display_pub, *_streams().values())  # the types are asked, as a tee passes questions on
    return getattr(shell, "kernel", None) is not None and all(hasattr(type(owner), "set_parent") for owner in owners)


def _streams() -> dict[str, Any]:
    return {"stdout": sys.stdout, "stderr": sys.stderr}


class Outlet:
    """Leads a shell's output into a lane, from `open` until `close`.

    Args:
        shell: a kernel's, see `can_be_led`.
        recordings: the lane, and then the others, whose displays may be updated too.
        before_passing: called before anything goes to the front end that no lane can hold.
        threads: those that belong to another lane.
    """

    def __init__(
        self,
        shell: Any,
        recordings: Sequence[Recording],
        before_passing: Callable[[], None],
        threads: Mapping[threading.Thread, Recording],
    ) -> None:
        self._recordings = recordings
        self._before_passing = before_passing
        self._threads = threads
        self._widgets = OutputWidgets()
        self._shell = shell
        self._process = os.getpid()
        self._open = True
        self._replaced: list[tuple[Any, str, Any, Any]] = []
        self._cell = _cell_of(shell.display_pub)

    def open(self) -> None:
        """Replace what leads to the front end."""
        publisher, hook = self._shell.display_pub, self._shell.displayhook
        for kind, stream in _streams().items():
            self._replace(stream, "write", self._writer(kind, stream))
        self._replace(publisher, "publish", self._publisher(publisher))
        self._replace(publisher, "clear_output", self._clearer(publisher))
        self._replace(hook, "write_format_data", self._displayer(hook))

    def close(self) -> None:
        """Put everything back; what still writes to the lane then writes to the front end."""
        self._open = False
        while self._replaced:  # Ctrl-C may come at any time, and then this is called once more
            owner, name, new, old = self._replaced[-1]
            if vars(owner).get(name) is not new:
                pass  # the block has replaced it in turn, and will call ours
            elif old is None:
                delattr(owner, name)
            else:
                setattr(owner, name, old)
            self._replaced.pop()

    def _replace(self, owner: Any, name: str, new: Any) -> None:
        self._replaced.append((owner, name, new, vars(owner).get(name)))
        setattr(owner, name, new)

    @property
    def is_taken(self) -> bool:
        """Whether an output widget takes at the moment what comes of this cell."""
        return self._widgets.take(self._cell)

    def _is_ours(self, owner: Any) -> bool:
        """Whether what is written now belongs into a lane."""
        return self._open and os.getpid() == self._process and _cell_of(owner) == self._cell and not self.is_taken

    @property
    def _recording(self) -> Recording:
        """The lane of the thread that asks."""
        return self._threads.get(threading.current_thread(), self._recordings[0])

    def _writer(self, kind: str, stream: Any) -> Callable[[Any], Any]:
        original, watcher = stream.write, getattr(stream, "watch_fd_thread", None)

        def write(text: Any) -> Any:
            if not isinstance(text, str) or not self._is_ours(stream):
                return original(text)
            if threading.current_thread() is watcher:  # a child process has written it
                self._before_passing()
                return original(text)
            if text:
                self._recording.write(kind, text)
            return len(text)

        return write

    def _publisher(self, owner: Any) -> Callable[..., None]:
        original = owner.publish

        def publish(data: Any, metadata: Any = None, *rest: Any, **named: Any) -> None:
            if rest or not isinstance(data, dict) or not self._is_ours(owner):
                original(data, metadata, *rest, **named)
                return
            transient: Mapping[str, Any] = named.get("transient") or {}
            display_id = transient.get("display_id")
            content = shown(data, metadata)  # pyright: ignore[reportUnknownArgumentType]
            if named.get("update"):
                held = [recording.replace(str(display_id), content) for recording in self._recordings]  # both may
                if not any(held):
                    original(data, metadata, **named)
                elif content is None:  # it has outgrown the lane
                    self._before_passing()
                    original(data, metadata, **{**named, "update": False})
            elif content is None:
                self._before_passing()
                original(data, metadata, **named)
            else:
                self._recording.show(content, display_id)

        return publish

    def _clearer(self, owner: Any) -> Callable[..., None]:
        original = owner.clear_output

        def clear_output(wait: bool = False) -> None:
            if self._is_ours(owner):
                self._recording.clear(wait)
            else:
                original(wait)

        return clear_output

    def _displayer(self, owner: Any) -> Callable[..., None]:
        original = owner.write_format_data

        def write_format_data(format_dict: Any, md_dict: Any = None) -> None:
            content = shown(format_dict, md_dict) if self._is_ours(owner) else None
            if content is not None:
                self._recording.show(content)
                return
            if self._is_ours(owner):
                self._before_passing()
            original(format_dict, md_dict)

        return write_format_data


def _cell_of(owner: Any) -> Any:
    """The message that asked for the output which `owner` would send now."""
    header = getattr(owner, "parent_header", None)
    return header.get("msg_id") if isinstance(header, Mapping) else None
