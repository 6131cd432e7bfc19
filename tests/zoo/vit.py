"""A small vision Transformer: patches, a class token, learned places, and query, key and value in one layer."""

from __future__ import annotations

from typing import Any

import keras
import torch
from keras import layers
from torch import Tensor, nn
from torch.nn import functional

from tests.zoo.by_hand import Copy, as_it_is, attention, conv, dense, norm, one_row
from tests.zoo.entry import Entry, channels_first, fresh, images, same

WIDTH, HEADS, PATCHES = 16, 4, 12


class ClassTokenAndPlaces(layers.Layer):
    """Puts a learned token before the patches and adds a learned vector to each place."""

    def build(self, shape: Any) -> None:
        self.token = self.add_weight(shape=(WIDTH,), name="token")
        self.places = self.add_weight(shape=(1, PATCHES + 1, WIDTH), name="places")

    def call(self, patches: Any) -> Any:
        token = keras.ops.broadcast_to(self.token, (keras.ops.shape(patches)[0], 1, WIDTH))
        return keras.ops.concatenate([token, patches], axis=1) + self.places


@fresh
def keras_model() -> keras.Model:
    image = keras.Input((24, 32, 3))
    x = layers.Conv2D(WIDTH, 8, strides=8, name="patches")(image)
    x = layers.Reshape((PATCHES, WIDTH))(x)
    x = ClassTokenAndPlaces(name="places")(x)
    for number in range(2):
        normed = layers.LayerNormalization(epsilon=1e-6, name=f"block{number}_norm1")(x)
        x += layers.MultiHeadAttention(HEADS, WIDTH // HEADS, name=f"block{number}_attention")(normed, normed)
        hidden = layers.LayerNormalization(epsilon=1e-6, name=f"block{number}_norm2")(x)
        hidden = layers.Dense(32, activation="gelu", name=f"block{number}_dense1")(hidden)
        x += layers.Dense(WIDTH, name=f"block{number}_dense2")(hidden)
    x = layers.LayerNormalization(epsilon=1e-6, name="norm")(x)
    return keras.Model(image, layers.Dense(5, name="head")(x[:, 0]))


class PatchEmbed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, WIDTH, 8, stride=8)

    def forward(self, x: Tensor) -> Tensor:
        return self.proj(x).flatten(2).transpose(1, 2)


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.proj = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, _ = x.shape
        query, key, value = self.qkv(x).reshape(batch, length, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        heads = functional.scaled_dot_product_attention(query, key, value)
        return self.proj(heads.transpose(1, 2).reshape(batch, length, WIDTH))


class Mlp(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(WIDTH, 32)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(32, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.act(self.fc1(x)))


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH, eps=1e-6)
        self.attn = Attention()
        self.norm2 = nn.LayerNorm(WIDTH, eps=1e-6)
        self.mlp = Mlp()

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class VisionTransformer(nn.Module):
    def __init__(self, classes: int = 5) -> None:
        super().__init__()
        self.patch_embed = PatchEmbed()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.pos_embed = nn.Parameter(torch.zeros(1, PATCHES + 1, WIDTH))
        self.blocks = nn.Sequential(Block(), Block())
        self.norm = nn.LayerNorm(WIDTH, eps=1e-6)
        self.head = nn.Linear(WIDTH, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch_embed(x)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], 1) + self.pos_embed
        return self.head(self.norm(self.blocks(x))[:, 0])


def _block(number: int) -> list[Copy]:
    keras_name, torch_name = f"block{number}", f"blocks.{number}"
    return [
        *norm(f"{keras_name}_norm1", f"{torch_name}.norm1"),
        *attention(f"{keras_name}_attention", f"{torch_name}.attn", joined="qkv.", output="proj"),
        *norm(f"{keras_name}_norm2", f"{torch_name}.norm2"),
        *dense(f"{keras_name}_dense1", f"{torch_name}.mlp.fc1"),
        *dense(f"{keras_name}_dense2", f"{torch_name}.mlp.fc2"),
    ]


VISION_TRANSFORMER = Entry(
    name="vision Transformer",
    keras=keras_model,
    torch=VisionTransformer,
    input=images(2, 24, 32, 3),
    copies=(
        *conv("patches", "patch_embed.proj"),
        Copy("cls_token", ("places/token",), one_row),
        Copy("pos_embed", ("places/places",), as_it_is),
        *_block(0),
        *_block(1),
        *norm("norm", "norm"),
        *dense("head", "head"),
    ),
    to_torch=channels_first,
    to_keras=same,
)
