"""What blocks print and show, side by side in a kernel while they run, and in the result."""

from __future__ import annotations

import pytest

from tests.notebook.cells import cell, data
from tests.notebook.kernel import INTERPRETERS, Kernel


def test_both_blocks_print_into_their_lanes(hooked):
    reply = hooked.succeed(cell("print('left')\nprint('bad', file=sys.stderr)", "print('right')\nnp.int64(7)"))
    assert reply.lanes == ["left\nbad", "right"]
    assert (reply.kinds, reply.stdout, reply.stderr) == (["display_data"], "", "")
    assert "1 row passed" in reply.shown[0]
    assert hooked.value("(type(_).__name__, _.passed, Out[max(Out)] is _)") == ("DualResult", True, True)


def test_blocks_that_print_nothing_have_no_lanes(hooked):
    reply = hooked.succeed(cell())
    assert reply.lanes == []
    assert "dualcell-lanes" not in data(reply)


def test_the_result_shows_its_lanes_again(hooked):
    hooked.succeed(cell("print('left')"))
    reply = hooked.succeed("_")
    assert (reply.kinds, reply.lanes) == (["execute_result"], ["left", ""])
    assert hooked.value("'left' in repr(__import__('dualcell').last_result())") is False


def test_a_long_cell_is_one_output_that_becomes_the_result(hooked):
    reply = hooked.succeed(cell("import time\nprint('begin')\ntime.sleep(0.7)\nprint('end')", "time.sleep(0.3)"))
    kinds, contents = zip(*reply.live, strict=True)
    assert kinds[0] == "display_data"
    assert set(kinds[1:]) == {"update_display_data"}
    assert len({content["transient"]["display_id"] for content in contents}) == 1
    first, last = contents[0]["data"]["text/plain"], contents[-1]["data"]["text/plain"]
    assert "--- one (running, " in first
    assert "begin" in first
    assert "end" not in first
    assert "--- two (waiting) ---" in first
    assert "1 row passed" in last
    assert reply.lanes == ["begin\nend", ""]
    assert set(contents[-1]["metadata"]) == {"dualcell"}
    assert reply.kinds == ["display_data"]
    assert hooked.value("(_.passed, Out[max(Out)] is _)") == (True, True)


def test_a_long_cell_that_prints_nothing_ends_with_the_table_alone(hooked):
    reply = hooked.succeed(cell("import time\ntime.sleep(0.4)"))
    assert "dualcell-lanes" not in data(reply)
    assert "1 row passed" in reply.shown[0]


def test_names_are_there_as_soon_as_both_sides_have_them(hooked):
    reply = hooked.succeed(
        cell("a = np.ones(1)", "import time\na = np.ones(1)\ntime.sleep(0.6)", " --no-causes").replace("dual y", "dual")
    )
    said = [content["data"]["text/plain"] for _, content in reply.live[:-1]]
    assert any("on both sides: a" in text and "a, y" not in text for text in said)


def test_a_sign_of_life(hooked):
    reply = hooked.succeed(cell("import time\ntime.sleep(2.5)"))
    assert 3 <= len(reply.live) <= 7


def test_progress_bars_are_one_line(hooked):
    bar = "for i in range(4): print(f'\\rstep {i}', end='', file=sys.stderr)"
    assert hooked.succeed(cell(bar, "print('abc\\b\\bX')")).lanes == ["step 3", "aXc"]


@pytest.mark.parametrize("kernel", ["main"], indirect=True)  # the other interpreter has neither tqdm nor widgets
def test_the_progress_bars_of_tqdm(hooked):
    inner = "    for j in tqdm(range(3), ncols=40, leave=False): pass"
    bars = f"from tqdm import tqdm\nfor i in tqdm(range(2), ncols=40):\n{inner}"
    left, right = hooked.succeed(cell(bars, "for i in tqdm(range(5), ncols=40): pass\nprint('done')")).lanes
    assert left.startswith("100%|")
    assert left.count("|") == 2
    assert "2/2" in left
    assert "5/5" in right.splitlines()[0]
    assert right.splitlines()[1:] == ["done"]


