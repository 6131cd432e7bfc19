"""The compiled pass against the plain one: every figure the same but the sums, which may round otherwise."""

from __future__ import annotations

import dataclasses
import itertools
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dualcell
from dualcell import compiled_pass, compiling, measure, plain_pass
from dualcell.coded import Coded, coded
from dualcell.compiled_pass import plan_for
from dualcell.tolerance import EXACT, Tolerance

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

SUMS = ("mean_abs", "rms", "cosine")
DTYPES = ["float32", "float64", "float16", "complex64", "int64", "uint64", "int8", "uint32", "bool"]
MIXED = [("float32", "float64"), ("float16", "float32"), ("int8", "float32"), ("bool", "int64"), ("uint8", "int16")]
TOLERANCES = [Tolerance(1.3e-6, 1e-5), EXACT, Tolerance(0.0, 1e-2), Tolerance(1e-2, 0.0), Tolerance(0.5, 0.5)]
NONFINITE = [math.nan, math.inf, -math.inf, 0.0, -0.0]


@st.composite
def numbers(draw, shape):
    """Values as tensors have them: noise, a grid with many ties, or any exponent down to the denormals."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    kind = draw(st.sampled_from(["noise", "ties", "exponents"]))
    if kind == "ties":
        return generator.integers(-4, 5, shape).astype(float)
    exponents = generator.integers(-50, 38, shape) if kind == "exponents" else 0
    return generator.standard_normal(shape) * 10.0**exponents


def cast(values, dtype):
    with np.errstate(all="ignore"):
        return (values + 1j * values[..., ::-1] if dtype == "complex64" else values).astype(dtype)


@st.composite
def pairs(draw, left_dtype, right_dtype):
    """Two arrays of one shape: unrelated, equal, scaled, shifted or shuffled, and some NaN, Inf and zeros."""
    shape = draw(st.tuples(st.integers(1, 9), st.integers(1, 40)))
    values = draw(numbers(shape))
    kind = draw(st.sampled_from(["other", "equal", "scaled", "shifted", "shuffled"]))
    other = {
        "other": lambda: draw(numbers(shape)),
        "equal": lambda: values,
        "scaled": lambda: values * (1 + draw(st.sampled_from([1e-7, 1e-6, 1e-2]))),
        "shifted": lambda: values + draw(st.sampled_from([1e-7, 1e-2, 1.0, 1e6])),
        "shuffled": lambda: np.random.default_rng(0).permuted(values),
    }[kind]()
    left, right = cast(values, left_dtype), cast(other, right_dtype)
    for array in (left, right):
        if array.dtype.kind in "fc":
            for _ in range(draw(st.integers(0, 3))):
                array.reshape(-1)[draw(st.integers(0, array.size - 1))] = draw(st.sampled_from(NONFINITE))
    return draw(views(left)), draw(views(right))


@st.composite
def views(draw, array):
    """The same values in another layout; the shape stays."""
    kind = draw(st.sampled_from(["plain", "plain", "fortran", "reversed", "step", "broadcast"]))
    if kind == "fortran":
        return np.array(array, order="F")
    if kind == "reversed":
        return np.ascontiguousarray(array[::-1, ::-1])[::-1, ::-1]
    if kind == "step":
        return np.repeat(array, 2, axis=1)[:, ::2]
    return np.broadcast_to(array[:1], array.shape) if kind == "broadcast" else array


def assert_same(found, expected):
    assert not abs(found.cosine) > 1  # rounding or not
    for field in dataclasses.fields(found):
        one, other = getattr(found, field.name), getattr(expected, field.name)
        if field.name in SUMS and math.isfinite(other):
            near = 1e-4 if field.name == "cosine" else 0
            assert math.isclose(one, other, rel_tol=1e-5, abs_tol=near), field.name
        else:
            assert repr(one) == repr(other), field.name


def both(left, right, tolerance, **how):
    found = compiled_pass.compiled_pass(left, right, tolerance, **how).stats(left, right)
    return found, plain_pass.plain_pass(left, right, tolerance, **how).stats(left, right)


HOW = st.fixed_dictionaries({"equal_nan": st.booleans(), "reference": st.sampled_from(["left", "right"])})
CUTS = st.tuples(st.sampled_from([1, 3, 16, 100]), st.sampled_from([5, 50, 1000]), st.integers(1, 4))


@pytest.mark.parametrize(("left", "right"), [*zip(DTYPES, DTYPES, strict=True), *MIXED])
def test_the_compiled_pass_agrees_with_the_plain_one(left, right, monkeypatch):
    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(pairs(left, right), st.sampled_from(TOLERANCES), HOW, CUTS)
    def check(pair, tolerance, how, cuts):
        block, slab, threads = cuts
        monkeypatch.setattr(compiled_pass, "BLOCK", block)
        monkeypatch.setattr(compiled_pass, "SLAB", slab)
        monkeypatch.setattr(compiled_pass, "threads", lambda: threads)
        assert_same(*both(*pair, tolerance, **how))

    check()


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "complex64", "int64"])
@pytest.mark.parametrize("kind", ["close", "differs", "scaled", "shifted", "mostly zero", "nonfinite"])
def test_whole_blocks_agree_too(dtype, kind):
    """At the size where the quick loops decide alone."""
    generator = np.random.default_rng(1)
    left, noise = 100 * generator.standard_normal((2, 300_001))
    right = {
        "close": left + 1e-6 * noise,
        "differs": left + 1e-1 * noise,
        "scaled": left * 1.01,
        "shifted": left + 0.25,
        "mostly zero": np.maximum(left, 0) + 1e-3 * (noise > 3),
        "nonfinite": np.where(noise > 200, np.nan, np.where(noise < -200, np.inf, left)),
    }[kind]
    if kind == "mostly zero":
        left = np.maximum(left, 0)
    for tolerance in TOLERANCES:
        if dtype == "int64" and kind == "nonfinite":
            continue
        for equal_nan in (False, True):
            assert_same(*both(cast(left, dtype), cast(right, dtype), tolerance, equal_nan=equal_nan))


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "complex64", "int64", "uint8"])
@pytest.mark.parametrize("at", [0, 16_383, 16_384, 32_768, 49_999])
def test_one_wrong_element_is_found_wherever_it_is(dtype, at):
    left = np.ones(50_000, dtype)
    right = left.copy()
    right[at] = 7
    found = compiled_pass.compiled_pass(left, right, EXACT).stats(left, right)
    assert (found.mismatched, found.worst_index, found.max_abs, found.total) == (1, (at,), 6, 50_000)


def test_a_tie_in_float32_is_settled_in_float64():
    left, right = np.ones((2, 40_000), np.float32)
    left[0], right[0] = 0, 1e-3  # the largest relative error from now on
    right[5], right[20_000] = -(2.0**-26), -(2.0**-25)  # both 1 away, in float32
    found = compiled_pass.compiled_pass(left, right, EXACT).stats(left, right)
    assert (found.worst_index, found.max_abs) == ((20_000,), 1 + 2.0**-25)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_tolerance_that_would_pass_does_pass(dtype):
    """Rounded to the nearest, some would be too small by a hair."""
    generator = np.random.default_rng(3)
    for left, right in (generator.random((1000, 2, 1)) * [[1], [100]]).astype(dtype):
        found = compiled_pass.compiled_pass(left, right, Tolerance(0.7, 1e-5))
        for enough in (Tolerance(0.7, found.needed_atol), Tolerance(found.needed_rtol, 1e-5)):
            assert compiled_pass.compiled_pass(left, right, enough).mismatched == 0


def test_the_mean_of_a_constant_error_is_that_error():
    """Sums of 16,384 float32 numbers in a row would be off in the fifth digit, and above the maximum."""
    left = (1e-3 * np.random.default_rng(8).standard_normal(92_000)).astype(np.float32)
    found, expected = both(left, left + np.float32(1e-4), EXACT)
    assert math.isclose(found.mean_abs, expected.mean_abs, rel_tol=2e-6)
    assert math.isclose(found.rms, expected.rms, rel_tol=2e-6)


def test_every_code_of_the_short_floats_agrees():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    generator = np.random.default_rng(4)
    sides = []
    for name in ("float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"):
        dtype = np.dtype(getattr(ml_dtypes, name, name))
        codes = np.resize(np.arange(1 << 8 * dtype.itemsize, dtype=f"u{dtype.itemsize}"), 1 << 16)
        sides.append((codes.view(dtype), generator.permutation(codes).view(dtype)))
    for (left, _), (_, right), equal_nan in itertools.product(sides, sides, (False, True)):
        assert_same(*both(coded(left), coded(right), Tolerance(1e-2, 1e-2), equal_nan=equal_nan))
        assert_same(*both(coded(left), coded(left), EXACT, equal_nan=equal_nan))


def test_coded_floats_agree_with_their_values():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    generator = np.random.default_rng(2)
    for name in ("bfloat16", "float8_e4m3fn", "float8_e5m2"):
        left, right = generator.standard_normal((2, 40_000)).astype(getattr(ml_dtypes, name))
        right[::7] = left[::7]
        pair = coded(left), coded(right)
        assert all(
            isinstance(side, Coded) and np.shares_memory(side.codes, array)
            for side, array in zip(pair, (left, right), strict=True)
        )
        found, expected = both(*pair, Tolerance(1e-2, 1e-2))
        assert_same(found, expected)
        wide = left.astype(np.float32), right.astype(np.float32)
        assert_same(found, plain_pass.plain_pass(*wide, Tolerance(1e-2, 1e-2)).stats(*wide))
        mixed = pair[0], wide[1]
        assert_same(*both(*mixed, Tolerance(1e-2, 1e-2)))


@pytest.mark.parametrize(
    "dtypes", [("complex128", "complex128"), ("longdouble", "float32"), ("int64", "uint64"), ("int64", "float32")]
)
def test_rare_dtypes_take_the_plain_pass(dtypes, monkeypatch):
    monkeypatch.setattr(measure, "COMPILED_FROM", 1)
    monkeypatch.setattr(measure, "SMALL", 1)
    left, right = np.ones(3, dtypes[0]), np.array([1, 2, 1], dtypes[1])
    assert plan_for(left, right) is None
    assert measure.measure(left, right, EXACT).mismatched == 1
    with pytest.raises(TypeError, match="no compiled loops for"):
        compiled_pass.compiled_pass(left, right, EXACT)


def test_huge_tolerances_take_the_plain_pass(monkeypatch):
    monkeypatch.setattr(measure, "COMPILED_FROM", 1)
    monkeypatch.setattr(measure, "SMALL", 1)
    monkeypatch.setattr(compiled_pass, "compiled_pass", None)
    left = np.zeros(3, np.float32)
    assert measure.measure(left, left + 1, Tolerance(1e31, 0.0)).mismatched == 3


def test_measure_compiles_once_it_has_met_enough_of_a_dtype(monkeypatch):
    monkeypatch.setattr(measure, "COMPILED_FROM", 30)
    monkeypatch.setattr(measure, "SMALL", 10)
    monkeypatch.setattr(measure, "_met", {})
    used = []
    monkeypatch.setattr(
        measure, "plain_pass", lambda *args, **how: used.append("plain") or plain_pass.plain_pass(*args, **how)
    )
    left = np.arange(10.0)
    for size in (10, 10, 9, 10, 9):
        assert measure.measure(left[:size], left[:size], EXACT).identical
    measure.measure(left.astype("f4"), left.astype("f4"), EXACT)
    assert used == ["plain"] * 5  # all but the fourth


# --- memory ---


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["float32", "int8", "float16"])
def test_extra_memory_is_bounded(order, dtype):
    import tracemalloc

    left = np.ones((4000, 4000), dtype)
    right = np.array(left, order=order)
    compiled_pass.compiled_pass(left[:2], right[:2], EXACT)  # compiled by now
    tracemalloc.start()
    compiled_pass.compiled_pass(left, right, EXACT)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16e6


# --- where numba does not start, or the processor rounds otherwise ---

LARGE = """
import sys
import numpy as np
sys.modules["numba"] = None
from dualcell.measure import measure
from dualcell.tolerance import EXACT
left = np.zeros(5_000_000, np.float32)
right = left.copy()
right[4_999_999] = 1
print(measure(left, right, EXACT).worst_index, "dualcell.loops" in sys.modules)
"""


def test_without_numba_numpy_measures_large_arrays_too():
    done = subprocess.run([sys.executable, "-c", LARGE], capture_output=True, text=True, check=True)
    assert done.stdout == "(4999999,) False\n"


def test_a_processor_that_flushes_denormals_hides_no_difference():
    torch = pytest.importorskip("torch")
    left = np.full(40_000, 2.0e-38, np.float32)
    right = left.copy()
    right[30_000] = 1.9e-38  # the difference is no normal float32
    torch.set_flush_denormal(True)
    try:
        found = compiled_pass.compiled_pass(left, right, EXACT).stats(left, right)
    finally:
        torch.set_flush_denormal(False)
    assert (found.identical, found.mismatched, found.worst_index) == (False, 1, (30_000,))
    assert found.max_abs == float(left[0]) - float(right[30_000])


# --- where the compiled loops are kept ---

FOLDER = "from dualcell.compiling import cache_folder; print(cache_folder())"


def folder(**variables):
    command = [sys.executable, "-P", "-c", FOLDER]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, **variables}
    ).stdout.strip()


def test_every_version_of_the_loops_has_a_folder_of_its_own(tmp_path):
    """numba would call what it compiled up to date when only a function called from it has changed."""
    package = tmp_path / "dualcell"
    shutil.copytree(Path(dualcell.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    before = folder(PYTHONPATH=str(tmp_path))
    assert before.startswith(str(package / "__pycache__" / "loops-"))
    loops = package / "loops.py"
    loops.write_text(loops.read_text().replace("s2 += x * y", "s2 += x * x"))
    assert folder(PYTHONPATH=str(tmp_path)) != before


def test_numbas_own_folder_comes_first(tmp_path):
    assert folder(NUMBA_CACHE_DIR=str(tmp_path)).startswith(str(tmp_path / "loops-"))


def test_the_users_folder_is_taken_where_the_package_is_read_only(tmp_path, monkeypatch):
    monkeypatch.setattr(compiling, "_HERE", tmp_path / "package")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    (tmp_path / "package" / "pictures").mkdir(parents=True)
    for name in compiling._SOURCES:
        (tmp_path / "package" / name).write_text("")
    (tmp_path / "package" / "__pycache__").write_text("a file, so no folder can be made here")
    monkeypatch.setattr(compiling._config, "CACHE_DIR", "")
    assert compiling.cache_folder.__wrapped__().parent == tmp_path / "home" / "dualcell"


def test_a_user_without_a_home_compiles_in_each_process(tmp_path, monkeypatch):
    (tmp_path / "package" / "pictures").mkdir(parents=True)
    monkeypatch.setattr(compiling, "_HERE", tmp_path / "package")
    for name in (*compiling._SOURCES, "__pycache__"):
        (tmp_path / "package" / name).write_text("")
    monkeypatch.setattr(compiling._config, "CACHE_DIR", "")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "")
    monkeypatch.setattr("os.path.expanduser", lambda path: path)  # as where no home is known
    assert compiling.cache_folder.__wrapped__() is None


def test_without_a_folder_the_loops_still_compile(monkeypatch):
    monkeypatch.setattr(compiling, "cache_folder", lambda: None)
    assert compiling._compiled()(lambda x: x + 1)(2) == 3
