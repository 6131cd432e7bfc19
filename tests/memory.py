"""How much memory a process takes for itself: mapped files, which the system can drop, do not count (Linux)."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

MB = 1 << 20
ROOT = Path(__file__).parents[1]


def anonymous() -> int:
    """Bytes of this process that lie in memory and in no file."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("RssAnon:")[2].split()[0]) * 1024


class Peak:
    """A block's highest rise of `anonymous` memory above that before it, in bytes: `rise`."""

    def __enter__(self) -> Peak:
        self.start, self.rise = anonymous(), 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self._look()

    def _watch(self) -> None:
        while not self._done.wait(0.002):
            self._look()

    def _look(self) -> None:
        self.rise = max(self.rise, anonymous() - self.start)


def run_alone(code: str, *arguments: object) -> str:
    """What `code` prints in a fresh process, which has no memory left over to use again."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
