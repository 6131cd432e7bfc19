"""Every argument of every class in the readers' tables, set to something else, is seen: by a row or in a note."""

from __future__ import annotations

import inspect
import warnings

import pytest

from dualcell.settings import differences, not_compared

keras = pytest.importorskip("keras")
torch = pytest.importorskip("torch")

from dualcell.frameworks import keras_settings, torch_settings  # noqa: E402
from dualcell.frameworks.arguments import arguments_of  # noqa: E402

nn = torch.nn
EMPTY = inspect.Parameter.empty

# arguments that change no number, or none that settings are about
OF_TORCH = {
    "device", "dtype", "inplace", "size_average", "reduce", "process_group", "_weight", "_freeze", "sparse", "init",
    "params", "foreach", "fused", "capturable", "differentiable", "optimizer", "last_epoch", "min_value", "max_value",
}  # fmt: skip
OF_KERAS = {
    "name", "seed", "data_format", "weights", "return_state", "unroll", "use_cudnn", "unit_forget_bias",
    "flash_attention", "ema_momentum", "ema_overwrite_frequency", "loss_scale_factor", "fn", "quantization_config",
    "lora_rank", "lora_alpha",
}  # fmt: skip
# what is given where there is no default
GIVEN = {
    "in_features": 2, "out_features": 3, "in_channels": 4, "out_channels": 8, "kernel_size": 3, "num_embeddings": 9,
    "embedding_dim": 4, "num_features": 6, "normalized_shape": 6, "num_groups": 2, "num_channels": 6, "input_size": 3,
    "hidden_size": 4, "embed_dim": 8, "num_heads": 2, "output_size": 3, "padding": 1, "threshold": 0.5, "value": 3.0,
    "step_size": 5, "gamma": 0.5, "T_max": 9, "milestones": [3, 6], "units": 3, "filters": 4, "input_dim": 9,
    "output_dim": 4, "groups": 2, "key_dim": 4, "rate": 0.5, "activation": "relu", "height": 4, "width": 5,
    "initial_learning_rate": 0.1, "decay_steps": 9, "decay_rate": 0.5, "boundaries": [3, 6],
    "values": [0.1, 0.02, 0.01], "pool_size": 2,
}  # fmt: skip
# what is given instead, where nothing follows from the default; `Class.argument` for some classes only
OTHER = {
    "padding_mode": "reflect", "padding_idx": 1, "max_norm": 0.5, "norm_type": 1.0, "nonlinearity": "relu",
    "approximate": "tanh", "dim": 0, "stride": 2, "divisor_override": 2, "kdim": 5, "vdim": 5, "size": 7,
    "scale_factor": 3, "mode": "bilinear", "align_corners": True, "recompute_scale_factor": True,
    "weight": torch.tensor([2.0, 3.0]), "pos_weight": torch.tensor([2.0, 3.0]), "reduction": "sum", "eps": 0.25,
    "betas": (0.5, 0.7), "output_padding": 1, "milestones": [3, 7], "normalized_shape": (2, 6), "ignore_index": 1,
    "p": 0.25, "MultiMarginLoss.p": 2, "Adafactor.eps": (0.1, 0.2), "Adafactor.d": 2.0, "GroupNorm.num_groups": 3,
    "GroupNorm.num_channels": 2, "activation": "relu", "Activation.activation": "tanh",
    "recurrent_activation": "tanh", "strides": 1, "axis": -2, "output_shape": 7, "attention_axes": (1, 2),
    "sliding_window": 2, "value_dim": 5, "noise_shape": (None, 1), "shared_axes": [1], "max_value": 3.0,
    "interpolation": "bicubic", "fill_mode": "reflect", "delta": 0.5, "ignore_class": 1, "weight_decay": 0.1,
    "clipnorm": 1.0, "clipvalue": 1.0, "global_clipnorm": 1.0, "gradient_accumulation_steps": 2,
    "boundaries": [3, 7], "values": [0.1, 0.03, 0.01], "warmup_target": 0.5, "end_learning_rate": 0.05,
    "dtype": "float16", "pool_size": 3, "groups": 2, "dilation_rate": 2, "kernel_size": 2,
}  # fmt: skip
PADDING = {"Conv": 2, "Pool": 1, "ZeroPad": 2, "ReflectionPad": 2, "ReplicationPad": 2, "CircularPad": 2}
# with which an argument is set: it changes nothing without, or cannot be set
WITH = {
    "norm_type": {"max_norm": 0.5}, "align_corners": {"scale_factor": 2, "mode": "bilinear"},
    "recompute_scale_factor": {"scale_factor": 2}, "scale_factor": {"scale_factor": 2}, "size": {"size": 5},
    "count_include_pad": {"padding": 1}, "momentum": {"track_running_stats": True}, "dropout": {"num_layers": 2},
    "nesterov": {"momentum": 0.5}, "output_padding": {"stride": 2, "strides": 2},
    "decoupled_weight_decay": {"weight_decay": 0.1}, "affine": {}, "bias": {"affine": True}, "strides": {"strides": 2},
    "mode": {"scale_factor": 2},
}  # fmt: skip
# one change alone of these is none, or an error
EXEMPT = {
    "ConvTranspose1d padding_mode", "ConvTranspose2d padding_mode", "ConvTranspose3d padding_mode",
    "GRU proj_size", "RNN proj_size", "SimpleRNN activity_regularizer",  # Keras itself forgets it
    "SpatialDropout1D dtype", "SpatialDropout2D dtype", "SpatialDropout3D dtype",
}  # fmt: skip
BUILT = {
    "MultiHeadAttention": ((None, 5, 8), (None, 5, 8)), "PReLU": ((None, 6, 6, 3),),
    "DepthwiseConv1D": ((None, 9, 3),), "DepthwiseConv2D": ((None, 9, 9, 3),),
}  # fmt: skip


