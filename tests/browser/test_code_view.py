"""The code of both blocks, the slide and the page in a real browser: level, legible, whole, also on paper."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dualcell.render.cell import cell_html
from dualcell.render.page import page_html
from tests.browser import checks
from tests.browser.hosts import HOSTS, plain
from tests.core.test_code_view import LEFT, RIGHT, report

THEMES = ("light", "dark")
LONG = "z = np.concatenate([x, x, x, x, x, x], axis=-1).reshape(-1, 2, 3).transpose(0, 2, 1)  # a long line"
BOTH = [[LONG, "", *LEFT, "# the end"], [RIGHT[0], "w = 'ünïcode'", LONG, *RIGHT[1:]]]


def lesson(**changes):
    """A report with long lines in both blocks."""
    return report(BOTH[0], BOTH[1], **changes)


def places(page):
    """(left edge, top) of every line, by its number."""
    found = page.evaluate(
        """() => [...document.querySelectorAll(".line:not(.gap)")].map((line) => {
            const box = line.getBoundingClientRect();
            return [parseInt(line.querySelector(".gutter").textContent.replace(">", "")), box.left, box.top]; })"""
    )
    return {number: (left, top) for number, left, top in found}


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("large", [False, True])
def test_it_is_legible_and_accessible(open_page, host, theme, large):
    page = open_page(theme)
    page.set_content(HOSTS[host](cell_html(lesson(large=large)), theme))
    checks.assert_legible(page)
    checks.assert_accessible(page)
    assert page.errors == []


@pytest.mark.parametrize("width", [1400, 1000, 700])
def test_lines_that_make_the_same_are_level_however_long_the_others_are(open_page, width):
    page = open_page(width=width)
    page.set_content(plain(cell_html(lesson()), "light"))
    at = places(page)
    left, right = ({line.text: line.number for line in lines} for lines in (lesson().code.left, lesson().code.right))
    for made_left, made_right in (("h = relu(x)", "h = x.relu()"), ("y = h * 2", "y = h * 3")):
        assert at[left[made_left]][1] == at[right[made_right]][1]
        assert at[left[made_left]][0] < width / 2 < at[right[made_right]][0]
    assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")


def test_on_a_narrow_screen_one_block_follows_the_other(open_page):
    page = open_page(width=400)
    page.set_content(plain(cell_html(lesson()), "light"))
    at = places(page)
    assert len({left for left, _ in at.values()}) == 1
    tops = [at[number][1] for number in sorted(at)]
    assert tops == sorted(tops)
    assert page.evaluate("() => [...document.querySelectorAll('.gap')].every((gap) => !gap.checkVisibility())")


def test_what_is_copied_is_the_code_alone(open_page):
    page = open_page()
    page.set_content(plain(cell_html(lesson()), "light"))
    copied = page.evaluate(
        """() => { const lane = document.querySelectorAll("table.lanes pre")[1];
            getSelection().selectAllChildren(lane); return getSelection().toString(); }"""
    )
    assert [line for line in copied.split("\n") if line.strip()] == BOTH[1]


def sizes(page):
    """Font sizes of all visible texts, in pixels."""
    return page.evaluate(
        """() => { const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
            while (walker.nextNode()) { const parent = walker.currentNode.parentElement;
                if (walker.currentNode.textContent.trim() && parent.checkVisibility() && parent.closest("main"))
                    found.push(parseFloat(getComputedStyle(parent).fontSize)); }
            return found; }"""
    )


@pytest.mark.parametrize("host", HOSTS)
def test_a_slide_is_readable_from_the_back_row(open_page, host):
    page = open_page(width=1280, height=720)
    page.set_content(HOSTS[host](cell_html(lesson(large=True)), "light"))
    found = page.evaluate(
        """() => [...document.querySelectorAll(".dualcell-v1 *")].filter((one) => one.checkVisibility() &&
            [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim())).map(
            (one) => parseFloat(getComputedStyle(one).fontSize))"""
    )
    assert min(found) >= 24
    assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")


def test_a_name_on_a_slide_stays_in_one_piece(open_page):
    page = open_page(width=1280, height=720)
    rows = tuple(replace(row, name=f"encoder.{row.name}", cause="a long sentence " * 9) for row in lesson().rows)
    page.set_content(plain(cell_html(lesson(rows=rows, large=True)), "light"))
    lines = """() => { const range = document.createRange();
        range.selectNodeContents(document.querySelector("tbody th")); return range.getClientRects().length; }"""
    assert page.evaluate(lines) == 1


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("large", [False, True])
def test_the_page_follows_the_readers_theme_and_asks_for_nothing(open_page, tmp_path, theme, large):
    (tmp_path / "lesson.html").write_text(page_html(lesson(), large=large), encoding="utf-8")
    page = open_page(theme)
    page.add_init_script(path=checks.PACKAGES / "axe-core" / "axe.min.js")  # the page lets no other script run
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((tmp_path / "lesson.html").as_uri())
    checks.unfold(page)
    seen = checks.assert_legible(page, "main")
    assert all((sum(one["background"]) < 384) == (theme == "dark") for one in seen)
    checks.assert_accessible(page, "html")
    assert len(asked) == 1
    assert page.errors == []
    if large:
        assert min(sizes(page)) >= 24


def test_on_paper_causes_stand_open_and_nothing_is_cut_off(open_page, tmp_path):
    rows = lesson().rows
    found = page_html(lesson(rows=tuple(replace(row, cause=row.cause and row.cause * 20) for row in rows)))
    (tmp_path / "lesson.html").write_text(found, encoding="utf-8")
    page = open_page(width=680)
    page.goto((tmp_path / "lesson.html").as_uri())
    closed = """() => [...document.querySelectorAll("tr.said dl")].filter(
        (one) => !one.checkVisibility({contentVisibilityAuto: true})).length"""
    assert page.evaluate(closed) > 0
    page.emulate_media(media="print")
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert page.evaluate(closed) == 0
    cut = page.evaluate(
        """() => [...document.querySelectorAll("main *")].filter((one) => one.scrollWidth > one.clientWidth + 1 &&
            getComputedStyle(one).overflowX !== "visible" && one.clientWidth).map((one) => one.className)"""
    )
    assert cut == []
    assert page.pdf(format="A4").startswith(b"%PDF")
