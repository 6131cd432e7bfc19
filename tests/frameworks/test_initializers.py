"""`initializers`: what real layers of Keras and PyTorch are drawn from."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import dualcell
from dualcell import OptionError, initializers
from dualcell.distributions import Sizes, drawn_from
from dualcell.initializers_report import InitializersRow, Origin, written
from dualcell.origins import initializers_named
from dualcell.weights.fans import fans_of

keras = pytest.importorskip("keras")
torch = pytest.importorskip("torch")

L, nn = keras.layers, torch.nn
l1_unstructured = pytest.importorskip("torch.nn.utils.prune").l1_unstructured
GLOROT, THIRD, HIDDEN = "glorot_uniform = xavier_uniform", "kaiming_uniform(a=√5)", "recurrent uniform"
OF_KERNEL = f"{THIRD}, fans of the kernel"
FORGET = "zeros, ones in the forget gate"


def built(layer, *shape):
    layer.build(shape)
    return layer


def named(result):
    """Path -> the names of a weight."""
    return {one.name: one.drawn.names for row in result.rows for one in row.origins}


def sequential(*layers):
    return keras.Sequential([keras.Input(layers[0]), *layers[1:]])


# --- the experiment: Linear, Conv and RNN, and what Keras has in their place ---


def bound(origin):
    return origin.drawn.fits[0].said


def test_the_three_layers_of_pytorch_lie_within_a_tenth():
    """As reported: all of it is U(±0.1), the biases too. But for two reasons: 1/√fan_in, and 1/√hidden."""
    linear, conv = initializers(nn.Linear(100, 250)), initializers(nn.Conv2d(25, 64, 2))
    for result in (linear, conv):
        assert named(result) == {"weight": (THIRD,), "bias": (OF_KERNEL,)}
        assert {bound(result["weight"]), bound(result["bias"])} == {"U(±0.1)"}
    cell = initializers(nn.GRUCell(input_size=50, hidden_size=100))
    assert {bound(cell[name]) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")} == {"U(±0.1)"}
    assert cell["weight_ih"].drawn.names == (HIDDEN,)  # by its fan_in of 50 it would be U(±0.1414)
    assert cell["weight_hh"].drawn.names == (f"{HIDDEN} = {THIRD}",)  # whose fan_in is the hidden size: both fit


def test_it_is_not_glorot():
    """fan_out has no part in it, and the variance is a third of LeCun's."""
    for outputs in (50, 250, 1000):
        assert bound(initializers(nn.Linear(100, outputs))["weight"]) == "U(±0.1)"
    weight = initializers(nn.Linear(100, 250))["weight"].drawn.numbers
    assert weight.deviation**2 == pytest.approx(1 / 300, rel=0.02)


def test_keras_draws_each_of_its_weights_by_a_rule_of_its_own():
    """Against "one rule for all layers": biases are zeros, recurrent kernels orthogonal, embeddings U(±0.05)."""
    dense, conv = initializers(built(L.Dense(250), None, 100)), initializers(built(L.Conv2D(64, 2), None, 9, 9, 25))
    assert (named(dense), bound(dense["kernel"])) == ({"kernel": (GLOROT,), "bias": ("zeros",)}, "U(±0.1309)")
    assert (named(conv), bound(conv["kernel"])) == ({"kernel": (GLOROT,), "bias": ("zeros",)}, "U(±0.1298)")
    gru = initializers(built(L.GRU(100), None, 7, 50))
    assert named(gru) == {
        "cell/kernel": (GLOROT,), "cell/recurrent_kernel": ("orthogonal",), "cell/bias[0 of 2]": ("zeros",),
        "cell/bias[1 of 2]": ("zeros",),
    }  # fmt: skip
    assert bound(gru["cell/kernel"]) == "U(±0.1309)"  # of (50, 300): the gates side by side
    assert named(initializers(built(L.LSTM(100), None, 7, 50)))["cell/bias"] == (FORGET,)
    assert named(initializers(built(L.Embedding(1000, 64), None)))["embeddings"] == ("random_uniform",)


