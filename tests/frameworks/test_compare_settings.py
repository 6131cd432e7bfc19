"""`compare_settings`: two layers, optimizers, losses or models, as a table."""

from __future__ import annotations

import re

import pytest

import dualcell
from dualcell import OptionError, compare_settings

keras = pytest.importorskip("keras")
torch = pytest.importorskip("torch")

from tests.frameworks.layer_pairs import PAIRS, L, Opt, learning  # noqa: E402
from tests.zoo.models import ENTRIES  # noqa: E402

nn = torch.nn


def keras_net(**batch_norm):
    return keras.Sequential([
        keras.Input((32, 32, 3)),
        L.Conv2D(8, 3, padding="same", activation="relu", name="conv"),
        L.BatchNormalization(name="norm", **batch_norm),
        L.MaxPooling2D(),
        L.Flatten(),
        L.Dense(10, name="head"),
    ])  # fmt: skip


def torch_net(**batch_norm):
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(8, **batch_norm), nn.MaxPool2d(2),
                         nn.Flatten(), nn.Linear(2048, 10))  # fmt: skip


@pytest.mark.parametrize("name", ["dense", "adam", "cross entropy", "lstm", "cosine"])
def test_a_healthy_pair_passes(name):
    result = compare_settings(*PAIRS[name]())
    assert result.passed
    assert bool(result)
    assert result.report.compared > 0
    assert result.differences == ()
    assert re.search(r"dualcell: \d+ settings? of 1 part agree$", repr(result))


def test_a_model_is_compared_part_by_part():
    result = compare_settings(keras_net(), torch_net())
    assert not result.passed
    assert [(part, one.setting, one.cause) for part, one in result.differences] == [
        ("norm ~ 2", "epsilon", "normalisation-epsilon"),
        ("norm ~ 2", "momentum", "batch-norm-momentum"),
    ]
    said = repr(result)
    assert "norm ~ 2  epsilon   epsilon=0.001  eps=1e-05" in said
    assert "  norm ~ 2, momentum:\n    keras: momentum=0.9\n    or torch: momentum=0.01" in said
    assert compare_settings(keras_net(epsilon=1e-5, momentum=0.9), torch_net()).passed
    assert compare_settings(keras_net(), torch_net(eps=1e-3, momentum=0.01)).passed


def test_what_has_no_partner_is_said_and_does_not_pass():
    twice = nn.Sequential(*torch_net(eps=1e-3, momentum=0.01), nn.Dropout(), nn.Dropout())
    result = compare_settings(keras_net(), twice)
    assert not result.passed
    assert result.differences == ()
    assert "no partner: dropout: keras has none, torch has 2 (6, 7); not compared" in repr(result)
    assert repr(result).endswith("agree; 1 kind of parts without a partner")


def test_layers_are_matched_by_their_sizes_before_their_order():
    """The order in which a model defines its layers is not always that in which they run."""
    left = keras.Sequential([keras.Input((4,)), L.Dense(8), L.Dense(8, use_bias=False), L.Dense(3)])
    right = nn.ModuleDict({"last": nn.Linear(8, 3), "first": nn.Linear(4, 8), "middle": nn.Linear(8, 8, bias=False)})
    assert compare_settings(left, right).passed
    right["middle"] = nn.Linear(8, 8)
    ((part, one),) = compare_settings(left, right).differences
    assert (part.split(" ~ ")[1], one.setting) == ("middle", "bias")


def test_layers_of_other_sizes_differ_in_them():
    left = keras.Sequential([keras.Input((4,)), L.Dense(8), L.Dense(3)])
    found = compare_settings(left, nn.Sequential(nn.Linear(4, 7), nn.Linear(7, 3))).differences
    assert [(one.setting, one.left, one.right) for _, one in found] == [
        ("units", "units=8", "out_features=7"),
        ("inputs", "8 inputs", "in_features=7"),
    ]


def test_zeros_added_by_a_layer_count_as_padding():
    left = keras.Sequential([keras.Input((32, 32, 3)), L.ZeroPadding2D(1), L.Conv2D(4, 3)])
    assert compare_settings(left, nn.Conv2d(3, 4, 3, padding=1)).passed
    ((_, one),) = compare_settings(left, nn.Conv2d(3, 4, 3)).differences
    assert (one.setting, one.left) == ("padding", "padding='valid', after padding=((1, 1), (1, 1))")


