"""A weight of an inventory -> the ways its fans can be counted: `Sizes` for the formulas of initializers.

A framework counts them from the shape alone, so it counts those of a packed, transposed or
depthwise weight in a way of its own. That way comes first; the ways of others follow.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from dualcell.distributions import Sizes
from dualcell.weights.inventory import Layer, Shape, Weight

_RECURRENT = {"rnn": 1, "lstm": 4, "gru": 3, "gru_reset_before": 3}  # kind -> its gates


def sizes_of(framework: str, layer: Layer, weight: Weight) -> tuple[Sizes, ...]:
    """How the fans of a weight can be counted, the framework's own way first; those of a bias are its kernel's.

    Examples:
        >>> kernel = Weight("kernel", "dense/kernel", (100, 250), "float32")
        >>> sizes_of("keras", Layer("dense", "dense", (kernel,)), kernel)
        (Sizes(fan_in=100, fan_out=250, hidden=None, of=''),)
    """
    shape, hidden = weight.whole, _hidden(layer)  # initializers see no parts
    if layer.native == "Bilinear":  # PyTorch draws both of its weights by the first input alone
        return (Sizes(layer.source.in1_features, layer.source.out_features, None, "the first input"),)
    found = [Sizes(*fans_of(framework, shape), hidden, of) for shape, of in _ways(framework, layer, weight, shape)]
    if len(shape) < 2:
        kernel = _kernel(layer)
        if kernel is not None and kernel is not weight and hidden is None:
            found = [_of_kernel(sizes) for sizes in sizes_of(framework, layer, kernel)] + found
        computed = _computed_kernel(layer) if framework == "torch" and weight.name.endswith("bias") else None
        if computed is not None:
            found = [_of_kernel(Sizes(*fans_of(framework, computed))), *found]
    found = found + _by_equation(layer, shape, hidden) or [Sizes(hidden=hidden)]
    unlike = {(one.fan_in, one.fan_out): one for one in reversed(found)}
    return tuple(one for one in found if unlike[one.fan_in, one.fan_out] is one)


def _of_kernel(sizes: Sizes) -> Sizes:
    return replace(sizes, of=f"the kernel ({sizes.of})" if sizes.of else "the kernel")


def gates_of(layer: Layer) -> int:
    """How many gates a recurrent layer has; 1 for other layers."""
    return _RECURRENT.get(layer.kind, 1)


def fans_of(framework: str, shape: Shape) -> tuple[int, int]:
    """(fan_in, fan_out) as a framework counts them from a shape.

    Keras takes the last axis for the outputs and the one before for the inputs
    (`compute_fans`), PyTorch the first and the second (`_calculate_fan_in_and_fan_out`);
    both multiply by the others. Of one axis Keras takes both.

    Examples:
        >>> fans_of("keras", (2, 2, 25, 64)), fans_of("torch", (64, 25, 2, 2))
        ((100, 256), (100, 256))
    """
    if len(shape) < 2:
        size = shape[0] if shape else 1
        return size, size
    if framework == "torch":
        places = math.prod(shape[2:])
        return shape[1] * places, shape[0] * places
    places = math.prod(shape[:-2])
    return shape[-2] * places, shape[-1] * places


def _ways(framework: str, layer: Layer, weight: Weight, shape: Shape) -> Iterator[tuple[Shape, str]]:
    """The shapes that fans can be counted of, and what they are of."""
    if len(shape) < 2:
        if framework != "torch":  # whose initializers refuse one axis
            yield shape, ""
        return
    yield shape, ""
    gates = gates_of(layer)
    if gates > 1:
        axis = 0 if framework == "torch" else len(shape) - 1
        yield (*shape[:axis], shape[axis] // gates, *shape[axis + 1 :]), "one gate"
    if weight.part[1] > 1:
        yield weight.shape, f"one of the {weight.part[1]} parts"
    canonical = weight.canonical
    if layer.kind.startswith("conv") and len(shape) > 2 and canonical[1] == 1 and "transpose" not in layer.kind:
        if framework != "torch":  # as PyTorch counts a depthwise kernel, and as Keras does
            yield (*canonical[2:], 1, canonical[0]), "one channel"
        elif (groups := int(getattr(layer.source, "groups", 1))) > 1:
            yield (shape[0] // groups, groups, *shape[2:]), "all channels"


def _hidden(layer: Layer) -> int | None:
    """Units of a recurrent layer, however large the state is that it feeds back."""
    if layer.kind in _RECURRENT:
        kernel = layer.role("input_kernel")
        return kernel.canonical[0] // _RECURRENT[layer.kind] if kernel is not None else None
    ours = any(kind.__name__ in ("RNNBase", "RNNCellBase") for kind in type(layer.source).__mro__)
    return int(layer.source.hidden_size) if ours else None


def _kernel(layer: Layer) -> Weight | None:
    """The weight whose fans its layer's biases are drawn by."""
    return next((weight for weight in layer.weights if len(weight.shape) > 1), None)


def _computed_kernel(layer: Layer) -> Shape | None:
    """The shape of PyTorch's kernel where that is computed from other tensors (pruned, or with its norm apart)."""
    module = layer.source
    if layer.kind != "weight":
        return None
    if hasattr(module, "in_features") and hasattr(module, "out_features"):
        return module.out_features, module.in_features
    if not hasattr(module, "in_channels") or not hasattr(module, "kernel_size"):
        return None
    ends = (module.in_channels, module.out_channels) if module.transposed else (module.out_channels, module.in_channels)
    return (ends[0], ends[1] // module.groups, *module.kernel_size)


def _by_equation(layer: Layer, shape: Shape, hidden: int | None) -> list[Sizes]:
    """The fans of a kernel of several axes that a Keras layer multiplies by an equation; Keras counts so from 3.15 on.

    The kernels of attention layers are known to lie as (inputs, heads, size) or (heads, size, outputs).
    """
    if layer.kind == "attention" and len(shape) > 2:
        kernels = {weight.whole: weight.canonical for weight in layer.weights if len(weight.canonical) == 2}
        if shape in kernels:
            outputs, inputs = kernels[shape]
            return [Sizes(inputs, outputs, hidden, "the matrix product")]
    equation = getattr(layer.source, "equation", None)
    if not isinstance(equation, str) or "->" not in equation:
        return []
    operands, result = equation.replace(" ", "").replace("...", "").split("->")
    left, _, kernel = operands.partition(",")
    if len(kernel) != len(shape):  # a bias
        shape = tuple(getattr(getattr(layer.source, "kernel", None), "shape", ()))
    if len(kernel) != len(shape):
        return []
    axes = dict(zip(kernel, shape, strict=True))
    inputs = math.prod(size for name, size in axes.items() if name in left and name not in result)
    outputs = math.prod(size for name, size in axes.items() if name in result and name not in left)
    return [Sizes(inputs, outputs, hidden, "the matrix product")]