@pytest.mark.parametrize(
    ("shape", "fans", "said"),
    [((1000,), (1000, 1000), "U(±0.05477)"), ((100, 250), (100, 250), "U(±0.1309)"),
     ((5, 100, 250), (500, 1250), "U(±0.05855)")],
)  # fmt: skip
def test_a_bare_variable_of_tensorflow_1_is_glorot(shape, fans, said):
    """The shapes and the formula that the report lost: of one axis both fans are its size, others multiply."""
    tensorflow = pytest.importorskip("tensorflow")
    v1 = tensorflow.compat.v1
    with tensorflow.Graph().as_default(), v1.Session() as session:
        v1.set_random_seed(1)
        variable = v1.get_variable("w", shape=shape)
        session.run(v1.global_variables_initializer())
        values = session.run(variable)
    assert fans_of("keras", shape) == fans
    drawn = drawn_from(values, [Sizes(*fans_of("keras", shape))])
    assert drawn.fits[0].name.startswith(GLOROT)
    assert [fit.said for fit in drawn.fits] == [said]


# --- every kind of layer, as it comes ---

KERAS = {
    "dense": (lambda: built(L.Dense(60), None, 40), {"kernel": GLOROT, "bias": "zeros"}),
    "conv1d": (lambda: built(L.Conv1D(32, 3), None, 9, 20), {"kernel": GLOROT, "bias": "zeros"}),
    "conv3d": (lambda: built(L.Conv3D(16, 3), None, 9, 9, 9, 4), {"kernel": GLOROT, "bias": "zeros"}),
    "grouped": (lambda: built(L.Conv2D(32, 3, groups=4), None, 9, 9, 16), {"kernel": GLOROT, "bias": "zeros"}),
    "transposed": (lambda: built(L.Conv2DTranspose(16, 3), None, 9, 9, 40), {"kernel": GLOROT, "bias": "zeros"}),
    "depthwise": (lambda: built(L.DepthwiseConv2D(5, depth_multiplier=4), None, 9, 9, 16),
                  {"kernel": GLOROT, "bias": "zeros"}),
    "separable": (lambda: built(L.SeparableConv2D(64, 3, depth_multiplier=4), None, 9, 9, 16),
                  {"depthwise_kernel": GLOROT, "pointwise_kernel": GLOROT, "bias": "zeros"}),
    "rnn": (lambda: built(L.SimpleRNN(30), None, 7, 40),
            {"cell/kernel": GLOROT, "cell/recurrent_kernel": "orthogonal", "cell/bias": "zeros"}),
    "lstm": (lambda: built(L.LSTM(30), None, 7, 40),
             {"cell/kernel": GLOROT, "cell/recurrent_kernel": "orthogonal", "cell/bias": FORGET}),
    "batch norm": (lambda: built(L.BatchNormalization(), None, 6),
                   {"gamma": "ones", "beta": "zeros", "moving_mean": "zeros", "moving_variance": "ones"}),
    "layer norm": (lambda: built(L.LayerNormalization(), None, 6), {"gamma": "ones", "beta": "zeros"}),
    "prelu": (lambda: built(L.PReLU(), None, 6), {"alpha": "zeros"}),
    "embedding": (lambda: built(L.Embedding(50, 20), None), {"embeddings": "random_uniform"}),
}  # fmt: skip
TORCH = {
    "linear": (lambda: nn.Linear(40, 60), {"weight": THIRD, "bias": OF_KERNEL}),
    "conv1d": (lambda: nn.Conv1d(20, 64, 3), {"weight": THIRD, "bias": OF_KERNEL}),
    "conv3d": (lambda: nn.Conv3d(4, 64, 3), {"weight": THIRD, "bias": OF_KERNEL}),
    "grouped": (lambda: nn.Conv2d(16, 64, 3, groups=4), {"weight": THIRD, "bias": OF_KERNEL}),
    "depthwise": (lambda: nn.Conv2d(64, 64, 3, groups=64), {"weight": THIRD, "bias": OF_KERNEL}),
    "transposed": (lambda: nn.ConvTranspose2d(25, 64, 3), {"weight": THIRD, "bias": OF_KERNEL}),  # by its outputs
    "bilinear": (lambda: nn.Bilinear(10, 20, 60),
                 {"weight": f"{THIRD}, fans of the first input", "bias": f"{THIRD}, fans of the first input"}),
    "rnn": (lambda: nn.RNN(20, 30), {"weight_ih_l0": HIDDEN, "weight_hh_l0": f"{HIDDEN} = {THIRD}"}),
    "lstm": (lambda: nn.LSTM(20, 30), {"weight_ih_l0": HIDDEN, "weight_hh_l0": f"{HIDDEN} = {THIRD}",
                                       "bias_ih_l0": HIDDEN, "bias_hh_l0": HIDDEN}),
    "batch norm": (lambda: nn.BatchNorm2d(6),
                   {"weight": "ones", "bias": "zeros", "running_mean": "zeros", "running_var": "ones"}),
    "prelu": (nn.PReLU, {"weight": "constant(0.25)"}),
    "embedding": (lambda: nn.Embedding(150, 20), {"weight": "normal_"}),
    "embedding with padding": (lambda: nn.Embedding(4, 900, padding_idx=1), {"weight": "normal_"}),
    "attention": (lambda: nn.MultiheadAttention(64, 4), {
        "in_proj_weight[0 of 3]": GLOROT, "in_proj_weight[2 of 3]": GLOROT, "in_proj_bias[1 of 3]": "zeros",
        "out_proj.weight": THIRD, "out_proj.bias": "zeros",
    }),
    "attention of other sizes": (lambda: nn.MultiheadAttention(64, 4, kdim=30, vdim=20),
                                 {"q_proj_weight": GLOROT, "k_proj_weight": GLOROT, "v_proj_weight": GLOROT}),
}  # fmt: skip
LAYERS = {f"keras {name}": case for name, case in KERAS.items()} | {f"torch {n}": case for n, case in TORCH.items()}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_as_it_comes(name):
    make, expected = LAYERS[name]
    found = named(initializers(make()))
    for path, initializer in expected.items():
        assert any(f" = {one} = ".count(f" = {initializer} = ") for one in found[path]), found


