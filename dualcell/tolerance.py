"""How near is near enough: a tolerance per dtype, and per row on request.

A pair of elements is close when `|left - right| <= atol + rtol * |reference|`.
The defaults are those of `torch.testing.assert_close`; of two dtypes the looser
one counts. Integers, booleans and everything else without a row are exact.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from dualcell.errors import OptionError


@dataclass(frozen=True)
class Tolerance:
    """The largest difference that still counts as close.

    Attributes:
        rtol: relative part, a fraction of the reference.
        atol: absolute part, in the units of the tensor.
    """

    rtol: float
    atol: float


EXACT = Tolerance(0.0, 0.0)

# torch/testing/_comparison.py, _DTYPE_PRECISIONS (torch 2.13)
DEFAULTS = {
    "float16": Tolerance(1e-3, 1e-5),
    "bfloat16": Tolerance(1.6e-2, 1e-5),
    "float32": Tolerance(1.3e-6, 1e-5),
    "float64": Tolerance(1e-7, 1e-7),
    "complex32": Tolerance(1e-3, 1e-5),
    "complex64": Tolerance(1.3e-6, 1e-5),
    "complex128": Tolerance(1e-7, 1e-7),
}
# numpy's extended precision: no torch dtype has it, so it is held to float64
DEFAULTS.update(dict.fromkeys(("float96", "float128", "longdouble"), DEFAULTS["float64"]))
DEFAULTS.update(dict.fromkeys(("complex192", "complex256"), DEFAULTS["complex128"]))


def default_tolerance(left_dtype: str, right_dtype: str) -> Tolerance:
    """The looser of the two dtypes' tolerances, part by part.

    Examples:
        >>> default_tolerance("float32", "float64")
        Tolerance(rtol=1.3e-06, atol=1e-05)
        >>> default_tolerance("int64", "int64")
        Tolerance(rtol=0.0, atol=0.0)
    """
    left, right = DEFAULTS.get(left_dtype, EXACT), DEFAULTS.get(right_dtype, EXACT)
    return Tolerance(max(left.rtol, right.rtol), max(left.atol, right.atol))


def is_exact(dtype: str) -> bool:
    """Whether a dtype counts things (integers, booleans) rather than measures them."""
    return dtype == "bool" or re.fullmatch(r"u?int\d+", dtype) is not None


def glob_matches(pattern: str, name: str) -> bool:
    """Whether `name` fits `pattern`, where `*` and `?` are wild and brackets are not.

    Examples:
        >>> glob_matches("out.hidden[*]", "out.hidden[2]")
        True
        >>> glob_matches("h?", "h12")
        False
    """
    wild = "".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return re.fullmatch(wild, name, re.DOTALL) is not None


@dataclass(frozen=True)
class Rule:
    """One `--tol`: the rows it covers and their tolerance."""

    pattern: str
    tolerance: Tolerance


@dataclass(frozen=True)
class Tolerances:
    """Everything said about tolerance for one comparison.

    Attributes:
        given: `--rtol` with `--atol`, or None for the defaults per dtype.
        rules: `--tol` rules; the last that fits a row wins.
    """

    given: Tolerance | None = None
    rules: tuple[Rule, ...] = ()

    def of(self, row: str, left_dtype: str, right_dtype: str) -> Tolerance:
        """The tolerance for one row.

        `--rtol/--atol` leave integers and booleans exact: a relative tolerance on
        class labels would pass a wrong label. Only a `--tol` that names the row does.
        """
        for rule in reversed(self.rules):
            if glob_matches(rule.pattern, row):
                return rule.tolerance
        if self.given is None or (is_exact(left_dtype) and is_exact(right_dtype)):
            return default_tolerance(left_dtype, right_dtype)
        return self.given


def tolerances(rtol: float | None = None, atol: float | None = None, tol: tuple[str, ...] = ()) -> Tolerances:
    """Build `Tolerances` from the options' values.

    Args:
        rtol: relative tolerance; given together with `atol` or not at all.
        atol: absolute tolerance.
        tol: texts like `h*:rtol=1e-3,atol=1e-4`.

    Raises:
        OptionError: only one of the two is given, one is negative or not finite,
            or a `tol` text cannot be read.
    """
    rules = tuple(_rule(text) for text in tol)
    if rtol is None and atol is None:
        return Tolerances(None, rules)
    return Tolerances(_pair(rtol, atol, "--rtol and --atol"), rules)


def _pair(rtol: float | None, atol: float | None, where: str) -> Tolerance:
    if rtol is None or atol is None:
        missing, given = ("rtol", "atol") if rtol is None else ("atol", "rtol")
        raise OptionError(
            f"{where}: {given} was given without {missing}. Give both, as one alone gives "
            f"surprising results; {missing}=0 switches that part off."
        )
    for name, number in (("rtol", rtol), ("atol", atol)):
        if not (math.isfinite(number) and number >= 0):
            raise OptionError(f"{where}: {name} is {number}, expected a finite number >= 0.")
    return Tolerance(rtol, atol)


def _rule(text: str) -> Rule:
    where = f"--tol {text!r}"
    pattern, colon, assignments = text.rpartition(":")
    numbers: dict[str, float] = {}
    for part in assignments.split(","):
        name, equals, number = (piece.strip() for piece in part.partition("="))
        if not (pattern.strip() and colon and equals and name in ("rtol", "atol")):
            raise OptionError(f"{where}: expected ROWS:rtol=NUMBER,atol=NUMBER, as in 'h*:rtol=1e-3,atol=1e-4'.")
        try:
            numbers[name] = float(number)
        except ValueError:
            raise OptionError(f"{where}: {name} is {number!r}, expected a number.") from None
    return Rule(pattern.strip(), _pair(numbers.get("rtol"), numbers.get("atol"), where))
