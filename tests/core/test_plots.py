"""Every figure says what it shows, shows what was found, and leaves matplotlib as it was."""

from __future__ import annotations

import io
import math
import subprocess
import sys
import warnings
from importlib import import_module
from itertools import pairwise

import numpy as np
import pytest

import dualcell
from dualcell.errors import FrameworkError, OptionError
from dualcell.pictures.kinds import KINDS
from dualcell.pictures.panels import panels

matplotlib = pytest.importorskip("matplotlib")
plots = pytest.importorskip("dualcell.render.plots")


def row(left, right, **options):
    return dualcell.compare(left, right, causes=False, **options)["value"]


def planted(shape=(40, 48), index=(13, 30), by=0.3):
    left = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    right = left.copy()
    right[index] += np.float32(by)
    return left, right


def image_of(figure):
    """The pixels of a figure: (height, width, 3), 0 to 1."""
    return matplotlib.image.imread(io.BytesIO(plots.png(figure)))[..., :3]


def words_of(figure):
    """Every text in a figure."""
    return [text.get_text() for text in figure.findobj(matplotlib.text.Text) if text.get_text()]


# --- what each kind draws ---


def test_a_heat_map_has_the_largest_errors_its_axes_and_a_scale():
    left, right = planted((2, 40, 48, 3), (1, 13, 30, 2))
    figure = row(left, right).plot("heat")
    axes, scale = figure.axes
    assert (axes.get_title(), axes.get_xlabel(), axes.get_ylabel()) == (
        "largest |error| over axes 1 and 2", "axis 2 (index)", "axis 1 (index)",
    )  # fmt: skip
    assert (axes.get_xlim(), axes.get_ylim(), scale.get_ylabel()) == ((-0.5, 47.5), (39.5, -0.5), "largest |error|")
    (image,) = axes.images
    expected = np.abs(left.astype(float) - right).max(axis=(0, 3))
    np.testing.assert_array_equal(image.get_array().filled(0), expected)
    assert image.get_extent() == [-0.5, 47.5, 39.5, -0.5]
    assert any(np.allclose(marks.get_offsets(), [[30, 13]]) for marks in axes.collections)
    assert "largest: 0.3" in words_of(figure)


def test_the_map_of_a_long_axis_keeps_the_indices():
    left, right = planted((3, 1000), (2, 997))
    axes = row(left, right).plot("heat").axes[0]
    assert (axes.images[0].get_array().shape, axes.get_xlim()) == ((3, 250), (-0.5, 999.5))
    assert axes.images[0].get_extent()[:2] == [-0.5, 999.5]
    assert any(np.allclose(marks.get_offsets(), [[997.5, 2]]) for marks in axes.collections)


def test_nan_is_crossed_out_and_counted():
    left, right = planted()
    right[3, 4] = math.nan
    right[5, 6] = math.inf
    figure = row(left, right).plot("heat", "hist", "values", "scatter")
    crosses = [marks for marks in figure.axes[0].collections if marks.get_label() == "NaN or Inf (2 cells)"]
    np.testing.assert_array_equal(crosses[0].get_offsets(), [[4, 3], [6, 5]])
    assert {"NaN, Inf", "right, 1 NaN, 1 Inf", "not drawn: 2 NaN or Inf"} <= {*words_of(figure)}


def test_strips_share_one_scale_of_colours():
    figure = row(*planted((4, 40, 48), (2, 13, 30))).plot("channels")
    strips = figure.axes[:3]
    assert [axes.get_ylabel() for axes in strips] == ["axis 0", "axis 1", "axis 2"]
    assert len({id(axes.images[0].norm) for axes in strips}) == 1
    assert [int(axes.images[0].get_array().filled(0).argmax()) for axes in strips] == [2, 13, 30]
    assert row(*planted()).plot("channels", axes=(1,)).axes[0].get_ylabel() == "axis 1"


@pytest.mark.parametrize("kind", ["heat", "channels"])
@pytest.mark.parametrize("errors", [[0.0999999, 0.1000000], [0.1, 0.1], [0.02, 0.1], [1e-9, 0.1]])
def test_colours_span_a_power_of_ten_at_least(kind, errors):
    """What is rounding alone has no pattern, and the ends of the scale have two names."""
    error = np.resize(errors, (8, 8))
    figure = row(np.zeros((8, 8)), error).plot(kind)
    figure.draw_without_rendering()
    norm = figure.axes[0].images[0].norm
    assert norm.vmax == 0.1
    assert norm.vmin == max(min(errors[0], 0.1 / 10), 1e-7)
    names = [label.get_text() for label in figure.axes[-1].get_yticklabels()]
    assert len(names) == len({*names}) > 1
    shades = figure.axes[0].images[0].cmap(norm(np.array(errors)))
    assert (np.abs(shades[0] - shades[1]).max() < 0.01) == (errors[0] > 0.09)


