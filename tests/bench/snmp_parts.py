"""What the SNMP benchmark asks for, and who answers: 48 ports, ten columns, 480 values."""

import bisect
import os
import selectors
import socket
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Without this folder, where snmp.py is the benchmark and hides the folder of the tests.
sys.path[:] = [str(ROOT), str(ROOT / "tests"), *(p for p in sys.path if not p.endswith("bench"))]

from snmp.hostile_engine import Secure  # noqa: E402 - the path is set above

from exporters._snmp import ber, oid, pdu  # noqa: E402 - likewise
from exporters._snmp.pdu import GET, GETBULK, Pdu  # noqa: E402 - likewise

PORTS = 48
IF, IFX = "1.3.6.1.2.1.2.2.1", "1.3.6.1.2.1.31.1.1.1"
OCTETS, INTEGER, GAUGE, COUNTER, WIDE = (
    pdu.OCTET_STRING,
    pdu.INTEGER,
    pdu.GAUGE32,
    pdu.COUNTER32,
    pdu.COUNTER64,
)
COLUMNS = {  # name: (OID, tag, value of a port)
    "ifDescr": (f"{IF}.2", OCTETS, lambda n: b"GigabitEthernet1/0/%d" % n),
    "ifAdminStatus": (f"{IF}.7", INTEGER, lambda n: 1),
    "ifOperStatus": (f"{IF}.8", INTEGER, lambda n: 1 + n % 2),
    "ifInErrors": (f"{IF}.14", COUNTER, lambda n: n * 1000),
    "ifOutErrors": (f"{IF}.20", COUNTER, lambda n: n),
    "ifName": (f"{IFX}.1", OCTETS, lambda n: b"Gi1/0/%d" % n),
    "ifHCInOctets": (f"{IFX}.6", WIDE, lambda n: 10**12 * n + n),
    "ifHCOutOctets": (f"{IFX}.10", WIDE, lambda n: 10**11 * n + n),
    "ifHighSpeed": (f"{IFX}.15", GAUGE, lambda n: 1000),
    "ifAlias": (f"{IFX}.18", OCTETS, lambda n: b"office %d" % n),
}
LABELS = ("ifName", "ifDescr", "ifAlias")
COUNTERS = {"ifInErrors", "ifOutErrors", "ifHCInOctets", "ifHCOutOctets"}
METRICS = [name for name in COLUMNS if name not in LABELS]
VALUES = PORTS * len(COLUMNS)
USER, PASSWORD = "mon", "authpass123"  # as snmp.hostile_engine has it


def rows():
    """The agents' MIB in its order; something stands behind every column that is asked for."""
    found = [
        ("1.3.6.1.2.1.1.1.0", OCTETS, b"a switch of the benchmark"),
        ("1.3.6.1.2.1.1.3.0", pdu.TIMETICKS, 123456),
        ("1.3.6.1.2.1.1.5.0", OCTETS, b"bench"),
    ]
    every = {str(c): (f"{IF}.{c}", GAUGE, lambda n: n) for c in (1, 3, 4, 5, 9, 10, 13, 15, 21)}
    more = {f"x{c}": (f"{IFX}.{c}", GAUGE, lambda n: n) for c in (2, 7, 11, 16, 19)}
    for name, tag, value in (COLUMNS | every | more).values():
        found += [(f"{name}.{n}", tag, value(n)) for n in range(1, PORTS + 1)]
    return sorted((oid.decode(oid.encode(name)), tag, value) for name, tag, value in found)


def table_file(path):
    """Write the table as agent.c reads it."""
    parts = []
    for sub_ids, tag, value in rows():
        name = oid.pack(sub_ids)
        whole = ber.integer(value, tag) if isinstance(value, int) else ber.element(tag, value)
        parts += [len(name).to_bytes(2, "big"), name, len(whole).to_bytes(2, "big"), whole]
    path.write_bytes(b"".join(parts))


