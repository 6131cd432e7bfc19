"""A layer's result that is cut into parts, or split into axes: copied if both sides take them in one order."""

from __future__ import annotations

import pytest
import tensorflow as tf
import torch
from keras import layers, ops
from torch import nn
from torch.nn import functional

import dualcell
from tests.frameworks.both_ways import Net, Pair, agree, channels_first, noise, noted, refused, symbolic

VECTORS, WORDS, IMAGES = noise(4, 8), noise(2, 5, 8), noise(2, 4, 4, 3)


def parts(count, model_run, module_run, given=VECTORS, width=8):
    """A dense layer whose result is cut into parts in Keras; `module_run` takes all of it."""

    def make():
        def run(x):
            cut = ops.split(layers.Dense(count * width, name="fused")(x), count, -1)
            return layers.Dense(4, name="head")(model_run(*cut))

        module = Net(lambda net, x: net.b(module_run(net.a(x))), a=nn.Linear(8, count * width), b=nn.Linear(width, 4))
        return Pair(symbolic(run, given.shape[1:]), module, given)

    return make


def cut(order, run):
    """What a module does with its parts, taken in an order."""
    return lambda y: run(*(y.chunk(len(order), -1)[place] for place in order))


def film(order):
    """A condition gives the factors and the offsets of other features."""

    def make():
        def run(x, condition):
            factors, offsets = ops.split(layers.Dense(16, name="fused")(condition), 2, -1)
            return layers.Dense(8, name="features")(x) * factors + offsets

        def forward(net, x, condition):
            cut = net.a(condition).chunk(2, 1)
            return net.b(x) * cut[order[0]] + cut[order[1]]

        module = Net(forward, a=nn.Linear(4, 16), b=nn.Linear(8, 8))
        return Pair(symbolic(run, (8,), (4,)), module, [VECTORS, noise(4, 4, seed=1)])

    return make


def model_gates(i, f, g, o):
    return ops.sigmoid(o) * ops.tanh(ops.sigmoid(f) * 0.5 + ops.sigmoid(i) * ops.tanh(g))


def module_gates(i, f, g, o):
    return o.sigmoid() * (f.sigmoid() * 0.5 + i.sigmoid() * g.tanh()).tanh()


def model_look(query, key, value):
    return ops.matmul(ops.softmax(ops.matmul(query, ops.transpose(key, (0, 2, 1)))), value)


def module_look(query, key, value):
    return (query @ key.transpose(1, 2)).softmax(-1) @ value


def glu(order):
    return parts(
        2, lambda value, gate: value * ops.sigmoid(gate), cut(order, lambda value, gate: value * gate.sigmoid())
    )


def vae(order):
    return parts(2, lambda mean, scale: mean + ops.exp(0.5 * scale),
                 cut(order, lambda mean, scale: mean + torch.exp(0.5 * scale)))  # fmt: skip


CUTS = {  # what makes the pair of an order, the order turned, and what is said of it from each side
    "glu": (glu, (1, 0), "parts 0, 1 of {} are parts 1, 0 of {}"),
    "vae": (vae, (1, 0), "parts 0, 1 of {} are parts 1, 0 of {}"),
    "film": (film, (1, 0), "parts 0, 1 of {} are parts 1, 0 of {}"),
    "qkv": (lambda order: parts(3, model_look, cut(order, module_look), WORDS), (1, 2, 0),
            "parts 0, 1, 2 of {} are parts 1, 2, 0 of {}"),
    "gates": (lambda order: parts(4, model_gates, cut(order, module_gates)), (0, 1, 3, 2),
              "parts 0, 1, 2, 3 of {} are parts 0, 1, 3, 2 of {}"),
}  # fmt: skip


@pytest.mark.parametrize("name", CUTS)
def test_parts_in_one_order_are_copied(name):
    make, order, _ = CUTS[name]
    agree(make(tuple(range(len(order)))))


@pytest.mark.parametrize("name", CUTS)
def test_parts_in_another_order_are_refused_with_the_order(name):
    make, order, sentence = CUTS[name]
    there = sentence.format("'fused'", "'a'")
    back = sentence.format("'a'", "'fused'").replace("parts 1, 2, 0", "parts 2, 0, 1")
    refused(make(order), there, back)
    refused(
        make(order),
        "the results of 'fused' and 'a' are cut into parts that are used in another order: parts 0, 1",
        "the results of 'a' and 'fused' are cut into parts that are used in another order: parts 0, 1",
    )
    refused(make(order), "or say overrides={'fused': 'a'} if these", "or say overrides={'a': 'fused'} if these")


