"""What a plan finds, what it refuses, and that a copy is whole or not at all."""

from __future__ import annotations

import os
from collections import OrderedDict
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest
import torch
from keras import layers
from torch import nn

import dualcell
from dualcell import PlanError
from dualcell.weights.plan import inventory_of


def keras_chain(*made, shape=(4,)):
    """A Sequential model with other weights in every layer."""
    model = keras.Sequential([keras.Input(shape), *made])
    random = np.random.default_rng(5)
    for weight in model.weights:
        weight.assign(random.uniform(0.5, 1.5, weight.shape).astype(weight.dtype))
    return model


def state(model):
    """Every array's bits, to see whether anything was written."""
    if isinstance(model, nn.Module):
        return {name: array.float().numpy().tobytes() for name, array in model.state_dict().items()}
    return [np.asarray(weight).tobytes() for weight in model.weights]


def found(plan):
    """Target weight -> source weight."""
    return {row.target.name: row.source_name for row in plan.rows}


# --- what decides ---


class Named(nn.Module):
    """Layers of one shape, defined in one order and called in another."""

    def __init__(self, defined, called):
        super().__init__()
        for name in defined:
            setattr(self, name, nn.Linear(4, 4))
        self.called = called

    def forward(self, x):
        for name in self.called:
            x = getattr(self, name)(x)
        return x


class Blind(Named):
    """The same, but what it does cannot be seen without values."""

    def forward(self, x):
        return super().forward(x) if bool(x.sum() > -1) else x


def test_layers_of_one_shape_are_matched_by_how_they_feed_each_other():
    model = keras_chain(*(layers.Dense(4, name=name) for name in "pqr"))
    module = Named(["u", "v", "w"], ["w", "u", "v"])  # defined otherwise than called
    plan = dualcell.plan_weights(model, module)
    assert found(plan)["w.weight"] == "p/kernel"
    assert found(plan)["u.weight"] == "q/kernel"
    assert found(plan)["v.weight"] == "r/kernel"
    plan.apply()
    x = np.random.default_rng(0).random((2, 4), np.float32)
    np.testing.assert_allclose(model(x), module(torch.from_numpy(x)).detach(), rtol=1e-5)


def test_names_that_both_sides_share_and_that_deny_the_wiring_are_refused():
    model = keras_chain(*(layers.Dense(4, name=name) for name in ("first", "second")))
    with pytest.raises(PlanError, match=r"the wiring says 'first' goes to 'second'.*names say otherwise") as error:
        dualcell.plan_weights(model, Named(["first", "second"], ["second", "first"]))
    assert "overrides={'first': 'second', 'second': 'first'}, which is what the wiring says" in str(error.value)


def test_an_override_decides_against_the_names():
    model = keras_chain(*(layers.Dense(4, name=name) for name in ("first", "second")))
    module = Named(["first", "second"], ["second", "first"])
    plan = dualcell.plan_weights(model, module, {"first": "second"})
    assert found(plan)["second.weight"] == "first/kernel"
    assert plan.complete


def test_without_wiring_the_order_of_definition_decides():
    model = keras_chain(*(layers.Dense(4, name=name) for name in "pqr"))
    plan = dualcell.plan_weights(model, Blind(["u", "v", "w"], ["u", "v", "w"]))
    assert found(plan)["v.weight"] == "q/kernel"
    assert {row.by for row in plan.rows} == {"order"}


@pytest.mark.parametrize("names", [["fc2", "fc1"], ["fc10", "fc9"]])
def test_an_order_that_the_numbers_deny_is_refused(names):
    model = keras_chain(layers.Dense(4, name="layer1"), layers.Dense(4, name="layer2"))
    with pytest.raises(PlanError, match=r"the order says 'layer1' goes to .* names say otherwise"):
        dualcell.plan_weights(model, Blind(names, names))


def test_an_order_that_the_names_deny_is_refused():
    model = keras_chain(layers.Dense(4, name="left"), layers.Dense(4, name="right"))
    with pytest.raises(PlanError, match="names say otherwise"):
        dualcell.plan_weights(model, Blind(["right", "left"], []))


def towers(first, second, join=layers.Concatenate):
    x = keras.Input((4,))
    made = {name: layers.Dense(4, name=name)(x) for name in (first, second)}
    return keras.Model(x, join()([made[first], made[second]]))


class Towers(nn.Module):
    def __init__(self, defined, called):
        super().__init__()
        for name in defined:
            setattr(self, name, nn.Linear(4, 4))
        self.called = called

    def forward(self, x):
        return torch.cat([getattr(self, name)(x) for name in self.called], 1)


@pytest.mark.parametrize("called", [["u", "v"], ["v", "u"]])
def test_twins_go_by_their_places_in_a_concatenation(called):
    plan = dualcell.plan_weights(towers("p", "q"), Towers(["u", "v"], called))
    assert found(plan)[f"{called[0]}.weight"] == "p/kernel"
    assert {row.by for row in plan.rows} == {"flow"}
    assert plan.table.notes == ()


@pytest.mark.parametrize("called", [["u", "v"], ["v", "u"]])
def test_twins_that_can_change_places_go_in_order(called):
    """Whichever goes where, the sum is the same."""
    module = Branches(linears("u", "v"), lambda self, x: sum(getattr(self, name)(x) for name in called))
    plan = dualcell.plan_weights(towers("p", "q", layers.Add), module)
    assert found(plan)["u.weight"] == "p/kernel"
    assert {row.by for row in plan.rows} == {"order"}
    assert plan.table.notes == ()


def test_twins_go_by_name_if_their_names_are_the_same():
    plan = dualcell.plan_weights(towers("left", "right"), Towers(["right", "left"], ["left", "right"]))
    assert found(plan)["left.weight"] == "left/kernel"
    assert {row.by for row in plan.rows} == {"name"}


class Branches(nn.Module):
    """Layers of one shape side by side, defined in one order and joined in another."""

    def __init__(self, made, join):
        super().__init__()
        for name, layer in made.items():
            setattr(self, name, layer)
        self.join = join

    def forward(self, x):
        return self.join(self, x)


def linears(*names, size=4):
    return {name: nn.Linear(size, size) for name in names}


def test_the_override_to_write_is_what_the_names_suggest():
    x = keras.Input((4,))
    a, b = (layers.Dense(4, name=name)(x) for name in ("query", "key"))
    model = keras.Model(x, keras.ops.where(x > 0, a, b))
    module = Branches(linears("k_proj", "q_proj"), lambda self, x: torch.where(x >= 0, self.q_proj(x), self.k_proj(x)))
    with pytest.raises(PlanError, match="order of definition says otherwise") as error:
        dualcell.plan_weights(model, module)
    written = "{'query': 'q_proj', 'key': 'k_proj'}"
    assert f"overrides={written}, which is what the names suggest" in str(error.value)
    plan = dualcell.plan_weights(model, module, {"query": "q_proj", "key": "k_proj"})
    assert found(plan)["q_proj.weight"] == "query/kernel"


