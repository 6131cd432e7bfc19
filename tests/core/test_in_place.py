"""Which HTML may stand in a lane: what libraries show may, what could leave it or run may not."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from dualcell.in_place import stays_in_place

FRAME = pd.DataFrame({"a": [1.0, 2.5], "b": ["<x>", "y"]}, index=pd.MultiIndex.from_product([["left"], [1, 2]]))


def figure_as_svg() -> str:
    figure, page = Figure(), io.StringIO()
    figure.subplots().plot([1, 2], label="x < y")
    figure.savefig(page, format="svg")
    return page.getvalue().partition("<svg")[2]


@pytest.mark.parametrize(
    "page",
    [
        "<b>bold", "</div>", "<div></div></div>", "<b><i></b></i>", "<!-- open", "<img src=x onerror=alert(1)>",
        "<iframe src=x></iframe>", "<a href='java\tscript:alert(1)'>x</a>", "<div <b>", "<textarea>", "<plaintext>",
        "<style>b {", "<object data=x></object>", "<form></form>", "<svg><script>1</script></svg>", "<div/>",
        "<b onclick='x()'>1</b>", "<video src=x></video>", "<a href='data:text/html,x'>x</a>", "x < y <", "<details",
        "<svg onload=x()></svg>", "<title>", "</body>", "<meta http-equiv=refresh>", "<base href=x>",
        "<title>x</title>",
    ],
)  # fmt: skip
def test_html_that_would_not_stay_in_its_place(page):
    assert not stays_in_place(page)


HIDDEN = "<img src=x onerror=alert(1)>"


@pytest.mark.parametrize(
    "page",
    [
        f"<svg><style>{HIDDEN}</style></svg>",
        f"<svg><style><!--</style>{HIDDEN}--></svg>",
        f"<svg><title><style></title></style>{HIDDEN}</svg>",
        f"<math><mtext><style><!--</style>{HIDDEN}--></mtext></math>",
        f"<math><mtext><mglyph><style><!--</style>{HIDDEN}</mglyph></mtext></math>",
        f"<math><annotation-xml><style><a title='</style>{HIDDEN}'></a></style></annotation-xml></math>",
        f"<svg><foreignObject><style><a title='</style>{HIDDEN}'></a></style></foreignObject></svg>",
        f"<svg><desc><style><a title='</style>{HIDDEN}'></a></style></desc></svg>",
        f"<!-->{HIDDEN}-->", f"<!--->{HIDDEN}-->", f"<!-- --!>{HIDDEN}-->", f"<!-- <!-- -->{HIDDEN}-->",
        f"<?x {HIDDEN}?>", f"<![CDATA[{HIDDEN}]]>", f"<!x {HIDDEN}>", f"</ {HIDDEN}>", f"<style></style x='{HIDDEN}'>",
        f"<a title='x'b='>{HIDDEN}'>x</a>", f"<a title=\"x'\"'>{HIDDEN}'>x</a>", f"<a x=`>{HIDDEN}`>x</a>",
        "<img/onerror=alert(1) src=x>", "<img src=x/onerror=alert(1)/onerror=alert(1)>",
        "<img src='x'onerror=alert(1)>",
        "<img src=x\x0conerror=alert(1)>", "<img src=x ONERROR=alert(1)>",
    ],
)  # fmt: skip
def test_what_browsers_and_readers_take_for_different_things(page):
    assert not stays_in_place(page)


@pytest.mark.parametrize(
    "address",
    [
        "\x01javascript:alert(1)", " \x1fjavascript:alert(1)", "java\nscript:alert(1)", "java&#x0a;script:alert(1)",
        "java&Tab;script:alert(1)", "javascript&colon;alert(1)", "&#1;javascript:alert(1)", "&#x6a;avascript:alert(1)",
        "JavaScript:alert(1)", "vbscript:x", "data:text/html,<script>1</script>",
    ],
)  # fmt: skip
def test_addresses_that_run(address):
    assert not stays_in_place(f'<a href="{address}">x</a>')
    assert not stays_in_place(f'<svg><a><set attributeName="href" to="x;{address}"/></a></svg>')


@pytest.mark.parametrize(
    "page",
    [
        # the end of an element of the lane, where browsers have ended the page's own by then
        "<dd><div><dd></dd></div></dd>", "<li><div><li></li></div></li>", "<svg><p></p></svg>",
        "<svg><div></div></svg>",
        "<svg><mi><section/></section></mi></svg>", "<svg><math><mi><section/></section></mi></math></svg>",
        "<math><mi><section/></mi></math>", "<table><div></div></table>", "<table><tr><b>x</b></tr></table>",
        "<table><table></table></table>", "<td>1</td>", "<table><tr><td><div><tr></tr></div></td></tr></table>",
        "<h2><div><h3><h4></h4></h3></div></h2>", "</br>", "</p>", "<p><div></p></div>",
        "<div>" * 1000 + "</div>" * 1000,
    ],
)  # fmt: skip
def test_what_browsers_mend_by_other_ends(page):
    assert not stays_in_place(page)


@pytest.mark.parametrize(
    "page",
    [
        "<b>bold</b>", "", "text &lt; text", "a<br>b<br/>c", "<table><tr><td>1<td>2</table>", "<ul><li>1<li>2</ul>",
        "<style>.x { color: red }</style><div class='x'>1</div>", "<svg><path d='M0 0'/><g></g></svg>",
        "<!-- done --><hr>", "<details open><summary>x</summary>y</details>", "<a href='https://x.org'>x</a>",
        "x < y", "<pre>loss <span style=\"color: #800000\">1.0</span>\n&#x27;a&#x27;</pre>", "<div><p>1<p>2</div>",
        "<progress value='3' max='10'></progress>", "<ul><li>1<ul><li>2</ul></ul>", "<dl><dt>1<dd>2<dt>3<dd>4</dl>",
        "<style scoped>\n  .a tbody tr th:only-of-type > b { x: y }\n</style>", "<i title='a > b'>1</i>",
        "<svg viewBox='0 0 1 1'><title>a &lt; b</title><style>a { x: y }</style><g><desc>x</desc><a/></g></svg>",
        "<math display='block'><mrow><mi>x</mi><mo>&#x2212;</mo><mn>1</mn><mspace/></mrow></math>",
        "<span><math><semantics><mi>x</mi><annotation encoding='tex'>x</annotation></semantics></math></span>",
        "<img src='data:image/png;base64,iVBOR' width=3 />", "<table border='1' ><caption>x</caption></table>",
        "<span style='display:block'>(<details>x</details>)</span><!-- 1 - 2 --- -->",
    ],
)  # fmt: skip
def test_html_that_stays_in_its_place(page):
    assert stays_in_place(page)


@pytest.mark.parametrize(
    "page",
    [
        FRAME._repr_html_(), FRAME.to_html(),
        FRAME.style.set_caption("x").highlight_max(subset=["a"]).format(escape="html")._repr_html_(),
        pd.DataFrame(np.zeros((200, 30)))._repr_html_(), "<svg" + figure_as_svg(),
    ],
    ids=["frame", "to_html", "styled", "long", "figure"],
)  # fmt: skip
def test_what_libraries_show_stays_in_its_place(page):
    assert stays_in_place(page)


def test_long_pages_are_read_at_once():
    text = "<p title=" + "x " * 100_000
    assert not stays_in_place(text)
    assert not stays_in_place("<!--" + "-" * 100_000)
    assert stays_in_place("<tr>".join(["<table>", *["<td>1</td>"] * 100_000]) + "</table>")
