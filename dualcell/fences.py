"""Parsed cell -> parsed cell in which each fence calls the runtime.

Only the fences and the blocks' last expressions are replaced; every other statement
keeps its place and its line, so a traceback is the one the user's code would give.
The statements of a run are put into a `with`, so that what was captured is shown, and
everything is put back, before an error goes on its way.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any

from dualcell.blocks import (
    DIFF,
    OPEN,
    RawBlock,
    RawCell,
    fence_text,
    fence_verb,
    is_header,
    makers,
    near_headers,
    read_block,
)
from dualcell.sources import CodeLine, TypedLines, typed_lines

RUNTIME = "dualcell.notebook"


def pack(raw: RawCell) -> tuple[Any, ...]:
    """A `RawCell` as nested tuples, which a code object can hold."""
    return astuple(raw)


def unpack(spec: tuple[Any, ...]) -> RawCell:
    """The inverse of `pack`."""
    opening, blocks, diff, near, reads, above, below = spec
    unpacked = (RawBlock(*block[:-1], code=_lines(block[-1])) for block in blocks)
    return RawCell(opening, tuple(unpacked), diff, near, reads, _lines(above), _lines(below))


def _lines(spec: tuple[Any, ...]) -> tuple[CodeLine, ...]:
    return tuple(CodeLine(*line) for line in spec)


def weave(module: ast.Module, source: str, typed: str = "") -> ast.Module:
    """Replace the fences of a cell with calls to the runtime.

    Args:
        module: the parsed cell, after IPython's own transformations.
        source: the text it was parsed from.
        typed: the text before those, for who looks at the result.

    Returns:
        A new module; the same one if the cell has no fence at its top level.
    """
    runs = _runs(module.body)
    if not runs:
        return module
    body: list[ast.stmt] = []
    checks: list[ast.stmt] = []
    end = 0
    text = typed_lines(source, typed)
    for number, run in enumerate(runs):
        raw = run.raw(source, text)
        first = module.body[run.start]
        checks.append(ast.copy_location(ast.Expr(_call(first, "check", pack(raw))), first))
        body += module.body[end : run.start]
        body += run.woven(pack(raw), source, last=number == len(runs) - 1)
        end = run.end
    rest = module.body[end:]
    return ast.fix_missing_locations(ast.Module(checks + body + rest, module.type_ignores))


@dataclass(frozen=True)
class _Run:
    """The statements of one comparison: `[start, end)` of the cell's body.

    `after` is the line where what belongs to no earlier run begins.
    """

    statements: Sequence[ast.stmt]
    start: int
    end: int
    is_last: bool
    after: int

    def raw(self, source: str, text: TypedLines) -> RawCell:
        """What the run says.

        Args:
            source: the cell's text as it was parsed.
            text: the lines as typed.
        """
        opening = self._text_of(OPEN)
        diff = self._text_of(DIFF)
        found = self._blocks()
        final = self.statements[-1]
        end = final.lineno if diff is not None else math.inf
        starts = [line for _, line, _ in found] + [end]
        blocks = tuple(
            read_block(header, line, statements, text.between(line, following, makers(statements)))
            for (header, line, statements), following in zip(found, starts[1:], strict=True)
        )
        above, below = text.between(self.after, starts[0]), text.between(end, final.lineno + 1)
        return RawCell(opening, blocks, diff or "", near_headers(source), self._reads(), above, below)

    def _reads(self) -> tuple[str, ...]:
        code = (statement for statement in self.statements if fence_text(statement) is None)
        nodes = (node for statement in code for node in ast.walk(statement))
        return tuple(dict.fromkeys(node.id for node in nodes if isinstance(node, ast.Name)))

    def _text_of(self, verb: str) -> str | None:
        for statement in self.statements:
            text = fence_text(statement)
            if text is not None and fence_verb(text) == verb:
                return text.strip()[len(verb) :].strip()
        return None

    def _blocks(self) -> list[tuple[str, int, list[ast.stmt]]]:
        blocks: list[tuple[str, int, list[ast.stmt]]] = []
        for statement in self.statements:
            text = fence_text(statement)
            if text is not None and is_header(text):
                blocks.append((text, statement.lineno, []))
            elif blocks and not (text is not None and fence_verb(text) == DIFF):
                blocks[-1][2].append(statement)
        return blocks

    def woven(self, spec: tuple[Any, ...], source: str, *, last: bool) -> list[ast.stmt]:
        """The run's statements inside `with`, then the statement that gives the result."""
        body: list[ast.stmt] = []
        before: list[ast.stmt] = []
        index = -1
        for position, statement in enumerate(self.statements):
            text = fence_text(statement)
            following = self.statements[position + 1] if position + 1 < len(self.statements) else None
            ends_block = following is None or fence_text(following) is not None
            if text is not None and is_header(text):
                index += 1
                body.append(_statement(statement, "enter", index))
            elif isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
                before.append(statement)  # Python allows it in no block
            elif text is None or fence_verb(text) not in (OPEN, DIFF):
                shown = index >= 0 and ends_block and isinstance(statement, ast.Expr)
                body.append(_shown(statement, source) if shown else statement)
        return [*before, self._guarded(body, spec), self._refusal(), self._result(spec, last=last)]

    def _guarded(self, body: list[ast.stmt], spec: tuple[Any, ...]) -> ast.stmt:
        """A `with`, as after `try` and `raise` IPython 9 quotes the line of the `raise`.

        In it a `while`, as the cell may be run again; not around a stray `break`, which
        would leave it in silence: without one it is the error it is anywhere.
        """
        anchor = self.statements[0]
        if not _breaks(body):
            body = [ast.copy_location(ast.While(_call(anchor, "again"), body, []), anchor)]
        return ast.copy_location(ast.With([ast.withitem(_call(anchor, "running", spec))], body), anchor)

    def _refusal(self) -> ast.stmt:
        """`--strict`: raised here, so that the traceback ends in the user's own cell."""
        anchor = self.statements[0]
        refuse = ast.Raise(_call(anchor, "mismatch"), None)
        return ast.copy_location(ast.If(_call(anchor, "is_refused"), [refuse], []), anchor)

    def _result(self, spec: tuple[Any, ...], *, last: bool) -> ast.stmt:
        """`%dual diff` where it stands; without one, the result belongs to the first line."""
        final = self.statements[-1]
        text = fence_text(final)
        is_diff = text is not None and fence_verb(text) == DIFF
        anchor = final if is_diff else self.statements[0]
        shown = "hook" if last and self.is_last else "display"
        if isinstance(anchor, ast.Assign) and is_diff:
            return ast.copy_location(ast.Assign(anchor.targets, _call(anchor, "finish", "none")), anchor)
        if is_diff and text is not None and text.rstrip().endswith(";"):
            shown = "silent"
        if shown == "hook" and spec[0] is not None and not is_diff:
            shown = "always"  # a block's own `;` must not silence the table
        return _statement(anchor, "finish", shown)


