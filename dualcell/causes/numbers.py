"""Causes in the numbers themselves: rounding to a narrower type, overflow, whole numbers, noise."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from dualcell.cause import Array, Finding, PlaceCause, RelationCause, Step
from dualcell.sampling import fits

Facts = Mapping[str, Any]


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def _other(side: str) -> str:
    return "right" if side == "left" else "left"


def _on(side: str) -> Any:
    return side


# --- values that passed through a narrower type ---

# bits of the fraction -> the types that have as many
_TYPES = {2: "float8_e5m2", 3: "float8_e4m3", 7: "bfloat16", 10: "float16 or TF32"}
_OFF = 1e-5  # relative distance from a number of the type, above which an element is none


def _narrowed(values: Array, bits: int) -> Array:
    """The nearest floats with so many bits of fraction (ties to even), of any exponent; a new float64 array."""
    codes = np.ascontiguousarray(values, dtype=np.float64).view(np.int64)
    shift = 52 - bits
    half = (np.int64(1) << (shift - 1)) - 1 + ((codes >> shift) & 1)
    return (((codes + half) >> shift) << shift).view(np.float64)


def _is_narrow(values: Array, bits: int) -> bool:
    return bool((np.abs(_narrowed(values, bits) - values) <= _OFF * np.abs(values)).all())


def _narrow(left: Array, right: Array, facts: Facts) -> Step | None:
    for on, wide, narrow in (("left", left, right), ("right", right, left)):
        near = np.abs(wide - narrow) <= 2**-3 * np.abs(narrow) + 1e-300
        if near.all() and _is_narrow(narrow, 10):
            bits = next(bits for bits in _TYPES if _is_narrow(narrow, bits))
            made = _narrow_as(wide, narrow, bits)
            off = np.abs(_narrowed(wide, bits) - wide) > _OFF * np.abs(wide)
            if np.mean(off) > 0.5 and fits(made, narrow, facts["closeness"]):
                return _narrow_step(on, bits)
    return None


def _narrow_as(wide: Array, narrow: Array, bits: int) -> Array:
    """`wide` in the narrower type; where it lies between two of its numbers, that of `narrow`."""
    near = np.abs(wide - narrow) <= np.abs(narrow) * 2.0 ** -(bits + 1) * 1.01
    return np.where(near, _narrowed(narrow, bits), _narrowed(wide, bits))


def _narrow_step(on: str, bits: int) -> Step:
    name = _TYPES[bits]
    passed = f"no conversion to {name} on the way to {{{_other(on)}}}"
    cast = f"{{{on}}} converted to {name.split(' ')[0]} and back"
    return Step(
        "narrower-type",
        f"the {on} rounded to {bits} bits of fraction, as {name} has",
        lambda elements, others: _narrow_as(elements, others, bits),
        cast if on == "left" else passed,
        passed if on == "left" else cast,
        f"each element of the {_other(on)} is a {name} number",
        on=_on(on),
        given=True,
    )


def _plant_narrow(array: Array, random: np.random.Generator) -> Array | None:
    if array.dtype.kind != "f" or array.size < 16 or _mostly_narrow(array):
        return None
    return _narrowed(array, int(random.choice([3, 7, 10]))).astype(array.dtype)


def _mostly_narrow(array: Array) -> bool:
    return (
        array.dtype.itemsize <= 2 or float(np.mean(np.abs(_narrowed(array, 10) - array) > _OFF * np.abs(array))) < 0.6
    )


NARROWER_TYPE = RelationCause(
    name="narrower-type",
    title="The values passed through a narrower type on one side",
    about="Mixed precision, autocast, a checkpoint saved in half precision: the elements of one side are all numbers "
    "of float16, bfloat16 or float8, and those of the other lie within half a step of them. Inputs rounded before a "
    "product (TF32) leave no such trace in the product: see `rounding`.",
    entries=("noise-tf32", "float64-input"),
    plant=_plant_narrow,
    relate=_narrow,
)


# --- whole numbers ---

_WHOLE: dict[str, tuple[Callable[[Array], Array], str]] = {
    "truncated": (np.trunc, "a cast to an integer type, or a mean of integers"),
    "rounded down": (np.floor, "floor, or a floor division"),
    "rounded to whole numbers": (np.round, "round"),
    "rounded up": (np.ceil, "ceil"),
}


def _is_whole(values: Array) -> bool:
    """Whether all are whole numbers but for rounding; numbers near 0 are merely small."""
    whole = np.round(values)
    return bool(whole.any() and (np.abs(values - whole) <= _OFF * np.maximum(1, np.abs(values))).all())


def _whole(left: Array, right: Array, facts: Facts) -> Step | None:
    for on, free, whole in (("left", left, right), ("right", right, left)):
        if not _is_whole(whole) or np.mean(np.abs(free - np.round(free)) > 1e-3) < 0.3:
            continue
        if np.ptp(free - whole) <= _OFF * np.abs(free).max():  # one number was added to whole numbers
            continue
        for words, (rule, hint) in _WHOLE.items():
            if fits(_whole_as(free, whole, rule), whole, facts["closeness"]):
                return _whole_step(on, words, rule, hint)
    return None


def _whole_as(free: Array, whole: Array, rule: Callable[[Array], Array]) -> Array:
    """`rule` of `free`; where a rounding error decides, as `whole` has it."""
    slack = 1e-4 * np.maximum(1, np.abs(free))
    open_ = np.minimum(np.abs(rule(free - slack) - whole), np.abs(rule(free + slack) - whole)) < 0.5
    return np.where(open_, whole, rule(free))


def _whole_step(on: str, words: str, rule: Callable[[Array], Array], hint: str) -> Step:
    call = f"{rule.__name__}({{{on}}})"
    without = f"{{{_other(on)}}} as floats, without {rule.__name__}"
    return Step(
        "whole-numbers",
        f"the {on} {words}",
        lambda elements, others: _whole_as(elements, others, rule),
        call if on == "left" else without,
        without if on == "left" else call,
        hint,
        on=_on(on),
        given=True,
    )


def _plant_whole(array: Array, random: np.random.Generator) -> Array | None:
    if array.dtype.kind != "f" or array.size < 16 or np.mean(np.abs(array - np.round(array)) > 1e-3) < 0.5:
        return None
    rule = (np.trunc, np.floor, np.round)[random.integers(3)]
    found = rule(array)
    return found if np.ptp(found) > 0 else None


WHOLE_NUMBERS = RelationCause(
    name="whole-numbers",
    title="One side became whole numbers",
    about="A cast to an integer type truncates, `//` rounds down, `tf.reduce_mean` of integers truncates, and pixels "
    "are rounded when they become uint8.",
    entries=("integer-mean", "float-to-int-cast", "floor-division-mod", "embedding-index-dtype", "true-division"),
    plant=_plant_whole,
    relate=_whole,
)


# --- integers ---

_WIDTHS = {"uint8": (0, 8), "int8": (-(2**7), 8), "uint16": (0, 16), "int16": (-(2**15), 16),
           "uint32": (0, 32), "int32": (-(2**31), 32)}  # fmt: skip


def _overflow(left: Array, right: Array, facts: Facts) -> Step | None:
    if not (_is_whole(left) and _is_whole(right)):
        return None
    for on, wide, wrapped in (("left", left, right), ("right", right, left)):
        for name, (low, bits) in _WIDTHS.items():
            inside = (wide >= low) & (wide < low + 2.0**bits)
            made = _wrap(wide, low, bits)
            if not inside.all() and fits(made, wrapped, 1e-9):
                return _overflow_step(on, name, low, bits)
    return None


def _wrap(values: Array, low: int, bits: int) -> Array:
    return np.mod(np.round(values) - low, 2.0**bits) + low


def _overflow_step(on: str, name: str, low: int, bits: int) -> Step:
    fix = f"a wider type than {name} for {{{_other(on)}}}"
    cast = f"{{{on}}}.astype({name!r})"
    return Step(
        "integer-overflow",
        f"the {on} modulo 2 ** {bits}, as in {name}",
        lambda array: _wrap(array, low, bits),
        cast if on == "left" else fix,
        fix if on == "left" else cast,
        "sums of integers keep their type in TensorFlow and become int64 in PyTorch",
        on=_on(on),
    )


def _plant_overflow(array: Array, random: np.random.Generator) -> Array | None:
    if array.dtype.kind not in "iu" or array.dtype.itemsize < 4 or np.ptp(array) < 2:
        return None
    low, bits = _WIDTHS[("uint8", "int8", "uint16")[random.integers(3)]]
    found = _wrap(array.astype(np.float64), low, bits)
    outside = np.mean(found != array)
    return found.astype(array.dtype) if outside > 0.02 and np.ptp(found) > 0 else None


INTEGER_OVERFLOW = RelationCause(
    name="integer-overflow",
    title="Integers overflowed on one side",
    about="uint8 images summed or subtracted, int32 products: differences are multiples of 2 ** 8, 2 ** 16 or 2 ** 32.",
    entries=("integer-sum",),
    plant=_plant_overflow,
    relate=_overflow,
)


def _remainder(left: Array, right: Array, facts: Facts) -> Step | None:
    """Whole numbers that are the same, or one divisor apart where the signs differ; divisor 1: the quotients."""
    if not (_is_whole(left) and _is_whole(right)):
        return None
    gap = np.round(right - left)
    apart = gap[gap != 0]
    if apart.size == 0 or apart.size > left.size - 3 or np.ptp(apart) > 0 or np.ptp(gap) == 0:
        return None
    number = float(apart[0])
    side = "left" if number > 0 else "right"
    lower, upper = (left, right) if number > 0 else (right, left)
    where = gap != 0
    quotients = abs(number) == 1 and bool((lower[where] < 0).all() and (upper[where] <= 0).all())
    remainders = abs(number) > 1 and bool((np.abs(np.concatenate([left, right])) < abs(number)).all())
    remainders = remainders and bool((lower[where] < 0).all() and (upper[where] > 0).all())
    if not (quotients or remainders) or (quotients and not np.ptp(left[~where]) > 0) or np.count_nonzero(where) < 3:
        return None
    return _remainder_step(side, abs(number), quotients)


def _remainder_step(side: str, number: float, quotients: bool) -> Step:
    def apply(elements: Array, others: Array) -> Array:
        return np.where(np.abs(others - elements - number) < 0.5, others, elements)

    names = ("truncdiv", "floor division") if quotients else ("fmod", "mod")
    words = f"the {side} plus {number:g} at some negative elements"
    hint = f"{names[0]} rounds to zero, {names[1]} rounds down: choose one explicitly on both sides"
    fix = 'tf.truncatediv or torch.div(..., rounding_mode="trunc"); // rounds down in both' if quotients else (
        "torch.fmod and tf.truncatemod have the sign of the dividend; % has that of the divisor"
    )  # fmt: skip
    return Step("division-rounding", words, apply, fix, fix, hint, 1, on=_on(side), given=True)


def _plant_remainder(array: Array, random: np.random.Generator) -> Array | None:
    """Integers are taken for floored quotients; truncated ones are one more if negative and inexact."""
    if array.dtype.kind != "i" or np.count_nonzero(array < 0) < 12 or np.count_nonzero(array >= 0) < 12:
        return None
    return array + ((array < 0) & (random.random(array.shape) < 0.7)).astype(array.dtype)


DIVISION_ROUNDING = RelationCause(
    name="division-rounding",
    title="Negative integers are divided with another rounding",
    about="`//` and `%` round down in both frameworks; tf.truncatediv, fmod and rounding_mode='trunc' round to zero: "
    "quotients of negative numbers differ by 1, remainders by the divisor.",
    entries=("floor-division-mod",),
    plant=_plant_remainder,
    relate=_remainder,
)


# --- rounding errors only ---

_UNITS = {
    "float64": 2.0**-53,
    "complex128": 2.0**-53,
    "complex32": 2.0**-11,
    "float16": 2.0**-11,
    "bfloat16": 2.0**-8,
    "float8_e4m3fn": 2.0**-4,
    "float8_e5m2": 2.0**-3,
}
_UNIT = 2.0**-24  # of float32, half a step at 1
_BLOCK = 1 << 15  # elements at a time: they stay in the cache
_FEW = 16  # terms up to which even errors of one sign may be rounding
_LONGEST = 10_000  # terms of a sum whose rounding is still called rounding


def _rounding(left: Array, right: Array, facts: Facts) -> Finding | None:
    if "c" in left.dtype.kind + right.dtype.kind:
        left, right = _numbers(left), _numbers(right)
    if left.dtype.kind != "f" and right.dtype.kind != "f":
        return None
    unit = max(_UNITS.get(dtype, _UNIT) for dtype in facts["dtypes"])
    top, total, square, along, energy = map(float, _errors(left, right))
    size = math.sqrt(energy / left.size)
    if not top or not size:
        return None
    terms = math.ceil((top / (4 * unit * size)) ** 2)
    correlation = along / math.sqrt(square * energy)
    bias = total / math.sqrt(square * left.size)
    # one factor or offset near 1 or 0 is no rounding, but for a constant that is itself rounded
    systematic = max(abs(correlation), abs(bias)) > max(0.3, _by_chance(left.size))
    if terms > _LONGEST or (systematic and terms > _FEW):
        return None
    spread = math.sqrt(square / left.size) / size
    name = next((dtype for dtype in facts["dtypes"] if _UNITS.get(dtype, _UNIT) == unit), "float32")
    return Finding(
        causes=("rounding",),
        sentence=f"Only rounding: what {name} sums of about {max(terms, 1):,} terms may differ by",
        evidence=f"max abs {top:.2g} is {top / (unit * size):.2g} half steps of {name} at the root mean square "
        f"{size:.3g}; the errors' is {spread:.1g} of it, with a correlation of {correlation:.2f} with the values",
        left_fix="compare {left} with a larger tolerance, or in float64",
        right_fix="compare {right} with a larger tolerance, or in float64",
        before=top,
        after=top,
    )


def _by_chance(size: int) -> float:
    """The cosine that errors of random signs have with anything, once in e**18: 6 / sqrt(size) of many, 1 of one."""
    return math.sqrt(1 - math.exp(-36 / (size - 1))) if size > 1 else 1.0


def _numbers(array: Array) -> Array:
    """Complex numbers as twice as many floats."""
    return (
        np.ascontiguousarray(array, np.result_type(array.dtype, np.complex64))
        .reshape(-1)
        .view(np.result_type(np.real(array).dtype, np.float32))
    )


def _errors(left: Array, right: Array) -> Array:
    """Largest |left - right|; the sums of it, its square, its product with the right, and the right's square."""
    sums, top = np.zeros(4), 0.0
    ones, others = left.reshape(-1), right.reshape(-1)
    for start in range(0, left.size, _BLOCK):
        other = others[start : start + (_BLOCK)].astype(np.float64)
        gap = ones[start : start + (_BLOCK)] - other
        top = max(top, float(np.abs(gap).max()))
        products = (np.einsum("i,i->", one, two) for one, two in ((gap, gap), (gap, other), (other, other)))
        sums += gap.sum(), *products
    return np.array([top, *sums])


