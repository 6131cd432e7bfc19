"""Causes that change every element by one rule: scale, offset, sign, and functions."""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from dualcell.cause import Array, RelationCause, Step
from dualcell.sampling import fits, information, leaves_little, wide

Facts = Mapping[str, Any]


# --- scale ---


def _scale(left: Array, right: Array, facts: Facts) -> Step | None:
    square = float(np.vdot(left, left).real)
    factor = _plain(np.vdot(left, right) / square, facts["closeness"]) if square else math.nan
    if not np.isfinite(factor) or factor == 0 or abs(factor - 1) < facts["closeness"]:
        return None
    if not (fits(left * factor, right, facts["closeness"]) and leaves_little(left * factor, right, left)):
        return None
    if abs(factor + 1) < facts["closeness"]:
        return Step("sign", "times -1", np.negative, "-{left}", "-{right}")
    number, hint = _constant(factor, facts) if isinstance(factor, float) else (f"({factor:.7g})", _turn(factor))
    return _times(factor, number, hint)


def _times(factor: complex, number: str, hint: str) -> Step:
    """A factor, and how to write it: `x / 12` rather than `x * (1 / 12)`."""
    there, back = (" * ", number), (" / ", number)
    if number.startswith("(1 / "):
        there, back = ((sign, number[5:-1]) for sign in (" / ", " * "))
    fixes = [side + "".join(way) for side, way in (("{left}", there), ("{right}", back))]
    return Step(SCALE.name, f"times {number}", partial(np.multiply, factor), fixes[0], fixes[1], hint, 1)


def few_numbers(left: Array, right: Array) -> Step | None:
    """A loss, or a few: what one side sums over some elements and the other averages, if the numbers say it exactly.

    So few numbers bear out little: a whole multiple that hardly any others are near, or the sign.

    Args:
        left: up to seven finite numbers of float32 or better.
        right: as many.
    """
    if left.shape != right.shape or not (left.all() and right.all()):
        return None
    ratio = (right / left).reshape(-1)
    if (np.abs(ratio + 1) < _WHOLE).all():
        return Step(SIGN.name, "times -1", np.negative, "-{left}", "-{right}")
    for turned, text in ((ratio, "{}"), (1 / ratio, "(1 / {})")):
        count = round(float(turned[0]))
        if 2 <= count <= _MOST_SUMMED and (np.abs(turned / count - 1) < _WHOLE).all():
            factor, number = (count if text == "{}" else 1 / count), text.format(count)
            hint = (f"a sum over {count} elements against their mean would be this; so few numbers cannot tell, more "
                    f"samples would")  # fmt: skip
            return _times(factor, number, hint)
    return None


_WHOLE, _MOST_SUMMED = 2e-6, 500  # so one ratio in 500 is a whole number by chance, at most


def _plain(number: complex, closeness: float) -> complex:
    """A float, if the number is one but for rounding."""
    return float(number.real) if abs(number.imag) <= closeness * abs(number) else complex(number)


def _turn(factor: complex) -> str:
    return f"a factor of size {abs(factor):.4g}, and a turn by {math.degrees(cmath.phase(factor)):.4g} degrees"


def _constant(factor: float, facts: Facts) -> tuple[str, str]:
    """A factor in words, and where it may come from: every known number that it is."""
    near = min(20 * facts["closeness"], 2e-3)  # few bits of each element make many of the factor
    known = [(number, said) for number, said in _known(facts)
             if _is_about(factor, number, near) or _is_about(1 / factor, number, near)]  # fmt: skip
    if not known:
        return _in_digits(factor), ""
    number, hint = known[0][0], "; or ".join(dict.fromkeys(said for _, said in known[:_MOST_HINTS]))
    return (f"{number:.7g}" if _is_about(factor, number, near) else f"(1 / {number:.7g})"), hint


def _in_digits(factor: float) -> str:
    """A factor with four digits of its distance from 1, and seven of its own at least."""
    apart = abs(factor - 1)
    digits = 4 - math.floor(math.log10(apart)) if 0 < apart < 1 else 7
    return f"{factor:.{min(15, max(7, digits))}g}"


