"""
One SNMP request until its answer: its tries, and what is known when time is up.

Each try is sent under the same request-id (in v3 as a new message, RFC 3414 section 3.1),
and an answer to any of them will do. What cannot be read or believed is passed over, and
named if nothing better comes by the deadline.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from exporters._snmp import pdu, v3
from exporters._snmp.ber import BerError
from exporters._snmp.pdu import Pdu
from exporters._snmp.v3 import RefusedError, Report
from monitor import faults
from monitor.polling.udp import Address, Peer, Wire, peer_of
from monitor.probe import ProbeError

FIRST_TRY = 1.0  # seconds until the first repetition; each next one waits twice as long
SHARE = 3  # the first try takes at most a third of the time that is left
SHORTEST = 0.2  # seconds
NO_ROOM = 0.02  # seconds until a datagram for which the kernel had no room is sent again
MAX_AGAIN = 4  # Reports in a row that only say how to ask (discovery, time)

SENTENCES: Mapping[str, str] = {
    "unknownUserNames": "the agent does not know this user",
    "wrongDigests": "the agent does not accept this user's authentication:"
    " wrong password, or another protocol than auth says",
    "decryptionErrors": "the agent cannot decrypt what this user sends:"
    " wrong privacy password, or another protocol than priv says",
    "unsupportedSecLevels": "the agent does not let this user ask with this auth and priv",
    v3.NOT_IN_WINDOW: "the agent's engine time leaps from answer to answer",
    v3.UNKNOWN_ENGINE: "the agent's engine id changes from answer to answer",
    "snmpUnknownContexts": "the agent has no such context",
    "snmpUnavailableContexts": "the agent's context is not there now",
    "snmpUnknownSecurityModels": "the agent has no user-based security model",
}
"""What a Report means for whoever has to mend it, by the counter it carries."""


class Speech(Protocol):
    """How an agent is spoken to: an engine of v3, or a community."""

    def outgoing(self, message: Pdu, now: float) -> tuple[int, bytes]:
        """Return the id that the answer will carry, and the datagram."""
        ...

    def incoming(self, data: bytes, now: float) -> Pdu | Report:
        """Read an answer; BerError or RefusedError where it is none."""
        ...


class Post(Protocol):
    """Who expects what from whom. Implemented by ``monitor.polling.snmp``."""

    def now(self) -> float:
        """Monotonic seconds."""
        ...

    def expect(self, peer: Peer, number: int, exchange: "Exchange") -> None:
        """Hand what comes from ``peer`` with this id to ``exchange``."""
        ...

    def forget(self, peer: Peer, numbers: list[int]) -> None:
        """Expect these ids no more."""
        ...


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one visit may take: its time and its bytes."""

    timeout: float  # seconds, for the sentence
    remaining: Callable[[], float]  # seconds
    spend: Callable[[int], None]  # ProbeError("too_large") above the visit's bytes


class Exchange:
    """One request and its tries."""

    __slots__ = (
        "_again",
        "_answer",
        "_bounds",
        "_junk",
        "_loop",
        "_numbers",
        "_pause",
        "_post",
        "_problem",
        "_request",
        "_route",
        "_speech",
        "_timer",
        "_tries",
        "size",
    )

    def __init__(
        self, post: Post, route: tuple[Wire, Address], speech: Speech, request: Pdu, bounds: Bounds
    ) -> None:
        self._post = post
        self._route = route
        self._speech = speech
        self._request = request
        self._bounds = bounds
        self._loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[Pdu] = self._loop.create_future()
        self._timer: asyncio.TimerHandle | None = None
        self._numbers: list[int] = []
        self._pause = self._first_pause()
        self._tries = 0
        self.size = 0  # bytes of the answer
        self._again = 0  # Reports in a row that asked for another message
        self._junk = 0  # datagrams from the agent's address that fit nothing
        self._problem = ""  # of the newest answer that could not be read

    async def run(self) -> Pdu:
        """Ask until the answer is there. ProbeError."""
        self._try()
        try:
            return await self._answer
        finally:
            if self._timer is not None:
                self._timer.cancel()
            self._post.forget(peer_of(self._route[1]), self._numbers)

    def take(self, data: bytes) -> None:
        """Read what came with one of our ids."""
        if self._answer.done():
            return
        try:
            self._bounds.spend(len(data))
            found = self._speech.incoming(data, self._post.now())
        except ProbeError as error:
            self.fail(error)
        except (BerError, RefusedError) as error:
            self._problem = str(error)
        else:
            if isinstance(found, Report):
                self._reported(found)
            elif found.kind != pdu.RESPONSE or found.request_id != self._request.request_id:
                self._problem = "is an answer to something else"
            else:
                self.size = len(data)
                self._answer.set_result(found)

    def junk(self, size: int) -> None:
        """Count what comes from the agent's address and fits nothing."""
        self._junk += 1
        try:
            self._bounds.spend(size)
        except ProbeError as error:
            self.fail(error)

    def fail(self, error: ProbeError) -> None:
        """End it, unless it has ended."""
        if not self._answer.done():
            self._answer.set_exception(error)

    def _first_pause(self) -> float:
        return max(SHORTEST, min(FIRST_TRY, self._bounds.remaining() / SHARE))

    def _try(self) -> None:
        left = self._bounds.remaining()
        if left <= 0:
            self.fail(self._late())
            return
        wire, address = self._route
        number, data = self._speech.outgoing(self._request, self._post.now())
        self._numbers.append(number)
        self._post.expect(peer_of(address), number, self)
        try:
            pause = self._pause if wire.send(data, address) else NO_ROOM
        except OSError as error:
            self.fail(faults.of_os(error))
            return
        if pause == self._pause:
            self._tries += 1
            self._pause *= 2
        self._timer = self._loop.call_later(min(pause, left), self._try)

    def _reported(self, report: Report) -> None:
        """Ask again at once where the Report said how; else it is the answer."""
        self._again += 1
        if not report.again or self._again > MAX_AGAIN:
            said = SENTENCES.get(report.name, f"the agent's engine answers {report.name}")
            self.fail(ProbeError("status", said))
            return
        if self._timer is not None:
            self._timer.cancel()
        self._pause = self._first_pause()
        self._try()

    def _late(self) -> ProbeError:
        if self._problem:
            return ProbeError("protocol", f"the agent's answer cannot be read: {self._problem}")
        if not self._tries:
            return ProbeError("timeout", f"not at its end within {self._bounds.timeout:g} s")
        tries = "1 try" if self._tries == 1 else f"{self._tries} tries"
        junk = f", {self._junk} datagrams that answer nothing we asked" if self._junk else ""
        return ProbeError("timeout", f"no answer within {self._bounds.timeout:g} s ({tries}{junk})")
