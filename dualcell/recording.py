"""What a block prints and shows, as it comes -> `Shown`s: `Recording`."""

from __future__ import annotations

import threading
from collections import deque

from dualcell.lanes import Shown
from dualcell.screen import Screen


class Recording:
    """The content of one lane. Any thread may write; writing never waits for a reader."""

    def __init__(self) -> None:
        self._texts: deque[tuple[str, str]] = deque()
        self._reading = threading.RLock()  # a signal handler may print while its own thread reads
        self._items: list[_Text | _Display] = []
        self._ids: set[str] = set()
        self._clear_first = False
        self.changes = 0

    def write(self, kind: str, text: str) -> None:
        """Printed text; `kind` is `stdout` or `stderr`."""
        self._texts.append((kind, text))
        self.changes += 1

    def show(self, content: Shown, display_id: str | None = None) -> None:
        """Something displayed; with an id it can be replaced."""
        with self._reading:
            self._read()
            self._begin()
            if display_id is not None:
                self._ids.add(display_id)
            self._items.append(_Display(content, display_id))
            self.changes += 1

    def replace(self, display_id: str, content: Shown | None) -> bool:
        """Put `content` in the place of what has this id, or take it away; whether there is such a thing."""
        with self._reading:
            if display_id not in self._ids:
                return False
            self._read()
            for item in [item for item in self._items if isinstance(item, _Display) and item.display_id == display_id]:
                if content is None:
                    self._items.remove(item)
                else:
                    item.content = content
            if content is None:
                self._ids.discard(display_id)
            self.changes += 1
            return True

    def clear(self, wait: bool) -> None:
        """Forget everything, at once or when the next thing comes."""
        with self._reading:
            self._read()
            self._clear_first = wait
            if not wait:
                self._empty()
            self.changes += 1

    def shown(self, lines: int | None = None) -> tuple[Shown, ...]:
        """Everything, or of each text the last `lines`, in the order it came."""
        with self._reading:
            self._read()
            found = (item.shown(lines) for item in self._items)
            return tuple(one for one in found if one.data)

    def _read(self) -> None:
        """Take in what was printed since the last look."""
        while self._texts:
            kind, text = self._texts.popleft()
            parts = [text]
            while self._texts and self._texts[0][0] == kind:
                parts.append(self._texts.popleft()[1])
            self._begin()
            last = self._items[-1] if self._items else None
            if not isinstance(last, _Text) or last.kind != kind:
                last = _Text(kind)
                self._items.append(last)
            last.screen.write("".join(parts))

    def _begin(self) -> None:
        """Before anything new: `clear_output(wait=True)` has waited for it."""
        if self._clear_first:
            self._clear_first = False
            self._empty()

    def _empty(self) -> None:
        self._items.clear()
        self._ids.clear()


class _Text:
    """Text of one stream, until something else comes."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.screen = Screen()

    def shown(self, lines: int | None) -> Shown:
        return Shown(self.kind, self.screen.text(lines))


class _Display:
    """Something displayed."""

    def __init__(self, content: Shown, display_id: str | None) -> None:
        self.content = content
        self.display_id = display_id

    def shown(self, _: int | None) -> Shown:
        return self.content
