"""
The agent's HTTP: GET /metrics, with a token and TLS where they are set, and nothing else.

Bounded: a few connections, each with a deadline and 8 kB of request, one page at a time.
A bad request gets a short answer; nothing that a client sends is kept or logged.
"""

import asyncio
import hmac
import ssl
from collections.abc import Callable
from http import HTTPStatus

DEADLINE = 10.0  # seconds for one exchange, TLS handshake aside
HANDSHAKE = 5.0  # seconds
MAX_REQUEST = 8192  # bytes of request line and headers
MAX_OPEN = 16  # connections; one more is closed at once
TEXT = "text/plain; version=0.0.4; charset=utf-8"
ROOT = b"zhiban agent: see /metrics\n"


class Server:
    """Serves ``make()`` to whoever brings the token, or to anyone if there is none."""

    def __init__(self, make: Callable[[], bytes], token: str = "") -> None:
        self._make = make
        self._token = token.encode()
        self._one = asyncio.Lock()
        self._open = 0

    async def listen(self, host: str, port: int, tls: ssl.SSLContext | None) -> asyncio.Server:
        """Start to listen; OSError where that cannot be."""
        timeout = HANDSHAKE if tls else None
        return await asyncio.start_server(
            self._serve, host, port, ssl=tls, ssl_handshake_timeout=timeout, limit=MAX_REQUEST
        )

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            if self._open <= MAX_OPEN:
                async with asyncio.timeout(DEADLINE):
                    await self._exchange(reader, writer)
                    await writer.drain()
                    writer.close()
                    await writer.wait_closed()
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            pass  # a client that is slow or gone has had its chance
        finally:
            self._open -= 1
            writer.transport.abort()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            writer.write(answer(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE))
            return
        status, method, path = self._judge(head)
        body = b""
        if status == HTTPStatus.OK:
            body = await self._page() if path == b"/metrics" else ROOT
        writer.write(answer(status, body, head_only=method == b"HEAD"))

    async def _page(self) -> bytes:
        async with self._one:
            return await asyncio.to_thread(self._make)

    def _judge(self, head: bytes) -> tuple[HTTPStatus, bytes, bytes]:
        line, *fields = head.split(b"\r\n")
        words = line.split(b" ")
        if len(words) != 3 or not words[2].startswith(b"HTTP/1."):  # noqa: PLR2004  RFC 9112, section 3
            return HTTPStatus.BAD_REQUEST, b"", b""
        method, path = words[0], words[1].partition(b"?")[0]
        if not self._allowed(fields):
            return HTTPStatus.UNAUTHORIZED, method, path
        if path not in {b"/", b"/metrics"}:
            return HTTPStatus.NOT_FOUND, method, path
        if method not in {b"GET", b"HEAD"}:
            return HTTPStatus.METHOD_NOT_ALLOWED, method, path
        return HTTPStatus.OK, method, path

    def _allowed(self, fields: list[bytes]) -> bool:
        if not self._token:
            return True
        for one in fields:
            name, _, value = one.partition(b":")
            if name.strip().lower() == b"authorization":
                scheme, _, token = value.strip().partition(b" ")
                known = hmac.compare_digest(token.strip(), self._token)
                return known and scheme.lower() == b"bearer"
        return False


def answer(status: HTTPStatus, body: bytes = b"", *, head_only: bool = False) -> bytes:
    """A whole answer; an error says its own name."""
    body = body or f"{status.phrase}\n".encode()
    lines = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        f"Content-Type: {TEXT}",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    if status == HTTPStatus.UNAUTHORIZED:
        lines.append('WWW-Authenticate: Bearer realm="zhiban agent"')
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        lines.append("Allow: GET, HEAD")
    return "\r\n".join([*lines, "", ""]).encode() + (b"" if head_only else body)
