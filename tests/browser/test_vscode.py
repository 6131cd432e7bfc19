"""The executed demo.ipynb in a real VS Code."""

from __future__ import annotations

import shutil

import pytest

from tests.browser import checks, vscode


@pytest.fixture(scope="module")
def workbench(playwright_library, demo, tmp_path_factory):
    """The address of a workbench with the demo in its folder."""
    folder = tmp_path_factory.mktemp("vscode")
    (folder / "files").mkdir()
    shutil.copy(demo.path, folder / "files" / "demo.ipynb")
    with vscode.workbench(folder / "files", folder / "server.log") as address:
        yield address


@pytest.fixture
def last(demo):
    """What the last result of the demo says in its first line: all others stand above it."""
    return demo.results[-1][1]["summary"]


@pytest.mark.parametrize("theme", vscode.THEMES)
def test_every_result_is_legible_and_accessible(workbench, open_page, demo, last, theme):
    page = open_page(height=8000)  # cells are drawn when they are on the screen
    frame = vscode.open_notebook(page, workbench, theme=theme, shown=last)
    fold = frame.locator(f"{checks.RESULT} details").first
    fold.locator("summary").first.press("Enter")
    assert fold.evaluate("(one) => one.open")
    checks.unfold(frame)
    seen = checks.assert_legible(frame)
    dark_behind = [sum(one["background"]) < 384 for one in seen]
    assert all(dark_behind) if theme in ("dark", "high contrast") else not any(dark_behind)
    checks.assert_accessible(frame)
    checks.assert_told(checks.rows(frame, checks.RESULT), demo.facts)


@pytest.fixture(scope="module")
def restricted(playwright_library, demo, tmp_path_factory):
    """The address of a workbench that does not trust the demo's folder."""
    folder = tmp_path_factory.mktemp("restricted")
    (folder / "files").mkdir()
    shutil.copy(demo.path, folder / "files" / "demo.ipynb")
    with vscode.workbench(folder / "files", folder / "server.log", restricted=True) as address:
        yield address


def test_restricted_mode_shows_nothing_of_html_and_tables_as_markdown(restricted, open_page, demo):
    """The setting is the user's own, and holds in Restricted Mode too."""
    page = open_page(height=8000)
    markdown_first = {"notebook.displayOrder": ["text/markdown"]}
    shown = demo.results[-1][1]["summary"]
    frame = vscode.open_notebook(page, restricted, theme="light", shown=shown, settings=markdown_first)
    page.get_by_text("Restricted Mode").first.wait_for()
    checks.assert_told(checks.rows(frame, ".output"), demo.facts)
    page = open_page(height=8000)
    frame = vscode.open_notebook(page, restricted, theme="light", shown="EagerTensor Tensor")
    page.get_by_text("Restricted Mode").first.wait_for()
    assert frame.locator("table").count() == 0


def test_markdown_shows_where_settings_prefer_it(workbench, open_page, demo):
    page = open_page(height=8000)
    markdown_first = {"notebook.displayOrder": ["text/markdown"]}
    frame = vscode.open_notebook(page, workbench, theme="light", shown="EagerTensor Tensor", settings=markdown_first)
    assert frame.locator(f"{checks.RESULT}:has(th:has-text('verdict'))").count() == 0
    for _ in range(vscode.PATIENCE):  # Markdown is drawn by an extension that comes later
        table = checks.rows(frame, ".output")
        if any(demo.facts[-1]["name"] in " ".join(row) for row in table):
            break
        page.wait_for_timeout(200)
    checks.assert_told(table, demo.facts)
