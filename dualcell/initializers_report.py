"""What the weights of one or two models were drawn from -> `InitializersReport`, ready to be shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from dualcell.counted import listed, plural
from dualcell.distributions import Distribution, Drawn, Fit, Normal, Sizes, Uniform, histogram

BINS = 24  # of a histogram


@dataclass(frozen=True)
class Origin:
    """What one weight was drawn from.

    Attributes:
        name: its path, in its framework's spelling.
        framework: whose it is.
        shape: sizes of its axes.
        sizes: its fans, as its framework counts them.
        drawn: what was found.
        bars: the share of its numbers in each of `BINS` equal bins, which are the same for both sides.
        fix: what to write for the other side's initializer; empty if nothing is to be changed.
        shared: the layer has one argument for this weight and for others, as Keras' attention has.
        bare: it is in no layer of a known kind: in Keras `add_weight(initializer=...)` has drawn it.
    """

    name: str
    framework: str
    shape: tuple[int, ...]
    sizes: Sizes
    drawn: Drawn
    bars: tuple[float, ...] = ()
    fix: str = ""
    shared: bool = False
    bare: bool = False

    @property
    def said(self) -> str:
        """The initializers that fit, in words."""
        drawn = self.drawn
        named = " or ".join(f"{fit.name}: {fit.said}" if fit.distribution else fit.name for fit in drawn.fits)
        if drawn.verdict == "named":
            return named
        if drawn.verdict == "few":
            count = drawn.numbers.count if drawn.numbers else 0
            return f"too few numbers to tell ({count})" + (f"; could be {_shortened(drawn.fits)}" if named else "")
        return "no known initializer" if drawn.verdict == "unknown" else f"not tested: {drawn.reason}"


@dataclass(frozen=True)
class InitializersRow:
    """A weight, or the two that belong together.

    Attributes:
        left: the left side's; None if only the right side has it.
        right: the right side's; None if only the left side has it.
    """

    left: Origin | None
    right: Origin | None = None

    @property
    def origins(self) -> tuple[Origin, ...]:
        """Those that are there."""
        return tuple(one for one in (self.left, self.right) if one is not None)

    @property
    def name(self) -> str:
        """`dense/kernel ~ fc.weight`."""
        return " ~ ".join(one.name for one in self.origins)

    @property
    def alike(self) -> bool | None:
        """Whether both sides are drawn from one distribution; None if that cannot be told."""
        if self.left is None or self.right is None:
            return None
        left, right = self.left.drawn, self.right.drawn
        if not {left.verdict, right.verdict} <= {"named", "unknown"} or left.verdict == right.verdict == "unknown":
            return None
        return bool({fit.said for fit in left.fits} & {fit.said for fit in right.fits})


@dataclass(frozen=True)
class InitializersReport:
    """What the weights of one or two models were drawn from.

    Attributes:
        labels: what the table calls the models: one or two names.
        rows: a row for each weight, in the order of the models.
        formulas: (name, formula, source) of each initializer in the table.
        notes: what else is to be known, one sentence each.
        summary: the outcome in one sentence.
    """

    labels: tuple[str, ...]
    rows: tuple[InitializersRow, ...]
    formulas: tuple[tuple[str, str, str], ...]
    notes: tuple[str, ...]
    summary: str


def build_initializers_report(
    labels: tuple[str, ...], rows: Iterable[InitializersRow], notes: Iterable[str] = ()
) -> InitializersReport:
    """Add histograms on one scale, what to write, formulas and a summary."""
    finished = _apart([_finished(row) for row in rows])
    fits = [fit for row in finished for one in row.origins if one.drawn.verdict == "named" for fit in one.drawn.fits]
    formulas = {(_bare(fit), fit.formula, fit.source): None for fit in fits if fit.formula}
    summary = _pairs_in_words(finished) if len(labels) > 1 else _weights_in_words(finished)
    return InitializersReport(labels, finished, tuple(formulas), tuple(notes), summary)


def _finished(row: InitializersRow) -> InitializersRow:
    tested = [one.drawn.numbers for one in row.origins if one.drawn.numbers is not None]
    low, high = min((one.low for one in tested), default=0.0), max((one.high for one in tested), default=0.0)

    def drawn(one: Origin | None, other: Origin | None) -> Origin | None:
        if one is None:
            return None
        bars = histogram(one.drawn.numbers, low, high, BINS) if one.drawn.numbers is not None else ()
        fix = written(one, other.drawn.fits[0]) if row.alike is False and other and other.drawn.fits else ""
        return replace(one, bars=bars, fix=fix)

    return InitializersRow(drawn(row.left, row.right), drawn(row.right, row.left))


def _apart(rows: Sequence[InitializersRow]) -> tuple[InitializersRow, ...]:
    """Weights of one argument that want one initializer each: what to write for each instead of for all."""
    wanted: dict[tuple[str, str], set[str]] = {}
    for one in (one for row in rows for one in row.origins if one.shared):
        wanted.setdefault(_argument_of(one), set()).add(one.fix)

    def alone(one: Origin | None) -> Origin | None:
        if one is None or not (one.shared and one.fix and len(wanted[_argument_of(one)]) > 1):
            return one
        part, weight = one.name.split("/")[-2:]
        array = f"layer._{part.removeprefix('attention_')}_dense.{weight}"  # without `_` in Keras 3 alone
        spelled = one.fix.partition("=")[2]
        made = f"keras.initializers.get({spelled})" if spelled[0] == '"' else spelled
        return replace(one, fix=f"{array}.assign({made}({array}.shape))")

    return tuple(InitializersRow(alone(row.left), alone(row.right)) for row in rows)


def _argument_of(one: Origin) -> tuple[str, str]:
    """The path of a layer and the kind of its weight: `attention/query/kernel` -> `attention`, `kernel`."""
    path, _, weight = one.name.rpartition("/")
    return path.rpartition("/")[0], weight


def _bare(fit: Fit) -> str:
    return fit.initializer.name if fit.initializer else fit.name


def _shortened(fits: Sequence[Fit], most: int = 3) -> str:
    return listed([_bare(fit) for fit in fits], most)


# --- in words ---


def _weights_in_words(rows: Sequence[InitializersRow]) -> str:
    origins = [one for row in rows for one in row.origins]
    words = {"few": "too few numbers to tell", "unknown": "no known initializer", "not tested": "not tested"}
    said = Counter(words.get(one.drawn.verdict) or " or ".join(map(_bare, one.drawn.fits)) for one in origins)
    counts = ", ".join(f"{count} {name}" for name, count in said.most_common())
    return f"{plural(len(origins), 'weight')}: {counts}"


def _pairs_in_words(rows: Sequence[InitializersRow]) -> str:
    pairs = [row.alike for row in rows if row.left and row.right]
    alone = len(rows) - len(pairs)
    alike, unlike, open_ = pairs.count(True), pairs.count(False), pairs.count(None)
    said = f"{alike} of {plural(len(pairs), 'pair')} of weights drawn alike, {unlike} differently"
    said += f", {open_} cannot be told" if open_ else ""
    return said + (f"; {plural(alone, 'weight')} without a partner" if alone else "")


# --- what to write ---


def written(origin: Origin, fit: Fit) -> str:
    """The line that draws a weight from another side's initializer."""
    return _in_torch(origin, fit) if origin.framework == "torch" else _in_keras(origin, fit)


