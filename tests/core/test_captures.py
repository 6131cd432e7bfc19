"""Which values a side hands out: snapshots of its own, or a sentence."""

from __future__ import annotations

import types

import numpy as np
import pytest

from dualcell.captures import Side, Watch, capture, take
from dualcell.pairs import pair_up
from dualcell.requests import read_request
from dualcell.taps import Recorder, tap


def side(bound=(), foreign=(), index=0):
    return Side(index, "keras", "torch", set(bound), set(foreign))


def rows(namespace, *captures, automatic=(), last=None, recorder=None, **who):
    requests = [read_request(text) for text in captures]
    who = side(**({"bound": namespace} | who))
    return take(who, requests, automatic, namespace, recorder or Recorder(capture), last or {}).rows


def missing(namespace, text, **how):
    [leaf] = rows(namespace, text, **how).values()
    assert leaf.facts is None
    return leaf.missing


# --- snapshots ---


def test_a_snapshot_does_not_change_with_the_array():
    array = np.zeros(2)
    [(path, leaf)] = capture(array)
    array[:] = 7
    assert (path, leaf.value.tolist(), leaf.facts.shape, leaf.facts.dtype) == ("", [0.0, 0.0], (2,), "float64")


def test_a_view_of_a_changing_base_is_safe_too():
    base = np.zeros((2, 2))
    [(_, leaf)] = capture(base.T[1:])
    base += 1
    assert leaf.value.tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("text", "a str is not a tensor"),
        (object(), "an object is not a tensor"),
        (int, "the class int is not a tensor; call it and compare what it returns"),
        (types, "the module types is not a tensor"),
        (len, "a builtin_function_or_method is not a tensor; call it and compare what it returns"),
        (np.zeros(1, [("x", "f4")]), "a structured array; name its fields, as in a['x'] ~ b"),
    ],
)  # fmt: skip
def test_what_is_no_tensor_says_what_it_is(value, what):
    [(_, leaf)] = capture(value)
    assert leaf.unsupported == what


# --- watching names ---


@pytest.mark.parametrize("value", [np.zeros(1), 1, "x", (1,), object()])
def test_a_name_bound_to_another_object_is_noticed(value):
    namespace = {"x": value}
    watch = Watch(namespace, ["x", "y"])
    assert not watch.changed("x", namespace)
    assert watch.changed("x", {"x": np.zeros(1)})
    assert watch.changed("y", {"y": value})
    assert not watch.changed("x", {})
    assert not watch.changed("y", {})


def test_watching_keeps_no_array_alive():
    import weakref

    namespace = {"x": np.zeros(1)}
    watch = Watch(namespace, ["x"])
    reference = weakref.ref(namespace["x"])
    namespace["x"] = np.zeros(1)
    assert reference() is None
    assert watch.changed("x", namespace)


# --- requests ---


def test_an_expression_is_evaluated_per_side():
    namespace = {"a": np.ones(2), "b": np.zeros(3)}
    assert rows(namespace, "k = a * 2 ~ b")["k"].value.tolist() == [2, 2]
    assert rows(namespace, "k = a * 2 ~ b", index=1)["k"].value.tolist() == [0, 0, 0]


def test_evaluating_writes_nothing_to_the_namespace():
    namespace = {"a": np.ones(2)}
    rows(namespace, "(n := a)")
    assert set(namespace) == {"a"}


def test_a_nested_value_gives_a_row_per_leaf():
    assert list(rows({"out": {"h": [np.ones(1), np.ones(1)], "loss": 1.0}}, "out")) == [
        "out.h[0]",
        "out.h[1]",
        "out.loss",
    ]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*", ["g.w[0]", "g.w[1]", "g.b"]),
        ("w/*", ["g.w[0]", "g.w[1]"]),
        ("w/?", ["g.w[0]", "g.w[1]"]),
        ("*/1", ["g.w[1]"]),
        ("b*", ["g.b"]),
    ],
)
def test_a_pattern_selects_leaves_as_paths(pattern, expected):
    assert list(rows({"g": {"w": [np.ones(1), np.ones(1)], "b": np.ones(1)}}, f"g/{pattern}")) == expected


def test_a_pattern_without_a_leaf_is_missing():
    assert missing({"g": {"w": 1}}, "g/x*") == "keras: nothing in 'g' matches 'x*'"


@pytest.mark.parametrize("value", [None, [], {}, {"a": None}])
def test_an_expression_without_a_leaf_is_missing(value):
    assert missing({"g": value}, "g") == "keras: nothing in 'g' is a tensor"


