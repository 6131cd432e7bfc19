"""Panels -> a matplotlib figure, in light or dark; imported when the first picture is asked for.

Neither pyplot nor any global setting is touched: figures are made directly, and every
colour is said. Colours are those of Okabe and Ito, which colour-blind people tell apart,
and never stand alone: lines have styles, marks have shapes.
"""

from __future__ import annotations

import io
import math
import sys
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from dualcell.histogram import Histogram
from dualcell.pictures.curves import Curves
from dualcell.pictures.heat import ErrorMap
from dualcell.pictures.layers import LayerErrors
from dualcell.pictures.panels import Panel
from dualcell.pictures.picture import Picture
from dualcell.pictures.values import PARTS, PairCounts, ValueCounts
from dualcell.render.words import fitted, one_line

WIDTH, HEIGHT = 4.4, 3.3  # inches of a panel
DPI = 100  # dots an inch; as many CSS pixels
SHARP = 1.6  # dots of a PNG for a CSS pixel
SHRUNK = 0.86  # of that size in a report, where two stand side by side
LONGEST, SIDE = 40, 24  # columns of a name, and of a side's label
MANY = 24  # rows whose names fit below an axis
SMALL = 8.5  # points
FEW = 200  # marks, which are drawn larger


@dataclass(frozen=True)
class Theme:
    """The colours of one background.

    Attributes:
        page: the background.
        ink: text, axes and the error.
        faint: grid lines and what lies between; never text.
        left: the left side.
        right: the right side, always dashed.
        bad: NaN and Inf, always crossed out; and rows that failed, always a cross.
        map: errors by their size; the largest stands out from the page most.
    """

    page: str
    ink: str
    faint: str
    left: str
    right: str
    bad: str
    map: str


THEMES = {
    "light": Theme("#ffffff", "#1f1f1f", "#d0d0d0", "#0072b2", "#c04f00", "#b3123f", "cividis_r"),
    "dark": Theme("#181818", "#e8e8e8", "#4a4a4a", "#56b4e9", "#e69f00", "#ff7a9c", "cividis"),
}


class DualFigure(Figure):
    """A matplotlib figure that notebooks show once, whatever backend they use.

    Attributes:
        alt: what it shows, in words.
    """

    alt = ""

    def _repr_mimebundle_(self, **_: Any) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """The picture, at its size in CSS pixels; matplotlib's own way would need its inline backend."""
        width, height = size_of(self)
        data = {"image/png": png(self), "text/plain": f"<Figure: {self.alt}>"}
        return data, {"image/png": {"width": width, "height": height, "alt": self.alt}}


@dataclass(frozen=True)
class Words:
    """What a figure calls things.

    Attributes:
        title: of the whole figure; may be empty.
        labels: of the left and the right side.
    """

    title: str
    labels: tuple[str, str]


def draw(panels: Sequence[Panel], words: Words, theme: str = "light") -> DualFigure:
    """One figure with a panel for each picture, side by side."""
    colours = THEMES[theme]
    wide = [7.2 if panel.kind == "layers" else WIDTH for panel in panels]
    figure = DualFigure(figsize=(sum(wide), HEIGHT), dpi=DPI, layout="constrained", facecolor=colours.page)
    parts = figure.subfigures(1, len(panels), squeeze=False, width_ratios=wide, facecolor=colours.page)
    labels = cast("tuple[str, str]", tuple(short(label, SIDE) for label in words.labels))
    with _any_script():
        for part, panel in zip(parts[0], panels, strict=True):
            _DRAW[panel.kind](Pen(part, colours, labels), panel.data)
    if words.title:
        figure.suptitle(short(words.title, 2 * LONGEST), color=colours.ink, fontsize=10, parse_math=False)
    figure.alt = "; ".join(panel.sentence for panel in panels)
    return figure


