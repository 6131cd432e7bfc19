"""The same values as an array of each library; None where a library cannot hold them."""

from __future__ import annotations

import jax
import keras
import ml_dtypes
import numpy as np
import pandas as pd
import tensorflow as tf
import torch

BIG = 2**53 + 1  # the first integer that float64 cannot hold

FLOAT8 = ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu")
VALUES = {
    "bool": [True, False, True],
    "int8": [-128, 0, 127],
    "int16": [-(2**15), 0, 2**15 - 1],
    "int32": [-(2**31), 0, 2**31 - 1],
    "int64": [-(2**63), BIG, 2**63 - 1],
    "uint8": [0, 1, 255],
    "uint16": [0, 1, 2**16 - 1],
    "uint32": [0, 1, 2**32 - 1],
    "uint64": [0, BIG, 2**64 - 1],
    "float16": [6e-8, -1.5, 65504],
    "bfloat16": [1e-38, -1.5, 3e38],
    "float32": [1e-45, -1 / 3, 3.4e38],
    "float64": [5e-324, -1 / 3, 1.7e308],
    "complex64": [1 - 2j, 0.5j, -3e38],
    "complex128": [1 - 2j, 5e-324j, -1.7e308],
    **{name: [0.5, 1.0, 2.0] for name in FLOAT8},
}


def values(dtype):
    kind = getattr(ml_dtypes, dtype, None) or np.dtype(dtype)
    with np.errstate(all="ignore"):  # ml_dtypes' casts raise flags for exact values too
        return np.array(VALUES[dtype]).astype(kind)


def torch_tensor(array):
    if array.dtype.kind == "V" or "float8" in array.dtype.name:
        bits = array.copy().view(f"u{array.itemsize}")
        return torch.from_numpy(bits).view(getattr(torch, array.dtype.name))
    return torch.from_numpy(array.copy())


def tf_tensor(array):
    try:
        return tf.constant(array, tf.as_dtype(array.dtype))
    except TypeError:  # TensorFlow has no such dtype
        return None


def tf_variable(array):
    try:
        return None if (tensor := tf_tensor(array)) is None else tf.Variable(tensor)
    except tf.errors.InvalidArgumentError:  # no kernel assigns this dtype
        return None


def jax_array(array):
    with jax.enable_x64(True):
        return jax.numpy.asarray(array)


def keras_variable(array):
    if array.dtype.kind == "c" or "float8" in array.dtype.name:
        return None
    return keras.Variable(array, dtype=array.dtype.name, trainable=False)


def _host_only(make, ndims):
    def maker(array):
        return make(array.copy()) if array.ndim in ndims and array.dtype.isbuiltin == 1 else None

    return maker


MAKERS = {
    "numpy": np.copy,
    "torch": torch_tensor,
    "tensorflow": tf_tensor,
    "tf.Variable": tf_variable,
    "jax": jax_array,
    "keras.Variable": keras_variable,
    "Series": _host_only(pd.Series, (1,)),
    "DataFrame": _host_only(pd.DataFrame, (2,)),
    "Index": lambda array: None if array.dtype == "float16" else _host_only(pd.Index, (1,))(array),
}
