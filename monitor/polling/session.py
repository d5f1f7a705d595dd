"""
The one aiohttp session of a poller, and what is noted of every exchange on it.

aiohttp neither inflates nor follows nor keeps cookies or connections here, and takes
nothing from the environment.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import aiohappyeyeballs
import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from monitor.polling import tls
from monitor.polling.dns import Names

MAX_HEADERS = 100  # fields
MAX_FIELD = 8190  # bytes of one line
CHUNK = 1 << 16
RECEIVE = 32 << 10
"""Bytes the kernel may hold for us per connection: what one turn of the loop can be
made to parse. A hostile answer of many tiny parts costs 5 us a part: measured 150 ms
a turn without it."""


@dataclass(slots=True)
class Marks:
    """Instants of one exchange on the loop's clock, in seconds."""

    at: dict[str, float] = field(default_factory=dict)

    def between(self, first: str, second: str) -> float:
        """Seconds from one mark to another; 0 where one of them was never reached."""
        if first not in self.at or second not in self.at:
            return 0.0
        return max(0.0, self.at[second] - self.at[first])


class Answer(aiohttp.ClientResponse):
    """Keeps the TLS object, which aiohttp lets go when a body is empty."""

    tls: ssl.SSLObject | None = None

    async def start(self, connection: Any) -> aiohttp.ClientResponse:
        transport = connection.transport
        self.tls = transport.get_extra_info("ssl_object") if transport else None
        return await super().start(connection)


class Resolver(AbstractResolver):
    """aiohttp's names through ours."""

    def __init__(self, names: Names) -> None:
        self._names = names

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return every address of a name."""
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in await self._names.resolve(host)
            if family in {socket.AF_UNSPEC, socket.AF_INET6 if ":" in address else socket.AF_INET}
        ]

    async def close(self) -> None:
        """Nothing of its own is open."""


@dataclass(slots=True)
class Visitor:
    """What one visit's exchanges share."""

    session: aiohttp.ClientSession
    names: Names
    spend: Callable[[int], None]
    jars: dict[str, aiohttp.CookieJar] = field(default_factory=dict)
    marks: Marks = field(default_factory=Marks)  # of the newest exchange

    def resolving(self) -> bool:
        """Whether the newest exchange is still waiting for the name server."""
        return "resolve" in self.marks.at and "resolved" not in self.marks.at

    def jar(self, session: str) -> aiohttp.CookieJar:
        """Return the cookies of one session of this visit; unsafe: devices have only addresses."""
        if session not in self.jars:
            self.jars[session] = aiohttp.CookieJar(unsafe=True)
        return self.jars[session]


def new_session(names: Names) -> aiohttp.ClientSession:
    """Return the one session of a poller: no connection outlives its exchange."""
    connector = aiohttp.TCPConnector(
        resolver=Resolver(names),
        socket_factory=small_socket,
        force_close=True,
        limit=0,
        use_dns_cache=False,
    )
    return aiohttp.ClientSession(
        connector=connector,
        response_class=Answer,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        auto_decompress=False,
        trust_env=False,
        trace_configs=[tracing()],
        read_bufsize=CHUNK,
        max_line_size=MAX_FIELD,
        max_field_size=MAX_FIELD,
        max_headers=MAX_HEADERS,
    )


def small_socket(info: aiohappyeyeballs.AddrInfoType) -> socket.socket:
    """Open a socket with a small receive buffer."""
    family, kind, proto, _, _ = info
    made = socket.socket(family, kind, proto)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE)
    made.setblocking(False)  # noqa: FBT003  the socket module's own signature
    return made


def tracing() -> aiohttp.TraceConfig:
    """Mark the instants that the phases are made of."""
    config = aiohttp.TraceConfig()

    def mark(name: str) -> Any:
        async def note(_: Any, context: SimpleNamespace, __: Any) -> None:
            context.trace_request_ctx.at[name] = asyncio.get_running_loop().time()

        return note

    config.on_dns_resolvehost_start.append(mark("resolve"))
    config.on_dns_resolvehost_end.append(mark("resolved"))
    config.on_connection_create_start.append(mark("connect"))
    config.on_connection_create_end.append(mark("connected"))
    config.freeze()
    return config


def phases(marks: Marks, witness: ssl.SSLObject | None) -> dict[str, float]:
    """Cut an exchange into blackbox_exporter's phases, in seconds."""
    shook = 0.0
    if isinstance(witness, tls.Witness) and witness.began and witness.ended:
        shook = witness.ended - witness.began
    resolve = marks.between("resolve", "resolved")
    return {
        "resolve": resolve,
        "connect": max(0.0, marks.between("connect", "connected") - resolve - shook),
        "tls": shook,
        "processing": marks.between("connected", "answered"),
        "transfer": marks.between("answered", "end"),
    }
