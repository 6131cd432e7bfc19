"""What cannot be compared is `unsupported`, with the way out; never wrong, never a crash."""

from __future__ import annotations

import warnings

import jax
import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import tf_keras
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import ShapeEnv
from torch.testing._internal.two_tensor import TwoTensor

import dualcell
from dualcell.frameworks.registry import is_symbolic


def quiet(make):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make()


def _in_graph(make):
    seen = []
    tf.function(lambda: seen.append(make()))()
    return seen[0]


def _tracer(transform):
    """The sentence, as asked while the tracer lives."""
    seen = []
    transform(lambda x: (seen.append(cause(x)), x.sum())[1])
    return seen[0]


def cause(value):
    row = dualcell.compare(value, np.zeros(3))["value"]
    assert row.verdict == "unsupported"
    assert not row.passed
    return row.cause.removeprefix("left: ")


def _quantized():
    return torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.quint8)


def _nested(layout):
    return torch.nested.nested_tensor([torch.ones(2), torch.ones(3)], layout=layout)


KERAS_TENSOR = "a symbolic KerasTensor has no values; call the model on an array"
IN_GRAPH = "a symbolic tensor, inside tf.function, has no values"
EXTENSION = "pandas dtype {} is not a NumPy dtype; pass .to_numpy(dtype=...)"
OBJECTS = "dtype object holds Python objects; pass .astype(float) if these are numbers"
VARIABLE = tf.Variable([1.0, 2.0])
KERAS_VARIABLE = keras.Variable([1.0, 2.0])

