"""Leaves on a device come to the host in slabs: no figure changes, and no whole copy is made."""

from __future__ import annotations

import itertools
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dualcell import devices
from dualcell.captures import Captured
from dualcell.coded import coded
from dualcell.comparison import compare_pair
from dualcell.frameworks import registry
from dualcell.frameworks.base import ArrayFacts
from dualcell.options import Options
from dualcell.pairs import Pair
from dualcell.slabs import slabs
from dualcell.tolerance import EXACT, Tolerance


class Remote:
    """An array on a device of its own; `np.asarray` cannot see it."""

    def __init__(self, array):
        self.held = array

    def __getitem__(self, where):
        return Remote(self.held[where])


class Whole(Remote):
    """One that cannot be indexed."""

    __getitem__ = None


class Rows(Remote):
    """One whose indices mean something else."""

    def __getitem__(self, where):
        return Whole(self.held[:2])


class RemoteArrays:
    """Reads them; notes how many elements each read brought."""

    def __init__(self):
        self.brought = []

    def owns(self, value):
        return isinstance(value, Remote)

    def facts(self, value):
        return ArrayFacts(value.held.shape, value.held.dtype.name, "far:0")

    def to_numpy(self, value):
        self.brought.append(value.held.size)
        return value.held.copy()


@pytest.fixture
def adapter(monkeypatch):
    arrays = RemoteArrays()
    monkeypatch.setattr(registry, "_by_type", registry._by_type | dict.fromkeys((Remote, Whole, Rows), arrays))
    return arrays


def leaf(array, kind=None):
    """A leaf on the device, or on the host."""
    facts = ArrayFacts(array.shape, array.dtype.name)
    return Captured(replace(facts, device="far:0"), kind(array)) if kind else Captured(facts, array)


def judge(left, right):
    return compare_pair(Pair("x", left, right), Options())


# --- slabs ---


@given(hnp.array_shapes(min_dims=0, max_dims=5, max_side=6), st.integers(1, 50))
def test_slabs_hold_every_element_once_and_in_order(shape, most):
    array = np.arange(int(np.prod(shape))).reshape(shape)
    cuts = [(start, np.asarray(array[where])) for start, where in slabs(shape, most)]
    assert [i for _, part in cuts for i in part.reshape(-1).tolist()] == list(range(array.size))
    for start, part in cuts:
        assert part.reshape(-1)[0] == start
        assert 0 < part.size <= most
        assert np.shares_memory(part, array) or shape == ()
    assert all(one[1].size + other[1].size > most // 2 for one, other in itertools.pairwise(cuts))


# --- figures ---


@settings(deadline=None)
@given(
    hnp.arrays(st.sampled_from(["f4", "f8", "i8", "c8", "?"]), (3, 4, 5)),
    st.randoms(use_true_random=False),
    st.sampled_from([1, 2, 7, 20, 40, 59]),
)
def test_slabs_give_the_figures_of_whole_arrays(array, random, slab):
    arrays = RemoteArrays()
    other = array.copy()
    for _ in range(random.randrange(4)):
        other.reshape(-1)[random.randrange(60)] = array.reshape(-1)[random.randrange(60)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "_by_type", registry._by_type | {Remote: arrays})
        patch.setattr(devices, "SLAB", slab)
        found = judge(leaf(array, Remote), leaf(other)).stats
        assert max(arrays.brought) <= slab
    expected = judge(leaf(array), leaf(other)).stats
    sums = dict.fromkeys(("mean_abs", "rms", "cosine"), 0.0)
    assert repr(replace(found, **sums)) == repr(replace(expected, **sums))
    near = [(getattr(found, name), getattr(expected, name)) for name in sums]
    assert np.allclose(*zip(*near, strict=True), rtol=1e-9, atol=1e-9, equal_nan=True)


def test_coded_floats_on_the_host_are_cut_too(adapter, monkeypatch):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    monkeypatch.setattr(devices, "SLAB", 3)
    values = np.arange(10).astype(ml_dtypes.bfloat16)
    monkeypatch.setattr(devices, "host", lambda _: coded(values))
    found = devices.measure_slabs(leaf(np.arange(10.0) + (np.arange(10) == 8), Remote), leaf(values), EXACT)
    assert (found.mismatched, found.worst_index, found.left_value, found.right_value) == (1, (8,), 9.0, 8.0)


def test_without_numba_or_with_huge_tolerances_numpy_measures_the_slabs(adapter, monkeypatch):
    monkeypatch.setattr(devices, "SLAB", 3)
    pair = leaf(np.zeros(8, "f4"), Remote), leaf(np.ones(8, "f4"))
    monkeypatch.setitem(__import__("sys").modules, "dualcell.compiled_pass", None)
    assert devices.measure_slabs(*pair, EXACT).mismatched == 8
    assert devices.measure_slabs(*pair, Tolerance(0.0, 1e31)).mismatched == 0


def test_a_leaf_that_fits_one_slab_is_read_whole(adapter):
    array = np.arange(12.0).reshape(3, 4)
    assert judge(leaf(array, Remote), leaf(array, Remote)).verdict == "equal"
    assert judge(leaf(array.sum(), Remote), leaf(array.sum(), Remote)).verdict == "equal"
    assert judge(leaf(array[:0], Remote), leaf(array[:0], Remote)).note == "both are empty: no element was compared"
    assert adapter.brought == [12, 12, 1, 1, 0, 0]


@pytest.mark.parametrize("kind", [Whole, Rows])
def test_one_that_cannot_be_indexed_comes_whole(kind, adapter, monkeypatch):
    monkeypatch.setattr(devices, "SLAB", 5)
    array = np.arange(12.0).reshape(3, 4)
    found = judge(leaf(array, kind), leaf(array + (array == 7)))
    assert (found.verdict, found.stats.worst_index, found.stats.total) == ("differs", (1, 3), 12)
    assert adapter.brought == [12]


def test_one_that_cannot_be_read_is_unsupported(adapter, monkeypatch):
    monkeypatch.setattr(devices, "SLAB", 5)
    monkeypatch.setattr(adapter, "to_numpy", lambda _: 1 / 0, raising=False)
    found = judge(leaf(np.ones(12), Remote), leaf(np.ones(12)))
    assert (found.verdict, found.passed) == ("unsupported", False)
    assert found.note == "the values could not be read: ZeroDivisionError: division by zero"


# --- memory ---


@pytest.mark.parametrize("kinds", [(Remote, None), (Remote, Remote)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_no_whole_copy_is_made(kinds, order, adapter, monkeypatch):
    monkeypatch.setattr(devices, "SLAB", 100_000)
    left = np.ones((2000, 2000))
    pair = [leaf(array, kind) for array, kind in zip((left, np.array(left, order=order)), kinds, strict=True)]
    small = [leaf(np.ones(200_000), kind) for kind in kinds]
    devices.measure_slabs(*small, EXACT)  # compiled by now
    tracemalloc.start()
    found = devices.measure_slabs(*pair, EXACT)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.identical
    assert peak < 12e6 < left.nbytes
    assert max(adapter.brought) == 100_000
