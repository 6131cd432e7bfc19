"""The house has floors: a file imports only from lower ones, and a library only where it may.

Every import counts: lazy ones inside functions, those for type checkers only, relative
ones, and `import_module("a literal")`. Names put together at run time (the registry's
table of adapters, `dualcell.__getattr__`) are not imports this can see.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import dualcell

ROOT = Path(dualcell.__file__).parent

# file -> (its floor, the third-party packages it may import)
HOUSE: Mapping[str, tuple[int, set[str]]] = {
    "frameworks/__init__.py": (0, set()),  # empty on purpose: it runs before every file of its folder
    "render/__init__.py": (0, set()),
    "errors.py": (0, set()),
    "paths.py": (1, set()),
    "lines.py": (0, set()),
    "expressions.py": (8, set()),
    "lanes.py": (0, set()),
    "in_place.py": (0, set()),
    "columns.py": (0, set()),
    "counted.py": (0, set()),
    "screen.py": (1, set()),
    "strided.py": (0, {"numpy"}),
    "bundles.py": (2, set()),
    "recording.py": (2, set()),
    "outlet.py": (3, set()),
    "widgets.py": (0, set()),
    "figures.py": (0, {"IPython"}),
    "peak.py": (10, set()),
    "places.py": (0, set()),
    "render/ansi.py": (0, set()),
    "live.py": (17, set()),
    "taps.py": (0, set()),
    "tolerance.py": (1, set()),
    "requests.py": (1, set()),
    "options.py": (2, set()),
    "weights/__init__.py": (0, set()),
    "weights/axes.py": (0, {"numpy"}),
    "weights/inventory.py": (1, set()),
    "weights/kinds.py": (1, set()),
    "weights/einsum.py": (2, set()),
    "weights/unsupported.py": (0, set()),
    "weights/uses.py": (0, set()),
    "weights/reading.py": (2, set()),
    "weights/steps.py": (2, set()),
    "weights/bare.py": (3, set()),
    "weights/cuts.py": (0, set()),
    "weights/evidence.py": (3, set()),
    "weights/by_hand.py": (4, set()),
    "weights/fans.py": (3, set()),
    "weights/features.py": (3, set()),
    "weights/refinement.py": (2, set()),
    "weights/names.py": (2, set()),
    "weights/overrides.py": (2, set()),
    "weights/joins.py": (2, set()),
    "weights/crossings.py": (4, set()),
    "weights/matching.py": (5, set()),
    "weights/rows.py": (6, set()),
    "weights/stages.py": (2, set()),
    "weights/fused.py": (3, set()),
    "weights/attention.py": (3, set()),
    "weights/boundary.py": (6, set()),
    "weights/copying.py": (7, {"numpy"}),
    "weights/table.py": (0, set()),
    "weights/document.py": (2, set()),
    "weights/notation.py": (7, set()),
    "weights/configuration.py": (9, set()),
    "weights/naming.py": (8, set()),
    "weights/outputs.py": (12, {"numpy"}),
    "weights/plan.py": (19, set()),
    "weights/output.py": (2, {"h5py", "numpy"}),
    "weights/guide.py": (20, set()),
    "weights/filed.py": (21, set()),
    "weights/conversion.py": (22, {"numpy"}),
    "weights/line.py": (20, set()),
    "weights/slots.py": (1, set()),
    "weights/gradients.py": (8, set()),
    "weights/magnitude.py": (11, {"numpy"}),
    "weights/slot_pairs.py": (20, {"numpy"}),
    "weights/comparing.py": (21, {"numpy"}),
    "coded.py": (0, {"numpy"}),
    "narrow.py": (0, {"numpy"}),
    "mapped.py": (1, {"numpy"}),
    "written.py": (1, set()),
    "pickled.py": (0, set()),
    "zipped.py": (2, set()),
    "hdf5.py": (3, {"h5py", "numpy"}),
    "shards.py": (2, set()),
    "files.py": (8, set()),
    "stats.py": (1, {"numpy"}),
    "slabs.py": (0, {"numpy"}),
    "compiling.py": (0, {"numba"}),
    "loops.py": (1, {"llvmlite", "numba", "numpy"}),
    "walks.py": (2, {"numpy"}),
    "plain_pass.py": (2, {"numpy"}),
    "compiled_pass.py": (3, {"numpy"}),
    "measure.py": (4, set()),
    "histogram.py": (3, {"numpy"}),
    "cause.py": (0, {"numpy"}),
    "independence.py": (1, {"numpy"}),
    "distributions.py": (2, {"numpy"}),
    "initializers_report.py": (3, set()),
    "sampling.py": (1, {"numpy"}),
    "moves.py": (1, {"numpy"}),
    "causes/__init__.py": (0, set()),
    "causes/layout.py": (2, {"numpy"}),
    "causes/complex_numbers.py": (2, {"numpy"}),
    "causes/values.py": (2, {"numpy"}),
    "causes/rows.py": (2, {"numpy"}),
    "causes/reductions.py": (2, {"numpy"}),
    "causes/channels.py": (2, {"numpy"}),
    "causes/pieces.py": (2, {"numpy"}),
    "causes/numbers.py": (2, {"numpy"}),
    "causes/regions.py": (2, {"numpy"}),
    "padding.py": (0, set()),
    "causes/settings.py": (1, set()),
    "settings.py": (2, set()),
    "catalogue.py": (3, set()),
    "search.py": (4, {"numpy"}),
    "rows_first.py": (5, {"numpy"}),
    "diagnosis.py": (6, {"numpy"}),
    "reference.py": (4, set()),
    "unseen.py": (0, set()),
    "dialect.py": (0, set()),
    "project.py": (3, set()),
    "usage.py": (3, {"IPython"}),
    "frameworks/base.py": (3, {"ml_dtypes", "numpy"}),
    "frameworks/numpy.py": (4, {"numpy"}),
    "frameworks/python.py": (4, {"numpy"}),
    "frameworks/pandas.py": (4, {"numpy", "pandas"}),
    "frameworks/coded.py": (5, {"numpy"}),
    "frameworks/spelling.py": (3, set()),
    "frameworks/arguments.py": (4, set()),
    "frameworks/torch_objects.py": (4, set()),
    "frameworks/keras_objects.py": (4, set()),
    "frameworks/torch_padding.py": (5, set()),
    "frameworks/keras_padding.py": (5, set()),
    "frameworks/torch_norms.py": (5, {"torch"}),
    "frameworks/keras_norms.py": (5, set()),
    "frameworks/torch_activations.py": (5, {"torch"}),
    "frameworks/keras_activations.py": (5, set()),
    "frameworks/torch_training_settings.py": (5, {"torch"}),
    "frameworks/keras_training_settings.py": (5, set()),
    "frameworks/torch_settings.py": (6, {"torch"}),
    "frameworks/keras_settings.py": (6, set()),
    "frameworks/torch_initializers.py": (4, {"torch"}),
    "frameworks/keras_initializers.py": (4, set()),
    "frameworks/torch.py": (5, {"numpy", "torch"}),
    "frameworks/torch_pass.py": (5, {"numpy", "torch"}),
    "frameworks/torch_state.py": (6, {"torch"}),
    "frameworks/keras_state.py": (6, {"keras", "numpy"}),
    "frameworks/tensorflow.py": (5, {"numpy", "tensorflow"}),
    "frameworks/jax.py": (5, {"numpy", "jax"}),
    "frameworks/keras.py": (6, {"numpy", "keras"}),
    "frameworks/tf_keras.py": (6, {"numpy", "tf_keras"}),
    "frameworks/torch_files.py": (5, {"torch"}),
    "frameworks/torch_weights.py": (5, {"torch"}),
    "frameworks/torch_slots.py": (4, {"torch"}),
    "frameworks/keras_slots.py": (4, set()),
    "frameworks/torch_transformers.py": (1, {"torch"}),
    "frameworks/torch_stand_ins.py": (2, {"torch"}),
    "frameworks/torch_sizes.py": (3, {"torch"}),
    "frameworks/torch_trace.py": (4, {"torch"}),
    "frameworks/keras_trace.py": (4, set()),
    "frameworks/keras_layers.py": (5, {"ml_dtypes"}),
    "frameworks/keras_files.py": (0, set()),
    "frameworks/keras_weights.py": (6, {"keras", "numpy"}),
    "frameworks/keeping.py": (0, set()),
    "frameworks/tf_keras_weights.py": (6, {"tf_keras"}),
    "frameworks/registry.py": (7, set()),
    "parts.py": (8, set()),
    "settings_report.py": (9, set()),
    "cell_settings.py": (10, set()),
    "sources.py": (0, set()),
    "blocks.py": (8, set()),
    "nested.py": (8, set()),
    "completion.py": (8, set()),
    "fences.py": (9, set()),
    "captures.py": (9, set()),
    "environment.py": (9, {"triton"}),  # imported early, or it aborts the process (see there)
    "pairs.py": (10, set()),
    "devices.py": (10, {"numpy"}),
    "comparison.py": (11, set()),
    "ulp.py": (1, {"numpy"}),
    "belongings.py": (9, {"numpy"}),
    "noise.py": (11, set()),
    "turns.py": (20, {"numpy"}),
    "explanations.py": (12, set()),
    "pictures/__init__.py": (0, set()),
    "pictures/picture.py": (0, set()),
    "pictures/kinds.py": (1, set()),
    "pictures/plain.py": (1, {"numpy"}),
    "pictures/loops.py": (2, {"numpy"}),
    "pictures/blocks.py": (11, {"numpy"}),
    "pictures/heat.py": (12, {"numpy"}),
    "pictures/sizes.py": (12, {"numpy"}),
    "pictures/values.py": (12, {"numpy"}),
    "pictures/curves.py": (12, {"numpy"}),
    "pictures/layers.py": (0, set()),
    "pictures/panels.py": (13, set()),
    "pictures/drawing.py": (15, set()),
    "report.py": (12, set()),
    "render/text.py": (13, set()),
    "render/scale.py": (13, set()),
    "render/words.py": (1, set()),
    "render/terminal.py": (0, set()),
    "history.py": (13, set()),
    "render/markdown.py": (14, set()),
    "render/facts.py": (13, set()),
    "render/folds.py": (13, set()),
    "render/plan.py": (18, set()),
    "render/json.py": (13, set()),
    "render/html.py": (14, {"jinja2"}),
    "render/plots.py": (14, {"matplotlib", "numpy", "PIL"}),
    "render/settings.py": (18, set()),
    "render/code.py": (15, {"pygments"}),
    "render/lanes.py": (15, set()),
    "render/cell.py": (16, set()),
    "render/page.py": (17, set()),
    "render/initializers.py": (18, set()),
    "origins.py": (20, {"numpy"}),
    "settings_result.py": (19, set()),
    "result.py": (18, {"pandas"}),
    "power.py": (19, {"numpy"}),
    "session.py": (19, set()),
    "context.py": (20, set()),
    "notebook.py": (21, {"IPython"}),
    "command.py": (23, set()),
    "__main__.py": (24, set()),
    "magic.py": (22, {"IPython", "traitlets"}),
    "__init__.py": (23, set()),
}


def imported(tree: ast.AST, package: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of every import; `from a import b` yields `a.b`.

    Args:
        tree: a file.
        package: the packages the file lies in, outermost first.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, *filter(None, [node.module])])
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and _called(node) in ("import_module", "__import__") and node.args:
            if isinstance(node.args[0], ast.Constant):
                yield node.lineno, str(node.args[0].value)


def _called(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def file_of(name: str, root: Path) -> str:
    """The file of the package at `root` that `name` (a module, or something in one) comes from."""
    parts = name.split(".")[1:]
    while parts:
        path = Path(*parts)
        for candidate in (path.with_suffix(".py"), path / "__init__.py"):
            if (root / candidate).is_file():
                return candidate.as_posix()
        parts.pop()
    return "__init__.py"


def violations(root: Path, house: Mapping[str, tuple[int, set[str]]]) -> list[str]:
    """What the package at `root` does against the table; empty if it keeps to it."""
    files = {path.relative_to(root).as_posix(): path for path in sorted(root.rglob("*.py"))}
    found = [f"{name}: has no floor in the table" for name in files if name not in house]
    found += [f"{name}: is in the table, but not in the package" for name in house if name not in files]
    for name, path in files.items():
        floor, libraries = house.get(name, (len(house), set()))
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for line, target in imported(tree, (root.name, *Path(name).parent.parts)):
            library = target.split(".")[0]
            if library == root.name:
                below = file_of(target, root)
                if house.get(below, (-1, set()))[0] >= floor:
                    found.append(f"{name}:{line}: floor {floor} imports {below} of floor {house[below][0]}")
            elif library not in sys.stdlib_module_names and library not in libraries:
                found.append(f"{name}:{line}: may not import {library}")
    return found


def test_imports_go_down_and_libraries_have_one_door():
    assert violations(ROOT, HOUSE) == []


def test_every_allowance_is_used():
    """A library the table allows but the file does not import is a door left open."""
    for name, (_, libraries) in HOUSE.items():
        tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
        used = {target.split(".")[0] for _, target in imported(tree, ("dualcell", *Path(name).parent.parts))}
        assert libraries <= used, name


# --- the check can fail ---

TINY = {"__init__.py": (3, set()), "low.py": (0, set()), "same.py": (1, set()), "high.py": (1, {"torch"})}
HEALTHY = {
    "__init__.py": "from tiny.high import f",
    "low.py": "import os",
    "same.py": "from tiny import low",
    "high.py": "import torch\nfrom .low import g",
}


def plant(root: Path, file: str, text: str) -> Path:
    """A healthy package of four files, but for one of them."""
    root.mkdir()
    for name, source in {**HEALTHY, file: text}.items():
        (root / name).write_text(source, encoding="utf-8")
    return root


def test_a_healthy_tree_passes(tmp_path):
    assert violations(plant(tmp_path / "tiny", "low.py", "import os"), TINY) == []


@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        ("low.py", "from tiny.high import f", "low.py:1: floor 0 imports high.py of floor 1"),
        ("low.py", "import tiny.high", "low.py:1: floor 0 imports high.py of floor 1"),
        ("low.py", "from . import high", "low.py:1: floor 0 imports high.py of floor 1"),
        ("low.py", "def f():\n    from tiny import high", "low.py:2: floor 0 imports high.py of floor 1"),
        ("low.py", "importlib.import_module('tiny.high')", "low.py:1: floor 0 imports high.py of floor 1"),
        ("same.py", "from tiny.high import f", "same.py:1: floor 1 imports high.py of floor 1"),
        ("same.py", "from tiny import f", "same.py:1: floor 1 imports __init__.py of floor 3"),
        ("same.py", "import torch.nn", "same.py:1: may not import torch"),
        ("same.py", "__import__('torch')", "same.py:1: may not import torch"),
        ("new.py", "", "new.py: has no floor in the table"),
    ],
)  # fmt: skip
def test_a_lie_is_found(tmp_path, file, text, complaint):
    assert violations(plant(tmp_path / "tiny", file, text), TINY) == [complaint]


def test_a_lost_file_is_found(tmp_path):
    root = plant(tmp_path / "tiny", "low.py", "import os")
    (root / "same.py").unlink()
    assert violations(root, TINY) == ["same.py: is in the table, but not in the package"]
