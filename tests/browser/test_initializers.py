"""What weights were drawn from: the answer is in sight, and the histograms are seen by everybody."""

from __future__ import annotations

import re

import pytest

from dualcell import initializers
from tests.browser import checks
from tests.browser.hosts import HOSTS
from tests.browser.pixels import colours_of, contrast

torch = pytest.importorskip("torch")
nn = torch.nn
ANSWERS = ("kaiming_uniform(a=√5): U(±0.1)", "glorot_uniform = xavier_uniform: U(±0.1309)", "no known initializer")


@pytest.fixture(scope="module")
def html():
    torch.manual_seed(0)
    left, right = (nn.ModuleDict({"a_hidden_layer_of_some_network": nn.Linear(100, 250)}) for _ in range(2))
    layer = right["a_hidden_layer_of_some_network"]
    with torch.no_grad():
        nn.init.xavier_uniform_(layer.weight)
        layer.bias.copy_(torch.linspace(0, 1, 250) ** 9)
    return initializers(left, right)._repr_mimebundle_()["text/html"]


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize(("width", "media"), [(1180, "screen"), (420, "screen"), (700, "print")])
def test_the_answers_are_in_sight(open_page, html, host, width, media):
    page = open_page(width=width)
    page.set_content(HOSTS[host](html, "light"))
    page.emulate_media(media=media)
    for answer in ANSWERS:
        place = page.locator("td", has_text=answer)
        assert place.count() >= 1
        rights = place.evaluate_all(
            """(all) => all.map((one) => { const range = document.createRange();
                range.selectNodeContents(one); return range.getBoundingClientRect().right; })"""
        )
        assert max(rights) <= width
    assert page.get_by_text("nn.init.xavier_uniform_").first.is_visible()
    if media == "print" or width > 1000:
        rights = page.locator("td").evaluate_all("(all) => all.map((one) => one.getBoundingClientRect().right)")
        assert max(rights) <= width


@pytest.mark.parametrize("forced", ["active", "none"])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("host", HOSTS)
def test_histograms_are_seen(open_page, html, host, theme, forced):
    page = open_page(theme)
    page.emulate_media(forced_colors=forced)
    page.set_content(HOSTS[host](html, theme))
    histograms = page.get_by_role("img").all()
    assert len(histograms) == 4
    for drawn in histograms:
        colours = colours_of(drawn)
        assert max(contrast(one, other) for one in colours for other in colours) >= 3
    checks.assert_legible(page)


def test_histograms_have_words(open_page, html):
    page = open_page()
    page.set_content(HOSTS["plain"](html, "light"))
    told = [drawn.get_attribute("aria-label") for drawn in page.get_by_role("img").all()]
    assert len(told) == 4
    assert all(
        re.fullmatch(r"\d+ of 24 bins are filled, the fullest with [\d.]+ % of the numbers", one) for one in told
    )
    checks.assert_accessible(page)
    assert "rowspan" not in html
