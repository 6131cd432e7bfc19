"""`%%dual` and `%dual`: options, registration, completion. The runtime is `notebook`.

What only a dualcell cell needs is imported when the first one comes, so that
`%load_ext dualcell` costs no more than its options.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any

from IPython.core.error import InputRejected, UsageError
from IPython.core.magic import Magics, line_cell_magic, magics_class, needs_local_scope, no_var_expand
from traitlets import Bool, CFloat, Enum, Int, List, Unicode

from dualcell.errors import DualError, did_you_mean
from dualcell.lines import INIT, LINES, POWER, WEIGHTS
from dualcell.options import DTYPES, INITS, LAYOUTS, MAGIC, SORTS, Options, build_parser, options_from
from dualcell.project import project_options
from dualcell.usage import defaults, usage


@magics_class
class DualMagics(Magics):
    """The default of every option, as `%config DualMagics.NAME = value`."""

    device = Unicode("auto", help="where both sides put new tensors").tag(config=True)
    seed = Int(None, allow_none=True, help="reset all generators before each block").tag(config=True)
    dtype = Enum(DTYPES, None, allow_none=True, help="default float type of both sides").tag(config=True)
    eager = Bool(False, help="run compiled functions eagerly").tag(config=True)
    init = Enum(INITS, None, allow_none=True, help="give one side's layers this side's initializers").tag(config=True)
    rtol = CFloat(None, allow_none=True, help="relative tolerance (with atol)").tag(config=True)
    atol = CFloat(None, allow_none=True, help="absolute tolerance (with rtol)").tag(config=True)
    tol = List(Unicode(), help="tolerances of some rows: ROWS:rtol=X,atol=Y").tag(config=True)
    allow_dtype = Bool(False, help="let rows pass that differ in dtype only").tag(config=True)
    equal_nan = Bool(False, help="NaN in the same place counts as equal").tag(config=True)
    reference = Enum(("left", "right"), "left", help="the side rtol is relative to").tag(config=True)
    causes = Bool(True, help="look into why rows fail").tag(config=True)
    sort = Enum(SORTS, "given", help="which rows are shown first").tag(config=True)
    plot = Unicode("", help="pictures of the rows: KIND,KIND").tag(config=True)
    strict = Bool(False, help="fail the cell if the comparison fails").tag(config=True)
    noise = Int(0, help="runs with everything moved by one ulp").tag(config=True)
    referee = Bool(False, help="run the cell again in float64").tag(config=True)
    layout = Enum(LAYOUTS, None, allow_none=True, help="how the blocks' output is laid out").tag(config=True)
    out = Unicode(None, allow_none=True, help="store the result under this name").tag(config=True)
    code = Bool(False, help="show the code of both blocks").tag(config=True)
    large = Bool(False, help="show the result as a slide").tag(config=True)

    def defaults(self) -> Options:
        """What holds where a cell is silent."""
        return options_from({name: getattr(self, name) for name in self.trait_names(config=True)})

    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    def dual(  # noqa: D102 - the parser's help, below
        self, line: str, cell: str | None = None, local_ns: Mapping[str, Any] | None = None
    ) -> Any:
        __tracebackhide__ = True
        from dualcell.blocks import DIFF, OPEN, fence_verb
        from dualcell.frameworks.registry import SPELLINGS

        if cell is not None:
            return run_cell(self.shell, f"%%{MAGIC} {line}\n{cell}")
        verb = fence_verb(line)
        if line.strip() in ("", "help") or {"-h", "--help"} & {*line.split()}:
            print(LINES[verb].text() if verb in LINES else build_parser().format_help())
            return None
        if verb in (*SPELLINGS, DIFF, OPEN):
            raise UsageError(
                f"`%dual {verb}` must stand at the top level of a cell, not inside a statement, and in a later "
                f"cell than `%load_ext {__package__}`."
            )
        if verb == POWER:
            from dualcell.power import parity_power

            if line.strip() != POWER:
                raise UsageError(
                    f"`%dual power` takes nothing else, got {line.strip().removeprefix(POWER).strip()!r}; it is about "
                    f"the last result. For another one: dualcell.parity_power(result)."
                )
            return told(parity_power)
        # where the line stands in a function, its own names come first
        words, namespace = line.strip().partition(verb)[2], {**getattr(self.shell, "user_ns", {}), **(local_ns or {})}
        if verb == WEIGHTS:
            from dualcell.weights.line import plan_line

            return told(lambda: plan_line(words, namespace))
        if verb == INIT:
            from dualcell.origins import initializers_named

            return told(lambda: initializers_named(words, namespace))
        nearest = did_you_mean(verb, (*SPELLINGS, DIFF, *LINES))
        raise UsageError(f"`%dual {verb}`: unknown.{nearest} `%dual --help` lists what there is.")


DualMagics.dual.__doc__ = build_parser().format_help()


def told(action: Callable[[], Any]) -> Any:
    """What an action gives; an error of dualcell's as a sentence without a traceback."""
    try:
        return action()
    except DualError as error:
        raise UsageError(str(error)) from None


