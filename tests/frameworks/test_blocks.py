"""What a block's options set is really set, and put back however the block ends."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tensorflow as tf
import torch
from torch._dynamo import eval_frame

import dualcell
from dualcell.blocks import RawBlock, RawCell, read_cell
from dualcell.environment import check_environment, describe
from dualcell.errors import DeviceError, FrameworkError, OptionError
from dualcell.frameworks.registry import block_adapter
from dualcell.options import Options

HERE = Path(__file__).parent
FRAMEWORKS = ("numpy", "torch", "tensorflow", "jax")


def scope(framework, **options):
    return block_adapter(framework).scope(Options(**options))


def python(code, **environment):
    """Run code in a fresh interpreter; its output, or a failure with its error."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=HERE,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("flavour", "backend"),
    [("keras", "tensorflow"), ("keras", "jax"), ("keras", "torch"), ("keras", "numpy"), ("tf_keras", "tensorflow")],
)
def test_keras(flavour, backend):
    """Every check of keras_checks.py in a process of its own: a backend is for life."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "keras_checks.py", "-q", "--no-header", "-pno:cacheprovider",
         "--randomly-dont-reorganize"],
        capture_output=True, text=True, check=False, cwd=HERE,
        env={**os.environ, "FLAVOUR": flavour, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:]
    assert "passed" in done.stdout


# --- seed ---


def draw(framework):
    drawn = [random.random(), np.random.rand(3)]
    if framework == "torch":
        drawn += [torch.rand(3), torch.nn.Linear(3, 2).weight, torch.dropout(torch.ones(20), 0.5, True)]
    if framework == "tensorflow":
        drawn += [tf.random.normal([3]), tf.function(lambda: tf.random.uniform([3]))(), tf.random.shuffle(tf.range(20))]
        drawn.append(tf.random.get_global_generator().normal([3]))
    return [value.detach().numpy() if isinstance(value, torch.Tensor) else np.array(value) for value in drawn]


def seed_all(seed):
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    tf.random.set_seed(seed)
    tf.random.set_global_generator(tf.random.Generator.from_seed(seed))


def all_equal(left, right):
    return all(np.array_equal(one, two) for one, two in zip(left, right, strict=True))


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_seed_repeats(framework):
    drawn = []
    for seed in (1, 1, 2):
        with scope(framework, seed=seed):
            drawn.append(draw(framework))
    assert all_equal(drawn[0], drawn[1])
    assert not any(np.array_equal(one, two) for one, two in zip(drawn[0], drawn[2], strict=True))


@pytest.mark.parametrize("error", [None, KeyError, KeyboardInterrupt])
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_users_sequences_continue(framework, error):
    seed_all(5)
    undisturbed = [draw(framework), draw(framework)]
    seed_all(5)
    disturbed = [draw(framework)]
    with suppress(KeyError, KeyboardInterrupt), scope(framework, seed=1):
        draw(framework)
        if error:
            raise error
    disturbed.append(draw(framework))
    assert all(all_equal(one, two) for one, two in zip(undisturbed, disturbed, strict=True))


def test_tensorflow_without_a_seed_stays_without():
    code = (
        "import tensorflow as tf\n"
        "from dualcell.frameworks.registry import block_adapter\n"
        "from dualcell.options import Options\n"
        "from tensorflow.python.eager import context\n"
        "from tensorflow.python.ops import stateful_random_ops\n"
        "with block_adapter('tensorflow').scope(Options(seed=1)): tf.random.normal([])\n"
        "print(context.global_seed(), stateful_random_ops.global_generator)\n"
    )
    assert python(code) == "None None"


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_without_options_nothing_moves(framework):
    seed_all(5)
    first = draw(framework)
    seed_all(5)
    with scope(framework):
        second = draw(framework)
    assert all_equal(first, second)


# --- device ---


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_cpu_is_first(framework):
    assert block_adapter(framework).devices()[0] == "cpu"


def test_torch_device_mode():
    torch.set_default_device("meta")
    try:
        with scope("torch", device="cpu"):
            assert torch.ones(2).device.type == torch.nn.Linear(2, 2).weight.device.type == "cpu"
        assert torch.ones(2).device.type == "meta"
        with pytest.raises(KeyError), scope("torch", device="cpu"):
            raise KeyError
        assert torch.ones(2).device.type == "meta"
    finally:
        torch.set_default_device(None)
    assert torch.ones(2).device.type == "cpu"


def test_tensorflow_device():
    with scope("tensorflow", device="cpu"):
        assert "CPU:0" in tf.ones(2).device
        assert "CPU:0" in tf.function(lambda: tf.ones(2))().device


def test_jax_device_of_several():
    """Two CPU devices stand in for two GPUs: new arrays go where the scope says."""
    code = (
        "import jax\n"
        "from dualcell.frameworks import jax as adapter\n"
        "first, second = jax.devices()\n"
        "adapter._device = lambda name: second\n"
        "from dualcell.options import Options\n"
        "with adapter.blocks.scope(Options(device='cpu')): inside = jax.numpy.ones(2).devices()\n"
        "after = jax.numpy.ones(2)\n"
        "print(inside == {second}, after.devices() == {first}, adapter.arrays.facts(after).device)\n"
    )
    assert python(code, XLA_FLAGS="--xla_force_host_platform_device_count=2") == "True True cpu"


def cell(left, right, **options):
    raw = RawCell("", tuple(RawBlock(header, line) for line, header in enumerate((left, right), 1)))
    return read_cell(raw, Options(**options))


@pytest.mark.parametrize("device", ["gpu", "cuda", "cuda:3", "mps"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_device_the_machine_lacks(framework, device):
    if device.rstrip("0") in ("gpu", "cuda", "mps") and len(block_adapter(framework).devices()) > 1:
        return  # this machine has one
    with pytest.raises(DeviceError) as error:
        check_environment(cell(framework, "numpy", device=device))
    assert str(error.value).startswith(f"The {framework} block: --device {device}: there is no such device here.") or (
        framework == "numpy" and f"--device {device}: there is no such device here." in str(error.value)
    )
    assert "This framework sees: cpu. Nothing was run." in str(error.value)


@pytest.mark.parametrize(
    ("device", "hint"),
    [
        ("gpuu", " Did you mean 'gpu'?"),
        ("cuda:x", " Did you mean 'cuda'?"),
        ("cpu:0", " Did you mean 'cpu'?"),
        ("", ""),
        ("TPU", ""),
    ],
)
def test_no_device_at_all(device, hint):
    with pytest.raises(OptionError) as error:
        check_environment(cell("numpy", "numpy", device=device))
    assert str(error.value) == f"--device is {device!r}, expected auto, cpu, gpu, cuda, cuda:N or mps.{hint}"


# --- dtype ---


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
def test_torch_dtype(dtype):
    torch.set_default_dtype(torch.float64)
    try:
        with pytest.raises(KeyError), scope("torch", dtype=dtype):
            assert torch.ones(2).dtype == torch.nn.Linear(1, 1).weight.dtype == getattr(torch, dtype)
            assert block_adapter("torch").describe()["dtype"] == dtype
            raise KeyError
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


def test_jax_dtype():
    with pytest.raises(KeyError), scope("jax", dtype="float64"):
        assert jnp.ones(2).dtype == "float64"
        assert block_adapter("jax").describe()["dtype"] == "float64"
        raise KeyError
    assert jnp.ones(2).dtype == "float32"
    with jax.enable_x64(True):
        with scope("jax", dtype="float32"):
            pass
        assert jnp.ones(2).dtype == "float64"
    assert jnp.ones(2).dtype == "float32"


@pytest.mark.parametrize(
    ("framework", "dtype", "can"),
    [
        ("numpy", "float32", "it has no default float type to set"),
        ("tensorflow", "float64", "it has no default float type to set"),
        ("jax", "bfloat16", "it can be float32 or float64"),
    ],
)
def test_a_dtype_the_framework_cannot_take(framework, dtype, can):
    with pytest.raises(OptionError) as error:
        check_environment(cell(framework, "torch", dtype=dtype))
    begin, end = (
        f"The {framework} block: --dtype {dtype} does not fit {framework}: ",
        "Give the dtype where tensors are made.",
    )
    assert str(error.value) == f"{begin}{can}. {end}"


# --- eager ---


def test_torch_eager():
    assert eval_frame._stance.stance == "default"
    with pytest.raises(KeyError), scope("torch", eager=True):
        assert eval_frame._stance.stance == "force_eager"
        raise KeyError
    assert eval_frame._stance.stance == "default"


@pytest.mark.parametrize("before", [False, True])
def test_tensorflow_eager(before):
    tf.config.run_functions_eagerly(before)
    try:
        with pytest.raises(KeyError), scope("tensorflow", eager=True):
            assert tf.config.functions_run_eagerly()
            raise KeyError
        assert tf.config.functions_run_eagerly() is before
    finally:
        tf.config.run_functions_eagerly(False)


def test_jax_eager():
    with pytest.raises(KeyError), scope("jax", eager=True):
        assert jax.config.jax_disable_jit
        raise KeyError
    assert not jax.config.jax_disable_jit


# --- all at once, through the door people use ---


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_dual_sets_and_puts_back(framework):
    options = {"device": "cpu", "seed": 3, "eager": True}
    with dualcell.dual(framework, framework, captures=["x"], **options) as pair:
        with pair.left:
            x = draw(framework)
        with pair.right:
            x = draw(framework)  # noqa: F841 - a capture
    assert pair.result.passed
    assert not tf.config.functions_run_eagerly()
    assert not jax.config.jax_disable_jit
    assert eval_frame._stance.stance == "default"


def test_one_seed_gives_both_sides_the_same_inputs():
    with dualcell.dual("tensorflow", "torch", captures=["x"], seed=3) as pair:
        with pair.left:
            x = tf.constant(np.random.rand(5))
        with pair.right:
            x = torch.from_numpy(np.random.rand(5))  # noqa: F841 - a capture
    assert pair.result["x"].verdict == "equal"


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_header(framework):
    facts = describe(cell(framework, "numpy").blocks[0])
    assert facts[framework] == sys.modules[framework].__version__
    assert facts.get("oneDNN", "on") in ("on", "off")
    assert all(isinstance(text, str) for text in facts.values())
    block_adapter(framework).wait()


# --- frameworks that are not there ---

BLOCKED = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in NAMES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
import importlib.util
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name in NAMES else real(name, package)
sys.meta_path.insert(0, Blocked())
import dualcell
try:
    with dualcell.dual(LEFT, "numpy", seed=0, **OPTIONS) as pair:
        with pair.left: print("ran")
except dualcell.FrameworkError as error:
    print(error)
"""


