"""
Deadlines and a bound for connections, which aiohttp's server has not.

    new --first byte of a head--> waiting --head complete--> busy --answered--> idle
     |                              |                          |                 |
     +----------- 10 s -------------+                          +----- 60 s ------+

Measured (facts/reliability.md, l): without this, 300 connections that drip their headers
stay open for ever. Every connection stands between the transport and aiohttp's protocol,
arms one timer, and is aborted when it fires. When all places are taken the connection
that has waited longest without a request gives way, so that drips cannot shut people out.
"""

import asyncio
from collections.abc import Callable
from typing import cast

HEAD_SECONDS = 10.0  # for a whole request head, and for the body after it
BUSY_SECONDS = 60.0  # from a complete head to the next one: handler, slow reader, idle time
CONNECTIONS_MOST = 400  # well below the usual 1,024 file descriptors


class Connection(asyncio.Protocol):
    """One connection: passes everything on to ``inner`` and watches the time."""

    def __init__(self, door: "Door", inner: asyncio.Protocol) -> None:
        self._door = door
        self._inner = inner
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None
        self._answered = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # TCP always has both ways; uvloop's transports are no subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._inner.connection_made(transport)
        self._arm(self._door.head_seconds)
        self._door.enter(self)

    def data_received(self, data: bytes) -> None:
        if self._answered:
            self._answered = False
            self._arm(self._door.head_seconds)
            self._door.wait(self)
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer:
            self._timer.cancel()
        self._door.leave(self)
        self._inner.connection_lost(exc)

    def begun(self) -> None:
        """Say that a request's head is complete."""
        self._arm(self._door.busy_seconds)
        self._door.work(self)

    def answered(self) -> None:
        """Say that the answer is made; the next byte begins another head."""
        self._answered = True
        self._door.wait(self)

    def drop(self) -> None:
        """Cut it, without a farewell: who drips does not read either."""
        if self._transport:
            self._transport.abort()

    def _arm(self, seconds: float) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = self._door.loop.call_later(seconds, self.drop)


class Door:
    """The protocol factory: wraps each protocol of ``make`` in a Connection."""

    def __init__(
        self,
        make: Callable[[], asyncio.Protocol],
        *,
        head_seconds: float = HEAD_SECONDS,
        busy_seconds: float = BUSY_SECONDS,
        most: int = CONNECTIONS_MOST,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.head_seconds = head_seconds
        self.busy_seconds = busy_seconds
        self._make = make
        self._most = most
        # Insertion order is age: the first of `_waiting` has waited longest.
        self._waiting: dict[Connection, None] = {}
        self._working: set[Connection] = set()

    def __call__(self) -> Connection:
        return Connection(self, self._make())

    def __len__(self) -> int:
        return len(self._waiting) + len(self._working)

    def enter(self, connection: Connection) -> None:
        """Give it a place; the longest waiting one, or else itself, gives way."""
        self._waiting[connection] = None
        if len(self) > self._most:
            oldest = next(iter(self._waiting))
            # Its connection_lost comes later in the loop; the place is free now.
            self.leave(oldest)
            oldest.drop()

    def wait(self, connection: Connection) -> None:
        """Move it to the end of those that wait for a request."""
        self.leave(connection)
        self._waiting[connection] = None

    def work(self, connection: Connection) -> None:
        """Note that it is being answered: it cannot be made to give way."""
        self.leave(connection)
        self._working.add(connection)

    def leave(self, connection: Connection) -> None:
        """Free its place."""
        self._waiting.pop(connection, None)
        self._working.discard(connection)

    def drop_all(self) -> None:
        """Cut every connection that is left at the end."""
        for connection in (*self._waiting, *self._working):
            connection.drop()
