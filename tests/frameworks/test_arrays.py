"""One contract for every array adapter: facts, snapshot, exact values, nothing touched."""

from __future__ import annotations

import warnings

import jax
import keras
import ml_dtypes
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import tf_keras
import torch

import dualcell
from dualcell.captures import capture
from dualcell.frameworks.registry import array_adapter
from tests.frameworks.makers import BIG, FLOAT8, MAKERS, VALUES, jax_array, tf_tensor, torch_tensor, values


def read(value):
    return array_adapter(value).to_numpy(value)


def verdict(left, right, **options):
    return dualcell.compare(left, right, **options)["value"].verdict


def same_bits(left, right):
    return left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes()


# --- facts and values, per library and dtype ---


@pytest.mark.parametrize("shape", [(3,), (), (0,), (1, 3), (0, 2)])
@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("dtype", VALUES)
def test_facts_and_exact_values(maker, dtype, shape):
    array = np.resize(values(dtype), shape).astype(values(dtype).dtype)
    value = MAKERS[maker](array)
    if value is None:
        return
    adapter = array_adapter(value)
    facts = adapter.facts(value)
    assert (facts.shape, facts.dtype, facts.device) == (shape, dtype, "cpu")
    assert adapter.why_not(value) == ""
    wide = np.float32 if array.dtype.isbuiltin != 1 else array.dtype
    for what in (value, adapter.snapshot(value)):
        assert same_bits(read(what), array.astype(wide))


def test_every_maker_makes_most_dtypes():
    """The None's above must not grow until nothing is tested."""
    made = {name: sum(make(values(dtype)) is not None for dtype in VALUES) for name, make in MAKERS.items()}
    made["DataFrame"] = sum(MAKERS["DataFrame"](values(dtype)[None]) is not None for dtype in VALUES)
    assert all(made[name] == len(VALUES) for name in ("numpy", "torch", "jax"))
    assert min(made.values()) >= 12, made


@pytest.mark.parametrize("dtype", ["bfloat16", *FLOAT8])
@pytest.mark.parametrize("make", [torch_tensor, jax_array])
def test_every_bit_pattern_of_the_narrow_floats(make, dtype):
    kind = np.dtype(getattr(ml_dtypes, dtype))
    bits = np.arange(2 ** (8 * kind.itemsize), dtype=f"u{kind.itemsize}").view(kind)
    with np.errstate(invalid="ignore"):
        assert np.array_equal(read(make(bits)), bits.astype(np.float32), equal_nan=True)
    assert verdict(make(bits), bits, equal_nan=True) == "equal"


def test_every_float8_of_torch_is_known():
    ours = {name for name, kind in vars(torch).items() if isinstance(kind, torch.dtype) and "float8" in name}
    assert ours == set(FLOAT8)


@pytest.mark.parametrize("name", sorted({str(kind) for kind in vars(torch).values() if isinstance(kind, torch.dtype)}))
def test_every_torch_dtype_is_read_or_refused(name):
    """Asked with an element in it: `torch.float4_e2m1fn_x2` converts when empty only."""
    tensor = torch.empty(2, dtype=getattr(torch, name.removeprefix("torch.")))
    reason = array_adapter(tensor).why_not(tensor)
    assert reason or read(tensor).shape == (2,)


@pytest.mark.parametrize("name", ["int4", "uint4", "int2", "uint2"])
def test_small_integers(name):
    array = np.arange(2).astype(getattr(ml_dtypes, name))
    assert verdict(array, jax_array(array)) == "equal"
    assert read(array).tolist() == [0, 1]


def test_complex32():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch: ComplexHalf support is experimental
        tensor = torch.tensor([1 - 2j, 0.5j]).to(torch.complex32)
    assert array_adapter(tensor).facts(tensor).dtype == "complex32"
    assert same_bits(read(tensor.conj()), np.conj(np.complex64([1 - 2j, 0.5j])))


@pytest.mark.parametrize(
    ("number", "dtype"),
    [(True, "bool"), (3, "int64"), (BIG, "int64"), (2**63, "uint64"), (0.1, "float64"), (1j, "complex128")],
)
def test_python_numbers(number, dtype):
    facts = array_adapter(number).facts(number)
    assert (facts.shape, facts.dtype) == ((), dtype)
    assert verdict(number, np.array(number)) == "equal"
    assert read(number).item() == number


