"""Timing, fresh processes, and how large a run is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter, sleep
from typing import Any

ROOT = Path(__file__).parents[1]

# dualcell loads its compiled loops once a process has met 4 million elements of a pair of dtypes
WARM_ELEMENTS = 5_000_000

PAUSE = 0.02  # seconds before each timing: OpenMP's threads spin on for a while and would hold a core
SHORT = 0.02  # seconds; a call that takes less is timed many times in a row

Action = Callable[[], object]


@dataclass(frozen=True)
class Scale:
    """How large a run is.

    Attributes:
        elements: elements of each side where speed is measured.
        memory_elements: elements of each side where memory is measured, one table row each.
        side_bytes: bytes of each side where dtypes and layouts are measured.
        largest: elements of each side of the largest pair in the growth table.
        tensors: pairs of small tensors.
        rounds: how often each thing is timed; the median counts.
        slow_rounds: the same, for what takes many seconds.
        processes: fresh processes for what happens once in a process.
    """

    elements: int
    memory_elements: tuple[int, ...]
    side_bytes: int
    largest: int
    tensors: int
    rounds: int
    slow_rounds: int
    processes: int


FULL = Scale(
    elements=64_000_000,
    memory_elements=(16_000_000, 64_000_000),
    side_bytes=256_000_000,
    largest=1_000_000_000,
    tensors=10_000,
    rounds=9,
    slow_rounds=2,
    processes=7,
)
QUICK = Scale(
    elements=250_000,
    memory_elements=(1_000_000,),
    side_bytes=500_000,
    largest=1_000_000,
    tensors=500,
    rounds=2,
    slow_rounds=1,
    processes=1,
)


def interleaved(actions: Mapping[str, Action], rounds: int) -> dict[str, list[float]]:
    """Time actions in turns, so that a slow spell of the machine hits all of them.

    Every second round goes backwards: none always runs after the same other.

    Returns:
        Name -> seconds, one figure a round.
    """
    seconds: dict[str, list[float]] = {name: [] for name in actions}
    order = list(actions)
    for _ in range(rounds):
        for name in order:
            seconds[name].append(timed(actions[name]))
        order.reverse()
    return seconds


def timed(action: Action) -> float:
    """Seconds that one call takes, until what it returns is gone again.

    A short call was only the rehearsal, which wakes the machine up: the figure is the mean
    of as many as fill `SHORT`.
    """
    sleep(PAUSE)
    seconds = _seconds(action, 1)
    return seconds if seconds >= SHORT else _seconds(action, round(SHORT / seconds) + 1)


def _seconds(action: Action, calls: int) -> float:
    started = perf_counter()
    for _ in range(calls):
        action()
    return (perf_counter() - started) / calls


@dataclass(frozen=True)
class Ratio:
    """How many times longer one thing takes than another.

    Attributes:
        middle: the median of the rounds' ratios.
        low: the smallest of them.
        high: the largest of them.
        seconds: the median times of both, in seconds.
    """

    middle: float
    low: float
    high: float
    seconds: tuple[float, float]

    def __str__(self) -> str:
        """The spread and the two times, as in `0.98 to 1.21; 92.1 ms against 78.3 ms`."""
        long, short = (duration(seconds) for seconds in self.seconds)
        return f"{self.low:.3g} to {self.high:.3g}; {long} against {short}"


def ratio(long: Sequence[float], short: Sequence[float]) -> Ratio:
    """The ratio of two lists of seconds, taken round by round."""
    ratios = [one / other for one, other in zip(long, short, strict=True)]
    return Ratio(median(ratios), min(ratios), max(ratios), (median(long), median(short)))


def duration(seconds: float) -> str:
    """Seconds in the unit that suits them, with three digits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def threads() -> int:
    """Threads that dualcell uses: one for each core of this process, at most 16."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(16, available)


def fresh_process(module: str, *arguments: str, **environment: str) -> Any:
    """Run `benchmarks.fresh.<module>` in a new Python.

    Args:
        module: the file's name.
        *arguments: its command line.
        **environment: variables to set for it.

    Returns:
        What it printed as JSON on its last line.

    Raises:
        RuntimeError: it failed; the text has its standard error.
    """
    paths = [os.environ.get("PYTHONPATH", ""), str(ROOT)]
    variables = {**os.environ, **environment, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    command = [sys.executable, "-P", "-m", f"benchmarks.fresh.{module}", *arguments]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[2:])} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])
