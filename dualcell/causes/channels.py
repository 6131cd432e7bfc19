"""Causes with numbers of their own for each channel or row: normalisation layers, missing biases, image statistics."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from dualcell.cause import Array, RelationCause, Step, WholeCause
from dualcell.sampling import explains, fits, linear_in_rows, rows, some_axes

Facts = Mapping[str, Any]
Axes = tuple[int, ...]


def _said(axes: Axes) -> str:
    return f"axis {axes[0]}" if len(axes) == 1 else f"axes {axes}"


def _rest(ndim: int, axes: Axes) -> Axes:
    return tuple(axis for axis in range(ndim) if axis not in axes)


def _channels(shape: tuple[int, ...], least: int) -> list[Axes]:
    """Axes whose indices may have numbers of their own, fewest numbers first; `least` elements share them."""
    size = math.prod(shape)
    counted = [
        (math.prod(shape[axis] for axis in axes), axes)
        for axes in some_axes(len(shape))
        if all(shape[axis] > 1 for axis in axes)
    ]
    return [axes for count, axes in sorted(counted) if size // count >= least]


def _spread(sample: Array) -> float:
    """Root mean square of the distance from the mean of the row."""
    return float(np.sqrt(np.mean(np.square(sample - sample.mean(1, keepdims=True)))))


def _rms(sample: Array) -> float:
    return float(np.sqrt(np.mean(np.square(sample))))


# --- a factor, an offset, or both, for each channel ---

_Fit = Callable[[Array, Array, Axes], tuple[Array, Array]]


def _factors(left: Array, right: Array, axes: Axes) -> tuple[Array, Array]:
    square = np.square(left).sum(axes, keepdims=True)
    factor = np.where(square > 0, (left * right).sum(axes, keepdims=True) / np.where(square > 0, square, 1), 1.0)
    return factor, np.zeros_like(factor)


def _offsets(left: Array, right: Array, axes: Axes) -> tuple[Array, Array]:
    offset = (right - left).mean(axes, keepdims=True)
    return np.ones_like(offset), offset


def _lines(left: Array, right: Array, axes: Axes) -> tuple[Array, Array]:
    means = left.mean(axes, keepdims=True), right.mean(axes, keepdims=True)
    factor, _ = _factors(left - means[0], right - means[1], axes)
    return factor, means[1] - factor * means[0]


def _fits_rows(fit: _Fit, left: Array, right: Array, closeness: float) -> bool:
    """Whether a fit to each row explains what no fit to all of them does."""
    factor, offset = fit(left, right, (1,))
    found = left * factor + offset
    gap = _rms(found - right)
    if not (explains(found, right, closeness, left) and gap < 0.1 * _spread(right)):
        return False
    one, other = fit(left, right, (0, 1))
    return gap < 0.2 * _rms(left * one + other - right)


def _per_channel(name: str, fit: _Fit, numbers: int, words: str) -> Callable[[Array, Array, Facts], Iterator[Step]]:
    def steps(left: Array, right: Array, facts: Facts) -> Iterator[Step]:
        if left.shape != right.shape:
            return
        for axes in _channels(left.shape, 4 * numbers):
            rest = _rest(left.ndim, axes)
            if linear_in_rows(left, right, rest, facts["closeness"]) and _fits_rows(
                fit, rows(left, rest), rows(right, rest), facts["closeness"]
            ):
                factor, offset = fit(left, right, rest)
                yield _channel_step(name, f"{words} each index of {_said(axes)}", factor, offset, numbers)
                return

    return steps


def _channel_step(name: str, words: str, factor: Array, offset: Array, numbers: int) -> Step:
    scaled, shifted = name != "channel-offset", name != "channel-scale"
    by, plus = _literal(factor, "factor"), _literal(offset, "offset")
    left_fix = "{left}" + f" * {by}" * scaled + f" + {plus}" * shifted
    right_fix = f"({{right}} - {plus}) / {by}" if scaled and shifted else "{right}" + (
        f" / {by}" if scaled else f" - {plus}")  # fmt: skip
    if factor.size > _MOST_WRITTEN:
        left_fix, right_fix = (f"{fix}, with those of each index" for fix in (left_fix, right_fix))
    said = [f"{kind} {_listed(numbers)}" for kind, numbers, there in
            (("factor", factor, scaled), ("offset", offset, shifted)) if there]  # fmt: skip
    hints = [text for text in (*said, _only(factor, offset), _epsilon_range(factor) if scaled else "") if text]
    return Step(name, words, lambda values: values * factor + offset, left_fix, right_fix, "; ".join(hints),
                numbers * factor.size)  # fmt: skip


def _literal(numbers: Array, name: str) -> str:
    """Few numbers as they are written in a line; many by a name."""
    if numbers.size > _MOST_WRITTEN:
        return name
    rounded = np.vectorize(lambda number: float(f"{number:.9g}"))(numbers)
    return f"np.array({rounded.tolist()})"


_MOST_WRITTEN = 8


def _listed(numbers: Array) -> str:
    first = ", ".join(f"{number:.4g}" for number in numbers.reshape(-1)[:4])
    return first if numbers.size <= 4 else f"{first}, … ({numbers.min():.4g} to {numbers.max():.4g})"


def _only(factor: Array, offset: Array) -> str:
    """Which channels differ, if few do."""
    scale = max(float(np.abs(offset).max()), 1e-30)
    changed = (np.abs(factor - 1) > 1e-4).reshape(-1) | (np.abs(offset) > 1e-3 * scale).reshape(-1)
    count = int(changed.sum())
    if 4 * count > changed.size or not count:
        return ""
    return f"{count} of {changed.size} differ: {', '.join(map(str, np.flatnonzero(changed)[:6]))}"


def _epsilon_range(factor: Array) -> str:
    """The variances that would make such factors of the default epsilons."""
    low, high = float(factor.min()), float(factor.max())
    if not (1 < low <= high < 3 or 1 / 3 < low <= high < 1) or factor.size < 3:
        return ""
    keras, torch = ("left", "right") if low > 1 else ("right", "left")
    squares = np.square([low, high] if low > 1 else [1 / high, 1 / low])
    least, most = sorted((1e-3 - squares * 1e-5) / (squares - 1))
    if least <= 0:
        return ""
    return (f"epsilon 1e-3 (Keras) on the {keras} and 1e-5 (PyTorch) on the {torch} would make such factors of "
            f"variances from {least:.3g} to {most:.3g}")  # fmt: skip


def _plant_channels(scaled: bool, shifted: bool) -> Callable[[Array, np.random.Generator], Array | None]:
    def plant(array: Array, random: np.random.Generator) -> Array | None:
        ways = [axis for axis, length in enumerate(array.shape) if length > 1 and array.size // length >= 16]
        if not ways or array.dtype.kind != "f":
            return None
        axis = ways[random.integers(len(ways))]
        shape = [length if at == axis else 1 for at, length in enumerate(array.shape)]
        factor = random.uniform(0.5, 2, shape) if scaled else 1.0
        offset = random.standard_normal(shape) * float(np.std(array.astype(np.float64))) if shifted else 0.0
        return (array.astype(np.float64) * factor + offset).astype(array.dtype)

    return plant


CHANNEL_SCALE = WholeCause(
    name="channel-scale",
    title="Every channel has a factor of its own",
    about="A missing gamma, another running variance, the epsilon of a normalisation layer in inference, weights "
    "normalised by row. The channels are the indices of one axis or of several.",
    entries=("bn-epsilon", "bn-mode-default", "ln-epsilon", "w-batchnorm"),
    plant=_plant_channels(scaled=True, shifted=False),
    steps=_per_channel("channel-scale", _factors, 1, "a factor for"),
)

CHANNEL_OFFSET = WholeCause(
    name="channel-offset",
    title="Every channel has an offset of its own",
    about="A bias that only one side adds, a missing beta, another running mean, a mean subtracted from images, logits "
    "that differ by one number in each row. The channels are the indices of one axis or of several.",
    entries=("init-bias-zeros-vs-uniform", "imagenet-preprocess-mode", "w-batchnorm", "ce-unnormalised-probs"),
    plant=_plant_channels(scaled=False, shifted=True),
    steps=_per_channel("channel-offset", _offsets, 1, "an offset for"),
)

CHANNEL_AFFINE = WholeCause(
    name="channel-affine",
    title="Every channel is scaled and shifted by numbers of its own",
    about="Batch statistics on one side and running statistics on the other, gamma and beta on one side only, images "
    "normalised by channel, the epsilon of a batch normalisation in inference.",
    entries=("bn-mode-default", "bn-epsilon", "image-mean-std-normalise", "norm-axis-default"),
    plant=_plant_channels(scaled=True, shifted=True),
    steps=_per_channel("channel-affine", _lines, 2, "a factor and an offset for"),
)


# --- the epsilon of a normalisation layer ---

# ratio of the epsilons -> the most likely pair of that ratio; two outputs tell the ratio only
_PAIRS = {
    1e2: (1e-3, 1e-5), 1e3: (1e-3, 1e-6), 1e1: (1e-5, 1e-6),
    1e-6 * 2**23: (1e-6, 2.0**-23), 1e-3 * 2**23: (1e-3, 2.0**-23), 1e-5 * 2**23: (1e-5, 2.0**-23), 1e9: (1e-3, 1e-12),
}  # fmt: skip
_NONE = 1e6  # a ratio above which the smaller epsilon is none to speak of


def _epsilon(left: Array, right: Array, facts: Facts) -> Iterator[Step]:
    if left.shape != right.shape:
        return
    for shape in _groupings(left.shape):
        one, other = left.reshape(shape), right.reshape(shape)
        for axes in _channels(shape, 4):
            if shape != left.shape and axes != (0, len(shape) - 2 if shape[:-2] == left.shape[:-1] else 1):
                continue
            rest = _rest(len(shape), axes)
            if not linear_in_rows(one, other, rest, facts["closeness"]):
                continue
            samples = rows(one, rest), rows(other, rest)
            step = _epsilon_along(samples, rest, axes, facts["closeness"])
            if step is None and _may_have_gamma(*samples, facts["closeness"]):
                step = _epsilon_with_gamma(one, other, axes, facts["closeness"])
            if step is not None:
                yield _reshaped(step, shape)
                return


def _groupings(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """The shape itself; then with the channels split into groups, for GroupNorm."""
    yield shape
    if len(shape) > 1:
        for axis in sorted({1, len(shape) - 1}):
            for groups in (2, 4, 8, 16, 32):
                if shape[axis] % groups == 0 and shape[axis] > groups:
                    yield (*shape[:axis], groups, shape[axis] // groups, *shape[axis + 1 :])


def _reshaped(step: Step, shape: tuple[int, ...]) -> Step:
    def apply(values: Array) -> Array:
        return step.apply(values.reshape(shape)).reshape(values.shape)

    return Step(step.cause, step.words, apply, step.left_fix, step.right_fix, step.hint, step.freedom, step.on)


def _epsilon_along(samples: tuple[Array, Array], rest: Axes, axes: Axes, closeness: float) -> Step | None:
    """Solve the side of the larger epsilon for its variances, and predict the other side."""
    for centred in (True, False):
        squares = [_square(sample, (1,), centred=centred) for sample in samples]
        top = 1 + min(closeness, 1e-3)
        if max(square.max() for square in squares) > top or min(square.min() for square in squares) <= 0:
            continue
        on = "left" if squares[0].sum() < squares[1].sum() else "right"
        given, wanted = samples if on == "left" else samples[::-1]
        ratio = _ratio(given, wanted, closeness, centred=centred)
        if ratio is not None:
            return _epsilon_step(on, ratio, rest, axes, centred=centred)
    return None


def _square(values: Array, axes: Axes, *, centred: bool) -> Array:
    values = values - values.mean(axes, keepdims=True) if centred else values
    return np.square(values).mean(axes, keepdims=True)


def _with_less(values: Array, axes: Axes, ratio: float, *, centred: bool) -> Array:
    """What a normalised tensor would be with an epsilon `ratio` times smaller."""
    mean = values.mean(axes, keepdims=True) if centred else 0.0
    square = _square(values, axes, centred=centred)
    variance = square / np.maximum(1 - square, 1e-12)  # in units of the larger epsilon
    return (values - mean) * np.sqrt((variance + 1) / (variance + 1 / ratio)) + mean


def _ratio(given: Array, wanted: Array, closeness: float, *, centred: bool) -> float | None:
    # without a mean to tell normalised rows by, no epsilon at all would make them of any rows
    found = {ratio: _with_less(given, (1,), ratio, centred=centred) for ratio in _PAIRS if centred or ratio <= 1e3}
    left_over = {ratio: _rms(made - wanted) for ratio, made in found.items()}
    best = min(left_over, key=left_over.__getitem__)
    if explains(found[best], wanted, closeness, given) and left_over[best] < 0.1 * _spread(wanted):
        # ratios that the numbers do not tell apart: the first, which is that of the defaults
        return next(ratio for ratio in found if left_over[ratio] <= 1.1 * left_over[best])
    return None


def _epsilon_step(on: str, ratio: float, rest: Axes, axes: Axes, *, centred: bool) -> Step:
    more, less = _PAIRS[ratio]
    larger, smaller = ("left", "right") if on == "left" else ("right", "left")
    kind = f"{'normalisation' if centred else 'RMS normalisation'} of each index of {_said(axes)}"
    if ratio > _NONE:
        words, hint = f"{kind} with an epsilon on the {larger}, none to speak of on the {smaller}", ""
    else:
        words = f"{kind} with epsilon {more:g} on the {larger}, {less:.3g} on the {smaller}"
        hint = f"the outputs tell the ratio of the two epsilons, {ratio:.3g}, and not each"
    fixes = {larger: f"{{{larger}}} with epsilon={less:.3g}", smaller: f"{{{smaller}}} with epsilon={more:g}"}
    return Step("normalisation-epsilon", words, lambda values: _with_less(values, rest, ratio, centred=centred),
                fixes["left"], fixes["right"], hint, on="left" if on == "left" else "right")  # fmt: skip


def _may_have_gamma(left: Array, right: Array, closeness: float) -> bool:
    """Whether the rows of a sample have the same means and other deviations; not a matter of three."""
    factor = _about_means(left, right, (1,), closeness) if left.shape[1] >= 8 else None
    return factor is not None and factor.size >= 3


def _epsilon_with_gamma(left: Array, right: Array, axes: Axes, closeness: float) -> Step | None:
    """Channels of the same means and other deviations, all larger on one side: gamma hides the variances."""
    rest = _rest(left.ndim, axes)
    factor = _about_means(left, right, rest, closeness)
    if factor is None:
        return None
    larger, smaller = ("left", "right") if factor.flat[0] > 1 else ("right", "left")
    words = f"each index of {_said(axes)} scaled about its mean, as by a larger epsilon on the {larger}"
    fixes = {larger: f"{{{larger}}} with epsilon=1e-5", smaller: f"{{{smaller}}} with epsilon=1e-3"}

    def apply(values: Array) -> Array:
        mean = values.mean(rest, keepdims=True)
        return mean + (values - mean) * factor

    return Step("normalisation-epsilon", words, apply, fixes["left"], fixes["right"], _epsilon_range(factor),
                factor.size)  # fmt: skip


def _about_means(left: Array, right: Array, axes: Axes, closeness: float) -> Array | None:
    """The factors about the means, if the means agree and the factors may be those of an epsilon."""
    means = left.mean(axes, keepdims=True), right.mean(axes, keepdims=True)
    factor, _ = _factors(left - means[0], right - means[1], axes)
    found = means[0] + (left - means[0]) * factor
    agree = explains(found, right, closeness, left) and _rms(found - right) < 0.1 * _rms(right - means[1])
    low, high = float(factor.min()), float(factor.max())
    possible = (1 + 1e-6 < low and high < 10) or (0.1 < low and high < 1 - 1e-6)
    return factor if agree and possible and high - low > closeness else None


def _seen(array: Array) -> float:
    """The share of the root mean square below which a fault is not told from rounding."""
    return max(1e-4, 3 * float(np.finfo(array.dtype).eps))


def _plant_epsilon(array: Array, random: np.random.Generator) -> Array | None:
    """The array normalised with 1e-5, if it is one normalised with 1e-3."""
    if array.dtype.kind != "f" or array.ndim < 2:
        return None
    values = array.astype(np.float64)
    for axes in _channels(array.shape, 8):
        sample = rows(values, _rest(array.ndim, axes))
        square = _square(sample, (1,), centred=True)
        if np.abs(sample.mean(1)).max() < 1e-3 and square.max() < 1 and square.max() > 0.1 and square.min() > 1e-6:
            found = _with_less(values, _rest(array.ndim, axes), 100, centred=True)
            return found.astype(array.dtype) if _rms(found - values) > _seen(array) * _rms(values) else None
    return None


EPSILON = WholeCause(
    name="normalisation-epsilon",
    title="Normalisation layers have another epsilon",
    about="BatchNorm, LayerNorm and GroupNorm have epsilon 1e-3 in Keras and 1e-5 in PyTorch; RMSNorm has 1e-6 and "
    "1.2e-7. Each channel, row or group is short of variance 1 by a share that tells its variance, and so what the "
    "other epsilon makes of it. Seen for variances below about 20; with gamma other than 1, as a factor.",
    entries=("bn-epsilon", "ln-epsilon", "gn-defaults", "rmsnorm-epsilon", "instance-norm", "mx-layernorm"),
    plant=_plant_epsilon,
    steps=_epsilon,
)


# --- LayerNorm with gamma and beta: rows scaled about one vector ---


def _about_vector(left: Array, right: Array, facts: Facts) -> Iterator[Step]:
    """`right - beta = (1 + 1 / w) * (left - beta)`, `beta` one vector and `w` one number a row: linear in both."""
    if left.shape != right.shape or left.ndim < 2:
        return
    length = left.shape[-1]
    flat, other = left.reshape(-1, length), right.reshape(-1, length)
    if not 8 <= length <= _LONGEST or len(flat) < 8:
        return
    if not _is_about(flat[:64, :16], other[:64, :16], facts["closeness"]):
        return
    beta = _centre(flat[:1024], other[:1024])
    if beta is None:
        return
    change = _towards(flat, other, beta)
    shares = _shares(flat, other, beta)
    same_sign = bool((shares > 0).all() or (shares < 0).all())
    if not same_sign or shares.max() >= 9 or shares.min() <= -0.9:
        return
    larger, smaller = ("left", "right") if shares[0] > 0 else ("right", "left")
    words = f"each row of axis {left.ndim - 1} scaled about beta, as by a larger epsilon on the {larger}"
    fixes = {larger: f"{{{larger}}} with epsilon=1e-5", smaller: f"{{{smaller}}} with epsilon=1e-3"}
    yield Step("layer-norm-epsilon", words, lambda values: values + change.reshape(values.shape), fixes["left"],
               fixes["right"], _epsilon_range(1 + shares), length + len(flat))  # fmt: skip


_LONGEST = 1024


def _is_about(left: Array, right: Array, closeness: float) -> bool:
    varies = min(np.std(side - side.mean(0)) / max(np.std(side), 1e-300) for side in (left, right))
    beta = _centre(left, right) if varies > 0.05 else None
    return beta is not None and explains(left + _towards(left, right, beta), right, closeness, left)


def _centre(left: Array, right: Array) -> Array | None:
    """The vector about which each row is scaled: of a few columns by least squares, and so of all."""
    some = _centre_of_few(left[:, :_FEW_COLUMNS], right[:, :_FEW_COLUMNS])
    if some is None or left.shape[1] <= _FEW_COLUMNS:
        return some
    shares = _shares(left[:, :_FEW_COLUMNS], right[:, :_FEW_COLUMNS], some)[:, None]
    # each row says left - change / share; rows that change more say it better
    return (shares * (shares * left - (right - left))).sum(0) / max(float(np.square(shares).sum()), 1e-300)


_FEW_COLUMNS = 64


def _centre_of_few(left: Array, right: Array) -> Array | None:
    change = right - left
    square = np.square(change).sum(1, keepdims=True)
    use = square[:, 0] > 0
    change = change[use] / np.sqrt(square[use])
    if len(change) < 8:
        return None
    outside = left[use] - change * (change * left[use]).sum(1, keepdims=True)
    matrix = len(change) * np.eye(left.shape[1]) - change.T @ change
    try:
        return np.linalg.solve(matrix, outside.sum(0))
    except np.linalg.LinAlgError:
        return None


def _shares(left: Array, right: Array, beta: Array) -> Array:
    away = left - beta
    return ((right - left) * away).sum(1) / np.maximum(np.square(away).sum(1), 1e-300)


def _towards(left: Array, right: Array, beta: Array) -> Array:
    return _shares(left, right, beta)[:, None] * (left - beta)


def _plant_about_vector(array: Array, random: np.random.Generator) -> Array | None:
    if array.dtype.kind != "f" or array.ndim < 2 or not 8 <= array.shape[-1] <= _LONGEST:
        return None
    values = array.astype(np.float64)
    beta = random.standard_normal(array.shape[-1])
    variance = np.exp(random.uniform(-7, -1, (*array.shape[:-1], 1)))
    factor = np.sqrt((variance + 1e-3) / (variance + 1e-5))
    return (beta + (values - beta) * factor).astype(array.dtype)


LAYER_NORM_EPSILON = WholeCause(
    name="layer-norm-epsilon",
    title="Rows are scaled about one vector, as by another epsilon of a layer normalisation with gamma and beta",
    about="A trained LayerNorm with epsilon 1e-3 (Keras) against 1e-5 (PyTorch): each row has a factor of its own, "
    "about beta and not about zero. Beta is solved for, from the tensors.",
    entries=("ln-epsilon",),
    plant=_plant_about_vector,
    steps=_about_vector,
)


# --- biased and unbiased variance ---


def _bessel(left: Array, right: Array, facts: Facts) -> Iterator[Step]:
    if left.shape != right.shape:
        return
    for axes in _channels(left.shape, 4):
        rest = _rest(left.ndim, axes)
        if not linear_in_rows(left, right, rest, facts["closeness"]):
            continue
        samples = rows(left, rest), rows(right, rest)
        count = samples[0].shape[1]
        for factor, divisors in ((math.sqrt((count - 1) / count), ("n", "n - 1")),
                                 (math.sqrt(count / (count - 1)), ("n - 1", "n"))):  # fmt: skip
            if explains(_about_mean(samples[0], (1,), factor), samples[1], facts["closeness"], samples[0]):
                yield _bessel_step(rest, factor, divisors, count)
                return


def _bessel_step(axes: Axes, factor: float, divisors: tuple[str, str], count: int) -> Step:
    left, right = divisors
    words = f"variance over {_said(axes)} divided by {left} on the left, by {right} on the right (n = {count})"
    return Step("variance-bessel", words, lambda values: _about_mean(values, axes, factor),
                f"{{left}} with variance / ({right})", f"{{right}} with variance / ({left})")  # fmt: skip


def _about_mean(values: Array, axes: Axes, factor: float) -> Array:
    mean = values.mean(axes, keepdims=True)
    return mean + (values - mean) * factor


def _plant_bessel(array: Array, random: np.random.Generator) -> Array | None:
    ways = [axis for axis, length in enumerate(array.shape) if 4 <= length <= 1000 and length < array.size]
    if not ways or array.dtype.kind != "f":
        return None
    axis = ways[random.integers(len(ways))]
    values = array.astype(np.float64)
    return _about_mean(values, (axis,), math.sqrt((array.shape[axis] - 1) / array.shape[axis])).astype(array.dtype)


BESSEL = WholeCause(
    name="variance-bessel",
    title="One side divides the variance by n, the other by n - 1",
    about="`torch.std` and `torch.var` divide by n - 1 unless told otherwise, Keras and NumPy by n. In a normalised "
    "tensor the distance from the mean of each channel or row is off by sqrt(n / (n - 1)).",
    entries=("std-unbiased",),
    plant=_plant_bessel,
    steps=_bessel,
)


# --- images ---

_MEAN, _DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
_CAFFE = np.array([103.939, 116.779, 123.68])
# words -> values with the three channels last -> values
_IMAGES: dict[str, Callable[[Array], Array]] = {
    "(x - mean) / std of ImageNet": lambda values: (values - _MEAN) / _DEVIATION,
    "(x / 255 - mean) / std of ImageNet": lambda values: (values / 255 - _MEAN) / _DEVIATION,
    "x[BGR] - mean of ImageNet": lambda values: values[..., ::-1] - _CAFFE,
    "(x / 255)[BGR] - mean of ImageNet": lambda values: values[..., ::-1] * 255 - _CAFFE,
}


def _images(left: Array, right: Array, facts: Facts) -> Iterator[Step]:
    if left.shape != right.shape:
        return
    for axis, length in enumerate(left.shape):
        samples = {"left": rows(left, (axis,), 256), "right": rows(right, (axis,), 256)}
        for words, function in _IMAGES.items() if length == 3 else ():
            for on, other in (("left", "right"), ("right", "left")):
                if explains(function(samples[on]), samples[other], facts["closeness"], samples[on]):
                    lacking, having = f"preprocess_input({{{on}}})", f"{{{other}}} without preprocessing"
                    fixes = (lacking, having) if on == "left" else (having, lacking)
                    yield Step("image-statistics", f"{words} along axis {axis} of the {on}",
                               lambda values, function=function, axis=axis: _along(values, axis, function), *fixes,
                               on="left" if on == "left" else "right")  # fmt: skip


def _along(values: Array, axis: int, function: Callable[[Array], Array]) -> Array:
    return np.moveaxis(function(np.moveaxis(values, axis, -1)), -1, axis)


def _plant_images(array: Array, random: np.random.Generator) -> Array | None:
    ways = [axis for axis, length in enumerate(array.shape) if length == 3]
    if not ways or array.dtype.kind != "f" or array.ndim < 3:
        return None
    function = list(_IMAGES.values())[random.integers(len(_IMAGES))]
    return _along(array.astype(np.float64), ways[0], function).astype(array.dtype)


IMAGES = WholeCause(
    name="image-statistics",
    title="One side normalised images by the statistics of ImageNet",
    about="torchvision's `Normalize` with ImageNet's mean and deviation, or `preprocess_input` of Keras in the modes "
    "torch and caffe (BGR, means subtracted), on one side only.",
    entries=("imagenet-preprocess-mode", "image-mean-std-normalise", "image-channel-order-bgr"),
    plant=_plant_images,
    steps=_images,
)


# --- seen without channels ---


def _unit_epsilon(left: Array, right: Array, facts: Facts) -> Step | None:
    """A factor that epsilon 1e-3 against 1e-5 makes where the variance is about 1."""
    square = float(left @ left)
    factor = float(left @ right) / square if square else math.nan
    size = abs(math.log(factor)) if math.isfinite(factor) and factor > 0 else 0.0
    if not 2e-4 < size < 1e-3 or not fits(left * factor, right, facts["closeness"]):
        return None
    variance = 1e-3 / math.expm1(2 * size) - 1e-5  # about: the smaller epsilon is a hundredth
    if not 0.8 < variance < 1.25 or _is_bessel(size, facts["shape"]):
        return None
    larger, smaller = ("left", "right") if factor > 1 else ("right", "left")
    words = f"times {factor:.6g}, as epsilon 1e-3 on the {larger} and 1e-5 on the {smaller} make of variance 1"
    fixes = {larger: f"{{{larger}}} with epsilon=1e-5", smaller: f"{{{smaller}}} with epsilon=1e-3"}
    return Step("epsilon-unit-variance", words, lambda array: array * factor, fixes["left"], fixes["right"])


def _is_bessel(size: float, shape: tuple[int, ...]) -> bool:
    counts = [math.prod(shape[axis] for axis in axes) for axes in some_axes(len(shape))]
    sizes = [math.log(count / (count - 1)) for count in counts if count > 2]
    return any(min(abs(size - one), abs(size - one / 2)) < 1e-5 for one in sizes)


def _plant_unit_epsilon(array: Array, random: np.random.Generator) -> Array | None:
    if array.dtype.kind != "f" or np.finfo(array.dtype).eps > 1e-5:
        return None
    return (array.astype(np.float64) * math.sqrt(1.001 / 1.00001)).astype(array.dtype)


UNIT_EPSILON = RelationCause(
    name="epsilon-unit-variance",
    title="Normalisation layers have another epsilon, and all variances are about 1",
    about="A new BatchNorm in inference has the running variance 1, and inputs are often of variance 1: then "
    "epsilon 1e-3 (Keras) against 1e-5 (PyTorch) is one factor, 1.000495, for all elements.",
    entries=("bn-epsilon", "ln-epsilon", "noise-epsilon-vs-noise"),
    plant=_plant_unit_epsilon,
    relate=_unit_epsilon,
)

# weights of the new statistics: Keras 0.99 (of the old), PyTorch 0.1 (of the new), and their mistaken copies
_MOMENTA = ((0.01, 0.1), (0.1, 0.01), (0.99, 0.01), (0.01, 0.99), (0.9, 0.1), (0.1, 0.9), (0.9, 0.01), (0.01, 0.9),
            (0.99, 0.1), (0.1, 0.99))  # fmt: skip


def _momentum(left: Array, right: Array, facts: Facts) -> Step | None:
    """Running variances after one batch, from 1: `1 - m + m * v` with another `m`, and perhaps `v * n / (n - 1)`."""
    if len(facts["shape"]) != 1 or not np.var(left) or min(left.min(), right.min()) <= 0:
        return None
    factor = float(np.mean((left - left.mean()) * (right - right.mean())) / np.var(left))
    offset = float(right.mean() - factor * left.mean())
    if not math.isfinite(factor) or not explains(left * factor + offset, right, facts["closeness"], left):
        return None
    for one, other in (*_MOMENTA, (0.1, 0.1), (0.01, 0.01)):
        expected = (1 - other) - factor * (1 - one)
        bessel = factor * one / other
        slack = 30 * facts["closeness"] * max(1.0, abs(factor))
        if abs(offset - expected) < slack and 0.5 <= bessel <= 2 and (one != other or abs(bessel - 1) > 1e-4):
            return _momentum_step((one, other), factor, bessel)
    return None


def _momentum_step(weights: tuple[float, float], factor: float, bessel: float) -> Step:
    one, other = weights
    offset = (1 - other) - factor * (1 - one)
    words = f"running variance: the new one counts {one:g} on the left, {other:g} on the right"
    if abs(bessel - 1) > 1e-4:
        count = 1 / abs(1 - min(bessel, 1 / bessel))
        words += f", and is divided by n - 1 on the {'right' if bessel > 1 else 'left'} (n about {count:.0f})"
    return Step("batch-norm-momentum", words, lambda array: array * factor + offset,
                f"{{left}} with momentum {1 - other:g} (Keras) or {other:g} (PyTorch)",
                f"{{right}} with momentum {1 - one:g} (Keras) or {one:g} (PyTorch)", freedom=1)  # fmt: skip


def _plant_momentum(array: Array, random: np.random.Generator) -> Array | None:
    if array.ndim != 1 or array.dtype.kind != "f" or array.min() <= 0.99:
        return None
    return (0.9 + 10 * (array.astype(np.float64) - 0.99)).astype(array.dtype)


MOMENTUM = RelationCause(
    name="batch-norm-momentum",
    title="Running variances move by another momentum, or one is divided by n - 1",
    about="Keras' momentum 0.99 is the weight of the old statistics, PyTorch's 0.1 that of the new; PyTorch divides "
    "the new variance by n - 1. Seen in the running variance after one batch: its start, 1, gives the weights away. "
    "Running means differ by one factor, which is shown as a scale.",
    entries=("bn-momentum-convention", "bn-running-var-bessel"),
    plant=_plant_momentum,
    relate=_momentum,
)

CAUSES = (UNIT_EPSILON, MOMENTUM, IMAGES, EPSILON, BESSEL, CHANNEL_SCALE, CHANNEL_OFFSET, LAYER_NORM_EPSILON,
          CHANNEL_AFFINE)  # fmt: skip
