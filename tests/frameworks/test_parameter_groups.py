"""Optimizers of PyTorch whose parameter groups differ, against Keras, which has one setting for all variables."""

from __future__ import annotations

import pytest

keras = pytest.importorskip("keras")
torch = pytest.importorskip("torch")

from dualcell import compare_settings  # noqa: E402
from tests.frameworks.doing import done  # noqa: E402
from tests.frameworks.layer_pairs import Opt  # noqa: E402

nn = torch.nn


def grouped(make, *groups, **more):
    """One group for each set of words."""
    return make([{"params": nn.Linear(2, 2).parameters(), **words} for words in groups], **more)


def excluding(make, **more):
    optimizer = make(**more)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


def found(left, right):
    return {one.setting: one for _, one in compare_settings(left, right).differences}


def test_weights_that_do_not_decay():
    net = grouped(torch.optim.AdamW, {"weight_decay": 0.01}, {"weight_decay": 0.0}, eps=1e-7)
    every = Opt.AdamW(weight_decay=0.01)
    (one,) = found(every, net).values()
    assert (one.left, one.right) == ("weight_decay=0.01", "weight_decay=0.01 and 0.0, by group")
    assert one.right_fix == "weight_decay=0.01 in every group"
    assert compare_settings(every, done(one.right_fix, net)).passed
    assert one.left_fix == "weight_decay=0.01, then optimizer.exclude_from_weight_decay(var_list=[...])"
    variable = keras.Variable([1.0])
    changed = done(one.left_fix.replace("...", "variable").replace("optimizer", "layer"), every, variable=variable)
    assert not changed._use_weight_decay(variable)
    assert compare_settings(changed, net).passed
    assert compare_settings(excluding(Opt.AdamW, weight_decay=0.01), net).passed
    (one,) = found(excluding(Opt.AdamW, weight_decay=0.01), grouped(torch.optim.AdamW, {}, eps=1e-7)).values()
    assert one.left == "weight_decay=0.01, and none for excluded variables"
    assert one.right_fix == "params=[{'params': ..., 'weight_decay': 0.01}, {'params': ..., 'weight_decay': 0.0}]"


@pytest.mark.parametrize(
    ("make", "words", "left", "setting"),
    [
        (torch.optim.SGD, [{"lr": 0.1}, {"lr": 0.2}], Opt.SGD(0.1), "learning rate"),
        (torch.optim.SGD, [{"momentum": 0.1}, {"momentum": 0.2}], Opt.SGD(0.001, momentum=0.1), "momentum"),
        (torch.optim.Adam, [{"betas": (0.8, 0.999)}, {}], Opt.Adam(epsilon=1e-8), "beta 1"),
        (torch.optim.Adam, [{"betas": (0.9, 0.99)}, {}], Opt.Adam(epsilon=1e-8), "beta 2"),
        (torch.optim.Adam, [{"eps": 1e-8}, {"eps": 1e-6}], Opt.Adam(epsilon=1e-8), "epsilon"),
        (torch.optim.Adam, [{"amsgrad": True}, {}], Opt.Adam(epsilon=1e-8), "amsgrad"),
        (torch.optim.RMSprop, [{"alpha": 0.9}, {}], Opt.RMSprop(0.01, rho=0.9, epsilon=1e-8), "rho"),
    ],
)
def test_what_keras_has_once_for_all_variables(make, words, left, setting):
    net = grouped(make, *words)
    (one,) = found(left, net).values()
    assert one.setting == setting
    assert one.right.endswith(", by group")
    assert one.left_fix.startswith("an optimizer for each group: Keras has one ")
    assert one.right_fix.endswith(" in every group")
    assert compare_settings(left, done(one.right_fix, net)).passed


def test_two_with_the_same_groups_agree():
    words = [{"lr": 0.1, "weight_decay": 0.1}, {"lr": 0.2, "betas": (0.5, 0.9)}, {"weight_decay": 0.0}]
    one, other = (grouped(torch.optim.AdamW, *words) for _ in range(2))
    assert compare_settings(one, other).passed
    other.param_groups[1]["lr"] = 0.3
    assert list(found(one, other)) == ["learning rate"]
    assert found(one, other)["learning rate"].left == "lr=0.1 and 0.2 and 0.001, by group"
