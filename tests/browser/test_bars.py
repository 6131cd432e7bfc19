"""The bars of errors are seen on every page, also with forced colours, and lie below their numbers everywhere."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import ImageColor

import dualcell
from dualcell.render.cell import cell_html
from dualcell.render.scale import BARS, MARK
from tests.browser import checks
from tests.browser.hosts import HOSTS
from tests.browser.pixels import colours_of, contrast


@pytest.fixture(scope="module")
def html():
    left = {"passes": np.ones(9), "fails": np.ones(9)}
    right = {"passes": left["passes"] + 1e-9, "fails": left["fails"] + 0.1}
    return cell_html(dualcell.compare(left, right).report)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("how", ["as it is", "forced colours", "no style sheet"])
def test_bars_are_seen_and_hide_no_number(open_page, html, host, theme, how):
    page = open_page(theme)
    page.emulate_media(forced_colors="active" if how == "forced colours" else "none")
    dressed = re.sub(r"(?s)<style>.*?</style>", "", html) if how == "no style sheet" else html
    page.set_content(HOSTS[host](dressed, theme))
    checks.assert_legible(page)
    bars = page.locator("td.number > span").all()
    assert len(bars) == 2
    (clear, *_) = colours_of(page.locator(".side, p").last)
    for bar, passed in zip(bars, (True, False), strict=True):
        colours = colours_of(bar, 0.005)
        for drawn in (BARS[passed], MARK):
            assert ImageColor.getrgb(drawn) in colours
            assert contrast(ImageColor.getrgb(drawn), clear) >= 3