_MOST_HINTS = 4


def _is_about(factor: float, number: float, near: float) -> bool:
    """Whether a factor is a number; of one near 1 (n / (n - 1)) it is the distance from 1 that tells."""
    return factor > 0 and abs(factor / number - 1) < min(near, abs(number - 1) / 20)


_HEADS = (16, 32, 64, 80, 96, 128, 256)  # scores are divided by the root of a size that they no longer show


def _known(facts: Facts) -> list[tuple[float, str]]:
    """Numbers that are the reason for many factors; those of the shape first."""
    shape = tuple(facts["shape"])
    size = math.prod(shape)
    known = [(float(n), f"{n} is the size of axis {axis}: perhaps a sum against a mean over it")
             for axis, n in enumerate(shape) if n > 1]  # fmt: skip
    known += [(float(size), f"{size} is the number of elements: perhaps a sum against a mean")] if size > 1 else []
    if facts.get("complex"):
        return _of_transforms(shape)
    known += [(math.sqrt(n), f"the square root of {n}, the size of axis {axis}: scaled attention, or embeddings")
              for axis, n in enumerate(shape) if n > 1]  # fmt: skip
    known += [(n / (n - 1), f"{n} / {n - 1}: variance with or without Bessel's correction")
              for n in {*shape, size, *facts.get("sizes", ())} if n > 2]  # fmt: skip
    known += [(math.sqrt(n / (n - 1)), f"the root of {n} / {n - 1}: deviation with or without Bessel's correction")
              for n in {*shape, size, *facts.get("sizes", ())} if n > 2]  # fmt: skip
    known += [(255.0, "255: images in 0..255 on one side and in 0..1 on the other")]
    known += [(math.log(2), "ln 2: logarithms of base 2"), (math.log(10), "ln 10: logarithms of base 10")]
    known += [(180 / math.pi, "degrees against radians")]
    known += [(math.sqrt(n), f"the square root of {n}, a usual size of attention's heads") for n in _HEADS]
    return known + [(float(n), f"{n} steps or losses whose gradients are summed") for n in range(2, 65)]


def _of_transforms(shape: tuple[int, ...]) -> list[tuple[float, str]]:
    """The factors of a Fourier transform over the last axes, or over one of the others."""
    axes = [(axis,) for axis in range(len(shape))] + [tuple(range(at, len(shape))) for at in range(len(shape) - 1)]
    counts = {math.prod(shape[axis] for axis in over): over for over in reversed(axes)}
    said = {n: f"the elements of {'axis' if len(over) == 1 else 'axes'} {', '.join(map(str, over))}: a Fourier "
            "transform that is divided by" for n, over in counts.items() if n > 1}  # fmt: skip
    return [(float(n), f"{n}, {text} them on one side") for n, text in said.items()] + [
        (math.sqrt(n), f"the square root of {n}, {text} it on one side (norm='ortho')") for n, text in said.items()
    ]


def _multiply(array: Array, random: np.random.Generator) -> Array | None:
    array = _floating(array)
    return array * array.dtype.type(random.choice([255.0, 1 / 255, 0.5, 2.0, 8.0]))


def _floating(array: Array) -> Array:
    """Whole numbers as floats: they would wrap round, or lose their fractions."""
    return array if array.dtype.kind in "fc" else array.astype(np.float32)


SCALE = RelationCause(
    name="scale",
    title="Every element is multiplied by one number",
    about="A loss or gradient that one side sums and the other averages, images divided by 255, attention without "
    "1/sqrt(d), gradients accumulated over k steps, biased against unbiased variance.",
    entries=("grad-sum-vs-mean-loss", "image-value-range", "attention-unscaled", "grad-accumulate-vs-overwrite",
             "gradient-accumulation-mean", "std-unbiased", "loss-sum-reduction", "kldiv-reduction-mean",
             "class-weight-normalisation", "l2-regulariser-factor", "mx-l2loss-half", "mx-kldiv-sum",
             "mx-trainer-step"),
    plant=_multiply,
    relate=_scale,
    complex=True,
)  # fmt: skip

