"""A pytest plugin for CI (`-p tests.no_skips`): a skipped test or module is a failure.

Only tests marked `gpu` may skip: CI machines have none.
"""

from __future__ import annotations

from typing import Any

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Fail a test that skips itself."""
    report = yield
    return report if item.get_closest_marker("gpu") else _refused(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Any:
    """Fail a module that skips itself, as `importorskip` at its top does."""
    report = yield
    return _refused(report)


def _refused(report: Any) -> Any:
    if report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which is a failure in CI: {report.longrepr[2]}"
    return report
