"""Two tensors on one device -> `Figures`, by torch operations there: neither comes to the host.

Held to the plain pass, figure by figure. Blocks of elements become float64, which holds every
value of the dtypes taken here; each leaves one row of numbers on the device. The rows come to
the host together, so that it waits for the device once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack

from dualcell.slabs import slabs
from dualcell.stats import Figures
from dualcell.tolerance import Tolerance

BLOCK = 524_288  # elements; beside the tensors each takes up to 100 bytes of the device: 52 MB

# Not taken: 64-bit integers, which float64 cannot hold, and complex numbers, whose size
# a device may round otherwise than the C library.
_COUNTS = {torch.bool, torch.int8, torch.int16, torch.int32, torch.uint8, torch.uint16, torch.uint32}
_FLOATS = {torch.float16, torch.bfloat16, torch.float32, torch.float64}
_FLOAT8 = ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu")


def on_one_device(left: Any, right: Any) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Two bare arrays of any library as tensors in the same memory; None if the pass does not take them.

    Raises:
        Exception: an array cannot be handed over; which error depends on its library.
    """
    tensors = _tensor(left), _tensor(right)
    taken = {tensor.dtype for tensor in tensors} <= _COUNTS | _FLOATS | {getattr(torch, n, None) for n in _FLOAT8}
    return tensors if taken and tensors[0].device == tensors[1].device else None


def _tensor(array: Any) -> torch.Tensor:
    return array if isinstance(array, torch.Tensor) else torch.from_dlpack(array)


def torch_pass(
    left: torch.Tensor, right: torch.Tensor, tolerance: Tolerance, *, equal_nan: bool = False, reference: str = "left"
) -> Figures:
    """The figures of two tensors of one shape, not empty, that `on_one_device` gave.

    Args:
        left: tensor of any strides.
        right: tensor of the same shape; its dtype may differ.
        tolerance: what counts as close.
        equal_nan: NaN in the same place counts as equal.
        reference: `left` or `right`, the side that rtol is relative to.
    """
    parts: list[tuple[int, int]] = []
    rows: list[torch.Tensor] = []
    with temporarily_clear_interpreter_stack():  # inside torch.func, the rows would be wrapped
        for start, where in slabs(tuple(left.shape), BLOCK):
            block = _block(_widened(left[where]), _widened(right[where]), equal_nan)
            size = (block.left if reference == "left" else block.right).abs()
            parts.append((start, size.numel()))
            rows.append(torch.stack([number.to(torch.float64) for number in _row(block, size, tolerance)]))
        table: list[list[float]] = torch.stack(rows).tolist()
    counting = {left.dtype, right.dtype} <= _COUNTS
    figures = Figures(max_abs=0 if counting else 0.0, identical=left.dtype == right.dtype)
    with np.errstate(invalid="ignore"):  # infinite sums
        for part, row in zip(parts, table, strict=True):
            figures.merge(_figures(*part, row, counting))
    return figures


def _widened(part: torch.Tensor) -> torch.Tensor:
    """A part in 1-D and in float64: a view if it is so already, else one copy."""
    return part.resolve_neg().to(torch.float64, memory_format=torch.contiguous_format).reshape(-1)


@dataclass(frozen=True)
class _Block:
    """One block: both sides widened, |difference|, and where nothing differs at all."""

    left: torch.Tensor
    right: torch.Tensor
    difference: torch.Tensor
    same: torch.Tensor


def _block(left: torch.Tensor, right: torch.Tensor, equal_nan: bool) -> _Block:
    same = left == right  # equal infinities too, whose difference would be NaN
    if equal_nan:
        same |= left.isnan() & right.isnan()
    difference = (left - right).abs_().masked_fill_(same, 0.0)
    return _Block(left, right, difference, same)


def _row(block: _Block, size: torch.Tensor, tolerance: Tolerance) -> list[torch.Tensor]:
    """A block's row: 0-d tensors, in the order in which `_figures` reads them."""
    left, right, difference = block.left, block.right, block.difference
    same_signs = (left.signbit() == right.signbit()) | left.isnan()  # tell +0 from -0
    return [
        block.same.logical_not().sum(),
        same_signs.logical_not().sum(),
        difference.max(),  # NaN if there is one
        difference.argmax(),  # the first NaN, else the first maximum
        *_nonfinite(block),
        *_ratios(block, size, float(tolerance.rtol), float(tolerance.atol)),
        difference.sum(),
        (difference * difference).sum(),
        (left * right).sum(),
        (left * left).sum(),
        (right * right).sum(),
    ]


def _nonfinite(block: _Block) -> list[torch.Tensor]:
    left_nan, right_nan = block.left.isnan(), block.right.isnan()
    left_inf, right_inf = block.left.isinf(), block.right.isinf()
    agree = block.same | (left_nan & right_nan)
    disagree = (left_nan | right_nan | left_inf | right_inf) & ~agree
    return [mask.sum() for mask in (left_nan, right_nan, left_inf, right_inf, disagree)]


def _ratios(block: _Block, size: torch.Tensor, rtol: float, atol: float) -> list[torch.Tensor]:
    """Mismatches, differences that no tolerance lets pass, and the largest ratio, atol and rtol needed."""
    difference = block.difference
    equal = difference == 0
    # an infinite reference must not make an infinite difference acceptable
    endless = ~(difference.isfinite() & size.isfinite())
    passed = block.same | (~endless & (difference <= size * rtol + atol))

    def largest(ratios: torch.Tensor) -> torch.Tensor:
        return ratios.masked_fill_(equal, 0.0).max()

    return [
        passed.logical_not().sum(),
        (endless & ~equal).sum(),
        largest(difference / size),
        largest(_needed_atol(difference, size, rtol)),
        largest(_needed_rtol(difference, size, atol)),
    ]


def _needed_atol(difference: torch.Tensor, size: torch.Tensor, rtol: float) -> torch.Tensor:
    """The atol each element needs, rounded so that it does pass."""
    relative = size * rtol
    needed = difference - relative
    return torch.where(needed + relative < difference, _next(needed), needed)


def _needed_rtol(difference: torch.Tensor, size: torch.Tensor, atol: float) -> torch.Tensor:
    """The rtol each element needs, rounded so that it does pass."""
    over = (difference - atol).clamp_(min=0.0)
    needed = (over / size).masked_fill_(over == 0, 0.0)
    short = needed * size + atol < difference
    return torch.where(short, _next(needed * (1 + 4 * float(np.finfo(np.float64).eps))), needed)


def _next(values: torch.Tensor) -> torch.Tensor:
    """The next larger numbers."""
    return values.nextafter(torch.full_like(values, math.inf))


def _figures(start: int, total: int, row: list[float], counting: bool) -> Figures:
    """One block's row, read."""
    unequal, other_signs, max_abs, worst, *counts, mismatched, endless, max_rel, atol, rtol = row[:-5]
    left_nan, right_nan, left_inf, right_inf, disagree = map(int, counts)
    return Figures(
        total=total,
        mismatched=int(mismatched),
        max_abs=int(max_abs) if counting else max_abs,
        max_rel=math.inf if math.isnan(max_rel) else max_rel,
        worst=start + int(worst),
        left_nan=left_nan,
        right_nan=right_nan,
        left_inf=left_inf,
        right_inf=right_inf,
        nonfinite_disagree=disagree,
        identical=unequal == other_signs == 0,
        needed_atol=math.inf if endless else atol,
        needed_rtol=math.inf if endless else rtol,
        sums=np.array(row[-5:]),
    )