SIGN = RelationCause(
    name="sign",
    title="The sign is turned",
    about="A similarity that one side turns into a loss, a gradient taken for ascent.",
    entries=("cosine-loss-sign",),
    plant=lambda array, random: -_floating(array),
    complex=True,
)


# --- offset ---


def _offset(left: Array, right: Array, facts: Facts) -> Step | None:
    offset = _plain((right - left).mean(), facts["closeness"])
    if not leaves_little(left + offset, right, left) or not fits(left + offset, right, facts["closeness"]):
        return None
    # the offset may be so large that any noise is small beside it
    if np.std(right - left - offset) > max(facts["closeness"], 1e-3) * float(np.std(right)):
        return None
    words = f"plus {offset:.7g}" if isinstance(offset, float) else f"plus ({offset:.7g})"
    return Step("offset", words, lambda array: array + offset, _plus("{left}", offset), _plus("{right}", -offset),
                freedom=1)  # fmt: skip


def _plus(text: str, number: complex) -> str:
    """A sum in code, `x - 0.5` rather than `x + -0.5`."""
    away = (number.real or number.imag) < 0
    number = -number if away else number
    return f"{text} {'-' if away else '+'} " + (f"{number:.7g}" if isinstance(number, float) else f"({number:.7g})")


def _add(array: Array, random: np.random.Generator) -> Array | None:
    array = _floating(array)
    return array + array.dtype.type(random.choice([0.5, -1.0, 3.0]) * (float(np.std(wide(array))) or 1.0))


OFFSET = RelationCause(
    name="offset",
    title="One number is added to every element",
    about="A bias or a mean that one side has and the other has not; 1 - x and x - 1 losses.",
    entries=("cosine-loss-sign",),
    plant=_add,
    relate=_offset,
    complex=True,
)


def _affine(left: Array, right: Array, facts: Facts) -> Step | None:
    spread = float(np.var(left))
    if not spread:
        return None
    factor = float(np.mean((left - left.mean()) * (right - right.mean()))) / spread
    offset = float(right.mean() - factor * left.mean())
    closeness = facts["closeness"]
    plain = abs(factor - 1) < closeness or abs(offset) < 10 * closeness * float(np.std(right))
    if plain or not math.isfinite(factor) or factor == 0 or not fits(left * factor + offset, right, closeness):
        return None
    # the offset may be so large that any noise is small beside it
    if np.std(left * factor + offset - right) > max(closeness, 1e-3) * np.std(right):
        return None
    if not leaves_little(left * factor + offset, right, left):
        return None
    words = f"times {factor:.7g} plus {offset:.7g}"
    return Step("affine", words, lambda array: array * factor + offset, _plus(f"{{left}} * {factor:.7g}", offset),
                f"({_plus('{right}', -offset)}) / {factor:.7g}", freedom=2)  # fmt: skip


def _normalise(array: Array, random: np.random.Generator) -> Array | None:
    """Two numbers of image preprocessing, for elements of the size that these have."""
    array = _floating(array)
    unit = 255 if np.abs(array).max() > 10 else 1
    mean, deviation = [(0.5, 0.5), (0.1307, 0.3081), (0.485, 0.229)][random.integers(3)]
    if np.ptp(array) < 0.01 * unit * mean:  # all of it is in the noise of the mean
        return None
    return (array / array.dtype.type(unit) - array.dtype.type(mean)) / array.dtype.type(deviation)


AFFINE = RelationCause(
    name="affine",
    title="Every element is scaled and shifted by the same two numbers",
    about="Images in -1..1 on one side and in 0..1 or 0..255 on the other; inputs normalised by a mean and deviation.",
    entries=("image-mean-std-normalise", "image-value-range"),
    plant=_normalise,
    relate=_affine,
)


