"""Text with carriage returns, backspaces and ANSI codes -> the lines a terminal would show: `Screen`.

Progress bars (tqdm's, Keras') draw one line again and again; a colour stays until the
next. Codes of colour and weight are kept, each line begins with those that hold there;
all other codes are obeyed or dropped.
"""

from __future__ import annotations

import re

from dualcell.columns import columns_of, part

_CODE = r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-Z\\^-~]"
_TOKEN = re.compile(rf"({_CODE}|[\x00-\x08\x0a-\x1f\x7f-\x9f])")
_UNFINISHED = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]*\x1b?|[ -/]*)?\Z")
_LONGEST_CODE = 4096  # characters; what is longer is text
_FURTHEST = 1000  # lines or columns that one code may move

Run = tuple[str, str]  # text, and the codes that hold for it


class Screen:
    r"""A terminal as high as its text.

    Examples:
        >>> screen = Screen()
        >>> screen.write("loading\r1 of 2\r2 of 2!\nabc\b\bX")
        >>> screen.text()
        '2 of 2!\naXc'
    """

    def __init__(self) -> None:
        self._rows: list[list[Run]] = [[]]
        self._at = 0  # the cursor's row
        self._column = 0
        self._width = 0  # of the cursor's row
        self._style = ""
        self._held = ""  # the begin of a code whose end has not come yet

    def write(self, text: str) -> None:
        """Show more text."""
        text, self._held = self._held + text, ""
        unfinished = _UNFINISHED.search(text, max(0, len(text) - _LONGEST_CODE))
        if unfinished:
            text, self._held = text[: unfinished.start()], unfinished[0]
        if not _TOKEN.search(text.replace("\n", "")):
            self._plain(text)
            return
        for number, piece in enumerate(_TOKEN.split(text)):
            if number % 2:
                self._obey(piece)
            elif piece:
                self._put(piece)

    def text(self, last: int | None = None) -> str:
        """The lines, or the `last` ones, with the codes that hold in each; blank ones are none from the cursor on."""
        end = len(self._rows)
        while end > self._at and _is_blank(self._rows[end - 1]):
            end -= 1
        rows = self._rows[0 if last is None else max(0, end - last) : end]
        return "\n".join(_joined(row) for row in rows)

    def _plain(self, text: str) -> None:
        """Text whose only codes are line ends, quickly."""
        first, *others = text.split("\n")
        if first:
            self._put(first)
        if not others:
            return
        if self._at != len(self._rows) - 1:
            for line in others:
                self._down()
                if line:
                    self._put(line)
            return
        self._rows += [[(line, self._style)] if line else [] for line in others]
        self._at = len(self._rows) - 1
        self._column = self._width = columns_of(others[-1])

    def _put(self, text: str) -> None:
        row = self._rows[self._at]
        if self._column > self._width:
            row.append((" " * (self._column - self._width), ""))
            self._width = self._column
        end = self._column + columns_of(text)
        if self._column == self._width:
            row.append((text, self._style))
        else:
            row[:] = [*_cut(row, 0, self._column), (text, self._style), *_cut(row, end, self._width)]
        self._column, self._width = end, max(self._width, end)

    def _obey(self, code: str) -> None:
        if code == "\n":
            self._down()
        elif code == "\r":
            self._column = 0
        elif code == "\b":
            self._column = max(0, self._column - 1)
        elif code.startswith("\x1b["):
            self._code(code[2:-1], code[-1])
        elif len(code) == 1 and code not in "\x07\x1b":
            self._put(chr(0x2400 + ord(code)) if code < " " else f"\\x{ord(code):02x}")

    def _code(self, given: str, verb: str) -> None:
        if verb == "m":
            self._style = styled(self._style, given)
            return
        first = given.split(";")[0]
        count = min(int(first), _FURTHEST) if _is_number(first) else None
        if verb in "JK":
            self._erase_more(count or 0, below=verb == "J")
        else:
            self._move(count or 1, verb)

    def _move(self, count: int, verb: str) -> None:
        if verb == "A":
            self._go(max(0, self._at - count))
        elif verb == "B":
            for _ in range(count):
                self._down(self._column)
        elif verb == "C":
            self._column += count
        elif verb == "D":
            self._column = max(0, self._column - count)
        elif verb == "G":
            self._column = count - 1

    def _erase_more(self, part: int, *, below: bool) -> None:
        """The cursor's line, or with `below` the screen."""
        if below and part:
            self._rows = [[]]
            self._at = self._column = self._width = 0
            return
        if below:
            del self._rows[self._at + 1 :]
        self._erase(part)

    def _erase(self, part: int) -> None:
        """The rest of the line (0), what stands before the cursor (1), or all of it (2)."""
        row = self._rows[self._at]
        left = [] if part else _cut(row, 0, self._column)
        right = _cut(row, self._column + 1, self._width) if part == 1 else []
        gap = [(" " * (self._column + 1), "")] if right else []
        row[:] = [*left, *gap, *right]
        self._width = _width(row)

    def _down(self, column: int = 0) -> None:
        if self._at == len(self._rows) - 1:
            self._rows.append([])
        self._go(self._at + 1)
        self._column = column

    def _go(self, row: int) -> None:
        self._at = row
        self._width = _width(self._rows[row])


