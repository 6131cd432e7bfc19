"""Causes along an axis, shape kept: softmax, normalisation of rows, running sums."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from dualcell.cause import Array, RowStep, Step, WholeCause
from dualcell.sampling import explains, linear_in_rows, rows, some_axes

Facts = Mapping[str, Any]
Axes = tuple[int, ...]
Side = Literal["left", "right"]
_OTHER: dict[Side, Side] = {"left": "right", "right": "left"}


def _said(axes: Axes) -> str:
    return f"axis {axes[0]}" if len(axes) == 1 else f"axes {axes}"


def _written(axes: Axes) -> str:
    return str(axes[0]) if len(axes) == 1 else str(axes)


def _step(cause: str, on: Side, words: str, apply: Callable[[Array], Array], text: str, **more: Any) -> Step:
    """A step that one side lacks; `text` is how to write it around a tensor."""
    lacking, having = text.format(f"{{{on}}}"), f"{{{_OTHER[on]}}} without {words}"
    fixes = (lacking, having) if on == "left" else (having, lacking)
    return Step(cause, f"{words} of the {on}", apply, *fixes, on=on, **more)


def _sampled(left: Array, right: Array, most: int | None = None) -> Iterator[tuple[Axes, dict[Side, Array]]]:
    """Rows of both sides along every choice of axes."""
    for axes in some_axes(left.ndim, most):
        if math.prod(left.shape[axis] for axis in axes) > 1:
            yield axes, {"left": rows(left, axes), "right": rows(right, axes)}


_Blind = Callable[[tuple[int, ...]], Iterator[RowStep]]


def _blind(
    cause: str, ways: Sequence[tuple[str, Callable[[Array, Axes], Array], str]], most: int = 2, least: int = 2
) -> _Blind:
    """What a cause does to the left: (words, function, how to write it), over some axes of at least so many elements.

    Not over all of several axes, nor is one row normalised: that is one scale and one offset.
    """

    def steps(shape: tuple[int, ...]) -> Iterator[RowStep]:
        for axes in some_axes(len(shape), min(most, len(shape) - (most > 1))):
            if math.prod(shape[axis] for axis in axes) >= least:
                for words, function, text in ways:
                    said, line = f"{words} over {_said(axes)} of the left", text.format("{left}", _written(axes))
                    yield RowStep(cause, said, lambda values, function=function, axes=axes: function(values, axes),
                                  line, f"{{right}} without {words}", axes=axes)  # fmt: skip

    return steps


def _random_axis(array: Array, random: np.random.Generator, least: int = 2) -> int | None:
    ways = [axis for axis, length in enumerate(array.shape) if length >= least]
    return ways[random.integers(len(ways))] if ways and array.dtype.kind == "f" else None


# --- softmax ---


def _log_softmax(values: Array, axes: Axes) -> Array:
    shifted = values - values.max(axes, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axes, keepdims=True))


def _softmax(values: Array, axes: Axes) -> Array:
    powers = np.exp(values - values.max(axes, keepdims=True))
    return powers / powers.sum(axes, keepdims=True)


_SOFTMAX = {"softmax": _softmax, "log_softmax": _log_softmax}


def _kind(sample: Array, closeness: float) -> str | None:
    """`softmax` if the rows are probabilities, `log_softmax` if they are logarithms of such."""
    if sample.min() >= 0 and _sums_to_one(sample, closeness):
        return "softmax"
    return "log_softmax" if sample.max() <= closeness and _sums_to_one(np.exp(sample), closeness) else None


def _sums_to_one(sample: Array, closeness: float) -> bool:
    sums = sample.sum(1)
    return bool(np.abs(sums - 1).max() <= min(10 * closeness, 0.05) and sample.max() < 1 + closeness)


def _softmaxed(left: Array, right: Array, facts: Facts) -> Iterator[tuple[str, Side, Axes, Array, Array]]:
    """(function, the side without it, axes, that side's rows, the other's rows), where one side is normalised."""
    if left.shape != right.shape:
        return
    for axes, sample in _sampled(left, right, 2):
        for on in ("left", "right"):
            kind = _kind(sample[_OTHER[on]], facts["closeness"])
            if kind:
                yield kind, on, axes, sample[on], sample[_OTHER[on]]


def _softmax_steps(name: str) -> Callable[[Array, Array, Facts], Iterator[Step]]:
    def steps(left: Array, right: Array, facts: Facts) -> Iterator[Step]:
        for kind, on, axes, given, wanted in _softmaxed(left, right, facts):
            function = _SOFTMAX[kind]
            if kind == name and explains(function(given, (1,)), wanted, facts["closeness"], given):
                hint = "softmax is applied twice" if _kind(given, facts["closeness"]) == "softmax" else ""
                yield _step(name.replace("_", "-"), on, f"{name} over {_said(axes)}",
                            lambda values, function=function, axes=axes: function(values, axes),
                            f"{name}({{}}, {_written(axes)})", hint=hint)  # fmt: skip

    return steps


def _plant_softmax(function: Callable[[Array, Axes], Array]) -> Callable[[Array, np.random.Generator], Array | None]:
    def plant(array: Array, random: np.random.Generator) -> Array | None:
        axis = _random_axis(array, random)
        return None if axis is None else function(array.astype(np.float64), (axis,)).astype(array.dtype)

    return plant


SOFTMAX = WholeCause(
    name="softmax",
    title="One side applied softmax and the other did not",
    about="A Keras model ends with softmax, a PyTorch model usually returns logits; or softmax is applied twice, when "
    "probabilities are given to a loss that takes logits. Seen by sums of 1 along an axis on one side.",
    entries=("logits-vs-probabilities", "ce-logits-vs-probs", "ce-double-softmax"),
    plant=_plant_softmax(_softmax),
    steps=_softmax_steps("softmax"),
    blind=_blind("softmax", [("softmax", _softmax, "softmax({0}, {1})")], most=1),
)

LOG_SOFTMAX = WholeCause(
    name="log-softmax",
    title="One side applied log_softmax and the other did not",
    about="Code for `nll_loss` returns log-probabilities, code for `CrossEntropyLoss` returns logits. Seen by "
    "exponentials that sum to 1 along an axis on one side.",
    entries=("log-softmax-vs-softmax", "nll-needs-log-probs"),
    plant=_plant_softmax(_log_softmax),
    steps=_softmax_steps("log_softmax"),
    blind=_blind("log-softmax", [("log_softmax", _log_softmax, "log_softmax({0}, {1})")], most=1),
)


# --- temperature ---


def _tempered(left: Array, right: Array, facts: Facts) -> Iterator[Step]:
    for kind, on, axes, given, wanted in _softmaxed(left, right, facts):
        function, power = _SOFTMAX[kind], _kind(given, facts["closeness"])
        before = _same
        if power == "softmax" and _may_be_power(given, wanted, kind):
            if on == "right":  # said for the left
                continue
            before = _logarithm
        factor = _temperature(before(given), np.exp(wanted) if kind == "log_softmax" else wanted)
        if not math.isfinite(factor) or abs(factor - 1) < 1e-3:
            continue

        def apply(values: Array, factor: float = factor, axes: Axes = axes, function: Any = function,
                  before: Any = before) -> Array:  # fmt: skip
            return function(before(values) * factor, axes)

        if explains(function(before(given) * factor, (1,)), wanted, facts["closeness"], given):
            inner = "log({})" if before is _logarithm else "{}"
            yield _step("softmax-temperature", on, f"{kind} over {_said(axes)} of {factor:.6g} times the logits", apply,
                        f"{kind}({inner} * {factor:.6g}, {_written(axes)})", hint=_root(factor), freedom=1)  # fmt: skip


def _may_be_power(given: Array, wanted: Array, kind: str) -> bool:
    """Whether probabilities follow the logarithms of others more than those others: no softmax of a softmax."""
    goal = wanted if kind == "log_softmax" else _logarithm(wanted)
    goal = goal - goal.mean(1, keepdims=True)
    ways = [values - values.mean(1, keepdims=True) for values in (_logarithm(given), given)]
    alike = [abs(np.vdot(way, goal)) / max(math.sqrt(np.vdot(way, way) * np.vdot(goal, goal)), 1e-300) for way in ways]
    return alike[0] >= alike[1]


def _same(values: Array) -> Array:
    return values


def _logarithm(values: Array) -> Array:
    return np.log(np.maximum(values, 1e-300))


def _temperature(logits: Array, probabilities: Array) -> float:
    """The factor of the logits that makes the probabilities, weighted by them."""
    weights = np.where(probabilities > 1e-30, probabilities, 0)
    logits = logits - (weights * logits).sum(1, keepdims=True) / weights.sum(1, keepdims=True)
    wanted = np.log(np.maximum(probabilities, 1e-30))
    wanted = wanted - (weights * wanted).sum(1, keepdims=True) / weights.sum(1, keepdims=True)
    square = (weights * np.square(logits)).sum()
    return float((weights * logits * wanted).sum() / square) if square else math.nan


def _root(factor: float) -> str:
    """Where a temperature may come from."""
    square = max(factor, 1 / factor) ** 2 if factor > 0 else math.nan
    near = math.isfinite(square) and round(square) > 1 and abs(square / round(square) - 1) < 1e-3
    return f"the square root of {round(square)}: scores divided by it, as in attention, on one side" if near else ""


def _plant_temperature(array: Array, random: np.random.Generator) -> Array | None:
    axis = _random_axis(array, random)
    return None if axis is None else _softmax(array.astype(np.float64) / 8, (axis,)).astype(array.dtype)


TEMPERATURE = WholeCause(
    name="softmax-temperature",
    title="The logits of softmax are scaled on one side",
    about="Attention with and without 1/sqrt(d), a temperature. Seen by logarithms of the probabilities that are a "
    "multiple of the other side's, but for one number in each row.",
    entries=("attention-unscaled",),
    plant=_plant_temperature,
    steps=_tempered,
)


# --- softmax over another axis ---


def _other_axis(left: Array, right: Array, facts: Facts) -> Iterator[Step]:
    if left.shape != right.shape:
        return
    kinds = {
        axes[0]: tuple(_kind(sample[side], facts["closeness"]) for side in ("left", "right"))
        for axes, sample in _sampled(left, right, 1)
    }
    for first, (kind, not_left) in kinds.items():
        for second, (not_right, other) in kinds.items():
            if first != second and kind and kind == other and not (not_left or not_right):
                if left.shape[first] > 3 and left.shape[second] > 2:
                    yield _along_other(left, right, (first, second), kind)


def _along_other(left: Array, right: Array, axes: tuple[int, int], kind: str) -> Step:
    """Undo the left softmax up to what it lost, one number in each of its rows; that is fitted."""
    first, second = axes
    logarithm = _logarithm if kind == "softmax" else _same
    lost = logarithm(left) - logarithm(right)
    lost = (lost - lost.mean(second, keepdims=True)).mean(first, keepdims=True)

    def apply(values: Array) -> Array:
        return _SOFTMAX[kind](logarithm(values) - lost, (second,))

    return Step("softmax-axis", f"{kind} over axis {second} in place of axis {first}", apply,
                f"{kind}(logits of {{left}}, {second})", f"{kind}(logits of {{right}}, {first})",
                freedom=lost.size)  # fmt: skip


def _plant_other_axis(array: Array, random: np.random.Generator) -> Array | None:
    """The array as softmax over another axis could have made it; only if it is one of an axis."""
    if array.dtype.kind != "f" or array.ndim < 2:
        return None
    kinds = [_kind(rows(array.astype(np.float64), (axis,)), 1e-3) for axis in range(array.ndim)]
    free = [axis for axis, kind in enumerate(kinds) if not kind and array.shape[axis] > 2]
    if "softmax" not in kinds or not free or array.shape[kinds.index("softmax")] < 4:
        return None
    logits = _logarithm(array.astype(np.float64))
    logits += random.standard_normal(np.take(logits, [0], kinds.index("softmax")).shape)
    return _softmax(logits, (free[random.integers(len(free))],)).astype(array.dtype)


SOFTMAX_AXIS = WholeCause(
    name="softmax-axis",
    title="Softmax is taken over another axis",
    about="`torch.nn.functional.softmax` without `dim` takes axis 0 or 1, by the number of axes; Keras takes the last. "
    "Seen by sums of 1 along different axes, and logarithms whose difference is a sum of two terms, one for each.",
    entries=("softmax-default-axis", "class-axis-default"),
    plant=_plant_other_axis,
    steps=_other_axis,
)


# --- normalised rows ---


@dataclass(frozen=True)
class _Normaliser:
    """What brings rows to a common measure.

    Attributes:
        words: its name.
        apply: values and axes -> values.
        text: how to write it; `{0}` stands for the tensor, `{1}` for the axes.
        marks: rows -> whether they may have gone through it; cheap.
        hint: where it may come from.
        freedom: how many numbers a sceptic would say were fitted.
    """

    words: str
    apply: Callable[[Array, Axes], Array]
    text: str
    marks: Callable[[Array, float], bool]
    hint: str = ""
    freedom: int = 0


def _by(words: str, size: Callable[[Array, Axes], Array], text: str, freedom: int = 0) -> _Normaliser:
    """Division by a measure; it is one everywhere afterwards."""

    def apply(values: Array, axes: Axes) -> Array:
        return values / size(values, axes)

    def marks(sample: Array, slack: float) -> bool:
        return bool(np.abs(size(sample, (1,)) - 1).max() <= slack)

    return _Normaliser(f"division by the {words}", apply, f"{{0}} / {text}", marks, freedom=freedom)


def _l2(values: Array, axes: Axes) -> Array:
    return np.sqrt(np.square(values).sum(axes, keepdims=True))


def _sum(values: Array, axes: Axes) -> Array:
    return values.sum(axes, keepdims=True)


def _l1(values: Array, axes: Axes) -> Array:
    return np.abs(values).sum(axes, keepdims=True)


def _largest(values: Array, axes: Axes) -> Array:
    return np.abs(values).max(axes, keepdims=True)


def _between(values: Array, axes: Axes) -> Array:
    low = values.min(axes, keepdims=True)
    return (values - low) / (values.max(axes, keepdims=True) - low)


def _is_between(sample: Array, slack: float) -> bool:
    return bool(np.abs(sample.min(1)).max() <= slack and np.abs(sample.max(1) - 1).max() <= slack)


_ROWS = [
    _by("L2 norm", _l2, "norm({0}, axis={1}, keepdims=True)"),
    _by("sum", _sum, "sum({0}, axis={1}, keepdims=True)"),
    _by("sum of sizes", _l1, "sum(abs({0}), axis={1}, keepdims=True)"),
    _by("largest size", _largest, "max(abs({0}), axis={1}, keepdims=True)", 1),
    _Normaliser("min-max scaling", _between,
                "({0} - {0}.min({1}, keepdims=True)) / np.ptp({0}, {1}, keepdims=True)", _is_between, freedom=1),
]  # fmt: skip

_EPSILONS = (0.0, 1e-3, 1e-5, 1e-6, 1e-12)


def _standard(epsilon: float, ddof: int) -> _Normaliser:
    def apply(values: Array, axes: Axes) -> Array:
        values = values - values.mean(axes, keepdims=True)
        count = math.prod(values.shape[axis] for axis in axes)
        return values / np.sqrt(np.square(values).sum(axes, keepdims=True) / (count - ddof) + epsilon)

    kind = ", n - 1" if ddof else ""
    text = f"({{0}} - mean({{0}}, {{1}})) / sqrt(var({{0}}, {{1}}{kind}) + {epsilon:g})"
    words = f"standardisation (epsilon {epsilon:g}{kind})"
    hint = "one side normalises with the statistics of this batch (training), the other does not normalise or uses "
    return _Normaliser(words, apply, text, _is_standard, f"{hint}running statistics")


def _is_standard(sample: Array, slack: float) -> bool:
    spread = np.sqrt(np.square(sample).mean(1))
    centred = np.abs(sample.mean(1)).max() <= slack * spread.max()
    return bool(centred and sample.shape[1] > 2 and spread.max() < 1.5 and np.median(spread) > 0.05)


def _root_square(epsilon: float) -> _Normaliser:
    def apply(values: Array, axes: Axes) -> Array:
        return values / np.sqrt(np.square(values).mean(axes, keepdims=True) + epsilon)

    text = f"{{0}} / sqrt(mean({{0}}**2, {{1}}) + {epsilon:g})"
    return _Normaliser(f"division by the root mean square (epsilon {epsilon:g})", apply, text, _is_square, "RMSNorm")


def _is_square(sample: Array, slack: float) -> bool:
    spread = np.sqrt(np.square(sample).mean(1))
    return bool(spread.max() <= 1 + slack and np.median(spread) > 0.05)


def _centred(values: Array, axes: Axes) -> Array:
    return values - values.mean(axes, keepdims=True)


def _is_centred(sample: Array, slack: float) -> bool:
    return bool(np.abs(sample.mean(1)).max() <= slack * np.sqrt(np.square(sample).mean()) and sample.shape[1] > 2)


_STANDARD = [
    *(_standard(epsilon, ddof) for ddof in (0, 1) for epsilon in _EPSILONS),
    *(_root_square(epsilon) for epsilon in (0.0, 2.0**-23, 1e-6, 1e-5, 1e-3)),
]
_CENTRED = [_Normaliser("subtraction of the mean", _centred, "{0} - mean({0}, axis={1}, keepdims=True)", _is_centred)]


def _normalising(name: str, ways: list[_Normaliser]) -> Callable[[Array, Array, Facts], Iterator[Step]]:
    def steps(left: Array, right: Array, facts: Facts) -> Iterator[Step]:
        if left.shape != right.shape:
            return
        for axes in some_axes(left.ndim, left.ndim - 1):  # over all axes it is one scale and one offset
            if not linear_in_rows(left, right, axes, facts["closeness"]):
                continue
            sample: dict[Side, Array] = {"left": rows(left, axes), "right": rows(right, axes)}
            for on in ("left", "right"):
                way = _best(ways, sample[on], sample[_OTHER[on]], facts["closeness"])
                if way is not None:
                    apply = _over(way, axes)
                    text = way.text.replace("{1}", _written(axes))
                    yield _step(name, on, f"{way.words} over {_said(axes)}", apply, text, hint=way.hint,
                                freedom=way.freedom)  # fmt: skip

    return steps


def _over(way: _Normaliser, axes: Axes) -> Callable[[Array], Array]:
    return lambda values: way.apply(values, axes)


def _best(ways: list[_Normaliser], given: Array, wanted: Array, closeness: float) -> _Normaliser | None:
    """The way that leaves least of the difference, if it leaves little."""
    slack = min(20 * closeness, 0.05)

    def newly(marks: Callable[[Array, float], bool]) -> bool:
        # any small rows may have a mean square below 1, so that says nothing of the side given
        already = _is_standard if marks is _is_square else marks
        return marks(wanted, slack) and not already(given, slack)

    marked = {marks: newly(marks) for marks in {way.marks for way in ways}}
    found = [(way, way.apply(given, (1,))) for way in ways if marked[way.marks]]
    fitting = [(float(np.square(made - wanted).sum()), at) for at, (_, made) in enumerate(found)
               if explains(made, wanted, closeness, given)]  # fmt: skip
    if not fitting:
        return None
    least = min(fitting)[0]
    # epsilons too small to be seen: the first, which is none
    return next(found[at][0] for rest, at in fitting if rest <= 1.05 * least + 1e-14 * np.square(wanted).sum())


def _written_out(ways: list[_Normaliser]) -> list[tuple[str, Callable[[Array, Axes], Array], str]]:
    return [(way.words, way.apply, way.text) for way in ways]


def _plant_normalised(ways: list[_Normaliser]) -> Callable[[Array, np.random.Generator], Array | None]:
    def plant(array: Array, random: np.random.Generator) -> Array | None:
        axis = _random_axis(array, random, 4)
        if axis is None:
            return None
        found = ways[random.integers(len(ways))].apply(array.astype(np.float64), (axis,))
        return found.astype(array.dtype) if np.isfinite(found).all() else None

    return plant


NORMALISED = WholeCause(
    name="normalised-rows",
    title="One side divided every row by its norm, its sum or its range",
    about="`l2_normalize` or `F.normalize` on one side only, probabilities that only one loss normalises.",
    entries=("l2-normalise-epsilon", "ce-unnormalised-probs"),
    plant=_plant_normalised(_ROWS[:1]),
    steps=_normalising("normalised-rows", _ROWS),
    blind=_blind("normalised-rows", _written_out(_ROWS[:2])),
)

STANDARDISED = WholeCause(
    name="standardised",
    title="One side brought mean and variance to 0 and 1, and the other did not",
    about="A normalisation layer that one side has not, or batch statistics (training) against running statistics "
    "(inference): the side in training mode has mean 0 and variance 1 in each channel. The root mean square alone is "
    "RMSNorm.",
    entries=("bn-mode-default", "mode-default", "bn-trainable-false", "norm-axis-default", "ln-axes"),
    plant=_plant_normalised([_standard(1e-3, 0), _standard(1e-5, 0)]),
    steps=_normalising("standardised", _STANDARD),
    blind=_blind("standardised", _written_out([_standard(epsilon, 0) for epsilon in (1e-5, 1e-3)]), 3, 4),
)

CENTRED = WholeCause(
    name="centred-rows",
    title="One side subtracted the mean of every row, and the other did not",
    about="Centring that one layer does and the other does not. Logits that differ by one number in each row give "
    "the same softmax.",
    entries=("norm-axis-default",),
    plant=_plant_normalised(_CENTRED),
    steps=_normalising("centred-rows", _CENTRED),
    blind=_blind("centred-rows", _written_out(_CENTRED), least=3),
)


# --- running sums ---

_RUNNING: dict[str, Callable[[Array, int], Array]] = {
    "cumsum({}, {})": lambda values, axis: np.cumsum(values, axis),
    "flip(cumsum(flip({0}, {1}), {1}), {1})": lambda values, axis: np.flip(
        np.cumsum(np.flip(values, axis), axis), axis
    ),
    "cumsum({0}, {1}) - {0}": lambda values, axis: np.cumsum(values, axis) - values,
    "cumprod({}, {})": lambda values, axis: np.cumprod(values, axis),
}


def _cumulative(left: Array, right: Array, facts: Facts) -> Iterator[Step]:
    if left.shape != right.shape:
        return
    for axes, sample in _sampled(left, right, 1):
        for text, function in _RUNNING.items():
            for on in ("left", "right"):
                if sample["left"].shape[1] > 2 and explains(
                    function(sample[on], 1), sample[_OTHER[on]], facts["closeness"], sample[on]
                ):
                    written = text.format(f"{{{on}}}", axes[0]).replace(f"{{{on}}}", "{0}")
                    words = text.format("values", axes[0])
                    yield _step("cumulative", on, words,
                                lambda values, function=function, axis=axes[0]: function(values, axis),
                                written)  # fmt: skip


def _plant_cumulative(array: Array, random: np.random.Generator) -> Array | None:
    axis = _random_axis(array, random, 3)
    return None if axis is None else np.cumsum(array.astype(np.float64), axis).astype(array.dtype)


CUMULATIVE = WholeCause(
    name="cumulative",
    title="One side holds running sums of the other",
    about="A cumulative sum or product along an axis, from either end, that one side has not taken.",
    entries=(),
    plant=_plant_cumulative,
    steps=_cumulative,
    blind=_blind("cumulative", [("cumsum", lambda values, axes: np.cumsum(values, axes[0]), "cumsum({0}, {1})")], 1, 3),
)

CAUSES = (SOFTMAX, LOG_SOFTMAX, TEMPERATURE, SOFTMAX_AXIS, NORMALISED, STANDARDISED, CENTRED, CUMULATIVE)
