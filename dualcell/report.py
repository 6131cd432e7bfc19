"""Everything seen in a run -> `Report`: plain values only, ready to be drawn.

Renderers format a report and nothing else; they never meet a tensor or a framework.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal

from dualcell.comparison import Comparison
from dualcell.counted import plural
from dualcell.lanes import Lane
from dualcell.noise import Again, Noise, Referee
from dualcell.options import Options
from dualcell.pictures.picture import Picture
from dualcell.sources import Code
from dualcell.tolerance import Tolerance

if TYPE_CHECKING:
    from dualcell.cause import Finding

COLUMNS = (
    "verdict", "left_shape", "right_shape", "left_dtype", "right_dtype", "left_device", "right_device",
    "max_abs", "max_rel", "mean_abs", "rms", "mismatched", "total", "worst_index", "left_value",
    "right_value", "cause",
)  # fmt: skip


@dataclass(frozen=True)
class SideFacts:
    """What ran one side.

    Attributes:
        label: what the table calls it.
        seconds: wall time of the block; None outside a cell.
        facts: versions and numerics settings, by name.
    """

    label: str
    seconds: float | None = None
    facts: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Before:
    """What a row was when its cell ran last.

    Attributes:
        verdict: see `Row`.
        passed: see `Row`.
        max_abs: see `Row`.
    """

    verdict: str
    passed: bool
    max_abs: float | int | None


@dataclass(frozen=True)
class Row:
    """One row of the table; the fields named in `COLUMNS` are those of `DualResult.frame`.

    Attributes:
        name: the row's name.
        passed: whether it counts as the same.
        verdict: one of `comparison.VERDICTS`.
        left_shape: sizes of the left axes; None if there is no tensor. So with the other
            `left_` and `right_` fields.
        max_abs: largest |left - right|; None where nothing was measured. So with the
            other figures, see `stats.Stats`.
        cause: why the row is not `equal` or `close`, in one sentence; may be empty.
        allowed: the tolerance in words; empty where nothing was measured.
        allowed_at_worst: what the tolerance comes to at `worst_index`; None where nothing was
            measured there. A row may fail although its worst element is within it: elsewhere,
            where the reference is smaller, less is allowed.
        findings: what explains the difference, the simplest explanations that fit.
        noise: how the difference compares to that which one ulp makes; None if not asked for.
        referee: what the same cell in float64 says; None if not asked for.
        before: what the row was when its cell ran last; None if it did not, or had no such row.
        pictures: what `--plot` asked for.
    """

    name: str
    passed: bool
    verdict: str
    left_shape: tuple[int, ...] | None
    right_shape: tuple[int, ...] | None
    left_dtype: str
    right_dtype: str
    left_device: str
    right_device: str
    max_abs: float | int | None
    max_rel: float | None
    mean_abs: float | None
    rms: float | None
    mismatched: int | None
    total: int | None
    worst_index: tuple[int, ...] | None
    left_value: Any
    right_value: Any
    cause: str
    cosine: float | None = None
    left_nan: int | None = None
    right_nan: int | None = None
    left_inf: int | None = None
    right_inf: int | None = None
    nonfinite_disagree: int | None = None
    needed_atol: float | None = None
    needed_rtol: float | None = None
    allowed: str = ""
    allowed_at_worst: float | None = None
    findings: tuple[Finding, ...] = ()
    noise: Noise | None = None
    referee: Referee | None = None
    before: Before | None = None
    pictures: tuple[Picture, ...] = ()

    @property
    def change(self) -> Literal["better", "worse", "same", "new"]:
        """What has become of the row since its cell ran last: by its largest error, as far as the table shows it.

        A row that can be measured is better than one that gives NaN, that better than one
        that cannot. Where the error is as it was, a dtype that was mended is better; a tolerance
        that was moved is neither.
        """
        if self.before is None:
            return "new"
        if figure(self.before.max_abs) == figure(self.max_abs):
            moved = {self.verdict, self.before.verdict} == {"close", "differs"}
            return "same" if moved or self.passed == self.before.passed else "better" if self.passed else "worse"
        return "better" if _badness(self.max_abs) < _badness(self.before.max_abs) else "worse"


def _badness(max_abs: float | int | None) -> tuple[int, float]:
    """Sorts errors: those that can be told, NaN, none."""
    if max_abs is None:
        return 2, 0.0
    return (1, 0.0) if math.isnan(max_abs) else (0, max_abs)


@dataclass(frozen=True)
class Report:
    """What a run found.

    Attributes:
        sides: left and right.
        rows: the table.
        settings: device, seed and other settings of the run, by name.
        passed: every row passed and at least one element was compared.
        summary: the outcome in one sentence.
        notes: sentences about the run as a whole.
        sort: `given`, the order of the captures, or `failing`, which shows failing rows first.
        code: the text of both blocks; None outside a cell.
        shows_code: whether it was asked for.
        large: whether a slide was asked for.
        lanes: what the blocks printed and showed; None if that is nothing.
        layout: `lanes` or `stacked`, how the lanes are drawn.
        pictures: of the whole, as `--plot layers` asks for.
    """

    sides: tuple[SideFacts, SideFacts]
    rows: tuple[Row, ...]
    settings: Mapping[str, str]
    passed: bool
    summary: str
    notes: tuple[str, ...] = ()
    sort: str = "given"
    code: Code | None = None
    shows_code: bool = False
    large: bool = False
    lanes: tuple[Lane, Lane] | None = None
    layout: str = "lanes"
    pictures: tuple[Picture, ...] = ()

    @property
    def shown(self) -> tuple[Row, ...]:
        """The rows in the order in which they are shown."""
        return tuple(sorted(self.rows, key=lambda row: row.passed)) if self.sort == "failing" else self.rows

    @property
    def has_before(self) -> bool:
        """Whether any row was there when the cell ran last."""
        return any(row.before is not None for row in self.rows)

    @property
    def labels(self) -> tuple[str, str]:
        """What the two sides are called."""
        left, right = self.sides
        return left.label, right.label

    @property
    def has_noise(self) -> bool:
        """Whether any row's noise was measured."""
        return any(row.noise is not None for row in self.rows)


