"""
A frozen view: what the evaluator reads, in any thread, while visits go on.

Taking one copies nothing. It stays as it was because the columns it reads are never
written again: snapshots go into the next column of a ring that has SPARE columns more
than the window, and values recorded into the newest slot after the view was taken are
hidden from it. After SPARE snapshots a view is over and says so, rather than lie.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from monitor.model.reading import LabelPairs
from monitor.promql.ast import Matcher
from monitor.promql.storage import NO_SAMPLE, Floats, Selection
from monitor.series.index import Rows, accepts
from monitor.series.labels import NAME
from monitor.series.matrix import Matrix

SPARE = 8  # snapshots that a view outlives


class ViewExpiredError(RuntimeError):
    """The view is older than SPARE snapshots; take a new one."""


class Axis:
    """The ring of slots: number n stands in column n % columns, at times[column]."""

    def __init__(self, grid: float, keep: float) -> None:
        self.window = int(-(-keep // grid)) + 1  # both ends of the longest window
        self.columns = self.window + SPARE
        self.times = np.full(self.columns, -np.inf)
        self.number = -1  # of the newest slot
        self.stamp = 0  # rises with every record()
        self.valid_from = -1  # views of older slots are over

    def advance(self, at: float) -> bool:
        """
        Open the slot at ``at``. Slots that claim to be later (the clock was set
        back) are taken back; True when there were any.
        """
        future = self.times >= at
        self.number += 1  # first: a reader that overlaps with this finds itself expired
        back = bool(future.any())
        if back:
            self.valid_from = self.number
            self.times[future] = -np.inf
        self.times[self.number % self.columns] = at
        return back


class View:
    """``Storage`` as of the newest snapshot."""

    def __init__(
        self, axis: Axis, polled: Mapping[str, Matrix], recorded: Mapping[str, Matrix]
    ) -> None:
        self._axis = axis
        self._sides = (polled, recorded)
        self._number, self._stamp = axis.number, axis.stamp

    def select(self, matchers: Sequence[Matcher], start: float, end: float) -> Selection:
        """
        Every series that matches and has anything in ``(start, end]``.

        ViewExpiredError when the view is over.
        """
        columns = self._columns(start, end)
        times = self._axis.times[columns]
        names = [m for m in matchers if m.name == NAME]
        rest = tuple(m for m in matchers if m.name != NAME)
        labels: list[LabelPairs] = []
        parts: list[Floats] = []
        for side in self._sides:
            for matrix in _named(side, names):
                rows, values = matrix.read(matrix.find(rest), columns)
                if side is self._sides[1]:
                    rows, values = self._hide_newer(matrix, columns, rows, values)
                labels += [matrix.labels[row] for row in rows.tolist()]
                parts.append(values)
        self._check()  # after reading: what was read before it went stale is whole
        values = np.concatenate(parts) if parts else np.empty((0, len(times)))
        return Selection(labels, times, values)

    def _columns(self, start: float, end: float) -> Rows:
        oldest = max(0, self._number - self._axis.window + 1)
        columns = np.arange(oldest, self._number + 1) % self._axis.columns
        times = self._axis.times[columns]
        return columns[(times > start) & (times <= end)]

    def _hide_newer(
        self, matrix: Matrix, columns: Rows, rows: Rows, values: Floats
    ) -> tuple[Rows, Floats]:
        """Blank the newest slot where record() wrote into it after the view was taken."""
        newest = self._number % self._axis.columns
        if matrix.stamps.get(newest, 0) > self._stamp and len(columns) and columns[-1] == newest:
            values[:, -1] = NO_SAMPLE
            filled = (values.view(np.uint64) != NO_SAMPLE.view(np.uint64)).any(axis=1)
            return rows[filled], values[filled]
        return rows, values

    def _check(self) -> None:
        axis = self._axis
        if self._number < axis.valid_from or axis.number - self._number > SPARE:
            raise ViewExpiredError("the view is older than the samples that are kept")


def _named(side: Mapping[str, Matrix], matchers: Sequence[Matcher]) -> list[Matrix]:
    """Matrices whose metric name every matcher takes; by name."""
    exact = [m.value for m in matchers if m.op == "=" and m.value]
    names = exact[:1] or sorted(list(side))  # noqa: C414 - list() first: one atomic step
    tests = [accepts(m) for m in matchers]
    found = (side.get(name) for name in names if all(test(name) for test in tests))
    return [matrix for matrix in found if matrix is not None]
