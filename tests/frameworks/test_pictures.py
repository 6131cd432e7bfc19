"""Pictures of real tensors: every framework's, in dtypes NumPy lacks, with gradients, and strided."""

from __future__ import annotations

import numpy as np
import pytest

import dualcell
from dualcell.pictures.kinds import KINDS
from dualcell.pictures.panels import panels

VALUES = np.arange(24.0, dtype=np.float32).reshape(4, 6)


def torch_tensor(dtype, **how):
    torch = pytest.importorskip("torch")
    return torch.tensor(VALUES, **how).to(getattr(torch, dtype))


MAKERS = {
    "torch bfloat16": lambda: torch_tensor("bfloat16"),
    "torch float8": lambda: torch_tensor("float8_e4m3fn"),
    "torch with a gradient": lambda: torch_tensor("float32", requires_grad=True),
    "torch strided": lambda: torch_tensor("float64").T.contiguous().T,
    "torch complex": lambda: torch_tensor("complex64"),
    "tensorflow": lambda: pytest.importorskip("tensorflow").constant(VALUES, "bfloat16"),
    "tensorflow variable": lambda: pytest.importorskip("tensorflow").Variable(VALUES),
    "jax": lambda: pytest.importorskip("jax").numpy.asarray(VALUES),
    "keras": lambda: pytest.importorskip("keras").ops.convert_to_tensor(VALUES, "float16"),
}


@pytest.mark.parametrize("name", MAKERS)
def test_the_pictures_are_those_of_the_values(name):
    left = MAKERS[name]()
    right = VALUES.copy()
    right[2, 5] += 100
    comparison = dualcell.compare(left, right, causes=False)["value"].comparison
    heat, strips, sizes, values, pairs = panels(comparison, [kind for kind in KINDS if kind != "curves"])
    rounded = np.asarray(dualcell.compare(left, right, causes=False)["value"].error)
    np.testing.assert_array_equal(heat.data[0].largest, rounded)
    assert [strip.top_cell for strip in strips.data] == [(2,), (5,)]
    assert sum(sizes.data.counts) + sizes.data.zeros == 24
    drawn = 48 if "complex" in name else 24  # the real and the imaginary part of each
    assert values.data.left.sum() == pairs.data.counts.sum() == drawn
    assert pairs.data.worst[1] == right[2, 5]
