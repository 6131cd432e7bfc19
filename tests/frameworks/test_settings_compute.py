"""What settings say of two layers is what the layers do: equal settings, equal results; and the other way round."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from dualcell.frameworks.registry import layer_reader
from dualcell.settings import differences

keras = pytest.importorskip("keras")
torch = pytest.importorskip("torch")
nn = torch.nn
L = keras.layers


def settings_agree(left, right):
    one, other = (layer_reader(layer).settings_of(layer) for layer in (left, right))
    return not any(not found.remark for found in differences(one, other))


def results_agree(left, right, x):
    """Whether a layer of Keras and a module compute the same of channels-last numbers."""
    one = np.asarray(keras.ops.convert_to_numpy(left(x)))
    with torch.no_grad():
        other = right(torch.tensor(np.moveaxis(x, -1, 1))).numpy()
    other = np.moveaxis(other, 1, -1)
    return one.shape == other.shape and np.allclose(one, other, atol=1e-5)


def numbers(size, channels=2):
    return np.random.default_rng(size).standard_normal((2, size, channels)).astype(np.float32) + 3


def with_weights(left, right, axes):
    kernel, *bias = left.get_weights()
    right.weight.data = torch.tensor(kernel.transpose(axes))
    if bias:
        right.bias.data = torch.tensor(bias[0])
    return left, right


def judged(cases):
    """Both answers of each case must agree, and both must occur."""
    cases = list(cases)
    wrong = [what for what, said, done in cases if said != done]
    assert wrong == []
    assert {done for _, _, done in cases} == {True, False}


def convolutions():
    for size, kernel, stride, padding, dilation in itertools.product(
        (7, 8, 9), (1, 2, 3, 4), (1, 2, 3), ("valid", "same", "causal"), (1, 2)
    ):
        if stride > 1 and dilation > 1:
            continue  # Keras refuses it
        for pad in (0, 1, 2, "same"):
            if (pad == "same" and stride > 1) or size + 2 * (pad if pad != "same" else 9) < (kernel - 1) * dilation + 1:
                continue
            left = L.Conv1D(3, kernel, stride, padding, dilation_rate=dilation)
            x = numbers(size)
            left.build(x.shape)
            right = nn.Conv1d(2, 3, kernel, stride, pad, dilation)
            with_weights(left, right, (2, 1, 0))
            what = f"size {size}, kernel {kernel}, stride {stride}, {padding} | {pad}, dilation {dilation}"
            yield what, settings_agree(left, right), results_agree(left, right, x)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
def test_convolutions():
    judged(convolutions())


def transposed():
    for kernel, stride, padding, outer in itertools.product(
        (1, 2, 3, 4, 5), (1, 2, 3), ("valid", "same"), (None, 0, 1)
    ):
        if outer is not None and (outer >= stride or (padding == "same" and kernel % 2 == 0)):
            continue  # TensorFlow refuses it
        for pad, more in itertools.product((0, 1, 2), (0, 1)):
            if more >= stride or (6 - 1) * stride - 2 * pad + kernel + more < 1:
                continue
            left = L.Conv1DTranspose(3, kernel, stride, padding, output_padding=outer)
            x = numbers(6)
            left.build(x.shape)
            right = nn.ConvTranspose1d(2, 3, kernel, stride, pad, more)
            with_weights(left, right, (2, 1, 0))
            what = f"kernel {kernel}, stride {stride}, {padding} {outer} | {pad} {more}"
            yield what, settings_agree(left, right), results_agree(left, right, x)


def test_transposed_convolutions():
    judged(transposed())


def pools(keras_layer, module, **more):
    for size, window, stride, padding in itertools.product((6, 7, 8, 9), (1, 2, 3), (1, 2, 3), ("valid", "same")):
        for pad, up in itertools.product((0, 1), (False, True)):
            if pad > window // 2:
                continue
            left, x = keras_layer(window, stride, padding), numbers(size)
            left.build(x.shape)
            right = module(window, stride, pad, ceil_mode=up, **more)
            what = f"size {size}, window {window}, stride {stride}, {padding} | {pad}, ceil {up}"
            yield what, settings_agree(left, right), results_agree(left, right, x)


def test_maximum_pools():
    judged(pools(L.MaxPooling1D, nn.MaxPool1d))


@pytest.mark.parametrize("counts", [True, False])
def test_average_pools(counts):
    judged(pools(L.AveragePooling1D, nn.AvgPool1d, count_include_pad=counts))
