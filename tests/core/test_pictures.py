"""What pictures show is what NumPy finds with everything in memory: maxima and counts, nothing left out."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import dualcell
from dualcell.errors import OptionError
from dualcell.histogram import error_histogram
from dualcell.pictures import blocks, loops, plain
from dualcell.pictures.curves import POINTS
from dualcell.pictures.heat import CELLS
from dualcell.pictures.kinds import KINDS, default_kinds, read_kinds
from dualcell.pictures.panels import panels
from dualcell.pictures.values import BINS, Span
from dualcell.plain_pass import absolute_error

DTYPES = ["float16", "float32", "float64", "complex64", "int8", "uint64", "bool"]


def data(left, right, kind, **how):
    """What one picture of a pair shows."""
    (panel,) = panels(dualcell.compare(left, right, causes=False)["value"].comparison, [kind], **how)
    return panel.data


def numbers(side):
    """What is counted: of a complex number both parts; of one that is not finite its size, once."""
    if side.dtype.kind != "c":
        return side.astype(np.float64).ravel()
    finite = np.isfinite(side)
    return np.concatenate([parts(side[finite]), np.abs(side[~finite])]).astype(np.float64)


def parts(values):
    return np.concatenate([values.real, values.imag]) if values.dtype.kind == "c" else values


def widths(shape, axes):
    return tuple(-(-shape[axis] // CELLS) for axis in axes)


def largest(error, axes):
    """The map by hand: the largest error over all other axes, then in each cell."""
    others = tuple(axis for axis in range(error.ndim) if axis not in axes)
    full = np.asarray(error.max(axis=others), np.float64)
    for axis, width in enumerate(widths(error.shape, axes)):
        full = np.maximum.reduceat(full, range(0, full.shape[axis], width), axis=axis)
    return full


@st.composite
def pairs(draw, dtypes=DTYPES, max_dims=4):
    dtype = draw(st.sampled_from(dtypes))
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=max_dims, max_side=5))
    left, right = (draw(hnp.arrays(dtype, shape)) for _ in range(2))
    return (left, right) if draw(st.booleans()) else (left.T, right.T)


@pytest.fixture(params=["plain", "compiled"])
def counted_by(request, monkeypatch):
    """Both ways of counting, and slabs so small that several threads and blocks meet."""
    monkeypatch.setattr(blocks, "COMPILED_FROM", 0 if request.param == "compiled" else 1 << 60)
    monkeypatch.setattr(blocks, "SLAB", 7)
    assert blocks.counting((1,)) is (loops if request.param == "compiled" else plain)
    return request.param


# --- maps ---


@pytest.mark.filterwarnings("ignore")
def test_a_map_holds_the_largest_error_of_each_cell(counted_by):
    @settings(max_examples=150, deadline=None)
    @given(pairs(), st.data())
    def check(pair, draw):
        error = absolute_error(*pair).astype(np.float64)
        axes = draw.draw(st.lists(st.sampled_from(range(error.ndim)), min_size=1, max_size=2, unique=True))
        (found,) = data(*pair, "heat", axes=axes)
        assert found.axes == tuple(sorted(axes))
        np.testing.assert_array_equal(found.largest, largest(error, found.axes))
        for strip in data(*pair, "channels"):
            np.testing.assert_array_equal(strip.largest, largest(error, strip.axes))

    check()


@pytest.mark.parametrize("shape", [(3, 700, 5), (520, 2, 257), (1000,), (2, 259)])
@pytest.mark.parametrize("axes", [(0,), (0, 1), (1, 2), (0, 2), (2,)])
def test_long_axes_share_cells(counted_by, monkeypatch, shape, axes):
    if max(axes) >= len(shape):
        return
    monkeypatch.setattr(blocks, "SLAB", 1000)
    left = np.zeros(shape, np.float32)
    right = np.random.default_rng(0).random(shape, np.float32)
    (found,) = data(left, right, "heat", axes=axes)
    assert found.widths == widths(shape, axes)
    assert max(found.largest.shape) <= CELLS
    np.testing.assert_array_equal(found.largest, largest(right.astype(np.float64), axes))


@pytest.mark.parametrize("index", [(0, 0, 0), (40, 299, 1), (63, 511, 2)])
def test_one_wrong_element_stays(counted_by, monkeypatch, index):
    monkeypatch.setattr(blocks, "SLAB", 5000)
    left = np.ones((64, 512, 3), np.float32)
    right = left.copy()
    right[index] += 1e-3
    (found,) = data(left, right, "heat")
    assert np.count_nonzero(found.largest) == 1
    assert found.top == pytest.approx(1e-3, rel=1e-3)
    assert all(low <= at <= high for at, (low, high) in zip(index[:2], found.indices(found.top_cell), strict=True))


def test_nan_and_infinities_are_cells_of_their_own(counted_by):
    left = np.zeros((2, 3))
    right = np.array([[0, math.nan, 2.0], [math.inf, 0, 1.0]])
    (found,) = data(left, right, "heat")
    np.testing.assert_array_equal(found.largest, [[0, math.nan, 2], [math.inf, 0, 1]])
    assert (found.nonfinite, found.top, found.top_cell) == (2, 2.0, (0, 1))
    assert found.sentence == (
        "|error| over axes 0 and 1: an error is NaN at index 0 of axis 0, index 1 of axis 1; "
        "4 of 6 cells differ, 2 with NaN or Inf"
    )


# --- counts ---


@pytest.mark.filterwarnings("ignore")
def test_sizes_are_those_of_the_histogram(counted_by):
    @settings(max_examples=100, deadline=None)
    @given(pairs())
    def check(pair):
        assert data(*pair, "hist") == error_histogram(*pair)

    check()


@pytest.mark.filterwarnings("ignore")
def test_every_value_is_counted_once(counted_by):
    @settings(max_examples=150, deadline=None)
    @given(pairs())
    def check(pair):
        found = data(*pair, "values")
        drawn = data(*pair, "scatter")
        finite = [np.isfinite(side) for side in pair]
        sides = [numbers(side) for side in pair]
        for side, counts, nan, inf in zip(sides, (found.left, found.right), found.nan, found.inf, strict=True):
            assert counts.sum() == np.isfinite(side).sum()
            assert (nan, inf) == (np.isnan(side).sum(), np.isinf(side).sum())
            inside = np.sort(side[np.isfinite(side)])
            lowest = np.repeat(np.arange(BINS), counts)  # the bin of each, in order
            step = found.edges[1] * 0.5 - found.edges[0] * 0.5
            assert (inside * 0.5 >= found.edges[lowest] * 0.5 - step * 1e-6).all()
            assert (inside * 0.5 <= found.edges[lowest + 1] * 0.5 + step * 1e-6).all()
        both = finite[0] & finite[1]
        first, second = (parts(side[both]) for side in pair)
        assert (drawn.counts.sum(), drawn.aside) == (first.size, (~both).sum())
        assert drawn.differing == np.count_nonzero(first != second)

    check()


def test_the_scatter_has_left_across_and_right_upward(counted_by):
    found = data(np.array([0.0, 1.0, 1.0]), np.array([0.0, 0.0, 1.0]), "scatter")
    assert {tuple(map(int, at)): int(found.counts[tuple(at)]) for at in np.argwhere(found.counts)} == {
        (0, 0): 1, (0, 127): 1, (127, 127): 1,
    }  # fmt: skip
    assert (found.worst, found.edges[0], found.edges[-1]) == ((1.0, 0.0), 0.0, 1.0)


def test_equal_bins_are_numpys():
    values = np.arange(200.0)
    found = data(values, values + 0.5, "values")
    edges = np.linspace(0, 199.5, BINS + 1)
    np.testing.assert_allclose(found.edges, edges)
    assert found.left.sum() == found.right.sum() == 200
    np.testing.assert_array_equal(found.left, np.histogram(values, edges)[0])


@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 0.0), (5.0, 5.0), (1e300, 1e300), (-1.79e308, 1.79e308), (0.0, 5e-324), (1e16, 1e16 + 2)]
)
def test_a_span_has_a_width_whatever_the_values(counted_by, low, high):
    found = data(np.array([low, high]), np.array([high, low]), "values")
    assert np.isfinite(found.edges).all()
    assert found.edges[0] <= low <= high <= found.edges[-1]
    assert found.left.sum() == found.right.sum() == 2


def test_no_finite_value_at_all():
    found = data(np.full(3, math.nan), np.full(3, math.inf), "values")
    assert (found.left.sum(), found.nan, found.inf) == (0, (3, 0), (0, 3))
    assert found.sentence == "values: left 0 finite, 3 NaN; right 0 finite, 3 Inf"
    assert Span().is_empty


def test_values_are_said_as_they_are_not_as_their_bins():
    one = data(np.array([math.nan, math.inf, 1.0]), np.array([math.nan, 1.0, 1.0]), "values")
    assert one.sentence == "values: left 1 finite from 1 to 1, 1 NaN, 1 Inf; right 2 finite from 1 to 1, 1 NaN"
    apart = data(np.array([-3.0, 0.5]), np.array([10.0]), "values")
    assert apart.sentence == "values: left 2 finite from -3 to 0.5; right 1 finite from 10 to 10"


def test_one_element_is_no_elements():
    assert data(np.ones(1), np.ones(1), "scatter").sentence == "left against right: 1 element, 0 of them differ"


def test_the_scatter_counts_what_differs_however_little(counted_by):
    """Also where it is less than a cell of the picture is wide."""
    left = np.linspace(0, 1000, 60)
    right = left.copy()
    right[[3, 40, 50]] += 1e-3
    right[7] = math.nan
    assert data(left, right, "scatter").sentence == (
        "left against right: 59 elements, 3 of them differ; 1 with NaN or Inf are not drawn"
    )
    assert data(left[10:], right[10:], "scatter").sentence == (
        "left against right: 50 elements, 2 of them differ; the worst is 677.966 against 677.967"
    )


def test_of_complex_numbers_both_parts_are_counted(counted_by):
    """A phase that is off leaves every size as it was."""
    left = np.array([1 + 0j, 2j, -3, complex(math.nan, 1)])
    right = left * 1j
    found = data(left, right, "scatter")
    assert (found.counts.sum(), found.differing, found.aside, found.worst) == (6, 6, 1, None)
    assert data(left[:3], right[:3], "scatter").sentence == (
        "left against right: 6 real and imaginary parts, 6 of them differ; the worst is -3 against -0"
    )
    assert data(left, right, "values").sentence == (
        "real and imaginary parts: left 6 finite from -3 to 2, 1 NaN; right 6 finite from -3 to 1, 1 NaN"
    )
    assert data(left[:2], np.array([1.0, 2.0]), "scatter").differing == 2  # a complex side against a real one
    (apart,) = panels(dualcell.compare(left, right[:2])["value"].comparison)
    assert apart.data.sentence.startswith("real and imaginary parts: left 6 finite")
    assert data(left, right, "curves").sentence.startswith("sizes of both sides along axis 0 of 4")


# --- curves ---


@pytest.mark.parametrize("length", [1, 60, POINTS, POINTS + 1, 10_000])
def test_curves_are_envelopes(monkeypatch, length):
    monkeypatch.setattr(blocks, "SLAB", 997)
    generator = np.random.default_rng(length)
    left = generator.normal(size=length)
    right = left + generator.normal(size=length)
    left[length // 2] = math.nan
    found = data(left, right, "curves")
    starts = range(0, length, found.width)
    assert found.error.size == len(starts) <= POINTS
    np.testing.assert_array_equal(found.error, np.maximum.reduceat(np.abs(left - right), starts))
    for side, values in ((found.left, left), (found.right, right)):
        np.testing.assert_array_equal(side[0], np.fmin.reduceat(values, starts))
        np.testing.assert_array_equal(side[1], np.fmax.reduceat(values, starts))


def test_curves_say_where_they_part():
    left = np.arange(10.0)
    right = left + np.where(left > 6, 0.5, 0)
    assert data(left, right, "curves").sentence == (
        "both sides along axis 0 of 10: left from 0 to 9, right from 0 to 9.5; "
        "they part at index 7, the largest error is 0.5 at index 7"
    )


# --- what a row can show ---


def said(left, right, *words, **how):
    with pytest.raises(ValueError, match=r".") as error:
        panels(dualcell.compare(left, right)["value"].comparison, words or ["auto"], **how)
    return str(error.value)


def test_a_number_and_nothing_are_not_drawn():
    assert said(1.0, 1.5) == "row 'value' is one number, which needs no picture: 1.0 against 1.5"
    assert said(np.zeros((0, 3)), np.zeros((0, 3))) == "row 'value' has no elements to draw: its shape is (0, 3)"
    assert said(np.zeros((0, 3)), np.zeros(3)) == (
        "row 'value' has no elements to draw: its shape is (0, 3) against (3,)"
    )
    assert said("text", 1.0).startswith("row 'value' is 'unsupported', so there is nothing to draw: left: a str is")


def test_rows_of_two_shapes_show_their_values():
    left, right = np.arange(4.0), np.arange(6.0).reshape(2, 3)
    (panel,) = panels(dualcell.compare(left, right)["value"].comparison)
    assert (panel.kind, panel.data.left.sum(), panel.data.right.sum(), panel.data.edges[-1]) == ("values", 4, 6, 5.0)
    assert said(left, right, "heat") == (
        "row 'value' is 'shape', so it has no error to draw: shapes are compared as they are, never broadcast or "
        "permuted; plot('values') shows the values of both sides"
    )


def test_kinds_follow_the_shape():
    for shape in [(3,), (2, 3), (2, 3, 4, 5)]:
        found = panels(dualcell.compare(np.zeros(shape), np.ones(shape))["value"].comparison)
        assert tuple(panel.kind for panel in found) == default_kinds(shape)
    assert said(np.zeros((2, 3)), np.zeros((2, 3)), "curves") == (
        "row 'value' has shape (2, 3); 'curves' need one axis, plot('heat') shows two"
    )


def test_words_are_checked():
    with pytest.raises(OptionError, match=r"^plot is 'heta', expected one of auto, heat.* Did you mean 'heat'\?$"):
        read_kinds("heta")
    assert "Did you mean 'scatter'?" in said(np.zeros(2), np.zeros(2), "scater")
    assert read_kinds(["hist", "heat,"[:4]]) == ("hist", "heat")


@pytest.mark.parametrize("axes", [(), (0, 1, 2), (0, 0), (3,), (-4,), (1.0,), (1, -2)])
def test_axes_are_checked(axes):
    pair = np.zeros((2, 3, 4)), np.zeros((2, 3, 4))
    assert said(*pair, "heat", axes=axes) == (
        f"axes is {axes!r}, expected 1 to 2 different axes of shape (2, 3, 4), as in axes=(0,)."
    )
    assert said(*pair, "hist", axes=(0,)) == ("axes has no effect on hist; it chooses what 'heat' and 'channels' show.")


def test_axes_may_be_counted_from_the_end():
    (found,) = data(np.zeros((2, 3, 4)), np.ones((2, 3, 4)), "heat", axes=(-1, 0))
    assert found.axes == (0, 2)


# --- cost ---


def test_memory_is_that_of_blocks():
    left, right = np.zeros((4000, 1500), np.float32), np.ones((4000, 1500), np.float32)
    comparison = dualcell.compare(left, right, causes=False)["value"].comparison
    every = [kind for kind in KINDS if kind != "curves"]
    panels(comparison, every)  # the compiled loops are loaded
    tracemalloc.start()
    panels(comparison, every)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < left.nbytes / 2
