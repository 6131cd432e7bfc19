"""From a cell's text to two checked blocks: the rewriting, the names bound, every sentence."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualcell.blocks import (
    RawBlock,
    RawCell,
    bindings,
    fence_text,
    fence_verb,
    is_cell_magic,
    is_header,
    near_headers,
    read_cell,
    rewrite,
)
from dualcell.errors import FrameworkError, OptionError
from dualcell.options import Options


def rewritten(body):
    """The lines of a rewritten cell below the magic line."""
    return rewrite("%%dual\n" + body).split("\n")[1:]


def two(left="keras", right="torch", opening="", diff="", near=()):
    return RawCell(opening, (RawBlock(left, 2), RawBlock(right, 4)), diff, near)


def said(raw, kind=OptionError):
    with pytest.raises(kind) as error:
        read_cell(raw, Options())
    return str(error.value)


# --- A into B ---


def test_a_cell_is_rewritten_line_by_line():
    cell = '%%dual probs "a ~ b" --seed 0\nx = 1\n# --- keras ---\ny = x\n# --- torch --device cpu ---\ny = x'
    assert rewrite(cell).split("\n") == [
        '%dual cell probs "a ~ b" --seed 0',
        "x = 1",
        "%dual keras",
        "y = x",
        "%dual torch --device cpu",
        "y = x",
    ]


@pytest.mark.parametrize(
    ("header", "fence"),
    [
        ("# --- keras ---", "%dual keras"),
        ("#--keras", "%dual keras"),
        ("# -- keras --", "%dual keras"),
        ("# ------ pytorch -----------", "%dual pytorch"),
        ("# --- Torch ---   ", "%dual Torch"),
        ("# --- tf ---", "%dual tf"),
        ("# --- tensorflow ---", "%dual tensorflow"),
        ("# --- tf_keras ---", "%dual tf_keras"),
        ("# --- jax ---", "%dual jax"),
        ("# --- mxnet ---", "%dual mxnet"),
        ("# --- numpy ---", "%dual numpy"),
        ("# --- torch: refactored ---", "%dual torch : refactored"),
        ("# --- torch : it's new --seed 1 ---", "%dual torch : it's new --seed 1"),
        ("# --- torch --dtype float64", "%dual torch --dtype float64"),
        ("# --- keras ---\r", "%dual keras"),
    ],
)
def test_a_header_becomes_a_fence(header, fence):
    assert rewritten(header) == [fence]


@pytest.mark.parametrize(
    "line",
    [
        "# %% keras", "# - keras -", "## --- keras ---", "# keras", "x = 1  # --- keras ---", "  # --- keras ---",
        "# --- keras_core ---", "# --- keras.layers ---", "# --- torchvision ---", "# --- pytroch ---", "# ---",
        "print('# --- keras ---')", "%dual keras", "!echo # --- keras ---", "",
    ],
)  # fmt: skip
def test_any_other_line_stays(line):
    assert rewritten(line) == [line]


STRINGS = [
    ('x = """', '"""'),
    ("x = '''", "'''"),
    ('x = f"""{x["a"]}', '{y}"""'),
    ('x = r"""\\"', '"""'),
    ('x = b"""', '%s"""'),
    ('x = """', '!"""'),
    ('x = """ \\""" ', '"""'),
    ("x = ''' \"\"\" ", "'''"),
    ('f("""', '""", 1)'),
    ("\n\n!ls it's\n\nx = '''", "'''"),
    ("# it's\n\n\n  %time f('x')\nx = '''", "'''"),
    ("files = !ls '''\nx = '''", "'''"),
    ("y = x != '''", "'''"),
]


@pytest.mark.parametrize(("before", "after"), STRINGS)
def test_a_header_inside_a_string_stays(before, after):
    body = f"{before}\n# --- torch ---\n{after}\n# --- keras ---"
    assert rewritten(body) == [*body.split("\n")[:-1], "%dual keras"]