@pytest.mark.parametrize("kernel", ["main"], indirect=True)
def test_what_tqdm_writes_beside_its_bars(hooked):
    bars = "from tqdm import tqdm\nfor i in tqdm(range(3), ncols=40{}): tqdm.write(f'message {{i}}')"
    left, right = hooked.succeed(cell(bars.format(""), bars.format(", leave=False"))).lanes
    *messages, bar = left.splitlines()
    assert messages == right.splitlines() == ["message 0", "message 1", "message 2"]
    assert bar.startswith("100%|")


@pytest.mark.parametrize("kernel", ["main"], indirect=True)
def test_real_widgets_are_shown_below(hooked):
    bar = "from tqdm.notebook import tqdm as bars\nprint('before')\nfor i in bars(range(3)): pass\nprint('after')"
    slider = "import ipywidgets\ndisplay(ipywidgets.IntSlider(value=7))"
    reply = hooked.succeed(cell(bar, slider))
    widget = "application/vnd.jupyter.widget-view+json"
    kinds = [content["data"] for _, content in reply.messages if widget in content.get("data", ())]
    assert len(kinds) == 2
    assert "IntSlider(value=7)" in kinds[1]["text/plain"]
    assert reply.lanes == ["before\nafter", ""]


OUTPUT = """\
import ipywidgets, time
from IPython.display import clear_output
print('before')
taken = ipywidgets.Output(){more}
with taken:
    print('in the widget')
    clear_output()
    display('shown there'){wait}
print('after')"""


@pytest.mark.parametrize("kernel", ["main"], indirect=True)
@pytest.mark.parametrize("wait", ["", "\n    time.sleep(0.7)"])
@pytest.mark.parametrize("more", ["", "\ndisplay(taken)"])
def test_what_an_output_widget_takes_is_left_to_it(hooked, more, wait):
    """Front ends put into it what carries the cell's message while its `msg_id` says so; no view may come then."""
    reply = hooked.succeed(cell(OUTPUT.format(more=more, wait=wait)))
    assert reply.lanes == ["before\nafter", ""]
    within = ["stream", "clear_output", "display_data"]
    for messages, kinds in ((reply.messages, within), (reply.live, within[2:])):
        entered, left = [index for index, (kind, content) in enumerate(messages)
                         if kind == "comm_msg" and "msg_id" in content["data"].get("state", ())]  # fmt: skip
        assert [kind for kind, _ in messages[entered + 1 : left]] == kinds
    assert hooked.value("taken.msg_id") == ""


def test_colours(hooked):
    page = data(hooked.succeed(cell("print('\\x1b[32mgreen\\x1b[0m <b>')")))
    assert '<span class="dualcell-green">green</span> &lt;b&gt;' in page


def test_displays_and_their_updates(hooked):
    left = "h = display('old', display_id=True)\nprint('between')\nh.update('new')"
    right = "display(1)\nfrom IPython.display import clear_output\nclear_output()\nprint('kept')"
    assert hooked.succeed(cell(left, right)).lanes == ["'new'\nbetween", "kept"]


def test_what_no_lane_can_hold_is_shown_below_in_full(hooked):
    widget = "display({'application/x-widget': {'a': 1}, 'text/plain': 'widget'}, raw=True)"
    script = "from IPython.display import HTML, Javascript\ndisplay(HTML('<script>1</script>'))\nprint('after')"
    reply = hooked.succeed(cell(f"print('before')\n{widget}", script))
    kinds = [sorted(content["data"]) for _, content in reply.messages]
    assert kinds == [
        ["text/html", "text/markdown", "text/plain"], ["application/x-widget", "text/plain"],
        ["text/html", "text/plain"],
    ]  # fmt: skip
    assert reply.lanes == ["before", "after"]
    assert "1 row passed" in reply.shown[0]


