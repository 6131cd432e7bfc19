"""What a weight was drawn from, told from its numbers: no framework is needed."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from dualcell.distributions import (
    CUT,
    GAINS,
    INITIALIZERS,
    KEPT,
    LEVEL,
    OFF,
    OFF_NORMAL,
    Normal,
    Sizes,
    Uniform,
    _chance_of_gap,
    _normal_below,
    chance_of,
    drawn_from,
    histogram,
    measured,
    needed,
)
from dualcell.independence import are_independent

SIZES = Sizes(120, 300, 77)
FAMILIES = [Uniform(-0.3, 0.3), Uniform(0.0, 1.0), Normal(0.2), Normal(0.2, CUT)]


def draw(distribution, shape, seed=0):
    random = np.random.default_rng(seed)
    if isinstance(distribution, Uniform):
        return random.uniform(distribution.low, distribution.high, shape).astype(np.float32)
    count = math.prod(shape)
    numbers = random.standard_normal(3 * count)
    return (numbers[np.abs(numbers) < distribution.cut][:count].reshape(shape) * distribution.sigma).astype(np.float32)


def numbers_of(distribution, count, seed=0):
    return measured(draw(distribution, (count,), seed), "float32")


# --- the catalogue ---


@pytest.mark.parametrize("row", INITIALIZERS, ids=lambda row: row.name)
def test_each_initializer_is_named_from_what_it_draws(row):
    drawn = drawn_from(draw(row.make(SIZES), (120, 300)), [SIZES])
    assert row.name in [name for fit in drawn.fits for name in fit.name.split(" or ")]
    assert drawn.verdict == "named"
    assert len(drawn.fits) == 1


@pytest.mark.parametrize("row", GAINS, ids=lambda row: row.name)
def test_each_gain_of_pytorch_is_named(row):
    """200,000 numbers tell leaky_relu at 0.01 from relu."""
    sizes = Sizes(700, 1300) if "√2" in row.formula or "0001" in row.formula else Sizes(100, 700)
    drawn = drawn_from(draw(row.make(sizes), (sizes.fan_in, sizes.fan_out)), [sizes])
    names = [name for fit in drawn.fits for name in fit.name.split(" = ")]
    assert drawn.verdict == "named"
    assert names == [row.name]


def test_a_usual_initializer_is_named_without_the_gains():
    """In a square layer √2 of xavier's is he_uniform."""
    relu = next(row for row in GAINS if row.name == "xavier_uniform(gain=√2)").make(Sizes(90, 90))
    (name,) = drawn_from(draw(relu, (90, 90)), [Sizes(90, 90)]).names
    assert name == "he_uniform = kaiming_uniform = kaiming_uniform(fan_out)"


@pytest.mark.parametrize(
    ("name", "bound"),
    [
        ("glorot_uniform = xavier_uniform", math.sqrt(6 / 420)),
        ("recurrent uniform", 1 / math.sqrt(77)),
        ("kaiming_uniform(a=√5)", 1 / math.sqrt(120)),
        ("he_uniform = kaiming_uniform", math.sqrt(6 / 120)),
        ("lecun_uniform", math.sqrt(3 / 120)),
        ("kaiming_uniform(fan_out)", math.sqrt(6 / 300)),
        ("random_uniform", 0.05),
    ],
)  # fmt: skip
def test_bounds_are_those_of_the_papers(name, bound):
    distribution = next(row for row in INITIALIZERS if row.name == name).make(SIZES)
    assert (distribution.low, distribution.high) == pytest.approx((-bound, bound))


@pytest.mark.parametrize(
    ("name", "deviation"),
    [
        ("glorot_normal", math.sqrt(2 / 420)),
        ("xavier_normal", math.sqrt(2 / 420)),
        ("he_normal", math.sqrt(2 / 120)),
        ("kaiming_normal", math.sqrt(2 / 120)),
        ("kaiming_normal(fan_out)", math.sqrt(2 / 300)),
        ("lecun_normal", math.sqrt(1 / 120)),
        ("normal_", 1.0),
        ("truncated_normal", 0.05 * KEPT),  # Keras corrects this only where it scales by fans
    ],
)  # fmt: skip
def test_deviations_are_those_of_the_papers_after_the_cut(name, deviation):
    assert next(row for row in INITIALIZERS if row.name == name).make(SIZES).deviation == pytest.approx(deviation)


