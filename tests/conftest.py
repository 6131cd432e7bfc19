"""Shared by all tests: the same numbers in every run, and no result leaks from one test into the next."""

from __future__ import annotations

import random
import sys

import numpy as np
import pytest

from dualcell import result as result_module


@pytest.fixture(autouse=True)
def _seeded():
    """Every test draws the same numbers in every run and order.

    A test of numbers drawn by chance rejects true ones at its level, once in some thousand
    tensors: with other seeds in each run, one of some hundred such tests fails now and then.
    """
    random.seed(0)
    np.random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)
    if "keras" in sys.modules and "tensorflow" in sys.modules:  # which Keras would import
        sys.modules["keras"].utils.set_random_seed(0)


@pytest.fixture(autouse=True)
def _no_leaks():
    """Every test ends with no tap recorder and no session left open."""
    from dualcell import taps

    yield
    assert taps._recorders == []
    result_module._last.clear()
