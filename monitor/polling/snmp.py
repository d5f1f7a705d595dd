"""
SNMP over one UDP socket per address family: who asked whom, and whose an answer is.

An answer is told by where it comes from and by its request-id (v1, v2c) or msgID (v3);
what fits nothing is dropped. What v3 learned of an agent is kept from visit to visit.
"""

import secrets
import socket
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from exporters._snmp import community, usm
from exporters._snmp.ber import BerError
from exporters._snmp.credentials import Community, Credentials, User
from exporters._snmp.pdu import Pdu
from exporters._snmp.usm import Masters
from exporters._snmp.v3 import Engine
from monitor import faults
from monitor.clock import Clock
from monitor.polling.exchange import Bounds, Exchange, Speech
from monitor.polling.udp import Address, Peer, Wire, address_of, peer_of
from monitor.probe import ProbeError

MAX_REMEMBERED = 20_000  # agents, and users
MAX_ANSWERS = 4 << 20  # bytes of answers in one visit: what is decoded is held until its end
ELSEWHERE = frozenset({"refused", "unreachable"})  # another address of the name may do better
COMMUNITY = "; to a wrong community an agent is silent, too"
DISCOVERED = (
    "; the agent told its engine id and is silent to this user:"
    " wrong privacy password, or another protocol than priv says"
)
"""What silence may mean. Where this user has been answered before, it means nothing more."""


class PlainSpeech:
    """Version 1 and 2c: a community, and no state."""

    def __init__(self, who: Community) -> None:
        self._version = who.version
        self._name = who.name.get_secret_value().encode()

    def outgoing(self, message: Pdu, now: float) -> tuple[int, bytes]:  # noqa: ARG002  no time in it
        return message.request_id, community.encode(self._version, self._name, message)

    def incoming(self, data: bytes, now: float) -> Pdu:  # noqa: ARG002  likewise
        version, _, answer = community.decode(data)
        if version != self._version:
            raise BerError(f"version {version} where {self._version} was asked")
        return answer


@dataclass(slots=True)
class Acquaintance:
    """What is known of one agent as one user sees it."""

    speech: Speech
    answered: bool = False  # ever

    def silence(self) -> str:
        """Say what it may mean that nothing comes."""
        if self.answered:
            return ""
        if not isinstance(self.speech, Engine):
            return COMMUNITY
        return DISCOVERED if self.speech.discovered else ""