def as_shown(text: str) -> str:
    """A whole text as a terminal would show it."""
    screen = Screen()
    screen.write(text)
    return screen.text()


def _width(row: list[Run]) -> int:
    return sum(columns_of(text) for text, _ in row)


def _is_blank(row: list[Run]) -> bool:
    """Whether nothing is seen in it: a bar that was cleared leaves spaces."""
    return all(not style and not text.strip(" ") for text, style in row)


def _cut(row: list[Run], start: int, end: int) -> list[Run]:
    """The columns [start, end) of a row."""
    cut: list[Run] = []
    column = 0
    for text, style in row:
        piece = part(text, start - column, end - column)
        if piece:
            cut.append((piece, style))
        column += columns_of(text)
    return cut


def _joined(row: list[Run]) -> str:
    """A row as text, a code wherever the style changes, and none left open at its end."""
    parts: list[str] = []
    before = ""
    for text, style in row:
        if style != before:
            parts.append(f"\x1b[{'0' if before else ''}{';' if before and style else ''}{style}m")
            before = style
        parts.append(text)
    if before:
        parts.append("\x1b[0m")
    return "".join(parts)


# --- what the codes of colour and weight mean ---

_OFF = {"22": ("1", "2"), "23": ("3",), "24": ("4",), "27": ("7",), "28": ("8",), "29": ("9",), "39": (), "49": ()}


def styled(style: str, given: str) -> str:
    """The codes that hold once those `given` are obeyed, in order and without repetition.

    Examples:
        >>> styled("", "1;31"), styled("1;31", "32"), styled("1;32", "22"), styled("1;32", "0")
        ('1;31', '1;32', '32', '')
        >>> styled("31", "38;5;200;4")
        '4;38;5;200'
    """
    held = dict(_pieces(style)) if style else {}
    for slot, code in _pieces(given):
        if code in ("", "0"):
            held.clear()
        elif code in _OFF:
            for off in (*_OFF[code], *((slot,) if not _OFF[code] else ())):
                held.pop(off, None)
        else:
            held[slot] = code
    return ";".join(held[slot] for slot in sorted(held, key=lambda slot: (slot in ("fg", "bg"), slot)))


def _pieces(codes: str) -> list[tuple[str, str]]:
    """(slot, code) of each piece; a colour of several numbers is one piece."""
    numbers = re.split("[;:]", codes)
    found: list[tuple[str, str]] = []
    while numbers:
        number = numbers.pop(0).lstrip("0")
        if number in ("38", "48"):
            size = {"5": 2, "2": 4}.get(numbers[0] if numbers else "", len(numbers))
            piece, numbers = numbers[:size], numbers[size:]
            if len(piece) == size and size in (2, 4) and piece[0] in "52" and all(map(_is_number, piece)):
                found.append(("fg" if number == "38" else "bg", ";".join([number, *piece])))
        elif not number or number in _OFF or number in ("1", "2", "3", "4", "7", "8", "9"):
            slot = {"39": "fg", "49": "bg"}.get(number, number)
            found.append((slot, number))
        elif re.fullmatch("[39][0-7]", number):
            found.append(("fg", number))
        elif re.fullmatch("(4|10)[0-7]", number):
            found.append(("bg", number))
    return found


def _is_number(text: str) -> bool:
    """Whether it is one that a terminal heeds; Python refuses to read thousands of digits."""
    return text.isdigit() and len(text) < 9
