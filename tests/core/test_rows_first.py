"""A step on rows that hides behind a second step, on either side; and what is seen only from the right."""

from __future__ import annotations

import time

import numpy as np
import pytest

from dualcell.catalogue import CAUSES
from dualcell.cause import WholeCause
from dualcell.diagnosis import diagnose

X = np.random.default_rng(0).standard_normal((12, 10, 7))


def softmax(values, axis):
    powers = np.exp(values - values.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


def norm(values, axis):
    return values / np.sqrt(np.square(values).sum(axis, keepdims=True))


def standard(values, axis, epsilon=1e-3):
    return (values - values.mean(axis, keepdims=True)) / np.sqrt(values.var(axis, keepdims=True) + epsilon)


def flat(values):
    return values.transpose(0, 2, 1).reshape(len(values), -1)


PAIRS = {
    ("softmax", "scale"): 3 * softmax(X, 2),
    ("softmax", "offset"): softmax(X, 1) - 0.5,
    ("softmax", "flatten-order"): flat(softmax(X, 2)),
    ("softmax", "axis-reversed"): softmax(X, 1)[:, ::-1],
    ("log-softmax", "sign"): -np.log(softmax(X, 2)),
    ("log-softmax", "flatten-order"): flat(np.log(softmax(X, 1))),
    ("normalised-rows", "function"): np.maximum(norm(X, 2), 0),
    ("normalised-rows", "flatten-order"): flat(norm(X, 1)),
    ("standardised", "function"): np.maximum(standard(X, (0, 1)), 0),
    ("standardised", "flatten-order"): flat(standard(X, 2)),
    ("centred-rows", "scale"): 3 * (X - X.mean(1, keepdims=True)),
    ("cumulative", "scale"): np.cumsum(X, 1) / 4,
    ("reduction", "sign"): -X.mean(1),
    ("reduction", "scale"): 0.3 * X.max(1, keepdims=True),
    ("reduction", "function"): np.tanh(X.mean((1, 2))),
    ("reduction", "axes-permuted"): X.mean(1).T,
}


@pytest.mark.parametrize("causes", PAIRS, ids=" ".join)
def test_both_steps_are_named_on_either_side(causes):
    right = PAIRS[causes] * (1 + 1e-6 * np.random.default_rng(1).standard_normal(PAIRS[causes].shape))
    for pair in ((X, right), (right, X)):
        assert {frozenset(finding.causes) for finding in diagnose(*pair)} == {frozenset(causes)}


def test_the_lines_to_change_stand_in_the_order_of_the_steps():
    (found,) = diagnose(X, 3 * softmax(X, 2))
    assert found.left_fix == "(softmax(left, 2)) * 3"
    assert found.right_fix == "(right / 3) without softmax"
    assert found.sentence.endswith("softmax over axis 2 of the left, then times 3")
    (found,) = diagnose(3 * softmax(X, 2), X, names=("probs", "logits"))
    assert found.right_fix == "(softmax(logits, 2)) * 3"
    assert found.left_fix == "(probs / 3) without softmax"
    assert found.sentence.endswith("softmax over axis 2 of the right, then times 3 on the right")


def test_axes_that_were_merged_on_the_left():
    """No axes of the left are merged into the right: they are split."""
    (found,) = diagnose(flat(X), X)
    assert found.causes == ("flatten-order",)
    assert found.left_fix == "left.reshape(12, 7, 10).transpose(0, 2, 1)"
    assert found.right_fix == "right.transpose(0, 2, 1).reshape(12, 70)"


@pytest.mark.parametrize("shape", [(20, 20), (6, 9, 9)])
def test_axes_of_one_size_and_a_bias(shape):
    left = np.random.default_rng(3).standard_normal(shape)
    bias = np.random.default_rng(4).standard_normal(shape[-1])
    assert {finding.causes for finding in diagnose(left, left.swapaxes(-1, -2) + bias)} == {
        ("axes-permuted", "channel-offset")
    }


def test_of_two_epsilons_the_nearer_is_named():
    for epsilon in (1e-3, 1e-5):
        left = 0.05 * X
        (found,) = diagnose(left, np.maximum(standard(left, 2, epsilon), 0))
        assert f"epsilon {epsilon:g}" in found.sentence


def test_what_a_blind_step_says_it_makes():
    """The axes that it is told to work along, and no others; and the shape."""
    for cause in CAUSES:
        for step in cause.blind(X.shape) if isinstance(cause, WholeCause) else ():
            made = step.apply(X)
            kept = [axis for axis in range(3) if axis not in step.axes]
            expected = [length if axis in kept else 1 for axis, length in enumerate(X.shape)]
            if step.ends == "kept":
                assert made.shape == X.shape
            else:
                assert made.reshape(expected).shape == tuple(expected)
                assert made.ndim == (3 if step.ends == "one" else len(kept))
            for axis in kept:  # a row is the same, whatever stands beside it
                one = step.apply(X.take([4], axis))
                if step.ends == "kept":
                    np.testing.assert_allclose(one, made.take([4], axis), rtol=1e-12)


@pytest.mark.parametrize("seed", range(15))
def test_rows_of_unrelated_tensors_have_no_cause(seed):
    random = np.random.default_rng(seed)
    left, other = random.standard_normal((2, 16, 9))
    shuffled = random.permuted(softmax(left, 1).reshape(-1)).reshape(16, 9)
    for right in (3 * softmax(other, 1), shuffled, other.mean(0), norm(other, 1).reshape(9, 16)):
        assert diagnose(left, right) == diagnose(right, left) == ()


@pytest.mark.parametrize("change", [lambda x: 3 * softmax(x, 1), lambda x: softmax(x, 1).T.copy(), lambda x: x[::-1].T])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_million_elements_are_looked_at_in_time(change, mirrored):
    left = np.random.default_rng(0).standard_normal((1000, 1000), np.float32)
    right = change(left).astype(np.float32)
    left, right = (right, left) if mirrored else (left, right)
    diagnose(left, right)
    started = time.thread_time()
    assert len(diagnose(left, right)[0].causes) == 2
    assert time.thread_time() - started < 0.4