@pytest.mark.parametrize("side", [0, 1])
def test_an_error_keeps_the_lanes(hooked, side):
    blocks = ["print('left')", "print('right')"]
    blocks[side] += "\n1 / 0"
    failed, queued = hooked.queue(cell(*blocks), "queued = 1")
    assert (failed.status, queued.status) == ("error", "aborted")
    assert failed.lanes == ["left", "right" if side else ""]
    assert failed.kinds == ["display_data", "error"]
    assert ("two (stopped" in failed.shown[0], "two (not run)" in failed.shown[0]) == (side == 1, side == 0)


def test_ctrl_c_keeps_the_lanes(hooked):
    text = cell("print('left')\nimport time\ntime.sleep(30)")
    failed, queued = hooked.interrupt(text, "queued = 1", when="left")
    assert (failed.status, queued.status) == ("error", "aborted")
    assert failed.lanes == ["left", ""]


def test_a_thread_that_goes_on_prints_into_the_lane_of_its_block(hooked):
    go_on = "import threading, time\ndef work():\n    time.sleep(0.3)\n    print('late left')\n"
    left = f"{go_on}thread = threading.Thread(target=work); thread.start()\nprint('left')"
    assert hooked.succeed(cell(left, "print('right')\nthread.join()")).lanes == ["left\nlate left", "right"]


def test_threads_print_into_the_lane_of_their_block(hooked):
    thread = "import threading\nt = threading.Thread(target=print, args=('{}',)); t.start(); t.join()"
    assert hooked.succeed(cell(thread.format("left"), thread.format("right"))).lanes == ["left", "right"]


def test_a_thread_that_outlives_its_block_is_not_lost(hooked):
    hooked.succeed("import threading, time\ndef late():\n    time.sleep(0.5)\n    print('late', flush=True)")
    reply = hooked.succeed(cell("pass", "t = threading.Thread(target=late); t.start()"))
    after = hooked.succeed("t.join()")
    assert "late" in reply.stdout + after.stdout + "".join(reply.lanes)


def test_shell_commands_and_handlers_of_old_streams(hooked):
    hooked.succeed("import logging\nlog = logging.getLogger('old'); log.addHandler(logging.StreamHandler())")
    reply = hooked.succeed(cell("!echo left", "log.warning('right')"))
    assert reply.lanes == ["left", "right"]


def test_a_child_process_is_not_lost(hooked):
    child = "import os\nif os.fork() == 0:\n    print('child', flush=True)\n    os._exit(0)\nos.wait()\nNone"
    reply = hooked.succeed(cell("print('parent')", child))
    assert reply.lanes[0] == "parent"
    assert "child" in reply.stdout


def test_inside_capture_and_under_time(hooked):
    reply = hooked.succeed("%%capture kept\n" + cell("print('left')"))
    assert reply.messages == []
    assert hooked.value("kept.stdout") == "left\n"
    reply = hooked.succeed("%%time\n" + cell("print('left')"))
    assert reply.lanes == ["left", ""]
    assert "Wall time" in reply.stdout
    assert len(reply.shown) == 1


def test_streams_redirected_inside_a_block(hooked):
    with_kept = "with contextlib.redirect_stdout(io.StringIO()) as kept:\n    print('kept')"
    inner = f"import contextlib, io\n{with_kept}\nprint('left')"
    assert hooked.succeed(cell(inner)).lanes == ["left", ""]
    assert hooked.value("kept.getvalue()") == "kept\n"


def test_a_function_that_keeps_the_write_of_its_block(hooked):
    hooked.succeed(cell("write = sys.stdout.write\nwrite('left')"))
    assert hooked.succeed("kept = write('later')").stdout == "later"


