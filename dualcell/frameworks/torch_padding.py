"""How PyTorch's convolutions and poolings pad, and what to write for other padding."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

from dualcell.frameworks.spelling import even, extent, one_or_all, several, spelt, unwritable
from dualcell.frameworks.torch_objects import axes as axes_of
from dualcell.padding import Padding


def convolution_padding(module: Any) -> Padding:
    """How a convolution pads."""
    windows = extent(module.kernel_size, module.dilation)
    if module.padding == "same":  # PyTorch takes it with a stride of one only
        return Padding(windows, tuple(module.stride), None)
    pads = several(0 if module.padding == "valid" else module.padding, len(windows))
    return Padding(windows, tuple(module.stride), tuple((pad, pad) for pad in pads))


def numbers_for(padding: Padding) -> Any:
    """The number, or numbers, of PyTorch's padding.

    Raises:
        ValueError: PyTorch pads evenly, these edges are not even.
    """
    if padding.edges is None or any(before != after for before, after in padding.edges):
        unwritable(padding)
    return one_or_all(tuple(before for before, _ in padding.edges or ()))


def padding_said(module: Any) -> str:
    """`padding=1, ceil_mode=True`."""
    padding = module.padding
    said = spelt("padding", padding if isinstance(padding, str) else one_or_all(several(padding, 1)))
    return f"{said}, ceil_mode=True" if getattr(module, "ceil_mode", False) else said


def _padding_line(own: Padding, wanted: Padding, ups: tuple[bool, ...], fill: str = "") -> str:
    """`padding=1`, or else what has to come before the layer."""
    edges = wanted.numbers()
    pads = [even(number, len(own.windows)) for number in range(max(own.windows))]
    pads += [edges] if edges is not None and all(before == after for before, after in edges) else []
    for up, pad in product(ups, pads):
        if own.like(pad, up=up).agrees(wanted):
            return spelt("padding", numbers_for(own.like(pad))) + (f", ceil_mode={up}" if len(ups) > 1 else "")
    flat = "..." if edges is None else tuple(number for pair in reversed(edges) for number in pair)
    up = ", ceil_mode=False" if own.up else ""
    why = ", by the split of 'same' for the size of x" if edges is None else ""
    return f"torch.nn.functional.pad(x, {flat}{fill}) before it, padding=0{up}{why}"


def convolution_line(module: Any, wanted: Any, _: Any) -> str:
    """What to write for other padding of a convolution."""
    return _padding_line(convolution_padding(module), wanted, (False,))


def max_pool_line(module: Any, wanted: Any, _: Any) -> str:
    """The same for a maximum, in which zeros would win over negative numbers."""
    return _padding_line(pooling_padding(module), wanted, (False, True), ", value=-float('inf')")


def average_pool_line(module: Any, wanted: Any, others: Mapping[str, Any]) -> str:
    """The same for an average; Keras does not count what it pads."""
    line = _padding_line(pooling_padding(module), wanted, (False, True))
    if others.get("counts padding", True):
        return line
    if " before it" in line:
        return f"{line}, and divided by the same of torch.ones_like(x)"
    return line if line.startswith("padding=0,") or not module.count_include_pad else f"{line}, count_include_pad=False"


def crops(module: Any) -> tuple[tuple[int, int], ...]:
    """What a transposed convolution cuts off before and after each axis."""
    pads, outer = several(module.padding, axes_of(module)), several(module.output_padding, axes_of(module))
    return tuple((pad, pad - more) for pad, more in zip(pads, outer, strict=True))


def crops_said(module: Any) -> str:
    """`padding=1, output_padding=1`."""
    return ", ".join(spelt(word, one_or_all(getattr(module, word))) for word in ("padding", "output_padding"))


def crop_line(crops: Any) -> str:
    """What to write for other crops."""
    pads = tuple(before for before, _ in crops)
    more = tuple(before - after for before, after in crops)
    if all(extra >= 0 for extra in more):
        return f"{spelt('padding', one_or_all(pads))}, {spelt('output_padding', one_or_all(more))}"
    return f"padding=0, output_padding=0, and cut {crops} off before and after each axis"


def pads_anything(module: Any) -> bool:
    """Whether a module pads at all."""
    return any(several(module.padding, axes_of(module)))


def strides_of_pool(module: Any) -> Any:
    """The strides of a pooling; those of its window if it is told none."""
    stride = module.stride
    return several(module.kernel_size if stride is None or stride == () else stride, axes_of(module))


def pooling_padding(module: Any) -> Padding:
    """How a pooling pads."""
    axes = axes_of(module)
    windows = extent(several(module.kernel_size, axes), several(getattr(module, "dilation", 1), axes))
    edges = tuple((pad, pad) for pad in several(module.padding, axes))
    return Padding(windows, strides_of_pool(module), edges, up=module.ceil_mode)
