"""Settings of real layers, optimizers and losses: read, compared, planted."""

from __future__ import annotations

import importlib
import warnings
from functools import cache

import numpy as np
import pytest

from dualcell.catalogue import CAUSES
from dualcell.causes.settings import SETTING_CAUSES, SHOWN, plantings, shown
from dualcell.frameworks.registry import LAYER_READERS, layer_reader
from dualcell.settings import compared, differences

keras = pytest.importorskip("keras")
torch = pytest.importorskip("torch")

from tests.frameworks.layer_pairs import PAIRS, L, Loss, Opt, built, learning  # noqa: E402

nn = torch.nn
LEAST = 5  # objects in which each cause must be found


def read(value):
    return layer_reader(value).settings_of(value)


def held(left, right):
    """The differences that are held against the objects."""
    return [one for one in differences(read(left), read(right)) if not one.remark]


@pytest.mark.parametrize("name", PAIRS)
def test_nothing_is_named_in_a_healthy_pair(name):
    left, right = PAIRS[name]()
    assert held(left, right) == []
    assert compared(read(left), read(right))
    assert held(left, left) == held(right, right) == []
    assert differences(read(left), read(left)) == differences(read(right), read(right)) == ()


def planted(thing, cause):
    """(setting, the object with another value) for each setting that shows a cause."""
    settings = read(thing)
    for setting, other in plantings(cause, settings.kind, settings.values):
        twin = layer_reader(thing).changed(thing, setting, other)
        if twin is not None and not settings.settings[setting].remark:
            yield setting, twin


@cache
def cases():
    """Cause -> (what was changed, left, right, the setting), on either side of each healthy pair that shows it."""
    found = {row.cause: [] for row in SHOWN}
    for name, make in PAIRS.items():
        left, right = make()
        for cause, ours in found.items():
            for setting, twin in planted(left, cause):
                if setting in read(right).settings:
                    ours.append((f"{name}: {setting} of Keras", twin, right, setting))
            for setting, twin in planted(right, cause):
                if setting in read(left).settings:
                    ours.append((f"{name}: {setting} of PyTorch", left, twin, setting))
    return found


# what a change brings along: a wider kernel is padded more, a function has settings, a config keeps a size of values
_ALONG = {"padding", "function", "slope", "head size", "value size"}


