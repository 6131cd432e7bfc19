"""Saved plans that someone has edited: what is forgotten, misspelt or said twice is refused."""

from __future__ import annotations

import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from pathlib import Path

import keras
import pytest
import torch
from keras import layers
from safetensors.torch import load_model
from torch import nn

import dualcell
from dualcell import FileError, PlanError


def pair():
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(3, name="one"), layers.BatchNormalization(name="norm"), layers.Dense(2)]
    )
    return model, nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 2))


class Tied(nn.Module):
    """Two layers that hold one array."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)
        self.b.weight = self.a.weight

    def forward(self, x):
        return self.b(torch.relu(self.a(x)))


def tied_pair():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(4, "relu", name="a"), layers.Dense(4, name="b")])
    model.layers[1].kernel.assign(model.layers[0].kernel)
    return model, Tied()


class Attending(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)

    def forward(self, x):
        return self.attention(x, x, x)[0]


def attending_pair():
    layer = layers.MultiHeadAttention(2, 2)
    layer(*[keras.ops.ones((1, 3, 4))] * 2)
    return layer, Attending()


def edited(tmp_path, edit, made=pair, **overrides):
    """Read a plan again after `edit` has changed its document; also without its models, as `convert` does."""
    model, module = made()
    path = tmp_path / "plan.json"
    dualcell.plan_weights(model, module, **overrides).save(path)
    document = json.loads(path.read_text())
    edit(document)
    path.write_text(json.dumps(document))
    return dualcell.load_plan(path, model, module)


def refusal(tmp_path, edit, made=pair, **overrides):
    with pytest.raises(PlanError) as error:
        edited(tmp_path, edit, made, **overrides)
    with pytest.raises(PlanError) as other:
        dualcell.convert(tmp_path / "x.weights.h5", tmp_path / "x.safetensors", tmp_path / "plan.json")
    text, also = (str(each.value).partition("plan.json': ")[2] for each in (error, other))
    assert text == also
    assert text.endswith("Nothing was written.")
    return text.removesuffix(". Nothing was written.")


def without_row(name):
    def edit(document):
        [row] = [row for row in document["rows"] if row["target"]["array"] == name]
        document["rows"].remove(row)

    return edit


AGAIN = "or make the plan again with plan_weights(...).save(...)"


def test_a_row_that_is_gone_is_noticed(tmp_path):
    assert refusal(tmp_path, without_row("0.weight")) == (
        "no row writes 0.weight of the target, and no row reads one/kernel of the source, and 'left out' does not "
        "name what is to be left out: was a row taken out by hand? Put it back, name the weights under 'left out' of "
        f"their side, {AGAIN}"
    )


def test_what_is_left_out_by_name_is_left_as_it_is(tmp_path):
    def edit(document):
        without_row("0.weight")(document)
        document["target"]["left out"].append("0.weight")
        document["source"]["left out"].append("one/kernel")

    plan = edited(tmp_path, edit)
    before = plan.target.arrays["0.weight"].detach().clone()
    plan.apply()
    assert torch.equal(plan.target.arrays["0.weight"], before)
    assert plan.text().count('"left out": ["0.weight"]') == 1


@pytest.mark.parametrize("side", [0, 1])
def test_what_an_override_leaves_out_stands_in_the_file(tmp_path, side):
    overrides = {"one": None, "0": None}
    plan = edited(tmp_path, lambda document: None, overrides=overrides)
    document = json.loads((tmp_path / "plan.json").read_text())
    expected = {"source": ["one/kernel", "one/bias"], "target": ["0.weight", "0.bias"]}
    assert {name: document[name]["left out"] for name in expected} == expected
    assert plan.complete
    name = ("source", "target")[side]
    assert f"{expected[name][1]} of the {name}" in refusal(
        tmp_path, lambda document: document[name]["left out"].pop(), overrides=overrides
    )


def test_a_part_of_an_array_that_is_gone_is_noticed(tmp_path):
    def edit(document):
        document["rows"] = [row for row in document["rows"] if row["target"].get("part") != [1, 3]]

    said = refusal(tmp_path, edit, attending_pair)
    assert "no row writes attention.in_proj_weight[1 of 3], attention.in_proj_bias[1 of 3] of the target" in said


@pytest.mark.parametrize(("section", "key"), [("left over", "2.weight"), ("counts", "1.num_batches_tracked")])
def test_what_is_left_over_and_what_is_counted_are_not_forgotten(tmp_path, section, key):
    def made():
        model, module = pair()
        return keras.Sequential(model.layers[:2]), module

    def edit(document):
        there = document["target"][section] if section == "left over" else document[section]
        there.remove(key) if isinstance(there, list) else there.pop(key)

    assert f"no row writes {key} of the target" in refusal(tmp_path, edit, made)


def test_a_weight_that_must_be_neutral_is_not_forgotten(tmp_path):
    def made():
        model, _ = pair()
        return model, nn.Sequential(nn.Linear(4, 3, bias=False), nn.BatchNorm1d(3), nn.Linear(3, 2))

    assert "no row reads one/bias of the source" in refusal(
        tmp_path, lambda document: document["left out if neutral"].clear(), made
    )


def test_a_problem_is_not_forgotten(tmp_path):
    def made():
        layer = layers.MultiHeadAttention(2, 2, value_dim=3)
        layer(*[keras.ops.ones((1, 3, 4))] * 2)
        return layer, Attending()

    plan = dualcell.plan_weights(*made())
    assert "attention.in_proj_weight[2 of 3]" in [one.name for one in plan.draft.problems]
    assert not edited(tmp_path, lambda document: document["problems"].clear(), made).complete

    def edit(document):
        document["problems"].clear()
        document["target"]["left over"].clear()

    said = refusal(tmp_path, edit, made)
    assert "no row writes attention.in_proj_weight, " in said


def test_a_name_that_is_left_out_and_taken_is_refused(tmp_path):
    def edit(document):
        document["target"]["left out"].append("0.weight")

    assert refusal(tmp_path, edit) == (
        "'left out' of the target names 0.weight, but a row writes it, or something else speaks of it, or the target "
        "has no such weight; take the name out of that list"
    )


def test_a_plan_that_does_not_say_what_it_left_out_is_refused(tmp_path):
    said = refusal(tmp_path, lambda document: document["source"].pop("left out"))
    assert said == f"the source lacks 'left out'; put it back, {AGAIN}"


def test_several_rows_for_one_weight_are_for_tied_weights_alone(tmp_path):
    def edit(document):
        document["rows"].append(document["rows"][0])

    assert refusal(tmp_path, edit) == (
        "2 rows write 0.weight; only a weight that several layers share (tied weights) has several. "
        "Take out the row that is wrong"
    )
    assert "3 rows write a.weight" in refusal(tmp_path, edit, tied_pair)
    plan = edited(tmp_path, lambda document: None, tied_pair).apply()
    assert [row.target.name for row in plan.rows] == ["a.weight", "a.bias", "a.weight", "b.bias"]


def test_a_file_goes_by_a_plan_of_tied_weights(tmp_path):
    model, module = tied_pair()
    for layer, offset in zip(model.layers, (1, 5), strict=True):
        layer.bias.assign([offset, offset + 1, offset + 2, offset + 3])
    model.save_weights(tmp_path / "x.weights.h5")
    dualcell.plan_weights(model, module).save(tmp_path / "plan.json")
    dualcell.convert(tmp_path / "x.weights.h5", tmp_path / "x.safetensors", tmp_path / "plan.json")
    load_model(module, tmp_path / "x.safetensors")  # the array that both layers share stands in it once
    first, second = (tuple(torch.tensor(array) for array in layer.get_weights()) for layer in model.layers)
    assert torch.equal(module.a.weight, first[0].T)
    assert torch.equal(module.a.bias, first[1])
    assert torch.equal(module.b.bias, second[1])
    assert module.b.weight is module.a.weight


def at(document, *path):
    for step in path:
        document = document[step]
    return document


@pytest.mark.parametrize(
    ("path", "key", "said"),
    [
        ((), "rosw", "the plan has the unknown key 'rosw'; the nearest known one is 'rows'"),
        (
            ("target",),
            "left overs",
            "the target has the unknown key 'left overs'; the nearest known one is 'left over'",
        ),
        (("rows", 1), "notes", "row 2 has the unknown key 'notes'; the nearest known one is 'note'"),
        (("rows", 1, "target"), "parts", "the target of row 2 has the unknown key 'parts'; the nearest known one is "),
        (("rows", 0, "sources", 0), "moves", "the source of row 1 has the unknown key 'moves'; the nearest known one "),
        (("rows", 0, "sources", 0), "x", "unknown key 'x'; known are 'array', 'role', 'move', 'part'"),
        (("in files",), "sauce", "'in files' has the unknown key 'sauce'; the nearest known one is 'source'"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known_one(tmp_path, path, key, said):
    assert said in refusal(tmp_path, lambda document: at(document, *path).update({key: []}))


def put(value, *path):
    """Write a value into a document at a path."""
    *path, last = path
    return lambda document: at(document, *path).__setitem__(last, value)


FIRST = ("rows", 0, "sources", 0)
STEPS = "'transpose', 'reshape', 'gates', 'features first', 'features last'"


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (put("one/kernal", *FIRST, "array"),
         "row 1 reads 'one/kernal', which the source has not; the nearest is 'one/kernel'"),
        (put("0.wieght", "rows", 0, "target", "array"),
         "row 1 writes '0.wieght', which the target has not; the nearest is '0.weight'"),
        (put(["zz"], "source", "left over"), "'left over' of the source names 'zz', which the source has not"),
        (put({"0.weigth": 2}, "target", "tied"),
         "'tied' of the target names '0.weigth', which the target has not; the nearest is '0.weight'"),
        (put({"one/kernal": ["x"]}, "in files", "source"),
         "'in files' names 'one/kernal', which the source has not; the nearest is 'one/kernel'"),
        (put(3, "counts", "1.num_batches"),
         "'counts' names '1.num_batches', which the target has not; the nearest is '1.num_batches_tracked'"),
        (put("mxnet", "source", "framework"), "the source is of 'mxnet', expected keras or torch"),
        (put([[4, 3], "float99"], "source", "arrays", "one/kernel"),
         "one/kernel of the source is 'float99', which is no dtype; as in 'float32'"),
        (put([["rotate", [1, 0]]], *FIRST, "move"),
         f'the move of one/kernel has the step ["rotate", [1, 0]]; steps begin with {STEPS}'),
        (put(["gates"], *FIRST, "move"), f'the move of one/kernel has the step "gates"; steps begin with {STEPS}'),
        (put([[[1, 0]]], *FIRST, "move"), f"the move of one/kernel has the step [[1, 0]]; steps begin with {STEPS}"),
        (put([["transpose", "10"]], *FIRST, "move"),
         "the move of one/kernel has the step [\"transpose\", \"10\"]: '10' are no sizes or axes"),
        (put([["transpose"]], *FIRST, "move"),
         'the move of one/kernel has the step ["transpose"]: it has too few or too many parts'),
        (lambda document: document["rows"][1]["sources"].append(document["rows"][1]["sources"][0]),
         "row 2 reads one/bias twice, and would add it to itself; take one out"),
    ],
)  # fmt: skip
def test_what_a_hand_got_wrong_is_named(tmp_path, edit, said):
    assert refusal(tmp_path, edit) == said


def test_a_name_under_what_is_left_out_if_neutral(tmp_path):
    def made():
        return keras.Sequential([keras.Input((4,)), layers.Dense(3, name="one")]), nn.Linear(4, 3, bias=False)

    said = refusal(tmp_path, put("one/bais", "left out if neutral", 0, "source", "array"), made)
    assert said == "'left out if neutral' names 'one/bais', which the source has not; the nearest is 'one/bias'"


def test_an_editor_may_mark_the_text_as_utf_8(tmp_path):
    model, module = pair()
    path = tmp_path / "plan.json"
    dualcell.plan_weights(model, module).save(path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert dualcell.load_plan(path, model, module).complete


def test_a_row_has_either_sources_or_a_value(tmp_path):
    said = refusal(tmp_path, lambda document: document["rows"][0].update(value=0.0))
    assert said.endswith("the row of 0.weight needs either sources or a value")


def test_a_key_that_stands_twice_is_refused(tmp_path):
    model, module = pair()
    path = tmp_path / "plan.json"
    dualcell.plan_weights(model, module).save(path)
    path.write_text(path.read_text().replace('"rows": [', '"rows": [],\n "rows": [', 1))
    with pytest.raises(PlanError, match="it says 'rows' twice in one place; take out the one that is wrong"):
        dualcell.load_plan(path, model, module)


@pytest.mark.parametrize("part", [[3, 3], [0, 10**12], [-1, 3]])
def test_a_part_that_cannot_be_is_refused(tmp_path, part):
    def edit(document):
        document["rows"][0]["target"]["part"] = part

    assert refusal(tmp_path, edit) == f"0.weight has no part {part[0]} of {part[1]}"


def test_models_that_are_swapped_are_said(tmp_path):
    model, module = pair()
    path = tmp_path / "plan.json"
    dualcell.plan_weights(model, module).save(path)
    with pytest.raises(PlanError) as error:
        dualcell.load_plan(path, module, model)
    assert str(error.value) == (
        f"{str(path)!r}: the two models are swapped: it copies from keras Sequential to torch Sequential. Say "
        f"load_plan({str(path)!r}, <the keras Sequential>, <the torch Sequential>). Nothing was written."
    )
    with pytest.raises(PlanError, match="it is for another source"):
        dualcell.load_plan(path, module, module)


class Blind(nn.Module):
    """Layers of one shape in a module that nobody can look into."""

    def __init__(self):
        super().__init__()
        self.u, self.v = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        return self.v(self.u(x)) if float(x.sum()) > -1e9 else x


def test_a_plan_from_a_file_is_reviewed_and_does_not_warn_of_the_order(tmp_path, recwarn):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(4, name="p"), layers.Dense(4, name="q")])
    plan = dualcell.plan_weights(model, Blind())
    plan.save(tmp_path / "plan.json")
    loaded = dualcell.load_plan(tmp_path / "plan.json", model, Blind())
    assert loaded.table.notes == plan.table.notes  # which say it
    recwarn.clear()
    loaded.apply()
    assert not [each for each in recwarn if "order of definition" in str(each.message)]
    with pytest.warns(UserWarning, match="went by the order of definition alone"):
        plan.apply()


# --- the file ---


def linear_plan(layers=1):
    return dualcell.plan_weights(*(nn.Sequential(*[nn.Linear(2, 2) for _ in range(layers)]) for _ in "ab"))


def test_a_disk_that_is_full_leaves_the_old_plan(tmp_path):
    """A limit on the size of files stands for it."""
    resource = pytest.importorskip("resource")
    path = tmp_path / "plan.json"
    linear_plan().save(path)
    old, long = path.read_text(), linear_plan(80)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with pytest.raises(FileError) as error:
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
            long.save(path)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert str(error.value) == f"{str(path)!r} could not be written: File too large. Nothing is left of it."
    assert [each.read_text() for each in tmp_path.iterdir()] == [old]
    long.save(path)
    assert path.read_text() == long.text()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("none/plan.json", "cannot be written: there is no folder"),
        ("folder", "cannot be written: there is something else than a file; name another path."),
        ("x" * 300, "cannot be written: File name too long."),
    ],
)
def test_a_place_that_takes_no_plan_is_refused(tmp_path, name, sentence):
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileError) as error:
        linear_plan().save(tmp_path / name)
    assert f"{str(tmp_path / name)!r} {sentence}" in str(error.value)
    with pytest.raises(FileError, match="cannot be read as a weight plan: "):
        dualcell.load_plan(tmp_path / name, nn.Linear(2, 2), nn.Linear(2, 2))


def test_a_folder_that_may_not_be_written(tmp_path, monkeypatch):
    def refuse(path, *_, **__):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(FileError, match=r"plan.json' could not be written: Permission denied. Nothing is left of it."):
        linear_plan().save(tmp_path / "plan.json")
