"""Text as a terminal would show it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualcell.screen import Screen, styled

ESC = "\x1b"
SHOWN = {
    "lines": ("a\nb\n", "a\nb"),
    "an empty line": ("a\n\nb", "a\n\nb"),
    "carriage return": ("abc\rX", "Xbc"),
    "Windows line ends": ("a\r\nb\r\n", "a\nb"),
    "a shorter line over a longer": ("12345\r12", "12345"),
    "erased to its end": (f"12345\r12{ESC}[K", "12"),
    "erased whole": (f"12345{ESC}[2K\rab", "ab"),
    "erased to its begin": (f"12345{ESC}[2D{ESC}[1K", "    5"),
    "backspace": ("abc\b\bX", "aXc"),
    "backspace at the begin": ("\b\bab", "ab"),
    "a line up": (f"one\ntwo{ESC}[A\rONE", "ONE\ntwo"),
    "up past the top": (f"one{ESC}[9A\rX", "Xne"),
    "down again": (f"one\ntwo{ESC}[A\r1{ESC}[B2", "1ne\nt2o"),
    "right": (f"a{ESC}[3Cb", "a   b"),
    "left": (f"abc{ESC}[2DX", "aXc"),
    "a column": (f"abc{ESC}[2GX", "aXc"),
    "the screen below": (f"a\nb\nc{ESC}[2A{ESC}[J", "a"),
    "the screen": (f"a\nb{ESC}[2Jc", "c"),
    "a colour": (f"{ESC}[31mred{ESC}[0m no", f"{ESC}[31mred{ESC}[0m no"),
    "a colour over lines": (f"{ESC}[31ma\nb{ESC}[0mc", f"{ESC}[31ma{ESC}[0m\n{ESC}[31mb{ESC}[0mc"),
    "two colours": (f"{ESC}[31ma{ESC}[32mb", f"{ESC}[31ma{ESC}[0;32mb{ESC}[0m"),
    "bold stays": (f"{ESC}[1ma{ESC}[31mb{ESC}[22mc", f"{ESC}[1ma{ESC}[0;1;31mb{ESC}[0;31mc{ESC}[0m"),
    "a colour in the middle is overwritten": (f"{ESC}[31mabc{ESC}[0m\b\bX", f"{ESC}[31ma{ESC}[0mX{ESC}[31mc{ESC}[0m"),
    "other codes": (f"a{ESC}[?25lb{ESC}[sc{ESC}]0;title\x07d{ESC}(Be", "abcde"),
    "a link": (f"{ESC}]8;;https://x.org{ESC}\\text{ESC}]8;;{ESC}\\", "text"),
    "a colour that is none": (f"{ESC}[38;9ma{ESC}[38mb", "ab"),
    "NUL and its kin": ("a\0b\x01\x7f", "a\u2400b\u2401\\x7f"),
    "the other control characters": ("a\x85b", "a\\x85b"),
    "a bell": ("a\x07b", "ab"),
    "tabs": ("a\tb", "a\tb"),
    "unicode": ("größe 漢字\rG", "Größe 漢字"),
    "a wide character is two columns": ("中文\rAB", "AB文"),
    "half of a wide character is a space": ("中文\rA", "A 文"),
    "the other half too": (f"中文{ESC}[3GB", "中B "),
    "a wide character over two others": ("abcd\r中", "中cd"),
    "back over a wide character": ("a中\b\bX", "aX "),
    "wide characters after a line end": ("a\n中\bX\b\bY", "a\nYX"),
    "behind wide characters": (f"中{ESC}[5GX", "中  X"),
    "erased behind wide characters": (f"中文{ESC}[3G{ESC}[K", "中"),
    "an accent stands on its letter": ("e\u0301x\rab", "ab"),
    "an accent goes with its letter": ("e\u0301x\ra", "ax"),
    "an accent stays with its letter": ("e\u0301x\bY", "e\u0301Y"),
    "blanks over a bar that is cleared": ("50%\r   \r", ""),
    "blanks over two bars": (f"1\n2{ESC}[A\r \n\r {ESC}[A\r", ""),
    "blank lines above the cursor": ("\n \nx", "\n \nx"),
    "lines that were printed empty": ("x\n\n\n", "x\n\n"),
    "blanks of a colour": (f"x\n{ESC}[41m  ", f"x\n{ESC}[41m  {ESC}[0m"),
}


@pytest.mark.parametrize("case", SHOWN)
def test_shown(case):
    text, shown = SHOWN[case]
    screen = Screen()
    screen.write(text)
    assert screen.text() == shown


@pytest.mark.parametrize("case", SHOWN)
def test_shown_one_character_at_a_time(case):
    text, shown = SHOWN[case]
    screen = Screen()
    for character in text:
        screen.write(character)
    assert screen.text().replace(f"{ESC}[0;", f"{ESC}[") == shown.replace(f"{ESC}[0;", f"{ESC}[")


@given(st.text(alphabet="ab\n\r\b\x1b[0;1mK3A2J\t中\u0301", max_size=60), st.integers(0, 60))
def test_where_a_text_is_cut_makes_no_difference(text, cut):
    whole, parts = Screen(), Screen()
    whole.write(text)
    parts.write(text[:cut])
    parts.write(text[cut:])
    assert whole.text() == parts.text()


@given(st.text(max_size=60).filter(lambda text: text.isprintable()))
def test_what_is_no_code_is_all_there(text):
    screen = Screen()
    screen.write(f"{text}\n{text}")
    assert screen.text() == (f"{text}\n{text}" if text.strip(" ") else text)


def test_the_last_lines():
    screen = Screen()
    screen.write("".join(f"{number}\n" for number in range(1000)))
    assert screen.text(3) == "997\n998\n999"
    few = Screen()
    few.write("a\nb")
    assert (few.text(3), few.text(2), few.text(1)) == ("a\nb", "a\nb", "b")


def test_a_colour_holds_in_all_lines_of_the_next_piece():
    screen = Screen()
    screen.write(f"{ESC}[31m")
    screen.write("a\nb\n")
    assert screen.text() == f"{ESC}[31ma{ESC}[0m\n{ESC}[31mb{ESC}[0m"


def test_a_million_characters_are_kept_and_take_time_in_proportion():
    def seconds(lines):
        screen, started = Screen(), time.process_time()
        screen.write("x" * 5 * lines + "\n")
        screen.write("line\n" * lines)
        assert len(screen.text()) == 10 * lines
        return time.process_time() - started

    rounds = [(seconds(12_500), seconds(200_000)) for _ in range(3)]
    assert min(large / small for small, large in rounds) < 80  # 16 times the text; were it squared, 256 times the time


def test_a_progress_bar_of_hours_takes_no_room():
    screen = Screen()
    for number in range(100_000):
        screen.write(f"\r{number} of 100000")
    assert screen.text() == "99999 of 100000"
    assert sum(len(row) for row in screen._rows) < 5


def test_an_unfinished_code_is_not_kept_for_ever():
    screen = Screen()
    screen.write(f"{ESC}[" + "1" * 10_000)
    screen.write("text")
    assert screen.text().endswith("text")


@pytest.mark.parametrize("code", ["{}m", "38;5;{}m", "38;2;1;2;{}m", "{}A", "{};3H"])
def test_a_number_of_thousands_of_digits_is_none(code):
    screen = Screen()
    screen.write(f"a{ESC}[{code.format('3' * 5000)}b")
    assert screen.text() == "ab"


# what tqdm 4.67 writes for a bar in a bar, with `leave=False` for the inner one
BARS = [
    "\router:   0%|          | 0/2 [00:00<?, ?it/s]", "\n",
    "\rinner:   0%|          | 0/3 [00:00<?, ?it/s]", f"{ESC}[A", "\n",
    "\rinner: 100%|##########| 3/3 [00:00<00:00]", f"{ESC}[A", "\n", "\r" + " " * 50 + "\r", f"{ESC}[A",
    "\router:  50%|#####     | 1/2 [00:00<00:00]   ", "\router: 100%|##########| 2/2 [00:00<00:00]   ", "\n",
]  # fmt: skip


def test_tqdm_draws_its_bars_where_they_belong():
    screen = Screen()
    for piece in BARS[:6]:
        screen.write(piece)
    assert [line[:12] for line in screen.text().splitlines()] == ["outer:   0%|", "inner: 100%|"]
    for piece in BARS[6:]:
        screen.write(piece)
    assert screen.text().split("\n")[0].rstrip() == "outer: 100%|##########| 2/2 [00:00<00:00]"
    assert "inner" not in screen.text()


@pytest.mark.parametrize(
    ("held", "given", "then"),
    [
        ("", "", ""),
        ("1;31", "", ""),
        ("31", "39", ""),
        ("31", "49", "31"),
        ("1;3;4;9;31;42", "22;23;24;29", "31;42"),
        ("31", "38;2;1;2;3", "38;2;1;2;3"),
        ("", "48;5;20;1", "1;48;5;20"),
        ("", "38;5", ""),
        ("", "91;105", "91;105"),
        ("", "077;5", ""),
        ("", "01;32", "1;32"),
    ],
)
def test_colours_and_weights_add_up(held, given, then):
    assert sorted(styled(held, given).split(";")) == sorted(then.split(";"))
