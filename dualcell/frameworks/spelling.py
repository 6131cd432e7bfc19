"""How frameworks spell settings: the rows of the readers' tables.

A `Spelling` is one row: where an object keeps a setting, and how its value is put into
common units and back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from dualcell.padding import Edges
from dualcell.settings import UNKNOWN, ByGroup, Setting, Settings

ABSENT = object()  # what a getter answers where the object has no such setting
UNTOLD = object()  # where it has one that it does not tell (before it is built), or that changes nothing here


@dataclass(frozen=True)
class Unread:
    """What a getter answers where the object has a setting for which dualcell has no words.

    Attributes:
        said: as its framework spells it.
    """

    said: str


def as_it_is(value: Any) -> Any:
    """The value itself: both frameworks count in the same units."""
    return value


def unwritable(value: Any) -> Any:
    """For a setting that no keyword changes.

    Raises:
        ValueError: always.
    """
    raise ValueError(f"no keyword gives {value!r}")


@dataclass(frozen=True)
class Spelling:
    """One setting, as one framework spells it.

    Attributes:
        setting: its common name.
        word: the keyword of the framework, and the attribute unless `own` is given.
        own: object -> the framework's value, `ABSENT`, `UNTOLD` or an `Unread`.
        common: the framework's value -> the common one.
        back: a common value -> the framework's; raises ValueError where it has none.
        says: the framework's value -> what is shown instead of `word=value`.
        shows: object -> what is shown, where that takes more than the value.
        line: a common value -> the line to write instead of `word=value`.
        lines: object, common value and all common values of the other side -> the same, where that takes more.
        remark: see `dualcell.settings.Setting`; or the framework's value -> that.
        neutral: see `dualcell.settings.Setting`.
    """

    setting: str
    word: str
    own: Callable[[Any], Any] | None = None
    common: Callable[[Any], Any] = as_it_is
    back: Callable[[Any], Any] = as_it_is
    says: Callable[[Any], str] | None = None
    shows: Callable[[Any], str] | None = None
    line: Callable[[Any], str] | None = None
    lines: Callable[[Any, Any, Mapping[str, Any]], str] | None = None
    remark: bool | Callable[[Any], bool] = False
    neutral: Any = UNKNOWN

    def owned(self, thing: Any) -> Any:
        """The framework's value of one object, `ABSENT`, `UNTOLD` or an `Unread`."""
        own = getattr(thing, self.word, ABSENT) if self.own is None else self.own(thing)
        return own if own is ABSENT or own is UNTOLD or isinstance(own, Unread) else plain(own)

    def made(self, thing: Any, own: Any) -> Setting:
        """The setting of one object whose value is known."""
        remark = self.remark(own) if callable(self.remark) else self.remark
        return Setting(
            plain(self.common(own)), self._said(thing, own), partial(self._write, thing), remark, self.neutral
        )

    def _said(self, thing: Any, own: Any) -> str:
        if self.shows is not None:
            return self.shows(thing)
        return spelt(self.word, own) if self.says is None else self.says(own)

    def _write(self, thing: Any, value: Any, wanted: Mapping[str, Any]) -> str:
        try:
            if self.lines is not None:
                return self.lines(thing, value, wanted)
            return spelt(self.word, self.back(value)) if self.line is None else self.line(value)
        except (ValueError, TypeError, KeyError, IndexError):
            return ""


# what an object is, or object -> what it is; and its settings
Rows = tuple[str | Callable[[Any], str], tuple[Spelling, ...]]


def read_all(
    kind: str, framework: str, thing: Any, spellings: Iterable[Spelling], unread: Iterable[str] = ()
) -> Settings:
    """The settings of an object by its rows; of two rows for one setting the last that it has.

    Args:
        kind: what it is.
        framework: whose it is.
        thing: the object.
        spellings: the rows.
        unread: settings of it that no row reads, as its framework spells them.
    """
    found: dict[str, Setting] = {}
    untold: set[str] = set()
    more = [*unread]
    for row in spellings:
        own = row.owned(thing)
        if own is UNTOLD or isinstance(own, Unread):
            untold.add(row.setting)
            more += [own.said] if isinstance(own, Unread) else []
        elif own is not ABSENT:
            found[row.setting] = row.made(thing, own)
    return Settings(kind, type(thing).__name__, framework, found, frozenset(untold - found.keys()), tuple(more))


def constant(
    setting: str, value: Any, said: str, *, remark: bool = False, line: str = "", neutral: Any = ABSENT
) -> Spelling:
    """A setting that the framework cannot change.

    Args:
        setting: its common name.
        value: its common value.
        said: how it is shown.
        remark: see `Spelling`.
        line: what to write instead; `{}` stands for the common value.
        neutral: see `Spelling`; the value itself unless another is given.
    """
    write = (lambda other: line.format(other)) if line else unwritable
    return Spelling(
        setting, "", lambda _: value, says=lambda _: said, line=write, remark=remark,
        neutral=value if neutral is ABSENT else neutral,
    )  # fmt: skip


def plain(value: Any) -> Any:
    """A value of a framework's own number type as Python's; float32 numbers without their noise."""
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, float):
        return float(f"{value:.7g}")
    if isinstance(value, list | tuple):
        return (ByGroup if isinstance(value, ByGroup) else tuple)(plain(item) for item in value)
    return value


def spelt(word: str, value: Any) -> str:
    """`word=value`, numbers in their shortest form.

    Examples:
        >>> spelt("momentum", 1 - 0.99), spelt("padding", (1, 1)), spelt("padding", "same")
        ('momentum=0.01', 'padding=(1, 1)', "padding='same'")
    """
    return f"{word}={plain(value)!r}"


def several(value: Any, axes: int) -> tuple[Any, ...]:
    """One number for each axis.

    Examples:
        >>> several(2, 2), several((1, 3), 2)
        ((2, 2), (1, 3))
    """
    return tuple(value) if isinstance(value, list | tuple) else (value,) * axes


def one_or_all(value: Any) -> Any:
    """`2` for `(2, 2)`."""
    return value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value


def extent(kernel: tuple[int, ...], dilation: tuple[int, ...]) -> tuple[int, ...]:
    """How far a dilated kernel reaches."""
    return tuple((size - 1) * step + 1 for size, step in zip(kernel, dilation, strict=True))


def even(number: int, axes: int) -> Edges:
    """The same number before and after each axis."""
    return ((number, number),) * axes
