"""Where flattened feature maps meet layers: the order of their features, found from a Keras model's steps.

Keras flattens (height, width, channels), PyTorch (channels, height, width): so the layers
between a Flatten and the next Dense, and those before a Reshape into maps, hold their
features in another order. Steps go through layers of one feature axis alone unchanged.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from dualcell.weights.axes import Reshape, joined, transpose
from dualcell.weights.inventory import Layer, Weight
from dualcell.weights.kinds import feature_axes
from dualcell.weights.steps import Step, Trace

Segments = tuple[tuple[int, ...], ...]

_IMAGES = re.compile(
    r"(Depthwise|Separable)?Conv\dD(Transpose)?|(Max|Average|Adaptive\w+)Pool(ing)?\dD|UpSampling\dD|ZeroPadding\dD"
    r"|Cropping\dD|Resizing|SpatialDropout\dD|ConvLSTM\dD"
)
_SEQUENCES = ("Embedding", "LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional", "MultiHeadAttention", "Attention",
              "AdditiveAttention", "GroupedQueryAttention")  # fmt: skip
# their outputs are other features
_MIXING = ("Dense", "EinsumDense", "Embedding", "Matmul", "Einsum", "Dot", "Tensordot")
# of which nothing hangs on the order of the features
_REDUCING = ("Mean", "Sum", "Max", "Min", "Prod", "Var", "Std", "Norm", "Logsumexp")
# which put features, or what they are made of, in places that hang on their order
_PLACING = ("Roll", "Sort", "TopK", "Cumsum", "Cumprod")
_TURNING = ("Permute", "Transpose", "Moveaxis", "Swapaxes", "Einsum", "Rearrange")


@dataclass(frozen=True)
class Order:
    """The order of the features of a value: of one without space axes, or of those that were merged per step.

    Attributes:
        segments: see `axes.Features`; None if it cannot be told.
    """

    segments: Segments | None


_ONE = Order(((1,),))  # one number for all features


@dataclass(frozen=True)
class FeatureOrders:
    """For each layer of an inventory, by index, the order of the features it takes and gives.

    Attributes:
        inputs: before the layer.
        outputs: after it.
        maps: what it takes if that has space axes: `image`, `same` or `unknown`, see `_maps`.
    """

    inputs: dict[int, Order]
    outputs: dict[int, Order]
    maps: dict[int, str]


def feature_orders(trace: Trace) -> FeatureOrders:
    """Follow the maps through a model, backwards from what wants them and forwards from what makes them.

    What is added to flattened maps, or multiplied with them, must be in their order: the Dense that makes it is to
    give it so, and then everything is followed once more.
    """
    wanted = _wanted(trace)
    dense = {step.output for step in trace.steps if step.name == "Dense" and len(step.shapes[1]) == 2}
    while True:
        found, orders = _followed(trace, wanted)
        missing = _passed_back(trace, {**wanted, **_beside_merged(trace, orders)})
        missing = {value: order for value, order in missing.items() if value in dense and value not in wanted}
        if not missing:
            return found
        wanted |= missing


def _beside_merged(trace: Trace, orders: Mapping[int, Order]) -> dict[int, Segments]:
    """Values that meet flattened maps of one order, number for number: that order."""
    found: dict[int, Segments] = {}
    for step in trace.steps:
        if len(step.inputs) < 2 or step.name in _MIXING or step.name == "Concatenate" or len(step.shapes[1]) != 2:
            continue
        merged = {order.segments for value in step.inputs if _is_merged(order := orders.get(value, Order(())))}
        if len(merged) == 1 and (segments := merged.pop()):
            beside = (value for value in step.inputs if value in orders and orders[value] != _ONE)
            found |= dict.fromkeys(beside, segments)
    return found


def _followed(trace: Trace, wanted: Mapping[int, Segments]) -> tuple[FeatureOrders, dict[int, Order]]:
    """The orders of all layers, and of all values without space axes."""
    maps: dict[int, str] = {}
    orders: dict[int, Order] = {}
    spatial: set[int] = set()  # values with the features of maps
    bare: dict[int, int] = {}  # values that are weights, and the layers they are
    found = FeatureOrders({}, {}, {})
    for step in trace.steps:
        step = _without_weights(step, bare, found, maps, orders)
        maps[step.output] = _maps(step, maps)
        rank = len(step.shapes[1])
        merged = _merged(step, maps, orders, spatial) if rank > 2 else None
        if rank == 2:
            orders[step.output] = _order(step, maps, orders, wanted)
        elif merged is not None:
            orders[step.output] = merged
        if _is_spatial(step, maps, spatial):
            spatial.add(step.output)
        if step.stages and step.inputs and len(step.shapes[0]) > 2 and _is_merged(orders.get(step.inputs[0])):
            found.inputs.update((index, orders[step.inputs[0]]) for index in step.stages[0])
        for index in (index for stage in step.stages for index in stage):
            if step.inputs and len(step.shapes[0]) == 2:
                found.inputs[index] = orders.get(step.inputs[0], Order(_plain(step.shapes[0])))
            if step.inputs and len(step.shapes[0]) > 2:
                found.maps[index] = maps.get(step.inputs[0], "unknown")
            if rank == 2:
                found.outputs[index] = orders[step.output]
    return found, orders


def _without_weights(
    step: Step, bare: dict[int, int], found: FeatureOrders, maps: Mapping[int, str], orders: Mapping[int, Order]
) -> Step:
    """The step as if it took no weights that stand alone; notes what they are joined with."""
    if step.name == "get_attr":
        bare[step.output] = step.stages[0][0]
    weights = [value for value in step.inputs if value in bare]
    others = tuple(value for value in step.inputs if value not in bare)
    if weights and not others:
        bare[step.output] = bare[weights[0]]
    for index in (bare[value] for value in weights) if others else ():
        found.maps[index] = maps.get(others[0], "unknown")
        if others[0] in orders:
            found.inputs[index] = orders[others[0]]
    return replace(step, inputs=others)


def _plain(shape: tuple[Any, ...]) -> Segments:
    return ((int(shape[-1] or 0),),)


def _wanted(trace: Trace) -> dict[int, Segments]:
    """Values without space axes that become maps: the maps they become."""
    images: set[int] = set()
    channels_first: set[int] = set()
    wanted: dict[int, Segments] = {}
    for step in reversed(trace.steps):
        before, after = (len(shape) for shape in step.shapes)
        if _IMAGES.fullmatch(step.name):
            images.update(step.inputs)
            channels_first.update(step.inputs if getattr(step.source, "data_format", "") == "channels_first" else ())
        elif before == 2 and after > 2 and "Reshape" in step.name:
            sizes = tuple(size for size in step.shapes[1][1:] if size is not None)
            is_maps = (after > 3 or step.output in images) and step.output not in channels_first
            if is_maps and len(sizes) == after - 1:
                wanted[step.inputs[0]] = (sizes,)
        elif step.name not in (*_SEQUENCES, *_MIXING, *_TURNING):
            for kind in (images, channels_first):
                kind.update(step.inputs if step.output in kind and before == after else ())
    return _passed_back(trace, wanted)


def _passed_back(trace: Trace, wanted: Mapping[int, Segments]) -> dict[int, Segments]:
    """What is wanted of a value is wanted of what it is made of number for number."""
    found = dict(wanted)
    for step in reversed(trace.steps):
        is_same = len(step.shapes[0]) == len(step.shapes[1]) == 2 and len(step.inputs) == 1
        if is_same and step.output in found and step.name not in (*_SEQUENCES, *_MIXING, *_TURNING):
            found.setdefault(step.inputs[0], found[step.output])
    return found


def _maps(step: Step, maps: dict[int, str]) -> str:
    """What a value with space axes is: `image` (PyTorch has its channels first), `same` order, or `unknown`."""
    name = _name(step)
    if _IMAGES.fullmatch(name):
        return "same" if getattr(step.source, "data_format", "") == "channels_first" else "image"
    if name in _TURNING:
        return "unknown"
    if name in _SEQUENCES or len(step.shapes[1]) == 2:
        return "same"
    before, after = (len(shape) for shape in step.shapes)
    if not step.inputs:
        return "same" if after <= 3 else "unknown"
    if before == 2 and after > 2:
        return "image" if after > 3 else "same"
    if before != after and after > 2:
        return "unknown"
    kinds = {maps.get(value, "unknown") for value in step.inputs}
    return kinds.pop() if len(kinds) == 1 else "unknown"


def _name(step: Step) -> str:
    """What is called: of a layer that is called for each step of a sequence, that layer."""
    inner = getattr(step.source, "layer", None) if step.name == "TimeDistributed" else None
    return step.name if inner is None else type(inner).__name__


# --- features of a sequence that were merged from maps, step by step ---


def _is_spatial(step: Step, maps: dict[int, str], spatial: set[int]) -> bool:
    """Whether a value holds the features of maps, in whatever shape: layers that make new ones end that."""
    if len(step.shapes[1]) < 3 or maps[step.output] == "same" or (maps[step.output] != "image" and _makes(step)):
        return False
    return maps[step.output] == "image" or any(value in spatial for value in step.inputs) or not step.inputs


def _makes(step: Step) -> bool:
    """Whether the features of a value are other ones than those of the values it is made of."""
    name = _name(step)
    return name in _MIXING or name in _SEQUENCES or "Conv" in name


def _merged(step: Step, maps: dict[int, str], orders: dict[int, Order], spatial: set[int]) -> Order | None:
    """The order of features that the step merges from maps, or that were merged before; None if none were."""
    arriving = [orders[value] for value in step.inputs if _is_merged(orders.get(value))]
    before, after = step.shapes
    if len(arriving) == 1 and arriving[0].segments == (after[1:],):  # back in maps
        return None
    if arriving:
        return None if _makes(step) else _alike(step, arriving)
    if len(after) != 3 or not any(value in spatial for value in step.inputs) or before[-1] in (after[-1], 1):
        return None
    sizes = before[2:]
    if _name(step) == "Flatten" and maps.get(step.inputs[0]) == "image" and None not in sizes:
        return Order((tuple(int(size or 0) for size in sizes),))
    return Order(None) if _name(step) in ("Flatten", "Reshape") else None


def _alike(step: Step, arriving: list[Order]) -> Order:
    """What arrives in one order, and keeps its features, keeps that order."""
    kept = len(arriving) == len(step.inputs) and step.shapes[0][-1:] == step.shapes[1][-1:]
    return arriving[0] if kept and all(order == arriving[0] for order in arriving) else Order(None)


def _is_merged(order: Order | None) -> bool:
    return order is not None and not _is_plain(order)


def _order(step: Step, maps: dict[int, str], orders: dict[int, Order], wanted: Mapping[int, Segments]) -> Order:
    shape_in, shape_out = step.shapes
    plain = Order(_plain(shape_out))
    if len(shape_in) > 2:
        merged = [orders[value] for value in step.inputs if _is_merged(orders.get(value))]
        if merged and not _makes(step):
            return Order(None) if _flattens(step) else _alike(step, merged)
        return _flattened(step, maps) if _flattens(step) else plain
    if step.name in _REDUCING and shape_out[-1] == 1:
        return _ONE
    if step.name in _MIXING or step.name in _SEQUENCES or not step.inputs:
        return Order(wanted.get(step.output, plain.segments))
    arriving = [orders.get(value, plain) for value in step.inputs]
    if all(_is_plain(order) for order in arriving):
        return plain
    if step.name == "Concatenate":
        return _beside(arriving)
    if step.name in _PLACING:
        return Order(None)
    arriving = [order for order in arriving if order != _ONE]
    alike = shape_in[-1:] in (shape_out[-1:], (1,)) and all(order == arriving[0] for order in arriving)
    return arriving[0] if alike else Order(None)


def _flattens(step: Step) -> bool:
    """Whether a step merges all axes but the first: Flatten, and a Reshape that does the same."""
    sizes = step.shapes[0][1:]
    return None not in sizes and math.prod(size or 0 for size in sizes) == step.shapes[1][-1]


def _flattened(step: Step, maps: dict[int, str]) -> Order:
    sizes = tuple(int(size or 0) for size in step.shapes[0][1:])
    kind = maps.get(step.inputs[0], "unknown")
    if kind == "same" and getattr(step.source, "data_format", "") == "channels_first" and step.name == "Flatten":
        return Order(((*sizes[1:], sizes[0]),))  # Flatten brings the channels to the end first
    if kind == "unknown" and math.prod(sizes[:-1]) != 1 and sizes[-1] != 1:
        return Order(None)
    return Order((sizes,)) if kind == "image" else Order(((math.prod(sizes),),))


def _is_plain(order: Order) -> bool:
    return order.segments is not None and all(len(segment) == 1 for segment in order.segments)


def _beside(orders: Iterable[Order]) -> Order:
    segments: list[tuple[int, ...]] = []
    for order in orders:
        if order.segments is None:
            return order
        segments += order.segments
    return Order(tuple(segments))


# --- into the inventory ---


def in_order(index: int, layer: Layer, orders: FeatureOrders) -> Layer:
    """The layer with its flattened features brought into PyTorch's order, or with a doubt."""
    for side, found in (("inputs", orders.inputs), ("outputs", orders.outputs)):
        order = found.get(index)
        axes = feature_axes(layer.kind, side)
        if order is None or not axes or (side == "outputs" and feature_axes(layer.kind, "inputs") == axes):
            continue
        if layer.kind == "weight" and len(order.segments or ((), ())) == 1 and len((order.segments or ((),))[0]) == 1:
            continue  # nothing was flattened, so a bare weight may have any shape
        if layer.kind == "attention" and not _is_plain(order):
            order = Order(None)  # its own output has no such order
        if order.segments is None or not layer.fits_features(axes, order.segments):
            return replace(
                layer, doubt=_doubt(layer, "the model merges or moves axes there in a way that is not known")
            )
        layer = layer.with_features(axes, order.segments)
    if layer.kind == "dense" and orders.maps.get(index) == "image" and _merges(layer):
        return replace(layer, doubt=_doubt(layer, "it sums over axes of maps, whose order PyTorch may have otherwise"))
    if layer.kind == "weight" and orders.maps.get(index) == "image":
        return replace(layer, weights=tuple(map(_with_channels_first, layer.weights)))
    return _with_space(layer, orders.maps.get(index, "unknown"))


