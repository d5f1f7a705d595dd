"""The modbus probe: register maps, the ranges read, numbers out of words, strangers."""

import asyncio
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loopback import talking
from pydantic import ValidationError
from visiting import visit

from exporters import _registers, modbus
from exporters._registers import Register, Request


def register(address=0, metric="hw_temperature_celsius", **more):
    return Register(metric=metric, address=address, **more)


# facts/channels-and-probes.md, section 5: R444A01 and its like
DECODED = {
    "int16 by tenths": ({"scale": 0.1}, [235], 23.5),
    "negative": ({"scale": 0.1}, [0xFFE7], -2.5),
    "uint16": ({"type": "uint16"}, [0xFFE7], 65511),
    "offset": ({"scale": 0.1, "offset": -40}, [650], 25),
    "little bytes": ({"type": "uint16", "byte_order": "little"}, [0x0100], 1),
    "int32": ({"type": "int32"}, [0xFFFF, 0xFFFE], -2),
    "uint32, little words": ({"type": "uint32", "word_order": "little"}, [1, 2], 2 << 16 | 1),
    "float32 ABCD": ({"type": "float32"}, [0x41BC, 0x0000], 23.5),
    "float32 CDAB": ({"type": "float32", "word_order": "little"}, [0x0000, 0x41BC], 23.5),
    "float32 DCBA": (
        {"type": "float32", "word_order": "little", "byte_order": "little"},
        [0x0000, 0xBC41],
        23.5,
    ),
    "float64": ({"type": "float64"}, [0x4037, 0x8000, 0, 0], 23.5),
    "uint64": ({"type": "uint64"}, [0, 0, 1, 0], 65536),
    "bit 0": ({"bit": 0}, [0x8001], 1),
    "bit 15": ({"bit": 15}, [0x8001], 1),
    "bit 1": ({"bit": 1}, [0x8001], 0),
    "discrete input": ({"function": 2}, [1], 1),
    "normally closed": ({"function": 2, "scale": -1, "offset": 1}, [1], 0),
}


@pytest.mark.parametrize(("options", "words", "expected"), DECODED.values(), ids=DECODED)
def test_values(options, words, expected):
    one = register(7, **options)
    answers = {Request(one.function, 7, len(words)): words}
    ((_, value),) = _registers.values([one], answers)
    assert value == pytest.approx(expected)


INVALID = {
    "marked": ({"invalid": [-32768, 32767]}, [0x8000]),
    "NaN": ({"type": "float32"}, [0x7FC0, 0]),
    "infinite": ({"type": "float32"}, [0x7F80, 0]),
}


@pytest.mark.parametrize(("options", "words"), INVALID.values(), ids=INVALID)
def test_what_is_no_number_is_absent(options, words):
    one = register(0, **options)
    assert list(_registers.values([one], {Request(3, 0, len(words)): words})) == []


maps = st.lists(
    st.builds(
        register,
        address=st.integers(0, 400),
        function=st.sampled_from([3, 4]),
        type=st.sampled_from(list(_registers.FORMATS)),
    )
    | st.builds(register, address=st.integers(0, 5000), function=st.sampled_from([1, 2])),
    max_size=60,
)


@given(maps)
def test_plan(registers):
    """Every register is read in one piece, nothing else is, and no request is too long."""
    requests = _registers.plan(registers)
    wanted = {(r.function, a) for r in registers for a in range(r.address, r.address + r.count)}
    asked = {(q.function, a) for q in requests for a in range(q.address, q.address + q.count)}
    assert asked == wanted
    assert all(q.count <= _registers.MOST[q.function] for q in requests)
    answers = {q: [0] * q.count for q in requests}
    assert len(list(_registers.values(registers, answers))) == len(registers)


def test_neighbours_in_one_request():
    found = _registers.plan([register(a, function=4) for a in (1, 0, 2, 9)])
    assert found == [Request(4, 0, 3), Request(4, 9, 1)]


BAD = {
    "Field required": {"metric": "hw_smoke"},
    "single bits": {"metric": "hw_smoke", "address": 1, "function": 2, "type": "int16"},
    "goes with bit": {"metric": "hw_smoke", "address": 1, "type": "bool"},
    "beyond address 65535": {"metric": "hw_x", "address": 65535, "type": "int32"},
    "should match pattern": {"metric": "probe_success", "address": 1},
    "Input should be 1, 2, 3 or 4": {"metric": "hw_x", "address": 1, "function": 6},
}


@pytest.mark.parametrize(("wrong", "one"), BAD.items(), ids=BAD)
def test_bad_registers(wrong, one):
    with pytest.raises(ValidationError) as caught:
        modbus.Options.model_validate({"registers": [one]})
    assert wrong in str(caught.value)


def test_one_series_once():
    twice = {"metric": "hw_smoke", "address": 1, "function": 2}
    with pytest.raises(ValidationError, match="stands twice with the same labels"):
        modbus.Options.model_validate({"registers": [twice, {**twice, "address": 2}]})
    modbus.Options.model_validate({"registers": [twice, {**twice, "labels": {"place": "机房"}}]})


