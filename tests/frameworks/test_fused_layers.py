"""One dense layer for several on one side, as `qkv` is, and those several on the other."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import warnings

import keras
import numpy as np
import pytest
import torch
from keras import layers, ops
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F  # noqa: N812 - everybody calls it so

from dualcell import PlanError, compare_weights, convert, load_plan, plan_weights

RANDOM = np.random.default_rng(3)
X = RANDOM.standard_normal((2, 5, 8)).astype(np.float32)


# --- attention ---


class Fused(nn.Module):
    """Attention as nanoGPT, timm and others write it; `cut` makes query, key and value of one result."""

    def __init__(self, cut, heads=2, name="c_attn"):
        super().__init__()
        setattr(self, name, nn.Linear(8, 24))
        self.c_proj = nn.Linear(8, 8)
        self.cut, self.heads, self.name = cut, heads, name

    def forward(self, x):
        batch, length, width = x.shape
        q, k, v = self.cut(getattr(self, self.name)(x), batch, length, width, self.heads)
        y = F.scaled_dot_product_attention(q, k, v)
        return self.c_proj(y.transpose(1, 2).reshape(batch, length, width))


def into_heads(parts, batch, length, width, heads):
    return [part.view(batch, length, heads, width // heads).transpose(1, 2) for part in parts]


def unpacked(y, batch, length, width, heads):
    q, k, v = y.split(width, dim=2)
    return into_heads((q, k, v), batch, length, width, heads)


CUTS = {
    "chunk": lambda y, b, n, c, h: into_heads(y.chunk(3, -1), b, n, c, h),
    "split": lambda y, b, n, c, h: into_heads(y.split([c, c, c], dim=2), b, n, c, h),
    "sizes": unpacked,
    "slices": lambda y, b, n, c, h: into_heads((y[..., :c], y[..., c : 2 * c], y[..., 2 * c :]), b, n, c, h),
    "axes": lambda y, b, n, c, h: y.reshape(b, n, 3, h, c // h).permute(2, 0, 3, 1, 4),
    "unbind": lambda y, b, n, c, h: y.view(b, n, 3, h, c // h).permute(2, 0, 3, 1, 4).unbind(0),
}


class Apart(keras.Model):
    """Attention in four layers."""

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v, self.o = (layers.Dense(8, name=name) for name in "qkvo")

    def call(self, x):
        q, k, v = (
            ops.transpose(ops.reshape(layer(x), (-1, 5, 2, 4)), (0, 2, 1, 3)) for layer in (self.q, self.k, self.v)
        )
        y = ops.matmul(ops.softmax(ops.matmul(q, ops.swapaxes(k, -1, -2)) / 2.0), v)
        return self.o(ops.reshape(ops.transpose(y, (0, 2, 1, 3)), (-1, 5, 8)))


class Inside(keras.Model):
    """Attention as one layer of Keras."""

    def __init__(self):
        super().__init__()
        self.mha = layers.MultiHeadAttention(2, 4)

    def call(self, x):
        return self.mha(x, x)


class FusedInKeras(keras.Model):
    def __init__(self, cut):
        super().__init__()
        self.qkv, self.proj = layers.Dense(24), layers.Dense(8)
        self.cut = cut

    def call(self, x):
        y = self.qkv(x)
        parts = ops.split(y, 3, axis=-1) if self.cut == "split" else (y[..., :8], y[..., 8:16], y[..., 16:])
        q, k, v = (ops.transpose(ops.reshape(part, (-1, 5, 2, 4)), (0, 2, 1, 3)) for part in parts)
        y = ops.matmul(ops.softmax(ops.matmul(q, ops.swapaxes(k, -1, -2)) / 2.0), v)
        return self.proj(ops.reshape(ops.transpose(y, (0, 2, 1, 3)), (-1, 5, 8)))


class ApartInTorch(nn.Module):
    def __init__(self, order="qkvo"):
        super().__init__()
        for name in order:
            setattr(self, name, nn.Linear(8, 8))

    def forward(self, x):
        batch, length, width = x.shape
        q, k, v = into_heads((self.q(x), self.k(x), self.v(x)), batch, length, width, 2)
        y = F.scaled_dot_product_attention(q, k, v)
        return self.o(y.transpose(1, 2).reshape(batch, length, width))


def filled(model, x=X):
    """A Keras model with weights that are all different, biases too."""
    model(x)
    random = np.random.default_rng(7)
    for weight in model.weights:
        weight.assign(random.standard_normal(weight.shape) / 2)
    return model


def torn(module):
    random = np.random.default_rng(8)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.from_numpy(random.standard_normal(parameter.shape) / 2))
    return module


def agree(model, module, x=X):
    """A copy in each direction, without a word, and the outputs agree."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for source, target in ((model, module), (torn(module), model)):
            plan = plan_weights(source, target)
            assert plan.complete, plan
            plan.apply()
            left, right = np.asarray(model(x)), module(torch.from_numpy(x)).detach().numpy()
            np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-5)
    return plan


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("make", [Apart, Inside])
def test_one_layer_in_torch_for_three_in_keras(make, cut):
    plan = agree(filled(make()), Fused(CUTS[cut]))
    assert "c_attn.weight[2 of 3]" in [row.source_name for row in plan.rows]
    assert {row.by for row in plan.rows} == {"flow"}


