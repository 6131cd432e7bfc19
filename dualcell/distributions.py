"""The numbers of one weight -> `Drawn`: which known initializers could have drawn them.

The catalogue is one table, `INITIALIZERS`: the bound of a uniform or the standard
deviation of a normal distribution as a formula of a layer's fans. What a formula gives is
tested, not what the numbers look like: a candidate is dropped when numbers that were drawn
from it would be like these less than once in `1 / LEVEL` tensors, by any of its tests
(outside its bounds; too far inside them; mean and standard deviation; Kolmogorov-Smirnov;
rows or columns that depend on each other).
All that remain are named, but for those that another one explains a hundred times as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from dualcell.cause import Array
from dualcell.independence import are_independent

LEVEL = 1e-4  # of each test: how often it rejects what is true
SIGMAS = 3.89  # as many standard errors are that level, two-sided
# relative: a scale as far off as this must show in the tests, or there are too few numbers to tell; of uniform
# distributions, whose bounds are sharp, and of normal ones, which many trained weights look like
OFF, OFF_NORMAL = 0.2, 0.1
SAMPLE = 1 << 16  # numbers that Kolmogorov-Smirnov looks at; bounds, mean and deviation are of all
COARSE = 1 << 12  # of a 16-bit dtype, whose steps show in more
LIKELIER = math.log(100)
CUT = 2.0  # where Keras cuts normal distributions, in standard deviations
KEPT = 0.87962566103423978  # the standard deviation of a normal distribution of 1 that is cut there

STEPS = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}


@dataclass(frozen=True)
class Sizes:
    """What the formulas are fed with, for one weight.

    Attributes:
        fan_in: how many numbers each output of the layer is a sum of; None for a weight that has no fans.
        fan_out: how many outputs each input has a part in.
        hidden: units of a recurrent layer; None elsewhere.
        of: what these fans are of, if not of the weight as its framework counts them: `one gate`.
    """

    fan_in: int | None = None
    fan_out: int | None = None
    hidden: int | None = None
    of: str = ""


@dataclass(frozen=True)
class Uniform:
    """Evenly between two bounds."""

    low: float
    high: float
    excess = 0.8  # kurtosis less 1

    @property
    def mean(self) -> float:
        """The middle."""
        return (self.low + self.high) / 2

    @property
    def deviation(self) -> float:
        """Of a number from the mean: the width / √12."""
        return (self.high - self.low) / math.sqrt(12)

    def below(self, values: Array) -> Array:
        """The probability of a number below each of these."""
        return np.clip((values - self.low) / (self.high - self.low), 0, 1)

    def likelihood(self, values: Array) -> float:
        """Mean log density; the values lie within the bounds."""
        return -math.log(self.high - self.low)

    def __str__(self) -> str:
        return f"U(±{self.high:.4g})" if self.low == -self.high else f"U({self.low:g}, {self.high:g})"


@dataclass(frozen=True)
class Normal:
    """A normal distribution around 0.

    Attributes:
        sigma: its standard deviation before it is cut.
        cut: where it is cut, in sigmas.
    """

    sigma: float
    cut: float = math.inf
    mean = 0.0

    @property
    def low(self) -> float:
        """The lower bound."""
        return -self.sigma * self.cut

    @property
    def high(self) -> float:
        """The upper bound."""
        return self.sigma * self.cut

    @property
    def deviation(self) -> float:
        """The standard deviation after the cut."""
        return self.sigma if math.isinf(self.cut) else self.sigma * KEPT

    @property
    def excess(self) -> float:
        """Kurtosis less 1."""
        return 2.0 if math.isinf(self.cut) else 1.365

    def below(self, values: Array) -> Array:
        """The probability of a number below each of these."""
        edge, inside = (0.0, 1.0) if math.isinf(self.cut) else (_phi(-self.cut), 2 * _phi(self.cut) - 1)
        return np.clip((_normal_below(values / self.sigma) - edge) / inside, 0, 1)

    def likelihood(self, values: Array) -> float:
        """Mean log density; the values lie within the bounds."""
        inside = 1.0 if math.isinf(self.cut) else 2 * _phi(self.cut) - 1
        scaled = float(np.mean(np.square(values))) / self.sigma**2
        return -math.log(self.sigma * math.sqrt(2 * math.pi) * inside) - scaled / 2

    def __str__(self) -> str:
        said = f"N(0, {self.sigma:.4g}²)"
        return said if math.isinf(self.cut) else f"{said} cut at ±{self.high:.4g}"


Distribution = Uniform | Normal


@dataclass(frozen=True)
class Initializer:
    """A row of the catalogue.

    Attributes:
        name: what it is called.
        formula: the distribution, in words of fans.
        make: sizes -> the distribution; None where a size it needs is unknown.
        keras: how Keras writes it, as an initializer; empty if it takes the numbers.
        torch: how PyTorch writes it, with `{}` for the tensor; empty if it takes the numbers.
        source: where the formula is from.
    """

    name: str
    formula: str
    make: Callable[[Sizes], Distribution | None]
    keras: str = ""
    torch: str = ""
    source: str = ""


def _scaled(variance: Callable[[int, int], float], kind: str) -> Callable[[Sizes], Distribution | None]:
    """A distribution of that variance, from the fans: Keras' `VarianceScaling`."""

    def make(sizes: Sizes) -> Distribution | None:
        if sizes.fan_in is None or sizes.fan_out is None:
            return None
        deviation = math.sqrt(variance(max(1, sizes.fan_in), max(1, sizes.fan_out)))
        if kind == "uniform":
            bound = math.sqrt(3) * deviation
            return Uniform(-bound, bound)
        return Normal(deviation) if kind == "normal" else Normal(deviation / KEPT, CUT)

    return make


