"""The equation of an EinsumDense layer -> the `Form` of the dense layer that it is, if it is one."""

from __future__ import annotations

import re
from math import prod

from dualcell.weights.axes import Move, reshape, transpose
from dualcell.weights.inventory import Shape
from dualcell.weights.kinds import Form, Part

_EQUATION = re.compile(r"(\.\.\.)?([a-zA-Z]+),([a-zA-Z]+)->(\.\.\.)?([a-zA-Z]+)")


def einsum_form(equation: str, bias_axes: str | None) -> Form | None:
    """How an EinsumDense holds a dense layer: its kernel lies as `nn.Linear`'s after one transposition.

    The last axes of the input are summed over, and new ones come in their place at the end, as
    in a dense layer and in the projections of attention into heads and out of them.

    Args:
        equation: as Keras has it, `bqm,muh->bquh`.
        bias_axes: the output's axes that the bias runs over, or None.

    Returns:
        None if it is another product: axes in the middle, a kernel for each place of an axis, a
        bias for some of the new axes, or several axes that leave none but the batch, whose
        order PyTorch may have otherwise.

    Examples:
        >>> form = einsum_form("bqm,muh->bquh", "uh")
        >>> form.kind, form.parts[0].move((4, 2, 3))
        ('dense', (Transpose(axes=(1, 2, 0)), Reshape(before=(2, 3, 4), after=(6, 4))))
        >>> einsum_form("abc,bd->adc", None) is None
        True
    """
    found = _EQUATION.fullmatch(equation)
    if found is None or found[1] != found[4]:
        return None
    taken, kernel, given = found[2], found[3], found[5]
    kept = "".join(letter for letter in taken if letter in given)
    summed, made = taken.removeprefix(kept), given.removeprefix(kept)
    repeated = any(len({*letters}) < len(letters) for letters in (taken, kernel, given))
    if repeated or not (summed and made) or sorted(kernel) != sorted(made + summed):
        return None
    if kept + summed != taken or kept + made != given or (bias_axes and {*bias_axes} != {*made}):
        return None
    if max(len(summed), len(made)) > 1 and len(kept) < 2:
        return None

    def linear(shape: Shape) -> Move:
        """(axes as the kernel has them) -> (made, summed)."""
        order = [kernel.index(letter) for letter in made + summed]
        sizes = [shape[axis] for axis in order]
        return (*transpose(*order), *reshape(sizes, (prod(sizes[: len(made)]), prod(sizes[len(made) :]))))

    return Form("dense", (Part("kernel", "kernel", linear), Part("bias", "bias", _flat)))


def _flat(shape: Shape) -> Move:
    return reshape(shape, (prod(shape),))
