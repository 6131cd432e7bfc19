"""A result in pages with the theme hooks of Colab, of nbconvert and of none: legible, accessible, inert."""

from __future__ import annotations

import numpy as np
import pytest

import dualcell
from tests.browser import checks, hostile
from tests.browser.hosts import HOSTS, plain
from tests.browser.pixels import colours_of

THEMES = ("light", "dark")
WIDTHS = {"wide": 1400, "narrow": 400}


@pytest.fixture(params=HOSTS)
def host(request):
    return HOSTS[request.param]


@pytest.mark.parametrize("theme", THEMES)
def test_every_result_is_legible_and_accessible(open_page, demo, host, theme):
    page = open_page(theme)
    page.set_content(host(demo.page, theme))
    checks.unfold(page)
    seen = checks.assert_legible(page)
    dark_behind = [sum(one["background"]) < 384 for one in seen]
    assert all(dark_behind) if theme == "dark" else not any(dark_behind)
    checks.assert_accessible(page)
    checks.assert_told(checks.rows(page, checks.RESULT), demo.facts)
    assert page.errors == []


@pytest.mark.parametrize("theme", THEMES)
def test_on_a_narrow_screen_the_table_scrolls_and_the_page_does_not(open_page, demo, theme):
    page = open_page(theme, width=WIDTHS["narrow"])
    page.set_content(HOSTS["plain"](demo.page, theme))
    checks.unfold(page)
    assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    checks.assert_legible(page)


def test_folds_are_called_by_their_rows(open_page):
    """As a screen reader hears them."""
    values = np.random.default_rng(0).normal(size=(4, 5))
    html = dualcell.compare({"a": values, "b": values}, {"a": values, "b": values.T}).bundle()[0]["text/html"]
    page = open_page()
    page.set_content(plain(html, "light"))
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    names = [node["name"]["value"] for node in tree if node["role"]["value"] == "DisclosureTriangle"]
    assert sorted(names) == [
        "causes", "value.a: equal", "value.b: (4, 5) | (5, 4): The axes stand in another order: transpose(1, 0)",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["vscode-light", "vscode-high-contrast", "forced"])
def test_a_line_to_change_looks_like_code(open_page, kind):
    """Whatever a host says of code: VS Code's outputs have its ordinary font."""
    values = np.random.default_rng(0).normal(size=(4, 5))
    html = dualcell.compare(values, values.T)._repr_mimebundle_()[0]["text/html"]
    page = open_page()
    page.emulate_media(forced_colors="active" if kind == "forced" else "none")
    page.set_content(plain(html, "light").replace("<style>", "<style>code { font-family: serif }", 1))
    page.evaluate("(kind) => (document.body.className = kind)", kind)
    checks.unfold(page)
    code = page.locator("dd code").first
    look = "(one) => [getComputedStyle(one).fontFamily, getComputedStyle(one).outlineStyle]"
    font, outline = code.evaluate(look)
    assert font.endswith("monospace")
    (behind, *_), (page_behind, *_) = colours_of(code), colours_of(page.locator("h1"))
    assert (behind != page_behind) == (outline == "none")  # where nothing may be behind it, it has a line around it


@pytest.mark.parametrize("theme", THEMES)
def test_hostile_names_stay_text(open_page, host, theme):
    page = open_page(theme)
    page.set_content(host(hostile.result()._repr_mimebundle_()[0]["text/html"], theme))
    checks.unfold(page)
    checks.assert_inert(page)
    checks.assert_legible(page)
    checks.assert_accessible(page)
    table = " ".join(" ".join(cells) for cells in checks.rows(page, checks.RESULT))
    assert [name for name in hostile.NAMES if name[:40].isprintable() and name[:40] not in table] == []
