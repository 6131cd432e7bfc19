"""The walk over nested values: every leaf once, each under a path of its own."""

from __future__ import annotations

from collections import OrderedDict, UserDict, namedtuple
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualcell.errors import DualError
from dualcell.nested import holds_values, leaves

Point = namedtuple("Point", "x y")


@dataclass
class Output:
    loss: Any
    hidden: Any = None
    unset: Any = field(init=False)


class Key:
    """A key that shows as another does, as tensors of equal values do."""

    def __repr__(self):
        return "Key"


@pytest.mark.parametrize(
    ("value", "paths"),
    [
        (1.0, [""]),
        (None, []),
        ("text", [""]),
        (b"bytes", [""]),
        (np.zeros(2), [""]),
        ([], []),
        ({}, []),
        ([1, (2, 3)], ["[0]", "[1][0]", "[1][1]"]),
        ({"a": 1, "b c": 2, 3: 4, ("x", 1): 5}, [".a", "['b c']", "[3]", "[('x', 1)]"]),
        (OrderedDict(z=1, a=2), [".z", ".a"]),
        (MappingProxyType({"a": 1}), [".a"]),
        (UserDict({"a": 1}), [".a"]),
        (Point(1, [2]), [".x", ".y[0]"]),
        (Output(1, {"a": 2}), [".loss", ".hidden.a"]),
        (Output, [""]),
        ([None, 1], ["[1]"]),
        ({1, 2}, [""]),
    ],
)
def test_the_paths_of_the_leaves(value, paths):
    assert [path for path, _ in leaves(value)] == paths


def test_paths_begin_with_the_name_given():
    assert [path for path, _ in leaves({"a": [1]}, "out")] == ["out.a[0]"]


def test_a_shared_part_is_visited_in_each_place():
    shared = [1]
    assert [path for path, _ in leaves({"a": shared, "b": shared})] == [".a[0]", ".b[0]"]


def test_a_cycle_ends_as_a_leaf():
    value = [1]
    value.append(value)
    assert [(path, leaf is value) for path, leaf in leaves(value)] == [("[0]", False), ("[1]", True)]


@pytest.mark.parametrize("keys", [(Key(), Key(), Key()), (1, np.int64(2), "1")])
def test_keys_that_look_alike_hide_no_leaf(keys):
    found = dict(leaves(dict(zip(keys, range(3), strict=True))))
    assert sorted(found.values()) == [0, 1, 2]


def test_keys_that_look_alike_are_numbered():
    assert [path for path, _ in leaves({Key(): 1, Key(): 2, "a": 3})] == ["[Key]", "[Key]#2", ".a"]


def test_what_is_nested_too_deep_is_refused_not_skipped():
    value = [1.0]
    for _ in range(120):
        value = [value]
    with pytest.raises(DualError) as error:
        list(leaves(value, "value"))
    assert str(error.value) == (
        "value" + "[0]" * 11 + "[0... is nested more than 100 levels deep; name the part to compare."
    )


def test_a_hundred_levels_are_not_too_deep():
    value = [1.0]
    for _ in range(98):
        value = [value]
    assert len(list(leaves(value))) == 1


@given(st.recursive(st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=2), inner)))
def test_no_leaf_is_lost_and_no_path_repeats(value):
    found = list(leaves(value))
    assert len({path for path, _ in found}) == len(found)
    assert [leaf for _, leaf in found] == list(flat(value))


def flat(value):
    if isinstance(value, int):
        yield value
        return
    for child in value.values() if isinstance(value, dict) else value:
        yield from flat(child)


@pytest.mark.parametrize(
    "value",
    [1, True, [1.0, 2], Output(1), np.zeros(1), np.float32(1), [1, {"a": np.zeros(0)}], Output(np.zeros(1))],
)
def test_tensors_and_numbers_are_noticed(value):
    assert holds_values(value)


@pytest.mark.parametrize("value", [None, "x", [], {"a": "b"}, object()])
def test_texts_and_objects_hold_no_values(value):
    assert not holds_values(value)
