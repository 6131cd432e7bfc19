"""Nothing heavy is imported before the user has imported it, proven in fresh interpreters."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest

HEAVY = ("torch", "tensorflow", "keras", "tf_keras", "jax", "pandas", "numba", "jinja2", "matplotlib", "triton")
SHELL = "from IPython.core.interactiveshell import InteractiveShell; shell = InteractiveShell.instance()\n"
CELL = "%%dual\n# --- numpy ---\nimport numpy as np\nx = np.ones(2)\n# --- numpy ---\nx = np.ones(2)"

LIGHT = {
    "import dualcell": "import dualcell",
    "its names": "import dualcell; dir(dualcell); dualcell.tap('y', 1); dualcell.compare; dualcell.dual",
    "the extension": SHELL + "shell.run_line_magic('load_ext', 'dualcell')",
    "its help": SHELL + "shell.run_line_magic('load_ext', 'dualcell'); shell.run_line_magic('dual', '--help')",
    "a cell": f"{SHELL}shell.run_line_magic('load_ext', 'dualcell')\nshell.run_cell({CELL!r}).raise_error()\n"
    "assert shell.user_ns['_'].passed",
    "compare": "import dualcell, numpy as np; assert dualcell.compare(np.ones(2), [1.0, 1.0]) is not None",
    "dual": "import dualcell\n"
    "with dualcell.dual('numpy', 'numpy', seed=0, device='cpu') as pair:\n"
    "    with pair.left: pass\n"
    "    with pair.right: pass\n",
}


def imported(code):
    """Which of `HEAVY` the code has imported."""
    tail = f"\nimport sys; print('IMPORTED', *(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code + tail], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("IMPORTED")[2].split())


@pytest.mark.parametrize("name", LIGHT)
def test_imports_nothing_heavy(name):
    rendering = {"jinja2"} if name == "a cell" else set()  # showing a result needs it
    assert imported(LIGHT[name]) <= rendering


def test_loading_the_extension_imports_not_even_numpy_or_the_runtime():
    loaded = LIGHT["the extension"] + "\nshell.run_cell('x = 1')\nimport sys\nprint('IMPORTED', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    modules = set(done.stdout.rpartition("IMPORTED")[2].split())
    assert "dualcell.magic" in modules
    assert not modules & {"numpy", "dualcell.session", "dualcell.notebook", "dualcell.blocks"}


def needs(module):
    """Skip without a framework; one that is there is not imported into this process."""
    if find_spec(module) is None:
        pytest.skip(f"{module} is not installed")


@pytest.mark.parametrize("module", ["torch", "pandas", "jinja2", "jax"])
def test_the_check_can_fail(module):
    needs(module)
    assert module in imported(f"import dualcell, {module}")


def test_the_check_fails_when_the_package_does_it(tmp_path):
    """The same check, given a dualcell that imports pandas at once."""
    package = tmp_path / "dualcell"
    package.mkdir()
    (package / "__init__.py").write_text("import pandas\n")
    assert "pandas" in imported(f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import dualcell")


@pytest.mark.parametrize(
    "code",
    [
        "import torch, numpy as np, dualcell; assert dualcell.compare(torch.ones(2), np.ones(2, 'f4'))",
        "import torch, dualcell\n"
        "with dualcell.dual('torch', 'numpy', seed=0, device='cpu') as pair:\n"
        "    with pair.left: pass\n"
        "    with pair.right: pass\n",
    ],
)
def test_torch_with_numpy_imports_no_other_framework(code):
    needs("torch")
    assert not imported(code) & {"tensorflow", "keras", "tf_keras", "jax", "matplotlib"}


def test_tensorflow_side_imports_no_torch():
    needs("tensorflow")
    assert "torch" not in imported("import tensorflow as tf, dualcell; assert dualcell.compare(tf.ones(2), tf.ones(2))")