def trained(optimizer, steps):
    """The optimizer of PyTorch, after some steps."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = torch.ones_like(parameter)
    for _ in range(steps):
        optimizer.step()
    return optimizer


def halved(layer):
    """The layer in float16."""
    return layer.half()


def divided_by_the_variance():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it is deprecated
        return L.LayerNormalization(rms_scaling=True)


# causes that no attribute of one of the healthy pairs plants in as many: real configurations that differ
BY_HAND = {
    "standardised": [
        (L.BatchNormalization(epsilon=1e-5, momentum=0.9), make(3, track_running_stats=False, **more))
        for make, more in [(nn.BatchNorm1d, {}), (nn.BatchNorm2d, {}), (nn.BatchNorm3d, {})]
    ] + [
        (L.GroupNormalization(-1, epsilon=1e-5), make(3, affine=True, track_running_stats=True))
        for make in (nn.InstanceNorm1d, nn.InstanceNorm2d)
    ],
    "flatten-order": [(L.Flatten(data_format="channels_first"), nn.Flatten())]
    + [(L.Flatten(), nn.Flatten(start)) for start in (0, 2, 3)]
    + [(L.Flatten(data_format="channels_first"), nn.Flatten(2))],
    "softmax-axis": [
        (L.Softmax(), nn.Softmax(-2)), (L.Softmax(-2), nn.Softmax(-1)), (L.Softmax(), nn.Softmax()),
        (L.Activation("softmax"), nn.Softmax(0)), (L.Activation("log_softmax"), nn.LogSoftmax(-3)),
    ],
    "later-steps": [
        (make(units, reset_after=False), nn.GRU(2, units, batch_first=True))
        for units in (2, 3) for make in (L.GRU, lambda *a, **k: L.GRU(*a, return_sequences=True, **k))
    ] + [(L.Bidirectional(L.GRU(3, reset_after=False)), nn.GRU(2, 3, batch_first=True, bidirectional=True))],
    "index-kept": [
        (L.LSTM(3), nn.LSTM(2, 3, batch_first=True)), (L.GRU(3), nn.GRU(2, 3, batch_first=True)),
        (L.SimpleRNN(3), nn.RNN(2, 3, batch_first=True)), (L.LSTM(7), nn.LSTM(1, 7, batch_first=True)),
        (L.Bidirectional(L.LSTM(3)), nn.LSTM(2, 3, batch_first=True, bidirectional=True)),
    ],
    "masked": [
        (L.Embedding(10, 4), nn.Embedding(10, 4, padding_idx=index)) for index in (0, 1, 9)
    ] + [
        (L.Embedding(10, 4, mask_zero=True), nn.Embedding(10, 4, padding_idx=index)) for index in (None, 0)
    ],
    "grid-shifted": [
        (L.Conv2DTranspose(4, 3, 2, padding="same"), nn.ConvTranspose2d(3, 4, 3, 2, 1, 1)),
        (L.Conv1DTranspose(4, 3, 2, padding="same"), nn.ConvTranspose1d(3, 4, 3, 2, 1, 1)),
        (L.Conv2DTranspose(4, 5, 2, padding="same"), nn.ConvTranspose2d(3, 4, 5, 2, 2, 1)),
        (L.Conv2DTranspose(4, 2, 3), nn.ConvTranspose2d(3, 4, 2, 3)),
        (L.Conv3DTranspose(4, 4, 2, padding="same"), nn.ConvTranspose3d(3, 4, 4, 2)),
    ],
    "pooling-edges": [
        (make(3, 1, padding="same"), module(3, 1, 1))
        for make, module in [(L.AveragePooling1D, nn.AvgPool1d), (L.AveragePooling2D, nn.AvgPool2d),
                             (L.AveragePooling3D, nn.AvgPool3d)]
    ] + [(L.AveragePooling2D(5, 1, padding="same"), nn.AvgPool2d(5, 1, 2)),
         (built(L.AveragePooling1D(3, 2, padding="same"), (None, 9, 2)), nn.AvgPool1d(3, 2, 1))],
    "reduction": [
        (L.GlobalAveragePooling1D(), nn.AdaptiveAvgPool1d(1)), (L.GlobalAveragePooling2D(), nn.AdaptiveAvgPool2d(1)),
        (L.GlobalAveragePooling3D(), nn.AdaptiveAvgPool3d(1)), (L.GlobalMaxPooling1D(), nn.AdaptiveMaxPool1d(1)),
        (L.GlobalMaxPooling2D(), nn.AdaptiveMaxPool2d((1, 1))),
    ],
    "narrower-type": [
        (L.Dense(3, dtype="float16"), nn.Linear(2, 3)), (L.Dense(3), halved(nn.Linear(2, 3))),
        (L.Conv2D(3, 2, dtype="mixed_bfloat16"), nn.Conv2d(1, 3, 2)), (L.LSTM(3), nn.LSTM(2, 3).double()),
        (L.LayerNormalization(dtype="float64"), nn.LayerNorm(3)),
    ],
    "regulariser": [
        (make(4, *size, kernel_regularizer=penalty), module(2, 4, *size))
        for make, module, size in [(L.Dense, nn.Linear, ()), (L.Conv1D, nn.Conv1d, (3,)), (L.Conv2D, nn.Conv2d, (3,))]
        for penalty in ("l1", "l2")
    ],
    "epsilon-place": [PAIRS[name]() for name in ("adam", "adamw", "adamax", "rmsprop", "adagrad")],
    "momentum-learning-rate": [
        (Opt.SGD(momentum=momentum), learning(torch.optim.SGD, lr=0.01, momentum=momentum))
        for momentum in (0.1, 0.5, 0.9)
    ] + [PAIRS[name]() for name in ("sgd, nesterov", "rmsprop, centred")],
    "gradient-clipping": [
        (Opt.Adam(epsilon=1e-8, clipnorm=1.0), learning(torch.optim.Adam)),
        (Opt.Adam(epsilon=1e-8, global_clipnorm=1.0), learning(torch.optim.Adam)),
        (Opt.Adam(epsilon=1e-8, clipvalue=0.5), learning(torch.optim.Adam)),
        (Opt.SGD(clipnorm=2.0), learning(torch.optim.SGD, lr=0.01)),
        (Opt.RMSprop(clipvalue=1.0), learning(torch.optim.RMSprop)),
    ],
    "optimizer-updates": [
        (Opt.Adam(), learning(torch.optim.SparseAdam)), (Opt.AdamW(), learning(torch.optim.SparseAdam)),
        (Opt.Adam(use_ema=True), learning(torch.optim.Adam)), (Opt.SGD(use_ema=True), learning(torch.optim.SGD)),
        (learning(torch.optim.Adam), learning(torch.optim.SparseAdam)),
    ],
    "optimizer-steps": [
        (keras_optimizer, trained(learning(make), steps))
        for keras_optimizer, make, steps in [
            (Opt.Adam(), torch.optim.Adam, 1), (Opt.AdamW(), torch.optim.AdamW, 2),
            (Opt.RMSprop(), torch.optim.RMSprop, 3), (Opt.Adagrad(), torch.optim.Adagrad, 1),
            (Opt.Nadam(), torch.optim.NAdam, 10),
        ]
    ],
    "loss-definition": [
        (Loss.Huber(), nn.SmoothL1Loss()), (Loss.Huber(0.5), nn.SmoothL1Loss(beta=0.5)),
        (Loss.Huber(0.5), nn.HuberLoss()), (Loss.CategoricalHinge(), nn.MultiMarginLoss()),
        (Loss.Hinge(), nn.HingeEmbeddingLoss()), (Loss.MeanSquaredError(), nn.L1Loss()),
    ],
    "loss-input": [
        (Loss.CategoricalCrossentropy(), nn.CrossEntropyLoss()), (Loss.BinaryCrossentropy(), nn.BCEWithLogitsLoss()),
        (Loss.SparseCategoricalCrossentropy(), nn.NLLLoss()), (Loss.Poisson(), nn.PoissonNLLLoss()),
        (Loss.KLDivergence(), nn.KLDivLoss(reduction="batchmean", log_target=True)),
    ],
    "some-slices": [
        (Loss.SparseCategoricalCrossentropy(True, ignore_class=one), nn.CrossEntropyLoss(ignore_index=other))
        for one, other in [(None, 3), (3, -100), (1, 2), (0, 1), (2, -1)]
    ],
    "one-sided-setting": [
        (L.Embedding(10, 4), nn.Embedding(10, 4, max_norm=0.5)),
        (L.Embedding(10, 4), nn.Embedding(10, 4, scale_grad_by_freq=True)),
        (L.AveragePooling2D(2), nn.AvgPool2d(2, divisor_override=3)),
        (L.MultiHeadAttention(2, 4), nn.MultiheadAttention(8, 2, batch_first=True, add_zero_attn=True)),
        (L.MultiHeadAttention(2, 4), nn.MultiheadAttention(8, 2, batch_first=True, add_bias_kv=True)),
        (L.MultiHeadAttention(2, 4, attention_axes=(1, 2)), nn.MultiheadAttention(8, 2, batch_first=True)),
        (divided_by_the_variance(), nn.LayerNorm(3)),
        (L.Resizing(4, 4, crop_to_aspect_ratio=True), nn.Upsample((4, 4), mode="bilinear")),
    ],
    "other-kind": [
        (L.LSTM(3), nn.GRU(2, 3)), (L.Dense(3), nn.Conv1d(2, 3, 1)), (L.LayerNormalization(), nn.RMSNorm(3)),
        (Opt.Adam(), learning(torch.optim.SGD)), (L.MaxPooling2D(), nn.AvgPool2d(2)),
        (L.DepthwiseConv2D(3), nn.Conv2d(4, 4, 3)),
    ],
    "padding-split": [
        (L.Conv2D(4, 3, 2, padding="same"), nn.Conv2d(3, 4, 3, 2, 1)),
        (built(L.Conv2D(4, 3, 2, padding="same"), (None, 32, 32, 3)), nn.Conv2d(3, 4, 3, 2, 1)),
        (L.Conv1D(4, 3, padding="causal"), nn.Conv1d(3, 4, 3, padding=1)),
        (L.Conv2D(4, 4, padding="same"), nn.Conv2d(3, 4, 4, padding=2)),
        (L.MaxPooling2D(3, 2, padding="same"), nn.MaxPool2d(3, 2, 1)),
        (L.MaxPooling2D(2, padding="same"), nn.MaxPool2d(2)),
    ],
}  # fmt: skip


@pytest.mark.parametrize("cause", dict.fromkeys(row.cause for row in SHOWN))
def test_a_planted_setting_is_named(cause):
    """In five objects at least; what it brings along (a wider kernel, other padding) may be named too."""
    by_hand = [("by hand", *pair, "") for pair in BY_HAND.get(cause, ())]
    found = [*cases()[cause], *by_hand]
    for what, left, right, setting in found:
        named = differences(read(left), read(right))
        ours = [one for one in named if one.cause == cause and setting in ("", one.setting)]
        assert ours, f"{what}: {type(left).__name__}, {[one.setting for one in named]}"
        assert all(one.left != one.right and one.left and one.right for one in ours), what
        others = {one.setting for one in named if not one.remark} - {one.setting for one in ours}
        assert by_hand or others <= _ALONG, what
    assert len(found) >= LEAST


def test_a_fix_makes_the_sides_agree():
    """What a difference says to write, written: the settings agree. The text is the right keyword's."""
    left, right = L.BatchNormalization(), nn.BatchNorm2d(3)
    fixes = {one.setting: (one.left_fix, one.right_fix) for one in differences(read(left), read(right))}
    assert fixes["epsilon"] == ("epsilon=1e-05", "eps=0.001")
    assert fixes["momentum"] == ("momentum=0.9", "momentum=0.01")
    assert held(eval(f"L.BatchNormalization({fixes['epsilon'][0]}, {fixes['momentum'][0]})"), right) == []
    assert held(left, eval(f"nn.BatchNorm2d(3, {fixes['epsilon'][1]}, {fixes['momentum'][1]})")) == []


