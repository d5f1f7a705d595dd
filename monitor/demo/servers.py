"""
The servers of the virtual hospital: switches with a banner, web applications, node_exporters.

All in this process, each on a free loopback port of its own that only its edge knows.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Protocol

from aiohttp import web

from monitor.clock import Clock
from monitor.demo import machine
from monitor.demo.edge import HOST, Address

SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"  # PostgreSQL protocol 3.0, 55.2.10
ASK_SECONDS = 1.5  # a web application's own patience with its database

Check = Callable[[], Awaitable[str]]
"""Why the application cannot work now, in Chinese; "" when it can."""


class Server(Protocol):
    """Something behind an edge."""

    @property
    def address(self) -> Address:
        """Where it listens; valid after start()."""
        ...

    async def start(self) -> None:
        """Listen on a free port."""
        ...

    async def stop(self) -> None:
        """Stop listening."""
        ...


class Banner:
    """A device's management port: says who it is and listens to nobody."""

    def __init__(self, name: str) -> None:
        self._hello = f"{name}: virtual device of the Zhiban demo\r\n".encode("ascii")
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self.address: Address = (HOST, 0)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._greet, HOST, 0)
        self.address = self._server.sockets[0].getsockname()[:2]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in tuple(self._open):
            writer.transport.abort()

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        with contextlib.suppress(OSError):
            writer.write(self._hello)
            await writer.drain()
            while await reader.read(4096):
                pass
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        self._open.discard(writer)


class Site:
    """An aiohttp application on a free port."""

    def __init__(self, app: web.Application) -> None:
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        self.address: Address = (HOST, 0)

    async def start(self) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, 0).start()
        host, port = self._runner.addresses[0][:2]
        self.address = (str(host), int(port))

    async def stop(self) -> None:
        await self._runner.cleanup()


def application(title: str, check: Check) -> web.Application:
    """Make a web application: its login page, or HTTP 500 with the reason ``check`` gives."""

    async def login(_: web.Request) -> web.Response:
        why = await check()
        word = f"系统错误：{why}" if why else "登录"
        page = f"<!doctype html><meta charset=utf-8><title>{title}</title><h1>{title}</h1><p>{word}"
        return web.Response(text=page, content_type="text/html", status=500 if why else 200)

    app = web.Application()
    app.router.add_get("/", login)
    return app


def node_exporter(name: str, clock: Clock) -> web.Application:
    """Make a server's node_exporter, on /metrics."""

    async def metrics(_: web.Request) -> web.Response:
        body = machine.exposition(name, clock.now())
        return web.Response(body=body.encode(), content_type="text/plain", charset="utf-8")

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    return app


async def database_answers(address: Address) -> bool:
    """Whether a PostgreSQL talks there: it answers an SSLRequest with one letter."""
    try:
        async with asyncio.timeout(ASK_SECONDS):
            reader, writer = await asyncio.open_connection(*address)
            try:
                writer.write(SSL_REQUEST)
                return await reader.readexactly(1) in (b"S", b"N")
            finally:
                writer.transport.abort()
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return False
