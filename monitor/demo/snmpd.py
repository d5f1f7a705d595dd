"""
The process of all virtual SNMP agents: `python -m monitor.demo.snmpd`, spoken to by agents.py.

One SNMPv3 engine an agent (authPriv only: SHA-256, AES-128), each on a loopback port of its
own. Standard input is the lead: one JSON line that says who there is, answered with the
ports, then one line a change, answered when it is done; its end is ours.
"""

import asyncio
import bisect
import json
import os
import socket
import sys
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from pysnmp.carrier.asyncio.dgram import udp
from pysnmp.entity import config, engine
from pysnmp.entity.rfc3413 import cmdrsp, context
from pysnmp.proto import rfc1902, rfc1905
from pysnmp.smi import instrum

from monitor.clock import Clock, SystemClock
from monitor.demo import mib, virtual
from monitor.demo.edge import HOST

ENTERPRISE = mib.PRIVATE[-1]
TYPES = {
    mib.Kind.INTEGER: rfc1902.Integer32,
    mib.Kind.TEXT: rfc1902.OctetString,
    mib.Kind.OID: rfc1902.ObjectIdentifier,
    mib.Kind.COUNTER: rfc1902.Counter32,
    mib.Kind.COUNTER64: rfc1902.Counter64,
    mib.Kind.GAUGE: rfc1902.Gauge32,
    mib.Kind.TICKS: rfc1902.TimeTicks,
}
Pair = tuple[Any, Any]  # pysnmp's ObjectName and value


class Table(instrum.AbstractMibInstrumController):  # type: ignore[misc]  # pysnmp has no types
    """
    A device's rows as pysnmp asks for them.

    pysnmp's own tree of managed objects is ten times slower. Of a request's variables the
    first is checked against the views: there is one view, of everything, for our one user.
    """

    def __init__(self, agent: "Agent") -> None:
        self._agent = agent

    def read_variables(self, *pairs: Pair, **ctx: Any) -> list[Pair]:
        """GET."""
        rows = self._rows(pairs, ctx)
        found = {row[0]: row for row in rows}
        missing = rfc1905.noSuchInstance
        return [
            (oid, _value(found[tuple(oid)]) if tuple(oid) in found else missing) for oid, _ in pairs
        ]

    def read_next_variables(self, *pairs: Pair, **ctx: Any) -> list[Pair]:
        """GETNEXT, and each round of GETBULK."""
        rows = self._rows(pairs, ctx)
        oids = [row[0] for row in rows]
        answer = []
        for oid, _ in pairs:
            at = bisect.bisect_right(oids, tuple(oid))
            here = at < len(rows)
            answer.append(
                (rfc1902.ObjectName(oids[at]), _value(rows[at]))
                if here
                else (oid, rfc1905.endOfMibView)
            )
        return answer

    def _rows(self, pairs: Sequence[Pair], ctx: Mapping[str, Any]) -> tuple[mib.Row, ...]:
        if pairs:
            ctx["acFun"]("read", (pairs[0][0], None), **ctx)
        return self._agent.rows()


def _value(row: mib.Row) -> Any:
    _, kind, value = row
    return TYPES[kind](value.encode() if isinstance(value, str) else value)


class Agent:
    """One agent. Switched on it is a fresh engine: its boots count one more."""

    def __init__(self, name: str, device: virtual.Device, login: Mapping[str, str]) -> None:
        self.name = name
        self.device = device
        self._login = login
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((HOST, 0))
        self.port: int = self._socket.getsockname()[1]
        self._engine: Any = None
        self._clock: Clock = SystemClock()
        self.boots = 0

    def start(self) -> None:
        """Switch it on, or off and on."""
        self._stop()
        self.device.start(self._clock.monotonic())
        # RFC 3411, SnmpEngineID: our enterprise number, format 5 (octets), the octets.
        number = (0x80000000 | ENTERPRISE).to_bytes(4, "big")
        unique = zlib.crc32(self.name.encode()).to_bytes(4, "big")
        made = engine.SnmpEngine(rfc1902.OctetString(number + b"\x05zhiban-" + unique))
        (boots,) = made.get_mib_builder().import_symbols("__SNMP-FRAMEWORK-MIB", "snmpEngineBoots")
        self.boots = int(boots.syntax)
        where = udp.UdpTransport().open_server_mode(sock=self._socket.dup())
        config.add_transport(made, udp.DOMAIN_NAME, where)
        user = self._login["user"]
        config.add_v3_user(
            made,
            user,
            config.USM_AUTH_HMAC192_SHA256,
            self._login["auth"],
            config.USM_PRIV_CFB128_AES,
            self._login["priv"],
        )
        config.add_vacm_user(made, 3, user, "authPriv", readSubTree=(1, 3))
        ctx = context.SnmpContext(made)
        ctx.unregister_context_name("")
        ctx.register_context_name("", Table(self))
        for responder in (
            cmdrsp.GetCommandResponder,
            cmdrsp.NextCommandResponder,
            cmdrsp.BulkCommandResponder,
        ):
            responder(made, ctx)
        made.transport_dispatcher.job_started(1)
        self._engine = made

    def _stop(self) -> None:
        if self._engine is not None:
            self._engine.transport_dispatcher.job_finished(1)
            self._engine.close_dispatcher()
            self._engine = None

    def close(self) -> None:
        """Switch it off for good and give the port back."""
        self._stop()
        self._socket.close()

    def rows(self) -> tuple[mib.Row, ...]:
        """What it answers now."""
        return self.device.rows(self.boots, self._clock.monotonic())

    def change(self, what: str, *, on: bool) -> None:
        """Let something happen to it. Raises UnknownChangeError."""
        self.device.change(what, self._clock.monotonic(), on=on)


def build(said: Mapping[str, Any], now: float) -> dict[str, Agent]:
    """Make the agents that the first line names; none is switched on yet."""
    made = {}
    for row in said["agents"]:
        name, ups = row["name"], row["role"] == "ups"
        uplinks = 0 if row["role"] == "core-switch" else virtual.UPLINKS
        device: virtual.Device = (
            virtual.Ups(name, now) if ups else virtual.Switch(name, now, uplinks=uplinks)
        )
        made[name] = Agent(name, device, said["login"])
    return made


def obey(agents: Mapping[str, Agent], line: str) -> dict[str, object]:
    """One change: ``{"agent": NAME, "do": "start"}`` or ``{..., "do": WHAT, "on": true}``."""
    try:
        said = json.loads(line)
        agent = agents[said["agent"]]
        if said["do"] == "start":
            agent.start()
        else:
            agent.change(said["do"], on=bool(said["on"]))
    except (ValueError, KeyError, TypeError, virtual.UnknownChangeError) as e:
        return {"ok": False, "error": f"{type(e).__name__}: {e}"}
    return {"ok": True}


async def serve(incoming: asyncio.StreamReader) -> None:
    """Answer until standard input ends."""
    agents = build(json.loads(await incoming.readline()), SystemClock().monotonic())
    for agent in agents.values():
        agent.start()
        await asyncio.sleep(0)
    _say({name: agent.port for name, agent in agents.items()})
    while line := await incoming.readline():
        _say(obey(agents, line.decode()))


def _say(answer: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


async def main() -> None:
    """Read standard input without a thread, so that its end is seen at once."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    lead = os.fdopen(os.dup(0), "rb", buffering=0)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), lead)
    await serve(reader)


if __name__ == "__main__":
    asyncio.run(main())
