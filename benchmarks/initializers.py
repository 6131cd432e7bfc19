"""Weights of real layers against what they are named for, and weights that no initializer has drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from time import perf_counter
from typing import Any

import keras
import torch
from torch import nn

from benchmarks.harness import FULL, Scale
from benchmarks.tables import Row, Table, at_least, at_most, no_target
from benchmarks.unrelated_weights import LEAST, others, trained
from dualcell import initializers
from dualcell.distributions import Drawn, drawn_from

LEAST_RECALL = 0.95
MOST_FALSE = 0.01
L = keras.layers
NOTE = """\
*Named*: the share of the weights of fresh layers, and of layers drawn by each initializer of both frameworks, whose \
own initializer is among those that are named; those of which dualcell says that they hold too few numbers to tell are \
counted apart. *Wrongly named*: weights of {nets} networks of PyTorch after 150 steps of Adam, for an initializer that \
they were not drawn from; and arrays of {kinds} other kinds, of 20 to 300 rows and columns, at scales like those of \
initializers (among them normal and uniform numbers, which at some scales are what an initializer draws). Only weights \
of at least {least} numbers count there."""

GLOROT, THIRD, HIDDEN = "glorot_uniform", "kaiming_uniform(a=√5)", "recurrent uniform"
FORGET = "zeros, ones in the forget gate"


def run(scale: Scale) -> Table:
    """A row for each promise."""
    widths, seeds = ((8, 32, 128, 512), 5) if scale is FULL else ((32,), 1)
    rows = [*_recall("weights of layers as they come, named", _fresh(widths, seeds)),
            *_recall("weights drawn by name, named", _by_name(widths, seeds))]  # fmt: skip
    networks = list(trained()) if scale is FULL else list(trained())[:1]
    rows += [_trained(networks), *_others(), _time()]
    kinds = len({kind for kind, _, _ in others()})
    return Table("Initializers", NOTE.format(nets=len(networks), kinds=kinds, least=LEAST), rows)


# --- what is named ---

Case = tuple[str, Drawn]  # the initializer, what was found


def _recall(what: str, cases: Iterator[Case]) -> Iterator[Row]:
    found = [(name, drawn) for name, drawn in cases]
    told = [(name, drawn) for name, drawn in found if drawn.verdict != "few"]
    hit = sum(_is_among(name, drawn) for name, drawn in told)
    alone = sum(_is_among(name, drawn) and len(drawn.fits) == 1 for name, drawn in told)
    yield at_least(what, hit / len(told), LEAST_RECALL, "", details=f"{hit:,} of {len(told):,}")
    yield no_target("... with no other beside it", alone / len(told), "")
    few = len(found) - len(told)
    yield no_target("... too few numbers to tell", few / len(found), "", details=f"{few:,} of {len(found):,}")


def _is_among(name: str, drawn: Drawn) -> bool:
    """Whether an initializer is one of those named, by whatever fans."""
    return any(name == one.partition(", fans")[0] for fit in drawn.names for one in _names(fit))


def _names(fit: str) -> list[str]:
    return fit.split(" = ")


def _fresh(widths: tuple[int, ...], seeds: int) -> Iterator[Case]:
    for seed in range(seeds):
        for width in widths:
            keras.utils.set_random_seed(1000 * seed + width)
            for layer, expected in _layers(width):
                for row in initializers(layer).rows:
                    for origin in row.origins:
                        tail = origin.name.partition("[")[0].rpartition("/")[2]
                        wanted = next(name for start, name in expected.items() if tail.startswith(start))
                        yield wanted, origin.drawn


def _built(layer: Any, *shape: Any) -> Any:
    layer.build(shape)
    return layer


def _layers(width: int) -> Iterator[tuple[Any, Mapping[str, str]]]:
    """Every kind of layer that has weights, of one width, and what each of its weights is drawn from."""
    usual, fused = {"": THIRD}, {"weight": HIDDEN, "bias": HIDDEN}
    plain = {"bias": "zeros", "": GLOROT}
    for layer in (nn.Linear(width, 2 * width), nn.Conv1d(width, width, 3), nn.Conv2d(width, width // 2, 3),
                  nn.Conv2d(width, 2 * width, 3, groups=width), nn.ConvTranspose2d(width, 4, 3),
                  nn.Bilinear(width, 4, width)):  # fmt: skip
        yield layer, usual
    for kind in (nn.RNN, nn.LSTM, nn.GRU, nn.LSTMCell):
        yield kind(width // 2, width), fused
    yield nn.Embedding(200, width), {"": "normal_"}
    yield nn.MultiheadAttention(width, 4), {"in_proj_bias": "zeros", "out_proj.bias": "zeros", "in_proj": GLOROT,
                                            "out_proj": THIRD}  # fmt: skip
    yield nn.BatchNorm1d(width), {"weight": "ones", "running_var": "ones", "": "zeros"}
    yield _built(L.Dense(2 * width), None, width), plain
    yield _built(L.Conv1D(width, 3), None, 9, width), plain
    yield _built(L.Conv2D(width // 2, 3), None, 9, 9, width), plain
    yield _built(L.DepthwiseConv2D(3, depth_multiplier=2), None, 9, 9, width), plain
    yield _built(L.SeparableConv2D(width, 3), None, 9, 9, width), plain
    yield _built(L.Conv2DTranspose(4, 3), None, 9, 9, width), plain
    yield _built(L.Embedding(200, width), None), {"": "random_uniform"}
    for kind, bias in ((L.SimpleRNN, "zeros"), (L.GRU, "zeros"), (L.LSTM, FORGET)):
        yield _built(kind(width), None, 7, width // 2), {"bias": bias, "recurrent": "orthogonal", "": GLOROT}
    attention: Any = L.MultiHeadAttention(4, width // 4)
    attention.build((None, 7, width), (None, 7, width))
    yield attention, plain
    yield _built(L.BatchNormalization(), None, width), {"gamma": "ones", "moving_variance": "ones", "": "zeros"}


IN_KERAS = ("glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal",
            "random_uniform", "random_normal", "truncated_normal", "orthogonal", "zeros", "ones")  # fmt: skip
IN_TORCH: Mapping[str, Callable[[torch.Tensor], Any]] = {
    "xavier_uniform": nn.init.xavier_uniform_,
    "xavier_normal": nn.init.xavier_normal_,
    "kaiming_uniform": nn.init.kaiming_uniform_,
    "kaiming_normal": nn.init.kaiming_normal_,
    "kaiming_normal(fan_out)": lambda tensor: nn.init.kaiming_normal_(tensor, mode="fan_out"),
    "orthogonal": nn.init.orthogonal_,
    "normal(std=0.02)": lambda tensor: nn.init.normal_(tensor, std=0.02),
    "uniform_": nn.init.uniform_,
    "trunc_normal_": nn.init.trunc_normal_,
}


def _by_name(widths: tuple[int, ...], seeds: int) -> Iterator[Case]:
    for seed in range(seeds):
        for width in widths:
            keras.utils.set_random_seed(1000 * seed + width)
            for name in IN_KERAS:
                layer = _built(L.Dense(3 * width, kernel_initializer=name), None, 2 * width)
                yield name, initializers(layer)["kernel"].drawn
            for name, draw in IN_TORCH.items():
                convolution = nn.Conv2d(width, 2 * width, 3)
                draw(convolution.weight)
                yield name, initializers(convolution)["weight"].drawn


# --- what is wrongly named ---


def _trained(networks: list[tuple[str, Any]]) -> Row:
    said = Counter[str]()
    for start, net in networks:
        for row in initializers(net).rows:
            drawn = row.left.drawn if row.left else None
            if drawn is not None and drawn.numbers is not None and drawn.numbers.count >= LEAST:
                own = any(_is_among(name, drawn) for name in (start, THIRD, HIDDEN))
                said["own" if own else drawn.verdict] += 1
    details = (
        f"{said['named']} of {said.total()}; {said['few']} too few to tell, {said['own']} still named for their own"
    )
    return at_most("trained weights, wrongly named", said["named"] / said.total(), MOST_FALSE, "", details=details)


def _others() -> Iterator[Row]:
    named, count = Counter[str](), Counter[str]()
    for kind, values, sizes in others():
        count[kind] += 1
        named[kind] += drawn_from(values, [sizes]).verdict == "named"
    wrong = +named
    details = f"{wrong.total()} of {count.total()}" + "".join(f"; {one}: {n}" for one, n in wrong.items())
    yield at_most("other arrays, wrongly named", wrong.total() / count.total(), MOST_FALSE, "", details=details)


def _time() -> Row:
    net = nn.Sequential(*(nn.Linear(1000, 1000) for _ in range(10)))
    started = perf_counter()
    initializers(net)
    return no_target("10 million weights of 10 layers", perf_counter() - started, " s")
