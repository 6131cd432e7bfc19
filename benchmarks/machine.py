"""What the figures were measured on; nothing that names the machine."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import dualcell
from benchmarks.harness import ROOT, threads
from benchmarks.tables import Row

PACKAGES = ("dualcell", "numpy", "numba", "torch", "ipython", "polygraphy")


def facts() -> list[Row]:
    """The processor, memory, system and versions."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return [
        Row("processor", f"{_processor()}, {threads()} cores for this process"),
        Row("memory", f"{memory / 2**30:.0f} GiB"),
        Row("system", f"{_system()}, {platform.machine()}"),
        Row("Python", platform.python_version()),
        *(Row(name, _version(name)) for name in PACKAGES),
    ]


def revision() -> str:
    """The commit of the dualcell that is imported, and the day, for the foot of a table."""
    return f"dualcell {dualcell.__version__}, {_commit()}, {datetime.now(UTC):%Y-%m-%d}"


def available_bytes() -> int:
    """Memory that new arrays can take without swapping."""
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        fields = dict(line.split(":") for line in meminfo.read_text().splitlines())
        return int(fields["MemAvailable"].split()[0]) * 1024
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return f"{platform.system()} {platform.release()}"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _commit() -> str:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        return "no commit known"

    def said(*arguments: str) -> str:
        command = [git, "-C", str(ROOT), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603 - git

    changed = " with uncommitted changes" if said("status", "--porcelain", "--", "dualcell") else ""
    return f"commit {said('rev-parse', '--short', 'HEAD')}{changed}"