def run_cell(shell: Any, text: str) -> Any:
    """Run a `%%dual` cell that did not come through the input transformer.

    `get_ipython().run_cell_magic("dual", ...)` and magics that wrap a cell end here.
    """
    __tracebackhide__ = True
    code = shell.transform_cell(text)
    name = shell.compile.cache(code, shell.execution_count, raw_code=text)
    tree = shell.transform_ast(shell.compile.ast_parse(code, filename=name))
    *body, last = tree.body
    if body:
        exec(shell.compile(ast.Module(body, []), name, "exec"), shell.user_ns)  # noqa: S102
    if not isinstance(last, ast.Expr):
        exec(shell.compile(ast.Module([last], []), name, "exec"), shell.user_ns)  # noqa: S102
        return None
    return eval(shell.compile(ast.Expression(last.value), name, "eval"), shell.user_ns)  # noqa: S307


class Transformers:
    """The three hooks a cell passes through: raw text, final text, parsed module."""

    def __init__(self) -> None:
        self.typed = self.visible = self.source = ""

    def rewrite(self, lines: list[str]) -> list[str]:
        """`%%dual` text into fences, line by line (`input_transformers_cleanup`)."""
        text = self.typed = "".join(lines)
        self.visible = ""
        if not text.startswith(f"%%{MAGIC}"):
            return lines
        from dualcell.blocks import is_cell_magic, rewrite

        if not is_cell_magic(text):
            return lines
        self.visible = text
        return rewrite(text).splitlines(keepends=True)

    def remember(self, lines: list[str]) -> list[str]:
        """Keep the text the parser will see (`input_transformers_post`)."""
        self.source = "".join(lines)
        return lines

    def visit(self, module: ast.AST) -> ast.AST:
        """Fences into calls of the runtime (`ast_transformers`)."""
        if not isinstance(module, ast.Module) or MAGIC not in self.source:
            return module
        from dualcell.fences import weave
        from dualcell.notebook import show_visible_source

        try:
            woven = weave(module, self.source, self.typed)
        except RecursionError:  # anything else than a rejection would switch dualcell off for good
            raise InputRejected("dualcell: an expression in this cell is nested too deeply to be read.") from None
        if woven is not module and self.visible:
            show_visible_source(self.source, self.visible)
        return woven


class _Rewrite:
    """`Transformers.rewrite` for IPython's list; skipped while a terminal asks "complete?"."""

    has_side_effects = True

    def __init__(self, transformers: Transformers) -> None:
        self.transformers = transformers

    def __call__(self, lines: list[str]) -> list[str]:
        return self.transformers.rewrite(lines)