def test_a_square_layer_has_two_names_for_one_distribution():
    drawn = drawn_from(draw(Uniform(-math.sqrt(3 / 90), math.sqrt(3 / 90)), (90, 90)), [Sizes(90, 90)])
    assert drawn.names == ("glorot_uniform = xavier_uniform = lecun_uniform",)


def test_several_that_fit_are_all_named():
    """Two bounds that lie 1 % apart cannot be told apart by 100 numbers."""
    sizes = [Sizes(100, 700), Sizes(98, 686, of="another way")]
    names = drawn_from(draw(Uniform(-math.sqrt(6 / 800), math.sqrt(6 / 800)), (100,)), sizes).names
    assert names == ("glorot_uniform = xavier_uniform", "glorot_uniform = xavier_uniform, fans of another way")


def test_without_fans_only_fixed_numbers_are_candidates():
    assert drawn_from(draw(Normal(1.0), (50, 60))).names == ("normal_",)
    assert drawn_from(draw(Uniform(-0.1, 0.1), (50, 20))).verdict == "unknown"


# --- each test can reject on its own ---


@pytest.mark.parametrize("family", FAMILIES, ids=str)
def test_what_is_drawn_is_accepted(family):
    chances = [chance_of(numbers_of(family, 1000, seed), family) for seed in range(300)]
    assert np.mean(np.array(chances) >= LEVEL) >= 0.99
    assert np.mean(np.array(chances) < 0.1) == pytest.approx(0.1, abs=0.06)  # as a chance should be


@pytest.mark.parametrize("family", FAMILIES, ids=str)
@pytest.mark.parametrize("way", [-1, 1])
def test_a_scale_that_is_off_is_rejected_as_soon_as_there_are_enough_numbers(family, way):
    if isinstance(family, Uniform):
        off = Uniform(family.low * (1 + way * OFF), family.high * (1 + way * OFF))
    else:
        off = Normal(family.sigma * (1 + way * OFF_NORMAL), family.cut)
    rejected = [chance_of(numbers_of(off, needed(family), seed), family) < LEVEL for seed in range(100)]
    assert np.mean(rejected) >= 0.95


def test_one_number_beyond_the_bounds_rejects():
    family = Uniform(-0.3, 0.3)
    numbers = numbers_of(family, 5000)
    assert chance_of(numbers, family) > LEVEL
    assert chance_of(replace(numbers, high=0.3001), family) == 0
    assert chance_of(replace(numbers, high=0.3 * (1 + 2**-23)), family) > LEVEL  # rounded


def test_numbers_that_stay_away_from_the_edge_reject():
    family = Uniform(-0.3, 0.3)
    numbers = numbers_of(family, 5000)
    assert chance_of(replace(numbers, high=0.298), family) == 0


def test_another_mean_rejects():
    family = Normal(0.2)
    numbers = numbers_of(family, 5000)
    assert chance_of(replace(numbers, mean=0.2 * 5 / math.sqrt(5000)), family) == 0


def test_another_deviation_rejects():
    family = Normal(0.2)
    numbers = numbers_of(family, 5000)
    assert chance_of(replace(numbers, deviation=0.2 * (1 + 5 / math.sqrt(2 * 5000))), family) == 0


def test_another_form_of_the_same_bounds_mean_and_deviation_rejects():
    """Two points at one standard deviation: only the gap between the distributions shows it."""
    family = Normal(0.2)
    sample = np.sort(np.repeat([-0.2, 0.2], 2500))
    numbers = replace(numbers_of(family, 5000), sample=sample, mean=0.0, deviation=0.2)
    assert chance_of(numbers, family) < LEVEL


def test_a_cut_normal_distribution_is_told_from_one_that_is_not():
    wide = draw(Normal(math.sqrt(2 / 120)), (120, 300))
    cut = draw(Normal(math.sqrt(2 / 120) / KEPT, CUT), (120, 300))
    assert drawn_from(wide, [SIZES]).names == ("kaiming_normal",)
    assert drawn_from(cut, [SIZES]).names == ("he_normal",)


@pytest.mark.parametrize(
    ("gap", "count", "chance"),
    [(0.0438, 1000, 0.0425), (0.136, 100, 0.0455), (0.05, 100, 0.959)],
)  # fmt: skip
def test_the_chance_of_a_gap(gap, count, chance):
    """Against the share among 20,000 tensors drawn from what they are held against."""
    random = np.random.default_rng(1)
    samples = np.sort(random.random((4000, count)), axis=1)
    places = np.arange(count + 1) / count
    gaps = np.maximum((places[1:] - samples).max(1), (samples - places[:-1]).max(1))
    assert _chance_of_gap(gap, count) == pytest.approx(np.mean(gaps >= gap), abs=0.015)
    assert _chance_of_gap(gap, count) == pytest.approx(chance, abs=0.015)


