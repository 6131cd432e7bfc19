"""A setting that one side alone has is said: as a difference where it is known what the other does, else in a note."""

from __future__ import annotations

import warnings

import pytest

from dualcell.frameworks.registry import layer_reader
from dualcell.settings import differences, not_compared

keras = pytest.importorskip("keras")
torch = pytest.importorskip("torch")

from dualcell import compare_settings  # noqa: E402
from tests.frameworks.layer_pairs import PAIRS, L, Loss, Opt, Plan, built, learning, plan  # noqa: E402
from tests.zoo.models import ENTRIES  # noqa: E402

nn = torch.nn


def read(value):
    return layer_reader(value).settings_of(value)


def said(left, right):
    """The settings that differ, remarks and notes included."""
    one, other = read(left), read(right)
    return {found.setting for found in differences(one, other)} | set(not_compared(one, other))


@pytest.mark.parametrize("name", PAIRS)
def test_a_healthy_pair_has_no_note(name):
    """No setting of a layer whose partner does the same is left uncompared."""
    assert not_compared(*map(read, PAIRS[name]())) == ()


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_models_that_compute_the_same_have_no_note(entry):
    report = compare_settings(entry.keras(), entry.torch()).report
    assert [note for note in report.remarks if note.startswith("not compared")] == []


def test_the_table_says_that_one_side_has_no_such_setting():
    said = repr(compare_settings(L.ReLU(threshold=1.0, name="cut"), nn.ReLU()))
    assert "cut ~ ReLU  threshold  threshold=1.0  no such setting  activation-variant" in said
    assert "    keras: threshold=0.0\n" in said
    assert "1 of 3 settings of 1 part differs" in said


def test_the_note_says_what_was_not_compared():
    result = compare_settings(L.Dense(3, kernel_constraint="non_neg", name="fc"), nn.Linear(2, 3))
    assert result.passed
    assert "note: not compared: kernel_constraint=NonNeg (fc ~ Linear)" in repr(result)
    result = compare_settings(L.Dense(3, activation=lambda x: x**2, name="fc"), nn.Linear(2, 3))
    assert "note: not compared: activation=<lambda> (fc ~ Linear)" in repr(result)


def test_a_setting_that_is_known_only_when_built_is_no_news():
    assert said(L.Dense(3), nn.Linear(2, 3)) == set()
    assert said(built(L.Dense(3), (None, 4)), nn.Linear(2, 3)) == {"inputs"}


def lstm(**more):
    return L.LSTM(5, return_sequences=True, **more)


def shaped(make, **more):
    """Built for (batch, 4, 4)."""
    return built(make(**more), (None, 4, 4))


def divided_by_the_variance():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it is deprecated
        return L.LayerNormalization(epsilon=1e-5, rms_scaling=True)


BOTH_WAYS = {"batch_first": True, "bidirectional": True}
# the setting that differs -> pairs that agree in all else, and compute other numbers
DIFFER = {
    "threshold": [
        (L.ReLU(threshold=1.0), nn.ReLU()), (L.ReLU(max_value=6.0, threshold=1.0), nn.ReLU6()),
        (L.Activation("soft_shrink"), nn.Softshrink(0.3)), (L.Activation("hard_shrink"), nn.Hardshrink(0.9)),
    ],
    "upper": [(L.ReLU(max_value=3.0), nn.ReLU()), (L.Activation("hard_tanh"), nn.Hardtanh(-1.0, 2.0))],
    "lower": [(L.Activation("hard_tanh"), nn.Hardtanh(-2.0, 1.0))],
    "beta": [(L.Activation("softplus"), nn.Softplus(beta=2))],
    "linear above": [(L.Activation("softplus"), nn.Softplus(threshold=1.0))],
    "axes": [
        (shaped(L.LayerNormalization, axis=1, epsilon=1e-5), nn.LayerNorm(4)),
        (shaped(L.RMSNormalization, axis=1), nn.RMSNorm(4, eps=1e-6)),
        (L.LayerNormalization(axis=-2, epsilon=1e-5), nn.LayerNorm(4)),
    ],
    "divides by the variance": [(divided_by_the_variance(), nn.LayerNorm(4))],
    "merge mode": [
        (L.Bidirectional(lstm(), merge_mode=mode), nn.LSTM(3, 5, **BOTH_WAYS)) for mode in ("sum", "ave", "mul", None)
    ],
    "value size": [(L.MultiHeadAttention(2, 4, value_dim=8), nn.MultiheadAttention(8, 2, batch_first=True))],
    "output size": [(L.MultiHeadAttention(2, 4, output_shape=7), nn.MultiheadAttention(8, 2, batch_first=True))],
    "key of zeros": [
        (L.MultiHeadAttention(2, 4), nn.MultiheadAttention(8, 2, batch_first=True, add_zero_attn=True))],
    "learned key and value": [
        (L.MultiHeadAttention(2, 4), nn.MultiheadAttention(8, 2, batch_first=True, add_bias_kv=True))],
    "longest entry": [(L.Embedding(9, 4), nn.Embedding(9, 4, max_norm=0.5))],
    "divisor": [(L.AveragePooling2D(2), nn.AvgPool2d(2, divisor_override=3))],
    "cubic": [(L.UpSampling2D(2, interpolation="bicubic"), nn.Upsample(scale_factor=2, mode="bicubic"))],
    "last axis": [(L.Flatten(), nn.Flatten(1, -2))],
    "noise shape": [(L.Dropout(0.5, noise_shape=(None, 1, 3)), nn.Dropout(0.5))],
    "positive weight": [
        (Loss.BinaryCrossentropy(from_logits=True), nn.BCEWithLogitsLoss(pos_weight=torch.tensor(weight)))
        for weight in (3.0, [1.0, 2.0])
    ],
    "full": [(Loss.Poisson(), nn.PoissonNLLLoss(log_input=False, full=True))],
    "margin": [(Loss.CosineSimilarity(), nn.CosineEmbeddingLoss(margin=0.5))],
    "label smoothing": [(Loss.CategoricalCrossentropy(label_smoothing=0.1), nn.NLLLoss())],
    "ignored class": [(Loss.CategoricalCrossentropy(from_logits=True), nn.CrossEntropyLoss(ignore_index=1))],
    "schedule": [(Opt.SGD(Plan.ExponentialDecay(0.01, 1, 0.5)), learning(torch.optim.SGD, lr=0.01))],
    "rates": [(
        Plan.PiecewiseConstantDecay([9, 19], [0.1, 0.05, 0.001]),
        plan(torch.optim.lr_scheduler.MultiStepLR, [10, 20]),
    )],
}  # fmt: skip


