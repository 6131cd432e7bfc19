"""Doing what a line to change says, literally: on a layer, optimizer, loss or schedule that is made anew by it."""

from __future__ import annotations

import copy
import re

import keras
import torch
from torch import nn

from dualcell.frameworks.arguments import arguments_of
from dualcell.frameworks.keras_objects import built_shape, config

NAMES = {"keras": keras, "torch": torch}
_KEYWORDS = re.compile(r"\w+=")
_CLASS = re.compile(r"(torch|keras)(\.\w+)+")
_CALL = re.compile(r"(torch\.nn|keras\.layers)\.\w+\(.*\)")
_HANDED_ON = {"dtype", "trainable", "nonlinearity", "rms_scaling"}  # by way of **kwargs
_NO_PROJECTION = ("proj_size", 0)  # GRU and RNN refuse the word
_STATEMENT = ("layer.", "torch.nn.init.", "optimizer.")


def given(thing):
    """The arguments that an object was made with."""
    if isinstance(thing, torch.optim.Optimizer):
        return {name: one for name, one in thing.defaults.items() if name in arguments_of(type(thing))}
    if not isinstance(thing, nn.Module | torch.optim.lr_scheduler.LRScheduler):
        return config(thing)
    known = {name: getattr(thing, name) for name in arguments_of(type(thing)) if hasattr(thing, name)}
    if isinstance(thing, nn.MultiheadAttention):
        known |= {"bias": thing.in_proj_bias is not None, "add_bias_kv": thing.bias_k is not None}
        known = {name: one for name, one in known.items() if name not in ("kdim", "vdim") or one != thing.embed_dim}
    if not isinstance(known.get("bias", True), bool):
        known["bias"] = known["bias"] is not None or getattr(thing, "weight", None) is None
    return known | ({} if isinstance(thing, nn.Module) else {"last_epoch": -1})


def made(kind, thing, words):
    """An object of a class with the arguments of another object, but for some."""
    known = {**given(thing), **words}
    unknown = set(words) - set(arguments_of(kind)) - _HANDED_ON
    assert not unknown, f"{kind.__name__} takes no {unknown}"
    if not issubclass(kind, nn.Module | torch.optim.Optimizer | torch.optim.lr_scheduler.LRScheduler):
        return kind.from_config(known)
    known = {name: one for name, one in known.items() if name in arguments_of(kind)}
    if issubclass(kind, torch.optim.Optimizer):
        return kind([{"params": group["params"]} for group in thing.param_groups], **known)
    if issubclass(kind, nn.RNNBase):
        known = {
            name: one for name, one in {**known, **words}.items() if name != "mode" and (name, one) != _NO_PROJECTION
        }
        return kind(known.pop("input_size"), known.pop("hidden_size"), **known)
    return kind(**known)


def done(line, thing, **names):
    """The object after a line: keywords of its constructor, another class, a call that makes one, statements.

    Returns:
        None for a line about something else, as what is fed to it.
    """
    if line.endswith(" in the layer inside"):
        return keras.layers.Bidirectional(done(line.removesuffix(" in the layer inside"), thing.forward_layer))
    first, *then = line.split(", then ")
    if first.startswith(_STATEMENT):
        first, then = "", [first, *then]
    known = NAMES | {"layer": thing, "x": torch.empty(2, 3, 4, 5, 6)}
    changed = _made_by(first, thing, known) if first else copy.deepcopy(thing)
    if changed is None:
        return None
    if getattr(thing, "built", False) and not changed.built and hasattr(changed, "build"):
        shape = built_shape(thing)
        changed.build(*[shape] if shape else [(None, 5, 8)] * 2)
    for statement in then:
        exec(statement, known | {"layer": changed, "optimizer": changed} | names)  # noqa: S102 (the line is ours)
    return changed


def _made_by(line, thing, known):
    words, everywhere, _ = line.partition(" in every group")
    if _CLASS.fullmatch(line):
        return made(eval(line, known), thing, {})
    if _CALL.fullmatch(line):
        return eval(line, known)
    if not _KEYWORDS.match(line) or " " in re.sub(r"\(.*\)|\[.*\]|, |lambda.*", "", words):
        return None
    given_words = eval(f"dict({words})", known)
    changed = made(type(thing), thing, given_words)
    if everywhere:
        for old, new in zip(thing.param_groups, changed.param_groups, strict=True):
            new.update({name: one for name, one in old.items() if name != "params"} | given_words)
    return changed
