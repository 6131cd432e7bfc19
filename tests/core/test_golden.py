"""One report in every form, as it was when somebody last looked at it.

`python -m tests.core.test_golden` writes the forms anew.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from dualcell.cause import Finding
from dualcell.noise import Noise, Referee
from dualcell.render.cell import cell_html
from dualcell.render.code import code_html, code_text
from dualcell.render.html import render_html
from dualcell.render.markdown import render_markdown
from dualcell.render.page import page_html
from dualcell.render.terminal import Terminal
from dualcell.render.text import render_text
from dualcell.report import Before, Report, Row, SideFacts
from dualcell.sources import Code, CodeLine

FOLDER = Path(__file__).parent / "golden"
EVIL = "\"'><script>alert(1)</script>\u202egnp|`$x$`\nline"
EQUAL = Row(
    "equal", True, "equal", (2, 3), (2, 3), "float32", "float32", "cpu", "cpu", 0.0, 0.0, 0.0, 0.0, 0, 6, (0, 0),
    0.5, 0.5, "", 1.0, 0, 0, 0, 0, 0, 0.0, 0.0, "atol 1e-05 + rtol 1.3e-06", 1.065e-05,
)  # fmt: skip
CLOSE = replace(
    EQUAL, verdict="close", max_abs=5.9604645e-08, max_rel=1.2e-07, mean_abs=1e-08, rms=2e-08, left_value=0.25,
    right_value=0.25000006, needed_atol=0.0, needed_rtol=1.2e-07,
)  # fmt: skip
MOVED = Finding(
    ("axes-permuted",), "The axes stand in another order: transpose(1, 0)", "shapes differ → 0 after transpose(1, 0)",
    left_fix="moved.T", right_fix="moved.T", hint="both are square",
)  # fmt: skip
NOT_MEASURED = dict.fromkeys(
    ("max_abs", "max_rel", "mean_abs", "rms", "mismatched", "total", "worst_index", "left_value", "right_value",
     "cosine", "left_nan", "right_nan", "left_inf", "right_inf", "nonfinite_disagree", "needed_atol", "needed_rtol",
     "allowed_at_worst"),
) | {"allowed": ""}  # fmt: skip
WRONG = replace(
    CLOSE, verdict="differs", passed=False, max_abs=1.5, max_rel=math.inf, mismatched=4, cosine=0.5,
    cause="no known cause", left_value=math.nan, left_nan=1, nonfinite_disagree=1, needed_atol=math.inf,
    needed_rtol=math.inf,
    noise=Noise(1.5, 1e-7, 2e-7, 0.0, 3), before=Before("differs", False, 0.75),
    referee=Referee(1.5, 1.5, 1e-8, 1e-8, 2.0, ("keras", "torch"), ("float64", "float64")),
)  # fmt: skip
ROWS = (
    *(replace(EQUAL, name=f"layer1.w{index}", before=Before("equal", True, 0.0)) for index in range(4)),
    replace(CLOSE, name="layer1.bias", noise=Noise(5.9e-8, 1e-7, 1e-7, 0.0, 3), before=Before("differs", False, 0.1)),
    replace(WRONG, name=EVIL),
    replace(EQUAL, name="moved", passed=False, verdict="shape", right_shape=(3, 2), cause=MOVED.sentence,
            findings=(MOVED,), **NOT_MEASURED),
    replace(CLOSE, name="types", passed=False, verdict="dtype", right_dtype="float64", right_device="cuda:0",
            cause="the values are close, the types differ; --allow-dtype lets this pass"),
    replace(EQUAL, name="n" * 5000, passed=False, verdict="missing", right_shape=None, right_dtype="", right_device="",
            cause="the torch side has no such row: " + "so " * 1000, **NOT_MEASURED),
    replace(EQUAL, name="text", passed=False, verdict="unsupported", left_shape=None, left_dtype="", left_device="",
            cause=f"left: {EVIL} is not a tensor", **NOT_MEASURED),
)  # fmt: skip
REPORT = Report(
    (SideFacts("keras", 0.0123, {"keras": "3.15.1", EVIL: EVIL}), SideFacts(f"torch {EVIL}", 75.0, {})),
    ROWS, {"device": "cpu", "seed": "0"}, False, "5 of 10 rows failed",
    (f"note {EVIL}",),
)  # fmt: skip

CODED = replace(
    REPORT, shows_code=True,
    code=Code(
        (CodeLine(2, "# --- keras ---"), CodeLine(3, "def f(x):"), CodeLine(4, '    return x @ "é"  # same'),
         CodeLine(5, "layer1 = f(x)", ("layer1",), "5 rows: equal, close"),
         CodeLine(6, f"types = {EVIL.splitlines()[0]}", ("types",), "dtype", True)),
        (CodeLine(7, "# --- torch ---"), CodeLine(8, "layer1 = net(x)", ("layer1",), "5 rows: equal, close"),
         CodeLine(9, "types = 1.5", ("types",), "dtype", True)),
        (CodeLine(1, "%%dual --code"),),
        first=f"First divergence: line 6 (keras) and line 9 (torch {EVIL}) make 'types': dtype.",
    ),
)  # fmt: skip


def without_style(html: str) -> str:
    return re.sub(r"<style>.*?</style>", "<style></style>", html, flags=re.DOTALL)


FORMS = {
    "report.txt": lambda: render_text(REPORT),
    "narrow.txt": lambda: render_text(REPORT, Terminal(60, coloured=True)),
    "report.md": lambda: render_markdown(REPORT),
    "report.html": lambda: without_style(render_html(REPORT)),
    "code.txt": lambda: code_text(CODED.code, CODED.labels),
    "code.html": lambda: without_style(code_html(CODED.code, CODED.labels)),
    "slide.html": lambda: without_style(cell_html(replace(CODED, large=True))),
    "page.html": lambda: without_style(page_html(replace(CODED, rows=ROWS[4:6]))),
    "failing-first.html": lambda: without_style(render_html(replace(REPORT, sort="failing", rows=ROWS[:6]))),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_report_looks_as_it_did(name):
    assert FORMS[name]() + "\n" == (FOLDER / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", FORMS)
def test_nothing_hostile_is_in_what_people_open(name):
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert "\u202e" not in text
    assert "\\u202egnp" in unescape(text)
    if not name.endswith(".txt"):
        assert "<script" not in text


if __name__ == "__main__":
    for name, form in FORMS.items():
        (FOLDER / name).write_text(form() + "\n", encoding="utf-8")
