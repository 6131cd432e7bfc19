"""Axis moves: there and back is the same, bit by bit, for every move of the table."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualcell.weights.axes import (
    Blocks,
    Features,
    Reshape,
    Transpose,
    in_words,
    inverse,
    joined,
    moved,
    shape_after,
)
from dualcell.weights.kinds import KERAS, KINDS, TORCH

SHAPES = {1: (6,), 2: (2, 12), 3: (4, 2, 3), 4: (2, 3, 4, 5), 5: (2, 1, 3, 4, 2)}
PARTS = [
    (name, part) for table in (KERAS, TORCH) for name, forms in table.items() for form in forms for part in form.parts
]


@pytest.mark.parametrize(("name", "part"), PARTS, ids=lambda value: getattr(value, "role", value))
@pytest.mark.parametrize("rank", SHAPES)
def test_every_move_of_the_table_can_be_undone(name, part, rank):
    array = np.random.default_rng(0).integers(0, 2**32, SHAPES[rank], np.uint32)
    try:
        move = part.move(array.shape)
        there = moved(array, move)
    except (ValueError, IndexError):
        return  # no array of this role has so many axes
    assert shape_after(array.shape, move) == there.shape
    assert np.array_equal(moved(there, inverse(move)), array)
    assert joined(move, inverse(move)) == ()


def test_most_moves_of_the_table_are_tried():
    tried = 0
    for _, part in PARTS:
        for shape in SHAPES.values():
            try:
                moved(np.zeros(shape), part.move(shape))
            except (ValueError, IndexError):
                continue
            tried += 1
    assert tried > 3 * len(PARTS)


def test_every_form_speaks_of_roles_of_its_kind():
    for table in (KERAS, TORCH):
        for forms in table.values():
            for form in forms:
                assert {part.role for part in form.parts} <= {role.name for role in KINDS[form.kind]}


@given(st.lists(st.integers(1, 3), min_size=1, max_size=3), st.integers(1, 4), st.integers(0, 3), st.booleans())
def test_features_go_there_and_back(space, channels, more, back):
    segments = ((*space, channels), (more,)) if more else ((*space, channels),)
    size = int(np.prod(space)) * channels + more
    array = np.arange(2 * size * 3).reshape(2, size, 3)
    step = Features(1, segments, back=back)
    assert np.array_equal(step.inverse().apply(step.apply(array)), array)


def test_features_of_maps_come_out_channels_first():
    maps = np.arange(24).reshape(2, 3, 4)  # height, width, channels
    step = Features(0, ((2, 3, 4),))
    assert np.array_equal(step.apply(maps.reshape(-1)), maps.transpose(2, 0, 1).reshape(-1))
    assert str(step) == "features (2, 3, 4) to (4, 2, 3)"


def test_gates_change_places_as_blocks():
    assert Blocks((1, 0, 2)).apply(np.arange(6)).tolist() == [2, 3, 0, 1, 4, 5]


def test_moves_that_follow_each_other_are_one():
    first, second = (Transpose((2, 0, 1)),), (Transpose((1, 2, 0)), Reshape((2, 3, 4), (6, 4)))
    assert joined(first, second) == (Reshape((2, 3, 4), (6, 4)),)
    assert in_words(joined((), second)) == "transpose(1, 2, 0), reshape(6, 4)"
