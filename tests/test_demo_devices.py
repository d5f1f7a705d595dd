"""The virtual devices of the demo: pure ones by themselves, the rest by their own clients."""

import asyncio
import contextlib
import os

import pytest
from demo_snmp import Manager, discovered
from hypothesis import given
from hypothesis import strategies as st

from monitor.demo import agents, clinical, mib, snmpd, virtual
from monitor.demo.battery import REFILL, RUN, Battery
from monitor.demo.datagrams import CLIENTS, DatagramEdge
from monitor.demo.edge import HOST

# pysnmp's client calls pysmi by names that pysmi has renamed.
pytestmark = pytest.mark.filterwarnings("ignore:.* is deprecated. Please use:DeprecationWarning")
UPS = "1.3.6.1.2.1.33.1"
IF_X = "1.3.6.1.2.1.31.1.1.1"
seconds = st.floats(0, 10_000)


# ---------------------------------------------------------------- battery


def test_a_battery_lasts_as_long_as_it_says_and_the_card_boasts():
    """
    Half way through, half is left, and the card believes in more than twice of it.
    """
    battery = Battery().turned(100.0, on=True)
    assert battery.level(100.0 + RUN / 2) == pytest.approx(0.5)
    assert battery.level(100.0 + RUN) == 0.0
    assert battery.seconds_on(100.0 + 61.7) == 61
    assert battery.minutes_left(100.0 + RUN / 2) * 60 > 2 * RUN / 2
    assert [battery.status(100.0 + RUN * part) for part in (0.5, 0.8, 1.0)] == [2, 3, 4]
    back = battery.turned(100.0 + RUN / 2, on=False)
    assert back.seconds_on(100.0 + RUN) == 0
    assert back.level(100.0 + RUN / 2 + REFILL / 4) == pytest.approx(0.75)


@given(st.lists(st.tuples(seconds, st.booleans()), max_size=12), seconds)
def test_a_battery_is_never_more_than_full_or_less_than_empty(turns, after):
    """
    Whatever mains does: between empty and full, falling on battery, rising on mains.
    """
    battery, now = Battery(), 0.0
    for passed, on in turns:
        now += passed
        battery = battery.turned(now, on=on)
    first, then = battery.level(now), battery.level(now + after)
    assert 0.0 <= then <= 1.0
    assert then <= first if battery.on else then >= first
    assert battery.turned(now, on=battery.on) == battery


# ---------------------------------------------------------------- switch, tables


def value(rows, oid):
    wanted = tuple(map(int, oid.split(".")))
    return next(v for o, _, v in rows if o == wanted)


def test_a_port_goes_down_and_counts_stand_still():
    switch = virtual.Switch("access-1", 1000.0)
    switch.change("port-7", 1010.0, on=True)
    rows = switch.rows(3, 1020.0)
    assert value(rows, "1.3.6.1.2.1.2.2.1.8.7") == 2
    assert value(rows, "1.3.6.1.2.1.2.2.1.8.8") == 1
    assert value(rows, "1.3.6.1.2.1.2.2.1.9.7") == 1000  # hundredths since its start
    assert value(rows, f"{IF_X}.18.7") == "uplink-1"
    stood = value(rows, f"{IF_X}.6.7")
    assert stood == value(switch.rows(3, 1100.0), f"{IF_X}.6.7") > 0
    switch.change("port-7", 1100.0, on=False)
    assert value(switch.rows(3, 1101.0), f"{IF_X}.6.7") > stood


def test_a_bad_cable_breaks_frames_and_power_forgets_counts():
    switch = virtual.Switch("access-1", 0.0)
    switch.change("noise-8", 0.0, on=True)
    errors = "1.3.6.1.2.1.2.2.1.14.8"
    assert value(switch.rows(1, 10.0), errors) == virtual.ERRORS_PER_SECOND * 10
    switch.start(50.0)
    rows = switch.rows(2, 51.0)
    assert value(rows, errors) == virtual.ERRORS_PER_SECOND  # the cable is bad still
    assert value(rows, "1.3.6.1.2.1.1.3.0") == 100
    assert value(rows, "1.3.6.1.6.3.10.2.1.2.0") == 2


@pytest.mark.parametrize("what", ["port-0", "port-9", "port-x", "fire", "mains"])
def test_a_switch_knows_what_can_happen_to_it(what):
    with pytest.raises(virtual.UnknownChangeError):
        virtual.Switch("s", 0.0).change(what, 0.0, on=True)