class Sockets:
    """What all visits of a poller share: the sockets, who waits for what, engines of v3."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wires: dict[socket.AddressFamily, Wire] = {}
        self._waiting: dict[Peer, dict[int, Exchange]] = {}
        self._known: OrderedDict[tuple[Peer, Credentials], Acquaintance] = OrderedDict()
        self._masters: OrderedDict[User, Masters] = OrderedDict()

    def agent(
        self, hosts: Sequence[str], port: int, credentials: Credentials, bounds: Bounds
    ) -> "RemoteAgent":
        """Return the agent at the first of these literal addresses that can be reached."""
        return RemoteAgent(self, [address_of(host, port) for host in hosts], credentials, bounds)

    def close(self) -> None:
        """Close the sockets; whoever still waits is told by the end of its own visit."""
        for wire in self._wires.values():
            wire.close()
        self._wires.clear()

    def wire(self, family: socket.AddressFamily) -> Wire:
        """Return the socket of a family, opened when it is first needed. ProbeError."""
        wire = self._wires.get(family)
        if wire is None:
            wire = self._wires[family] = Wire(family, self._heard, self._failed)
        return wire

    def known(self, peer: Peer, who: Credentials) -> Acquaintance:
        """Return what is known of an agent. ProbeError for what cannot be a user."""
        key = (peer, who)
        known = self._known.pop(key, None) or Acquaintance(self._introduce(who))
        self._known[key] = known
        if len(self._known) > MAX_REMEMBERED:
            self._known.popitem(last=False)
        return known

    def now(self) -> float:
        """Monotonic seconds."""
        return self._clock.monotonic()

    def number(self, peer: Peer) -> int:
        """Return a request-id that nobody can foretell and nobody waits for."""
        taken = self._waiting.get(peer, ())
        while (number := secrets.randbits(31)) in taken:
            pass
        return number

    def expect(self, peer: Peer, number: int, exchange: Exchange) -> None:
        """Hand what comes from ``peer`` with this id to ``exchange``."""
        self._waiting.setdefault(peer, {})[number] = exchange

    def forget(self, peer: Peer, numbers: Sequence[int]) -> None:
        """Expect these ids no more."""
        waiting = self._waiting.get(peer, {})
        for number in numbers:
            waiting.pop(number, None)
        if not waiting:
            self._waiting.pop(peer, None)

    def _introduce(self, who: Credentials) -> Speech:
        if isinstance(who, Community):
            return PlainSpeech(who)
        return Engine(who.name.encode(), self._keys(who), who.context.encode())

    def _keys(self, user: User) -> Masters:
        """Make a user's keys once for all agents: they cost milliseconds."""
        keys = self._masters.get(user)
        if keys is None:
            secret, hidden = user.auth_password, user.priv_password
            try:
                keys = usm.masters(
                    user.auth,
                    secret.get_secret_value().encode(),
                    user.priv,
                    hidden.get_secret_value().encode(),
                )
            except ValueError as error:
                raise ProbeError("status", str(error)) from None
            self._masters[user] = keys
            if len(self._masters) > MAX_REMEMBERED:
                self._masters.popitem(last=False)
        return keys

    def _heard(self, data: bytes, peer: Peer) -> None:
        waiting = self._waiting.get(peer)
        if waiting is None:
            return
        try:
            _, number = community.peek(data)
        except BerError:
            number = -1
        exchange = waiting.get(number)
        if exchange is not None:
            exchange.take(data)
            return
        for one in set(waiting.values()):
            one.junk(len(data))

    def _failed(self, code: int, peer: Peer) -> None:
        error = faults.of_os(OSError(code, ""))
        if error.reason in ELSEWHERE:
            for exchange in set(self._waiting.get(peer, {}).values()):
                exchange.fail(error)


class RemoteAgent:
    """Implements ``exporters._snmp.session.Agent`` for one visit."""

    def __init__(
        self,
        sockets: Sockets,
        addresses: Sequence[tuple[socket.AddressFamily, Address]],
        credentials: Credentials,
        bounds: Bounds,
    ) -> None:
        self.version = credentials.version
        self._sockets = sockets
        self._left = list(addresses)
        self._credentials = credentials
        self._bounds = bounds
        self._known = self._meet()
        self._answered = False  # in this visit
        self._bytes = 0  # of answers

    async def exchange(self, request: Pdu) -> Pdu:
        while True:
            try:
                answer = await self._ask(request)
            except ProbeError as error:
                if error.reason not in ELSEWHERE or self._answered or len(self._left) == 1:
                    raise self._explained(error) from None
                del self._left[0]
                self._known = self._meet()
            else:
                self._answered = self._known.answered = True
                return answer

    async def _ask(self, request: Pdu) -> Pdu:
        family, address = self._left[0]
        route = (self._sockets.wire(family), address)
        request.request_id = self._sockets.number(peer_of(address))
        exchange = Exchange(self._sockets, route, self._known.speech, request, self._bounds)
        answer = await exchange.run()
        self._bytes += exchange.size
        if self._bytes > MAX_ANSWERS:
            raise ProbeError("too_large", f"more than {MAX_ANSWERS} bytes of answers in one visit")
        return answer

    def _meet(self) -> Acquaintance:
        return self._sockets.known(peer_of(self._left[0][1]), self._credentials)

    def _explained(self, error: ProbeError) -> ProbeError:
        if error.reason != "timeout":
            return error
        return ProbeError(error.reason, error.detail + self._known.silence())
