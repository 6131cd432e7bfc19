"""Weights carried from Keras to PyTorch by hand: the truth that a planner is held against.

Every move is written from the two frameworks' documentation. A test copies by these tables and
then compares what the two models compute, so a wrong line cannot stay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Move = Callable[..., Array]


@dataclass(frozen=True)
class Copy:
    """One tensor of the PyTorch model, and the Keras weights that it is made of.

    Args:
        target: a name in the module's `state_dict`.
        sources: names of Keras variables (as `entry.variables_of` has them), in the order in which `move` takes them.
        move: makes the array for `target` out of theirs.
    """

    target: str
    sources: tuple[str, ...]
    move: Move

    @property
    def kind(self) -> str:
        """The name of the move, such as `conv_kernel`."""
        return getattr(self.move, "func", self.move).__name__  # a partial has none of its own


def moved(copies: Iterable[Copy], weights: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays of a `state_dict`, by name, made of Keras weights, by path."""
    return {copy.target: copy.move(*(weights[path] for path in copy.sources)) for copy in copies}


# Moves of one weight.


def as_it_is(array: Array) -> Array:
    return array


def flat(array: Array) -> Array:
    """(1, 1, C), or (heads, size), to one axis."""
    return array.reshape(-1)


def one_row(vector: Array) -> Array:
    """(width,) to (1, 1, width)."""
    return vector.reshape(1, 1, -1)


def dense_kernel(kernel: Array) -> Array:
    """(in, out) to (out, in)."""
    return kernel.T


def pointwise_kernel(kernel: Array) -> Array:
    """A Dense kernel (in, out) to a 1x1 convolution's (out, in, 1, 1)."""
    return kernel.T[:, :, None, None]


def conv_kernel(kernel: Array) -> Array:
    """(*space, in / groups, out) to (out, in / groups, *space); transposed: (*space, out, in) to (in, out, *space)."""
    return np.moveaxis(kernel, (-1, -2), (0, 1))


def linear_from_conv(kernel: Array) -> Array:
    """A 1x1 convolution's (1, 1, in, out) to (out, in)."""
    return kernel[0, 0].T


def depthwise_kernel(kernel: Array) -> Array:
    """(H, W, C, multiplier) to (C * multiplier, 1, H, W)."""
    height, width, channels, multiplier = kernel.shape
    return kernel.transpose(2, 3, 0, 1).reshape(channels * multiplier, 1, height, width)


def after_flatten(kernel: Array, *, shape: tuple[int, int, int]) -> Array:
    """(H * W * C, out) to (out, C * H * W), where `shape` is the (H, W, C) that was flattened."""
    return kernel.reshape(*shape, -1).transpose(3, 2, 0, 1).reshape(kernel.shape[1], -1)


def before_unflatten(kernel: Array, *, shape: tuple[int, int, int]) -> Array:
    """(in, H * W * C) to (C * H * W, in), where `shape` is the (H, W, C) that the output becomes."""
    return kernel.reshape(-1, *shape).transpose(3, 1, 2, 0).reshape(kernel.shape[1], -1)


def vector_before_unflatten(vector: Array, *, shape: tuple[int, int, int]) -> Array:
    """(H * W * C,) to (C * H * W,), where `shape` is the (H, W, C) that the output becomes."""
    return vector.reshape(shape).transpose(2, 0, 1).reshape(-1)


# Moves of recurrent weights.


def nothing(bias: Array) -> Array:
    """PyTorch adds two biases where Keras has one: this one stays zero."""
    return np.zeros_like(bias)


def swapped_gates(kernel: Array) -> Array:
    """A GRU's (in, update | reset | new) to (reset | update | new, in)."""
    update, reset, new = np.split(kernel.T, 3)
    return np.concatenate([reset, update, new])


def input_bias(bias: Array) -> Array:
    """The first row of a GRU's (2, update | reset | new) to (reset | update | new,)."""
    return swapped_gates(bias[0])


def recurrent_bias(bias: Array) -> Array:
    """The second row of a GRU's (2, update | reset | new) to (reset | update | new,)."""
    return swapped_gates(bias[1])