SENTENCES = {
    # torch
    "a sparse tensor (sparse_coo); pass .to_dense()": lambda: torch.eye(3).to_sparse(),
    "a sparse tensor (sparse_csr); pass .to_dense()": lambda: torch.eye(3).to_sparse_csr(),
    "a quantized tensor (quint8); pass .dequantize() or .int_repr()": _quantized,
    "a nested tensor; pass .to_padded_tensor(padding)": lambda: _nested(torch.strided),
    "a nested tensor; pass .to_padded_tensor(padding) ": lambda: _nested(torch.jagged),
    "a tensor on the meta device has no values": lambda: torch.empty(3, device="meta"),
    "a fake tensor, made while tracing, has no values": lambda: FakeTensorMode().from_tensor(torch.ones(3)),
    "a fake tensor, made while tracing, has no values ": lambda: FakeTensorMode(shape_env=ShapeEnv()).from_tensor(
        torch.ones(3, 4)
    ),
    "an uninitialized parameter; run the lazy module once": lambda: torch.nn.LazyLinear(3).weight,
    "a MaskedTensor, which stands for other tensors; pass .to_tensor(value)": lambda: torch.masked.masked_tensor(
        torch.ones(3), torch.tensor([True, False, True])
    ),
    "a TwoTensor, which stands for other tensors; pass one of these": lambda: TwoTensor(torch.ones(3), torch.ones(3)),
    "dtype float4_e2m1fn_x2 cannot be read as numbers": lambda: torch.empty(3, dtype=torch.float4_e2m1fn_x2),
    "dtype bits8 cannot be read as numbers": lambda: torch.empty(3, dtype=torch.bits8),
    # tensorflow
    "a ragged tensor; pass .to_tensor()": lambda: tf.ragged.constant([[1], [1, 2]]),
    "a sparse tensor; pass tf.sparse.to_dense(t)": lambda: tf.sparse.from_dense([[1.0, 0.0]]),
    "tf.IndexedSlices (the gradient of a gather); pass tf.convert_to_tensor(t)": lambda: tf.IndexedSlices(
        tf.ones((1, 2)), tf.constant([0])
    ),
    "dtype string holds no numbers that can be compared": lambda: tf.constant(["a"]),
    "dtype qint8 holds no numbers that can be compared": lambda: tf.cast([1, 2], tf.qint8),
    IN_GRAPH: lambda: _in_graph(lambda: tf.ones(3)),
    # keras, keras 2
    KERAS_TENSOR: lambda: keras.Input((3,)),
    KERAS_TENSOR + " ": lambda: keras.layers.Dense(2)(keras.Input((3,))),
    KERAS_TENSOR + "  ": lambda: tf_keras.Input((3,)),
    KERAS_TENSOR + "   ": lambda: tf_keras.Input((None,), ragged=True),
    KERAS_TENSOR + "    ": lambda: tf_keras.Input((3,), sparse=True),
    # jax
    "random keys; pass jax.random.key_data(key)": lambda: jax.random.split(jax.random.key(0), 3),
    # numpy
    "a masked array: masked elements have no value to compare; pass .filled(value)": lambda: np.ma.array(
        [1.0, 2.0], mask=[0, 1]
    ),
    "a masked array: masked elements have no value to compare; pass .filled(value) ": lambda: np.ma.masked,
    "a structured array; name its fields, as in a['x'] ~ b": lambda: np.zeros(3, [("a", "f4")]),
    "a structured array; name its fields, as in a['x'] ~ b ": lambda: np.rec.array([(1, 2.0)], names="a,b"),
    "a structured array; name its fields, as in a['x'] ~ b  ": lambda: np.zeros(3, [("a", "f4")])[0],
    "dtype <U1 holds text; pass .astype(float) if these are numbers": lambda: np.array(["1", "2"]),
    "dtype |S1 holds text; pass .astype(float) if these are numbers": lambda: np.array([b"1"]),
    "dtype StringDType() holds text; pass .astype(float) if these are numbers": lambda: np.array(
        ["1"], np.dtypes.StringDType()
    ),
    OBJECTS: lambda: np.array([None, 1.0]),
    "dtype datetime64[D] holds dates; pass .astype('int64')": lambda: np.array(["2020-01-01"], "M8[D]"),
    "dtype timedelta64[s] holds dates; pass .astype('int64')": lambda: np.timedelta64(1, "s"),
    "dtype |V1 holds no numbers": lambda: np.void(b"x"),
    # pandas
    "a DataFrame whose columns have several dtypes; name its columns, as in df['a'] ~ b": lambda: pd.DataFrame(
        {"a": [1], "b": [1.0]}
    ),
    "a DataFrame without columns": lambda: pd.DataFrame(index=[1, 2]),
    EXTENSION.format("Int64"): lambda: pd.Series([1, None], dtype="Int64"),
    EXTENSION.format("Float32"): lambda: pd.DataFrame({"a": [1.0], "b": [None]}, dtype="Float32"),
    EXTENSION.format("boolean"): lambda: pd.array([True, None]),
    EXTENSION.format("category"): lambda: pd.Series([1, 2], dtype="category"),
    EXTENSION.format("category") + " ": lambda: pd.Categorical([1, 2]),
    EXTENSION.format("Sparse[int64, 0]"): lambda: pd.Series(pd.arrays.SparseArray([1, 0])),
    OBJECTS + " ": lambda: pd.Series(["a"], dtype=object),
    OBJECTS + "  ": lambda: pd.MultiIndex.from_tuples([(1, 2)]),
    "dtype datetime64[ns] holds dates; pass .astype('int64')": lambda: pd.DatetimeIndex(["2020"]).as_unit("ns"),
    # python
    "an integer of more than 64 bits; pass float(n)": lambda: 2**64,
    "an integer of more than 64 bits; pass float(n) ": lambda: -(2**63) - 1,
    "an integer of more than 64 bits; pass float(n)  ": lambda: 10**400,
    "a str is not a tensor": lambda: "a",
    "an object is not a tensor": object,
    "the module numpy is not a tensor": lambda: np,
    # a model, a layer, a function or a class instead of its output
    "a torch.nn.modules.linear.Linear is not a tensor; call it and compare what it returns": lambda: torch.nn.Linear(
        1, 1
    ),
    "a keras.src.models.sequential.Sequential is not a tensor; call it and compare what it returns": keras.Sequential,
    "a tf_keras.src.engine.training.Model is not a tensor; call it and compare what it returns": tf_keras.Model,
    "a function is not a tensor; call it and compare what it returns": lambda: cause,
    "the class Linear is not a tensor; call it and compare what it returns": lambda: torch.nn.Linear,
}


