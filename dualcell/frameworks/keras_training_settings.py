"""The settings of Keras' losses, optimizers and schedules, in common words: Keras 3 and `tf_keras`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dualcell.frameworks.keras_objects import config
from dualcell.frameworks.spelling import ABSENT, UNTOLD, Rows, Spelling, Unread, constant, spelt, unwritable
from dualcell.settings import ByGroup


def config_value(name: str) -> Callable[[Any], Any]:
    """What the object's config says, or what the function of a loss is given."""
    return lambda thing: config(thing).get(name, ABSENT)


# --- losses ---

_MEANS = {"sum_over_batch_size": "mean", "auto": "mean", "mean": "mean", "mean_with_sample_weight": "mean"}


def _reduction(own: Any) -> str:
    return _MEANS.get(own, "none" if own is None else own)


def _reduction_of_rows(own: Any) -> str:
    """Keras averages the last axis before it reduces anything."""
    return {"sum": "sum of row means", "none": "row means"}.get(_reduction(own), "mean")


def _reduction_of_sums(own: Any) -> str:
    """Keras adds up the last axis before it reduces anything."""
    return {"none": "row sums"}.get(_reduction(own), _reduction(own))


_REDUCTION = Spelling("reduction", "reduction", common=_reduction, back={
    "mean": "sum_over_batch_size", "sum": "sum", "none": "none"}.__getitem__)  # fmt: skip
_OF_ROWS = Spelling(
    "reduction", "reduction", common=_reduction_of_rows,
    says=lambda own: spelt("reduction", own) + (" of row means" if _reduction(own) != "mean" else ""),
    line={
        "mean": "reduction='sum_over_batch_size'", "sum of row means": "reduction='sum'",
        "row means": "reduction='none'", "sum": "reduction='sum', and * y.shape[-1] of it",
    }.__getitem__,
)  # fmt: skip
_OF_SUMS = Spelling(
    "reduction", "reduction", common=_reduction_of_sums,
    says=lambda own: spelt("reduction", own) + (" of row sums" if _reduction(own) == "none" else ""),
    line={
        "mean": "reduction='sum_over_batch_size'", "sum": "reduction='sum'", "row sums": "reduction='none'",
        "mean of elements": "reduction='sum_over_batch_size', and / y.shape[-1] of it",
    }.__getitem__,
)  # fmt: skip
_FROM_LOGITS = {"logits": True, "log-probabilities": True, "probabilities": False}  # log-probabilities are logits


def _logits_line(loss: Any, takes: Any, _: Any) -> str:
    now = config_value("from_logits")(loss)
    return "" if _FROM_LOGITS[takes] == now else spelt("from_logits", not now)


