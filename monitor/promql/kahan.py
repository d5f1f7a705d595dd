"""
Neumaier's compensated sums, over the columns of a matrix: all rows at once.

Where Prometheus compensates (util/kahansum), so do we: 1e100 + 1 - 1e100 is 1.
"""

from collections.abc import Iterable

import numpy as np

from monitor.promql.storage import Floats


class Running:
    """A compensated running sum for each row."""

    __slots__ = ("_rest", "_sum")

    def __init__(self, rows: int) -> None:
        self._sum = np.zeros(rows)
        self._rest = np.zeros(rows)

    def add(self, term: Floats) -> None:
        """Add one term to every row."""
        total = self._sum + term
        larger = np.abs(self._sum) >= np.abs(term)
        rest = np.where(larger, (self._sum - total) + term, (term - total) + self._sum)
        self._rest = np.where(np.isinf(total), 0.0, self._rest + rest)
        self._sum = total

    @property
    def total(self) -> Floats:
        """The sums so far; an infinite one stays infinite."""
        return self._sum + self._rest


def total(columns: Iterable[Floats], rows: int) -> Floats:
    """The compensated sum of the columns."""
    running = Running(rows)
    for column in columns:
        running.add(column)
    return running.total