@pytest.mark.parametrize(
    "before",
    [
        "it's = 1", "x = '", 'x = "it\'s"', "!echo '''", "%time '''", "x = !echo '''", "# '''", "x = 1  # it's '''",
        "x = ''' '''", 'x = """"""', "!echo a \\\n  '''", "obj?", "x = 'a\\'''",
    ],
)  # fmt: skip
def test_a_quote_that_opens_no_long_string_hides_no_header(before):
    assert rewritten(f"{before}\n# --- torch ---") == [*before.split("\n"), "%dual torch"]


@given(st.lists(st.sampled_from(["x = 1", "", "# --- keras ---", '"""', "'''", "!ls '", "# it's", "  %x", "f('''"])))
def test_rewriting_keeps_every_line_but_headers(lines):
    after = rewritten("\n".join(lines))
    for new, old in zip(after, lines or [""], strict=True):
        assert new == old or (old, new) == ("# --- keras ---", "%dual keras")


@pytest.mark.parametrize("line", ["%%dual -h", "%%dual --help", "%%dual probs --help"])
def test_help_replaces_the_cell(line):
    assert rewrite(line + "\n# --- keras ---") == "%dual --help"


@pytest.mark.parametrize("text", ["%%dual", "%%dual x --seed 0\n1", "%%dual \n1"])
def test_a_cell_magic_is_recognised(text):
    assert is_cell_magic(text)


@pytest.mark.parametrize("text", ["%%dual?", "%%dual??", "%%duals", "%dual keras", "x\n%%dual", " %%dual", ""])
def test_others_are_not(text):
    assert not is_cell_magic(text)


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("# --- pytroch ---", "pytroch"),
        ("#-- Kears --", "Kears"),
        ("# --- paddle: mine ---", "paddle"),
    ],
)
def test_near_headers_are_found_with_their_line(line, word):
    assert near_headers(f"x = 1\n{line}\n# --- torch ---") == ((2, word),)


@pytest.mark.parametrize("line", ["# --- keras ---", "# --- setup", "# ----------", "# --- two words ---", "# setup"])
def test_ordinary_comments_are_no_near_headers(line):
    assert near_headers(line) == ()


# --- fences in the parsed module ---


def call(*words):
    return "get_ipython().run_line_magic(" + ", ".join(map(repr, words)) + ")"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (call("dual", "keras --seed 0"), "keras --seed 0"),
        (f"x = {call('dual', 'diff')}", "diff"),
        (call("dual", ""), ""),
        (call("dual2", "keras"), None),
        (call("time", "dual"), None),
        (call("dual"), None),
        ("run_line_magic('dual', 'keras')", None),
        ("x = 1", None),
        ("f()", None),
        (f"if x: {call('dual', 'keras')}", None),
    ],
)
def test_a_fence_is_recognised_in_the_tree(code, text):
    assert fence_text(ast.parse(code).body[0]) == text


@pytest.mark.parametrize(
    ("text", "verb", "header"),
    [
        ("keras", "keras", True),
        (" torch: mine", "torch", True),
        ("torch:mine", "torch", True),
        ("torch;", "torch", True),
        ("tensorlow", "tensorlow", True),
        ("diff probs", "diff", False),
        ("diff;", "diff", False),
        ("cell", "cell", False),
        ("", "", False),
        ("--help", "--help", False),
    ],
)
def test_the_first_word_of_a_fence(text, verb, header):
    assert (fence_verb(text), is_header(text)) == (verb, header)


# --- what a block binds ---


