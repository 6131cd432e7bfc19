"""A fix that is code does what it says: the left one turns left into right, the right one right into left."""

from __future__ import annotations

import numpy as np
import pytest

from dualcell.catalogue import CAUSES
from dualcell.causes.values import FUNCTIONS
from dualcell.diagnosis import diagnose
from tests.faults.planting import BY_NAME, Planted, planted, plantings
from tests.faults.tensors import plain

# of these, every fix of both sides is code
CODE = {
    "reshaped", "axes-permuted", "flatten-order", "block-order", "axis-reversed", "axis-rolled", "sign", "scale",
    "offset", "affine",
}  # fmt: skip
PAIRS = (
    ("axes-permuted", "scale"), ("axes-permuted", "affine"), ("axes-permuted", "axis-reversed"),
    ("block-order", "axes-permuted"), ("flatten-order", "offset"), ("reshaped", "scale"), ("axis-rolled", "scale"),
)  # fmt: skip


def _softmax(values, axis):
    powers = np.exp(values - values.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


NAMES = {
    **{name: function for name, (function, _) in FUNCTIONS.items()},
    "np": np, "atanh": np.arctanh, "relu6": lambda values: np.clip(values, 0, 6), "clip": np.clip, "where": np.where,
    "softmax": _softmax, "log_softmax": lambda values, axis: np.log(_softmax(values, axis)), "cumsum": np.cumsum,
}  # fmt: skip


def run(fix, case):
    """What a fix makes; None if it is no code."""
    left, right = case.left.astype(np.float64), case.right.astype(np.float64)
    try:
        with np.errstate(all="ignore"):
            return eval(fix, {"__builtins__": {}, **NAMES, "left": left, "right": right})
    except (NameError, SyntaxError):
        return None


def check(case: Planted, must_run: bool) -> int:
    """Hold every fix that is code to the other side; how many there were."""
    dtypes = case.left.dtype.name, case.right.dtype.name
    held = 0
    for finding in diagnose(case.left, case.right, dtypes=dtypes):
        for fix, wanted in ((finding.left_fix, case.right), (finding.right_fix, case.left)):
            made = run(fix, case) if fix else None
            assert not must_run or made is not None or "without" in fix, (case.tensor, finding)
            if made is not None and finding.causes != ("grid-shifted",):  # that one cuts both sides
                wanted = wanted.astype(np.float64)
                assert made.shape == wanted.shape, (case.tensor, fix)
                gap = np.sqrt(np.mean(np.square(made - wanted)) / np.mean(np.square(wanted)))
                assert gap < (3e-3 if "float16" in dtypes else 2e-4), (case.tensor, fix, gap)
                held += 1
    return held


@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.name)
def test_fixes_that_are_code(cause):
    held = sum(check(case, cause.name in CODE) for case in plantings([cause], plain()))
    assert held >= 10 or cause.name not in CODE


@pytest.mark.parametrize("names", PAIRS, ids=" then ".join)
def test_fixes_of_two_causes(names):
    causes = [BY_NAME[name] for name in names]
    cases = [case for name, tensor in plain().items() if (case := planted(causes, name, tensor))]
    assert sum(check(case, True) for case in cases) >= 5
