"""`--init`: layers of one side with the default initializers of the other, which real layers of the other judge."""

from __future__ import annotations

import pytest

import dualcell
from dualcell import OptionError, initializers
from dualcell.frameworks.registry import block_adapter
from dualcell.options import Options

keras = pytest.importorskip("keras")
torch = pytest.importorskip("torch")

L, nn = keras.layers, torch.nn


def scope(framework, init):
    return block_adapter(framework).scope(Options(init=init))


def built(layer, *shape):
    layer.build(shape)
    return layer


# kind -> a Keras layer and its PyTorch partner, of sizes that many numbers fit
PAIRS = {
    "dense": (lambda: built(L.Dense(64), None, 100), lambda: nn.Linear(100, 64)),
    "conv1d": (lambda: built(L.Conv1D(64, 3), None, 9, 20), lambda: nn.Conv1d(20, 64, 3)),
    "conv2d": (lambda: built(L.Conv2D(64, (3, 2)), None, 9, 9, 20), lambda: nn.Conv2d(20, 64, (3, 2))),
    "conv3d": (lambda: built(L.Conv3D(64, 2), None, 9, 9, 9, 8), lambda: nn.Conv3d(8, 64, 2)),
    "grouped": (lambda: built(L.Conv2D(64, 3, groups=4), None, 9, 9, 16), lambda: nn.Conv2d(16, 64, 3, groups=4)),
    "depthwise": (lambda: built(L.DepthwiseConv2D(3, depth_multiplier=2), None, 9, 9, 48),
                  lambda: nn.Conv2d(48, 96, 3, groups=48)),
    "transposed": (lambda: built(L.Conv2DTranspose(64, 3), None, 9, 9, 25), lambda: nn.ConvTranspose2d(25, 64, 3)),
    "embedding": (lambda: built(L.Embedding(100, 60), None), lambda: nn.Embedding(100, 60, padding_idx=0)),
    "rnn": (lambda: built(L.SimpleRNN(60), None, 7, 20), lambda: nn.RNN(20, 60)),
    "lstm": (lambda: built(L.LSTM(60), None, 7, 20), lambda: nn.LSTM(20, 60)),
    "gru": (lambda: built(L.GRU(60), None, 7, 20), lambda: nn.GRU(20, 60)),
    "lstm cell": (lambda: built(L.LSTMCell(60), None, 20), lambda: nn.LSTMCell(20, 60)),
    "prelu": (lambda: built(L.PReLU(), None, 6), lambda: nn.PReLU(6)),
    "batch norm": (lambda: built(L.BatchNormalization(), None, 6), lambda: nn.BatchNorm1d(6)),
}  # fmt: skip


def drawn_alike(left, right):
    """The rows of which both sides are there, and whether each is drawn alike."""
    return {row.name: row.alike for row in initializers(left, right).rows if row.left and row.right}


@pytest.mark.parametrize("kind", [kind for kind in PAIRS if kind != "batch norm"])
def test_as_they_come_they_are_not_alike(kind):
    """So that the tests below can fail."""
    left, right = (make() for make in PAIRS[kind])
    assert False in drawn_alike(left, right).values()


@pytest.mark.parametrize("kind", PAIRS)
def test_modules_of_pytorch_are_drawn_as_keras_draws_them(kind):
    left = PAIRS[kind][0]()
    with scope("torch", "keras"):
        right = PAIRS[kind][1]()
    alike = drawn_alike(left, right)
    assert alike
    assert set(alike.values()) == {True}, initializers(left, right)


@pytest.mark.parametrize("kind", PAIRS)
def test_layers_of_keras_are_drawn_as_pytorch_draws_them(kind):
    right = PAIRS[kind][1]()
    with scope("keras", "torch"):
        left = PAIRS[kind][0]()
    alike = drawn_alike(left, right)
    assert alike
    assert set(alike.values()) == {True}, initializers(left, right)


def test_a_separable_convolution_and_an_equation():
    with scope("keras", "torch"):
        separable = built(L.SeparableConv2D(96, 3, depth_multiplier=2), None, 9, 9, 48)
        dense = built(L.EinsumDense("abc,cde->abde", (None, 8, 16), bias_axes="de"), None, 10, 64)
    found = initializers(separable)
    said = {row.name: row.left.drawn.fits[0].said for row in found.rows}
    assert said == {
        "depthwise_kernel": "U(±0.3333)", "pointwise_kernel": "U(±0.1021)", "bias": "U(±0.1021)",
    }  # fmt: skip
    found = initializers(dense)
    assert {row.left.drawn.fits[0].said for row in found.rows} == {"U(±0.125)"}


def test_attention_of_pytorch_is_drawn_as_keras_draws_it():
    left = L.MultiHeadAttention(4, 16)
    left.build((None, 10, 64), (None, 10, 64))
    with scope("torch", "keras"):
        right = nn.MultiheadAttention(64, 4)
    alike = drawn_alike(left, right)
    assert len(alike) == 8
    assert set(alike.values()) == {True}


