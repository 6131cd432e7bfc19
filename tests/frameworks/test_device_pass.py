"""Tensors compared where they are: the torch pass against the plain one, and what takes which way.

A leaf is told to be on an accelerator by its facts, so every way is walked on CPU tensors
too; where there is a CUDA device, the tests marked `gpu` repeat them there.
"""

from __future__ import annotations

import dataclasses
import math
import sys
import warnings

import jax
import numpy as np
import pytest
import tensorflow as tf
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import dualcell
from dualcell import devices, explanations
from dualcell.captures import capture
from dualcell.comparison import compare_pair
from dualcell.frameworks import torch_pass
from dualcell.frameworks.registry import array_adapter
from dualcell.options import options_from
from dualcell.pairs import Pair
from dualcell.plain_pass import plain_pass
from dualcell.tolerance import EXACT, Tolerance
from tests.frameworks.makers import FLOAT8, MAKERS, values

GPU = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")]
PLACES = pytest.mark.parametrize("place", ["cpu", pytest.param("cuda:0", marks=GPU)])


def needs_gpu(test):
    for mark in GPU:
        test = mark(test)
    return test


SUMS = ("mean_abs", "rms", "cosine")
COUNTS = ["bool", "int8", "int16", "int32", "uint8", "uint16", "uint32"]
FLOATS = ["float16", "bfloat16", "float32", "float64", *FLOAT8]
MIXED = [
    ("float32", "float64"), ("bfloat16", "float32"), ("float16", "bfloat16"), ("int8", "float32"),
    ("bool", "int32"), ("uint8", "int8"), ("uint32", "int32"), ("float8_e5m2", "float8_e4m3fn"),
]  # fmt: skip
TOLERANCES = [Tolerance(1.3e-6, 1e-5), EXACT, Tolerance(0.0, 1e-2), Tolerance(1e-2, 0.0), Tolerance(0.5, 0.5)]
ODD = [math.nan, -math.nan, math.inf, -math.inf, 0.0, -0.0, 5e-324, 1e-45, 6e-8]
HOW = st.fixed_dictionaries({"equal_nan": st.booleans(), "reference": st.sampled_from(["left", "right"])})


def on_host(tensor):
    return array_adapter(tensor).to_host(tensor)


def assert_same(found, expected):
    """Every figure is the same but the sums, which may round otherwise."""
    for field in dataclasses.fields(expected):
        one, other = getattr(found, field.name), getattr(expected, field.name)
        if field.name in SUMS and math.isfinite(other):
            assert math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9 if field.name == "cosine" else 0), field.name
        else:
            assert repr(one) == repr(other), field.name


def check(left, right, tolerance=EXACT, **how):
    hosts = on_host(left), on_host(right)
    found = torch_pass.torch_pass(left, right, tolerance, **how).stats(*hosts)
    assert_same(found, plain_pass(*hosts, tolerance, **how).stats(*hosts))
    return found


# --- the torch pass against the plain one ---


@st.composite
def tensors(draw, left_dtype, right_dtype):
    """Two tensors of one shape: unrelated, equal, scaled or shifted, some odd values, any layout."""
    shape = tuple(draw(st.lists(st.integers(1, 9), max_size=4)))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    kind = draw(st.sampled_from(["noise", "ties", "exponents"]))
    exponents = generator.integers(-50, 38, shape) if kind == "exponents" else 0
    one = np.array(generator.integers(-4, 5, shape) * 1.0 if kind == "ties" else generator.standard_normal(shape))
    one = np.array(one * 10.0**exponents * draw(st.sampled_from([1, 100])))
    scale, shift = draw(st.sampled_from([(1, 0), (1, 0), (-1, 0), (1 + 1e-6, 0), (1.01, 0), (1, 1e-2), (1, 1e6)]))
    other = np.array(one * scale + shift) if draw(st.booleans()) else generator.permuted(one.reshape(-1)).reshape(shape)
    for array in (one, other, one, other):
        if draw(st.booleans()):
            array.reshape(-1)[draw(st.integers(0, array.size - 1))] = draw(st.sampled_from(ODD))
    return draw(laid_out(one, left_dtype)), draw(laid_out(other, right_dtype))


