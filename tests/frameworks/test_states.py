"""What each framework keeps is remembered, put back, refilled and seen when it is made."""

from __future__ import annotations

import jax.numpy as jnp
import keras
import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
import torch

from dualcell.belongings import reachable
from dualcell.frameworks.keras_state import states as keras_states
from dualcell.frameworks.registry import array_adapter
from dualcell.frameworks.torch_state import states as torch_states

NUMBERS = [1.0, -2.0, 3.5]
MAKERS = {
    "numpy": np.array,
    "torch": lambda values, dtype: torch.tensor(values).to(getattr(torch, np.dtype(dtype).name)),
    "tf.Variable": lambda values, dtype: tf.Variable(np.array(values, dtype)),
    "tf.Tensor": lambda values, dtype: tf.constant(np.array(values, dtype)),
    "jax": jnp.array,
    "keras.Variable": lambda values, dtype: keras.Variable(np.array(values), dtype=np.dtype(dtype).name),
}
FIXED = ("tf.Tensor", "jax")


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32])
@pytest.mark.parametrize("kind", MAKERS)
def test_refill_gives_the_same_numbers_back(kind, dtype):
    value, other = MAKERS[kind](NUMBERS, dtype), MAKERS[kind]([0.0, 0.0, 0.0], dtype)
    adapter = array_adapter(value)
    filled = adapter.refill(other, adapter.to_host(value))
    assert (filled is other) == (kind not in FIXED)
    assert adapter.to_numpy(filled).tolist() == NUMBERS
    assert adapter.facts(filled) == adapter.facts(value)


@pytest.mark.parametrize("kind", [kind for kind in MAKERS if kind not in ("keras.Variable", "jax")])
def test_refill_widens(kind):
    value = MAKERS[kind](NUMBERS, np.float32)
    wide = array_adapter(value).refill(value, np.array(NUMBERS) / 3)
    assert array_adapter(wide).facts(wide).dtype == "float64"
    assert array_adapter(wide).to_numpy(wide).tolist() == (np.array(NUMBERS) / 3).tolist()


@pytest.mark.parametrize("kind", MAKERS)
def test_a_read_only_tensor_is_left_alone(kind):
    value = MAKERS[kind](NUMBERS, np.float32)
    namespace = {"value": value}
    restore = reachable(["value"], namespace).keep()
    restore()
    assert namespace["value"] is value
    assert array_adapter(value).to_numpy(value).tolist() == NUMBERS


def kept(value):
    return reachable(["value"], {"value": value}).keep()


def test_a_torch_tensor_with_its_gradient():
    value = torch.tensor(NUMBERS, requires_grad=True)
    value.sum().backward()
    view = value.detach()
    restore = kept(value)
    (value * 2).sum().backward()
    with torch.no_grad():
        value += 1
    restore()
    assert view.tolist() == NUMBERS
    assert value.grad.tolist() == [1, 1, 1]


def test_a_module_with_everything_in_it():
    net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    first = net[0]
    restore = kept(net)
    for _ in range(2):
        net(torch.ones(3, 2)).sum().backward()
        net.eval()
        net[0] = torch.nn.Identity()
        net.add_module("more", torch.nn.ReLU())
        net.double()
        net.register_forward_hook(lambda *_: None)
        restore()
        assert net.training
        assert len(net) == 2
        assert net[0] is first
        assert not net._forward_hooks
        assert all(parameter.grad is None for parameter in net.parameters())
        assert {name: tensor.tolist() for name, tensor in net.state_dict().items()} == {
            name: tensor.tolist() for name, tensor in before.items()
        }


def test_an_optimizer_and_its_schedule():
    weight = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.Adam([weight], lr=0.5)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    restores = [kept(optimizer), kept(schedule)]
    weight.grad = torch.ones(2)
    optimizer.step()
    schedule.step()
    assert optimizer.param_groups[0]["lr"] != 0.5
    for restore in restores:
        restore()
    assert optimizer.param_groups[0]["lr"] == 0.5
    assert not optimizer.state
    assert schedule.last_epoch == 0


def test_a_torch_generator():
    generator = torch.Generator().manual_seed(3)
    restore = kept(generator)
    drawn = torch.rand(2, generator=generator)
    restore()
    assert torch.equal(drawn, torch.rand(2, generator=generator))


def test_a_keras_model_with_its_optimizer():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1), keras.layers.Dropout(0.5)])
    model.compile("adam", "mse")
    restore = kept(model)
    before = [variable.numpy().tolist() for variable in model.variables]
    model.layers[0].trainable = False
    model.layers[0].trainable = True
    model.train_on_batch(np.ones((4, 2)), np.ones((4, 1)))
    model.layers[0].trainable = False
    assert [variable.numpy().tolist() for variable in model.variables] != before
    restore()
    assert model.layers[0].trainable
    assert [variable.numpy().tolist() for variable in model.variables] == before
    assert int(model.optimizer.iterations.numpy()) == 0


def test_new_keras_variables_are_shown_once_with_their_values():
    seen = []
    with keras_states.born(lambda variable, values: seen.append((variable, values))):
        layer = keras.layers.Dense(3)
        layer(np.ones((1, 2)))
    keras.layers.Dense(3)(np.ones((1, 2)))
    assert [variable.path.rpartition("/")[2] for variable, _ in seen] == ["kernel", "bias"]
    assert seen[0][0] is layer.kernel
    assert seen[0][1] is None


def test_torch_weights_are_shown_once_before_they_are_used():
    seen = []
    net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    with torch_states.born(lambda tensor, _: seen.append(tensor)):
        assert not seen
        net(torch.ones(3, 2))
        net(torch.ones(3, 2))
    torch.nn.Linear(2, 2)(torch.ones(1, 2))
    assert {id(tensor) for tensor in seen} == {id(tensor) for tensor in (*net.parameters(), *net.buffers())}
    assert len(seen) == 7


def test_float64_reaches_types_that_the_code_names():
    with torch_states.in_float64():
        assert torch.as_tensor([1.0], dtype=torch.float32).dtype == torch.float64
        assert torch.ones(1).double().float().dtype == torch.float64
        assert torch.ones(1, dtype=torch.float64).to(torch.float32).dtype == torch.float64
        assert torch.ones(1, dtype=torch.int32).dtype == torch.int32
    assert torch.as_tensor([1.0], dtype=torch.float32).dtype == torch.float32
