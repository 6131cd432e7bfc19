"""An expression on a line of `%dual` -> the user's model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dualcell.errors import OptionError, did_you_mean
from dualcell.frameworks.registry import model_adapter

_MOST = 6


def models_in(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """The models that names are bound to."""
    return {name: value for name, value in namespace.items() if name[:1] != "_" and model_adapter(value)}


def valued(expression: str, namespace: Mapping[str, Any], line: str) -> Any:
    """What an expression of the user's gives.

    Args:
        expression: its text.
        namespace: where it is evaluated; nothing is written to it.
        line: the line it stands on, as `%dual init`.

    Raises:
        OptionError: it raised; of a name that is bound to nothing the nearest model is told.
    """
    try:
        return eval(expression, dict(namespace))  # noqa: S307 - the user's own words, in the user's own namespace
    except NameError as error:
        known = [*models_in(namespace)]
        near = did_you_mean(str(error.name), known)
        there = f" Models here: {', '.join(known[:_MOST])}." if known else " No name here is bound to a model."
        raise OptionError(f"{line}: there is no {error.name!r}.{near or there}") from None
    except Exception as error:  # whatever the user's expression raises is told in one line
        raise OptionError(f"{line}: {expression!r} raised {type(error).__name__}: {error}") from None