def test_an_override_says_that_parts_are_the_same():
    pair = glu((1, 0))()
    assert dualcell.plan_weights(pair.model, pair.module, {"fused": "a"}).complete


SPELLINGS = {
    "glu": (lambda y: functional.glu(y), lambda y: functional.glu(torch.cat([y[:, 8:], y[:, :8]], 1))),
    "module": (nn.GLU(), None),
    "split": (lambda y: (z := y.split(8, 1))[0] * z[1].sigmoid(), lambda y: (z := y.split(8, 1))[1] * z[0].sigmoid()),
    "slices": (lambda y: y[:, :8] * y[:, 8:].sigmoid(), lambda y: y[:, 8:] * y[:, :8].sigmoid()),
    "view": (lambda y: (z := y.view(-1, 2, 8))[:, 0] * z[:, 1].sigmoid(),
             lambda y: (z := y.view(-1, 2, 8))[:, 1] * z[:, 0].sigmoid()),
    "unflatten": (lambda y: (z := y.unflatten(1, (2, 8)))[:, 0] * z[:, 1].sigmoid(),
                  lambda y: (z := y.unflatten(1, (2, 8)))[:, 1] * z[:, 0].sigmoid()),
    "reshaped parts": (lambda y: ((z := y.chunk(2, 1))[0].reshape(-1, 4) * z[1].reshape(-1, 4).sigmoid()).view(-1, 8),
                       lambda y: ((z := y.chunk(2, 1))[1].reshape(-1, 4) * z[0].reshape(-1, 4).sigmoid()).view(-1, 8)),
    "view with a one": (lambda y: (z := y.view(-1, 1, 2, 8).squeeze(1))[:, 0] * z[:, 1].sigmoid(),
                        lambda y: (z := y.view(-1, 1, 2, 8).squeeze(1))[:, 1] * z[:, 0].sigmoid()),
    "unbind": (lambda y: (z := y.reshape(-1, 2, 8).unbind(1))[0] * z[1].sigmoid(),
               lambda y: (z := y.reshape(-1, 2, 8).unbind(1))[1] * z[0].sigmoid()),
}  # fmt: skip


def spelled(module_run):
    return parts(2, lambda value, gate: value * ops.sigmoid(gate), module_run)


@pytest.mark.parametrize("name", SPELLINGS)
def test_parts_are_the_same_however_they_are_cut(name):
    agree(spelled(SPELLINGS[name][0]))


@pytest.mark.parametrize("name", [name for name, (_, turned) in SPELLINGS.items() if turned and name != "glu"])
def test_crossed_parts_are_refused_however_they_are_cut(name):
    refused(
        spelled(SPELLINGS[name][1]), "parts 0, 1 of 'fused' are parts 1, 0 of 'a'", "parts 0, 1 of 'a' are parts 1, 0"
    )


def test_glu_gates_its_first_half():
    make = parts(2, lambda gate, value: ops.sigmoid(gate) * value, functional.glu)
    refused(make, "parts 0, 1 of 'fused' are parts 1, 0 of 'a'", "parts 0, 1 of 'a' are parts 1, 0 of 'fused'")


UNTOLD = "is cut into parts, and what is done with them does not tell whether they lie in one order; copy with apply"
NOTED = {
    "not one result": lambda y: y[:, 2:8].sum(1, keepdim=True) + y[:, :8] * y[:, 8:].sigmoid(),
    "with a gap": lambda y: y[:, :8] * functional.pad(y[:, 9:], (0, 1)).sigmoid(),
    "overlapping": lambda y: y[:, :8] * y[:, 7:15].sigmoid(),
    "a slice and a part": lambda y: y[:, :8] * y.chunk(2, 1)[1].sigmoid(),
    "one in four": lambda y: (z := y.chunk(4, 1))[0].repeat(1, 2) * torch.cat(z[2:], 1).sigmoid(),
    "other words": lambda y: (z := y.chunk(2, 1))[0].erf() * z[1].lgamma(),
}  # fmt: skip
BETWEEN = {
    "of each head": lambda y: ((z := y.view(-1, 2, 8).chunk(2, -1))[0] * z[1].sigmoid()).flatten(1),
    "of each head, by name": lambda y: ((z := y.view(-1, 2, 8).chunk(2, dim=-1))[0] * z[1].sigmoid()).flatten(1),
    "of each head, by place": lambda y: ((z := y.view(-1, 4, 4).chunk(2, 2))[0] * z[1].sigmoid()).flatten(1),
    "of each of two": lambda y: ((z := y.view(-1, 2, 8))[..., :4] * z[..., 4:].sigmoid()).flatten(1),
    "interleaved": lambda y: (z := y.view(-1, 8, 2))[..., 0] * z[..., 1].sigmoid(),
}  # fmt: skip


