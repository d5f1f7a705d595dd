"""
The virtual hospital: every device with its server and its edge, broken and mended by name.

What network.py says is what the sockets do: after each change the edges that may not
take connections are cut, the others open. One change at a time.
"""

import asyncio
import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from monitor.clock import Clock
from monitor.demo import clinical, servers
from monitor.demo.datagrams import DatagramEdge
from monitor.demo.edge import HOST, Address, Edge
from monitor.demo.network import (
    Break,
    Condition,
    Device,
    Devices,
    blame,
    condition,
    reachable,
    tree,
)


class UnknownDeviceError(Exception):
    """No device of that name; ``near`` are the names that look like it."""

    def __init__(self, name: str, near: tuple[str, ...]) -> None:
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        super().__init__(f"no device is called {name!r}{hint}")
        self.near = near


class Database(Protocol):
    """A database that really stops: postgres.Cluster, or a test's own."""

    @property
    def address(self) -> Address:
        """Where it listens since the newest start."""
        ...

    async def start(self) -> None:
        """Start it, or start it again."""
        ...

    async def crash(self) -> None:
        """Stop it as a power cut would."""
        ...

    async def stop(self) -> None:
        """Stop it properly."""
        ...


class SnmpAgents(Protocol):
    """The SNMP agents: agents.Agents, or a test's own."""

    def address(self, name: str) -> Address:
        """Where a device's agent listens."""
        ...

    async def start(self, roles: Iterable[tuple[str, str]]) -> None:
        """Start an agent for each (name, role)."""
        ...

    async def boot(self, name: str) -> None:
        """Switch a device off and on."""
        ...

    async def change(self, name: str, what: str, *, on: bool) -> None:
        """Let something happen to a device."""
        ...

    async def stop(self) -> None:
        """End them all."""
        ...


@dataclass(frozen=True, slots=True)
class Standing:
    """How one device stands, for the switchboard and `zhiban demo status`."""

    device: Device
    depth: int  # in the network's tree
    condition: Condition
    by: tuple[str, ...]  # titles of the broken devices that isolate it
    address: str


class Hospital:
    """All devices. ``start()`` first, ``stop()`` last."""

    def __init__(
        self, devices: Devices, database: Database, agents: SnmpAgents, clock: Clock
    ) -> None:
        self.devices = devices
        self.broken: frozenset[str] = frozenset()
        self._database = database
        self._agents = agents
        self._clock = clock
        self._edges: dict[str, Edge | DatagramEdge] = {}
        self._servers: dict[str, servers.Server] = {}
        self._change = asyncio.Lock()

    @property
    def ports(self) -> Mapping[str, int]:
        """Every device's port on loopback; the same for the hospital's whole life."""
        return {name: edge.port for name, edge in self._edges.items()}

    async def start(self) -> None:
        """Start the database and every server, then open the edges."""
        watched = [device for device in self.devices.values() if not device.is_part]
        self._edges = {d.name: DatagramEdge() if d.kind == "snmp" else Edge() for d in watched}
        spoken = [(d.name, d.role) for d in watched if d.kind == "snmp"]
        await asyncio.gather(self._database.start(), self._agents.start(spoken))
        for device in watched:
            if device.kind == "snmp":
                self._edges[device.name].backend = self._agents.address(device.name)
            elif device.kind != "postgresql":
                server = self._server(device)
                await server.start()
                self._servers[device.name] = server
                self._edges[device.name].backend = server.address
        await self._settle()

    async def stop(self) -> None:
        """Cut everything, end every server, stop the database properly."""
        async with self._change:
            for edge in self._edges.values():
                edge.cut()
            stopping = [server.stop() for server in self._servers.values()]
            closing = [edge.close() for edge in self._edges.values()]
            ending = [self._database.stop(), self._agents.stop()]
            await asyncio.gather(*stopping, *closing, *ending)

    async def break_(self, name: str) -> tuple[str, ...]:
        """Break a device; the names that lost their path by it. UnknownDeviceError."""
        self.known(name)
        async with self._change:
            before = reachable(self.devices, self.broken)
            if name not in self.broken:
                await self._happen(self.devices[name], on=True)
            self.broken |= {name}
            await self._settle()
            gone = before - reachable(self.devices, self.broken)
            return self._others(name, gone)

    async def mend(self, name: str) -> tuple[str, ...]:
        """Take a break back; the names that have their path again. UnknownDeviceError."""
        self.known(name)
        async with self._change:
            before = reachable(self.devices, self.broken)
            if name in self.broken:
                await self._happen(self.devices[name], on=False)
            self.broken -= {name}
            await self._settle()
            back = reachable(self.devices, self.broken) - before
            return self._others(name, back)

    def _others(self, name: str, names: frozenset[str]) -> tuple[str, ...]:
        """Devices of these beside the one named; a part goes unsaid with its device."""
        return tuple(
            n for n, d in self.devices.items() if n in names and n != name and not d.is_part
        )

    def standings(self) -> tuple[Standing, ...]:
        """Every device, in the tree's order."""
        return tuple(
            Standing(
                device,
                depth,
                condition(device.name, self.devices, self.broken),
                tuple(self.devices[n].title for n in blame(device.name, self.devices, self.broken)),
                f"{HOST}:{self._edges[device.name].port}" if not device.is_part else "",
            )
            for depth, device in tree(self.devices)
        )

    def known(self, name: str) -> None:
        """Raise UnknownDeviceError when no device has this name."""
        if name not in self.devices:
            near = difflib.get_close_matches(name, self.devices, n=3, cutoff=0.5)
            raise UnknownDeviceError(name, tuple(near))

    async def _happen(self, device: Device, *, on: bool) -> None:
        """Let the device itself break or be whole again; its path is _settle's."""
        owner = self.devices[device.owner]
        match device.breaks:
            case Break.STOP:
                await (self._database.crash() if on else self._database.start())
            case Break.MAINS | Break.PORT | Break.NOISE | Break.WORN:
                await self._agents.change(owner.name, device.what, on=on)
            case Break.HEAT:
                sensor = self._servers[owner.name]
                if isinstance(sensor, clinical.Room):
                    sensor.heat(on=on)
            case Break.CUT if owner.kind == "snmp" and not on:
                await self._agents.boot(owner.name)  # it had no power

    async def _settle(self) -> None:
        """Make the sockets say what the model says. Cuts come first."""
        up = reachable(self.devices, self.broken)
        for name, edge in self._edges.items():
            if name not in up:
                edge.cut()
        for name, edge in self._edges.items():
            if name in up:
                if self.devices[name].kind == "postgresql":
                    edge.backend = self._database.address  # new after each start
                await edge.open()

    def _server(self, device: Device) -> servers.Server:
        match device.kind:
            case "http":
                return servers.Site(servers.application(device.title, self._check(device)))
            case "scrape":
                return servers.Site(servers.node_exporter(device.name, self._clock))
            case "dicom":
                return clinical.Pacs()
            case "hl7":
                return clinical.Lis()
            case "modbus":
                return clinical.Room(self._clock)
            case _:
                return servers.Banner(device.name)

    def _check(self, device: Device) -> servers.Check:
        """Why a web application would answer 500: its own break, or its database is silent."""
        databases = [n for entry in device.needs for n in entry]

        async def check() -> str:
            if device.name in self.broken:
                return "程序异常"
            for name in databases:
                if not await servers.database_answers((HOST, self._edges[name].port)):
                    return f"{self.devices[name].title}连不上"
            return ""

        return check
