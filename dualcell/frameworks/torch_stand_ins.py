"""A torch module -> what its `forward` does, run on stand-ins that hold no values: `graphs_of`.

Stand-ins are those of torch.fx, which has no answer to a question about shapes, as in
`assert x.shape[1] == 8` or `if x.dim() == 1`. Here such questions are answered with no, and
where that ends in an error with yes; and once more the other way round, to see whether the
answers decide anything.
"""

from __future__ import annotations

import dis
import math
import operator
from collections.abc import Iterator
from functools import cache
from inspect import Parameter, currentframe, signature
from threading import RLock
from types import CodeType, FrameType
from typing import Any, cast

import torch.fx
from torch.fx.proxy import TraceError

from dualcell.frameworks.keeping import unchanged
from dualcell.frameworks.torch_transformers import PLAIN

SHAPES = ("shape", "size", "dim", "ndim", "len", "device", "dtype", "numel")  # what is asked of a value without values
_QUIET = (*SHAPES, "is_cuda", "requires_grad", "is_contiguous", "is_floating_point", "layout", "stride", "ndimension")
RANK = "dualcell rank"  # in the notes of what a shape was asked of: how many sizes it was unpacked to
_LOCK = RLock()  # torch.fx puts functions of its own into torch while it looks, for all threads
_RUNS = 32  # of a forward, at most
_QUESTIONS = 1000  # in one of them
_FILLED = (torch.zeros, torch.ones, torch.empty, torch.full, torch.rand, torch.randn, torch.eye, torch.linspace)


Place = tuple[CodeType, int]  # in the code of a `forward`
Seen = tuple[torch.nn.Module, torch.fx.Graph]  # a module, and what calls it makes


def graphs_of(model: Any, holders: set[int]) -> list[Seen]:
    """What `forward` does, in one or two graphs; none if it cannot run on stand-ins.

    Args:
        model: the module.
        holders: ids of the modules that are not gone into.

    Returns:
        What it does if the answer to all questions about shapes is no, as far as that goes, and the same
        with yes, unless nothing was asked; with the module whose names are in it.
    """
    if id(model) in holders or type(model).forward in PLAIN or "forward" in vars(model):  # one of its own
        model = _Around(model)
    graphs: list[Seen] = []
    for usual in (False, True):
        graph, asked = _answered(model, holders, usual)
        graphs += [] if graph is None else [graph]
        if not asked or graph is None:
            break
    return graphs


def _answered(model: Any, holders: set[int], usual: bool) -> tuple[Seen | None, bool]:
    """What comes about, and whether anything was asked.

    Where it ends in an error, the question asked last is answered otherwise from then on, wherever its line of
    code is run: all blocks of one class have the same `assert`.
    """
    unusual: set[Place] = set()
    for _ in range(_RUNS):
        tracer = _Tracer(holders, usual, unusual)
        try:
            with _LOCK, unchanged(model.modules()), torch.random.fork_rng(devices=()):
                return (model, tracer.trace(model)), bool(tracer.asked)
        except Exception:  # any forward may refuse stand-ins, in its own words
            place = next((each for each in reversed(tracer.asked) if each not in unusual), None)
        if place is None:
            break
        unusual.add(place)
    return None, True


class _Tracer(torch.fx.Tracer):
    """Goes into every module but some; into torch's transformers by their plain path.

    Args:
        holders: the ids of those.
        usual: the answer to questions about shapes.
        unusual: where they are answered otherwise.
    """

    proxy_buffer_attributes = True  # what `forward` writes into buffers, it writes into stand-ins

    def __init__(self, holders: set[int], usual: bool, unusual: set[Place]) -> None:
        super().__init__(autowrap_modules=(math,), autowrap_functions=_FILLED)
        self._autowrap_search.append(torch)  # where forward functions find them, torch.fx has no public name for it
        self.holders = holders
        self.usual = usual
        self.unusual = unusual
        self.asked: list[Place] = []
        self._inside = cache(lambda: {id(each) for each in self.root.modules()})

    def is_leaf_module(self, m: Any, module_qualified_name: str) -> bool:
        if id(m) in self.holders:
            return not any(id(inner) in self.holders for inner in m.modules() if inner is not m)
        return super().is_leaf_module(m, module_qualified_name)

    def proxy(self, node: Any) -> Any:
        return _StandIn(node, self)

    def call_module(self, m: Any, forward: Any, args: Any, kwargs: Any) -> Any:
        plain = PLAIN.get(type(m).forward)
        if plain is not None:
            return plain(m, *args, **kwargs)
        if id(m) not in self._inside():  # made in `forward`, as in nn.ReLU()(x)
            return forward(*args, **kwargs)
        return super().call_module(m, forward, args, kwargs)

    def answer(self, node: torch.fx.Node, place: Place) -> bool:
        """Whether a value is true: what shapes would say, nobody knows, and values that are not there say nothing."""
        if not is_of_shapes(node) or len(self.asked) == _QUESTIONS:
            raise TraceError(f"{node} has no value")
        self.asked.append(place)
        return self.usual is not (place in self.unusual)


