"""The lines of a notebook that belong to no run: `%dual weights`, `%dual init`, `%dual power`. Their help."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

WEIGHTS, INIT, POWER = "weights", "init", "power"


@dataclass(frozen=True)
class LineHelp:
    """What a line does.

    Attributes:
        usage: how it is written.
        about: what it does, in one sentence.
        words: (a word of it, what that is).
    """

    usage: str
    about: str
    words: tuple[tuple[str, str], ...] = ()

    def text(self) -> str:
        """What `--help` prints."""
        width = max((len(word) for word, _ in self.words), default=0)
        listed = "".join(f"\n  {word:{width}}  {meaning}" for word, meaning in self.words)
        return f"usage: {self.usage}\n\n{self.about}\n{listed}".rstrip("\n")


_MODEL = "a Keras model or layer, or a torch module: a name or an expression"
LINES: Mapping[str, LineHelp] = {
    WEIGHTS: LineHelp(
        "%dual weights SOURCE -> TARGET [--apply] [--partial] [--allow-dtype]",
        "Show which weight of one model belongs where in another, and copy them if asked to.",
        (
            ("SOURCE, TARGET", _MODEL),
            ("--apply", "copy, all or nothing"),
            ("--partial", "with --apply: copy what has its place although something is left over"),
            ("--allow-dtype", "with --apply: let values be rounded into a narrower dtype"),
        ),
    ),
    INIT: LineHelp(
        "%dual init [MODEL [MODEL]]",
        "Say what each weight was drawn from; with two models, side by side.",
        (("MODEL", f"{_MODEL}; without any, all there are, if one or two"),),
    ),
    POWER: LineHelp(
        "%dual power",
        "Plant known faults in the tensors of the last result, and say which its comparison would have let through.",
    ),
}


def lines_in_brief() -> str:
    """The usage of each line, for the help of `%dual`."""
    return "\n".join(f"  {line.usage}\n      {line.about}" for line in LINES.values())
