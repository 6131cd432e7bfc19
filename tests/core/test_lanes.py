"""What a lane can hold, what it holds as it comes, and how it is drawn."""

from __future__ import annotations

import base64
import threading
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from dualcell import compare
from dualcell.bundles import shown
from dualcell.in_place import stays_in_place
from dualcell.lanes import Lane, Progress, Shown
from dualcell.recording import Recording
from dualcell.render.ansi import ansi_html, plain
from dualcell.render.lanes import lanes_html, lanes_text, progress_html, progress_text
from dualcell.render.page import page_html

PLAIN = {"text/plain": "words"}

# --- bundles ---


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (PLAIN, "text/plain"),
        (PLAIN | {"text/html": "<p>1<p>2"}, None),
        (PLAIN | {"text/html": "<p>1</p>"}, "text/html"),
        (PLAIN | {"image/png": b"\x89PNG"}, "image/png"),
        (PLAIN | {"image/png": "iVBOR\n", "text/html": "<b>1</b>"}, "text/html"),
        (PLAIN | {"image/jpeg": "abcd"}, "image/jpeg"),
        (PLAIN | {"image/svg+xml": "<svg/>"}, "image/svg+xml"),
        (PLAIN | {"text/html": "<script>1</script>"}, None),
        (PLAIN | {"application/vnd.jupyter.widget-view+json": {}}, None),
        (PLAIN | {"application/javascript": "1"}, None),
        (PLAIN | {"text/html": "<b>1</b>", "application/vnd.plotly.v1+json": {}}, None),
        (PLAIN | {"text/latex": "$x$"}, None),
        (PLAIN | {"text/latex": "$x$", "image/png": "abcd"}, None),
        (PLAIN | {"text/markdown": "*x*"}, None),
        ({"video/mp4": b""}, None),
        ({}, None),
    ],
)
def test_what_a_lane_can_hold(data, kind):
    found = shown(data)
    assert (found and found.kind) == kind


def test_words_are_shown_as_a_terminal_would():
    assert shown({"text/plain": "a\x1b[2J\x1b[38mb\rc\0"}) == Shown("text/plain", "c\u2400")
    assert shown({"text/plain": "\x1b[5;31mx", "text/html": ""}) == Shown("text/html", "", text="\x1b[31mx\x1b[0m")


def test_pictures_come_in_base64_with_their_width_and_ground():
    said = {"image/png": {"width": 320, "height": 240}, "needs_background": "light"}
    found = shown(PLAIN | {"image/png": b"\x89PNG"}, said)
    assert found == Shown("image/png", base64.b64encode(b"\x89PNG").decode(), 320, "light", "words")


# --- recordings ---


def test_texts_and_displays_stay_in_order():
    lane = Recording()
    lane.write("stdout", "a")
    lane.write("stdout", "b\n")
    lane.write("stderr", "c")
    lane.show(Shown("text/plain", "d"))
    lane.write("stderr", "e")
    assert [(one.kind, one.data) for one in lane.shown()] == [
        ("stdout", "ab"), ("stderr", "c"), ("text/plain", "d"), ("stderr", "e"),
    ]  # fmt: skip


def test_a_display_with_an_id_is_replaced_in_its_place():
    lane = Recording()
    lane.show(Shown("text/plain", "old"), "one")
    lane.write("stdout", "after")
    assert lane.replace("one", Shown("text/plain", "new"))
    assert not lane.replace("two", Shown("text/plain", "lost?"))
    assert [one.data for one in lane.shown()] == ["new", "after"]
    assert lane.replace("one", None)
    assert [one.data for one in lane.shown()] == ["after"]
    assert not lane.replace("one", None)


def test_clear_at_once_and_with_the_next_thing():
    lane = Recording()
    lane.write("stdout", "old")
    lane.clear(wait=True)
    assert [one.data for one in lane.shown()] == ["old"]
    lane.write("stdout", "new")
    assert [one.data for one in lane.shown()] == ["new"]
    lane.clear(wait=False)
    assert lane.shown() == ()


