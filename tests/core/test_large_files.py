"""Files larger than memory: sparse ones, of which a few bytes exist, under a limit that a copy would break.

Run as a program, it does the same with files of any size: `test_large_files.py FOLDER GB`.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.memory import MB, ROOT, Peak, run_alone

ALLOWED = 64 * MB
FAR = 2**31


def write_npy(path, elements, dtype, changes):
    """An array of zeros but for some elements; a hole on the disk."""
    header = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": (elements,)}
    with path.open("wb") as file:
        np.lib.format.write_array_header_2_0(file, header)
        _fill(file, file.tell(), elements, dtype, changes)


def write_safetensors(path, elements, changes):
    """Two tensors, the second of which begins behind the first's hole."""
    end = 2 * elements
    first = {"dtype": "BF16", "shape": [elements], "data_offsets": [0, end]}
    second = {"dtype": "I64", "shape": [2], "data_offsets": [end, end + 16]}
    header = json.dumps({"large": first, "layer.last": second}).encode()
    header += b" " * (-len(header) % 8)
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        _fill(file, file.tell(), elements, "<u2", changes)
        file.seek(8 + len(header) + end)
        file.write(np.array([2**53 + 1, changes and max(changes.values())], "<i8").tobytes())


def _fill(file, start, elements, dtype, changes):
    file.truncate(start + elements * np.dtype(dtype).itemsize)
    for index, value in changes.items():
        file.seek(start + index * np.dtype(dtype).itemsize)
        file.write(np.array([value], dtype).tobytes())


def measured(left, right, **options):
    """Compare two files: what was found, the rise of anonymous memory, the seconds."""
    import dualcell

    warm = np.zeros(5_000_000, np.float32), np.zeros(5_000_000, np.int8), np.zeros(5_000_000, np.float16)
    for array in warm:  # many enough for the compiled loops to be loaded
        assert dualcell.compare(array, array).passed
    started = time.perf_counter()
    with Peak() as peak:
        result = dualcell.compare(Path(left), Path(right), **options)
    seconds = time.perf_counter() - started
    rows = {
        row.name: [row.verdict, row.figures.mismatched, row.figures.total, row.figures.worst_index, row.figures.max_abs]
        for row in result
    }
    return {"rows": rows, "rise": peak.rise, "seconds": seconds}


def alone(left, right, **options):
    """`measured` in a fresh process, in which a copy of a file fails."""
    code = (
        "import json, resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, 1 << 30))\n"
        "from tests.core.test_large_files import measured\n"
        "print(json.dumps(measured(*sys.argv[1:3], **json.loads(sys.argv[3]))))"
    )
    return json.loads(run_alone(code, left, right, json.dumps(options)).splitlines()[-1])


linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@linux
def test_npy_files_larger_than_the_memory_that_is_allowed(tmp_path):
    elements = FAR + MB
    worst = FAR + 12_345
    write_npy(tmp_path / "left.npy", elements, "i1", {7: 1, worst: -100})
    write_npy(tmp_path / "right.npy", elements, "i1", {7: 1, worst: 27, elements - 1: 3})
    found = alone(tmp_path / "left.npy", tmp_path / "right.npy")
    assert found["rows"] == {"value": ["differs", 2, elements, [worst], 127]}
    assert found["rise"] < ALLOWED


@linux
def test_safetensors_files_larger_than_the_memory_that_is_allowed(tmp_path):
    elements = FAR // 2 + MB
    one, two = 0x3F80, 0x4000  # 1.0 and 2.0 in bfloat16
    write_safetensors(tmp_path / "left.safetensors", elements, {5: one, elements - 9: one})
    write_safetensors(tmp_path / "right.safetensors", elements, {5: one, elements - 9: two})
    found = alone(tmp_path / "left.safetensors", tmp_path / "right.safetensors")
    assert found["rows"] == {
        "value.large": ["differs", 1, elements, [elements - 9], 1],
        "value['layer.last']": ["differs", 1, 2, [1], two - one],
    }
    assert found["rise"] < ALLOWED


@linux
def test_the_limit_stops_a_copy(tmp_path):
    """What the tests above would see if `compare` read a file into memory."""
    write_npy(tmp_path / "x.npy", FAR, "i1", {})
    code = (
        "import resource, sys, numpy\n"
        "resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, 1 << 30))\n"
        "try: numpy.load(sys.argv[1])\n"
        "except MemoryError: print('stopped')"
    )
    assert run_alone(code, tmp_path / "x.npy") == "stopped\n"


def main(folder, gigabytes):
    """Compare two `.npy` files of float32 that differ in one element near their ends; print the memory."""
    elements = int(float(gigabytes) * 1e9) // 4
    paths = [Path(folder) / name for name in ("left.npy", "right.npy")]
    try:
        for path, value in zip(paths, (1, 2), strict=True):
            write_npy(path, elements, "f4", {elements - 9: value})
        print(json.dumps(measured(*paths), indent=1))
        status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        print(*(line for line in status if line.startswith(("VmHWM", "Rss"))), sep="\n")
    finally:
        for path in paths:
            path.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main(*sys.argv[1:])
