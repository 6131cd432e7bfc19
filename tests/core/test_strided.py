"""Copies between arrays that lie in memory in different orders."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dualcell import strided
from dualcell.strided import copy_into, in_c_order

SIZES = [0, 1, 3, 16, 63, 64, 65, 130, 1025]  # around the tiles' own


@st.composite
def lying(draw):
    """An array of up to four axes in any order, some backwards or with gaps between their elements."""
    shape = draw(st.lists(st.sampled_from(SIZES), max_size=4).filter(lambda sizes: np.prod(sizes, dtype=int) < 200_000))
    steps = [draw(st.sampled_from([1, 1, 2, -1])) for _ in shape]
    array = np.arange(np.prod([size * abs(step) for size, step in zip(shape, steps, strict=True)], dtype=int))
    dtype = draw(st.sampled_from(["<f4", ">f4", "<f2", "<i8", "i1", "<c16"]))
    array = (array % 127).astype(dtype).reshape([size * abs(step) for size, step in zip(shape, steps, strict=True)])
    array = array[tuple(slice(None, None, step) for step in steps)]
    return array.transpose(draw(st.permutations(range(len(shape)))))


@pytest.fixture(autouse=True)
def no_array_is_small(monkeypatch):
    monkeypatch.setattr(strided, "_SMALL", 0)


@given(lying(), st.data())
@settings(max_examples=300, deadline=None)
def test_every_element_is_copied_to_its_place(values, data):
    axes = data.draw(st.permutations(range(values.ndim)))
    whole = np.zeros([values.shape[axis] for axis in axes], values.dtype.newbyteorder("="))
    target = whole.transpose(np.argsort(axes))
    copy_into(target, values)
    assert target.tobytes() == values.astype(target.dtype).tobytes()


@given(lying())
@settings(max_examples=200, deadline=None)
def test_in_c_order(values):
    found = in_c_order(values, values.dtype.newbyteorder("<"))
    assert found.flags.c_contiguous
    assert found.shape == values.shape
    assert found.tobytes() == values.astype(values.dtype.newbyteorder("<")).tobytes()


def test_what_lies_in_order_is_not_copied():
    values = np.zeros((300, 300), np.float32)
    assert in_c_order(values) is values
    assert in_c_order(values, np.dtype(np.float32)) is values
    assert in_c_order(values, np.dtype(">f4")) is not values


def test_one_row_for_all_is_copied_to_each():
    target = np.zeros((300, 300))
    copy_into(target, np.broadcast_to(np.arange(300.0), (300, 300)))
    np.testing.assert_array_equal(target, np.broadcast_to(np.arange(300.0), (300, 300)))


@pytest.mark.parametrize(("shape", "axes"), [((3, 3, 100, 90), (3, 2, 0, 1)), ((300, 1100), (1, 0))])
def test_kernels_go_in_tiles_both_ways(shape, axes, monkeypatch):
    tiles = []
    monkeypatch.setattr(strided, "_tiles", lambda *given: tiles.append(given) or _TILES(*given))
    kernel = np.random.default_rng(0).random(shape)
    there = in_c_order(kernel.transpose(axes))
    back = in_c_order(there.transpose(np.argsort(axes)))
    assert len(tiles) == 2
    np.testing.assert_array_equal(back, kernel)


_TILES = strided._tiles