def _plant_rounding(array: Array, random: np.random.Generator) -> Array | None:
    """The error of a float32 sum of a thousand terms."""
    if array.dtype.kind != "f" or array.dtype.itemsize < 4 or not np.ptp(array):
        return None
    error = 30 * _UNIT * _rms(array.astype(np.float64)) * random.normal(size=array.shape)
    return (array + error).astype(array.dtype)


ROUNDING = PlaceCause(
    name="rounding",
    fault=False,
    title="Only rounding",
    about="Two orders of summation, or two libraries, give floats that differ by a few half steps: at most "
    "4 * sqrt(n) * 2**-24 of the root mean square after sums of n float32 terms. Named if n is at most 10,000 and the "
    "errors do not follow the values; an epsilon of 1e-3 against 1e-5 is 1,000 times that, and never called rounding.",
    entries=("noise-matmul", "noise-conv", "noise-depth", "noise-recurrent", "noise-elementwise", "noise-reduction",
             "noise-onednn", "noise-batch-slicing", "noise-seed-000", "noise-epsilon-vs-noise", "rnn-noise-flat",
             "float64-input", "true-division"),
    plant=_plant_rounding,
    when="near",
    find=_rounding,
    complex=True,
)  # fmt: skip

CAUSES = (NARROWER_TYPE, WHOLE_NUMBERS, INTEGER_OVERFLOW, DIVISION_ROUNDING, ROUNDING)
