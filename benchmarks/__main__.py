"""Run the benchmarks: `python -m benchmarks [NAME ...] [--quick] [--write | --dry]`.

Prints the tables. A full run also writes them to benchmarks/README.md, between the
markers of each benchmark, and its picture beside it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from benchmarks import (
    cells,
    compare_growth,
    compare_kinds,
    compare_memory,
    compare_peers,
    compare_speed,
    conversion,
    diagnosis,
    first_call,
    initializers,
    machine,
    many_small,
    noise,
    pictures,
    weights,
)
from benchmarks.harness import FULL, QUICK, Scale, duration
from benchmarks.tables import Table, markdown

FOLDER = Path(__file__).parent
README = FOLDER / "README.md"

QUICK_REMARK = " **A quick run: at such sizes the figures say nothing.**"

BENCHMARKS: dict[str, Callable[[Scale], Table]] = {
    "speed": compare_speed.run,
    "peers": compare_peers.run,
    "memory": compare_memory.run,
    "kinds": compare_kinds.run,
    "growth": compare_growth.run,
    "small": many_small.run,
    "first": first_call.run,
    "cells": cells.run,
    "diagnosis": diagnosis.run,
    "noise": noise.run,
    "weights": weights.run,
    "initializers": initializers.run,
    "conversion": conversion.run,
    "pictures": pictures.run,
}


def main(arguments: list[str]) -> None:
    """Run what the command line asks for."""
    options = _options(arguments)
    write = options.write or not (options.quick or options.dry)
    _say(_machine(), "machine", write)
    for name in options.names or BENCHMARKS:
        started = perf_counter()
        table = BENCHMARKS[name](QUICK if options.quick else FULL)
        foot = f"Measured in {duration(perf_counter() - started)}: {machine.revision()}."
        text = f"{markdown(table)}\n\n{foot}{QUICK_REMARK if options.quick else ''}"
        if table.picture and write:
            (FOLDER / f"{name}.png").write_bytes(table.picture)
            text += f"\n\n![{table.title}]({name}.png)"
        _say(text, name, write)


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Run the benchmarks.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; without one, all")
    parser.add_argument("--quick", action="store_true", help="small sizes: proves that it runs, and nothing else")
    files = parser.add_mutually_exclusive_group()
    files.add_argument("--write", action="store_true", help="write the tables of a quick run too")
    files.add_argument("--dry", action="store_true", help="write nothing, only print")
    options = parser.parse_args(arguments)
    for name in options.names:
        if name not in BENCHMARKS:
            parser.error(f"{name!r} is no benchmark; expected of {', '.join(BENCHMARKS)}")
    return options


def _machine() -> str:
    rows = [f"| {row.what} | {row.measured} |" for row in machine.facts()]
    return "\n".join(["| machine | |", "|---|---|", *rows])


def _say(text: str, name: str, write: bool) -> None:
    sys.stdout.write(f"{text}\n\n")
    sys.stdout.flush()
    if write:
        README.write_text(between(README.read_text(encoding="utf-8"), name, text), encoding="utf-8")


def between(document: str, name: str, text: str) -> str:
    """`document` with `text` between the markers of `name`.

    Raises:
        ValueError: the document lacks one of the markers.
    """
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    before, found, rest = document.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{README.name} needs the lines {begin} and {end}, in this order.")
    return f"{before}{begin}\n{text}\n{end}{after}"


if __name__ == "__main__":
    main(sys.argv[1:])
