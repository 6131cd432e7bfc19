"""A real IPython in a real terminal of a given width, and the same in a pipe."""

from __future__ import annotations

import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from fcntl import ioctl
from pathlib import Path

import pytest

from tests.notebook.kernel import INTERPRETERS, interpreter

each_interpreter = pytest.mark.parametrize("name", INTERPRETERS)
CELL = """\
%%dual first second
# --- numpy ---
first = second = np.ones(3)
# --- numpy: new ---
first = np.zeros(3)
second = np.ones(3)"""
AGAIN = CELL.replace("zeros(3)", "zeros(3) + 0.5")
_CODES = re.compile(r"\x1b\[(\d+)m(\w+)\x1b\[0m")


def typed(*inputs: str) -> bytes:
    lines = ["%load_ext dualcell", "import numpy as np", *inputs, "exit", ""]
    return "\n\n\n".join(lines).encode()


def in_terminal(name: str, folder: Path, columns: int, *inputs: str, **variables: str) -> str:
    """What IPython writes to a terminal of so many columns."""
    ours, its = pty.openpty()
    ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    environment = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "COLUMNS", "LINES")}
    environment |= {"IPYTHONDIR": str(folder), "TERM": "xterm", **variables}
    command = [interpreter(name), "-m", "IPython", "--simple-prompt", "--no-banner", "--no-confirm-exit"]
    # what is typed comes through a pipe, so that the terminal does not echo it
    shell = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=its, stderr=its, cwd=folder, env=environment)
    os.close(its)
    assert shell.stdin is not None
    shell.stdin.write(typed(*inputs))
    shell.stdin.close()
    written = b""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if not select.select([ours], [], [], 1)[0]:
            continue
        try:
            piece = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        written += piece
    os.close(ours)
    assert shell.wait(10) == 0
    return written.decode().replace("\r\n", "\n")


@pytest.mark.kernel
@each_interpreter
def test_a_terminal_gets_colours_and_its_own_width(name, tmp_path):
    wide = in_terminal(name, tmp_path, 150, CELL)
    assert ("31", "differs") in _CODES.findall(wide)
    assert ("32", "equal") in _CODES.findall(wide)
    assert "worst at" in wide
    narrow = in_terminal(name, tmp_path, 50, CELL)
    assert "left out, as the terminal is 50 columns wide" in narrow
    assert ("31", "differs") in _CODES.findall(narrow)
    table = narrow[narrow.index("row ") : narrow.index("left out")]
    plain = re.sub(r"\x1b\[\d+m", "", table)
    assert max(map(len, plain.splitlines())) <= 50


@pytest.mark.kernel
@each_interpreter
def test_no_color_is_respected(name, tmp_path):
    text = in_terminal(name, tmp_path, 150, CELL, NO_COLOR="1")
    assert "differs" in text
    assert _CODES.findall(text) == []


@pytest.mark.kernel
@each_interpreter
def test_what_changed_is_said_in_a_terminal_too(name, tmp_path):
    text = in_terminal(name, tmp_path, 150, CELL, AGAIN, NO_COLOR="1")
    first, second = text.split("last run")
    assert "better" not in first
    assert re.search(r"first +differs .* 1.00 ↓ better", second)
    assert re.search(r"second +equal .* 0 = same", second)


@pytest.mark.kernel
@each_interpreter
def test_a_pipe_gets_everything_and_no_codes(name, tmp_path):
    command = [interpreter(name), "-m", "IPython", "--simple-prompt", "--no-banner", "--no-confirm-exit"]
    variables = {"IPYTHONDIR": str(tmp_path), "FORCE_COLOR": "1", "COLUMNS": "40", "TERM": "xterm"}
    # IPython's own colours are for its prompt and tracebacks
    done = subprocess.run(
        [*command, "--colors=NoColor"], input=typed(CELL), cwd=tmp_path, capture_output=True, timeout=120, check=True,
        env=os.environ | variables,
    )  # fmt: skip
    text = done.stdout.decode()
    assert re.search(r"first +differs +\(3,\) +float64 +1.00 +1.00 +3 / 3", text)
    assert "\x1b[3" not in text
    assert "left out" not in text
