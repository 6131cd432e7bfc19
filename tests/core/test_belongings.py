"""What a cell can reach is remembered and put back; what it cannot is left alone."""

from __future__ import annotations

import random
import types

import numpy as np

from dualcell.belongings import reachable


def function(source, namespace):
    """A function as a notebook defines one."""
    namespace["__name__"] = "__main__"
    exec(source, namespace)  # noqa: S102
    return namespace


def values(found):
    return [held.value for held in found.tensors]


def test_only_what_is_named_is_reached():
    x, y = np.ones(2), np.ones(3)
    found = values(reachable(["x", "absent"], {"x": x, "y": y}))
    assert len(found) == 1
    assert found[0] is x


def test_containers_are_entered_and_loops_end():
    x = np.ones(2)
    loop: list = [x]
    loop.append({"self": loop, "pair": (x, [x])})
    found = reachable(["loop"], {"loop": loop})
    assert [value is x for value in values(found)] == [True]


def test_functions_lead_to_the_globals_they_read():
    namespace = function("def f():\n    return [g() for _ in range(2)]\ndef g():\n    return w", {"w": np.ones(2)})
    assert values(reachable(["f"], namespace))[0] is namespace["w"]


def test_a_method_leads_to_its_object():
    namespace = function(
        "class Net:\n    def __init__(self, w):\n        self.w = w\n    def forward(self):\n        return self.w + b",
        {"b": np.zeros(2)},
    )
    net = namespace["Net"](np.ones(2))
    found = values(reachable(["net"], {**namespace, "net": net}))
    assert sorted(map(float, (value.sum() for value in found))) == [0.0, 2.0]


def test_closures_are_entered():
    w = np.ones(2)

    def make():
        return lambda: w

    assert any(value is w for value in values(reachable(["f"], {"f": make()})))


def test_everything_is_put_back():
    class Holder:
        pass

    Holder.__module__ = "__main__"
    holder = Holder()
    vars(holder)["count"] = 1
    namespace = {
        "x": np.arange(3.0), "items": [1, [2]], "table": {"a": 1}, "kinds": {1, 2}, "holder": holder,
        "rng": np.random.default_rng(0), "old": np.random.RandomState(0), "dice": random.Random(0),
    }  # fmt: skip
    restore = reachable(namespace, namespace).keep()
    drawn = [namespace["rng"].random(), namespace["old"].rand(), namespace["dice"].random()]
    for _ in range(2):  # it may be put back more than once
        namespace["x"] += 1
        namespace["items"].append(3)
        namespace["items"][1].append(3)
        namespace["table"].update(a=2, b=3)
        namespace["kinds"].add(3)
        vars(holder).update(count=2, more=1)
        restore()
        assert namespace["x"].tolist() == [0, 1, 2]
        assert namespace["items"] == [1, [2]]
        assert namespace["table"] == {"a": 1}
        assert namespace["kinds"] == {1, 2}
        assert vars(holder) == {"count": 1}
        assert drawn == [namespace["rng"].random(), namespace["old"].rand(), namespace["dice"].random()]


def test_a_tensor_in_a_container_can_be_replaced():
    frozen = np.ones(2)
    frozen.flags.writeable = False
    namespace = {"table": {"a": [frozen]}}
    [held] = reachable(["table"], namespace).tensors
    held.put(np.zeros(2))
    assert namespace["table"]["a"][0].tolist() == [0, 0]


def test_modules_and_text_are_no_belongings():
    found = reachable(["np", "text"], {"np": np, "text": "x", "types": types})
    assert not found.tensors
    assert not found.containers
