"""Text stays legible on every tint, in every host's light and dark theme: WCAG 2.2, contrast (minimum), level AA.

Computed from the colours in the code; `tests/browser` measures the same in a page.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import dualcell
from dualcell.comparison import VERDICTS
from dualcell.render.html import TINTS
from dualcell.render.scale import BARS, MARK

RENDER = Path(dualcell.__file__).parent / "render"
STYLE, LANES, CODE = ((RENDER / f"{name}.css").read_text(encoding="utf-8") for name in ("table", "lanes", "code"))
LEGIBLE, VISIBLE = 4.5, 3.0  # of text, and of what is drawn

# page and text, as the hosts' own style sheets have them
HOSTS = {
    "JupyterLab light": ("#ffffff", "rgba(0,0,0,0.87)"),
    "JupyterLab dark": ("#111111", "rgba(255,255,255,1)"),
    "VS Code light": ("#ffffff", "#3b3b3b"),
    "VS Code dark": ("#1f1f1f", "#cccccc"),
    "VS Code high contrast": ("#000000", "#ffffff"),
    "VS Code high contrast light": ("#ffffff", "#292929"),
    "Colab light": ("#ffffff", "#212121"),
    "Colab dark": ("#383838", "#d5d5d5"),
    "GitHub light": ("#ffffff", "#1f2328"),
    "GitHub dark": ("#0d1117", "#e6edf3"),
    "pydata dark": ("#14181e", "#ced6dd"),
}  # fmt: skip
each_host = pytest.mark.parametrize("host", HOSTS)


def read(colour):
    """Red, green, blue from 0 to 255 and the opacity."""
    if colour.startswith("#"):
        return (*(int(colour[at : at + 2], 16) for at in (1, 3, 5)), 1.0)
    red, green, blue, opacity = re.fullmatch(r"rgba\((.*)\)", colour)[1].split(",")
    return int(red), int(green), int(blue), float(opacity)


def over(colour, behind, opacity=1.0):
    """What a colour looks like on an opaque one."""
    *parts, own = read(colour)
    share = own * opacity
    return tuple(share * part + (1 - share) * under for part, under in zip(parts, behind, strict=True))


def mixed(share, first, second):
    """CSS's `color-mix(in srgb, first share%, second)`: each counts as much as it is opaque."""
    (*one, thick), (*other, thin) = first, second
    opacity = share * thick + (1 - share) * thin
    parts = ((share * thick * a + (1 - share) * thin * b) / opacity for a, b in zip(one, other, strict=True))
    return (*parts, opacity)


def laid(colour, behind):
    """What a colour, as `read` gives it, looks like on an opaque one."""
    *parts, share = colour
    return tuple(share * part + (1 - share) * under for part, under in zip(parts, behind, strict=True))


MIX = r"color-mix\(in srgb, {} (\d+)%, (#\w{{6}}|transparent)\)"
CLEAR_BLACK = (0, 0, 0, 0.0)


def mixes_of_text(style):
    """Every (share of the host's text, colour) that texts have in a style sheet."""
    found = re.findall(r"(?<![-\w])color: " + MIX.format("currentColor"), style)
    assert len(found) > 4
    return [(int(share) / 100, CLEAR_BLACK if colour == "transparent" else read(colour)) for share, colour in found]


def luminance(colour):
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in (c / 255 for c in colour)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def of_text(host, *layers, opacity=1.0):
    """The contrast of a host's text on tints laid over its page."""
    page, text = HOSTS[host]
    behind = read(page)[:3]
    for layer in layers:
        behind = over(layer, behind)
    return contrast(over(text, behind, opacity), behind)


def test_the_arithmetic_is_that_of_the_standard():
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert contrast((119, 119, 119), (255, 255, 255)) == pytest.approx(4.48, abs=0.01)  # just not enough


@each_host
@pytest.mark.parametrize("verdict", VERDICTS)
def test_a_verdict_is_legible_on_its_tint(host, verdict):
    assert of_text(host, TINTS[verdict]) >= LEGIBLE


@each_host
@pytest.mark.parametrize(
    ("style", "tint"), [(LANES, "rgba(220,38,38,0.12)"), (CODE, TINTS["differs"])], ids=["lanes", "code"]
)
def test_coloured_text_is_legible(host, style, tint):
    """As terminals colour it and as code is coloured: on the page, on stderr and on lines that fail."""
    page, text = (read(colour) for colour in HOSTS[host])
    for behind in (page[:3], over(tint, page[:3])):
        for share, colour in mixes_of_text(style):
            assert contrast(laid(mixed(share, text, colour), behind), behind) >= LEGIBLE, (share, colour, behind)


@each_host
def test_text_on_the_colours_of_a_terminal_is_legible(host):
    grounds = re.findall(r"background-color: color-mix\(in srgb, (#\w{6}) (\d+)%, transparent\)", LANES)
    layers = [
        f"rgba({','.join(str(part) for part in read(colour)[:3])},{int(share) / 100})" for colour, share in grounds
    ]
    layers += re.findall(r"background-color: (rgba\([^)]*\))", LANES)
    assert len(layers) == 9
    for layer in layers:
        assert of_text(host, layer) >= LEGIBLE, layer


@each_host
def test_faded_text_is_legible(host):
    faded = [float(found) for found in re.findall(r"opacity: ([\d.]+)", STYLE)]
    assert faded
    assert of_text(host, opacity=min(faded)) >= LEGIBLE
    assert of_text(host, "rgba(128,128,128,0.1)", opacity=min(faded)) >= LEGIBLE  # a row the mouse is on


@each_host
@pytest.mark.parametrize("colour", [*BARS.values(), MARK])
def test_a_bar_and_the_mark_of_the_tolerance_are_seen(host, colour):
    page = read(HOSTS[host][0])[:3]
    assert contrast(over(colour, page), page) >= VISIBLE


def test_the_text_keeps_the_colour_of_its_host():
    """A colour of our own would be wrong in some theme; only tints are ours."""
    colours = re.findall(r"(?<![-\w])color:\s*([^;}]+)", STYLE)
    assert set(colours) == {"inherit"}


def test_the_theme_is_never_guessed_from_the_system():
    assert "prefers-color-scheme" not in STYLE
    assert "light-dark(" not in STYLE


def test_every_rule_is_for_our_own_elements_alone():
    rules = re.sub(r"(?s)/\*.*?\*/|@media[^{]*\{|\n\}", "", STYLE)
    selectors = [one.strip() for rule in re.findall(r"([^{}]+)\{", rules) for one in rule.split(",")]
    assert len(selectors) > 20
    assert [one for one in selectors if not re.match(r"((html|body)\S* )?\.dualcell-v1\b", one)] == []
