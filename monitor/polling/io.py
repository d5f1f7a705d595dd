"""
The one guarded layer between probes and the world: what a probe is given as ``io``.

Everything goes under the visit's deadline and its byte budget, and is closed when the
visit ends. Nothing outside polling/ (and the drivers named in design.md) opens a socket.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self, TypeVar

import aiohttp

from monitor.clock import Clock
from monitor.model.target import Target
from monitor.polling import http, session, tcp, tls
from monitor.polling.dns import Names
from monitor.polling.exchange import Bounds
from monitor.polling.snmp import Sockets
from monitor.polling.threads import Threads, bind
from monitor.probe import HttpAnswer, HttpRequest, ProbeError

MAX_VISIT_BYTES = 64 << 20  # read from sockets in one visit, before inflation

NO_NAMES = "no answer from the name server"

T = TypeVar("T")


class Net:
    """What all visits of a poller share: one HTTP session, the lookups, threads, SNMP."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.names = Names()
        self.threads = Threads()
        self.snmp = Sockets(clock)
        self.http: aiohttp.ClientSession = session.new_session(self.names)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.names.close()
        self.snmp.close()
        await self.http.close()

    def guard(self, target: Target) -> "GuardedIo":
        """Make the io of one visit; its deadline runs from now."""
        return GuardedIo(self, target.name, target.timeout.total_seconds())


class GuardedIo:
    """Implements ``monitor.probe.Io`` for one visit."""

    def __init__(self, net: Net, target: str, timeout: float) -> None:
        self._net = net
        self._target = target
        self._timeout = timeout
        self._deadline = net.clock.monotonic() + timeout
        self._bytes = 0
        self._streams: list[tcp.Connection] = []
        self._visitor = session.Visitor(net.http, net.names, self._spend)

    def monotonic(self) -> float:
        return self._net.clock.monotonic()

    def remaining(self) -> float:
        return max(0.0, self._deadline - self.monotonic())

    async def http(self, request: HttpRequest, session: str = "") -> HttpAnswer:
        try:
            async with self._in_time():
                return await http.exchange(request, session, self._visitor)
        except ProbeError as error:
            if error.reason == "timeout" and self._visitor.resolving():
                raise ProbeError("dns", NO_NAMES) from None
            raise

    async def tcp(
        self,
        host: str,
        port: int,
        *,
        tls: bool = False,
        verify: bool = True,
        ca_file: str | None = None,
    ) -> "TimedStream":
        addresses = await self.resolve(host)
        async with self._in_time():
            context = context_for(ca_file, verify=verify) if tls else None
            connection = await tcp.connect(addresses, port, host, context, self._spend)
        self._streams.append(connection)
        return TimedStream(connection, self._in_time)

    async def snmp(self, host: str, port: int, credentials: Any) -> Any:
        hosts = await self.resolve(host)
        bounds = Bounds(self._timeout, self.remaining, self._spend)
        return self._net.snmp.agent(hosts, port, credentials, bounds)

    async def resolve(self, host: str) -> Sequence[str]:
        try:
            async with self._in_time():
                return await self._net.names.resolve(host)
        except ProbeError as error:
            if error.reason == "timeout":
                raise ProbeError("dns", NO_NAMES) from None
            raise

    async def thread(self, call: Callable[..., T], *args: Any) -> T:
        async with self._in_time():
            return await self._net.threads.run(self._target, bind(call, *args))

    async def close(self) -> None:
        """Shut every connection the visit opened."""
        for stream in self._streams:
            stream.abort()
        self._streams.clear()

    @property
    def io(self) -> "GuardedIo":
        """What the probe is given."""
        return self

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self.remaining()):
                yield
        except TimeoutError:
            raise ProbeError("timeout", f"no answer within {self._timeout:g} s") from None

    def _spend(self, count: int) -> None:
        self._bytes += count
        if self._bytes > MAX_VISIT_BYTES:
            raise ProbeError("too_large", f"more than {MAX_VISIT_BYTES} bytes in one visit")


class TimedStream:
    """Implements ``monitor.probe.Stream``: a connection under the visit's deadline."""

    def __init__(self, inner: tcp.Connection, in_time: Any) -> None:
        self._inner = inner
        self._in_time = in_time
        self.certificate = inner.certificate

    async def read(self, most: int) -> bytes:
        async with self._in_time():
            return await self._inner.read(most)

    async def read_until(self, mark: bytes, most: int) -> bytes:
        async with self._in_time():
            return await self._inner.read_until(mark, most)

    async def write(self, data: bytes) -> None:
        async with self._in_time():
            await self._inner.write(data)


context_for = tls.context
