"""What a saved plan tells of files: how they name each array, and the counts no row writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dualcell.coded import HostArray
from dualcell.frameworks.registry import model_adapter
from dualcell.weights.document import COUNTS, NAMES
from dualcell.weights.inventory import Inventory
from dualcell.weights.rows import Draft, is_count


def naming(source: Inventory, target: Inventory, kept: Mapping[str, HostArray]) -> dict[str, Any]:
    """The part of a saved plan that lets it convert files without the models.

    Args:
        source: what the plan reads.
        target: what it writes.
        kept: the target's numbers of steps that no row writes, see `uncopied_counts`.

    Returns:
        The names of each array in files where they are others than its path, and the counts.
    """
    names = {side: _names(each) for side, each in (("source", source), ("target", target))}
    return {NAMES: names, COUNTS: {name: int(value.__array__()) for name, value in kept.items()}}


def _names(side: Inventory) -> dict[str, list[str]]:
    adapter = model_adapter(side.model)
    known = {} if adapter is None else adapter.file_names(side.model)
    found = {path: known.get(id(array), []) for path, array in side.arrays.items()}
    return {path: names for path, names in found.items() if names not in ([], [path])}


def uncopied_counts(draft: Draft, target: Inventory) -> dict[str, Any]:
    """The target's arrays that count steps and that no row writes: a file of all its weights holds them too."""
    written = {row.target.array for row in draft.rows}
    counts = (weight.array for layer in target.layers for weight in layer.weights if is_count(layer, weight))
    return {name: target.arrays[name] for name in counts if name not in written}
