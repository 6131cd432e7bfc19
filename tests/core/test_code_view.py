"""The code of both blocks as HTML and as text, the slide and the page: what is in them, and what is not."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from dualcell import compare, dual
from dualcell.columns import columns_of
from dualcell.options import COMPARE_OPTIONS, OptionError
from dualcell.render import code as drawing
from dualcell.render.cell import cell_html, cell_text
from dualcell.render.page import page_html
from dualcell.render.terminal import ANYWHERE, Terminal
from dualcell.report import Report
from dualcell.sources import Code, CodeLine, Outcome, mark

LEFT = [
    "# --- keras ---",
    "",
    "def relu(h):",
    '    return "é" if h else None  # as in Keras',
    "h = relu(x)",
    "y = h * 2",
]
RIGHT = ["# --- torch ---", "h = x.relu()", "y = h * 3"]
HOSTILE = "</code></pre></style><script>alert(1)</script>"


def lines(texts: list[str], start: int) -> tuple[CodeLine, ...]:
    names = ((text[0],) if text[1:3] == " =" else () for text in texts)
    return tuple(CodeLine(n, text, made) for n, (text, made) in enumerate(zip(texts, names, strict=True), start))


def report(left: list[str] = LEFT, right: list[str] = RIGHT, **changes: Any) -> Report:
    """A report of `h`, which is equal, and `y`, which differs, with the code that would make them."""
    found = compare({"h": np.ones(2), "y": np.full(2, 2.0)}, {"h": np.ones(2), "y": np.full(2, 3.0)}).report
    rows = tuple(replace(row, name=row.name.removeprefix("value.")) for row in found.rows)
    sides = tuple(replace(side, label=label) for side, label in zip(found.sides, ("keras", "torch"), strict=True))
    code = Code(lines(left, 2), lines(right, 2 + len(left)), lines(["%%dual --code"], 1))
    outcomes = [Outcome(row.name, row.name, row.verdict, not row.passed, (row.name,), (row.name,)) for row in rows]
    code = mark(code, outcomes, ("keras", "torch"))
    return replace(found, **{"rows": rows, "sides": sides, "code": code, "shows_code": True, **changes})


def code_html(report: Report) -> str:
    return drawing.code_html(report.code, report.labels)


def code_text(report: Report, shown_on: Terminal = ANYWHERE) -> str:
    return drawing.code_text(report.code, report.labels, shown_on)


class Reader(HTMLParser):
    """What a reader without style sheets gets: tags, and the text outside `<style>`."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += "" if self.tags and self.tags[-1] == "style" and "{" in data else data


# --- text ---

WIDE = """\
  1  %%dual --code

keras                                               torch
-------------------------------------------------   ---------------------------
  2  # --- keras ---                                  8  # --- torch ---
  3
  4  def relu(h):
  5      return "é" if h else None  # as in Keras
  6  h = relu(x)  <- equal                            9  h = x.relu()  <- equal
> 7  y = h * 2  <- differs                          >10  y = h * 3  <- differs

First divergence: line 7 (keras) and line 10 (torch) make 'y': differs."""
NARROW = """\
  1  %%dual --code

keras
-----
  2  # --- keras ---
  3
  4  def relu(h):
  5      return "é" if h else None  # as in Keras
  6  h = relu(x)  <- equal
> 7  y = h * 2  <- differs

torch
-----
  8  # --- torch ---
  9  h = x.relu()  <- equal
>10  y = h * 3  <- differs

First divergence: line 7 (keras) and line 10 (torch) make 'y': differs."""


@pytest.mark.parametrize(("width", "text"), [(79, WIDE), (78, NARROW)])
def test_two_columns_where_the_width_allows(width, text):
    assert code_text(report(), Terminal(width)) == text


def test_without_a_terminal_it_is_as_wide_as_one_mostly_is():
    assert code_text(report()) == WIDE
    assert "\n\ntorch\n-----\n" in code_text(report(left=[f"{LEFT[3]}!!!!!!", *LEFT[4:]]))


def test_wide_characters_count_twice():
    text = code_text(report(left=["# 確率", "y = 1"], right=["# p", "y = 2"]), Terminal(79))
    assert [
        columns_of(line.partition(side)[0]) for line, side in zip(text.split("\n")[4:6], (" 4", ">5"), strict=True)
    ] == [
        24,
        24,
    ]


def test_the_code_stands_above_the_table_only_if_it_was_asked_for():
    assert cell_text(report()).index("First divergence") < cell_text(report()).index("max abs")
    assert "First divergence" not in cell_text(report(shows_code=False))


def test_what_no_eye_sees_is_written_out():
    text = code_text(report(right=["y = 1 # \u202e\u2066 \x1b[31m", "\ty = 2"]), Terminal(40))
    assert r"y = 1 # \u202e\u2066 \x1b[31m" in text
    assert "\n 9      y = 2" in text  # a tab is four columns
    assert r"9  \u202e" in code_text(report(right=['"""', '\u202e"""']))


# --- HTML ---

LANE = """\
<pre class="code" dir="ltr" style="white-space:pre;overflow-x:auto"><code style="white-space:pre"><span class="line"><span class="gutter">  8  </span><i class="c"># --- torch ---</i>
</span><span class="line gap">
</span><span class="line gap">
</span><span class="line gap">
</span><span class="line"><span class="gutter">  9  </span>h = x.relu()<span class="verdict">  &larr; equal</span>
</span><span class="line" style="background-color:rgba(220,38,38,0.18)"><span class="gutter">>10  </span>y = h * <span class="m">3</span><strong class="verdict">  &larr; differs</strong>
</span></code></pre>"""  # noqa: E501 - the white space counts


def test_the_lines_of_a_lane_as_html():
    assert LANE.replace(">>", ">&gt;") in code_html(report())


def test_a_shorter_block_ends_where_it_ends():
    assert code_html(report(left=[*LEFT, "# more", "# and more"])).count("gap") == 3


def test_it_reads_with_no_style_sheet():
    text = Reader(code_html(report())).text.replace("\u2190", "<-")
    assert [line.rstrip() for line in text.splitlines() if line.strip()] == [
        line for line in NARROW.splitlines() if line and "-----" not in line
    ]


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("text", [HOSTILE, f"y = '{HOSTILE}'", f"# {HOSTILE}", f"def {HOSTILE}"])
def test_hostile_code_stays_text(text, large):
    hostile = report(left=[*LEFT, text], right=[text, *RIGHT])
    healthy = report(left=[*LEFT, "z"], right=["z", *RIGHT])
    for draw in (cell_html, page_html):
        found = Reader(draw(replace(hostile, large=large)))
        assert "script" not in found.tags
        assert found.text.count("alert(1)") == 2
        assert found.tags.count("pre") == Reader(draw(replace(healthy, large=large))).tags.count("pre")


def test_hostile_labels_stay_text():
    side = report().sides[0]
    hostile = report(sides=(replace(side, label=HOSTILE), side))
    for html in (cell_html(hostile), cell_html(replace(hostile, large=True)), page_html(hostile)):
        assert "script" not in Reader(html).tags


@pytest.mark.parametrize("large", [False, True])
def test_it_names_nothing_and_needs_nothing(large):
    """No id, as front ends rewrite them and outputs collide; no script; nothing fetched."""
    for html in (cell_html(report(large=large)), page_html(report(), large=large)):
        names = {name for name, _ in Reader(html).attributes}
        assert not {"id", "src", "href", "onclick"} & names
        assert "url(" not in html
        assert "@import" not in html
    assert cell_html(report(large=large)) == cell_html(report(large=large))


def test_a_long_lines_cell_is_small():
    many = report(left=["x = f(x, 'é', 1)  # as before"] * 100, right=["x = f(x, 'é', 1)  # as before"] * 100)
    assert len(cell_html(many).encode()) < 60_000


# --- the slide and the page ---


def test_a_slide_has_a_short_table_in_large_letters():
    found = Reader(cell_html(report(large=True)))
    assert [text for text in ("verdict", "max abs", "cause") if text in found.text] == ["verdict", "max abs", "cause"]
    assert "worst at" not in found.text
    assert ("style", "font-size:24px") in found.attributes
    assert found.text.index("First") < found.text.index("verdict")


def test_a_slide_counts_the_rows_it_has_no_room_for():
    rows = report().rows
    long = report(rows=(rows[0],) * 15 + (rows[1],) * 3, large=True)
    found = Reader(cell_html(long))
    assert "and 8 equal" in found.text
    assert found.tags.count("th") == 4 + 10
    assert "and" not in Reader(cell_html(replace(long, rows=rows, code=None))).text.replace("handed", "")


def test_a_slide_shows_the_failed_rows_first():
    rows = report().rows
    text = Reader(cell_html(report(rows=(rows[0],) * 15 + (rows[1],), large=True, code=None))).text
    table = text[text.index("verdict") :]
    assert "equal" in table
    assert table.index("differs") < table.index("equal")


def test_a_page_has_the_code_also_if_the_cell_did_not_show_it():
    page = page_html(report(shows_code=False))
    assert "First divergence" in page
    assert page.startswith("<!doctype html>\n<html lang=")
    assert "<title>keras and torch: 1 of 2 rows failed" in page


def test_a_page_without_code_has_the_table(tmp_path):
    compare(np.ones(2), np.zeros(2)).to_html(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "differs" in page
    assert "First divergence" not in page
    assert "<pre" not in page


def test_a_page_has_pictures_of_what_failed(tmp_path):
    left, right = {"y": np.zeros((2, 3)), "z": np.ones(4)}, {"y": np.eye(2, 3), "z": np.ones(4)}
    result = compare(left, right)
    result.to_html(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count('src="data:image/png;base64,') == 4  # heat map and histogram, in light and dark
    assert page.count("<img") == 4
    assert not any(row.pictures for row in result.report.rows)
    compare(left, left).to_html(tmp_path / "page.html")
    assert "<img" not in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_a_page_has_the_pictures_that_were_asked_for_and_no_others(tmp_path):
    compare(np.zeros(3), np.ones(3), plot="hist").to_html(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8").count("<img") == 2


def test_a_page_without_matplotlib_has_no_pictures(tmp_path, monkeypatch):
    monkeypatch.setattr("dualcell.result.find_spec", lambda name: None)
    compare(np.zeros(3), np.ones(3)).to_html(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<img" not in page
    assert "note:" not in page


def test_rows_that_have_no_picture_are_no_news_on_a_page(tmp_path):
    compare({"y": 1.0}, {"z": 1.0}).to_html(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "missing" in page
    assert "note:" not in page


def test_a_large_page_is_a_slide(tmp_path):
    compare(np.ones(2), np.zeros(2)).to_html(str(tmp_path / "page.html"), large=True)
    assert "font-size:24px" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_the_context_manager_has_no_code_to_show_but_slides():
    with pytest.raises(OptionError, match="Unknown option 'code'"):
        dual("numpy", "numpy", code=True)
    with dual("numpy: old", "numpy: new", large=True) as pair:
        with pair.left:
            y = np.ones(2)
        with pair.right:
            y = np.ones(2)
    assert y.all()
    assert pair.result.report.code is None
    assert "font-size:24px" in pair.result.bundle()[0]["text/html"]


@pytest.mark.parametrize("option", ["code", "large"])
def test_compare_has_no_code_to_show(option):
    with pytest.raises(OptionError) as error:
        compare(1.0, 1.0, **{option: True})
    assert str(error.value) == f"Unknown option {option!r}. Accepted here: {', '.join(COMPARE_OPTIONS)}."


@pytest.mark.parametrize("write", ["to_html", "save"])
def test_a_place_that_takes_no_page_is_refused_with_what_to_do(write, tmp_path):
    result = compare(np.ones(2), np.zeros(2))
    with pytest.raises(FileNotFoundError, match=r"cannot write to '.*page\.html': there is no folder '.*new'; make it"):
        getattr(result, write)(tmp_path / "new" / "page.html")
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(IsADirectoryError, match=r"folder\.html': it is a folder; name a file in it$"):
        getattr(result, write)(tmp_path / "folder.html")
    assert not (tmp_path / "new").exists()