def test_the_sizes_stand_over_their_powers_of_two():
    left = np.array([0.0, 0, 0, 0, 0])
    right = np.array([0.0, 0, 0.75, 0.5, 6.0])
    axes = row(left, right).plot("hist").axes[0]
    bars = {round(10 ** bar.get_x(), 9): bar.get_height() for bar in axes.patches if bar.get_height()}
    assert (bars[0.5], bars[4.0], max(bar.get_height() for bar in axes.patches)) == (2, 1, 2)
    assert (axes.get_title(), axes.get_yscale()) == ("sizes of |error|: 3 of 5 differ", "log")
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("|left - right|", "elements (log scale)")
    assert "0" in [label.get_text() for label in axes.get_xticklabels()]
    assert axes.get_ylim()[0] == 0.5  # one element has a height


def test_both_sides_values_are_told_apart_by_style_too():
    axes = row(*planted()).plot("values").axes[0]
    left, right = axes.patches
    assert (left.get_label(), left.get_linestyle(), right.get_label(), right.get_linestyle()) == (
        "left", "-", "right", "--",
    )  # fmt: skip
    assert left.get_data().values.sum() == right.get_data().values.sum() == 40 * 48
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("value", "elements (log scale)")


@pytest.mark.parametrize(("reference", "side"), [("left", 1), ("right", 0)])
def test_the_scatter_has_the_tolerance_around_the_diagonal(reference, side):
    left = np.array([0.0, 1.0, 10.0])
    figure = row(left, left + 1, rtol=0.5, atol=0.25, reference=reference).plot("scatter")
    axes = figure.axes[0]
    (band,) = [item for item in axes.collections if item.get_label() == "atol 0.25 + rtol 0.5"]
    outline = band.get_paths()[0].vertices
    at_top = outline[np.isclose(outline[:, 1 - side], 11.0)][:, side]
    assert (at_top.min(), at_top.max()) == (pytest.approx(11 - 0.25 - 5.5), pytest.approx(11 + 0.25 + 5.5))
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("left (value)", "right (value)")
    assert "equal" in words_of(figure)


def test_curves_and_their_difference():
    left = np.linspace(1, 0, 30)
    right = left + np.where(np.arange(30) > 20, 0.125, 0)
    above, below = row(left, right).plot("curves").axes
    np.testing.assert_array_equal(above.lines[0].get_ydata(), left)
    np.testing.assert_array_equal(above.lines[1].get_ydata(), right)
    assert [line.get_linestyle() for line in above.lines] == ["-", "--"]
    shown = below.lines[0].get_ydata()
    assert np.isnan(shown[:21]).all()
    np.testing.assert_allclose(shown[21:], 0.125)
    assert (below.get_xlabel(), below.get_ylabel(), above.get_ylabel()) == ("index", "|error|", "value")


def boxes(figure, texts):
    """Where texts stand in a figure that was drawn; those that show nothing are left out."""
    return [text.get_window_extent() for text in texts if text.get_text() and text.get_visible()]


@pytest.mark.parametrize("errors", [[0.5], [0.5, 0.6], [2e-9, 3e-9, 0], [1e-3, 1.0], [0], [math.nan], [math.nan, 2.0]])
def test_ticks_of_errors_are_apart_and_not_negative(errors):
    left = np.zeros(6)
    right = left.copy()
    right[-len(errors) :] = errors
    curves = row(left, right).plot("curves")
    layers = dualcell.compare({f"h{i}": [0.0] for i in range(6)}, {f"h{i}": [right[i]] for i in range(6)}).plot()
    for figure, axes in ((curves, curves.axes[1]), (layers, layers.axes[0])):
        figure.draw_without_rendering()
        low, high = axes.get_ylim()
        ticks = [tick for tick in axes.get_yticks() if low <= tick <= high]
        assert min(ticks, default=0) >= 0
        places = boxes(figure, [tick.label1 for tick in axes.yaxis.get_major_ticks() if low <= tick.get_loc() <= high])
        assert not any(one.overlaps(other) for one, other in pairwise(sorted(places, key=lambda box: box.y0)))
    assert all(tick == int(tick) for tick in curves.axes[1].get_xticks())
    assert curves.axes[1].get_xlim() == (-0.5, 5.5)