@pytest.mark.parametrize("name", NOTED)
def test_parts_that_cannot_be_told_are_noted(name):
    noted(spelled(NOTED[name]), f"the result of 'fused' or 'a' {UNTOLD}", f"the result of 'a' or 'fused' {UNTOLD}")


LIE = "is cut into {} parts that lie one after the other, that of {!r} into parts whose features lie between each other"


@pytest.mark.parametrize("name", BETWEEN)
def test_parts_that_lie_between_each_other_are_refused(name):
    refused(spelled(BETWEEN[name]), f"the result of 'fused' {LIE.format(2, 'a')}")


def test_the_same_number_of_other_parts_is_noted():
    def run(one, two, three, _):
        return one + ops.tanh(two) + ops.sigmoid(three)

    agree(parts(4, run, lambda y: (z := y.chunk(4, 1))[0] + z[1].tanh() + z[2].sigmoid()))
    noted(parts(4, run, lambda y: (z := y.chunk(4, 1))[0] + z[1].tanh() + z[3].sigmoid()), UNTOLD)


def test_one_part_alone_is_no_cut():
    agree(parts(2, lambda one, _: one, lambda y: y.narrow(1, 0, 8)))


def test_places_that_are_split_are_no_axes_of_features():
    def make():
        def run(x):
            return layers.Reshape((8, 8))(layers.Reshape((2, 4, 8))(layers.Dense(8)(x)))

        def forward(net, x):
            return net.a(x).view(-1, 4, 2, 8).reshape(-1, 8, 8)

        return Pair(symbolic(run, (8, 8)), Net(forward, a=nn.Linear(8, 8)), noise(2, 8, 8))

    agree(make)


def test_moments_are_no_parts_of_the_features():
    def make():
        def run(x):
            values = layers.Dense(4, name="fused")(x)
            return values[:, 0] * ops.sigmoid(values[:, 1])

        module = Net(lambda net, x: (y := net.a(x))[:, 0] * y[:, -1].sigmoid(), a=nn.Linear(8, 4))
        return Pair(symbolic(run, (2, 8)), module, WORDS[:, :2])

    agree(make)


# --- axes ---


def heads(split):
    """Heads of (q, k, v), or q, k and v of heads."""

    def make():
        def run(x):
            cut = ops.split(layers.Reshape((5, 2, 12))(layers.Dense(24, name="fused")(x)), 3, -1)
            query, key, value = (ops.transpose(each, (0, 2, 1, 3)) for each in cut)
            seen = ops.matmul(ops.softmax(ops.matmul(query, ops.transpose(key, (0, 1, 3, 2)))), value)
            return layers.Dense(4, name="head")(ops.reshape(ops.transpose(seen, (0, 2, 1, 3)), (-1, 5, 8)))

        def forward(net, x):
            query, key, value = split(net.a(x))
            seen = (query @ key.transpose(2, 3)).softmax(-1) @ value
            return net.b(seen.transpose(1, 2).reshape(-1, 5, 8))

        return Pair(symbolic(run, (5, 8)), Net(forward, a=nn.Linear(8, 24), b=nn.Linear(8, 4)), WORDS)

    return make


def anchors(*sizes):
    def make():
        def forward(net, x):
            maps = net.a(x)
            count, _, height, width = maps.shape
            maps = maps.view(count, *sizes, height, width)
            return maps.permute(*((0, 3, 4, 1, 2) if sizes == (3, 7) else (0, 3, 4, 2, 1))).reshape(count, -1, 7)

        model = symbolic(lambda x: layers.Reshape((-1, 7))(layers.Conv2D(21, 1, name="fused")(x)), (4, 4, 3))
        return Pair(model, Net(forward, a=nn.Conv2d(3, 21, 1)), IMAGES, channels_first)

    return make


def unpacked(y, dim=-1):
    one, two, three = y.chunk(3, dim)
    return one, two, three


