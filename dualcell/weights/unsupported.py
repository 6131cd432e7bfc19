"""Layers that the table of kinds has no row for -> what they are and what to do, in one sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_CONV_LSTM = (
    "ConvLSTM{0}D has no equivalent in PyTorch: write a cell of your own with two nn.Conv{0}d for the four gates "
    "(input, forget, candidate, output) and copy its arrays by hand, or leave it out with "
    "overrides={{{{'{{path}}': None}}}}"
)

_KERAS: Mapping[str, str] = {
    **{f"ConvLSTM{rank}D": _CONV_LSTM.format(rank) for rank in (1, 2, 3)},
    "SpectralNormalization": "SpectralNormalization keeps its kernel divided by the norm already, so the kernel goes "
    "to a plain layer as it is; the vector its power iteration starts from has no place there: leave it out with "
    "overrides={{'{path}/vector_u': None}}",
    "GroupedQueryAttention": "GroupQueryAttention with fewer key heads than query heads is no nn.MultiheadAttention: "
    "build it in PyTorch of four nn.Linear (query, key, value, output) and "
    "scaled_dot_product_attention(..., enable_gqa=True)",
}


_INNER = ("ConvLSTM", "GroupedQueryAttention")  # their weights are those of layers in them


def hint_of(names: Sequence[str], around: Sequence[str], path: str) -> str:
    """What to do about a Keras layer; may be empty.

    Args:
        names: its class and the bases of that, the nearest first.
        around: the same of the layer that holds it.
        path: where it is.
    """
    inner = [name for name in around if name.startswith(_INNER)]
    found = next((_KERAS[name] for name in (*names, *inner) if name in _KERAS), "")
    return found.format(path=path)


def einsum_hint(equation: str) -> str:
    """What to do about an EinsumDense that is no dense layer."""
    return (
        f"EinsumDense({equation!r}) is no plain dense layer: it does not sum over the last axes alone, or leaves no "
        f"axis but the batch; build it as Dense with Permute or Flatten and Reshape around it, as nn.Linear is in "
        f"PyTorch, or copy its arrays by hand"
    )


def projected_hint(size: int) -> str:
    """What to do about an `nn.LSTM` that projects its state."""
    return (
        f"nn.LSTM(proj_size={size}) has no equivalent in Keras, whose LSTM feeds its state back as it is; build it "
        f"with proj_size=0, or write a cell of your own in Keras (a Dense after the LSTM is not the same)"
    )


def computed_hint(name: str, by: str, undo: str) -> str:
    """What to do about a tensor of a torch module that is computed from others whenever it is used.

    Args:
        name: of the tensor in its module.
        by: what computes it.
        undo: the call that makes it a plain parameter again.
    """
    return (
        f"a {name!r} here is computed by {by} and not kept, so no array of the other model fits its parts: {undo} on "
        f"each such module keeps the values it has now in one plain parameter; plan after that"
    )
