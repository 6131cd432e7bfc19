"""Values of several layers side by side, however they are joined: in one order, in another, or not to be told."""

from __future__ import annotations

import pytest
import torch
from keras import layers, ops
from torch import nn

from tests.frameworks.both_ways import Net, Pair, agree, noise, noted, refused, symbolic

VECTORS, WORDS = noise(4, 6), noise(3, 7, 6)


def joined(model_join, module_join, width=8, given=VECTORS):
    """Two layers, one of them behind a relu, and what reads both."""

    def make():
        def run(x):
            one, other = layers.Dense(4, name="a")(x), layers.Dense(4, "relu", name="b")(x)
            return layers.Dense(3, name="head")(model_join(one, other))

        def forward(net, x):
            return net.head(module_join(net.a(x), net.b(x).relu()))

        module = Net(forward, a=nn.Linear(6, 4), b=nn.Linear(6, 4), head=nn.Linear(width, 3))
        return Pair(symbolic(run, given.shape[1:]), module, given)

    return make


def beside(*values):
    return layers.Concatenate()(values)


def stacked(one, other, axis=1):
    return layers.Reshape((8,))(ops.stack([one, other], axis=axis))


SAME = {
    "cat": (lambda a, b: beside(a, b), lambda a, b: torch.cat([a, b], -1)),
    "hstack": (lambda a, b: ops.hstack([a, b]), lambda a, b: torch.hstack([a, b])),
    "cat, hstack": (lambda a, b: beside(a, b), lambda a, b: torch.hstack([a, b])),
    "cat, column_stack": (lambda a, b: beside(a, b), lambda a, b: torch.column_stack([a, b])),
    "stack": (stacked, lambda a, b: torch.stack([a, b], 1).flatten(1)),
    "stack by name": (stacked, lambda a, b: torch.stack([a, b], dim=1).flatten(1)),
    "cat, stack": (beside, lambda a, b: torch.stack([a, b], 1).flatten(1)),
    "a chain": (beside, lambda a, b: torch.cat([torch.cat([a], 1), b], 1)),
}  # fmt: skip
CROSSED = {
    "cat": (beside, lambda a, b: torch.cat([b, a], -1)),
    "hstack": (lambda a, b: ops.hstack([a, b]), lambda a, b: torch.hstack([b, a])),
    "cat, hstack": (beside, lambda a, b: torch.hstack([b, a])),
    "cat, column_stack": (beside, lambda a, b: torch.column_stack([b, a])),
    "stack": (stacked, lambda a, b: torch.stack([b, a], 1).flatten(1)),
    "cat, stack": (beside, lambda a, b: torch.stack([b, a], 1).flatten(1)),
}
MOVED = {
    "interleaved": (beside, lambda a, b: torch.stack([a, b], 2).flatten(1)),
    "interleaved in both": (beside, lambda a, b: torch.stack([a, b], -1).flatten(1)),
    "flip": (beside, lambda a, b: torch.cat([a, b], -1).flip(-1)),
    "roll": (beside, lambda a, b: torch.cat([b, a], -1).roll(4, -1)),
    "index": (beside, lambda a, b: torch.cat([a, b], -1)[:, [4, 5, 6, 7, 0, 1, 2, 3]]),
    "index_select": (beside, lambda a, b: torch.cat([a, b], -1).index_select(1, torch.arange(8).flip(0))),
    "slices": (beside, lambda a, b: torch.cat([(y := torch.cat([a, b], -1))[:, 4:], y[:, :4]], -1)),
}


@pytest.mark.parametrize("name", SAME)
def test_joins_in_one_order_are_copied(name):
    agree(joined(*SAME[name]))


@pytest.mark.parametrize("name", CROSSED)
def test_joins_in_another_order_are_refused(name):
    said = ": in another order, so weights would meet the features of others. Concatenate in one order in both models"
    refused(
        joined(*CROSSED[name]),
        f"'head' takes ['a', 'b'] side by side, 'head' takes ['b', 'a']{said}",
        f"'head' takes ['b', 'a'] side by side, 'head' takes ['a', 'b']{said}",
    )


UNTOLD = ", and what is done to them does not tell whether that is one order; copy with apply(check=...)"


@pytest.mark.parametrize("name", MOVED)
def test_joins_whose_features_move_are_noted(name):
    noted(joined(*MOVED[name]), UNTOLD)


REPEATED = {
    "a a b": (lambda a, b: beside(a, a, b), lambda a, b: torch.cat([a, a, b], -1)),
    "a b a": (lambda a, b: beside(a, b, a), lambda a, b: torch.cat([a, b, a], -1)),
}


