"""Which adapter answers for a value, and which for a block.

An adapter is opened only when its library is already imported: whoever holds a
tensor of it must have imported it. Third parties add rows through the entry-point
group `dualcell.frameworks`: the name is the library's module, the object a module
with `arrays`, `blocks` or both (`dualcell.frameworks.base`).
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Collection, Iterator
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from dualcell.errors import FrameworkError, did_you_mean

if TYPE_CHECKING:
    from dualcell.frameworks.base import ArrayAdapter, BlockAdapter, LayerReader, ModelAdapter, StateAdapter

# library module -> our adapter; the first that owns a value answers for it
ADAPTERS = {
    "builtins": "dualcell.frameworks.python",
    "numpy": "dualcell.frameworks.numpy",
    "dualcell.coded": "dualcell.frameworks.coded",
    "torch": "dualcell.frameworks.torch",
    "tf_keras": "dualcell.frameworks.tf_keras",
    "tensorflow": "dualcell.frameworks.tensorflow",
    "jax": "dualcell.frameworks.jax",
    "keras": "dualcell.frameworks.keras",
    "pandas": "dualcell.frameworks.pandas",
}

# library module -> our reader of its layers, optimizers and losses; Keras first: on torch its layers are modules too
LAYER_READERS = {
    "keras": "dualcell.frameworks.keras_settings",
    "tf_keras": "dualcell.frameworks.keras_settings",
    "torch": "dualcell.frameworks.torch_settings",
}

# library module -> what it keeps between two runs of a cell
STATES = {"torch": "dualcell.frameworks.torch_state", "keras": "dualcell.frameworks.keras_state"}

# library module -> what reads and writes the weights of its models; Keras' layers may be torch modules too
MODELS = {
    "keras": "dualcell.frameworks.keras_weights",
    "tf_keras": "dualcell.frameworks.tf_keras_weights",
    "torch": "dualcell.frameworks.torch_weights",
}

# library module -> what reads its files, and how they name the weights of its models
FILES = {
    "torch": "dualcell.frameworks.torch_files",
}

# what a header may say -> the library it means
SPELLINGS = {
    "keras": "keras",
    "torch": "torch",
    "pytorch": "torch",
    "tensorflow": "tensorflow",
    "tf": "tensorflow",
    "tf_keras": "tf_keras",
    "jax": "jax",
    "numpy": "numpy",
    "mxnet": "mxnet",
}

INSTALL = {
    "torch": "pip install torch",
    "keras": "pip install keras tensorflow",
    "tf_keras": "pip install tf-keras tensorflow",
    "tensorflow": "pip install tensorflow",
    "jax": "pip install jax",
}

_by_type: dict[type, ArrayAdapter] = {}


def spellings() -> dict[str, str]:
    """Every word a header may say, third parties' included, and the library it means."""
    return SPELLINGS | {name.lower(): name for name in _third_party()}


def framework_named(word: str) -> str:
    """The library a header means by `word`.

    Raises:
        FrameworkError: the word is no framework dualcell knows.

    Examples:
        >>> framework_named("pytorch"), framework_named("TF")
        ('torch', 'tensorflow')
    """
    known = spellings()
    if word.lower() not in known:
        raise FrameworkError(
            f"Unknown framework {word!r}.{did_you_mean(word.lower(), known)} dualcell knows: {', '.join(known)}."
        )
    return known[word.lower()]


def array_adapter(value: Any) -> ArrayAdapter | None:
    """The adapter that reads `value`, or None if it is no tensor of a loaded library."""
    kind = type(value)
    if kind not in _by_type:
        found = next((adapter for adapter in _loaded_arrays() if adapter.owns(value)), None)
        if found is None:
            return None
        _by_type[kind] = found
    return _by_type[kind]


def model_adapter(model: Any) -> ModelAdapter | None:
    """What reads and writes the weights of `model`, or None if it is no model of a loaded library."""
    loaded = (importlib.import_module(MODELS[name]).models for name in MODELS if sys.modules.get(name) is not None)
    return next((adapter for adapter in loaded if adapter.owns(model)), None)


def state_files(library: str) -> Any:
    """What knows the files of a library; imports the library."""
    return importlib.import_module(FILES[library]).files


