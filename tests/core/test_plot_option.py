"""`--plot`: which rows have pictures in the report, in what words, at what size, and what is said of the others."""

from __future__ import annotations

import json
import re
from html import unescape

import numpy as np
import pytest

import dualcell
from dualcell.errors import FrameworkError, OptionError
from dualcell.pictures import drawing
from dualcell.pictures.kinds import AUTO, KINDS, LAYERS

pytest.importorskip("matplotlib")


@pytest.fixture(autouse=True)
def _slow_machine(monkeypatch):
    """However long it takes here."""
    monkeypatch.setattr(drawing, "MOST_SECONDS", 1e9)


IMAGE = re.compile(r'<img class="(light|dark)" alt="([^"]*)"([^>]*?)src="data:image/png;base64,([^"]+)">')


def pair(rows=3, failing=()):
    left = {f"h{i}": np.full((4, 5), float(i)) for i in range(rows)}
    right = {name: value + (1 if i in failing else 1e-12 * (i % 2)) for i, (name, value) in enumerate(left.items())}
    return left, right


def html(result):
    return result._repr_mimebundle_()[0]["text/html"]


def drawn(result):
    return {row.name: [picture.kind for picture in row.pictures] for row in result.report.rows if row.pictures}


# --- which rows ---


def test_no_picture_is_drawn_unless_asked_for():
    result = dualcell.compare(*pair(), causes=False)
    assert (drawn(result), result.report.pictures, "<img" in html(result)) == ({}, (), False)


def test_rows_that_failed_come_first_and_equal_ones_last(monkeypatch):
    monkeypatch.setattr(drawing, "MOST_ROWS", 3)
    result = dualcell.compare(*pair(6, failing=(5, 2)), plot="heat", causes=False)
    assert drawn(result) == {"value.h1": ["heat"], "value.h2": ["heat"], "value.h5": ["heat"]}
    assert result.report.notes == (
        "3 of 6 rows have their pictures here, those that failed first; result['value.h3'].plot() draws any other",
    )


def test_a_row_that_is_named_can_be_drawn(monkeypatch):
    monkeypatch.setattr(drawing, "MOST_ROWS", 2)
    left, right = pair(4, failing=(0, 1, 2))
    del right["h3"]
    result = dualcell.compare(left, right, plot="heat", causes=False)
    assert result.report.notes == (
        "2 of 3 rows have their pictures here, those that failed first; result['value.h2'].plot() draws any other",
    )
    assert result["value.h2"].plot().axes


def test_each_row_has_the_kinds_that_suit_it():
    left = {"loss": np.arange(9.0), "y": np.zeros((2, 3)), "n": 1.0, "s": np.zeros(3), "e": np.zeros((0, 2))}
    right = {"loss": np.arange(9.0) * 2, "y": np.ones((2, 3)), "n": 2.0, "s": np.zeros((3, 1)), "e": np.zeros((0, 2))}
    assert drawn(dualcell.compare(left, right, plot="auto", causes=False)) == {
        "value.loss": ["curves", "hist"], "value.y": ["heat", "hist"], "value.s": ["values"],
    }  # fmt: skip
    found = dualcell.compare(left, right, plot=["curves", "scatter"], causes=False)
    assert drawn(found) == {"value.loss": ["curves", "scatter"], "value.y": ["scatter"]}


def test_what_no_row_has_is_said():
    result = dualcell.compare(np.zeros((2, 3)), np.ones((2, 3)), plot="curves", causes=False)
    assert result.report.notes == (
        "no row has a picture curves: row 'value' has shape (2, 3); 'curves' need one axis, plot('heat') shows two",
    )
    assert dualcell.compare(1.0, 2.0, plot="heat").report.notes == (
        "no row has a picture heat: row 'value' is one number, which needs no picture: 1.0 against 2.0",
    )


def test_a_picture_that_fails_costs_no_table(monkeypatch):
    monkeypatch.setattr(drawing, "panels", lambda *_: 1 / 0)
    result = dualcell.compare(*pair(1, failing=(0,)), plot="heat", causes=False)
    assert result["value.h0"].verdict == "differs"
    assert result.report.notes[0] == "row 'value.h0' could not be drawn: ZeroDivisionError: division by zero"


def test_layers_that_fail_cost_neither_the_table_nor_the_other_pictures(monkeypatch):
    monkeypatch.setattr(drawing, "layers_of", lambda _: 1 / 0)
    result = dualcell.compare(*pair(1, failing=(0,)), plot="heat,layers", causes=False)
    assert (result["value.h0"].verdict, result.report.pictures) == ("differs", ())
    assert drawn(result) == {"value.h0": ["heat"]}
    assert result.report.notes == ("the layers could not be drawn: ZeroDivisionError: division by zero",)


def test_when_time_is_up_no_further_row_is_begun(monkeypatch):
    monkeypatch.setattr(drawing, "MOST_SECONDS", -1.0)
    result = dualcell.compare(*pair(3, failing=(0, 1, 2)), plot="hist", causes=False)
    assert list(drawn(result)) == ["value.h0"]
    assert result.report.notes[0].startswith("1 of 3 rows have their pictures here")


