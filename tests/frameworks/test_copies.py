"""What is copied and what is not: the memory of fresh processes, in tensors of 256 MB."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

import dualcell
from dualcell.captures import capture
from dualcell.frameworks.registry import array_adapter
from tests.memory import run_alone

SIZE = 1 << 26  # elements

SCRIPT = f"""
import json
import sys
import dualcell
import numpy as np
from dualcell.captures import capture
from tests.memory import MB, Peak

SIZE, BYTES = {SIZE}, 4 * {SIZE}
{{setup}}

def copies(action):
    with Peak() as peak:
        kept = action()
    return round(peak.rise / BYTES, 2)

warm = np.ones(5_000_000, np.float32)  # many enough for the compiled loops to be loaded
assert dualcell.compare(warm, warm).passed
small = {{{{name: make(100) for name, make in makers.items()}}}}
assert all(dualcell.compare(value, value) for value in small.values())
found = {{{{}}}}
for name, make in makers.items():
    left, right = make(SIZE), make(SIZE)
    found[name] = copies(lambda: capture(left)), copies(lambda: [dualcell.compare(left, right).assert_close()])
    del left, right
print(json.dumps(found))
"""

MAKERS = {
    "numpy": """
path = sys.argv[1]
np.ones(SIZE, np.float32).tofile(path)

def read_only(size):
    array = np.ones(size, np.float32)
    array.flags.writeable = False
    return array

makers = {
    "ndarray": lambda size: np.ones(size, np.float32),
    "marked read-only": read_only,
    "mapping": lambda size: np.memmap(path, np.float32, "r", shape=(size,)),
    "view of a mapping": lambda size: np.memmap(path, np.float32, "r")[:size].reshape(2, -1),
    "writable mapping": lambda size: np.memmap(path, np.float32, "r+", shape=(size,)),
}
""",
    "torch": """
import torch
makers = {
    "tensor": lambda size: torch.ones(size),
    "parameter": lambda size: torch.nn.Parameter(torch.ones(size)),
    "bfloat16": lambda size: torch.ones(2 * size, dtype=torch.bfloat16),
}
""",
    "tensorflow": """
import tensorflow as tf
makers = {
    "tensor": lambda size: tf.ones(size),
    "variable": lambda size: tf.Variable(tf.ones(size)),
    "bfloat16": lambda size: tf.ones(2 * size, tf.bfloat16),
}
""",
    "jax": "import jax\nmakers = {'array': lambda size: jax.numpy.ones(size).block_until_ready()}",
}

# copies that a snapshot makes, and copies that `compare` makes of two tensors
COPIES = {
    "numpy": {
        "ndarray": (1, 0), "marked read-only": (1, 0),
        "mapping": (0, 0), "view of a mapping": (0, 0), "writable mapping": (1, 0),
    },
    "torch": {"tensor": (1, 0), "parameter": (1, 0), "bfloat16": (1, 0)},
    "tensorflow": {"tensor": (0, 0), "variable": (0, 0), "bfloat16": (0, 0)},
    "jax": {"array": (1, 0)},
}  # fmt: skip

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@linux
@pytest.mark.parametrize("framework", MAKERS)
def test_copies_are_made_only_of_what_can_change(framework, tmp_path):
    printed = run_alone(SCRIPT.format(setup=MAKERS[framework]), tmp_path / "ones.bin")
    found = json.loads(printed.splitlines()[-1])
    assert found.keys() == COPIES[framework].keys()
    for name, copies in found.items():
        assert copies == pytest.approx(COPIES[framework][name], abs=0.2), name


@linux
def test_a_copy_is_seen():
    """Also one that is gone again at the end."""
    code = "import numpy as np\nfrom tests.memory import MB, Peak\nx = np.ones(32 * MB)\n"
    code += "with Peak() as peak:\n    np.sqrt(x + x).sum()\nprint(peak.rise // MB)"
    assert int(run_alone(code)) > 200


def test_a_snapshot_of_a_mapping_is_the_mapping(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(6.0))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    for value in (mapped, mapped[::2], mapped.reshape(2, 3).T, np.frombuffer(bytes(16)), memoryview_of(bytes(16))):
        [(_, leaf)] = capture(value)
        assert leaf.value is value


def memoryview_of(data):
    return np.asarray(memoryview(data))


def test_a_snapshot_of_memory_that_can_be_written_to_is_a_copy(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(6.0))
    owner = np.arange(6.0)
    owner_view = owner[:]
    owner.flags.writeable = owner_view.flags.writeable = False
    writable = np.load(tmp_path / "x.npy", mmap_mode="r+")
    marked = writable[1:]
    marked.flags.writeable = False
    private = np.load(tmp_path / "x.npy", mmap_mode="c")
    for value in (owner, owner_view, writable, marked, private, np.frombuffer(bytearray(16))):
        [(_, leaf)] = capture(value)
        assert not np.shares_memory(leaf.value, value)


def test_compare_keeps_the_tensors_themselves():
    left, right = np.zeros(3), np.zeros(3)
    row = dualcell.compare(left, right)["value"]
    assert row.left is left
    assert row.right is right
    right[1] = 7
    assert (row.verdict, row.error.tolist()) == ("equal", [0, 7, 0])  # the verdict was of that moment


def test_compare_keeps_a_tensor_of_each_framework():
    import jax
    import keras
    import tensorflow as tf
    import torch

    tensors = [torch.nn.Parameter(torch.ones(2)), tf.ones(2), tf.Variable([1.0, 1.0]), jax.numpy.ones(2)]
    for tensor in (*tensors, keras.Variable([1.0, 1.0])):
        row = dualcell.compare(tensor, np.ones(2, np.float32))["value"]
        assert row.left is tensor
        assert (row.verdict, row.error.tolist()) == ("equal", [0, 0])


@pytest.mark.parametrize("framework", ["torch", "jax"])
def test_values_inside_a_gradient_are_compared_and_kept(framework):
    rows = []

    def loss(x):
        rows.append(dualcell.compare(x * 2, np.float32([2, 3]))["value"])
        return (x * x).sum()

    if framework == "torch":
        import torch

        torch.func.jacrev(torch.func.grad(loss))(torch.ones(2))
    else:
        import jax

        jax.grad(jax.grad(lambda x: loss(x * jax.numpy.ones(2))))(1.0)
    [row] = rows
    assert (row.verdict, row.figures.max_abs, row.figures.worst_index) == ("differs", 1, (1,))
    assert row.error.tolist() == [0, 1]  # the gradient has ended


def test_what_a_cell_captures_is_a_snapshot():
    array = np.zeros(3)
    with dualcell.dual("numpy: old", "numpy: new", captures=["y"]) as pair:
        with pair.left:
            y = array
        with pair.right:
            y = array
            y += 1
    assert (pair.result["y"].verdict, pair.result["y"].left.tolist()) == ("differs", [0, 0, 0])
    assert pair.result["y"].right is not array


def test_a_tf_tensor_in_host_memory_is_read_where_it_is():
    import tensorflow as tf

    for value in (tf.ones(3), tf.Variable([1.0, 2.0]), tf.ones(3, tf.bfloat16)):
        adapter = array_adapter(value)
        host = adapter.to_host(value)
        again = adapter.to_host(value)
        assert np.shares_memory(getattr(host, "codes", host), getattr(again, "codes", again))
