"""One record of options, one parser, and every sentence it can say."""

from __future__ import annotations

import shlex
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualcell.errors import OptionError
from dualcell.options import (
    BLOCK_OPTIONS,
    COMPARE_OPTIONS,
    OPTION_NAMES,
    Options,
    build_parser,
    option_flags,
    options_from,
    parse_line,
    refuse_options,
)
from dualcell.tolerance import Tolerance


def said(call, *arguments, **options):
    with pytest.raises(OptionError) as error:
        call(*arguments, **options)
    return str(error.value)


# --- values ---


def test_given_options_lie_over_the_base():
    base = Options(seed=1, strict=True)
    assert options_from({"seed": 2}, base) == Options(seed=2, strict=True)
    assert options_from({}, base) == base
    assert options_from({}) == Options()


def test_tol_becomes_a_tuple_and_gives_tolerances():
    options = options_from({"tol": ["h:rtol=0,atol=1"]})
    assert options.tol == ("h:rtol=0,atol=1",)
    assert options.tolerances.of("h", "int8", "int8") == Tolerance(0.0, 1.0)


def test_numbers_of_numpy_are_numbers():
    options = options_from({"seed": np.int64(3), "rtol": np.float32(0.5), "atol": 0})
    assert (options.seed, options.rtol, options.atol) == (3, 0.5, 0)


@pytest.mark.parametrize("seed", [0, 2**32 - 1])
def test_the_ends_of_the_seeds_are_accepted(seed):
    assert options_from({"seed": seed}).seed == seed


def test_an_unknown_option_is_named_with_the_nearest_and_all_accepted():
    assert said(options_from, {"devise": "cpu"}, accepted=("device", "seed")) == (
        "Unknown option 'devise'. Did you mean 'device'? Accepted here: device, seed."
    )
    assert said(options_from, {"zzz": 1}, accepted=("device",)) == "Unknown option 'zzz'. Accepted here: device."


@pytest.mark.parametrize("name", [name for name in OPTION_NAMES if name not in COMPARE_OPTIONS])
def test_an_option_without_effect_here_is_unknown_here(name):
    assert said(options_from, {name: None}, accepted=COMPARE_OPTIONS).startswith(f"Unknown option {name!r}.")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("device", 3, "a text like 'cpu' or 'cuda:0'"),
        ("device", None, "a text like 'cpu' or 'cuda:0'"),
        ("seed", "0", "an integer"),
        ("seed", 1.5, "an integer"),
        ("seed", True, "an integer"),
        ("dtype", 32, "one of float16, bfloat16, float32, float64"),
        ("dtype", "float", "one of float16, bfloat16, float32, float64"),
        ("eager", "yes", "True or False"),
        ("rtol", "1e-3", "a number"),
        ("atol", [1], "a number"),
        ("tol", "h:rtol=0,atol=1", "a list of texts like 'h*:rtol=1e-3,atol=1e-4'"),
        ("tol", [1], "a list of texts like 'h*:rtol=1e-3,atol=1e-4'"),
        ("tol", None, "a list of texts like 'h*:rtol=1e-3,atol=1e-4'"),
        ("tol", {"h": 1}, "a list of texts like 'h*:rtol=1e-3,atol=1e-4'"),
        ("allow_dtype", 1, "True or False"),
        ("equal_nan", None, "True or False"),
        ("reference", "middle", "'left' or 'right'"),
        ("reference", 0, "'left' or 'right'"),
        ("sort", "worst", "'given' or 'failing'"),
        ("sort", None, "'given' or 'failing'"),
        ("causes", "no", "True or False"),
        ("strict", 0, "True or False"),
        ("out", "my result", "a Python name"),
        ("out", "class", "a Python name"),
        ("out", "", "a Python name"),
        ("out", 3, "a Python name"),
    ],
)
def test_a_value_of_another_kind_is_refused(name, value, expected):
    assert said(options_from, {name: value}).startswith(f"{name} is {value!r}, expected {expected}.")


def test_a_dtype_that_is_nearly_one_gets_a_hint():
    assert said(options_from, {"dtype": "flaot32"}).endswith(" Did you mean 'float32'?")


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_numpy_cannot_take_is_refused(seed):
    assert said(options_from, {"seed": seed}) == (
        f"seed is {seed}, expected 0 <= seed < 2**32, as NumPy takes no other."
    )


def test_a_bad_tolerance_is_refused_when_it_is_given():
    assert said(options_from, {"rtol": 1.0}).startswith("--rtol and --atol: rtol was given without atol.")
    assert said(options_from, {"tol": ["h"]}).startswith("--tol 'h': expected ROWS")


