"""Whether the numbers of a matrix could be independent of each other, as an initializer draws them.

Training does not: it adds a few directions that many inputs share, so one singular value
stands out, and it moves some rows or columns further than others. Both show long before the
distribution of the numbers does.
"""

from __future__ import annotations

import math

import numpy as np

from dualcell.cause import Array

MOST = 256  # rows and columns that are looked at; of more, some evenly spread
LEAST = 4  # of each, below which nothing can be said
SHARP = 5.0  # of Tracy and Widom's first law: more than its 99.99 % point, 4.4, as the law is a limit
SPREAD = 5.0  # standard errors of the spread of sums of squares, which is skewed


def are_independent(values: Array) -> bool:
    """False if rows or columns of a tensor have something in common that independent numbers have not.

    Args:
        values: real numbers of any shape, not all the same; of more than two axes the
            first, and then the last, are held against all others.

    Examples:
        >>> random = np.random.default_rng(0)
        >>> drawn = random.uniform(-1, 1, (60, 90))
        >>> are_independent(drawn), are_independent(drawn + 0.2 * drawn[:1])
        (True, False)
    """
    if values.ndim < 2:
        return True
    matrices = [values.reshape(len(values), -1)]
    if values.ndim > 2:
        matrices.append(values.reshape(-1, values.shape[-1]))
    return all(map(_is_independent, matrices))


def _is_independent(matrix: Array) -> bool:
    rows, columns = (slice(None, None, max(1, size // MOST)) for size in matrix.shape)
    some = matrix[rows, columns].astype(np.float64)
    if min(some.shape) < LEAST:
        return True
    some -= some.mean()
    some /= some.std() or 1.0
    return not _stands_out(some) and not _vary(some) and not _vary(some.T)


def _stands_out(matrix: Array) -> bool:
    """Whether the largest singular value is one that independent numbers do not have.

    Johnstone 2001, theorem 1.1: its square is the sum of both square roots, squared, plus a
    little times a number of Tracy and Widom's law.
    """
    many, few = math.sqrt(max(matrix.shape) - 1), math.sqrt(min(matrix.shape))
    center, scale = (many + few) ** 2, (many + few) * (1 / many + 1 / few) ** (1 / 3)
    flat = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    largest = float(np.linalg.eigvalsh(flat @ flat.T)[-1])
    return largest > center + SHARP * scale


def _vary(matrix: Array) -> bool:
    """Whether some rows are of another scale than the rest."""
    squares = np.square(matrix)
    count = matrix.shape[1]
    off = squares.mean(1) - 1
    expected = float(squares.var()) / count
    if expected == 0:
        return False
    spread = float(np.mean(np.square(off))) / expected
    return spread > 1 + SPREAD * math.sqrt((2 + 12 / count) / len(matrix))
