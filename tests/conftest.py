"""Shared by all tests: a result must not leak from one test into the next."""

from __future__ import annotations

import pytest

from dualcell import result as result_module


@pytest.fixture(autouse=True)
def _no_leaks():
    """Every test ends with no tap recorder and no session left open."""
    from dualcell import taps

    yield
    assert taps._recorders == []
    result_module._last.clear()