def test_the_normal_distribution_function():
    values = np.linspace(-5, 5, 1001)
    exact = [0.5 * (1 + math.erf(value / math.sqrt(2))) for value in values]
    np.testing.assert_allclose(_normal_below(values), exact, atol=1e-6)


# --- what no initializer has drawn ---


@pytest.mark.parametrize("kind", ["laplace", "shifted", "mixed", "pruned", "trained"])
def test_other_numbers_have_no_known_initializer(kind):
    random = np.random.default_rng(0)
    start = draw(Uniform(-1 / math.sqrt(120), 1 / math.sqrt(120)), (300, 120))
    values = {
        "laplace": random.laplace(scale=0.1, size=(300, 120)),
        "shifted": start + 0.01,
        "mixed": start * random.uniform(0.5, 1, (300, 1)),
        "pruned": np.where(np.abs(start) < 0.03, 0, start),
        "trained": start + 0.001 * random.standard_normal((300, 120)),
    }[kind]
    drawn = drawn_from(values.astype(np.float32), [SIZES])
    assert (drawn.verdict, drawn.names) == ("unknown", ())


def test_too_few_numbers_are_not_named():
    drawn = drawn_from(draw(Uniform(-1 / math.sqrt(120), 1 / math.sqrt(120)), (3,)), [SIZES])
    assert drawn.verdict == "few"
    assert drawn.names == ()
    assert "kaiming_uniform(a=√5)" in [fit.name for fit in drawn.fits]  # but what they could be is there


def test_few_numbers_can_still_be_none():
    assert drawn_from(np.float32([3.0, 250.0, 9.0]), [SIZES]).verdict == "unknown"


def test_one_number_says_nothing_unless_it_is_known():
    assert drawn_from(np.float32([0.3])).verdict == "few"
    assert [drawn_from(np.float32([value])).names for value in (0, 1, 0.25)] == [
        ("zeros",), ("ones",), ("constant(0.25)",)
    ]  # fmt: skip


# --- constants, identities, orthogonal matrices ---


def orthogonal(rows, columns, seed=0):
    tall = np.random.default_rng(seed).standard_normal((max(rows, columns), min(rows, columns)))
    matrix = np.linalg.qr(tall)[0]
    return (matrix if rows >= columns else matrix.T).astype(np.float32)


def test_constants():
    assert drawn_from(np.zeros((3, 3), np.float32)).names == ("zeros",)
    assert drawn_from(np.ones(3, np.float32)).names == ("ones",)
    assert drawn_from(np.full(3, 0.1, np.float32)).names == ("constant(0.1)",)
    assert drawn_from(np.float32([0, 0, 0, 1e-8, 0])).names == ()


def test_the_forget_gate():
    bias = np.repeat(np.float32([0, 1, 0, 0]), 5)
    assert drawn_from(bias).names == ("zeros, ones in the forget gate",)
    assert drawn_from(np.roll(bias, 5)).names == ()


@pytest.mark.parametrize("shape", [(8, 5), (5, 8), (1, 4), (4, 1)])
def test_an_identity_that_is_not_square(shape):
    assert drawn_from(np.eye(*shape)).names == ("identity",)
    almost = np.eye(*shape)
    almost[-1, -1] += 0.5
    assert drawn_from(almost).names != ("identity",)


def test_an_identity():
    assert drawn_from(np.eye(4, dtype=np.float32)).names == ("identity",)
    assert drawn_from(np.eye(4, dtype=np.float32)[::-1].copy()).names == ("orthogonal",)


@pytest.mark.parametrize("shape", [(40, 160), (160, 40), (40, 40), (400, 1000)])
def test_orthogonal_either_way(shape):
    matrix = orthogonal(*shape)
    assert drawn_from(matrix).names == ("orthogonal",)
    assert drawn_from(2 * matrix).names == ("orthogonal(gain=2)",)
    assert drawn_from(matrix.reshape(2, -1, shape[1]), [SIZES]).names == ("orthogonal",)
    matrix[0, 0] += 0.01
    assert drawn_from(matrix).names == ()


