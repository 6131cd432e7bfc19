"""Sizes that a `forward` asks of its tensors, as numbers where its layers tell them: `with_sizes`.

In `b, n, c = x.shape` before `self.qkv(x)` the last is how many features `qkv` takes. So
`c // heads` and `y[..., :c]` are numbers, which say where a result is cut.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import torch.fx

from dualcell.frameworks.torch_stand_ins import RANK, name_of

Ends = tuple[int | None, int | None]  # how many features a module takes and gives along the last axis


def with_sizes(graph: torch.fx.Graph, modules: Mapping[str, Any]) -> None:
    """Put numbers in the place of sizes that follow from the layers; other sizes stay.

    Args:
        graph: what `forward` does.
        modules: those it calls, by name.
    """
    features = _features(graph, modules)
    sizes: dict[Any, int] = {}

    def known(node: Any) -> Any:
        return sizes.get(node, node)

    for node in graph.nodes:
        if sizes:
            node.args, node.kwargs = (torch.fx.map_arg(each, known) for each in (node.args, node.kwargs))
        size = _size(node, features)
        if size is not None:
            sizes[node] = size


def _features(graph: torch.fx.Graph, modules: Mapping[str, Any]) -> dict[Any, int]:
    """How many features values have along their last axis, where that is known."""
    found: dict[Any, int] = {}
    for node in graph.nodes:
        taken = node.args[0] if node.args and isinstance(node.args[0], torch.fx.Node) else None
        if node.op == "call_module":
            given, made = _ends(modules[node.target])
            if given and taken is not None:
                found.setdefault(taken, given)
            if made:
                found[node] = made
        kept = node.all_input_nodes if name_of(node) in _SUMS or _keeps(node, modules) else []
        known = {found[each] for each in kept if each in found} - {1}
        if len(known) == 1:
            found.setdefault(node, known.pop())
    return found


def _ends(module: Any) -> Ends:
    if isinstance(module, torch.nn.Linear):
        return module.in_features, module.out_features
    if isinstance(module, torch.nn.LayerNorm | torch.nn.RMSNorm):
        return module.normalized_shape[-1], module.normalized_shape[-1]
    return None, module.embedding_dim if isinstance(module, torch.nn.Embedding) else None


def _keeps(node: Any, modules: Mapping[str, Any]) -> bool:
    return node.op == "call_module" and type(modules[node.target]) in _KEEPING


def _size(node: Any, features: Mapping[Any, int]) -> int | None:
    """The number that a node is; None if it is none, or one that nobody knows."""
    operation = _OPERATIONS.get(name_of(node))
    if operation is not None and len(node.args) == 2 and all(type(each) is int for each in node.args):
        return operation(*node.args) if node.args[1] or operation in _WITH_ZERO else None
    asked: Any = node.args[0] if node.args else None
    index = node.args[1] if len(node.args) > 1 else None
    if name_of(node) == "getitem" and _is_shape(asked):
        rank = asked.meta.get(RANK)
        return features.get(asked.args[0]) if index in (-1, rank and rank - 1) else None
    return features.get(asked) if name_of(node) == "size" and index == -1 else None


def _is_shape(node: Any) -> bool:
    if not isinstance(node, torch.fx.Node):
        return False
    return (name_of(node) == "getattr" and node.args[1] == "shape") or (
        name_of(node) == "size" and len(node.args) == 1 and not node.kwargs
    )


_SUMS = ("add", "iadd")
_KEEPING = {torch.nn.Dropout, torch.nn.Identity, torch.nn.ReLU, torch.nn.GELU, torch.nn.SiLU, torch.nn.Tanh}
_OPERATIONS: Mapping[str, Callable[[int, int], int]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "floordiv": operator.floordiv, "mod": operator.mod,
}  # fmt: skip
_WITH_ZERO = (operator.add, operator.sub, operator.mul)