@st.composite
def laid_out(draw, array, dtype):
    if dtype in COUNTS:
        low, high = (0, 1) if dtype == "bool" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
        array = np.clip(np.nan_to_num(array * draw(st.sampled_from([1, 1e9]))), low, high).astype(dtype)
    tensor = torch.from_numpy(np.array(array)).to(getattr(torch, dtype))
    layout = draw(st.sampled_from(["plain", "plain", "transposed", "step", "expanded", "inside"]))
    if layout == "transposed":
        return tensor.mT.contiguous().mT if tensor.ndim > 1 else tensor
    if layout == "step":
        return torch.stack([tensor, tensor], -1)[..., 0]
    if layout == "expanded":
        return tensor[:1].expand(tensor.shape) if tensor.ndim else tensor
    return torch.stack([tensor, tensor])[1] if layout == "inside" else tensor


@PLACES
@pytest.mark.parametrize(("left", "right"), [*((name, name) for name in COUNTS + FLOATS), *MIXED])
def test_the_torch_pass_agrees_with_the_plain_one(left, right, place, monkeypatch):
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(tensors(left, right), st.sampled_from(TOLERANCES), HOW, st.sampled_from([1, 2, 5, 50, 1000]))
    def agree(pair, tolerance, how, block):
        monkeypatch.setattr(torch_pass, "BLOCK", max(block, pair[0].numel() // 64))
        check(*(side.to(place) for side in pair), tolerance, **how)

    agree()


@PLACES
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", *FLOAT8, "int8", "uint16"])
def test_every_value_of_the_narrow_dtypes(dtype, place):
    kind = getattr(torch, dtype)
    unsigned = {1: torch.uint8, 2: torch.uint16}[kind.itemsize]
    codes = torch.arange(1 << (8 * kind.itemsize), dtype=torch.int32)
    left, right = (side.to(unsigned).view(kind).to(place) for side in (codes, codes.flip(0)))
    for equal_nan in (False, True):
        assert check(left, left, equal_nan=equal_nan).identical == (equal_nan or dtype in ("int8", "uint16"))
        check(left, right, Tolerance(1e-2, 1e-3), equal_nan=equal_nan)


@PLACES
@pytest.mark.parametrize("at", [0, 524_287, 524_288, 1_048_575, 1_048_576, 1_100_000])
def test_one_wrong_element_is_found_wherever_it_is(at, place):
    left = torch.ones(1_100_001, dtype=torch.float32, device=place)
    right = left.clone()
    right[at] = 7
    found = torch_pass.torch_pass(left, right, EXACT).stats(left.cpu().numpy(), right.cpu().numpy())
    assert (found.mismatched, found.worst_index, found.max_abs, found.total) == (1, (at,), 6.0, 1_100_001)


@PLACES
def test_the_first_of_many_equal_maxima_is_named(place):
    """Blocks large enough for a device to reduce them in many pieces."""
    left = torch.zeros(1_100_001, device=place)
    right = left.clone()
    right[700_001:] = 1
    assert torch_pass.torch_pass(left, right, EXACT).worst == 700_001
    right[700_003:] = math.nan
    assert torch_pass.torch_pass(left, right, EXACT).worst == 700_003


@PLACES
def test_what_a_tolerance_needs_is_rounded_up(place):
    """One element a comparison: among many, the largest need hides the others."""
    left, right = torch.randn(2, 200, generator=torch.Generator().manual_seed(2), dtype=torch.float64).to(place)
    for at in range(200):
        found = check(left[at], right[at], Tolerance(0.5, 0.1))
        for tolerance in (Tolerance(0.5, found.needed_atol), Tolerance(found.needed_rtol, 0.1)):
            assert torch_pass.torch_pass(left[at], right[at], tolerance).mismatched == 0


@PLACES
@pytest.mark.parametrize("kind", ["close", "scaled", "nonfinite"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_whole_blocks_agree_too(dtype, kind, place):
    generator = torch.Generator().manual_seed(1)
    left, noise = 100 * torch.randn(2, 600, 1000, generator=generator, dtype=torch.float64)
    right = {
        "close": left + 1e-6 * noise,
        "scaled": left * 1.01,
        "nonfinite": left.masked_fill(noise > 200, math.nan).masked_fill(noise < -200, -math.inf),
    }[kind]
    for tolerance in TOLERANCES[:2]:
        check(*(side.to(place, getattr(torch, dtype)) for side in (left, right)), tolerance)


@pytest.mark.parametrize("dtype", ["int64", "uint64", "complex64", "complex128"])
def test_dtypes_that_float64_cannot_hold_are_not_taken(dtype):
    tensor = torch.ones(3, dtype=getattr(torch, dtype))
    assert torch_pass.on_one_device(tensor, torch.ones(3)) is None
    assert torch_pass.on_one_device(torch.ones(3), torch.ones(3)) is not None


# --- memory, and waiting for the device ---


class Watch(TorchDispatchMode):
    """Counts the bytes that are alive beside what was there before, and the operations that wait."""

    def __init__(self):
        super().__init__()
        self.peak, self.waits, self._alive = 0, [], {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        inputs = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        made = func(*args, **(kwargs or {}))
        given = {leaf.untyped_storage()._cdata for leaf in inputs}
        for tensor in tree_leaves(made):
            storage = tensor.untyped_storage()
            if storage._cdata not in given:
                self._alive[storage._cdata] = StorageWeakRef(storage), storage.nbytes()
        self._alive = {key: pair for key, pair in self._alive.items() if not pair[0].expired()}
        self.peak = max(self.peak, sum(size for _, size in self._alive.values()))
        if any(word in str(func) for word in ("_local_scalar_dense", "nonzero", "item", "equal.default")):
            self.waits.append(str(func))
        return made


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8", "float64"])
@pytest.mark.parametrize("layout", ["plain", "transposed"])
def test_memory_is_that_of_one_block(dtype, layout, monkeypatch):
    monkeypatch.setattr(torch_pass, "BLOCK", 10_000)
    left = torch.zeros(1000, 100).to(getattr(torch, dtype))
    right = left.mT.contiguous().mT if layout == "transposed" else left.clone()
    with Watch() as watch:
        torch_pass.torch_pass(left, right, EXACT, equal_nan=True)
    assert 10_000 * 16 < watch.peak < 10_000 * 100
    assert watch.waits == []


@needs_gpu
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_memory_and_waits_on_the_device(dtype):
    left = torch.zeros(8000, 8000, dtype=getattr(torch, dtype), device="cuda")
    right = left.clone()
    right[7999, 7999] = 1
    torch_pass.torch_pass(left[:1], right[:1], EXACT)  # what the first call loads
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as waits:
            warnings.simplefilter("always")
            found = torch_pass.torch_pass(left, right, EXACT)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert torch.cuda.max_memory_allocated() - before < 64e6
    assert len(waits) <= 1, [str(wait.message) for wait in waits]
    assert (found.mismatched, found.worst) == (1, 7999 * 8000 + 7999)


# --- which way a pair takes ---


def leaf(value, device=None):
    """A captured leaf; `device` is what its facts say, wherever the value is."""
    [(_, taken)] = capture(value, borrow=True)
    assert taken.facts is not None
    assert taken.unsupported == ""
    return dataclasses.replace(taken, facts=dataclasses.replace(taken.facts, device=device or taken.facts.device))


def judge(left, right, **options):
    return compare_pair(Pair("x", left, right), options_from(options))


@pytest.fixture
def ways(monkeypatch):
    """What was done: `there` for each torch pass, and the number of elements of each read."""
    done = []
    on_device, read = torch_pass.torch_pass, devices._on_host
    monkeypatch.setattr(torch_pass, "torch_pass", lambda *args, **how: done.append("there") or on_device(*args, **how))

    def reading(value):
        array = read(value)
        done.append(math.prod(array.shape))
        return array

    monkeypatch.setattr(devices, "_on_host", reading)
    return done


LIBRARIES = ["torch", "tensorflow", "tf.Variable", "jax", "keras.Variable"]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16", "int32", "bool"])
@pytest.mark.parametrize("left", LIBRARIES)
@pytest.mark.parametrize("right", LIBRARIES)
def test_on_one_device_nothing_is_read_but_the_worst_elements(left, right, dtype, ways):
    array = values(dtype)
    sides = MAKERS[left](array), MAKERS[right](array[::-1].copy())
    found = judge(*(leaf(side, "cuda:0") for side in sides))
    assert ways == ["there", 1, 1]
    expected = judge(leaf(array), leaf(array[::-1].copy()))
    assert_same(found.stats, expected.stats)
    assert (found.verdict, found.note) == (expected.verdict, expected.note)


@pytest.mark.parametrize(
    ("left", "right", "dtype"),
    [
        ("cuda:0", "cuda:1", "float32"),  # two devices
        ("cuda:0", "cpu", "float32"),
        ("cpu", "cuda:0", "float32"),
        ("mps:0", "mps:0", "float32"),  # no float64
        ("tpu:0", "tpu:0", "float32"),
        ("cuda:0", "cuda:0", "int64"),  # not in float64
        ("cuda:0", "cuda:0", "complex64"),
    ],
)
@pytest.mark.parametrize("library", ["torch", "tensorflow", "jax"])
def test_what_comes_by_slabs(left, right, dtype, library, ways, monkeypatch):
    monkeypatch.setattr(devices, "SLAB", 2)
    array = values(dtype)
    sides = MAKERS[library](array), MAKERS[library](array[::-1].copy())
    found = judge(leaf(sides[0], left), leaf(sides[1], right))
    whole = [3] * [left, right].count("cpu")
    assert sorted(ways) == sorted([*whole, *([2, 1, 1] * (2 - len(whole)))])  # both slabs, and the worst element
    assert_same(found.stats, judge(leaf(array), leaf(array[::-1].copy())).stats)


@pytest.mark.parametrize("places", [("cuda:0", "cuda:0"), ("cuda:0", "cpu"), ("cpu", "cpu")])
@pytest.mark.parametrize(("reference", "max_rel"), [("left", 1.0), ("right", 0.5)])
@pytest.mark.parametrize(("equal_nan", "mismatched"), [(True, 1), (False, 2)])
def test_options_reach_every_way(places, reference, max_rel, equal_nan, mismatched, monkeypatch):
    monkeypatch.setattr(devices, "SLAB", 1)
    sides = torch.tensor([1.0, 3.0, math.nan]), torch.tensor([2.0, 3.0, math.nan])
    found = judge(*map(leaf, sides, places), equal_nan=equal_nan, reference=reference).stats
    assert (found.max_rel, found.mismatched) == (max_rel if equal_nan else math.inf, mismatched)
    number = judge(*(leaf(side[:2], place) for side, place in zip(sides, places, strict=True)), reference=reference)
    assert number.stats.max_rel == max_rel


def test_on_the_host_nothing_changes(ways):
    assert judge(leaf(torch.ones(3)), leaf(jax.numpy.ones(3))).verdict == "equal"
    assert ways == [3, 3]


def pair_on_cuda():
    return leaf(torch.arange(4.0), "cuda:0"), leaf(jax.numpy.arange(4.0) + 1, "cuda:0")


def test_without_torch_the_slabs_are_read(ways, monkeypatch):
    left = leaf(jax.numpy.arange(4.0), "cuda:0")
    monkeypatch.setitem(sys.modules, "torch", None)
    assert judge(left, left).verdict == "equal"
    assert "there" not in ways


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("none left"), NotImplementedError("no kernel")])
def test_a_device_that_refuses_is_read_by_slabs(error, ways, monkeypatch):
    def refuse(*_, **__):
        raise error

    monkeypatch.setattr(torch_pass, "torch_pass", refuse)
    assert judge(*pair_on_cuda()).stats.max_abs == 1.0
    assert ways == [4, 4]


@pytest.mark.parametrize("told", [{"dtype": "bool"}, {"shape": (2, 2)}])
def test_a_tensor_that_dlpack_hands_over_otherwise_is_not_taken(told, ways, monkeypatch):
    left, right = pair_on_cuda()
    other = torch.ones(told.get("shape", 4)).to(getattr(torch, told.get("dtype", "float32")))
    monkeypatch.setattr(torch_pass, "on_one_device", lambda *_: (other, other))
    assert judge(left, right).stats.max_abs == 1.0
    assert "there" not in ways


def test_tensors_that_turn_out_to_be_apart_are_not_taken():
    assert torch_pass.on_one_device(torch.ones(3), torch.ones(3, device="meta")) is None


def test_an_empty_tensor_and_a_number(ways):
    found = judge(leaf(torch.zeros(0, 2), "cuda:0"), leaf(torch.zeros(0, 2), "cuda:0"))
    assert (found.verdict, found.note) == ("equal", "both are empty: no element was compared")
    found = judge(leaf(torch.tensor(2.0), "cuda:0"), leaf(torch.tensor(3.0), "cuda:0"))
    assert (found.stats.worst_index, found.stats.left_value, found.stats.right_value) == ((), 2.0, 3.0)
    assert ways.count("there") == 1


def test_a_tensor_that_cannot_be_read_is_unsupported():
    left, right = pair_on_cuda()
    found = judge(dataclasses.replace(left, value=object()), right)
    assert found.verdict == "unsupported"
    assert found.note == "the values could not be read: TypeError: no adapter reads a object"


# --- why they differ ---


def explained(left, right, place="cuda:0"):
    return explanations.explain(judge(leaf(left, place), leaf(right, place)))


@pytest.mark.parametrize("library", ["torch", "tensorflow", "jax"])
def test_the_cause_is_looked_for_in_the_rows_around_the_worst_element(library, ways, monkeypatch):
    monkeypatch.setattr(explanations, "COPIED", 1000)
    array = np.random.default_rng(0).standard_normal((1, 100, 50)).astype(np.float32)
    array[0, 70, 3] = 9
    sides = MAKERS[library](array), MAKERS[library](array * np.float32(1.5))
    comparison = judge(*(leaf(side, "cuda:0") for side in sides))
    ways.clear()
    (found,) = explanations.explain(comparison)
    assert ways == [1000, 1000]
    assert found.causes == ("scale",)
    assert found.evidence.startswith("max abs 4.5 in 1,000 of 5,000 elements → ")


def test_small_ones_come_whole_and_so_do_those_of_the_host(ways, monkeypatch):
    monkeypatch.setattr(explanations, "COPIED", 1000)
    for size, place in ((900, "cuda:0"), (5000, "cpu")):
        left = torch.randn(size)
        comparison = judge(leaf(left, place), leaf(left * 2, place))
        ways.clear()
        (found,) = explanations.explain(comparison)
        assert (found.causes, ways) == (("scale",), [size, size])
        assert " of " not in found.evidence


def test_nothing_is_said_of_places_that_were_not_looked_at(monkeypatch):
    monkeypatch.setattr(explanations, "COPIED", 1000)
    left = torch.randn(100, 50, generator=torch.Generator().manual_seed(0))
    right = left.clone()
    right[50, 7] += 100
    assert explained(left, right) == ()
    assert [found.causes for found in explained(left, right, "cpu")] == [("few-elements",)]
    right[50, 7] = math.nan
    assert explained(left, right) == ()


def test_rounding_is_judged_by_the_worst_element(monkeypatch):
    monkeypatch.setattr(explanations, "COPIED", 1000)
    left, noise = torch.randn(2, 100, 50, generator=torch.Generator().manual_seed(0))
    right = left + 3e-7 * noise
    (found,) = explanations.explain(judge(leaf(left, "cuda:0"), leaf(right, "cuda:0"), rtol=0.0, atol=0.0))
    assert found.causes == ("rounding",)
    assert found.evidence.endswith(" in 1,000 of 5,000 elements")
    right[90, 3] += 1  # the first rows only round
    assert explained(left, right) == ()


def test_other_shapes_come_whole_as_far_as_the_search_looks(ways, monkeypatch):
    monkeypatch.setattr(explanations, "COPIED", 1000)
    for size, causes in ((4000, [("axes-permuted",)]), (4050, [])):
        left = torch.randn(size // 50, 50)
        comparison = judge(leaf(left, "cuda:0"), leaf(left.T.contiguous(), "cuda:0"))
        ways.clear()
        assert [found.causes for found in explanations.explain(comparison)] == causes
        assert ways == [size] * 2 * len(causes)


# --- tensors that stand for others ---


@pytest.mark.parametrize("device", ["cuda:0", "mps:0"])
def test_parameters_views_and_wrapped_tensors(device, ways, monkeypatch):
    monkeypatch.setattr(devices, "SLAB", 2)
    plain = torch.tensor([1.0, -2.0, 3.0])
    neg = torch.view_as_complex(torch.stack([plain, -plain], -1)).conj().imag
    assert neg.is_neg()
    for same in (torch.nn.Parameter(plain.clone()), neg, plain.clone().as_subclass(Odd), plain.requires_grad_()):
        found = judge(leaf(same, device), leaf(plain, device))
        assert found.verdict == "equal"
        found = judge(leaf(same, device), leaf(plain.detach() + 1, device))
        assert (found.verdict, found.stats.max_abs, found.stats.left_value) == ("differs", 1.0, 1.0)
    assert ("there" in ways) == (device == "cuda:0")
    assert plain.requires_grad


class Odd(torch.Tensor):
    """Answers every function in its own way."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        made = super().__torch_function__(func, types, args, kwargs or {})
        return made * 2 if func is torch.Tensor.abs else made


@pytest.mark.parametrize("device", ["cuda:0", "mps:0"])
def test_inside_the_gradients_of_torch_and_jax(device, ways, monkeypatch):
    monkeypatch.setattr(devices, "SLAB", 2)
    found = []

    def loss(x):
        found.append(judge(leaf(x, device), leaf(x * 2, device)))
        return (x * x).sum()

    torch.func.grad(loss)(torch.tensor([1.0, 2.0, 4.0]))
    jax.grad(loss)(jax.numpy.array([1.0, 2.0, 4.0]))
    assert [(one.verdict, one.stats.max_abs, one.stats.worst_index) for one in found] == [("differs", 4.0, (2,))] * 2
    assert ways.count("there") == (2 if device == "cuda:0" else 0)


# --- slabs of every library against each other ---


@pytest.mark.parametrize("left", LIBRARIES)
@pytest.mark.parametrize("right", [*LIBRARIES, "numpy"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "int64", "complex64"])
def test_slabs_agree_with_whole_arrays(left, right, dtype, monkeypatch):
    generator = np.random.default_rng(3)
    one = (10 * generator.standard_normal((3, 5, 7))).astype(values(dtype).dtype)
    other = np.where(generator.random(one.shape) < 0.1, one, generator.permuted(one)).astype(one.dtype)
    if dtype != "int64":
        one[1, 2, 3] = math.nan
    sides = MAKERS[left](one), MAKERS[right](other)
    if any(side is None for side in sides):
        return
    expected = plain_pass(*map(on_host, map(MAKERS["numpy"], (one, other))), Tolerance(1e-3, 1e-3))
    expected = expected.stats(*map(on_host, (one, other)))
    for slab in (1, 4, 7, 20, 36, 104):
        monkeypatch.setattr(devices, "SLAB", slab)
        places = "cuda:0", "cpu" if right == "numpy" else "cuda:1"
        found = devices.measure_slabs(*map(leaf, sides, places), Tolerance(1e-3, 1e-3))
        assert_same(found, expected)


# --- on a GPU ---


def cuda_array(library, array):
    """The array on the GPU, in a library that has one there."""
    if library == "torch":
        return MAKERS["torch"](array).to("cuda:0")
    if library == "jax":
        if jax.default_backend() != "gpu":
            pytest.skip("this JAX has no GPU")
        return jax.device_put(MAKERS["jax"](array), jax.devices("gpu")[0])
    if not tf.config.list_physical_devices("GPU"):
        pytest.skip("this TensorFlow has no GPU")
    with tf.device("/GPU:0"):
        return tf.identity(MAKERS["tensorflow"](array))


@needs_gpu
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16", "bool", "int64", "complex64"])
@pytest.mark.parametrize("left", ["torch", "jax", "tensorflow"])
@pytest.mark.parametrize("right", ["torch", "jax", "tensorflow"])
def test_libraries_on_one_gpu(left, right, dtype, ways):
    array = values(dtype)
    sides = cuda_array(left, array), cuda_array(right, array[::-1].copy())
    [row] = dualcell.compare(*sides)
    assert (row.figures.left_device, row.figures.right_device) == ("cuda:0", "cuda:0")
    assert ways == (["there", 1, 1] if dtype not in ("int64", "complex64") else [3, 3])
    assert row.figures.max_abs == judge(leaf(array), leaf(array[::-1].copy())).stats.max_abs


@needs_gpu
@pytest.mark.parametrize("library", ["torch", "jax", "tensorflow"])
@pytest.mark.parametrize("dtype", ["float32", "int64"])
def test_a_gpu_against_the_host(library, dtype, ways, monkeypatch):
    monkeypatch.setattr(devices, "SLAB", 10_000)
    left = np.arange(300_000).reshape(300, 1000).astype(dtype)
    right = left.copy()
    right[299, 998] = 0
    [row] = dualcell.compare(cuda_array(library, left), right)
    assert (row.figures.mismatched, row.figures.worst_index) == (1, (299, 998))
    assert "there" not in ways
    assert sorted(ways)[-2:] == [10_000, 300_000]  # the host's own array is a view, of the GPU's come slabs
