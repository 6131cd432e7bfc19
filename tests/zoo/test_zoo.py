"""The zoo is right: copied by hand, both models of an entry compute the same, and no wrong copy does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations

import keras
import numpy as np
import pytest
import torch

from tests.zoo import by_hand
from tests.zoo.autoencoder import AUTOENCODER
from tests.zoo.by_hand import Array, moved
from tests.zoo.entry import Entry, filled, keras_forward, load, torch_forward, weights_of
from tests.zoo.generator import GENERATOR
from tests.zoo.models import ENTRIES
from tests.zoo.nested import TWINS
from tests.zoo.odd_convolutions import SEPARABLE
from tests.zoo.recurrent import GRU, LSTM
from tests.zoo.small_cnn import SMALL_CNN
from tests.zoo.transformer import TRANSFORMER

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # TensorFlow's

TOLERANCE = 1e-5  # of the largest output

every_entry = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
with_batch_norm = pytest.mark.parametrize(
    "entry",
    [entry for entry in ENTRIES if any("running_mean" in copy.target for copy in entry.copies)],
    ids=lambda entry: entry.name,
)


@dataclass(frozen=True)
class Truth:
    """What is kept of an entry's Keras model."""

    output: Array
    paths: frozenset[str]
    state: dict[str, Array]  # what the module must hold
    momenta: tuple[float, ...]  # of BatchNorm, as PyTorch counts them


@cache
def truth(entry: Entry) -> Truth:
    model = filled(entry)
    weights = weights_of(model)
    norms = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)]
    return Truth(
        keras_forward(entry, model),
        frozenset(weights),
        moved(entry.copies, weights),
        tuple(sorted(round(1 - norm.momentum, 6) for norm in norms)),
    )


@cache
def module_of(entry: Entry) -> torch.nn.Module:
    return entry.torch()