_LOGITS = Spelling(
    "takes", "from_logits", config_value("from_logits"), lambda own: "logits" if own else "probabilities",
    _FROM_LOGITS.__getitem__, lines=_logits_line,
)  # fmt: skip
_SMOOTHING = Spelling("label smoothing", "label_smoothing", config_value("label_smoothing"), common=float, neutral=0.0)
_NO_CLASS_WEIGHT = constant("class weight", None, "given to fit(), not to the loss", remark=True)
_CLASS_AXIS = Spelling(
    "class axis", "axis", config_value("axis"), lambda axis: "the last axis" if axis == -1 else f"axis {axis}",
    back=unwritable, remark=True,
)  # fmt: skip
_ROWS_OF_LOSSES: dict[str, Rows] = {
    "CategoricalCrossentropy": ("cross entropy", (_REDUCTION, _LOGITS, _SMOOTHING, _NO_CLASS_WEIGHT, _CLASS_AXIS)),
    "SparseCategoricalCrossentropy": ("cross entropy", (
        _REDUCTION, _LOGITS, constant("label smoothing", 0.0, "no label smoothing"), _NO_CLASS_WEIGHT, _CLASS_AXIS,
        Spelling("ignored class", "ignore_class", config_value("ignore_class"), neutral=None))),
    "BinaryCrossentropy": ("binary cross entropy", (_OF_ROWS, _LOGITS, _SMOOTHING, _NO_CLASS_WEIGHT)),
    "MeanSquaredError": ("mean squared error", (_OF_ROWS,)),
    "MeanAbsoluteError": ("mean absolute error", (_OF_ROWS,)),
    "Huber": ("huber", (_OF_ROWS, Spelling("delta", "delta", config_value("delta"), common=float),
                        constant("divided by delta", False, "as it is"))),
    "KLDivergence": ("kl divergence", (
        _OF_SUMS, constant("takes", "probabilities", "takes probabilities, the target first", remark=True),
        constant("target", "probabilities", "takes probabilities"))),
    "Poisson": ("poisson", (
        _OF_ROWS, constant("takes", "rate", "takes the rate", line="keras.ops.exp(log_rate) fed to it"))),
    "CosineSimilarity": ("cosine similarity", (_REDUCTION, constant("plus one", False, "-cos", remark=True))),
    "CTC": ("ctc", (_REDUCTION,)),
    "Hinge": ("hinge", (_OF_ROWS,)),
    "SquaredHinge": ("squared hinge", (_OF_ROWS,)),
    "CategoricalHinge": ("categorical hinge", (_REDUCTION,)),
}  # fmt: skip

# --- optimizers ---


def _number(value: Any) -> float:
    """A number, or a scalar variable, in float32's digits."""
    held: Any = getattr(value, "value", value)  # the tensor in a variable of Keras 3
    if callable(held):  # in one of TensorFlow it is a method
        held = value.numpy()
    return float(f"{float(held):.7g}")


def _rate(optimizer: Any) -> Any:
    """The learning rate at present."""
    try:
        return _number(optimizer.learning_rate)
    except Exception:  # a schedule of the user's own
        return Unread("learning_rate, which cannot be asked for")


def _or(name: str, default: Any) -> Callable[[Any], Any]:
    """An attribute, with what stands for None."""

    def own(optimizer: Any) -> Any:
        value = getattr(optimizer, name, None)
        return default if value is None or value is False else value

    return own


def _steps(optimizer: Any) -> Any:
    return int(_number(optimizer.iterations))


def _given(name: str) -> Callable[[Any], Any]:
    """A setting that is worth a word only where it is set."""
    return lambda optimizer: ABSENT if getattr(optimizer, name, None) is None else getattr(optimizer, name)


def _given_rate(optimizer: Any) -> Any:
    """The learning rate as it was given: a schedule, the user's own function, or a number."""
    given = getattr(optimizer, "_learning_rate", None)  # every Keras keeps it there but the legacy optimizers
    return vars(optimizer).get("_hyper", {}).get("learning_rate") if given is None else given


def _schedule_said(optimizer: Any) -> str:
    given = _given_rate(optimizer)
    name = getattr(given, "__name__", type(given).__name__)
    return f"learning_rate={name}" if callable(given) else "learning_rate stays"


def _of_all(word: str) -> Callable[[Any], str]:
    """The line for a setting that Keras has once for all variables."""

    def line(value: Any) -> str:
        if isinstance(value, ByGroup):
            return f"an optimizer for each group: Keras has one {word} for all variables"
        return spelt(word, value)

    return line


def _weight_decay(optimizer: Any) -> Any:
    decay = float(getattr(optimizer, "weight_decay", None) or 0.0)
    kept = ("_exclude_from_weight_decay", "_exclude_from_weight_decay_pattern", "_exclude_from_weight_decay_names")
    excludes = any(getattr(optimizer, name, None) for name in kept)
    return ByGroup((decay, 0.0)) if decay and excludes else decay


def _decay_said(decay: Any) -> str:
    return (
        f"weight_decay={decay[0]}, and none for excluded variables"
        if isinstance(decay, ByGroup)
        else (spelt("weight_decay", decay))
    )


