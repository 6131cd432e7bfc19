"""Each check of checks.py, fed a lie that it must refuse, and the truth beside it."""

from __future__ import annotations

import pytest

from tests.browser import checks
from tests.browser.hosts import plain

WHITE_ON = "<div class='dualcell-v1' style='color:white;background:{}'>words</div>"
LIES_ABOUT_COLOURS = {
    "grey on white": "<div class='dualcell-v1' style='color:#888;background:white'>words</div>",
    "a tint under it": WHITE_ON.format("rgba(0,0,0,0.4)"),
    "faded": "<div class='dualcell-v1' style='color:#555;background:white;opacity:0.5'>words</div>",
    "faded by its parent": "<div style='opacity:0.5'><p class='dualcell-v1' style='color:#555'>words</p></div>",
    "one end of a gradient": WHITE_ON.format("linear-gradient(90deg, transparent 1%, black 1%)"),
    "a stripe under it": WHITE_ON.format(
        "linear-gradient(90deg, rgb(0,0,0) 0%, rgb(0,0,0) 2%, red 2%, red 60%, black 60%) black"
    ),
    "half-transparent letters": "<div class='dualcell-v1' style='color:rgba(0,0,0,0.4)'>words</div>",
    "as the page behind": "<div class='dualcell-v1'><span style='color:white'>words</span> and legible ones</div>",
}
TRUTHS_ABOUT_COLOURS = {
    "black on white": ("<div class='dualcell-v1' style='color:black;background:white'>words</div>", 21.0),
    # by hand: half of black over white is 127.5, of linear light 0.2122, so 1.05 / 0.2622 = 4.005; #767676 is the
    # lightest grey with 4.5 on white
    "the lightest grey allowed": ("<div class='dualcell-v1' style='color:#767676;background:white'>words</div>", 4.54),
    "white on a dark gradient": (WHITE_ON.format("linear-gradient(90deg, rgb(20,20,20) 40%, white 40%)"), 18.4),
    "a stripe below it": (
        WHITE_ON.format(
            "black linear-gradient(90deg, red 60%, black 60%) 0 100% / 100% 4px no-repeat;padding-bottom:9px"
        ),
        21.0,
    ),
}
LIES_ABOUT_ACCESS = {
    "image-alt": "<img src='data:image/gif;base64,R0lGODlhAQABAAAAACw='>",
    "color-contrast": "<p style='color:#aaa;background:white'>words</p>",
    "link-in-text-block": "<p>words <a href='#x' style='text-decoration:none;color:#030;'>link</a> words</p>",
    "definition-list": "<dl><p>words</p></dl>",
    "summary-name": "<details><summary></summary>words</details>",
    "scope-attr-valid": "<table><tr><th scope='everything'>x</th></tr></table>",
    "aria-required-children": "<div role='table'><b>x</b></div>",
}
LIES_ABOUT_INERTNESS = (
    "<script>window.struck = 1</script>",
    "<script type='text/plain'>words</script>",
    "<b onclick='window.struck = 1'>words</b>",
    "<a href=' javascript:window.struck=1'>words</a>",
    "<img src=x>",
    "<h1>words</h1>",
)
LIES_ABOUT_FACTS = (
    ["probs", "equal", "0.0123"],
    ["other", "differs", "0.0123"],
    ["probs", "differs", "0.123"],
    ["probs", "differs"],
)
FACT = {"name": "probs", "verdict": "differs", "max_abs": 0.0123}


@pytest.mark.parametrize("lie", LIES_ABOUT_COLOURS)
def test_faint_text_is_refused(open_page, lie):
    page = open_page()
    page.set_content(plain(LIES_ABOUT_COLOURS[lie], "light"))
    with pytest.raises(AssertionError, match=r"1 of \d texts? have a contrast below"):
        checks.assert_legible(page)


@pytest.mark.parametrize("truth", TRUTHS_ABOUT_COLOURS)
def test_a_contrast_is_what_the_definition_says(open_page, truth):
    html, contrast = TRUTHS_ABOUT_COLOURS[truth]
    page = open_page()
    page.set_content(plain(html, "light"))
    assert checks.assert_legible(page)[0]["contrast"] == pytest.approx(contrast, abs=0.05)


def test_a_result_without_text_and_no_result_are_refused(open_page):
    page = open_page()
    page.set_content(plain("<div class='dualcell-v1'><p hidden>words</p></div>", "light"))
    with pytest.raises(AssertionError, match="shows no text"):
        checks.assert_legible(page)
    with pytest.raises(AssertionError, match="nothing here is table"):
        checks.assert_legible(page, "table")


@pytest.mark.parametrize("rule", LIES_ABOUT_ACCESS)
def test_axe_refuses(open_page, rule):
    page = open_page()
    page.set_content(plain(f"<div class='dualcell-v1'>{LIES_ABOUT_ACCESS[rule]}</div>", "light"))
    with pytest.raises(AssertionError, match=f"axe-core found:(.|\n)*{rule}"):
        checks.assert_accessible(page)


@pytest.mark.parametrize("lie", LIES_ABOUT_INERTNESS)
def test_what_could_run_is_refused(open_page, lie):
    page = open_page()
    page.set_content(plain(f"<div class='dualcell-v1'>{lie}</div>", "light"))
    with pytest.raises(AssertionError, match=r"a script ran|this could run"):
        checks.assert_inert(page)


@pytest.mark.parametrize("cells", LIES_ABOUT_FACTS)
def test_a_table_that_says_something_else_is_refused(cells):
    with pytest.raises(AssertionError, match=r"no row of the table says|max abs 0\.0123 is not in"):
        checks.assert_told([["another", "differs", "0.0123"], cells], [FACT])


def test_a_table_that_says_it_is_taken():
    checks.assert_told([["probs", "✗ differs", "1.2e-02"]], [FACT])
