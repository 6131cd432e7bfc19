"""Two Transformer encoders: normalised after each step, as in the paper, and before it."""

from __future__ import annotations

from typing import Any

import keras
import torch
from keras import layers
from torch import Tensor, nn

from tests.zoo.by_hand import attention, dense, embedding, norm
from tests.zoo.entry import Entry, fresh, images, long, same, tokens

WORDS, LENGTH, WIDTH, HEADS = 40, 10, 16, 4


class TokenAndPosition(layers.Layer):
    """Words and places, embedded and added."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.tokens = layers.Embedding(WORDS, WIDTH)
        self.positions = layers.Embedding(LENGTH, WIDTH)

    def call(self, ids: Any) -> Any:
        return self.tokens(ids) + self.positions(keras.ops.arange(LENGTH))


class TransformerBlock(layers.Layer):
    """Attention and a feed-forward network, each added to its input and then normalised."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.attention = layers.MultiHeadAttention(HEADS, WIDTH // HEADS)
        self.feed_forward = keras.Sequential([layers.Dense(32, activation="relu"), layers.Dense(WIDTH)])
        self.norm1 = layers.LayerNormalization(epsilon=1e-6)
        self.norm2 = layers.LayerNormalization(epsilon=1e-6)
        self.dropout = layers.Dropout(0.1)

    def call(self, x: Any, training: bool | None = None) -> Any:
        x = self.norm1(x + self.dropout(self.attention(x, x), training=training))
        return self.norm2(x + self.dropout(self.feed_forward(x), training=training))


@fresh
def keras_encoder() -> keras.Model:
    ids = keras.Input((LENGTH,), dtype="int32")
    x = TokenAndPosition()(ids)
    x = TransformerBlock()(x)
    x = TransformerBlock()(x)
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(ids, layers.Dense(3)(x))


@fresh
def keras_prenorm() -> keras.Model:
    x = frames = keras.Input((LENGTH, WIDTH))
    for _ in range(2):
        normed = layers.LayerNormalization(epsilon=1e-5)(x)
        x = layers.Add()([x, layers.MultiHeadAttention(HEADS, WIDTH // HEADS)(normed, normed)])
        hidden = layers.Dense(48, activation="gelu")(layers.LayerNormalization(epsilon=1e-5)(x))
        x = layers.Add()([x, layers.Dense(WIDTH)(layers.Dropout(0.1)(hidden))])
    return keras.Model(frames, layers.LayerNormalization(epsilon=1e-5)(x))


class TextEncoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(WORDS, WIDTH)
        self.position_embedding = nn.Embedding(LENGTH, WIDTH)
        layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 32, dropout=0.1, layer_norm_eps=1e-6, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, num_layers=2)
        self.head = nn.Linear(WIDTH, 3)

    def forward(self, ids: Tensor) -> Tensor:
        places = torch.arange(ids.shape[1], device=ids.device)
        x = self.token_embedding(ids) + self.position_embedding(places)
        return self.head(self.encoder(x).mean(1))


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(WIDTH)
        self.attn = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        self.ln_2 = nn.LayerNorm(WIDTH)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 48), nn.GELU(), nn.Dropout(0.1), nn.Linear(48, WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        normed = self.ln_1(x)
        x = x + self.attn(normed, normed, normed, need_weights=False)[0]
        return x + self.mlp(self.ln_2(x))


class PreNormEncoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([Block() for _ in range(2)])
        self.ln_f = nn.LayerNorm(WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return self.ln_f(x)


TRANSFORMER = Entry(
    name="Transformer encoder",
    keras=keras_encoder,
    torch=TextEncoder,
    input=tokens(2, LENGTH, WORDS),
    copies=(
        *embedding("token_and_position/embedding", "token_embedding"),
        *embedding("token_and_position/embedding_1", "position_embedding"),
        *attention("transformer_block/multi_head_attention", "encoder.layers.0.self_attn"),
        *dense("transformer_block/sequential/dense", "encoder.layers.0.linear1"),
        *dense("transformer_block/sequential/dense_1", "encoder.layers.0.linear2"),
        *norm("transformer_block/layer_normalization", "encoder.layers.0.norm1"),
        *norm("transformer_block/layer_normalization_1", "encoder.layers.0.norm2"),
        *attention("transformer_block_1/multi_head_attention_1", "encoder.layers.1.self_attn"),
        *dense("transformer_block_1/sequential_1/dense_2", "encoder.layers.1.linear1"),
        *dense("transformer_block_1/sequential_1/dense_3", "encoder.layers.1.linear2"),
        *norm("transformer_block_1/layer_normalization_2", "encoder.layers.1.norm1"),
        *norm("transformer_block_1/layer_normalization_3", "encoder.layers.1.norm2"),
        *dense("dense_4", "head"),
    ),
    to_torch=long,
    to_keras=same,
)

PRENORM_TRANSFORMER = Entry(
    name="pre-norm Transformer encoder",
    keras=keras_prenorm,
    torch=PreNormEncoder,
    input=images(2, LENGTH, WIDTH),
    copies=(
        *norm("layer_normalization", "blocks.0.ln_1"),
        *attention("multi_head_attention", "blocks.0.attn"),
        *norm("layer_normalization_1", "blocks.0.ln_2"),
        *dense("dense", "blocks.0.mlp.0"),
        *dense("dense_1", "blocks.0.mlp.3"),
        *norm("layer_normalization_2", "blocks.1.ln_1"),
        *attention("multi_head_attention_1", "blocks.1.attn"),
        *norm("layer_normalization_3", "blocks.1.ln_2"),
        *dense("dense_2", "blocks.1.mlp.0"),
        *dense("dense_3", "blocks.1.mlp.3"),
        *norm("layer_normalization_4", "ln_f"),
    ),
    to_torch=torch.from_numpy,
    to_keras=same,
)