def test_a_keras_kernel_of_several_axes_is_counted_by_its_equation():
    attention = L.MultiHeadAttention(4, 16)
    attention.build((None, 10, 50), (None, 10, 50))
    dense = built(L.EinsumDense("abc,cde->abde", (None, 8, 16)), None, 10, 64)
    found = named(initializers(attention)) | named(initializers(dense))
    counted = f"{GLOROT}, fans of the matrix product"
    assert {found[name] for name in ("query/kernel", "key/kernel", "attention_output/kernel", "kernel")} == {(counted,)}


def test_packed_projections_are_counted_together():
    weight = initializers(nn.MultiheadAttention(64, 4))["in_proj_weight[0 of 3]"]
    assert bound(weight) == f"U(±{np.sqrt(6 / 256):.4g})"


@pytest.mark.parametrize("directions", [1, 2])
def test_an_lstm_that_projects_its_state_is_drawn_by_its_hidden_size(directions):
    found = named(initializers(nn.LSTM(50, 100, proj_size=30, num_layers=2, bidirectional=directions == 2)))
    assert len(found) == 10 * directions
    assert all(HIDDEN in names[0].split(" = ") for names in found.values()), found


COMPUTED = {
    "pruned": lambda module: l1_unstructured(module, "weight", 0.5),
    "weight_norm": torch.nn.utils.parametrizations.weight_norm,
    "spectral_norm": torch.nn.utils.parametrizations.spectral_norm,
    "spectral_norm by hooks": torch.nn.utils.spectral_norm,
}
MODULES = {
    "linear": lambda: nn.Linear(200, 220),
    "conv": lambda: nn.Conv2d(16, 220, 3, groups=2),
    "transposed": lambda: nn.ConvTranspose1d(20, 220, 9),
}


@pytest.mark.parametrize("way", COMPUTED)
@pytest.mark.parametrize("kind", MODULES)
def test_the_bias_of_a_kernel_that_is_computed_is_drawn_by_its_fans(kind, way):
    module = MODULES[kind]()
    before = initializers(module)["bias"].drawn.fits[0]
    assert before.name == OF_KERNEL
    state = {name: value.clone() for name, value in COMPUTED[way](module).state_dict().items()}
    found = initializers(module)["bias"].drawn
    assert (found.verdict, found.fits[0].name, found.fits[0].said) == ("named", OF_KERNEL, before.said)
    assert all(torch.equal(value, state[name]) for name, value in module.state_dict().items())  # nothing was computed


@pytest.mark.parametrize("name", ["glorot_normal", "he_normal", "he_uniform", "lecun_normal", "lecun_uniform",
                                  "truncated_normal", "random_normal", "random_uniform", "orthogonal"])  # fmt: skip
def test_the_initializers_of_keras(name):
    layer = built(L.Dense(300, kernel_initializer=name), None, 120)
    [found] = named(initializers(layer))["kernel"]
    assert name in found.split(" = ")


