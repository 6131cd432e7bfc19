"""Capture texts -> `Request`s: what to evaluate on each side and how to name the row."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass

from dualcell.errors import OptionError


@dataclass(frozen=True)
class Request:
    """One capture the user asked for.

    Attributes:
        row: the row's name; nested values add their path to it.
        left: expression evaluated after the left block.
        right: expression evaluated after the right block.
        pattern: `*` and `?` pattern the paths of nested leaves must fit; empty for all.
        shared: the same text was given for both sides.
    """

    row: str
    left: str
    right: str
    pattern: str = ""
    shared: bool = True


def read_request(text: str) -> Request:
    """Read one capture.

    Raises:
        OptionError: a side is not a Python expression.

    Examples:
        >>> read_request("kernel = dense.kernel ~ linear.weight.T")
        Request(row='kernel', left='dense.kernel', right='linear.weight.T', pattern='', shared=False)
        >>> read_request("grads/*")
        Request(row='grads', left='grads', right='grads', pattern='*', shared=True)
    """
    name, body = _split_name(text.strip())
    left, right = _split_sides(body)
    (left, left_pattern), (right, right_pattern) = _split_pattern(left), _split_pattern(right)
    for side in (left, right):
        if not _is_expression(side):
            raise OptionError(
                f"Capture {text!r}: {side!r} is not a Python expression (one with spaces needs quotes). "
                f"Write a name, an expression, 'left ~ right' or 'row = left ~ right'."
            )
    if left_pattern != right_pattern:
        raise OptionError(
            f"Capture {text!r}: the patterns {left_pattern!r} and {right_pattern!r} differ; "
            f"one pattern selects the same leaves on both sides."
        )
    shared = left == right
    return Request(name or (left if shared else f"{left} ~ {right}"), left, right, left_pattern, shared)


def read_requests(texts: Iterable[str]) -> tuple[Request, ...]:
    """Read every capture of a cell.

    Raises:
        OptionError: a side is not a Python expression, or two rows would have one name.
    """
    requests = tuple(read_request(text) for text in texts)
    rows = [request.row for request in requests]
    twice = next((row for row in rows if rows.count(row) > 1), None)
    if twice is not None:
        raise OptionError(f"Two captures make a row named {twice!r}. Name one of them, as in 'other = {twice}'.")
    return requests


def free_names(expression: str) -> tuple[str, ...]:
    """Names an expression reads, in source order, without those its comprehensions and lambdas bind."""
    nodes = list(ast.walk(ast.parse(expression.strip(), mode="eval")))
    names = [node for node in nodes if isinstance(node, ast.Name)]
    bound = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    bound |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    names.sort(key=lambda node: (node.lineno, node.col_offset))
    return tuple(dict.fromkeys(node.id for node in names if node.id not in bound))


def _split_name(text: str) -> tuple[str, str]:
    named = re.match(r"([^\W\d][\w. -]*?)\s*=(?!=)\s*(.+)$", text, re.DOTALL)
    return (named[1], named[2]) if named else ("", text)


def _split_sides(text: str) -> tuple[str, str]:
    """Split at the `~` that leaves an expression on each side; `~mask` alone is invert."""
    for at, character in enumerate(text):
        left, right = text[:at].strip(), text[at + 1 :].strip()
        if character == "~" and _is_capture(left) and _is_capture(right):
            return left, right
    if "~" in text and not _is_capture(text):
        left, _, right = text.partition("~")
        return left.strip(), right.strip()
    return text, text


def _split_pattern(text: str) -> tuple[str, str]:
    base, slash, pattern = text.partition("/")
    is_pattern = slash and re.search(r"[*?]", pattern) and not _is_expression(text)
    return (base.strip(), pattern.strip()) if is_pattern else (text, "")


def _is_capture(text: str) -> bool:
    return _is_expression(_split_pattern(text)[0])


def _is_expression(text: str) -> bool:
    try:
        ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError):
        return False
    return bool(text.strip())
