"""The histogram of a pair's differences: every element is in it once."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import dualcell
from dualcell.coded import coded
from dualcell.histogram import Histogram, error_histogram
from dualcell.plain_pass import absolute_error

DTYPES = ["float16", "float32", "float64", "complex64", "int8", "uint64", "bool"]


def counted(differences):
    """The histogram of some differences, by hand."""
    zeros = sum(d == 0 for d in differences)
    finite = [d for d in differences if 0 < d < math.inf]
    exponents = [max(math.frexp(d)[1] - 1, -1023) for d in finite]
    nonfinite = len(differences) - zeros - len(finite)
    if not finite:
        return Histogram((), (), zeros, nonfinite)
    bins = range(min(exponents), max(exponents) + 1)
    edges = [0.0 if e == -1023 else 2.0**e for e in bins]
    upper = 2.0 ** (bins[-1] + 1) if bins[-1] < 1023 else math.inf
    return Histogram((*edges, upper), tuple(exponents.count(e) for e in bins), zeros, nonfinite)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_difference_is_counted_where_it_belongs(dtype):
    @settings(max_examples=100, deadline=None)
    @given(st.data())
    def check(data):
        shape = data.draw(hnp.array_shapes(max_dims=2, max_side=6))
        left, right = data.draw(hnp.arrays(dtype, shape)), data.draw(hnp.arrays(dtype, shape))
        differences = [float(d) for d in absolute_error(left, right).reshape(-1)]
        assert error_histogram(left, right.T.copy().T) == counted(differences)

    check()


def test_large_arrays_of_any_layout_are_counted_whole(monkeypatch):
    monkeypatch.setattr("dualcell.plain_pass.BLOCK", 1000)
    left = np.arange(4004.0).reshape(91, 44)
    right = left.copy()
    right[::2] += 0.25
    right[90, 43] = math.nan
    found = error_histogram(left.T, right.T)
    assert found == Histogram((0.25, 0.5), (46 * 44 - 1,), 45 * 44, 1)


def test_the_edges_are_those_of_float64():
    left = np.array([5e-324, 2.0**-1022, 2.0**1023, math.inf, 0.0, 1.0])
    right = np.array([0.0, 0.0, 0.0, 0.0, 0.0, math.nan])
    found = error_histogram(left, right)
    assert (found.edges[:2], found.edges[-1]) == ((0.0, 2.0**-1022), math.inf)
    assert (found.counts[:2], found.counts[-1]) == ((1, 1), 1)
    assert (sum(found.counts), found.zeros, found.nonfinite) == (3, 1, 2)


def test_equal_infinities_do_not_differ():
    values = np.array([math.inf, -math.inf, 1.0], np.float32)
    assert error_histogram(values, values) == Histogram((), (), 3, 0)


def test_coded_floats_are_counted_by_their_values():
    left = np.array([1.0, 2.0, 4.0], np.float16)
    assert error_histogram(coded(left), np.array([1.0, 3.0, 1.0])) == Histogram((1.0, 2.0, 4.0), (1, 1), 1, 0)


def test_empty_arrays_have_an_empty_histogram():
    assert error_histogram(np.zeros((0, 3)), np.zeros((0, 3))) == Histogram((), (), 0, 0)


def test_a_row_has_a_histogram():
    result = dualcell.compare(
        {"a": np.array([1.0, 2.0]), "b": np.ones(2)}, {"a": np.array([1.0, 2.5]), "b": np.ones(3)}
    )
    assert result["value.a"].histogram == Histogram((0.5, 1.0), (1,), 1, 0)
    with pytest.raises(ValueError, match=r"^row 'value\.b' is 'shape', so it has no histogram: shapes are compared"):
        _ = result["value.b"].histogram


def test_its_memory_is_that_of_a_block():
    left, right = np.zeros(4_000_000, np.float32), np.ones(4_000_000, np.float32)
    tracemalloc.start()
    error_histogram(left, right)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < left.nbytes / 4