def build_report(
    sides: tuple[SideFacts, SideFacts], comparisons: Iterable[Comparison], settings: Mapping[str, str],
    notes: Iterable[str] = (), stopped: str = "", findings: Mapping[str, tuple[Finding, ...]] | None = None,
) -> Report:  # fmt: skip
    """Put what was seen into plain values and judge the whole.

    `findings` has the rows whose failure was looked into.

    A run that compared no element has failed: an empty green table proves nothing. So
    has one that an error `stopped`, whatever it compared before.
    """
    looked_into = findings or {}
    reference = settings.get("reference", "left")
    rows = tuple(_row(comparison, reference, looked_into.get(comparison.row)) for comparison in comparisons)
    compared = sum(row.total or 0 for row in rows)
    passed = bool(rows) and all(row.passed for row in rows) and compared > 0 and not stopped
    summary = f"{stopped}; before that: {_counts(rows)}" if stopped else _summary(rows, compared)
    return Report(sides, rows, settings, passed, summary, tuple(notes))


def with_reruns(report: Report, again: Again) -> Report:
    """The report with what running the cell again has shown of its rows."""
    rows = (replace(row, noise=again.noise.get(row.name), referee=again.referee.get(row.name)) for row in report.rows)
    return replace(report, rows=tuple(rows), notes=(*report.notes, *again.notes))


def _row(comparison: Comparison, reference: str, findings: tuple[Finding, ...] | None) -> Row:
    left, right, stats = comparison.left.facts, comparison.right.facts, comparison.stats
    tolerance = comparison.tolerance
    figures = {} if stats is None else {name: getattr(stats, name) for name in _FIGURES}
    return Row(
        name=comparison.row,
        passed=comparison.passed,
        verdict=comparison.verdict,
        left_shape=left and left.shape,
        right_shape=right and right.shape,
        left_dtype=left.dtype if left else "",
        right_dtype=right.dtype if right else "",
        left_device=left.device if left else "",
        right_device=right.device if right else "",
        cause=_cause(comparison, findings),
        findings=findings or (),
        pictures=(),
        allowed="" if tolerance is None else f"atol {tolerance.atol:g} + rtol {tolerance.rtol:g}",
        allowed_at_worst=_allowed(tolerance, figures.get(f"{reference}_value")),
        **{name: figures.get(name) for name in _FIGURES},
    )


def _allowed(tolerance: Tolerance | None, reference: Any) -> float | None:
    """What a tolerance comes to for one reference value; NaN and infinities have none."""
    if tolerance is None or reference is None:
        return None
    size = abs(reference)
    return tolerance.atol + tolerance.rtol * float(size) if math.isfinite(size) else None


def _cause(comparison: Comparison, findings: tuple[Finding, ...] | None) -> str:
    """Why a row failed, in one sentence; NaN and axes that cannot be named come before what is unknown."""
    if findings:
        return " or ".join(finding.sentence for finding in findings[:_MOST_FINDINGS])
    unknown = findings is not None and comparison.verdict == "differs" and not comparison.note
    return "no known cause" if unknown else comparison.note


_MOST_FINDINGS = 3


_FIGURES = (
    "max_abs", "max_rel", "mean_abs", "rms", "mismatched", "total", "worst_index", "left_value", "right_value",
    "cosine", "left_nan", "right_nan", "left_inf", "right_inf", "nonfinite_disagree", "needed_atol", "needed_rtol",
)  # fmt: skip


def settings_of(options: Options) -> dict[str, str]:
    """The settings of a run in words: always the device, the others where they were set."""
    tolerance = None if options.rtol is None else f"atol {options.atol:g} + rtol {options.rtol:g}"
    said = {
        "device": options.device,
        "seed": None if options.seed is None else str(options.seed),
        "dtype": options.dtype,
        "eager": "yes" if options.eager else None,
        "initializers": options.init and f"those of {options.init}",
        "reference": options.reference if options.reference != "left" else None,
        "tolerance": tolerance,
        "causes": None if options.causes else "not looked for",
        "noise": f"{options.noise} runs" if options.noise else None,
        "referee": "float64" if options.referee else None,
        "tol": " ".join(options.tol) or None,
        "plot": ",".join(options.plot) or None,
        "allow-dtype": "yes" if options.allow_dtype else None,
        "equal-nan": "yes" if options.equal_nan else None,
    }
    return {name: value for name, value in said.items() if value is not None}