def test_exceptions_in_words():
    error = modbus.excepted(2, Request(3, 40, 2))
    assert error.reason == "status"
    assert error.detail == (
        "the device has no such register (illegal data address): function 3, address 40 to 41"
    )
    assert "exception 99" in modbus.excepted(99, Request(3, 0, 1)).detail


PLAUSIBLE = {
    "nothing yet": (b"", True),
    "a part of the head": (b"\0\1\0", True),
    "the head": (b"\0\1\0\0\0\5\1", True),
    "an answer": (b"\0\1\0\0\0\5\1\3\2\0\1", True),
    "half of it": (b"\0\1\0\0\0\5\1\3\2", True),
    "an exception": (b"\0\1\0\0\0\3\1\x83\2", True),
    "a web server": (b"HTTP/1.1 400", False),
    "too long": (b"\0\1\0\0\1\5\1", False),
    "too short": (b"\0\1\0\0\0\1\1", False),
    "another function": (b"\0\1\0\0\0\5\1\x10\2\0\1", False),
    "its count is wrong": (b"\0\1\0\0\0\5\1\3\4\0\1", False),
}


@pytest.mark.parametrize(("data", "expected"), PLAUSIBLE.values(), ids=PLAUSIBLE)
def test_plausible(data, expected):
    assert modbus.plausible(data) is expected


@given(st.binary(max_size=300), st.sampled_from([b"", b"\0\1\0\0"]))
def test_what_passes_pymodbus_can_read(data, head):
    """Whatever bytes pass the gate raise nothing in the driver."""
    from pymodbus.framer import FramerSocket  # noqa: PLC0415  as lazy as the probe
    from pymodbus.pdu import DecodePDU  # noqa: PLC0415  likewise

    if modbus.plausible(head + data):
        FramerSocket(DecodePDU(is_server=False)).handleFrame(head + data, 1, 1)


def device(*says, close=False):
    """Answer the first request with these bytes, its transaction id before them."""

    async def talk(reader, writer):
        head = await reader.readexactly(12)
        for part in says:
            writer.write(head[:2] + part if part[:2] == b"\0\0" else part)
        if close:
            writer.close()

    return talking(talk)


def answer(pdu, unit=1):
    return b"\0\0" + struct.pack(">HB", len(pdu) + 1, unit) + pdu


ROOM = [{"metric": "hw_temperature_celsius", "address": 0, "scale": 0.1}]


async def test_reads():
    async with device(answer(b"\3\2\0\xeb")) as port:
        seen, got = await visit("modbus", f"127.0.0.1:{port}", registers=ROOM)
    assert seen.up, seen
    assert got["hw_temperature_celsius",] == pytest.approx(23.5)


STRANGERS = {
    "silence": ((), {}, "timeout", "no answer"),
    "hangs up": ((), {"close": True}, "protocol", "closed by the other side"),
    "a web server": ((b"HTTP/1.1 400 Bad\r\n\r\n",), {}, "protocol", "does not speak Modbus"),
    "endless garbage": ((bytes(range(1, 256)) * 4000,), {}, "timeout", "no answer"),
    "another device": ((answer(b"\3\2\0\1", unit=9),), {}, "timeout", "no answer"),
    "fewer than asked": ((answer(b"\3\0"),), {}, "protocol", "0 values where 1"),
    "no such register": ((answer(b"\x83\2"),), {}, "status", "no such register"),
    "a dead sensor": ((answer(b"\x83\x0b"),), {}, "status", "behind the gateway"),
}


@pytest.mark.parametrize(("says", "how", "reason", "detail"), STRANGERS.values(), ids=STRANGERS)
async def test_strangers(says, how, reason, detail):
    async with device(*says, **how) as port:
        seen, _ = await visit("modbus", f"127.0.0.1:{port}", timeout=0.5, registers=ROOM)
    assert (seen.up, seen.reason) == (False, reason), seen
    assert detail in seen.detail


async def test_a_flood():
    """Without end and faster than we read: the visit ends in time, and keeps nothing."""

    async def talk(reader, writer):
        await reader.readexactly(12)
        while True:
            writer.write(bytes(65536))
            await writer.drain()

    async with talking(talk) as port:
        seen, _ = await visit("modbus", f"127.0.0.1:{port}", timeout=0.5, registers=ROOM)
    assert (seen.up, seen.reason) in {(False, "timeout"), (False, "protocol")}, seen


async def test_refused_is_told():
    async with device() as port:
        pass
    await asyncio.sleep(0)
    seen, _ = await visit("modbus", f"127.0.0.1:{port}", registers=ROOM)
    assert (seen.reason, seen.detail) == ("refused", "connection refused")


async def test_all_invalid_is_unknown():
    async with device(answer(b"\3\2\x80\0")) as port:
        seen, got = await visit(
            "modbus", f"127.0.0.1:{port}", registers=[{**ROOM[0], "invalid": [-32768]}]
        )
    assert (seen.up, seen.reason) == (False, "mismatch")
    assert ("hw_temperature_celsius",) not in got
