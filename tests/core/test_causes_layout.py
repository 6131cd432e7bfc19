"""Moves: what each says it does it does, at single places as on the whole."""

from __future__ import annotations

import numpy as np
import pytest

from dualcell.causes import layout
from dualcell.diagnosis import diagnose
from dualcell.moves import orders, then, transposed

SHAPES = [(4, 6), (6, 6), (2, 3, 4), (3, 3, 3), (12,), (2, 1, 6, 4), (8, 1), (4, 4, 2, 2)]
RANDOM = np.random.default_rng(0)


def moves(cause, shape, right_shape):
    found = list(cause.moves(shape, right_shape))
    assert all(move.cause == cause.name for move in found)
    return found


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("cause", layout.CAUSES, ids=lambda cause: cause.name)
def test_a_move_knows_where_each_element_came_from(cause, shape):
    left = np.arange(np.prod(shape)).reshape(shape)
    for right_shape in {shape, shape[::-1], (left.size,), (2, left.size // 2)}:
        for move in moves(cause, shape, right_shape):
            made = move.apply(left)
            assert made.shape == right_shape
            assert (made.reshape(-1) == left.reshape(-1)[move.source(np.arange(left.size))]).all(), move.words


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("cause", layout.CAUSES, ids=lambda cause: cause.name)
def test_the_fixes_of_a_move_are_the_move_and_its_inverse(cause, shape):
    left = RANDOM.standard_normal(shape)
    for right_shape in {shape, shape[::-1], (left.size,)}:
        for move in moves(cause, shape, right_shape):
            right = move.apply(left)
            names = {"np": np, "left": left, "right": right}
            fixes = [fix.format(left="left", right="right") for fix in (move.left_fix, move.right_fix)]
            assert np.array_equal(eval(fixes[0], names), right), fixes
            assert np.array_equal(eval(fixes[1], names), left), fixes


@pytest.mark.parametrize("shape", [(5, 4), (6, 3, 4), (12,)], ids=str)
@pytest.mark.parametrize("cause", layout.CAUSES, ids=lambda cause: cause.name)
def test_a_planted_move_is_one_that_is_tried(cause, shape):
    left = RANDOM.standard_normal(shape)
    right = cause.plant(left, np.random.default_rng(1))
    if right is None:
        assert (cause.name, len(shape)) == ("axes-permuted", 1)
        return
    assert any(np.array_equal(move.apply(left), right) for move in moves(cause, shape, right.shape))


def test_orders_leave_out_what_changes_nothing():
    assert orders((4, 6), (4, 6)) == []
    assert orders((4, 6), (6, 4)) == [(1, 0)]
    assert orders((4, 1), (1, 4)) == []  # a reshape
    assert len(orders((3, 3, 3), (3, 3, 3))) == 5
    assert orders((2,) * 7, (2,) * 7) == []


def test_a_move_after_another():
    left = np.arange(24).reshape(2, 3, 4)
    first = transposed("axes-permuted", (2, 3, 4), (2, 0, 1))
    both = then(first, transposed("axes-permuted", (4, 2, 3), (1, 0, 2)))
    assert (both.apply(left) == left.transpose(2, 0, 1).transpose(1, 0, 2)).all()
    assert (both.apply(left).reshape(-1) == left.reshape(-1)[both.source(np.arange(24))]).all()


def test_gates_are_named_by_their_order():
    kernel = RANDOM.standard_normal((7, 24))
    blocks = np.split(kernel, 4, 1)
    (found,) = diagnose(kernel, np.concatenate([blocks[0], blocks[2], blocks[1], blocks[3]], 1))[:1]
    assert "(0, 2, 1, 3)" in found.sentence or "read as" in found.sentence


def test_the_same_move_in_other_words_is_said_once():
    left = RANDOM.standard_normal((24, 5))
    assert len(diagnose(left, np.roll(left, 12, 0))) == 1