def test_every_option_is_checked_parsed_and_named_once():
    assert OPTION_NAMES == tuple(field.name for field in fields(Options))
    others = {"strict", "out", "noise", "referee", "code", "large", "layout"}
    assert {*BLOCK_OPTIONS, *COMPARE_OPTIONS} | others == set(OPTION_NAMES)
    assert {action.dest for action in build_parser()._actions} == {*OPTION_NAMES, "captures", "help"}
    for name in OPTION_NAMES:
        assert said(options_from, {name: object()}).startswith(f"{name} is <object")


# --- the line ---


@pytest.mark.parametrize(
    ("text", "captures", "options"),
    [
        ("", (), {}),
        ("probs", ("probs",), {}),
        ("probs logits --seed 0", ("probs", "logits"), {"seed": 0}),
        ("probs --seed 0 logits", ("probs", "logits"), {"seed": 0}),
        ("--seed=0 --device cuda:1", (), {"seed": 0, "device": "cuda:1"}),
        ('"a ~ b.T" "k = c ~ d"', ("a ~ b.T", "k = c ~ d"), {}),
        ("'a ~ b'", ("a ~ b",), {}),
        ('k="a ~ b"', ("k=a ~ b",), {}),
        ("d['a'] e[\"b c\"]", ("d['a']", 'e["b c"]'), {}),
        (r'"d[\"a\"] ~ b"', ('d["a"] ~ b',), {}),
        ("f(x='a b')", ("f(x='a b')",), {}),
        ('"-x ~ y"', ("-x ~ y",), {}),
        ("--tol 'h *:rtol=0,atol=1' --tol=x:rtol=1,atol=1", (), {"tol": ["h *:rtol=0,atol=1", "x:rtol=1,atol=1"]}),
        ("--rtol 1e-3 --atol 0", (), {"rtol": 1e-3, "atol": 0.0}),
        ("--eager --no-strict --allow-dtype --equal-nan", (),
         {"eager": True, "strict": False, "allow_dtype": True, "equal_nan": True}),
        ("--no-causes", (), {"causes": False}),
        ("--reference right --out r --dtype float64", (), {"reference": "right", "out": "r", "dtype": "float64"}),
        ("--seed -1", (), {"seed": -1}),
    ],
)  # fmt: skip
def test_a_line_is_read(text, captures, options):
    line = parse_line(text)
    assert (line.captures, dict(line.given), line.help) == (captures, options, False)


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_is_noticed(flag):
    assert parse_line(f"probs {flag}").help


@given(st.lists(st.text("ab ~=[]().*", min_size=1).filter(lambda word: not word.startswith("-")), max_size=3))
def test_any_capture_can_be_quoted(captures):
    assert parse_line(" ".join(f'"{capture}"' for capture in captures)).captures == tuple(captures)
    assert parse_line(" ".join(map(shlex.quote, captures))).captures == tuple(captures)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("--sede 0", "Unknown option '--sede'. Did you mean '--seed'? %%dual --help lists all."),
        ("--sede=0", "Unknown option '--sede'. Did you mean '--seed'? %%dual --help lists all."),
        ("--xyzzy", "Unknown option '--xyzzy'. %%dual --help lists all."),
        ("--see 0", "Unknown option '--see'. Did you mean '--seed'? %%dual --help lists all."),
        ("--seed", "Argument --seed: expected one argument."),
        ("--seed one", "Argument --seed: invalid int value: 'one'."),
        ("--rtol x", "Argument --rtol: invalid float value: 'x'."),
        ('probs "a ~ b', "No closing quotation: 'probs \"a ~ b'. Put a capture with spaces in double quotes."),
        ("it's", 'No closing quotation: "it\'s". Put a capture with spaces in double quotes.'),
    ],
)
def test_a_line_that_cannot_be_read_says_why(text, sentence):
    assert said(parse_line, text) == sentence


def test_the_flags_are_those_of_the_options():
    flags = option_flags()
    assert flags == sorted(flags)
    assert {"--" + name.replace("_", "-") for name in OPTION_NAMES} < set(flags)


def test_the_help_shows_every_flag_and_both_spellings():
    text = build_parser().format_help()
    assert all(flag in text for flag in option_flags())
    assert "# --- keras ---" in text
    assert "%dual diff" in text


def test_an_option_in_the_wrong_place_is_refused():
    assert refuse_options(["seed"], ["seed"], "here", "there") is None
    assert said(refuse_options, ["seed", "allow_dtype"], ["seed"], "the header", "the %%dual line") == (
        "--allow-dtype has no effect on the header; write it on the %%dual line."
    )
