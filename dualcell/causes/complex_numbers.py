"""Causes of complex numbers only: conjugates, swapped parts, a part kept, parts along an axis."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from dualcell.cause import Array, RelationCause, Step, WholeCause
from dualcell.sampling import fits

Facts = Mapping[str, Any]


def _is_complex(*arrays: Array) -> bool:
    return all(array.dtype.kind == "c" for array in arrays)


# --- conjugates and swapped parts ---


def _turned(name: str, function: Callable[[Array], Array], words: str, text: str) -> Any:
    """The rule of a cause whose function undoes itself; `text` is how to write it around a tensor."""

    def relate(left: Array, right: Array, facts: Facts) -> Step | None:
        if not _is_complex(left, right) or not fits(function(left), right, facts["closeness"]):
            return None
        if _is_factor(left, right, facts["closeness"]):
            return None
        return Step(name, words, function, text.format("{left}"), text.format("{right}"))

    return relate


def _is_factor(left: Array, right: Array, closeness: float) -> bool:
    """Whether one factor does it: for numbers on a line through zero, as real ones are."""
    square = np.vdot(left, left).real
    return not square or fits(left * (np.vdot(left, right) / square), right, closeness)


def _swap(values: Array) -> Array:
    return 1j * np.conj(values)


def _plant(function: Callable[[Array], Array]) -> Callable[[Array, np.random.Generator], Array | None]:
    return lambda array, random: function(array).astype(array.dtype) if array.dtype.kind == "c" else None


CONJUGATE = RelationCause(
    name="conjugate",
    title="The imaginary parts have the other sign",
    about="A Fourier transform of the other sign, an adjoint against a transpose (`.mH` and `.mT`, `adjoint` of "
    "`tf.matmul`), a gradient of a complex weight: PyTorch and JAX define it as conjugates of each other.",
    entries=(),
    plant=_plant(np.conj),
    relate=_turned("conjugate", np.conj, "the conjugate", "conj({})"),
    expose="complex numbers whose imaginary parts are not 0",
    complex=True,
)

SWAPPED = RelationCause(
    name="parts-swapped",
    title="Real and imaginary parts are swapped",
    about="A pair read as (imaginary, real), or `tf.complex` and `torch.complex` given their arguments the other way "
    "round.",
    entries=(),
    plant=_plant(_swap),
    relate=_turned("parts-swapped", _swap, "real and imaginary parts swapped", "{0}.imag + 1j * {0}.real"),
    expose="complex numbers",
    complex=True,
)


# --- one part kept ---

_PARTS: dict[str, tuple[Callable[[Array], Array], str]] = {
    "the real parts": (np.real, "real({})"),
    "the imaginary parts": (np.imag, "imag({})"),
    "the sizes": (np.abs, "abs({})"),
    "the squares of the sizes": (
        lambda values: np.square(np.real(values)) + np.square(np.imag(values)),
        "abs({}) ** 2",
    ),
    "the angles": (np.angle, "angle({})"),
}


def _kept_part(left: Array, right: Array, facts: Facts) -> Step | None:
    on: Any = "left" if np.imag(left).any() else "right"
    whole, part = (left, right) if on == "left" else (right, left)
    if np.imag(part).any() or not np.imag(whole).any() or _is_factor(left, right, facts["closeness"]):
        return None
    for words, (function, text) in _PARTS.items():
        if fits(function(whole), np.real(part), facts["closeness"]):
            line, other = text.format(f"{{{on}}}"), f"{{{'right' if on == 'left' else 'left'}}} as complex numbers"
            fixes = (line, other) if on == "left" else (other, line)
            return Step("complex-part", f"{words} of the {on}", function, *fixes, on=on)
    return None


def _plant_part(array: Array, random: np.random.Generator) -> Array | None:
    if array.dtype.kind != "c":
        return None
    functions = list(_PARTS.values())
    return functions[random.integers(len(functions))][0](array)


PART = RelationCause(
    name="complex-part",
    title="One side keeps a part of complex numbers",
    about="A spectrogram of sizes or of their squares against a transform that is left complex; a cast to a real "
    "type, which drops the imaginary parts with a warning at most.",
    entries=(),
    plant=_plant_part,
    relate=_kept_part,
    expose="complex numbers",
    complex=True,
)


# --- both parts along an axis ---


def _pairs(left: Array, right: Array, facts: Facts) -> Iterator[Step]:
    if left.ndim == right.ndim or left.dtype.kind == right.dtype.kind:
        return
    on: Any = "left" if _is_complex(left) else "right"
    whole, parts = (left, right) if on == "left" else (right, left)
    for axis, length in reversed(list(enumerate(parts.shape))):
        if length == 2 and (*parts.shape[:axis], *parts.shape[axis + 1 :]) == whole.shape:
            line = f"stack([real({{{on}}}), imag({{{on}}})], {axis})"
            other = f"complex of index 0 and 1 of axis {axis} of {{{'right' if on == 'left' else 'left'}}}"
            fixes = (line, other) if on == "left" else (other, line)
            yield Step("complex-pairs", f"real and imaginary parts of the {on} along axis {axis}",
                       lambda values, axis=axis: np.stack([values.real, values.imag], axis), *fixes,
                       on=on)  # fmt: skip


AS_PAIRS = WholeCause(
    name="complex-pairs",
    title="One side holds complex numbers, the other their parts along an axis of two",
    about="`torch.view_as_real`, `torch.stft` of old with `return_complex=False`, weights of complex layers that are "
    "kept as pairs of floats.",
    entries=(),
    plant=lambda array, random: np.stack([np.real(array), np.imag(array)], -1) if array.dtype.kind == "c" else None,
    steps=_pairs,
    expose="complex numbers",
    complex=True,
)

CAUSES = (CONJUGATE, SWAPPED, PART, AS_PAIRS)
