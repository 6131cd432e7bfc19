"""HTML -> whether it stays in its place, on a page that shows it beside other things: `stays_in_place`.

Browsers read any text as HTML and mend it by rules of their own, so that two readers see
different elements in it. Here only what is written as the standard says is read (WHATWG
HTML, 13.1 and 13.2.6.5); a page with anything else does not count as one that stays.
"""

from __future__ import annotations

import re
from html import unescape

_TAG = r"<{}([a-zA-Z][a-zA-Z0-9:._-]*+){}[ \t\n\r\f]*+{}>"
_ATTRIBUTE = r"[ \t\n\r\f]++{}(?:[ \t\n\r\f]*+=[ \t\n\r\f]*+{})?+"
_NAME, _VALUE = r"""[^\s"'<>/=\0-\x1f]++""", r"""(?:"[^"]*+"|'[^']*+'|[^\s"'<>=`]++)"""
_START = re.compile(_TAG.format("", f"((?:{_ATTRIBUTE.format(_NAME, _VALUE)})*+)", "(/?)"))
_END = re.compile(_TAG.format("/", "", ""))
_TEXT = re.compile(r"[^<]++|<(?=[^a-zA-Z/!?])|<!--(?!-?>)(?:[^<>-]|-(?!->))*+-->")
_ATTRIBUTES = re.compile(_ATTRIBUTE.format(f"({_NAME})", f"({_VALUE})"))

_VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
_LIVE = {
    "script", "iframe", "frame", "frameset", "object", "embed", "applet", "form", "video", "audio", "portal",
    "html", "head", "body", "base", "meta", "link", "plaintext", "template", "canvas", "button", "input", "select",
    "textarea", "noscript", "marquee", "xmp", "noembed", "noframes",
    "foreignobject", "annotation-xml", "mglyph", "malignmark",  # HTML again, within SVG and MathML
}  # fmt: skip

_ROWS = {"table", "thead", "tbody", "tfoot", "tr", "colgroup"}  # elements in which nothing stands but cells and rows
_CELLS = {"caption", "td", "th"}
_OF_TABLES = {*_ROWS, *_CELLS, "col"} - {"table"}

# what need not be closed -> the elements whose end closes it
_ENDS_WITH = {
    "li": {"ul", "ol", "menu"}, "dt": {"dl"}, "dd": {"dl"}, "td": _ROWS, "th": _ROWS, "tr": _ROWS - {"tr"},
    "thead": {"table"}, "tbody": {"table"}, "tfoot": {"table"}, "colgroup": {"table"}, "caption": {"table"},
    "p": {"div", "td", "th", "li", "dd", "blockquote", "section", "article"},
}  # fmt: skip

# what begins -> the elements right before it that end then
_ITEMS = {"li": {"li"}, "dt": {"dt", "dd"}, "dd": {"dt", "dd"}}
_LISTS = {"ul", "ol", "menu", "dl"}
_BEFORE = dict.fromkeys(("caption", "colgroup", "thead", "tbody", "tfoot"), _OF_TABLES) | _ITEMS | {
    "tr": {*_CELLS, "tr", "colgroup"}, "td": {"td", "th"}, "th": {"td", "th"}, "p": {"p"},
}  # fmt: skip

_HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}  # any of them ends any other
_WORDS_ONLY = {"style", "title", "desc"}  # elements in which nothing stands but text; the last two only in SVG

_PICTURES = {"svg", "math"}  # the elements in which `<x/>` closes itself
_WORDS_IN_MATH = {"mi", "mo", "mn", "ms", "mtext"}  # and those in them in which it does not
_OF_THE_OTHER = {"svg": {"math", *_WORDS_IN_MATH}, "math": {"svg", "title", "desc"}}  # no picture in another
_LEAVES_PICTURES = {*_VOID, *_ENDS_WITH, *_HEADINGS} | {
    "b", "big", "blockquote", "center", "code", "div", "dl", "em", "font", "i", "listing", "menu", "nobr", "ol",
    "pre", "ruby", "s", "small", "span", "strike", "strong", "sub", "sup", "table", "tt", "u", "ul", "var",
}  # fmt: skip

_DEEPEST = 256  # open elements; browsers put what lies much deeper elsewhere


def stays_in_place(page: str) -> bool:
    """Whether HTML runs nothing, loads no page of its own and closes every element it opens.

    Examples:
        >>> stays_in_place("<p>1 &lt; 2</p>"), stays_in_place("<p>1 < 2"), stays_in_place("<script>1</script>")
        (True, False, False)
    """
    open_elements: list[str] = []
    at = 0
    while at < len(page):
        found = _TEXT.match(page, at) or _END.match(page, at) or _START.match(page, at)
        if found is None or not _goes_on(found, open_elements):
            return False
        at = found.end()
    return not open_elements


def _goes_on(piece: re.Match[str], around: list[str]) -> bool:
    """Whether a piece of HTML is quiet where it stands; `around`, the elements that are open, is kept."""
    if piece.re is _TEXT:
        return piece[0][:2] != "<!" or _WORDS_ONLY.isdisjoint(around[-1:])
    tag = piece[1].lower()
    if piece.re is _END:
        while around and around[-1] != tag and tag in _ENDS_WITH.get(around[-1], ()):
            around.pop()
        return bool(around) and around.pop() == tag
    while around and around[-1] in _BEFORE.get(tag, ()):
        around.pop()
    if len(around) == _DEEPEST or not _may_stand(tag, around):
        return False
    if tag not in _VOID and not (piece[3] and _closes_itself(tag, around)):
        around.append(tag)
    return all(map(_is_quiet, _ATTRIBUTES.finditer(piece[2])))


def _may_stand(tag: str, around: list[str]) -> bool:
    """Whether browsers leave an element where it stands."""
    above = around[-1] if around else ""
    if above in _ROWS:
        return tag in _OF_TABLES or tag == "style"
    if tag in _LIVE or above in _WORDS_ONLY or tag in _OF_TABLES:
        return False
    if tag in _ITEMS and _innermost(around, _ITEMS[tag] | _LISTS) in _ITEMS[tag]:  # it ends what is between, too
        return False
    if tag in _HEADINGS and not _HEADINGS.isdisjoint(around):
        return False
    if tag in ("title", "desc") and "svg" not in around:
        return False
    pictures = _PICTURES.intersection(around)
    return not pictures or not (tag in _LEAVES_PICTURES or any(tag in _OF_THE_OTHER[one] for one in pictures))


def _innermost(around: list[str], kinds: set[str]) -> str:
    return next((one for one in reversed(around) if one in kinds), "")


def _closes_itself(tag: str, around: list[str]) -> bool:
    """Whether `<x/>` is an element without an end."""
    return tag in _PICTURES or _innermost(around, _PICTURES | _WORDS_IN_MATH) in _PICTURES


def _is_quiet(attribute: re.Match[str]) -> bool:
    """Whether an attribute runs nothing; browsers drop spaces and control characters from addresses."""
    value = "".join(character for character in unescape(attribute[2] or "") if character > " ").lower()
    loud = any(scheme in value for scheme in ("javascript:", "vbscript:", "data:text/html"))
    return not loud and not attribute[1].lower().startswith("on")
