"""What the transformers of torch.nn compute, in plain lines that torch.fx can follow.

Their own `forward` looks at shapes and values to choose a fast path, which stand-ins have
not. Dropout and masks are left out: they hold no weights. After `torch/nn/modules/transformer.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn


def _encoder_layer(layer: Any, src: Any, *_: Any, **__: Any) -> Any:
    if layer.norm_first:
        src = src + _attended(layer.self_attn, layer.norm1(src))
        return src + _fed(layer, layer.norm2(src))
    src = layer.norm1(src + _attended(layer.self_attn, src))
    return layer.norm2(src + _fed(layer, src))


def _decoder_layer(layer: Any, tgt: Any, memory: Any, *_: Any, **__: Any) -> Any:
    if layer.norm_first:
        tgt = tgt + _attended(layer.self_attn, layer.norm1(tgt))
        tgt = tgt + _attended(layer.multihead_attn, layer.norm2(tgt), memory)
        return tgt + _fed(layer, layer.norm3(tgt))
    tgt = layer.norm1(tgt + _attended(layer.self_attn, tgt))
    tgt = layer.norm2(tgt + _attended(layer.multihead_attn, tgt, memory))
    return layer.norm3(tgt + _fed(layer, tgt))


def _attended(attention: Any, query: Any, memory: Any = None) -> Any:
    memory = query if memory is None else memory
    return attention(query, memory, memory)[0]


def _fed(layer: Any, x: Any) -> Any:
    return layer.linear2(layer.activation(layer.linear1(x)))


def _encoder(encoder: Any, src: Any, *_: Any, **__: Any) -> Any:
    for layer in encoder.layers:
        src = layer(src)
    return src if encoder.norm is None else encoder.norm(src)


def _decoder(decoder: Any, tgt: Any, memory: Any, *_: Any, **__: Any) -> Any:
    for layer in decoder.layers:
        tgt = layer(tgt, memory)
    return tgt if decoder.norm is None else decoder.norm(tgt)


def _transformer(transformer: Any, src: Any, tgt: Any, *_: Any, **__: Any) -> Any:
    return transformer.decoder(tgt, transformer.encoder(src))


PLAIN: Mapping[Callable[..., Any], Callable[..., Any]] = {
    nn.TransformerEncoderLayer.forward: _encoder_layer,
    nn.TransformerDecoderLayer.forward: _decoder_layer,
    nn.TransformerEncoder.forward: _encoder,
    nn.TransformerDecoder.forward: _decoder,
    nn.Transformer.forward: _transformer,
}
