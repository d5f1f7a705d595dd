"""
One unconnected UDP socket for any number of peers, and what ICMP says of them.

It is read in turns of bounded length, so that a flood costs the others no more than that;
what the kernel cannot hold meanwhile is lost, as UDP may be. On Linux the kernel tells for
which peer a port was closed or a host unreachable (IP_RECVERR, ip(7)). Needs an event loop
with ``add_reader``.
"""

import asyncio
import contextlib
import select
import socket
import struct
import sys
from collections.abc import Callable
from typing import Any

from monitor import faults

Address = tuple[Any, ...]
"""What ``sendto`` takes: (host, port), and for IPv6 (host, port, flow, scope)."""
Peer = tuple[Any, ...]
"""Who sent or could not be reached: (host, port), and for IPv6 (host, port, scope)."""

MAX_DATAGRAM = 65_536  # bytes; one more than UDP carries
RECEIVE = 4 << 20  # bytes the kernel may hold for us, as far as it lets us
TURN = 64  # datagrams read before others have their turn
TURN_BYTES = 128 << 10  # likewise: a large one costs some milliseconds
LINUX = sys.platform == "linux"
IP_RECVERR, IPV6_RECVERR = 11, 25  # linux/in.h, linux/in6.h
MSG_ERRQUEUE = 0x2000
SO_RCVBUFFORCE = 33
ICMP = frozenset({2, 3})  # ee_origin of linux/errqueue.h: ICMP, ICMPv6
ERROR = struct.Struct("=IB")  # ee_errno and ee_origin of struct sock_extended_err
ATTEMPTS = 3  # to send: an error that waits in the socket may be of another peer


def address_of(host: str, port: int) -> tuple[socket.AddressFamily, Address]:
    """Family and address of a literal IPv4 or IPv6 address, a scope included."""
    found = socket.getaddrinfo(
        host, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    )[0]
    return found[0], found[4]


def peer_of(address: Address) -> Peer:
    """Return what names a peer: its address without IPv6's flow label."""
    return address if len(address) == 2 else (address[0], address[1], address[3])  # noqa: PLR2004  IPv4 has two


class Wire:
    """
    The socket of one family, open from the first visit to the last.

    ``heard(data, peer)`` is called for every datagram, ``failed(errno, peer)`` for every
    ICMP error; neither may raise.
    """

    def __init__(
        self,
        family: socket.AddressFamily,
        heard: Callable[[bytes, Peer], None],
        failed: Callable[[int, Peer], None],
    ) -> None:
        self._heard = heard
        self._failed = failed
        self._buffer = bytearray(MAX_DATAGRAM)
        self._view = memoryview(self._buffer)
        self._loop = asyncio.get_running_loop()
        self._socket = opened(family)
        # libuv gives up a socket that has errors to tell; it does not see them through an epoll.
        self._watched = select.epoll() if LINUX else None
        if self._watched is not None:
            self._watched.register(self._socket.fileno(), select.EPOLLIN)
        self._loop.add_reader(self._fileno(), self._read)

    def send(self, data: bytes, address: Address) -> bool:
        """Send; False where the kernel has no room now. OSError where there is no way."""
        for attempt in range(ATTEMPTS):
            try:
                self._socket.sendto(data, address)
            except BlockingIOError:
                return False
            except OSError:
                if attempt == ATTEMPTS - 1:
                    raise
                self._errors()
            else:
                return True
        return False

    def close(self) -> None:
        """Close the socket; nothing is heard after it."""
        self._loop.remove_reader(self._fileno())
        if self._watched is not None:
            self._watched.close()
        self._socket.close()

    def _fileno(self) -> int:
        return (self._watched or self._socket).fileno()

    def _read(self) -> None:
        left = TURN_BYTES
        for turn in range(TURN):
            if left <= 0:
                return
            try:
                size, address = self._socket.recvfrom_into(self._buffer)
            except BlockingIOError:
                if turn == 0:
                    self._errors()
                return
            except OSError:  # one of those that wait in the queue
                self._errors()
                continue
            left -= size
            self._heard(bytes(self._view[:size]), peer_of(address))

    def _errors(self) -> None:
        """Tell what the error queue holds; a peer's own closed port is no error of ours."""
        if not LINUX:
            return
        for _ in range(TURN):
            try:
                _, extra, _, address = self._socket.recvmsg(1, 512, MSG_ERRQUEUE)
            except OSError:
                return
            for _, _, content in extra:
                code, origin = ERROR.unpack_from(content)
                if origin in ICMP and address:
                    self._failed(code, peer_of(address))


def opened(family: socket.AddressFamily) -> socket.socket:
    """Open a socket of one family on a port of the system's choice. ProbeError."""
    try:
        made = socket.socket(family, socket.SOCK_DGRAM)
    except OSError as error:
        raise faults.of_os(error) from None
    made.setblocking(False)  # noqa: FBT003  the socket module's own signature
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE)
    six = family == socket.AF_INET6
    if six:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    if LINUX:
        with contextlib.suppress(PermissionError):  # then net.core.rmem_max is the bound
            made.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE)
        level, option = (
            (socket.IPPROTO_IPV6, IPV6_RECVERR) if six else (socket.IPPROTO_IP, IP_RECVERR)
        )
        made.setsockopt(level, option, 1)
    made.bind(("::" if six else "0.0.0.0", 0))  # noqa: S104  answers come to any of our addresses
    return made
