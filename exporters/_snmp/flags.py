"""
Tables that list what is the matter, row by row (upsAlarmTable). Pure.

What the device is known not to list is 0, so that an alert over it can end on evidence;
where the table could not be read, nothing is known and there is no sample.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from exporters._snmp.cells import Cells
from exporters._snmp.shapes import Flags
from exporters._snmp.values import dotted
from monitor.model.reading import Block, LabelPairs, Metric


@dataclass(frozen=True, slots=True)
class Flagged:
    """One block at most, and each known flag as 0 or 1 by its name."""

    blocks: tuple[Block, ...] = ()
    raws: Mapping[str, Sequence[object]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, slots=True)
class FlagColumn:
    """The column that says what is the matter."""

    shape: Flags
    metrics: Mapping[str, Metric]
    sets: tuple[LabelPairs, ...]  # of the known ones, in the order of the file

    def read(self, cells: Cells, count: object) -> Flagged:
        """``count`` is what the device says the number of rows is; None if it does not say."""
        listed = {bare(raw) for raw in cells.of(self.shape.oid) if raw is not None}
        if not listed and count != 0:
            return Flagged()
        known = self.shape.names
        values = [(float(key in listed),) for key in known]
        more = sorted(map(str, (said(raw) for raw in listed if raw not in known)))
        sets = (*self.sets, *(((self.shape.label, text),) for text in more)) if more else self.sets
        block = Block((self.shape.metric,), sets, values + [(1.0,)] * len(more), self.metrics)
        raws = {name: (int(key in listed),) for key, name in known.items()}
        return Flagged((block,), raws)


def flag_column(shape: Flags, metrics: Mapping[str, Metric]) -> FlagColumn:
    """Compile."""
    return FlagColumn(shape, metrics, tuple(((shape.label, n),) for n in shape.names.values()))


def bare(raw: object) -> object:
    """Cut the instance (``.0``) that some agents write behind an alarm's OID."""
    return raw[:-1] if isinstance(raw, bytes) and raw.endswith(b"\x00") else raw


def said(raw: object) -> str:
    """A value that the module does not name."""
    return dotted(raw) if isinstance(raw, bytes) else str(raw)
