"""Servers that tests start, and end."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

SECONDS = 60


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def serving(
    command: Sequence[str], address: str, *, log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Run a server for as long as the block runs.

    Raises:
        AssertionError: it ended or never answered at `address`; with the end of what it wrote into `log`.
    """
    with log.open("w", encoding="utf-8") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, env=environment)
    try:
        _wait(process, address, log)
        yield
    finally:
        process.terminate()
        process.wait(30)


def _wait(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    for _ in range(SECONDS * 5):
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(address, timeout=SECONDS):  # noqa: S310
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"{process.args} does not answer at {address}: {log.read_text(encoding='utf-8')[-2000:]}")