def test_orthogonal_in_each_gate():
    gates = np.concatenate([orthogonal(30, 30, seed) for seed in range(4)])
    assert drawn_from(gates, gates=4).names == ("orthogonal in each gate",)
    assert drawn_from(3 * gates.T, gates=4).names == ("orthogonal(gain=3) in each gate",)
    assert drawn_from(gates).names == ("orthogonal(gain=2)",)  # as one matrix it is that
    gates[0, 0] += 0.1
    assert drawn_from(gates, gates=4).names == ()


def test_a_single_row_is_not_called_orthogonal():
    random = np.random.default_rng(0)
    assert drawn_from(random.laplace(size=(1, 300))).names == ()


# --- other dtypes, and what cannot be tested ---


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_other_dtypes(dtype):
    values = draw(Uniform(-1 / math.sqrt(120), 1 / math.sqrt(120)), (300, 120)).astype(dtype)
    assert drawn_from(values, [SIZES]).names == ("kaiming_uniform(a=√5)",)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.float32([1, np.nan]), "holds NaN or infinity"),
        (np.float32([1, np.inf]), "holds NaN or infinity"),
        (np.arange(3), "holds int64, no floats of 16 bits or more"),
        (np.zeros((0, 3), np.float32), "holds no number"),
        (np.complex64([1j, 2]), "holds complex64, no floats of 16 bits or more"),
    ],
)  # fmt: skip
def test_what_cannot_be_tested_says_why(values, reason):
    drawn = drawn_from(values)
    assert (drawn.verdict, drawn.reason) == ("not tested", reason)


def test_figures_are_of_all_numbers_of_a_large_tensor():
    values = draw(Uniform(-1, 1), (1500, 1500))
    values[700, 3] = 1.5
    numbers = measured(values, "float32")
    assert (numbers.count, numbers.high) == (1500 * 1500, 1.5)
    assert numbers.mean == pytest.approx(float(values.mean(dtype=np.float64)), abs=1e-9)
    assert numbers.deviation == pytest.approx(float(values.std(dtype=np.float64)), rel=1e-9)
    assert 60_000 < numbers.sample.size <= 65_536
    assert np.all(np.diff(numbers.sample) >= 0)


def test_a_histogram_has_the_shares_of_equal_bins():
    assert histogram(measured(np.float32([0, 0.1, 0.9, 0.95]), "float32"), 0, 1, 2) == (0.5, 0.5)
    assert sum(histogram(measured(np.zeros(4, np.float32), "float32"), 0, 0, 5)) == 1


# --- rows and columns that depend on each other ---


@pytest.mark.parametrize("shape", [(60, 90), (8, 300), (300, 8), (20, 3, 3, 16), (500, 600)])
@pytest.mark.parametrize("family", FAMILIES, ids=str)
def test_independent_numbers_are_independent(family, shape):
    assert all(are_independent(draw(family, shape, seed)) for seed in range(3))


@pytest.mark.parametrize("shape", [(60, 90), (40, 3, 3, 16)])
@pytest.mark.parametrize("kind", ["one direction", "rows of two scales", "columns of two scales"])
def test_what_rows_have_in_common_shows(kind, shape):
    values = draw(Normal(1.0), shape)
    rows = np.arange(shape[0]).reshape(-1, *[1] * (len(shape) - 1))
    values = {
        "one direction": values + 0.6 * np.sin(rows) * values[:1],
        "rows of two scales": values * (1 + 0.5 * (rows % 2)),
        "columns of two scales": values * (1 + 0.5 * (np.arange(shape[-1]) % 2)),
    }[kind]
    assert not are_independent(values)
    sizes = [Sizes(60, 90)]
    assert drawn_from((values / values.std()).astype(np.float32), sizes).names == ()


def test_a_few_steps_of_training_show_before_the_distribution_changes():
    """The same numbers of each size, in an order that one direction has decided."""
    values = draw(Normal(math.sqrt(2 / 120)), (300, 120))
    moved = values + 0.05 * np.sin(np.arange(300.0))[:, None] * np.cos(np.arange(120.0))
    ranks = np.argsort(np.argsort(moved.ravel()))
    ordered = np.sort(values.ravel())[ranks].reshape(values.shape)
    assert drawn_from(values, [SIZES]).names == ("kaiming_normal",)
    assert drawn_from(ordered, [SIZES]).verdict == "unknown"
