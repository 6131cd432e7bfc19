"""`DualResult`: what a comparison found, to look at, to ask and to assert."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dualcell.coded import Array, HostArray
from dualcell.comparison import Comparison, host
from dualcell.errors import DualMismatch, OptionError, did_you_mean
from dualcell.explanations import explain
from dualcell.frameworks.registry import needed
from dualcell.histogram import Histogram, error_histogram
from dualcell.options import Options
from dualcell.pictures.kinds import AUTO, KINDS, LAYERS, check_theme, read_kinds
from dualcell.plain_pass import absolute_error
from dualcell.render.cell import cell_html, cell_markdown, cell_text
from dualcell.render.json import render_json
from dualcell.render.page import page_html
from dualcell.render.terminal import Terminal, terminal
from dualcell.render.text import render_text
from dualcell.report import COLUMNS, Report, Row, in_words

if TYPE_CHECKING:
    import pandas as pd

    from dualcell.cause import Finding
    from dualcell.noise import Noise, Referee
    from dualcell.render.plots import DualFigure

_last: list[DualResult] = []


class DualRow:
    """One row of a result.

    Attributes:
        name: the row's name.
        verdict: `equal`, `close`, `differs`, `shape`, `dtype`, `missing` or `unsupported`.
        passed: whether it counts as the same.
        cause: why not, in one sentence; may be empty.
        figures: every figure of the table, see `dualcell.report.Row`.
        comparison: the two leaves and what was measured on them.
    """

    def __init__(self, comparison: Comparison, figures: Row, labels: tuple[str, str], reference: str) -> None:
        self._labels, self._reference = labels, reference
        self.comparison = comparison
        self.figures = figures
        self.name = comparison.row
        self.verdict = comparison.verdict
        self.passed = comparison.passed
        self.cause = figures.cause

    @property
    def left(self) -> Any:
        """The left tensor, in its framework; None if there is none.

        A cell or a `dual` block keeps snapshots. `compare` keeps the tensors it was given,
        or maps of the files, without a copy: what changes them later shows here and in
        `error`, not in the figures.
        """
        return self.comparison.left.value

    @property
    def right(self) -> Any:
        """The right tensor, in its framework; None if there is none. See `left`."""
        return self.comparison.right.value

    @property
    def error(self) -> Array:
        """|left - right| as a NumPy array of the pair's shape, made on each call.

        float64 for floats and complex, uint64 for integers (exact).

        Raises:
            ValueError: the pair has no element-wise difference (`shape`, `missing`,
                `unsupported`).
        """
        return absolute_error(*self._hosts("error map"))

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What explains the difference: the simplest explanations that all elements bear out.

        Empty if the row passed, or no known cause explains it. Looked into when it is
        first asked for, if the time for the whole result did not reach to this row.
        """
        return self.figures.findings or explain(self.comparison)

    @property
    def noise(self) -> Noise | None:
        """How the difference compares to that which one ulp makes; None without `--noise`."""
        return self.figures.noise

    @property
    def referee(self) -> Referee | None:
        """What the same cell in float64 says; None without `--referee`."""
        return self.figures.referee

    @property
    def histogram(self) -> Histogram:
        """How many elements differ by how much, in powers of two; counted on each call.

        Raises:
            ValueError: as for `error`.
        """
        return error_histogram(*self._hosts("histogram"))

    def plot(self, *kinds: str, axes: Sequence[int] | None = None, theme: str = "light") -> DualFigure:
        """Pictures of this row, side by side in one matplotlib figure, to look at or to restyle.

        They show maxima and counts of all elements, made in one or two passes in a few MB
        of memory; nothing is left out, and a single wrong element is seen.

        Args:
            *kinds: `heat` (the largest |error| over two axes), `channels` (at each index of
                every axis), `hist` (sizes of the error), `values` (of both sides, also where
                the shapes differ), `scatter` (left against right), `curves` (both sides
                along their one axis, and the difference); without one, those that suit the
                shape.
            axes: one or two axes for `heat` (without: the two longest), any for `channels`.
            theme: `light` or `dark`.

        Raises:
            ValueError: the row has nothing to draw, or not of this kind; it says why.
            OptionError: a kind, an axis or the theme is unknown.
            FrameworkError: matplotlib is not installed.

        Examples:
            >>> import dualcell
            >>> import numpy as np
            >>> row = dualcell.compare(np.zeros((2, 3)), np.eye(2, 3))["value"]
            >>> [axes.get_title() for axes in row.plot("heat").axes][0]
            'largest |error| over axes 0 and 1'
        """
        from dualcell.pictures.panels import panels

        check_theme(theme)
        needed("matplotlib", "plot")
        made = panels(self.comparison, kinds or (AUTO,), axes, self._reference)
        from dualcell.render.plots import Words, draw  # deferred: it imports matplotlib

        size = "" if self.figures.max_abs is None else f", max abs {in_words(self.figures.max_abs)}"
        return draw(made, Words(f"{self.name}: {self.verdict}{size}", self._labels), theme)

    def _hosts(self, wanted: str) -> tuple[HostArray, HostArray]:
        if self.comparison.stats is None:
            raise ValueError(f"row {self.name!r} is {self.verdict!r}, so it has no {wanted}: {self.comparison.note}")
        return host(self.comparison.left), host(self.comparison.right)

    def __repr__(self) -> str:
        return f"<DualRow {self.name!r}: {self.verdict}, max abs {self.figures.max_abs}>"