def _recurrent(sizes: Sizes) -> Distribution | None:
    if not sizes.hidden:
        return None
    bound = 1 / math.sqrt(sizes.hidden)
    return Uniform(-bound, bound)


def _fixed(distribution: Distribution) -> Callable[[Sizes], Distribution | None]:
    return lambda sizes: distribution


_GLOROT = "Glorot and Bengio 2010, eq. 16"
_HE = "He et al. 2015, eq. 10"
_HE_OUT = "He et al. 2015, eq. 14"
_LECUN = "LeCun et al. 1998, section 4.6"
_TORCH = "the default of PyTorch's Linear and convolutions"


def _glorot(fan_in: int, fan_out: int) -> float:
    return 2 / (fan_in + fan_out)


def _he(fan_in: int, fan_out: int) -> float:
    return 2 / fan_in


def _he_out(fan_in: int, fan_out: int) -> float:
    return 2 / fan_out


def _lecun(fan_in: int, fan_out: int) -> float:
    return 1 / fan_in


def _third(fan_in: int, fan_out: int) -> float:
    return 1 / (3 * fan_in)


_FAN_OUT = 'mode="fan_out"'
INITIALIZERS: tuple[Initializer, ...] = (
    Initializer("glorot_uniform = xavier_uniform", "U(±√(6/(fan_in + fan_out)))", _scaled(_glorot, "uniform"),
                '"glorot_uniform"', "nn.init.xavier_uniform_({})", _GLOROT),
    Initializer("recurrent uniform", "U(±1/√hidden)", _recurrent, source="the default of PyTorch's RNN, GRU and LSTM"),
    Initializer("kaiming_uniform(a=√5)", "U(±1/√fan_in)", _scaled(_third, "uniform"),
                'keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")',
                "nn.init.kaiming_uniform_({}, a=5**0.5)", _TORCH),
    Initializer("he_uniform = kaiming_uniform", "U(±√(6/fan_in))", _scaled(_he, "uniform"),
                '"he_uniform"', "nn.init.kaiming_uniform_({})", _HE),
    Initializer("lecun_uniform", "U(±√(3/fan_in))", _scaled(_lecun, "uniform"),
                '"lecun_uniform"', 'nn.init.kaiming_uniform_({}, nonlinearity="linear")', _LECUN),
    Initializer("kaiming_uniform(fan_out)", "U(±√(6/fan_out))", _scaled(_he_out, "uniform"),
                'keras.initializers.VarianceScaling(2, "fan_out", "uniform")',
                f"nn.init.kaiming_uniform_({{}}, {_FAN_OUT})", _HE_OUT),
    Initializer("glorot_normal", "N(0, 2/(fan_in + fan_out)) cut at 2 std", _scaled(_glorot, "truncated"),
                '"glorot_normal"', source=_GLOROT),
    Initializer("xavier_normal", "N(0, 2/(fan_in + fan_out))", _scaled(_glorot, "normal"),
                'keras.initializers.VarianceScaling(1, "fan_avg", "untruncated_normal")',
                "nn.init.xavier_normal_({})", _GLOROT),
    Initializer("he_normal", "N(0, 2/fan_in) cut at 2 std", _scaled(_he, "truncated"), '"he_normal"', source=_HE),
    Initializer("kaiming_normal", "N(0, 2/fan_in)", _scaled(_he, "normal"),
                'keras.initializers.VarianceScaling(2, "fan_in", "untruncated_normal")',
                "nn.init.kaiming_normal_({})", _HE),
    Initializer("kaiming_normal(fan_out)", "N(0, 2/fan_out)", _scaled(_he_out, "normal"),
                'keras.initializers.VarianceScaling(2, "fan_out", "untruncated_normal")',
                f"nn.init.kaiming_normal_({{}}, {_FAN_OUT})", _HE_OUT),
    Initializer("VarianceScaling(2, fan_out)", "N(0, 2/fan_out) cut at 2 std", _scaled(_he_out, "truncated"),
                'keras.initializers.VarianceScaling(2, "fan_out")', source=_HE_OUT),
    Initializer("lecun_normal", "N(0, 1/fan_in) cut at 2 std", _scaled(_lecun, "truncated"),
                '"lecun_normal"', source=_LECUN),
    Initializer("kaiming_normal(linear)", "N(0, 1/fan_in)", _scaled(_lecun, "normal"),
                'keras.initializers.VarianceScaling(1, "fan_in", "untruncated_normal")',
                'nn.init.kaiming_normal_({}, nonlinearity="linear")', _LECUN),
    Initializer("random_uniform", "U(±0.05)", _fixed(Uniform(-0.05, 0.05)), '"random_uniform"',
                "nn.init.uniform_({}, -0.05, 0.05)", "Keras' default numbers"),
    Initializer("uniform_", "U(0, 1)", _fixed(Uniform(0.0, 1.0)), "keras.initializers.RandomUniform(0, 1)",
                "nn.init.uniform_({})", "PyTorch's default numbers"),
    Initializer("normal_", "N(0, 1²)", _fixed(Normal(1.0)), "keras.initializers.RandomNormal(stddev=1)",
                "nn.init.normal_({})", "PyTorch's default numbers"),
    Initializer("random_normal", "N(0, 0.05²)", _fixed(Normal(0.05)), '"random_normal"',
                "nn.init.normal_({}, std=0.05)", "Keras' default numbers"),
    Initializer("normal(std=0.02)", "N(0, 0.02²)", _fixed(Normal(0.02)),
                "keras.initializers.RandomNormal(stddev=0.02)", "nn.init.normal_({}, std=0.02)", "GPT-2 and DCGAN"),
    Initializer("normal(std=0.01)", "N(0, 0.01²)", _fixed(Normal(0.01)),
                "keras.initializers.RandomNormal(stddev=0.01)", "nn.init.normal_({}, std=0.01)", "VGG"),
    Initializer("truncated_normal", "N(0, 0.05²) cut at 2 std", _fixed(Normal(0.05, CUT)), '"truncated_normal"',
                "nn.init.trunc_normal_({}, std=0.05, a=-0.1, b=0.1)", "Keras' default numbers"),
    Initializer("truncated_normal(0.02)", "N(0, 0.02²) cut at 2 std", _fixed(Normal(0.02, CUT)),
                "keras.initializers.TruncatedNormal(stddev=0.02)",
                "nn.init.trunc_normal_({}, std=0.02, a=-0.04, b=0.04)", "BERT and vision Transformers"),
    Initializer("trunc_normal_", "N(0, 1²) cut at ±2", _fixed(Normal(1.0, CUT)),
                "keras.initializers.TruncatedNormal(stddev=1)", "nn.init.trunc_normal_({})",
                "PyTorch's default numbers"),
)  # fmt: skip