class _StandIn(torch.fx.Proxy):
    """A tensor, or a size, without values; where a number is needed, in `range(x.shape[1])`, a size is 2."""

    def __len__(self) -> int:
        if self.node.op in ("placeholder", "call_module") or name_of(self.node) in _ONE_TENSOR:
            return _SIZE
        if _pieces(self.node) is not None:  # they may be fewer than were asked for, which Python asks to unpack them
            raise TypeError("how many pieces there are is not known")
        return super().__len__()

    def __getattr__(self, k: str) -> Any:
        if k == "shape":  # torch.fx hands out what may be a method, too, and does not come back here to unpack it
            return self.tracer.create_proxy("call_function", getattr, (self, k), {})
        return super().__getattr__(k)

    def __iter__(self) -> Iterator[Any]:
        frame = cast(FrameType, cast(FrameType, currentframe()).f_back)
        here = next((each for each in dis.get_instructions(frame.f_code) if each.offset == frame.f_lasti), None)
        if here is not None and here.opname == "UNPACK_SEQUENCE":
            count = self.node.meta[RANK] = here.argval
        else:
            count = _pieces(self.node)
        if count is None:
            return super().__iter__()
        return (operator.getitem(cast(Any, self), place) for place in range(count))

    def __bool__(self) -> bool:
        frame, tracer = currentframe(), cast(_Tracer, self.tracer)
        asking = cast(FrameType, frame and frame.f_back)
        return tracer.answer(self.node, (asking.f_code, asking.f_lasti))

    def __index__(self) -> int:
        if not is_of_shapes(self.node):
            raise TypeError("a value that is not known is no index")
        return _SIZE


def _pieces(node: torch.fx.Node) -> int | None:
    """How many pieces a call gives, if it says so; else None."""
    count = node.args[1] if len(node.args) > 1 else node.kwargs.get("chunks")
    if name_of(node) == "chunk" and isinstance(count, int):
        return count
    sizes = node.args[1] if len(node.args) > 1 else node.kwargs.get("split_size_or_sections")
    return len(sizes) if name_of(node) == "split" and isinstance(sizes, list | tuple) else None


def is_of_shapes(node: torch.fx.Node) -> bool:
    """Whether a value is known from shapes, dtypes and devices alone."""
    if name_of(node) in _QUIET or (name_of(node) == "getattr" and node.args[1] in _QUIET):
        return True
    taken = node.all_input_nodes
    return node.op.startswith("call_f") and bool(taken) and all(map(is_of_shapes, taken))


def name_of(node: Any) -> str:
    """What a node calls."""
    return node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))


_SIZE = 2
_ONE_TENSOR = ("add", "iadd", "mul", "imul", "sub", "truediv", "matmul", "bmm", "cat", "stack", "relu", "gelu", "silu",
               "permute", "transpose", "reshape", "view", "flatten", "unflatten", "mean", "softmax", "contiguous",
               "float", "to", "unsqueeze", "squeeze", "pad", "conv1d", "conv2d", "conv3d", "linear")  # fmt: skip


class _Around(torch.nn.Module):
    """Calls a module that would be a leaf, with as many arguments as it needs."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner = inner
        needed = [each for each in signature(inner.forward).parameters.values() if each.default is Parameter.empty]
        self.count = len([each for each in needed if each.kind is Parameter.POSITIONAL_OR_KEYWORD])

    def forward(self, first: Any, second: Any = None, third: Any = None) -> Any:
        return self.inner(*(first, second, third)[: self.count])
