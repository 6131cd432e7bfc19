"""What must hold for a result wherever it is shown. Each check is fed a lie in test_checks_can_fail.py."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tests.browser.tools import HERE, PACKAGES

RESULT = ".dualcell-v1"
LEGIBLE = 4.5  # WCAG 2.2, level AA, for text of ordinary size
_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:e[+-]?\d+)?")
_AXE = """async (scope) => (await axe.run({include: [scope]}, {resultTypes: ["violations"]})).violations.map(
    (found) => `${found.id}: ${found.help}: ` + found.nodes.map((node) => node.html.slice(0, 120)).join(" | "))"""


@cache
def source(name: str) -> str:
    """A script of this folder."""
    return (HERE / name).read_text(encoding="utf-8")


def unfold(place: Any) -> int:
    """Open every `<details>`; how many there were."""
    return place.evaluate("() => [...document.querySelectorAll('details')].map((one) => (one.open = true)).length")


def contrasts(place: Any, scope: str = RESULT) -> list[dict[str, Any]]:
    """The colours of every visible piece of text within `scope` of a page or frame."""
    roots = place.query_selector_all(scope)
    assert roots, f"nothing here is {scope}"
    return [one for root in roots for one in root.evaluate(source("contrast.js"))]


def assert_legible(place: Any, scope: str = RESULT) -> list[dict[str, Any]]:
    """Every text stands out from what is behind it; what was looked at."""
    found = contrasts(place, scope)
    assert found, f"{scope} shows no text"
    faint = [one for one in found if one["contrast"] < LEGIBLE]
    assert faint == [], f"{len(faint)} of {len(found)} texts have a contrast below {LEGIBLE}: {faint[:5]}"
    return found


def assert_accessible(place: Any, scope: str = RESULT) -> None:
    """axe-core has nothing to say of what `scope` selects."""
    if not place.evaluate("() => 'axe' in window"):
        place.add_script_tag(path=PACKAGES / "axe-core" / "axe.min.js")
    violations = place.evaluate(_AXE, scope)
    assert violations == [], "axe-core found:\n" + "\n".join(violations)


def rows(place: Any, scope: str = "table") -> list[list[str]]:
    """The cells' texts of every row of every table within `scope`, also of those in shadow trees."""
    return place.locator(f"{scope} tr").evaluate_all(
        "(all) => all.map((row) => [...row.cells].map((cell) => cell.textContent.replace(/\\s+/g, ' ').trim()))"
    )


def assert_told(table: Iterable[list[str]], facts: Iterable[Mapping[str, Any]]) -> None:
    """Every row of a report stands in one row of a table: its name, its verdict in words, its largest difference.

    Args:
        table: the cells of each row, as `rows` reads them.
        facts: the rows of a report, as an output's metadata hold them.
    """
    lines = [" ".join(cells) for cells in table]
    for fact in facts:
        told = [line for line in lines if fact["name"] in line and fact["verdict"] in line]
        assert told, f"no row of the table says that {fact['name']} is {fact['verdict']}: {lines}"
        if fact["max_abs"]:
            assert any(_holds(line, fact["max_abs"]) for line in told), f"max abs {fact['max_abs']} is not in {told}"


def _holds(line: str, number: float) -> bool:
    """Whether a number stands in a line, with one digit or more."""
    return any(abs(float(written) - number) <= 0.05 * number for written in _NUMBER.findall(line))


def assert_inert(place: Any, scope: str = RESULT) -> None:
    """Nothing within `scope` runs or was made from a hostile name, and nothing has run."""
    assert place.evaluate("() => window.struck") is None, "a script ran"
    alive = place.evaluate(
        """(scope) => [...document.querySelectorAll(`${scope} *`)].filter((one) =>
            one.matches("script, iframe, object, embed, img:not([src^='data:']), h1") ||
            /^\\s*javascript:/i.test(one.getAttribute("href") || "") ||
            [...one.attributes].some((attribute) => attribute.name.startsWith("on"))).map((one) => one.outerHTML)""",
        scope,
    )
    assert alive == [], f"this could run: {alive}"


def screenshot(place: Any, path: Path) -> None:
    """A picture without what blinks."""
    place.screenshot(path=path, animations="disabled", caret="hide")
