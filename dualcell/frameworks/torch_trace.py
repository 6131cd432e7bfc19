"""The steps of a torch module, seen by torch.fx: its `forward` runs on stand-ins that hold no values."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import torch.fx

from dualcell.frameworks.torch_sizes import with_sizes
from dualcell.frameworks.torch_stand_ins import SHAPES, graphs_of, name_of
from dualcell.weights.inventory import Layer
from dualcell.weights.steps import Stages, Step, Trace, attended, detail_of, flow_of, index_of, is_split, window_of


def trace(model: Any, layers: Sequence[Layer], names: Mapping[int, str]) -> Trace | None:
    """The steps of a module, or None if its `forward` cannot run on stand-ins.

    Args:
        model: the module.
        layers: what it holds; `stages` speaks of them by index.
        names: id of a parameter or buffer -> its name in `layers`.
    """
    stages, bare = _stages(layers), _bare(layers)
    found = [_steps(*seen, stages, bare, names) for seen in graphs_of(model, {*stages})]
    if None in found or len({_wiring(each, layers) for each in found if each}) != 1:
        return None  # it cannot be run on them, or does one thing or another by their shapes
    return found[0]


def _wiring(trace: Trace, layers: Sequence[Layer]) -> Hashable:
    """What feeds what, whatever else is done with it."""
    flow = flow_of(trace, layers)
    return flow.before, flow.order, flow.turned, tuple(tuple(part.makers for part in join) for join in flow.joins)


def _stages(layers: Sequence[Layer]) -> dict[int, Stages]:
    """A module, by its id, -> the layers it holds, stage by stage; both directions of one layer are one stage."""
    found: dict[int, list[tuple[int, ...]]] = {}
    for index, layer in enumerate(layers):
        if layer.kind in ("weight", "counter"):
            continue
        stages = found.setdefault(id(layer.source), [])
        if layer.variant == "backward" and stages:
            stages[-1] += (index,)
        else:
            stages.append((index,))
    return {module: tuple(stages) for module, stages in found.items()}


def _bare(layers: Sequence[Layer]) -> dict[str, int]:
    """Name of an array -> the layer it is in."""
    return {weight.array: index for index, layer in reversed([*enumerate(layers)]) for weight in layer.weights}


def _steps(
    model: torch.nn.Module, graph: torch.fx.Graph, stages: Mapping[int, Stages], arrays: Mapping[str, int],
    names: Mapping[int, str],
) -> Trace | None:  # fmt: skip
    modules = dict(model.named_modules())
    with_sizes(graph, modules)
    numbers = {node: number for number, node in enumerate(graph.nodes)}
    steps: list[Step] = []
    results: tuple[int, ...] = ()
    for node in graph.nodes:
        inputs = tuple(numbers[each] for each in _taken(node))
        if node.op == "output":
            results = inputs
        elif node.op == "placeholder":
            steps.append(Step("input", (), numbers[node], given=node.target if node.users else ""))
        elif node.op == "call_module":
            module = modules[node.target]
            held = stages.get(id(module), ())
            if not held and any(True for _ in module.parameters()):
                return None  # torch's own containers of layers, that fx does not go into
            window = window_of(getattr(module, "kernel_size", None)) if "Pool" in type(module).__name__ else ""
            step = Step(
                type(module).__name__, inputs, numbers[node], held, window=window, literal=_settings(module),
                sizes=tuple(getattr(module, "unflattened_size", ())),
            )  # fmt: skip
            steps.append(step)
        elif node.op == "get_attr":
            index = arrays.get(names.get(id(_attribute(model, node.target)), ""))
            steps.append(Step("get_attr", inputs, numbers[node], () if index is None else ((index,),)))
        elif (state := _last_of_both(node, modules)) is not None:
            steps.append(Step("contiguous", (numbers[state],), numbers[node]))
        elif name_of(node) == "scaled_dot_product_attention" and len(inputs) >= 3:
            made = attended(inputs[0], inputs[1], inputs[2], count(len(numbers) + len(steps)).__next__)
            steps += [*made[:-1], replace(made[-1], output=numbers[node])]
        else:
            steps.append(_call(node, inputs, numbers[node], modules))
    return Trace(tuple(steps), results)


def _call(node: Any, inputs: tuple[int, ...], output: int, modules: Mapping[str, Any]) -> Step:
    name = name_of(node)
    if name == "getattr":
        name = str(node.args[1])
    detail = detail_of(name, node.args)
    if name == "getitem" and isinstance(node.args[1], int) and is_split(name_of(node.args[0])):
        detail = f"part {node.args[1]}"
    window = window_of(_argument(node, 1, "kernel_size")) if "pool" in name and "adaptive" not in name else ""
    return Step(
        name, inputs, output, blind=name in SHAPES, detail=detail, window=window, literal=_literal(node),
        index=_index(node, modules) if name == "getitem" and not detail.startswith("part") else "",
        sizes=_sizes(node, name),
    )  # fmt: skip


def _sizes(node: Any, name: str) -> tuple[int | None, ...]:
    """The new shape that a reshape was given."""
    if name not in ("view", "reshape", "unflatten"):
        return ()
    given = node.args[2 if name == "unflatten" else 1 :]
    listed = given[0] if len(given) == 1 and isinstance(given[0], (tuple, list)) else given
    return tuple(size if isinstance(size, int) else None for size in listed)


def _index(node: Any, modules: Mapping[str, Any]) -> str:
    """What an index picks; of a recurrent layer's results the output says nothing, and states have numbers."""
    taken, index = node.args
    if _is(taken, modules, torch.nn.LSTM) and index == 1:
        return ""  # both its states
    if _is(taken, modules, torch.nn.RNNBase):
        return f"state {index}" if index else ""
    outer = taken.args[0] if name_of(taken) == "getitem" else None
    if outer is not None and _is(outer, modules, torch.nn.LSTM) and taken.args[1] == 1:
        return f"state {1 + index}"
    if (
        outer is not None
        and _index(taken, modules).startswith("state")
        and index in (0, -1)
        and _is_single(outer, modules)
    ):
        return ""  # of one layer in one direction there is one
    return index_of(index)


