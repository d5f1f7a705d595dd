"""What a walk brought, column by column over one list of rows. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from exporters._snmp.pdu import Varbind

Rows = Mapping[bytes, Sequence[Varbind | None]]
"""Index (content bytes) to the cells of one row, in the order of the columns walked."""


@dataclass(slots=True)
class Cells:
    """Answers by column OID, each a list in the order of ``indexes``; None where none came."""

    indexes: tuple[bytes, ...] = ()
    columns: dict[bytes, Sequence[object]] = field(default_factory=dict)

    def has(self, column: bytes) -> bool:
        """Whether the device answers for this column at all."""
        return any(raw is not None for raw in self.columns.get(column, ()))

    def lacks(self, column: bytes) -> bool:
        """Whether there are rows for which the device does not answer for this column."""
        return None in self.columns.get(column, (None,))

    def of(self, column: bytes) -> Sequence[object]:
        """Answers of a column; all None for one that was not asked for."""
        found = self.columns.get(column)
        return (None,) * len(self.indexes) if found is None else found

    def add(self, columns: Sequence[bytes], rows: Rows) -> None:
        """Put further columns beside the rows there are."""
        nothing: Sequence[Varbind | None] = (None,) * len(columns)
        found = [rows.get(index, nothing) for index in self.indexes]
        self.columns |= by_column(columns, found)


def cells_of(columns: Sequence[bytes], rows: Rows) -> Cells:
    """Turn rows into columns."""
    return Cells(tuple(rows), by_column(columns, list(rows.values())))


def by_column(
    columns: Sequence[bytes], rows: Sequence[Sequence[Varbind | None]]
) -> dict[bytes, Sequence[object]]:
    """Turn the cells of rows into answers by column."""
    turned = zip(*rows, strict=True) if rows else ((),) * len(columns)
    return {
        column: [cell and cell[2] for cell in cells]
        for column, cells in zip(columns, turned, strict=True)
    }