def _summary(rows: tuple[Row, ...], compared: int) -> str:
    if not rows:
        return "nothing was compared"
    failed = sum(not row.passed for row in rows)
    words = _counts(rows)
    if failed:
        return f"{failed} of {plural(len(rows), 'row')} failed: {words}{_which(rows, failed)}"
    if not compared:
        return f"no element was compared: {words}, all empty"
    return f"{plural(len(rows), 'row')} passed: {words}"


def _which(rows: tuple[Row, ...], failed: int) -> str:
    """Where to look, once a table is too long to be seen at a glance: ` (h3, h7, ...)`."""
    if len(rows) <= _AT_A_GLANCE:
        return ""
    names = [row.name for row in rows if not row.passed][:3]
    return f" ({', '.join(names)}{', ...' if failed > len(names) else ''})"


def _counts(rows: tuple[Row, ...]) -> str:
    """`2 equal, 1 differs`."""
    return ", ".join(f"{count} {verdict}" for verdict, count in counted(rows).items()) or "nothing"


def counted(rows: Iterable[Row]) -> dict[str, int]:
    """How many rows have which verdict, in the order in which they come."""
    return dict(Counter(row.verdict for row in rows))


_AT_A_GLANCE = 8  # rows


# --- rows that one line stands for ---

FEWEST = 3  # equal rows that follow each other


@dataclass(frozen=True)
class Run:
    """Rows of a table that follow each other.

    Attributes:
        rows: they.
        folded: all are equal, so one line stands for them.
    """

    rows: tuple[Row, ...]
    folded: bool = False


def runs_of(rows: Sequence[Row], collapses: bool) -> tuple[Run, ...]:
    """Rows in order; equal ones that follow each other together, if they are to collapse."""
    found: list[Run] = []
    for equal, together in groupby(rows, key=lambda row: row.verdict == "equal" and not row.cause):
        stretch = tuple(together)
        folded = collapses and equal and FEWEST <= len(stretch) < len(rows)
        if found and not folded and not found[-1].folded:
            found[-1] = Run((*found[-1].rows, *stretch))
        else:
            found.append(Run(stretch, folded))
    return tuple(found)


# --- numbers and shapes in words, shared by the renderers ---


def figure(value: float | int | None) -> str:
    """An error as the tables show it: three significant digits, always, and integers whole.

    Examples:
        >>> figure(5.960464477539063e-08), figure(0.12), figure(123.0), figure(0.0), figure(None)
        ('5.96e-08', '0.120', '123', '0', '')
    """
    if not value or isinstance(value, int) or not math.isfinite(value):
        return in_words(value)
    return f"{value:#.3g}".removesuffix(".")


def values_in_words(row: Row) -> tuple[str, str]:
    """Both values at a row's worst element, with as many decimals on either side."""
    left, right = in_words(row.left_value, row.left_dtype), in_words(row.right_value, row.right_dtype)
    decimals = [_decimals(text) for text in (left, right)]
    if None in decimals or row.left_dtype != row.right_dtype:
        return left, right
    first, second = decimals[0] or 0, decimals[1] or 0
    return left + "0" * (second - first), right + "0" * (first - second)


def _decimals(text: str) -> int | None:
    """How many digits stand behind a point; None in `1e-05`, `(1+2j)`, `nan` and where there is no point."""
    whole, point, behind = text.removeprefix("-").partition(".")
    return len(behind) if point and whole.isdigit() and behind.isdigit() else None


def in_words(value: Any, dtype: str = "") -> str:
    """A value as the tables show it.

    Args:
        value: a number, a shape or index, None or a bool.
        dtype: the tensor's dtype; sets how many digits tell its values apart.

    Examples:
        >>> in_words(5.960464477539063e-08), in_words(None), in_words((5, 1)), in_words(0.0)
        ('5.96e-08', '', '(5, 1)', '0')
        >>> in_words(0.9267024397850037, "float32")
        '0.92670244'
    """
    if value is None:
        return ""
    if isinstance(value, bool | int | str):
        return str(value)
    if isinstance(value, tuple):
        inside = ", ".join("?" if size == -1 else str(size) for size in value)
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    digits = _DIGITS.get(dtype, 3)
    if isinstance(value, complex):
        sign = "-" if math.copysign(1, value.imag) < 0 else "+"
        return f"{in_words(value.real, dtype)}{sign}{in_words(abs(value.imag), dtype)}j"
    return f"{value:.{digits}g}"


# digits that tell two neighbouring values apart, less the last where it is mostly noise
_DIGITS = {
    "float16": 5, "bfloat16": 4, "float32": 8, "float64": 16, "complex64": 8, "complex128": 16, "complex32": 5,
}  # fmt: skip