def test_the_line_for_a_transposed_convolution_makes_the_same():
    """output_padding=1 left as it was would cut the wrong end."""
    x = np.random.default_rng(0).standard_normal((2, 6, 6, 3)).astype("f4")
    left = L.Conv2DTranspose(4, 3, 2, padding="same")
    wanted = keras.ops.convert_to_numpy(left(x))
    right = nn.ConvTranspose2d(3, 4, 3, 2, padding=0, output_padding=0)
    right.weight.data = torch.tensor(keras.ops.convert_to_numpy(left.kernel)).permute(3, 2, 0, 1)
    right.bias.data.zero_()
    found = right(torch.tensor(x).permute(0, 3, 1, 2))[..., :-1, :-1].permute(0, 2, 3, 1)
    np.testing.assert_allclose(found.detach().numpy(), wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("left", "right", "left_fix", "right_fix"),
    [
        (L.Conv2D(4, 3, 2, padding="same"), nn.Conv2d(3, 4, 3, 2, 1), "keras.layers.ZeroPadding2D(((1, 1), (1, 1))) "
         "before it, padding='valid'", "torch.nn.functional.pad(x, ...) before it, padding=0, by the split of 'same' "
         "for the size of x"),
        (built(L.Conv2D(4, 3, 2, padding="same"), (None, 32, 32, 3)), nn.Conv2d(3, 4, 3, 2, 1), None,
         "torch.nn.functional.pad(x, (0, 1, 0, 1)) before it, padding=0"),
        (L.Conv1D(4, 3), nn.Conv1d(3, 4, 3, padding=1), "padding='same'", "padding=0"),
        (L.MaxPooling1D(2, padding="same"), nn.MaxPool1d(2), "padding='valid'", "padding=0, ceil_mode=True"),
        (L.MaxPooling1D(2), nn.MaxPool1d(2, padding=1), "keras.ops.pad(x, ((0, 0), (1, 1), (0, 0)), "
         "constant_values=-float('inf')) before it, padding='valid'", "padding=0, ceil_mode=False"),
        (L.Conv2DTranspose(4, 3, 2, padding="same"), nn.ConvTranspose2d(3, 4, 3, 2, 1, 1), "",
         "padding=0, output_padding=0, and cut ((0, 1), (0, 1)) off before and after each axis"),
    ],
)  # fmt: skip
def test_padding_says_what_to_write(left, right, left_fix, right_fix):
    (found,) = held(left, right)
    assert found.setting == "padding"
    assert left_fix in (None, found.left_fix)
    assert found.right_fix == right_fix