@pytest.mark.parametrize(
    ("name", "options", "found"),
    [
        ("xavier_uniform_", {}, GLOROT),
        ("xavier_normal_", {}, "xavier_normal"),
        ("kaiming_uniform_", {}, "he_uniform = kaiming_uniform"),
        ("kaiming_uniform_", {"a": 5**0.5}, THIRD),
        ("kaiming_normal_", {}, "kaiming_normal"),
        ("kaiming_normal_", {"mode": "fan_out"}, "kaiming_normal(fan_out)"),
        ("orthogonal_", {}, "orthogonal"),
        ("orthogonal_", {"gain": 2**0.5}, "orthogonal(gain=1.414)"),
        ("normal_", {}, "normal_"),
        ("normal_", {"std": 0.02}, "normal(std=0.02)"),
        ("uniform_", {}, "uniform_"),
        ("trunc_normal_", {}, "trunc_normal_"),
        ("trunc_normal_", {"std": 0.02}, "normal(std=0.02)"),  # cut at ±2, which is 100 std
        ("zeros_", {}, "zeros"),
        ("eye_", {}, "identity"),
    ],
)  # fmt: skip
def test_the_initializers_of_pytorch(name, options, found):
    layer = nn.Linear(120, 300)
    getattr(nn.init, name)(layer.weight, **options)
    assert named(initializers(layer))["weight"] == (found,)


GAINS = {"relu": "√2", "tanh": "5/3", "selu": "3/4"}


@pytest.mark.parametrize("name", GAINS)
@pytest.mark.parametrize("family", ["uniform", "normal"])
def test_a_gain_of_pytorch_is_named_and_written(name, family):
    layer = nn.Linear(120, 500)
    getattr(nn.init, f"xavier_{family}_")(layer.weight, nn.init.calculate_gain(name))
    dense = sequential((120,), L.Dense(500, name="dense"))
    result = initializers(dense, layer)
    assert result["weight"].drawn.names[0].startswith(f"xavier_{family}(gain={GAINS[name]})")
    assert f"  xavier_{family}(gain={GAINS[name]}): " in repr(result)
    argument = result["dense/kernel"].fix
    again = sequential((120,), eval(f"L.Dense(500, {argument})", {"L": L, "keras": keras}))
    assert initializers(again, layer).rows[0].alike
    plain = nn.Linear(120, 500)
    exec(initializers(again, plain)["weight"].fix, {"nn": nn, "layer": plain})  # noqa: S102
    assert initializers(plain)["weight"].drawn.names == result["weight"].drawn.names


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv1d(6, 4, 3), nn.Conv2d(6, 6, 2), nn.Conv2d(4, 8, 3), nn.Conv3d(3, 3, (1, 3, 5)), nn.Conv2d(6, 6, 1),
        nn.ConvTranspose2d(6, 6, 3), nn.ConvTranspose2d(6, 4, 3),
    ],
    ids=lambda layer: f"{type(layer).__name__} {tuple(layer.weight.shape)}",
)  # fmt: skip
@pytest.mark.parametrize("groups", [1, 2])
def test_a_dirac_kernel_is_named(layer, groups):
    if layer.weight.shape[0] % groups:
        groups = 3
    nn.init.dirac_(layer.weight, groups)
    assert named(initializers(layer))["weight"] == ("dirac",)
    for place in ((0, 0), (1, 0)):
        with torch.no_grad():
            nn.init.dirac_(layer.weight, groups)
            layer.weight[place] += 0.5
        assert "dirac" not in named(initializers(layer))["weight"]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_other_dtypes(dtype):
    layer = nn.Linear(100, 250, dtype=getattr(torch, dtype))
    assert named(initializers(layer))["weight"] == (THIRD,)
    layer = built(L.Dense(250, dtype=dtype), None, 100)
    assert named(initializers(layer))["kernel"] == (GLOROT,)


def test_keras_2():
    tf_keras = pytest.importorskip("tf_keras")
    layer = tf_keras.layers.Dense(250)
    layer.build((None, 100))
    assert set(named(initializers(layer)).values()) == {(GLOROT,), ("zeros",)}


# --- what is not named ---


def trained(net, steps=30):
    inputs = torch.randn(256, 40)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
    for _ in range(steps):
        optimizer.zero_grad()
        (net(inputs) - torch.sin(inputs[:, :5]) * 3).square().mean().backward()
        optimizer.step()
    return net


def test_trained_weights_have_no_known_initializer():
    net = trained(nn.Sequential(nn.Linear(40, 500), nn.Tanh(), nn.Linear(500, 5)))
    result = initializers(net)
    assert [result[name].drawn.verdict for name in ("0.weight", "2.weight")] == ["unknown", "unknown"]
    assert result["0.weight"].said == "no known initializer"
    assert named(result) == dict.fromkeys(("0.weight", "0.bias", "2.weight", "2.bias"), ())


