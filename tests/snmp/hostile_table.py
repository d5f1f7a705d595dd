"""What hostile agents have in common: an honest table, chance, a count."""

import itertools
import random

from exporters._snmp import oid, pdu
from exporters._snmp.pdu import GETBULK

COMMUNITY = b"public"
USER, PASSWORD = b"mon", b"authpass123"
ENGINE = b"\x80\x00\x1f\x88\x80hostile"
COLUMNS = [oid.encode(f"1.3.6.1.2.1.2.2.1.{n}") for n in (1, 2, 8, 10)]
ROWS = 20
DELAY = 0.02  # seconds: a switch's card takes its time
CHANCE = random.Random(16)
COUNT = itertools.count(1)


def index_of(name):
    """The column a name stands in, and its row: 0 before the first."""
    for column in COLUMNS:
        if name.startswith(column):
            return column, (oid.unpack(name[len(column) :]) or (0,))[0]
    return None, 0


def table(asked, rows=ROWS, value=None, repetitions=None):
    """The varbinds of an honest table, as far as it has rows."""
    out = []
    most = asked.error_index if asked.kind == GETBULK else 1
    most = most if repetitions is None else repetitions
    for step in range(1, most + 1):
        for name, _, _ in asked.varbinds:
            column, row = index_of(name)
            if column is None or row + step > rows:
                out.append((oid.encode("1.3.6.1.9.9"), pdu.END_OF_MIB_VIEW, None))
            else:
                here = column + oid.suffix((row + step,))
                content = value if value is not None else b"port %d" % (row + step)
                out.append((here, pdu.OCTET_STRING, content))
    return out


def junk(size=100):
    return CHANCE.randbytes(size)