def test_the_layers_are_a_picture_of_the_whole():
    result = dualcell.compare(*pair(5, failing=(3,)), plot="layers", causes=False)
    assert (drawn(result), [picture.kind for picture in result.report.pictures]) == ({}, ["layers"])
    said = "largest |error| of 5 rows in order: the first that fails is value.h3 (1); 1 fails"
    assert said in str(result)
    assert said in html(result)
    assert dualcell.compare({}, {}, plot="layers").report.pictures == ()


# --- how they stand in the report ---


def test_both_themes_stand_in_the_row_that_is_open():
    result = dualcell.compare(*pair(2, failing=(1,)), plot="heat,hist", causes=False)
    text = html(result)
    images = IMAGE.findall(text)
    assert [theme for theme, *_ in images] == ["light", "dark"] * 4
    assert [" hidden=" in more for _, _, more, _ in images] == [False, True] * 4
    alts = [unescape(alt) for _, alt, *_ in images]
    assert alts[0].startswith("|error| over axes 0 and 1: ")
    assert alts[0] == alts[1]
    assert text.count(" open") == 2
    assert all(unescape(alt) in str(result) for alt in alts)  # a terminal has the words
    assert "|error&#124; over axes" in result._repr_mimebundle_()[0]["text/markdown"].replace("&#124;error", "|error")


def test_data_beside_the_table_has_no_pixels():
    result = dualcell.compare(*pair(1, failing=(0,)), plot="heat,layers", causes=False)
    metadata = result._repr_mimebundle_()[1]["dualcell"]
    (picture,) = metadata["rows"][0]["pictures"]
    assert picture.keys() == {"kind", "alt", "size"}
    assert len(json.dumps(metadata)) < 4000


def test_names_in_pictures_are_escaped():
    name = 'x"><script>alert(1)</script>'
    result = dualcell.compare({name: np.zeros(3)}, {name: np.ones(3)}, plot="layers,hist", causes=False)
    assert "<script>" not in html(result)


def test_a_hundred_rows_with_pictures_are_bounded():
    generator = np.random.default_rng(0)
    left = {f"h{i}": generator.normal(size=(300, 300)) for i in range(100)}
    right = {name: value + generator.normal(size=value.shape) for name, value in left.items()}
    result = dualcell.compare(left, right, plot="heat,hist,layers", causes=False)
    assert len(drawn(result)) == drawing.MOST_ROWS
    images = sum(len(data) for *_, data in IMAGE.findall(html(result)))
    assert images < 600_000  # noise is what compresses worst
    assert len(html(result)) - images < 200_000


def test_when_the_report_grows_too_large_no_further_row_is_begun(monkeypatch):
    monkeypatch.setattr(drawing, "MOST_BYTES", 20_000)
    result = dualcell.compare(*pair(6, failing=(0, 1, 2, 3)), plot="hist", causes=False)
    assert list(drawn(result)) == ["value.h0", "value.h1", "value.h2"]


def test_saved_pages_have_them(tmp_path):
    result = dualcell.compare(*pair(1, failing=(0,)), plot="heat", causes=False)
    result.save(tmp_path / "report.html")
    assert len(IMAGE.findall((tmp_path / "report.html").read_text(encoding="utf-8"))) == 2


def test_a_saved_page_says_what_could_not_be_drawn(monkeypatch, tmp_path):
    """Also where it is the only row that failed; but not what was not asked for."""
    monkeypatch.setattr(drawing, "panels", lambda *_: 1 / 0)
    dualcell.compare(*pair(1, failing=(0,)), causes=False).to_html(tmp_path / "report.html")
    said = [unescape(one) for one in re.findall("note: ([^<]*)", (tmp_path / "report.html").read_text("utf-8"))]
    assert said == ["row 'value.h0' could not be drawn: ZeroDivisionError: division by zero"]
    dualcell.compare({"a": 1.0}, {"b": 2.0}, causes=False).to_html(tmp_path / "report.html")
    assert "note" not in (tmp_path / "report.html").read_text("utf-8").partition("</style>")[2]


# --- the words ---


def test_words_are_checked_before_anything_runs():
    with pytest.raises(
        OptionError, match=r"^plot is 'haet', expected one of auto, heat, .*, layers\. Did you mean 'heat'"
    ):
        dualcell.compare(1.0, 1.0, plot="haet")
    with pytest.raises(OptionError, match=r"^plot is 3, expected a text like 'heat,hist' or a list of such words\.$"):
        dualcell.compare(1.0, 1.0, plot=3)


def test_without_matplotlib(monkeypatch):
    monkeypatch.setattr("dualcell.frameworks.registry.is_installed", lambda name: name != "matplotlib")
    sentence = r"^'--plot' needs matplotlib, which is not installed here: pip install matplotlib$"
    with pytest.raises(FrameworkError, match=sentence):
        dualcell.compare(1.0, 1.0, plot="heat")
    assert dualcell.compare(1.0, 1.0).passed


def test_the_reference_is_that_of_the_run(monkeypatch):
    seen = []
    monkeypatch.setattr(drawing, "panels", lambda *given: seen.append(given[3]) or [])
    dualcell.compare(np.zeros(3), np.ones(3), plot="scatter", reference="right", causes=False)
    assert seen == ["right"]


def test_every_kind_can_be_asked_for():
    left = np.random.default_rng(0).normal(size=50)
    for kind in (AUTO, *KINDS, LAYERS):
        result = dualcell.compare(left, left + 1, plot=kind, causes=False)
        assert IMAGE.findall(html(result)), kind