@pytest.mark.parametrize("kind", ["heat", "values", "scatter"])
@pytest.mark.parametrize("label", ["left", "w" * 40, "確率" * 20])
def test_a_legend_stands_below_its_own_picture(kind, label):
    left, right = planted()
    right[:3] = math.nan
    left[5] = math.inf
    panel = panels(row(left, right).comparison, [kind])
    figure = plots.draw([*panel] * 3, plots.Words("", (label, label)))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        figure.draw_without_rendering()
        legends = [legend.get_window_extent() for part in figure.subfigs for legend in part.legends]
    width, height = figure.bbox.size
    assert len(legends) == 3
    for at, box in enumerate(legends):
        assert at * width / 3 <= box.x0 < box.x1 <= (at + 1) * width / 3
        assert 0 <= box.y0 < box.y1 < height / 2


def test_the_name_of_a_scale_stands_beside_its_own_picture():
    figure = row(*planted()).plot("heat", "scatter")
    figure.draw_without_rendering()
    for drawn, scale in (figure.axes[:2], figure.axes[2:]):
        name = scale.yaxis.label.get_window_extent()
        assert drawn.get_window_extent().x1 < name.x0 < name.x1 < scale.get_window_extent().x0
        assert not name.overlaps(drawn.get_tightbbox())
        assert name.height < scale.get_window_extent().height


def test_values_that_are_not_finite_are_said_not_to_be_drawn():
    figure = row(np.full(3, math.nan), np.full(3, math.inf)).plot("curves")
    assert "no value is finite" in words_of(figure)


def test_layers_in_order_with_the_first_that_fails():
    left = {name: np.ones(3) for name in "abcdef"}
    right = {**left, "b": np.ones(3) + 1e-12, "d": np.ones(3) * 2, "e": np.ones(4), "f": np.full(3, math.nan)}
    result = dualcell.compare(left, right, causes=False)
    figure = result.plot("layers")
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == [f"value.{name}" for name in "abcdef"]
    marked = {marks.get_label(): marks.get_offsets()[:, 0].tolist() for marks in axes.collections}
    assert marked == {"passed": [0, 1, 2], "failed": [3], "failed, with NaN or Inf or without an error": [4, 5]}
    (line,) = [line for line in axes.lines if line.get_linestyle() == "--"]
    assert line.get_xdata()[0] == 3
    assert "first to fail: value.d" in words_of(figure)
    assert figure.alt == "largest |error| of 6 rows in order: the first that fails is value.d (1); 3 fail"
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_yscale()) == ("row", "largest |error|", "log")


@pytest.mark.parametrize("values", [np.zeros(3), np.full(3, np.nan), np.zeros((2, 2), bool), np.zeros((3, 2), np.int8)])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_tensors_without_a_difference_to_measure_are_drawn_too(values, theme):
    kinds = [kind for kind in KINDS if kind != "curves" or values.ndim == 1]
    figure = row(values, values.copy()).plot(*kinds, theme=theme)
    assert image_of(figure).std() > 0
    dualcell.compare({"a": values, "b": values}, {"a": values, "b": values}).plot(theme=theme)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("left", "right"),
    [
        ([1e300, 1e308, -1e308], [1e301, 1e308, 1e308]), ([1.7e308, 0.0], [0.0, 1.0]), ([-1e308, 1.0], [1.7e308, 1.0]),
        ([1e-320, 1e-322], [1e-321, 1e-322]), ([5e-324, 0.0], [0.0, 0.0]), ([1e-310, 1.0], [2e-310, 1e300]),
    ],
)  # fmt: skip
def test_the_largest_and_the_smallest_numbers_are_drawn(kind, left, right):
    left, right = (np.array([side, side]) if kind == "heat" else np.array(side) for side in (left, right))
    figure = row(left, right, rtol=0.0, atol=0.0).plot(kind)
    assert image_of(figure).std() > 0
    for axes in figure.axes:
        assert all(np.isfinite([*axes.get_xlim(), *axes.get_ylim()]))
    dualcell.compare({"a": left}, {"a": right}, rtol=0.0, atol=0.0).plot().draw_without_rendering()