def test_threads_lose_nothing():
    lane = Recording()

    def write(name: int) -> None:
        for number in range(2000):
            lane.write("stdout", f"{name}.{number}\n")

    threads = [threading.Thread(target=write, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        lane.shown(10)
    lines = lane.shown()[0].data.splitlines()
    assert sorted(lines) == sorted(f"{name}.{number}" for name in range(4) for number in range(2000))


# --- drawn ---

HOSTILE = "<script>alert(1)</script></pre></div>\"'&\u202e\ud800\0"


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)


def tags(page: str) -> list[str]:
    reader = Tags()
    reader.feed(page)
    return reader.tags


def test_hostile_text_and_labels_are_no_markup():
    label = HOSTILE.replace("\ud800", "").replace("\0", "")  # source text has neither
    lane = Lane(label, (Shown("stdout", HOSTILE), Shown("stderr", HOSTILE), Shown("text/plain", HOSTILE)))
    page = progress_html(Progress((lane, lane), (label,), label))
    assert "script" not in tags(page)
    page.encode()
    assert stays_in_place(page)


HALF = "\ud800"  # of a surrogate pair: no message can hold it


def test_half_a_surrogate_pair_is_written_out_wherever_it_stands():
    everywhere = [Shown(kind, f"<b>{HALF}</b>", text=HALF) for kind in ("stdout", "text/html", "image/svg+xml")]
    lanes = Lane("a", tuple(everywhere)), Lane("b")
    page, text = lanes_html(lanes), lanes_text(lanes)
    page.encode()
    assert page.count("\\ud800") == 2
    assert text.encode().count(b"\\ud800") == 3


def test_a_hostile_picture_stays_in_its_address():
    lane = Lane("a", (Shown("image/png", "x' onerror='alert(1)\"><script>"), Shown("image/svg+xml", "<svg onload=x>")))
    page = lanes_html((lane, lane))
    assert "script" not in tags(page)
    assert "onload" not in page
    assert stays_in_place(page)


def test_lanes_as_text_and_html():
    left = Lane("keras", (Shown("stdout", "loss 1"), Shown("text/html", "<b>t</b>", text="t")), 1.5, "cpu", 512_000_000,
                "the process")  # fmt: skip
    right = Lane("torch", (Shown("stderr", "\x1b[31mbad\x1b[0m"),), 0.25, state="stopped")
    assert lanes_text((left, right)) == (
        "--- keras (1.5 s, cpu, peak memory of the process 512 MB) ---\nloss 1\nt\n\n"
        "--- torch (stopped, 250.0 ms) ---\nbad"
    )
    page = lanes_html((left, right))
    assert page == lanes_html((left, right))
    assert '<span class="dualcell-red">bad</span>' in page
    assert "<b>t</b>" in page
    assert page.index(">keras</b>") < page.index("loss 1") < page.index(">torch</b>") < page.index("bad")
    assert " id=" not in page
    assert "var(" not in page
    assert "dualcell-stacked" in lanes_html((left, right), stacked=True).split("</style>")[0].split("<style>")[0]


def test_lanes_stand_above_the_table_and_in_the_page_and_are_no_data():
    result = compare([1.0], [1.0])
    lanes = Lane("left", (Shown("stdout", "printed"),)), Lane("right")
    result.report = replace(result.report, lanes=lanes, layout="stacked")
    data, metadata = result.bundle()
    for page in (data["text/html"], data["text/markdown"], data["text/plain"], page_html(result.report)):
        assert page.count("printed") == 1
        assert page.index("printed") < page.rindex("float64")
    assert "printed" in page_html(result.report, large=True)
    assert "dualcell-stacked" in data["text/html"].partition("<style>")[0]
    assert not {"lanes", "layout"} & set(metadata["dualcell"])
    assert "printed" not in repr(result)


def test_markdown_has_the_end_of_long_lanes():
    result = compare([1.0], [1.0])
    lanes = Lane("left", (Shown("stdout", "begin" + "x" * 30_000 + "end"),)), Lane("right")
    result.report = replace(result.report, lanes=lanes)
    data, _ = result.bundle()
    assert ["begin" in data[kind] for kind in ("text/html", "text/plain", "text/markdown")] == [True, True, False]
    assert "... (the last 20,000 of 30,008 characters)" in data["text/markdown"]
    assert "xend" in data["text/markdown"]


def test_progress_says_what_is_there_and_what_is_done():
    lanes = Lane("keras", seconds=2.0, state="running"), Lane("torch", state="waiting")
    text = progress_text(Progress(lanes, ("y", "loss"), "comparing"))
    assert "--- keras (running, 2.0 s) ---" in text
    assert "--- torch (waiting) ---" in text
    assert "on both sides: y, loss" in text
    assert "comparing ..." in text


@pytest.mark.parametrize(
    ("codes", "tag"),
    [
        ("1", '<span style="font-weight:bold">x</span>'),
        ("32", '<span class="dualcell-green">x</span>'),
        ("97", '<span class="dualcell-white">x</span>'),
        ("41", '<span class="dualcell-red-ground">x</span>'),
        ("100", '<span class="dualcell-black-ground">x</span>'),
        ("7", '<span class="dualcell-reverse">x</span>'),
        ("38;5;196", '<span style="color:rgb(255,0,0)">x</span>'),
        ("38;5;3", '<span style="color:rgb(181,131,15)">x</span>'),
        ("48;5;255", '<span style="background-color:rgb(238,238,238)">x</span>'),
        ("38;2;1;2;999", '<span style="color:rgb(1,2,255)">x</span>'),
        ("1;31", '<span class="dualcell-red" style="font-weight:bold">x</span>'),
        ("2", "x"),
    ],
)
def test_colours_in_html(codes, tag):
    text = f"\x1b[{codes}mx\x1b[0m<"
    assert ansi_html(text) == f"{tag}&lt;"
    assert plain(text) == "x<"