class Completions:
    """Completion of dualcell's own lines, and of nothing else, in old and new IPython."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.entry = _context_matcher() or self.line_matches

    @property
    def place(self) -> list[Any]:
        """The list the shell looks through. IPython 7's gives the whole answer alone."""
        completer = self.shell.Completer
        return getattr(completer, "magic_arg_matchers", completer.custom_matchers)

    def line_matches(self, _: str) -> list[str]:
        """For IPython 7: it hands over the line only; its caller holds the whole cell."""
        frame = sys._getframe(1)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        cell = frame.f_locals.get("full_text")
        return _words(self.shell.Completer.text_until_cursor, str(cell or "")) or []


def _words(line: str, cell: str) -> list[str] | None:
    """The words that may follow; None if the line is not dualcell's."""
    from dualcell.completion import complete

    return complete(line, cell, _devices())


def _devices() -> list[str]:
    """Devices of the frameworks that are already imported."""
    from dualcell.frameworks.registry import loaded_blocks

    adapters = (loaded_blocks(name) for name in ("torch", "jax", "tensorflow"))
    return [device for adapter in adapters if adapter is not None for device in adapter.devices()]


def _context_matcher() -> Any:
    """The matcher of IPython 8.6 and later, which can silence all others; else None."""
    try:
        from IPython.core.completer import SimpleCompletion, context_matcher
    except ImportError:
        return None

    @context_matcher(identifier="dualcell")
    def matcher(context: Any) -> Any:
        line = context.line_with_cursor[: context.cursor_position]
        words = _words(line, context.full_text)
        fragment = re.split(r"[\s\"'~=]", line)[-1]
        found = [SimpleCompletion(word, type="dualcell") for word in words or ()]
        alone = words is not None and "." not in fragment  # attributes of captures are Python's
        return {"completions": found, "matched_fragment": fragment, "suppress": alone}

    return matcher


class Extension:
    """Everything `%load_ext` adds to a shell, and how to take it away."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.project = project_options()  # first, as it may refuse and nothing is registered yet
        self.magics = DualMagics(shell)
        self.transformers = Transformers()
        self.rewriter = _Rewrite(self.transformers)
        self.completions = Completions(shell)

    def add(self) -> None:
        """Register magics, transformers and completion; take up the project's options."""
        configured = self.magics.config.get(type(self.magics).__name__, {})  # by %config, before a reload
        given = {name: value for name, value in self.project.items() if name not in configured}
        if given:
            for name, value in given.items():
                setattr(self.magics, name, value)
            print("dualcell: pyproject.toml sets " + ", ".join(f"{name}={value!r}" for name, value in given.items()))
        self.shell.register_magics(self.magics)
        self.shell.input_transformers_cleanup.append(self.rewriter)
        self.shell.input_transformers_post.append(self.transformers.remember)
        self.shell.ast_transformers.append(self.transformers)
        self.completions.place.append(self.completions.entry)
        defaults.append(self.magics.defaults)

    def remove(self) -> None:
        """Leave the shell as it was before `add`."""
        shell = self.shell
        for kind in ("line", "cell"):
            shell.magics_manager.magics[kind].pop(MAGIC, None)
        shell.magics_manager.registry.pop(type(self.magics).__name__, None)
        added: list[tuple[Any, Any]] = [
            (shell.configurables, self.magics),
            (shell.input_transformers_cleanup, self.rewriter),
            (shell.input_transformers_post, self.transformers.remember),
            (shell.ast_transformers, self.transformers),
            (self.completions.place, self.completions.entry),
            (defaults, self.magics.defaults),
        ]
        for place, item in added:
            if item in place:
                place.remove(item)


_loaded: dict[int, Extension] = {}


@usage
def load(shell: Any) -> None:
    """`%load_ext dualcell`; a second load changes nothing."""
    if id(shell) not in _loaded:
        extension = Extension(shell)
        extension.add()
        _loaded[id(shell)] = extension


def unload(shell: Any) -> None:
    """`%unload_ext dualcell`."""
    extension = _loaded.pop(id(shell), None)
    if extension is not None:
        extension.remove()
