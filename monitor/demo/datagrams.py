"""
An edge for UDP: the loopback port of one device's SNMP agent, as edge.py is for TCP.

Open, it passes datagrams both ways, each client by a socket of its own, so that answers
find their way back. Cut, it takes datagrams and loses them, as a dead device does: nobody
is told that nobody is there.
"""

import asyncio
import socket
from collections import OrderedDict
from typing import cast

from monitor.demo.edge import HOST, Address

CLIENTS = 64  # remembered at once; the one silent longest is forgotten first


class DatagramEdge:
    """One device's UDP port. Starts cut; ``backend`` may change while it is cut."""

    def __init__(self, backend: Address = (HOST, 0)) -> None:
        self.backend = backend
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((HOST, 0))
        self._socket.setblocking(False)  # noqa: FBT003  the socket module's own signature
        self.port: int = self._socket.getsockname()[1]
        self._front: asyncio.DatagramTransport | None = None
        self._clients: OrderedDict[Address, _Back] = OrderedDict()
        self._cut = True

    @property
    def is_open(self) -> bool:
        """Whether datagrams get through."""
        return not self._cut

    async def open(self) -> None:
        """Let datagrams through. Nothing happens when it is open already."""
        if self._front is None:
            loop = asyncio.get_running_loop()
            self._front, _ = await loop.create_datagram_endpoint(
                lambda: _Front(self), sock=self._socket
            )
        self._cut = False

    def cut(self) -> None:
        """Lose everything from now on, answers on their way too. Safe to call twice."""
        self._cut = True
        while self._clients:
            self._clients.popitem()[1].end()

    async def close(self) -> None:
        """Cut for good and give the port back."""
        self.cut()
        if self._front is not None:
            self._front.close()
        self._socket.close()

    def forward(self, data: bytes, client: Address) -> None:
        """Pass one datagram to the agent."""
        if self._cut:
            return
        back = self._clients.pop(client, None) or _Back(self, client)
        self._clients[client] = back  # the newest last
        if len(self._clients) > CLIENTS:
            self._clients.popitem(last=False)[1].end()
        back.send(data)

    def answer(self, data: bytes, client: Address) -> None:
        """Pass one datagram back."""
        if not self._cut and self._front is not None:
            self._front.sendto(data, client)


class _Front(asyncio.DatagramProtocol):
    """The device's own port."""

    def __init__(self, edge: DatagramEdge) -> None:
        self._edge = edge

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._edge.forward(data, addr)


class _Back(asyncio.DatagramProtocol):
    """One client's socket towards the agent; what comes before it is ready waits."""

    def __init__(self, edge: DatagramEdge, client: Address) -> None:
        self._edge = edge
        self._client = client
        self._transport: asyncio.DatagramTransport | None = None
        self._waiting: list[bytes] = []
        self._ended = False
        loop = asyncio.get_running_loop()
        self._task = loop.create_task(
            loop.create_datagram_endpoint(lambda: self, remote_addr=edge.backend)
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # asyncio's own class for it is no asyncio.DatagramTransport by inheritance.
        self._transport = cast("asyncio.DatagramTransport", transport)
        for data in self._waiting:
            self._transport.sendto(data)
        if self._ended:
            transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:  # noqa: ARG002  asyncio's signature
        self._edge.answer(data, self._client)

    def send(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.sendto(data)
        elif len(self._waiting) < CLIENTS:
            self._waiting.append(data)

    def end(self) -> None:
        self._ended = True
        if self._transport is not None:
            self._transport.close()
