"""
The HTTP server: one listener on loopback, its deadlines, guards and routes.

It starts and stops within the daemon's loop, holds no state but open connections, and
never waits for a slow client: every connection has a deadline (door.py).
"""

import asyncio
import errno
import gzip
import logging
from collections.abc import Callable, Collection
from importlib.metadata import PackageNotFoundError, version

from aiohttp import hdrs, http_exceptions, web

from monitor.web import assets, openapi, pages, routes
from monitor.web.desk import Desk
from monitor.web.door import BUSY_SECONDS, CONNECTIONS_MOST, HEAD_SECONDS, Door
from monitor.web.guard import guard

STOP_SECONDS = 2.0  # for answers under way when the daemon ends; SIGTERM is out in 5 s
GZIP_LEVEL = 1  # a scrape every few seconds: 4 of 5 parts saved for a tenth of level 9's time


log = logging.getLogger(__name__)


class WebError(Exception):
    """The server cannot start; the message is one line that says what to set."""


def short(record: logging.LogRecord) -> bool:
    """
    Cut what aiohttp logs of a request that is no HTTP down to its kind.

    It would log a traceback, and with it what the stranger sent: anybody on this machine
    could fill the log with lines of their own.
    """
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, http_exceptions.HttpProcessingError):
        record.exc_info = None
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        record.msg += f": no HTTP ({type(error).__name__})"
    return True


log.addFilter(short)


class Web:
    """The console and API of one desk. ``start`` binds, ``stop`` cuts everything."""

    def __init__(
        self, desk: Desk, host: str, port: int, allowed_hosts: Collection[str] = ()
    ) -> None:
        self._desk = desk
        self._host = host
        self._asked_port = port
        self._allowed = allowed_hosts
        self._runner: web.AppRunner | None = None
        self._server: asyncio.Server | None = None
        self._door: Door | None = None
        # Tests shorten these and fill the house; see door.py for what they mean.
        self.head_seconds = HEAD_SECONDS
        self.busy_seconds = BUSY_SECONDS
        self.connections_most = CONNECTIONS_MOST

    @property
    def port(self) -> int:
        """The port that is bound; what was asked for before the start."""
        if self._server is None:
            return self._asked_port
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def connections(self) -> int:
        """Connections that are open now."""
        return len(self._door) if self._door else 0

    async def start(self) -> None:
        """Bind and serve; WebError where the port cannot be had."""
        self._runner = web.AppRunner(
            application(self._desk, self._allowed),
            access_log=None,
            logger=log,
            shutdown_timeout=STOP_SECONDS,
            keepalive_timeout=self.busy_seconds,
            lingering_time=self.head_seconds,
            auto_decompress=False,  # a compressed body is refused, never inflated
        )
        await self._runner.setup()
        self._door = Door(
            self._make(),
            head_seconds=self.head_seconds,
            busy_seconds=self.busy_seconds,
            most=self.connections_most,
        )
        try:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(self._door, self._host, self._asked_port)
        except OSError as e:
            await self.stop()
            raise WebError(self._why(e)) from None

    def _make(self) -> Callable[[], asyncio.Protocol]:
        server = self._runner.server if self._runner else None
        assert server is not None  # noqa: S101  # set up a moment ago
        return server

    def _why(self, e: OSError) -> str:
        where = f"port {self._asked_port}"
        if e.errno == errno.EADDRINUSE:
            return f"{where} is in use by another program; set web.port in zhiban.yml"
        if e.errno == errno.EACCES:
            return f"{where} needs privileges; set web.port in zhiban.yml to 1024 or above"
        return f"cannot listen on {self._host} {where}: {e.strerror or e}"

    async def stop(self) -> None:
        """Take no more, let answers under way finish for 2 s, cut the rest."""
        if self._server:
            self._server.close()
        if self._runner:
            await self._runner.cleanup()
        if self._door:
            self._door.drop_all()
        self._server = self._runner = self._door = None


def application(desk: Desk, allowed_hosts: Collection[str]) -> web.Application:
    """Make the router: the API's table, the pages, and what programs ask for."""
    app = web.Application(middlewares=[guard(allowed_hosts)], client_max_size=routes.BODY_MOST)
    routes.add(app, desk)
    pages.add(app, desk)
    assets.add(app)
    document = openapi.document(_version())

    async def metrics(request: web.Request) -> web.Response:
        body, content_type = desk.metrics(request.headers.get(hdrs.ACCEPT, ""))
        answer = web.Response(headers={hdrs.CONTENT_TYPE: content_type, hdrs.VARY: "Accept"})
        if accepts_gzip(request.headers.get(hdrs.ACCEPT_ENCODING, "")):
            body = await asyncio.to_thread(gzip.compress, body, GZIP_LEVEL)
            answer.headers[hdrs.CONTENT_ENCODING] = "gzip"
        answer.body = body
        return answer

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        why_not = desk.ready()
        return web.Response(text=f"{why_not or 'ready'}\n", status=503 if why_not else 200)

    async def described(_: web.Request) -> web.Response:
        return web.json_response(document)

    for path, answer in zip(openapi.PLAIN, (metrics, healthz, readyz, described), strict=True):
        app.router.add_get(path, answer)
    return app


def accepts_gzip(header: str) -> bool:
    """Whether Accept-Encoding names gzip with a weight above 0 (RFC 9110 12.5.3)."""
    for part in header.split(","):
        name, _, weight = part.partition(";")
        if name.strip().lower() == "gzip":
            return weight.replace(" ", "").lower() not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False


def _version() -> str:
    try:
        return version("zhiban")
    except PackageNotFoundError:  # run from a source tree
        return "0"