def test_parts_without_words_are_said():
    result = compare_settings(
        keras.Sequential([L.Dense(3), L.Rescaling(2.0)]), nn.Sequential(nn.Linear(2, 3), nn.Unfold(2))
    )
    assert "keras has 1 part whose settings dualcell does not read: rescaling" in repr(result)
    assert "torch has 1 part whose settings dualcell does not read: 1 (Unfold)" in repr(result)


def test_two_sides_of_one_framework_are_called_left_and_right():
    said = repr(compare_settings(nn.Dropout(0.2), nn.Dropout(0.5)))
    assert re.search(r"part +setting +left +right +cause", said)
    assert "p=0.2" in said


def test_a_remark_is_no_difference():
    result = compare_settings(Opt.Adam(epsilon=1e-8), learning(torch.optim.Adam))
    assert result.passed
    assert "note: adam, epsilon place: epsilon before bias correction | epsilon after" in repr(result)


@pytest.mark.parametrize(
    ("left", "right", "said"),
    [
        (3, nn.ReLU(), "the left side: expected a layer, optimizer, loss, schedule or model of Keras or PyTorch, "
         "got an int"),
        (nn.ReLU(), {}, "the right side: expected a layer, optimizer, loss, schedule or model of Keras or PyTorch, "
         "got a dict"),
        (nn.Sequential(), nn.Sequential(), "No setting could be compared: the two have no setting in common. Name two "
         "layers, optimizers or losses of one kind."),
        (nn.Bilinear(2, 2, 2), nn.Bilinear(2, 2, 2), "No setting could be compared: left has 1 part whose settings "
         "dualcell does not read: Bilinear (Bilinear); right has 1 part"),
    ],
)  # fmt: skip
def test_nothing_to_compare_is_an_error(left, right, said):
    with pytest.raises(OptionError, match=re.escape(said)):
        compare_settings(left, right)


def test_two_kinds_are_a_difference():
    ((_, one),) = compare_settings(L.LSTM(3), nn.GRU(2, 3)).differences
    assert (one.setting, one.left, one.right, one.cause) == ("kind", "lstm", "gru", "other-kind")


def test_everything_is_escaped():
    evil = nn.Sequential()
    evil.add_module("<b>", nn.Dropout(0.1))
    other = nn.Sequential()
    other.add_module("<i>", nn.Dropout(0.2))
    bundle = compare_settings(evil, other)._repr_mimebundle_()
    assert "&lt;b&gt; ~ &lt;i&gt;" in bundle["text/html"]
    assert "<b> ~" not in bundle["text/html"]
    assert "<b> ~ <i>" in bundle["text/plain"]
    assert "<code>p=0.2</code>" in bundle["text/html"]


def test_it_is_public():
    assert dualcell.compare_settings is compare_settings
    assert {"compare_settings", "SettingsResult"} <= set(dualcell.__all__)


# what differs in models that compute the same: padding that a layer of its own or `forward` adds, dropout while
# training, and one LSTM of two layers for two
_ELSEWHERE = {"padding", "dropout", "layers"}


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_models_that_compute_the_same_have_the_same_settings(entry):
    result = compare_settings(entry.keras(), entry.torch())
    assert {one.setting for _, one in result.differences} <= _ELSEWHERE
    assert result.report.compared > 1


def test_a_setting_changed_in_a_model_is_found():
    """In every part of a large model that has an epsilon: the tests above can fail."""
    entry = next(entry for entry in ENTRIES if entry.name == "ResNet50")
    left, right = entry.keras(), entry.torch()
    healthy = len(compare_settings(left, right).differences)
    norms = [module for module in right.modules() if isinstance(module, nn.BatchNorm2d)]
    for module in norms:
        module.eps *= 10
    found = compare_settings(left, right).differences
    assert sum(one.cause == "normalisation-epsilon" for _, one in found) == len(norms) == len(found) - healthy > 50
