"""The settings of PyTorch's losses, optimizers and schedulers, in common words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import torch
from torch import nn, optim
from torch.optim import lr_scheduler

from dualcell.frameworks.arguments import arguments_of
from dualcell.frameworks.spelling import ABSENT, UNTOLD, Rows, Spelling, as_it_is, constant, plain, spelt, unwritable
from dualcell.settings import UNKNOWN, ByGroup, same

# --- losses ---


_REDUCED = {
    "mean": "reduction='mean'", "sum": "reduction='sum'", "none": "reduction='none'",
    "sum of row means": "reduction='none', and .mean(-1).sum() of it",
    "row means": "reduction='none', and .mean(-1) of it",
}  # fmt: skip
_REDUCTION = Spelling("reduction", "reduction", line=_REDUCED.__getitem__)


def _takes(what: str, lines: Mapping[str, str]) -> Spelling:
    """What a loss takes, and what to write for what that of the other side takes."""
    return replace(constant("takes", what, f"takes {what}"), line=lines.__getitem__)


_NO_SMOOTHING = replace(
    constant("label smoothing", 0.0, "no label smoothing"),
    line=lambda smoothing: f"target * {1 - smoothing:.7g} + {smoothing / 2:.7g} fed to it",
)
_LOG = "torch.log(probabilities) fed to it"


def _loss(*rows: Spelling) -> tuple[Spelling, ...]:
    return (_REDUCTION, *rows)


def _tensor(word: str, numbers: Any) -> str:
    held = list(numbers) if isinstance(numbers, tuple) else numbers
    return f"{word}=None" if numbers is None else f"{word}=torch.tensor({held})"


def _weight(said: Callable[[Any], str]) -> Spelling:
    """Weights, and what becomes of them."""
    return Spelling(
        "class weight", "weight", lambda module: None if module.weight is None else module.weight.tolist(),
        shows=lambda module: "weight=None" if module.weight is None else f"weight=...{said(module)}",
        line=lambda weight: _tensor("weight", weight),
    )  # fmt: skip


_OF_CLASSES = _weight(lambda loss: ", divided by the sum of those used" if loss.reduction == "mean" else "")
_OF_ELEMENTS = _weight(lambda _: ", which multiplies each element")
_CLASSES = (
    Spelling("ignored class", "ignore_index", lambda module: module.ignore_index,
             lambda index: None if index < 0 else index, lambda index: -100 if index is None else index, neutral=None),
    _OF_CLASSES,
    constant("class axis", "axis 1", "classes on axis 1", remark=True, line="transpose the classes to axis 1"),
)  # fmt: skip


def _positive_weight(module: Any) -> Any:
    """One number, or one for each class; None if they are ones."""
    weight = module.pos_weight
    return None if weight is None or bool((weight == 1).all()) else weight.tolist()


_OF_SUMS = {"mean": "reduction='batchmean'", "mean of elements": "reduction='mean'", "sum": "reduction='sum'",
            "row sums": "reduction='none', and .sum(-1) of it", "none": "reduction='none'"}  # fmt: skip
_CTC = {"mean": "reduction='none', and .mean() of it", "mean by length": "reduction='mean'",
        "sum": "reduction='sum'", "none": "reduction='none'"}  # fmt: skip

_LOSSES: dict[type, Rows] = {
    nn.CrossEntropyLoss: ("cross entropy", _loss(
        _takes("logits", {"probabilities": _LOG, "log-probabilities": "log_probabilities fed to it"}),
        Spelling("label smoothing", "label_smoothing"), *_CLASSES)),
    nn.NLLLoss: ("cross entropy", _loss(
        _takes("log-probabilities", {"probabilities": _LOG, "logits": "torch.nn.CrossEntropyLoss"}), *_CLASSES)),
    nn.BCEWithLogitsLoss: ("binary cross entropy", _loss(
        _takes("logits", {"probabilities": "torch.nn.BCELoss"}), _NO_SMOOTHING, _OF_ELEMENTS,
        Spelling("positive weight", "pos_weight", _positive_weight, neutral=None,
                 line=lambda weight: _tensor("pos_weight", weight)))),
    nn.BCELoss: ("binary cross entropy", _loss(
        _takes("probabilities", {"logits": "torch.nn.BCEWithLogitsLoss"}), _NO_SMOOTHING, _OF_ELEMENTS)),
    nn.MSELoss: ("mean squared error", _loss()),
    nn.L1Loss: ("mean absolute error", _loss()),
    nn.HuberLoss: ("huber", _loss(
        Spelling("delta", "delta"), constant("divided by delta", False, "as it is", line="torch.nn.SmoothL1Loss"))),
    nn.SmoothL1Loss: ("huber", _loss(
        Spelling("delta", "beta"), constant("divided by delta", True, "divided by beta", line="torch.nn.HuberLoss"))),
    nn.KLDivLoss: ("kl divergence", (
        Spelling("reduction", "reduction",
                 common=lambda own: {"batchmean": "mean", "mean": "mean of elements"}.get(own, own),
                 line=_OF_SUMS.__getitem__),
        constant("takes", "log-probabilities", "takes log-probabilities, and the target second", remark=True),
        Spelling("target", "log_target", common=lambda log: "log-probabilities" if log else "probabilities",
                 back=lambda target: target == "log-probabilities"))),
    nn.PoissonNLLLoss: ("poisson", _loss(
        Spelling("takes", "log_input", common=lambda log: "log rate" if log else "rate",
                 back=lambda takes: takes == "log rate"),
        Spelling("full", "full", neutral=False))),
    nn.CosineEmbeddingLoss: ("cosine similarity", _loss(
        constant("plus one", True, "1 - cos", remark=True), Spelling("margin", "margin", neutral=0.0))),
    nn.CTCLoss: ("ctc", (
        Spelling("reduction", "reduction", common=lambda own: "mean by length" if own == "mean" else own,
                 line=lambda common: _CTC[common]),)),
    nn.MultiMarginLoss: ("multi margin", _loss(Spelling("margin", "margin"))),
    nn.HingeEmbeddingLoss: ("hinge embedding", _loss(Spelling("margin", "margin"))),
    nn.TripletMarginLoss: ("triplet margin", _loss(Spelling("margin", "margin"))),
}  # fmt: skip

# --- optimizers ---


def _of_groups(word: str, common: Callable[[Any], Any] = as_it_is) -> Callable[[Any], Any]:
    """A setting of all parameter groups: one value, or one for each group if they differ."""

    def own(optimizer: Any) -> Any:
        given = [group.get(word, ABSENT) for group in optimizer.param_groups]
        return ABSENT if not given or given[0] is ABSENT else _one_or_each(common(_number(one)) for one in given)

    return own


def _one_or_each(values: Iterable[Any]) -> Any:
    each = ByGroup(map(plain, values))
    return each[0] if all(value == each[0] for value in each) else each


def _number(value: Any) -> Any:
    return value.item() if isinstance(value, torch.Tensor) else value


def _said(word: str) -> Callable[[Any], str]:
    def said(own: Any) -> str:
        return f"{word}={' and '.join(map(repr, own))}, by group" if isinstance(own, ByGroup) else spelt(word, own)

    return said


_EACH = " in every group"


def _group_line(word: str, own: Callable[[Any], Any]) -> Callable[[Any, Any, Any], str]:
    def line(optimizer: Any, value: Any, _: Any) -> str:
        if isinstance(value, ByGroup):
            groups = ", ".join(f"{{'params': ..., {word!r}: {one!r}}}" for one in value)
            return f"params=[{groups}]"
        return spelt(word, value) + (_EACH if isinstance(own(optimizer), ByGroup) else "")

    return line


def _option(
    setting: str, word: str, common: Callable[[Any], Any] = as_it_is, own: Callable[[Any], Any] | None = None,
    neutral: Any = UNKNOWN,
) -> Spelling:  # fmt: skip
    own = own or _of_groups(word, common)
    return Spelling(setting, word, own, says=_said(word), lines=_group_line(word, own), neutral=neutral)


def _weight_decay(optimizer: Any) -> Any:
    """Of groups that differ each value once, the largest first: Keras does not say which of its variables decay."""
    decay = _of_groups("weight_decay", float)(optimizer)
    return ByGroup(sorted(set(decay), reverse=True)) if isinstance(decay, ByGroup) else decay


def _beta(index: int) -> Callable[[Any], Any]:
    return lambda optimizer: _one_or_each(float(_number(group["betas"][index])) for group in optimizer.param_groups)


def _betas_line(optimizer: Any, _: Any, wanted: Mapping[str, Any]) -> str:
    """Both at once: they are one keyword.

    Raises:
        ValueError: the other side has several.
    """
    own = _beta(0)(optimizer), _beta(1)(optimizer)
    given = wanted.get("beta 1", own[0]), wanted.get("beta 2", own[1])
    if any(isinstance(one, ByGroup) for one in given):
        unwritable(given)
    return spelt("betas", given) + (_EACH if any(isinstance(one, ByGroup) for one in own) else "")


def _betas_said(optimizer: Any) -> str:
    betas = _one_or_each(tuple(map(_number, group["betas"])) for group in optimizer.param_groups)
    return _said("betas")(betas)


def _steps(optimizer: Any) -> Any:
    """How many steps were taken; SGD counts none."""
    taken = [int(state["step"]) for state in optimizer.state.values() if "step" in state]
    if not taken:
        return UNTOLD if isinstance(optimizer, optim.SGD) else 0
    return max(taken)


def _clipping(setting: str, line: str) -> Spelling:
    return constant(
        setting, None, "not in the optimizer: done, if at all, in the training loop", remark=True, line=line
    )


def _is_scheduled(optimizer: Any) -> bool:
    """Whether a scheduler was made for it: each notes the rate it began with."""
    return any("initial_lr" in group for group in optimizer.param_groups)


_EVERY_OPTIMIZER = (
    _option("learning rate", "lr"),
    # a schedule in Keras may be a callback, which no optimizer shows
    Spelling(
        "schedule",
        "initial_lr",
        _is_scheduled,
        remark=bool,
        says=lambda scheduled: "lr of a scheduler" if scheduled else "lr stays",
        line=lambda scheduled: "a scheduler of torch.optim.lr_scheduler, its step() after each batch",
    ),
    _option("weight decay", "weight_decay", own=_weight_decay),
    _option("maximize", "maximize"),
    Spelling("steps", "", _steps, says=lambda steps: f"{steps} steps taken", back=unwritable),
    _clipping("clip each norm", "torch.nn.utils.clip_grad_norm_(p, {}) for each parameter p before step()"),
    _clipping("clip global norm", "torch.nn.utils.clip_grad_norm_(model.parameters(), {}) before step()"),
    _clipping("clip values", "torch.nn.utils.clip_grad_value_(model.parameters(), {}) before step()"),
    constant("accumulated steps", 1, "sums what backward() adds", remark=True, line="(loss / {}).backward()"),
    constant("moving average", False, "no average of weights", remark=True, line="torch.optim.swa_utils.AveragedModel"),
    constant("learning rate decay", 0.0, "no decay"),
)


def _decays(optimizer: Any) -> bool:
    decay = _of_groups("weight_decay")(optimizer)
    return decay not in (0, ABSENT)


def _decoupled(optimizer: Any) -> Any:
    """How weights decay, where they do."""
    if not _decays(optimizer):
        return UNTOLD
    own = _of_groups("decoupled_weight_decay")(optimizer)
    return isinstance(optimizer, optim.AdamW) if own is ABSENT else bool(own)


def _decouple_line(optimizer: Any, decoupled: Any, _: Any) -> str:
    if "decoupled_weight_decay" in arguments_of(type(optimizer)):
        return spelt("decoupled_weight_decay", decoupled)
    return "torch.optim.AdamW" if decoupled else "torch.optim.Adam"


_DECOUPLED = Spelling(
    "decoupled", "decoupled_weight_decay", _decoupled,
    says=lambda own: "decay shrinks the weights themselves" if own else "decay is added to the gradient",
    lines=_decouple_line,
)  # fmt: skip


def _shrink_line(_optimizer: Any, _: Any, wanted: Mapping[str, Any]) -> str:
    """What AdamW does, by hand.

    Raises:
        TypeError: the other side's groups have several rates.
    """
    kept = f"1 - {float(wanted['learning rate'])} * {float(wanted['weight decay'])}"
    return f"weight_decay=0.0, and p.data.mul_({kept}) for each parameter p before step()"


_COUPLED = Spelling(
    "decoupled", "", _decoupled, lines=_shrink_line, says=lambda own: "decay is added to the gradient",
)  # fmt: skip
_BETAS = (
    Spelling("beta 1", "betas", _beta(0), shows=_betas_said, lines=_betas_line),
    Spelling("beta 2", "betas", _beta(1), shows=_betas_said, lines=_betas_line),
)
_EPSILON = _option("epsilon", "eps")
_DENSE_ROWS = constant("sparse rows", False, "moves every row")
_AFTER_CORRECTION = constant("epsilon place", "after bias correction", "epsilon after the bias correction", remark=True)
_AFTER_ROOT = constant("epsilon place", "outside the root", "epsilon outside the root", remark=True)


def _buffer(optimizer: Any) -> Any:
    return "without learning rate" if _of_groups("momentum")(optimizer) not in (0, ABSENT) else UNTOLD


_BUFFER = Spelling("momentum buffer", "", _buffer, says=lambda _: "learning rate outside the momentum buffer",
                   back=unwritable, remark=True)  # fmt: skip
_ADAM = (*_EVERY_OPTIMIZER, *_BETAS, _EPSILON, _option("amsgrad", "amsgrad"), _DECOUPLED, _DENSE_ROWS,
         _AFTER_CORRECTION)  # fmt: skip

_OPTIMIZERS: dict[type, Rows] = {
    optim.Adam: ("adam", _ADAM),
    optim.AdamW: ("adam", _ADAM),
    optim.SparseAdam: ("adam", (*_EVERY_OPTIMIZER, *_BETAS, _EPSILON, _AFTER_CORRECTION, constant(
        "sparse rows", True, "moves only rows that a batch uses", line="torch.optim.Adam"))),
    optim.NAdam: ("nadam", (*_EVERY_OPTIMIZER, *_BETAS, _EPSILON, _DECOUPLED, _AFTER_CORRECTION,
                            _option("momentum decay", "momentum_decay"))),
    optim.RAdam: ("radam", (*_EVERY_OPTIMIZER, *_BETAS, _EPSILON, _DECOUPLED)),
    optim.Adamax: ("adamax", (*_EVERY_OPTIMIZER, *_BETAS, _EPSILON, _COUPLED, constant(
        "epsilon place", "beside the gradient", "epsilon beside the gradient", remark=True))),
    optim.SGD: ("sgd", (*_EVERY_OPTIMIZER, _option("momentum", "momentum", float), _COUPLED,
                        _option("nesterov", "nesterov"), _option("dampening", "dampening", float), _BUFFER)),
    optim.RMSprop: ("rmsprop", (*_EVERY_OPTIMIZER, _option("rho", "alpha"), _EPSILON, _COUPLED, _AFTER_ROOT,
                                _option("momentum", "momentum", float), _option("centered", "centered"),
                                _BUFFER)),
    optim.Adagrad: ("adagrad", (*_EVERY_OPTIMIZER, _EPSILON, _COUPLED, _AFTER_ROOT,
                                _option("learning rate decay", "lr_decay", float, neutral=0.0),
                                _option("initial accumulator", "initial_accumulator_value", float))),
    optim.Adadelta: ("adadelta", (*_EVERY_OPTIMIZER, _option("rho", "rho"), _EPSILON, _COUPLED)),
    optim.Adafactor: ("adafactor", (*_EVERY_OPTIMIZER, _option("clip threshold", "d"),
                                    _option("second decay", "beta2_decay"))),
}  # fmt: skip

# --- schedules ---

_COUNTS = constant("counts", "calls", "counts calls of scheduler.step()", remark=True)
_INITIAL = Spelling("initial rate", "lr", lambda scheduler: float(scheduler.base_lrs[0]),
                    line="lr={} in its optimizer".format)  # fmt: skip


def _rates(scheduler: Any) -> tuple[float, ...]:
    """The first rate, and that after each milestone."""
    return tuple(scheduler.base_lrs[0] * scheduler.gamma**step for step in range(scheduler.milestones.total() + 1))


def _rates_line(scheduler: Any, rates: Any, _: Any) -> str:
    """Each rate is the same part of the one before.

    Raises:
        ValueError: these are not.
    """
    gamma = rates[1] / rates[0]
    if not all(same(later, rate * gamma) for rate, later in pairwise(rates)):
        unwritable(rates)
    first = "" if same(rates[0], scheduler.base_lrs[0]) else f", and {spelt('lr', rates[0])} in its optimizer"
    return spelt("gamma", gamma) + first


_SCHEDULES: dict[type, Rows] = {
    lr_scheduler.ExponentialLR: ("exponential schedule", (
        _COUNTS, _INITIAL, Spelling("decay rate", "gamma"), constant("decay steps", 1, "every call"))),
    lr_scheduler.StepLR: ("exponential schedule", (
        _COUNTS, _INITIAL, Spelling("decay rate", "gamma"), Spelling("decay steps", "step_size"),
        constant("staircase", True, "in steps"))),
    lr_scheduler.CosineAnnealingLR: ("cosine schedule", (
        _COUNTS, _INITIAL, Spelling("decay steps", "T_max"), Spelling("final rate", "eta_min", common=float),
        constant("after the end", "rises", "rises again after T_max", remark=True))),
    lr_scheduler.PolynomialLR: ("polynomial schedule", (
        _COUNTS, _INITIAL, Spelling("decay steps", "total_iters"), Spelling("power", "power", common=float),
        constant("final rate", 0.0, "ends at 0"))),
    lr_scheduler.MultiStepLR: ("piecewise schedule", (
        _COUNTS, Spelling("rates", "gamma", _rates, lines=_rates_line, says=lambda rates: f"rates of {list(rates)}"),
        Spelling("boundaries", "milestones", lambda scheduler: tuple(sorted(scheduler.milestones.elements())),
                          says=lambda steps: f"milestones={list(steps)}",
                          line=lambda steps: f"milestones={list(steps)}"))),
}  # fmt: skip

TRAINING: dict[type, Rows] = {**_LOSSES, **_OPTIMIZERS, **_SCHEDULES}