def test_every_cause_is_shown_by_a_setting():
    ours = {cause.name for cause in SETTING_CAUSES}
    assert ours <= {row.cause for row in SHOWN}
    known = {cause.name for cause in CAUSES}
    assert {row.cause for row in SHOWN} <= ours | known
    assert {name for row in SHOWN for name in row.seen_as} <= known
    assert not ours & known


def rows():
    for path in dict.fromkeys(LAYER_READERS.values()):
        for kind, spellings in importlib.import_module(path)._ROWS.values():
            kinds = ("convolution", "depthwise convolution") if callable(kind) else (kind,)
            yield from ((one, spelling.setting) for one in kinds for spelling in spellings)


@pytest.mark.parametrize(("kind", "setting"), sorted(set(rows())))
def test_every_setting_has_a_cause(kind, setting):
    assert shown(kind, setting)


def test_a_cause_plants_itself():
    frozen = next(cause for cause in SETTING_CAUSES if cause.name == "frozen")
    assert frozen.plant("dense", {"trainable": True, "units": 3}) == (("trainable", False),)
    assert frozen.plant("dense", {"units": 3}) == ()


def test_reading_changes_nothing():
    """No layer is built, no attribute is set."""
    layer, module = L.Dense(3), nn.Linear(2, 3)
    before = set(vars(layer)), {name: value.clone() for name, value in module.state_dict().items()}
    read(layer), read(module)
    assert set(vars(layer)) == before[0]
    assert not layer.built
    assert all(torch.equal(value, before[1][name]) for name, value in module.state_dict().items())


@pytest.mark.parametrize("value", [3, "dense", None, keras, torch, np.ones(2), torch.ones(2), [nn.Linear(2, 3)]])
def test_other_things_have_no_reader(value):
    assert layer_reader(value) is None


def test_layers_without_words_say_so():
    assert read(L.Rescaling(2.0)) is None
    assert read(nn.Bilinear(2, 2, 2)) is None
    assert read(nn.Sequential(nn.Linear(2, 2))) is None