def blocked(names, left, **options):
    return python(BLOCKED.replace("NAMES", repr(names)).replace("LEFT", repr(left)).replace("OPTIONS", repr(options)))


@pytest.mark.parametrize(
    ("framework", "command"),
    [
        ("torch", "pip install torch"),
        ("tensorflow", "pip install tensorflow"),
        ("jax", "pip install jax"),
        ("keras", "pip install keras tensorflow"),
        ("tf_keras", "pip install tf-keras tensorflow"),
    ],
)
def test_not_installed(framework, command):
    sentence = f"The {framework} block needs {framework}, which is not installed here: {command}"
    assert blocked([framework], framework) == sentence


def test_keras_without_its_backend():
    said = blocked(["tensorflow"], "keras")
    assert said.startswith(
        "keras is installed but cannot be imported: ModuleNotFoundError: No module named 'tensorflow'"
    )


def test_mxnet():
    sentence = (
        "dualcell has no adapter for mxnet blocks. A package can bring one through the entry-point group "
        "'dualcell.frameworks'."
    )
    with pytest.raises(FrameworkError) as error:
        check_environment(cell("mxnet", "torch"))
    assert str(error.value) == sentence


def test_unknown():
    with pytest.raises(
        FrameworkError, match=r"Unknown framework 'torhc'\. Did you mean 'torch'\? dualcell knows: keras, "
    ):
        cell("torhc", "numpy")


