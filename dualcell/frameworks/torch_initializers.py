"""Keras' default initializers for the modules that a PyTorch block makes."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn import init
from torch.nn.modules.conv import _ConvNd  # pyright: ignore[reportPrivateUsage] - whose method all of them share

UNIFORM = 0.05  # bound of Keras' embeddings


@contextmanager
def keras_defaults() -> Generator[None]:
    """As long as it lasts, modules that are made get what Keras gives their kind; what code draws itself stays.

    Linear, convolutions: glorot_uniform and zeros. Recurrent layers: glorot_uniform of all
    gates together, orthogonal, zeros, and ones in the forget gate. Embeddings: U(±0.05).
    Attention: glorot_uniform of each projection, as Keras has it from 3.15 on. PReLU: 0.
    """
    before = [(kind, verb, vars(kind)[verb]) for kind, (verb, _) in _DRAWN.items()]
    try:
        for kind, verb, original in before:
            setattr(kind, verb, _instead(original, _DRAWN[kind][1]))
        yield
    finally:
        for kind, verb, original in before:
            setattr(kind, verb, original)


def _instead(original: Any, draw: Callable[[Any], None]) -> Any:
    """PyTorch's own drawing, for what it checks and for weights that Keras lacks; then Keras' over it."""

    def drawn(module: Any) -> None:
        original(module)
        if not any(parameter.is_meta for parameter in module.parameters()):
            with torch.no_grad():
                draw(module)

    return drawn


def _zeros(bias: Any) -> None:
    if bias is not None:
        init.zeros_(bias)


def _linear(module: Any) -> None:
    init.xavier_uniform_(module.weight)
    _zeros(module.bias)


def _convolution(module: Any) -> None:
    depthwise = module.groups == module.in_channels > 1 and not module.transposed
    if depthwise:  # Keras' kernel lies as (places..., channels, multiplier), and it counts the fans from that
        places = module.weight[0, 0].numel()
        bound = (6 / (places * (module.in_channels + module.out_channels // module.groups))) ** 0.5
        init.uniform_(module.weight, -bound, bound)
    else:
        init.xavier_uniform_(module.weight)
    _zeros(module.bias)


def _recurrent(module: Any) -> None:
    for name, parameter in module.named_parameters():
        if name.startswith("weight_ih"):
            init.xavier_uniform_(parameter)
        elif name.startswith("weight_hh"):
            init.orthogonal_(parameter)
        elif name.startswith("bias"):
            init.zeros_(parameter)
            if name.startswith("bias_ih") and isinstance(module, nn.LSTM | nn.LSTMCell):
                init.ones_(parameter[module.hidden_size : 2 * module.hidden_size])


def _embedding(module: Any) -> None:
    init.uniform_(module.weight, -UNIFORM, UNIFORM)
    if module.padding_idx is not None:
        init.zeros_(module.weight[module.padding_idx])


def _attention(module: Any) -> None:
    if module.in_proj_weight is not None:
        for projection in module.in_proj_weight.chunk(3):
            init.xavier_uniform_(projection)


def _prelu(module: Any) -> None:
    init.zeros_(module.weight)


_RESET = "reset_parameters"
# whoever is one of these: the method that draws its weights, and what Keras draws
_DRAWN: dict[Any, tuple[str, Callable[[Any], None]]] = {
    nn.Linear: (_RESET, _linear),
    _ConvNd: (_RESET, _convolution),
    nn.RNNBase: (_RESET, _recurrent),
    nn.RNNCellBase: (_RESET, _recurrent),
    nn.Embedding: (_RESET, _embedding),
    nn.EmbeddingBag: (_RESET, _embedding),
    nn.MultiheadAttention: ("_reset_parameters", _attention),
    nn.PReLU: (_RESET, _prelu),
}