# Moves of attention.


def joined_kernels(query: Array, key: Array, value: Array) -> Array:
    """Three (in, heads, size) to one (3 * heads * size, in)."""
    return np.concatenate([kernel.reshape(len(kernel), -1).T for kernel in (query, key, value)])


def joined_biases(query: Array, key: Array, value: Array) -> Array:
    """Three (heads, size) to one (3 * heads * size,)."""
    return np.concatenate([bias.reshape(-1) for bias in (query, key, value)])


def output_kernel(kernel: Array) -> Array:
    """(heads, size, out) to (out, heads * size)."""
    return kernel.reshape(-1, kernel.shape[-1]).T


# Whole layers.


def kernel_and_bias(keras: str, torch: str, move: Move, *, bias: bool = True) -> list[Copy]:
    copies = [Copy(f"{torch}.weight", (f"{keras}/kernel",), move)]
    return [*copies, Copy(f"{torch}.bias", (f"{keras}/bias",), as_it_is)] if bias else copies


dense = partial(kernel_and_bias, move=dense_kernel)
conv = partial(kernel_and_bias, move=conv_kernel)
depthwise = partial(kernel_and_bias, move=depthwise_kernel)


def norm(keras: str, torch: str) -> list[Copy]:
    """LayerNormalization and GroupNormalization."""
    return [
        Copy(f"{torch}.weight", (f"{keras}/gamma",), as_it_is),
        Copy(f"{torch}.bias", (f"{keras}/beta",), as_it_is),
    ]


def batch_norm(keras: str, torch: str) -> list[Copy]:
    return [
        *norm(keras, torch),
        Copy(f"{torch}.running_mean", (f"{keras}/moving_mean",), as_it_is),
        Copy(f"{torch}.running_var", (f"{keras}/moving_variance",), as_it_is),
    ]


def embedding(keras: str, torch: str) -> list[Copy]:
    return [Copy(f"{torch}.weight", (f"{keras}/embeddings",), as_it_is)]


def lstm(cell: str, torch: str, suffix: str = "l0") -> list[Copy]:
    """Both order the gates input | forget | cell | output."""
    return [
        Copy(f"{torch}.weight_ih_{suffix}", (f"{cell}/kernel",), dense_kernel),
        Copy(f"{torch}.weight_hh_{suffix}", (f"{cell}/recurrent_kernel",), dense_kernel),
        Copy(f"{torch}.bias_ih_{suffix}", (f"{cell}/bias",), as_it_is),
        Copy(f"{torch}.bias_hh_{suffix}", (f"{cell}/bias",), nothing),
    ]


def gru(cell: str, torch: str, suffix: str = "l0") -> list[Copy]:
    """With `reset_after=True`, the only kind that PyTorch has."""
    return [
        Copy(f"{torch}.weight_ih_{suffix}", (f"{cell}/kernel",), swapped_gates),
        Copy(f"{torch}.weight_hh_{suffix}", (f"{cell}/recurrent_kernel",), swapped_gates),
        Copy(f"{torch}.bias_ih_{suffix}", (f"{cell}/bias",), input_bias),
        Copy(f"{torch}.bias_hh_{suffix}", (f"{cell}/bias",), recurrent_bias),
    ]


def attention(keras: str, torch: str, *, joined: str = "in_proj_", output: str = "out_proj") -> list[Copy]:
    """To `nn.MultiheadAttention`, or to a module that names its parts differently."""
    query, key, value = (f"{keras}/{part}" for part in ("query", "key", "value"))
    return [
        Copy(f"{torch}.{joined}weight", (f"{query}/kernel", f"{key}/kernel", f"{value}/kernel"), joined_kernels),
        Copy(f"{torch}.{joined}bias", (f"{query}/bias", f"{key}/bias", f"{value}/bias"), joined_biases),
        Copy(f"{torch}.{output}.weight", (f"{keras}/attention_output/kernel",), output_kernel),
        Copy(f"{torch}.{output}.bias", (f"{keras}/attention_output/bias",), as_it_is),
    ]
