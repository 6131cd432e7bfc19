"""Counts in words: `plural`, and `listed` for the first of many."""

from __future__ import annotations

from collections.abc import Sequence


def plural(count: int, noun: str) -> str:
    """A count with its noun.

    Examples:
        >>> plural(1, "row"), plural(2, "row")
        ('1 row', '2 rows')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def listed(names: Sequence[str], most: int, joint: str = ",") -> str:
    """The first of several names or sentences, and how many more there are.

    Examples:
        >>> listed(["a", "b"], 2), listed(["a", "b", "c"], 1), listed(["a is 1", "b is 2"], 1, ";")
        ('a, b', 'a and 2 more', 'a is 1; and 1 more')
    """
    more = len(names) - most
    end = f"{joint.strip(',')} and {more} more" if more > 0 else ""
    return f"{joint} ".join(names[:most]) + end
