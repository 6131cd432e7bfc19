"""Flattened maps and what meets them: residuals, gates, decoders, norms by hand; and what `flatten` says of them."""

from __future__ import annotations

import pytest
import torch
from keras import layers, ops
from torch import nn
from torch.nn import functional

import dualcell
from dualcell import PlanError
from tests.frameworks.both_ways import (
    WAYS,
    Layer,
    Net,
    Pair,
    agree,
    channels_first,
    noise,
    randomise,
    refused,
    symbolic,
)

IMAGES, CODES = noise(4, 4, 5, 3), noise(4, 6)


# --- what meets flattened maps ---


def flat(model_run, module_run, **parts):
    """What is done with the 40 features of a flattened map, before the last layer."""

    def make():
        def run(x):
            maps = layers.Conv2D(2, 3, padding="same", activation="relu", name="conv")(x)
            return layers.Dense(5, name="head")(model_run(layers.Flatten()(maps), maps))

        def forward(net, x):
            maps = net.conv(x).relu()
            return net.head(module_run(net, maps.flatten(1), maps))

        made = {name: part() for name, part in parts.items()}
        module = Net(forward, conv=nn.Conv2d(3, 2, 3, padding=1), **made, head=nn.LazyLinear(5))
        module.eval()(torch.zeros(1, 3, 4, 5))
        return Pair(symbolic(run, (4, 5, 3)), module, IMAGES, channels_first)

    return make


def linear(before=40, after=40):
    return lambda: nn.Linear(before, after)


def dense(x, activation=None, units=40, name="inner"):
    return layers.Dense(units, activation, name=name)(x)


def rms(layer, x):
    return x * ops.rsqrt(ops.mean(ops.square(x), -1, keepdims=True) + 1e-5) * layer.w


MET = {
    "alone": flat(lambda z, _: z, lambda net, z, _: z),
    "residual": flat(lambda z, _: z + dense(z), lambda net, z, _: z + net.inner(z), inner=linear()),
    "residual layer": flat(lambda z, _: layers.Add()([dense(z), z]), lambda net, z, _: net.inner(z) + z,
                           inner=linear()),
    "activated": flat(lambda z, _: z + ops.tanh(dense(z)), lambda net, z, _: z + net.inner(z).tanh(), inner=linear()),
    "gate": flat(lambda z, _: z * dense(z, "sigmoid"), lambda net, z, _: z * net.inner(z).sigmoid(), inner=linear()),
    "squeezed": flat(lambda z, _: z * dense(dense(z, "relu", 6, "narrow"), "sigmoid"),
                     lambda net, z, _: z * net.inner(net.narrow(z).relu()).sigmoid(),
                     narrow=linear(40, 6), inner=linear(6)),
    "twice": flat(lambda z, _: (y := z + dense(z)) + dense(y, name="second"),
                  lambda net, z, _: (y := z + net.inner(z)) + net.second(y), inner=linear(), second=linear()),
    "other features": flat(lambda z, _: dense(z, "relu"), lambda net, z, _: net.inner(z).relu(), inner=linear()),
    "beside": flat(lambda z, _: layers.Concatenate()([z, dense(z, units=3)]),
                   lambda net, z, _: torch.cat([z, net.inner(z)], 1), inner=linear(40, 3)),
    "batch norm": flat(lambda z, _: layers.BatchNormalization(epsilon=1e-5)(z), lambda net, z, _: net.norm(z),
                       norm=lambda: nn.BatchNorm1d(40)),
    "layer norm": flat(lambda z, _: z + layers.LayerNormalization(epsilon=1e-5)(dense(z)),
                       lambda net, z, _: z + net.norm(net.inner(z)), inner=linear(), norm=lambda: nn.LayerNorm(40)),
    "rms by hand": flat(lambda z, _: Layer(rms, {"w": (40,)})(z),
                        lambda net, z, _: z * torch.rsqrt(z.pow(2).mean(-1, keepdim=True) + 1e-5) * net.w,
                        w=lambda: nn.Parameter(torch.zeros(40))),
    "one number": flat(lambda z, _: z * dense(z, "sigmoid", 1), lambda net, z, _: z * net.inner(z).sigmoid(),
                       inner=linear(40, 1)),
    "normalized": flat(lambda z, _: z / (ops.sum(z, -1, keepdims=True) + 1.0),
                       lambda net, z, _: z / (z.sum(1, keepdim=True) + 1)),
    "flipped": flat(lambda z, _: ops.flip(z, -1), lambda net, z, _: z.flip(-1)),
    "squeeze and excite": flat(
        lambda _, maps: layers.Flatten()(maps * layers.Reshape((1, 1, 2))(dense(ops.mean(maps, (1, 2)), "sigmoid", 2))),
        lambda net, _, maps: (maps * net.inner(maps.mean((2, 3))).sigmoid()[:, :, None, None]).flatten(1),
        inner=linear(2, 2)),
    "back in maps": flat(
        lambda z, _: layers.Flatten()(layers.Conv2D(3, 1)(layers.Reshape((4, 5, 2))(z + dense(z)))),
        lambda net, z, _: net.again((z + net.inner(z)).view(-1, 2, 4, 5)).flatten(1),
        inner=linear(), again=lambda: nn.Conv2d(2, 3, 1)),
}  # fmt: skip


