"""Cells whose blocks print and show something."""

from __future__ import annotations

from tests.notebook.kernel import Reply

CELL = """\
%%dual y{options}
# --- numpy: one ---
{left}
y = np.ones(3)
# --- numpy: two ---
{right}
y = np.ones(3)"""


def cell(left: str = "pass", right: str = "pass", options: str = "") -> str:
    """A cell that passes, with more lines in its blocks."""
    return CELL.format(left=left, right=right, options=options)


def data(reply: Reply) -> str:
    """The HTML of the only output."""
    (content,) = [content for _, content in reply.messages if "data" in content]
    return content["data"]["text/html"]
