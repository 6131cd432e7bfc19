"""Causes that change the number of elements: reductions, one-hot against index, repetition."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import combinations
from typing import Any, Literal

import numpy as np

from dualcell.cause import Array, RowStep, Step, WholeCause
from dualcell.sampling import explains, mean_square, rows, some_axes

Facts = Mapping[str, Any]
Axes = tuple[int, ...]
Shape = tuple[int, ...]
Side = Literal["left", "right"]


def _sides(left: Array, right: Array) -> tuple[Side, Array, Array]:
    """The side with more elements, its tensor, and the other."""
    return ("left", left, right) if left.size > right.size else ("right", right, left)


def _step(cause: str, on: Side, words: str, apply: Callable[[Array], Array], text: str, hint: str = "") -> Step:
    """A step on the larger side; `text` is how to write it around that tensor."""
    line, other = text.format(f"{{{on}}}"), f"{{{'right' if on == 'left' else 'left'}}} without {words}"
    return Step(cause, f"{words} of the {on}", apply, *((line, other) if on == "left" else (other, line)), hint, on=on)


def _written(axes: Axes) -> str:
    return str(axes[0]) if len(axes) == 1 else str(axes)


def _said(axes: Axes) -> str:
    return f"axis {axes[0]}" if len(axes) == 1 else f"axes {axes}"


# --- axes that one side has reduced ---


def _reduced(large: Shape, small: Shape) -> Iterator[tuple[Axes, bool]]:
    """Axes that are missing, or of size 1, in the smaller shape; and whether they are kept."""
    for axes in some_axes(len(large)):
        if math.prod(large[axis] for axis in axes) > 1:
            if tuple(length for axis, length in enumerate(large) if axis not in axes) == small:
                yield axes, False
            if tuple(1 if axis in axes else length for axis, length in enumerate(large)) == small:
                yield axes, True


def _samples(large: Array, small: Array, axes: Axes, *, kept: bool) -> tuple[Array, Array]:
    """Rows of the larger side and the elements of the smaller that they should give, as many."""
    expanded = small if kept else np.expand_dims(small, axes)
    sample = rows(large, axes, 64)
    return sample, rows(expanded, axes, len(sample))  # as many, or they are not the same ones


def _varies(sample: Array, closeness: float) -> bool:
    """Whether a row holds more than one number; all reductions of one number are that number."""
    inside = mean_square(sample - sample.mean(1, keepdims=True))
    return inside > (20 * closeness) ** 2 * mean_square(sample)


def _log_sum_exp(values: Array, axes: Axes) -> Array:
    top = values.max(axes, keepdims=True)
    return np.squeeze(top, axes) + np.log(np.exp(values - top).sum(axes))


_REDUCTIONS: dict[str, tuple[Callable[[Array, Axes], Array], str]] = {
    "mean": (lambda values, axes: values.mean(axes), "mean({0}, axis={1})"),
    "sum": (lambda values, axes: values.sum(axes), "sum({0}, axis={1})"),
    "max": (lambda values, axes: values.max(axes), "max({0}, axis={1})"),
    "min": (lambda values, axes: values.min(axes), "min({0}, axis={1})"),
    "product": (lambda values, axes: values.prod(axes), "prod({0}, axis={1})"),
    "L2 norm": (lambda values, axes: np.sqrt(np.square(values).sum(axes)), "norm({0}, axis={1})"),
    "sum of squares": (lambda values, axes: np.square(values).sum(axes), "sum({0} ** 2, axis={1})"),
    "deviation": (lambda values, axes: values.std(axes), "std({0}, axis={1})"),
    "variance": (lambda values, axes: values.var(axes), "var({0}, axis={1})"),
    "deviation (n - 1)": (lambda values, axes: values.std(axes, ddof=1), "std({0}, axis={1}, ddof=1)"),
    "variance (n - 1)": (lambda values, axes: values.var(axes, ddof=1), "var({0}, axis={1}, ddof=1)"),
    "median": (lambda values, axes: np.median(values, axes), "median({0}, axis={1})"),
    "logsumexp": (_log_sum_exp, "logsumexp({0}, axis={1})"),
}


# those that no factor and no function of one number makes of another of them
_APART = ("mean", "max", "min", "L2 norm", "variance", "logsumexp")


def _blind(shape: Shape) -> Iterator[RowStep]:
    """Every reduction, for a step after it."""
    for axes in some_axes(len(shape), 2):
        for name in _APART if math.prod(shape[axis] for axis in axes) > 2 else ():
            function, text = _REDUCTIONS[name]
            line = text.replace("{1}", _written(axes)).replace("{0}", "{left}")
            words, other = f"{name} over {_said(axes)}", f"{{right}} without {name}"
            yield RowStep("reduction", f"{words} of the left",
                          lambda values, function=function, axes=axes: function(values, axes),
                          line, other, axes=axes, ends="gone")  # fmt: skip
            yield RowStep("reduction", f"{words} of the left",
                          lambda values, function=function, axes=axes: np.expand_dims(function(values, axes), axes),
                          line.replace(")", ", keepdims=True)"), other, axes=axes, ends="one")  # fmt: skip


_LINEAR = ("mean", "sum")  # those that mean the same of complex numbers


def _reductions(left: Array, right: Array, facts: Facts) -> Iterator[Step]:
    on, large, small = _sides(left, right)
    for axes, kept in _reduced(large.shape, small.shape):
        sample, wanted = _samples(large, small, axes, kept=kept)
        if not _varies(sample, facts["closeness"]):
            continue
        for name, (function, text) in _REDUCTIONS.items():
            if (name in _LINEAR or large.dtype.kind != "c") and explains(
                function(sample, (1,)), wanted[:, 0], facts["closeness"]
            ):

                def apply(values: Array, function: Any = function, axes: Axes = axes, kept: bool = kept) -> Array:
                    found = function(values, axes)
                    return np.expand_dims(found, axes) if kept else found

                written = text.replace("{1}", _written(axes))
                written = written.replace(")", ", keepdims=True)") if kept else written
                yield _step("reduction", on, f"{name} over {_said(axes)}", apply, written)


def _plant_reduction(array: Array, random: np.random.Generator) -> Array | None:
    ways = [axis for axis, length in enumerate(array.shape) if length > 2 and array.size // length >= 8]
    if not ways or array.dtype.kind != "f":
        return None
    names = ["mean", "sum", "max", "min", "L2 norm", "deviation", "variance"]
    function, _ = _REDUCTIONS[names[random.integers(len(names))]]
    return np.asarray(function(array.astype(np.float64), (ways[random.integers(len(ways))],))).astype(array.dtype)


REDUCTION = WholeCause(
    name="reduction",
    title="One side is reduced over an axis and the other is not",
    about="A loss with reduction='none' against one that averages the last axis, attention weights averaged over the "
    "heads, a global pooling, with or without `keepdims`.",
    entries=("bce-reduction-axis", "mha-returned-weights", "global-pool-keepdims", "sum-metrics", "std-unbiased"),
    plant=_plant_reduction,
    steps=_reductions,
    blind=_blind,
    complex=True,
)


# --- one-hot against index ---


def _indices(left: Array, right: Array, facts: Facts) -> Iterator[Step]:
    on, large, small = _sides(left, right)
    if large.size == small.size:
        return
    indices = np.rint(small)
    if np.abs(small - indices).max() > facts["closeness"] * max(1.0, float(np.abs(small).max())):
        return
    for axes, kept in _reduced(large.shape, small.shape):
        if len(axes) == 1:
            sample, wanted = _samples(large, indices, axes, kept=kept)
            if np.ptp(wanted) > 0 and (sample.argmax(1) == wanted[:, 0]).all():
                hint = _one_hot(sample)
                step = _step("argmax", on, f"argmax over {_said(axes)}",
                             lambda values, axis=axes[0], kept=kept: values.argmax(axis, keepdims=kept),
                             f"argmax({{}}, axis={axes[0]}{', keepdims=True' * kept})", hint)  # fmt: skip
                turned = hint == _PLAIN and axes[0] == large.ndim - 1
                yield _with_one_hot(step, large.shape[-1], kept=kept) if turned else step


def _with_one_hot(step: Step, classes: int, *, kept: bool) -> Step:
    """The step, with the line that turns the indices into what the other side holds."""
    index = "[..., 0]" * kept
    if step.on == "left":
        return replace(step, right_fix=f"one_hot({{right}}{index}, {classes})")
    return replace(step, left_fix=f"one_hot({{left}}{index}, {classes})")


_PLAIN = "one-hot against index"


def _one_hot(sample: Array) -> str:
    plain = bool(((sample == 0) | (sample == 1)).all() and (sample.sum(1) == 1).all())
    return _PLAIN if plain else "scores against the index of the largest"


def _plant_index(array: Array, random: np.random.Generator) -> Array | None:
    ways = [axis for axis, length in enumerate(array.shape) if length > 2 and array.size // length >= 8]
    if not ways or array.dtype.kind != "f":
        return None
    found = array.argmax(ways[random.integers(len(ways))]).astype(array.dtype)
    return found if np.ptp(found) > 0 else None


ARGMAX = WholeCause(
    name="argmax",
    title="One side holds indices, the other one-hot vectors or scores",
    about="Sparse targets against one-hot targets, class numbers against scores: the index of the largest element "
    "along an axis.",
    entries=("target-format", "argmax-default-axis"),
    plant=_plant_index,
    steps=_indices,
)


# --- one index of an axis ---


def _kept_index(left: Array, right: Array, facts: Facts) -> Iterator[Step]:
    on, large, small = _sides(left, right)
    for axes, kept in _reduced(large.shape, small.shape):
        sample, wanted = _samples(large, small, axes, kept=kept)
        if len(axes) > 1 or not _varies(sample, facts["closeness"]):
            continue
        axis, length = min(axes), sample.shape[1]
        for index in sorted(np.flatnonzero(np.abs(sample - wanted).max(0) <= _slack(wanted, facts)), reverse=True):
            if explains(sample[:, index], wanted[:, 0], facts["closeness"]):
                at, number = (axis, int(index)), -1 if index == length - 1 else int(index)
                yield _step("index-kept", on, f"index {number} of {_said(axes)}",
                            lambda values, at=at, kept=kept: _taken(values, *at, kept=kept),
                            f"take({{}}, {[number] if kept else number}, axis={axis})")  # fmt: skip
                break


def _slack(wanted: Array, facts: Facts) -> float:
    return 10 * facts["closeness"] * float(np.abs(wanted).max())


def _taken(values: Array, axis: int, index: int, *, kept: bool) -> Array:
    return np.take(values, [index] if kept else index, axis)


def _plant_kept_index(array: Array, random: np.random.Generator) -> Array | None:
    ways = [axis for axis, length in enumerate(array.shape) if length > 1 and array.size // length >= 8]
    return np.take(array, -1, ways[random.integers(len(ways))]) if ways else None


KEPT_INDEX = WholeCause(
    name="index-kept",
    title="One side keeps one index of an axis only",
    about="A recurrent layer of Keras returns the last step, one of PyTorch all of them; PyTorch's hidden state has "
    "an axis of layers and directions.",
    entries=("rnn-return-sequences", "rnn-hidden-state-not-batch-first"),
    plant=_plant_kept_index,
    steps=_kept_index,
    complex=True,
)


# --- repetition ---


def _broadcasts(large: Shape, small: Shape) -> Iterator[Shape]:
    """Shapes with axes of size 1 that the smaller side may be read in, to be repeated to the larger shape."""
    sizes = tuple(length for length in small if length > 1)
    for at in combinations(range(len(large)), len(sizes)):
        if tuple(large[axis] for axis in at) == sizes:
            yield tuple(length if axis in at else 1 for axis, length in enumerate(large))


def _repeats(left: Array, right: Array, facts: Facts) -> Iterator[Step]:
    on, large, small = _sides(left, right)
    if large.size == small.size:
        return
    for shape in _broadcasts(large.shape, small.shape):
        axes = tuple(axis for axis, length in enumerate(shape) if length != large.shape[axis])
        if axes:
            sample, wanted = _samples(large, small.reshape(shape), axes, kept=True)
            if explains(sample, np.broadcast_to(wanted, sample.shape), facts["closeness"]):
                yield _repeat_step(on, large.shape, shape, axes)


def _repeat_step(on: Side, large: Shape, small: Shape, axes: Axes) -> Step:
    """On the smaller side: repeat it."""
    lacking: Side = "right" if on == "left" else "left"
    words = f"the {lacking} repeated along {_said(axes)}"
    first = f"{{{on}}}[{', '.join('0' if axis in axes else ':' for axis in range(len(large)))}]"
    repeated = f"broadcast_to({{{lacking}}}.reshape{small}, {large})"
    fixes = (first, repeated) if on == "left" else (repeated, first)
    return Step("broadcast", words, lambda values: np.broadcast_to(values.reshape(small), large), *fixes,
                on=lacking)  # fmt: skip


def _plant_repeat(array: Array, random: np.random.Generator) -> Array | None:
    return np.stack([array] * 3, int(random.integers(array.ndim + 1))) if array.ndim < 6 else None


BROADCAST = WholeCause(
    name="broadcast",
    title="One side repeats along an axis what the other has once",
    about="An axis that was broadcast silently: (N,) with (N, 1) gives (N, N).",
    entries=("loss-broadcast-trap", "expand-aliases"),
    plant=_plant_repeat,
    steps=_repeats,
    complex=True,
)


def _pairwise(left: Array, right: Array, facts: Facts) -> Iterator[Step]:
    on, large, small = _sides(left, right)
    length = max(small.shape, default=0)
    if large.shape != (length, length) or small.size != length or length < 8:
        return
    if explains(np.diagonal(large), small.reshape(-1), facts["closeness"]):
        shape = small.shape
        yield _step("pairwise", on, "diagonal", lambda values: np.diagonal(values).reshape(shape), "diagonal({})",
                    "all pairs were formed: (N,) against (N, 1)")  # fmt: skip


def _plant_pairwise(array: Array, random: np.random.Generator) -> Array | None:
    if array.ndim != 1 or len(array) < 8 or array.dtype.kind != "f":
        return None
    found = random.standard_normal((len(array), len(array)))
    np.fill_diagonal(found, array)
    return found.astype(array.dtype)


PAIRWISE = WholeCause(
    name="pairwise",
    title="One side holds all pairs, the other the matching ones",
    about="A loss of predictions (N, 1) against targets (N,): PyTorch broadcasts them to (N, N), Keras removes the "
    "axis. The diagonal holds the losses that were meant.",
    entries=("loss-broadcast-trap",),
    plant=_plant_pairwise,
    steps=_pairwise,
    complex=True,
)


def _tilings(left: Array, right: Array, facts: Facts) -> Iterator[Step]:
    on, large, small = _sides(left, right)
    lacking: Side = "right" if on == "left" else "left"
    differ = [axis for axis, sizes in enumerate(zip(large.shape, small.shape, strict=False)) if len(set(sizes)) > 1]
    if large.ndim != small.ndim or len(differ) != 1 or large.shape[differ[0]] % small.shape[differ[0]]:
        return
    axis, times = differ[0], large.shape[differ[0]] // small.shape[differ[0]]
    if small.shape[axis] == 1:
        return
    sample = rows(large, (axis,), 64)
    wanted = rows(small, (axis,), len(sample))
    for name, function in (("repeat", _repeat), ("tile", _tile)):
        if explains(function(wanted, times, 1), sample, facts["closeness"]):
            words = f"{name} of the {lacking}, {times} times along axis {axis}"
            first = f"{{{on}}} without {name}"
            repeated = f"np.repeat({{{lacking}}}, {times}, axis={axis})"
            if name == "tile":
                repeated = f"np.concatenate([{{{lacking}}}] * {times}, axis={axis})"
            fixes = (first, repeated) if on == "left" else (repeated, first)
            yield Step("repetition", words, lambda values, function=function: function(values, times, axis), *fixes,
                       on=lacking)  # fmt: skip


def _repeat(values: Array, times: int, axis: int) -> Array:
    return np.repeat(values, times, axis)


def _tile(values: Array, times: int, axis: int) -> Array:
    return np.concatenate([values] * times, axis)


def _plant_tiling(array: Array, random: np.random.Generator) -> Array | None:
    ways = [axis for axis, length in enumerate(array.shape) if length > 1]
    return (_repeat, _tile)[random.integers(2)](array, 2, ways[random.integers(len(ways))]) if ways else None


REPETITION = WholeCause(
    name="repetition",
    title="One side repeats the elements of an axis, or the whole axis",
    about="`repeat` of NumPy, TensorFlow and Keras repeats elements, `repeat` of PyTorch repeats the tensor, as `tile` "
    "does; upsampling by the nearest neighbour.",
    entries=("tile-vs-repeat", "upsampling-default"),
    plant=_plant_tiling,
    steps=_tilings,
    complex=True,
)

CAUSES = (REDUCTION, ARGMAX, KEPT_INDEX, BROADCAST, PAIRWISE, REPETITION)
