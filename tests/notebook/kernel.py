"""A real kernel of a given interpreter, and what it answered, in plain records."""

from __future__ import annotations

import ast
import os
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from jupyter_client import KernelManager
from jupyter_client.kernelspec import KernelSpec

ROOT = Path(__file__).parents[2]
INTERPRETERS = {
    "main": sys.executable,
    "colab": os.environ.get("DUALCELL_COLAB_PYTHON", str(ROOT / ".venv-colab" / "bin" / "python")),
}
_SECONDS = 120  # TensorFlow's import on a busy machine
_LANE = re.compile(r"(?m)^--- .* \(.*\) ---$")
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


def interpreter(name: str) -> str:
    """The path of an interpreter; a missing one fails the test, as a skip would hide it."""
    path = INTERPRETERS[name]
    if not Path(path).is_file():
        pytest.fail(f"The {name} interpreter is missing: {path} (set DUALCELL_COLAB_PYTHON or make .venv-colab).")
    return path


@dataclass
class Reply:
    """What one cell answered.

    Attributes:
        content: the reply's content.
        messages: (type, content) of every output, in order, as a front end has them in the
            end: an update is in the place of what it updates.
        live: every message with data as it came, updates too.
    """

    content: dict[str, Any]
    messages: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    live: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def add(self, kind: str, content: dict[str, Any]) -> None:
        """Take in one more message, as a front end does."""
        if "data" in content:
            self.live.append((kind, content))
        if kind != "update_display_data":
            self.messages.append((kind, dict(content)))
            return
        for _, shown in self.messages:
            if shown.get("transient", {}).get("display_id") == content["transient"]["display_id"]:
                shown.update(data=content["data"], metadata=content["metadata"])

    @property
    def status(self) -> str:
        """`ok`, `error` or `aborted`."""
        return self.content["status"]

    @property
    def kinds(self) -> list[str]:
        """The outputs' types without streams: `display_data`, `execute_result`, `error`."""
        return [kind for kind, _ in self.messages if kind != "stream"]

    @property
    def is_one_result(self) -> bool:
        """Whether there is one output and it is a result: of the cell's value, or, if the cell was slow, live."""
        return self.kinds in (["execute_result"], ["display_data"]) and "dualcell" in self.messages[-1][1]["metadata"]

    @property
    def shown(self) -> list[str]:
        """The text of every display and result, in order."""
        return [
            content["data"]["text/plain"] for _, content in self.messages if "text/plain" in content.get("data", ())
        ]

    @property
    def lanes(self) -> list[str]:
        """The text of both lanes in the newest output that has them; empty if none has."""
        found = [_LANE.split(text)[1:] for text in self.shown if _LANE.search(text)]
        return [text.split("\n\n")[0].strip("\n") for text in found[-1]] if found else []

    @property
    def stdout(self) -> str:
        return self._stream("stdout")

    @property
    def stderr(self) -> str:
        return self._stream("stderr")

    @property
    def traceback(self) -> str:
        """The text of the error outputs without colours."""
        lines = [line for kind, content in self.messages if kind == "error" for line in content["traceback"]]
        return _ANSI.sub("", "\n".join(lines))

    @property
    def arrows(self) -> list[tuple[int, str]]:
        """(line, source) of every frame of the traceback, as its arrows point at them."""
        found = re.findall(r"(?m)^-+> ?(\d+) ?(.*)$", self.traceback)
        return [(int(number), text.strip()) for number, text in found]

    def _stream(self, name: str) -> str:
        return "".join(
            content["text"] for kind, content in self.messages if kind == "stream" and content["name"] == name
        )