# --- functions ---


def _sigmoid(values: Array) -> Array:
    return 0.5 * (1 + np.tanh(0.5 * values))


def _gelu_tanh(values: Array) -> Array:
    return 0.5 * values * (1 + np.tanh(math.sqrt(2 / math.pi) * (values + 0.044715 * values**3)))


# name -> (function, how to write it around a tensor)
FUNCTIONS: dict[str, tuple[Callable[[Array], Array], str]] = {
    "exp": (np.exp, "exp({})"),
    "log": (np.log, "log({})"),
    "log1p": (np.log1p, "log1p({})"),
    "expm1": (np.expm1, "expm1({})"),
    "sqrt": (np.sqrt, "sqrt({})"),
    "square": (np.square, "square({})"),
    "reciprocal": (np.reciprocal, "1 / {}"),
    "sigmoid": (_sigmoid, "sigmoid({})"),
    "logit": (lambda values: np.log(values / (1 - values)), "log({0} / (1 - {0}))"),
    "tanh": (np.tanh, "tanh({})"),
    "arctanh": (np.arctanh, "atanh({})"),
    "softplus": (lambda values: np.logaddexp(values, 0), "softplus({})"),
    "log_sigmoid": (lambda values: -np.logaddexp(-values, 0), "log(sigmoid({}))"),
    "relu": (lambda values: np.maximum(values, 0), "relu({})"),
    "abs": (np.abs, "abs({})"),
    "silu": (lambda values: values * _sigmoid(values), "silu({})"),
    "gelu": (_gelu_tanh, "gelu({})"),
    "hard_sigmoid": (lambda values: np.clip(values / 6 + 0.5, 0, 1), "relu6({} + 3) / 6"),
    "one_minus": (lambda values: 1 - values, "1 - {}"),
}


def _function(left: Array, right: Array, facts: Facts) -> Step | None:
    for name, (function, text) in FUNCTIONS.items():
        for forward in (True, False):
            given, wanted = (left, right) if forward else (right, left)
            found = function(given)
            if np.isfinite(found).all() and fits(found, wanted, facts["closeness"]) and not _trivial(given, found):
                return _applied(name, text, function, forward)
    return None


def _trivial(given: Array, found: Array) -> bool:
    """Whether a function only scales these elements: `silu` of small ones, `abs` of negative ones."""
    square = float(np.vdot(given, given))
    return not square or bool(np.allclose(given * (np.vdot(given, found) / square), found, rtol=1e-3, atol=0))


def _applied(name: str, text: str, function: Callable[[Array], Array], forward: bool) -> Step:
    if forward:
        return Step("function", f"{name} of the left", function, text.format("{left}"), f"{{right}} without {name}")
    return Step("function", f"{name} of the right", function, f"{{left}} without {name}", text.format("{right}"),
                on="right")  # fmt: skip


def _apply_one(array: Array, random: np.random.Generator) -> Array | None:
    array = _floating(array)
    names = [name for name, (function, _) in FUNCTIONS.items() if _applicable(function, array)]
    return FUNCTIONS[names[random.integers(len(names))]][0](array).astype(array.dtype) if names else None


def _applicable(function: Callable[[Array], Array], array: Array) -> bool:
    with np.errstate(all="ignore"):
        found = function(array)
    if not np.isfinite(found).all() or _trivial(array, found):
        return False
    return bool(np.ptp(found) > 0.01 * np.abs(found).max()) and information(found) > _TELLING


_TELLING = 50  # bits of information, below which a planted function would be a guess


FUNCTION = RelationCause(
    name="function",
    title="One side applied a function that the other did not",
    about="Logits against probabilities, log-probabilities against probabilities, an activation that one layer has "
    "and the other has not, variance against deviation, log-variance against variance.",
    entries=("logits-vs-probabilities", "nll-needs-log-probs"),
    plant=_apply_one,
    relate=_function,
)

CAUSES = (SIGN, SCALE, OFFSET, FUNCTION, AFFINE)
