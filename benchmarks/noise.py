"""`--noise` on models that hold the same weights, and on the same models with a fault in one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import torch
from IPython.core.interactiveshell import InteractiveShell

import dualcell
from benchmarks.harness import FULL, Scale
from benchmarks.tables import Row, Table, at_least, at_most
from dualcell.noise import FAULT, ROUNDING, Noise
from tests.zoo.by_hand import moved
from tests.zoo.entry import Entry, filled, load, weights_of
from tests.zoo.models import ENTRIES

LARGE = ("ResNet50", "MobileNetV2", "VGG16", "DenseNet121", "EfficientNetB0", "ConvNeXtTiny")
RUNS = 3
CELL = f"""\
%%dual y --noise {RUNS}
image = entry.input()
# --- keras ---
y = keras_model(image, training=False)
# --- torch ---
y = entry.to_keras(module(entry.to_torch(image)).detach().numpy());
"""
NOTE = """\
Each model of the zoo in Keras and in PyTorch with the same weights (the largest of {entries}), run by \
`%%dual y --noise {runs}`: *healthy* as it is; then with a fault in the PyTorch module, one at a time: every epsilon \
ten times as large, every second number of one kernel times 1.0001 (not every one, which a normalisation after it \
would undo), one bias 0.0001 further. The figure is drift over noise; up to {rounding:g} is called rounding, from \
{fault:g} on a fault, and what lies between `unclear`."""


def run(scale: Scale) -> Table:
    """A row for the healthy models, and one for each fault."""
    chosen = [entry for entry in ENTRIES if entry.name not in LARGE]
    entries = list(ENTRIES) if scale is FULL else list(islice(chosen, 2))
    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "dualcell")
    found: dict[str, list[tuple[str, Noise]]] = {}
    with torch.no_grad():
        for entry in entries:
            for fault, noise in _measured(shell, entry):
                found.setdefault(fault, []).append((entry.name, noise))
    note = NOTE.format(entries=len(entries), runs=RUNS, rounding=ROUNDING, fault=FAULT)
    return Table("Noise", note, [_row(fault, noises) for fault, noises in found.items()])


def _measured(shell: Any, entry: Entry) -> Iterator[tuple[str, Noise]]:
    model = filled(entry)
    weights = moved(entry.copies, weights_of(model))
    for name, plant in FAULTS.items():
        module = entry.torch().eval()
        load(module, weights)
        if plant(module):
            shell.push({"entry": entry, "keras_model": model, "module": module})
            done = shell.run_cell(CELL, silent=True)
            done.raise_error()
            result = dualcell.last_result()
            assert result is not None  # noqa: S101 - a cell has just run
            noise = result["y"].noise
            assert noise is not None, result  # noqa: S101 - and it asked for it
            yield name, noise


def _row(fault: str, found: list[tuple[str, Noise]]) -> Row:
    ratios = sorted((noise.ratio, name) for name, noise in found)
    (low, least), (high, most) = ratios[0], ratios[-1]
    details = f"{low:.2g} ({least}) to {high:.2g} ({most}), of {len(found)} models"
    called = [noise.verdict for _, noise in found]
    if fault == "healthy":
        share = sum(verdict in ("same", "rounding") for verdict in called) / len(called)
        return at_least("healthy, called rounding", share, 1.0, "", details=details)
    kinds = ", ".join(f"{called.count(verdict)} `{verdict}`" for verdict in dict.fromkeys(called))
    return at_most(f"{fault}, called rounding", called.count("rounding"), 0, "", details=f"{details}: {kinds}")


# --- faults: each says whether the module has a place for it ---


def _larger_epsilon(module: torch.nn.Module) -> bool:
    found = [one for one in module.modules() if isinstance(getattr(one, "eps", None), float)]
    for one in found:
        setattr(one, "eps", 10 * one.eps)  # noqa: B010 - modules have no such attribute for type checkers
    return bool(found)


def _longer_weight(module: torch.nn.Module) -> bool:
    weights = [tensor for tensor in module.parameters() if tensor.ndim > 1]
    weights[len(weights) // 2].reshape(-1)[::2] *= 1.0001
    return True


def _other_bias(module: torch.nn.Module) -> bool:
    biases = [tensor for name, tensor in module.named_parameters() if name.endswith("bias")]
    if biases:
        biases[-1].reshape(-1)[0] += 1e-4
    return bool(biases)


FAULTS: dict[str, Callable[[torch.nn.Module], bool]] = {
    "healthy": lambda module: True,
    "epsilon times 10": _larger_epsilon,
    "half a kernel times 1.0001": _longer_weight,
    "a bias plus 0.0001": _other_bias,
}
