"""The Markdown of a report, read by two real renderers: the table is one, and what users name is inert in it."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import nbformat
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbconvert import HTMLExporter, LatexExporter, MarkdownExporter
from nbconvert.filters.markdown_mistune import markdown2html_mistune

import dualcell
from dualcell.render.cell import cell_markdown
from dualcell.render.markdown import code, fenced, inert, render_markdown
from dualcell.render.words import one_line
from tests.core.test_table import strip

X = np.random.default_rng(0).standard_normal((4, 3)).astype("float32")
EVIL = [
    "<script>alert(1)</script>", "a|b", "`x`", "[a](javascript:alert(1))", "![a](x)", "**bold**", "_c_", "$x$", "a\nb",
    "\u202eevil", "&lt;b&gt;", "a\\|b", "~~x~~", "{x}", "<img src=x onerror=alert(1)>", "# h", "value['a']",
]  # fmt: skip


def html_of(markdown):
    return markdown2html_mistune(markdown)


def cells(html):
    return [[strip(cell) for cell in re.findall(r"<t[hd]\b.*?</t[hd]>", line, re.DOTALL)]
            for line in re.findall(r"<tr.*?</tr>", html, re.DOTALL)]  # fmt: skip


def test_the_markdown_of_a_report():
    result = dualcell.compare({"a": X, "b": X}, {"a": X, "b": X.T})
    assert (
        render_markdown(replace(result.report, notes=("look here",), settings={"device": "cpu"}))
        == """\
**1 of 2 rows failed: 1 equal, 1 shape**

| row | verdict | shape | dtype | max abs | max rel | mismatched | worst at | left | right |
| --- | --- | --- | --- | ---: | ---: | ---: | --- | --- | --- |
| value.a | equal | (4, 3) | float32 | 0 | 0 | 0 / 12 | (0, 0) | 0.12573022 | 0.12573022 |
| value.b | **shape** | (4, 3) &#124; (3, 4) | float32 |  |  |  |  |  |  |

- value.b: The axes stand in another order: transpose(1, 0)
  - shapes differ → 0 after transpose(1, 0)
  - left: `value.b.transpose(1, 0)`
  - or right: `value.b.transpose(1, 0)`
- dualcell explain NAME says more: axes-permuted

note: look here

device cpu"""
    )


def test_equal_rows_that_follow_each_other_are_one_line():
    left = {f"h{index}": X for index in range(12)}
    found = render_markdown(dualcell.compare(left, left | {"h7": X * 2}).report)
    lines = [line for line in found.splitlines() if line.startswith("|")]
    assert [line.split(" | ")[0] for line in lines[2:]] == [
        "| *7 equal:* value.h0 … value.h6", "| value.h7", "| *4 equal:* value.h8 … value.h11",
    ]  # fmt: skip
    assert "| **differs** |" in lines[3]
    assert {line.count(" |") for line in lines} == {10}


@pytest.mark.parametrize("name", EVIL)
def test_a_hostile_name_is_shown_as_it_is(name):
    result = dualcell.compare({name: X}, {name: X * 2})
    html = html_of(render_markdown(result.report))
    ((heading, *_), (row, verdict, *_)) = cells(html)
    assert (heading, verdict) == ("row", "differs")
    assert row == one_line(result.report.rows[0].name)
    assert set(re.findall(r"<(\w+)", html)) == set("p strong table thead tbody tr th td ul li code".split())


ADDRESSES = ["https://x.org/a", "http://x.org", "HTTPS://x.org", "ftp://x.org", "www.x.org", "WWW.x.org/?a=b",
             "a@x.org", "mailto:a@x.org", "xmpp:a@x.org/b", "see(https://x.org)"]  # fmt: skip


@pytest.mark.parametrize("name", ADDRESSES)
def test_an_address_is_no_link(name):
    """Neither for whom a bare one is enough, as it is for GitHub and JupyterLab."""
    report = dualcell.compare(X, X).report
    report = replace(report, rows=(replace(report.rows[0], name=name),), notes=(name,), summary=name)
    html = html_of(render_markdown(report))
    assert "<a" not in html
    assert [row[0] for row in cells(html)] == ["row", name]
    assert not re.search(r"(?i)(https?|ftp)://|www\.|@|mailto:|xmpp:", render_markdown(report))


BEGINNINGS = ["- a", "+ a", "* a", "1. a", "12) a", "    a", "> a", "# a", ": a", "---", "===", "- - a", "[ ] a"]


@pytest.mark.parametrize("label", BEGINNINGS)
def test_a_line_begins_nothing_but_itself(label):
    """A label stands at the begin of its line, a row's name at the begin of an item."""
    report = dualcell.compare(X, X * 2).report
    first = replace(report.sides[0], label=label, facts={"numpy": "2"})
    text = render_markdown(replace(report, sides=(first, report.sides[1]), rows=(replace(report.rows[0], name=label),)))
    tags = set(re.findall(r"<(\w+)", html_of(text)))
    assert tags == set(re.findall(r"<(\w+)", html_of(render_markdown(report))))
    assert html_of(text).count("<li>") == html_of(render_markdown(report)).count("<li>")
    assert re.search(rf"<p>\s*{re.escape(label.strip())}: numpy", html_of(text).replace("&gt;", ">"))