def _runs(body: Sequence[ast.stmt]) -> list[_Run]:
    """Cut a cell into runs: from the opener or first header to `diff` or the end."""
    runs: list[_Run] = []
    start: int | None = None
    after = 1
    for position, statement in enumerate(body):
        text = fence_text(statement)
        if text is None:
            continue
        verb = fence_verb(text)
        if start is None and (verb in (OPEN, DIFF) or is_header(text)):
            start = position
        if verb == DIFF and start is not None:
            runs.append(_Run(body[start : position + 1], start, position + 1, position + 1 == len(body), after))
            start, after = None, statement.lineno + 1
    if start is not None:
        runs.append(_Run(body[start:], start, len(body), True, after))
    return runs


def _breaks(statements: Sequence[ast.stmt]) -> bool:
    """Whether a `break` or `continue` among the statements belongs to no loop of theirs."""
    return any(
        isinstance(node, ast.Break | ast.Continue)
        or (isinstance(node, ast.For | ast.AsyncFor | ast.While) and _breaks(node.orelse))
        or (not isinstance(node, _OWN_LOOPS) and _breaks([*ast.iter_child_nodes(node)]))  # pyright: ignore
        for node in statements
    )


_OWN_LOOPS = (ast.For, ast.AsyncFor, ast.While, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.expr)


def _shown(statement: ast.stmt, source: str) -> ast.stmt:
    """A block's last expression: shown as in a cell of its own, and captured."""
    assert isinstance(statement, ast.Expr)  # noqa: S101 - the caller looked
    value = _call(statement, "show", _is_silenced(statement, source))
    value.args.insert(0, statement.value)
    return ast.copy_location(ast.Expr(value), statement)


def _is_silenced(statement: ast.Expr, source: str) -> bool:
    """Whether a `;` follows the expression."""
    lines = source.split("\n")
    if statement.end_lineno is None or statement.end_lineno > len(lines):
        return False
    rest = lines[statement.end_lineno - 1].encode()[statement.end_col_offset :]
    return rest.decode(errors="ignore").lstrip(" )").startswith(";")


def _statement(anchor: ast.stmt, verb: str, *arguments: Any) -> ast.stmt:
    return ast.copy_location(ast.Expr(_call(anchor, verb, *arguments)), anchor)


def _call(anchor: ast.AST, verb: str, *arguments: Any) -> ast.Call:
    """`__import__("dualcell.notebook", ...).verb(arguments)`: leaves no name in the namespace."""
    star: Any = ("*",)  # a name list, so that __import__ gives the submodule and not the package
    module = ast.Call(ast.Name("__import__", ast.Load()), _constants(RUNTIME, None, None, star), [])
    call = ast.Call(ast.Attribute(module, verb, ast.Load()), _constants(*arguments), [])
    for node in ast.walk(call):
        ast.copy_location(node, anchor)
    return call


def _constants(*values: Any) -> list[ast.expr]:
    return [ast.Constant(value) for value in values]
