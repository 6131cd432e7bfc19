"""Two losses that take something else: done literally, the line of either side makes them agree."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

keras = pytest.importorskip("keras")
torch = pytest.importorskip("torch")

from dualcell import compare_settings  # noqa: E402
from tests.frameworks.doing import NAMES, done  # noqa: E402
from tests.frameworks.layer_pairs import Loss  # noqa: E402

nn = torch.nn
Z = np.random.default_rng(0).normal(size=(5, 4)).astype("f4")
CLASSES = np.array([0, 1, 2, 3, 0])
ROWS = np.eye(4, dtype="f4")[CLASSES]
YES = (Z * 7 % 2 > 1).astype("f4")

# a loss of Keras, its target; that of PyTorch, its target
OF_CLASSES = list(itertools.product(
    [(Loss.CategoricalCrossentropy, ROWS), (Loss.SparseCategoricalCrossentropy, CLASSES)], (False, True),
    [(nn.CrossEntropyLoss, CLASSES), (nn.NLLLoss, CLASSES)],
))  # fmt: skip
OF_YES = list(itertools.product(
    [(Loss.BinaryCrossentropy, YES)], (False, True), [(nn.BCELoss, YES), (nn.BCEWithLogitsLoss, YES)],
))  # fmt: skip


def inputs(binary):
    probabilities = 1 / (1 + np.exp(-Z)) if binary else np.exp(Z) / np.exp(Z).sum(-1, keepdims=True)
    return {"logits": Z, "probabilities": probabilities, "log_probabilities": np.log(probabilities)}


def of_keras(loss, target, fed):
    return float(loss(target, fed))


def of_torch(loss, target, fed):
    return float(loss(torch.as_tensor(fed), torch.as_tensor(target)))


def after(line, loss, own, other, tensors):
    """What a loss is when the line is done, and what it is fed: what the other side takes, unless the line says."""
    words, _, fed = line.rpartition(" and ") if line.endswith(" fed to it") else (line, "", "")
    changed = done(words.rstrip(","), loss) if words else loss
    value = tensors[other] if not fed else eval(fed.removesuffix(" fed to it"), NAMES | own(tensors))
    return changed, value


@pytest.mark.parametrize(("left", "logits", "right"), OF_CLASSES + OF_YES)
def test_each_line_done_makes_the_losses_agree(left, logits, right):
    keras_loss, torch_loss = left[0](from_logits=logits), right[0]()
    tensors = inputs(right[0] in (nn.BCELoss, nn.BCEWithLogitsLoss))
    takes = (
        "logits" if logits else "probabilities",
        {nn.NLLLoss: "log_probabilities", nn.BCELoss: "probabilities"}.get(right[0], "logits"),
    )
    result = compare_settings(keras_loss, torch_loss)
    expected = of_keras(keras_loss, left[1], tensors[takes[0]])
    assert of_torch(torch_loss, right[1], tensors[takes[1]]) == pytest.approx(expected, rel=1e-4)
    if takes[0] == takes[1]:
        assert result.passed
        return
    ((_, one),) = result.differences
    assert one.setting == "takes"
    assert one.right_fix
    changed, fed = after(one.right_fix, torch_loss, lambda all_: {k: torch.tensor(v) for k, v in all_.items()},
                         takes[0], tensors)  # fmt: skip
    assert of_torch(changed, right[1], fed) == pytest.approx(expected, rel=1e-4)
    if one.left_fix:
        changed, fed = after(one.left_fix, keras_loss, dict, takes[1], tensors)
        assert of_keras(changed, left[1], fed) == pytest.approx(expected, rel=1e-4)
    else:  # log-probabilities are logits
        assert (logits, right[0]) == (True, nn.NLLLoss)


def test_the_lines_of_rates_make_the_losses_agree():
    log_rate = Z / 4
    left, right = Loss.Poisson(), nn.PoissonNLLLoss()
    ((_, one),) = compare_settings(left, right).differences
    assert one.left_fix == "keras.ops.exp(log_rate) fed to it"
    expected = of_torch(right, YES, log_rate)
    assert of_keras(left, YES, keras.ops.exp(log_rate)) == pytest.approx(expected, rel=1e-4)
    assert of_torch(done(one.right_fix, right), YES, np.exp(log_rate)) == pytest.approx(expected, rel=1e-4)


def test_what_is_done_wrongly_shows():
    """The classic bug: probabilities, softmaxed again."""
    tensors = inputs(binary=False)
    twice = of_torch(nn.CrossEntropyLoss(), CLASSES, tensors["probabilities"])
    once = of_keras(Loss.CategoricalCrossentropy(), ROWS, tensors["probabilities"])
    assert twice != pytest.approx(once, rel=1e-2)


@pytest.mark.parametrize(
    ("make", "target", "divided"),
    [
        (nn.CrossEntropyLoss, CLASSES, True), (nn.NLLLoss, CLASSES, True),
        (nn.BCELoss, YES, False), (nn.BCEWithLogitsLoss, YES, False),
    ],
)  # fmt: skip
def test_what_is_said_of_a_weight_is_what_it_does(make, target, divided):
    """Weights of 3 change nothing where they are divided by their sum."""
    fed = inputs(make in (nn.BCELoss, nn.BCEWithLogitsLoss))["probabilities"]
    weighted, plain = (of_torch(make(weight=weight), target, fed) for weight in (torch.full((4,), 3.0), None))
    assert weighted == pytest.approx(plain if divided else 3 * plain, rel=1e-5)
    left = (Loss.BinaryCrossentropy if target is YES else Loss.CategoricalCrossentropy)()
    said = repr(compare_settings(left, make(weight=torch.full((4,), 3.0))))
    assert ("divided by the sum of those used" in said) == divided
    assert ("which multiplies each element" in said) != divided
    summed = repr(compare_settings(left, make(weight=torch.full((4,), 3.0), reduction="sum")))
    assert "divided" not in summed
    other = make(weight=torch.full((4,), 2.0))
    assert not compare_settings(make(weight=torch.full((4,), 3.0)), other).passed
