"""Causes seen in a region only: borders, time steps, shifts by one, NaN and infinity."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

import numpy as np

from dualcell.cause import Array, Cause, Finding, PlaceCause, Step, WholeCause
from dualcell.sampling import fits, information, mean_square, places, take, varies, wide

Facts = Mapping[str, Any]
_BLOCK = 1 << 18


def _count(number: int, noun: str = "element") -> str:
    return f"{number:,} {noun}" + ("s" if number != 1 else "")


def _rms(values: Array) -> float:
    return math.sqrt(mean_square(wide(values)))


# --- NaN and infinity ---


def _not_finite(left: Array, right: Array, facts: Facts) -> Finding | None:
    kinds = tuple(_kinds(array) for array in (left, right))
    differ = kinds[0] != kinds[1]
    if not differ.any():
        return None
    only = (kinds[0] != 0) & (kinds[1] == 0), (kinds[1] != 0) & (kinds[0] == 0)
    counts = [int(np.count_nonzero(one)) for one in only]
    places_ = only[0] | only[1] if any(counts) else differ
    first = tuple(int(index) for index in np.unravel_index(int(np.argmax(places_)), left.shape))
    said = [
        f"{_count(counts[side])} {_said_kinds(kinds[side][only[side]])} on the {name} only"
        for side, name in enumerate(("left", "right"))
        if counts[side]
    ]
    said = said or [f"{_count(int(np.count_nonzero(differ)))} with NaN or infinities of another kind or sign"]
    rest = _largest_gap(left, right)
    return Finding(
        causes=("not-finite",),
        sentence=f"NaN or infinity on one side: {'; '.join(said)}{_slices_of(places_)}",
        evidence=f"first at {first}: left {left[first]:.6g}, right {right[first]:.6g}; "
        + ("nowhere are both finite" if math.isnan(rest) else f"max abs {rest:.2g} where both are finite"),
        left_fix="isfinite of {left} and of what it is made of: the first operation that gives NaN",
        right_fix="isfinite of {right} and of what it is made of: the first operation that gives NaN",
        hint=_why_not_finite(left, right, kinds, only),
    )


def _kinds(array: Array) -> Array:
    """0 where finite, 1 NaN, 2 infinity, 3 -infinity; int8 array."""
    found = np.zeros(array.shape, np.int8)
    if array.dtype.kind not in "biu":
        for part in _parts(array):
            values = array[part]
            odd = ~np.isfinite(values)
            if odd.any():
                few = values[odd]
                found[part][odd] = np.where(np.isnan(few), 1, np.where(_is_above(few), 2, 3))
    return found


def _is_above(values: Array) -> Array:
    """Whether each is above 0; of infinite complex numbers there is one kind only."""
    return np.ones(values.shape, bool) if values.dtype.kind == "c" else values > 0


def _parts(array: Array) -> Iterator[slice]:
    """Rows of an array, a block at a time."""
    rows = max(1, _BLOCK * array.shape[0] // array.size)
    for start in range(0, array.shape[0], rows):
        yield slice(start, start + rows)


def _gap(left: Array, right: Array) -> Array:
    """|left - right|, in float32 where both are, else in float64."""
    one = left if left.dtype == right.dtype == np.float32 else wide(left)
    return np.abs(one - right)


def _largest_gap(left: Array, right: Array) -> float:
    """The largest |left - right| where both are finite; NaN if they are nowhere."""
    found = math.nan
    for part in _parts(left):
        gap = _gap(left[part], right[part])
        gap = gap[np.isfinite(gap)]
        found = np.fmax(found, gap.max()) if gap.size else found
    return float(found)


def _said_kinds(kinds: Array) -> str:
    names = {1: "NaN", 2: "inf", 3: "-inf"}
    present = [name for kind, name in names.items() if (kinds == kind).any()]
    return " or ".join(present)


def _slices_of(places_: Array) -> str:
    """Along which axis the places are whole rows, if they are."""
    for axis in range(places_.ndim - 1, -1, -1):
        if places_.shape[axis] > 1 and places_.ndim > 1:
            whole = int(np.count_nonzero(places_.all(axis)))
            if whole and whole * places_.shape[axis] == np.count_nonzero(places_):
                return f", all of {_count(whole, 'row')} along axis {axis}"
    return ""


def _why_not_finite(left: Array, right: Array, kinds: Sequence[Array], only: Sequence[Array]) -> str:
    hints: list[str] = []
    for kind, other, where in ((kinds[0], right, only[0]), (kinds[1], left, only[1])):
        if not where.any():
            continue
        values = other[where]
        if (kind[where] == 1).all() and _slices_of(where) and values.size and np.ptp(values) == 0:
            hints.append("a softmax over a row that is masked everywhere is NaN in PyTorch and zeros in Keras")
        if np.isin(kind[where], (2, 3)).all() and np.abs(values).min() > 65504:
            hints.append("65504 is the largest float16")
        if np.isin(kind[where], (2, 3)).all() and any(abs(np.abs(values) - n).max() < 0.01 for n in (16.118, 100)):
            hints.append("log 0: Keras clips probabilities at 1e-7 (16.118), nn.BCELoss logarithms at -100")
    return "; ".join(dict.fromkeys(hints))


def _plant_nan(array: Array, random: np.random.Generator) -> Array | None:
    if array.dtype.kind not in "fc" or array.size < 16:
        return None
    found = array.copy()
    count = max(1, array.size // 50)
    found.reshape(-1)[random.permutation(array.size)[:count]] = random.choice([np.nan, np.inf, -np.inf])
    return found


NOT_FINITE = PlaceCause(
    name="not-finite",
    title="NaN or infinity on one side, or in other places",
    about="A softmax over a fully masked row, log 0 that one side clips, max-pooling in TensorFlow (which drops NaN), "
    "float16 above 65504.",
    entries=("relu-nan", "masked-softmax-all-masked", "argmax-tie-nan", "loss-clip-1e-7", "mha-mask-polarity"),
    plant=_plant_nan,
    when="not finite",
    find=_not_finite,
    complex=True,
)


# --- one side is constant ---


def _constant(left: Array, right: Array, facts: Facts) -> Finding | None:
    for side, flat, other in (("left", left, right), ("right", right, left)):
        if _is_constant(flat) and not _is_constant(other):
            value = flat.reshape(-1)[0].item()
            value = _rounded(value.real) + 1j * _rounded(value.imag) if value.imag else _rounded(value.real)
            return Finding(
                causes=("constant-side",),
                sentence=f"The {side} is {value:.6g} everywhere",
                evidence=f"all {_count(flat.size)} of the {side}; {_span(other)}",
                left_fix="check that {left} was computed, loaded or initialised" if side == "left" else "",
                right_fix="check that {right} was computed, loaded or initialised" if side == "right" else "",
                hint="biases and gradients start at zero, and a weight that was not loaded keeps its first value"
                if value in (0, 1) else "",
            )  # fmt: skip
    return None


def _rounded(value: float) -> float:
    return float(round(value)) if abs(value - round(value)) < 1e-5 else float(value)


def _span(array: Array) -> str:
    if array.dtype.kind == "c":
        return f"the root mean square of the other side is {_rms(array):.3g}"
    return f"the other side spans {float(array.min()):.3g} to {float(array.max()):.3g}"


def _is_constant(array: Array) -> bool:
    if array.dtype.kind == "c":
        return _is_constant(np.real(array)) and _is_constant(np.imag(array))
    number = array.reshape(-1)[0]
    if abs(float(array.reshape(-1)[array.size // 2]) - float(number)) > 1e-4 * abs(float(number)):
        return False
    return float(array.max()) - float(array.min()) <= 1e-4 * abs(float(number))


def _plant_constant(array: Array, random: np.random.Generator) -> Array | None:
    return np.full_like(array, random.choice([0, 1])) if array.size >= 8 and varies(array) else None


CONSTANT_SIDE = PlaceCause(
    name="constant-side",
    title="One side is one number everywhere",
    about="Zeros: a bias, gradient or buffer that was never written, weights that were not loaded, an index out of "
    "range. Ones: a fresh scale of a normalisation layer.",
    entries=("init-bias-zeros-vs-uniform", "partial-load", "grad-unconnected", "gather-out-of-range"),
    plant=_plant_constant,
    find=_constant,
    complex=True,
)


# --- the same grid, shifted ---

_FARTHEST = 3


def _shifted(left: Array, right: Array, facts: Facts) -> Finding | None:
    if left.shape != right.shape:
        return None
    axes = [axis for axis, length in enumerate(left.shape) if length > _FARTHEST + 1]
    for chosen in [pick for count in (1, 2, 3) for pick in combinations(axes, count)]:
        for step in (1, -1, 2, -2, 3, -3) if len(chosen) == 1 else (1, -1):
            steps = dict.fromkeys(chosen, step)
            if _agrees_shifted(left, right, steps, facts["closeness"]):
                return _shift_finding(left, right, steps)
    return None


def _overlaps(array: Array, steps: Mapping[int, int], first: bool) -> Array:
    """The part of one side that the other has too."""
    cut = [slice(None)] * array.ndim
    for axis, step in steps.items():
        step = step if first else -step
        cut[axis] = slice(step, None) if step > 0 else slice(None, step)
    return array[tuple(cut)]


def _agrees_shifted(left: Array, right: Array, steps: Mapping[int, int], closeness: float) -> bool:
    one, other = _overlaps(left, steps, first=True), _overlaps(right, steps, first=False)
    if one.size < 8:
        return False
    index = np.unravel_index(places(one.size, 64, np.random.default_rng(0)), one.shape)
    if not fits(wide(one[index]), wide(other[index]), closeness):
        return False
    telling = information(wide(take(other, places(other.size, 4096, np.random.default_rng(0)))))
    return telling >= _TELLING and fits(wide(one), wide(other), closeness)


_TELLING = 21  # bits, with fewer of which elements agree by chance when so many shifts are tried


def _shift_finding(left: Array, right: Array, steps: Mapping[int, int]) -> Finding:
    one, other = _overlaps(left, steps, first=True), _overlaps(right, steps, first=False)
    after = float(np.abs(wide(one) - other).max())
    before = float(np.abs(wide(left) - right).max())
    axes = ", ".join(map(str, steps))
    step = next(iter(steps.values()))
    return Finding(
        causes=("grid-shifted",),
        sentence=f"The same grid, shifted: left[i + {step}] is right[i] along axis {axes}"
        if step > 0
        else f"The same grid, shifted: left[i] is right[i + {-step}] along axis {axes}",
        evidence=f"max abs {before:.3g} → {after:.2g} in the {_count(one.size)} that both have",
        left_fix=f"{{left}}{_cut(left.ndim, steps, first=True)}",
        right_fix=f"{{right}}{_cut(right.ndim, steps, first=False)}",
        hint="the two sides padded, cropped or sampled from another first element; the lines keep what both have",
        both=True,
        before=before,
        after=after,
    )


def _cut(ndim: int, steps: Mapping[int, int], first: bool) -> str:
    signed = [steps.get(axis, 0) * (1 if first else -1) for axis in range(ndim)]
    return f"[{', '.join(f'{step}:' if step > 0 else f':{step}' if step else ':' for step in signed)}]"


def _plant_shift(array: Array, random: np.random.Generator) -> Array | None:
    ways = [axis for axis, length in enumerate(array.shape) if length > _FARTHEST + 2]
    if not ways or array.size < 24 or array.dtype.kind != "f":
        return None
    axis = ways[random.integers(len(ways))]
    found = np.roll(array, -1, axis)
    edge = [slice(None)] * array.ndim
    edge[axis] = slice(-1, None)
    found[tuple(edge)] = random.permutation(array.reshape(-1))[: found[tuple(edge)].size].reshape(
        found[tuple(edge)].shape
    )
    return found


GRID_SHIFTED = PlaceCause(
    name="grid-shifted",
    title="The same grid, shifted by one",
    about="A transposed convolution with padding='same' in Keras crops at the other end than PyTorch's padding; an "
    "even kernel; a target shifted by a start token. The elements at the edge have no partner. A strided convolution "
    "or pooling with padding='same' samples another grid, of which these two tensors have no element in common: that "
    "is seen from the layers, or with stride 1.",
    entries=("conv-transpose-same", "same-padding-even-kernel", "causal-padding", "zero-padding-argument-order"),
    plant=_plant_shift,
    find=_shifted,
    complex=True,
)


# --- one side is a part of the other ---

_MOST_CROPPED = 8


def _crops(left: Array, right: Array, facts: Facts) -> Iterator[Step]:
    if left.ndim != right.ndim or left.shape == right.shape:
        return
    for on, big, small in (("left", left, right), ("right", right, left)):
        spare = [one - other for one, other in zip(big.shape, small.shape, strict=True)]
        if min(spare) < 0 or max(spare) > _MOST_CROPPED or small.size < 8:
            continue
        index = np.unravel_index(places(small.size, 64, np.random.default_rng(0)), small.shape)
        for start in product(*(range(one + 1) for one in spare)):
            found = big[tuple(place + begin for place, begin in zip(index, start, strict=True))]
            if fits(wide(found), wide(small[index]), facts["closeness"]):
                yield _crop(on, start, small.shape, big.shape)


def _crop(on: str, start: tuple[int, ...], shape: tuple[int, ...], whole: tuple[int, ...]) -> Step:
    cut = tuple(slice(begin, begin + length) for begin, length in zip(start, shape, strict=True))
    said = ", ".join(
        ":" if length == full else f"{begin}:{begin + length}"
        for begin, length, full in zip(start, shape, whole, strict=True)
    )
    side = "left" if on == "left" else "right"
    other = "right" if on == "left" else "left"
    cropped, whole_ = f"{{{side}}}[{said}]", f"{{{other}}} with the padding, output_padding or ceil_mode of the other"
    fixes = (cropped, whole_) if on == "left" else (whole_, cropped)
    return Step("cropped", f"{side}[{said}]", lambda array: array[cut], fixes[0], fixes[1], on=side)


def _plant_crop(array: Array, random: np.random.Generator) -> Array | None:
    ways = [axis for axis, length in enumerate(array.shape) if length > 3]
    if not ways or array.size < 24:
        return None
    cut = [slice(None)] * array.ndim
    cut[ways[random.integers(len(ways))]] = (slice(1, None), slice(None, -1))[random.integers(2)]
    return array[tuple(cut)].copy()


CROPPED = WholeCause(
    name="cropped",
    title="One side is a part of the other",
    about="An even kernel with padding=k // 2 in PyTorch gives one element more; pooling with ceil_mode or "
    "padding='same' gives a last partial window; a transposed convolution with k < s; a last step or batch dropped.",
    entries=("same-padding-even-kernel", "conv-transpose-valid-size", "pool-ceil-mode", "drop-last", "causal-padding"),
    plant=_plant_crop,
    steps=_crops,
    complex=True,
)


# --- pooling that counts its padding ---


def _pool_edges(left: Array, right: Array, facts: Facts) -> Iterator[Step]:
    if left.shape != right.shape or left.ndim < 3:
        return
    for axes in _spatial(left.ndim):
        factors = [_edge_factors(left, right, axis, axes) for axis in axes]
        known = [one for one in factors if one is not None]
        if len(known) == len(axes) and all(np.any(one != 1) for one in known):
            yield _edge_step(axes, known, left.ndim)


def _spatial(ndim: int) -> list[tuple[int, ...]]:
    """The axes of the grid, channels last and first."""
    return [tuple(range(1, ndim - 1)), tuple(range(2, ndim))]


def _edge_factors(left: Array, right: Array, axis: int, axes: tuple[int, ...]) -> Array | None:
    """What the elements at each place along one axis are multiplied by, in the middle of the others; 1 inside."""
    cut = tuple(slice(n // 2, n // 2 + 1) if other in axes and other != axis else slice(None)
                for other, n in enumerate(left.shape))  # fmt: skip
    one, other = (np.moveaxis(array[cut], axis, 0).reshape(left.shape[axis], -1) for array in (left, right))
    square = np.sum(one * one, 1)
    factors = np.sum(one * other, 1) / np.where(square == 0, 1, square)
    inside = np.abs(factors - 1) < 1e-3
    count = len(factors)
    if count < 3 or not inside[count // 2] or not np.isfinite(factors).all() or (factors <= 0.1).any():
        return None
    outer = np.flatnonzero(~inside)
    if outer.size > max(2, count // 2):
        return None
    return np.where(inside, 1.0, factors)


def _edge_step(axes: tuple[int, ...], factors: Sequence[Array], ndim: int) -> Step:
    def apply(array: Array) -> Array:
        for axis, one in zip(axes, factors, strict=True):
            array = array * one.reshape([-1 if other == axis else 1 for other in range(ndim)])
        return array

    edges = sorted({f"{number:.4g}" for one in factors for number in one if number != 1})
    less = min(float(one.min()) for one in factors) < 1  # the right counts its padding
    counted = "right" if less else "left"
    fix = f"nn.AvgPool2d(..., count_include_pad=False) makes {{{counted}}}"
    plain = f"{{{'left' if less else 'right'}}} padded with zeros, then pooled with padding='valid'"
    return Step(
        "pooling-edges",
        f"the edges of axes {', '.join(map(str, axes))} times {', '.join(edges)}, their products in the corners",
        apply,
        plain if less else fix,
        fix if less else plain,
        "AvgPool2d divides by the whole window; Keras by the elements inside it",
        len(edges),
    )


def _plant_pool_edges(array: Array, random: np.random.Generator) -> Array | None:
    if array.dtype.kind != "f" or array.ndim not in (3, 4) or min(array.shape[1:-1]) < 4:
        return None
    if int(np.count_nonzero(array)) < array.size * 9 // 10:
        return None
    found = array.copy()
    for axis in range(1, array.ndim - 1):
        moved = np.moveaxis(found, axis, 0)
        moved[[0, -1]] *= found.dtype.type(2 / 3)
    return found


POOLING_EDGES = WholeCause(
    name="pooling-edges",
    title="Average pooling divides by another count at the edges",
    about="nn.AvgPool2d counts its zero padding (count_include_pad=True); TensorFlow divides by the elements inside: "
    "3/2 at the edges and 9/4 in the corners of a 3 by 3 window.",
    entries=("avgpool-count-include-pad", "mx-pooling"),
    plant=_plant_pool_edges,
    steps=_pool_edges,
)


# --- only some of the elements differ ---

_LARGE = 1 << 23  # elements, above which a sample says first whether any agree
_SURE = 25.0  # logarithm of how unlikely it must be that the elements of a region agree by chance
_SURE_EACH = 4.0  # the same, for each of the slices that agree
_DENSE = 0.2  # of the elements of a region that differ at least


@dataclass(frozen=True)
class _Differences:
    """Where two tensors differ by more than rounding.

    Attributes:
        shape: their shape.
        rows: whether any element of each row (along axis 0) differs.
        rest: whether any of the elements at each place of the other axes does.
        first: flat indices of the first few that differ.
        count: how many differ.
        top: the largest |left - right|.
        noise: the largest |left - right| of those that agree.
    """

    shape: tuple[int, ...]
    rows: Array
    rest: Array
    first: tuple[int, ...]
    count: int
    top: float
    noise: float

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def along(self, axis: int) -> Array:
        """Whether any element of each slice along one axis differs."""
        return self.rows if axis == 0 else self.over(axis)

    def over(self, *axes: int) -> Array:
        """Whether any of the elements at each place of these axes, of which 0 is none, differs."""
        return np.asarray(self.rest.any(tuple(axis - 1 for axis in range(1, len(self.shape)) if axis not in axes)))


def _region(left: Array, right: Array, facts: Facts) -> Finding | None:
    if left.shape != right.shape or not _some_agree(left, right, facts["closeness"]):
        return None
    differences = _differences(left, right, facts["closeness"])
    if not 0 < differences.count < differences.size:
        return None
    found = _slices(differences) or _ring(differences) or _few(differences)
    if found is None or not _is_sure(left, differences, found[2]):
        return None
    return _region_finding(differences, found[0], found[1])


def _size_of(array: Array) -> float:
    """The root mean square of an array, of a sample of it if it is large."""
    return _rms(take(array, places(array.size, _BLOCK, np.random.default_rng(0))))


def _some_agree(left: Array, right: Array, closeness: float) -> bool:
    if left.size <= _LARGE:
        return True
    index = places(left.size, 4096, np.random.default_rng(0))
    one, other = take(left, index), take(right, index)
    return bool((_gap(one, other) <= closeness * _rms(other)).any())


def _differences(left: Array, right: Array, closeness: float) -> _Differences:
    slack = closeness * max(_size_of(left), _size_of(right))
    rows, rest = np.empty(left.shape[:1], bool), np.zeros(left.shape[1:], bool)
    top = noise = count = 0
    first: list[int] = []
    for part in _parts(left):
        gap = _gap(left[part], right[part])
        differs = gap > slack
        here = int(np.count_nonzero(differs))
        rows[part] = differs.reshape(len(differs), -1).any(1)
        top = max(top, float(gap.max()))
        if here:
            rest |= differs.any(0)
            gap = gap[~differs]
            at = np.flatnonzero(differs)[: 3 - len(first)] if len(first) < 3 else ()
            first += [int(place) + part.start * (left.size // left.shape[0]) for place in at]
        noise = max(noise, float(gap.max())) if gap.size else noise
        count += here
    return _Differences(left.shape, rows, rest, tuple(first), count, top, noise)


Region = tuple[str, str, Array | None]  # name of the cause, the place in words, and as a bool array that broadcasts


def _slices(differs: _Differences) -> Region | None:
    """All that differ lie in some slices along one axis: the axis with the fewest of them."""
    ndim = len(differs.shape)
    lines = [differs.along(axis) for axis in range(ndim)]
    axis = min(range(ndim), key=lambda axis: float(np.mean(lines[axis])))
    line, alone = lines[axis], ndim == 1 or differs.size == len(lines[axis])
    share = differs.count / (differs.size * float(np.mean(line)))
    if line.all() or share < _DENSE:
        return None
    name, where = _said_slices(line, axis, alone)
    # slices that stand anywhere must each be sure
    each = -differs.size / len(line) * math.log1p(-min(share, 0.999))
    if name == "some-slices" and (each < _SURE_EACH + math.log(len(line)) or alone):
        return None
    return name, where, line.reshape([-1 if other == axis else 1 for other in range(ndim)])


def _said_slices(line: Array, axis: int, alone: bool) -> tuple[str, str]:
    at = [int(place) for place in np.flatnonzero(line)]
    length = len(line)
    gaps = np.flatnonzero(~line)
    if at == [length - 1] and length > 2 and not alone:
        return "last-step", f"in the last of {length} along axis {axis}"
    if at[-1] == length - 1 and at[0] == len(gaps):
        return "later-steps", f"from index {at[0]} on along axis {axis}"
    if line[0] and line[-1] and gaps[-1] - gaps[0] + 1 == len(gaps) and gaps.size >= length / 2:
        return "border", f"within {max(int(gaps[0]), length - 1 - int(gaps[-1]))} of the border of axis {axis}"
    listed = ", ".join(map(str, at[:8])) + (", ..." if len(at) > 8 else "")
    return "some-slices", f"in {len(at):,} of {length:,} along axis {axis}: {listed}"


def _ring(differs: _Differences) -> Region | None:
    """All that differ lie near the border of two or three axes, of which 0 is none."""
    ndim = len(differs.shape)
    for axes in _spatial(ndim):
        if len(axes) < 2 or min(differs.shape[axis] for axis in axes) < 3:
            continue
        plane = differs.over(*axes)
        inside = _clean_box(plane)
        ring = np.ones(plane.shape, bool)
        ring[inside] = False
        if ring.all() or plane[inside].any() or differs.count < _DENSE * float(np.mean(ring)) * differs.size:
            continue
        widths = [(cut.start, length - cut.stop) for cut, length in zip(inside, plane.shape, strict=True)]
        said = [str(max(pair)) if min(pair) == max(pair) else f"{pair[0]} and {pair[1]}" for pair in widths]
        width = said[0] if len(set(said)) == 1 else ", ".join(said)
        shape = [length if axis in axes else 1 for axis, length in enumerate(differs.shape)]
        return "border", f"within {width} of the border of axes {', '.join(map(str, axes))}", ring.reshape(shape)
    return None


def _clean_box(plane: Array) -> tuple[slice, ...]:
    """The box around the middle in which nothing differs along the lines through the middle."""
    middle = tuple(length // 2 for length in plane.shape)
    cuts: list[slice] = []
    for axis, length in enumerate(plane.shape):
        line = plane[tuple(slice(None) if other == axis else middle[other] for other in range(plane.ndim))]
        before, after = np.flatnonzero(line[: middle[axis]]), np.flatnonzero(line[middle[axis] :])
        start = int(before[-1]) + 1 if before.size else 0
        cuts.append(slice(start, middle[axis] + int(after[0]) if after.size else length))
    return tuple(cuts)


_FEW = 0.05  # of the elements


_FAR = 20  # times the difference elsewhere


def _few(differs: _Differences) -> Region | None:
    if differs.count > _FEW * differs.size or differs.top < _FAR * differs.noise:  # noise has no edge
        return None
    first = [str(tuple(map(int, np.unravel_index(place, differs.shape)))) for place in differs.first]
    return "few-elements", f"at {', '.join(first)}" + (", ..." if differs.count > len(first) else ""), None


def _is_sure(left: Array, differs: _Differences, region: Array | None) -> bool:
    """Whether it is no accident that all elements outside of the region agree."""
    if region is None:
        return differs.size - differs.count >= 64 and differs.count <= 0.2 * _uncommon(left)
    size = round(float(np.mean(region)) * differs.size)
    clean = differs.size - size
    share = min(differs.count / max(size, 1), 0.999)
    return clean >= 8 and -clean * math.log1p(-share) >= _SURE and _varies(left, region)


def _uncommon(left: Array) -> float:
    """About how many elements are not the commonest one, as the zeros of one-hot vectors are."""
    sample = take(left, places(left.size, _BLOCK, np.random.default_rng(0)))
    _, counts = np.unique(sample, return_counts=True)
    return left.size * (1 - counts.max() / sample.size)


def _varies(left: Array, region: Array) -> bool:
    """Whether the elements outside of the region, or a sample of them, are not all the same."""
    index = np.unravel_index(places(left.size, _BLOCK, np.random.default_rng(0)), left.shape)
    inside = region[tuple(place if length > 1 else 0 for place, length in zip(index, region.shape, strict=True))]
    outside = left[index][~np.broadcast_to(inside, index[0].shape)]
    return bool(outside.size and (outside != outside[0]).any())


def _region_finding(differs: _Differences, name: str, where: str) -> Finding:
    return Finding(
        causes=(name,),
        sentence=f"{_REGIONS[name][0]}: {where}",
        evidence=f"{differs.count:,} of {_count(differs.size)} differ, by {differs.top:.3g} at most; "
        f"max abs {differs.noise:.2g} elsewhere",
        hint=_REGIONS[name][1],
        before=differs.top,
        after=differs.top,
    )


_REGIONS = {
    "border": ("Only the border differs", "padding: its width, its value, or whether pooling counts it"),
    "last-step": ("Only the last step differs", "return_sequences, bidirectional outputs, padding, or a last batch"),
    "later-steps": ("The sides agree up to a step, and differ from it on",
                    "a recurrent cell of another kind (reset_after of GRU, the recurrent activation), a mask, "
                    "or another state"),
    "some-slices": ("Only some slices differ", "these samples, steps or channels alone: a mask, an index, a part "
                                               "that was not loaded"),
    "few-elements": ("Only a few elements differ", "ties, elements at a threshold, or an index out of range"),
}  # fmt: skip


def _spoil(array: Array, region: tuple[Any, ...], random: np.random.Generator) -> Array | None:
    """The array with other numbers of the same kind in a region."""
    if array.size < 64 or array.dtype.kind not in "fc" or not varies(array):
        return None
    found = array.copy()
    spread = np.std(wide(array))
    found[region] += (spread * random.normal(size=found[region].shape)).astype(array.dtype)
    return found


def _plant_border(array: Array, random: np.random.Generator) -> Array | None:
    if array.ndim < 4 or min(array.shape[1:-1]) < 6:
        return None
    spoilt = _spoil(array, (), random)
    if spoilt is not None:
        inside = (slice(None), *(slice(1, -1) for _ in array.shape[1:-1]))
        spoilt[inside] = array[inside]
    return spoilt


def _plant_last(array: Array, random: np.random.Generator) -> Array | None:
    return _spoil(array, (slice(None), -1), random) if array.ndim > 1 and array.shape[1] > 3 else None


def _plant_later(array: Array, random: np.random.Generator) -> Array | None:
    fits_ = array.ndim > 1 and array.shape[1] > 3
    return _spoil(array, (slice(None), slice(array.shape[1] // 2, None)), random) if fits_ else None


def _plant_slices(array: Array, random: np.random.Generator) -> Array | None:
    return _spoil(array, (array.shape[0] // 2,), random) if array.ndim > 1 and array.shape[0] > 3 else None


def _plant_few(array: Array, random: np.random.Generator) -> Array | None:
    if array.size < 200:
        return None
    index = random.permutation(array.size)[: max(1, array.size // 100)]
    return _spoil(array, np.unravel_index(index, array.shape), random)


BORDER = PlaceCause(
    name="border",
    title="Only the border differs",
    about="Zero padding against reflected or 'same' padding, pooling that counts its padding, causal convolutions.",
    entries=("causal-padding", "avgpool-count-include-pad", "resize-bicubic-coefficient", "resize-align-corners"),
    plant=_plant_border,
    find=_region,
    complex=True,
)
LAST_STEP = PlaceCause(
    name="last-step",
    title="Only the last along an axis differs",
    about="The last step of a bidirectional layer, a last partial window or batch.",
    entries=("bidirectional-last-output", "pool-ceil-mode", "drop-last"),
    plant=_plant_last,
    complex=True,
)
LATER_STEPS = PlaceCause(
    name="later-steps",
    title="The sides agree up to a step and differ from it on",
    about="From a zero state the two kinds of GRU (reset_after) agree at the first step only; masked and packed "
    "sequences agree up to the end of the sequence.",
    entries=("gru-reset-placement", "w-gru-reset-before", "rnn-masking-vs-packing", "rnn-recurrent-activation"),
    plant=_plant_later,
    complex=True,
)
SOME_SLICES = PlaceCause(
    name="some-slices",
    title="Only some slices along an axis differ",
    about="Some samples of a batch, some steps or some channels: a mask, a padding index, weights loaded in part.",
    entries=("mask-zero-vs-padding-idx", "partial-load", "masked-softmax-all-masked", "ignore-index"),
    plant=_plant_slices,
    complex=True,
)
FEW_ELEMENTS = PlaceCause(
    name="few-elements",
    title="Only a few elements differ",
    about="Ties of argmax, sorting and maxima, elements at a threshold or at an exact half.",
    entries=("topk-sort-stability", "grad-maximum-tie", "grad-max-ties", "rounding-half-even", "mx-round"),
    plant=_plant_few,
    complex=True,
)

CAUSES: tuple[Cause, ...] = (
    NOT_FINITE, CROPPED, POOLING_EDGES, CONSTANT_SIDE, GRID_SHIFTED,
    BORDER, LAST_STEP, LATER_STEPS, SOME_SLICES, FEW_ELEMENTS,
)  # fmt: skip
