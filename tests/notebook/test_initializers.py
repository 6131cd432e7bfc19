"""`%dual init` in a real kernel."""

from __future__ import annotations

MODELS = """\
import torch
net = torch.nn.Sequential(torch.nn.Linear(100, 250), torch.nn.ReLU(), torch.nn.Linear(250, 64))
other = torch.nn.Linear(100, 250)
"""


def test_the_models_that_are_there_stand_side_by_side(shell):
    shell.succeed(MODELS)
    reply = shell.succeed("%dual init net other")
    [shown] = reply.shown
    assert "0.weight  left" in shown
    assert "kaiming_uniform(a=√5): U(±0.1)" in shown
    assert "without a partner" in shown
    assert shell.succeed("%dual init").shown == [shown]
    assert shell.succeed("r = %dual init net[0]").shown == []
    assert shell.value("r['weight'].drawn.names") == ("kaiming_uniform(a=√5)",)


def test_its_name_is_still_a_function(shell):
    """`dualcell.initializers` must not become the module it comes from."""
    shell.succeed(MODELS + "%dual init net")
    assert shell.value("callable(__import__('dualcell').initializers)")


def test_a_line_that_cannot_be_followed_is_a_usage_error(shell):
    reply = shell.run("%dual init nowhere")
    assert reply.status == "error"
    assert "UsageError" in reply.stderr
    assert "%dual init: there is no 'nowhere'." in reply.stderr


def test_it_is_offered(shell):
    assert "init" in shell.matches("%dual in")


def test_a_cell_gives_one_sides_layers_the_other_sides_initializers(shell):
    """As long as it lasts, and again when it is run again for its noise."""
    shell.succeed("import keras, torch")
    cell = (
        "%%dual y --init {init} --noise 1 --seed 0\n"
        "x = np.ones((4, 100), 'float32')\n"
        "# --- keras ---\n"
        "dense = keras.layers.Dense(64)\n"
        "y = dense(x)\n"
        "# --- torch ---\n"
        "linear = torch.nn.Linear(100, 64)\n"
        "y = linear(torch.as_tensor(x))"
    )
    for init, name in (("keras", "glorot_uniform = xavier_uniform"), ("torch", "kaiming_uniform(a=√5)")):
        reply = shell.succeed(cell.format(init=init))
        assert f"initializers those of {init}" in reply.shown[0]
        shell.succeed("r = %dual init dense ~ linear")
        assert shell.value("{row.alike for row in r.rows}") == {True}
        assert shell.value("r['kernel'].drawn.names") == (name,)
    shell.succeed("linear = torch.nn.Linear(100, 64)\ndense = keras.layers.Dense(64)\ndense.build((None, 100))")
    shell.succeed("r = %dual init dense ~ linear")
    assert shell.value("{row.alike for row in r.rows}") == {False}
