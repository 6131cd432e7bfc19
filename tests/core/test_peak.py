"""The most memory in use while a block runs: whose, and in what unit."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from dualcell import peak
from dualcell.blocks import RawBlock, RawCell, read_cell
from dualcell.options import Options
from dualcell.peak import PeakMemory

BLOCK = read_cell(RawCell("", (RawBlock("numpy", 1), RawBlock("numpy: new", 2))), Options()).blocks[0]


@pytest.fixture
def linux(tmp_path, monkeypatch):
    """Linux' two files; the folder they lie in."""
    for name in ("clear_refs", "status"):
        (tmp_path / name).write_text("Name:\tpython\nVmHWM:\t  2048 kB\nVmRSS:\t  1024 kB\n")
    monkeypatch.setattr(peak, "_RESET", tmp_path / "clear_refs")
    monkeypatch.setattr(peak, "_STATUS", tmp_path / "status")
    return tmp_path


def with_adapter(monkeypatch, **verbs):
    monkeypatch.setattr(peak, "loaded_blocks", lambda _: SimpleNamespace(**verbs))


def test_linux_counts_in_kibibytes_from_the_begin_of_the_block(linux):
    memory = PeakMemory(BLOCK)
    assert (linux / "clear_refs").read_text() == "5"
    (linux / "status").write_text("VmHWM:\t  4096 kB\n")
    assert memory.found() == (4096 * 1024, "the process")


def test_the_device_comes_before_the_process(linux, monkeypatch):
    asked = []
    with_adapter(monkeypatch, forget_peak=lambda: asked.append("forget"), peak=lambda: (7, "cuda:0"))
    memory = PeakMemory(BLOCK)
    assert asked == ["forget"]
    assert memory.found() == (7, "cuda:0")
    with_adapter(monkeypatch, peak=lambda: None)
    assert memory.found() == (2048 * 1024, "the process")


@pytest.mark.parametrize(("after", "found"), [(100, (None, "")), (200, (200, "the process"))])
def test_elsewhere_a_peak_that_did_not_rise_says_nothing(tmp_path, monkeypatch, after, found):
    most = [after, 100]
    monkeypatch.setattr(peak, "_RESET", tmp_path / "no folder" / "clear_refs")
    monkeypatch.setattr(peak, "_most_ever", most.pop)
    assert PeakMemory(BLOCK).found() == found


@pytest.mark.parametrize("verb", ["peak", "forget_peak"])
def test_an_adapter_that_cannot_count_is_said(linux, monkeypatch, verb):
    with_adapter(monkeypatch, **{"peak": lambda: (7, "cuda:0"), verb: lambda: 1 // 0})
    assert PeakMemory(BLOCK).found() == (None, "ZeroDivisionError: integer division or modulo by zero")