@pytest.mark.parametrize("name", MET)
def test_what_meets_flattened_maps_is_in_their_order(name):
    agree(MET[name])


@pytest.mark.parametrize(
    ("name", "said"),
    [("alone", {"head": (4, 5, 2)}), ("residual", {"head": (4, 5, 2)}), ("residual", {"inner": (4, 5, 2)}),
     ("gate", {"inner": (4, 5, 2), "head": (4, 5, 2)}), ("squeezed", {"narrow": (4, 5, 2)})],
)  # fmt: skip
def test_flatten_that_says_what_was_found_changes_nothing(name, said):
    agree(MET[name], flatten=said)


MATRIX = noise(40, 40, seed=2)
ASKED = {
    "turned maps": flat(lambda z, maps: z + layers.Flatten()(layers.Permute((2, 1, 3))(maps)),
                        lambda net, z, maps: z + maps.transpose(2, 3).flatten(1)),
    "a constant matrix": flat(lambda z, _: z + ops.matmul(z, MATRIX),
                              lambda net, z, _: z + z @ torch.as_tensor(MATRIX)),
    "a recurrent layer": flat(lambda z, maps: z + layers.GRU(40, name="inner")(ops.mean(maps, 1)),
                              lambda net, z, maps: z + net.inner(maps.mean(2).transpose(1, 2))[0][:, -1],
                              inner=lambda: nn.GRU(2, 40, batch_first=True)),
    "some features": flat(lambda z, _: layers.Concatenate()([z[:, :8]] * 5), lambda net, z, _: z[:, :8].repeat(1, 5)),
    "rolled": flat(lambda z, _: ops.roll(z, 1, -1), lambda net, z, _: z.roll(1, -1)),
    "sorted": flat(lambda z, _: ops.sort(z, -1), lambda net, z, _: z.sort(-1)[0]),
    "largest": flat(lambda z, _: ops.top_k(z, 40)[0], lambda net, z, _: z.topk(40)[0]),
    "cumsum": flat(lambda z, _: ops.cumsum(z, -1), lambda net, z, _: z.cumsum(-1)),
    "one feature": flat(lambda z, _: z * z[:, 7:8], lambda net, z, _: z * z[:, 7:8]),
}  # fmt: skip


@pytest.mark.parametrize("name", ASKED)
def test_features_whose_order_is_not_known_are_asked_about(name):
    refused(ASKED[name], "the order of the features of 'head' is not known")


# --- decoders ---


def generator(*model_layers, module=None, channels=3, norm=False, **parts):
    def make():
        def run(x):
            for layer in (layer() for layer in model_layers):
                x = layer(x)
            return x

        made = {"d": nn.Linear(6, 16 * channels), "c": nn.ConvTranspose2d(channels, 2, 3), **parts}
        made |= {"b": nn.BatchNorm1d(48)} if norm else {}
        net = Net(lambda net, x: module(net, net.d(x)), **made)
        return Pair(symbolic(run, (6,)), net, CODES, result=channels_first)

    return make


def turned():
    return layers.Conv2DTranspose(2, 3, name="c")


DECODERS = {
    "plain": generator(lambda: layers.Dense(48), lambda: layers.Reshape((4, 4, 3)), turned,
                       module=lambda net, z: net.c(z.unflatten(1, (3, 4, 4)))),
    "view": generator(lambda: layers.Dense(48), lambda: layers.Reshape((4, 4, 3)), turned,
                      module=lambda net, z: net.c(z.view(-1, 3, 4, 4))),
    "cube": generator(lambda: layers.Dense(64), lambda: layers.Reshape((4, 4, 4)), turned,
                      module=lambda net, z: net.c(z.unflatten(1, (4, 4, 4))), channels=4),
    "activated": generator(lambda: layers.Dense(48), layers.ReLU, lambda: layers.Reshape((4, 4, 3)), turned,
                           module=lambda net, z: net.c(z.relu().unflatten(1, (3, 4, 4)))),
}  # fmt: skip


@pytest.mark.parametrize("name", DECODERS)
def test_a_decoder_gives_its_maps_with_their_channels_first(name):
    agree(DECODERS[name])