@pytest.mark.parametrize(
    ("code", "names", "sure"),
    [
        ("x = 1", "x", "x"),
        ("x = y = 1", "x y", "x y"),
        ("x, (y, *z) = v", "x y z", "x y z"),
        ("x += 1", "x", ""),
        ("x: int = 1", "x", "x"),
        ("x: int", "", ""),
        ("x.a = 1; y[0] = 2; f(z)", "", ""),
        ("import a.b, c as d", "a d", "a d"),
        ("from a import b, c as d", "b d", "b d"),
        ("def f(x): y = 1", "f", ""),
        ("class C:\n    x = 1", "C", ""),
        ("class C:\n    def m(self):\n        global g\n        g = 1", "C g", ""),
        ("def f():\n    global g\n    g = 1", "f g", ""),
        ("if a:\n    x = 1\nelse:\n    y = 1", "x y", ""),
        ("for i in v:\n    x = 1", "i x", ""),
        ("while a:\n    x = 1", "x", ""),
        ("with a as b:\n    x = 1", "b x", ""),
        ("try:\n    x = 1\nexcept E as e:\n    y = 1\nfinally:\n    z = 1", "x y z", ""),
        ("match v:\n    case [a, *b]:\n        x = 1\n    case {'k': c, **d}: pass", "a b x c d", ""),
        ("match v:\n    case E() as e: pass", "e", ""),
        ("x = [i for i in v]", "x", "x"),
        ("x = [(last := i) for i in v]", "last x", "x"),
        ("x = a or (y := b)", "y x", "x"),
        ("(x := 1)", "x", ""),
        ("x = lambda y: (z := y)", "x", "x"),
        ("del x", "", ""),
        ("x = 1\nif a:\n    x = 2", "x", "x"),
        ("if a:\n    x = 2\nx = 1", "x", "x"),
        ("await f()\nx = await g()", "x", "x"),
    ],
)  # fmt: skip
def test_the_names_a_block_binds(code, names, sure):
    found, certain, _ = bindings(ast.parse(code).body)
    assert (sorted(found), sorted(certain)) == (sorted(names.split()), sorted(sure.split()))


def test_names_stand_in_the_order_of_first_assignment():
    assert bindings(ast.parse("b = (w := 1)\na = 1\nb = 2\nc = 3").body)[0] == ("w", "b", "a", "c")


def test_imported_modules_are_found_inside_statements_too():
    code = (
        "import torch.nn as nn\nfrom keras.layers import Dense\ntry:\n    import jax\nexcept E: pass\nfrom . import x"
    )
    assert bindings(ast.parse(code).body)[2] == ("torch", "keras", "jax")


# --- checking ---


def test_a_cell_is_read():
    raw = RawCell(
        "probs --seed 0",
        (RawBlock("keras: old --seed 3", 2, ("x", "y"), ("x",), ("keras",)), RawBlock("pytorch", 5)),
    )
    cell = read_cell(raw, Options(strict=True))
    left, right = cell.blocks
    assert (left.framework, left.label, left.options.seed, left.line) == ("keras", "old", 3, 2)
    assert (left.names, left.certain, left.imported) == (("x", "y"), {"x"}, {"keras"})
    assert (right.framework, right.label, right.options.seed) == ("torch", "torch", 0)
    assert (cell.captures, cell.options) == (("probs",), Options(seed=0, strict=True))


@pytest.mark.parametrize(
    ("left", "right", "labels"),
    [
        ("keras", "torch", ("keras", "torch")),
        ("TF", "PyTorch", ("tensorflow", "torch")),
        ("torch", "torch", ("left torch", "right torch")),
        ("torch: new", "torch", ("new", "torch")),
        ("torch: a", "keras: a", ("left a", "right a")),
        ("torch: it's <b>", "keras", ("it's <b>", "keras")),
        ("torch:", "keras", ("torch", "keras")),
    ],
)
def test_labels(left, right, labels):
    assert tuple(block.label for block in read_cell(two(left, right), Options()).blocks) == labels


def test_the_first_fence_carries_the_options_of_the_cell():
    raw = RawCell(None, (RawBlock("keras --seed 1 probs", 1), RawBlock("torch --seed 2", 3)), "--strict;")
    cell = read_cell(raw, Options())
    assert [block.options.seed for block in cell.blocks] == [1, 2]
    assert (cell.options.seed, cell.options.strict, cell.captures) == (1, True, ("probs",))