def test_python_scalars_of_numpy_are_numpys():
    assert verdict(np.float64(1), 1.0) == "equal"
    assert verdict(np.float32(1), 1.0) == "dtype"


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i8", "u2", "c16"])
def test_byte_order_is_no_difference(dtype):
    big, little = np.arange(4).astype(">" + dtype), np.arange(4).astype("<" + dtype)
    assert verdict(big, little) == "equal"
    assert verdict(pd.Series(big), torch.arange(4)) == ("equal" if dtype == "i8" else "dtype")


# --- views ---


def test_numpy_views():
    array = np.arange(24, dtype="f4").reshape(2, 3, 4)
    for view in (array[::-1], array.T, array[:, ::2, 1:3], array[..., ::-2], np.broadcast_to(array[0], (5, 3, 4))):
        assert verdict(view, torch.tensor(np.ascontiguousarray(view))) == "equal"
        assert verdict(view, tf.constant(view)) == "equal"


def test_torch_views():
    tensor = torch.arange(24.0).reshape(2, 3, 4)
    imaginary = torch.complex(tensor, -tensor)
    views = [
        tensor.mT, tensor.flip(0), tensor[:, ::2], tensor.expand(5, 2, 3, 4), tensor.permute(2, 0, 1),
        imaginary.conj(), imaginary.conj().imag, imaginary.mH, torch._neg_view(tensor),
        tensor.as_strided((2, 2), (1, 3)),
    ]  # fmt: skip
    for view in views:
        assert verdict(view, np.array(view.resolve_conj().resolve_neg().tolist()), allow_dtype=True) in (
            "dtype",
            "equal",
        )
        assert verdict(view, view.clone()) == "equal"
        assert verdict(view, -view.resolve_conj()) == "differs"


def test_torch_tensors_that_carry_more():
    weight = torch.nn.Parameter(torch.ones(3))
    for tensor in (weight, weight * 2, torch.ones(3).as_subclass(type("Mine", (torch.Tensor,), {}))):
        assert verdict(tensor, read(tensor)) == "equal"
    with torch.inference_mode():
        assert verdict(torch.ones(3), np.ones(3, "f4")) == "equal"
    assert verdict(torch._efficientzerotensor(3), np.zeros(3, "f4")) == "equal"


def test_values_inside_torch_func_grad():
    seen = []

    def loss(x):
        seen.extend(capture(x * 2))
        assert verdict(x * 2, np.float32([2, 2])) == "equal"
        return (x * x).sum()

    torch.func.jacrev(torch.func.grad(loss))(torch.ones(2))
    torch.func.grad(loss)(torch.ones(2))
    assert [read(leaf.value).tolist() for _, leaf in seen] == [[2, 2]] * 2


def test_a_default_device_of_torch_changes_nothing():
    tensor = torch.ones(3)
    with torch.device("meta"):
        assert verdict(tensor, np.ones(3, "f4")) == "equal"


def test_numpy_odd_kinds(tmp_path):
    assert verdict(np.matrix([[1, 2]]), np.array([[1, 2]])) == "equal"
    memory = np.memmap(tmp_path / "m", "f4", "w+", shape=(3,))
    ((_, leaf),) = capture(memory)
    memory[:] = 7
    assert leaf.value.tolist() == [0, 0, 0]
    assert verdict(np.longdouble("1.5"), np.array(np.longdouble("1.5"))) == "equal"


def test_open_shapes_of_tf_variables():
    variable = tf.Variable([1.0, 2.0], shape=tf.TensorShape(None))
    assert verdict(variable, np.float32([1, 2])) == "equal"
    assert verdict(tf.Variable([1.0, 2.0], shape=[None]), tf.Variable([1.0, 2.0, 3.0], shape=[None])) == "shape"


def test_mirrored_variable():
    with tf.distribute.MirroredStrategy(["/cpu:0"]).scope():
        variable = tf.Variable([1.0, 2.0])
    assert verdict(variable, np.float32([1, 2])) == "equal"


