"""
An edge: the loopback port of one device, a TCP proxy in front of its server.

Open, it passes bytes both ways with back-pressure and half-close. Cut, its connections
are reset and new ones refused. The port stays ours in both states: a bound socket that
never listens holds it from the first moment to close().
"""

import asyncio
import contextlib
import socket
import struct

HOST = "127.0.0.1"
CHUNK = 65536
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: close sends RST instead of FIN

Address = tuple[str, int]


def _bound(port: int) -> socket.socket:
    """SO_REUSEPORT on both sockets lets the listener come and go beside the holder."""
    held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind((HOST, port))
    except OSError:
        held.close()
        raise
    return held


class Edge:
    """One device's port. Starts cut; ``backend`` may change while it is cut."""

    def __init__(self, backend: Address = (HOST, 0)) -> None:
        self.backend = backend
        self._holder = _bound(0)
        self.port: int = self._holder.getsockname()[1]
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_open(self) -> bool:
        """Whether new connections are taken."""
        return self._server is not None

    async def open(self) -> None:
        """Take connections. Nothing happens when it is open already."""
        if self._server is None:
            listener = _bound(self.port)
            self._server = await asyncio.start_server(self._accept, sock=listener)

    def cut(self) -> None:
        """Refuse new connections and reset those there are. Safe to call twice."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for end in tuple(self._ends):
            _reset(end)

    async def close(self) -> None:
        """Cut for good and give the port back."""
        self.cut()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._holder.close()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._server is None:  # accepted in the same turn of the loop that cut us
            _reset(writer)
            return
        self._ends.add(writer)
        task = asyncio.create_task(self._pass(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back: asyncio.StreamWriter | None = None
        try:
            back_reader, back = await asyncio.open_connection(*self.backend)
            self._ends.add(back)
            if writer.transport.is_closing():  # cut while we were connecting
                return
            async with asyncio.TaskGroup() as both:
                both.create_task(_pump(reader, back))
                both.create_task(_pump(back_reader, writer))
        except* OSError:
            # One side was reset, or the server behind us is down: so is the other side.
            _reset(writer)
            if back is not None:
                _reset(back)
        finally:
            for end in (writer, back):
                if end is not None:
                    end.close()
                    with contextlib.suppress(OSError):
                        await end.wait_closed()  # still cuttable: the peer may never read
                    self._ends.discard(end)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One direction. drain() is the back-pressure; the end of input becomes a half-close."""
    while chunk := await reader.read(CHUNK):
        writer.write(chunk)
        await writer.drain()
    if writer.can_write_eof() and not writer.transport.is_closing():
        writer.write_eof()


def _reset(end: asyncio.StreamWriter) -> None:
    sock = end.get_extra_info("socket")
    with contextlib.suppress(OSError):  # the other side may have closed it already
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    end.transport.abort()