def test_a_bias_of_three_numbers_is_too_small_to_tell():
    bias = initializers(nn.Linear(100, 3))["bias"]
    assert bias.drawn.names == ()
    assert bias.said.startswith("too few numbers to tell (3); could be ")
    assert THIRD in bias.said


def test_nan_is_not_tested():
    layer = nn.Linear(10, 20)
    layer.weight.data[0, 0] = float("nan")
    assert initializers(layer)["weight"].said == "not tested: holds NaN or infinity"


# --- side by side ---


def pair():
    left = sequential((100,), L.Dense(250, name="hidden"), L.Dense(64, name="head"))
    return left, nn.Sequential(nn.Linear(100, 250), nn.ReLU(), nn.Linear(250, 64))


def test_two_models_stand_side_by_side():
    result = initializers(*pair())
    assert [(row.name, row.alike) for row in result.rows] == [
        ("hidden/kernel ~ 0.weight", False), ("hidden/bias ~ 0.bias", False), ("head/kernel ~ 2.weight", False),
        ("head/bias ~ 2.bias", False),
    ]  # fmt: skip
    text = repr(result)
    assert re.search(
        r"hidden/kernel +keras +\(100, 250\) +100 +250 .*▆▆.*\n  drawn from glorot_uniform = .*: U\(±0.1309\)", text
    )
    assert re.search(
        r"0\.weight +torch +\(250, 100\) +100 +250 .*█.*\n  drawn from kaiming_uniform\(a=√5\): U\(±0.1\)", text
    )
    assert "  kaiming_uniform(a=√5): U(±1/√fan_in) (the default of PyTorch's Linear and convolutions)" in text
    assert text.endswith("dualcell: 0 of 4 pairs of weights drawn alike, 4 differently")


def test_both_histograms_have_one_scale():
    row = initializers(*pair()).rows[0]
    assert row.left.bars[0] > 0
    assert row.right.bars[:2] == (0.0, 0.0)  # U(±0.1) ends before U(±0.1309)
    assert sum(row.right.bars) == pytest.approx(1)


def test_what_it_says_to_write_makes_both_sides_alike():
    """On the torch side by nn.init, on the Keras side by arguments: each as the table says it."""
    left, right = pair()
    for row in initializers(left, right).rows:
        tensor = right.get_parameter(row.right.name)
        exec(row.right.fix.replace(f"layer.{row.right.name[2:]}", "tensor"), {"nn": nn, "tensor": tensor})  # noqa: S102
    assert {row.alike for row in initializers(left, right).rows} == {True}
    _, fresh = pair()
    fixes = {row.left.name: row.left.fix for row in initializers(left, fresh).rows}
    layers = [
        eval(f"L.Dense({units}, {fixes[f'{name}/kernel']}, {fixes[f'{name}/bias']})", {"L": L, "keras": keras})
        for name, units in (("hidden", 250), ("head", 64))
    ]  # fmt: skip
    again = initializers(sequential((100,), *layers), fresh)
    assert {row.alike for row in again.rows} == {True}
    assert repr(again).endswith("dualcell: 4 of 4 pairs of weights drawn alike, 0 differently")


def test_recurrent_layers_side_by_side():
    result = initializers(sequential((7, 50), L.LSTM(100)), nn.LSTM(50, 100))
    rows = {row.name: row.alike for row in result.rows}
    assert rows == {
        "lstm/cell/kernel ~ weight_ih_l0": False, "lstm/cell/recurrent_kernel ~ weight_hh_l0": False,
        "lstm/cell/bias ~ bias_ih_l0": False, "bias_hh_l0": None,
    } or {name.partition("/")[2]: alike for name, alike in rows.items()}  # fmt: skip
    text = repr(result)
    assert "keras: recurrent_initializer=keras.initializers.RandomUniform(-0.1, 0.1)" in text
    assert "or torch: nn.init.orthogonal_(layer.weight_hh_l0)" in text
    assert "nn.init.zeros_(layer.bias_ih_l0), then nn.init.ones_(layer.bias_ih_l0[100:200])" in text
    assert "1 weight without a partner" in text


