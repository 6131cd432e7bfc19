"""PyTorch's default initializers for the layers that a block of Keras makes: Keras 3 and `tf_keras`.

The library comes as an argument, so that neither is imported here.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import Any
from weakref import ref

from dualcell.weights.fans import fans_of

# the arguments of a layer that is made -> the initializer
Make = Callable[[Any, Mapping[str, Any], Any], Any]


@contextmanager
def torch_defaults(library: Any) -> Generator[None]:
    """As long as it lasts, layers that are made get what PyTorch gives their kind, where code names no initializer.

    Dense, convolutions: kaiming_uniform(a=√5) and U(±1/√fan_in). Recurrent layers:
    U(±1/√units), and no ones in the forget gate; their one bias is drawn like one of
    PyTorch's two. Embeddings: N(0, 1). PReLU: 0.25. Attention keeps what Keras gives it.

    Args:
        library: `keras` or `tf_keras`.
    """
    kinds = {getattr(library.layers, name): row for name, row in _DRAWN.items() if hasattr(library.layers, name)}
    before = [(kind, vars(kind)["__init__"]) for kind in kinds if "__init__" in vars(kind)]
    try:
        for kind, original in before:
            kind.__init__ = _instead(original, kinds[kind], library)
        yield
    finally:
        for kind, original in before:
            kind.__init__ = original


def _instead(original: Any, row: Mapping[str, Make], library: Any) -> Any:
    """The constructor, with PyTorch's initializers where none are given."""
    signature = inspect.signature(original)

    @wraps(original)
    def made(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            bound = signature.bind(self, *args, **kwargs)
        except TypeError:  # the constructor itself says what is wrong
            original(self, *args, **kwargs)
            return
        given = bound.arguments | bound.arguments.get("kwargs", {})
        bound.apply_defaults()
        missing = {
            name: make(library, bound.arguments, self)
            for name, make in row.items()
            if name in signature.parameters and name not in given
        }
        original(self, *args, **kwargs, **missing)

    wrapper: Any = made
    wrapper.__signature__ = signature  # which Keras reads when it makes a layer
    return wrapper


def _kernel(library: Any, arguments: Mapping[str, Any], layer: Any) -> Any:
    return library.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")


def _places(arguments: Mapping[str, Any], layer: Any) -> int:
    """Of a depthwise kernel: all that PyTorch counts for its fan_in."""
    size = arguments["kernel_size"]
    if not isinstance(size, int):
        return math.prod(size)
    return size ** int(next(letter for letter in reversed(type(layer).__name__) if letter.isdigit()))


def _depthwise(library: Any, arguments: Mapping[str, Any], layer: Any) -> Any:
    return _uniform(library, _places(arguments, layer))


def _by_units(library: Any, arguments: Mapping[str, Any], layer: Any) -> Any:
    return _uniform(library, arguments["units"])


def _uniform(library: Any, fan: int) -> Any:
    """U(±1/√fan)."""
    bound = 1 / math.sqrt(max(1, fan))
    return library.initializers.RandomUniform(-bound, bound)


def _bias(library: Any, arguments: Mapping[str, Any], layer: Any) -> Any:
    return _bias_by(library, layer, _fan_in)


def _depthwise_bias(library: Any, arguments: Mapping[str, Any], layer: Any) -> Any:
    return _depthwise(library, arguments, layer)


def _bias_by(library: Any, layer: Any, fan_in: Callable[[Any], int]) -> Any:
    """U(±1/√fan_in), where fan_in is the kernel's, which the layer makes first."""
    made = ref(layer)

    class BiasByKernel(library.initializers.Initializer):
        """Draws once, and leaves the layer the initializer it has drawn by."""

        def __call__(self, shape: Any, dtype: Any = None, **options: Any) -> Any:
            layer = made()
            own = _uniform(library, fan_in(layer) if layer is not None else 1)
            if layer is not None:
                layer.bias_initializer = own
            return own(shape, dtype=dtype, **options)

        def get_config(self) -> dict[str, Any]:
            return {}

    return BiasByKernel()


def _fan_in(layer: Any) -> int:
    """As PyTorch counts it: of the last kernel that the layer has made so far."""
    shape = tuple(layer.weights[-1].shape)
    equation = getattr(layer, "equation", "")
    if "->" not in equation:
        return fans_of("keras", shape)[0]
    result = equation.split("->")[1]
    kernel = equation.split("->")[0].partition(",")[2].strip()
    return math.prod(size for name, size in zip(kernel, shape, strict=True) if name not in result)


def _normal(library: Any, arguments: Mapping[str, Any], layer: Any) -> Any:
    return library.initializers.RandomNormal(stddev=1.0)


def _quarter(library: Any, arguments: Mapping[str, Any], layer: Any) -> Any:
    return library.initializers.Constant(0.25)


def _off(library: Any, arguments: Mapping[str, Any], layer: Any) -> Any:
    return False


_WITH_KERNEL: Mapping[str, Make] = {"kernel_initializer": _kernel, "bias_initializer": _bias}
_RECURRENT: Mapping[str, Make] = {
    "kernel_initializer": _by_units,
    "recurrent_initializer": _by_units,
    "bias_initializer": _by_units,
    "unit_forget_bias": _off,
}
# class -> argument -> what PyTorch draws
_DRAWN: Mapping[str, Mapping[str, Make]] = {
    **dict.fromkeys(("Dense", "EinsumDense"), _WITH_KERNEL),
    **{f"Conv{rank}D{kind}": _WITH_KERNEL for rank in (1, 2, 3) for kind in ("", "Transpose")},
    **{
        f"DepthwiseConv{rank}D": {"depthwise_initializer": _depthwise, "bias_initializer": _depthwise_bias}
        for rank in (1, 2)
    },
    **{
        f"SeparableConv{rank}D": {
            "depthwise_initializer": _depthwise, "pointwise_initializer": _kernel, "bias_initializer": _bias,
        }
        for rank in (1, 2)
    },
    **{f"{name}{cell}": _RECURRENT for name in ("SimpleRNN", "GRU", "LSTM") for cell in ("", "Cell")},
    "Embedding": {"embeddings_initializer": _normal},
    "PReLU": {"alpha_initializer": _quarter},
}  # fmt: skip
