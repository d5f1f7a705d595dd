"""
A bounded TCP or TLS connection: what ``Io.tcp`` gives out.

Every byte read counts against the visit's budget; buffers never hold more than the
caller asked for and 64 kB. The deadline is set around these calls by ``polling.io``.
"""

import asyncio
import ssl
from collections.abc import Callable, Sequence

from monitor import faults
from monitor.polling import tls
from monitor.probe import Certificate, ProbeError

CHUNK = 1 << 16


class Connection:
    """Implements ``monitor.probe.Stream``."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        spend: Callable[[int], None],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._spend = spend
        self._left = bytearray()  # read, and not yet asked for
        self.certificate: Certificate | None = tls.certificate_of(
            writer.get_extra_info("ssl_object")
        )

    async def read(self, most: int) -> bytes:
        if not self._left:
            self._left += await self._more(min(most, CHUNK))
        return self._take(most)

    async def read_until(self, mark: bytes, most: int) -> bytes:
        seen = 0
        while (at := self._left.find(mark, max(0, seen - len(mark)))) < 0:
            seen = len(self._left)
            if seen >= most:
                raise ProbeError("too_large", f"more than {most} bytes without an end")
            got = await self._more(min(most - seen, CHUNK))
            if not got:
                raise ProbeError("protocol", "connection closed by the other side")
            self._left += got
        if at + len(mark) > most:
            raise ProbeError("too_large", f"more than {most} bytes without an end")
        return self._take(at + len(mark))

    async def write(self, data: bytes) -> None:
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError as error:
            raise faults.of_os(error) from None

    def abort(self) -> None:
        """Close without a word; nothing is waited for."""
        self._writer.transport.abort()

    def _take(self, most: int) -> bytes:
        taken = bytes(self._left[:most])
        del self._left[:most]
        return taken

    async def _more(self, most: int) -> bytes:
        try:
            got = await self._reader.read(most)
        except ssl.SSLError as error:
            raise faults.of_tls(error, self.certificate) from None
        except OSError as error:
            raise faults.of_os(error) from None
        self._spend(len(got))
        return got


async def connect(
    addresses: Sequence[str],
    port: int,
    name: str,
    context: ssl.SSLContext | None,
    spend: Callable[[int], None],
) -> Connection:
    """Connect to the first address that answers; ``name`` is what a certificate must be for."""
    problem: ProbeError | None = None
    for address in addresses:
        try:
            return await _connect(address, port, name, context, spend)
        except ProbeError as error:
            problem = problem or error
    raise problem or ProbeError("dns", f"{name}: no address")


async def _connect(
    address: str,
    port: int,
    name: str,
    context: ssl.SSLContext | None,
    spend: Callable[[int], None],
) -> Connection:
    try:
        reader, writer = await asyncio.open_connection(
            address, port, ssl=context, server_hostname=name if context else None, limit=CHUNK
        )
    except ssl.SSLError as error:
        raise faults.of_tls(error, await tls.look(address, port, name)) from None
    except OSError as error:
        if context is not None and isinstance(error, ConnectionResetError):
            raise ProbeError("tls", "connection closed during the TLS handshake") from None
        raise faults.of_os(error) from None
    return Connection(reader, writer, spend)
