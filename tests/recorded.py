"""
An agent in memory that answers from a table of OIDs, and an ``io`` that leads to it.

Tables are written as people read them, ``{"1.3.6.1.2.1.1.3.0": 5}``, or come from a
recording (snmpsim's ``OID|tag|value``).
"""

from bisect import bisect_right

from exporters._snmp import oid, pdu
from exporters._snmp.community import V2C
from exporters._snmp.pdu import Pdu

TAGS = {2: pdu.INTEGER, 4: pdu.OCTET_STRING, 5: pdu.NULL, 6: pdu.OID, 64: pdu.IPADDRESS}


def parsed(text):
    """A recording as sorted (sub-ids, content bytes, tag, value)."""
    found = []
    for line in text.splitlines():
        name, kind, value = line.split("|", 2)
        number = int(kind.rstrip("xe"))
        tag = TAGS.get(number, number)
        if kind.endswith("x"):
            value = bytes.fromhex(value)
        elif tag == pdu.OID:
            value = oid.encode(value)
        elif tag == pdu.IPADDRESS:
            value = bytes(map(int, value.split(".")))
        elif tag == pdu.OCTET_STRING:
            value = value.encode()
        else:
            value = None if tag == pdu.NULL else int(value)
        found.append((oid.decode(oid.encode(name)), oid.encode(name), tag, value))
    return sorted(found)


def of_table(table):
    """A table of people's OIDs to numbers, texts, bytes or OIDs (texts that begin with a dot)."""
    found = []
    for name, said in table.items():
        tag, value = pdu.INTEGER, said
        if isinstance(said, str) and said.startswith("."):
            tag, value = pdu.OID, oid.encode(said)
        elif isinstance(said, str | bytes):
            tag, value = pdu.OCTET_STRING, said.encode() if isinstance(said, str) else said
        elif said is None:
            tag = pdu.NULL
        found.append((oid.decode(oid.encode(name)), oid.encode(name), tag, value))
    return sorted(found)


class Agent:
    """Answers Get, GetNext and GetBulk."""

    version = V2C

    def __init__(self, rows):
        self.keys = [row[0] for row in rows]
        self.rows = [row[1:] for row in rows]
        self.values = {row[1]: row[1:] for row in rows}
        self.asked = []

    async def exchange(self, request):
        self.asked.append(request)
        names = [varbind[0] for varbind in request.varbinds]
        if request.kind == pdu.GET:
            found = [self.values.get(n, (n, pdu.NO_SUCH_OBJECT, None)) for n in names]
        else:
            rounds = request.error_index if request.kind == pdu.GETBULK else 1
            found = []
            for _ in range(rounds):
                found += (step := [self.after(n) for n in names])
                names = [varbind[0] for varbind in step]
        return Pdu(pdu.RESPONSE, request.request_id, 0, 0, found)

    def after(self, name):
        at = bisect_right(self.keys, oid.decode(name))
        return self.rows[at] if at < len(self.rows) else (name, pdu.END_OF_MIB_VIEW, None)


class MemoryIo:
    """Only what the snmp probe uses."""

    def __init__(self, rows):
        self.agent = Agent(rows)

    async def snmp(self, host, port, credentials):
        return self.agent