def _last_of_both(node: Any, modules: Mapping[str, Any]) -> Any:
    """The state of which a call joins the last layer's both directions, forward first, as Keras does; else None."""
    if (
        name_of(node) not in ("cat", "concat", "concatenate")
        or not node.args
        or not isinstance(node.args[0], (list, tuple))
    ):
        return None
    taken = [each for each in node.args[0] if isinstance(each, torch.fx.Node) and name_of(each) == "getitem"]
    if len(taken) != 2 or len(node.args[0]) != 2 or taken[0].args[0] is not taken[1].args[0]:
        return None
    state = taken[0].args[0]
    if name_of(state) != "getitem" or not _index(state, modules).startswith("state"):
        return None
    places = [index[0] if isinstance(index, tuple) else index for index in (each.args[1] for each in taken)]
    return state if places in _both_of(state, modules) else None


def _both_of(state: Any, modules: Mapping[str, Any]) -> list[list[int]]:
    """The places in a state of the last layer's two directions; none if it has one."""
    while name_of(state) == "getitem":
        state = state.args[0]
    module = modules[state.target]
    if not module.bidirectional:
        return []
    return [[-2, -1], [2 * module.num_layers - 2, 2 * module.num_layers - 1]]


def _is_single(node: Any, modules: Mapping[str, Any]) -> bool:
    """Whether a state is that of one layer, in one direction."""
    while name_of(node) == "getitem":
        node = node.args[0]
    return modules[node.target].num_layers == 1 and not modules[node.target].bidirectional


def _is(node: Any, modules: Mapping[str, Any], kind: type) -> bool:
    return node.op == "call_module" and isinstance(modules[node.target], kind)


def _taken(node: Any) -> list[Any]:
    """The values a call takes, in the order of its arguments, each as often as it takes it."""
    taken: list[Any] = []
    torch.fx.map_arg((node.args, node.kwargs), taken.append)
    return taken


def _literal(node: Any) -> str:
    """The arguments of a call that are no values of the model."""
    args, kwargs = torch.fx.map_arg((node.args, dict(node.kwargs)), lambda _: _VALUE)
    return f"{args} {kwargs}"


def _settings(module: Any) -> str:
    try:
        return module.extra_repr()
    except Exception:  # the user's own, for show
        return ""


_VALUE = "_"


def _argument(node: Any, place: int, name: str) -> Any:
    return node.args[place] if len(node.args) > place else node.kwargs.get(name)


def _attribute(model: Any, path: str) -> Any:
    value = model
    for step in path.split("."):
        value = getattr(value, step, None)
    return value
