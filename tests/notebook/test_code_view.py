"""`--code`, `--large` and `to_html`: the user's own lines, in a real kernel, in both spellings."""

from __future__ import annotations

import re

import pytest

from tests.notebook.kernel import Kernel, Reply

MAGIC = """\
%%dual y --code{options}
x = np.ones(3)
# --- numpy: old ---
!echo one \\
   two
h = x * 2
%time y = h + 1
y
# --- numpy: new ---

files = !echo three
y = (
    x * 2 + 1.5
)
y
"""
FENCES = """\
x = np.ones(3)
%dual numpy: old --code{options}
!echo one \\
   two
h = x * 2
%time y = h + 1
y
%dual numpy: new

files = !echo three
y = (
    x * 2 + 1.5
)
y
%dual diff y
"""


def html(reply: Reply) -> str:
    """The HTML of the result."""
    return [content["data"] for _, content in reply.messages if "data" in content][-1].get("text/html", "")


def code_of(shell: Kernel, result: str) -> list[list[tuple[int, str, str]]]:
    """(number, text, verdict) of the lines above, left, right and below."""
    code = f"{result}.report.code"
    return [
        shell.value(f"[(line.number, line.text, line.verdict) for line in {code}.{part}]")
        for part in ("above", "left", "right", "below")
    ]


@pytest.mark.parametrize("cell", [MAGIC, FENCES], ids=["magic", "fences"])
def test_every_line_of_the_cell_is_there_as_typed(shell, cell):
    cell = cell.format(options=" --out result")
    shell.succeed(cell)
    above, left, right, below = code_of(shell, "result")
    typed = [(number, line) for number, line in enumerate(cell.split("\n"), start=1) if line]
    assert [(number, text) for part in (above, left, right, below) for number, text, _ in part if text] == typed
    assert {number: verdict for number, _, verdict in (*left, *right) if verdict} == {
        number: "differs" for number, line in typed if re.match("(%time )?y", line)
    }


@pytest.mark.parametrize("cell", [MAGIC, FENCES], ids=["magic", "fences"])
def test_the_code_stands_above_the_table(shell, cell):
    reply = shell.succeed(cell.format(options=""))
    text = reply.shown[-1]
    number = cell.split("\n").index("%time y = h + 1") + 1
    assert re.search(rf"^> ?{number}  %time y = h \+ 1  <- differs  ", text, re.MULTILINE)
    assert text.index("First divergence:") < text.index("max abs")
    assert "<pre" in html(reply)
    assert "&larr; differs" in html(reply)


@pytest.mark.parametrize("cell", [MAGIC, FENCES], ids=["magic", "fences"])
def test_no_code_is_shown_unless_it_was_asked_for(shell, cell):
    reply = shell.succeed(cell.format(options="").replace(" --code", ""))
    assert "First divergence" not in reply.shown[-1] + html(reply)
    metadata = [content["metadata"] for _, content in reply.messages if "metadata" in content][-1]["dualcell"]
    assert not {"code", "shows_code", "large"} & metadata.keys()


def test_diff_can_ask_for_it(shell):
    reply = shell.succeed("%dual numpy\ny = np.ones(2)\n%dual numpy\ny = np.ones(2)\n%dual diff y --code --large")
    assert "%dual diff y --code --large" in reply.shown[-1]
    assert "font-size:24px" in html(reply)


def test_config_asks_for_it(shell):
    shell.succeed("%config DualMagics.code = True\n%config DualMagics.large = True")
    try:
        reply = shell.succeed(MAGIC.format(options="").replace(" --code", ""))
        assert "First divergence" in reply.shown[-1]
        assert "font-size:24px" in html(reply)
        assert "First divergence" not in shell.succeed(MAGIC.format(options=" --no-code")).shown[-1]
    finally:
        shell.succeed("%config DualMagics.code = False\n%config DualMagics.large = False")


