"""The options of a run: one record, one parser, the same names everywhere.

The magic line, a block's header, `%config`, `[tool.dualcell]` in pyproject.toml and
the keywords of `dualcell.compare` all end in one `Options`.
"""

from __future__ import annotations

import argparse
import keyword
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from numbers import Integral, Real
from typing import Any, NoReturn

from dualcell.errors import OptionError, did_you_mean
from dualcell.lines import lines_in_brief
from dualcell.pictures.kinds import AUTO, KINDS, LAYERS, read_kinds
from dualcell.tolerance import Tolerances, tolerances

MAGIC = "dual"  # `%%dual`, `%dual`
MOST_RUNS = 1000  # of a cell, with `--noise`
LAYOUTS = ("lanes", "stacked", "plain")
DTYPES = ("float16", "bfloat16", "float32", "float64")
INITS = ("keras", "torch")
BLOCK_OPTIONS = ("device", "seed", "dtype", "eager", "init")
SORTS = ("given", "failing")
COMPARE_OPTIONS = ("rtol", "atol", "tol", "allow_dtype", "equal_nan", "reference", "causes", "sort", "plot")


@dataclass(frozen=True)
class Options:
    """What a user can ask of one run.

    Attributes:
        device: `auto`, `cpu`, `gpu`, `cuda`, `cuda:N` or `mps`; where new tensors go.
        seed: reset every generator to this before each block; None leaves them alone.
        dtype: default float type of both sides; None leaves it alone.
        eager: run compiled functions eagerly, so that taps inside them see values.
        init: `keras` or `torch`: layers that a block of the other one makes get its default
            initializers; None leaves them alone.
        rtol: relative tolerance, a fraction of the reference; None: per dtype.
        atol: absolute tolerance; None: per dtype.
        tol: rules per row, `ROWS:rtol=NUMBER,atol=NUMBER`.
        allow_dtype: rows that differ in dtype only count as passed.
        equal_nan: NaN in the same place on both sides counts as equal.
        reference: `left` or `right`, the side rtol is relative to.
        causes: why rows fail is looked into at once; otherwise when `findings` asks for it.
        sort: `given`, the order of the captures, or `failing`: failing rows are shown first.
        plot: pictures of some rows, words of `pictures.kinds`; failing rows first.
        strict: a failing comparison fails the cell.
        out: the name that receives the result.
        noise: how many times to run the cell again with everything moved by one ulp.
        referee: run the cell again in float64, to see which side is nearer to the truth.
        code: show the code of both blocks above what came of it.
        large: show the result as a slide: large letters, a short table.
        layout: what the blocks print and show side by side (`lanes`), one block after the other
            (`stacked`) or as in any cell (`plain`); None: lanes in notebooks, stacked in terminals.
    """

    device: str = "auto"
    seed: int | None = None
    dtype: str | None = None
    eager: bool = False
    init: str | None = None
    rtol: float | None = None
    atol: float | None = None
    tol: tuple[str, ...] = ()
    allow_dtype: bool = False
    equal_nan: bool = False
    reference: str = "left"
    causes: bool = True
    sort: str = "given"
    plot: tuple[str, ...] = ()
    strict: bool = False
    out: str | None = None
    noise: int = 0
    referee: bool = False
    code: bool = False
    large: bool = False
    layout: str | None = None

    @property
    def tolerances(self) -> Tolerances:
        """The tolerance options as one object."""
        return tolerances(self.rtol, self.atol, self.tol)


def _is(*kinds: type) -> Callable[[Any], bool]:
    """Whether a value is of one of these kinds; a bool is no number."""
    return lambda value: isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


def _are_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(rule, str) for rule in value)


_NONE, _SWITCH = type(None), ("True or False", _is(bool))
# what an option must be, in words and as a test
_KINDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "device": ("a text like 'cpu' or 'cuda:0'", _is(str)),
    "seed": ("an integer", _is(Integral, _NONE)),
    "dtype": (f"one of {', '.join(DTYPES)}", _is(str, _NONE)),
    "eager": _SWITCH,
    "init": ("'keras' or 'torch'", _is(str, _NONE)),
    "rtol": ("a number", _is(Real, _NONE)),
    "atol": ("a number", _is(Real, _NONE)),
    "tol": ("a list of texts like 'h*:rtol=1e-3,atol=1e-4'", _are_texts),
    "allow_dtype": _SWITCH,
    "equal_nan": _SWITCH,
    "reference": ("'left' or 'right'", _is(str)),
    "causes": _SWITCH,
    "sort": ("'given' or 'failing'", _is(str)),
    "plot": ("a text like 'heat,hist' or a list of such words", lambda value: _is(str)(value) or _are_texts(value)),
    "strict": _SWITCH,
    "out": ("a Python name", _is(str, _NONE)),
    "noise": ("a number of runs, 0 or more", _is(Integral)),
    "referee": _SWITCH,
    "code": _SWITCH,
    "large": _SWITCH,
    "layout": (f"one of {', '.join(LAYOUTS)}", _is(str, _NONE)),
}
OPTION_NAMES = tuple(field.name for field in fields(Options))


