"""Two lanes in a real JupyterLab and a real Notebook 7, while their cell runs and after it."""

from __future__ import annotations

import nbformat
import pytest

from tests.browser import checks
from tests.browser.jupyter import ADDRESSES, FrontEnd, write

SETUP = "%load_ext dualcell\nimport numpy as np\nimport sys, time"
CELL = """\
%%dual y
# --- numpy: left ---
y = np.ones(3)
for step in range(40):
    print("\\rstep", step, end="", file=sys.stderr)
    time.sleep(0.1)
print("\\x1b[31mred\\x1b[0m \\x1b[32mgreen\\x1b[0m \\x1b[33myellow\\x1b[0m \\x1b[34mblue\\x1b[0m")
# --- numpy: right ---
y = np.ones(3)
print("a wide line " * 40)
for step in range(100):
    print("line", step)
    time.sleep(0.04)"""
LANES, LANE = ".dualcell-lanes", ".dualcell-lane"


@pytest.fixture(scope="module", params=ADDRESSES)
def running(request, jupyter, chromium):
    """A notebook in which CELL has run."""
    opened = opened_and_run(request.param, f"{request.param}.ipynb", jupyter, chromium, CELL)
    yield opened
    opened.page.close()


def opened_and_run(front_end, name, jupyter, chromium, cell):
    address, folder = jupyter
    write(folder / "files" / name, nbformat.v4.new_code_cell(SETUP), nbformat.v4.new_code_cell(cell))
    page = chromium.new_page(viewport={"width": 1280, "height": 1600})
    opened = FrontEnd(page, address, front_end, name)
    opened.wait_for_kernel()
    for number in (0, 1):
        opened.run(number)
        opened.wait_until_run(number)
    return opened


# at once, as live lanes are new elements ten times a second
BOXES = """(cell, selector) => [...cell.querySelectorAll(selector)].map(lane => {
    const pre = lane.querySelector("pre")
    return [lane, pre, pre && pre.parentElement].map(element => {
        const {x, y, width, height} = element ? element.getBoundingClientRect() : {}
        return {x, y, width, height}
    })
})"""


def boxes(front):
    """Where both lanes are."""
    found = front.cell(1).evaluate(BOXES, LANE)
    assert len(found) == 2
    return [lane for lane, _, _ in found]


def test_lanes_are_side_by_side_while_the_cell_runs_and_become_the_result(running):
    cell = running.cell(1)
    running.run(1)
    cell.get_by_text("running").first.wait_for()
    left, right = boxes(running)
    assert left["x"] + left["width"] <= right["x"]
    assert abs(left["width"] - right["width"]) < 3
    assert cell.get_by_text("waiting").count() == 1
    assert cell.locator("table").count() == 0
    cell.get_by_text("step 1").first.wait_for()  # the bar goes on in its place
    assert cell.locator(f"{LANE} pre").count() == 1
    cell.get_by_text("line 45").first.wait_for()
    _, last, box = cell.evaluate(BOXES, LANE)[1]
    assert abs(last["y"] + last["height"] - box["y"] - box["height"]) < 3  # its end is what is seen
    assert last["height"] > box["height"] + 100
    running.wait_until_run(1)
    assert cell.locator(".jp-OutputArea-child").count() == 1
    assert cell.locator(f"{LANE} pre").nth(0).inner_text().strip() == "step 39"
    assert "line 99" in cell.locator(LANE).nth(1).inner_text()
    assert cell.locator("table").count() >= 1
    checks.assert_accessible(running.page, LANES)


@pytest.mark.parametrize("theme", ["Dark", "Light"])
def test_lanes_are_legible(running, theme):
    running.wait_until_run(1)
    running.theme(theme)
    checks.assert_legible(running.page, LANES)


def test_wide_and_long_text_scrolls_in_its_lane(running):
    running.wait_until_run(1)
    text = running.cell(1).locator(LANE).nth(1).locator("pre").locator("..")
    assert text.evaluate("(one) => one.scrollWidth > one.clientWidth && one.scrollHeight > one.clientHeight")
    assert running.cell(1).evaluate("(one) => one.scrollWidth <= one.clientWidth")


def test_on_a_narrow_screen_lanes_stack(running):
    running.wait_until_run(1)
    running.page.set_viewport_size({"width": 420, "height": 1600})
    try:
        upper, lower = boxes(running)
        assert upper["y"] + upper["height"] <= lower["y"]
    finally:
        running.page.set_viewport_size({"width": 1280, "height": 1600})


WIDGETS = """\
%%dual y
# --- numpy: left ---
import ipywidgets
from IPython.display import clear_output
print("important before")
taken = ipywidgets.Output()
with taken:
    print("gone")
    clear_output()
    print("in the widget")
    time.sleep(0.6)
display(taken)
y = np.ones(3)
# --- numpy: right ---
ipywidgets.interact(lambda a: print("interact", a), a=(0, 5))
print("important after")
y = np.ones(3)"""


@pytest.mark.parametrize("front_end", ADDRESSES)
def test_output_widgets_show_what_they_took_below_the_lanes(front_end, jupyter, chromium):
    opened = opened_and_run(front_end, f"widgets-{front_end}.ipynb", jupyter, chromium, WIDGETS)
    cell = opened.cell(1)
    outputs = cell.locator(".widget-output")
    outputs.get_by_text("interact 2").wait_for()
    assert [outputs.nth(index).inner_text().strip() for index in range(outputs.count())] == [
        "in the widget",
        "interact 2",
    ]
    lanes = cell.locator(LANE)
    assert [lanes.nth(index).locator("pre").inner_text().strip() for index in (0, 1)] == [
        "important before",
        "important after",
    ]
    assert cell.locator("table").count() >= 1
    assert lanes.nth(0).bounding_box()["y"] < outputs.nth(0).bounding_box()["y"]
    opened.page.close()