def test_diff_options_lie_over_those_of_the_first_line():
    cell = read_cell(two(opening="--rtol 1 --atol 1", diff="a b --rtol 2 --out r;"), Options())
    assert (cell.options.rtol, cell.options.atol, cell.options.out, cell.captures) == (2, 1, "r", ("a", "b"))


@pytest.mark.parametrize(("opening", "example"), [("", "# --- keras ---"), (None, "%dual keras")])
def test_no_header(opening, example):
    assert said(RawCell(opening, ())) == (
        f"No header found. Begin each block with a line like `{example}` (keras, torch, tensorflow, jax or numpy)."
    )


def test_no_header_but_a_near_one():
    assert said(RawCell("", (), near=((3, "Pytroch"), (5, "zzz")))) == (
        "No header found. Line 3 looks like a header, but 'Pytroch' is no framework dualcell knows. "
        "Did you mean 'pytorch'? Line 5 looks like a header, but 'zzz' is no framework dualcell knows. "
        "Begin each block with a line like `# --- keras ---` (keras, torch, tensorflow, jax or numpy)."
    )


def test_one_block_only():
    assert said(RawCell("", (RawBlock("keras --seed 0", 2),), near=((4, "kears"),))) == (
        "One block only: line 2 begins 'keras' and no other header follows. Line 4 looks like a header, "
        "but 'kears' is no framework dualcell knows. Did you mean 'keras'? A comparison needs two; "
        "the same framework twice is fine."
    )


def test_three_blocks():
    blocks = tuple(RawBlock("torch", line) for line in (2, 4, 6))
    assert said(RawCell("", blocks)) == (
        "3 blocks, headers on lines 2, 4, 6; a comparison has two. "
        "Use a cell for each pair, or end a pair with `%dual diff`."
    )


def test_an_unknown_framework_is_named_with_its_line():
    assert said(two("torhc"), FrameworkError) == (
        "Line 2: Unknown framework 'torhc'. Did you mean 'torch'? dualcell knows: "
        "keras, torch, pytorch, tensorflow, tf, tf_keras, jax, numpy, mxnet."
    )


def test_a_bad_option_of_a_block_is_named_with_its_line():
    assert said(two(right="torch --sede 1")) == (
        "Line 4: Unknown option '--sede'. Did you mean '--seed'? %%dual --help lists all."
    )


@pytest.mark.parametrize(("opening", "first"), [("", "%%dual line"), (None, "first %dual line")])
def test_an_option_that_no_block_can_have(opening, first):
    assert said(two(right="torch --rtol 1", opening=opening)) == (
        f"--rtol has no effect on the header of a block (line 4); write it on the {first}."
    )


def test_words_after_the_framework():
    assert said(two(right="torch my port")) == (
        "Line 4: unexpected 'my port' after the framework. A label follows a colon (`torch: my port`), "
        "captures stand on the %%dual line or on %dual diff."
    )


def test_captures_in_two_places():
    assert said(two(opening="a", diff="b")) == (
        "Captures stand on the %%dual line and on %dual diff; write them in one place."
    )


@pytest.mark.parametrize("option", ["--device cpu", "--seed 0", "--dtype float64", "--eager"])
def test_an_option_too_late(option):
    flag = option.split()[0]
    assert said(two(diff=option)) == (
        f"{flag} has no effect on %dual diff, as the blocks have run by then; write it on the first %dual line."
    )


def test_a_bad_value_in_the_cell():
    assert said(two(opening="--seed -1")) == "seed is -1, expected 0 <= seed < 2**32, as NumPy takes no other."


def test_a_name_that_a_timed_line_assigns_is_bound_but_not_surely():
    module = ast.parse("get_ipython().run_line_magic('time', 'y = f(x)')")
    assert bindings(module.body) == (("y",), (), ())
    assert bindings(ast.parse("get_ipython().run_line_magic('time', 'y = (')").body) == ((), (), ())