# --- snapshots ---


def _numpy_in_place():
    array = np.zeros(3)
    return array, lambda: array.__setitem__(0, 9)


def _numpy_base_of_a_view():
    array = np.zeros((3, 2))
    return array.T[::-1], lambda: array.fill(9)


def _torch_in_place():
    tensor = torch.zeros(3)
    return tensor, lambda: tensor.add_(9)


def _torch_view():
    tensor = torch.zeros(3, 2)
    return tensor.T, lambda: tensor.fill_(9)


def _torch_from_numpy():
    array = np.zeros(3)
    return torch.from_numpy(array), lambda: array.fill(9)


def _optimizer_step():
    weight = torch.nn.Parameter(torch.zeros(3))
    weight.sum().backward()
    return weight, torch.optim.SGD([weight], 1.0).step


def _torch_data():
    weight = torch.nn.Parameter(torch.zeros(3))
    return weight.data, lambda: weight.data.add_(9)


def _tf_assign():
    variable = tf.Variable([0.0, 0.0])
    return variable, lambda: variable.assign([9.0, 9.0])


def _tf_sparse_assign():
    variable = tf.Variable([0.0, 0.0])
    return variable, lambda: variable.scatter_nd_update([[0]], [9.0])


def _keras_assign():
    variable = keras.Variable([0.0, 0.0])
    return variable, lambda: variable.assign([9.0, 9.0])


def _keras_bfloat16():
    variable = keras.Variable([0.0, 0.0], dtype="bfloat16")
    return variable, lambda: variable.assign([9.0, 9.0])


def _tf_keras_weight():
    layer = tf_keras.layers.Dense(2, kernel_initializer="zeros")
    layer.build((None, 2))
    return layer.kernel, lambda: layer.set_weights([np.ones((2, 2)), np.ones(2)])


def _series():
    series = pd.Series([0.0, 0.0])
    return series, lambda: series.__setitem__(0, 9.0)


def _frame():
    frame = pd.DataFrame({"x": [0.0, 0.0]})
    return frame, lambda: frame.loc.__setitem__((0, "x"), 9.0)


def _index_over_numpy():
    array = np.zeros(2)
    return pd.Index(array, copy=False), lambda: array.fill(9)


