"""Layers of one shape that are wired alike: told apart by what is done with them, or else their order is noted."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import torch
from keras import layers, ops
from torch import nn
from torch.nn import functional

from dualcell.weights.evidence import told_apart
from tests.frameworks.both_ways import Layer, Net, Pair, agree, channels_first, noise, noted, refused, same, symbolic

VECTORS, WORDS, IMAGES = noise(4, 8), noise(2, 8, 8), noise(2, 8, 8, 8)


def twins(model_run, module_run, given=VECTORS):
    """Two dense layers, defined in another order on the other side."""

    def make():
        model = symbolic(lambda x: model_run(layers.Dense(8), layers.Dense(8), x), given.shape[1:])
        return Pair(model, Net(lambda net, x: module_run(net.p, net.q, x), p=nn.Linear(8, 8), q=nn.Linear(8, 8)), given)

    return make


def image_twins(model_run, module_run, result=same):
    def make():
        model = symbolic(lambda x: model_run(layers.Conv2D(8, 1), layers.Conv2D(8, 1), x), IMAGES.shape[1:])
        parts = {"p": nn.Conv2d(8, 8, 1), "q": nn.Conv2d(8, 8, 1)}
        module = Net(lambda net, x: module_run(net.p, net.q, x), **parts)
        return Pair(model, module, IMAGES, channels_first, result)

    return make


def recurrent_twins(model_run, module_run, **settings):
    def make():
        def run(x):
            return layers.Dense(3)(model_run(layers.LSTM(8, **settings), layers.LSTM(8, **settings), x))

        parts = {name: nn.LSTM(8, 8, batch_first=True) for name in "pq"}
        module = Net(lambda net, x: net.head(module_run(net.p, net.q, x)), **parts, head=nn.Linear(8, 3))
        return Pair(symbolic(run, (8, 8)), module, WORDS)

    return make


# --- told apart ---


def columns():
    """An embedding for each column."""
    table = np.random.default_rng(0).integers(0, 10, (5, 3))

    def run(x):
        return layers.Dense(3)(layers.Add()([layers.Embedding(10, 4)(x[:, place]) for place in range(3)]))

    parts = {name: nn.Embedding(10, 4) for name in "pqr"}
    module = Net(lambda n, x: n.head(n.p(x[:, 2]) + n.q(x[:, 0]) + n.r(x[:, 1])), **parts, head=nn.Linear(4, 3))
    return Pair(symbolic(run, (3,), dtype="int32"), module, table)


def experts(turned):
    """A mixture: each expert is multiplied with a column of the gate."""

    def run(x):
        gate = layers.Dense(3, "softmax")(x)
        return sum(gate[:, place : place + 1] * layers.Dense(8)(x) for place in range(3))

    def forward(net, x):
        gate = net.gate(x).softmax(-1)
        return sum(
            gate[:, place : place + 1] * net.experts[2 - place](x) for place in ((2, 1, 0) if turned else range(3))
        )

    parts = nn.ModuleList(nn.Linear(8, 8) for _ in range(3))
    return Pair(symbolic(run, (8,)), Net(forward, experts=parts, gate=nn.Linear(8, 3)), VECTORS)


def gated():
    """`gate * a + (1 - gate) * b`."""

    def run(x):
        one, other, gate = layers.Dense(8)(x), layers.Dense(8)(x), layers.Dense(8, "sigmoid")(x)
        return gate * one + (1 - gate) * other

    def forward(net, x):
        gate = net.gate(x).sigmoid()
        return (1 - gate) * net.p(x) + gate * net.q(x)

    return Pair(symbolic(run, (8,)), Net(forward, **{n: nn.Linear(8, 8) for n in ("p", "q", "gate")}), VECTORS)


def attention():
    """keras.layers.Attention takes query, value, key."""

    def run(x):
        query, value, key = (layers.Dense(8)(x) for _ in range(3))
        return layers.Dense(3)(layers.Attention()([query, value, key]))

    def forward(net, x):
        return net.head((net.a(x) @ net.b(x).transpose(1, 2)).softmax(-1) @ net.c(x))

    parts = {name: nn.Linear(8, 8) for name in "abc"}
    return Pair(symbolic(run, (8, 8)), Net(forward, **parts, head=nn.Linear(8, 3)), WORDS)


def attention_of_two():
    """Its key is its value where two inputs are given."""

    def run(x):
        query, value = layers.Dense(8)(x), layers.Dense(8)(x)
        return layers.Dense(3)(layers.Attention()([query, value]))

    def forward(net, x):
        value = net.a(x)
        return net.head((net.b(x) @ value.transpose(1, 2)).softmax(-1) @ value)

    return Pair(symbolic(run, (8, 8)), Net(forward, a=nn.Linear(8, 8), b=nn.Linear(8, 8), head=nn.Linear(8, 3)), WORDS)


def scaled_attention():
    """functional.scaled_dot_product_attention takes query, key, value."""

    def run(x):
        key, value, query = (layers.Dense(8)(x) for _ in range(3))
        shares = ops.softmax(ops.matmul(query, ops.transpose(key, (0, 2, 1))))
        return layers.Dense(3)(ops.matmul(shares, value))

    def forward(net, x):
        return net.head(functional.scaled_dot_product_attention(net.a(x), net.b(x), net.c(x), scale=1.0))

    parts = {name: nn.Linear(8, 8) for name in "abc"}
    return Pair(symbolic(run, (8, 8)), Net(forward, **parts, head=nn.Linear(8, 3)), WORDS)


class Item(nn.Module):
    """The towers of two inputs, of which this side takes the other first."""

    def __init__(self):
        super().__init__()
        self.e1, self.f1 = nn.Embedding(20, 8), nn.Linear(8, 8)
        self.e2, self.f2 = nn.Embedding(20, 8), nn.Linear(8, 8)

    def forward(self, item, user):
        return (self.f1(self.e1(item)) * self.f2(self.e2(user))).sum(-1, keepdim=True)


class ItemSized(Item):
    """As many items are read as there are users: that tells nothing but a size of them."""

    def forward(self, item, user):
        return super().forward(item[: user.shape[0]].view(user.shape[0]), user)


class Turned:
    """A module that is called with its inputs the other way round."""

    def __init__(self, module):
        self.module = module

    def eval(self):
        return lambda one, other: self.module.eval()(other, one)


def towers(module=Item):
    random = np.random.default_rng(0)
    inputs = [keras.Input((), dtype="int32", name=name) for name in ("user", "item")]
    ends = [layers.Dense(8)(layers.Embedding(20, 8)(each)) for each in inputs]
    pair = Pair(keras.Model(inputs, layers.Dot(1)(ends)), module(), [random.integers(0, 20, 4) for _ in inputs])
    pair.error = lambda: Pair(pair.model, Turned(pair.module), pair.given).error()
    return pair


def backwards():
    def run(x):
        return layers.Dense(5)(layers.Add()([layers.LSTM(8)(x), layers.LSTM(8, go_backwards=True)(x)]))

    def forward(net, x):
        return net.head(net.p(x.flip(1))[0][:, -1] + net.q(x)[0][:, -1])

    parts = {name: nn.LSTM(8, 8, batch_first=True) for name in "pq"}
    return Pair(symbolic(run, (8, 8)), Net(forward, **parts, head=nn.Linear(8, 5)), WORDS)


def product():
    """One is multiplied with a matrix that stands alone."""

    def run(x):
        times = Layer(lambda layer, values: ops.matmul(values, layer.w), {"w": (8, 8)})
        return times(layers.Dense(8)(x)) + layers.Dense(8)(x)

    parts = {"w": nn.Parameter(torch.zeros(8, 8)), "p": nn.Linear(8, 8), "q": nn.Linear(8, 8)}
    return Pair(symbolic(run, (8,)), Net(lambda n, x: n.p(x) + functional.linear(n.q(x), n.w), **parts), VECTORS)


def pools(model_pool, module_pool):
    return image_twins(
        lambda a, b, x: ops.max(a(model_pool(2)(x)), (1, 2)) + ops.max(b(model_pool(4)(x)), (1, 2)),
        lambda p, q, x: p(module_pool(x, 4)).amax((2, 3)) + q(module_pool(x, 2)).amax((2, 3)),
    )


def states(x_state, y_state):
    return recurrent_twins(
        lambda a, b, x: layers.Add()([a(x)[x_state], b(x)[y_state]]),
        lambda p, q, x: p(x)[1][y_state - 1][-1] + q(x)[1][x_state - 1][-1],
        return_state=True,
    )


def unpacked_states(p, q, x):
    """A tuple that is unpacked gives states that nobody takes."""
    _, (_, p_cell) = p(x)
    _, (q_hidden, _) = q(x)
    return p_cell[-1] + q_hidden[-1]


def leaky(x, slope):
    return layers.LeakyReLU(negative_slope=slope)(x)


TOLD = {
    "columns": columns, "experts": lambda: experts(False), "experts turned": lambda: experts(True), "gated": gated,
    "attention": attention, "attention of two": attention_of_two, "scaled attention": scaled_attention,
    "towers": towers, "towers of one size": lambda: towers(ItemSized),
    "a product": product, "go_backwards": backwards,
    "average pools": pools(layers.AveragePooling2D, functional.avg_pool2d),
    "max pools": pools(layers.MaxPooling2D, functional.max_pool2d),
    "h and c": states(1, 2), "c and h": states(2, 1),
    "states unpacked": recurrent_twins(lambda a, b, x: layers.Add()([a(x)[1], b(x)[2]]), unpacked_states,
                                       return_state=True),
    "chain of places": twins(lambda a, b, x: ops.concatenate([x, ops.concatenate([a(x), b(x)], 1)], 1),
                             lambda p, q, x: torch.cat([x, q(x), p(x)], 1)),
    "last and mean": recurrent_twins(lambda a, b, x: layers.Add()([a(x)[:, -1], ops.mean(b(x), 1)]),
                                     lambda p, q, x: p(x)[0].mean(1) + q(x)[0][:, -1], return_sequences=True),
    "cumsum": twins(lambda a, b, x: ops.cumsum(a(x), 1) + b(x), lambda p, q, x: p(x) + q(x).cumsum(1), WORDS),
    "flip": twins(lambda a, b, x: a(x) + b(ops.flip(x, -1)), lambda p, q, x: p(x.flip(-1)) + q(x)),
    "flip after": twins(lambda a, b, x: a(x) + ops.flip(b(x), -1), lambda p, q, x: p(x).flip(-1) + q(x)),
    "maximum": twins(lambda a, b, x: ops.maximum(ops.flip(a(x), -1), b(x)),
                     lambda p, q, x: torch.maximum(p(x), q(x).flip(-1))),
    "minimum": twins(lambda a, b, x: ops.minimum(ops.flip(a(x), -1), b(x)),
                     lambda p, q, x: torch.minimum(p(x), q(x).flip(-1))),
    "product": twins(lambda a, b, x: ops.flip(a(x), -1) * b(x), lambda p, q, x: p(x) * q(x).flip(-1)),
    "slopes": twins(lambda a, b, x: leaky(a(x), 0.1) + leaky(b(x), 0.3),
                    lambda p, q, x: functional.leaky_relu(p(x), 0.3) + functional.leaky_relu(q(x), 0.1)),
    "comparison": twins(lambda a, b, x: ops.cast(ops.greater(a(x), 0.0), "float32") + b(x),
                        lambda p, q, x: p(x) + (q(x) > 0.0).float()),
    "base and exponent": twins(lambda a, b, x: ops.power(ops.sigmoid(a(x)), ops.sigmoid(b(x))),
                               lambda p, q, x: torch.pow(q(x).sigmoid(), p(x).sigmoid())),
    "minuend": twins(lambda a, b, x: ops.tanh(a(x)) - ops.tanh(b(x)), lambda p, q, x: q(x).tanh() - p(x).tanh()),
    "one of three": twins(lambda a, b, x: a(x) + ops.tanh(b(x)) + x, lambda p, q, x: x + (p(x).tanh() + q(x))),
}  # fmt: skip


@pytest.mark.parametrize("name", TOLD)
def test_layers_wired_alike_are_told_apart_by_what_is_done_with_them(name):
    agree(TOLD[name])


def test_what_is_said_of_the_last_alone_may_be_in_other_words():
    left = {0: {"flip"}, 1: {"cumsum"}, 2: {"expm1"}}
    right = {5: {"sub"}, 6: {"cumsum"}, 7: {"flip"}}
    said = [{index: frozenset(words) for index, words in side.items()} for side in (left, right)]
    assert told_apart(*said) == [(0, 7), (1, 6), (2, 5)]
    del said[0][0], said[1][7]
    assert told_apart(*said) == []


# --- not told apart ---


GUESSED = (
    "they are used in different ways, which do not say in both models which is which, so they went by the order of "
    "definition. Copy with apply(check=...), or say overrides="
)
NOTED = {
    "where": twins(lambda a, b, x: ops.where(x > 0, a(x), b(x)), lambda p, q, x: torch.where(x <= 0, p(x), q(x))),
    "softmax axis": twins(lambda a, b, x: ops.softmax(a(x), -1) + ops.softmax(b(x), 1),
                          lambda p, q, x: p(x).softmax(1) + q(x).softmax(-1), WORDS),
    "clamp": twins(lambda a, b, x: ops.maximum(a(x), 0.5) + ops.minimum(b(x), 0.5),
                   lambda p, q, x: p(x).clamp(max=0.5) + q(x).clamp(min=0.5)),
    "mean axis": image_twins(lambda a, b, x: ops.sigmoid(a(ops.mean(x, 2, keepdims=True)))
                             * ops.sigmoid(b(ops.mean(x, 1, keepdims=True))),
                             lambda p, q, x: p(x.mean(2, keepdim=True)).sigmoid()
                             * q(x.mean(3, keepdim=True)).sigmoid(), channels_first),
}  # fmt: skip


@pytest.mark.parametrize("name", NOTED)
def test_an_order_of_definition_that_may_be_wrong_is_noted(name):
    noted(NOTED[name], GUESSED)


def test_the_note_names_the_layers_and_the_line_to_write():
    def make():
        model = symbolic(lambda x: ops.where(x > 0, layers.Dense(8, name="a")(x), layers.Dense(8, name="b")(x)), (8,))
        module = Net(lambda n, x: torch.where(x <= 0, n.p(x), n.q(x)), p=nn.Linear(8, 8), q=nn.Linear(8, 8))
        return Pair(model, module, VECTORS)

    noted(
        make,
        f"'a', 'b' are wired alike, and so are 'p', 'q'; {GUESSED}{{'a': 'p', ...}}",
        f"'p', 'q' are wired alike, and so are 'a', 'b'; {GUESSED}{{'p': 'a', ...}}",
    )
    agree(make, overrides={"a": "q"})


CHANGE_PLACES = {
    "sum": twins(lambda a, b, x: a(x) + b(x), lambda p, q, x: p(x) + q(x)),
    "product of relus": twins(lambda a, b, x: ops.relu(a(x)) * ops.relu(b(x)),
                              lambda p, q, x: q(x).relu() * p(x).relu()),
    "sum of three": twins(lambda a, b, x: x + (a(x) + b(x)), lambda p, q, x: (p(x) + x) + q(x)),
    "sum from 0": twins(lambda a, b, x: sum([a(x), b(x)]), lambda p, q, x: sum([q(x), p(x)])),
    "maximum": twins(lambda a, b, x: ops.maximum(a(x), b(x)), lambda p, q, x: torch.maximum(p(x), q(x))),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGE_PLACES)
def test_layers_that_can_change_places_go_in_order_without_a_note(name):
    agree(CHANGE_PLACES[name])


def test_results_in_another_order_than_defined_are_refused():
    def make():
        model = symbolic(lambda x: [layers.Dense(8)(x), layers.Dense(8)(x)], (8,))
        return Pair(model, Net(lambda n, x: (n.q(x), n.p(x)), p=nn.Linear(8, 8), q=nn.Linear(8, 8)), VECTORS)

    refused(make, "the order of definition says otherwise than the order in which they are called")


def test_uses_that_fit_nothing_are_refused():
    make = twins(lambda a, b, x: ops.relu(a(x)) + b(x), lambda p, q, x: p(x).tanh() + q(x).sigmoid())
    refused(
        make, "fit each other in several ways, and what is done with their inputs and results differs: in the source"
    )
