"""`Picture`: one drawn picture, as the bytes a report carries."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Picture:
    """A picture in both themes, each with its own background, and what it shows in words.

    Attributes:
        kind: one of `kinds.KINDS`, or `layers`.
        alt: what it shows, in one sentence.
        light: a PNG for light pages.
        dark: a PNG for dark pages.
        size: width and height in CSS pixels; the PNGs may have more.
    """

    kind: str
    alt: str
    light: bytes = field(repr=False)
    dark: bytes = field(repr=False)
    size: tuple[int, int]