def test_a_million_characters(hooked):
    reply = hooked.succeed(cell("print('x' * 1_000_000)", "for i in range(20_000): print(i)"))
    assert len(reply.lanes[0]) == 1_000_000
    assert reply.lanes[1].splitlines()[-1] == "19999"


def test_hostile_text(hooked):
    page = data(hooked.succeed(cell("print('<script>1</script></pre>\\0')", "print('\\ud800')")))
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "\0" not in page


def test_plain_and_stacked(hooked):
    reply = hooked.succeed(cell("print('left')", options=" --layout plain"))
    assert (reply.stdout, reply.lanes, reply.kinds) == ("left\n", [], ["execute_result"])
    reply = hooked.succeed(cell("print('left')", options=" --layout stacked"))
    assert "dualcell-stacked" in data(reply).split("<style>")[0]
    hooked.succeed("%config DualMagics.layout = 'plain'")
    reply = hooked.succeed(cell("print('left')"))
    hooked.succeed("%config DualMagics.layout = None")
    assert reply.stdout == "left\n"


def test_reruns_are_quiet_and_said(hooked):
    left = "x = np.arange(3.0)\nprint('left')\nimport time\ntime.sleep(0.6)"
    reply = hooked.succeed(cell(left, options=" --noise 1").replace("y = np.ones(3)", "y = x * 2"))
    assert reply.lanes == ["left", ""]
    said = [content["data"]["text/plain"] for _, content in reply.live[:-1]]
    assert any("running again, unchanged; 1 more time ..." in text for text in said)
    assert any("running again, with everything moved by one ulp ..." in text for text in said)


def test_lanes_say_how_long_where_and_how_much_memory(hooked):
    assert "one (" in hooked.succeed(cell("print('left')")).shown[0]
    lane = hooked.value("_.report.lanes[0].seconds > 0, _.report.lanes[0].device, _.report.lanes[0].peak_of")
    assert lane == (True, "cpu", "the process")
    assert hooked.value("_.report.lanes[0].peak_bytes > 10_000_000")


def test_what_is_asked_of_the_reader(hooked):
    request = hooked.client.execute(cell("answer = input('Which? ')\nprint('got', answer)"))
    question = hooked.client.get_stdin_msg(timeout=30)
    assert question["content"]["prompt"] == "Which? "
    hooked.client.input("seven")
    (reply,) = hooked._answers([request])
    assert reply.lanes == ["got seven", ""]


def test_blocks_that_await(hooked):
    wait = "import asyncio\nprint('before')\nawait asyncio.sleep(0.3)\nprint('after')"
    assert hooked.succeed(cell(wait, wait)).lanes == ["before\nafter"] * 2


def test_two_slow_cells_in_a_row_each_have_their_own_output(hooked):
    replies = hooked.queue(*[cell(f"import time\nprint({number})\ntime.sleep(0.5)") for number in (1, 2)])
    for number, reply in enumerate(replies, start=1):
        assert reply.kinds == ["display_data"]
        assert reply.lanes == [str(number), ""]
        assert len(reply.live) >= 2
        assert all(f"\n{number}\n" in content["data"]["text/plain"] for _, content in reply.live)


def test_a_stream_that_the_user_has_replaced_is_left_alone(hooked):
    hooked.succeed("""\
class Tee:
    def __init__(self, stream): self.stream, self.kept = stream, []
    def write(self, text): self.kept.append(text); return self.stream.write(text)
    def __getattr__(self, name): return getattr(self.stream, name)
before, sys.stdout = sys.stdout, Tee(sys.stdout)
""")
    reply = hooked.succeed(cell("print('left')"))
    hooked.succeed("kept, sys.stdout = ''.join(sys.stdout.kept), before")
    assert (reply.stdout, reply.lanes) == ("left\n", [])
    assert hooked.value("kept.startswith('left')")


