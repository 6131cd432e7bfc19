"""Large files of weights, converted between Keras and PyTorch by a saved plan: memory, and time against a copy."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import dualcell
from benchmarks.harness import Scale, fresh_process
from benchmarks.tables import Row, Table, at_most, not_measured

LIMIT_MEMORY = 64.0  # MB, however large the arrays are
LIMIT_COPIES = 4.0  # a copy moves no axes

NOTE = """\
A network of convolutions and dense layers, {size} in one file, its largest array {largest}: saved by Keras or by \
PyTorch, converted by a saved plan into a file of the other. *Memory* is the highest rise of anonymous memory in a \
fresh process that has imported h5py or torch, in MB of 10⁶ bytes. *Time* is set against copying the same file; both \
are flushed to the disk, and the source is in the page cache."""


def run(scale: Scale) -> Table:
    """Two rows for each kind of source."""
    width = 8192 if scale.rounds > 2 else 256
    with tempfile.TemporaryDirectory() as folder:
        sources = _saved(Path(folder), width)
        size = sources["Keras' `.weights.h5` to `.safetensors`"][0].stat().st_size
        rows = [row for what, files in sources.items() for row in _rows(what, files)]
    return Table("Conversion of files", NOTE.format(size=f"{size / 1e9:.3g} GB", largest=_mb(4 * width * width)), rows)


def _mb(size: int) -> str:
    return f"{size / 1e6:,.3g} MB"


def _rows(what: str, files: tuple[Path, Path, Path]) -> list[Row]:
    if not Path("/proc/self/status").exists():
        return [not_measured(what, "it needs Linux's /proc")]
    found = fresh_process("conversion", *map(str, files))
    details = f"{found['seconds']:.3g} s against {found['copy']:.3g} s"
    return [
        at_most(f"{what}, memory", found["rise"] / 1e6, LIMIT_MEMORY, " MB"),
        at_most(f"{what}, time to a copy", found["seconds"] / found["copy"], LIMIT_COPIES, "x", details=details),
    ]


def _saved(folder: Path, width: int) -> dict[str, tuple[Path, Path, Path]]:
    """What is converted -> the source, the target and the plan."""
    import torch
    from safetensors.torch import save_file

    model, net = _models(width)
    keras_to_torch, torch_to_keras = folder / "there.json", folder / "back.json"
    dualcell.plan_weights(model, net).save(keras_to_torch)
    dualcell.plan_weights(net, model).save(torch_to_keras)
    files = {name: folder / name for name in ("m.weights.h5", "m.keras", "n.safetensors", "n.pt")}
    model.save_weights(files["m.weights.h5"])
    model.save(files["m.keras"])
    save_file(net.state_dict(), files["n.safetensors"])
    torch.save(net.state_dict(), files["n.pt"])
    there, back = (folder / "to.safetensors", keras_to_torch), (folder / "to.weights.h5", torch_to_keras)
    return {
        "Keras' `.weights.h5` to `.safetensors`": (files["m.weights.h5"], *there),
        "Keras' `.keras` to `.safetensors`": (files["m.keras"], *there),
        "`.safetensors` to Keras' `.weights.h5`": (files["n.safetensors"], *back),
        "`.pt` to Keras' `.weights.h5`": (files["n.pt"], *back),
    }


def _models(width: int) -> tuple[Any, Any]:
    """One network, written twice; values that are no constants."""
    import keras
    import torch
    from torch import nn

    narrow = width // 8
    model = keras.Sequential(
        [
            keras.Input((8, 8, narrow)),
            *(keras.layers.Conv2D(narrow, 3, kernel_initializer="zeros") for _ in range(3)),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(width, kernel_initializer="zeros"),
            *(keras.layers.Dense(width, kernel_initializer="zeros") for _ in range(4)),
        ]
    )
    random = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(random.random(weight.shape, np.float32))
    torch.manual_seed(0)
    convolutions = [nn.Conv2d(narrow, narrow, 3) for _ in range(3)]
    dense = [nn.Linear(narrow, width), *(nn.Linear(width, width) for _ in range(4))]
    return model, nn.Sequential(*convolutions, nn.AdaptiveAvgPool2d(1), nn.Flatten(), *dense)
