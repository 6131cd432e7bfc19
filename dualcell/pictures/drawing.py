"""A report -> the same report with the pictures that `--plot` asks for."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import replace

from dualcell.comparison import Comparison
from dualcell.errors import in_a_line
from dualcell.frameworks.registry import needed
from dualcell.options import Options
from dualcell.pictures.kinds import LAYERS
from dualcell.pictures.layers import LayerErrors, layer_errors
from dualcell.pictures.panels import Panel, chosen, panels, unsuited, why_no_pictures
from dualcell.pictures.picture import Picture
from dualcell.report import Report, Row

# no further row is begun after so many rows, bytes of PNGs (some 40,000 a row), and seconds
MOST_ROWS, MOST_BYTES, MOST_SECONDS = 6, 400_000, 10.0


def check_plot(options: Options) -> None:
    """See, before anything runs, that pictures can be drawn if they are asked for.

    Raises:
        FrameworkError: matplotlib is not installed.
    """
    if options.plot:
        needed("matplotlib", "--plot")


def with_pictures(report: Report, comparisons: Sequence[Comparison], options: Options) -> Report:
    """Draw some rows, those that failed first, in both themes.

    Args:
        report: what was found.
        comparisons: of its rows, in their order.
        options: `plot` says what to draw; the report stays as it is if that is nothing.
    """
    if not options.plot:
        return report
    labels = report.sides[0].label, report.sides[1].label
    kinds = tuple(kind for kind in options.plot if kind != LAYERS)
    drawn: dict[str, tuple[Picture, ...]] = {}
    notes: list[str] = []
    waiting = _ranked(report.rows, comparisons, kinds)
    started = time.monotonic()
    begun = 0
    for row, comparison in waiting[:MOST_ROWS]:
        if drawn and (time.monotonic() - started > MOST_SECONDS or _bytes(drawn.values()) > MOST_BYTES):
            break
        begun += 1
        with _noting(f"row {row.name!r}", notes):
            suited = [kind for kind in chosen(comparison, kinds) if not unsuited(comparison, kind)]
            made = panels(comparison, suited, None, options.reference)
            drawn[row.name] = tuple(_picture(panel, labels) for panel in made)
    rows = tuple(replace(row, pictures=drawn.get(row.name, ())) for row in report.rows)
    notes += _remarks(comparisons, kinds, (len(drawn), len(waiting)), [row.name for row, _ in waiting[begun:]])
    whole: tuple[Picture, ...] = ()
    if LAYERS in options.plot and report.rows:
        with _noting("the layers", notes):
            whole = (_picture(Panel(LAYERS, layers_of(report.rows)), labels),)
    return replace(report, rows=rows, pictures=whole, notes=(*report.notes, *notes))


@contextmanager
def _noting(what: str, notes: list[str]) -> Generator[None]:
    """A picture that cannot be drawn is a note, and costs nothing else."""
    try:
        yield
    except Exception as error:
        notes.append(f"{what} could not be drawn: {in_a_line(error)}")


def _bytes(pictures: Iterable[tuple[Picture, ...]]) -> int:
    return sum(len(picture.light) + len(picture.dark) for row in pictures for picture in row)


def _ranked(
    rows: Sequence[Row], comparisons: Sequence[Comparison], kinds: Sequence[str]
) -> list[tuple[Row, Comparison]]:
    """The rows that have such a picture: those that failed, those that pass, those that are equal."""
    pairs = [pair for pair in zip(rows, comparisons, strict=True) if kinds and not _why_none(pair[1], kinds)]
    return sorted(pairs, key=lambda pair: (pair[0].passed, pair[0].verdict == "equal"))


def _why_none(comparison: Comparison, kinds: Sequence[str]) -> str:
    """Why a row has none of these pictures; empty if it has one."""
    reason = why_no_pictures(comparison)
    if reason:
        return reason
    reasons = [unsuited(comparison, kind) for kind in chosen(comparison, kinds)]
    return reasons[0] if all(reasons) else ""


def _remarks(
    comparisons: Sequence[Comparison], kinds: Sequence[str], counts: tuple[int, int], others: Sequence[str]
) -> list[str]:
    """What was asked for and is not there; `others` can be drawn, but were not begun."""
    drawn, drawable = counts
    if not kinds or not comparisons:
        return []
    if not drawable:
        return [f"no row has a picture {', '.join(kinds)}: {_why_none(comparisons[0], kinds)}"]
    if others:
        return [
            f"{drawn} of {drawable} rows have their pictures here, those that failed first; "
            f"result[{others[0]!r}].plot() draws any other"
        ]
    return []


def _picture(panel: Panel, labels: tuple[str, str]) -> Picture:
    from dualcell.render.plots import Words, picture  # deferred: it imports matplotlib

    return picture(panel, Words("", labels))


def layers_of(rows: Sequence[Row]) -> LayerErrors:
    """The errors of a table's rows in their order."""
    return layer_errors(
        [row.name for row in rows], [row.max_abs for row in rows],
        [row.verdict for row in rows], [row.passed for row in rows],
    )  # fmt: skip
