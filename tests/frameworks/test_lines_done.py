"""Done literally, a line to change leaves no such difference: lines of every row of the readers' tables."""

from __future__ import annotations

import re

import pytest

keras = pytest.importorskip("keras")
torch = pytest.importorskip("torch")

from dualcell.frameworks.registry import layer_reader  # noqa: E402
from dualcell.settings import differences  # noqa: E402
from tests.frameworks.doing import done  # noqa: E402
from tests.frameworks.layer_pairs import L  # noqa: E402
from tests.frameworks.test_no_argument_vanishes import keras_cases, pair, torch_cases  # noqa: E402

nn = torch.nn
from tests.frameworks.test_settings import BY_HAND, cases  # noqa: E402

# lines about what is done around the object
AROUND = re.compile(
    r".* (before|after|fed to) it.*|.*before step\(\)|.*\.backward\(\)|.*\bx\b.*|an optimizer for each group: .*"
    r"|.* of it|.* on each weight|.*output.*|a mask of .*|.* in its optimizer|.*between the layers.*"
    r"|.*one after the other.*|.*params=.*"
)

# no argument gives these back
NO_LINE = {"PReLU shared_axes", "Flatten end_dim"}
# log-probabilities are logits, but logits are no log-probabilities; two channels in two groups are one in each
NEVER_MIND = {("takes", "takes log-probabilities"), ("groups", "num_groups=each channel")}


def read(value):
    return layer_reader(value).settings_of(value)


def held(left, right):
    return [one for one in differences(read(left), read(right)) if not one.remark]


def wrong(left, right):
    """What a line says wrongly, of all lines of both sides; and how many were done."""
    found, count = [], 0
    for one in held(left, right):
        for line, thing, other, mirrored in (
            (one.left_fix, left, right, False), (one.right_fix, right, left, True)
        ):  # fmt: skip
            if not line:
                continue
            if (one.setting, one.right) in NEVER_MIND:
                continue
            try:
                changed = done(line, thing)
            except Exception as error:
                if "divisible" in str(error):  # the other side could not run on so many channels either
                    continue
                found.append(f"{one.setting}: {type(thing).__name__}: {line}: {type(error).__name__}: {error}")
                continue
            if changed is None:
                if not AROUND.fullmatch(line):
                    found.append(f"{one.setting}: {type(thing).__name__}: {line}: nobody knows what to do")
                continue
            count += 1
            sides = (other, changed) if mirrored else (changed, other)
            if one.setting in [still.setting for still in held(*sides)]:
                found.append(f"{one.setting}: {type(thing).__name__}: {line}: it still differs")
    return found, count


def check(kind, name):
    found, count = wrong(*pair(kind, name))
    assert found == []
    assert count or not held(*pair(kind, name)) or f"{kind.__name__} {name}" in NO_LINE


@pytest.mark.parametrize(("kind", "name"), torch_cases())
def test_of_torch(kind, name):
    check(kind, name)


@pytest.mark.parametrize(("kind", "name"), keras_cases())
def test_of_keras(kind, name):
    check(kind, name)


@pytest.mark.parametrize("cause", sorted(cases()))
def test_between_the_frameworks(cause):
    pairs = [(what, left, right) for what, left, right, _ in cases()[cause]]
    pairs += [("by hand", left, right) for left, right in BY_HAND.get(cause, ())]
    found = [f"{what}: {said}" for what, left, right in pairs for said in wrong(left, right)[0]]
    assert found == []


class Old(nn.BatchNorm2d):
    """PyTorch before its norms took `bias`."""

    def __init__(self, num_features, eps=1e-3, momentum=0.01, affine=True, track_running_stats=True):
        super().__init__(num_features, eps, momentum, affine, track_running_stats)


@pytest.mark.parametrize("make", [nn.BatchNorm2d, Old, nn.GroupNorm, nn.LayerNorm])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize(("scale", "center"), [(True, True), (True, False), (False, True), (False, False)])
def test_scale_and_offset_apart(make, affine, scale, center):
    """One keyword for both, `bias`, and where neither says it a parameter frozen where it does nothing."""
    if make is nn.GroupNorm:
        left, right = L.GroupNormalization(2, scale=scale, center=center), nn.GroupNorm(2, 6, 1e-3, affine)
    elif make is nn.LayerNorm:
        left, right = L.LayerNormalization(scale=scale, center=center), nn.LayerNorm(6, 1e-3, affine)
    else:
        left, right = L.BatchNormalization(scale=scale, center=center), make(6, 1e-3, 0.01, affine)
    found = held(left, right)
    assert {one.setting for one in found} == {
        name for name, has in (("scale", scale), ("center", center)) if has != affine
    }
    assert len({one.right_fix for one in found}) <= 1  # one line for both
    for one in found:
        changed = done(one.right_fix, right)
        assert held(left, changed) == []
        learned = {name for name, part in changed.named_parameters() if part.requires_grad}
        assert learned == {name for name, has in (("weight", scale), ("bias", center)) if has}


def test_a_frozen_layer_is_not_one_without_scale():
    """All of a layer is frozen: that says nothing about its scale."""
    right = nn.LayerNorm(6, 1e-3).requires_grad_(False)
    assert [one.setting for one in held(L.LayerNormalization(), right)] == ["trainable"]
