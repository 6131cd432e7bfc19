"""A real Chromium for every test here, and what it looks at. Without one, a skip with the reason (in CI a failure)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.browser import demo as demo_module
from tests.browser import tools
from tests.browser.jupyter import server

QUIET = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    # nothing outside this machine is looked up
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE localhost , EXCLUDE *.localhost , EXCLUDE 127.0.0.1",
]  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == tools.HERE:
            item.add_marker("browser")


@pytest.fixture(scope="session")
def playwright_library() -> Any:
    """Playwright, where there is a Chromium for it and the packages of npm."""
    library = pytest.importorskip("playwright.sync_api", reason=tools.NO_PACKAGES)
    if tools.chromium() is None:
        pytest.skip(tools.NO_CHROMIUM)
    if not tools.PACKAGES.is_dir():
        pytest.skip(tools.NO_PACKAGES)
    return library


# of a module, not of the session: while Playwright runs, its event loop is in the way of other tests
@pytest.fixture(scope="module")
def chromium(playwright_library: Any) -> Iterator[Any]:
    """A running browser."""
    with playwright_library.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=tools.chromium(), args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Any) -> Iterator[Callable[..., Any]]:
    """Opens pages: `open_page(theme="dark", width=400)`, an empty one whose errors end up in `page.errors`."""
    contexts = []

    def opened(theme: str = "light", width: int = 1280, height: int = 900) -> Any:
        context = chromium.new_context(color_scheme=theme, viewport={"width": width, "height": height})
        contexts.append(context)
        page = context.new_page()
        page.errors = []
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.on("console", lambda said: page.errors.append(said.text) if said.type == "error" else None)
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def demo(playwright_library: Any, tmp_path_factory: pytest.TempPathFactory) -> demo_module.Demo:
    """The executed demo.ipynb."""
    return demo_module.executed(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def jupyter(playwright_library, tmp_path_factory):
    """A server's address and its folder."""
    folder = tmp_path_factory.mktemp("jupyter")
    with server(folder) as address:
        yield address, folder
