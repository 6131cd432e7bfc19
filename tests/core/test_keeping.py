"""Whatever fails, the rest is put back: what is remembered, seeds, watched layers."""

from __future__ import annotations

import random
from contextlib import contextmanager

import numpy as np
import pytest

from dualcell import turns
from dualcell.frameworks.keeping import put_back
from dualcell.frameworks.numpy import host_seed


def test_all_are_called_in_order_and_an_error_comes_at_the_end():
    done = []

    def fails():
        done.append("fails")
        raise RuntimeError("stuck")

    with pytest.raises(RuntimeError, match="stuck"):
        put_back([lambda: done.append("first"), fails, lambda: done.append("last")])
    assert done == ["first", "fails", "last"]


def test_a_seed_that_one_generator_refuses_leaves_the_others_as_they_were(monkeypatch):
    def refuses(_):
        raise ValueError("no seed")

    before = random.getstate()
    with monkeypatch.context() as patched:  # as pytest-randomly seeds, too
        patched.setattr(np.random, "seed", refuses)
        with pytest.raises(ValueError, match="no seed"), host_seed(1):
            pass
    assert random.getstate() == before


def test_a_framework_that_cannot_be_watched_leaves_no_other_one_watched(monkeypatch):
    watched = []

    class Watched:
        @contextmanager
        def born(self, visit):
            watched.append(visit)
            try:
                yield
            finally:
                watched.remove(visit)

    class Refuses:
        def born(self, _):
            raise RuntimeError("no")

    monkeypatch.setattr(turns, "loaded_states", lambda: (Watched(), Refuses()))
    with pytest.raises(RuntimeError, match="no"):
        turns._born(lambda *_: None)
    assert watched == []