def test_a_plan_by_the_order_of_definition_alone_says_so():
    model = keras_chain(layers.Dense(4), layers.Dense(4))
    plan = dualcell.plan_weights(model, Blind(["a", "b"], ["a", "b"]))
    assert "torch Blind cannot be looked into without values, so 4 weights" in plan.table.notes[0]
    assert "order of definition alone" in repr(plan)
    assert dualcell.plan_weights(model, Named(["a", "b"], ["a", "b"])).table.notes == ()


def test_an_order_that_names_cut_short_deny_is_refused():
    model = keras_chain(layers.Dense(4, name="enc"), layers.Dense(4, name="dec"))
    with pytest.raises(PlanError, match=r"'enc' goes to 'decoder'.*names say otherwise"):
        dualcell.plan_weights(model, Blind(["decoder", "encoder"], ["encoder", "decoder"]))


def test_twins_are_told_apart_by_the_slice_they_take():
    x = keras.Input((8,))
    model = keras.Model(x, layers.Dense(4, name="a")(x[:, :4]) + layers.Dense(4, name="b")(x[:, 4:]))
    module = Branches(linears("x", "y"), lambda self, i: self.x(i[:, 4:]) + self.y(i[:, :4]))
    assert found(dualcell.plan_weights(model, module))["y.weight"] == "a/kernel"
    assert found(dualcell.plan_weights(module, model))["a/kernel"] == "y.weight"


def test_twins_are_told_apart_by_the_number_they_are_multiplied_by():
    x = keras.Input((4,))
    model = keras.Model(x, layers.Dense(4, name="a")(x) * 0.9 + layers.Dense(4, name="b")(x) * 0.1)
    module = Branches(linears("x", "y"), lambda self, i: 0.1 * self.x(i) + self.y(i) * 0.9)
    assert found(dualcell.plan_weights(model, module))["y.weight"] == "a/kernel"


def test_twins_are_told_apart_by_their_dilation():
    x = keras.Input((9, 9, 4))
    convs = [layers.Conv2D(4, 3, dilation_rate=rate, padding="same", name=f"rate{rate}") for rate in (1, 2, 3)]
    model = keras.Model(x, layers.Add()([conv(x) for conv in convs]))
    made = {f"branch{i}": nn.Conv2d(4, 4, 3, dilation=rate, padding="same") for i, rate in enumerate((3, 1, 2))}
    module = Branches(made, lambda self, x: sum(conv(x) for conv in self.children()))
    plan = dualcell.plan_weights(model, module)
    assert [found(plan)[f"branch{i}.weight"] for i in range(3)] == ["rate3/kernel", "rate1/kernel", "rate2/kernel"]


def test_twins_defined_otherwise_than_called_are_refused():
    x = keras.Input((4,))
    model = keras.Model(x, keras.ops.where(x > 0, layers.Dense(4, name="p")(x), layers.Dense(4, name="q")(x)))
    module = Branches(linears("u", "v"), lambda self, x: torch.where(x >= 0, self.v(x), self.u(x)))
    with pytest.raises(PlanError, match="order of definition says otherwise than the order in which they are called"):
        dualcell.plan_weights(model, module)


# --- overrides ---


def chain_and_sequential(depth=3):
    return keras_chain(*(layers.Dense(4, name=f"d{i}") for i in range(depth))), nn.Sequential(
        *(nn.Linear(4, 4) for _ in range(depth))
    )


def test_a_pattern_pairs_all_layers_that_fit():
    model, module = chain_and_sequential()
    plan = dualcell.plan_weights(model, module, {"d*": "*"})
    assert found(plan) == {
        f"{i}.{w}": f"d{i}/{k}" for i in range(3) for w, k in (("weight", "kernel"), ("bias", "bias"))
    }
    assert {row.by for row in plan.rows} == {"override"}


def test_an_override_serves_both_directions():
    model, module = chain_and_sequential()
    given = {"d0": "2", "d1": "1", "d2": "0"}
    assert found(dualcell.plan_weights(model, module, given))["2.weight"] == "d0/kernel"
    assert found(dualcell.plan_weights(module, model, given))["d0/kernel"] == "2.weight"


def test_an_override_may_name_what_holds_layers():
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(4), layers.Dense(2)], name="encoder")
    model = keras.Sequential([keras.Input((4,)), inner, layers.Dense(2)])

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.enc = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))
            self.head = nn.Linear(2, 2)

    plan = dualcell.plan_weights(model, Net(), {"encoder": "enc"})
    assert plan.complete
    assert {row.by for row in plan.rows if row.target.name.startswith("enc.")} == {"override"}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"d9": "0"}, "neither the source's Sequential nor the target's Sequential has layer 'd9'"),
        ({"d0": "7"}, "the target's Sequential has no layer '7'. There are '0', '1'"),
        ({"d0": 0}, "expected a dict of paths, as in {'conv1': 'features.0', 'fc': None}, got {'d0': 0}."),
        (["d0"], "expected a dict of paths, as in {'conv1': 'features.0', 'fc': None}, got ['d0']."),
        ({"d0": "0", "d*": "*"}, "overrides: 'd*' speaks of 'd0', and another override does too"),
        ({"d*": "0"}, "need the same number of `*`"),
        ({"nothing": None}, "has layer 'nothing'"),
    ],
)
def test_an_override_that_fits_nothing_is_an_error(given, sentence):
    with pytest.raises(PlanError) as error:
        dualcell.plan_weights(*chain_and_sequential(), given)
    assert sentence in str(error.value)


def test_an_override_of_weights_that_do_not_fit_is_an_error():
    model = keras_chain(layers.Dense(3, name="small"), layers.Dense(5, name="large"))
    module = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 5))
    with pytest.raises(PlanError, match=r"'small' is dense \(kernel \(3, 4\), bias \(3,\)\) and '1' is dense"):
        dualcell.plan_weights(model, module, {"small": "1"})


def test_none_leaves_a_layer_out():
    model, module = keras_chain(layers.Dense(4, name="a"), layers.Dense(2, name="extra")), nn.Linear(4, 4)
    assert not dualcell.plan_weights(model, module).complete
    assert dualcell.plan_weights(model, module, {"extra": None}).apply().complete


# --- what cannot be copied, and that nothing is written then ---


def refused(source, target, sentence, *, plan=None, **options):
    before = state(target)
    with pytest.raises(PlanError) as error:
        (plan or dualcell.plan_weights(source, target)).apply(**options)
    assert sentence in str(error.value)
    assert state(target) == before


def test_what_is_left_over_on_both_sides_is_paired_by_overrides_only_where_it_fits():
    class Scaled(nn.Module):
        def __init__(self, size):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(size))

    norm, dense = layers.RMSNormalization(), layers.Dense(8)
    leave = (
        "eave them out with overrides={'path': None}, or copy the rest with apply(partial=True). Nothing was written."
    )
    refused(keras_chain(norm), Scaled(4), f"Pair them with overrides={{'source path': 'target path'}}, l{leave}")
    none = "None of these layers fits one of the other side, so no override pairs them. L"
    refused(keras_chain(dense), Scaled(8), none + leave)
    refused(keras_chain(layers.Dense(4), layers.Dense(3)), nn.Sequential(nn.Linear(4, 4)), f"(3,). L{leave}")