@pytest.mark.parametrize(
    ("setting", "index"), [(name, index) for name, rows in DIFFER.items() for index in range(len(rows))]
)
def test_what_one_side_alone_is_set_to_differs(setting, index):
    left, right = DIFFER[setting][index]
    found = [one for one in differences(read(left), read(right)) if not one.remark]
    ours = [one for one in found if one.setting == setting]
    assert ours
    assert {one.setting for one in found} - {"takes"} == {setting}
    assert ours[0].left != ours[0].right
    assert not compare_settings(left, right).passed
    assert compare_settings(left, left).passed
    assert compare_settings(right, right).passed


def test_an_axis_that_may_be_the_last_one_is_a_note():
    """Axis 1 of two, or of three: the layer is not built, the module does not know."""
    result = compare_settings(L.LayerNormalization(axis=1, epsilon=1e-5), nn.LayerNorm(4))
    assert result.passed
    assert "note: layer normalization, axes: axis=1 | normalized_shape=(4,)" in repr(result)
    assert "note: activation, axis: axis -1 | dim=1" in repr(compare_settings(L.Activation("glu"), nn.GLU(1)))
    last = built(L.LayerNormalization(axis=1, epsilon=1e-5), (None, 4))
    assert repr(compare_settings(last, nn.LayerNorm(4))).startswith("dualcell: ")


def test_a_scheduler_is_only_known_by_its_optimizer():
    """Keras may follow a schedule in a callback, which its optimizer does not show."""
    optimizer = learning(torch.optim.SGD, lr=0.01)
    torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    assert compare_settings(Opt.SGD(Plan.ExponentialDecay(0.01, 1, 0.9)), optimizer).passed
    result = compare_settings(Opt.SGD(0.01), optimizer)
    assert result.passed
    assert "note: sgd, schedule: learning_rate stays | lr of a scheduler" in repr(result)
    left = Opt.SGD(Plan.ExponentialDecay(0.01, 1, 0.9))
    (found,) = [one for _, one in compare_settings(left, learning(torch.optim.SGD, lr=0.01)).differences]
    assert (found.left, found.right) == ("learning_rate=ExponentialDecay", "lr stays")
    assert found.left_fix == "learning_rate=0.01"


def test_a_backward_layer_of_its_own_is_said():
    layer = L.Bidirectional(lstm(), backward_layer=lstm(activation="relu", go_backwards=True), name="both")
    result = compare_settings(layer, nn.LSTM(3, 5, **BOTH_WAYS))
    assert "note: not compared: backward_layer with activation='relu' (both ~ LSTM)" in repr(result)


def test_two_layers_that_apply_a_function_set_otherwise():
    """No reader's table has the function's settings among its own."""
    one, other = (L.Dense(3, activation=L.LeakyReLU(negative_slope=slope)) for slope in (0.1, 0.3))
    ((_, found),) = compare_settings(one, other).differences
    assert (found.setting, found.cause) == ("activation slope", "negative-slope")
    assert found.left_fix == "activation=keras.layers.LeakyReLU(negative_slope=0.3)"