# --- the Keras that is not imported yet ---

COMING = """
import sys
from dualcell.frameworks.registry import block_adapter
from dualcell.environment import _KerasToCome
print(*_KerasToCome().devices(), [n for n in ("tensorflow", "torch", "keras") if n in sys.modules])
"""


@pytest.mark.parametrize(
    ("environment", "config", "asked"),
    [
        ({"KERAS_BACKEND": "torch"}, "", "['torch']"),
        ({}, '{"backend": "torch"}', "['torch']"),
        ({"KERAS_BACKEND": "torch"}, '{"backend": "tensorflow"}', "['torch']"),
        ({"KERAS_BACKEND": "openvino"}, "", "[]"),
        ({"KERAS_BACKEND": "numpy"}, "not json", "[]"),
    ],
)
def test_its_backend_is_asked(environment, config, asked, tmp_path):
    (tmp_path / "keras.json").write_text(config)
    said = python(COMING, KERAS_HOME=str(tmp_path), **{"KERAS_BACKEND": "", **environment})
    assert said.startswith("cpu")
    assert said.endswith(asked)


LATE = """
import os, warnings, dualcell
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    with dualcell.dual("keras", "numpy", captures=["y"], **OPTIONS) as pair:
        with pair.left:
            os.environ["KERAS_BACKEND"] = "numpy"
            import keras
            y = keras.ops.ones(2)
        with pair.right:
            y = 1.0
print(keras.config.backend(), *(str(one.message) for one in seen if "KERAS_BACKEND" in str(one.message)))
"""


