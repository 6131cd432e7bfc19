"""Take pictures of the real front ends for the README: `make screenshots`. Look at each before it is committed."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat

from tests.browser import checks, tools, vscode
from tests.browser.conftest import QUIET
from tests.browser.demo import executed
from tests.browser.jupyter import FrontEnd, server, write

SETUP = "%load_ext dualcell\nimport keras, time, torch\nimport numpy as np\nfrom torch import nn"
CELL = """\
%%dual logits loss "kernel = dense.kernel ~ linear.weight.T" --seed 0
x = np.random.rand(4, 8).astype("float32")
# --- keras ---
dense = keras.layers.Dense(3)
logits = dense(x)
loss = keras.ops.sum(logits ** 2)
# --- torch ---
linear = nn.Linear(8, 3)
linear.weight.data[:] = torch.as_tensor(dense.kernel.numpy().T)
linear.bias.data.zero_()
logits = linear(torch.as_tensor(x))
loss = (logits ** 2).mean()"""
LIVE = """\
%%dual weight --seed 0
x = np.random.rand(256, 8).astype("float32")
target = x.sum(1, keepdims=True)
# --- keras ---
model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(1, kernel_initializer="zeros")])
model.compile("sgd", "mse")
history = model.fit(x, target, batch_size=256, epochs=4, shuffle=False, verbose=2)
weight = model.layers[0].kernel
# --- torch ---
linear = nn.Linear(8, 1)
nn.init.zeros_(linear.weight), nn.init.zeros_(linear.bias)
optimizer = torch.optim.SGD(linear.parameters(), lr=0.01)
for epoch in range(1, 5):
    loss = nn.functional.mse_loss(linear(torch.as_tensor(x)), torch.as_tensor(target))
    optimizer.zero_grad(), loss.backward(), optimizer.step()
    print(f"epoch {epoch}: loss {loss.item():.4f}")
    time.sleep(2)  # so that it can be watched
weight = linear.weight.T"""
SECONDS = 1000  # in milliseconds


@contextmanager
def pages() -> Iterator[Any]:
    """Opens pages of a given width, drawn finely."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=tools.chromium(), args=QUIET)

        def opened(width: int, height: int) -> Any:
            return browser.new_page(viewport={"width": width, "height": height}, device_scale_factor=1.5)

        yield opened
        browser.close()


def take_in_lab(opened: Any, folder: Path, target: Path) -> None:
    """The result light, dark and narrow, and both lanes while a cell runs."""
    with server(folder) as address:
        write(folder / "files" / "port.ipynb", *[nbformat.v4.new_code_cell(text) for text in (SETUP, CELL, LIVE)])
        page = opened(1180, 2000)
        lab = FrontEnd(page, address, "lab", "port.ipynb")
        page.evaluate("() => window.jupyterapp.shell.collapseLeft()")
        lab.wait_for_kernel()
        for number in (0, 1):
            lab.run(number)
            lab.wait_until_run(number)
        fold = lab.cell(1).locator("details").filter(has_text="evidence").first
        fold.locator("summary").first.press("Enter")
        lab.run(2)
        lab.cell(0).locator(".jp-InputPrompt").click()  # no frame around what is shown
        lab.cell(2).locator(".jp-Cell-outputArea").get_by_text("epoch 3: loss").wait_for()
        picture(page, lab.cell(2), target / "jupyterlab-lanes.png")
        lab.wait_until_run(2)
        for theme, name in (("Light", "jupyterlab-light.png"), ("Dark", "jupyterlab-dark.png")):
            lab.theme(theme)
            picture(page, lab.cell(1), target / name)
        page.set_viewport_size({"width": 460, "height": 2000})
        lab.theme("Light")
        picture(page, lab.cell(1).locator(checks.RESULT).first, target / "jupyterlab-narrow.png")


def take_in_vscode(opened: Any, folder: Path, target: Path) -> None:
    """Two cells of the executed demo in VS Code."""
    demo = executed(folder)
    notebook = nbformat.read(demo.path, as_version=4)
    begin = next(place for place, cell in enumerate(notebook.cells) if cell.source.startswith("## A convolution"))
    notebook.cells = notebook.cells[begin : begin + 4]
    shown = folder / "shown"
    shown.mkdir()
    nbformat.write(notebook, shown / demo.path.name)
    with vscode.workbench(shown, folder / "workbench.log") as address:
        page = opened(1180, 1150)
        vscode.open_notebook(page, address, theme="dark", shown="2 of 2 rows failed")
        page.keyboard.press("Control+b")
        page.wait_for_timeout(3 * SECONDS)
        page.screenshot(path=target / "vscode-dark.png", scale="css")


def picture(page: Any, place: Any, path: Path) -> None:
    """A picture of one place of a page."""
    page.mouse.move(0, 0)
    place.screenshot(path=path, animations="disabled", caret="hide")


def main(target: Path) -> None:
    """Take all pictures."""
    with tempfile.TemporaryDirectory() as name, pages() as opened:
        for take in (take_in_lab, take_in_vscode):
            folder = Path(name) / take.__name__
            folder.mkdir()
            take(opened, folder, target)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