def holding(entry: Entry, state: dict[str, Array]) -> torch.nn.Module:
    """The entry's module; there is one, and every test fills it anew."""
    module = module_of(entry)
    load(module, state)
    return module.eval()


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """The layers are small: two threads wait for each other more than they compute, most of all on busy machines."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True, scope="module")
def _room():
    """The weights of all models take 1 GB, which other tests need not carry."""
    yield
    truth.cache_clear()
    module_of.cache_clear()


def error(entry: Entry, module: torch.nn.Module) -> float:
    """The largest difference of the outputs, in parts of the largest output."""
    expected = truth(entry).output
    output = torch_forward(entry, module)
    assert output.shape == expected.shape
    return float(np.abs(output - expected).max() / np.abs(expected).max())


@every_entry
def test_both_compute_the_same_once_copied(entry):
    assert error(entry, holding(entry, truth(entry).state)) < TOLERANCE


@every_entry
def test_every_weight_has_its_place(entry):
    copied = [copy.target for copy in entry.copies]
    places = {name for name in module_of(entry).state_dict() if not name.endswith("num_batches_tracked")}
    assert len(copied) == len(set(copied))
    assert set(copied) == places
    assert {path for copy in entry.copies for path in copy.sources} | entry.unused == truth(entry).paths


@every_entry
def test_every_weight_matters(entry):
    """One that did not reach the output could hold anything."""
    module = holding(entry, truth(entry).state)
    module.zero_grad()
    output = module(entry.to_torch(entry.input()))
    random = torch.randn(output.shape, generator=torch.Generator().manual_seed(5))
    (output * random).sum().backward()
    scale = float(output.detach().abs().max()) * output.numel() ** 0.5
    change = {
        name: float(weight.grad.norm() * weight.detach().std(correction=0).clip(0.1)) / scale
        for name, weight in module.named_parameters()
    }
    assert {name: share for name, share in change.items() if not share > 50 * TOLERANCE} == {}


def twins(state: dict[str, Array]) -> tuple[str, str]:
    """The last two tensors of one shape, which only care tells apart."""
    names = [name for name, array in reversed(state.items()) if array.any()]  # the second bias of an LSTM is zero
    return next(
        (one, other)
        for one, other in combinations(names, 2)
        if state[one].shape == state[other].shape and not np.array_equal(state[one], state[other])
    )


@pytest.mark.parametrize("entry", [entry for entry in ENTRIES if entry is not LSTM], ids=lambda entry: entry.name)
def test_two_weights_that_are_swapped_show(entry):
    state = truth(entry).state
    one, other = twins(state)
    swapped = holding(entry, {**state, one: state[other], other: state[one]})
    assert not error(entry, swapped) < 100 * TOLERANCE  # NaN too: a mean is no variance


@every_entry
def test_a_weight_that_is_turned_around_shows(entry):
    state = truth(entry).state
    name = [name for name, array in state.items() if array.ndim > 1 < len(array)][-1]
    assert error(entry, holding(entry, {**state, name: state[name][::-1]})) > 100 * TOLERANCE


@pytest.mark.parametrize("statistic", ["running_mean", "running_var"])
@with_batch_norm
def test_a_statistic_that_is_forgotten_shows(entry, statistic):
    state = truth(entry).state
    last = [name for name in state if name.endswith(statistic)][-1]
    fresh = np.full_like(state[last], statistic == "running_var")
    assert error(entry, holding(entry, {**state, last: fresh})) > 100 * TOLERANCE


# a move that gives the right shape and the wrong order: (entry, its move, the wrong one)
WRONG_MOVES = [
    (SMALL_CNN, by_hand.conv_kernel, lambda kernel: kernel.transpose(3, 2, 1, 0)),  # height and width swapped
    (SMALL_CNN, by_hand.after_flatten, lambda kernel: kernel.T),  # as if both flattened in one order
    (AUTOENCODER, by_hand.conv_kernel, lambda kernel: kernel[::-1, ::-1].transpose(3, 2, 0, 1)),  # a true convolution
    (GENERATOR, by_hand.before_unflatten, lambda kernel: kernel.T),
    (GENERATOR, by_hand.vector_before_unflatten, by_hand.as_it_is),
    (
        SEPARABLE,
        by_hand.depthwise_kernel,
        lambda kernel: kernel.transpose(3, 2, 0, 1).reshape(-1, 1, *kernel.shape[:2]),
    ),
    (LSTM, by_hand.dense_kernel, lambda kernel: np.concatenate(np.split(kernel.T, 4)[::-1])),
    (LSTM, by_hand.nothing, by_hand.as_it_is),  # the bias added twice
    (GRU, by_hand.swapped_gates, by_hand.dense_kernel),
    (GRU, by_hand.input_bias, lambda bias: by_hand.swapped_gates(bias[1])),
    (GRU, by_hand.recurrent_bias, lambda bias: bias[1]),
    (TRANSFORMER, by_hand.joined_kernels, lambda query, key, value: by_hand.joined_kernels(key, query, value)),
    (TRANSFORMER, by_hand.joined_biases, lambda query, key, value: by_hand.joined_biases(query, value, key)),
    (TRANSFORMER, by_hand.output_kernel, lambda kernel: kernel.swapaxes(0, 1).reshape(-1, kernel.shape[2]).T),
]


@pytest.mark.parametrize(
    ("entry", "right", "wrong"),
    WRONG_MOVES,
    ids=[f"{entry.name}: {right.__name__}" for entry, right, _ in WRONG_MOVES],
)
def test_a_wrong_move_shows(entry, right, wrong):
    weights = weights_of(filled(entry))
    copies = [replace(copy, move=wrong) if copy.kind == right.__name__ else copy for copy in entry.copies]
    assert copies != list(entry.copies)
    assert error(entry, holding(entry, moved(copies, weights))) > 100 * TOLERANCE


def test_every_move_has_a_wrong_one_beside_it():
    moves = {copy.kind for entry in ENTRIES for copy in entry.copies}
    only_one_order = {"as_it_is", "flat", "pointwise_kernel", "linear_from_conv", "one_row"}
    assert moves - only_one_order == {right.__name__ for _, right, _ in WRONG_MOVES}


@with_batch_norm
def test_statistics_are_learned_at_one_pace(entry):
    """No forward in inference mode tells: PyTorch's momentum is 1 minus Keras'."""
    norms = [
        module for module in module_of(entry).modules() if isinstance(module, torch.nn.modules.batchnorm._BatchNorm)
    ]
    assert tuple(sorted(norm.momentum for norm in norms)) == truth(entry).momenta


def test_a_weight_that_no_line_copies_is_found():
    with pytest.raises(AssertionError, match=r"classifier\.5\.bias"):
        test_every_weight_has_its_place(replace(SMALL_CNN, copies=SMALL_CNN.copies[:-1]))


def test_a_model_counts_its_layers_from_one_in_every_build():
    first, second = (weights_of(SMALL_CNN.keras()) for _ in range(2))
    assert list(first) == list(second)


def test_weights_with_one_path_are_told_apart():
    weights = weights_of(filled(TWINS))
    assert {"conv/kernel", "conv/kernel#2", "project/bias", "project/bias#2", "project/bias#3"} < set(weights)
    assert not np.array_equal(weights["conv/kernel"], weights["conv/kernel#2"])


def test_a_shape_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"classifier\.5\.weight is \(10, 32\), and its array is \(1, 32\)"):
        load(SMALL_CNN.torch(), {"classifier.5.weight": np.zeros((1, 32), np.float32)})