def with_heads(cut):
    return [each.reshape(-1, 5, 2, 4).transpose(1, 2) for each in cut]


def test_features_split_into_axes_of_one_order_are_copied():
    agree(heads(lambda y: [each.transpose(1, 2) for each in unpacked(y.view(-1, 5, 2, 12))]))
    agree(heads(lambda y: [each.transpose(1, 2) for each in unpacked(y.view(2, 5, 2, 12))]))
    agree(heads(lambda y: y.view(-1, 5, 2, 3, 4).permute(3, 0, 2, 1, 4)))
    agree(heads(lambda y: with_heads([(z := y.view(2, 5, 2, 12))[..., :4], z[..., 4:8], z[..., 8:]])))
    agree(anchors(3, 7))


@pytest.mark.parametrize("cut", [unpacked, lambda y: (y[..., :8], y[..., 8:16], y[..., 16:])])
def test_parts_of_all_features_are_not_those_of_each_head(cut):
    refused(heads(lambda y: with_heads(cut(y))), f"the result of 'a' {LIE.format(3, 'fused')}")


def test_features_split_into_axes_of_another_order_are_refused():
    said = "the features of {} are split into axes {}, those of {} into {}: in another order, so numbers would go to"
    qkv = "'fused'", "(2, 12)", "'a'", "(3, 2, 4)"
    refused(heads(lambda y: y.reshape(-1, 5, 3, 2, 4).permute(2, 0, 3, 1, 4)),
            said.format(*qkv), said.format(*qkv[2:], *qkv[:2]))  # fmt: skip
    yolo = "'fused'", "(3, 7)", "'a'", "(7, 3)"
    refused(anchors(7, 3), said.format(*yolo), said.format(*yolo[2:], *yolo[:2]))


# --- operations with an order of their own ---


def shuffled(model_run, module_run, before, after):
    def make():
        def run(x):
            return layers.Conv2D(3, 1, name="second")(model_run(layers.Conv2D(before, 1, name="first")(x)))

        module = Net(lambda net, x: net.b(module_run(net.a(x))), a=nn.Conv2d(3, before, 1), b=nn.Conv2d(after, 3, 1))
        return Pair(symbolic(run, (4, 4, 3)), module, IMAGES, channels_first, channels_first)

    return make


def patches():
    def run(x):
        return layers.Dense(6, name="first")(layers.Reshape((4, 12))(ops.image.extract_patches(x, 2)))

    module = Net(lambda net, x: net.a(functional.unfold(x, 2, stride=2).transpose(1, 2)), a=nn.Linear(12, 6))
    return Pair(symbolic(run, (4, 4, 3)), module, IMAGES, channels_first)


TO_SPACE = layers.Lambda(lambda maps: tf.nn.depth_to_space(maps, 2))
TO_DEPTH = layers.Lambda(lambda maps: tf.nn.space_to_depth(maps, 2))
OWN_ORDER = {
    "pixelshuffle": shuffled(TO_SPACE, lambda maps: functional.pixel_shuffle(maps, 2), 12, 3),
    "pixelunshuffle": shuffled(TO_DEPTH, lambda maps: functional.pixel_unshuffle(maps, 2), 2, 8),
    "extractpatches, unfold": patches,
}


@pytest.mark.parametrize("name", OWN_ORDER)
def test_operations_with_an_order_of_channels_of_their_own_are_noted(name):
    said = (
        "{} and {}: the frameworks have an order of channels of their own in " + name + "; copy with apply(check=...)"
    )
    noted(OWN_ORDER[name], said.format("'first'", "'a'"), said.format("'a'", "'first'"))


def by_hand(maps):
    count, _, height, width = maps.shape
    return maps.view(count, 3, 2, 2, height, width).permute(0, 1, 4, 2, 5, 3).reshape(count, 3, 2 * height, 2 * width)


def test_an_order_of_one_framework_is_not_noted_between_its_own_models():
    one, other = (
        Net(lambda net, x, run=run: net.b(run(net.a(x))), a=nn.Conv2d(3, 12, 1), b=nn.Conv2d(3, 3, 1))
        for run in (nn.PixelShuffle(2), by_hand)
    )
    maps = torch.as_tensor(channels_first(IMAGES))
    assert dualcell.plan_weights(one, other).apply().table.notes == ()
    torch.testing.assert_close(one(maps), other(maps))