def test_a_name_the_other_side_bound_is_never_this_sides():
    namespace = {"probs": np.ones(1)}
    assert missing(namespace, "probs", bound=(), foreign={"probs"}) == (
        "the keras block does not bind 'probs'; the value there is not its own (the torch block binds it)"
    )
    assert missing(namespace, "k = probs.T ~ probs", bound=(), foreign={"probs"}).startswith("the keras block does not")


def test_a_name_neither_has_bound_is_missing():
    assert missing({}, "probs", bound=()) == "the keras block does not bind 'probs'"
    earlier = {"probs": np.ones(1)}
    wanted = "the keras block does not bind 'probs'; to compare its earlier value, write `probs = probs` in the block"
    assert missing(earlier, "probs", bound=()) == wanted
    assert missing(earlier, "probs ~ other", bound=()) == wanted
    assert missing(earlier, "probs.T", bound=()) == "the keras block does not bind 'probs'"


def test_an_attribute_of_something_from_an_earlier_cell_may_be_one_side():
    assert list(rows({"dense": np.ones((2, 1))}, "dense.T ~ linear", bound=())) == ["dense.T ~ linear"]


def test_a_module_is_nobodys_own_value():
    namespace = {"np": np, "shared": np.ones(1)}
    assert "does not bind" in missing(namespace, "np.sum(shared)", bound={"np"})


def test_a_block_that_stopped_is_said_to_have_stopped():
    who = Side(1, "torch", "keras", set(), {"y"}, stopped=True)
    [leaf] = take(who, [read_request("y")], [], {"y": np.ones(1)}, Recorder(capture), {}).rows.values()
    assert leaf.missing == "the torch block stopped before it bound 'y'"


def test_what_a_block_that_stopped_could_not_bind_is_said_to_be_for_that():
    who = Side(1, "torch", "keras", set(), set(), stopped=True)
    taken = take(who, [read_request("a ~ b"), read_request("a ~ b.T")], [], {}, Recorder(capture), {})
    assert taken.cut == "did not finish"
    assert [leaf.missing for leaf in taken.rows.values()] == [
        "the torch block stopped before it bound 'b'",
        "the torch block did not finish; 'b.T' after the torch block raised NameError: name 'b' is not defined",
    ]


def test_a_shared_function_of_the_other_block_may_be_used():
    namespace = {"probs": np.ones(1), "f": lambda value: value + 1}
    assert rows(namespace, "f(probs)", bound={"probs"}, foreign={"f"})["f(probs)"].value.tolist() == [2.0]


def test_an_expression_that_raises_is_missing_with_the_first_line_of_the_error():
    assert (
        missing({"a": 1}, "a.b")
        == "'a.b' after the keras block raised AttributeError: 'int' object has no attribute 'b'"
    )
    assert missing({"a": 1}, "a[0]").endswith("raised TypeError: 'int' object is not subscriptable")


# --- automatic names, the last value, taps ---


def test_automatic_names_are_those_bound_to_values():
    namespace = {"x": np.ones(1), "n": 3, "foreign": np.ones(1)}
    assert list(rows(namespace, automatic=["x", "n", "foreign", "gone"], bound={"x", "n", "gone"})) == ["x", "n"]


@pytest.mark.parametrize(
    ("value", "expected"), [(np.ones(1), ["out"]), ([np.ones(1)], ["out[0]"]), (3, ["out"]), ("x", []), (None, [])]
)
def test_the_last_value_is_out_if_it_holds_values(value, expected):
    assert list(rows({}, last={"value": value})) == expected


def test_taps_are_numbered_only_when_repeated():
    with Recorder(capture) as recorder:
        tap("once", np.ones(1))
        tap("twice", np.ones(1))
        assert tap("twice", (two := {"a": np.ones(1)})) is two
    handed_out = take(side(), [], [], {}, recorder, {})
    assert {name: [list(call) for call in calls] for name, calls in handed_out.taps.items()} == {
        "once": [[""]],
        "twice": [[""], [".a"]],
    }
    assert [pair.row for pair in pair_up(handed_out, handed_out, (), ("a", "b"))] == ["once", "twice[0]", "twice[1].a"]


def test_a_tap_outside_a_run_returns_its_value_and_records_nothing():
    value = np.ones(1)
    assert tap("x", value) is value


def test_swapped_arguments_of_a_tap_are_refused():
    with pytest.raises(TypeError) as error:
        tap(np.ones(1), "x")
    assert str(error.value) == "tap(name, value): the name is a ndarray, expected a string."
