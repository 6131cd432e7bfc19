"""What the layers of the two blocks say about a row that failed."""

from __future__ import annotations

import numpy as np
import pytest

import dualcell
from dualcell import session
from dualcell.cause import Finding
from dualcell.cell_settings import with_settings

keras = pytest.importorskip("keras")
torch = pytest.importorskip("torch")

nn = torch.nn
L = keras.layers
X = np.random.default_rng(0).standard_normal((64, 8)).astype("f4") * np.geomspace(0.01, 1, 8, dtype="f4")
BOTH = ("keras", "torch")


def run(left, right, x=X):
    """`left(x)` against `right(x)`, each layer bound to `layer` by its block."""
    with dualcell.dual("keras", "torch", captures=["y"]) as pair:
        with pair.left:
            layer = left
            y = layer(x)
        with pair.right:
            layer = right
            y = layer(torch.tensor(x))
    assert y is not None
    return pair.result


def evidence(result):
    return [finding.evidence for finding in result["y"].findings]


def test_the_layers_say_the_same_as_the_tensors():
    result = run(L.LayerNormalization(), nn.LayerNorm(8))
    assert result["y"].findings[0].causes == ("normalisation-epsilon",)
    assert evidence(result)[0].endswith("; and the layers say it: layer: epsilon=0.001 against eps=1e-05")
    assert result.report.notes == ()


def test_the_left_layer_is_the_one_its_block_bound():
    """Both blocks call it `layer`; the right one's must not stand for both."""
    assert "epsilon=0.01 against eps=1e-05" in evidence(run(L.LayerNormalization(epsilon=1e-2), nn.LayerNorm(8)))[0]


def test_other_settings_that_differ_are_listed_as_facts():
    result = run(L.LeakyReLU(), nn.Sequential(nn.LeakyReLU(), nn.Dropout(0.0)))
    assert (
        "and the layers say it: layer ~ layer.0: negative_slope=0.3 against negative_slope=0.01"
        in (evidence(result)[0])
    )
    assert result.report.notes == ()
    result = run(L.BatchNormalization(), nn.BatchNorm1d(8).eval())
    assert "and the layers say it: layer: epsilon=0.001 against eps=1e-05" in evidence(result)[0]
    assert result.report.notes == (
        "settings that differ too: layer: momentum=0.99 against momentum=0.1; "
        "dualcell.compare_settings gives the lines to change",
    )


def test_a_mode_that_fits_is_said_although_it_is_a_remark():
    result = run(L.Dropout(0.5), nn.Dropout(0.5))
    assert result["y"].findings[0].causes == ("dropout",)
    assert "drops only where it is called with training=True against training=True" in evidence(result)[0]
    assert result.report.notes == ()


def fixes(result):
    return result["y"].findings[0].left_fix, result["y"].findings[0].right_fix


def test_the_line_to_change_is_that_of_the_layer():
    """`y with epsilon=1e-05` is no line that anybody could write."""
    assert fixes(run(L.LayerNormalization(), nn.LayerNorm(8))) == ("layer: epsilon=1e-05", "layer: eps=0.001")
    assert fixes(run(L.Dropout(0.5), nn.Dropout(0.5))) == ("", "layer: eval()")
    left, right = L.Dense(4, bias_initializer="random_normal"), nn.Linear(8, 4, bias=False)
    left.build(X.shape)
    right.weight.data = torch.tensor(keras.ops.convert_to_numpy(left.kernel).T)
    assert fixes(run(left, right)) == ("layer: use_bias=False", "layer: bias=True")


def test_the_lines_of_a_layer_are_alternatives_where_those_of_the_tensors_are_not():
    finding = Finding(("grid-shifted",), "s", "e", "y[1:]", "y[:-1]", both=True)
    sides = {"a": L.Conv2DTranspose(4, 3, 2, padding="same")}, {"b": nn.ConvTranspose2d(3, 4, 3, 2, 1, 1)}
    told, _ = with_settings({"y": (finding,)}, sides, BOTH)
    assert told["y"][0].right_fix.startswith("b: padding=0, output_padding=0, and cut")
    assert not told["y"][0].both


def test_the_optimizer_of_a_compiled_model_is_asked_too():
    model = keras.Sequential([L.Input((2,)), L.Dense(2)])
    model.compile(keras.optimizers.Adam(0.001), "mse")
    net = nn.Linear(2, 2)
    sides = {"model": model}, {"net": net, "adam": torch.optim.Adam(net.parameters())}
    _, (note,) = with_settings({"w": ()}, sides, BOTH)
    assert "model.optimizer ~ adam: epsilon=1e-07 against eps=1e-08" in note


def test_each_layer_has_its_line():
    left, right = ({name: kind() for name in ("one", "two", "three")} for kind in (L.LeakyReLU, nn.LeakyReLU))
    told, _ = with_settings({"y": (Finding(("negative-slope",), "n", "e", "f", "f"),)}, (left, right), BOTH)
    assert told["y"][0].left_fix == "one: negative_slope=0.01; two: negative_slope=0.01; and 1 more"
    assert told["y"][0].right_fix == "one: negative_slope=0.3; two: negative_slope=0.3; and 1 more"
    assert told["y"][0].evidence.count("against") == 2
    assert told["y"][0].evidence.endswith("; and 1 more")


