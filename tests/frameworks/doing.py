"""Doing what a line to change says, literally: on a layer, optimizer, loss or schedule that is made anew by it."""

from __future__ import annotations

import copy
import re

import keras
import torch
from torch import nn

from dualcell.frameworks.arguments import arguments_of
from dualcell.frameworks.keras_objects import config

NAMES = {"keras": keras, "torch": torch}
_KEYWORDS = re.compile(r"\w+=")
_CLASS = re.compile(r"(torch|keras)(\.\w+)+")


def given(thing):
    """The arguments that an object was made with."""
    if isinstance(thing, nn.Module):
        known = {name: getattr(thing, name) for name in arguments_of(type(thing)) if hasattr(thing, name)}
        if "bias" in known and not isinstance(known["bias"], bool):
            known["bias"] = known["bias"] is not None
        return known
    if isinstance(thing, torch.optim.Optimizer):
        return dict(thing.defaults)
    if isinstance(thing, torch.optim.lr_scheduler.LRScheduler):
        known = {name: getattr(thing, name) for name in arguments_of(type(thing)) if hasattr(thing, name)}
        return {**known, "last_epoch": -1}
    return config(thing)


def made(kind, thing, words):
    """An object of a class with the arguments of another object, but for some."""
    known = {**given(thing), **words}
    if isinstance(thing, nn.Module):
        known = {name: one for name, one in known.items() if name in arguments_of(kind)}
    if issubclass(kind, torch.optim.Optimizer):
        known = {name: one for name, one in known.items() if name in arguments_of(kind)}
        return kind([{"params": group["params"]} for group in thing.param_groups], **known)
    return kind(**known)


def done(line, thing, **names):
    """The object after a line: keywords of its constructor, another class, a call that makes one, statements.

    Returns:
        None for a line about something else, as what is fed to it.
    """
    if line.endswith(" in every group"):
        words = eval(f"dict({line.removesuffix(' in every group')})", NAMES)
        changed = made(type(thing), thing, words)
        for old, new in zip(thing.param_groups, changed.param_groups, strict=True):
            new.update({name: one for name, one in old.items() if name != "params"} | words)
        return changed
    first, *then = line.split(", then ")
    if line.startswith("layer.") or first.startswith("torch.nn.init."):
        first, then = "", line.split(", then ")
    if _CLASS.fullmatch(first):
        changed = made(eval(first, NAMES), thing, {})
    elif _KEYWORDS.match(first):
        changed = made(type(thing), thing, eval(f"dict({first})", NAMES))
    elif first:
        return None
    else:
        changed = copy.deepcopy(thing)
    for statement in then:
        exec(statement, NAMES | {"layer": changed} | names)  # noqa: S102 (the line is ours)
    return changed
