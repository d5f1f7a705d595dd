"""
What one target has: its readings' rows, and for each of its blocks a plan.

A plan remembers the row of every live cell of a block, so that the same table read
again costs one indexed assignment per metric name. A cell that goes absent is
forgotten at once: its row may be given back and belong to somebody else by then.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from monitor.model.reading import NAN, Block, LabelPairs, Metric, Reading, Readings
from monitor.promql.storage import NO_SAMPLE_BITS, STALE_BITS, Floats
from monitor.series.index import Rows
from monitor.series.matrix import Matrix

Place = tuple[Matrix, int]
Find = Callable[[str, LabelPairs], Place | None]
"""The row of (metric name, reading's own labels); None when it is refused."""

_SIGN_OFF = np.uint64(0x7FFFFFFFFFFFFFFF)
_PLAIN_NAN_BITS = np.uint64(0x7FF8000000000000)  # math.nan, either sign


@dataclass(slots=True)
class Column:
    """One metric name of a block."""

    matrix: Matrix
    rows: Rows  # by label set; -1 where there is no live cell


@dataclass(slots=True)
class Plan:
    """Where the cells of one block are."""

    names: tuple[str, ...]
    label_sets: tuple[LabelPairs, ...]
    columns: list[Column | None]  # by name; None until its first cell is live

    def fits(self, block: Block) -> bool:
        """Whether it is the same table, cell for cell."""
        return self.names == block.names and (
            self.label_sets is block.label_sets or self.label_sets == block.label_sets
        )

    def live(self) -> Iterator[tuple[Matrix, Rows]]:
        """Every row that the last visit gave a value."""
        for column in self.columns:
            if column is not None:
                yield column.matrix, column.rows[column.rows >= 0]


@dataclass(slots=True)
class Held:
    """One target's part in the matrices."""

    labels: LabelPairs = ()
    rows: int = 0  # live or not yet given back: what the bound counts
    cells: dict[object, Place] = field(default_factory=dict)
    plans: list[Plan] = field(default_factory=list)
    declared: tuple[Mapping[str, Metric], ...] = ()  # type and help, as it gave them
    duplicates: int = 0  # since the start: readings that a later one of the same put replaced

    def replace(self, metrics: Mapping[str, Metric], readings: Readings, find: Find) -> int:
        """Put ``readings`` in the place of everything there was; how many were refused."""
        blocks = [r for r in readings if isinstance(r, Block)]
        tables = [table(block) for block in blocks]  # ValueError before anything changes
        cells, values, refused = self._look_up(readings, find)
        plans = [self._plan(block) for block in blocks]
        kept = {id(plan) for plan in plans}
        self._end(cells, [plan for plan in self.plans if id(plan) not in kept])
        self.cells, self.plans = cells, plans
        self.declared = (metrics, *(block.metrics for block in blocks if block.metrics))
        refused += sum(fill(p, t, find) for p, t in zip(plans, tables, strict=True))
        for (matrix, row), value in values:  # after the blocks: a single reading wins
            matrix.current[row] = value if value == value else NAN  # noqa: PLR0124 - not a NaN
        return refused

    def end(self) -> None:
        """Everything is over."""
        self._end({}, self.plans)
        self.cells, self.plans = {}, []

    def _look_up(
        self, readings: Readings, find: Find
    ) -> tuple[dict[object, Place], list[tuple[Place, float]], int]:
        cells: dict[object, Place] = {}
        values: list[tuple[Place, float]] = []
        refused = 0
        for reading in readings:
            if not isinstance(reading, Reading):
                continue
            key = (reading.name, *reading.labels.items()) if reading.labels else reading.name
            self.duplicates += key in cells
            place = self.cells.get(key) or cells.get(key)
            if place is None:
                place = find(reading.name, tuple(reading.labels.items()))
            if place is None:
                refused += 1
                continue
            cells[key] = place
            values.append((place, reading.value))
        return cells, values, refused

    def _plan(self, block: Block) -> Plan:
        for plan in self.plans:
            if plan.fits(block):
                return plan
        self.duplicates += len(block.label_sets) - len(set(block.label_sets))
        return Plan(block.names, block.label_sets, [None] * len(block.names))

    def _end(self, cells: Mapping[object, Place], plans: Sequence[Plan]) -> None:
        for key, (matrix, row) in self.cells.items():
            if key not in cells:
                matrix.end_row(row)
        for plan in plans:
            for matrix, rows in plan.live():
                matrix.end(rows)


def table(block: Block) -> Floats:
    """
    The block's values, a row per name; an ordinary NaN in the place of our own two
    markers, should a target send them. ValueError when the shape is not names x sets.
    """
    shape = (len(block.label_sets), len(block.names))
    values = np.asarray(block.values, np.float64)
    if values.size == 0 and 0 in shape:
        values = values.reshape(shape)
    if values.shape != shape:
        raise ValueError(f"block of {values.shape} values for {shape} label sets and names")
    values = np.array(values.T, order="C")
    bits = values.view(np.uint64)
    values[(bits == STALE_BITS) | (bits == NO_SAMPLE_BITS)] = NAN
    return values


def fill(plan: Plan, values: Floats, find: Find) -> int:
    """Write a table by its plan; how many cells were refused a row."""
    absent = values.view(np.uint64) & _SIGN_OFF == _PLAIN_NAN_BITS
    some_absent = absent.any(axis=1).tolist()
    refused = 0
    for j, column in enumerate(plan.columns):
        if column is None or some_absent[j] or column.rows.min(initial=0) < 0:
            refused += _fill_changed(plan, j, ~absent[j], find)
            column = plan.columns[j]  # noqa: PLW2901 - it may just have been made
            if column is None:
                continue
            live = column.rows >= 0
            column.matrix.current[column.rows[live]] = values[j, live]
        else:
            column.matrix.current[column.rows] = values[j]
    return refused


def _fill_changed(plan: Plan, j: int, present: NDArray[np.bool_], find: Find) -> int:
    """End the cells that went absent, find rows for those that came."""
    column = plan.columns[j]
    if column is not None:
        gone = (column.rows >= 0) & ~present
        column.matrix.end(column.rows[gone])
        column.rows[gone] = -1
        present = present & (column.rows < 0)
    refused = 0
    for i in np.flatnonzero(present).tolist():
        place = find(plan.names[j], plan.label_sets[i])
        if place is None:
            refused += 1
            continue
        if column is None or column.matrix is not place[0]:  # the old one was empty and went
            column = Column(place[0], np.full(len(plan.label_sets), -1))
            plan.columns[j] = column
        column.rows[i] = place[1]
    return refused
