"""Causes in the table, in text and HTML, in the frame, and in the message of a failed assertion."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest

import dualcell
from dualcell import diagnosis
from dualcell.catalogue import CAUSES
from dualcell.cause import Finding
from dualcell.explanations import explain_failures
from dualcell.reference import causes_page
from dualcell.render.html import render_html

X = np.random.default_rng(0).standard_normal((4, 8, 6, 5)).astype(np.float32)
MOVED = X.transpose(0, 3, 1, 2)


def test_a_failed_row_says_why_and_what_to_change():
    text = repr(dualcell.compare({"y": X}, {"y": MOVED}))
    assert text.splitlines()[4:8] == [
        "  value.y: The axes stand in another order: transpose(0, 3, 1, 2)",
        "    shapes differ → 0 after transpose(0, 3, 1, 2)",
        "    left: value.y.transpose(0, 3, 1, 2)",
        "    or right: value.y.transpose(0, 2, 3, 1)",
    ]


def test_the_cause_is_in_the_frame_and_in_the_assertion():
    result = dualcell.compare(X, X * 8)
    assert result.frame.loc["value", "cause"] == "Every element is multiplied by one number: times 8"
    with pytest.raises(dualcell.DualMismatch, match=r"value: Every element is multiplied by one number: times 8\n"):
        result.assert_close()


def test_findings_are_data():
    (finding,) = dualcell.compare(X, MOVED * 3)["value"].findings
    assert finding.causes == ("axes-permuted", "scale")
    assert (np.isnan(finding.before), finding.after < 1e-6) == (True, True)
    report = json.loads(json.dumps(dualcell.compare(X, MOVED)._repr_mimebundle_()[1]["dualcell"], allow_nan=False))
    assert report["rows"][0]["findings"][0]["causes"] == ["axes-permuted"]


def test_html_unfolds_to_the_evidence_and_both_fixes():
    html = render_html(dualcell.compare(X, MOVED).report)
    assert ": The axes stand in another order: transpose(0, 3, 1, 2)</summary>" in html
    assert "<dt>evidence</dt><dd>shapes differ → 0 after transpose(0, 3, 1, 2)</dd>" in html
    assert "<dt>change left</dt><dd><code>value.transpose(0, 3, 1, 2)</code></dd>" in html
    assert "<dt>cause</dt><dd>axes-permuted</dd>" in html
    assert "<dt>axes-permuted</dt><dd>NHWC against NCHW" in html
    assert "<dt>or right</dt><dd><code>value.transpose(0, 2, 3, 1)</code></dd>" in html


def links(html):
    return re.findall(r'<a href="([^"]*)"', html)


def every_cause():
    """A report that names each cause."""
    found = [Finding((cause.name, "scale"), "", "") for cause in CAUSES]
    report = dualcell.compare({"y": X}, {"y": MOVED}).report
    return replace(report, rows=(replace(report.rows[0], findings=tuple(found)),))


def test_two_lines_that_are_both_needed_are_said_so():
    report = dualcell.compare(X[:, 2:], X[:, :-2])
    assert "    left: value[:, :-2, :, :]\n    and right: value[:, 2:, :, :]" in repr(report)
    assert "<dt>and right</dt><dd><code>value[:, 2:, :, :]</code></dd>" in render_html(report.report)


def test_one_line_alone_is_no_alternative():
    """Dropout is taken out of the side that has it."""
    random = np.random.default_rng(0)
    report = dualcell.compare(X, np.where(random.random(X.shape) < 0.5, 0, X * 2))
    assert "\n    right: value computed in inference: training=False in Keras, .eval() in PyTorch" in repr(report)
    assert "    left: " not in repr(report)
    assert "<dt>change right</dt>" in render_html(report.report)


def test_indices_are_turned_into_one_hot_vectors_and_back():
    index = np.random.default_rng(0).integers(0, 5, 12)
    (found,) = dualcell.compare(np.eye(5)[index], index)["value"].findings
    assert (found.left_fix, found.right_fix) == ("np.argmax(value, axis=1)", "one_hot(value, 5)")
    (found,) = dualcell.compare(index[:, None], np.eye(5)[index])["value"].findings
    assert found.left_fix == "one_hot(value[..., 0], 5)"
    scores = np.random.default_rng(0).random((12, 5))
    (found,) = dualcell.compare(scores, scores.argmax(1))["value"].findings
    assert found.right_fix == "value without argmax over axis 1"


def test_every_cause_found_has_an_entry_in_the_report_once_and_without_ids():
    """Outputs of one notebook share a page, where ids collide, and sanitisers rewrite them."""
    html = render_html(every_cause())
    entries = html.partition("<summary>causes</summary>")[2]
    assert all(f"<dt>{cause.name}</dt>" in entries for cause in CAUSES)
    assert html.count("a gradient taken for ascent") == 1
    assert (links(html), " id=" in html) == ([], False)


def test_every_link_leads_to_a_heading_of_the_page(monkeypatch):
    monkeypatch.setattr("dualcell.render.html.CAUSES_PAGE", "https://example.org/causes")
    html = render_html(every_cause())
    headings = {line[3:] for line in causes_page().splitlines() if line.startswith("## ")}
    assert set(links(html)) == {f"https://example.org/causes#{cause.name}" for cause in CAUSES}
    assert {link.partition("#")[2] for link in links(html)} <= headings
    assert "<summary>causes</summary>" not in html


def test_without_findings_there_is_nothing_more():
    for right in (X, np.random.default_rng(1).standard_normal(X.shape)):
        result = dualcell.compare(X, right)
        assert "<summary>causes</summary>" not in render_html(result.report)
        assert "dualcell explain" not in repr(result)


def test_the_text_says_once_how_to_read_more():
    text = repr(dualcell.compare({"a": X, "b": X, "c": X}, {"a": MOVED, "b": X * 8, "c": MOVED * 8}))
    assert text.count("dualcell explain") == 1
    assert "  dualcell explain NAME says more: axes-permuted, scale\n" in text


def test_a_hostile_name_stays_inert_in_a_fix():
    html = render_html(dualcell.compare({"<script>": X}, {"<script>": X * 2}).report)
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_nothing_known_is_said_as_such():
    other = np.random.default_rng(1).standard_normal(X.shape).astype(np.float32)
    row = dualcell.compare(X, other)["value"]
    assert (row.cause, row.findings) == ("no known cause", ())


def test_a_row_that_passed_is_not_looked_into():
    assert explain_failures([dualcell.compare(X, X)["value"].comparison]) == {}
    assert dualcell.compare(X, X)["value"].findings == ()


def test_rows_that_come_too_late_are_explained_when_they_are_asked_for(monkeypatch):
    monkeypatch.setattr("dualcell.explanations.SECONDS", -1.0)
    row = dualcell.compare(X, X * 8)["value"]
    assert row.figures.findings == ()
    assert row.cause == ""
    assert row.findings[0].causes == ("scale",)
    assert row.findings is row.findings  # looked into once


def test_causes_that_are_not_wanted_are_not_looked_for(monkeypatch):
    """Until they are asked for."""
    asked = []
    looking = diagnosis.diagnose
    monkeypatch.setattr(diagnosis, "diagnose", lambda *pair, **how: asked.append(how) or looking(*pair, **how))
    result = dualcell.compare(X, X * 8, causes=False)
    with dualcell.dual("numpy: old", "numpy: new", captures=["a"], causes=False) as pair:
        with pair.left:
            a = X
        with pair.right:
            a = X * 8
    assert a.shape == X.shape
    text = repr(result) + render_html(result.report) + repr(pair.result)
    assert asked == []
    assert (result["value"].cause, result["value"].figures.findings) == ("", ())
    assert "causes not looked for" in text
    assert "no known cause" not in text
    assert result["value"].findings[0].causes == pair.result["a"].findings[0].causes == ("scale",)
    assert len(asked) == 2


def test_the_two_expressions_of_a_row_are_named_each_on_its_side():
    found = {}
    with dualcell.dual("numpy: old", "numpy: new", captures=["a ~ b"]) as pair:
        with pair.left:
            a = X
            found["a"] = a
        with pair.right:
            b = X * 8
            found["b"] = b
    (finding,) = pair.result["a ~ b"].findings
    assert (finding.left_fix, finding.right_fix) == ("a * 8", "b / 8")


def test_inputs_are_not_changed():
    left, right = X.copy(), MOVED.copy()
    dualcell.compare(left, right)
    assert (left == X).all()
    assert (right == MOVED).all()