def picture(panel: Panel, words: Words) -> Picture:
    """One panel as PNGs in both themes."""
    figures = {theme: draw([panel], words, theme) for theme in THEMES}
    width, height = (round(length * SHRUNK) for length in size_of(figures["light"]))
    light, dark = (png(figures[theme], small=True) for theme in ("light", "dark"))
    return Picture(panel.kind, panel.sentence, light, dark, (width, height))


def size_of(figure: Figure) -> tuple[int, int]:
    """Width and height in CSS pixels."""
    width, height = figure.get_size_inches()
    return round(width * DPI), round(height * DPI)


def png(figure: Figure, *, small: bool = False) -> bytes:
    """The figure as a PNG; a small one has 64 colours, which pictures need no more of."""
    stream = io.BytesIO()
    with _any_script():
        dots = DPI * SHARP * (SHRUNK if small else 1)
        figure.savefig(stream, format="png", dpi=dots, facecolor=figure.get_facecolor(), metadata=_PLAIN)
    if not small:
        return stream.getvalue()
    from PIL import Image  # matplotlib brings it

    reduced = io.BytesIO()
    flat = Image.open(stream).convert("RGB").quantize(64, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    flat.save(reduced, format="png", optimize=True)
    return reduced.getvalue()


@contextmanager
def _any_script() -> Generator[None]:
    """No warning of names in scripts that the font does not have."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        yield


_PLAIN: Any = {"Software": None}  # the same picture gives the same bytes


def short(name: str, most: int = LONGEST) -> str:
    """A name on one line, its middle left out if it is long."""
    return fitted(one_line(name), most)


class Pen:
    """Axes in one panel of a figure, in the theme's colours."""

    def __init__(self, panel: SubFigure, theme: Theme, labels: tuple[str, str]) -> None:
        self.panel, self.theme, self.labels = panel, theme, labels

    def rows(self, count: int, **how: Any) -> list[Any]:
        """Places for axes below each other."""
        return [*self.panel.add_gridspec(count, 1, **how)]

    def axes(self, title: str, x: str, y: str, *, place: Any = 111, **how: Any) -> Any:
        """New axes with a title and both labels."""
        made = self.panel.add_subplot(place, **how)
        made.set_title(title, color=self.theme.ink, fontsize=10, parse_math=False)
        for axis, label in ((made.xaxis, x), (made.yaxis, y)):
            axis.set_label_text(label, color=self.theme.ink, fontsize=9, parse_math=False)
        made.set_facecolor(self.theme.page)
        made.tick_params(which="both", colors=self.theme.ink, labelsize=SMALL)
        for spine in made.spines.values():
            spine.set_color(self.theme.ink)
        return made

    def grid(self, axes: Any) -> None:
        """Faint lines behind what is drawn."""
        axes.grid(visible=True, which="major", color=self.theme.faint, linewidth=0.6)
        axes.set_axisbelow(True)

    def legend(self, *axes: Any) -> None:
        """What the lines and marks in some axes are, below them all, in as many columns as the panel has room for."""
        found = [each.get_legend_handles_labels() for each in axes]
        handles, names = ([item for part in found for item in part[at]] for at in (0, 1))
        for columns in range(len(handles), 0, -1):
            made = self.panel.legend(
                handles, names, loc="outside lower center", ncols=columns, frameon=False, fontsize=SMALL
            )
            for text in made.get_texts():
                text.set(color=self.theme.ink, parse_math=False)
            if columns == 1 or made.get_window_extent().width < self.panel.bbox.width:
                return
            made.remove()

    def scale(self, axes: Any, image: Any, label: str) -> None:
        """The colours of a map, with their numbers; their name stands between both, away from the next picture."""
        bar = self.panel.colorbar(image, ax=axes)
        bar.set_label(label, color=self.theme.ink, fontsize=9)
        bar.ax.yaxis.set_label_position("left")
        ticks = log_ticks(image.norm.vmin, image.norm.vmax)
        bar.minorticks_off()
        bar.set_ticks(ticks, labels=[f"{tick:.2g}" for tick in ticks])
        bar.ax.tick_params(which="both", colors=self.theme.ink, labelsize=SMALL)
        bar.outline.set_edgecolor(self.theme.ink)  # pyright: ignore[reportCallIssue]

    def count_axis(self, axes: Any, most: int) -> None:
        """A log scale for counts, on which one element is seen."""
        axes.set_ylim(0.5, max(most * 2, 10))
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda count, _: f"{count:g}"))