def _decay_line(decay: Any) -> str:
    if isinstance(decay, ByGroup) and decay[1:] == (0.0,):
        return f"weight_decay={decay[0]}, then optimizer.exclude_from_weight_decay(var_list=[...])"
    return _of_all("weight_decay")(decay)


def _decoupled_line(_optimizer: Any, _: Any, wanted: Mapping[str, Any]) -> str:
    """The gradient of such a penalty is what the other side adds."""
    return f"weight_decay=None, and keras.regularizers.L2({wanted['weight decay'] / 2}) on each weight"


_EVERY_OPTIMIZER = (
    Spelling("learning rate", "learning_rate", _rate, line=_of_all("learning_rate")),
    Spelling("schedule", "learning_rate", lambda optimizer: callable(_given_rate(optimizer)), shows=_schedule_said,
             lines=lambda _, scheduled, wanted: "" if scheduled else spelt("learning_rate", wanted["learning rate"])),
    Spelling("weight decay", "weight_decay", _weight_decay, says=_decay_said, line=_decay_line),
    constant("maximize", False, "minimizes"),
    Spelling("steps", "iterations", _steps, says=lambda steps: f"{steps} steps taken",
             line="optimizer.iterations.assign({})".format),
    Spelling("clip each norm", "clipnorm", _given("clipnorm"), remark=True, neutral=None),
    Spelling("clip global norm", "global_clipnorm", _given("global_clipnorm"), remark=True, neutral=None),
    Spelling("clip values", "clipvalue", _given("clipvalue"), remark=True, neutral=None),
    Spelling("accumulated steps", "gradient_accumulation_steps", _or("gradient_accumulation_steps", 1), remark=True),
    Spelling("moving average", "use_ema", _or("use_ema", False), remark=True),
    Spelling("learning rate decay", "decay", lambda optimizer: config_value("decay")(optimizer), neutral=0.0),
    Spelling("decoupled", "", lambda optimizer: True if getattr(optimizer, "weight_decay", None) else UNTOLD,
             says=lambda _: "decay shrinks the weights themselves", lines=_decoupled_line),
)  # fmt: skip


def _setting(setting: str, word: str) -> Spelling:
    return Spelling(setting, word, lambda optimizer: _number(getattr(optimizer, word)), line=_of_all(word))


_BETAS = (_setting("beta 1", "beta_1"), _setting("beta 2", "beta_2"))
_AMSGRAD = Spelling("amsgrad", "amsgrad", lambda optimizer: bool(optimizer.amsgrad), line=_of_all("amsgrad"))
_DENSE_ROWS = constant("sparse rows", False, "moves every row")
_MOMENTUM = _setting("momentum", "momentum")


def _nesterov(optimizer: Any) -> Any:
    """It changes nothing without momentum."""
    return bool(optimizer.nesterov) if optimizer.momentum else UNTOLD


_BUFFER = Spelling(
    "momentum buffer", "", lambda optimizer: "with learning rate" if optimizer.momentum else UNTOLD,
    says=lambda _: "learning rate inside the momentum buffer", back=unwritable, remark=True,
)  # fmt: skip


def _place(where: str) -> Spelling:
    return constant("epsilon place", where, f"epsilon {where}", remark=True)


