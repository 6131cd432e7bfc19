"""Matrices that stand alone, in no layer: how they lie is told by what they are multiplied with."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from keras import layers, ops
from torch import nn
from torch.nn import functional

import dualcell
from tests.frameworks.both_ways import Layer, Net, Pair, agree, held, noise, symbolic

VECTORS, WORDS = noise(4, 8), noise(2, 5, 8)


MODEL_PRODUCTS = {
    "matmul": (lambda layer, x: ops.matmul(x, layer.w), (8, 6)),
    "at": (lambda layer, x: x @ layer.w, (8, 6)),
    "dot": (lambda layer, x: ops.dot(x, layer.w), (8, 6)),
    "einsum": (lambda layer, x: ops.einsum("bi,io->bo", x, layer.w), (8, 6)),
    "dot of turned": (lambda layer, x: ops.dot(x, ops.transpose(layer.w)), (6, 8)),
    "einsum of the second": (lambda layer, x: ops.einsum("bi,oi->bo", x, layer.w), (6, 8)),
    "turned": (lambda layer, x: ops.matmul(x, ops.transpose(layer.w)), (6, 8)),
    "turned twice": (lambda layer, x: ops.matmul(x, ops.transpose(ops.transpose(layer.w))), (8, 6)),
}
MODULE_PRODUCTS = {
    "linear": (lambda net, x: functional.linear(x, net.w), (6, 8)),
    "at": (lambda net, x: x @ net.w, (8, 6)),
    "at T": (lambda net, x: x @ net.w.T, (6, 8)),
    "at t()": (lambda net, x: x @ net.w.t(), (6, 8)),
    "at mT": (lambda net, x: x @ net.w.mT, (6, 8)),
    "mm of T": (lambda net, x: torch.mm(x, net.w.T), (6, 8)),
    "mm": (lambda net, x: torch.mm(x, net.w), (8, 6)),
    "transpose": (lambda net, x: torch.matmul(x, net.w.transpose(0, 1)), (6, 8)),
    "linear of T": (lambda net, x: functional.linear(x, net.w.T), (8, 6)),
    "einsum": (lambda net, x: torch.einsum("bi,io->bo", x, net.w), (8, 6)),
    "einsum of the second": (lambda net, x: torch.einsum("...i, oi -> ...o", x, net.w), (6, 8)),
    "scaled": (lambda net, x: functional.linear(x, net.w * 0.5) * 2, (6, 8)),
}


def products(model_product, module_product, *, square):
    def make():
        (model_run, model_shape), (module_run, module_shape) = model_product, module_product
        first, second = (((8, 8),) * 2) if square else (model_shape, module_shape)
        model = symbolic(lambda x: layers.Dense(3)(Layer(model_run, {"w": first})(x)), (8,))
        head = nn.Linear(8 if square else 6, 3)
        module = Net(lambda net, x: net.head(module_run(net, x)), head=head, w=held(*second))
        return Pair(model, module, VECTORS)

    return make


@pytest.mark.parametrize("square", [True, False])
@pytest.mark.parametrize("name", MODULE_PRODUCTS)
def test_a_matrix_lies_as_the_module_takes_it(name, square):
    agree(products(MODEL_PRODUCTS["matmul"], MODULE_PRODUCTS[name], square=square))


@pytest.mark.parametrize("square", [True, False])
@pytest.mark.parametrize("name", MODEL_PRODUCTS)
def test_a_matrix_lies_as_the_model_takes_it(name, square):
    agree(products(MODEL_PRODUCTS[name], MODULE_PRODUCTS["linear"], square=square))


def test_a_matrix_between_two_modules_stays_as_it_is_multiplied():
    one = Net(lambda net, x: functional.linear(x, net.w), w=nn.Parameter(torch.rand(8, 8)))
    other = Net(lambda net, x: x @ net.w, w=held(8, 8))
    dualcell.plan_weights(one, other).apply()
    assert torch.equal(one.w.T, other.w)


STACKED = {
    "bmm": lambda net, x: torch.bmm(x, net.w),
    "transpose": lambda net, x: torch.bmm(x, net.w.transpose(1, 2)),
    "permute": lambda net, x: x @ net.w.permute(0, 2, 1),
    "mT": lambda net, x: x @ net.w.mT,
    "twice": lambda net, x: x @ net.w.mT.transpose(-1, -2),
    "einsum": lambda net, x: torch.einsum("ebi,eio->ebo", x, net.w),
    "einsum of the last": lambda net, x: torch.einsum("ebi,eoi->ebo", x, net.w),
}


@pytest.mark.parametrize("name", STACKED)
def test_several_matrices_lie_as_they_are_taken(name):
    def make():
        model = symbolic(lambda x: layers.Dense(3)(Layer(MODEL_PRODUCTS["matmul"][0], {"w": (2, 4, 4)})(x)), (4, 4))
        module = Net(lambda net, x: net.head(STACKED[name](net, x)), head=nn.Linear(4, 3), w=held(2, 4, 4))
        return Pair(model, module, noise(2, 4, 4))

    agree(make)


def tied():
    """An embedding whose table also makes the results: in both models it lies as an embedding does."""
    words = np.random.default_rng(0).integers(0, 8, (5, 3))

    def run(x):
        table = layers.Embedding(8, 8)
        found = table(x)
        return Layer(lambda _, values: ops.matmul(values, ops.transpose(table.embeddings)), {})(layers.Dense(8)(found))

    module = Net(
        lambda net, x: functional.linear(net.d(net.e(x)), net.e.weight), e=nn.Embedding(8, 8), d=nn.Linear(8, 8)
    )
    return Pair(symbolic(run, (3,), dtype="int32"), module, words)


class Made(layers.Layer):
    """A matrix that a layer makes of weights: these lie as the layer takes them."""

    def __init__(self):
        super().__init__()
        self.inner, self.w = layers.Dense(8), self.add_weight(shape=(8, 8), name="w")

    def call(self, given):
        return ops.matmul(given, ops.transpose(self.inner(self.w)))


def made():
    module = Net(lambda net, x: functional.linear(x, net.d(net.w)), d=nn.Linear(8, 8), w=held(8, 8))
    return Pair(symbolic(lambda x: Made()(x), (8,)), module, VECTORS)


@pytest.mark.parametrize("make", [tied, made])
def test_weights_that_a_layer_takes_are_not_turned(make):
    agree(make)


def test_a_vector_has_no_axes_to_turn():
    def make():
        model = symbolic(lambda x: Layer(MODEL_PRODUCTS["matmul"][0], {"w": (8,)})(x), (8,))
        return Pair(model, Net(lambda net, x: functional.linear(x, net.w), w=held(8)), VECTORS)

    agree(make)


@pytest.mark.parametrize("product", [functional.linear, lambda x, matrix: x @ matrix.T])
def test_a_matrix_that_mixes_the_places_of_a_sequence(product):
    """What it takes has its axes turned, which does not matter to it."""

    def make():
        def run(layer, x):
            return ops.matmul(ops.transpose(x, (0, 2, 1)), ops.transpose(layer.w))

        model = symbolic(lambda x: layers.Dense(3)(Layer(run, {"w": (5, 5)})(x)), (5, 8))
        module = Net(lambda net, x: net.o(product(x.transpose(1, 2), net.w)), o=nn.Linear(5, 3), w=held(5, 5))
        return Pair(model, module, WORDS)

    agree(make)