def _with_gain(squared: float, gain: str, keras: str, torch: str, kaiming: str = "") -> Iterator[Initializer]:
    """The rows of one of the gains of `nn.init.calculate_gain`, in the words of Keras and of PyTorch.

    Args:
        squared: the gain squared.
        gain: in words.
        keras: the gain squared, as Keras' `VarianceScaling` takes it.
        torch: what `calculate_gain` is given.
        kaiming: what `kaiming_uniform_` is given; empty if that has a row of its own already.
    """
    kinds = [("uniform", "uniform", "U(±{}·√({}/{}))", (6, 3))]
    if "0.01" not in torch:  # no numbers tell that normal distribution from the one of relu
        kinds.append(("normal", "untruncated_normal", "N(0, ({})²·{}/{})", (2, 1)))

    def glorot(fan_in: int, fan_out: int) -> float:
        return squared * 2 / (fan_in + fan_out)

    def he(fan_in: int, fan_out: int) -> float:
        return squared / fan_in

    for kind, in_keras, formula, (of_both, of_one) in kinds:
        yield Initializer(
            f"xavier_{kind}(gain={gain})", formula.format(gain, of_both, "(fan_in + fan_out)"),
            _scaled(glorot, kind), f'keras.initializers.VarianceScaling({keras}, "fan_avg", "{in_keras}")',
            f"nn.init.xavier_{kind}_({{}}, nn.init.calculate_gain({torch}))", _GAIN,
        )  # fmt: skip
        if kaiming:
            yield Initializer(
                f"kaiming_{kind}({kaiming})", formula.format(gain, of_one, "fan_in"),
                _scaled(he, kind), f'keras.initializers.VarianceScaling({keras}, "fan_in", "{in_keras}")',
                f"nn.init.kaiming_{kind}_({{}}, {kaiming})", _GAIN,
            )  # fmt: skip