def needed(library: str, what: str) -> None:
    """See that a library is there without which nothing can be done.

    Args:
        library: its module.
        what: what needs it.

    Raises:
        FrameworkError: it is not installed; with the command that installs it.
    """
    if not is_installed(library):
        command = INSTALL.get(library, f"pip install {library}")
        raise FrameworkError(f"{what!r} needs {library}, which is not installed here: {command}")


def is_symbolic(value: Any) -> bool:
    """Whether `value` stands for a tensor in a graph that has not run yet."""
    adapter = array_adapter(value)
    return adapter is not None and bool(getattr(adapter, "symbolic", lambda _: False)(value))


def layer_reader(value: Any) -> LayerReader | None:
    """The reader of a layer, optimizer or loss of a loaded library, or None if `value` is none."""
    libraries = {kind.__module__.partition(".")[0] for kind in type(value).__mro__}
    for name in LAYER_READERS:
        if name in libraries and sys.modules.get(name) is not None:
            reader: LayerReader = importlib.import_module(LAYER_READERS[name]).layers
            if reader.owns(value):
                return reader
    return None


def state_adapter(value: Any) -> StateAdapter | None:
    """Who can remember `value`, a layer, optimizer or the like; None if it is no such thing."""
    return next((adapter for adapter in loaded_states() if adapter.owns(value)), None)


def loaded_states() -> Iterator[StateAdapter]:
    """The adapters of the frameworks that are imported."""
    for name, adapter in STATES.items():
        if sys.modules.get(name) is not None:
            yield importlib.import_module(adapter).states


def block_adapter(framework: str) -> BlockAdapter:
    """The adapter that runs blocks of `framework`; imports the framework.

    Raises:
        FrameworkError: it is not installed (with the command that installs it), it is
            broken, or dualcell has no adapter for it.
    """
    if framework not in ADAPTERS and framework not in _third_party():
        raise FrameworkError(
            f"dualcell has no adapter for {framework} blocks. A package can bring one through "
            f"the entry-point group 'dualcell.frameworks'."
        )
    if not is_installed(framework):
        command = INSTALL.get(framework, f"pip install {framework}")
        raise FrameworkError(f"The {framework} block needs {framework}, which is not installed here: {command}")
    try:
        adapter = _load(framework)
    except Exception as error:
        raise FrameworkError(
            f"{framework} is installed but cannot be imported: {type(error).__name__}: {error}"
        ) from error
    if not hasattr(adapter, "blocks"):
        raise FrameworkError(f"dualcell's adapter for {framework} reads its arrays but runs no {framework} blocks.")
    blocks: BlockAdapter = adapter.blocks
    return blocks


def is_installed(module: str) -> bool:
    """Whether a library can be imported; it is not imported to find out."""
    try:
        return module in sys.modules or find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def loaded_blocks(framework: str) -> BlockAdapter | None:
    """The block adapter of a framework that is already imported, else None."""
    return getattr(_load(framework), "blocks", None) if sys.modules.get(framework) is not None else None


def keras_flavour(imported: Collection[str]) -> str:
    """Which Keras a `keras` block means: Keras 2 if that is the only one in sight."""
    in_sight = {name for name in ("keras", "tf_keras") if name in imported or name in sys.modules}
    return "tf_keras" if in_sight == {"tf_keras"} or in_sight & set(imported) == {"tf_keras"} else "keras"


def _loaded_arrays() -> Iterator[ArrayAdapter]:
    """One after the other, so that no adapter is opened once an earlier one has answered."""
    for name in (*ADAPTERS, *_third_party()):
        if sys.modules.get(name) is None:
            continue
        arrays = _arrays_of(name)
        if arrays is not None:
            yield arrays


def _arrays_of(name: str) -> ArrayAdapter | None:
    try:
        return getattr(_load(name), "arrays", None)
    except Exception:  # a stub, a broken install, a version too old: it owns nothing here
        return None


def _load(name: str) -> Any:
    return importlib.import_module(ADAPTERS[name]) if name in ADAPTERS else _third_party()[name].load()


@cache
def _third_party() -> dict[str, Any]:
    return {entry.name: entry for entry in entry_points(group="dualcell.frameworks")}
