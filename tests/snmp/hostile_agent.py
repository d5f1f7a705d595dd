"""
SNMP agents that answer as badly as they can, one way per port: ``address(kind)``.

They run in a process of their own, so that what they cost is not counted as ours. Each kind
is a function of what was asked: it gives the datagrams to send back, or (seconds, datagram).
"""

import contextlib
import heapq
import itertools
import os
import selectors
import signal
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from snmp.hostile_engine import GOOD3, SECURE, Secure  # noqa: E402 - the path is set above
from snmp.hostile_table import (  # noqa: E402 - likewise
    CHANCE,
    COMMUNITY,
    DELAY,
    index_of,
    junk,
    table,
)

from exporters._snmp import ber, community, oid, pdu  # noqa: E402 - likewise
from exporters._snmp.pdu import Pdu  # noqa: E402 - likewise
from monitor.clock import SystemClock  # noqa: E402 - likewise


def answer(asked, varbinds, **changes):
    fields = {"kind": pdu.RESPONSE, "request_id": asked.request_id, "varbinds": varbinds}
    return community.encode(1, COMMUNITY, Pdu(**(fields | changes)))


def honest(asked):
    return answer(asked, table(asked))


def raw(asked, body, request_id=None):
    """A message whose varbind list is these bytes."""
    number = ber.integer(asked.request_id if request_id is None else request_id)
    content = number + ber.integer(0) + ber.integer(0) + body
    head = ber.integer(1) + ber.element(ber.OCTET_STRING, COMMUNITY)
    return ber.element(ber.SEQUENCE, head + ber.element(pdu.RESPONSE, content))


def cell(name, value=1, tag=pdu.INTEGER):
    return (oid.encode(name), tag, value)


def circle(asked):
    column, row = index_of(asked.varbinds[0][0])
    return [(column + oid.suffix((row % 3 + 1,)), pdu.INTEGER, 1)]


def mutated(asked):
    data = bytearray(honest(asked))
    for _ in range(CHANCE.randint(1, 6)):
        data[CHANCE.randrange(len(data))] = CHANCE.randrange(256)
    return bytes(data)


def cut(asked):
    data = honest(asked)
    return data[: CHANCE.randrange(len(data))]


def back(asked):
    column, row = index_of(asked.varbinds[0][0])
    return [(column + oid.suffix(((row or 1 << 30) - 1,)), pdu.INTEGER, 1)]


def wide(asked):
    body = ber.element(ber.SEQUENCE, b"\x30\x07\x06\x03+\x06\x01\x05\x00" * 7000)
    return [raw(asked, body)]


def nested(asked):
    body = b""
    for _ in range(2000):
        body = ber.element(ber.SEQUENCE, body)
    return [raw(asked, body)]


def long_oid(asked):
    name = b"+\x06" + b"\x01" * 300
    pair = ber.element(ber.SEQUENCE, ber.element(ber.OID, name) + b"\x05\x00")
    return [raw(asked, ber.element(ber.SEQUENCE, pair))]


def length(asked, spelled):
    return [raw(asked, b"\x30" + spelled + b"\x30\x07\x06\x03+\x06\x01\x05\x00")]


def error(asked, status, index=1):
    names = [(name, pdu.NULL, None) for name, _, _ in asked.varbinds]
    return [answer(asked, names, error_status=status, error_index=index)]