_GAIN = "with a gain of torch.nn.init.calculate_gain"
# tried where none of the others fits
GAINS: tuple[Initializer, ...] = (
    *_with_gain(2, "√2", "2", "'relu'"),
    *_with_gain(25 / 9, "5/3", "25 / 9", "'tanh'", "nonlinearity='tanh'"),
    *_with_gain(9 / 16, "3/4", "9 / 16", "'selu'", "nonlinearity='selu'"),
    *_with_gain(2 / 1.0001, "√(2/1.0001)", "2 / 1.0001", "'leaky_relu', 0.01", "a=0.01"),
    *_with_gain(2 / 1.04, "√(2/1.04)", "2 / 1.04", "'leaky_relu', 0.2", "a=0.2"),
)


@dataclass(frozen=True)
class Fit:
    """An initializer that the numbers may be drawn from.

    Attributes:
        name: of the initializer; of several that are the same here all.
        formula: the distribution, in words of fans; empty for a constant.
        said: the distribution in numbers, as `U(±0.1309)`; what two sides are compared by.
        chance: of numbers as far from it as these, if they are drawn from it (Kolmogorov-Smirnov).
        initializer: the row of the catalogue; None for a constant and for orthogonal matrices.
        distribution: the same in numbers; None as above.
        sizes: the fans that the formula was fed with.
        source: where the formula is from.
    """

    name: str
    formula: str
    said: str
    chance: float = 1.0
    initializer: Initializer | None = None
    distribution: Distribution | None = None
    sizes: Sizes = Sizes()
    source: str = ""


@dataclass(frozen=True)
class Numbers:
    """What a weight's numbers are like.

    Attributes:
        count: how many.
        low: the smallest.
        high: the largest.
        mean: their mean.
        deviation: their standard deviation.
        sample: some of them in float64, sorted: all, if there are not too many.
        step: how far apart numbers next to 1 are in their dtype.
    """

    count: int
    low: float
    high: float
    mean: float
    deviation: float
    sample: Array
    step: float