_OPTIMIZER_EPSILON = _setting("epsilon", "epsilon")
_ADAM = (*_EVERY_OPTIMIZER, *_BETAS, _OPTIMIZER_EPSILON, _AMSGRAD, _DENSE_ROWS, _place("before bias correction"))
_ROWS_OF_OPTIMIZERS: dict[str, Rows] = {
    "Adam": ("adam", _ADAM),
    "AdamW": ("adam", _ADAM),
    "Nadam": ("nadam", (*_EVERY_OPTIMIZER, *_BETAS, _OPTIMIZER_EPSILON, constant(
        "momentum decay", 1.0, "0.96 ** step"))),
    "Adamax": ("adamax", (*_EVERY_OPTIMIZER, *_BETAS, _OPTIMIZER_EPSILON, _place("beside the maximum"))),
    "SGD": ("sgd", (*_EVERY_OPTIMIZER, _MOMENTUM, Spelling("nesterov", "nesterov", _nesterov, line=_of_all("nesterov")),
                    constant("dampening", 0.0, "no dampening"), _BUFFER)),
    "RMSprop": ("rmsprop", (*_EVERY_OPTIMIZER, _setting("rho", "rho"), _OPTIMIZER_EPSILON, _place("inside the root"),
                            _MOMENTUM, Spelling("centered", "centered", line=_of_all("centered")), _BUFFER)),
    "Adagrad": ("adagrad", (*_EVERY_OPTIMIZER, _OPTIMIZER_EPSILON, _place("inside the root"),
                            _setting("initial accumulator", "initial_accumulator_value"))),
    "Adadelta": ("adadelta", (*_EVERY_OPTIMIZER, _setting("rho", "rho"), _OPTIMIZER_EPSILON)),
    "Adafactor": ("adafactor", (*_EVERY_OPTIMIZER, _setting("clip threshold", "clip_threshold"),
                                _setting("second decay", "beta_2_decay"),
                                Spelling("relative step", "relative_step", neutral=True))),
}  # fmt: skip

# --- schedules ---

_COUNTS = constant("counts", "batches", "counts batches", remark=True)
_INITIAL = Spelling("initial rate", "initial_learning_rate", lambda schedule: float(schedule.initial_learning_rate))
_DECAY_STEPS = Spelling("decay steps", "decay_steps", lambda schedule: int(schedule.decay_steps))


def _alpha_line(schedule: Any, rate: Any, wanted: Mapping[str, Any]) -> str:
    """Keras gives the last rate as a part of the first."""
    return spelt("alpha", rate / wanted.get("initial rate", float(schedule.initial_learning_rate)))


_ROWS_OF_SCHEDULES: dict[str, Rows] = {
    "ExponentialDecay": ("exponential schedule", (
        _COUNTS, _INITIAL, _DECAY_STEPS, Spelling("decay rate", "decay_rate"),
        Spelling("staircase", "staircase",
                 lambda schedule: UNTOLD if schedule.decay_steps == 1 else bool(schedule.staircase)))),
    "CosineDecay": ("cosine schedule", (
        _COUNTS, _INITIAL, _DECAY_STEPS,
        Spelling("final rate", "alpha", lambda schedule: float(schedule.alpha * schedule.initial_learning_rate),
                 says=lambda rate: f"alpha * initial_learning_rate = {rate!r}", lines=_alpha_line),
        constant("after the end", "stays", "stays at its end", remark=True),
        Spelling("warmup steps", "warmup_steps", neutral=0), Spelling("warmup target", "warmup_target", neutral=None))),
    "PolynomialDecay": ("polynomial schedule", (
        _COUNTS, _INITIAL, _DECAY_STEPS, Spelling("power", "power", lambda schedule: float(schedule.power)),
        Spelling("final rate", "end_learning_rate", lambda schedule: float(schedule.end_learning_rate)),
        Spelling("cycle", "cycle", neutral=False))),
    "PiecewiseConstantDecay": ("piecewise schedule", (
        _COUNTS, Spelling("rates", "values", lambda schedule: tuple(map(float, schedule.values)), back=list),
        Spelling("boundaries", "boundaries", lambda schedule: tuple(schedule.boundaries),
                          lambda steps: tuple(step + 1 for step in steps),
                          lambda steps: [step - 1 for step in steps],
                          lambda steps: f"boundaries={list(steps)}, and the step after them"))),
}  # fmt: skip

TRAINING: dict[str, Rows] = {**_ROWS_OF_LOSSES, **_ROWS_OF_OPTIMIZERS, **_ROWS_OF_SCHEDULES}
