"""Causes that change the elements by pieces: activation variants, clipping, dropout."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from dualcell.cause import Array, RelationCause, Step
from dualcell.sampling import fits

Facts = Mapping[str, Any]


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def _ratio(left: Array, right: Array) -> float:
    """The number that `left` is multiplied by to give `right`, at best."""
    square = float(left @ left)
    return float(left @ right) / square if square else math.nan


# --- slopes of the negative side ---

_SLOPES = {
    0.01: "0.01 is the default of nn.LeakyReLU and F.leaky_relu",
    0.3: "0.3 is the default of keras.layers.LeakyReLU",
    0.2: "0.2 is the default of keras.activations.leaky_relu and tf.nn.leaky_relu",
    0.25: "0.25 is the first weight of nn.PReLU",
}
_LEAST_PIECE = 6  # elements on each piece of a rule, below which it is not looked for


def _negative_slope(left: Array, right: Array, facts: Facts) -> Step | None:
    negative = left < 0
    if not _LEAST_PIECE <= np.count_nonzero(negative) <= left.size - _LEAST_PIECE:
        return None
    ratio = _ratio(left[negative], right[negative])
    if not math.isfinite(ratio) or ratio <= 0 or abs(ratio - 1) < 1e-3:
        return None
    closeness = facts["closeness"]
    if not fits(left[negative] * ratio, right[negative], closeness) or not fits(
        left[~negative], right[~negative], closeness
    ):
        return None
    words = f"negative elements times {ratio:.5g}"
    own, hint = _slopes_of(ratio)
    return Step("negative-slope", words, lambda array: np.where(array < 0, array * ratio, array), *own, hint, 1)


def _slopes_of(ratio: float) -> tuple[tuple[str, str], str]:
    """The fix of both sides, and what the two slopes may be."""
    ways = [(one, other) for one in (*_SLOPES, 1.0) for other in (*_SLOPES, 1.0) if abs(other / one / ratio - 1) < 1e-3]
    fixes = (f"where({{left}} < 0, {ratio:.5g} * {{left}}, {{left}})",
             f"where({{right}} < 0, {{right}} / {ratio:.5g}, {{right}})")  # fmt: skip
    if not ways:
        return fixes, "the slopes of LeakyReLU or PReLU, or the alpha of ELU, have this ratio"
    one, other = ways[0]
    said = "; ".join(_SLOPES[slope] for slope in (one, other) if slope in _SLOPES)
    if 1.0 in (one, other):
        return fixes, f"one side has no activation: {said}"
    return (f"keras.layers.LeakyReLU(negative_slope={other}) or nn.LeakyReLU({other}) makes {{left}}",
            f"keras.layers.LeakyReLU(negative_slope={one}) or nn.LeakyReLU({one}) makes {{right}}"), said  # fmt: skip


def _plant_slope(array: Array, random: np.random.Generator) -> Array | None:
    ratio = random.choice([30.0, 1 / 30, 20.0, 1.5, 0.3, 0.01, 0.2, 0.25])
    return np.where(array < 0, array * array.dtype.type(ratio), array) if _has_both(array, 0) else None


def _has_both(array: Array, bound: float) -> bool:
    """Whether enough elements lie on both sides of a number for the pieces to be told apart."""
    below = np.count_nonzero(array < bound)
    return array.dtype.kind == "f" and bool(max(8, array.size / 50) <= below <= array.size - max(8, array.size / 50))


NEGATIVE_SLOPE = RelationCause(
    name="negative-slope",
    title="The slope below zero differs",
    about="LeakyReLU is 0.3 below zero in keras.layers.LeakyReLU, 0.2 in keras.activations.leaky_relu and 0.01 in "
    "PyTorch; PReLU starts at 0 in Keras and at 0.25 in PyTorch; ELU with another alpha looks the same.",
    entries=("leaky-relu-layer-slope", "leaky-relu-function-slope", "init-prelu", "mx-activations"),
    plant=_plant_slope,
    relate=_negative_slope,
)


# --- two activations of the same numbers ---


def _erf(values: Array) -> Array:
    """The error function, to 1.2e-7 (Numerical Recipes, erfcc)."""
    size = np.abs(values)
    t = 1 / (1 + 0.5 * size)
    terms = (-1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587,
             -0.82215223, 0.17087277)  # fmt: skip
    tail = t * np.exp(-size * size + np.polynomial.polynomial.polyval(t, terms))
    return np.sign(values) * (1 - tail)


def _sigmoid(values: Array) -> Array:
    return 0.5 * (1 + np.tanh(0.5 * values))


def _softplus(values: Array) -> Array:
    return np.logaddexp(values, 0)


def _elu(values: Array, alpha: float = 1.0) -> Array:
    return np.where(values < 0, alpha * np.expm1(np.minimum(values, 0)), values)


_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


class _Activation(NamedTuple):
    """A function, and how either framework writes it."""

    function: Callable[[Array], Array]
    keras: str
    torch: str


_ACTIVATIONS = {
    "no activation": _Activation(lambda x: x, "no activation", "no activation"),
    "GELU (erf)": _Activation(lambda x: 0.5 * x * (1 + _erf(x / math.sqrt(2))),
                              "keras.ops.gelu(x, approximate=False)", "nn.GELU()"),
    "GELU (tanh)": _Activation(lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
                               "keras.ops.gelu(x, approximate=True)", 'nn.GELU(approximate="tanh")'),
    "SiLU": _Activation(lambda x: x * _sigmoid(x), "keras.ops.silu(x)", "nn.SiLU()"),
    "hard SiLU": _Activation(lambda x: x * np.clip(x / 6 + 0.5, 0, 1), "keras.ops.hard_silu(x)", "nn.Hardswish()"),
    "Mish": _Activation(lambda x: x * np.tanh(_softplus(x)), "keras.ops.mish(x)", "nn.Mish()"),
    "ELU": _Activation(_elu, "keras.ops.elu(x)", "nn.ELU()"),
    "SELU": _Activation(lambda x: _SELU_SCALE * _elu(x, _SELU_ALPHA), "keras.ops.selu(x)", "nn.SELU()"),
    "LeakyReLU (0.01)": _Activation(lambda x: np.where(x < 0, 0.01 * x, x), "keras.ops.leaky_relu(x, 0.01)",
                                    "nn.LeakyReLU(0.01)"),
    "LeakyReLU (0.2)": _Activation(lambda x: np.where(x < 0, 0.2 * x, x), "keras.ops.leaky_relu(x, 0.2)",
                                   "nn.LeakyReLU(0.2)"),
    "LeakyReLU (0.3)": _Activation(lambda x: np.where(x < 0, 0.3 * x, x), "keras.ops.leaky_relu(x, 0.3)",
                                   "nn.LeakyReLU(0.3)"),
    "ReLU": _Activation(lambda x: np.maximum(x, 0), "keras.ops.relu(x)", "nn.ReLU()"),
    "softplus": _Activation(_softplus, "keras.ops.softplus(x)", "nn.Softplus()"),
    "softsign": _Activation(lambda x: x / (1 + np.abs(x)), "keras.ops.softsign(x)", "nn.Softsign()"),
    "tanh": _Activation(np.tanh, "keras.ops.tanh(x)", "nn.Tanh()"),
    "sigmoid": _Activation(_sigmoid, "keras.ops.sigmoid(x)", "nn.Sigmoid()"),
    "hard sigmoid (x / 6 + 0.5)": _Activation(lambda x: np.clip(x / 6 + 0.5, 0, 1), "keras.ops.hard_sigmoid(x)",
                                              "nn.Hardsigmoid()"),
    "hard sigmoid (0.2 x + 0.5)": _Activation(lambda x: np.clip(0.2 * x + 0.5, 0, 1),
                                              "keras.ops.clip(0.2 * x + 0.5, 0, 1)",
                                              "torch.clamp(0.2 * x + 0.5, 0, 1)"),
}  # fmt: skip

# what `values.FUNCTIONS` and `_negative_slope` name more simply
_SIMPLER = {"tanh", "sigmoid", "softplus", "SiLU", "GELU (tanh)", "ReLU", "hard sigmoid (x / 6 + 0.5)"}
_LINES = {"no activation", "LeakyReLU (0.01)", "LeakyReLU (0.2)", "LeakyReLU (0.3)"}


@cache
def _grid() -> Array:
    """Arguments, dense near zero; so far out that a line can go on from the last two."""
    return np.sinh(np.linspace(-9.5, 9.5, 32769))


@cache
def _values_of(name: str) -> Array:
    return _ACTIVATIONS[name].function(_grid())


@cache
def _branches(name: str) -> tuple[Array, ...]:
    """Indices into the grid where the function only rises, or only falls, in the order of its values."""
    values = _values_of(name)
    lowest = int(np.argmin(values))
    parts = np.arange(values.size)
    ways = [parts[lowest:], parts[: lowest + 1][::-1]] if 0 < lowest < values.size - 1 else [parts]
    return tuple(one for one in (_rising(values, way) for way in ways) if one.size > 2)


def _rising(values: Array, way: Array) -> Array:
    top = np.maximum.accumulate(values[way])
    return way[np.concatenate([[True], np.diff(top) > 1e-12])]


def _as_other(elements: Array, others: Array, one: str, other: str) -> Array:
    """What another activation makes of the arguments that gave these elements.

    Where two arguments give the same element, the one that comes nearer to `others`.
    """
    return _at(_arguments(elements, one), others, other)


_Place = tuple[Array, Array, Array]  # indices into the grid before and after an argument, and how far it is from one


def _arguments(elements: Array, name: str) -> list[_Place]:
    """Where in the grid, on each branch, an activation gives these elements."""
    found: list[_Place] = []
    for branch in _branches(name):
        values = _values_of(name)[branch]
        after = np.clip(np.searchsorted(values, elements), 1, values.size - 1)
        low, high = values[after - 1], values[after]
        found.append((branch[after - 1], branch[after], np.clip((elements - low) / (high - low), 0, 1)))
    return found


def _at(arguments: list[_Place], others: Array, name: str) -> Array:
    """An activation there: of the branches, the one that comes nearer to `others`."""
    values, found = _values_of(name), np.full(others.shape, np.inf)
    for before, after, share in arguments:
        made = values[before] * (1 - share) + values[after] * share
        found = np.where(np.abs(made - others) < np.abs(found - others), made, found)
    return found


def _pairs() -> Iterator[tuple[str, str]]:
    for one in _ACTIVATIONS:
        for other in _ACTIVATIONS:
            simpler = (one == "no activation" and other in _SIMPLER) or (other == "no activation" and one in _SIMPLER)
            if one != other and one != "ReLU" and not simpler and not (one in _LINES and other in _LINES):
                yield one, other


def _variant(left: Array, right: Array, facts: Facts) -> Step | None:
    if min(np.unique(side).size for side in (left, right)) < max(2 * _LEAST_PIECE, left.size // 4):
        return None
    if not _is_probe(left, facts) and _is_line(left, right, facts["closeness"]):
        return None
    for on, one_side, other_side in (("left", left, right), ("right", right, left)):
        arguments = {name: _arguments(one_side, name) for name in _ACTIVATIONS if _gives(name, one_side)}
        for one, other in _pairs():
            if one in arguments and fits(_at(arguments[one], other_side, other), other_side, facts["closeness"]):
                return _variant_step(one, other, on == "left")
    return None


def _gives(name: str, elements: Array) -> bool:
    """Whether the activation can give these elements."""
    values = _values_of(name)
    return bool(elements.min() >= values.min() - 1e-6 and elements.max() <= values.max() + 1e-6)


def _is_line(left: Array, right: Array, closeness: float) -> bool:
    """Whether the right is a multiple of the left, plus a number: no curve needs to explain it."""
    spread = float(np.var(left))
    if not spread:
        return True
    factor = float(np.mean((left - left.mean()) * (right - right.mean()))) / spread
    rest = right - right.mean() - factor * (left - left.mean())
    return bool(np.std(rest) <= 5 * closeness * _rms(right))


def _variant_step(one: str, other: str, on_left: bool) -> Step:
    left, right = (one, other) if on_left else (other, one)
    return Step(
        "activation-variant",
        f"{left} on the left, {right} on the right",
        lambda elements, others: _as_other(elements, others, one, other),
        f"{_ACTIVATIONS[right].keras} or {_ACTIVATIONS[right].torch} makes {{left}}",
        f"{_ACTIVATIONS[left].keras} or {_ACTIVATIONS[left].torch} makes {{right}}",
        _VARIANTS.get(frozenset((one, other)), ""),
        freedom=1,  # one of many pairs of functions
        on="left" if on_left else "right",
        given=True,
    )


_VARIANTS: dict[frozenset[str], str] = {
    frozenset(("GELU (erf)", "GELU (tanh)")): "keras.ops.gelu is the tanh form unless approximate=False; "
    "keras.activations.gelu, nn.GELU and F.gelu are the erf form; they differ by 4.7e-4 at most",
    frozenset(("hard sigmoid (x / 6 + 0.5)", "hard sigmoid (0.2 x + 0.5)")): "Keras 3 and PyTorch divide by 6; "
    "Keras 2, tf.keras 2 and MXNet multiply by 0.2; they differ by 1/12 at most",
}


def _plant_variant(array: Array, random: np.random.Generator) -> Array | None:
    """The array is taken for the output of one activation; another is made of the same arguments."""
    if array.dtype.kind != "f" or array.size < 32 or np.abs(array).max() > 50:
        return None
    ways = [way for way in _pairs() if _can_be(array, way[0]) and way[1] != "ReLU"]
    for place in random.permutation(len(ways)):
        found = _as_other(array.astype(np.float64), array, *ways[place])
        if _rms(found - array) > 1e-3 * _rms(array) and not _is_line(array.ravel(), found.ravel(), 1e-3):
            return found.astype(array.dtype)
    return None


def _can_be(array: Array, name: str) -> bool:
    """Whether an activation gives all of these, and none where it is flat."""
    values = _values_of(name)
    room = 0.01 * min(1.0, float(np.ptp(values)))
    return bool(array.min() > values.min() + room and array.max() < values.max() - room)


ACTIVATION_VARIANT = RelationCause(
    name="activation-variant",
    title="The activation differs",
    about="Both sides are functions of the same numbers: GELU by erf on one side and by tanh on the other, the two "
    "slopes of the hard sigmoid, SiLU against hard SiLU, ELU against SELU. Found without those numbers, which are "
    "recovered from one side.",
    entries=("gelu-approximation", "hard-sigmoid-slope", "rnn-recurrent-activation", "convlstm-recurrent-activation",
             "mx-activations"),
    plant=_plant_variant,
    relate=_variant,
)  # fmt: skip


# --- clipping ---

_LEAST_CLIPPED = 3  # elements
_BOUNDS = (
    (16.118, "-log(1e-7): Keras clips probabilities at 1e-7"),
    (15.942, "-log(1 - (1 - 1e-7)) in float32: Keras clips probabilities at 1 - 1e-7"),
    (100.0, "100: nn.BCELoss bounds its logarithms at -100"),
    (6.0, "6: ReLU6"),
    (1.0, "1: hard tanh, or gradients or probabilities clipped"),
    (255.0, "255: pixels"),
)


def _clip(left: Array, right: Array, facts: Facts) -> Step | None:
    return _clipped(left, right, facts, "left") or _clipped(right, left, facts, "right")


def _clipped(free: Array, bound: Array, facts: Facts, on: str) -> Step | None:
    """`bound` is `free` clipped, where they differ."""
    slack = facts["closeness"] * max(_rms(bound), 1e-30)
    below, above = free < bound - slack, free > bound + slack
    if np.count_nonzero(below | above) < _LEAST_CLIPPED:
        return None
    low, high = _bound(bound[below], slack, -math.inf), _bound(bound[above], slack, math.inf)
    if math.isnan(low) or math.isnan(high) or (math.isinf(low) and math.isinf(high)):
        return None
    if (low == 0 and math.isinf(high)) or bound.max() > high + slack or bound.min() < low - slack:
        return None
    inside = (bound > low + slack) & (bound < high - slack)
    both = min(np.count_nonzero(below), np.count_nonzero(above)) >= _LEAST_PIECE
    least = 1 if both or _is_probe(free, facts) else _LEAST_PIECE
    if np.count_nonzero(inside) < least or not fits(np.clip(free, low, high), bound, facts["closeness"]):
        return None
    side = "left" if on == "left" else "right"
    other = "right" if on == "left" else "left"
    there, here = f"clip({{{side}}}, {low:.6g}, {high:.6g})", f"{{{other}}} without the clipping"
    hints = [said for edge in (low, high) for number, said in _BOUNDS if abs(abs(edge) - number) < 1e-3]
    return Step(
        "clipped",
        f"the {side} clipped to {_interval(low, high)}",
        lambda array: np.clip(array, low, high),
        there if on == "left" else here,
        here if on == "left" else there,
        "; ".join(dict.fromkeys(hints)),
        int(math.isfinite(low)) + int(math.isfinite(high)),
        on=side,
    )


def _bound(values: Array, slack: float, none: float) -> float:
    """The one number that all of these are; NaN if they differ, `none` if there are none."""
    if values.size == 0:
        return none
    middle = float(np.median(values))
    return middle if np.abs(values - middle).max() <= 5 * slack else math.nan


def _interval(low: float, high: float) -> str:
    if math.isinf(low):
        return f"at most {high:.6g}"
    return f"at least {low:.6g}" if math.isinf(high) else f"[{low:.6g}, {high:.6g}]"


def _plant_clip(array: Array, random: np.random.Generator) -> Array | None:
    low, high = np.quantile(array, [0.05, 0.9])
    if not _has_both(array, float(low)) or not _has_both(array, float(high)) or not low < high:
        return None
    ways = ((low, high), (-np.inf, high), (low, np.inf))
    return np.clip(array, *ways[random.integers(3)]).astype(array.dtype)


CLIPPED = RelationCause(
    name="clipped",
    title="One side is clipped",
    about="Probabilities clipped at 1e-7 by Keras losses (16.118 and 15.942 are the largest values, PyTorch's is 100), "
    "ReLU6 against ReLU, gradients clipped by value.",
    entries=("loss-clip-1e-7", "loss-cached-logits"),
    plant=_plant_clip,
    relate=_clip,
)


_SATURATED = 16.118095, 15.942385  # what Keras makes of a probability of 0 of the true class, and of 1 of a false one


def _loss_clip(left: Array, right: Array, facts: Facts) -> Step | None:
    for on, free, bound in (("left", left, right), ("right", right, left)):
        made = _saturated(free, bound)
        levels = [np.count_nonzero((made != free) & (abs(made - level) < 1e-2)) for level in _SATURATED]
        if min(levels) > 0 and sum(levels) >= _LEAST_CLIPPED and fits(made, bound, facts["closeness"]):
            side = "left" if on == "left" else "right"
            fixes = ("from_logits=True with the logits in place of {left}",
                     "BCEWithLogitsLoss with the logits in place of {right}")  # fmt: skip
            return Step("loss-clipped", f"the {side} bounded by 16.118 and 15.942", _saturated, *fixes,
                        on=side, given=True)  # fmt: skip
    return None


def _saturated(free: Array, bound: Array) -> Array:
    """`free`, but where it lies above one of the levels and `bound` is that level."""
    for level in _SATURATED:
        free = np.where((free >= level - 1e-2) & (np.abs(bound - level) < 1e-2), bound, free)
    return free


def _plant_loss_clip(array: Array, random: np.random.Generator) -> Array | None:
    above = array > _SATURATED[1]
    if np.count_nonzero(above) < 8 or not _has_both(array, _SATURATED[1]):
        return None
    level = np.where(random.random(array.shape) < 0.5, *_SATURATED)
    return np.where(above, np.minimum(array, level), array).astype(array.dtype)


LOSS_CLIPPED = RelationCause(
    name="loss-clipped",
    title="One side computed its loss from clipped probabilities",
    about="Keras clips probabilities to [1e-7, 1 - 1e-7]: no element of binary cross-entropy is above 16.118 where "
    "the target is 1, and above 15.942 where it is 0.",
    entries=("loss-clip-1e-7", "loss-cached-logits"),
    plant=_plant_loss_clip,
    relate=_loss_clip,
)


# --- dropout and masks ---

_LEAST_KEPT = 0.03  # of all elements


def _dropout(left: Array, right: Array, facts: Facts) -> Step | None:
    return _dropped(left, right, facts, "left") or _dropped(right, left, facts, "right")


def _dropped(whole: Array, dropped: Array, facts: Facts, on: str) -> Step | None:
    """`dropped` is zero in places, and elsewhere a multiple of `whole`."""
    zero = _is_zero(dropped) & ~_is_zero(whole)
    kept = ~_is_zero(dropped)
    probing = _is_probe(whole, facts)
    if np.count_nonzero(zero) < (0 if probing else 3) or np.count_nonzero(kept) < max(
        _LEAST_PIECE, _LEAST_KEPT * whole.size
    ):
        return None
    ratio = _ratio(whole[kept], dropped[kept])
    if not ratio > 0.999 or not fits(whole[kept] * ratio, dropped[kept], facts["closeness"]):
        return None
    if not probing and _by_value(whole, zero, kept):
        return None
    made = np.where(zero, 0, whole * ratio)
    return _dropout_step(ratio, np.count_nonzero(zero) / np.count_nonzero(~_is_zero(whole)), on) if fits(
        made, dropped, facts["closeness"]) else None  # fmt: skip


def _is_probe(sample: Array, facts: Facts) -> bool:
    """Whether these are the first few of many elements, which a step must only not contradict."""
    return sample.size < min(64, math.prod(facts["shape"]))


def _is_zero(values: Array) -> Array:
    return np.abs(values) <= 1e-6 * _rms(values)


def _by_value(whole: Array, zero: Array, kept: Array) -> bool:
    """Whether the size or the sign alone says which elements are zero: a threshold, not a mask."""
    if whole[zero].max() <= whole[kept].min() or whole[kept].max() <= whole[zero].min():
        return True
    sizes = np.abs(whole)
    return bool(sizes[zero].max() <= sizes[kept].min())


def _dropout_step(ratio: float, share: float, on: str) -> Step:
    side, other = ("left", "right") if on == "left" else ("right", "left")
    words = f"zeros in the {other} only ({share:.0%} of the elements), the rest "
    words += "the same" if ratio < 1.0001 else f"times {ratio:.5g}"
    name = "masked" if ratio < 1.0001 else "dropout"

    def apply(elements: Array, others: Array) -> Array:
        return np.where(_is_zero(others), 0, elements * ratio)

    if name == "dropout":
        fixes = {other: f"{{{other}}} computed in inference: training=False in Keras, .eval() in PyTorch"}
    else:
        fixes = {other: f"{{{other}}} without the mask", side: f"{{{side}}} with the mask of the other side"}
    hint = f"1 / (1 - p) with p = {1 - 1 / ratio:.4g}" if name == "dropout" else ""
    return Step(name, words, apply, fixes.get("left", ""), fixes.get("right", ""), hint, int(name == "dropout"),
                on=side, given=True)  # fmt: skip


def _plant_dropout(array: Array, random: np.random.Generator) -> Array | None:
    rate = random.choice([0.1, 0.2, 0.5])
    return _drop(array, rate, random) if _can_drop(array) else None


def _can_drop(array: Array) -> bool:
    return array.dtype.kind == "f" and array.size >= 64 and int(np.count_nonzero(array)) > array.size // 2


def _drop(array: Array, rate: float, random: np.random.Generator, scale: bool = True) -> Array:
    factor = 1 / (1 - rate) if scale else 1.0
    return np.where(random.random(array.shape) < rate, 0, array * factor).astype(array.dtype)


DROPOUT = RelationCause(
    name="dropout",
    title="Dropout is active on one side",
    about="Zeros in random places, and the other elements divided by 1 - p. PyTorch modules train until `.eval()`, "
    "`F.dropout` always unless told otherwise, Keras layers only inside `fit` or with `training=True`.",
    entries=("mode-default", "no-grad-is-not-eval", "functional-dropout-training-true", "dropout-scale",
             "dropout-rate-default", "dropout-keep-prob", "spatial-dropout-axis", "rnn-dropout-semantics",
             "mx-train-mode"),
    plant=_plant_dropout,
    relate=_dropout,
)  # fmt: skip

MASKED = RelationCause(
    name="masked",
    title="One side has zeros where the other has not",
    about="A mask, a padding index, or an index out of range that one side turned to zeros; the other elements agree.",
    entries=("mask-zero-vs-padding-idx", "rnn-masking-vs-packing", "gather-out-of-range", "one-hot-out-of-range"),
    plant=lambda array, random: _drop(array, 0.2, random, scale=False) if _can_drop(array) else None,
)


def _both_dropped(left: Array, right: Array, facts: Facts) -> Step | None:
    none = _is_zero(left), _is_zero(right)
    kept = ~(none[0] | none[1])
    probing = _is_probe(left, facts)  # of which half are taken where the sides differ, and so neither is kept
    least = 1 if probing else max(4, 0.01 * left.size)
    if np.count_nonzero(kept) < (3 if probing else max(_LEAST_PIECE, _LEAST_KEPT * left.size)):
        return None
    if min(np.count_nonzero(none[0] & ~none[1]), np.count_nonzero(none[1] & ~none[0])) < least:
        return None
    ratio = _ratio(left[kept], right[kept])
    if not ratio > 0 or not fits(left[kept] * ratio, right[kept], facts["closeness"]):
        return None
    shares = [float(np.mean(one)) for one in none]

    def apply(elements: Array, others: Array) -> Array:
        return np.where(_is_zero(elements) | _is_zero(others), others, elements * ratio)

    words = f"zeros in other places ({shares[0]:.0%} and {shares[1]:.0%}), the rest "
    words += "the same" if abs(ratio - 1) < 1e-4 else f"times {ratio:.5g}"
    fix = "call both sides in inference: training=False in Keras, .eval() in PyTorch"
    return Step("dropout-masks", words, apply, fix, fix, "masks of two generators cannot be compared",
                int(abs(ratio - 1) >= 1e-4), given=True)  # fmt: skip


def _plant_masks(array: Array, random: np.random.Generator) -> Array | None:
    """The array, healthy, stands for a tensor with dropout; another mask is drawn for its elements."""
    zero = array == 0
    if array.size < 64 or not 0.05 < np.mean(zero) < 0.6 or array.dtype.kind != "f":
        return None
    other = random.random(array.shape) < np.mean(zero)
    return np.where(other, 0, np.where(zero, random.choice(array[~zero], array.shape), array))


DROPOUT_MASKS = RelationCause(
    name="dropout-masks",
    title="Dropout is active on both sides",
    about="Elements that neither side zeroed agree. The masks come from two generators and cannot be made equal.",
    entries=("dropout-masks-not-comparable", "rng-incomparable"),
    plant=_plant_masks,
    relate=_both_dropped,
)

CAUSES = (NEGATIVE_SLOPE, CLIPPED, LOSS_CLIPPED, DROPOUT, MASKED, DROPOUT_MASKS, ACTIVATION_VARIANT)