def test_a_ups_lists_its_alarms_and_what_comes_after_stands_in_order():
    ups = virtual.Ups("ups-1", 0.0)
    assert value(ups.rows(1, 5.0), f"{UPS}.6.1.0") == 0
    ups.change("mains", 5.0, on=True)
    ups.change("mains", 6.0, on=True)  # twice is once
    ups.change("worn", 6.0, on=True)
    rows = ups.rows(1, 65.0)
    assert value(rows, f"{UPS}.4.1.0") == 5
    assert value(rows, f"{UPS}.2.2.0") == 60
    assert value(rows, f"{UPS}.3.1.0") == 1
    assert value(rows, f"{UPS}.6.1.0") == 3
    assert value(rows, f"{UPS}.6.2.1.2.2") == (*mib.UPS, 6, 3, 2)
    assert [o for o, _, _ in rows] == sorted({o for o, _, _ in rows})


def test_counters_wrap_as_their_types_do():
    rows = iter([((1, 3), mib.Kind.COUNTER, (1 << 32) + 5), ((1, 2), mib.Kind.TICKS, 1 << 33)])
    assert mib.table(rows) == (((1, 2), mib.Kind.TICKS, 0), ((1, 3), mib.Kind.COUNTER, 5))


REFUSED = {
    "no JSON": ("{", "JSONDecodeError"),
    "nobody": ('{"agent": "x", "do": "start"}', "KeyError"),
    "no such thing": ('{"agent": "sw", "do": "fire", "on": true}', "UnknownChangeError"),
    "not on, not off": ('{"agent": "sw", "do": "port-1"}', "KeyError"),
}


@pytest.mark.parametrize(("line", "why"), REFUSED.values(), ids=REFUSED)
def test_the_agents_refuse_what_they_do_not_understand(line, why):
    said = {"login": {}, "agents": [{"name": "sw", "role": "access-switch"}]}
    made = snmpd.build(said, 0.0)
    try:
        answer = snmpd.obey(made, line)
    finally:
        for agent in made.values():
            agent.close()
    assert answer["ok"] is False
    assert answer["error"].startswith(why)


# ---------------------------------------------------------------- the edge of UDP


class Echo(asyncio.DatagramProtocol):
    """Answers each datagram with itself."""

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.transport.sendto(data, addr)


class Ear(asyncio.DatagramProtocol):
    """Keeps what it hears."""

    def __init__(self):
        self.heard = asyncio.Queue()

    def datagram_received(self, data, addr):
        self.heard.put_nowait(data)


async def client(port):
    loop = asyncio.get_running_loop()
    return await loop.create_datagram_endpoint(Ear, remote_addr=(HOST, port))


@pytest.fixture
async def edge():
    loop = asyncio.get_running_loop()
    echo, _ = await loop.create_datagram_endpoint(Echo, local_addr=(HOST, 0))
    made = DatagramEdge(echo.get_extra_info("sockname")[:2])
    await made.open()
    yield made
    await made.close()
    echo.close()


async def test_an_open_edge_brings_each_client_its_own_answers(edge):
    clients = [await client(edge.port) for _ in range(CLIENTS + 6)]
    for n, (transport, _) in enumerate(clients):
        transport.sendto(f"{n}".encode())
        assert await asyncio.wait_for(clients[n][1].heard.get(), 2) == f"{n}".encode()
    assert len(edge._clients) == CLIENTS
    clients[0][0].sendto(b"again")  # forgotten, and taken up again
    assert await asyncio.wait_for(clients[0][1].heard.get(), 2) == b"again"
    assert all(ear.heard.empty() for _, ear in clients)
    for transport, _ in clients:
        transport.close()


async def test_a_cut_edge_is_silent_and_says_no_to_nobody(edge):
    transport, ear = await client(edge.port)
    edge.cut()
    transport.sendto(b"lost")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(ear.heard.get(), 0.2)
    await edge.open()
    transport.sendto(b"here")
    assert await asyncio.wait_for(ear.heard.get(), 2) == b"here"
    transport.close()


# ---------------------------------------------------------------- the agents, by pysnmp


@pytest.fixture
async def room(tmp_path):
    """Two agents in their child process, and the login for them."""
    login = agents.login(tmp_path)
    made = agents.Agents(tmp_path, login)
    await made.start([("sw", "access-switch"), ("ups", "ups")])
    manager = Manager(login)
    yield made, login, manager
    manager.close()
    await made.stop()


async def test_agents_answer_one_user_and_nobody_else(room):
    """
    A walk is whole and in order; without privacy, with another password: nothing is told.
    """
    made, login, manager = room
    switch, ups = made.address("sw")[1], made.address("ups")[1]
    found = await manager.walk(switch, "1.3.6.1.2.1.31")
    assert len(found) == 6 * virtual.PORTS
    assert str(found[f"{IF_X}.18.8"]) == "uplink-2"
    got = await manager.get(ups, f"{UPS}.4.1.0", f"{UPS}.9.9.0")
    assert int(got[0]) == 3
    assert got[1].prettyPrint() == "No Such Instance currently exists at this OID"

    wrong = Manager(login, priv="another-password")
    assert isinstance(await wrong.get(switch, f"{IF_X}.1.1"), str)
    wrong.close()
    assert await discovered(switch, 4)


