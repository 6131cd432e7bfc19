"""A conversion holds one array at most: a fresh process measures it."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file

from dualcell.files import open_file
from tests.memory import MB, run_alone

SIDE = 4000  # 64 MB of float32 in each array
ALLOWED = 48 * MB  # less than one


def plan(steps):
    """A saved plan for three square arrays."""
    names = ["a", "b", "c"]
    arrays = {name: [[SIDE, SIDE], "float32"] for name in names}
    return {
        "dualcell weight plan": 1,
        "source": {"framework": "torch", "model": "Net", "arrays": arrays, "left over": [], "left out": []},
        "target": {"framework": "torch", "model": "Net", "arrays": arrays, "left over": [], "left out": []},
        "layers": 3,
        "rows": [
            {
                "target": {"array": name, "role": "kernel"},
                "sources": [{"array": name, "role": "kernel", "move": steps}],
                "kind": "dense", "by": "name", "note": "",
            }
            for name in names
        ],
        "left out if neutral": [], "problems": [], "hints": [],
    }  # fmt: skip


CODE = """
import json, sys
from tests.memory import Peak
import dualcell, dualcell.weights.conversion
with Peak() as peak:
    done = dualcell.convert(*sys.argv[1:4])
print(json.dumps([peak.rise, done.size]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_conversion_takes_less_memory_than_one_array(tmp_path):
    rows = np.arange(SIDE, dtype=np.float32)
    arrays = {name: rows[:, None] + 7 * index + rows / 8192 for index, name in enumerate("abc")}
    save_file(arrays, tmp_path / "x.safetensors")
    (tmp_path / "plan.json").write_text(json.dumps(plan([["transpose", [1, 0]]])))
    files = [tmp_path / name for name in ("x.safetensors", "y.safetensors", "plan.json")]
    rise, size = json.loads(run_alone(CODE, *files).splitlines()[-1])
    assert size > 3 * 4 * SIDE * SIDE
    assert rise < ALLOWED
    found = open_file(tmp_path / "y.safetensors")
    assert np.array_equal(found["c"], arrays["c"].T)
    (tmp_path / "y.safetensors").unlink()
    (tmp_path / "plan.json").write_text(json.dumps(plan([["gates", [1, 0]]])))  # a move that copies
    rise, _ = json.loads(run_alone(CODE, *files).splitlines()[-1])
    assert ALLOWED < rise < 2 * 4 * SIDE * SIDE
