"""Cell text -> `Cell`: which statements belong to which block, and what they bind.

A `%%dual` cell is first rewritten line by line into the spelling with fences
(`%dual keras` ... `%dual torch` ... `%dual diff`); both are then read from the parsed
module, so there is one grammar and one runtime.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from dualcell.errors import FrameworkError, OptionError, did_you_mean, nearest
from dualcell.frameworks.registry import framework_named, spellings
from dualcell.lines import LINES
from dualcell.options import (
    BLOCK_OPTIONS,
    COMPARE_OPTIONS,
    MAGIC,
    Line,
    Options,
    options_from,
    parse_line,
    refuse_options,
)  # fmt: skip
from dualcell.sources import CodeLine

OPEN, DIFF = "cell", "diff"  # the verbs that are not frameworks
_HEADER = re.compile(r"^#\s*-{2,}\s*([A-Za-z_]\w*)\b(?!\.)(.*)$")
_NEAR_HEADER = re.compile(r"^#\s*-{2,}\s*([A-Za-z_]\w*)\s*(?::[^-]*)?-{2,}\s*$")
# what a quote can stand in, whichever begins first: `!ls it's`, `# it's`, or a string.
# tokenize would not do: it stops at `!` and `?`, and splits f-strings by Python's version
_STRINGS = re.compile(
    r"""^[ \t]*(?:[\w., ]+=[ \t]*)?[!%?](?:\\\n|[^\n])*
    | \#[^\n]*
    | (?P<string> \"{3}(?:\\.|[^\\])*?\"{3} | '{3}(?:\\.|[^\\])*?'{3}
                | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*' )""",
    re.MULTILINE | re.DOTALL | re.VERBOSE,
)


@dataclass(frozen=True)
class Block:
    """One framework's part of a cell.

    Attributes:
        framework: the library, as in `sys.modules` (`keras`, `torch`, `tensorflow`).
        label: what the table calls this side.
        options: what holds while it runs.
        names: names its statements bind, in order of first assignment.
        certain: those bound by a statement that always runs.
        imported: modules its statements import.
        line: line of its header, counted from 1.
        read: names its statements look up, in functions too.
        code: its lines as typed, the header's included; empty if they are not at hand.
    """

    framework: str
    label: str
    options: Options
    names: tuple[str, ...] = ()
    certain: frozenset[str] = frozenset()
    imported: frozenset[str] = frozenset()
    line: int = 1
    read: tuple[str, ...] = ()
    code: tuple[CodeLine, ...] = ()


@dataclass(frozen=True)
class Cell:
    """Two blocks to compare and how.

    Attributes:
        blocks: left and right.
        captures: the captures as written; empty for automatic.
        options: cell-wide options.
        notes: sentences the reader of the result should see.
        reads: names that occur in the cell.
        above: the lines before the first block, as typed.
        below: `%dual diff` as typed.
    """

    blocks: tuple[Block, ...]
    captures: tuple[str, ...]
    options: Options
    notes: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    above: tuple[CodeLine, ...] = ()
    below: tuple[CodeLine, ...] = ()


@dataclass(frozen=True)
class RawBlock:
    """A block as found in the text: its header and what its statements bind."""

    header: str
    line: int
    names: tuple[str, ...] = ()
    certain: tuple[str, ...] = ()
    imported: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    code: tuple[CodeLine, ...] = ()


@dataclass(frozen=True)
class RawCell:
    """A cell as found in the text, nothing checked yet.

    Attributes:
        opening: the text after `%%dual`; None in the spelling with fences.
        blocks: every block, in order.
        diff: the text after `%dual diff`; empty if there is no such line.
        near: headers that look like one but name no framework, as (line, word).
        reads: names that occur in the cell.
        above: the lines before the first block, as typed.
        below: `%dual diff` as typed.
    """

    opening: str | None
    blocks: tuple[RawBlock, ...]
    diff: str = ""
    near: tuple[tuple[int, str], ...] = ()
    reads: tuple[str, ...] = ()
    above: tuple[CodeLine, ...] = ()
    below: tuple[CodeLine, ...] = ()


