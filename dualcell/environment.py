"""What surrounds a block while it runs: device, seed, dtype, eager mode; then put back."""

from __future__ import annotations

import importlib
import json
import os
import sys
import warnings
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from dualcell.blocks import Block, Cell
from dualcell.errors import DeviceError, DualError, OptionError, did_you_mean
from dualcell.frameworks.base import BlockAdapter
from dualcell.frameworks.numpy import host_seed
from dualcell.frameworks.registry import ADAPTERS, block_adapter, is_installed, keras_flavour, loaded_blocks
from dualcell.options import DTYPES, Options

_KINDS = ("auto", "cpu", "gpu", "cuda", "mps")


def check_environment(cell: Cell) -> None:
    """Refuse what cannot work before any of the cell runs.

    Raises:
        FrameworkError: a block's framework is not installed.
        DeviceError: a device this machine, or the framework on it, does not have.
        OptionError: a device that is no device, a `--dtype` the framework cannot take, or an
            `--init` that is for no block.
    """
    for block in cell.blocks:
        _check_device_word(block.options.device)
        if not is_installed(framework_of(block)) or framework_of(block) == "mxnet":
            block_adapter(framework_of(block))  # raises, with the sentence
    _check_init(cell)
    _prevent_clashes(cell)
    for block in cell.blocks:
        if block.options.device not in ("auto", "cpu") or block.options.dtype is not None:
            with _named(block):
                _settled(block, _early_adapter(block))


_TAKE = {"keras": ("torch",), "torch": ("keras", "tf_keras")}  # --init -> the frameworks whose layers it is for


def _check_init(cell: Cell) -> None:
    """Refuse initializers of one side where no block of the other side makes layers."""
    for init in dict.fromkeys(block.options.init for block in cell.blocks if block.options.init is not None):
        blocks = [block for block in cell.blocks if block.options.init == init]
        if not any(framework_of(block) in _TAKE[init] for block in blocks):
            other = _TAKE[init][0]
            has = " and ".join(dict.fromkeys(block.framework for block in blocks))
            raise OptionError(f"--init {init} is for the layers of a {other} block, and has no effect on one of {has}.")


@contextmanager
def environment(block: Block) -> Generator[None]:
    """Everything a block's options ask for, for as long as the block runs.

    A block without options needs nothing set, so its framework is not even imported.
    """
    if not _asks_anything(block.options):
        yield
        return
    framework = framework_of(block)
    first_keras = framework == "keras" and "keras" not in sys.modules
    adapter = block_adapter(framework)
    with _named(block):
        options = _settled(block, adapter)
    with adapter.scope(options):
        yield
    if first_keras:
        _warn_of_late_backend()


def _warn_of_late_backend() -> None:
    """Options need Keras imported before the block, which is too early for a backend chosen in it."""
    wanted, backend = os.environ.get("KERAS_BACKEND"), sys.modules["keras"].config.backend()
    if wanted and wanted != backend:
        warnings.warn(
            f"KERAS_BACKEND became {wanted!r} inside the block, but Keras runs on {backend}: the block's options "
            f"import Keras first. Set KERAS_BACKEND above the first header, in a fresh kernel.",
            stacklevel=2,
        )


@contextmanager
def shared_environment(cell: Cell) -> Generator[None]:
    """What surrounds the lines above the first header: the seed, so that they repeat.

    A framework that these lines are the first to import cannot be seeded before them.
    """
    adapters = (loaded_blocks(framework_of(block)) for block in cell.blocks)
    seed = Options(seed=cell.options.seed)
    with ExitStack() as stack:
        stack.enter_context(host_seed(seed.seed))
        for adapter in adapters if seed.seed is not None else ():
            if adapter is not None:
                stack.enter_context(adapter.scope(seed))
        yield


def framework_of(block: Block) -> str:
    """The library a block runs on; a `keras` block may mean Keras 2."""
    return keras_flavour(block.imported) if block.framework == "keras" else block.framework


def wait_for(block: Block) -> None:
    """Let work that the block started on a device finish, so that its time is its own."""
    adapter = loaded_blocks(framework_of(block))
    if adapter is not None and hasattr(adapter, "wait"):
        adapter.wait()


def describe(block: Block) -> dict[str, str]:
    """Versions and numerics settings of a block's framework; empty if it was never imported."""
    adapter = loaded_blocks(framework_of(block))
    return adapter.describe() if adapter is not None else {}