@pytest.mark.parametrize("sentence", SENTENCES)
def test_the_sentence(sentence):
    assert cause(quiet(SENTENCES[sentence])) == sentence.rstrip()


@pytest.mark.parametrize("sentence", SENTENCES)
def test_both_sides_and_inside_a_structure(sentence):
    value = quiet(SENTENCES[sentence])
    result = dualcell.compare({"x": value, "y": 1.0}, {"x": value, "y": 1.0})
    assert not result.passed or "not a tensor" in sentence
    assert result["value.y"].verdict == "equal"
    if "value.x" in result:
        assert result["value.x"].verdict == "unsupported"
        assert sentence.rstrip() in result["value.x"].cause
    assert repr(result)
    assert result.frame.shape[0] == len(result)


def test_variables_inside_a_graph():
    """They have a value there, but that of the tracing, not that of the run."""
    seen = []

    @tf.function(autograph=False)
    def graph():
        seen.extend(cause(variable) for variable in (VARIABLE, KERAS_VARIABLE))
        return VARIABLE + 1

    graph()
    assert seen == [IN_GRAPH] * 2


def test_tracers():
    jit = "a tracer, inside jax.jit or a control-flow primitive, has no values"
    vmap = "a tracer inside jax.vmap has no values of its own; tap what vmap returns"
    x = jax.numpy.ones((2, 3))
    assert _tracer(lambda f: jax.jit(f)(x)) == jit
    assert _tracer(lambda f: jax.jit(jax.grad(f))(x)) == jit
    assert _tracer(lambda f: jax.vmap(f)(x)) == vmap
    assert _tracer(lambda f: jax.vmap(jax.grad(f))(x)) == vmap
    assert _tracer(lambda f: jax.eval_shape(f, x)) == jit


def test_vmap_of_torch():
    seen = []
    sentence = "a tensor inside torch.func.vmap has no values of its own; tap what vmap returns"
    torch.func.vmap(lambda x: (seen.append(x), seen.append(cause(x)), x)[2])(torch.ones(2, 3))
    assert seen[1] == sentence
    assert cause(seen[0]) == sentence  # it escaped, and is dead now
    torch.func.vmap(torch.func.grad(lambda x: (seen.append(cause(x)), x.sum())[1]))(torch.ones(2, 3))
    assert seen[2] == sentence


def test_dtensor(tmp_path):
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.tensor import Shard, distribute_tensor

        tensor = distribute_tensor(torch.ones(4, 2), init_device_mesh("cpu", (1,)), [Shard(0)])
        assert cause(tensor) == "a DTensor, which stands for other tensors; pass .full_tensor()"
    finally:
        torch.distributed.destroy_process_group()


@pytest.mark.parametrize("value", [None, [], {}, [None], ()])
def test_nothing_is_not_a_pass(value):
    assert not dualcell.compare(value, value).passed


def test_symbolic_is_what_a_graph_has_not_run():
    assert is_symbolic(keras.Input((3,)))
    assert is_symbolic(tf_keras.Input((3,)))
    assert is_symbolic(_in_graph(lambda: tf.ones(3)))
    assert not any(
        map(is_symbolic, (tf.ones(3), torch.ones(3), np.ones(3), jax.numpy.ones(3), VARIABLE, 1.0, "a", None))
    )


def test_a_tensor_that_breaks_its_adapter_is_a_finding():
    class Broken(np.ndarray):
        @property
        def dtype(self):
            raise OSError("no dtype today")

    sentence = cause(np.zeros(3).view(Broken))
    assert "Broken could not be read: OSError: no dtype today" in sentence


def test_lazy_objects_are_not_woken():
    """Asking whether something is a tensor must not run code of its own."""

    class Lazy:
        def __getattr__(self, name):
            raise AssertionError(f"asked for {name}")

    assert "Lazy is not a tensor" in cause(Lazy())