class DualResult:
    """The outcome of one comparison. Its truth value is `passed`.

    Examples:
        >>> import dualcell
        >>> result = dualcell.compare([1.0, 2.0], [1.0, 2.5])
        >>> result.passed, result["value[1]"].verdict
        (False, 'differs')
    """

    def __init__(self, report: Report, comparisons: tuple[Comparison, ...]) -> None:
        self.report = report
        self._drawn: Callable[[], bool] | None = None
        left, right = (side.label for side in report.sides)
        reference = report.settings.get("reference", "left")
        self._rows = {
            c.row: DualRow(c, row, (left, right), reference) for c, row in zip(comparisons, report.rows, strict=True)
        }

    @property
    def passed(self) -> bool:
        """Every row passed, and at least one element was compared."""
        return self.report.passed

    def __bool__(self) -> bool:
        return self.passed

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[DualRow]:
        return iter(self._rows.values())

    def __contains__(self, name: str) -> bool:
        return name in self._rows

    def __getitem__(self, name: str) -> DualRow:
        """The row called `name`.

        Raises:
            KeyError: there is no such row; the text names the nearest.
        """
        if name not in self._rows:
            rows = ", ".join(map(repr, self._rows)) or "none"
            raise KeyError(f"no row {name!r}.{did_you_mean(str(name), self._rows)} Rows: {rows}")
        return self._rows[name]

    @property
    def frame(self) -> pd.DataFrame:
        """The table as a pandas DataFrame: one row a pair, indexed by name, stable columns.

        After a run with `--noise` one more: `noise`, the difference over that which one
        ulp of inputs and weights makes.
        """
        import pandas as pd  # deferred: loading the extension must stay fast

        values = [[getattr(row, column) for column in COLUMNS] for row in self.report.rows]
        names = pd.Index([row.name for row in self.report.rows], name="row", dtype=object)
        frame = pd.DataFrame(values, index=names, columns=list(COLUMNS))
        if self.report.has_noise:
            frame["noise"] = [row.noise.ratio if row.noise else math.nan for row in self.report.rows]
        return frame

    def plot(self, kind: str = LAYERS, *, theme: str = "light") -> DualFigure:
        """The largest error of every row in order, as a matplotlib figure; the first that fails is marked.

        Args:
            kind: `layers`, the only one; the others are pictures of a row, `result["y"].plot()`.
            theme: `light` or `dark`.

        Raises:
            ValueError: there are no rows.
            OptionError: another kind, or the theme is unknown.
            FrameworkError: matplotlib is not installed.
        """
        if kind in (*KINDS, AUTO) and self._rows:
            raise OptionError(
                f"plot({kind!r}) is a picture of one row: result[{next(iter(self._rows))!r}].plot({kind!r})"
            )
        read_kinds(kind, (LAYERS,))
        check_theme(theme)
        if not self._rows:
            raise ValueError(f"there is no row to draw: {self.report.summary}")
        needed("matplotlib", "plot")
        from dualcell.pictures.drawing import layers_of
        from dualcell.pictures.panels import Panel
        from dualcell.render.plots import Words, draw  # deferred: it imports matplotlib

        left, right = (side.label for side in self.report.sides)
        return draw([Panel(LAYERS, layers_of(self.report.rows))], Words("", (left, right)), theme)

    def assert_close(self) -> None:
        """Do nothing if the comparison passed.

        Raises:
            DualMismatch: it failed; the text holds the table.
        """
        __tracebackhide__ = True
        if not self.passed:
            raise DualMismatch(f"{self.report.summary}\n\n{render_text(self.report)}", self)

    def save(self, path: str | Path) -> None:
        """Write the report, in the form its suffix names: `.json`, `.html`, `.md`, `.txt` or `.csv`.

        Raises:
            ValueError: the suffix is another one.
            OSError: there is no such folder, or the file cannot be written.
        """
        path = Path(path)
        if path.suffix not in _WRITERS:
            raise ValueError(
                f"cannot save to {path.name!r}: the suffix is {path.suffix!r}, expected {', '.join(_WRITERS)}"
            )
        _write(path, lambda: _WRITERS[path.suffix](self))

    def to_html(self, path: str | Path, *, large: bool = False) -> None:
        """Write one page that needs nothing else: code, what it printed, table, causes, what to change, pictures.

        It works offline, follows the reader's light or dark theme, and prints. Rows that
        failed have pictures where matplotlib is installed, unless `plot` had others drawn.
        `save("report.html")` writes the same.

        Args:
            path: the file to write, UTF-8.
            large: write a slide: large letters, a short table.

        Raises:
            OSError: there is no such folder, or the file cannot be written.
        """
        _write(Path(path), lambda: page_html(self.report if large else _illustrated(self), large=large))

    def __repr__(self) -> str:
        """The table, as wide as the terminal it is printed on; whole and without escape codes anywhere else."""
        return cell_text(self.report, Terminal(terminal().width))

    def drawn(self, still: Callable[[], bool]) -> None:
        """Its output is there already: draw nothing the next time, if that comes while `still` holds."""
        self._drawn = still

    def _ipython_display_(self) -> None:
        still, self._drawn = self._drawn, None
        if still is None or not still():
            raise NotImplementedError  # IPython goes on to the bundle

    def _repr_mimebundle_(self, **_: Any) -> tuple[Mapping[str, str], Mapping[str, Any]]:
        return self.bundle()

    def bundle(self) -> tuple[Mapping[str, str], Mapping[str, Any]]:
        """HTML, Markdown and text from one report; the data in the output's metadata."""
        data = {
            "text/html": cell_html(self.report),
            "text/markdown": cell_markdown(self.report),
            "text/plain": cell_text(self.report, terminal(), with_lanes=True),
        }
        return data, {"dualcell": render_json(self.report)}