def other(kind, name, value):
    """Another value of an argument."""
    if name == "padding" and issubclass(kind, nn.Module):
        return next(number for word, number in PADDING.items() if word in kind.__name__)
    if name == "padding":
        return 2 if kind.__name__.startswith("ZeroPadding") else "same"
    own = OTHER.get(f"{kind.__name__}.{name}", OTHER.get(name))
    if own is not None:
        return own
    if name.endswith(("_regularizer", "_constraint")):
        return "l2" if name.endswith("r") else "non_neg"
    if isinstance(value, bool):
        return not value
    return value + 2 if isinstance(value, int) else value / 2 if value else 0.1


def torch_cases():
    for kind in torch_settings._ROWS:
        for name in arguments_of(kind):
            case = f"{kind.__name__} {name}"
            if name not in OF_TORCH and case not in EXEMPT and not (name == "mode" and issubclass(kind, nn.RNNBase)):
                yield pytest.param(kind, name, id=case)


def keras_cases():
    for name in keras_settings._ROWS:
        homes = (keras.layers, keras.losses, keras.optimizers, keras.optimizers.schedules)
        kind = next((found for home in homes if (found := getattr(home, name, None))), None)
        for argument in arguments_of(kind) if kind else ():
            of_loss = argument == "dtype" and issubclass(kind, keras.losses.Loss)
            case = f"{name} {argument}"
            if not (argument in OF_KERAS or argument.endswith("_initializer") or of_loss or case in EXEMPT):
                yield pytest.param(kind, argument, id=case)


def made(kind, **more):
    given = {name: GIVEN[name] for name, default in arguments_of(kind).items() if default is EMPTY and name in GIVEN}
    given |= more
    if issubclass(kind, nn.RNNBase):
        return kind(given.pop("input_size"), given.pop("hidden_size"), **given)
    if issubclass(kind, torch.optim.Optimizer):
        return kind(nn.Linear(2, 2).parameters(), **given)
    if issubclass(kind, torch.optim.lr_scheduler.LRScheduler):
        return kind(torch.optim.SGD(nn.Linear(2, 2).parameters(), lr=0.1), **given)
    thing = kind(**given)
    if kind.__name__ in BUILT and not isinstance(thing, nn.Module):
        thing.build(*BUILT[kind.__name__])
    return thing


def pair(kind, name):
    """An object of a class, and another with one argument changed."""
    known = arguments_of(kind)
    before = {key: one for key, one in WITH.get(name, {}).items() if key in known}
    after = {**before, name: other(kind, name, GIVEN.get(name) if known[name] is EMPTY else known[name])}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return made(kind, **before), made(kind, **after)


def seen(reader, kind, name):
    settings = [reader.settings_of(one) for one in pair(kind, name)]
    return differences(*settings) or not_compared(*settings)


@pytest.mark.parametrize(("kind", "name"), torch_cases())
def test_of_torch(kind, name):
    assert seen(torch_settings.layers, kind, name)


@pytest.mark.parametrize(("kind", "name"), keras_cases())
def test_of_keras(kind, name):
    assert seen(keras_settings.layers, kind, name)
