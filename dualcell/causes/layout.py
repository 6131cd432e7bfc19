"""Causes that put the same numbers elsewhere: axes, flattening, blocks, reversals, shifts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import permutations

import numpy as np

from dualcell.cause import Array, Move, MoveCause
from dualcell.moves import Shape, orders, reordered, transposed

# --- permuted axes ---


def _permuted(shape: Shape, right_shape: Shape) -> Iterator[Move]:
    for axes in orders(shape, right_shape):
        yield transposed("axes-permuted", shape, axes)


def _permute(array: Array, random: np.random.Generator) -> Array | None:
    ways = [axes for axes in permutations(range(array.ndim)) if _moves_something(axes, array.shape)]
    return array.transpose(ways[random.integers(len(ways))]).copy() if ways and array.ndim <= 6 else None


def _moves_something(axes: tuple[int, ...], shape: Shape) -> bool:
    moving = [axis for axis in axes if shape[axis] > 1]
    return moving != sorted(moving)


AXES_PERMUTED = MoveCause(
    name="axes-permuted",
    title="The axes stand in another order",
    about="NHWC against NCHW, (batch, time) against (time, batch), a Dense kernel (in, out) against a Linear weight "
    "(out, in), a Conv kernel (kh, kw, in, out) against (out, in, kh, kw).",
    entries=(
        "layout-nhwc-nchw",
        "layout-batch-seq",
        "transpose-semantics",
        "w-dense",
        "w-conv1d",
        "w-conv2d",
        "w-conv3d",
        "w-conv-grouped",
        "w-depthwise",
        "w-depthwise1d",
        "w-conv-transpose",
        "w-simplernn",
        "mx-weight-layouts",
        "mx-rnn-layout",
    ),
    plant=_permute,
    moves=_permuted,
)


# --- merged axes ---


def _merged(shape: Shape, right_shape: Shape) -> Iterator[Move]:
    """Permute, then merge axes; for a tensor that is flat on both sides, split an axis first."""
    if shape == right_shape:
        yield from _resplit(shape)
    elif int(np.prod(shape)) == int(np.prod(right_shape)) and len(shape) <= 5:
        for axes in permutations(range(len(shape))):
            moved = tuple(shape[axis] for axis in axes)
            if _moves_something(axes, shape) and moved != right_shape:
                yield transposed("flatten-order", shape, axes, right_shape)


def _resplit(shape: Shape) -> Iterator[Move]:
    for axis, length in enumerate(shape):
        for part in _parts(length):
            yield _swapped(shape, axis, part)


def _parts(length: int) -> list[int]:
    """The numbers that divide a length, but 1 and itself."""
    small = [part for part in range(2, math.isqrt(length) + 1) if length % part == 0]
    return small + [length // part for part in reversed(small) if part * part != length]


def _swapped(shape: Shape, axis: int, part: int) -> Move:
    length = shape[axis]

    def order(place: Array) -> Array:
        return place % part * (length // part) + place // part

    words = f"axis {axis} read as ({part}, {length // part}) and transposed"
    split = (*shape[:axis], part, length // part, *shape[axis + 1 :])
    back = (*shape[:axis], length // part, part, *shape[axis + 1 :])
    fixes = tuple(
        f"{{{side}}}.reshape{parts}.swapaxes({axis}, {axis + 1}).reshape{shape}"
        for side, parts in (("left", split), ("right", back))
    )
    return reordered("flatten-order", shape, axis, order, words, (fixes[0], fixes[1]))


def _reflatten(array: Array, random: np.random.Generator) -> Array | None:
    ways = [(axis, part) for axis, length in enumerate(array.shape) for part in _parts(length)]
    if not ways:
        return None
    axis, part = ways[random.integers(len(ways))]
    return _swapped(array.shape, axis, part).apply(array)


FLATTEN_ORDER = MoveCause(
    name="flatten-order",
    title="Axes were merged in another order",
    about="Flatten after a convolution reads (H, W, C) in Keras and (C, H, W) in PyTorch; heads and head size, or "
    "channels and groups, merged the other way round.",
    entries=(
        "flatten-order-after-conv",
        "flatten-channels-first-transposes",
        "reshape-is-not-transpose",
        "flatten-dense-weight-order",
        "torch-flatten-start-dim",
        "w-mha",
    ),
    plant=_reflatten,
    moves=_merged,
)


# --- another shape, the same order ---


def _reshaped(shape: Shape, right_shape: Shape) -> Iterator[Move]:
    if shape != right_shape and int(np.prod(shape)) == int(np.prod(right_shape)):
        yield transposed("reshaped", shape, range(len(shape)), right_shape)


def _reshape(array: Array, random: np.random.Generator) -> Array | None:
    return array.reshape(-1) if array.ndim > 1 else array.reshape(1, -1)


RESHAPED = MoveCause(
    name="reshaped",
    title="The same elements in the same order, in another shape",
    about="An axis of size 1 that one side squeezes or keeps, or axes that one side flattens.",
    entries=("squeeze-wrong-axis", "keras-reshape-keeps-batch", "view-minus-one-rebins-batch"),
    plant=_reshape,
    moves=_reshaped,
)


# --- blocks in another order ---


def _blocks(shape: Shape, right_shape: Shape) -> Iterator[Move]:
    if shape != right_shape:
        return
    for axis, length in enumerate(shape):
        for count in (2, 3, 4):
            if length % count == 0 and length > count:
                for order in permutations(range(count)):
                    if order != tuple(range(count)):
                        yield _blocks_in(shape, axis, order)


def _blocks_in(shape: Shape, axis: int, order: tuple[int, ...]) -> Move:
    size, blocks = shape[axis] // len(order), np.array(order)

    def index(place: Array) -> Array:
        return blocks[place // size] * size + place % size

    words = f"the {len(order)} blocks of axis {axis} in the order {order}"
    back = tuple(int(block) for block in np.argsort(order))
    fixes = tuple(
        f"np.concatenate([np.split({{{side}}}, {len(order)}, {axis})[block] for block in {way}], {axis})"
        for side, way in (("left", order), ("right", back))
    )
    return reordered("block-order", shape, axis, index, words, (fixes[0], fixes[1]))


def _reblock(array: Array, random: np.random.Generator) -> Array | None:
    ways = list(_blocks(array.shape, array.shape))
    return ways[random.integers(len(ways))].apply(array) if ways else None


BLOCK_ORDER = MoveCause(
    name="block-order",
    title="Equal blocks along an axis stand in another order",
    about="The gates of an LSTM or GRU (Keras GRU z, r, n; PyTorch r, z, n; TF1 cells i, j, f, o), query, key and "
    "value in one matrix, the two directions of a bidirectional layer, the order of a concatenation.",
    entries=("lstm-gate-order", "gru-gate-order", "w-lstm", "w-gru", "w-bidirectional", "split-argument"),
    plant=_reblock,
    moves=_blocks,
)


# --- reversed and shifted axes ---


def _reversed(shape: Shape, right_shape: Shape) -> Iterator[Move]:
    if shape != right_shape:
        return
    moving = [axis for axis, length in enumerate(shape) if length > 1]
    for chosen in range(1, 2 ** min(len(moving), _MOST_REVERSED)):
        yield _reverse(shape, tuple(axis for bit, axis in enumerate(moving) if chosen >> bit & 1))


_MOST_REVERSED = 6


def _reverse(shape: Shape, axes: tuple[int, ...]) -> Move:
    def source(index: Array) -> Array:
        places = list(np.unravel_index(index, shape))
        for axis in axes:
            places[axis] = shape[axis] - 1 - places[axis]
        return np.ravel_multi_index(places, shape)

    listed = axes[0] if len(axes) == 1 else axes
    words = f"np.flip({{left}}, {axes})", f"np.flip({{right}}, {axes})"
    said = f"axis {listed} reversed" if len(axes) == 1 else f"axes {listed} reversed"
    return Move("axis-reversed", said, lambda array: np.flip(array, axes), *words, source=source)


def _flip(array: Array, random: np.random.Generator) -> Array | None:
    ways = [axis for axis, length in enumerate(array.shape) if length > 1]
    return np.flip(array, ways[random.integers(len(ways))]).copy() if ways else None


AXIS_REVERSED = MoveCause(
    name="axis-reversed",
    title="An axis runs backwards",
    about="The backward half of a bidirectional layer, `go_backwards`, convolution against cross-correlation kernels, "
    "RGB against BGR.",
    entries=("rnn-go-backwards-order", "image-channel-order-bgr", "conv-is-cross-correlation"),
    plant=_flip,
    moves=_reversed,
)


def _rolled(shape: Shape, right_shape: Shape) -> Iterator[Move]:
    if shape != right_shape:
        return
    for axis, length in enumerate(shape):
        steps = range(1, length) if length <= _MOST_STEPS else (1, 2, length // 2, length - 2, length - 1)
        for step in steps:
            if not (length % 2 == 0 and step == length // 2 and length > 2):  # two blocks swapped: block-order
                yield _roll(shape, axis, step)


_MOST_STEPS = 64


def _roll(shape: Shape, axis: int, step: int) -> Move:
    fixes = f"np.roll({{left}}, {step}, {axis})", f"np.roll({{right}}, {-step}, {axis})"

    def order(place: Array) -> Array:
        return (place - step) % shape[axis]

    return reordered("axis-rolled", shape, axis, order, f"axis {axis} rolled by {step}", fixes)


def _shift(array: Array, random: np.random.Generator) -> Array | None:
    ways = [axis for axis, length in enumerate(array.shape) if length > 2]
    return np.roll(array, 1, ways[random.integers(len(ways))]) if ways else None


AXIS_ROLLED = MoveCause(
    name="axis-rolled",
    title="An axis starts at another element",
    about="A shift by one step (a start token, a label shifted for teacher forcing), or the parts of a concatenation "
    "swapped.",
    entries=("concat-default-axis", "window-periodic"),
    plant=_shift,
    moves=_rolled,
)

CAUSES = (RESHAPED, AXES_PERMUTED, FLATTEN_ORDER, BLOCK_ORDER, AXIS_REVERSED, AXIS_ROLLED)
