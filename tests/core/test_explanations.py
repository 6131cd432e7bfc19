"""Failing rows are explained, others are not, and never for too long."""

from __future__ import annotations

import numpy as np

import dualcell
from dualcell import explanations
from dualcell.explanations import explain, explain_failures

RANDOM = np.random.default_rng(0)
LEFT = RANDOM.standard_normal((12, 10)).astype(np.float32)
ROWS = {
    "same": (LEFT, LEFT),
    "scaled": (LEFT, LEFT * 2),
    "moved": (LEFT, LEFT.T.copy()),
    "unrelated": (LEFT, RANDOM.standard_normal((12, 10)).astype(np.float32)),
    "words": ("a", "b"),
}


def comparisons():
    left, right = ({name: pair[side] for name, pair in ROWS.items()} for side in (0, 1))
    return [row.comparison for row in dualcell.compare(left, right)._rows.values()]


def test_only_failing_rows_of_tensors_are_explained():
    found = {row.split(".")[-1]: findings for row, findings in explain_failures(comparisons()).items()}
    assert {row: [finding.causes for finding in findings] for row, findings in found.items()} == {
        "scaled": [("scale",)],
        "moved": [("axes-permuted",)],
        "unrelated": [],
    }


def test_rows_that_come_too_late_are_left_for_later(monkeypatch):
    monkeypatch.setattr(explanations, "SECONDS", -1.0)
    assert explain_failures(comparisons()) == {}


def test_a_row_that_names_both_sides_names_them_in_the_fixes():
    result = dualcell.compare({"kernel": LEFT}, {"kernel": LEFT.T.copy()})
    (comparison,) = [row.comparison for row in result._rows.values()]
    (finding,) = explain(comparison)
    assert finding.left_fix == f"{comparison.row}.transpose(1, 0)"
    assert explanations._names("dense.kernel ~ linear.weight") == ("dense.kernel", "linear.weight")
    assert explanations._names("value['~a~']") == ("value['~a~']", "value['~a~']")


def test_tensors_that_cannot_be_read_have_no_cause(monkeypatch):
    def refuse(*sides):
        raise RuntimeError("gone")

    monkeypatch.setattr(explanations, "hosts", refuse)
    assert all(explain(one) == () for one in comparisons())


def test_the_line_to_change_holds_what_was_evaluated_and_not_the_name_of_the_row():
    """`"w = kernel ~ {...}["w"]"` binds no `w`, which a line with it would fail on."""
    asked = ["w = kernel ~ kernels['w']", "summed = kernel+0 ~ kernels['w']", "nested", "kernel ~ kernels['w']"]
    with dualcell.dual("numpy: old", "numpy: new", captures=asked) as pair:
        with pair.left:
            kernel, nested = LEFT, {"a": LEFT}
        with pair.right:
            kernels = {"w": LEFT.T.copy()}
            nested = {"a": kernels["w"]}
    assert kernel.shape != nested["a"].shape
    fixes = {row.name: (row.findings[0].left_fix, row.findings[0].right_fix) for row in pair.result.report.rows}
    assert fixes == {
        "w": ("kernel.transpose(1, 0)", "kernels['w'].transpose(1, 0)"),
        "summed": ("(kernel + 0).transpose(1, 0)", "kernels['w'].transpose(1, 0)"),
        "nested.a": ("nested.a.transpose(1, 0)", "nested.a.transpose(1, 0)"),
        "kernel ~ kernels['w']": ("kernel.transpose(1, 0)", "kernels['w'].transpose(1, 0)"),
    }