def options_from(
    given: Mapping[str, Any], base: Options | None = None, accepted: Iterable[str] = OPTION_NAMES
) -> Options:
    """`base` with the `given` options laid over it, checked.

    Args:
        given: option names (as in `Options`) and values.
        base: what holds where `given` is silent; the built-in defaults if None.
        accepted: the names that have an effect here.

    Raises:
        OptionError: a name is unknown or a value is not one of the accepted ones.
    """
    for name in given:
        if name not in accepted:
            raise OptionError(
                f"Unknown option {name!r}.{did_you_mean(name, accepted)} Accepted here: {', '.join(accepted)}."
            )
    for name, value in given.items():
        expected, fits = _KINDS[name]
        if not fits(value):
            raise OptionError(f"{name} is {value!r}, expected {expected}.")
    options = replace(base or Options(), **given)
    # NumPy's integers and other rationals count as numbers; what follows needs Python's own
    options = replace(
        options,
        tol=tuple(options.tol),
        plot=read_kinds(options.plot),
        noise=int(options.noise),
        seed=None if options.seed is None else int(options.seed),
        rtol=None if options.rtol is None else float(options.rtol),
        atol=None if options.atol is None else float(options.atol),
    )
    _check_words(options)
    if options.seed is not None and not 0 <= options.seed < 2**32:
        raise OptionError(f"seed is {options.seed}, expected 0 <= seed < 2**32, as NumPy takes no other.")
    if options.out is not None and (not options.out.isidentifier() or keyword.iskeyword(options.out)):
        raise OptionError(f"out is {options.out!r}, expected a Python name.")
    if not 0 <= options.noise <= MOST_RUNS:
        raise OptionError(f"noise is {options.noise}, expected a number of runs from 0 to {MOST_RUNS}.")
    _ = options.tolerances
    return options


def _check_words(options: Options) -> None:
    """Refuse a word that is none of those an option can be."""
    if options.reference not in ("left", "right"):
        raise OptionError(f"reference is {options.reference!r}, expected 'left' or 'right'.")
    if options.sort not in SORTS:
        raise OptionError(
            f"sort is {options.sort!r}, expected 'given' or 'failing'.{did_you_mean(options.sort, SORTS)}"
        )
    if options.dtype is not None and options.dtype not in DTYPES:
        raise OptionError(
            f"dtype is {options.dtype!r}, expected one of {', '.join(DTYPES)}."
            f"{did_you_mean(str(options.dtype), DTYPES)}"
        )
    if options.layout is not None and options.layout not in LAYOUTS:
        raise OptionError(
            f"layout is {options.layout!r}, expected one of {', '.join(LAYOUTS)}."
            f"{did_you_mean(options.layout, LAYOUTS)}"
        )
    if options.init is not None and options.init not in INITS:
        raise OptionError(f"init is {options.init!r}, expected 'keras' or 'torch'.{did_you_mean(options.init, INITS)}")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise OptionError(message[:1].upper() + message[1:] + ".")


