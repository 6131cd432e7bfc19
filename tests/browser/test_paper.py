"""What is printed: every column is on the page, what failed stands open, and what passed is a count."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import dualcell
from dualcell.render.cell import cell_html
from dualcell.render.page import page_html
from tests.browser.hosts import HOSTS
from tests.browser.test_narrow import long_names
from tests.core.test_golden import REPORT, ROWS

A4 = 717  # pixels between the margins that Chromium leaves


def printed(open_page, html, width=A4):
    page = open_page(width=width)
    page.set_content(html)
    page.emulate_media(media="print")
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return page


def many(count=300):
    """Rows in groups; in some of them a row fails."""
    left = {f"layer{index // 20}.block.{index}.weight": np.arange(64.0).reshape(8, 8) + index for index in range(count)}
    return dualcell.compare(left, {name: value + (index % 50 == 7) for index, (name, value) in enumerate(left.items())})


REPORTS = {
    "every column": lambda: replace(REPORT, rows=(*ROWS[:5], *ROWS[6:8])),
    "long names": lambda: long_names().report,
    "long numbers": lambda: dualcell.compare(np.full((9, 9), 1 / 3 + 1j / 3), np.full((9, 9), 2 / 3 + 1j / 7)).report,
}


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("made", REPORTS)
@pytest.mark.parametrize("host", HOSTS)
def test_every_column_of_a_printed_notebook_is_on_the_page(open_page, host, made, large):
    page = printed(open_page, HOSTS[host](cell_html(replace(REPORTS[made](), large=large)), "light"))
    rights = page.locator("th, td").evaluate_all(
        """(all) => all.filter((one) => one.checkVisibility()).map((one) => { const range = document.createRange();
            range.selectNodeContents(one); return range.getBoundingClientRect().right; })"""
    )
    assert len(rights) >= 8
    assert max(rights) <= A4


def test_on_paper_groups_that_passed_are_a_count(open_page):
    page = printed(open_page, page_html(many().report))
    shown = page.locator("details.group").evaluate_all(
        """(all) => all.map((one) => [one.querySelector(":scope > summary").textContent,
            one.querySelector("table").checkVisibility({contentVisibilityAuto: true})])"""
    )
    assert len(shown) == 15
    assert [opened for _, opened in shown] == ["differs" in title for title, _ in shown]
    assert any(opened for _, opened in shown)
    closed = page.locator("tr.said dl").evaluate_all("(all) => all.filter((one) => !one.checkVisibility()).length")
    assert closed == 0


def test_a_picture_at_the_top_of_a_page_leaves_the_line_above_it(open_page, tmp_path):
    dualcell.compare(np.zeros((4, 4)), np.eye(4), plot="heat").to_html(tmp_path / "lesson.html")
    page = printed(open_page, (tmp_path / "lesson.html").read_text("utf-8"))
    room = page.evaluate(
        """() => { const box = document.querySelector(".pictures"), picture = box.querySelector("img");
            return picture.getBoundingClientRect().top - box.getBoundingClientRect().top; }"""
    )
    assert room >= 3