def test_an_axis_of_numbers_that_were_divided_says_by_what():
    figure = row(np.array([1e308, -1e308]), np.array([1e308, 1e308])).plot("values", "scatter", "curves")
    assert {"value / 1e+308", "left (value / 1e+308)", "right (value / 1e+308)"} <= {*words_of(figure)}
    assert figure.axes[0].get_xlim() == pytest.approx((-1.1, 1.1))
    tiny = row(np.array([[3e-320, 0.0]]), np.array([[0.0, 0.0]]), rtol=0.0, atol=0.0).plot("heat")
    assert {"largest |error| over axes 0 and 1", "largest |error| / 1e-320", "largest: 3e-320"} <= {*words_of(tiny)}
    assert "value" in words_of(row(np.array([1e299, 1.0]), np.array([1e-279, 1.0])).plot("values"))


def test_complex_numbers_show_their_parts():
    values = np.array([3 + 4j, 0, 1, 1j])
    figure = row(values, values + 1j).plot("values", "scatter", "curves")
    assert {"real and imaginary parts", "left (both parts)", "right (both parts)", "|value|"} <= {*words_of(figure)}
    assert figure.axes[0].patches[0].get_data().edges[-1] == 5
    (ring,) = [marks for marks in figure.axes[1].collections if marks.get_label() == "worst"]
    assert ring.get_offsets().tolist() == [[4, 5]]
    assert not any("atol" in text for text in words_of(figure))  # it is for the size of the difference, not for parts