def build_parser(prog: str = "%%dual") -> argparse.ArgumentParser:
    """The parser of the magic line; options that are not given leave no attribute."""
    parser = _Parser(
        prog=prog,
        add_help=False,
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=DESCRIPTION,
        epilog=EPILOG,
    )
    switch = argparse.BooleanOptionalAction
    parser.add_argument(
        "captures", nargs="*", metavar="CAPTURE",
        help="a name, an expression, 'left ~ right' or 'row = left ~ right'; "
        "without any: every name that both blocks bind to tensors",
    )  # fmt: skip
    parser.add_argument("--device", metavar="auto|cpu|gpu|cuda[:N]|mps", help="where both sides put new tensors")
    parser.add_argument("--seed", type=int, metavar="N", help="reset all generators before each block")
    parser.add_argument("--dtype", metavar="|".join(DTYPES), help="default float type of both sides")
    parser.add_argument("--eager", action=switch, help="run compiled functions eagerly")
    parser.add_argument(
        "--init", metavar="|".join(INITS),
        help="layers that a block of the other framework makes get this one's default initializers",
    )  # fmt: skip
    parser.add_argument("--rtol", type=float, metavar="X", help="relative tolerance (with --atol)")
    parser.add_argument("--atol", type=float, metavar="X", help="absolute tolerance (with --rtol)")
    parser.add_argument(
        "--tol", action="append", metavar="ROWS:rtol=X,atol=Y", help="tolerance of some rows; may be repeated"
    )
    parser.add_argument("--allow-dtype", action=switch, help="let rows pass that differ in dtype only")
    parser.add_argument("--equal-nan", action=switch, help="NaN in the same place counts as equal")
    parser.add_argument("--reference", metavar="left|right", help="the side that rtol is relative to")
    parser.add_argument("--causes", action=switch, help="look into why rows fail (on); --no-causes: only when asked")
    parser.add_argument("--sort", metavar="|".join(SORTS), help="which rows are shown first")
    parser.add_argument(
        "--plot", metavar="KIND[,KIND]",
        help=f"pictures of the rows, failing ones first: {', '.join((AUTO, *KINDS, LAYERS))}",
    )  # fmt: skip
    parser.add_argument("--strict", action=switch, help="fail the cell if the comparison fails")
    parser.add_argument(
        "--noise", type=int, metavar="K",
        help="run the cell K times more with inputs and weights moved by one ulp: is a difference only rounding?",
    )  # fmt: skip
    parser.add_argument("--referee", action=switch, help="run the cell again in float64: which side is nearer?")
    parser.add_argument("--code", action=switch, help="show the code of both blocks, the lines that differ marked")
    parser.add_argument("--large", action=switch, help="show the result as a slide: large letters, a short table")
    parser.add_argument(
        "--layout", metavar="|".join(LAYOUTS),
        help="what the blocks print and show: side by side (in notebooks), one after the other (in terminals), "
        "or as in any cell",
    )  # fmt: skip
    parser.add_argument("--out", metavar="NAME", help="store the result under this name")
    parser.add_argument("-h", "--help", action="store_true", help="show this text")
    return parser


DESCRIPTION = """\
Run one Keras block and one PyTorch block on the same inputs and compare their tensors."""

EPILOG = """\
headers:
  # --- keras ---                 the block that follows is the left side
  # --- torch: my port --seed 1   a label, and options of that block alone
  frameworks: keras, torch, tensorflow (tf), jax, numpy

the same in an ordinary cell, where editors keep completion and linting:
  %dual keras --seed 0
  ...
  %dual torch
  ...
  %dual diff CAPTURE ... [options]

lines of their own (each has a --help):
""" + lines_in_brief()


def option_flags() -> list[str]:
    """Every flag of the magic line, as typed: `--device`, `--no-strict`, ..."""
    return sorted(flag for action in build_parser()._actions for flag in action.option_strings)  # noqa: SLF001


@dataclass(frozen=True)
class Line:
    """A magic line, read: the captures as texts and the options that were given."""

    captures: tuple[str, ...] = ()
    given: tuple[tuple[str, Any], ...] = ()
    help: bool = False


def parse_line(text: str) -> Line:
    """Read a magic line.

    Raises:
        OptionError: an unknown option, a value of the wrong type, or an open quote.

    Examples:
        >>> parse_line('probs "a ~ b" --seed 0')
        Line(captures=('probs', 'a ~ b'), given=(('seed', 0),), help=False)
    """
    if _WORD.sub("", text).strip():
        raise OptionError(f"No closing quotation: {text!r}. Put a capture with spaces in double quotes.")
    found, rest = build_parser().parse_known_intermixed_args([_unquoted(word) for word in _WORD.findall(text)])
    if rest:
        flag = rest[0].partition("=")[0]
        raise OptionError(f"Unknown option {flag!r}.{did_you_mean(flag, option_flags())} %%dual --help lists all.")
    given = vars(found)
    captures = given.pop("captures", ())
    wants_help = given.pop("help", False)
    named = (capture.rstrip(",") for capture in captures)  # `y, z` is how names are listed elsewhere
    return Line(tuple(capture for capture in named if capture), tuple(given.items()), wants_help)


# quotes inside a word stay, as in `d['a']`, which a shell's rules would turn into `d[a]`
_WORD = re.compile(r"""(?:"(?:\\.|[^"\\])*"|'[^']*'|[^\s"'])+""", re.DOTALL)
_QUOTED = re.compile(r"""([^"'=]*=)?(?:"((?:\\.|[^"\\])*)"|'([^']*)')""", re.DOTALL)


def _unquoted(word: str) -> str:
    """A word without the quotes around it, or around what follows its `=`."""
    quoted = _QUOTED.fullmatch(word)
    if quoted is None:
        return word
    text = quoted[3] if quoted[2] is None else re.sub(r"\\([\\\"])", r"\1", quoted[2])
    return (quoted[1] or "") + text


def refuse_options(given: Iterable[str], allowed: Iterable[str], where: str, instead: str) -> None:
    """Raise when an option stands where it has no effect.

    Raises:
        OptionError: naming the option, the place and the right place.
    """
    for name in given:
        if name not in allowed:
            flag = "--" + name.replace("_", "-")
            raise OptionError(f"{flag} has no effect on {where}; write it on {instead}.")
