"""
The plan of one walk: which columns to ask for next, and what the answers mean. Pure.

A walk always ends: in every column the OIDs of the answers must rise strictly (RFC 3416,
section 4.2.2), rows are capped, and an answer that brings nothing on makes the next
request smaller until it cannot be. A column ends where its answers leave it.
"""

from collections.abc import Sequence

from exporters._snmp import oid, pdu
from exporters._snmp.pdu import Pdu, Varbind
from monitor.probe import ProbeError

Rows = dict[bytes, list[Varbind | None]]
"""Index (content bytes behind the column's) to the row's cells, in the order of the columns."""

MAX_ROWS = 10_000
MAX_CELLS = 20_000  # of one table, some 200 bytes each; a target may bring 10,000 series
VALUES_AT_ONCE = 70  # of 20 bytes: what fits into one Ethernet frame
EXCEPTIONS = pdu.NO_SUCH_OBJECT  # and above: noSuchObject, noSuchInstance, endOfMibView

TOO_BIG, NO_SUCH_NAME = 1, 2


def refusal(answer: Pdu, asked: Sequence[bytes]) -> ProbeError:
    """Say what the agent refused: the status' name, and the OID it points at."""
    name = pdu.error_name(answer.error_status)
    at = answer.error_index - 1
    where = asked[at] if 0 <= at < len(asked) else asked[0]
    return ProbeError("status", f"the agent answers {name} for {oid.text(where)}")


class Column:
    """One column that is still being walked: where it begins, and how far we are."""

    __slots__ = ("at", "last", "number", "prefix")

    def __init__(self, number: int, prefix: bytes) -> None:
        self.number = number  # its place in the rows
        self.prefix = prefix
        self.last = b""  # index of the newest cell
        self.at = prefix  # what to ask behind


class Walk:
    """
    Columns walked side by side: ``request()`` until it gives None, each answer to ``feed()``.

    ``repetitions`` is the most rows one GetBulk asks for; 0 walks by GetNext, as version 1
    must, and then ``v1`` says that noSuchName is the end of a column and no fault.
    """

    def __init__(
        self,
        columns: Sequence[bytes],
        max_rows: int = MAX_ROWS,
        repetitions: int = 25,
        *,
        v1: bool = False,
    ) -> None:
        self.rows: Rows = {}
        self._columns = len(columns)
        self._live = [Column(number, prefix) for number, prefix in enumerate(columns)]
        self._asked: list[Column] = []
        self._width = max(1, self._columns)  # columns in one request
        self._most = repetitions  # rows in one request
        self._max_rows = min(max_rows, MAX_CELLS // max(1, len(columns)))
        self._bulk = repetitions > 0 and not v1
        self._v1 = v1
        self._risen: dict[bytes, bytes] = {}  # index to one that was found to stand behind it

    def request(self) -> Pdu | None:
        """Return what to ask next; None when every column has ended."""
        if not self._live:
            return None
        self._asked = self._live[: self._width]
        oids = [column.at for column in self._asked]
        if self._bulk:
            return pdu.ask(pdu.GETBULK, 0, oids, (0, self._repetitions()))
        return pdu.ask(pdu.GETNEXT, 0, oids)

    def feed(self, answer: Pdu) -> None:
        """Take the answer to the newest request. ProbeError where the walk cannot go on."""
        if answer.error_status:
            self._refused(answer)
            return
        width = len(self._asked)
        found = answer.varbinds
        if len(found) < width:
            self._cut(len(found))
        most = width * self._repetitions()
        if len(found) > most:
            found = found[:most]
        for place, column in enumerate(self._asked):
            self._take(column, found[place::width])

    def _repetitions(self) -> int:
        if not self._bulk:
            return 1
        return max(1, min(self._most, VALUES_AT_ONCE // len(self._asked)))

    def _take(self, column: Column, cells: Sequence[Varbind]) -> None:
        prefix, number, last = column.prefix, column.number, column.last
        size, rows, risen = len(prefix), self.rows, self._risen
        for cell in cells:
            name = cell[0]
            if cell[1] >= EXCEPTIONS or not name.startswith(prefix):
                self._live.remove(column)
                return
            index = name[size:]
            if risen.get(last) != index:
                self._rise(name, column, last, index)
            row = rows.get(index)
            if row is None:
                row = self._new_row(index, prefix)
            row[number] = cell
            last = index
        column.last, column.at = last, prefix + last

    def _rise(self, name: bytes, column: Column, last: bytes, index: bytes) -> None:
        """Refuse an OID that is not behind the one before, and remember that this one is."""
        if not oid.after(index, last):
            here = oid.text(name)
            before = oid.text(column.prefix + last)
            said = "answers the same OID again" if index == last else f"goes back from {before} to"
            raise ProbeError("protocol", f"the agent {said}: {here}; a walk of it would never end")
        self._risen[last] = index

    def _new_row(self, index: bytes, prefix: bytes) -> list[Varbind | None]:
        if len(self.rows) >= self._max_rows:
            text = f"more than {self._max_rows} rows in the table of {oid.text(prefix)}"
            raise ProbeError("too_large", text)
        row: list[Varbind | None] = [None] * self._columns
        self.rows[index] = row
        return row

    def _refused(self, answer: Pdu) -> None:
        """Ask for less after tooBig; end a column after version 1's noSuchName; else give up."""
        if answer.error_status == TOO_BIG:
            self._smaller(answer)
        elif self._v1 and answer.error_status == NO_SUCH_NAME:
            self._no_such_name(answer.error_index)
        else:
            raise refusal(answer, [column.at for column in self._asked])

    def _smaller(self, answer: Pdu) -> None:
        """Half the rows, then half the columns."""
        if self._bulk and self._repetitions() > 1:
            self._most = self._repetitions() // 2
        elif len(self._asked) > 1:
            self._width = len(self._asked) // 2
        else:
            raise refusal(answer, [column.at for column in self._asked])

    def _cut(self, values: int) -> None:
        """Fewer values than columns (they did not fit): ask for as many columns as came."""
        if values:
            self._width = values
        elif len(self._asked) > 1:
            self._width = len(self._asked) // 2
        else:
            text = f"the agent answers without a value for {oid.text(self._asked[0].at)}"
            raise ProbeError("protocol", text)

    def _no_such_name(self, place: int) -> None:
        """End the column the agent points at; where it points nowhere, ask one by one."""
        if 0 < place <= len(self._asked):
            self._live.remove(self._asked[place - 1])
        elif len(self._asked) > 1:
            self._width = 1
        else:
            self._live.remove(self._asked[0])