def is_cell_magic(text: str) -> bool:
    """Whether the text is a `%%dual` cell with something to run (not `%%dual?`)."""
    first = text.split("\n", 1)[0].rstrip()
    return re.match(rf"%%{MAGIC}(\s|$)", first) is not None and not first.endswith("?")


def rewrite(text: str) -> str:
    """Turn a `%%dual` cell into fences; every other line stays where it is.

    Examples:
        >>> print(rewrite("%%dual y\\n# --- keras ---\\ny = 1\\n# --- torch: new ---\\ny = 2"))
        %dual cell y
        %dual keras
        y = 1
        %dual torch : new
        y = 2
    """
    lines = text.split("\n")
    if {"-h", "--help"} & set(lines[0].split()):
        return f"%{MAGIC} --help"
    inside = _lines_inside_strings("\n".join(["pass", *lines[1:]]))
    lines[0] = f"%{MAGIC} {OPEN} {lines[0].removeprefix(f'%%{MAGIC}').strip()}".rstrip()
    for number, line in enumerate(lines[1:], start=2):
        header = None if number in inside else _header_of(line)
        if header:
            rest = re.sub(r"-{2,}\s*$", "", header[2]).strip()
            lines[number - 1] = f"%{MAGIC} {header[1]} {rest}".rstrip()
    return "\n".join(lines)


def _header_of(line: str) -> re.Match[str] | None:
    """The match of a line like `# --- torch ---`; other commented lines are no headers."""
    header = _HEADER.match(line)
    return header if header and header[1].lower() in spellings() else None


def near_headers(text: str) -> tuple[tuple[int, str], ...]:
    """Lines that look like a header but name no framework, as (line, word)."""
    found = []
    for number, line in enumerate(text.split("\n"), start=1):
        near = _NEAR_HEADER.match(line)
        if near and not _header_of(line):
            found.append((number, near[1]))
    return tuple(found)


def _lines_inside_strings(text: str) -> set[int]:
    """Numbers of the lines that begin inside a string; shell lines and comments hold no string."""
    inside: set[int] = set()
    for found in _STRINGS.finditer(text):
        if found["string"]:
            first = text.count("\n", 0, found.start()) + 1
            inside.update(range(first + 1, first + found["string"].count("\n") + 1))
    return inside


# --- the parsed module ---


def fence_text(statement: ast.stmt) -> str | None:
    """The text after `%dual` if the statement is such a line (`x = %dual diff` too)."""
    if not isinstance(statement, ast.Expr | ast.Assign) or not isinstance(statement.value, ast.Call):
        return None
    call = statement.value
    if not (isinstance(call.func, ast.Attribute) and call.func.attr == "run_line_magic"):
        return None
    words = [argument.value for argument in call.args if isinstance(argument, ast.Constant)]
    return str(words[1]) if len(words) == 2 and words[0] == MAGIC else None


def fence_verb(text: str) -> str:
    """The first word of a fence: `cell`, `diff`, or a framework."""
    return re.split(r"[\s:;]", text.strip() + " ", maxsplit=1)[0]


def is_header(text: str) -> bool:
    """Whether a fence begins a block. Other verbs and bare options are not fences."""
    verb = fence_verb(text)
    return verb not in (OPEN, DIFF, "", *LINES) and verb.isidentifier()


def read_block(
    header: str, line: int, statements: Sequence[ast.stmt], code: tuple[CodeLine, ...] = ()
) -> RawBlock:  # fmt: skip
    """What a block's statements bind, import and look up."""
    names, certain, imported = bindings(statements)
    nodes = (node for statement in statements for node in ast.walk(statement))
    read = dict.fromkeys(node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load))
    return RawBlock(header, line, names, certain, imported, tuple(read), code)


def makers(statements: Sequence[ast.stmt]) -> dict[int, tuple[str, ...]]:
    """Line -> what it makes: the names it binds, those of its taps, and `SHOWN`.

    Examples:
        >>> makers(ast.parse("h = net(x)\\nwith quiet():\\n    y = tap('fc', h)\\ny").body)
        {1: ('h',), 3: ('y', 'fc'), 4: ('(last expression)',)}
    """
    made: dict[int, dict[str, None]] = {}
    for statement in statements:
        found = [*_bound(statement), *((name, statement.lineno) for name in _timed(statement))]
        for name, line in (*found, *_tapped(statement)):
            made.setdefault(line, {})[name] = None
    if statements and isinstance(statements[-1], ast.Expr):
        made.setdefault(statements[-1].lineno, {})[SHOWN] = None
    return {line: tuple(names) for line, names in made.items()}


