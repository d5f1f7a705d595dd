"""
The samples of the last two hours: what every target has now, and what each slot saw.

``put`` replaces a target's current values; ``snapshot`` copies all current values into
one column, on one grid, as an outside Prometheus that scrapes us would see them.
All calls come from the event loop's thread; a ``view`` may be read in any thread.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from monitor.model.reading import NAN, LabelPairs, Metric, Readings
from monitor.promql.storage import Storage
from monitor.series.held import Held, Place
from monitor.series.labels import join, labels_ok, metric_name_ok, with_name
from monitor.series.matrix import Matrix
from monitor.series.view import Axis, View

RECORDED = ""  # owner of recorded rows; no target has this name


class Series:
    """
    One matrix per metric name on a shared time axis.

    ``grid`` and ``keep`` in seconds. ``max_rows_per_target`` bounds the rows that a
    target (or one recorded name) holds: those it has now, and those of the window
    that are not yet given back.
    """

    def __init__(
        self, grid: float, keep: float = 7200.0, max_rows_per_target: int = 10_000
    ) -> None:
        self.filled_since: float | None = None
        self.refused = 0  # readings refused since the start: over the bound, or a bad name
        self.polled: dict[str, Matrix] = {}
        self.recorded: dict[str, Matrix] = {}
        self.held: dict[str, Held] = {}
        self._axis = Axis(grid, keep)
        self._max = max_rows_per_target

    def put(
        self,
        target: str,
        labels: LabelPairs,
        metrics: Mapping[str, Metric],
        readings: Readings,
    ) -> int:
        """
        Replace everything the target had; how many readings were refused.

        Single readings get their rows before blocks do, so what the runner says of a
        visit finds its place whatever a table brings. Keys of ``metrics`` are sample
        names, but the family's name for histograms and summaries. ValueError when a
        block's values do not fit its names and label sets.
        """
        held = self.held.setdefault(target, Held(labels))
        if held.labels != labels:
            held.end()
            held.labels = labels

        def find(name: str, own: LabelPairs) -> Place | None:
            return self._find(target, held, name, own)

        refused = held.replace(metrics, readings, find)
        self.refused += refused
        return refused

    def end(self, target: str) -> None:
        """End the target's series: a staleness marker at the next snapshot."""
        if held := self.held.get(target):
            held.end()
            if not held.rows:
                del self.held[target]

    def snapshot(self, at: float) -> None:
        """
        Open the slot at ``at`` (seconds since 1970) and fill it with what there is now.

        An ``at`` that is not later than the newest slot means that the clock was set
        back: the slots that claim to be later go, so that time keeps rising.
        """
        axis = self._axis
        if axis.advance(at):
            for matrix in self.polled.values():
                matrix.mark_dead_again()
        if self.filled_since is None or at < self.filled_since:
            self.filled_since = at
        oldest = axis.number - axis.columns + 1
        for matrix in list(self.polled.values()):
            self._give_back(matrix.snapshot(axis.number, oldest))
            if not matrix.rows:
                del self.polled[matrix.name]
        for matrix in list(self.recorded.values()):
            matrix.open_slot(axis.number, oldest)
            if not matrix.rows:
                del self.recorded[matrix.name]

    def record(self, name: str, rows: Sequence[tuple[LabelPairs, float]]) -> None:
        """
        Write a rule's result into the newest slot; views taken from now on see it.

        Rows of that name that are not given end. A label set that a target polls
        itself under this name is left to the target. RuntimeError before the first
        snapshot.
        """
        axis = self._axis
        if axis.number < 0:
            raise RuntimeError("record() before the first snapshot()")
        matrix = self.recorded.get(name)
        if matrix is None:
            if not rows:
                return
            matrix = Matrix(name, axis.columns)
        polled = self.polled.get(name)
        values: dict[int, float] = {}
        for labels, value in rows:
            full = with_name(matrix.name_pair, join((), labels))
            if polled is not None and full in polled.rows:
                self.refused += 1
            elif (row := self._row(matrix, full)) is not None:
                values[row] = value if value == value else NAN  # noqa: PLR0124 - not a NaN
        axis.stamp += 1
        given = np.fromiter(values, np.int64, len(values))
        matrix.record(given, np.array(list(values.values())), axis.number, axis.stamp)
        if matrix.rows:
            self.recorded[name] = matrix

    def view(self) -> Storage:
        """Everything as of the newest snapshot and what is recorded into it, frozen."""
        return View(self._axis, self.polled, self.recorded)

    def rows_held(self, target: str) -> int:
        """Rows that count against the target's bound."""
        held = self.held.get(target)
        return held.rows if held else 0

    def _find(self, target: str, held: Held, name: str, own: LabelPairs) -> Place | None:
        """The row of a reading, made if need be; None when the bound or a name forbids it."""
        matrix = self.polled.get(name)
        if matrix is None:
            if held.rows >= self._max or not metric_name_ok(name):
                return None
            matrix = Matrix(name, self._axis.columns)
        labels = with_name(matrix.name_pair, join(held.labels, own))
        row = matrix.rows.get(labels)
        if row is not None:
            return (matrix, row) if matrix.owners[row] == target else None
        if held.rows >= self._max or not labels_ok(labels):
            return None
        self.polled[name] = matrix
        held.rows += 1
        return matrix, matrix.take(labels, target)

    def _row(self, matrix: Matrix, labels: LabelPairs) -> int | None:
        row = matrix.rows.get(labels)
        if row is None:
            if len(matrix.rows) >= self._max or not labels_ok(labels):
                self.refused += 1
                return None
            row = matrix.take(labels, RECORDED)
        return row

    def _give_back(self, owners: Sequence[str]) -> None:
        for owner in owners:
            held = self.held[owner]
            held.rows -= 1
            if not (held.rows or held.cells or held.plans):
                del self.held[owner]
