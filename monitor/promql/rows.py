"""
Vectors and windows while an expression is evaluated.

A ``__name__`` that no longer counts is marked, not removed: most rows are filtered
away before anybody asks for their labels. Where rows of several names could become
equal by losing it, it is removed, and the rows compared, at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from monitor.model.reading import LabelPairs
from monitor.promql.errors import PromqlError
from monitor.promql.storage import Floats

NAME = "__name__"
Mask = NDArray[np.bool_]
Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Vector:
    """An instant vector: ``values[i]`` belongs to ``labels[i]``; label sets are unique."""

    labels: tuple[LabelPairs, ...]
    values: Floats


@dataclass(frozen=True, slots=True)
class Rows:
    """A vector on its way. ``unnamed``: __name__ no longer counts, though it is still there."""

    labels: Sequence[LabelPairs]
    values: Floats
    unnamed: bool = False
    one_name: bool = False  # losing __name__ cannot make two rows equal

    def __len__(self) -> int:
        return len(self.labels)

    def real_labels(self) -> Sequence[LabelPairs]:
        """The labels, without a __name__ that no longer counts."""
        return [without_name(pairs) for pairs in self.labels] if self.unnamed else self.labels

    def nameless(self) -> "Rows":
        """The rows without __name__. Raises PromqlError if two become equal by that."""
        if self.one_name:
            return replace(self, unnamed=True)
        labels = [without_name(pairs) for pairs in self.labels]
        return Rows(unique(labels), self.values, unnamed=False, one_name=True)

    def keep(self, mask: Mask) -> "Rows":
        """The rows where the mask holds."""
        return self if mask.all() else self.take(np.flatnonzero(mask))

    def take(self, order: Indices) -> "Rows":
        """The rows with these indices, in this order."""
        labels = [self.labels[i] for i in order.tolist()]
        return replace(self, labels=labels, values=self.values[order])

    def valued(self, values: Floats) -> "Rows":
        """The same rows with other values."""
        return replace(self, values=values)

    def vector(self) -> Vector:
        """The finished result."""
        return Vector(tuple(self.real_labels()), self.values)


NOTHING = Rows((), np.empty(0), one_name=True)


def without_name(pairs: LabelPairs) -> LabelPairs:
    """The pairs without __name__, which stands first unless a label begins with a capital."""
    if pairs and pairs[0][0] == NAME:
        return pairs[1:]
    return tuple(pair for pair in pairs if pair[0] != NAME)


def unique(labels: Sequence[LabelPairs]) -> Sequence[LabelPairs]:
    """The same label sets. Raises PromqlError if two are equal."""
    if len(set(labels)) != len(labels):
        raise PromqlError("vector cannot contain metrics with the same labelset")
    return labels


def show(pairs: LabelPairs) -> str:
    """``{name="value", ...}`` as Prometheus' messages have it."""
    return "{" + ", ".join(f'{name}="{value}"' for name, value in pairs) + "}"


@dataclass(frozen=True, slots=True)
class Windows:
    """
    The samples of a range vector, moved to the left: row i has ``counts[i]`` samples,
    at least one; the columns after them are NaN. ``times`` has one row for all, or
    one for each.
    """

    labels: Sequence[LabelPairs]
    times: Floats  # seconds since 1970, (1 or rows) x columns
    values: Floats  # rows x columns
    counts: Indices
    start: float  # the window is (start, end]
    end: float
    now: float  # the instant of the evaluation, which @ and offset do not move
    one_name: bool

    def valid(self) -> Mask:
        """Where there is a sample."""
        return np.arange(self.values.shape[1]) < self.counts[:, None]

    def at_least(self, count: int) -> "Windows":
        """The windows with so many samples or more."""
        mask = self.counts >= count
        if mask.all():
            return self
        index = np.flatnonzero(mask)
        return replace(
            self,
            labels=[self.labels[i] for i in index.tolist()],
            times=self.times if len(self.times) == 1 else self.times[index],
            values=self.values[index],
            counts=self.counts[index],
        )

    def from_end(self, back: int) -> tuple[Floats, Floats]:
        """Times and values of each row's last sample (0), last but one (1) ..."""
        index = self.counts - 1 - back
        rows = np.arange(len(index))
        times = self.times[0][index] if len(self.times) == 1 else self.times[rows, index]
        return times, self.values[rows, index]