def _by_name(origin: Origin, fit: Fit) -> bool:
    """Whether the initializer's name stands for the same numbers on this side."""
    made = fit.initializer.make(origin.sizes) if fit.initializer and len(origin.shape) > 1 else None
    fixed = fit.initializer is not None and "fan" not in fit.formula and "hidden" not in fit.formula
    return fixed or (made is not None and str(made) == fit.said and not origin.sizes.of)


_IN_KERAS = {"zeros": '"zeros"', "ones": '"ones"', "identity": '"identity"', "orthogonal": '"orthogonal"'}
_IN_TORCH = {"zeros": "nn.init.zeros_({})", "ones": "nn.init.ones_({})",
             "identity": "nn.init.eye_({})", "dirac": "nn.init.dirac_({})",
             "orthogonal": "nn.init.orthogonal_({})"}  # fmt: skip


def _in_keras(origin: Origin, fit: Fit) -> str:
    tail = origin.name.partition("[")[0].rpartition("/")[2]
    argument = "initializer" if origin.bare else {"recurrent_kernel": "recurrent"}.get(tail, tail) + "_initializer"
    if "forget" in fit.name:
        return 'unit_forget_bias=True, bias_initializer="zeros"'
    by_name = fit.initializer.keras if fit.initializer and _by_name(origin, fit) else ""
    spelled = by_name or _IN_KERAS.get(fit.name) or _numbers_in_keras(fit.distribution, fit)
    # LSTM puts ones into the forget gate, of its four, whatever the initializer
    gates = ", unit_forget_bias=False" if tail == "bias" and origin.shape == (4 * (origin.sizes.hidden or 0),) else ""
    return f"{argument}={spelled}{gates}" if spelled else ""


def _numbers_in_keras(distribution: Distribution | None, fit: Fit) -> str:
    name = "keras.initializers"
    if isinstance(distribution, Uniform):
        return f"{name}.RandomUniform({distribution.low:.6g}, {distribution.high:.6g})"
    if isinstance(distribution, Normal):
        kind = "RandomNormal" if distribution.cut > 1e9 else "TruncatedNormal"
        return f"{name}.{kind}(stddev={distribution.sigma:.6g})"
    return f"{name}.Constant({fit.said})" if fit.name.startswith("constant") else ""


def _in_torch(origin: Origin, fit: Fit) -> str:
    path, _, part = origin.name.partition("[")
    tensor = "layer." + path.rpartition(".")[2]
    if part:  # `1 of 3]`
        index, rows = int(part.split()[0]), origin.shape[0]
        tensor += f"[{index * rows}:{(index + 1) * rows}]"
    if "forget" in fit.name:
        units = origin.shape[0] // 4
        return f"nn.init.zeros_({tensor}), then nn.init.ones_({tensor}[{units}:{2 * units}])"
    if fit.initializer and fit.initializer.torch and _by_name(origin, fit) and not part:
        return fit.initializer.torch.format(tensor)
    if fit.name in _IN_TORCH:
        return _IN_TORCH[fit.name].format(tensor)
    return _numbers_in_torch(tensor, fit.distribution, fit)


def _numbers_in_torch(tensor: str, distribution: Distribution | None, fit: Fit) -> str:
    if isinstance(distribution, Uniform):
        return f"nn.init.uniform_({tensor}, {distribution.low:.6g}, {distribution.high:.6g})"
    if isinstance(distribution, Normal):
        sigma, edge = distribution.sigma, distribution.high
        if edge > 1e9:
            return f"nn.init.normal_({tensor}, std={sigma:.6g})"
        return f"nn.init.trunc_normal_({tensor}, std={sigma:.6g}, a={-edge:.6g}, b={edge:.6g})"
    return f"nn.init.constant_({tensor}, {fit.said})" if fit.name.startswith("constant") else ""