PLAIN = {
    "silence": lambda a: [],
    "late": lambda a: [(30.0, honest(a))],
    "endless": lambda a: [answer(a, table(a, 1 << 31))],
    "endless-one": lambda a: [answer(a, table(a, 1 << 31)[:1])],
    "endless-3000": lambda a: [answer(a, table(a, 1 << 31, b"", 750))],
    "circular": lambda a: [answer(a, circle(a))],
    "same-oid": lambda a: [answer(a, a.varbinds * 9)],
    "same-row": lambda a: [answer(a, [cell("1.3.6.1.2.1.2.2.1.1.7")] * 30)],
    "back": lambda a: [answer(a, back(a))],
    "wrong-id": lambda a: [answer(a, table(a), request_id=a.request_id ^ 1)],
    "id-0": lambda a: [answer(a, table(a), request_id=0)],
    "wrong-version": lambda a: [community.encode(0, COMMUNITY, Pdu(0xA2, a.request_id))],
    "version-3": lambda a: [
        b"\x30\x0f\x02\x01\x03\x30\x0a\x02\x04" + a.request_id.to_bytes(4, "big")
    ],
    "cut": lambda a: [cut(a)],
    "mutated": lambda a: [mutated(a)],
    "garbage": lambda a: [junk(n) for n in (1, 2, 30, 1000)],
    "empty": lambda a: [b""],
    "64k": lambda a: [answer(a, [cell("1.3.6.1.2.1.2.2.1.1.1", junk(65_000), 4)] * 1)],
    "64k-endless": lambda a: [answer(a, table(a, 1 << 31, junk(16_000), 1))],
    "64k-varbinds": wide,
    "nested": nested,
    "long-oid": long_oid,
    "negative-length": lambda a: length(a, b"\x84\xff\xff\xff\xff"),
    "huge-length": lambda a: length(a, b"\x84\x7f\xff\xff\xff"),
    "indefinite-length": lambda a: length(a, b"\x80"),
    "wide-length": lambda a: length(a, b"\xff" + b"\xff" * 120),
    "no-values": lambda a: [answer(a, [])],
    "too-big": lambda a: error(a, 1),
    "gen-err": lambda a: error(a, 5),
    "gen-err-nowhere": lambda a: error(a, 5, 9999),
    "negative-status": lambda a: error(a, -7, -1),
    "status-99": lambda a: error(a, 99),
    "no-such-name": lambda a: error(a, 2),
    "echo": lambda a: [community.encode(1, COMMUNITY, a)],
    "report": lambda a: [answer(a, table(a), kind=pdu.REPORT)],
    "inform": lambda a: [answer(a, table(a), kind=pdu.INFORM)],
    "flood": lambda a: [junk(60) for _ in range(150)],
    "flood-ids": lambda a: [answer(a, [], request_id=n) for n in range(150)],
    "flood-64k": lambda a: [junk(60_000) for _ in range(8)],
    "elsewhere": lambda a: [("elsewhere", honest(a))],
}
"""What every walk of version 2c must call a failure; ``cut`` and ``mutated`` may come through."""

MAY_PASS = {"cut", "mutated"}
GOOD = {
    "honest": lambda a: [honest(a)],
    "slow": lambda a: [(DELAY, honest(a))],
    "twice": lambda a: [honest(a)] * 5,
    "junk-first": lambda a: [junk(), b"", cut(a), answer(a, [], request_id=1), honest(a)],
    "cut-short": lambda a: [answer(a, table(a)[:3])],
}


KINDS = PLAIN | SECURE
EVERY = KINDS | GOOD | GOOD3


@contextlib.contextmanager
def serve(*kinds):
    """Start agents in their own process; yields ``address(kind)``."""
    process = subprocess.Popen(
        [sys.executable, __file__, *kinds], stdout=subprocess.PIPE, text=True
    )
    try:
        ports = dict(entry.split("=") for entry in process.stdout.readline().split())
        yield lambda kind: f"127.0.0.1:{ports[kind]}"
    finally:
        process.stdout.close()
        process.send_signal(signal.SIGKILL)
        process.wait(10)


class Port:
    """One agent's socket."""

    def __init__(self, kind):
        self.play, self.secure = EVERY[kind], Secure() if kind.startswith("v3-") else None
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def said(self, data):
        if self.secure:
            return self.secure.hear(data, self.play)
        return self.play(community.decode(data)[2])

    def send(self, what, peer):
        with contextlib.suppress(OSError):
            if isinstance(what, tuple):
                self.other.sendto(what[1], peer)
            else:
                self.socket.sendto(what, peer)


def main(kinds):
    if kinds[0] not in GOOD:
        os.nice(19)  # elsewhere they would have a machine of their own
    clock = SystemClock()
    waiting, order, seen = [], itertools.count(), selectors.DefaultSelector()
    ports = {kind: Port(kind) for kind in kinds}
    for port in ports.values():
        seen.register(port.socket, selectors.EVENT_READ, port)
    print(*(f"{kind}={port.socket.getsockname()[1]}" for kind, port in ports.items()), flush=True)
    while os.getppid() != 1:
        now = clock.monotonic()
        while waiting and waiting[0][0] <= now:
            _, _, port, what, peer = heapq.heappop(waiting)
            port.send(what, peer)
        for key, _ in seen.select(max(0.0, min(1.0, waiting[0][0] - now if waiting else 1.0))):
            data, peer = key.data.socket.recvfrom(65_536)
            for what in key.data.said(data):
                if isinstance(what, tuple) and what[0] != "elsewhere":
                    heapq.heappush(waiting, (now + what[0], next(order), key.data, what[1], peer))
                else:
                    key.data.send(what, peer)


if __name__ == "__main__":
    main(sys.argv[1:])