def _with_channels_first(weight: Weight) -> Weight:
    """A weight that is joined with maps, its channels brought before its space axes; unless it has none of these."""
    space = len(weight.canonical) - 1  # without axes of size 1
    if space < 1 or weight.shape[-1] == 1:
        return weight
    return replace(weight, move=joined(weight.move, transpose(space, *range(space))))


def _merges(layer: Layer) -> bool:
    """Whether a dense layer sums over several axes, or makes several: an EinsumDense."""
    return any(isinstance(step, Reshape) for step in layer.weights[0].move)


def _with_space(layer: Layer, maps: str) -> Layer:
    """A normalization over several axes: of maps the channels come first in PyTorch, of a sequence nothing moves."""
    if layer.kind not in ("layer_norm", "rms_norm") or len(layer.weights[0].shape) == 1 or maps == "image":
        return layer
    if maps == "unknown":
        reason = "it normalizes several axes, and the model's steps do not say whether the last are channels"
        return replace(layer, doubt=f"the order of the axes of {layer.path!r} is not known: {reason}")
    return replace(layer, weights=tuple(replace(weight, move=()) for weight in layer.weights))


def with_doubts(layers: Iterable[Layer]) -> Iterator[Layer]:
    """The layers of a model whose steps cannot be seen: one that may follow flattened maps gets a doubt."""
    channels = 0
    explained: set[int] = set()
    for layer in layers:
        kernel = layer.role("kernel") or layer.role("input_kernel")
        if kernel is not None and (layer.kind == "dense" or kernel.role == "input_kernel"):
            features = kernel.canonical[1]
            if channels > 1 and features > channels and features % channels == 0 and features not in explained:
                reason = f"the model's steps cannot be seen, and it may follow flattened maps of {channels} channels"
                layer = replace(layer, doubt=_doubt(layer, reason))
            state = layer.role("recurrent_kernel")
            units = kernel.canonical[0] if state is None else state.canonical[1]
            explained |= {units} if state is None else {units, 2 * units}  # alone, or in both directions
        elif kernel is not None and layer.kind.startswith("conv"):
            channels = kernel.canonical[1 if "transpose" in layer.kind else 0]
            explained.add(channels)
        yield _with_space(layer, "unknown")


def _doubt(layer: Layer, reason: str) -> str:
    return (
        f"the order of the features of {layer.path!r} is not known: {reason}. Say which maps were flattened, "
        f"height, width and channels, as in flatten={{{layer.path!r}: (7, 7, 512)}}, or None if none were"
    )
