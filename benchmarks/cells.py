"""What a `%%dual` cell costs over the same lines in plain cells, in a real kernel."""

from __future__ import annotations

import ast
import os
import sys
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from jupyter_client import KernelManager
from jupyter_client.kernelspec import KernelSpec

from benchmarks.harness import Scale
from benchmarks.tables import Row, Table, at_most, no_target

MORE = 25.0  # ms
SLOWER = 10.0  # percent
ROUNDS = 5  # for each of a scale's

NOTE = """\
A kernel of IPython 9 and a client that waits, as a notebook does, until the kernel is idle again. *More than two \
plain cells*: the time of one `%%dual` cell (with its table, lanes and live view) less that of the same lines as two \
ordinary cells, in turns in one kernel; the median counts. *The first cell* loads templates and the runtime. *1,000 \
printed lines a second*: a block that computes for 0.9 ms and prints a line, 2,000 times, inside a `%%dual` cell with \
lanes against the same in a plain cell; the time that it took for the same work."""

IMPORTS = "import numpy as np, time\nfrom time import perf_counter\n%load_ext dualcell"
SILENT = "y = np.ones(3)"
PRINTS = "print('a line')\ny = np.ones(3)"
LASTS = "time.sleep(0.4); print('a line')\ny = np.ones(3)"
LINES = """\
started, work = perf_counter(), 0.0
for number in range({count}):
    until = perf_counter() + 0.0009
    while perf_counter() < until:
        work += 1.0
    print("epoch", number, "loss", work)
spent.append(perf_counter() - started)
work_done.append(work)
y = np.ones(3)"""


def run(scale: Scale) -> Table:
    """One row for each kind of cell."""
    rounds = ROUNDS * scale.rounds
    kernel = Kernel()
    try:
        kernel.run(IMPORTS)
        first = kernel.run(_dual(PRINTS)) - 2 * kernel.run(PRINTS)
        rows = [
            _more(kernel, "that print nothing", SILENT, rounds),
            _more(kernel, "that print", PRINTS, rounds),
            _more(kernel, "that last 0.4 s each and print, live", LASTS, max(2, rounds // 2)),
            no_target("... the first cell of a kernel", first * 1e3, " ms"),
            _printing(kernel, scale),
        ]
    finally:
        kernel.stop()
    return Table("Cells", NOTE, rows)


def _dual(lines: str) -> str:
    return f"%%dual y\n# --- numpy ---\n{lines}\n# --- numpy: new ---\n{lines}"


def _more(kernel: Kernel, what: str, lines: str, rounds: int) -> Row:
    differences: list[float] = []
    for _ in range(rounds):
        plain = kernel.run(lines) + kernel.run(lines)
        differences.append((kernel.run(_dual(lines)) - plain) * 1e3)
    details = f"{min(differences):.3g} to {max(differences):.3g}; rounds: {rounds}"
    return at_most(f"more than two plain cells {what}", median(differences), MORE, " ms", details=details)


def _printing(kernel: Kernel, scale: Scale) -> Row:
    """The block's work is paced by the clock, so what it gets done in its time is compared."""
    lines = LINES.format(count=2000 if scale.rounds > 2 else 200)
    kernel.run("spent, work_done = [], []")
    slower: list[float] = []
    for _ in range(scale.rounds):
        kernel.run(lines)
        kernel.run(_dual(lines))
        plain, left, right = kernel.values("[spent[i] / work_done[i] for i in (-3, -2, -1)]")
        slower += [(left / plain - 1) * 100, (right / plain - 1) * 100]
    details = f"{min(slower):.3g} to {max(slower):.3g}; blocks: {len(slower)}"
    return at_most(
        "1,000 printed lines a second in each lane, slower by", median(slower), SLOWER, " %", details=details
    )


class Kernel:
    """A kernel of this Python, and a client that times its cells."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory()
        self._manager = KernelManager()
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        spec = KernelSpec(argv=argv, language="python", display_name="benchmark")
        self._manager._kernel_spec = spec  # noqa: SLF001 - there is no public way to run another Python
        self._manager.start_kernel(env={**os.environ, "IPYTHONDIR": self._folder.name})
        self._client: Any = self._manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(60)

    def run(self, cell: str) -> float:
        """Seconds until the kernel has run a cell and is idle again.

        Raises:
            RuntimeError: the cell failed.
        """
        started = perf_counter()
        self._answer(self._client.execute(cell))
        return perf_counter() - started

    def values(self, expression: str) -> list[float]:
        """The value of an expression, a list of numbers."""
        content = self._answer(self._client.execute("", silent=True, user_expressions={"it": expression}))
        return ast.literal_eval(content["user_expressions"]["it"]["data"]["text/plain"])

    def stop(self) -> None:
        """Shut the kernel down."""
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)
        self._folder.cleanup()

    def _answer(self, request: str) -> dict[str, Any]:
        while True:
            message = self._client.get_iopub_msg(timeout=120)
            ours = message["parent_header"].get("msg_id") == request
            if ours and message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                break
        while True:
            message = self._client.get_shell_msg(timeout=120)
            if message["parent_header"]["msg_id"] == request:
                break
        if message["content"]["status"] != "ok":
            raise RuntimeError("\n".join(message["content"].get("traceback", [str(message["content"])])))
        return message["content"]
