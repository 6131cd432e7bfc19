"""`%load_ext`, `%unload_ext` and `%reload_ext`: nothing twice, nothing left behind."""

from __future__ import annotations

import pytest

from tests.notebook.kernel import Kernel

# everything an extension can hang itself into, by name, so that two states can be compared
PLACES = """\
def places():
    shell = get_ipython()
    completer = shell.Completer
    lists = {
        "configurables": shell.configurables,
        "cleanup": shell.input_transformers_cleanup,
        "post": shell.input_transformers_post,
        "lines": shell.input_transformer_manager.line_transforms,
        "tokens": shell.input_transformer_manager.token_transformers,
        "ast": shell.ast_transformers,
        "matchers": completer.custom_matchers,
        "magic_arg_matchers": getattr(completer, "magic_arg_matchers", []),
        "registry": shell.magics_manager.registry,
    }
    for kind in ("line", "cell"):
        lists[kind] = [name for name in shell.magics_manager.magics[kind]]
    for event, callbacks in shell.events.callbacks.items():
        lists[event] = callbacks
    lists["commands"] = list(getattr(shell.strdispatchers.get("complete_command"), "strs", ()))
    return {place: sorted(item if isinstance(item, str) else type(item).__name__ for item in items)
            for place, items in lists.items()}
"""
COMPARISON = "%%dual\nimport numpy as np\n# --- numpy ---\ny = np.ones(2)\n# --- numpy: new ---\ny = np.ones(2)"


@pytest.fixture
def bare(kernel: Kernel) -> Kernel:
    """A kernel in which dualcell is not loaded."""
    kernel.run("%unload_ext dualcell")
    kernel.succeed("%reset -f")
    kernel.succeed(PLACES)
    return kernel


def test_loading_prints_nothing_and_imports_no_framework(bare):
    reply = bare.succeed("%load_ext dualcell")
    assert reply.messages == []
    frameworks = ("torch", "keras", "tensorflow", "jax", "tf_keras")
    assert bare.value(f"[name for name in {frameworks} if name in __import__('sys').modules]") == []


def test_unloading_leaves_the_shell_as_it_was(bare):
    before = bare.value("places()")
    bare.succeed("%load_ext dualcell")
    loaded = bare.value("places()")
    assert {place for place in before if before[place] != loaded[place]} >= {
        "configurables", "cleanup", "post", "ast", "line", "cell", "registry",
    }  # fmt: skip
    bare.succeed("%unload_ext dualcell")
    assert bare.value("places()") == before


def test_reloading_adds_nothing_twice(bare):
    bare.succeed("%load_ext dualcell")
    loaded = bare.value("places()")
    for _ in range(2):
        bare.succeed("%reload_ext dualcell")
    assert bare.value("places()") == loaded
    assert bare.succeed(COMPARISON).is_one_result


def test_loading_twice_adds_nothing_twice(bare):
    bare.succeed("%load_ext dualcell")
    loaded = bare.value("places()")
    bare.succeed("import dualcell; dualcell.load_ipython_extension(get_ipython())")
    assert bare.value("places()") == loaded
    bare.succeed("%unload_ext dualcell")
    assert "dual" not in bare.value("places()")["cell"]


def test_unloading_twice_is_no_error(bare):
    bare.succeed("%load_ext dualcell\n%unload_ext dualcell\nimport dualcell")
    bare.succeed("dualcell.unload_ipython_extension(get_ipython())")
    assert "`%%dual` not found" in bare.run(COMPARISON).stderr


def test_after_unloading_the_magic_is_unknown_again(bare):
    bare.succeed("%load_ext dualcell\n%unload_ext dualcell")
    assert "`%%dual` not found" in bare.run(COMPARISON).stderr
    assert "`%dual` not found" in bare.run("%dual numpy").stderr


def test_an_ordinary_cell_is_untouched(bare):
    cell = "x = 1\n# --- keras ---\ny = 2\n# --- torch ---\nz = 3\nx + y + z"
    bare.succeed("%load_ext dualcell")
    loaded = bare.succeed(cell)
    bare.succeed("%unload_ext dualcell")
    assert loaded.shown == bare.succeed(cell).shown == ["6"]


def test_a_setting_outlives_a_reload(bare):
    bare.succeed("%load_ext dualcell\n%config DualMagics.seed = 3")
    bare.succeed("%reload_ext dualcell")
    assert "seed 3" in bare.succeed(COMPARISON).shown[0]
    bare.succeed("%config DualMagics.seed = None")