def test_a_stream_that_a_block_replaces_and_leaves_so(hooked):
    hooked.succeed(
        "class Loud:\n    def __init__(self, s): self.s = s\n    def write(self, t): self.s.write(t.upper())"
    )
    loud = "Loud.__getattr__ = lambda self, name: getattr(self.s, name)\nold, sys.stdout = sys.stdout, Loud(sys.stdout)"
    reply = hooked.succeed(cell(f"{loud}\nprint('left')"))
    after = hooked.succeed("print('later')")
    hooked.succeed("sys.stdout = old")
    assert reply.lanes == ["LEFT", ""]
    assert after.stdout == "LATER\n"


def test_streams_of_many_pieces_are_shown_in_brief_while_the_block_runs(hooked):
    pieces = "for i in range(200): print(i, file=(sys.stdout, sys.stderr)[i % 2])"
    reply = hooked.succeed(cell(f"{pieces}\nprint('x' * 100_000)\nimport time\ntime.sleep(0.4)"))
    first = reply.live[0][1]["data"]
    assert len(first["text/html"]) < 60_000
    assert "(more, in the final output)" in first["text/plain"]
    assert reply.lanes[0].splitlines()[:3] == ["0", "1", "2"]
    assert len(reply.lanes[0].splitlines()[-1]) == 100_000


FIT = """\
%%dual "loss = history.history['loss'][-1] ~ loss" --seed 0
x = np.ones((64, 3), "float32")
# --- keras ---
model = keras.Sequential([keras.layers.Dense(1)])
model.compile("sgd", "mse")
history = model.fit(x, x[:, :1], epochs=2, batch_size=8)
# --- torch ---
print(torch.ones(2))
loss = 0.0
"""


def test_the_progress_bars_of_keras(hooked):
    hooked.succeed("import os; os.environ.setdefault('KERAS_BACKEND', 'tensorflow')\nimport torch, keras")
    reply = hooked.succeed(FIT)
    lines = reply.lanes[0].splitlines()
    bar = "8/8 " + "\u2501" * 5
    assert [line[:9] for line in lines] == ["Epoch 1/2", bar, "Epoch 2/2", bar]
    assert all("loss: " in line for line in lines[1::2])
    assert reply.lanes[1] == "tensor([1., 1.])"


@pytest.mark.parametrize("kernel", ["main"], indirect=True)  # the other interpreter has no matplotlib
def test_figures_belong_to_their_block(hooked):
    hooked.succeed("%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.close('all')")
    reply = hooked.succeed(cell("plt.plot([1, 2])", "plt.plot([2, 1]); plt.show()\nprint('after')"))
    page = data(reply)
    left, right = page.split('class="dualcell-lane"')[1:]
    assert left.count("data:image/png;base64,") == right.count("data:image/png;base64,") == 1
    assert right.index("data:image/png") < right.index("after")
    assert "<Figure size" in reply.lanes[0]
    assert hooked.value("plt.get_fignums()") == []


@pytest.mark.parametrize("kernel", ["main"], indirect=True)
def test_a_figure_made_above_the_blocks_is_shown_once_both_have_drawn_on_it(hooked):
    hooked.succeed("%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.close('all')")
    text = cell("ax.plot([1, 2]);", "ax.plot([2, 1]);")
    reply = hooked.succeed(text.replace("# --- numpy: one", "figure, ax = plt.subplots()\n# --- numpy: one"))
    assert [sorted(content["data"]) for _, content in reply.messages][-1] == ["image/png", "text/plain"]
    assert "data:image/png" not in reply.messages[0][1]["data"]["text/html"]


@pytest.mark.parametrize("kernel", ["main"], indirect=True)  # older kernels give threads no cell of their own
def test_what_a_thread_of_another_cell_prints_is_its_own(hooked):
    hooked.succeed("""\
import threading
earlier = get_ipython().get_parent()
def other():
    sys.stdout.set_thread_parent(earlier)
    print("of an earlier cell", flush=True)
thread = threading.Thread(target=other)
""")
    assert hooked.succeed(cell("print('left')\nthread.start()\nthread.join()")).lanes == ["left", ""]