SHOWN = "(last expression)"  # no name of Python's


def _tapped(statement: ast.stmt) -> Iterator[tuple[str, int]]:
    """The names that calls like `dualcell.tap("fc", ...)` give what they record, each with its line."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called == "tap" and isinstance(node.args[0].value, str):
                yield node.args[0].value, node.lineno


def bindings(statements: Sequence[ast.stmt]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Names bound at the top level: (all in order, those surely bound, modules imported).

    A name inside `if`, `for`, `with`, `try` or `match` may stay unbound, so it is not
    sure. Nor is one that `:=` binds, or that a function or method declares `global`.

    Examples:
        >>> names, sure, _ = bindings(ast.parse("x = 1\\nif x:\\n    y = 2").body)
        >>> names, sure
        (('x', 'y'), ('x',))
    """
    names: dict[str, None] = {}
    certain: dict[str, None] = {}
    imported: dict[str, None] = {}
    for statement in statements:
        found = [name for name, _ in _bound(statement)]
        names |= dict.fromkeys((*found, *_timed(statement)))
        if not isinstance(statement, _MAYBE):
            walrus = {node.target.id for node in ast.walk(statement) if isinstance(node, ast.NamedExpr)}
            certain |= dict.fromkeys(name for name in found if name not in walrus)
        imported |= dict.fromkeys(_imported(statement))
    return tuple(names), tuple(certain), tuple(imported)


_MAYBE = (
    ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.Match,
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.AugAssign,
)  # fmt: skip
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def _bound(node: ast.AST, *, comprehension: bool = False) -> Iterator[tuple[str, int]]:
    """Names that running `node` at the top level binds, in source order, each with its line."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and not comprehension:
        yield node.id, node.lineno
    elif isinstance(node, ast.alias):
        yield node.asname or node.name.partition(".")[0], node.lineno
    elif isinstance(node, ast.MatchAs | ast.MatchStar | ast.MatchMapping):
        name = node.rest if isinstance(node, ast.MatchMapping) else node.name
        yield from [(name, node.lineno)] if name else []
    elif isinstance(node, ast.NamedExpr):
        yield from _bound(node.value, comprehension=comprehension)
        yield node.target.id, node.target.lineno
        return
    if isinstance(node, _SCOPES):
        yield from () if isinstance(node, ast.Lambda) else ((node.name, node.lineno),)
        yield from ((name, node.lineno) for name in _globals(node))
        return
    inside = comprehension or isinstance(node, _COMPREHENSIONS)
    children: Iterator[ast.AST] = ast.iter_child_nodes(node)
    if isinstance(node, ast.Assign):  # the value first: a walrus in it binds before the target
        children = iter((node.value, *node.targets))
    elif isinstance(node, ast.AnnAssign) and node.value is None:  # `x: int` alone binds nothing
        children = iter(())
    for child in children:
        yield from _bound(child, comprehension=inside)


def _timed(statement: ast.stmt) -> Iterator[str]:
    """Names that a line like `%time y = net(x)` binds; IPython runs its text."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "run_line_magic":
            words = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
            if len(words) == 2 and words[0] == "time":
                try:
                    timed = ast.parse(str(words[1]))
                except SyntaxError:
                    continue
                yield from (name for inner in timed.body for name, _ in _bound(inner))


def _globals(node: ast.AST) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Global):
            yield from inner.names


def _imported(node: ast.AST) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in inner.names)
        elif isinstance(inner, ast.ImportFrom) and inner.module:
            yield inner.module.partition(".")[0]


# --- checking ---


@dataclass(frozen=True)
class _Header:
    framework: str
    label: str
    line: Line = field(default_factory=Line)


