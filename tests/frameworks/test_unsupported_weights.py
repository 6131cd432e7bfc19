"""Layers without an equivalent: the refusal says what they are and what to do; near ones are copied."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest
import torch
from keras import layers
from torch import nn

import dualcell
from dualcell import PlanError


def chain(*parts, shape=(4,)):
    return keras.Sequential([keras.Input(shape), *parts])


def refusals(model, module):
    """What `apply` says of both directions."""
    said = []
    for source, target in ((model, module), (module, model)):
        with pytest.raises(PlanError) as error:
            dualcell.plan_weights(source, target).apply()
        said.append(str(error.value))
        assert "Nothing was written" in said[-1] or "Say which belong together" in said[-1]
    return said


# --- EinsumDense and attention in groups ---


@pytest.mark.parametrize(
    ("equation", "shape", "bias", "before"),
    [
        ("abc,bd->adc", (6, 4), None, (7, 4)),  # sums over an axis in the middle
        ("abc,bcd->abd", (7, 5), "d", (7, 4)),  # a kernel for each place
        ("abc,cde->abde", (7, 2, 3), "e", (7, 4)),  # one bias for all heads
        ("abc,cde->aebd", (3, 7, 2), "de", (7, 4)),  # the new axes lie apart
        ("abc,bcd->ad", (5,), "d", (7, 4)),  # a Flatten and a Dense in one
        ("ab...,bc->ac...", (5, 4), None, (7, 4)),
    ],
)
def test_an_equation_that_is_no_dense_layer_is_said(equation, shape, bias, before):
    model = chain(layers.EinsumDense(equation, shape, bias_axes=bias, name="mix"), shape=before)
    size = [int(np.prod(model.layers[0].kernel.shape[:1])), int(np.prod(model.layers[0].kernel.shape[1:]))]
    for said in refusals(model, nn.Linear(*size)):
        assert f"EinsumDense({equation!r}) is no plain dense layer: it does not sum over the last axes alone" in said
        assert "build it as Dense with Permute or Flatten and Reshape around it" in said


def test_axes_of_maps_that_are_summed_are_asked_about():
    model = chain(
        layers.Conv2D(3, 1, name="conv"), layers.EinsumDense("bhwc,wcd->bhd", (4, 5), name="mix"), shape=(4, 4, 2)
    )
    module = nn.Sequential(nn.Conv2d(2, 3, 1), nn.Flatten(2), nn.Linear(12, 5))
    with pytest.raises(PlanError, match="the order of the features of 'mix' is not known: it sums over axes of maps"):
        dualcell.plan_weights(model, module)


class Grouped(nn.Module):
    """Attention whose query heads share key heads."""

    def __init__(self, keys):
        super().__init__()
        self.query, self.key, self.value = nn.Linear(8, 8), nn.Linear(8, 2 * keys), nn.Linear(8, 2 * keys)
        self.output = nn.Linear(8, 8)

    def forward(self, x):
        query, key, value = (
            part(x).unflatten(-1, (-1, 2)).transpose(1, 2) for part in (self.query, self.key, self.value)
        )
        heads = nn.functional.scaled_dot_product_attention(query, key, value, enable_gqa=True)
        return self.output(heads.transpose(1, 2).flatten(2))


class GroupedModel(keras.Model):
    def __init__(self, keys):
        super().__init__()
        self.attention = layers.GroupQueryAttention(2, 4, keys)

    def call(self, x):
        return self.attention(x, x)


class Whole(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 4, batch_first=True)

    def forward(self, x):
        return self.attention(x, x, x)[0]


@pytest.mark.parametrize(("keys", "made"), [(2, Grouped), (1, Grouped), (4, Grouped), (4, lambda keys: Whole())])
def test_attention_in_groups_is_four_linears(keys, made):
    model, module = GroupedModel(keys), made(keys)
    x = np.random.default_rng(0).standard_normal((2, 5, 8)).astype("f")
    model(x)
    for weight in model.weights:
        weight.assign(np.random.default_rng(weight.shape[0]).standard_normal(weight.shape) * 0.4)
    before = [np.asarray(weight) for weight in model.weights]
    dualcell.plan_weights(model, module).apply()
    with torch.no_grad():
        np.testing.assert_allclose(keras.ops.convert_to_numpy(model(x)), module(torch.from_numpy(x)), atol=1e-5)
    for weight in model.weights:
        weight.assign(np.zeros(weight.shape))
    dualcell.plan_weights(module, model).apply()
    assert all(np.array_equal(old, np.asarray(new)) for old, new in zip(before, model.weights, strict=True))


def test_attention_in_groups_is_no_attention_of_torch():
    model = GroupedModel(2)
    model(np.ones((1, 3, 8), "f"))
    for said in refusals(model, Whole()):
        assert "GroupQueryAttention with fewer key heads than query heads is no nn.MultiheadAttention" in said
        assert (
            "four nn.Linear (query, key, value, output) and scaled_dot_product_attention(..., enable_gqa=True)" in said
        )


# --- recurrent layers ---


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_convolutional_lstm_is_said(rank):
    layer = getattr(layers, f"ConvLSTM{rank}D")(3, 2, name="memory")
    model = chain(layer, shape=(4, *[5] * rank, 2))
    for said in refusals(model, getattr(nn, f"Conv{rank}d")(2, 12, 2)):
        assert f"ConvLSTM{rank}D has no equivalent in PyTorch: write a cell of your own with two nn.Conv{rank}d" in said
        assert "overrides={'memory/cell': None}" in said


def test_an_lstm_that_projects_its_state_is_said():
    model = chain(layers.LSTM(5, name="memory"), shape=(4, 3))
    for said in refusals(model, nn.LSTM(3, 5, proj_size=2, batch_first=True)):
        assert "nn.LSTM(proj_size=2) has no equivalent in Keras, whose LSTM feeds its state back as it is" in said
        assert "build it with proj_size=0" in said


def test_an_lstm_that_projects_its_state_goes_to_its_like():
    one, other = (nn.LSTM(3, 5, 2, proj_size=2, batch_first=True) for _ in range(2))
    dualcell.plan_weights(one, other).apply()
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items())


# --- weights that are computed ---


@pytest.mark.parametrize(
    ("wrap", "undo", "by"),
    [
        (
            nn.utils.parametrizations.weight_norm,
            nn.utils.parametrize.remove_parametrizations,
            "_WeightNorm (torch.nn.utils.parametrize)",
        ),
        (
            nn.utils.parametrizations.spectral_norm,
            nn.utils.parametrize.remove_parametrizations,
            "_SpectralNorm (torch.nn.utils.parametrize)",
        ),
        (nn.utils.weight_norm, lambda m, name: nn.utils.remove_weight_norm(m, name), "torch.nn.utils.weight_norm"),
        (
            nn.utils.spectral_norm,
            lambda m, name: nn.utils.remove_spectral_norm(m, name),
            "torch.nn.utils.spectral_norm",
        ),
        (
            lambda module: nn.utils.prune.random_unstructured(module, "weight", 0.5),
            lambda m, name: nn.utils.prune.remove(m, name),
            "torch.nn.utils.prune",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
def test_a_weight_that_is_computed_is_said_with_the_call_that_ends_it(wrap, undo, by):
    model, module = chain(layers.Dense(5, name="fc")), nn.Sequential(wrap(nn.Linear(4, 5)))
    for said in refusals(model, module):
        assert f"a 'weight' here is computed by {by} and not kept" in said
        assert "(module, 'weight') on each such module keeps the values it has now in one plain parameter" in said
        assert "0.bias (5,)" in said
    [call] = {part.split("(module")[0].split()[-1] for part in refusals(model, module)[0].split(";")[:1]}
    assert eval(call) is not None
    undo(module[0], "weight")
    assert dualcell.plan_weights(model, module).complete


def test_weights_that_are_computed_go_to_their_like():
    one, other = (nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(4, 5))) for _ in range(2))
    dualcell.plan_weights(one, other).apply()
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items())


def test_spectral_normalization_of_keras_is_said():
    model = chain(layers.SpectralNormalization(layers.Dense(5, name="fc"), name="norm"))
    module = nn.Sequential(nn.Linear(4, 5))
    for said in refusals(model, module):
        assert "SpectralNormalization keeps its kernel divided by the norm already" in said
        assert "leave it out with overrides={'norm/vector_u': None}" in said
    model(np.ones((2, 4), "f"), training=True)
    dualcell.plan_weights(model, module, {"norm/vector_u": None}).apply()
    x = np.ones((2, 4), "f")
    with torch.no_grad():
        np.testing.assert_allclose(keras.ops.convert_to_numpy(model(x)), module(torch.from_numpy(x)), atol=1e-6)


# --- normalizations without scale and offset ---


@pytest.mark.parametrize(
    ("layer", "module", "fixes"),
    [
        (
            layers.LayerNormalization(scale=False, center=False, name="norm"), nn.LayerNorm(6),
            ("elementwise_affine=False", "scale=True, center=True"),
        ),
        (
            layers.GroupNormalization(3, scale=False, center=False, name="norm"), nn.GroupNorm(3, 6),
            ("affine=False", "scale=True, center=True"),
        ),
    ],
)  # fmt: skip
def test_a_normalization_without_weights_is_said_with_the_fix(layer, module, fixes):
    model, net = chain(layers.Dense(6), layer), nn.Sequential(nn.Linear(4, 6), module)
    for said, fix, names in zip(refusals(model, net), fixes, (("1", "norm"), ("1", "norm")), strict=True):
        built = "1" if "affine" in fix else "norm"
        kind = type(module).__name__
        assert (
            f"'{names[0]}' ({kind}) has scale and offset, and '{names[1]}' does not: build '{built}' with {fix}" in said
        )


def test_a_normalization_with_weights_whose_twin_has_none_is_said_with_the_fix():
    model = chain(layers.Dense(6), layers.LayerNormalization(name="norm"))
    net = nn.Sequential(nn.Linear(4, 6), nn.LayerNorm(6, elementwise_affine=False))
    there, back = refusals(model, net)
    assert "'norm' (LayerNormalization) has scale and offset, and '1' does not: build '1' with elem" in there
    assert "'norm' (LayerNormalization) has scale and offset, and '1' does not: build 'norm' with scale=False" in back


def test_the_norms_of_a_transformer_without_biases_are_copied():
    module = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True, bias=False)
    assert module.norm1.bias is None
    inputs = keras.Input((3, 4))
    x = layers.MultiHeadAttention(2, 2, use_bias=False)(inputs, inputs)
    x = one = layers.LayerNormalization(center=False, epsilon=1e-5)(inputs + x)
    x = layers.Dense(4, use_bias=False)(layers.Dense(8, "relu", use_bias=False)(x))
    model = keras.Model(inputs, layers.LayerNormalization(center=False, epsilon=1e-5)(one + x))
    for weight in model.weights:
        weight.assign(np.random.default_rng(weight.shape[-1]).standard_normal(weight.shape))
    before = [np.asarray(weight) for weight in model.weights]
    dualcell.plan_weights(model, module).apply()
    x = np.random.default_rng(0).standard_normal((2, 3, 4)).astype("f")
    with torch.no_grad():
        expected = module.eval()(torch.from_numpy(x))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(model(x)), expected, atol=1e-5)
    for weight in model.weights:
        weight.assign(np.zeros(weight.shape))
    dualcell.plan_weights(module, model).apply()
    assert all(np.array_equal(old, np.asarray(new)) for old, new in zip(before, model.weights, strict=True))


def test_a_layer_that_is_refused_gives_none_of_its_weights():
    model = chain(layers.LSTM(4, name="memory"), layers.Dense(2, name="head"), shape=(4, 3))
    module = nn.Sequential(nn.LSTM(3, 4, proj_size=2, batch_first=True), nn.Linear(4, 2))
    plan = dualcell.plan_weights(model, module, {"memory/cell": None, "0": None})
    assert plan.rows
    for source, target in ((model, module), (module, model)):
        plan = dualcell.plan_weights(source, target)
        assert {row.kind for row in plan.rows} == {"dense"}
        assert not plan.complete
        assert any("nn.LSTM(proj_size=2) has no equivalent in Keras" in note for note in plan.table.notes)
        before = module[0].weight_ih_l0.detach().clone(), np.asarray(model.layers[0].cell.kernel)
        plan.apply(partial=True)
        assert torch.equal(module[0].weight_ih_l0, before[0])
        np.testing.assert_array_equal(model.layers[0].cell.kernel, before[1])
