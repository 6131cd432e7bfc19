"""The capture grammar: what is read from a capture, and what is refused."""

from __future__ import annotations

import pytest

from dualcell.errors import OptionError
from dualcell.requests import Request, free_names, read_request


@pytest.mark.parametrize(
    ("text", "row", "left", "right"),
    [
        ("probs", "probs", "probs", "probs"),
        ("  probs ", "probs", "probs", "probs"),
        ("a ~ b", "a ~ b", "a", "b"),
        ("a~b", "a ~ b", "a", "b"),
        ("dense.kernel ~ linear.weight.T", "dense.kernel ~ linear.weight.T", "dense.kernel", "linear.weight.T"),
        ("kernel = a ~ b", "kernel", "a", "b"),
        ("kernel=a~b", "kernel", "a", "b"),
        ("layer 1 - kernel = a ~ b", "layer 1 - kernel", "a", "b"),
        ("größe = a ~ b", "größe", "a", "b"),
        ("h.0 = a", "h.0", "a", "a"),
        ("a ~ a", "a", "a", "a"),
        ("~mask", "~mask", "~mask", "~mask"),
        ("~a ~ b", "~a ~ b", "~a", "b"),
        ("a ~ ~b", "a ~ ~b", "a", "~b"),
        ("~a ~ ~b", "~a ~ ~b", "~a", "~b"),
        ("m = ~a ~ ~b", "m", "~a", "~b"),
        ("a == b", "a == b", "a == b", "a == b"),
        ("a != b", "a != b", "a != b", "a != b"),
        ("a <= b", "a <= b", "a <= b", "a <= b"),
        ("f(x=1)", "f(x=1)", "f(x=1)", "f(x=1)"),
        ("f(x=1) ~ g(y=2)", "f(x=1) ~ g(y=2)", "f(x=1)", "g(y=2)"),
        ("f('~') ~ d['a ~ b']", "f('~') ~ d['a ~ b']", "f('~')", "d['a ~ b']"),
        ("a/b", "a/b", "a/b", "a/b"),
        ("a/b*c", "a/b*c", "a/b*c", "a/b*c"),
        ("a[1:2] ~ b[:, None]", "a[1:2] ~ b[:, None]", "a[1:2]", "b[:, None]"),
        ("(a,\n b)", "(a,\n b)", "(a,\n b)", "(a,\n b)"),
    ],
)
def test_a_capture_is_read(text, row, left, right):
    assert read_request(text) == Request(row, left, right, shared=left == right)


@pytest.mark.parametrize(
    ("text", "row", "left", "right", "pattern"),
    [
        ("grads/*", "grads", "grads", "grads", "*"),
        ("grads/layer?/kernel", "grads", "grads", "grads", "layer?/kernel"),
        ("grads/*.bias", "grads", "grads", "grads", "*.bias"),
        ("a/* ~ b.c/*", "a ~ b.c", "a", "b.c", "*"),
        ("g = a/* ~ b/*", "g", "a", "b", "*"),
    ],
)
def test_a_pattern_selects_leaves(text, row, left, right, pattern):
    assert read_request(text) == Request(row, left, right, pattern, shared=left == right)


@pytest.mark.parametrize(
    ("text", "side"),
    [
        ("", ""),
        ("   ", ""),
        ("a b", "a b"),
        ("a ~", ""),
        ("a ~ b ~ c", "b ~ c"),
        ("a ~ for", "for"),
        ("x = ", "x = "),
        ("a; b", "a; b"),
        ("import os", "import os"),
        ("1x ~ b", "1x"),
        ("a\0", "a\0"),
    ],
)
def test_what_is_no_expression_is_refused(text, side):
    with pytest.raises(OptionError) as error:
        read_request(text)
    assert str(error.value) == (
        f"Capture {text!r}: {side.strip()!r} is not a Python expression (one with spaces needs quotes). "
        f"Write a name, an expression, 'left ~ right' or 'row = left ~ right'."
    )


@pytest.mark.parametrize(
    ("text", "left", "right"), [("a/* ~ b/?", "*", "?"), ("a/* ~ b", "*", ""), ("a ~ b/*", "", "*")]
)
def test_two_patterns_are_refused(text, left, right):
    with pytest.raises(OptionError) as error:
        read_request(text)
    assert str(error.value) == (
        f"Capture {text!r}: the patterns {left!r} and {right!r} differ; "
        f"one pattern selects the same leaves on both sides."
    )


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("probs", ("probs",)),
        ("f(y).g + f(x)", ("f", "y", "x")),
        ("[t * scale for t in ts]", ("scale", "ts")),
        ("list(map(lambda t, *u: t + bias, ts))", ("list", "map", "bias", "ts")),
        ("{k: v for k, v in d.items()}", ("d",)),
        ("(n := a) + n", ("a",)),
        (" 1 ", ()),
    ],
)
def test_the_names_an_expression_reads(expression, names):
    assert free_names(expression) == names
