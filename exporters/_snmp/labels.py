"""
Label sets of a table's rows, kept from visit to visit. Pure.

A table is remembered by what its label columns answered, byte for byte, so that the same
table gives the same objects again and the store looks nothing up. The memory is bounded.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from exporters._snmp import oid
from exporters._snmp.shapes import IndexPart, Label
from exporters._snmp.values import TEXTS, word
from monitor.model.reading import LabelPairs

TABLES = 8192  # remembered; a thousand switches with a few tables each
FIXED = {"ipv4": 4, "mac": 6}  # sub-identifiers

Keep = Callable[[LabelPairs], bool]
Cells = tuple[tuple[object, ...], ...]
"""Answers of the label columns, column by column."""


@dataclass(frozen=True, eq=False, slots=True)
class Labels:
    """How a table's rows are labelled: by their index, then by columns."""

    index: tuple[IndexPart, ...]
    columns: tuple[Label, ...]

    def names(self) -> Iterator[str]:
        """Give the labels' names."""
        yield from (part.label for part in self.index)
        yield from (column.name for column in self.columns)

    def row(self, index: bytes, cells: Sequence[object]) -> LabelPairs:
        """Label one row."""
        found = dict(parts(self.index, index))
        for column, raw in zip(self.columns, cells, strict=True):
            found[column.name] = said(column, raw)
        for column in self.columns:
            if column.otherwise and not found[column.name]:
                found[column.name] = found[column.otherwise]
        return tuple(sorted(found.items()))


def said(column: Label, raw: object) -> str:
    """The text of one label."""
    if column.enum is not None and raw is not None:
        return word(raw, column.enum)
    return TEXTS[column.type](raw)


@lru_cache(maxsize=TABLES)
def label_sets(labels: Labels, indexes: tuple[bytes, ...], cells: Cells) -> tuple[LabelPairs, ...]:
    """Label all rows. Rows that would be the same series get the whole index instead."""
    rows = zip(*cells, strict=True) if cells else ((),) * len(indexes)
    found = [labels.row(i, row) for i, row in zip(indexes, rows, strict=True)]
    if len(set(found)) == len(found):
        return tuple(found)
    return tuple(whole(labels, i, pairs) for i, pairs in zip(indexes, found, strict=True))


def whole(labels: Labels, index: bytes, pairs: LabelPairs) -> LabelPairs:
    """Label a row with its whole index in the last index label."""
    last = labels.index[-1].label
    return tuple((k, dots(oid.unpack(index)) if k == last else v) for k, v in pairs)


def parts(index: Sequence[IndexPart], content: bytes) -> Iterator[tuple[str, str]]:
    """Cut an index into its labels; an index that is too short leaves the last ones empty."""
    left = oid.unpack(content)
    for part in index:
        taken, left = cut(part, left)
        yield part.label, shown(part, taken)


def cut(part: IndexPart, left: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Take one part's sub-identifiers (RFC 2578, section 7.7)."""
    if part.implied:
        return left, ()
    if part.type == "integer":
        size = 1
    elif fixed := part.length or FIXED.get(part.type):
        size = fixed
    else:
        size, left = (left[0], left[1:]) if left else (0, ())
    return left[:size], left[size:]


def shown(part: IndexPart, sub_ids: tuple[int, ...]) -> str:
    """One part as a label value."""
    if part.type in {"integer", "oid", "ipv4"} or any(s > 255 for s in sub_ids):  # noqa: PLR2004 - a byte
        return dots(sub_ids)
    return TEXTS["mac" if part.type == "mac" else "text"](bytes(sub_ids))


def dots(sub_ids: Sequence[int]) -> str:
    """``1.3``."""
    return ".".join(map(str, sub_ids))


@lru_cache(maxsize=TABLES)
def kept(sets: tuple[LabelPairs, ...], keep: Keep) -> tuple[int, ...] | None:
    """Places of the rows that are kept; None when all are."""
    places = tuple(i for i, pairs in enumerate(sets) if keep(pairs))
    return None if len(places) == len(sets) else places