async def test_agents_let_things_happen(room):
    made, _, manager = room
    switch, ups = made.address("sw")[1], made.address("ups")[1]
    await made.change("ups", "mains", on=True)
    await made.change("sw", "port-7", on=True)
    assert int((await manager.get(ups, f"{UPS}.4.1.0"))[0]) == 5
    assert int((await manager.get(switch, "1.3.6.1.2.1.2.2.1.8.7"))[0]) == 2
    boots = "1.3.6.1.6.3.10.2.1.2.0"
    before = int((await manager.get(switch, boots))[0])
    await made.boot("sw")
    fresh = Manager(room[1])  # it does not know the engine's time from before
    after = await fresh.get(switch, boots, "1.3.6.1.2.1.1.3.0")
    fresh.close()
    assert int(after[0]) == before + 1
    assert int(after[1]) < 500
    with pytest.raises(agents.AgentsError, match="UnknownChangeError"):
        await made.change("ups", "port-1", on=True)


async def test_the_agents_end_with_the_demo(room, tmp_path):
    """
    Their standard input ends, be it by kill -9 of the demo: they are gone.
    """
    made, login, _ = room
    pid = made.pid
    made._process.stdin.close()
    await asyncio.wait_for(made._process.wait(), 5)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(agents.AgentsError, match="do not answer"):
        await made.boot("sw")
    assert agents.login(tmp_path) == login  # kept for the next start
    assert login.auth not in repr(login)


# ---------------------------------------------------------------- room, LIS, PACS


async def test_the_room_gets_hot_and_cool_again():
    from pymodbus.client import AsyncModbusTcpClient  # noqa: PLC0415 -- heavy, and here only

    clock = Hand()
    sensor = clinical.Room(clock)
    await sensor.start()
    asker = AsyncModbusTcpClient(sensor.address[0], port=sensor.address[1])
    await asker.connect()

    async def celsius():
        answer = await asker.read_input_registers(clinical.TEMPERATURE, count=2, device_id=1)
        assert answer.registers[1] == 480
        return answer.registers[0] / 10

    try:
        assert await celsius() == clinical.WARM
        sensor.heat(on=True)
        clock.at += 10
        assert await celsius() == clinical.WARM + 5.0
        clock.at += 1000
        assert await celsius() == clinical.HOT
        sensor.heat(on=False)
        clock.at += 1000
        assert await celsius() == clinical.WARM
        bits = await asker.read_discrete_inputs(clinical.WATER, count=2, device_id=1)
        assert bits.bits[:2] == [False, False]
        assert (await asker.read_input_registers(9, count=1, device_id=1)).isError()
    finally:
        asker.close()
        await sensor.stop()


class Hand:
    """A steady clock moved by hand."""

    at = 0.0

    def monotonic(self):
        return self.at


async def test_the_lis_acknowledges_with_hl7s_own_client():
    import hl7  # noqa: PLC0415 -- here only
    from hl7.mllp import open_hl7_connection  # noqa: PLC0415 -- likewise

    lis = clinical.Lis()
    await lis.start()
    reader, writer = await open_hl7_connection(*lis.address)
    writer.writemessage(hl7.parse("MSH|^~\\&|ZB|A|LIS|B|20261122||NMD^N02|42|T|2.3.1\r"))
    await writer.drain()
    answer = await asyncio.wait_for(reader.readmessage(), 2)
    assert (str(answer["MSA"][0][1]), str(answer["MSA"][0][2])) == ("AA", "42")
    assert str(answer["MSH"][0][3]) == "LIS"
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    await lis.stop()


async def test_the_pacs_takes_an_echo_under_its_own_name_only():
    from pynetdicom import AE  # noqa: PLC0415 -- heavy, and here only

    def echo(address, called):
        entity = AE()
        entity.add_requested_context(clinical.VERIFICATION)
        made = entity.associate(*address, ae_title=called)
        if not made.is_established:
            return "rejected" if made.is_rejected else "none"
        status = made.send_c_echo().Status
        made.release()
        return status

    pacs = clinical.Pacs()
    await pacs.start()
    try:
        assert await asyncio.to_thread(echo, pacs.address, clinical.TITLE) == 0
        assert await asyncio.to_thread(echo, pacs.address, "OTHER") == "rejected"
    finally:
        await pacs.stop()


def test_a_message_without_a_header_is_acknowledged_all_the_same():
    assert clinical.acknowledgement(b"\x0bnonsense\x1c\r").endswith(b"\rMSA|AA|\r")