def _write(path: Path, text: Callable[[], str]) -> None:
    """Write a text; a place that cannot take it is refused before the text is made."""
    if path.is_dir():
        raise IsADirectoryError(f"cannot write to {str(path)!r}: it is a folder; name a file in it")
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"cannot write to {str(path)!r}: there is no folder {str(path.parent)!r}; make it first"
        )
    path.write_text(text(), encoding="utf-8")


def _illustrated(result: DualResult) -> Report:
    """The report with pictures of the rows that failed, if it has none and they can be drawn."""
    report = result.report
    if report.pictures or any(row.pictures for row in report.rows) or not find_spec("matplotlib"):
        return report
    from dualcell.pictures.drawing import with_pictures
    from dualcell.pictures.panels import why_no_pictures

    failed = [row for row in result if not row.passed and not why_no_pictures(row.comparison)]
    if not failed:
        return report
    options = Options(plot=(AUTO,), reference=report.settings.get("reference", "left"))
    rows, comparisons = zip(*((row.figures, row.comparison) for row in failed), strict=True)
    drawn = with_pictures(replace(report, rows=rows), comparisons, options)
    pictures = {row.name: row.pictures for row in drawn.rows}
    rows = tuple(replace(row, pictures=pictures.get(row.name, ())) for row in report.rows)
    return replace(report, rows=rows, notes=drawn.notes)


_WRITERS = {
    ".json": lambda result: json.dumps(render_json(result.report), indent=1, allow_nan=False) + "\n",
    ".html": lambda result: page_html(_illustrated(result)),
    ".md": lambda result: cell_markdown(result.report) + "\n",
    ".txt": lambda result: cell_text(result.report) + "\n",
    ".csv": lambda result: result.frame.to_csv(),
}


def remember(result: DualResult) -> DualResult:
    """Make a cell's result the one that `last_result` gives; it stays alive until the next."""
    _last[:] = [result]
    return result


def last_result() -> DualResult | None:
    """The newest result of a cell or a `dual` block, or None before the first.

    `compare` hands its result to its caller alone, and keeps nothing.
    """
    return _last[0] if _last else None