@settings(deadline=None)
@given(st.text(max_size=30))
def test_no_text_can_leave_its_cell(text):
    row = dualcell.compare(X, X).report.rows[0]
    report = replace(dualcell.compare(X, X).report, rows=(replace(row, name=f"a{text}b"), replace(row, name="other")))
    found = cells(html_of(render_markdown(report)))
    assert [len(line) for line in found] == [10, 10, 10]
    assert found[1][0] == " ".join(one_line(f"a{text}b").split())
    assert found[2][0] == "other"


@given(st.text("`ab \n", max_size=20))
def test_code_keeps_its_backticks(text):
    html = html_of(f"x {code(f'a{text}b')} y")
    assert [" ".join(unescape(one).split()) for one in re.findall(r"<code>(.*?)</code>", html, re.DOTALL)] == [
        " ".join(one_line(f"a{text}b").split())
    ]


def test_what_the_blocks_printed_stands_in_a_block_of_code():
    text = fenced("a ``` b\n\x1b[31mred\x1b[0m\n<b>")
    assert text == "````text\na ``` b\nred\n<b>\n````"
    report = dualcell.compare(X, X).report
    assert render_markdown(report, "printed").startswith("```text\nprinted\n```\n\n**1 row passed: 1 equal**")
    assert cell_markdown(report) == render_markdown(report)


def test_words_with_underscores_stay_readable():
    assert inert("layer_1.attn_out") == "layer_1.attn_out"
    assert inert("a: 1. -0.5") == "a: 1. -0.5"
    assert inert("-0.5") == "-0.5"


def test_a_result_can_be_saved_as_markdown(tmp_path):
    result = dualcell.compare(X, X * 2)
    result.save(tmp_path / "report.md")
    assert (tmp_path / "report.md").read_text(encoding="utf-8") == render_markdown(result.report) + "\n"


def exported(exporter):
    data, metadata = dualcell.compare(X, X * 2).bundle()
    output = nbformat.v4.new_output("display_data", data=dict(data), metadata=dict(metadata))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1", outputs=[output])])
    return exporter().from_notebook_node(notebook)[0]


def test_nbconvert_prefers_html_where_it_can_show_it():
    html = exported(HTMLExporter)
    assert html.count('class="dualcell-v1"') == 1
    assert "| row | verdict |" not in html
    assert 'class="dualcell-v1"' in exported(MarkdownExporter)


def test_nbconvert_takes_the_markdown_for_latex():
    choose = LatexExporter().default_config.NbConvertBase.display_data_priority
    given = dualcell.compare(X, X * 2).bundle()[0]
    assert next(kind for kind in choose if kind in given) == "text/markdown"