# --- one wrong element is seen ---


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("shape", [(40, 48), (1000, 3000)])
@pytest.mark.parametrize("kind", ["heat", "channels"])
def test_one_wrong_element_is_seen(kind, shape, theme):
    """Without its ring, the pixels where the element is differ from those of the same map without it."""
    index = (shape[0] // 3, shape[1] // 2)
    pictures = []
    for by in (0.3, 0.0):
        figure = row(*planted(shape, index, by)).plot(kind, theme=theme)
        for axes in figure.axes:
            for mark in [*axes.collections, *axes.texts]:
                mark.set_visible(False)
        pictures.append((figure, image_of(figure)))
    figure, seen = pictures[0]
    axes = figure.axes[0]
    at = (index[1], index[0]) if kind == "heat" else (index[0], 0)
    x, y = axes.transData.transform(at) * plots.SHARP
    around = np.s_[int(seen.shape[0] - y) - 3 : int(seen.shape[0] - y) + 4, int(x) - 3 : int(x) + 4]
    assert np.abs(seen[around] - pictures[1][1][around]).max() > 0.3


def test_a_fault_of_a_few_among_many_values_is_seen():
    """One outlier of a million has a bar of its own, at least a tenth as high as the axis is."""
    left = np.zeros(1_000_000, np.float32)
    right = left.copy()
    right[77] = 5
    for kind in ("hist", "values"):
        axes = row(left, right).plot(kind).axes[0]
        low, high = (math.log10(end) for end in axes.get_ylim())
        assert (0 - low) / (high - low) > 0.04


# --- restyling, and what is left alone ---


def test_it_is_a_figure_to_restyle():
    figure = row(*planted()).plot("heat", "hist")
    assert isinstance(figure, matplotlib.figure.Figure)
    figure.axes[0].set_title("mine")
    figure.set_size_inches(3, 2)
    stream = io.BytesIO()
    figure.savefig(stream, format="svg")
    assert b"mine" in stream.getvalue() or b"<path" in stream.getvalue()
    data, metadata = figure._repr_mimebundle_()
    assert data["image/png"].startswith(b"\x89PNG")
    assert metadata["image/png"]["width"] == 300


def test_pyplot_and_settings_are_left_alone():
    code = (
        "import sys, numpy as np, dualcell\n"
        "result = dualcell.compare(np.zeros((3, 4)), np.eye(3, 4))\n"
        "assert 'matplotlib' not in sys.modules\n"
        "figure = result['value'].plot(theme='dark')\n"
        "figure._repr_mimebundle_()\n"
        "import matplotlib\n"
        "before = repr(list(dict.items(matplotlib.rcParams)))\n"
        "result['value'].plot('heat', 'hist', 'values', 'scatter', 'channels')._repr_mimebundle_()\n"
        "result.plot()._repr_mimebundle_()\n"
        "assert repr(list(dict.items(matplotlib.rcParams))) == before\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
        "import matplotlib.pyplot as pyplot\n"
        "assert pyplot.get_fignums() == []\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("style", ["dark_background", "ggplot"])
def test_a_style_of_the_user_does_not_hide_anything(style):
    with matplotlib.rc_context():
        import_module("matplotlib.style").use(style)
        figure = row(*planted()).plot("heat", "scatter", theme="light")
    assert figure.get_facecolor() == matplotlib.colors.to_rgba(plots.THEMES["light"].page)
    assert figure.axes[0].xaxis.label.get_color() == plots.THEMES["light"].ink


def test_hostile_names_are_drawn_as_they_are():
    name = r"$\frac{1}{$<script>" + "\n\u202e" + "x" * 10_000
    result = dualcell.compare({name: np.zeros(3), "b": np.zeros(3)}, {name: np.ones(3), "b": np.zeros(3)})
    first = next(iter(result))
    for figure in (result.plot(), first.plot()):
        image_of(figure)
        assert max(map(len, words_of(figure))) < 200
        assert not any("\n" in text or "\u202e" in text for text in words_of(figure))


def test_the_same_picture_has_the_same_bytes():
    (panel,) = panels(row(*planted()).comparison, ["heat"])
    made = [plots.picture(panel, plots.Words("", ("keras", "torch"))) for _ in range(2)]
    assert made[0] == made[1]
    assert (made[0].kind, made[0].size) == ("heat", (378, 284))
    assert made[0].alt.startswith("|error| over axes 0 and 1: largest error 0.3 at index 13 of axis 0, index 30")
    assert max(len(made[0].light), len(made[0].dark)) < 12_000


# --- contrast ---


def luminance(colour):
    channels = np.array(matplotlib.colors.to_rgb(colour))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", ["light", "dark"])
def test_text_and_lines_stand_out_from_the_page(name):
    theme = plots.THEMES[name]
    assert contrast(theme.ink, theme.page) >= 7
    for line in (theme.left, theme.right, theme.bad):
        assert contrast(line, theme.page) >= 4.5
    marks = plots.from_map(theme.map, plots.MARKS_FROM)
    assert min(contrast(marks(place), theme.page) for place in np.linspace(0, 1, 64)) >= 3
    largest = matplotlib.colormaps[theme.map](1.0)
    assert contrast(largest, theme.page) >= 7
    figure = row(*planted()).plot(*[kind for kind in KINDS if kind != "curves"], theme=name)
    for text in figure.findobj(matplotlib.text.Text):
        if text.get_text():
            assert contrast(text.get_color(), theme.page) >= 4.5, text.get_text()


def test_contrast_can_fail():
    assert contrast("#777777", "#ffffff") < 4.5 < contrast("#767676", "#ffffff")


# --- sentences ---


def test_errors_say_what_to_do(monkeypatch):
    result = dualcell.compare(np.zeros(3), np.ones(3))
    with pytest.raises(OptionError, match=r"^plot is 'haet', expected one of auto, heat, .* Did you mean 'heat'\?$"):
        result["value"].plot("haet")
    with pytest.raises(OptionError, match=r"^plot is 'layers', expected one of auto, heat, channels, hist, values"):
        result["value"].plot("layers")
    with pytest.raises(OptionError, match=r"^theme is 'drak', expected 'light' or 'dark'\. Did you mean 'dark'\?$"):
        result["value"].plot(theme="drak")
    with pytest.raises(OptionError, match=r"^theme is 'blue', expected 'light' or 'dark'\.$"):
        result.plot(theme="blue")
    with pytest.raises(
        OptionError, match=r"^plot\('heat'\) is a picture of one row: result\['value'\]\.plot\('heat'\)$"
    ):
        result.plot("heat")
    with pytest.raises(OptionError, match=r"^plot is 'layer', expected layers\. Did you mean 'layers'\?$"):
        result.plot("layer")
    with pytest.raises(ValueError, match=r"^row 'value' is one number, which needs no picture: 1\.0 against 2\.0$"):
        dualcell.compare(1.0, 2.0)["value"].plot()
    with pytest.raises(ValueError, match=r"^there is no row to draw: nothing was compared$"):
        dualcell.compare({}, {}).plot()
    monkeypatch.setattr("dualcell.frameworks.registry.is_installed", lambda name: name != "matplotlib")
    for plot in (result.plot, result["value"].plot):
        with pytest.raises(
            FrameworkError, match=r"^'plot' needs matplotlib, which is not installed here: pip install matplotlib$"
        ):
            plot()