@dataclass(frozen=True)
class Drawn:
    """What one weight was drawn from.

    Attributes:
        verdict: `named`; `few`, if there are too few numbers to tell; `unknown`, if no
            initializer of the catalogue fits; `not tested`.
        fits: the initializers that fit: all that are named, or that cannot be told apart.
        numbers: what was tested; None for what cannot be.
        reason: why it was not tested; else empty.
    """

    verdict: str
    fits: tuple[Fit, ...]
    numbers: Numbers | None
    reason: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The initializers it is named for; none unless the verdict is `named`."""
        return tuple(fit.name for fit in self.fits) if self.verdict == "named" else ()


def drawn_from(values: Array, sizes: Iterable[Sizes] = (), *, dtype: str = "", gates: int = 1) -> Drawn:
    """Name the initializers that a weight's numbers may be drawn from.

    Args:
        values: real floats of any shape.
        sizes: the layer's fans; several where they can be counted in several ways.
        dtype: of the weight, if it is narrower than that of `values`.
        gates: how many square blocks a recurrent kernel has side by side, or below each other.

    Examples:
        >>> random = np.random.default_rng(0)
        >>> drawn_from(random.uniform(-0.1, 0.1, (250, 100)), [Sizes(100, 250)]).names
        ('kaiming_uniform(a=√5)',)
        >>> drawn_from(random.laplace(size=1000), [Sizes(10, 100)]).verdict
        'unknown'
        >>> drawn_from(np.zeros(250)).fits[0].name
        'zeros'
    """
    reason = _untestable(values, dtype or values.dtype.name)
    numbers = None if reason else measured(values, dtype or values.dtype.name)
    if numbers is None or not math.isfinite(numbers.low + numbers.high):
        return Drawn("not tested", (), None, reason or "holds NaN or infinity")
    exact = tuple(_exact(values, numbers, gates))
    if exact:
        return Drawn("named", exact, numbers)
    ways = list(sizes)
    found = _told(numbers, list(_candidates(numbers, ways, INITIALIZERS)))
    found = found or _told(numbers, list(_candidates(numbers, ways, GAINS)))
    if found and not are_independent(values):
        found = ()
    if found and all(numbers.count < needed(fit.distribution) for fit in found if fit.distribution):
        return Drawn("few", found, numbers)
    return Drawn("named" if found else "few" if numbers.count == 1 else "unknown", found, numbers)


def _untestable(values: Array, dtype: str) -> str:
    if dtype not in STEPS:
        return f"holds {dtype}, no floats of 16 bits or more"
    return "" if values.size else "holds no number"


# --- what the numbers are like ---


def measured(values: Array, dtype: str) -> Numbers:
    """Bounds, mean and standard deviation of all numbers, in float64, block by block; and a sample."""
    flat = values.reshape(-1)
    low, high, total, squares = math.inf, -math.inf, 0.0, 0.0
    pivot = float(flat[0])
    with np.errstate(all="ignore"):
        for start in range(0, flat.size, 1 << 20):
            block = flat[start : start + (1 << 20)].astype(np.float64)
            low, high = float(np.minimum(low, block.min())), float(np.maximum(high, block.max()))
            block -= pivot
            total += float(block.sum())
            squares += float(np.dot(block, block))
    mean = total / flat.size
    deviation = math.sqrt(max(0.0, squares / flat.size - mean * mean)) if math.isfinite(squares) else math.nan
    step = STEPS[dtype]
    sample = _sample(flat, COARSE if step > STEPS["float32"] else SAMPLE)
    return Numbers(flat.size, low, high, pivot + mean, deviation, sample, step)


def _sample(flat: Array, most: int) -> Array:
    """Sorted; if there are too many, some at random places, none of them twice."""
    if flat.size > most:
        flat = flat[np.unique(np.random.default_rng(0).integers(0, flat.size, most))]
    return np.sort(flat.astype(np.float64))


def histogram(numbers: Numbers, low: float, high: float, bins: int) -> tuple[float, ...]:
    """The share of the numbers in each of some equal bins between two bounds."""
    if high <= low:
        low, high = low - 0.5, high + 0.5
    counts, _ = np.histogram(numbers.sample, bins, (low, high))
    return tuple((counts / max(1, numbers.sample.size)).tolist())


# --- constants and orthogonal matrices ---


def _exact(values: Array, numbers: Numbers, gates: int) -> Iterator[Fit]:
    """What needs no chance: one number everywhere, an identity, orthogonal rows or columns."""
    if numbers.low == numbers.high:
        value = numbers.low
        if numbers.count > 1 or value in _CONSTANTS:
            yield Fit({0.0: "zeros", 1.0: "ones"}.get(value, f"constant({value:g})"), "", f"{value:.9g}")
        return
    if values.ndim == 1 and _is_forget_bias(values):
        yield Fit("zeros, ones in the forget gate", "", "0, 1, 0, 0", source="Jozefowicz et al. 2015")
        return
    if values.ndim == 2 and numbers.low == 0 and np.array_equal(values, np.eye(*values.shape) * values[0, 0]):
        yield Fit("identity", "", f"{values[0, 0]:g} I")
        return
    if 2 < values.ndim < 6 and numbers.low == 0 and _is_dirac(values):
        yield Fit("dirac", "", "dirac")
        return
    yield from _orthogonal(values, numbers, gates)


_CONSTANTS = (0.0, 1.0, 0.25)  # that one number alone is known by; the last is the slope of PyTorch's PReLU


def _is_forget_bias(values: Array) -> bool:
    """The bias of Keras' LSTM: its four gates are input, forget, candidate, output."""
    units, rest = divmod(values.size, 4)
    return not rest and bool(np.array_equal(values, np.repeat([0, 1, 0, 0], units)))


