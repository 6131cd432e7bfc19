"""The most memory in use at once while a block runs: `PeakMemory`.

Of the device, where the block's framework counts it, else of the whole process: what the
other framework and the notebook hold is in it too.
"""

from __future__ import annotations

import sys
from pathlib import Path

from dualcell.blocks import Block
from dualcell.environment import framework_of
from dualcell.errors import in_a_line
from dualcell.frameworks.registry import loaded_blocks

_RESET, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


class PeakMemory:
    """Counts from now on. An adapter that cannot count costs the block nothing.

    Args:
        block: the one that begins.
    """

    def __init__(self, block: Block) -> None:
        self._block = block
        self._trouble = ""
        try:
            getattr(loaded_blocks(framework_of(block)), "forget_peak", _nothing)()
        except Exception as error:
            self._trouble = in_a_line(error)
        self._counts = _reset()
        self._before = _most_ever()

    def found(self) -> tuple[int | None, str]:
        """Bytes and whose they are; None and why, where they could not be counted; None and nothing without a count."""
        if self._trouble:
            return None, self._trouble
        try:
            return self._found()
        except Exception as error:
            return None, in_a_line(error)

    def _found(self) -> tuple[int | None, str]:
        adapter = loaded_blocks(framework_of(self._block))
        peak = getattr(adapter, "peak", None)
        on_device = peak() if peak is not None else None
        if on_device is not None:
            return on_device
        if self._counts:
            return _high_water(), "the process"
        most = _most_ever()
        return (most, "the process") if most is not None and most != self._before else (None, "")


def _reset() -> bool:
    """Let Linux count the peak afresh; whether it does."""
    try:
        _RESET.write_text("5")
    except OSError:
        return False
    return _high_water() is not None


def _high_water() -> int | None:
    """The peak of resident memory since `_reset`, on Linux."""
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return None
    found = [line for line in lines if line.startswith("VmHWM:")]
    return int(found[0].split()[1]) * 1024 if found else None


def _most_ever() -> int | None:
    """The peak since the process began; it says something of a block only if it rose."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _nothing() -> None:
    """What an adapter does that counts no memory."""