@pytest.mark.parametrize("cut", ["split", "slices"])
@pytest.mark.parametrize("make", [ApartInTorch, lambda: ApartInTorch("vokq")])
def test_one_layer_in_keras_for_three_in_torch(make, cut):
    plan = agree(filled(FusedInKeras(cut)), make())
    name = next(name for name in plan.target.arrays if name.endswith("qkv/kernel"))
    assert f"{name}[2 of 3]" in [row.target.name for row in plan.rows]


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("other", ["split", "slices"])
def test_one_layer_on_both_sides_stays_one(cut, other):
    plan = agree(filled(FusedInKeras(other)), Fused(CUTS[cut]))
    assert not [row for row in plan.rows if " of 3]" in row.target.name]


def between(y, batch, length, width, heads):
    """Query, key and value of each head one after the other, as GPT-NeoX has them."""
    parts = y.view(batch, length, heads, 3 * width // heads).chunk(3, -1)
    return [part.transpose(1, 2) for part in parts]


@pytest.mark.parametrize("make", [Apart, Inside])
def test_parts_that_lie_between_each_other_are_not_taken_for_thirds(make):
    model, module = filled(make()), Fused(between)
    for source, target in ((model, module), (module, model)):
        with pytest.raises(PlanError, match=r"there are [14] of them in the source and [14] in the target") as error:
            plan_weights(source, target)
        assert "is as large as" not in str(error.value)


def test_thirds_and_parts_between_each_other_are_not_the_same():
    model, module = filled(FusedInKeras("split")), Fused(between)
    for source, target in ((model, module), (module, model)):
        with pytest.raises(PlanError) as error:
            plan_weights(source, target)
        assert (
            "is cut into 3 parts that lie one after the other, that of 'c_attn' into parts whose features lie "
            "between each other. Take them in one order in both models, or say overrides={" in str(error.value)
        )
    assert plan_weights(model, module, {model.qkv.name: "c_attn"}).complete


# --- masks, which everybody writes in a way of their own ---


class MaskedInTorch(nn.Module):
    """Causal attention; its layers are defined in another order than they are called in."""

    def __init__(self, attend, fused, kept=False):
        super().__init__()
        names = ("c_attn",) if fused else ("v", "k", "q")
        for name in names:
            setattr(self, name, nn.Linear(8, 24 // len(names)))
        self.o = nn.Linear(8, 8)
        self.register_buffer("mask", torch.tril(torch.ones(5, 5)), persistent=kept)
        self.register_buffer("far", (1 - torch.tril(torch.ones(5, 5))) * -1e9, persistent=kept)
        self.attend, self.fused = attend, fused

    def forward(self, x):
        batch, length, width = x.shape
        q, k, v = self.c_attn(x).chunk(3, -1) if self.fused else (self.q(x), self.k(x), self.v(x))
        y = self.attend(self, *into_heads((q, k, v), batch, length, width, 2))
        return self.o(y.transpose(1, 2).reshape(batch, length, width))


def scores(q, k):
    return q @ k.transpose(-2, -1) / 2.0


IN_TORCH = {
    "given": lambda m, q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
    "filled": lambda m, q, k, v: scores(q, k).masked_fill(m.mask == 0, -1e9).softmax(-1) @ v,
    "chosen": lambda m, q, k, v: torch.where(m.mask[:5, :5] > 0, scores(q, k), -1e9).softmax(-1) @ v,
    "added": lambda m, q, k, v: (scores(q, k) + m.far).softmax(-1) @ v,
}
IN_KERAS = {
    "chosen": lambda w: ops.where(ops.tril(ops.ones((5, 5))) > 0, w, -1e9),
    "added": lambda w: w + (ops.tril(ops.ones((5, 5))) - 1) * 1e9,
}


class MaskedInKeras(keras.Model):
    def __init__(self, mask, fused):
        super().__init__()
        names = ("qkv",) if fused else ("k", "v", "q")
        for name in names:
            setattr(self, name, layers.Dense(24 // len(names), name=name))
        self.o = layers.Dense(8, name="o")
        self.mask, self.fused = mask, fused

    def call(self, x):
        q, k, v = ops.split(self.qkv(x), 3, axis=-1) if self.fused else (self.q(x), self.k(x), self.v(x))
        q, k, v = (ops.transpose(ops.reshape(part, (-1, 5, 2, 4)), (0, 2, 1, 3)) for part in (q, k, v))
        y = ops.matmul(ops.softmax(self.mask(ops.matmul(q, ops.swapaxes(k, -1, -2)) / 2.0)), v)
        return self.o(ops.reshape(ops.transpose(y, (0, 2, 1, 3)), (-1, 5, 8)))


@pytest.mark.parametrize("fused", [(True, False), (False, True), (True, True), (False, False)])
@pytest.mark.parametrize("in_torch", IN_TORCH)
@pytest.mark.parametrize("in_keras", IN_KERAS)
@pytest.mark.parametrize("kept", [False, True])
def test_masks_tell_no_layers_apart(in_keras, in_torch, fused, kept):
    module = MaskedInTorch(IN_TORCH[in_torch], fused[1], kept)
    agree(filled(MaskedInKeras(IN_KERAS[in_keras], fused[0])), module)
    assert module.mask.sum() == 15  # as it was


# --- gates, and what else is cut in parts ---


class Several(nn.Module):
    """What `act` makes of the parts of one layer's result."""

    def __init__(self, count, act, bias=True):
        super().__init__()
        self.both, self.out = nn.Linear(8, 6 * count, bias), nn.Linear(6, 8)
        self.count, self.act = count, act

    def forward(self, x):
        return self.out(self.act(torch, *self.both(x).chunk(self.count, -1)))


class EachAlone(keras.Model):
    """The same of as many layers, made in the order of `names`."""

    def __init__(self, names, act, bias=True):
        super().__init__()
        self.names = sorted(names)
        for name in names:
            setattr(self, name, layers.Dense(6, use_bias=bias, name=name))
        self.out = layers.Dense(8, name="out")
        self.act = act

    def call(self, x):
        return self.out(self.act(ops, *(getattr(self, name)(x) for name in self.names)))


ACTS = {
    "glu": (2, lambda f, a, b: a * f.sigmoid(b)),
    "three": (3, lambda f, a, b, c: f.sigmoid(a) * f.tanh(b) + c),
    "lstm": (4, lambda f, i, g, o, z: f.sigmoid(o) * f.tanh(f.sigmoid(i) * f.tanh(g) + z)),
}


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("act", ACTS)
def test_gates_in_one_layer_and_in_several(act, bias):
    count, made = ACTS[act]
    names = sorted("abcd"[:count], reverse=True)  # so that order alone would be wrong
    agree(filled(EachAlone(names, made, bias)), Several(count, made, bias))


class ByGlu(Several):
    def forward(self, x):
        return self.out(F.glu(self.both(x), -1))


def test_a_function_that_cuts_for_itself():
    agree(filled(EachAlone("ba", ACTS["glu"][1])), ByGlu(2, None))


@pytest.mark.parametrize("names", ["ab", "ba"])
def test_a_forward_that_one_object_has_is_the_one_that_counts(names):
    module = Several(2, lambda f, a, b: f.sigmoid(a) * b)
    module.forward = lambda x: module.out(F.glu(module.both(x), -1))
    agree(filled(EachAlone(names, ACTS["glu"][1])), module)


class Gates(nn.Module):
    def __init__(self):
        super().__init__()
        self.i, self.h, self.out = nn.Linear(8, 16), nn.Linear(4, 16), nn.Linear(4, 8)

    def forward(self, x):
        i, f, g, o = (self.i(x) + self.h(x[..., :4])).chunk(4, -1)
        state = torch.sigmoid(f) * x[..., 4:] + torch.sigmoid(i) * torch.tanh(g)
        return self.out(torch.sigmoid(o) * torch.tanh(state))


class GatesApart(keras.Model):
    def __init__(self):
        super().__init__()
        self.i, self.h = ([layers.Dense(4) for _ in range(4)] for _ in range(2))
        self.out = layers.Dense(8)

    def call(self, x):
        i, f, g, o = (one(x) + other(x[..., :4]) for one, other in zip(self.i, self.h, strict=True))
        state = ops.sigmoid(f) * x[..., 4:] + ops.sigmoid(i) * ops.tanh(g)
        return self.out(ops.sigmoid(o) * ops.tanh(state))


def test_a_sum_that_is_cut_cuts_both_layers():
    agree(filled(GatesApart()), Gates())


def test_of_several_layers_on_one_side_only_those_are_cut_that_make_up_what_the_other_has_more():
    """Two fused layers, and partners for one of them: nobody knows for which."""

    class Two(Several):
        def __init__(self):
            super().__init__(2, ACTS["glu"][1])
            self.other = nn.Linear(8, 12)

        def forward(self, x):
            return super().forward(x) + self.out(self.act(torch, *self.other(x).chunk(2, -1)))

    plan = plan_weights(filled(EachAlone("ab", ACTS["glu"][1])), Two())
    assert not plan.complete
    assert {row.target.name for row in plan.rows} == {"out.weight", "out.bias"}


# --- what cannot be seen, and is said ---


class Unseen(Several):
    """Its forward asks for values, so nobody can look into it."""

    def forward(self, x):
        return super().forward(x) if float(x.sum()) < 1e9 else x


def unseen():
    return Unseen(2, ACTS["glu"][1])


def test_parts_by_name():
    model, module = filled(EachAlone("ab", ACTS["glu"][1])), unseen()
    overrides = {"a": "both[0 of 2]", "b": "both[1 of 2]"}
    for source, target in ((model, module), (torn(module), model)):
        plan_weights(source, target, overrides).apply()
        np.testing.assert_allclose(np.asarray(model(X)), module(torch.from_numpy(X)).detach(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("turned", [False, True])
def test_what_may_hold_several_is_named_with_what_to_write(turned):
    model, module = filled(EachAlone("ab", ACTS["glu"][1])), unseen()
    said = "{'both[0 of 2]': 'a'}" if turned else "{'a': 'both[0 of 2]'}"
    plan = plan_weights(module, model) if turned else plan_weights(model, module)
    sentence = (
        "'both' is as large as 2 layers like 'a'; if it holds them one after the other, name its parts, as in "
        f"overrides={said}"
    )
    assert sentence in repr(plan)
    with pytest.raises(PlanError) as error:
        plan.apply()
    assert sentence in str(error.value)
    assert "no override pairs them" not in str(error.value)


def test_parts_that_are_not_there():
    model, module = filled(EachAlone("ab", ACTS["glu"][1])), unseen()
    with pytest.raises(PlanError, match=r"has no layer 'both\[2 of 2\]'\. Did you mean 'both\[1 of 2\]'\?"):
        plan_weights(model, module, {"a": "both[0 of 2]", "b": "both[2 of 2]"})
    with pytest.raises(PlanError, match=r"has no layer 'both\[0 of 7\]'"):
        plan_weights(model, module, {"a": "both[0 of 7]"})
    with pytest.raises(PlanError, match=r"kernel \(4, 8\).*do not fit each other"):
        plan_weights(model, module, {"a": "both[0 of 3]"})


# --- files ---


def test_a_saved_plan_with_parts_along_any_axis(tmp_path):
    torch_one, keras_one = Several(2, ACTS["glu"][1]), FusedInKeras("split")
    pairs = [(filled(EachAlone("ba", ACTS["glu"][1])), torch_one), (filled(keras_one), ApartInTorch())]
    for model, module in pairs:
        for source, target in ((model, module), (torn(module), model)):
            plan_weights(source, target).save(tmp_path / "plan.json")
            load_plan(tmp_path / "plan.json", source, target).apply()
            np.testing.assert_allclose(np.asarray(model(X)), module(torch.from_numpy(X)).detach(), rtol=1e-4, atol=1e-5)
    assert '"part": [2, 3], "axis": 1' in (tmp_path / "plan.json").read_text()


@pytest.mark.parametrize("axis", [2, -1, 9])
def test_a_plan_with_parts_along_an_axis_that_is_not_there(tmp_path, axis):
    model, module = filled(FusedInKeras("split")), ApartInTorch()
    plan_weights(module, model).save(tmp_path / "plan.json")
    text = (tmp_path / "plan.json").read_text().replace('"axis": 1', f'"axis": {axis}')
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(PlanError, match=f"has no part 0 of 3 along axis {axis}"):
        load_plan(tmp_path / "plan.json", module, model)


def test_files_are_converted_part_by_part(tmp_path):
    model, module = filled(EachAlone("ba", ACTS["glu"][1])), Several(2, ACTS["glu"][1])
    plan_weights(model, module).save(tmp_path / "plan.json")
    model.save_weights(tmp_path / "model.weights.h5")
    convert(tmp_path / "model.weights.h5", tmp_path / "net.safetensors", tmp_path / "plan.json")
    module.load_state_dict(load_file(tmp_path / "net.safetensors"))
    np.testing.assert_allclose(np.asarray(model(X)), module(torch.from_numpy(X)).detach(), rtol=1e-4, atol=1e-5)


def test_parts_are_compared_with_their_partners():
    model, module = filled(FusedInKeras("split")), ApartInTorch()
    plan_weights(model, module).apply()
    assert compare_weights(model, module)
    with torch.no_grad():
        module.k.weight[3, 2] += 1
    found = compare_weights(model, module)
    assert not found, found
