"""A result behind a sanitizer like GitHub's, which drops every style: still a table that says everything."""

from __future__ import annotations

import pytest

from tests.browser import checks, hostile
from tests.browser.hosts import plain


@pytest.fixture
def github(open_page):
    """Shows HTML as GitHub would leave it."""
    page = open_page()

    def shown(html):
        page.set_content(plain("", "light"))
        page.add_script_tag(path=checks.PACKAGES / "dompurify" / "dist" / "purify.min.js")
        left = page.evaluate(checks.source("sanitize.js"), html)
        page.set_content(plain(left, "light"))
        return page

    return shown


def test_the_table_says_all_it_says_with_its_styles(github, open_page, demo):
    dressed = open_page()
    dressed.set_content(plain(demo.page, "light"))
    page = github(demo.page)
    assert page.evaluate("() => document.querySelectorAll('main :is(style, [style], [class])').length") == 0
    assert checks.rows(page, "main") == checks.rows(dressed, "main")
    checks.assert_told(checks.rows(page, "main"), demo.facts)
    assert page.evaluate("() => document.body.innerText").count("dualcell-v1") == 0  # no style sheet as text


def test_headers_keep_their_scope_and_rows_unfold(github, demo):
    page = github(demo.page)
    headers = page.evaluate("() => [...document.querySelectorAll('th')].map((one) => one.scope)")
    assert headers
    assert set(headers) <= {"col", "row", "colgroup", "rowgroup"}
    fold = page.locator("details").first
    assert not fold.evaluate("(one) => one.open")
    fold.locator("summary").first.focus()
    page.keyboard.press("Enter")
    assert fold.evaluate("(one) => one.open")
    checks.assert_legible(page, "main")
    checks.assert_accessible(page, "main")


def test_hostile_names_stay_text(github):
    page = github(hostile.result()._repr_mimebundle_()[0]["text/html"])
    checks.unfold(page)
    checks.assert_inert(page, "main :not(h1)")


def test_the_sanitizer_drops_what_github_drops(github):
    page = github(
        "<style>b { color: red }</style><p style='color:red' class='x' onclick='1' data-x='1'>words<script>1</script>"
        "<svg><circle r=1 /></svg><img src='data:image/gif;base64,R0lGODlhAQABAAAAACw=' alt='picture'></p>"
    )
    assert page.evaluate("() => document.querySelector('main p').outerHTML") == '<p>words<img alt="picture"></p>'
