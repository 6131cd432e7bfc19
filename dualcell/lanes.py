"""What a block printed and showed: `Lane`; and both lanes of a cell that is still running: `Progress`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shown:
    """One thing in a lane.

    Attributes:
        kind: `stdout`, `stderr`, or the type of what was displayed: `text/html`, `text/plain`,
            `image/png`, `image/jpeg` or `image/svg+xml`.
        data: text as a terminal would show it, colours by their ANSI codes; HTML that
            closes every element it opens; PNG and JPEG in base64.
        width: of a picture, in pixels, if it was given.
        ground: `light` or `dark`, what a transparent picture needs behind it; else empty.
        text: the same in words, for where HTML and pictures cannot be shown; may be empty.
    """

    kind: str
    data: str
    width: int | None = None
    ground: str = ""
    text: str = ""


@dataclass(frozen=True)
class Lane:
    """What a block printed and showed.

    Attributes:
        label: the block's name.
        shown: in the order it came.
        seconds: wall time of the block; None if it did not run.
        device: where its tensors are, in words; may be empty.
        peak_bytes: the most memory in use at once while it ran; None if that cannot be told.
        peak_of: whose memory that is: `the process`, `cuda:0`; without a number, why there is none.
        state: `waiting`, `running`, `done`, `stopped` (by an error) or `not run`.
    """

    label: str
    shown: tuple[Shown, ...] = ()
    seconds: float | None = None
    device: str = ""
    peak_bytes: int | None = None
    peak_of: str = ""
    state: str = "done"


@dataclass(frozen=True)
class Progress:
    """A cell that is still running.

    Attributes:
        lanes: left and right, so far.
        names: the captures that both sides have by now.
        note: what is done at the moment, if it is not a block's work.
    """

    lanes: tuple[Lane, Lane]
    names: tuple[str, ...] = ()
    note: str = ""
