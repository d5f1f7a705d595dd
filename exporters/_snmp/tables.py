"""
Tables of a module: which columns to walk, and their cells turned into blocks. Pure.

The names, label sets and metrics of a block are the same objects from visit to visit as
long as the device answers the same rows, so that a table costs arithmetic.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from exporters._snmp import oid
from exporters._snmp.cells import Cells
from exporters._snmp.columns import Column, numbers, spread
from exporters._snmp.flags import FlagColumn, Flagged
from exporters._snmp.labels import Keep, Labels, cut, kept, label_sets
from exporters._snmp.shapes import Label
from monitor.model.reading import ABSENT, Block, LabelPairs, Metric

Raws = Mapping[str, Sequence[object]]
"""Answers by the name of a scalar, a table's metric or a flag: what derived metrics see."""


def all_rows(_: LabelPairs) -> bool:
    """Keep every row."""
    return True


@dataclass(frozen=True, slots=True)
class Found:
    """What one table gave."""

    blocks: Sequence[Block] = ()
    raws: Mapping[str, Sequence[object]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, slots=True)
class TablePlan:
    """A table as it is asked for and read."""

    name: str
    walked: tuple[bytes, ...]  # columns of the first walk
    values: tuple[Column, ...]  # one block of them all
    others: tuple[Column, ...]  # a block each: states, bits, texts
    places: Mapping[str, bytes]  # metric, column or label name to its column
    labels: Labels
    lookups: tuple[Label, ...]  # labels out of another table
    flags: FlagColumn | None
    count: bytes  # scalar that says how many rows the flags have; b"" where none does
    metrics: Mapping[str, Metric]

    def known_empty(self, count: object) -> bool:
        """Whether a walk would bring nothing: a table of flags alone that has no row."""
        return count == 0 and not self.values and not self.others

    def spare(self, cells: Cells) -> tuple[bytes, ...]:
        """Columns to walk as well, because there are rows without those they stand in for."""
        every = [c for c in (*self.values, *self.others) if c.instead_of]
        every += [c.spare for c in self.values if c.spare]
        wanted = (c.oid for c in every if cells.lacks(c.instead_of))
        return tuple(dict.fromkeys(wanted)) if cells.indexes else ()

    def instances(self, label: Label, cells: Cells) -> tuple[bytes | None, ...]:
        """The OIDs to get for a label out of another table, row by row."""
        return tuple(None if at is None else label.oid + at for at in self._keys(label, cells))

    def _keys(self, label: Label, cells: Cells) -> Sequence[bytes | None]:
        if (column := self.places.get(label.by)) is not None:
            return [key_of(raw) for raw in cells.of(column)]
        return [self._part(label.by, index) for index in cells.indexes]

    def _part(self, name: str, index: bytes) -> bytes | None:
        left = oid.unpack(index)
        for part in self.labels.index:
            taken, left = cut(part, left)
            if part.label == name:
                return oid.suffix(taken) if taken else None
        return None

    def read(self, cells: Cells, count: object = None, keep: Keep = all_rows) -> Found:
        """Turn the cells of one visit into blocks; ``count`` is what the flags' scalar says."""
        flagged = self.flags.read(cells, count) if self.flags else Flagged()
        if not cells.indexes:
            return Found(flagged.blocks, flagged.raws)
        named = tuple(tuple(cells.of(self.places[c.name])) for c in self.labels.columns)
        sets = label_sets(self.labels, cells.indexes, named)
        places = None if keep is all_rows else kept(sets, keep)
        if places is not None:
            cells = Cells(
                tuple(cells.indexes[i] for i in places),
                {c: [raws[i] for i in places] for c, raws in cells.columns.items()},
            )
            sets = tuple(sets[i] for i in places)
        raws = {c.name: cells.of(c.oid) for c in self.values if cells.has(c.oid)}
        return Found((*self._blocks(cells, sets), *flagged.blocks), {**raws, **flagged.raws})

    def _blocks(self, cells: Cells, sets: tuple[LabelPairs, ...]) -> list[Block]:
        def raws(name: str) -> Sequence[object]:
            return cells.of(self.places[name])

        def numbers_of(column: Column) -> list[float]:
            found = numbers(column, cells.of(column.oid), raws)
            if column.instead_of:
                found = without(found, cells.of(column.instead_of))
            if column.spare and column.spare.oid in cells.columns:
                theirs = numbers(column.spare, cells.of(column.spare.oid), raws)
                found = filled(found, cells.of(column.oid), theirs)
            return found

        values = [c for c in self.values if asked(c, cells)]
        blocks = []
        if values:
            table = [numbers_of(c) for c in values]
            names = tuple(c.name for c in values)
            blocks.append(Block(names, sets, list(zip(*table, strict=True)), self.metrics))
        blocks += [
            spread(column, cells.of(column.oid), sets, self.metrics)
            for column in self.others
            if cells.has(column.oid)
        ]
        return blocks


def asked(column: Column, cells: Cells) -> bool:
    """Whether a column was walked: those that stand in for others often are not."""
    return not column.instead_of or column.oid in cells.columns


def without(values: Sequence[float], others: Sequence[object]) -> list[float]:
    """Values where the others are not known."""
    return [v if raw is None else ABSENT for v, raw in zip(values, others, strict=True)]


def filled(values: Sequence[float], raws: Sequence[object], theirs: Sequence[float]) -> list[float]:
    """Values, and theirs where the device does not answer for ours."""
    return [t if raw is None else v for v, t, raw in zip(values, theirs, raws, strict=True)]


def key_of(raw: object) -> bytes | None:
    """Make a row's index in another table of a number that a column answers."""
    ours = isinstance(raw, int) and 0 <= raw <= oid.MAX_SUB_ID
    return oid.suffix((raw,)) if ours else None  # type: ignore[arg-type]  # it is an int