def test_a_part_that_is_taken_twice_keeps_its_places():
    one, other = REPEATED.values()
    for pair in REPEATED.values():
        agree(joined(*pair, width=12))
    refused(joined(one[0], other[1], width=12),
            "'head' takes ['a', 'a', 'b'] side by side, 'head' takes ['a', 'b', 'a']: in another order",
            "'head' takes ['a', 'b', 'a'] side by side, 'head' takes ['a', 'a', 'b']: in another order")  # fmt: skip


def test_as_many_parts_of_other_layers_are_noted():
    make = joined(lambda a, b: beside(a, a, b), lambda a, b: torch.cat([a, b, b], -1), width=12)
    noted(make, "'head' takes ['a', 'a', 'b'] side by side, 'head' takes ['a', 'b', 'b']" + UNTOLD, UNTOLD)


def test_joins_of_other_numbers_are_noted():
    make = joined(lambda a, b: beside(a, b), lambda a, b: torch.cat([a, b, a + b], -1)[:, :8])
    noted(make, UNTOLD)
    padded = joined(beside, lambda a, b: nn.functional.pad(a, (4, 0)) + nn.functional.pad(b, (0, 4)))
    noted(padded, "'head' takes ['a', 'b'] side by side, 'head' takes one value" + UNTOLD,
          "'head' takes one value, 'head' takes ['a', 'b'] side by side" + UNTOLD)  # fmt: skip


# --- both directions of a state ---


def both_directions(join, module=nn.LSTM, layer=layers.LSTM, depth=1):
    def make():
        def run(x):
            for place in range(depth):
                x = layers.Bidirectional(layer(5, return_sequences=place + 1 < depth), name=f"bi{place}")(x)
            return layers.Dense(3, name="head")(x)

        def forward(net, x):
            state = net.r(x)[1]
            return net.head(join(state[0] if isinstance(net.r, nn.LSTM) else state))

        read = module(6, 5, depth, batch_first=True, bidirectional=True)
        return Pair(symbolic(run, (7, 6)), Net(forward, r=read, head=nn.Linear(10, 3)), WORDS)

    return make


FORWARD_FIRST = {
    "from the end": (lambda h: torch.cat([h[-2], h[-1]], 1), 1),
    "from the start": (lambda h: torch.cat([h[0], h[1]], 1), 1),
    "of two layers": (lambda h: torch.cat([h[-2], h[-1]], 1), 2),
    "of two, from the start": (lambda h: torch.cat((h[2], h[3]), dim=1), 2),
    "with axes": (lambda h: torch.cat([h[-2, :, :], h[-1, :, :]], 1), 1),
    "concat": (lambda h: torch.concat([h[-2], h[-1]], -1), 1),
}  # fmt: skip
OTHERWISE = {
    "backward first": (lambda h: torch.cat([h[-1], h[-2]], 1), 1),
    "backward first, from the start": (lambda h: torch.cat([h[1], h[0]], 1), 1),
    "of the first layer": (lambda h: torch.cat([h[0], h[1]], 1), 2),
    "one twice": (lambda h: torch.cat([h[-1], h[-1]], 1), 1),
    "changed": (lambda h: torch.cat([h[-2], h[-1].abs()], 1), 1),
    "of two tensors": (lambda h: torch.cat([h[-2], h.tanh()[-1]], 1), 1),
}


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
@pytest.mark.parametrize("name", FORWARD_FIRST)
def test_both_directions_of_the_last_state_are_what_keras_gives(name, kind):
    join, depth = FORWARD_FIRST[name]
    reset = {"LSTM": layers.LSTM, "GRU": layers.GRU}[kind]
    agree(both_directions(join, getattr(nn, kind), reset, depth))


@pytest.mark.parametrize("name", OTHERWISE)
def test_directions_of_a_state_that_are_joined_otherwise_are_noted(name):
    join, depth = OTHERWISE[name]
    noted(both_directions(join, depth=depth), "'head' takes one value, 'head' takes [",
          "side by side, 'head' takes one value, and what is done to them does not tell")  # fmt: skip


def test_states_of_one_direction_are_parts_of_their_own():
    """Two layers deep, h[-2] and h[-1] are the states of both layers."""

    def make():
        def run(x):
            first, state, _ = layers.LSTM(5, return_sequences=True, return_state=True, name="first")(x)
            return layers.Dense(3, name="head")(layers.Concatenate()([state, layers.LSTM(5, name="second")(first)]))

        module = Net(
            lambda net, x: net.head(torch.cat([(h := net.r(x)[1][0])[-2], h[-1]], 1)),
            r=nn.LSTM(6, 5, 2, batch_first=True), head=nn.Linear(10, 3),
        )  # fmt: skip
        return Pair(symbolic(run, (7, 6)), module, WORDS)

    noted(
        make,
        f"'head' takes ['first/cell', 'second/cell'] side by side, 'head' takes ['r', 'r']{UNTOLD}",
        f"'head' takes ['r', 'r'] side by side, 'head' takes ['first/cell', 'second/cell']{UNTOLD}",
    )