class Kernel:
    """A running kernel. `run` executes cells, `value` reads an expression."""

    def __init__(self, name: str, folder: Path) -> None:
        argv = [interpreter(name), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        self.manager = KernelManager()
        self.manager._kernel_spec = KernelSpec(argv=argv, language="python", display_name=name)
        environment = os.environ | {"IPYTHONDIR": str(folder / "ipython"), "TF_CPP_MIN_LOG_LEVEL": "3"}
        self.manager.start_kernel(cwd=str(folder), env=environment)
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(_SECONDS)

    def stop(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    def queue(self, *cells: str) -> list[Reply]:
        """Send all cells at once, as Run All does, and wait for every answer."""
        if len(cells) > 1:  # hold the kernel until all are in its queue
            self.client.execute("__import__('time').sleep(0.1)", silent=True)
        return self._answers([self.client.execute(cell) for cell in cells])

    def run(self, cell: str) -> Reply:
        return self.queue(cell)[0]

    def run_as(self, cell_id: str, cell: str) -> Reply:
        """Run a cell as a front end does that says which one it is."""
        content = {"code": cell, "silent": False, "store_history": True, "allow_stdin": False, "stop_on_error": True}
        message = self.client.session.msg("execute_request", content, metadata={"cellId": cell_id})
        self.client.shell_channel.send(message)
        return self._answers([message["header"]["msg_id"]])[0]

    def succeed(self, cell: str) -> Reply:
        """Run a cell that must not fail."""
        reply = self.run(cell)
        assert reply.status == "ok", reply.traceback or reply.stderr
        return reply

    def interrupt(self, cell: str, *after: str, when: str) -> list[Reply]:
        """Run cells and press Ctrl-C once the first has printed `when`."""
        pressed: list[str] = []

        def press(kind: str, content: dict[str, Any]) -> None:
            said = content["text"] if kind == "stream" else content.get("data", {}).get("text/plain", "")
            if when in said and not pressed:
                pressed.append(when)
                time.sleep(0.3)  # the print comes a moment before the sleep
                self.manager.interrupt_kernel()

        return self._answers([self.client.execute(text) for text in (cell, *after)], press)

    def value(self, expression: str) -> Any:
        """The value of an expression in the kernel, as a literal."""
        return self.values(expression)[0]

    def values(self, *expressions: str) -> list[Any]:
        """The values of several expressions in the kernel, as literals."""
        asked = {str(number): expression for number, expression in enumerate(expressions)}
        request = self.client.execute("", silent=True, user_expressions=asked)
        answers = self._reply(request)["user_expressions"]
        for number, expression in asked.items():
            assert answers[number]["status"] == "ok", f"{expression}: {answers[number]}"
        return [ast.literal_eval(answers[number]["data"]["text/plain"]) for number in asked]

    def completion(self, cell: str, cursor: int | None = None) -> dict[str, Any]:
        """What Tab answers at `cursor`, or at the end of the cell."""
        content = self._reply(self.client.complete(cell, len(cell) if cursor is None else cursor))
        return {name: content[name] for name in ("matches", "cursor_start", "cursor_end")}

    def matches(self, cell: str, cursor: int | None = None) -> list[str]:
        """The words Tab offers."""
        return self.completion(cell, cursor)["matches"]

    def _reply(self, request: str) -> dict[str, Any]:
        while True:
            message = self.client.get_shell_msg(timeout=_SECONDS)
            if message["parent_header"]["msg_id"] == request:
                return message["content"]

    def _answers(
        self, requests: list[str], watch: Callable[[str, dict[str, Any]], None] = lambda *_: None
    ) -> list[Reply]:
        outputs = {request: Reply({}) for request in requests}
        waiting = set(requests)
        while waiting:
            message = self.client.get_iopub_msg(timeout=_SECONDS)
            request, kind, content = message["parent_header"].get("msg_id"), message["msg_type"], message["content"]
            if request not in outputs or kind == "execute_input":
                continue
            if kind == "status":
                waiting -= {request} if content["execution_state"] == "idle" else set()
                continue
            outputs[request].add(kind, content)
            watch(kind, content)
        for request, reply in outputs.items():
            reply.content = self._reply(request)
        replies = [*outputs.values()]
        while self._reply(self.client.execute("", silent=True))["status"] == "aborted":
            pass  # after an error ipykernel 6 goes on aborting for a moment
        return replies


def marked(cell: str, mark: str) -> int:
    """The number of the one line that holds `mark`."""
    (number,) = [number for number, line in enumerate(cell.split("\n"), start=1) if mark in line]
    return number