@pytest.mark.parametrize(("layer", "module"), [(L.LSTM, nn.LSTM), (L.GRU, nn.GRU), (L.SimpleRNN, nn.RNN)])
def test_what_it_says_to_write_for_recurrent_layers_makes_both_sides_alike(layer, module):
    """Of LSTM all of the bias: Keras puts ones into the forget gate whatever the initializer, unless told not to."""
    right = module(50, 100, batch_first=True)
    fixes = dict.fromkeys(row.left.fix for row in initializers(built(layer(100), None, 7, 50), right).rows if row.left)
    left = built(eval(f"layer(100, {', '.join(fixes)})", {"layer": layer, "keras": keras}), None, 7, 50)
    assert {row.alike for row in initializers(left, right).rows if row.left} == {True}
    again = layer(100, bias_initializer="random_uniform")  # whose own ones are no known initializer
    (fix,) = {row.left.fix for row in initializers(built(again, None, 7, 50), right).rows
              if row.left and "bias" in row.left.name}  # fmt: skip
    assert ("unit_forget_bias=False" in fix) == (layer is L.LSTM)


def attention():
    layer = L.MultiHeadAttention(4, 16)
    layer.build((None, 7, 64), (None, 7, 64))
    return layer


def attention_of_keras_2():
    kind = pytest.importorskip("tf_keras")
    layer = kind.layers.MultiHeadAttention(4, 16)
    layer(*[kind.backend.ones((1, 7, 64))] * 2)
    return layer


@pytest.mark.parametrize("make", [attention, attention_of_keras_2])
def test_attention_has_one_argument_for_four_kernels(make):
    """Those that PyTorch draws in two ways are drawn one by one; each line does what it says."""
    layer, module = make(), nn.MultiheadAttention(64, 4)
    fixes = {one.name: one.fix for row in initializers(layer, module).rows for one in row.origins if one.fix}
    ours = {name: fix for name, fix in fixes.items() if "/" in name}
    assert [*ours] == ["query/kernel", "key/kernel", "value/kernel", "attention_output/kernel"]
    assert ours["query/kernel"] == (
        "layer._query_dense.kernel.assign(keras.initializers.RandomUniform(-0.153093, 0.153093)"
        "(layer._query_dense.kernel.shape))"
    )
    for line in ours.values():
        exec(line, {"keras": keras, "layer": layer})  # noqa: S102
    assert {row.alike for row in initializers(layer, module).rows} == {True}


def test_one_line_is_enough_where_all_four_want_the_same():
    layer, module = attention(), nn.MultiheadAttention(64, 4)
    for tensor in (*module.in_proj_weight.detach().chunk(3), module.out_proj.weight):
        nn.init.normal_(tensor, std=0.02)
    fixes = {row.left.fix for row in initializers(layer, module).rows}
    assert fixes == {"kernel_initializer=keras.initializers.RandomNormal(stddev=0.02)", ""}
    nn.init.zeros_(module.out_proj.weight)
    fixes = [row.left.fix for row in initializers(layer, module).rows if row.left.fix]
    assert fixes[3] == (
        'layer._output_dense.kernel.assign(keras.initializers.get("zeros")(layer._output_dense.kernel.shape))'
    )


class Own(L.Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 50))
        self.b = self.add_weight(shape=(50,), initializer="zeros")

    def call(self, x):
        return x @ self.w + self.b


def test_a_layer_of_ones_own_is_drawn_where_add_weight_makes_it():
    model = keras.Sequential([keras.Input((40,)), Own()])
    result = initializers(model, nn.Linear(40, 50))
    fixes = [row.left.fix for row in result.rows]
    assert fixes == [
        'initializer=keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")',
        "initializer=keras.initializers.RandomUniform(-0.158114, 0.158114)",
    ]
    assert [row.right.fix for row in result.rows] == [
        "nn.init.xavier_uniform_(layer.weight)", "nn.init.zeros_(layer.bias)"
    ]  # fmt: skip


def test_two_models_of_one_framework_are_called_left_and_right():
    text = repr(initializers(nn.Linear(9, 9), nn.Linear(9, 9)))
    assert re.search(r"weight +left", text)
    assert re.search(r"weight +right", text)
    assert "1 of 2 pairs of weights drawn alike, 0 differently, 1 cannot be told" in text


