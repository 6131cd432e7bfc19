"""Weights that no initializer of the catalogue has drawn: trained ones, and arrays of other origin."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import torch
from torch import nn

from dualcell.cause import Array
from dualcell.distributions import Sizes

STEPS, RATE = 150, 1e-2  # of training
LEAST = 50  # numbers of a weight that is looked at


def trained() -> Iterator[tuple[str, nn.Module]]:
    """(what its kernels were drawn from, a network after some training): four kinds, drawn in four ways."""
    for kind, make in NETWORKS.items():
        for start, draw in STARTS.items():
            torch.manual_seed(len(kind) + 10 * len(start))
            net = make()
            _draw(net, draw)
            _train(net)
            yield start, net


class _Last(nn.Module):
    """A recurrent layer and what reads its last step."""

    def __init__(self, layer: nn.Module, units: int) -> None:
        super().__init__()
        self.layer, self.head = layer, nn.Linear(units, 8)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.head(self.layer(inputs.reshape(len(inputs), 8, 8))[0][:, -1])


NETWORKS: Mapping[str, Callable[[], nn.Module]] = {
    "dense": lambda: nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 48), nn.Tanh(), nn.Linear(48, 8)),
    "convolutions": lambda: nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Conv2d(16, 32, 3), nn.ReLU(), nn.Flatten(),
        nn.Linear(512, 8),
    ),
    "lstm": lambda: _Last(nn.LSTM(8, 32, batch_first=True), 32),
    "attention": lambda: nn.Sequential(
        nn.Unflatten(1, (4, 16)), nn.TransformerEncoderLayer(16, 2, 32, 0.0, batch_first=True), nn.Flatten(),
        nn.Linear(64, 8),
    ),
}  # fmt: skip
STARTS: Mapping[str, Callable[[torch.Tensor], object] | None] = {
    "kaiming_uniform(a=√5)": None,
    "xavier_uniform": nn.init.xavier_uniform_,
    "kaiming_normal": nn.init.kaiming_normal_,
    "normal(std=0.02)": lambda tensor: nn.init.normal_(tensor, std=0.02),
}


def _draw(net: nn.Module, draw: Callable[[torch.Tensor], object] | None) -> None:
    for parameter in net.parameters():
        if draw is not None and parameter.ndim > 1:
            draw(parameter)


def _train(net: nn.Module) -> None:
    """To copy a random function of 64 numbers."""
    optimizer = torch.optim.Adam(net.parameters(), lr=RATE)
    teacher = torch.randn(64, 8) / 4
    for _ in range(STEPS):
        inputs = torch.randn(64, 64)
        optimizer.zero_grad()
        nn.functional.mse_loss(net(inputs), 3 * torch.sin(inputs @ teacher)).backward()
        optimizer.step()


def others() -> Iterator[tuple[str, Array, Sizes]]:
    """(kind, numbers, the fans of a layer they could be of); the scale of each is near that of an initializer."""
    random = np.random.default_rng(0)
    for kind, make in OTHERS.items():
        for _ in range(8):
            rows, columns = (int(size) for size in random.integers(20, 300, 2))
            scale = np.exp(random.uniform(np.log(0.01), np.log(0.5)))
            yield kind, (scale * make(random, (rows, columns))).astype(np.float32), Sizes(rows, columns)


def _pruned(random: np.random.Generator, shape: tuple[int, int]) -> Array:
    values = random.standard_normal(shape)
    return np.where(np.abs(values) < 0.5, 0, values)


def _several_scales(random: np.random.Generator, shape: tuple[int, int]) -> Array:
    return random.standard_normal(shape) * random.uniform(0.3, 1, (shape[0], 1))


def _low_rank(random: np.random.Generator, shape: tuple[int, int], rank: int = 6) -> Array:
    return random.standard_normal((shape[0], rank)) @ random.standard_normal((rank, shape[1])) / rank**0.5


def _low_rank_and_noise(random: np.random.Generator, shape: tuple[int, int]) -> Array:
    return random.standard_normal(shape) + _low_rank(random, shape, 1) / 2


def _waves(random: np.random.Generator, shape: tuple[int, int]) -> Array:
    return np.sin(np.arange(shape[0])[:, None] / np.exp(np.arange(shape[1]) / 20))


def _cut(random: np.random.Generator, shape: tuple[int, int]) -> Array:
    generator = torch.Generator().manual_seed(int(random.integers(9999)))
    return nn.init.trunc_normal_(torch.empty(shape), generator=generator).numpy()


Make = Callable[[np.random.Generator, tuple[int, int]], Array]
OTHERS: Mapping[str, Make] = {
    "normal, of any scale": lambda random, shape: random.standard_normal(shape),
    "uniform, of any scale": lambda random, shape: random.uniform(-1, 1, shape),
    "cut normal, of any scale": _cut,
    "Laplace": lambda random, shape: random.laplace(size=shape),
    "Student": lambda random, shape: random.standard_t(5, shape),
    "triangle": lambda random, shape: random.triangular(-1, 0, 1, shape),
    "around another mean": lambda random, shape: random.normal(0.3, 1, shape),
    "rows of several scales": _several_scales,
    "low rank": _low_rank,
    "low rank and noise": _low_rank_and_noise,
    "pruned": _pruned,
    "waves": _waves,
    "after a ReLU": lambda random, shape: np.maximum(0, random.standard_normal(shape)),
    "a walk": lambda random, shape: np.cumsum(random.standard_normal(shape), 1) / shape[1] ** 0.5,
    "pixels": lambda random, shape: random.integers(0, 256, shape) / 255.0,
}
