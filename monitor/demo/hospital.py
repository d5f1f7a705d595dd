"""
The virtual hospital: every device with its server and its edge, broken and mended by name.

What network.py says is what the sockets do: after each change the edges that may not
take connections are cut, the others open. One change at a time.
"""

import asyncio
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from monitor.clock import Clock
from monitor.demo import servers
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

    def __init__(self, devices: Devices, database: Database, clock: Clock) -> None:
        self.devices = devices
        self.broken: frozenset[str] = frozenset()
        self._database = database
        self._clock = clock
        self._edges: dict[str, Edge] = {}
        self._servers: dict[str, servers.Server] = {}
        self._change = asyncio.Lock()

    @property
    def ports(self) -> Mapping[str, int]:
        """Every device's port on loopback; the same for the hospital's whole life."""
        return {name: edge.port for name, edge in self._edges.items()}

    async def start(self) -> None:
        """Start the database and every server, then open the edges."""
        self._edges = {name: Edge() for name in self.devices}
        await self._database.start()
        for device in self.devices.values():
            if device.kind != "postgresql":
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
            await asyncio.gather(*stopping, *closing, self._database.stop())

    async def break_(self, name: str) -> tuple[str, ...]:
        """Break a device; the names that lost their path by it. UnknownDeviceError."""
        self.known(name)
        async with self._change:
            before = reachable(self.devices, self.broken)
            if name not in self.broken and self.devices[name].breaks is Break.STOP:
                await self._database.crash()
            self.broken |= {name}
            await self._settle()
            gone = before - reachable(self.devices, self.broken)
            return tuple(n for n in self.devices if n in gone and n != name)

    async def mend(self, name: str) -> tuple[str, ...]:
        """Take a break back; the names that have their path again. UnknownDeviceError."""
        self.known(name)
        async with self._change:
            before = reachable(self.devices, self.broken)
            if name in self.broken and self.devices[name].breaks is Break.STOP:
                await self._database.start()
            self.broken -= {name}
            await self._settle()
            back = reachable(self.devices, self.broken) - before
            return tuple(n for n in self.devices if n in back and n != name)

    def standings(self) -> tuple[Standing, ...]:
        """Every device, in the tree's order."""
        return tuple(
            Standing(
                device,
                depth,
                condition(device.name, self.devices, self.broken),
                tuple(self.devices[n].title for n in blame(device.name, self.devices, self.broken)),
                f"{HOST}:{self._edges[device.name].port}",
            )
            for depth, device in tree(self.devices)
        )

    def known(self, name: str) -> None:
        """Raise UnknownDeviceError when no device has this name."""
        if name not in self.devices:
            near = difflib.get_close_matches(name, self.devices, n=3, cutoff=0.5)
            raise UnknownDeviceError(name, tuple(near))

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