def test_a_backend_chosen_too_late_is_said():
    assert python(LATE.replace("OPTIONS", "{}"), KERAS_BACKEND="") == "numpy"
    said = python(LATE.replace("OPTIONS", "{'seed': 0}"), KERAS_BACKEND="torch")
    assert said.startswith("torch KERAS_BACKEND became 'numpy' inside the block, but Keras runs on torch: ")
    assert said.endswith("Set KERAS_BACKEND above the first header, in a fresh kernel.")


# --- adapters of other packages ---

LIBRARY = """
class Vector:
    def __init__(self, *numbers): self.numbers = list(numbers)
"""

ADAPTER = """
from contextlib import contextmanager
import numpy as np, vectors
from dualcell.frameworks.base import ArrayFacts
class Arrays:
    def owns(self, value): return isinstance(value, vectors.Vector)
    def why_not(self, value): return "" if value.numbers else "an empty vector"
    def facts(self, value): return ArrayFacts((len(value.numbers),), "float64", "cpu")
    def snapshot(self, value): return vectors.Vector(*value.numbers)
    def to_numpy(self, value): return np.array(value.numbers, float)
class Blocks:
    def devices(self): return ("cpu", "cuda:0")
    @contextmanager
    def scope(self, options):
        print("enter", options.device, options.seed)
        yield
        print("leave")
    def describe(self): return {"vectors": "1.0"}
arrays, blocks = Arrays(), Blocks()
"""

USE = """
import dualcell, vectors, numpy as np
with dualcell.dual("vectors: mine", "numpy", captures=["x"], device=DEVICE, seed=3) as pair:
    with pair.left:
        x = vectors.Vector(1.0, 2.0)
    with pair.right:
        x = np.array([1.0, 2.0])
print(pair.result["x"].verdict, pair.result["x"].figures.left_dtype)
print(dualcell.compare(vectors.Vector(), 1.0)["value"].cause)
try:
    dualcell.dual("vectors", "numpy", dtype="float64").__enter__()
except dualcell.OptionError as error:
    print(error)
"""


@pytest.fixture
def third_party(tmp_path):
    (tmp_path / "vectors.py").write_text(LIBRARY)
    (tmp_path / "vectors_dualcell.py").write_text(ADAPTER)
    info = tmp_path / "vectors_dualcell-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: vectors-dualcell\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[dualcell.frameworks]\nvectors = vectors_dualcell\n")
    return tmp_path


def test_a_third_party_adapter(third_party):
    said = python(USE.replace("DEVICE", "'cpu'"), PYTHONPATH=str(third_party)).splitlines()
    assert said == [
        "enter cpu 3", "leave", "equal float64", "left: an empty vector",
        "The vectors block: --dtype float64 does not fit vectors: it has no default float type to set. "
        "Give the dtype where tensors are made.",
    ]  # fmt: skip


def test_a_third_party_adapter_for_arrays_only(third_party):
    (third_party / "vectors_dualcell.py").write_text(
        ADAPTER.replace("arrays, blocks = Arrays(), Blocks()", "arrays = Arrays()")
    )
    code = (
        "import dualcell, vectors\n"
        "print(dualcell.compare(vectors.Vector(1.0), vectors.Vector(1.0))['value'].verdict)\n"
        "try:\n    dualcell.dual('vectors', 'numpy', seed=0).__enter__().left.__enter__()\n"
        "except dualcell.FrameworkError as error: print(error)\n"
    )
    said = python(code, PYTHONPATH=str(third_party)).splitlines()
    assert said == ["equal", "dualcell's adapter for vectors reads its arrays but runs no vectors blocks."]


def test_a_broken_third_party_adapter(third_party):
    (third_party / "vectors_dualcell.py").write_text("1 / 0")
    code = (
        "import dualcell, vectors, numpy as np\n"
        "print(dualcell.compare(np.ones(2), np.ones(2))['value'].verdict)\n"
        "try:\n    dualcell.dual('vectors', 'numpy', seed=0).__enter__().left.__enter__()\n"
        "except dualcell.FrameworkError as error: print(error)\n"
    )
    said = python(code, PYTHONPATH=str(third_party)).splitlines()
    assert said == ["equal", "vectors is installed but cannot be imported: ZeroDivisionError: division by zero"]
