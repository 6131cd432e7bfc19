"""The benchmarks run; what they measure is not judged here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_the_benchmarks_run_in_small():
    pytest.importorskip("torch")
    names = "speed", "kinds", "small", "cells", "initializers", "conversion", "pictures"
    command = [sys.executable, "-m", "benchmarks", *names, "--quick", "--dry"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("| what | measured | target | met |") == len(names)
    assert "not measured" not in done.stdout


def test_the_results_in_the_readme_come_from_a_full_run():
    text = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    assert "A quick run" not in text
    names = (
        "speed",
        "peers",
        "memory",
        "kinds",
        "growth",
        "small",
        "first",
        "cells",
        "weights",
        "initializers",
        "conversion",
        "pictures",
    )
    for name in names:
        section = text.partition(f"<!-- begin {name} -->")[2].partition(f"<!-- end {name} -->")[0]
        assert "| what | measured | target | met |" in section, f"run `make bench BENCH={name}`"