def module_file(path):
    """Write the ten columns as a module of ours."""
    lines = ["module: bench", "mib: IF-MIB (RFC 2863)", "missing: has no ports", "tables:"]
    lines += ["  - name: ifTable", "    index: [{ label: ifIndex }]", "    labels:"]
    lines += [f"      - {{ name: {name}, oid: {COLUMNS[name][0]} }}" for name in LABELS]
    lines += ["    metrics:"]
    for name in METRICS:
        kind = "counter" if name in COUNTERS else "gauge"
        what = f"name: {name}, oid: {COLUMNS[name][0]}, type: {kind}, help: of a port"
        lines.append(f"      - {{ {what} }}")
    path.write_text("\n".join(lines) + "\n")


def exporter_file(path):
    """Write them as a module of snmp_exporter 0.21."""
    lines = ["bench:", "  version: 2", "  max_repetitions: 25", "  auth: {community: public}"]
    lines += ["  walk:", *(f"  - {name}" for name, _, _ in COLUMNS.values())]
    lines += ["  get:", "  - 1.3.6.1.2.1.1.3.0", "  metrics:"]
    lines += ["  - {name: sysUpTime, oid: 1.3.6.1.2.1.1.3, type: gauge, help: up}"]
    for name in METRICS:
        kind = "counter" if name in COUNTERS else "gauge"
        lines += [
            f"  - name: {name}",
            f"    oid: {COLUMNS[name][0]}",
            f"    type: {kind}",
            "    help: of a port",
            "    indexes: [{labelname: ifIndex, type: gauge}]",
            "    lookups:",
        ]
        lines += [
            f"    - {{labels: [ifIndex], labelname: {label}, oid: {COLUMNS[label][0]},"
            " type: DisplayString}"
            for label in LABELS
        ]
    path.write_text("\n".join(lines) + "\n")


class Table:
    """Answers of the same table, for the agents of version 3."""

    def __init__(self):
        self.rows = rows()
        self.names = [oid.unpack(oid.pack(row[0])) for row in self.rows]
        self.cells = [(oid.pack(name), tag, value) for name, tag, value in self.rows]

    def answer(self, asked):
        if asked.kind == GET:
            found = [self.exactly(name) for name, _, _ in asked.varbinds]
        else:
            at = [bisect.bisect_right(self.names, oid.unpack(v[0])) for v in asked.varbinds]
            times = asked.error_index if asked.kind == GETBULK else 1
            end = (oid.encode("1.3.9"), pdu.END_OF_MIB_VIEW, None)
            places = [p + t for t in range(times) for p in at]
            found = [self.cells[p] if p < len(self.cells) else end for p in places]
        return Pdu(pdu.RESPONSE, asked.request_id, varbinds=found)

    def exactly(self, name):
        place = bisect.bisect_left(self.names, oid.unpack(name))
        if place < len(self.cells) and self.cells[place][0] == name:
            return self.cells[place]
        return (name, pdu.NO_SUCH_INSTANCE, None)


def secure_agents(count):
    """Serve agents of version 3 for ever, SHA-256 and AES-128; prints their ports."""
    table, seen, ports = Table(), selectors.DefaultSelector(), []
    for number in range(count):
        engine = Secure()
        engine.engine = b"\x80\x00\x1f\x88\x04%08d" % number
        listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        listening.bind(("127.0.0.1", 0))
        seen.register(listening, selectors.EVENT_READ, engine)
        ports.append(listening.getsockname()[1])
    print(*ports, flush=True)
    while os.getppid() != 1:
        for key, _ in seen.select(1.0):
            data, peer = key.fileobj.recvfrom(65_536)
            for out in key.data.hear(data, lambda s, p, a: [s.say(p, table.answer(a))]):
                key.fileobj.sendto(out, peer)


if __name__ == "__main__":
    secure_agents(int(sys.argv[1]))
