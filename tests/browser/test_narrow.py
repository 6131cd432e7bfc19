"""Long names on narrow screens, and at zoom, which is the same: the page stays, what matters is seen first."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import dualcell
from dualcell.render.cell import cell_html
from dualcell.render.page import page_html
from tests.browser import checks, hostile
from tests.browser.hosts import HOSTS, plain

WIDTHS = (320, 420, 760)


def long_names(count=40):
    """Rows with long names, as state dicts have them; every fourth fails."""
    ones = np.ones((4, 3, 7, 7), np.float32)
    names = [f"encoder.layers.{index}.attention.query_projection_with_long_name.weight" for index in range(count)]
    wrong = ones + np.float32(1e-3)
    left = dict.fromkeys(names, ones)
    return dualcell.compare(left, {name: ones if at % 4 else wrong for at, name in enumerate(names)})


def beyond(page):
    """What reaches beyond the right edge of the window, unless it can be scrolled to."""
    return page.evaluate(
        """() => [...document.querySelectorAll("main *")].filter((one) => one.checkVisibility() &&
            one.getBoundingClientRect().right > innerWidth + 1 && !one.closest(".wide, pre")
        ).map((one) => one.outerHTML)"""
    )


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("made", [long_names, hostile.result, lambda: long_names(7)], ids=["long", "hostile", "few"])
def test_the_page_does_not_scroll_sideways(open_page, made, large, width):
    page = open_page(width=width)
    page.set_content(page_html(made().report, large=large))
    checks.unfold(page)
    assert beyond(page) == []
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("host", HOSTS)
def test_verdicts_are_seen_without_scrolling(open_page, host, width):
    page = open_page(width=width)
    page.set_content(HOSTS[host](cell_html(long_names().report), "light"))
    rights = page.evaluate(
        """() => [...document.querySelectorAll("b.verdict, tr.said summary, details.run summary")].filter(
            (one) => one.checkVisibility()).map((one) => { const range = document.createRange();
                range.selectNodeContents(one); return range.getBoundingClientRect().right; })"""
    )
    assert len(rights) > 20
    assert max(rights) <= width


def test_a_slide_that_is_too_wide_is_scrolled_by_keyboard(open_page):
    page = open_page(width=320)
    page.set_content(plain(cell_html(replace(long_names().report, large=True)), "light"))
    wide = page.locator(".wide")
    assert wide.evaluate("(one) => one.scrollWidth > one.clientWidth")
    wide.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.querySelector('.wide').scrollLeft > 0")
    checks.assert_accessible(page, "main")
