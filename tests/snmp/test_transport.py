"""One socket for many agents: whose answer is whose, when to ask again, what ICMP says."""

import asyncio
import contextlib
import socket

import pytest
from pydantic import SecretStr
from visiting import target

from exporters._snmp import community, oid, pdu
from exporters._snmp.community import V1, V2C
from exporters._snmp.credentials import Community
from exporters._snmp.pdu import Pdu
from exporters._snmp.session import Session
from monitor.clock import SystemClock
from monitor.polling import exchange
from monitor.polling.io import Net
from monitor.probe import ProbeError

NAME = oid.encode("1.3.6.1.2.1.1.5.0")
PUBLIC = Community(SecretStr("public"))


class Agent(asyncio.DatagramProtocol):
    """Answers as ``play(agent, request, number of the datagram)`` says."""

    def __init__(self, play):
        self.play, self.asked = play, []

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, peer):
        self.asked.append(community.decode(data)[2])
        for out in self.play(self.asked[-1], len(self.asked)):
            self.transport.sendto(out, peer)


@contextlib.asynccontextmanager
async def serving(play, host="127.0.0.1"):
    loop = asyncio.get_running_loop()
    transport, agent = await loop.create_datagram_endpoint(
        lambda: Agent(play), local_addr=(host, 0)
    )
    agent.port = transport.get_extra_info("sockname")[1]
    try:
        yield agent
    finally:
        transport.close()
        await asyncio.sleep(0)


def answer(request, value, version=V2C):
    varbinds = [(request.varbinds[0][0], pdu.OCTET_STRING, value)]
    reply = Pdu(pdu.RESPONSE, request.request_id, varbinds=varbinds)
    return community.encode(version, b"public", reply)


async def ask(net, host, port, *, seconds=3.0, who=PUBLIC):
    io = net.guard(target("tcp", "127.0.0.1:1", timeout=seconds))
    found = await Session(await io.snmp(host, port, who)).get([NAME])
    return found[NAME][2]


@pytest.fixture
async def net():
    async with Net(SystemClock()) as made:
        yield made


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
async def test_an_answer(net, host):
    """By name and by both kinds of address; of a name's addresses the one that answers."""
    listening = "127.0.0.1" if host == "localhost" else host
    async with serving(lambda r, n: [answer(r, b"x")], listening) as agent:
        assert await ask(net, host, agent.port) == b"x"


@pytest.mark.parametrize("version", [V1, V2C])
async def test_many_agents_on_one_socket(net, version):
    """200 exchanges at once with 20 agents: each gets its own answer, from one port of ours."""

    def say(name):
        return lambda request, _: [answer(request, name, version)]

    who = Community(SecretStr("public"), version)
    async with contextlib.AsyncExitStack() as stack:
        agents = [await stack.enter_async_context(serving(say(b"%d" % i))) for i in range(20)]
        asked = [ask(net, "127.0.0.1", agent.port, who=who) for agent in agents * 10]
        assert await asyncio.gather(*asked) == [b"%d" % i for i in range(20)] * 10


async def test_a_late_answer_to_an_earlier_try(net):
    """The request is repeated with its id, and whichever answer comes is taken."""
    first = []

    def late(request, number):
        first.append(answer(request, b"first"))
        return [] if number == 1 else first[:1]

    async with serving(late) as agent:
        assert await ask(net, "127.0.0.1", agent.port) == b"first"
        assert agent.asked[0].request_id == agent.asked[1].request_id


async def test_junk_and_ids_of_others_are_passed_over(net):
    """What fits nothing does not end a request, and neither does what cannot be read."""

    def play(request, _):
        other = Pdu(pdu.RESPONSE, request.request_id ^ 1, varbinds=request.varbinds)
        good = answer(request, b"good")
        return [b"", b"junk", community.encode(V2C, b"public", other), good[:-1], good, good]

    async with serving(play) as agent:
        assert await ask(net, "127.0.0.1", agent.port) == b"good"


async def test_an_answer_from_another_source(net):
    """Not even with the right id."""
    other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with other:
        async with serving(lambda r, n: []) as agent:
            agent.datagram_received = lambda data, peer: other.sendto(
                answer(community.decode(data)[2], b"forged"), peer
            )
            with pytest.raises(ProbeError) as caught:
                await ask(net, "127.0.0.1", agent.port, seconds=0.5)
    assert caught.value.reason == "timeout"


async def test_tries_are_spread_over_the_time_there_is(net):
    """A third of it at most for the first, twice as long for the next."""
    clock = SystemClock()
    async with serving(lambda r, n: []) as agent:
        began = clock.monotonic()
        with pytest.raises(ProbeError) as caught:
            await ask(net, "127.0.0.1", agent.port, seconds=1.0)
        took = clock.monotonic() - began
    assert len(agent.asked) == 2
    assert 0.95 < took < 1.2
    assert caught.value.detail.startswith("no answer within 1 s (2 tries)")
    assert exchange.FIRST_TRY == 1.0


async def test_silence_after_answers_is_no_wrong_community(net):
    """The hint is for those who were never answered."""
    async with serving(lambda r, n: [answer(r, b"x")] if n == 1 else []) as agent:
        assert await ask(net, "127.0.0.1", agent.port) == b"x"
        with pytest.raises(ProbeError) as caught:
            await ask(net, "127.0.0.1", agent.port, seconds=0.5)
    assert "community" not in caught.value.detail


async def test_a_closed_port_is_refused_at_once_and_nobody_else_is(net):
    """ICMP says which peer it is about; others on the socket do not notice."""
    clock = SystemClock()
    async with serving(lambda r, n: [answer(r, b"x")] if n > 1 else []) as agent:
        slow = asyncio.ensure_future(ask(net, "127.0.0.1", agent.port))
        await asyncio.sleep(0.01)
        began = clock.monotonic()
        for _ in range(5):
            with pytest.raises(ProbeError) as caught:
                await ask(net, "127.0.0.1", 9)
            assert caught.value.reason == "refused"
        assert clock.monotonic() - began < 0.5
        assert await slow == b"x"


async def test_a_visit_that_is_cancelled_waits_for_nothing(net):
    """No id of it is expected any more."""
    async with serving(lambda r, n: []) as agent:
        asking = asyncio.ensure_future(ask(net, "127.0.0.1", agent.port))
        await asyncio.sleep(0.05)
        assert net.snmp._waiting
        asking.cancel()
        await asyncio.wait({asking})
        assert net.snmp._waiting == {}