def _is_dirac(values: Array) -> bool:
    """Whether a convolution of PyTorch lets each of its first channels through, in some number of groups."""
    middle = values[(slice(None), slice(None), *(size // 2 for size in values.shape[2:]))]
    passed = np.flatnonzero(middle[:, 0])
    group = int(passed[1]) if passed.size > 1 else len(middle)  # outputs of one
    if passed.size == 0 or len(middle) % group or np.count_nonzero(values) != np.count_nonzero(middle):
        return False
    return np.array_equal(middle, np.tile(np.eye(group, middle.shape[1]), (len(middle) // group, 1)))


_VECTORS = 256  # of a matrix are tested


def _orthogonal(values: Array, numbers: Numbers, gates: int) -> Iterator[Fit]:
    if values.ndim < 2:
        return
    gain, said = 0.0, ""
    if values.ndim == 2 and gates > 1:  # first: blocks that are orthogonal make a whole that is, too
        blocks = np.array_split(values, gates, int(np.argmax(values.shape)))
        gains = [_gain(block, numbers.step) for block in blocks]
        if all(gains) and np.ptp(gains) < _nearly(numbers.step, 1):
            gain, said = gains[0], " in each gate"
    if not gain:
        whole = (values.reshape(-1, values.shape[-1]), values.reshape(len(values), -1))
        gain = next((found for matrix in whole if (found := _gain(matrix, numbers.step))), 0.0)
    if gain:
        one = abs(gain - 1) < _nearly(numbers.step, 1)
        name = f"orthogonal{said}" if one else f"orthogonal(gain={gain:.4g}){said}"
        formula = "W Wᵀ = I or Wᵀ W = I" if one else f"W Wᵀ or Wᵀ W = {gain * gain:.4g} I"
        yield Fit(name, formula, name, source="Saxe et al. 2013")


def _gain(matrix: Array, step: float) -> float:
    """The length of a matrix' rows or columns, the fewer of them, if they are orthogonal; else 0."""
    vectors = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    vectors = vectors[:_VECTORS].astype(np.float64)
    length = vectors.shape[1]
    products = vectors @ vectors.T
    square = float(np.mean(np.diag(products)))
    if square <= 0 or length < 2:
        return 0.0
    off = float(np.max(np.abs(products / square - np.eye(len(vectors)))))
    gain = math.sqrt(square)
    near = _nearly(step, length)
    if len(vectors) == 1:  # any vector is orthogonal to no other
        return gain if abs(gain - 1) < near else 0.0
    return gain if off < near else 0.0


def _nearly(step: float, length: int) -> float:
    """How far from orthogonal rounding may lead; random vectors lie further."""
    return min(max(1e-4, 4 * step), 0.3 / math.sqrt(length))


# --- what is drawn by chance ---


def _candidates(
    numbers: Numbers, sizes: Sequence[Sizes], catalogue: Iterable[Initializer]
) -> Iterator[tuple[Fit, float]]:
    """The initializers that are not rejected, each with its mean log likelihood."""
    seen: set[tuple[str, Distribution]] = set()
    for counted in sizes or [Sizes()]:
        for one in catalogue:
            distribution = one.make(counted)
            if distribution is None or (one.name, distribution) in seen:
                continue
            seen.add((one.name, distribution))
            chance = chance_of(numbers, distribution)
            if chance >= LEVEL:
                by = counted if "fan" in one.formula else replace(counted, of="")
                fit = Fit(one.name, one.formula, str(distribution), chance, one, distribution, by, one.source)
                yield fit, distribution.likelihood(numbers.sample)


def chance_of(numbers: Numbers, distribution: Distribution) -> float:
    """The chance of the largest gap between both cumulative distributions; 0 if another test rejects it.

    The standard error of a mean is s/√n, of a standard deviation s√((kurtosis - 1)/4n); n
    even numbers all keep t widths away from an edge once in (1 - t)^-n times; for the gap
    Kolmogorov 1933, with the correction of Stephens 1970 for small n.
    """
    width = distribution.deviation
    slack = 2 * numbers.step * max(abs(distribution.low), abs(distribution.high), width)
    if not math.isfinite(slack):
        slack = 2 * numbers.step * width
    if numbers.low < distribution.low - slack or numbers.high > distribution.high + slack:
        return 0.0
    if isinstance(distribution, Uniform) and _keeps_away(numbers, distribution, slack):
        return 0.0
    root = math.sqrt(numbers.count)
    if abs(numbers.mean - distribution.mean) > SIGMAS * width / root + slack:
        return 0.0
    error = math.sqrt(distribution.excess / 4) / root
    if abs(numbers.deviation / width - 1) > SIGMAS * error + 4 / numbers.count + 2 * numbers.step:
        return 0.0
    return _chance_of_gap(_gap(numbers.sample, distribution), numbers.sample.size)


def _keeps_away(numbers: Numbers, distribution: Uniform, slack: float) -> bool:
    """Whether all numbers stay further from one edge, or from both, than even ones would."""
    width = distribution.high - distribution.low
    free = [max(0.0, gap - slack) / width for gap in (numbers.low - distribution.low, distribution.high - numbers.high)]
    one, both = max(free), 2 * min(free)
    return max(one, both) >= 1 or (1 - max(one, both)) ** numbers.count < LEVEL


def _gap(sample: Array, distribution: Distribution) -> float:
    """Kolmogorov's and Smirnov's statistic."""
    expected = distribution.below(sample)
    places = np.arange(sample.size + 1) / sample.size
    return float(max(np.max(places[1:] - expected), np.max(expected - places[:-1])))


def _chance_of_gap(gap: float, count: int) -> float:
    """The chance of a gap as large as this one between a distribution and `count` numbers drawn from it."""
    root = math.sqrt(count)
    scaled = (root + 0.12 + 0.11 / root) * gap
    if scaled < 0.3:
        return 1.0
    terms = (2 * (-1) ** (k - 1) * math.exp(-2 * (k * scaled) ** 2) for k in range(1, 20))
    return min(1.0, max(0.0, sum(terms)))


def _told(numbers: Numbers, fits: list[tuple[Fit, float]]) -> tuple[Fit, ...]:
    """Without those that another one explains much better; those that are one distribution here as one."""
    if not fits:
        return ()
    best = max(likelihood for _, likelihood in fits)
    fits = [one for one in fits if (best - one[1]) * numbers.sample.size <= LIKELIER]
    said: dict[str, list[Fit]] = {}
    for fit, _ in fits:
        said.setdefault(fit.said, []).append(fit)
    return tuple(_as_one(same) for same in said.values())


def _as_one(fits: list[Fit]) -> Fit:
    names = (f"{fit.name}, fans of {fit.sizes.of}" if fit.sizes.of else fit.name for fit in fits)
    return replace(fits[0], name=" = ".join(dict.fromkeys(names)))


def needed(distribution: Distribution) -> int:
    """How many numbers it takes to notice that a scale is off.

    Examples:
        >>> needed(Uniform(-1, 1)), needed(Normal(1.0))
        (42, 2042)
    """
    if isinstance(distribution, Uniform):
        return math.ceil(math.log(LEVEL) / math.log1p(-OFF))
    return math.ceil((SIGMAS + 2.5) ** 2 * distribution.excess / 4 / OFF_NORMAL**2)


def _phi(value: float) -> float:
    return 0.5 * (1 + math.erf(value / math.sqrt(2)))


@cache
def _normal_table() -> tuple[Array, Array]:
    places = np.linspace(-9, 9, 9001)
    return places, np.array([_phi(float(place)) for place in places])


def _normal_below(values: Array) -> Array:
    """The standard normal distribution function, to 1e-6; NumPy has none."""
    return np.interp(values, *_normal_table())