class Masked(nn.Module):
    """Keeps a mask, places and a table of waves, which a Keras layer computes whenever it is called."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.register_buffer("mask", torch.tril(torch.ones(4, 4)))
        self.register_buffer("places", torch.arange(4)[None])
        self.register_buffer("waves", torch.sin(torch.arange(4.0)))

    def forward(self, x):
        return self.fc(x) @ self.mask + self.waves[self.places]


@pytest.mark.parametrize("back", [False, True])
def test_buffers_without_a_counterpart_stay_as_they_are(back, tmp_path):
    model, module = keras_chain(layers.Dense(4)), Masked()
    kept = {name: array.clone() for name, array in module.named_buffers()}
    plan = dualcell.plan_weights(*((module, model) if back else (model, module)))
    fate = "left out of the source" if back else "left as it is in the target"
    listed = "mask (4, 4), places (1, 4), waves (4,)"
    assert plan.table.notes[0] == f"{fate} as buffers without a counterpart: {listed}"
    plan.apply()
    assert all(torch.equal(kept[name], array) for name, array in module.named_buffers())
    np.testing.assert_array_equal(model.layers[0].kernel.numpy(), module.fc.weight.detach().numpy().T)
    plan.save(tmp_path / "plan.json")
    loaded = dualcell.load_plan(tmp_path / "plan.json", plan.source.model, plan.target.model)
    assert loaded.complete
    assert loaded.table.notes[0] == plan.table.notes[0]


def test_a_buffer_is_not_left_alone_where_something_may_belong_to_it():
    model = keras_chain(layers.Dense(4), layers.BatchNormalization(center=False, scale=False))
    refused(model, Masked(), "3 of the 5 arrays of the target get no values: mask (4, 4), places (1, 4), waves (4,)")


def test_another_depth_is_refused_and_nothing_is_written():
    model, module = keras_chain(layers.Dense(4), layers.Dense(3)), nn.Sequential(nn.Linear(4, 4))
    refused(model, module, "2 of the 4 arrays of the source go nowhere: dense")
    longer = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 3), nn.Linear(3, 2))
    refused(model, longer, "2 of the 6 arrays of the target get no values: 2.weight (2, 3), 2.bias (2,)")


def test_partial_copies_the_rest():
    model, module = keras_chain(layers.Dense(4), layers.Dense(3)), nn.Sequential(nn.Linear(4, 4))
    dualcell.plan_weights(model, module).apply(partial=True)
    np.testing.assert_array_equal(module[0].weight.detach().numpy(), np.asarray(model.layers[0].kernel).T)


def test_layers_of_one_shape_in_other_numbers_are_refused():
    model = keras_chain(*(layers.Dense(4, name=f"d{i}") for i in range(3)))
    with pytest.raises(PlanError, match="there are 3 of them in the source and 2 in the target"):
        dualcell.plan_weights(model, Blind(["u", "v"], []))


def test_gru_that_resets_before_is_said_with_the_fix():
    model = keras_chain(layers.GRU(3, reset_after=False), shape=(5, 4))
    refused(model, nn.GRU(4, 3), "build the Keras layer with reset_after=True, or write a cell of your own in PyTorch")


def test_a_gru_without_an_equivalent_among_others_is_said_with_the_fix():
    """The other layer then has two partners to choose from, and the reason is the first one."""
    made = [layers.GRU(3, return_sequences=True, reset_after=after) for after in (False, True)]
    model = keras_chain(*made, shape=(5, 3))
    with pytest.raises(PlanError, match="fit each other in several ways") as error:
        dualcell.plan_weights(model, nn.GRU(3, 3, 2))
    last = str(error.value).splitlines()[-1]
    assert last.startswith("GRU(reset_after=False) has no equivalent in PyTorch")
    assert last.endswith("write a cell of your own in PyTorch.")


def test_one_bias_for_two_is_noted_in_words():
    plan = dualcell.plan_weights(keras_chain(layers.LSTM(3), shape=(5, 4)), nn.LSTM(4, 3))
    assert [row.note for row in plan.rows if row.note] == ["the source has one bias: the input bias takes it whole"]


def test_compared_weights_heed_sort_and_causes():
    left, right = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 5)), nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 5))
    left.load_state_dict(right.state_dict())
    right[1].weight.data *= 3
    assert not dualcell.compare_weights(left, right).report.shown[0].name.startswith("1.weight")
    looked_into = dualcell.compare_weights(left, right, sort="failing").report.shown[0]
    assert (looked_into.name, bool(looked_into.findings)) == ("1.weight ~ 1.weight", True)
    measured = dualcell.compare_weights(left, right, sort="failing", causes=False).report.shown[0]
    assert (measured.name, measured.findings) == ("1.weight ~ 1.weight", ())


@pytest.mark.parametrize("made", [nn.LayerNorm, nn.RMSNorm])
def test_scaling_without_a_mean_is_said_with_the_fix(made):
    model = keras_chain(layers.LayerNormalization(rms_scaling=True))
    refused(model, made(4), "build the Keras layer without rms_scaling, or as RMSNormalization for nn.RMSNorm")


def test_a_weight_without_a_place_must_do_nothing():
    model, module = keras_chain(layers.Dense(3)), nn.Linear(4, 3, bias=False)
    refused(model, module, "bias has no place in '', and its values are not 0 everywhere")
    model.layers[0].bias.assign(np.zeros(3))
    dualcell.plan_weights(model, module).apply()
    np.testing.assert_array_equal(module.weight.detach().numpy(), np.asarray(model.layers[0].kernel).T)


def test_a_weight_the_source_lacks_gets_its_neutral_value():
    model = keras_chain(layers.Dense(3, use_bias=False))
    module = nn.Linear(4, 3)
    plan = dualcell.plan_weights(model, module).apply()
    assert module.bias.tolist() == [0, 0, 0]
    assert plan.rows[1].source_name == "0 everywhere"
    assert plan.rows[1].note.endswith("has no bias")


def test_a_narrower_dtype_needs_permission_and_a_wider_one_none():
    model = keras_chain(layers.Dense(3))
    refused(model, nn.Linear(4, 3, dtype=torch.bfloat16), "is float32 and weight bfloat16, which would round it")
    module = nn.Linear(4, 3, dtype=torch.bfloat16)
    dualcell.plan_weights(model, module).apply(allow_dtype=True)
    expected = torch.from_numpy(np.asarray(model.layers[0].kernel).T.copy()).bfloat16()
    assert torch.equal(module.weight, expected)
    wide = nn.Linear(4, 3, dtype=torch.float64)
    dualcell.plan_weights(module, wide).apply()
    assert torch.equal(wide.weight, expected.double())


def test_bfloat16_goes_there_and_back_bit_by_bit():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, dtype="bfloat16")])
    module, other = nn.Linear(4, 3, dtype=torch.bfloat16), keras.models.clone_model(model)
    dualcell.plan_weights(model, module).apply()
    dualcell.plan_weights(module, other).apply()
    assert np.asarray(model.layers[0].kernel).tobytes() == np.asarray(other.layers[0].kernel).tobytes()


def test_a_write_that_fails_gives_the_old_values_back(monkeypatch):
    model, module = chain_and_sequential()
    plan = dualcell.plan_weights(model, module)
    write, calls = plan.adapter.write, []

    def failing(array, values):
        calls.append(array)
        if len(calls) == 4:
            raise RuntimeError("the device is gone")
        write(array, values)

    monkeypatch.setattr(plan.adapter, "write", failing, raising=False)
    refused(model, module, "RuntimeError: the device is gone", plan=plan)
    assert len(calls) > 4


def test_an_interrupt_gives_the_old_values_back(monkeypatch):
    model, module = chain_and_sequential()
    plan = dualcell.plan_weights(model, module)
    write, calls, before = plan.adapter.write, [], state(module)

    def interrupted(array, values):
        calls.append(array)
        if len(calls) == 3:
            raise KeyboardInterrupt
        write(array, values)

    monkeypatch.setattr(plan.adapter, "write", interrupted, raising=False)
    with pytest.raises(KeyboardInterrupt):
        plan.apply()
    assert state(module) == before


def test_tied_weights_that_want_other_values_are_refused():
    model = keras_chain(layers.Dense(4, name="a"), layers.Dense(4, name="b"))
    module = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    module[1].weight = module[0].weight
    refused(model, module, "is one array for several layers of the target (tied weights)")
    model.layers[1].kernel.assign(model.layers[0].kernel)
    dualcell.plan_weights(model, module).apply()
    assert np.array_equal(module[0].weight.detach().numpy().T, model.layers[0].kernel.numpy())
    assert module[1].weight is module[0].weight


def test_the_target_keeps_its_arrays_gradients_and_what_is_trained():
    model, module = chain_and_sequential(1)
    module[0].bias.requires_grad_(False)
    module(torch.ones(1, 4)).sum().backward()
    weight, gradient, place = module[0].weight, module[0].weight.grad.clone(), module[0].weight.data_ptr()
    dualcell.plan_weights(model, module).apply()
    assert module[0].weight is weight
    assert weight.data_ptr() == place
    assert torch.equal(weight.grad, gradient)
    assert weight.requires_grad
    assert not module[0].bias.requires_grad


def test_a_copy_within_the_same_memory_reads_before_it_writes():
    module = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    old = [layer.weight.detach().clone() for layer in module]
    other = nn.Sequential(module[1], module[0])
    dualcell.plan_weights(module, other).apply()
    assert torch.equal(module[1].weight, old[0])
    assert torch.equal(module[0].weight, old[1])


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (lambda: layers.Dense(3), "has no weights yet: it is not built"),
        (lambda: keras.Sequential([layers.Dense(3)]), "has no weights yet: it is not built"),
        (lambda: nn.LazyLinear(3), "'weight' has no values yet: its module is lazy. Run the model once on an input"),
        (lambda: nn.Linear(4, 3, device="meta"), "is on the meta device and has no values"),
        (lambda: np.ones(3), "the source is of type ndarray, expected a Keras model or layer, or a torch.nn.Module."),
        (
            lambda: nn.Linear,
            "the source is the class Linear, expected a Keras model or layer, or a torch.nn.Module; make",
        ),
        (lambda: nn.Linear(4, 3).state_dict(), "a torch.nn.Module; load its arrays into one first, as in net.load_st"),
        (lambda: Path("n.pt"), "a torch.nn.Module; load the file into one first, or convert it: dualcell.convert("),
    ],
)
def test_what_holds_no_weights_is_an_error(source, sentence):
    with pytest.raises(PlanError) as error:
        dualcell.plan_weights(source(), nn.Linear(4, 3))
    assert sentence in str(error.value)


# --- the flatten boundary ---


def vision(*top, shape=(5, 6, 2)):
    return keras_chain(layers.Conv2D(3, 2), *top, layers.Dense(4), shape=shape)


class Vision(nn.Module):
    def __init__(self, *between, turn=False, features=60):
        super().__init__()
        self.conv, self.between, self.fc = nn.Conv2d(2, 3, 2), nn.Sequential(*between), nn.Linear(features, 4)
        self.turn = turn

    def forward(self, x):
        x = self.conv(x)
        x = x.permute(0, 2, 3, 1) if self.turn else x
        return self.fc(self.between(x.flatten(1)))


def agree(model, module, x):
    with torch.no_grad():
        right = module.eval()(torch.from_numpy(np.ascontiguousarray(np.moveaxis(x, -1, 1)))).numpy()
    np.testing.assert_allclose(np.asarray(model(x)), right, rtol=1e-4, atol=1e-4)


IMAGES = np.random.default_rng(1).random((2, 5, 6, 2), np.float32)


@pytest.mark.parametrize(
    ("top", "between"),
    [
        ([layers.Flatten], []),
        ([layers.ReLU, layers.Flatten, lambda: layers.Dropout(0.5)], [nn.Identity()]),
        ([lambda: layers.Reshape((-1,))], []),
        ([layers.Flatten, layers.BatchNormalization, layers.ReLU], [nn.BatchNorm1d(60, eps=1e-3), nn.ReLU()]),
    ],
)
def test_a_dense_after_flattened_maps_takes_its_features_in_the_other_order(top, between):
    model = vision(*(make() for make in top))
    module = Vision(*between)
    plan = dualcell.plan_weights(model, module).apply()
    assert any("features (4, 5, 3) to (3, 4, 5)" in row.move for row in plan.rows)
    if "ReLU" not in [type(layer).__name__ for layer in model.layers] or between:
        agree(model, module, IMAGES)
    other = vision(*(make() for make in top))
    dualcell.plan_weights(module, other).apply()
    assert state(model) == state(other)


def test_a_module_that_turns_its_axes_before_the_flatten_is_asked_about():
    model, module = vision(layers.Flatten()), Vision(turn=True)
    with pytest.raises(PlanError, match="axes are moved before it") as error:
        dualcell.plan_weights(model, module)
    name = model.layers[-1].name
    assert f"flatten={{{name!r}: None}}" in str(error.value)
    dualcell.plan_weights(model, module, flatten={name: None}).apply()
    agree(model, module, IMAGES)


class Opaque(keras.Model):
    """What it does cannot be seen without values."""

    def __init__(self):
        super().__init__()
        self.conv, self.flat, self.fc = layers.Conv2D(3, 2), layers.Flatten(), layers.Dense(4)

    def call(self, x):
        return self.fc(self.flat(self.conv(keras.ops.convert_to_tensor(np.asarray(x)))))


def test_a_flatten_that_cannot_be_seen_is_asked_about():
    model, module = Opaque(), Vision()
    model(IMAGES)
    with pytest.raises(PlanError, match="the order of the features of 'fc' is not known") as error:
        dualcell.plan_weights(model, module)
    assert "flatten={'fc': (7, 7, 512)}" in str(error.value)
    dualcell.plan_weights(model, module, flatten={"fc": (4, 5, 3)}).apply()
    agree(model, module, IMAGES)


@pytest.mark.parametrize(
    ("flatten", "sentence"),
    [
        ({"fc": (4, 5, 4)}, "flatten: 'fc' takes 60 features, and maps of (4, 5, 4) have another number"),
        ({"fcc": (4, 5, 3)}, "flatten: no matched layer is called 'fcc'. Did you mean 'fc'?"),
        ((4, 5, 3), "in {'fc': (7, 7, 512)}, or to None, got (4, 5, 3)."),
        ({"fc": 60}, "in {'fc': (7, 7, 512)}, or to None, got {'fc': 60}."),
        ({"fc": (4.0, 5, 3)}, "in {'fc': (7, 7, 512)}, or to None, got {'fc': (4.0, 5, 3)}."),
        ({"fc": (-4, -5, 3)}, "in {'fc': (7, 7, 512)}, or to None, got {'fc': (-4, -5, 3)}."),
    ],
)
def test_a_flatten_that_fits_nothing_is_an_error(flatten, sentence):
    model = Opaque()
    model(IMAGES)
    with pytest.raises(PlanError) as error:
        dualcell.plan_weights(model, Vision(), flatten=flatten)
    assert sentence in str(error.value)


# --- looks ---


def test_a_plan_shows_as_a_table():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="fc")])
    plan = dualcell.plan_weights(model, nn.Linear(4, 3))
    assert repr(plan).splitlines() == [
        "keras Sequential -> torch Linear",
        "",
        "source     target  layer  axis move        by     note",
        "---------  ------  -----  ---------------  -----  ----",
        "fc/kernel  weight  dense  transpose(1, 0)  shape",
        "fc/bias    bias    dense                   shape",
        "",
        "dualcell: 2 weights in 1 layer: the plan is complete",
    ]


def test_a_copied_plan_says_so():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="fc")])
    plan = dualcell.plan_weights(model, nn.Linear(4, 3))
    assert repr(plan.apply()).splitlines()[-1] == "dualcell: 2 weights in 1 layer copied"
    assert "the plan is complete" in repr(plan)
    more = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
    partly = dualcell.plan_weights(model, more).apply(partial=True)
    assert repr(partly).splitlines()[-1] == "dualcell: 2 weights in 1 layer copied; the rest has no place"


@pytest.mark.parametrize("back", [False, True])
def test_what_overrides_leave_out_is_listed(back):
    """The key may name a layer of both sides: both are left out, and a complete plan must not hide it."""
    model = keras_chain(layers.BatchNormalization(name="bn"), layers.Dropout(0.5), layers.Dense(3, name="fc"))
    module = nn.Sequential(OrderedDict(bn=nn.BatchNorm1d(4), fc=nn.Linear(4, 3)))
    source, target = (module, model) if back else (model, module)
    kept = [array.numpy().copy() for array in (module.fc.weight.detach(), model.get_layer("fc").kernel)]
    plan = dualcell.plan_weights(source, target, {"fc": None}).apply()
    left, stays = ("fc.weight (3, 4), fc.bias (3,)", "fc/kernel (4, 3), fc/bias (3,)")[:: -1 if not back else 1]
    assert [line for line in repr(plan).splitlines() if line.startswith("note: left")] == [
        f"note: left out of the source by overrides: {left}",
        f"note: left as it is in the target by overrides: {stays}",
    ]
    assert np.array_equal(kept[0], module.fc.weight.detach().numpy())
    assert np.array_equal(kept[1], model.get_layer("fc").kernel.numpy())


def test_the_html_escapes_every_name():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.add_module("<script>alert(1)</script>", nn.Linear(4, 3))

    html = dualcell.plan_weights(keras_chain(layers.Dense(3)), Net())._repr_mimebundle_()["text/html"]
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;.weight" in html


# --- settings that differ ---


def test_settings_that_differ_are_listed_with_the_line_to_change():
    model = keras_chain(layers.Dense(3, name="fc"), layers.BatchNormalization(name="bn"), layers.LeakyReLU(name="act"))
    plan = dualcell.plan_weights(model, nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.LeakyReLU()))
    found = {(one.source, one.target, one.difference.setting): one.difference for one in plan.differences}
    assert found.keys() == {("bn", "1", "epsilon"), ("bn", "1", "momentum"), ("act", "2", "slope")}
    assert found["bn", "1", "epsilon"].right_fix == "eps=0.001"
    assert plan.complete
    assert "the plan is complete; 3 settings differ" in repr(plan)
    assert "eps=0.001" in plan._repr_mimebundle_()["text/html"]


def test_settings_that_agree_are_not_listed():
    model = keras_chain(layers.Dense(3, activation="relu"), layers.BatchNormalization())
    module = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.BatchNorm1d(3, eps=1e-3, momentum=0.01))
    assert dualcell.plan_weights(model, module).differences == ()


# --- files ---


@pytest.fixture
def saved(tmp_path):
    model = vision(layers.Flatten())
    plan = dualcell.plan_weights(model, Vision())
    plan.save(tmp_path / "plan.json")
    return tmp_path / "plan.json"


def test_a_plan_from_a_file_copies_the_same(saved):
    model, module = vision(layers.Flatten()), Vision()  # Keras numbers the layers of this one otherwise
    plan = dualcell.load_plan(saved, model, module)
    assert plan.complete
    plan.apply()
    agree(model, module, IMAGES)


def test_the_same_plan_gives_the_same_text(saved, tmp_path):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="fc")])
    for name in ("one", "two"):
        dualcell.plan_weights(model, nn.Linear(4, 3)).save(tmp_path / name)
    text = (tmp_path / "one").read_text()
    assert text == (tmp_path / "two").read_text()
    dualcell.load_plan(tmp_path / "one", model, nn.Linear(4, 3)).save(tmp_path / "three")
    assert (tmp_path / "three").read_text() == text
    assert '   "fc/kernel": [[4, 3], "float32"],' in text.splitlines()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: vision(layers.Flatten(), shape=(5, 7, 2)), "it is for another source than this Sequential"),
        (lambda: vision(layers.Flatten(), layers.Dense(60)), "it is for another source than this Sequential"),
        (lambda: keras_chain(layers.Dense(4)), "it is for another source than this Sequential: the plan has"),
    ],
)
def test_a_plan_for_another_model_is_refused(saved, make, sentence):
    module = Vision()
    before = state(module)
    with pytest.raises(PlanError) as error:
        dualcell.load_plan(saved, make(), module)
    assert sentence in str(error.value)
    assert state(module) == before


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('"dualcell weight plan": 1', '"dualcell weight plan": 2', "expected 1"),
        ("[3, 2, 0, 1]", "[3, 2, 0, 0]", "cannot be made on the shape"),
        ("[3, 2, 0, 1]", "[0, 1, 2, 3]", "would be"),
        ('"transpose"', '"__import__"', '["__import__", [3, 2, 0, 1]]; steps begin with'),
        ("[[4, 5, 3]]", "[[4, 5, -3]]", "are no sizes or axes"),
        ("[[4, 5, 3]]", "[[4, 5, 4]]", "cannot be made on the shape"),
        ('"rows"', '"rose"', "the plan has the unknown key 'rose'; the nearest known one is 'rows'"),
        ("{", "", "it is no weight plan"),
    ],
)
def test_a_damaged_file_is_refused(saved, old, new, sentence):
    text = saved.read_text()
    assert old in text
    saved.write_text(text.replace(old, new))
    with pytest.raises(PlanError) as error:
        dualcell.load_plan(saved, vision(layers.Flatten()), Vision())
    assert sentence in str(error.value)


def test_a_file_that_is_not_there_is_a_file_error(tmp_path):
    with pytest.raises(dualcell.FileError, match="cannot be read as a weight plan: No such file or directory"):
        dualcell.load_plan(tmp_path / "none.json", keras_chain(layers.Dense(4)), nn.Linear(4, 4))


def test_autograd_sees_that_a_weight_was_written():
    model, module = keras_chain(layers.Dense(4)), nn.Linear(4, 4)
    loss = (module(torch.ones(2, 4, requires_grad=True)) ** 2).sum()
    dualcell.plan_weights(model, module).apply()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_weight_in_another_order_of_memory_or_dtype_is_written(dtype):
    model = keras_chain(layers.Conv2D(3, 3), shape=(5, 5, 2))
    module = nn.Conv2d(2, 3, 3).to(dtype=dtype, memory_format=torch.channels_last)
    assert not module.weight.is_contiguous()
    dualcell.plan_weights(model, module).apply()
    expected = np.asarray(model.weights[0]).transpose(3, 2, 0, 1)
    np.testing.assert_array_equal(module.weight.detach().numpy(), expected)


# --- comparing ---


def test_weights_compare_after_their_axis_moves():
    model, module = vision(layers.Flatten()), Vision()
    assert not dualcell.compare_weights(model, module)
    dualcell.plan_weights(model, module).apply()
    result = dualcell.compare_weights(model, module)
    assert [row.verdict for row in result] == ["equal"] * 4
    with torch.no_grad():
        module.fc.weight[2, 7] += 1
    result = dualcell.compare_weights(model, module)
    name = f"{model.layers[-1].name}/kernel ~ fc.weight"
    assert [row.name for row in result if not row.passed] == [name]
    assert result[name].figures.worst_index == (2, 7)


def test_a_weight_without_a_partner_is_missing():
    model, module = keras_chain(layers.Dense(4, name="a"), layers.Dense(2, name="b")), nn.Linear(4, 4)
    dualcell.plan_weights(model, module).apply(partial=True)
    result = dualcell.compare_weights(model, module)
    assert not result
    assert {row.name: row.verdict for row in result if not row.passed} == {"b/kernel": "missing", "b/bias": "missing"}
    assert "has no partner on the right side" in result["b/kernel"].cause


def test_gradients_compare_after_the_same_moves():
    import tensorflow as tf

    model, module = vision(layers.Flatten()), Vision()
    plan = dualcell.plan_weights(model, module).apply()
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(IMAGES) ** 2)
    given = tape.gradient(loss, [v.value for v in model.trainable_variables])
    (module(torch.from_numpy(np.moveaxis(IMAGES, -1, 1).copy())) ** 2).sum().backward()
    result = dualcell.compare_weights(model, module, plan, gradients=(given, None), rtol=1e-3, atol=1e-3)
    assert result.passed, result
    assert len(result) == 4
    assert not dualcell.compare_weights(model, module, plan, gradients=([each * 2 for each in given], None))
    module.zero_grad()
    lacking = dualcell.compare_weights(model, module, plan, gradients=(given, None))
    assert {row.verdict for row in lacking} == {"missing"}


def test_gradients_of_two_biases_are_each_that_of_the_sum():
    import tensorflow as tf

    model = keras_chain(layers.LSTM(3), shape=(5, 4))
    module = nn.LSTM(4, 3, batch_first=True)
    dualcell.plan_weights(model, module).apply()
    x = np.random.default_rng(0).random((2, 5, 4), np.float32)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(x) ** 2)
    given = tape.gradient(loss, [v.value for v in model.trainable_variables])
    (module(torch.from_numpy(x))[0][:, -1] ** 2).sum().backward()
    close = {"rtol": 1e-3, "atol": 1e-4}
    assert dualcell.compare_weights(model, module, gradients=(given, None), **close)
    assert dualcell.compare_weights(module, model, gradients=(None, given), **close)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [([], "0 were given and the model has 2 trainable weights"), ({"x": 1}, "'x' is no weight of the model")],
)
def test_gradients_that_fit_nothing_are_an_error(given, sentence):
    with pytest.raises(PlanError) as error:
        dualcell.compare_weights(keras_chain(layers.Dense(4)), nn.Linear(4, 4), gradients=(given, None))
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    ("gradients", "sentence"),
    [
        (True, "or None for what PyTorch keeps in .grad, got bool."),
        ([torch.ones(2)] * 4, "or None for what PyTorch keeps in .grad, got (Tensor, Tensor, Tensor, ...)."),
        (("kernel", None), "or None for what PyTorch keeps in .grad, got (str, NoneType)."),
        ((None, None), "gradients: Keras keeps none in its model; give what tape.gradient(loss, model.trainable_va"),
    ],
)
def test_gradients_that_are_none_are_an_error(gradients, sentence):
    with pytest.raises(PlanError) as error:
        dualcell.compare_weights(keras_chain(layers.Dense(4)), nn.Linear(4, 4), gradients=gradients)
    assert sentence in str(error.value)


def test_a_plan_of_another_model_compares_nothing():
    plan = dualcell.plan_weights(keras_chain(layers.Dense(4, name="a")), nn.Linear(4, 4))
    with pytest.raises(PlanError, match="is for another source than this Sequential: a/kernel is "):
        dualcell.compare_weights(keras_chain(layers.Dense(3, name="a")), nn.Linear(4, 4), plan)


# --- the line of a notebook ---


def test_a_line_plans_and_copies_only_if_it_says_so():
    from dualcell.weights.line import plan_line

    model, module = chain_and_sequential()
    names = {"models": [model], "net": module}
    before = state(module)
    assert plan_line(" models[0] -> net", names).complete
    assert state(module) == before
    plan_line(" models[0] -> net --apply", names)
    assert dualcell.compare_weights(model, module)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("net", "expected two models with -> between them, got 'net'"),
        ("net -> ", "expected two models with -> between them"),
        ('net -> net {"0": "1"}', "Overrides are given in Python: dualcell.plan_weights(source, target, {...})."),
        ("net -> net --aply", "--aply: no such option. Did you mean '--apply'?"),
        ("net -> net --partial", "nothing is copied without --apply"),
        ("net -> nett", "%dual weights: there is no 'nett'. Did you mean 'net'?"),
        ("net -> nothing", "%dual weights: there is no 'nothing'. Models here: net."),
        ("net -> net.nothing", "%dual weights: 'net.nothing' raised AttributeError: "),
    ],
)
def test_a_line_that_is_none_is_an_error(line, sentence):
    from dualcell.weights.line import plan_line

    with pytest.raises(dualcell.OptionError) as error:
        plan_line(line, {"net": nn.Linear(4, 4)})
    assert sentence in str(error.value)


class _Joined(nn.Module):
    def __init__(self, order, *, chain=False):
        super().__init__()
        self.one, self.two, self.three = nn.Linear(5, 6), nn.Linear(5, 7), nn.Linear(5, 8)
        self.last = nn.Linear(21, 2)
        self.order, self.chain = order, chain

    def forward(self, x):
        parts = [torch.relu(self.one(x)), self.two(x), torch.tanh(self.three(x))]
        first, second, third = (parts[index] for index in self.order)
        if self.chain:
            return self.last(torch.cat([torch.cat([first, second], 1), third], 1))
        return self.last(torch.cat([first, second, third], 1))


def _concatenating(order=(0, 1, 2)):
    taken = keras.Input((5,))
    parts = [keras.layers.Dense(6, "relu")(taken), keras.layers.Dense(7)(taken), keras.layers.Dense(8, "tanh")(taken)]
    joined = keras.layers.Concatenate()([parts[index] for index in order])
    return keras.Model(taken, keras.layers.Dense(2, name="last")(joined))


@pytest.mark.parametrize("chain", [False, True])
def test_a_concatenation_in_the_same_order_is_copied(chain):
    model, net = _concatenating(), _Joined((0, 1, 2), chain=chain)
    dualcell.plan_weights(model, net).apply()
    taken = np.random.default_rng(0).random((3, 5), np.float32)
    found = net(torch.as_tensor(taken)).detach().numpy()
    np.testing.assert_allclose(found, model(taken), atol=1e-5)


@pytest.mark.parametrize(("order", "chain"), [((1, 0, 2), False), ((0, 2, 1), False), ((2, 1, 0), True)])
def test_a_concatenation_in_another_order_is_refused(order, chain):
    """The kernel after it fits as it is, and would meet the features of others."""
    model, net = _concatenating(), _Joined(order, chain=chain)
    for pair in ((model, net), (net, model)):
        with pytest.raises(PlanError, match="side by side") as refused:
            dualcell.plan_weights(*pair)
        assert "Concatenate in one order in both models" in str(refused.value)
    assert dualcell.plan_weights(model, _Joined((0, 1, 2)), {"last": None}).rows


def test_a_layer_that_is_left_out_does_not_hinder():
    assert dualcell.plan_weights(_concatenating(), _Joined((1, 0, 2)), {"last": None}).rows


class _Split(nn.Module):
    def __init__(self, cut, turned):
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.cut, self.turned = cut, turned

    def forward(self, x):
        one, two = self.cut(x)
        if self.turned:  # the layer that is defined first takes the second part
            one, two = two, one
        return torch.tanh(self.first(one)) + torch.tanh(self.second(two))


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    "cut", [lambda x: x.chunk(2, 1), lambda x: torch.split(x, 4, 1), lambda x: torch.tensor_split(x, 2, dim=1)]
)
def test_towers_on_parts_of_a_split_are_told_apart_by_the_part(cut, turned):
    taken = keras.Input((8,))
    one, two = keras.ops.split(taken, 2, axis=1)
    model = keras.Model(taken, keras.layers.Dense(4, "tanh")(one) + keras.layers.Dense(4, "tanh")(two))
    net = _Split(cut, turned)
    dualcell.plan_weights(model, net).apply()
    given = np.random.default_rng(0).random((3, 8), np.float32)
    np.testing.assert_allclose(net(torch.as_tensor(given)).detach().numpy(), model(given), atol=1e-5)


# --- what is called in another order than it is defined ---


class Late(nn.Module):
    """Two layers of one shape, the second defined first."""

    def __init__(self):
        super().__init__()
        self.u, self.v = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        return self.u(torch.relu(self.v(x)))


class LateBlind(Late):
    """And nobody can look into it."""

    def forward(self, x):
        return super().forward(x) if float(x.sum()) > -1e9 else x


def early(name="model"):
    return keras.Sequential(
        [keras.Input((4,)), layers.Dense(4, "relu", name="p"), layers.Dense(4, name="q")], name=name
    )


def test_a_copy_by_the_order_of_definition_alone_warns():
    for source, target in ((early(), LateBlind()), (LateBlind(), early())):
        with pytest.warns(UserWarning, match="torch LateBlind cannot be looked into without values, so 4 weights of"):
            dualcell.plan_weights(source, target).apply()
    dualcell.plan_weights(early(), LateBlind(), {"p": "v", "q": "u"}).apply()


def test_an_override_of_what_holds_layers_matches_them_by_how_they_feed_each_other():
    class Holding(nn.Module):
        def __init__(self, block):
            super().__init__()
            self.head, self.block = nn.Linear(4, 4), block

        def forward(self, x):
            return self.head(self.block(x))

    inputs = keras.Input((4,))
    model = keras.Model(inputs, layers.Dense(4, name="head")(early("block")(inputs)))
    plan = dualcell.plan_weights(model, Holding(Late()), {"block": "block"})
    assert found(plan)["block.v.weight"] == "block/p/kernel"
    plan = dualcell.plan_weights(model, Holding(LateBlind()), {"block": "block"})
    assert {row.target.name: row.by for row in plan.rows}["block.v.weight"] == "order"
    with pytest.warns(UserWarning, match="cannot be looked into without values, so 4 weights of several"):
        plan.apply()


class Seeing(nn.Module):
    """A transformer between layers of one shape that are called in another order than defined."""

    def __init__(self, transformer, called):
        super().__init__()
        self.transformer, self.called = transformer, called
        self.u, self.v = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        x = torch.relu(self.v(x))
        return self.u(self.called(self.transformer, x))


TRANSFORMERS = {
    "encoder layer": (nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), lambda m, x: m(x)),
    "norm first": (nn.TransformerEncoderLayer(4, 2, 8, norm_first=True, batch_first=True), lambda m, x: m(src=x)),
    "encoder": (nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8), 2, nn.LayerNorm(4)), lambda m, x: m(x)),
    "decoder layer": (nn.TransformerDecoderLayer(4, 2, 8, batch_first=True), lambda m, x: m(x, memory=x)),
    "decoder": (nn.TransformerDecoder(nn.TransformerDecoderLayer(4, 2, 8, norm_first=True), 2), lambda m, x: m(x, x)),
    "both": (nn.Transformer(4, 2, 1, 1, 8, batch_first=True), lambda m, x: m(x, x)),
    "attention": (nn.MultiheadAttention(4, 2, batch_first=True), lambda m, x: m(x, x, x)[0]),
}


@pytest.mark.parametrize("name", TRANSFORMERS)
@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
def test_a_model_with_a_transformer_is_looked_into(name):
    transformer, called = TRANSFORMERS[name]
    module = Seeing(transformer, called)
    module(torch.ones(2, 3, 4))
    flow = inventory_of(module).flow
    inside = inventory_of(transformer)
    paths = [layer.path for layer in inventory_of(module).layers]
    order = [paths[index] for index in flow.order]
    assert (order[0], order[-1]) == ("v", "u")
    alone = [f"transformer.{inside.layers[index].path}".rstrip(".") for index in inside.flow.order]
    assert order[1:-1] == alone
    assert len(alone) == len(inside.layers)


@pytest.mark.parametrize("name", TRANSFORMERS)
@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
def test_the_order_in_a_transformer_is_that_in_which_torch_calls_its_layers(name):
    """In training, where torch takes no fast path."""
    transformer, called = TRANSFORMERS[name]
    held = {layer.path: layer.source for layer in inventory_of(transformer).layers}
    met = []
    hooks = [part.register_forward_hook(lambda *_, path=path: met.append(path)) for path, part in held.items() if path]
    called(transformer.train(), torch.ones(2, 3, 4))
    for hook in hooks:
        hook.remove()
    inside = inventory_of(transformer)
    order = [inside.layers[index].path for index in inside.flow.order if inside.layers[index].path]
    assert sorted(order) == sorted(met)
    if name != "both":  # whose two halves need nothing of each other at first
        assert order == met


def test_a_layer_with_a_layer_of_its_own_in_it_is_looked_into():
    class Adapted(nn.Linear):
        def __init__(self):
            super().__init__(4, 4)
            self.u, self.v = nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x):
            return nn.functional.linear(x, self.weight, self.bias) + self.u(torch.relu(self.v(x)))

    inventory = inventory_of(nn.Sequential(Adapted(), nn.Linear(4, 4)))
    paths = [inventory.layers[index].path for index in inventory.flow.order]
    assert paths == ["0", "0.v", "0.u", "1"]


def test_an_order_that_names_confirm_goes_by_name_and_warns_of_nothing(recwarn):
    plan = dualcell.plan_weights(LateBlind(), LateBlind()).apply()
    assert {row.by for row in plan.rows} == {"name"}
    twice = (nn.ModuleList([LateBlind(), LateBlind()]) for _ in range(2))  # each name is there twice
    plan = dualcell.plan_weights(*twice).apply()
    assert {row.by for row in plan.rows} == {"name"}
    assert not [each for each in recwarn if "looked into" in str(each.message)]


def test_the_length_of_a_batch_does_not_hinder_a_look():
    class Counting(Late):
        def forward(self, x):
            return super().forward(x) * x.new_ones((len(x), 1)) / len(self.u(x))

    class Parts(Late):
        """Here the length is that of several results, which decides what is called."""

        def forward(self, x):
            parts = x.chunk(3)
            return self.u(parts[0]) if len(parts) == 3 else self.v(parts[0])

    assert found(dualcell.plan_weights(early(), Counting()))["v.weight"] == "p/kernel"
    assert inventory_of(Parts()).flow is None
    assert inventory_of(Late()).flow is not None


def test_what_is_done_otherwise_is_said_in_words():
    x = keras.Input((4,))
    first, second = layers.Dense(4, name="p")(x), layers.Dense(4, name="q")(x)
    model = keras.Model(x, first - second)
    with pytest.raises(PlanError) as error:
        dualcell.plan_weights(model, Branches(linears("a", "b"), lambda self, i: self.a(i) + self.b(i).neg()))
    assert (
        "and what is done with their inputs and results differs: in the source 'p' is what another is subtracted "
        "from; 'q' is subtracted, and in the target 'a' is used as the others are; 'b' is negated:\n"
    ) in str(error.value)
    model = keras.Model(x, keras.ops.negative(first) + second)
    plan = dualcell.plan_weights(model, Branches(linears("a", "b"), lambda self, i: self.a(i) + self.b(i).neg()))
    assert found(plan)["b.weight"] == "p/kernel"
    model = keras.Model(x, first / second)
    plan = dualcell.plan_weights(model, Branches(linears("a", "b"), lambda self, i: self.b(i) / self.a(i)))
    assert found(plan)["b.weight"] == "p/kernel"


# --- inputs side by side ---


def two_inputs(names=("a", "b"), turned=False):
    given = [keras.Input((4,), name=name) for name in names]
    joined = layers.Concatenate()(given[::-1] if turned else given)
    return keras.Model(given, layers.Dense(3, name="fc")(joined))


class Fed(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(8, 3)


class ForwardAB(Fed):
    def forward(self, a, b, mask=None):
        return self.fc(torch.cat([a, b], 1))


class ForwardBA(Fed):
    def forward(self, b, a):
        return self.fc(torch.cat([a, b], 1))


class ForwardXY(Fed):
    def forward(self, x, y):
        return self.fc(torch.cat([x, y], 1))


@pytest.mark.parametrize(
    ("model", "module"),
    [
        (two_inputs(), ForwardAB()),
        (two_inputs(), ForwardBA()),  # which calls them alike
        (two_inputs(), ForwardXY()),
        (two_inputs(("b", "a"), turned=True), ForwardAB()),
    ],
)
def test_inputs_side_by_side_in_the_same_order_are_copied(model, module):
    for pair in ((model, module), (module, model)):
        assert dualcell.plan_weights(*pair).complete


@pytest.mark.parametrize("module", [ForwardAB(), ForwardBA(), ForwardXY()])
def test_inputs_side_by_side_in_another_order_are_refused(module):
    model = two_inputs(turned=True)
    names = ["x", "y"] if isinstance(module, ForwardXY) else ["a", "b"]
    with pytest.raises(PlanError) as error:
        dualcell.plan_weights(model, module)
    assert str(error.value) == (
        f"'fc' takes ['b', 'a'] side by side, 'fc' takes {names}, and the inputs are not in that order in both models. "
        "If they are handed over so that the features meet, say overrides={'fc': 'fc'}; if not, concatenate them "
        "in one order."
    )
    with pytest.raises(PlanError, match="side by side"):
        dualcell.plan_weights(module, model)
    assert dualcell.plan_weights(model, module, {"fc": "fc"}).complete


@pytest.mark.parametrize("overrides", [{"fc": "a", "b": "fc"}, {"fc": ["a", "b"]}])
def test_one_layer_for_two_takes_two_plans(overrides):
    given = keras.Input((4,))
    fc = layers.Dense(4, name="fc")
    model, module = keras.Model(given, fc(fc(given))), nn.Sequential(OrderedDict(a=nn.Linear(4, 4), b=nn.Linear(4, 4)))
    with pytest.raises(PlanError) as error:
        dualcell.plan_weights(model, module, overrides)
    assert (
        "A layer has one partner in a plan: leave its second one out with None, and give that its weights with "
        "plan_weights(layer, second).apply()"
    ) in str(error.value)
    dualcell.plan_weights(model, module, {"fc": "a", "b": None}).apply()
    dualcell.plan_weights(fc, module.b).apply()
    values = np.random.default_rng(0).random((3, 4), np.float32)
    np.testing.assert_allclose(module(torch.as_tensor(values)).detach(), model(values), atol=1e-5)