def _asks_anything(options: Options) -> bool:
    return (
        options.device != "auto"
        or options.seed is not None
        or options.dtype is not None
        or options.eager
        or options.init is not None
    )


def _check_device_word(device: str) -> None:
    kind, colon, index = device.partition(":")
    if kind not in _KINDS or (colon and not (kind == "cuda" and index.isdigit())):
        raise OptionError(
            f"--device is {device!r}, expected auto, cpu, gpu, cuda, cuda:N or mps.{did_you_mean(kind, _KINDS)}"
        )


@contextmanager
def _named(block: Block) -> Generator[None]:
    """Say which block an error is about."""
    try:
        yield
    except DualError as error:
        raise type(error)(f"The {block.label} block: {error}") from error.__cause__


def _settled(block: Block, adapter: BlockAdapter | _KerasToCome) -> Options:
    """The block's options with the device's full name, checked against the framework."""
    options = block.options
    dtypes = getattr(adapter, "dtypes", ())
    if options.dtype is not None and options.dtype not in dtypes:
        can = f"it can be {' or '.join(dtypes)}" if dtypes else "it has no default float type to set"
        raise OptionError(
            f"--dtype {options.dtype} does not fit {block.framework}: {can}. Give the dtype where tensors are made."
        )
    if options.device == "auto":
        return options
    return replace(options, device=_full_name(options.device, adapter.devices()))


def _full_name(device: str, devices: tuple[str, ...]) -> str:
    """`gpu` -> the first that is no CPU, `cuda` -> `cuda:0`; others as they are."""
    if device == "gpu":
        found = next((name for name in devices if name != "cpu"), "")
    else:
        found = "cuda:0" if device == "cuda" else device
    if found not in devices:
        raise DeviceError(
            f"--device {device}: there is no such device here. This framework sees: {', '.join(devices)}. "
            f"Nothing was run."
        )
    return found


def _early_adapter(block: Block) -> BlockAdapter | _KerasToCome:
    """An adapter that can be asked before the block runs.

    Importing Keras fixes its backend, and the cell's own first lines may choose it; so a
    Keras that is not imported yet is not imported here: its likely backend is asked.
    """
    framework = framework_of(block)
    if framework == "keras" and "keras" not in sys.modules:
        return _KerasToCome()
    return block_adapter(framework)


class _KerasToCome:
    """Keras before its import: the devices of the backend it will have, any default dtype."""

    dtypes = DTYPES

    def devices(self) -> tuple[str, ...]:
        backend = os.environ.get("KERAS_BACKEND") or _configured_backend()
        return block_adapter(backend).devices() if backend in ADAPTERS else ("cpu",)


def _configured_backend() -> str:
    """What `keras.json` says; Keras reads it when it is imported."""
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    try:
        return json.loads((home / "keras.json").read_text()).get("backend", "tensorflow")
    except (OSError, ValueError):
        return "tensorflow"


def _prevent_clashes(cell: Cell) -> None:
    """Two frameworks in one process need care before TensorFlow is imported.

    TensorFlow takes all GPU memory unless told otherwise, and a triton that is imported
    after TensorFlow aborts the process (both read at TensorFlow's import).
    """
    frameworks = {framework_of(block) for block in cell.blocks}
    if "tensorflow" in sys.modules or not frameworks & {"keras", "tensorflow", "tf_keras"}:
        return
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    if "torch" in frameworks and "triton" not in sys.modules and is_installed("triton"):
        importlib.import_module("triton")


def clashes(cell: Cell) -> list[str]:
    """What can go wrong between the cell's frameworks and cannot be prevented any more.

    Asked before `check_environment`, which prevents what it can.
    """
    frameworks = {framework_of(block) for block in cell.blocks}
    late = "tensorflow" in sys.modules and "triton" not in sys.modules and is_installed("triton")
    if "torch" not in frameworks or not late:
        return []
    return [
        "TensorFlow was imported before triton: building a torch optimizer or torch.compile may abort this "
        "kernel. Restart it and write `import triton` above the import of Keras or TensorFlow."
    ]


class Scope:
    """An environment that is entered in one statement and left in another."""

    def __init__(self) -> None:
        self._stack = ExitStack()

    def enter(self, block: Block) -> None:
        """Set what the block asks for; `leave` first what was entered before."""
        self.leave()
        self._stack.enter_context(environment(block))

    def enter_shared(self, cell: Cell) -> None:
        """Set what the shared lines need."""
        self._stack.enter_context(shared_environment(cell))

    def leave(self) -> None:
        """Put everything back; a second call does nothing."""
        self._stack.close()