NORMED = generator(
    lambda: layers.Dense(48, name="d"), lambda: layers.BatchNormalization(epsilon=1e-5, name="b"),
    lambda: layers.LeakyReLU(negative_slope=0.2), lambda: layers.Reshape((4, 4, 3)), turned,
    module=lambda net, z: net.c(functional.leaky_relu(net.b(z), 0.2).unflatten(1, (3, 4, 4))), norm=True,
)  # fmt: skip


def test_a_norm_before_the_reshape_has_the_same_order():
    agree(NORMED)


@pytest.mark.parametrize("unflatten", [lambda z: z.unflatten(1, (4, 4, 3)), nn.Unflatten(1, (4, 4, 3))])
def test_a_decoder_whose_module_keeps_the_channels_last_is_asked_about(unflatten):
    make = generator(
        lambda: layers.Dense(48, name="k"), lambda: layers.Reshape((4, 4, 3)), turned,
        module=lambda net, z: net.c(net.split(z).permute(0, 3, 1, 2)), split=unflatten,
    )  # fmt: skip
    refused(make, "'k' gives maps with their channels last, and so does 'd', whose features are split that way. Say "
                  "flatten={'k': None} if its axes are moved after that, as in view(...).permute(0, 3, 1, 2), or "
                  "overrides={'k': 'd'} if not.")  # fmt: skip
    agree(make, flatten={"k": None})


def channels_first_decoder():
    """No backend on a CPU convolves it, so only what its Reshape gives can be held against the module's."""
    k = symbolic(
        lambda x: layers.Conv2DTranspose(3, 2, 2, data_format="channels_first")(
            layers.Reshape((8, 3, 3), name="maps")(layers.Dense(72)(x))
        ),
        (6,),
    )
    return k, nn.Sequential(nn.Linear(6, 72), nn.Unflatten(1, (8, 3, 3)), nn.ConvTranspose2d(8, 3, 2, 2))


@pytest.mark.parametrize("way", WAYS)
def test_a_decoder_with_its_channels_first_keeps_the_order_of_its_features(way):
    model, module = channels_first_decoder()
    pair = Pair(model, module, CODES)
    randomise(pair)
    assert dualcell.plan_weights(*pair.sides(way)).apply().table.notes == ()
    half = symbolic(lambda x: model.get_layer("maps")(model.layers[1](x)), (6,))
    assert Pair(half, module[:2], CODES).error() < 2e-5


# --- what `flatten` names ---


def columns(*, both):
    """The columns of a map, read by a recurrent layer: nothing says in which order their features are."""

    def make():
        def run(x):
            maps = layers.Permute((2, 1, 3))(layers.Conv2D(4, 3, name="conv")(x))
            reader = layers.LSTM(5, return_sequences=True, name="reader")
            return (layers.Bidirectional(reader, name="bi") if both else reader)(layers.Reshape((5, 16))(maps))

        def forward(net, x):
            return net.read(net.c(x).permute(0, 3, 1, 2).flatten(2))[0]

        read = nn.LSTM(16, 5, batch_first=True, bidirectional=both)
        return Pair(symbolic(run, (6, 7, 3)), Net(forward, c=nn.Conv2d(3, 4, 3), read=read), noise(2, 6, 7, 3),
                    channels_first)  # fmt: skip

    return make


@pytest.mark.parametrize(("both", "named"), [(True, "bi"), (True, "read"), (False, "reader"), (False, "read")])
def test_flatten_may_name_what_wraps_the_cells(both, named):
    refused(columns(both=both), "the order of the features of ")
    agree(columns(both=both), flatten={named: (4, 4)})


@pytest.mark.parametrize("way", WAYS)
def test_flatten_that_names_no_layer_or_no_such_maps_is_refused(way):
    sides = columns(both=True)().sides(way)
    with pytest.raises(PlanError, match="flatten: no matched layer is called 'by'"):
        dualcell.plan_weights(*sides, flatten={"by": (4, 4)})
    with pytest.raises(PlanError, match=r"takes 16 features, and maps of \(4, 5\) have another number"):
        dualcell.plan_weights(*sides, flatten={"bi": (4, 5)})


@pytest.mark.parametrize("way", WAYS)
def test_flatten_names_no_wrapper_of_what_takes_no_maps(way):
    model = symbolic(lambda x: layers.Bidirectional(layers.LSTM(5, return_sequences=True), name="bi")(x), (5, 16))
    read = nn.LSTM(16, 5, batch_first=True, bidirectional=True)
    sides = Pair(model, Net(lambda net, x: net.read(x)[0], read=read), None).sides(way)
    with pytest.raises(PlanError, match="flatten: no matched layer is called 'bi'"):
        dualcell.plan_weights(*sides, flatten={"bi": (4, 4)})
