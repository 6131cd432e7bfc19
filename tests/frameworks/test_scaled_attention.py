"""Attention in all the ways people write it: where the scale stands does not tell query, key and value apart."""

from __future__ import annotations

from itertools import product

import pytest
from keras import layers, ops
from torch import einsum, matmul, nn
from torch.nn.functional import scaled_dot_product_attention, softmax

from tests.frameworks.both_ways import Net, Pair, agree, noise, refused, symbolic

WORDS, SCALE = noise(2, 5, 8), 8**-0.5

IN_KERAS = {
    "query": lambda q, k, v: ops.matmul(ops.softmax(ops.matmul(q * SCALE, ops.transpose(k, (0, 2, 1)))), v),
    "divided": lambda q, k, v: ops.matmul(ops.softmax(ops.matmul(q, ops.swapaxes(k, 1, 2)) / ops.sqrt(8.0)), v),
    "einsum": lambda q, k, v: ops.einsum("bqk,bkd->bqd", ops.softmax(ops.einsum("bqd,bkd->bqk", q, k) * SCALE), v),
}
IN_TORCH = {
    "one call": scaled_dot_product_attention,
    "divided": lambda q, k, v: (q @ k.transpose(-2, -1) / 8**0.5).softmax(-1) @ v,
    "query": lambda q, k, v: matmul(softmax(matmul(q * SCALE, k.mT), -1), v),
    "einsum": lambda q, k, v: einsum("bqk,bkd->bqd", softmax(einsum("bqd,bkd->bqk", q, k).mul(SCALE), -1), v),
}


def written(model_run, module_run):
    def make():
        def run(x):
            key, value, query = (layers.Dense(8)(x) for _ in range(3))
            return layers.Dense(3)(model_run(query, key, value))

        parts = {name: nn.Linear(8, 8) for name in "abc"}
        module = Net(lambda net, x: net.head(module_run(net.a(x), net.b(x), net.c(x))), **parts, head=nn.Linear(8, 3))
        return Pair(symbolic(run, (5, 8)), module, WORDS)

    return make


@pytest.mark.parametrize(("model_way", "module_way"), [*product(IN_KERAS, IN_TORCH)])
def test_the_scale_stands_anywhere(model_way, module_way):
    agree(written(IN_KERAS[model_way], IN_TORCH[module_way]))


def test_a_scale_alone_tells_nothing_apart():
    """Twice the one and thrice the other, against halves of either: nothing says which is which."""
    refused(
        written(lambda q, k, v: q * 2.0 + k * 3.0 + v, lambda a, b, c: a / 2.0 + b * 0.5 + c),
        "what is done with their inputs and results differs",
    )