def test_both_directions_of_every_layer():
    with scope("torch", "keras"):
        net = nn.LSTM(20, 60, num_layers=2, bidirectional=True)
    found = {row.name: row.left.drawn.names for row in initializers(net).rows}
    assert {found[name] for name in found if "weight_hh" in name} == {("orthogonal",)}
    assert {found[name] for name in found if "bias_ih" in name} == {("zeros, ones in the forget gate",)}
    assert {found[name] for name in found if "bias_hh" in name} == {("zeros",)}


def test_what_code_draws_itself_stays():
    with scope("torch", "keras"):
        right = nn.Linear(100, 64)
        nn.init.kaiming_normal_(right.weight)
    assert initializers(right)["weight"].drawn.names == ("kaiming_normal",)
    with scope("keras", "torch"):
        left = built(L.Dense(64, kernel_initializer="he_normal"), None, 100)
        same = built(L.Dense(64, None, True, "glorot_uniform", bias_initializer="ones"), None, 100)
    assert initializers(left)["kernel"].drawn.names == ("he_normal",)
    assert initializers(left)["bias"].drawn.fits[0].said == "U(±0.1)"  # what is not named still is PyTorch's
    assert initializers(same)["kernel"].drawn.names == ("glorot_uniform = xavier_uniform",)
    assert initializers(same)["bias"].drawn.names == ("ones",)


def test_everything_is_put_back():
    before = [vars(kind)["__init__"] for kind in (L.Dense, L.LSTM, L.LSTMCell)]
    methods = [nn.Linear.reset_parameters, nn.RNNBase.reset_parameters, nn.MultiheadAttention._reset_parameters]
    for framework, init in (("torch", "keras"), ("keras", "torch")):
        with pytest.raises(ZeroDivisionError), scope(framework, init):
            _ = 1 / 0
    assert [vars(kind)["__init__"] for kind in (L.Dense, L.LSTM, L.LSTMCell)] == before
    assert methods == [nn.Linear.reset_parameters, nn.RNNBase.reset_parameters, nn.MultiheadAttention._reset_parameters]


def test_layers_that_were_there_before_stay_as_they_are():
    left = L.Dense(64)
    with scope("keras", "torch"):
        left.build((None, 100))
    assert initializers(left)["kernel"].drawn.names == ("glorot_uniform = xavier_uniform",)


def test_a_layer_that_is_built_after_the_cell_is_still_drawn_so():
    with scope("keras", "torch"):
        left = L.Dense(64)
    left.build((None, 100))
    assert initializers(left)["kernel"].drawn.names == ("kaiming_uniform(a=√5)",)


def test_a_layer_can_be_written_and_read_without_dualcell():
    """Its config names initializers of Keras only."""
    with scope("keras", "torch"):
        model = keras.Sequential([keras.Input((100,)), L.Dense(64), L.Dense(3)])
    config = model.to_json()
    assert "dualcell" not in config
    assert "BiasByKernel" not in config
    again = keras.models.model_from_json(config)
    assert initializers(again.layers[0])["bias"].drawn.fits[0].said == "U(±0.1)"


def test_a_wrong_argument_is_still_the_layers_own_error():
    with scope("keras", "torch"), pytest.raises(TypeError, match="units"):
        L.Dense()


def test_keras_2():
    tf_keras = pytest.importorskip("tf_keras")
    with scope("tf_keras", "torch"):
        layer = tf_keras.layers.Dense(64)
        layer.build((None, 100))
        recurrent = tf_keras.layers.LSTM(60)
        recurrent.build((None, 7, 20))
    assert {row.left.drawn.fits[0].said for row in initializers(layer).rows} == {"U(±0.1)"}
    assert {row.left.drawn.fits[0].said for row in initializers(recurrent).rows} == {"U(±0.1291)"}


# --- as an option ---


def test_it_is_for_blocks_of_the_other_framework_only():
    with dualcell.dual("keras", "torch", captures=["x"], init="keras") as pair:
        with pair.left:
            dense = built(L.Dense(64), None, 100)
            x = 1.0
        with pair.right:
            linear = nn.Linear(100, 64)
            x = 1.0
    assert x == 1.0
    assert set(drawn_alike(dense, linear).values()) == {True}
    assert initializers(dense)["kernel"].drawn.names == ("glorot_uniform = xavier_uniform",)
    assert pair.result.report.settings["initializers"] == "those of keras"
    assert initializers(nn.Linear(100, 64))["weight"].drawn.names == ("kaiming_uniform(a=√5)",)


@pytest.mark.parametrize(
    ("blocks", "init", "sentence"),
    [
        (("torch", "torch"), "torch",
         "--init torch is for the layers of a keras block, and has no effect on one of torch."),
        (("numpy", "jax"), "keras",
         "--init keras is for the layers of a torch block, and has no effect on one of numpy and jax."),
    ],
)  # fmt: skip
def test_where_it_has_no_effect_it_is_refused(blocks, init, sentence):
    with pytest.raises(OptionError) as error, dualcell.dual(*blocks, captures=["x"], init=init):
        pass
    assert str(error.value) == sentence


def test_another_word_is_refused():
    with pytest.raises(OptionError) as error:
        dualcell.dual("keras", "torch", init="kears")
    assert str(error.value) == "init is 'kears', expected 'keras' or 'torch'. Did you mean 'keras'?"