def read_cell(raw: RawCell, defaults: Options) -> Cell:
    """Check a cell's headers, options and captures before anything runs.

    Args:
        raw: the cell as found in the text.
        defaults: what holds where the cell is silent.

    Raises:
        OptionError: no header, one block only, more than two, or an option that is
            unknown, has a bad value, or stands where it has no effect.
        FrameworkError: a header names a framework dualcell does not know.
    """
    headers = [_header(block) for block in raw.blocks]
    _two_blocks(raw)
    diff = parse_line(raw.diff.rstrip("; "))
    opening = headers[0].line if raw.opening is None else parse_line(raw.opening)
    if raw.opening is None:
        headers[0] = replace(headers[0], line=Line())
    elif raw.opening and opening.captures and diff.captures:
        raise OptionError("Captures stand on the %%dual line and on %dual diff; write them in one place.")
    for header, block in zip(headers, raw.blocks, strict=True):
        first = "%%dual line" if raw.opening is not None else "first %dual line"
        where = f"the header of a block (line {block.line})"
        refuse_options(dict(header.line.given), BLOCK_OPTIONS, where, f"the {first}")
        if header.line.captures:
            words = " ".join(header.line.captures)
            raise OptionError(
                f"Line {block.line}: unexpected {words!r} after the framework. A label follows a colon "
                f"(`{header.framework}: {words}`), captures stand on the {first} or on %dual diff."
            )
    after = (*COMPARE_OPTIONS, "strict", "out", "code", "large")
    refuse_options(dict(diff.given), after, "%dual diff, as the blocks have run by then", "the first %dual line")
    options = options_from(dict(opening.given) | dict(diff.given), defaults)
    labels = _labels(headers)
    blocks = tuple(
        Block(
            header.framework, label, options_from(dict(header.line.given), options),
            block.names, frozenset(block.certain), frozenset(block.imported), block.line, block.read, block.code,
        )
        for header, label, block in zip(headers, labels, raw.blocks, strict=True)
    )  # fmt: skip
    notes = (_near(line, word) for line, word in raw.near if did_you_mean(word.lower(), spellings()))
    captures = opening.captures + diff.captures
    return Cell(blocks, captures, options, tuple(notes), raw.reads, raw.above, raw.below)


def _header(block: RawBlock) -> _Header:
    """`torch: my port --seed 1` -> framework, label and options."""
    word = fence_verb(block.header)
    rest = block.header.strip()[len(word) :].strip()
    label = ""
    if rest.startswith(":"):
        label, dashes, options = rest[1:].partition(" --")
        label, rest = label.strip(), dashes + options
    line = nearest(word, (*spellings(), *LINES))
    if line in LINES:
        raise OptionError(f"Line {block.line}: `%dual {word}`: unknown. Did you mean `%dual {line}`?")
    try:
        return _Header(framework_named(word), label, parse_line(rest))
    except (OptionError, FrameworkError) as error:
        raise type(error)(f"Line {block.line}: {error}") from None


def _labels(headers: Sequence[_Header]) -> list[str]:
    """The labels given, else the frameworks; two of one name are told apart."""
    labels = [header.label or header.framework for header in headers]
    return [f"left {labels[0]}", f"right {labels[1]}"] if labels[0] == labels[1] else labels


def _near(line: int, word: str) -> str:
    return (
        f"Line {line} looks like a header, but {word!r} is no framework dualcell knows."
        f"{did_you_mean(word.lower(), spellings())}"
    )


def _two_blocks(raw: RawCell) -> None:
    example = "# --- keras ---" if raw.opening is not None else "%dual keras"
    near = "".join(" " + _near(line, word) for line, word in raw.near)
    if not raw.blocks:
        raise OptionError(
            f"No header found.{near} Begin each block with a line like `{example}` "
            f"(keras, torch, tensorflow, jax or numpy)."
        )
    if len(raw.blocks) == 1:
        only = raw.blocks[0]
        raise OptionError(
            f"One block only: line {only.line} begins {fence_verb(only.header)!r} and no other header follows.{near} "
            f"A comparison needs two; the same framework twice is fine."
        )
    if len(raw.blocks) > 2:
        lines = ", ".join(str(block.line) for block in raw.blocks)
        raise OptionError(
            f"{len(raw.blocks)} blocks, headers on lines {lines}; a comparison has two. "
            f"Use a cell for each pair, or end a pair with `%dual diff`."
        )