CHANGES = [
    _numpy_in_place, _numpy_base_of_a_view, _torch_in_place, _torch_view, _torch_from_numpy,
    _optimizer_step, _torch_data,
    _tf_assign, _tf_sparse_assign, _keras_assign, _keras_bfloat16, _tf_keras_weight, _series, _frame, _index_over_numpy,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_snapshot_stays(change):
    value, apply = change()
    ((_, leaf),) = capture(value)
    apply()
    assert read(value).any(), "the change must be one"
    assert not read(leaf.value).any()


@pytest.mark.parametrize("make", [tf_tensor, float])
def test_what_cannot_change_is_not_copied(make):
    value = make(np.float32([1.0]).reshape(()))
    assert array_adapter(value).snapshot(value) is value


def test_a_jax_array_that_shares_memory_with_torch_is_copied():
    """DLPack shares memory that is aligned as JAX wants it."""
    memory = np.zeros(64, np.float32)
    offset = (-memory.ctypes.data % 64) // 4
    buffer = torch.from_numpy(memory[offset : offset + 4])
    shared = jax.dlpack.from_dlpack(buffer)
    ((_, leaf),) = capture(shared)
    buffer.add_(5)
    assert np.asarray(leaf.value).tolist() == [0.0] * 4


def test_a_snapshot_of_a_keras_variable_stays_in_its_framework():
    ((_, leaf),) = capture(keras.Variable([1.0]))
    assert isinstance(leaf.value, tf.Tensor)


def test_a_torch_snapshot_keeps_no_graph():
    weight = torch.nn.Parameter(torch.ones(3))
    ((_, leaf),) = capture(weight * 2)
    assert leaf.value.grad_fn is None
    assert not leaf.value.requires_grad


# --- across libraries ---


@pytest.mark.parametrize("dtype", VALUES)
@pytest.mark.parametrize("left", [name for name in MAKERS if name != "DataFrame"])
def test_equal_across_libraries_and_the_last_bit_counts(left, dtype):
    array = values(dtype)
    other = array.copy()
    bits = other.view(f"u{min(array.itemsize, 8)}") if dtype != "bool" else other
    bits[1] ^= 1
    for right, make in MAKERS.items():
        one, two, changed = MAKERS[left](array), make(array), make(other)
        if one is not None and two is not None:
            assert verdict(one, two) == "equal", right
            found = dualcell.compare(one, changed)["value"]
            assert found.verdict in ("close", "differs"), right
            assert found.verdict == "differs" or dtype[0] in "bfc", right
            assert found.figures.max_abs != 0


def test_integers_beyond_float64():
    big = torch.tensor([BIG, 2])
    for make in MAKERS.values():
        value = make(np.array([BIG - 1, 2]))
        if value is not None:
            found = dualcell.compare(big, value)["value"]
            assert (found.verdict, found.figures.mismatched, found.figures.max_abs) == ("differs", 1, 1)
    assert verdict(BIG, BIG - 1) == "differs"


@pytest.mark.parametrize("left", MAKERS)
def test_another_dtype_is_said(left):
    array = np.float32([[1, 2]])
    for name, make in MAKERS.items():
        one, two = MAKERS[left](array), make(array.astype("f8"))
        if one is not None and two is not None:
            assert verdict(one, two) == "dtype", name
            assert verdict(one, make(array.T.copy().astype("f8"))) == "shape", name


def test_nan_and_infinity_across_libraries():
    array = np.float32([np.nan, np.inf, -np.inf])
    for name in ("numpy", "torch", "tensorflow", "jax", "keras.Variable", "Series"):
        value = MAKERS[name](array)
        assert verdict(value, torch.tensor([np.nan, np.inf, -np.inf])) == "differs"
        assert verdict(value, torch.tensor([np.nan, np.inf, -np.inf]), equal_nan=True) == "equal"
        assert verdict(value, torch.tensor([np.nan, np.inf, np.inf]), equal_nan=True) == "differs"


def test_signed_zeros_are_not_the_same_bits():
    assert verdict(torch.tensor([0.0]), tf.constant([-0.0])) == "close"


# --- nothing is touched ---


def test_torch_keeps_everything():
    weight = torch.nn.Parameter(torch.arange(3.0))
    (weight * 2).sum().backward()
    hidden = weight * 3
    hidden.retain_grad()
    before = (weight.grad.clone(), weight.requires_grad, weight.device, weight._version, hidden.grad_fn)
    dualcell.compare({"w": weight, "h": hidden}, {"w": np.ones(3), "h": weight})
    after = (weight.grad, weight.requires_grad, weight.device, weight._version, hidden.grad_fn)
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]
    hidden.sum().backward()
    assert weight.grad.tolist() == [5, 5, 5]


def test_numpy_flags_and_bytes_stay():
    array = np.arange(6.0).reshape(2, 3)
    array.setflags(write=False)
    before = array.tobytes()
    assert verdict(array, array[:, ::-1]) == "differs"
    assert array.tobytes() == before
    assert not array.flags.writeable


def test_a_gradient_tape_records_nothing_wrong():
    variable = tf.Variable([1.0, 2.0])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(variable * 2)
        assert verdict(variable, np.float32([1, 2])) == "equal"
    assert tape.gradient(loss, variable).numpy().tolist() == [2, 2]


def test_values_inside_jax_grad():
    seen = []

    def loss(x):
        seen.extend(capture(x * 2))
        return (x * x).sum()

    gradient = jax.grad(loss)(jax.numpy.ones(2))
    assert gradient.tolist() == [2, 2]
    assert [read(leaf.value).tolist() for _, leaf in seen] == [[2, 2]]


def test_a_donated_array_is_said_not_crashed_on():
    array = jax.numpy.ones((64, 64))
    array.delete()
    found = dualcell.compare(array, np.ones((64, 64)))["value"]
    assert (found.verdict, found.cause) == (
        "unsupported",
        "left: a deleted (donated) array has no values; hand out t.copy()",
    )
