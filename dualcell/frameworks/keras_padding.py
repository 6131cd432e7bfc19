"""How Keras' convolutions and poolings pad, and what to write for other padding."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

from dualcell.frameworks.keras_objects import axes as axes_of
from dualcell.frameworks.keras_objects import built_shape
from dualcell.frameworks.spelling import even, extent, one_or_all, several, spelt, unwritable
from dualcell.padding import Edges, Padding


def _sizes(layer: Any) -> tuple[int | None, ...] | None:
    """The lengths of the input along the axes that are padded, as the layer was built; None if it was not."""
    shape = built_shape(layer)
    if shape is None:
        return None
    sizes = shape[1:-1] if layer.data_format == "channels_last" else shape[2:]
    return sizes if len(sizes) == axes_of(layer) else None


def _padding(layer: Any, windows: tuple[int, ...]) -> Padding:
    strides = several(layer.strides, axes_of(layer))
    edges: dict[str, Edges | None] = {"valid": even(0, len(windows)), "same": None, "causal": ((windows[0] - 1, 0),)}
    return Padding(windows, strides, edges[layer.padding], sizes=_sizes(layer))


def convolution_padding(layer: Any) -> Padding:
    """How a convolution pads."""
    axes = axes_of(layer)
    return _padding(layer, extent(several(layer.kernel_size, axes), several(layer.dilation_rate, axes)))


def pooling_padding(layer: Any) -> Padding:
    """How a pooling pads."""
    return _padding(layer, several(layer.pool_size, axes_of(layer)))


def said_with(padding_of: Callable[[Any], Padding]) -> Callable[[Any], str]:
    """`padding='same'`, and what that is here."""

    def said(layer: Any) -> str:
        word = spelt("padding", layer.padding)
        if layer.padding == "valid":
            return word
        edges = padding_of(layer).numbers()
        return f"{word}, which pads {'by the size of the input' if edges is None else one_or_all(edges)}"

    return said


def _word_line(own: Padding, wanted: Padding) -> str:
    """`padding='same'`; empty if neither word says it."""
    words = {"valid": own.like(even(0, len(own.windows))), "same": own.like(None)}
    return next((spelt("padding", word) for word, padding in words.items() if padding.agrees(wanted)), "")


def _zeros_line(layer: Any, wanted: Padding) -> str:
    """The layer that pads with zeros before; empty if that hangs on the size of the input."""
    edges = wanted.numbers()
    if edges is None:
        return ""
    sides = edges if len(edges) > 1 else next(iter(edges))
    first = ", data_format='channels_first'" if layer.data_format == "channels_first" else ""
    return f"keras.layers.ZeroPadding{len(edges)}D({sides}{first}) before it, padding='valid'"


def convolution_line(layer: Any, wanted: Any, _: Any) -> str:
    """What to write for other padding of a convolution."""
    return _word_line(convolution_padding(layer), wanted) or _zeros_line(layer, wanted)


def max_pool_line(layer: Any, wanted: Any, _: Any) -> str:
    """The same for a maximum, in which zeros would win over negative numbers."""
    word, edges = _word_line(pooling_padding(layer), wanted), wanted.numbers()
    if word or edges is None:
        return word
    none = (0, 0)
    pads = (none, none, *edges) if layer.data_format == "channels_first" else (none, *edges, none)
    return f"keras.ops.pad(x, {pads}, constant_values=-float('inf')) before it, padding='valid'"


def average_pool_line(layer: Any, wanted: Any, others: Mapping[str, Any]) -> str:
    """The same for an average: what Keras pads itself it does not count, zeros of another layer it does."""
    if others.get("counts padding"):
        return _zeros_line(layer, wanted)
    return _word_line(pooling_padding(layer), wanted)


def word_for(padding: Padding) -> str:
    """The word of Keras for given edges.

    Raises:
        ValueError: there is none.
    """
    if padding.edges is None:
        return "same"
    return "valid" if not any(number for pair in padding.edges for number in pair) else unwritable(padding)


def crops(layer: Any) -> tuple[tuple[int, int], ...]:
    """What a transposed convolution cuts off before and after each axis."""
    return _crops(layer, layer.padding, several(layer.output_padding, axes_of(layer)))


def _crops(layer: Any, padding: str, outer: tuple[int | None, ...]) -> tuple[tuple[int, int], ...]:
    """The same for other padding (Keras' backend_utils.py has the formula)."""
    axes = axes_of(layer)
    windows = extent(several(layer.kernel_size, axes), several(layer.dilation_rate, axes))
    strides = several(layer.strides, axes)
    return tuple(
        _crop(window, stride, padding, more) for window, stride, more in zip(windows, strides, outer, strict=True)
    )


def crops_line(layer: Any, wanted: Any, _: Any) -> str:
    """The padding that cuts so much off, if there is one; the same on all axes."""
    more = (None, *range(min(several(layer.strides, axes_of(layer)))))
    for padding, outer in product(("valid", "same"), more):
        if _crops(layer, padding, (outer,) * axes_of(layer)) == wanted:
            return f"padding={padding!r}, output_padding={outer}"
    return ""


def _crop(window: int, stride: int, padding: str, more: int | None) -> tuple[int, int]:
    if padding == "valid":
        return 0, -(max(window, stride) - window if more is None else more)
    total = stride + window - 2 if more is None else window + window % 2 - 2 + more
    left = min(total // 2 + total % 2, window - 1)
    return window - 1 - left, window - 1 - (total - left)


def crops_said(layer: Any) -> str:
    """`padding='same'`, and what that cuts off."""
    outer = layer.output_padding
    more = "" if outer is None else f", {spelt('output_padding', one_or_all(several(outer, 1)))}"
    return f"{spelt('padding', layer.padding)}{more}, which cuts {one_or_all(crops(layer))}"