def test_a_stopped_block_shows_its_code_too(shell):
    reply = shell.run("%%dual --code\n# --- numpy ---\ny = np.ones(2)\n# --- numpy ---\ny = np.ones(2)\n1 / 0")
    assert reply.status == "error"
    assert re.search(r"  6  1 / 0$", reply.shown[0], re.MULTILINE)


def test_a_result_of_what_could_not_be_compared_has_its_code(shell):
    shell.succeed("import dualcell\ndeep = [np.ones(1)]\nfor _ in range(200): deep = [deep]")
    shell.run("%%dual y\n# --- numpy ---\ny = np.ones(1)\n# --- numpy ---\ny = deep\n1 / 0")
    assert "could not be compared" in shell.value("dualcell.last_result().report.notes[0]")
    assert [text for _, text, _ in code_of(shell, "dualcell.last_result()")[2]] == [
        "# --- numpy ---",
        "y = deep",
        "1 / 0",
    ]


def test_a_capture_with_a_name_of_its_own_marks_what_it_reads(shell):
    blocks = "".join(f"# --- numpy ---\nh = {{'y': {n}.0 + np.zeros(1)}}\nw = np.ones(1)\n" for n in (1, 2))
    text = shell.succeed(f'%%dual h "h.z = w" "pair = [w, w]" --code\n{blocks}').shown[-1]
    assert len(re.findall(r"^>\d  h = .*  <- h\.y: differs$", text, re.MULTILINE)) == 2
    assert len(re.findall(r"^ \d  w = np\.ones\(1\)  <- 3 rows: equal$", text, re.MULTILINE)) == 2


def test_the_code_stands_above_the_lanes_while_the_cell_runs(shell):
    block = "# --- numpy ---\nprint('begin')\ntime.sleep(0.7)\ny = np.ones(2)\n"
    reply = shell.succeed(f"%%dual --code\nimport time\n{block}{block}")
    first, last = (reply.live[at][1]["data"]["text/html"] for at in (0, -1))
    for page in (first, last):
        assert page.index('class="code"') < page.index('class="dualcell-lanes')
    assert "&larr;" not in first
    assert last.count("&larr; equal") == 2


def test_two_comparisons_in_a_cell_have_their_own_lines(shell):
    cell = "%dual numpy --code\nnp.ones(1)\n%dual numpy\nnp.ones(1)\n%dual diff\nz = 3\n" + (
        "%dual numpy --code\nnp.ones(1)\n%dual numpy\nnp.zeros(1)"
    )
    first, second = (text for text in shell.succeed(cell).shown if "verdict" in text)
    assert "z = 3" in second
    assert "z = 3" not in first
    assert "2  np.ones(1)  <- equal" in first
    assert "> 8  np.ones(1)  <- differs" in second


def test_a_magic_around_the_cell_keeps_the_lines(shell):
    shell.succeed("%%time\n%dual numpy --out kept\ny = np.ones(1)\n%dual numpy\ny = np.ones(1)")
    _, left, right, _ = code_of(shell, "kept")
    assert [text for _, text, _ in (*left, *right)] == [
        "%dual numpy --out kept",
        "y = np.ones(1)",
        "%dual numpy",
        "y = np.ones(1)",
    ]


def test_a_cell_run_through_the_shell_has_its_code(shell):
    shell.succeed(
        "get_ipython().run_cell_magic('dual', '--out kept', '# --- numpy ---\\ny = 1.0\\n# --- numpy ---\\ny = 1.0')"
    )
    assert [text for _, text, _ in code_of(shell, "kept")[1]] == ["# --- numpy ---", "y = 1.0"]


def test_the_page_has_the_code_without_being_asked(shell, tmp_path):
    shell.succeed(MAGIC.format(options=" --out result").replace(" --code", ""))
    shell.succeed(f"result.to_html({str(tmp_path / 'lesson.html')!r})\nresult.save({str(tmp_path / 'saved.html')!r})")
    page = (tmp_path / "lesson.html").read_text(encoding="utf-8")
    assert page == (tmp_path / "saved.html").read_text(encoding="utf-8")
    assert page.count("&larr; differs") == 4
    assert "First divergence" in page
