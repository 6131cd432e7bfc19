"""`LayerErrors`: the error from row to row, with the first that failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class LayerErrors:
    """The largest error of every row, in the order of the table.

    Attributes:
        names: of the rows.
        errors: the largest |left - right| of each; NaN where it is NaN, None where nothing was measured.
        passed: whether each row passed.
        verdicts: of the rows.
        first: the place of the first row that failed; None if all passed.
    """

    names: tuple[str, ...]
    errors: tuple[float | None, ...]
    passed: tuple[bool, ...]
    verdicts: tuple[str, ...]
    first: int | None

    @property
    def sentence(self) -> str:
        """What a picture of it shows, in words."""
        said = f"largest |error| of {len(self.names)} rows in order"
        if self.first is None:
            return f"{said}: all passed"
        failed = self.passed.count(False)
        error = self.errors[self.first]
        size = self.verdicts[self.first] if error is None else f"{error:.3g}"
        return f"{said}: the first that fails is {self.names[self.first]} ({size}); {failed} fail{'s' * (failed == 1)}"


def layer_errors(
    names: Sequence[str], errors: Sequence[float | int | None], verdicts: Sequence[str], passed: Sequence[bool]
) -> LayerErrors:
    """Put the rows of a table into one record; all sequences have one length.

    Examples:
        >>> layer_errors(["a", "b"], [0.0, 0.5], ["equal", "differs"], [True, False]).sentence
        'largest |error| of 2 rows in order: the first that fails is b (0.5); 1 fails'
    """
    numbers = tuple(None if error is None else float(error) for error in errors)
    first = list(passed).index(False) if False in passed else None
    return LayerErrors(tuple(names), numbers, tuple(passed), tuple(verdicts), first)
