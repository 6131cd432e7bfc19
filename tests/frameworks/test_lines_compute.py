"""Done literally, a line to change makes both sides compute the same: what is written before, after or instead of."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

keras = pytest.importorskip("keras")
torch = pytest.importorskip("torch")

from dualcell import plan_weights  # noqa: E402
from dualcell.frameworks import keras_activations, torch_activations  # noqa: E402
from dualcell.frameworks.registry import layer_reader  # noqa: E402
from dualcell.settings import differences  # noqa: E402
from tests.frameworks.doing import NAMES, done  # noqa: E402
from tests.frameworks.layer_pairs import L, Loss, Opt  # noqa: E402

nn = torch.nn
X = np.random.default_rng(0).normal(0, 3, size=(4, 6, 8)).astype("f4")


def held(left, right):
    found = differences(*(layer_reader(one).settings_of(one) for one in (left, right)))
    return [one for one in found if not one.remark]


def of_keras(layer, x=X):
    return np.asarray(keras.ops.convert_to_numpy(layer(x)))


def of_torch(module, x=X):
    with torch.no_grad():
        return module(torch.tensor(x)).numpy()


# --- activations ---

BY_NAME = [*keras_activations._OF_FUNCTIONS, *keras_activations._SET_TO_NOTHING]
SET = {
    nn.LeakyReLU: [{"negative_slope": 0.3}], nn.ELU: [{"alpha": 0.5}], nn.CELU: [{"alpha": 2.0}],
    nn.GELU: [{"approximate": "tanh"}], nn.Softplus: [{"beta": 2.0}], nn.Hardtanh: [{"min_val": -2.0, "max_val": 3.0}],
    nn.Softshrink: [{"lambd": 0.3}], nn.Hardshrink: [{"lambd": 0.9}], nn.Softmax: [{"dim": -1}, {"dim": -2}],
    nn.LogSoftmax: [{"dim": -1}, {"dim": -2}], nn.GLU: [{"dim": -2}],
}  # fmt: skip
NOT_ALONE = (nn.Threshold, nn.Softmax2d, nn.PReLU)
MODULES = [
    kind(**words)
    for kind in torch_activations.ACTIVATIONS if kind not in NOT_ALONE
    for words in ([{}] if kind not in (nn.Softmax, nn.LogSoftmax) else []) + SET.get(kind, [])
]  # fmt: skip
LAYERS = [
    *(L.Activation(name) for name in BY_NAME), L.ReLU(), L.ReLU(6.0), L.ReLU(negative_slope=0.1), L.LeakyReLU(),
    L.ELU(alpha=0.3), L.Softmax(), L.Softmax(axis=-2),
]  # fmt: skip


def close(one, other):
    return one.shape == other.shape and np.allclose(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("left", LAYERS, ids=lambda layer: layer.name)
def test_lines_of_activations(left):
    for right in MODULES:
        found = held(left, right)
        if close(of_keras(left), of_torch(right)):  # ReLU6 and another spelling of it, say
            continue
        assert found, (left.name, right)
        changed = right
        for one in [one for one in found if one.setting == "function"] or found:
            assert one.left_fix, (right, one)
            assert close(of_keras(done(one.left_fix, left)), of_torch(right)), (right, one.left_fix)
            if one.right_fix:
                changed = eval(one.right_fix, NAMES) if one.right_fix == "torch.exp" else done(one.right_fix, changed)
        assert close(of_torch(changed), of_keras(left)), (left.name, found)


@pytest.mark.parametrize("name", [name for name in BY_NAME if name not in ("linear", "glu")])
def test_lines_of_an_activation_that_a_layer_applies(name):
    """`torch.nn.Mish() after it`, where a module applies none itself."""
    left, right = L.Dense(8, activation=name), nn.Linear(8, 8)
    left.build(X.shape)
    right.weight.data = torch.tensor(left.get_weights()[0].T)
    right.bias.data.zero_()
    (one,) = held(left, right)
    after = eval(one.right_fix.removesuffix(" after it"), NAMES)
    assert close(of_torch(lambda x: after(right(x))), of_keras(left))
    changed = done(one.left_fix, left)
    changed.set_weights(left.get_weights())
    assert close(of_keras(changed), of_torch(right))


# --- padding ---


def around(line, thing, x, library):
    """What a layer makes of x when a line is done: `... before it`, its words, and what it is divided by."""
    first, _, words = line.rpartition(" before it, ")
    words, _, ones = words.partition(", and divided by the same of ")
    layer = done(words, thing)
    if hasattr(thing, "get_weights") and thing.get_weights():
        layer.set_weights(thing.get_weights())
    elif isinstance(thing, nn.Module):
        layer.load_state_dict(thing.state_dict())

    def run(x):
        return layer(library(first, x) if first else x)

    return run(x) / run(eval(ones, NAMES | {"x": x})) if ones else run(x)


def before_keras(code, x):
    padded = eval(code, NAMES | {"x": x})
    return padded(x) if callable(padded) else padded


def before_torch(code, x):
    return eval(code, NAMES | {"x": x})


def moved(x):
    """Channels first."""
    return torch.tensor(np.moveaxis(np.asarray(x), -1, 1))


def wrong_lines(left, right, x):
    """Lines for padding that do not make both sides compute the same; and how many there are."""
    found, count = [], 0
    with torch.no_grad():
        expected = np.asarray(left(x)), np.moveaxis(right(moved(x)).numpy(), 1, -1)
        for one in held(left, right):
            if one.setting == "counts padding":
                continue
            for line, mine in ((one.left_fix, True), (one.right_fix, False)):
                if not line or "..." in line:
                    continue
                count += 1
                if mine:
                    result, wanted = np.asarray(around(line, left, x, before_keras)), expected[1]
                else:
                    result = np.moveaxis(around(line, right, moved(x), before_torch).numpy(), 1, -1)
                    wanted = expected[0]
                if not close(result, wanted):
                    found.append(line)
    return found, count


def numbers(size, channels=2):
    return np.random.default_rng(size).standard_normal((2, size, channels)).astype(np.float32) - 3


def convolutions():
    for size, kernel, stride, padding, dilation in itertools.product(
        (7, 8), (2, 3, 4), (1, 2), ("valid", "same", "causal"), (1, 2)
    ):
        if stride > 1 and dilation > 1:
            continue  # Keras refuses it
        for pad in (0, 1, 2, "same"):
            if (pad == "same" and stride > 1) or size + 2 * (pad if pad != "same" else 9) < (kernel - 1) * dilation + 1:
                continue
            left, x = L.Conv1D(3, kernel, stride, padding, dilation_rate=dilation), numbers(size)
            left.build(x.shape)
            right = nn.Conv1d(2, 3, kernel, stride, pad, dilation)
            right.weight.data = torch.tensor(left.get_weights()[0].transpose(2, 1, 0))
            right.bias.data.zero_()
            yield left, right, x


def pools(layer, module, **more):
    for size, window, stride, padding in itertools.product((7, 8), (2, 3), (1, 2, 3), ("valid", "same")):
        for pad, up in itertools.product((0, 1), (False, True)):
            if pad <= window // 2:
                left, x = layer(window, stride, padding), numbers(size)
                left.build(x.shape)
                yield left, module(window, stride, pad, ceil_mode=up, **more), x


PADDED = {
    "convolutions": convolutions,
    "maximum pools": lambda: pools(L.MaxPooling1D, nn.MaxPool1d),
    "average pools": lambda: pools(L.AveragePooling1D, nn.AvgPool1d),
    "average pools that do not count": lambda: pools(L.AveragePooling1D, nn.AvgPool1d, count_include_pad=False),
}


@pytest.mark.parametrize("name", PADDED)
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
def test_lines_of_padding(name):
    found, counts = zip(*(wrong_lines(*case) for case in PADDED[name]()), strict=True)
    assert sorted({line for lines in found for line in lines}) == []
    assert sum(counts) > 50


def test_lines_of_padding_where_channels_come_first():
    """On axes 2 and 3; no kernel of TensorFlow pools so on a CPU."""
    left = L.MaxPooling2D(2, data_format="channels_first")
    (one,) = held(left, nn.MaxPool2d(2, padding=1))
    padded = eval(one.left_fix.split(" before it")[0], NAMES | {"x": np.zeros((1, 2, 3, 4))})
    assert padded.shape == (1, 2, 5, 6)
    left = L.Conv2D(2, 3, 2, padding="same", data_format="channels_first")
    (one,) = held(left, nn.Conv2d(2, 2, 3, 2, padding=1))
    padding = eval(one.left_fix.split(" before it")[0], NAMES)
    assert padding(np.zeros((1, 2, 3, 4))).shape == (1, 2, 5, 6)


# --- both directions of a recurrent layer ---


@pytest.mark.parametrize("mode", ["sum", "ave", "mul", None])
def test_lines_of_merged_directions(mode):
    left = L.Bidirectional(L.LSTM(5, return_sequences=True), merge_mode=mode)
    right = nn.LSTM(8, 5, batch_first=True, bidirectional=True)
    left(X)
    plan_weights(keras.Sequential([keras.Input(X.shape[1:]), left]), right).apply()
    (one,) = held(left, right)
    output = right(torch.tensor(X))[0].detach()
    ours = left(X) if mode is None else [left(X)]
    theirs = eval(one.right_fix, {"output": output})
    for mine, other in zip(ours, theirs if mode is None else [theirs], strict=True):
        assert close(np.asarray(mine), other.numpy())
    changed = done(one.left_fix, left)
    changed.build(X.shape)
    changed.set_weights(left.get_weights())
    assert close(of_keras(changed), output.numpy())


# --- resizing ---

IMAGE = np.random.default_rng(1).standard_normal((2, 6, 6, 3)).astype("f4")


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (L.UpSampling2D(2, interpolation="bicubic"), nn.Upsample(scale_factor=2, mode="bicubic")),
        (L.UpSampling2D(3, interpolation="bilinear"), nn.Upsample(scale_factor=3, mode="nearest")),
        (L.UpSampling2D(2), nn.Upsample(scale_factor=2, mode="bilinear")),
        (L.UpSampling2D(2, interpolation="bilinear"), nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)),
        (L.UpSampling2D(2), nn.Upsample(scale_factor=3)),
        (L.Resizing(4, 5, antialias=True), nn.Upsample((4, 5), mode="bilinear")),
        (L.Resizing(4, 4, interpolation="nearest"), nn.Upsample(5, mode="nearest-exact")),
        (L.Resizing(4, 4, interpolation="nearest"), nn.Upsample(4, mode="nearest")),
    ],
)
def test_lines_of_resizing(left, right):
    """All lines of one side at once."""
    found = held(left, right)
    assert found
    assert all(one.left_fix or one.right_fix for one in found)
    if all(one.left_fix for one in found):
        for one in found:
            left_now = done(one.left_fix, left)
        assert close(np.asarray(left_now(IMAGE)), np.moveaxis(right(moved(IMAGE)).numpy(), 1, -1))
    if all(one.right_fix for one in found):
        (one,) = found
        made = (
            eval(one.right_fix, NAMES | {"x": moved(IMAGE)})
            if "(x, " in one.right_fix
            else (done(one.right_fix, right)(moved(IMAGE)))
        )
        assert close(np.asarray(left(IMAGE)), np.moveaxis(made.numpy(), 1, -1))


# --- losses ---

TARGET = np.random.default_rng(2).random((5, 4)).astype("f4")
GUESS = np.random.default_rng(3).random((5, 4)).astype("f4") * 0.9 + 0.05
REDUCED = {
    "MeanSquaredError": nn.MSELoss, "MeanAbsoluteError": nn.L1Loss, "BinaryCrossentropy": nn.BCELoss,
    "Huber": nn.HuberLoss, "KLDivergence": nn.KLDivLoss, "Poisson": lambda **more: nn.PoissonNLLLoss(False, **more),
}  # fmt: skip


def loss_after(line, loss, run):
    """What a loss gives when a line is done: its words, and what is done with what it gives."""
    words, _, then = line.partition(", and ")
    result = run(done(words, loss))
    return eval(f"result{then.removesuffix(' of it')}", {"result": result, "y": GUESS}) if then else result


@pytest.mark.parametrize("name", REDUCED)
@pytest.mark.parametrize("ours", ["sum_over_batch_size", "sum", "none"])
@pytest.mark.parametrize("theirs", ["mean", "batchmean", "sum", "none"])
def test_lines_of_reductions(name, ours, theirs):
    if theirs == "batchmean" and name != "KLDivergence":
        return
    of_rows = TARGET / TARGET.sum(-1, keepdims=True), GUESS / GUESS.sum(-1, keepdims=True)
    target, guess = of_rows if name == "KLDivergence" else (TARGET, GUESS)
    left, right = getattr(Loss, name)(reduction=ours), REDUCED[name](reduction=theirs)

    def of_left(loss):
        return np.asarray(loss(target, guess))

    def of_right(loss):
        fed = torch.tensor(guess)
        return loss(fed.log() if name == "KLDivergence" else fed, torch.tensor(target))

    found = [one for one in held(left, right) if one.setting == "reduction"]
    if close(of_left(left), of_right(right).numpy()):
        assert found == []
        return
    (one,) = found
    assert one.left != one.right
    assert close(loss_after(one.right_fix, right, of_right).numpy(), of_left(left)), one.right_fix
    if one.left_fix:
        assert close(loss_after(one.left_fix, left, of_left), of_right(right).numpy()), one.left_fix
    else:
        assert theirs in ("none", "mean")  # elements, or their mean, that Keras has not


@pytest.mark.parametrize("right", [nn.BCELoss(), nn.BCEWithLogitsLoss()])
def test_lines_of_smoothing(right):
    left = Loss.BinaryCrossentropy(from_logits=type(right) is nn.BCEWithLogitsLoss, label_smoothing=0.2)
    target = (TARGET > 0.5).astype("f4")
    (one,) = held(left, right)
    fed = eval(one.right_fix.removesuffix(" fed to it"), {"target": torch.tensor(target)})
    assert float(right(torch.tensor(GUESS), fed)) == pytest.approx(float(left(target, GUESS)), rel=1e-5)


# --- weights that decay ---


@pytest.mark.parametrize("name", ["SGD", "RMSprop", "Adam"])
def test_lines_of_weights_that_decay_by_themselves_or_by_the_gradient(name):
    start, gradient = np.array([1.0, -2.0], "f4"), np.array([0.5, 0.25], "f4")

    def torch_steps(optimizer, before=""):
        (p,) = (parameter for group in optimizer.param_groups for parameter in group["params"])
        for _ in range(3):
            p.grad = torch.tensor(gradient)
            if before:
                exec(before, {"p": p})  # noqa: S102 (the line is ours)
            optimizer.step()
        return p.detach().numpy()

    def keras_steps(optimizer, more=lambda _: 0.0):
        variable = keras.Variable(start)
        for _ in range(3):
            optimizer.apply([keras.ops.convert_to_tensor(gradient) + more(variable)], [variable])
        return np.asarray(variable)

    words = {"SGD": {}, "RMSprop": {"rho": 0.9}, "Adam": {}}[name]
    torch_words = {"SGD": {}, "RMSprop": {"alpha": 0.9}, "Adam": {}}[name]
    epsilon = {} if name == "SGD" else {"epsilon": 1e-8}
    left = getattr(Opt, name)(0.01, weight_decay=0.1, **words, **epsilon)
    parameter = nn.Parameter(torch.tensor(start))
    right = getattr(torch.optim, name)([parameter], lr=0.01, weight_decay=0.1, **torch_words)
    (one,) = held(left, right)
    assert one.setting == "decoupled"
    twin = getattr(Opt, name)(0.01, weight_decay=0.1, **words, **epsilon)
    words, _, then = one.right_fix.partition(", and ")
    changed = done(words, right)
    after = torch_steps(changed, then.removesuffix(" for each parameter p before step()"))
    np.testing.assert_allclose(after, keras_steps(twin), rtol=1e-4)
    words, _, then = one.left_fix.partition(", and ")
    penalty = eval(then.removesuffix(" on each weight"), NAMES)
    parameter.data = torch.tensor(start)
    expected = torch_steps(right)

    def pulled(variable):
        """The gradient of the penalty of L2."""
        return 2 * float(penalty.l2) * keras.ops.convert_to_tensor(variable)

    np.testing.assert_allclose(keras_steps(done(words, left), pulled), expected, rtol=1e-4)


# --- what is written before or after ---


def test_lines_of_a_layer_that_runs_backwards():
    left = L.LSTM(5, return_sequences=True, go_backwards=True)
    right = nn.LSTM(8, 5, batch_first=True)
    left(X)
    plan_weights(keras.Sequential([keras.Input(X.shape[1:]), left]), right).apply()
    (one,) = held(left, right)
    assert one.right_fix.endswith(" before it")
    flipped = eval(one.right_fix.removesuffix(" before it"), {"x": torch.tensor(X)})
    assert close(right(flipped)[0].detach().numpy(), of_keras(left))
    changed = done(one.left_fix, left)
    changed.set_weights(left.get_weights())
    assert close(of_keras(changed), right(torch.tensor(X))[0].detach().numpy())


def test_lines_of_an_order_of_flattening():
    left, right = L.Flatten(data_format="channels_first"), nn.Flatten()
    first = np.moveaxis(IMAGE, -1, 1)
    (one,) = held(left, right)
    lasts = eval(one.right_fix.removesuffix(" before it"), {"x": torch.tensor(first)})
    assert close(right(lasts).numpy(), of_keras(left, first))
    assert close(of_keras(done(one.left_fix, left), first), of_torch(right, first))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (L.LayerNormalization(axis=-2, epsilon=1e-5), nn.LayerNorm(8)),
        (L.LayerNormalization(axis=(-3, -1), epsilon=1e-5), nn.LayerNorm((6, 8))),
        (L.LayerNormalization(axis=(-2, -1), epsilon=1e-5), nn.LayerNorm(8)),
        (L.RMSNormalization(axis=(-2, -1)), nn.RMSNorm(8, eps=1e-6)),
    ],
)
def test_lines_of_normalised_axes(left, right):
    x = np.random.default_rng(4).standard_normal((4, 6, 8)).astype("f4")
    (one,) = held(left, right)
    assert close(of_keras(done(one.left_fix, left), x), run(right, x.shape)(torch.tensor(x)).detach().numpy())
    if one.right_fix.startswith("normalized_shape="):
        changed = type(right)(eval(one.right_fix.partition("=")[2], {"x": torch.tensor(x)}), eps=right.eps)
        assert close(of_torch(changed, x), of_keras(left, x))
        return
    before, after = one.right_fix.removesuffix(" after it").split(" before it, and ")
    moved_x = eval(before, {"x": torch.tensor(x)})
    y = run(right, moved_x.shape)(moved_x)
    assert close(eval(f"y{after}", {"y": y}).detach().numpy(), of_keras(left, x))


def run(module, shape):
    """The module for inputs of a shape."""
    return type(module)(shape[-len(module.normalized_shape) :], eps=module.eps)
