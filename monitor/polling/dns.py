"""
Names to addresses, without the loop's own executor.

A hung name server holds at most one thread per name and LOOKUPS in all; who asks
meanwhile waits under the deadline of its own visit.
"""

import asyncio
import ipaddress
import socket

from monitor.polling.threads import Threads, bind
from monitor.probe import ProbeError

LOOKUPS = 32  # at once


class Names:
    """The lookups under way; nothing is remembered after the answer."""

    def __init__(self) -> None:
        self._threads = Threads()
        self._slots = asyncio.Semaphore(LOOKUPS)
        self._waiting: dict[str, asyncio.Task[tuple[str, ...]]] = {}

    async def resolve(self, host: str) -> tuple[str, ...]:
        """Return every address, in the order of the system's policy; ProbeError("dns")."""
        if is_address(host):
            return (host,)
        lookup = self._waiting.get(host)
        if lookup is None:
            lookup = asyncio.ensure_future(self._look_up(host))
            lookup.add_done_callback(lambda done: self._forget(host, done))
            self._waiting[host] = lookup
        return await asyncio.shield(lookup)

    def close(self) -> None:
        """Give up what is still waiting."""
        for lookup in self._waiting.values():
            lookup.cancel()

    async def _look_up(self, host: str) -> tuple[str, ...]:
        async with self._slots:
            call = bind(socket.getaddrinfo, host, None, 0, socket.SOCK_STREAM)
            try:
                found = await self._threads.run(f"dns {host}", call)
            except socket.gaierror as error:
                raise ProbeError("dns", f"{host}: {(error.strerror or '?').lower()}") from None
            except (UnicodeError, ValueError):
                raise ProbeError("dns", f"{host}: not a valid name") from None
        return tuple(dict.fromkeys(str(info[4][0]) for info in found))

    def _forget(self, host: str, done: "asyncio.Task[tuple[str, ...]]") -> None:
        self._waiting.pop(host, None)
        if not done.cancelled():
            done.exception()  # whoever asked may be gone


def is_address(host: str) -> bool:
    """Whether it is a literal IPv4 or IPv6 address (a scope as in fe80::1%eth0 included)."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