@pytest.mark.parametrize("name", INTERPRETERS)
@pytest.mark.kernel
def test_what_libraries_write_past_python(name, tmp_path, monkeypatch):
    monkeypatch.delenv("PYTEST_CURRENT_TEST")  # in its presence ipykernel does not watch the process's streams
    kernel = Kernel(name, tmp_path)
    try:
        kernel.succeed("%load_ext dualcell\nimport numpy as np, os, time")
        past = "os.system('echo past'); time.sleep(0.1)"
        reply = kernel.succeed(cell(f"print('left')\n{past}", f"time.sleep(0.5)\n{past}"))
    finally:
        kernel.stop()
    assert (reply.stdout, reply.lanes) == ("past\npast\n", ["left", ""])
    kinds = [kind for kind, _ in reply.messages]
    assert kinds == ["display_data", *["stream"] * (len(kinds) - 1)]  # below, however soon it came


def test_a_display_of_the_left_block_is_updated_by_the_right(hooked):
    reply = hooked.succeed(cell("handle = display('old', display_id=True)", "handle.update('new')\nprint('right')"))
    assert reply.lanes == ["'new'", "right"]


def test_one_display_in_both_blocks_is_updated_in_both(hooked):
    shown = "display('old', display_id='same')"
    update = "from IPython.display import update_display\nupdate_display('new', display_id='same')"
    assert hooked.succeed(cell(shown, f"{shown}\n{update}")).lanes == ["'new'", "'new'"]


def test_a_display_that_outgrows_its_lane_is_shown_below(hooked):
    widget = "handle.update({'application/x-widget': 1, 'text/plain': 'widget'}, raw=True)"
    reply = hooked.succeed(cell(f"handle = display('old', display_id=True)\nprint('left')\n{widget}"))
    assert reply.lanes == ["left", ""]
    assert reply.messages[1][1]["data"] == {"application/x-widget": 1, "text/plain": "widget"}


def test_a_write_kept_from_the_other_block(hooked):
    reply = hooked.succeed(cell("write = sys.stdout.write", "n = write('kept\\n')"))
    assert (reply.stdout, reply.lanes) == ("kept\n", [])


@pytest.mark.parametrize("kernel", ["colab"], indirect=True)  # newer IPython puts a stream's write back itself
def test_a_write_that_a_block_replaces_in_its_stream(hooked):
    hooked.succeed("before = vars(sys.stdout).get('write')")
    loud = "under = sys.stdout.write\nsys.stdout.write = lambda text: under(text.upper())"
    reply = hooked.succeed(cell(f"{loud}\nprint('left')"))
    after = hooked.succeed("print('later')")
    hooked.succeed("del sys.stdout.write\nif before: sys.stdout.write = before")
    assert (reply.lanes, after.stdout) == (["LEFT", ""], "LATER\n")


def test_a_cell_inside_a_block_prints_into_its_lane(hooked):
    inner = cell("print('inner left')", "print('inner right')")
    reply = hooked.succeed(cell(f"print('outer')\nget_ipython().run_cell({inner!r});", "pass"))
    assert data(reply).count('class="dualcell-lanes"') == 1
    assert reply.lanes[0].startswith("outer\ninner left\ninner right")


@pytest.mark.parametrize("kernel", ["main"], indirect=True)  # the other interpreter runs one cell at a time
def test_live_views_stay_with_their_cell_while_another_runs_in_a_subshell(hooked):
    others = "pub = get_ipython().display_pub\npub._parent_header_global = {'msg_id': 'other'}\n"
    text = cell(f"import time\nprint('left')\n{others}time.sleep(1.8)\n", "print('right')")
    reply = hooked.succeed(text)
    assert len(reply.live) >= 3
    assert reply.lanes == ["left", "right"]