def test_a_line_that_moves_the_tensor_stays():
    """A convolution in the other layout is right; only what it hands out stands otherwise."""
    finding = Finding(("axes-permuted",), "s", "e", "y.transpose(0, 3, 1, 2)", "y.permute(0, 2, 3, 1)")
    told, _ = with_settings({"y": (finding,)}, ({"a": L.Conv2D(2, 3)}, {"b": nn.Conv2d(3, 2, 3)}), BOTH)
    assert "data_format='channels_last' against channels first" in told["y"][0].evidence
    assert (told["y"][0].left_fix, told["y"][0].right_fix) == (finding.left_fix, finding.right_fix)


def test_a_finding_cites_the_setting_it_is_about_before_what_may_look_like_it():
    """BatchNorm in training on one side is no question of its axis, which every port writes otherwise."""
    finding = Finding(("standardised",), "s", "e")
    told, _ = with_settings({"y": (finding,)}, ({"a": L.BatchNormalization()}, {"b": nn.BatchNorm2d(3)}), BOTH)
    assert "training=True" in told["y"][0].evidence
    assert "axis" not in told["y"][0].evidence
    assert told["y"][0].right_fix == "b: eval()"


@pytest.mark.parametrize("training", [True, False])
def test_a_mode_that_may_be_why_is_noted_where_a_row_has_no_known_cause(training):
    """Dropout inside a network leaves no zeros at its end."""
    objects = {"drop": L.Dropout(0.5)}, {"net": nn.Sequential(nn.Dropout(0.5)).train(training)}
    _, (note,) = with_settings({"y": ()}, objects, BOTH)
    assert note.startswith("settings that differ, and may be why: drop ~ net.0: drops only where it is called with ")
    assert f"against training={training}" in note
    named = {"y": (Finding(("sign",), "s", "e"),)}
    assert with_settings(named, objects, BOTH) == (named, ())


def test_what_the_layers_say_comes_first():
    """Of explanations that fit the tensors equally well."""
    findings = {"y": (Finding(("scale",), "s", "e"), Finding(("negative-slope",), "n", "e"))}
    objects = {"a": L.LeakyReLU()}, {"b": nn.LeakyReLU()}
    told, notes = with_settings(findings, objects, BOTH)
    assert [finding.causes for finding in told["y"]] == [("negative-slope",), ("scale",)]
    assert told["y"][0].evidence == "e; and the layers say it: a ~ b: negative_slope=0.3 against negative_slope=0.01"
    assert told["y"][1].evidence == "e"
    assert notes == ()
    same = {"a": L.LeakyReLU(negative_slope=0.01)}, {"b": nn.LeakyReLU()}
    assert with_settings(findings, same, BOTH) == (findings, ())


def test_a_difference_elsewhere_is_not_the_cause():
    """Another learning rate says nothing about a factor of 255."""
    optimizer = torch.optim.SGD(nn.Linear(2, 2).parameters())
    findings = {"y": (Finding(("scale",), "every element is multiplied", "e"),)}
    told, notes = with_settings(findings, ({"o": keras.optimizers.SGD()}, {"o": optimizer}), BOTH)
    assert told == findings
    assert notes == (
        "settings that differ too: o: learning_rate=0.01 against lr=0.001; "
        "dualcell.compare_settings gives the lines to change",
    )


def test_layers_of_the_other_framework_are_not_the_blocks_own():
    findings = {"y": (Finding(("negative-slope",), "n", "e"),)}
    objects = {"a": nn.LeakyReLU(0.5)}, {"b": nn.LeakyReLU()}
    assert with_settings(findings, objects, BOTH) == (findings, ())
    assert with_settings(findings, objects, ("torch", "torch"))[0] != findings


def test_a_model_and_its_layer_are_one():
    model = nn.Sequential(nn.LeakyReLU())
    findings = {"y": (Finding(("negative-slope",), "n", "e"),)}
    told, _ = with_settings(findings, ({"a": L.LeakyReLU()}, {"model": model, "layer": model[0], "x": 3}), BOTH)
    assert "a ~ model.0: " in told["y"][0].evidence


def test_many_settings_are_cut_short():
    left = {f"d{index}": L.Dropout(0.1) for index in range(10)}
    right = {f"d{index}": nn.Dropout(0.2) for index in range(10)}
    _, (note,) = with_settings({"y": (Finding(("sign",), "s", "e"),)}, (left, right), BOTH)
    assert note.endswith("d7: rate=0.1 against p=0.2; and 2 more; dualcell.compare_settings gives the lines to change")


def test_an_object_that_cannot_be_read_costs_a_note_only():
    broken = nn.LeakyReLU()
    broken.negative_slope = type("Odd", (), {"__eq__": lambda *_: 1 / 0, "__hash__": lambda _: 0})()
    findings = {"y": (Finding(("sign",), "s", "e"),)}
    told, notes = with_settings(findings, ({"a": L.LeakyReLU()}, {"b": broken}), BOTH)
    assert told == findings
    assert notes == ("settings were not compared: ZeroDivisionError: division by zero",)


def test_nothing_is_looked_at_while_all_rows_pass(monkeypatch):
    monkeypatch.setattr(session, "with_settings", lambda *_: pytest.fail("looked at"))
    assert run(L.LayerNormalization(epsilon=1e-5), nn.LayerNorm(8)).passed
    with pytest.raises(pytest.fail.Exception):
        run(L.LayerNormalization(), nn.LayerNorm(8))
