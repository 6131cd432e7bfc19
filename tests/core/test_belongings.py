"""What a cell can reach is remembered and put back; what it cannot is left alone."""

from __future__ import annotations

import random
import types
from collections import deque

import numpy as np
import pytest

from dualcell import belongings
from dualcell.belongings import reachable
from dualcell.errors import DualError


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


def test_what_cannot_be_put_back_keeps_nothing_else_from_its_place():
    class Stubborn(dict):
        def clear(self):
            raise RuntimeError("cannot be emptied")

    namespace = {"first": [1], "table": Stubborn(a=1), "last": [1]}
    restore = reachable(namespace, namespace).keep()
    namespace["first"].append(2)
    namespace["last"].append(2)
    with pytest.raises(RuntimeError, match="cannot be emptied"):
        restore()
    assert (namespace["first"], namespace["last"]) == ([1], [1])


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


def test_an_object_of_an_imported_module_is_entered():
    """A trainer is seldom defined in the notebook; what it holds would be trained again."""

    class Trainer:
        def __init__(self):
            self.weights, self.steps = np.ones(2), 0

    Trainer.__module__ = "my_project.training"
    trainer = Trainer()
    restore = reachable(["trainer"], {"trainer": trainer}).keep()
    trainer.weights += 1
    trainer.steps += 1
    restore()
    assert (trainer.weights.tolist(), trainer.steps) == ([1, 1], 0)


def test_the_shell_and_libraries_are_left_alone():
    import threading

    namespace = {"lock": threading.Event(), "number": np.float32(1)}
    assert not reachable(namespace, namespace).containers


def test_a_queue_is_put_back():
    losses = deque([1, 2], maxlen=3)
    restore = reachable(["losses"], {"losses": losses}).keep()
    losses.extend([3, 4])
    restore()
    assert list(losses) == [1, 2]
    assert losses.maxlen == 3


def test_long_lists_of_numbers_and_words_are_no_trouble():
    namespace = {"first": np.ones(2), "words": [str(i) for i in range(belongings.MOST)],
                 "ids": list(range(belongings.MOST)), "last": np.ones(2)}  # fmt: skip
    assert len(reachable(namespace, namespace).tensors) == 2


def test_too_many_objects_are_refused_and_not_half_kept():
    with pytest.raises(DualError, match="reaches more than 100,000 objects, too many to put back"):
        reachable(["many"], {"many": [[] for _ in range(belongings.MOST + 1)]})
