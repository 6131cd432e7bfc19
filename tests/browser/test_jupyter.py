"""A real JupyterLab and a real Notebook 7, used as people use them."""

from __future__ import annotations

import subprocess
import sys

import nbformat
import pytest

from tests.browser import checks, hostile
from tests.browser.demo import jupyter_environment
from tests.browser.jupyter import ADDRESSES, FrontEnd, write

SETUP = "%load_ext dualcell\nimport keras\nimport numpy as np\nimport pathlib\nimport time\nimport torch"
CELL = """\
%%dual y "kernel = dense.kernel ~ linear.weight.T" --seed 0
x = np.ones((2, 3), "float32")
# --- keras ---
dense = keras.layers.Dense(1)
y = 2 * dense(x)
# --- torch ---
linear = torch.nn.Linear(3, 1)
linear.weight.data[:] = torch.as_tensor(dense.kernel.numpy().T)
linear.bias.data[:] = 0
y = linear(torch.as_tensor(x))"""
SLOW = """\
%%dual z
# --- keras ---
print("keras begins")
z = keras.ops.ones((2,))
print("keras ends")
# --- torch ---
print("torch begins")
while not pathlib.Path(GO).exists(): time.sleep(0.1)
z = torch.ones(2)
print("torch ends")"""
OUTPUT = ".jp-OutputArea-output:has(table)"  # a sanitizer may take a result's class
THEMES = ("Light", "Dark")


@pytest.fixture(scope="module", params=ADDRESSES)
def front(request):
    return request.param


@pytest.fixture(scope="module")
def live(front, jupyter, chromium):
    """A notebook in which CELL was typed and run."""
    address, folder = jupyter
    name = f"{front}.ipynb"
    write(folder / "files" / name, *[nbformat.v4.new_code_cell(text) for text in (SETUP, "", "")])
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    opened = FrontEnd(page, address, front, name)
    page.errors = []  # those of the front end's own start are not ours
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("console", lambda said: page.errors.append(said.text) if said.type == "error" else None)
    opened.wait_for_kernel()
    opened.run(0)
    opened.write(1, CELL)
    opened.run(1)
    opened.wait_until_run(1)
    yield opened
    page.close()


def test_a_typed_cell_shows_its_table(live):
    result = live.cell(1).locator(checks.RESULT)
    assert result.count() == 1
    assert result.locator("table").first.is_visible()
    facts = [{"name": "y", "verdict": "differs", "max_abs": 0}, {"name": "kernel", "verdict": "equal", "max_abs": 0}]
    checks.assert_told(checks.rows(live.page, checks.RESULT), facts)
    assert live.page.errors == []


def test_a_row_unfolds_by_keyboard_and_says_the_cause(live):
    fold = live.cell(1).locator(f"{checks.RESULT} details").first
    said = fold.locator("dl").first
    live.page.evaluate("() => document.querySelectorAll('details').forEach((one) => (one.open = false))")
    assert not said.is_visible()
    fold.locator("summary").first.focus()
    live.page.keyboard.press("Space")
    said.wait_for()
    assert "evidence" in said.inner_text()
    live.page.keyboard.press("Space")
    said.wait_for(state="hidden")
    assert live.page.errors == []


def test_both_lanes_show_what_is_printed_while_the_cell_runs(live, jupyter):
    go = jupyter[1] / "files" / f"go-{live.name}"  # until it is there, the second block waits
    live.write(2, SLOW.replace("GO", repr(go.name)))
    live.run(2)
    shown = live.cell(2).locator(".jp-Cell-outputArea")  # the printed words stand in the source too
    keras, torch = (shown.get_by_role("heading", name=side, exact=True) for side in ("keras", "torch"))
    shown.get_by_text("torch begins").wait_for()
    assert shown.get_by_text("keras ends").is_visible()
    left, right = keras.bounding_box(), torch.bounding_box()
    assert left["y"] == right["y"]
    assert left["x"] + left["width"] < right["x"]
    go.touch()
    live.wait_until_run(2)
    told = shown.inner_text()
    lines = ["keras begins", "keras ends", "torch begins", "torch ends"]
    assert [line for line in lines if told.count(line) != 1] == []  # in place: nothing is lost, nothing stands twice
    checks.assert_told(checks.rows(live.page, checks.RESULT), [{"name": "z", "verdict": "equal", "max_abs": 0}])
    checks.assert_accessible(live.page, ".jp-OutputArea-output:has(h2, [role=heading])")
    assert live.page.errors == []


@pytest.mark.parametrize("theme", THEMES)
def test_the_result_follows_the_theme_without_running_again(live, theme):
    live.theme("Light" if theme == "Dark" else "Dark")
    checks.unfold(live.page)
    live.theme(theme)
    seen = checks.assert_legible(live.page)
    dark_behind = [sum(one["background"]) < 384 for one in seen]
    assert all(dark_behind) if theme == "Dark" else not any(dark_behind)
    checks.assert_accessible(live.page)
    assert live.page.errors == []


def test_on_a_narrow_screen_the_table_scrolls_and_the_notebook_does_not(live):
    live.page.set_viewport_size({"width": 420, "height": 900})
    try:
        cell = live.page.locator(".jp-Cell", has=live.page.locator(checks.RESULT)).first
        assert cell.evaluate("(one) => one.scrollWidth <= one.clientWidth")
        checks.assert_legible(live.page)
    finally:
        live.page.set_viewport_size({"width": 1280, "height": 900})


@pytest.mark.parametrize("trusted", [True, False], ids=["trusted", "untrusted"])
def test_a_stored_notebook_reads_as_a_table_with_all_facts(jupyter, front, demo, open_page, trusted):
    address, folder = jupyter
    name = f"demo-{front}-{trusted}.ipynb"
    target = folder / "files" / name
    # what is trusted is known by its content: each copy has its own
    title = nbformat.v4.new_markdown_cell(name)
    write(target, title, *nbformat.read(demo.path, as_version=4).cells)
    if trusted:
        command = [sys.executable, "-m", "jupyter", "trust", str(target)]
        subprocess.run(command, env=jupyter_environment(folder), check=True, capture_output=True)
    page = open_page(height=20_000)  # front ends draw the cells that are on the screen
    shown = FrontEnd(page, address, front, name)
    page.locator(OUTPUT).nth(demo.tables - 1).wait_for()
    assert (page.locator(f"{OUTPUT} style").count() > 0) == trusted
    checks.assert_told(checks.rows(page, OUTPUT), demo.facts)
    for theme in THEMES:
        shown.theme(theme)
        checks.unfold(page)
        checks.assert_legible(page, OUTPUT)


@pytest.mark.parametrize("theme", THEMES)
def test_hostile_names_stay_text_when_the_file_is_not_trusted(jupyter, front, open_page, theme):
    html = hostile.result()._repr_mimebundle_()[0]["text/html"]
    data = {"text/html": html + "<script>window.struck = 1</script><img src=x onerror='window.struck = 1'>"}
    outputs = [nbformat.v4.new_output("display_data", data=data)]
    name = f"hostile-{front}-{theme}.ipynb"
    write(jupyter[1] / "files" / name, nbformat.v4.new_code_cell("result", outputs=outputs, execution_count=1))
    page = open_page(width=1600)
    FrontEnd(page, jupyter[0], front, name).theme(theme)
    page.locator(OUTPUT).wait_for()
    checks.unfold(page)
    checks.assert_inert(page, f"{OUTPUT} :not(img)")
    checks.assert_legible(page, OUTPUT)