class Unit(NamedTuple):
    """What numbers are divided by before they are drawn: 1, but where matplotlib would overflow or take them for 0."""

    size: float = 1.0

    @property
    def words(self) -> str:
        """What an axis says of it behind its name."""
        return "" if self.size == 1 else f" / {self.size:.0e}"

    @classmethod
    def of(cls, numbers: Any) -> Unit:
        """That of some numbers, a power of ten by the largest finite one."""
        sizes = np.abs(numbers)
        top = float(sizes[np.isfinite(sizes)].max(initial=0.0))
        if top == 0 or _DRAWN[0] < top < _DRAWN[1]:
            return cls()
        return cls(10.0 ** max(math.floor(math.log10(top)), -323))


_DRAWN = 1e-280, 1e300


def log_ticks(low: float, high: float) -> list[float]:
    """At most six numbers on a log scale: powers of ten, or the ends where there are not two, if they are apart."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    if first >= last:
        return [low, high] if high > 2 * low else [high]
    return [10.0**power for power in range(first, last + 1, -(-(last - first) // 5))]


# what is left out of a map's colours, the part nearest to the page: of cells, which have a frame, and of small marks
CELLS_FROM, MARKS_FROM = 0.12, 0.45


def from_map(name: str, start: float) -> ListedColormap:
    """The colours of a map from `start` on, 0 to 1."""
    return ListedColormap(colormaps[name](np.linspace(start, 1, 256)))


# --- |error| over axes ---


def _heat(pen: Pen, maps: tuple[ErrorMap, ...]) -> None:
    (found,) = maps
    if len(found.axes) == 1:
        _channels(pen, maps)
        return
    rows, columns = found.axes
    axes = pen.axes(
        f"largest |error| over axes {rows} and {columns}", f"axis {columns} (index)", f"axis {rows} (index)"
    )
    unit = Unit.of(found.largest)
    image = _map(pen, axes, found, _sizes_norm(found.largest / unit.size), unit)
    pen.scale(axes, image, f"largest |error|{unit.words}")
    pen.legend(axes)


def _channels(pen: Pen, maps: tuple[ErrorMap, ...]) -> None:
    """A strip for each axis, in the same colours: the error follows that along which they change."""
    places = pen.rows(len(maps))
    every = np.concatenate([found.largest for found in maps])
    unit = Unit.of(every)
    norm = _sizes_norm(every / unit.size)
    strips, image = [], None
    for index, found in enumerate(maps):
        title = "" if index else "largest |error| at each index"
        axes = pen.axes(title, "index" if index == len(maps) - 1 else "", f"axis {found.axes[0]}", place=places[index])
        axes.set_yticks([])
        image = _map(pen, axes, found, norm, unit)
        strips.append(axes)
    pen.scale(strips, image, f"largest |error|{unit.words}")
    if len(maps) == 1:
        pen.legend(strips[0])


def _map(pen: Pen, axes: Any, found: ErrorMap, norm: LogNorm, unit: Unit) -> Any:
    """The cells of a map, the worst of them in a ring, those that are not finite crossed out."""
    lengths, widths = ((1, *values)[-2:] for values in ([found.shape[axis] for axis in found.axes], found.widths))
    cells = found.largest.reshape((1, *found.largest.shape)[-2:])
    shown = np.ma.masked_where(~np.isfinite(cells) | (cells == 0), cells / unit.size)
    bottom, right = (count * width - 0.5 for count, width in zip(cells.shape, widths, strict=True))
    image = axes.imshow(
        shown, norm=norm, cmap=from_map(pen.theme.map, CELLS_FROM), interpolation="nearest", aspect="auto",
        origin="upper", extent=(-0.5, right, bottom, -0.5),
    )  # fmt: skip
    axes.set_xlim(-0.5, lengths[1] - 0.5)
    axes.set_ylim(lengths[0] - 0.5, -0.5)
    for axis in (axes.xaxis, axes.yaxis) if len(found.axes) == 2 else (axes.xaxis,):
        axis.set_major_locator(_indices())
    _crosses(pen, axes, cells, widths)
    _ring(pen, axes, cells, widths)
    return image


def _indices() -> MaxNLocator:
    return MaxNLocator(6, integer=True, min_n_ticks=1)


def _sizes_norm(errors: Any) -> LogNorm:
    """Colours by powers of ten, over one of them at least, so that rounding shows no pattern, and six at most."""
    shown = errors[np.isfinite(errors) & (errors > 0)]
    low, high = (float(shown.min()), float(shown.max())) if shown.size else (1.0, 1.0)
    return LogNorm(min(max(low, high * 1e-6), high / 10), high, clip=True)


def _crosses(pen: Pen, axes: Any, cells: Any, widths: tuple[int, ...]) -> None:
    rows, columns = np.nonzero(~np.isfinite(cells))
    if rows.size:
        step = -(-rows.size // 400)
        x, y = _middles(columns[::step], widths[1]), _middles(rows[::step], widths[0])
        name = f"NaN or Inf ({rows.size:,} {'cell' if rows.size == 1 else 'cells'})"
        axes.scatter(x, y, marker="x", s=22, linewidths=1.4, color=pen.theme.bad, label=name)


def _ring(pen: Pen, axes: Any, cells: Any, widths: tuple[int, ...]) -> None:
    """A ring around the largest finite error."""
    if not cells.any():
        _say(pen, axes, "no element differs")
        return
    finite = np.where(np.isfinite(cells), cells, 0.0)
    row, column = np.unravel_index(int(finite.argmax()), cells.shape)
    if finite[row, column]:
        at = [_middles(column, widths[1])], [_middles(row, widths[0])]
        _circle(pen, axes, *at, f"largest: {finite[row, column]:.3g}")


def _circle(pen: Pen, axes: Any, x: list[float], y: list[float], label: str) -> None:
    ring = {"marker": "o", "facecolors": "none", "s": 120, "clip_on": False}
    axes.scatter(x, y, edgecolors=pen.theme.page, linewidths=3.4, zorder=3, **ring)  # a rim, seen on any colour
    axes.scatter(x, y, edgecolors=pen.theme.ink, linewidths=1.6, zorder=4, label=label, **ring)


def _say(pen: Pen, axes: Any, sentence: str) -> None:
    axes.text(0.5, 0.5, sentence, color=pen.theme.ink, fontsize=9, ha="center", va="center", transform=axes.transAxes)


def _middles(places: Any, width: int) -> Any:
    return places * width + (width - 1) / 2


# --- sizes and values ---


def _hist(pen: Pen, data: Histogram) -> None:
    """Bars over powers of two; to their left what does not differ, to their right what is not finite."""
    differing = sum(data.counts) + data.nonfinite
    title = f"sizes of |error|: {differing:,} of {differing + data.zeros:,} differ"
    axes = pen.axes(title, "|left - right|", "elements (log scale)")
    floor = data.edges[1] / 2 if data.edges and data.edges[0] == 0 else 0.0  # denormals have no lower edge
    edges = [math.log10(min(edge or floor, sys.float_info.max)) for edge in data.edges]
    low, high = (edges[0], edges[-1]) if edges else (0.0, 0.0)
    gap = max((high - low) * 0.12, 0.3)
    axes.bar(edges[:-1], data.counts, np.diff(edges), align="edge", color=pen.theme.left, edgecolor=pen.theme.page)
    ticks = {position: f"{10.0**position:.2g}" for position in _decades(low, high)} if edges else {}
    for count, at, name, hatch in ((data.zeros, low - gap, "0", ""), (data.nonfinite, high + gap, "NaN, Inf", "xx")):
        if count:
            colour = pen.theme.bad if hatch else pen.theme.left
            axes.bar([at], [count], gap * 0.7, color="none" if hatch else colour, edgecolor=colour, hatch=hatch)
            ticks[at] = name
    axes.set_xticks(list(ticks), list(ticks.values()))
    axes.set_xlim(low - gap * (1.6 if data.zeros else 0.6), high + gap * (1.6 if data.nonfinite else 0.6))
    pen.count_axis(axes, max(*data.counts, data.zeros, data.nonfinite, 1, 1))
    pen.grid(axes)


def _decades(low: float, high: float) -> list[float]:
    step = max(1, math.ceil((high - low) / 4))
    inside = [float(power) for power in range(math.ceil(low), math.floor(high) + 1, step)]
    return inside or [low]


def _values(pen: Pen, data: ValueCounts) -> None:
    unit = Unit.of(data.edges)
    axes = pen.axes("values of both sides", (PARTS if data.parts else "value") + unit.words, "elements (log scale)")
    sides = ((data.left, pen.theme.left, "-"), (data.right, pen.theme.right, "--"))
    for index, (counts, colour, style) in enumerate(sides):
        name = pen.labels[index] + "".join(
            f", {count:,} {word}" for count, word in ((data.nan[index], "NaN"), (data.inf[index], "Inf")) if count
        )
        axes.stairs(
            counts, data.edges / unit.size, color=colour, linestyle=style, linewidth=1.8 - 0.3 * index, label=name
        )
    pen.count_axis(axes, int(max(data.left.max(), data.right.max())))
    pen.grid(axes)
    pen.legend(axes)


def _scatter(pen: Pen, data: PairCounts) -> None:
    """Every cell that holds a pair, by how many it holds; the diagonal, and the tolerance around it."""
    unit = Unit.of(data.edges)
    names = [f"{label} ({'both parts' if data.parts else 'value'}{unit.words})" for label in pen.labels]
    axes = pen.axes("left against right", *names)
    rows, columns = np.nonzero(data.counts)
    edges = data.edges / unit.size
    middles = (edges[:-1] + edges[1:]) / 2
    counts = data.counts[rows, columns]
    ends = edges[[0, -1]]
    room = (ends[1] - ends[0]) * 0.04
    if not data.parts:  # the tolerance is for the size of the difference of both
        _band(pen, axes, data, unit)
    axes.plot(ends, ends, color=pen.theme.ink, linewidth=0.8, linestyle=":", label="equal")
    marks = {"s": 9 if counts.size > FEW else 24, "marker": "s", "linewidths": 0, "zorder": 3}
    if counts.size and counts.max() > 1:
        norm, colours = LogNorm(1, int(counts.max())), from_map(pen.theme.map, MARKS_FROM)
        pen.scale(
            axes, axes.scatter(middles[columns], middles[rows], c=counts, cmap=colours, norm=norm, **marks), "elements"
        )
    else:
        axes.scatter(middles[columns], middles[rows], color=pen.theme.left, **marks)
    if data.worst is not None and data.worst[0] != data.worst[1]:
        _circle(pen, axes, [data.worst[0] / unit.size], [data.worst[1] / unit.size], "worst")
    if data.aside:
        axes.plot([], [], linestyle="", marker="x", color=pen.theme.bad, label=f"not drawn: {data.aside:,} NaN or Inf")
    axes.set_xlim(ends[0] - room, ends[1] + room)
    axes.set_ylim(ends[0] - room, ends[1] + room)
    pen.grid(axes)
    pen.legend(axes)


def _band(pen: Pen, axes: Any, data: PairCounts, unit: Unit) -> None:
    atol, rtol = data.tolerance
    line = np.linspace(data.edges[0] / unit.size, data.edges[-1] / unit.size, 101)
    room = atol / unit.size + rtol * np.abs(line)
    between = axes.fill_between if data.reference == "left" else axes.fill_betweenx
    name = f"atol {atol:.2g} + rtol {rtol:.2g}" if atol or rtol else "no tolerance: exact"
    between(line, line - room, line + room, color=pen.theme.faint, edgecolor=pen.theme.ink, linewidth=0.8, label=name)


# --- along an axis, and from row to row ---


def _curves(pen: Pen, data: Curves) -> None:
    places = pen.rows(2, height_ratios=(2, 1))
    unit = Unit.of([data.left, data.right])
    value = ("|value|" if data.sizes else "value") + unit.words
    above = pen.axes("both sides, and their difference", "", value, place=places[0])
    below = pen.axes("", "index", "|error|", place=places[1], sharex=above)
    above.tick_params(labelbottom=False)
    at = data.positions + (data.width - 1) / 2
    for index, (values, colour, style) in enumerate(
        ((data.left / unit.size, pen.theme.left, "-"), (data.right / unit.size, pen.theme.right, "--"))
    ):
        if data.width == 1:
            marker = {"marker": "os"[index], "markersize": 3} if at.size <= 40 else {}
            above.plot(at, values[0], color=colour, linestyle=style, label=pen.labels[index], **marker)
        else:
            above.fill_between(at, values[0], values[1], color=colour, alpha=0.35, linewidth=0)
            above.plot(at, values[1], color=colour, linestyle=style, linewidth=1.0, label=pen.labels[index])
            above.plot(at, values[0], color=colour, linestyle=style, linewidth=1.0)
    if not np.isfinite([data.left, data.right]).any():
        above.set_yticks([])
        _say(pen, above, "no value is finite")
    _error_line(pen, below, at, data.error)
    below.set_xlim(-0.5, data.length - 0.5)
    below.xaxis.set_major_locator(_indices())
    for axes in (above, below):
        pen.grid(axes)
    pen.legend(above, below)


def _error_line(pen: Pen, axes: Any, at: Any, error: Any) -> None:
    """The error on a log scale; zeros stand on the floor, what is not finite hangs from the ceiling."""
    unit = Unit.of(error)
    error = error / unit.size
    finite = error[np.isfinite(error) & (error > 0)]
    if finite.size:
        axes.set_yscale("log")
        axes.set_ylabel(axes.get_ylabel() + unit.words)
        low, high = float(finite.min()), float(finite.max())
        axes.set_ylim(low / 2, high * 2)
        _log_labels(axes, {}, low, high)
    shown = np.where(np.isfinite(error) & (error > 0), error, np.nan)
    axes.plot(
        at,
        shown,
        color=pen.theme.ink,
        linewidth=1.2,
        marker="." if at.size <= 100 or finite.size < 3 else "",
        markersize=4,
    )
    bad = ~np.isfinite(error)
    if bad.any():
        where = axes.get_xaxis_transform()
        axes.scatter(
            at[bad],
            np.full(int(bad.sum()), 0.92),
            marker="x",
            color=pen.theme.bad,
            s=16,
            transform=where,
            label="NaN or Inf",
        )
    if not finite.size:
        axes.set_ylim(0, 1)
        axes.set_yticks([] if bad.any() else [0])
    if not (finite.size or bad.any()):
        _say(pen, axes, "no element differs")


def _layers(pen: Pen, data: LayerErrors) -> None:
    unit = Unit.of([math.nan if error is None else error for error in data.errors])
    errors = [None if error is None else error / unit.size for error in data.errors]
    axes = pen.axes("largest |error| of each row", "row", f"largest |error|{unit.words}")
    numbers = [error for error in errors if error is not None and math.isfinite(error) and error > 0]
    if numbers:
        axes.set_yscale("log")
    low = min(numbers) / 10 if numbers else 0.0
    high = max(numbers) * 10 if numbers else 1.0
    heights = [_height(error, low, high) for error in errors]
    at = np.arange(len(heights))
    axes.plot(at, heights, color=pen.theme.ink, linewidth=0.8, linestyle=":")
    groups: dict[str, tuple[str, str, Callable[[int], bool]]] = {
        "passed": ("o", pen.theme.left, lambda i: data.passed[i]),
        "failed": ("X", pen.theme.bad, lambda i: not data.passed[i] and _is_number(data.errors[i])),
        "failed, with NaN or Inf or without an error": (
            "v", pen.theme.bad, lambda i: not data.passed[i] and not _is_number(data.errors[i]),
        ),
    }  # fmt: skip
    for name, (marker, colour, belongs) in groups.items():
        inside = [i for i in range(len(heights)) if belongs(i)]
        if inside:
            axes.scatter(
                at[inside], [heights[i] for i in inside], marker=marker, color=colour, s=34, label=name, zorder=3
            )
    if numbers:
        axes.set_ylim(low / 2, high * 2)
        _log_labels(axes, {low: "0"} if 0 in data.errors else {}, min(numbers), max(numbers))
    else:
        axes.set_ylim(-0.1, 1.1)
        axes.set_yticks([0] if 0 in data.errors else [])
    axes.set_xlim(-0.5, len(heights) - 0.5)
    if data.first is not None:
        axes.axvline(data.first, color=pen.theme.bad, linewidth=1.2, linestyle="--", zorder=1)
        side = {"ha": "right", "x": -4} if data.first > len(heights) / 2 else {"ha": "left", "x": 4}
        axes.annotate(
            f"first to fail: {short(data.names[data.first])}", (data.first, 1), (side["x"], -3),
            xycoords=("data", "axes fraction"), textcoords="offset points", ha=side["ha"], va="top",
            color=pen.theme.ink, fontsize=9, parse_math=False,
        )  # fmt: skip
    _names(axes, data.names)
    pen.grid(axes)
    axes.set_title(axes.get_title(), color=pen.theme.ink, fontsize=10, pad=22)
    axes.legend(
        loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, fontsize=SMALL, frameon=False, labelcolor=pen.theme.ink
    )


def _log_labels(axes: Any, more: Mapping[float, str], low: float, high: float) -> None:
    """Powers of ten as `1e-05`, and whatever else stands on a log axis."""
    ticks = {**more, **{tick: f"{tick:.2g}" for tick in log_ticks(low, high)}}
    axes.set_yticks(list(ticks), list(ticks.values()))
    axes.minorticks_off()


def _is_number(error: float | None) -> bool:
    return error is not None and math.isfinite(error)


def _height(error: float | None, low: float, high: float) -> float:
    """Where an error is drawn: 0 on the floor, what has no size at the ceiling."""
    if error is None or not math.isfinite(error):
        return high
    return error or low


def _names(axes: Any, names: tuple[str, ...]) -> None:
    """The names below the axis; of many rows every so many."""
    step = -(-len(names) // MANY)
    shown = range(0, len(names), step)
    longest = max(len(short(names[i], 20)) for i in shown)
    lying = len(shown) * longest < 80
    axes.set_xticks(list(shown), [short(names[i], 20) for i in shown])
    for text in axes.get_xticklabels():
        text.set_parse_math(False)
        if not lying:
            text.set(rotation=60, ha="right", rotation_mode="anchor")


_DRAW: dict[str, Callable[[Pen, Any], None]] = {
    "heat": _heat, "channels": _channels, "hist": _hist, "values": _values, "scatter": _scatter, "curves": _curves,
    "layers": _layers,
}  # fmt: skip
