"""`dual`: the fences as a context manager, for scripts, tests and plain notebooks."""

from __future__ import annotations

import ast
import linecache
import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType
from typing import Any

from dualcell.blocks import RawBlock, RawCell, read_block, read_cell
from dualcell.errors import OptionError
from dualcell.options import OPTION_NAMES, options_from
from dualcell.result import DualResult
from dualcell.session import Session

_SIDES = ("left", "right")
_ACCEPTED = tuple(name for name in OPTION_NAMES if name not in ("out", "layout", "code"))  # a cell's alone


class dual:  # noqa: N801 - used as a function
    """Run two blocks and compare what they hand out, with no IPython.

    Args:
        left: the left block's framework, with a label if wanted: `"keras"`,
            `"torch: old"`.
        right: the right block's.
        captures: names, expressions, `"left ~ right"` or `"row = left ~ right"`,
            evaluated right after each block; without any, every name that both blocks
            bind to tensors.
        **options: `device`, `seed`, `dtype`, `eager`, and the options of `compare`;
            `strict=True` raises `DualMismatch` at the end.

    Attributes:
        left: context manager around the left block.
        right: context manager around the right block; it comes second.
        result: the `DualResult`, once the outer block has ended.

    Raises:
        OptionError: an option or a capture cannot be understood.
        FrameworkError: a framework is unknown or not installed.
        DeviceError: a device this machine lacks.

    Examples:
        >>> import numpy as np
        >>> with dual("numpy: old", "numpy: new", captures=["y"]) as pair:
        ...     with pair.left:
        ...         y = np.arange(3.0) / 3
        ...     with pair.right:
        ...         y = np.arange(3.0) * (1 / 3)
        >>> pair.result["y"].verdict
        'equal'
    """

    def __init__(self, left: str, right: str, captures: Iterable[str] = (), **options: Any) -> None:
        if isinstance(captures, str):
            captures = (captures,)
        again = [name for name in ("noise", "referee") if options.get(name)]
        if again:
            raise OptionError(
                f"{again[0]} runs the blocks again, which `with` cannot do; write them in a %%dual cell of a notebook."
            )
        self._headers = (left, right)
        self._captures = tuple(captures)
        self._options = options_from(options, accepted=_ACCEPTED)
        self._session: Session | None = None
        self._next = 0
        self.result: DualResult

    def __enter__(self) -> dual:
        # the blocks live in the caller's namespace
        frame = sys._getframe(1)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        self._next = 0
        bodies = _bodies(frame)
        blocks = tuple(
            read_block(header, bodies[side][0], bodies[side][1]) if side in bodies else RawBlock(header, frame.f_lineno)
            for header, side in zip(self._headers, _SIDES, strict=True)
        )
        cell = replace(read_cell(RawCell("", blocks), self._options), captures=self._captures)
        self._session = Session(cell, lambda: {**frame.f_globals, **frame.f_locals})
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: Any) -> None:
        __tracebackhide__ = True
        session, self._session = self._running(), None
        if kind is not None:
            session.abandon(kind.__name__)
            self.result = session.result
            return
        if self._next < len(_SIDES):
            session.abandon("nothing")
            raise OptionError(f"One block only: `with pair.{_SIDES[self._next]}:` is missing. A comparison needs two.")
        session.finish()
        self.result = session.result
        if self._options.strict:
            self.result.assert_close()

    @property
    def left(self) -> Any:
        """The left block's context manager."""
        return self._block(0)

    @property
    def right(self) -> Any:
        """The right block's context manager."""
        return self._block(1)

    @contextmanager
    def _block(self, index: int) -> Generator[None]:
        session = self._running()
        if index != self._next:
            raise OptionError(
                f"`pair.{_SIDES[index]}` came {'twice' if index < self._next else 'first'}; "
                f"the order is `with pair.left:`, then `with pair.right:`, once each."
            )
        self._next += 1
        session.open(index)
        try:
            yield
        except BaseException:
            session.doubt()
            raise
        session.close()

    def _running(self) -> Session:
        if self._session is None:
            raise OptionError("The blocks stand inside `with dualcell.dual(...) as pair:`.")
        return self._session


def _bodies(frame: FrameType) -> dict[str, tuple[int, list[ast.stmt]]]:
    """The statements of `with pair.left:` and `with pair.right:`, read from the source.

    Returns:
        side -> (line, statements); empty if the source is not at hand, in which case
        only names that hold another object than before count as bound.
    """
    source = "".join(linecache.getlines(frame.f_code.co_filename, frame.f_globals))
    try:
        withs = _withs(ast.parse(source))
    except SyntaxError:
        return {}
    outer = [node for node in withs if node.lineno <= frame.f_lineno <= node.body[0].lineno]
    if not outer:
        return {}
    found: dict[str, tuple[int, list[ast.stmt]]] = {}
    names = {item.optional_vars.id for item in outer[-1].items if isinstance(item.optional_vars, ast.Name)}
    for node in _withs(outer[-1]):
        for item in node.items:
            side = item.context_expr
            if isinstance(side, ast.Attribute) and side.attr in _SIDES and _is_one_of(side.value, names):
                found[side.attr] = (node.lineno, node.body)
    return found


def _withs(tree: ast.AST) -> list[ast.With]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.With)]


def _is_one_of(value: ast.expr, names: set[str]) -> bool:
    """Whether an expression is one of the names; true if there are none to tell by."""
    return not names or (isinstance(value, ast.Name) and value.id in names)
