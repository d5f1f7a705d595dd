"""
All series of one metric name: rows in blocks on a shared ring of slots.

Two halves. ``current`` holds what the targets have now and changes with every visit;
the blocks hold what past snapshots saw, and of those only one column is ever written:
the newest. A row is given back when nothing of it is left in the ring, so a reader of
an older, not yet expired view finds in it no sample, whoever has it by then.

Rows are taken, given back and written by the event loop's thread alone; ``find`` and
``read`` may run in any thread.
"""

import heapq
from bisect import bisect_right
from collections.abc import Iterator
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from monitor.model.reading import LabelPairs
from monitor.promql.ast import Matcher
from monitor.promql.storage import NO_SAMPLE, NO_SAMPLE_BITS, STALE, Floats, has_sample, is_stale
from monitor.series.index import Index, Rows

FIRST_BLOCK, BLOCK = 4, 256  # rows; blocks double in size up to BLOCK
NEVER = -(1 << 60)  # "last seen" of a row that no snapshot has seen
FREE = 1 << 60  # and of one that nobody has


class Matrix:
    """The series of one metric name."""

    def __init__(self, name: str, columns: int) -> None:
        self.name = name
        self.name_pair = ("__name__", name)
        self.rows: dict[LabelPairs, int] = {}
        self.labels: list[LabelPairs] = []  # by row; () in a row that is free
        self.owners: list[str] = []  # by row: the target it belongs to
        self.current: Floats = np.empty(0)
        self.version = 0  # rises when a row is taken or given back
        self.stamps: dict[int, int] = {}  # by column: when it was last recorded into
        self.lines: object = None  # the exposition's cache
        self._columns = columns
        self._blocks: list[Floats] = []
        self._starts: list[int] = []  # first row of each block
        self._capacity = 0
        self._seen = np.empty(0, np.int64)  # by row: last slot with a sample or a marker
        self._open = np.empty(0, np.bool_)  # by row: the newest slot holds a sample of it
        self._used = 0  # rows ever handed out; pages above it are untouched
        self._free: list[int] = []  # heap, so that low rows fill up first
        self._lock = Lock()
        self._index = Index(self.rows)

    def take(self, labels: LabelPairs, owner: str) -> int:
        """A row for a label set that has none yet. Its history is empty."""
        with self._lock:
            row = heapq.heappop(self._free) if self._free else self._grow()
            where = bisect_right(self._starts, row) - 1
            self._blocks[where][row - self._starts[where]] = NO_SAMPLE
            self._seen[row] = NEVER
            self.labels[row], self.owners[row] = labels, owner
            self.rows[labels] = row
            self._index.add(row, labels)
            self.version += 1
        return row

    def end(self, rows: Rows) -> None:
        """These series are over: a staleness marker is due, where the newest slot has them."""
        live = rows[has_sample(self.current[rows])]
        self.current[live] = np.where(self._open[live], STALE, NO_SAMPLE)

    def end_row(self, row: int) -> None:
        """``end`` for one row."""
        self.end(np.array([row]))

    def live(self) -> Rows:
        """Rows that have a value now."""
        return np.flatnonzero(has_sample(self.current[: self._used]))

    def snapshot(self, number: int, oldest: int) -> list[str]:
        """
        Write the current values into slot ``number``; give back rows that have
        nothing since slot ``oldest``. Returns their owners.
        """
        current, column = self.current[: self._used], number % self._columns
        for start, block in self._placed():
            part = current[start : start + len(block)]
            block[: len(part), column] = part
        held = current.view(np.uint64) != NO_SAMPLE_BITS
        self._seen[: self._used][held] = number
        self._close(current)
        return self._reclaim(~held & (self._seen[: self._used] < oldest))

    def open_slot(self, number: int, oldest: int) -> list[str]:
        """``snapshot`` for recorded names: the slot starts out without a sample."""
        for start, block in self._placed():
            block[: max(0, self._used - start), number % self._columns] = NO_SAMPLE
        return self._reclaim(self._seen[: self._used] < oldest)

    def record(self, rows: Rows, values: Floats, number: int, stamp: int) -> None:
        """Write ``values`` into slot ``number`` and a marker where a row is not given any more."""
        column = number % self._columns
        self.stamps[column] = stamp  # before the write: see View._hide_newer
        self.end(np.setdiff1d(self.live(), rows))
        self.current[rows] = values
        current = self.current[: self._used]
        for start, block in self._placed():
            part = current[start : start + len(block)]
            cells = block[: len(part), column]
            np.copyto(cells, part, where=part.view(np.uint64) != NO_SAMPLE_BITS)
        self._seen[: self._used][current.view(np.uint64) != NO_SAMPLE_BITS] = number
        self._close(current)

    def mark_dead_again(self) -> None:
        """Slots were taken back with their markers, so every dead row owes one again."""
        seen = self._seen[: self._used]
        dead = ~has_sample(self.current[: self._used]) & (seen >= 0) & (seen != FREE)
        self.current[: self._used][dead] = STALE

    def find(self, matchers: tuple[Matcher, ...]) -> Rows:
        """Rows that the matchers (without the one on the name) select, ascending."""
        with self._lock:
            return self._index.find(matchers)

    def read(self, rows: Rows, columns: Rows) -> tuple[Rows, Floats]:
        """Those of ``rows`` that have anything in ``columns``, and what they have."""
        blocks = list(self._placed())
        capacity = blocks[-1][0] + len(blocks[-1][1]) if blocks else 0
        rows = rows[: np.searchsorted(rows, capacity)]  # a freed tail may be gone already
        values = np.empty((len(rows), len(columns)))
        cuts = np.searchsorted(rows, [start for start, _ in blocks])
        for i, (start, block) in enumerate(blocks):
            a, b = cuts[i], cuts[i + 1] if i + 1 < len(blocks) else len(rows)
            if a < b:
                values[a:b] = block[(rows[a:b] - start)[:, None], columns]
        filled = (values.view(np.uint64) != NO_SAMPLE_BITS).any(axis=1)
        return (rows, values) if filled.all() else (rows[filled], values[filled])

    def _close(self, current: Floats) -> None:
        """What has been written is written: markers are no longer due."""
        current[is_stale(current)] = NO_SAMPLE
        self._open[: self._used] = has_sample(current)

    def _grow(self) -> int:
        row = self._used
        if row == self._capacity:
            size = min(BLOCK, FIRST_BLOCK << len(self._blocks))
            self._blocks.append(np.empty((size, self._columns)))
            self._starts.append(row)
            self._capacity += size
            if self._capacity > len(self.current):
                more = max(size, len(self.current))
                self.current = np.append(self.current, np.full(more, NO_SAMPLE))
                self._seen = np.append(self._seen, np.full(more, FREE))
                self._open = np.append(self._open, np.zeros(more, np.bool_))
        if row == len(self.labels):
            self.labels.append(())
            self.owners.append("")
        self._used += 1
        return row

    def _placed(self) -> Iterator[tuple[int, Floats]]:
        return zip(self._starts, self._blocks, strict=False)

    def _reclaim(self, gone: NDArray[np.bool_]) -> list[str]:
        owners: list[str] = []
        for row in np.flatnonzero(gone).tolist():
            labels = self.labels[row]
            with self._lock:
                self._index.drop(row, labels)
                del self.rows[labels]
                self.labels[row] = ()
                heapq.heappush(self._free, row)
                self.version += 1
            self.current[row], self._seen[row] = NO_SAMPLE, FREE
            owners.append(self.owners[row])
        if owners:
            self._trim()
        return owners

    def _trim(self) -> None:
        """Give whole free blocks at the end back to the machine."""
        free = set(self._free)
        while self._blocks and free.issuperset(range(self._starts[-1], self._used)):
            self._blocks.pop()
            self._capacity = self._starts.pop()
            self._used = min(self._used, self._capacity)
        self._free = sorted(row for row in free if row < self._used)
