"""Two captured leaves, not both in host memory -> `Stats`, with no whole copy of either.

On one accelerator they are measured there; else slab by slab on the host.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from dualcell.captures import Captured
from dualcell.coded import Coded, HostArray
from dualcell.frameworks.base import ArrayFacts
from dualcell.frameworks.registry import array_adapter
from dualcell.measure import fast_pass, measure
from dualcell.slabs import slabs
from dualcell.stats import Figures, Stats
from dualcell.tolerance import Tolerance

SLAB = 4_194_304  # elements of each side that are on the host at once: 2 * 32 MB of float64

Read = Callable[[tuple[Any, ...]], HostArray]  # index -> the values there, on the host


def host(leaf: Captured) -> HostArray:
    """A captured leaf's values on the host, in a dtype that holds them exactly."""
    return _on_host(leaf.value)


def _on_host(value: Any) -> HostArray:
    adapter = array_adapter(value)
    if adapter is None:
        raise TypeError(f"no adapter reads a {type(value).__name__}")
    to_host = getattr(adapter, "to_host", adapter.to_numpy)  # an optional verb
    return to_host(value)


def hosts(
    left: Captured, right: Captured, most: int, worst: tuple[int, ...] | None
) -> tuple[HostArray, HostArray] | None:
    """The values of two leaves on the host; of large ones on a device, some rows that hold the worst element.

    Args:
        left: a leaf.
        right: another one.
        most: elements of each side that may be copied from a device.
        worst: the index of the worst element, if both have one shape.

    Returns:
        All values, or those rows; None if there are too many and no rows that the sides share.
    """
    sides = left, right
    if all(_facts(leaf).device == "cpu" or math.prod(_facts(leaf).shape) <= most for leaf in sides):
        return host(left), host(right)
    if not worst:  # another shape, whose rows are others: no more than the search looks at
        fit = all(math.prod(_facts(leaf).shape) <= 4 * most for leaf in sides)
        return (host(left), host(right)) if fit else None
    shape = _facts(left).shape
    axis = next(axis for axis, length in enumerate(shape) if length > 1)
    rows = max(1, most * shape[axis] // math.prod(shape))
    start = min(max(0, worst[axis] - rows // 2), shape[axis] - rows)
    where = (*(slice(None),) * axis, slice(start, start + rows))
    return reader(left)(where), reader(right)(where)


# --- on one accelerator ---


def measure_there(
    left: Captured, right: Captured, tolerance: Tolerance, *, equal_nan: bool = False, reference: str = "left"
) -> Stats | None:
    """The figures, measured where both leaves are; None if they cannot be.

    They can be on one CUDA or ROCm device (others lack float64), when torch is imported
    and takes both: its own tensors, other libraries' by DLPack. No memory left there,
    or a dtype that torch or the device does not know: None as well.
    """
    facts = _facts(left)
    if facts.device != _facts(right).device or not facts.device.startswith("cuda") or sys.modules.get("torch") is None:
        return None
    try:
        from dualcell.frameworks.torch_pass import on_one_device, torch_pass  # deferred: torch is there

        tensors = on_one_device(_bare(left.value), _bare(right.value))
        if tensors is None or 0 in facts.shape or not all(map(_is_as_told, tensors, (left, right))):
            return None
        figures = torch_pass(*tensors, tolerance, equal_nan=equal_nan, reference=reference)
        read_left, read_right = ((lambda where, tensor=tensor: _on_host(tensor[where])) for tensor in tensors)
    except Exception:  # whatever stopped it, the slabs are read without its help
        return None
    return _finished(figures, facts.shape, read_left, read_right)


def _facts(leaf: Captured) -> ArrayFacts:
    assert leaf.facts is not None  # noqa: S101 - a supported leaf has facts
    return leaf.facts


def _bare(value: Any) -> Any:
    """The tensor under a parameter, variable or tracer."""
    adapter: Any = array_adapter(value)
    return adapter.bare(value) if hasattr(adapter, "bare") else value  # an optional verb


# --- slab by slab ---


def measure_slabs(
    left: Captured, right: Captured, tolerance: Tolerance, *, equal_nan: bool = False, reference: str = "left"
) -> Stats:
    """The figures of two leaves of one shape, wherever each is.

    A leaf on a device comes to the host in slabs of at most `SLAB` elements; one that
    its library cannot index comes whole.
    """
    shape = _facts(left).shape
    if math.prod(shape) <= SLAB:
        return measure(host(left), host(right), tolerance, equal_nan=equal_nan, reference=reference)
    read_left, read_right = reader(left), reader(right)
    figures: Figures | None = None
    for start, where in slabs(shape, SLAB):
        parts = read_left(where), read_right(where)
        found = fast_pass(*parts, tolerance)(*parts, tolerance, equal_nan=equal_nan, reference=reference)
        found.worst += start
        if figures is None:
            figures = found
        else:
            with np.errstate(invalid="ignore"):  # infinite sums
                figures.merge(found)
    assert figures is not None  # noqa: S101 - the leaves are not empty
    return _finished(figures, shape, read_left, read_right)


def reader(leaf: Captured) -> Read:
    """How to read the slabs of a leaf: index -> the values there, on the host."""
    facts = _facts(leaf)
    if facts.device != "cpu":
        bare = _bare(leaf.value)
        if _can_index(bare, facts):
            return lambda where: _on_host(bare[where])
    whole = host(leaf)
    return lambda where: _part(whole, where)


def _is_as_told(value: Any, leaf: Captured) -> bool:
    """Whether what DLPack handed over has the leaf's own shape and dtype."""
    adapter: Any = array_adapter(value)
    found, facts = adapter.facts(value), _facts(leaf)
    return (found.shape, found.dtype) == (facts.shape, facts.dtype)


def _can_index(value: Any, facts: ArrayFacts) -> bool:
    """Whether a library's own indexing gives what NumPy's would; asked for one element."""
    first = (*(0 for _ in facts.shape[1:]), slice(0, 1))
    try:
        part = value[first]
        adapter: Any = array_adapter(part)
        found = adapter.facts(part)
    except Exception:  # a library's own way to say no
        return False
    return (found.shape, found.dtype) == ((1,), facts.dtype)


def _part(whole: HostArray, where: tuple[Any, ...]) -> HostArray:
    """Some elements of a host array; a view."""
    return replace(whole, codes=whole.codes[where]) if isinstance(whole, Coded) else whole[where]


def _finished(figures: Figures, shape: tuple[int, ...], read_left: Read, read_right: Read) -> Stats:
    """The finished `Stats`; of the values only the two at the worst index are read."""
    index = tuple(int(i) for i in np.unravel_index(figures.worst, shape))
    where = (*index[:-1], slice(index[-1], index[-1] + 1)) if index else ()
    stats = replace(figures, worst=0).stats(read_left(where), read_right(where))
    return replace(stats, worst_index=index)