def test_models_that_cannot_be_paired_stand_one_after_the_other():
    left = nn.ModuleDict({"a": nn.Linear(30, 30), "b": nn.Linear(30, 30)})
    right = nn.ModuleDict({"c": nn.Linear(30, 30), "d": nn.Linear(30, 30), "e": nn.Linear(30, 30)})
    result = initializers(left, right)
    assert all(len(row.origins) == 1 for row in result.rows)
    assert len(result.rows) == 10
    assert "note: the sides stand one after the other, as their weights could not be paired: " in repr(result)
    paired = initializers(left, right, {"a": "c", "b": "d", "e": None})
    assert [row.name for row in paired.rows][:2] == ["a.weight ~ c.weight", "a.bias ~ c.bias"]
    with pytest.raises(dualcell.PlanError):
        initializers(left, right, {"a": "nowhere"})


def test_an_initializer_with_a_seed_that_repeats_is_noted():
    initializer = keras.initializers.GlorotUniform(seed=1)
    layers = [L.Dense(50, kernel_initializer=initializer, name=name) for name in ("one", "two")]
    text = repr(initializers(sequential((50,), *layers)))
    assert "note: one/kernel and two/kernel hold the same numbers, as if one initializer with a fixed seed" in text
    layers = [L.Dense(50, name=name) for name in ("one", "two")]
    assert "note:" not in repr(initializers(sequential((50,), *layers)))
    assert "note:" not in repr(initializers(sequential((7, 9), L.Bidirectional(L.LSTM(5)))))  # alike forget gates


# --- how it shows ---


def test_one_model_in_one_sentence():
    text = repr(initializers(nn.Linear(100, 250)))
    assert text.splitlines()[0].split() == (
        ["weight", "shape", "fan", "in", "fan", "out", "min", "max", "mean", "std", "histogram"]
    )
    assert text.splitlines()[3] == f"  drawn from {THIRD}: U(±0.1)"
    assert max(map(len, text.splitlines())) <= 100
    assert text.endswith(f"dualcell: 2 weights: 2 {THIRD}")


def test_in_a_notebook_it_is_a_table_with_everything_escaped():
    net = nn.ModuleDict({"<b>": nn.Linear(100, 250)})
    bundle = initializers(net)._repr_mimebundle_()
    html = bundle["text/html"]
    assert bundle["text/plain"] == repr(initializers(net))
    assert "&lt;b&gt;.weight" in html
    assert "<b>." not in html
    assert f"drawn from {THIRD}: U(±0.1)" in html
    assert html.count("border-bottom:") > 2 * 20
    assert "nn.init.xavier_uniform_(layer.weight)" in initializers(*pair())._repr_mimebundle_()["text/html"]


# --- errors ---


def test_no_model():
    with pytest.raises(OptionError, match=r"expected a Keras model or layer, or a torch\.nn\.Module, got a list\."):
        initializers([1])


def test_no_weights():
    with pytest.raises(OptionError, match=r"the torch ReLU has no weights, so nothing was drawn\."):
        initializers(nn.ReLU())


def test_a_layer_that_is_not_built():
    with pytest.raises(dualcell.PlanError, match="has no weights yet: it is not built"):
        initializers(L.Dense(3))


def test_a_path_that_is_not_there():
    with pytest.raises(KeyError, match="no weight is named 'kernel'; there are: weight, bias"):
        _ = initializers(nn.Linear(2, 2))["kernel"]


# --- %dual init ---


def test_the_models_of_a_namespace():
    left, right = pair()
    result = initializers_named("", {"net": right, "x": 3, "_hidden": left, "same": right})
    assert [row.name for row in result.rows][:1] == ["0.weight"]
    result = initializers_named("", {"model": left, "net": right})
    assert result.rows[0].name == "hidden/kernel ~ 0.weight"
    for line in ("model net", "model ~ net", '"model ~ net"', "model -> net"):
        assert initializers_named(line, {"model": left, "net": right}).rows[0].name == "hidden/kernel ~ 0.weight"
    assert initializers_named("net[0]", {"net": right}).rows[0].name == "weight"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("", "%dual init takes one model or two, there are 3: a, b, c. Write %dual init MODEL MODEL."),
        ("a b c", "%dual init takes one model or two, there are 3: a, b, c. Write %dual init MODEL MODEL."),
        ("nowhere", "%dual init: there is no 'nowhere'. Models here: a, b, c."),
        ("x", "expected a Keras model or layer, or a torch.nn.Module, got a int."),
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_followed_says_why(line, sentence):
    namespace = {name: nn.Linear(2, 2) for name in "abc"} | {"x": 3}
    with pytest.raises(OptionError) as error:
        initializers_named(line, namespace)
    assert str(error.value) == sentence


def test_a_name_that_is_misspelt():
    with pytest.raises(OptionError, match=r"%dual init: there is no 'nett'. Did you mean 'net'\?"):
        initializers_named("nett", {"net": nn.Linear(2, 2)})
    with pytest.raises(OptionError, match=r"%dual init: there is no 'net'. No name here is bound to a model."):
        initializers_named("net", {"nett": 3})


def test_no_model_in_sight():
    with pytest.raises(OptionError) as error:
        initializers_named("", {"x": 3})
    assert str(error.value) == (
        "%dual init takes one model or two, no name is bound to one. Write %dual init MODEL MODEL."
    )


# --- what to write ---

SOURCES = {
    "uniform": lambda random: random.uniform(-np.sqrt(6 / 900), np.sqrt(6 / 900), (300, 600)),
    "normal": lambda random: random.standard_normal((300, 600)) * np.sqrt(2 / 300),
    "cut": lambda random: np.asarray(keras.initializers.HeNormal(seed=0)((300, 600))),
    "constant": lambda random: np.full((3, 3), 0.5),
    "zeros": lambda random: np.zeros(3),
    "fixed": lambda random: random.standard_normal((300, 600)) * 0.02,
    "orthogonal": lambda random: np.linalg.qr(random.standard_normal((300, 300)))[0],
}
CASES = [
    (weight, name) for name in SOURCES for weight in ("kernel", "bias") if (name, weight) != ("orthogonal", "bias")
]


@pytest.mark.parametrize(("weight", "source"), CASES)
def test_what_is_written_draws_the_same(weight, source):
    """Also where the fans are others, so that the initializer's name would stand for other numbers."""
    fit = drawn_from(SOURCES[source](np.random.default_rng(0)).astype(np.float32), [Sizes(300, 600)]).fits[0]
    shape = (400, 500) if weight == "kernel" else (20_000,)
    nothing = drawn_from(np.zeros(3))
    argument = written(Origin(weight, "keras", shape, Sizes(400, 500), nothing), fit)
    made = eval(f"dict({argument})", {"keras": keras})[f"{weight}_initializer"]
    there = np.asarray(keras.initializers.get(made)(shape))
    assert fit.said in [found.said for found in drawn_from(there, [Sizes(300, 600)]).fits]
    line = written(Origin(f"0.{weight}", "torch", shape[::-1], Sizes(400, 500), nothing), fit)
    tensor = torch.empty(shape[::-1])
    exec(line.replace(f"layer.{weight}", "tensor"), {"nn": nn, "tensor": tensor})  # noqa: S102
    assert fit.said in [found.said for found in drawn_from(tensor.numpy(), [Sizes(300, 600)]).fits]


def test_a_part_of_a_packed_weight_is_written_as_a_slice():
    [fit] = drawn_from(np.zeros((3, 3))).fits
    one = Origin("attention.in_proj_weight[1 of 3]", "torch", (64, 64), Sizes(64, 192), drawn_from(np.zeros(3)))
    assert written(one, fit) == "nn.init.zeros_(layer.in_proj_weight[64:128])"


def test_a_row_of_one_side_is_neither_alike_nor_not():
    assert InitializersRow(None).alike is None


# --- the experiment as docs/initializers.md tells it ---

TEXT = (Path(dualcell.__file__).parents[1] / "docs" / "initializers.md").read_text(encoding="utf-8")
CLAIMS = re.findall(r"^\s*(bounds\(.*\)) +# -> (.*)$", TEXT, re.MULTILINE)


def test_the_document_claims_something():
    assert len(CLAIMS) == 11
    assert len(re.findall("# ->", TEXT)) == len(CLAIMS) + 1  # and the sentence about them


@pytest.mark.parametrize(("code", "claim"), CLAIMS)
def test_the_document_keeps_its_word(code, claim):
    [definition] = re.findall(r"^def bounds.*?(?=^```)", TEXT, re.MULTILINE | re.DOTALL)
    names = {"dualcell": dualcell, "nn": nn, "layers": L, "built": built}
    exec(definition, names)  # noqa: S102
    assert eval(code, names) == claim


def test_the_table_of_the_document_is_what_keras_counts():
    rows = re.findall(r"^\| (\(.*\)) \| (\d+) \| (\d+) \| (\S+) \|$", TEXT, re.MULTILINE)
    assert len(rows) == 3
    for shape, fan_in, fan_out, said in rows:
        assert fans_of("keras", eval(shape)) == (int(fan_in), int(fan_out))
        assert f"{np.sqrt(6 / (int(fan_in) + int(fan_out))):.4g}" == said
