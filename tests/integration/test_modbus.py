"""A real Modbus server, pymodbus' own: a room's sensor, by TCP framing and by RTU over TCP."""

import contextlib

import pytest
from pymodbus import FramerType
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice
from real import free_port
from visiting import visit

ROOM = [
    {"metric": "hw_temperature_celsius", "address": 0, "function": 4, "scale": 0.1,
     "invalid": [32767], "labels": {"place": "冷通道"}},
    {"metric": "hw_temperature_celsius", "address": 2, "function": 4, "scale": 0.1,
     "invalid": [32767], "labels": {"place": "热通道"}},
    {"metric": "hw_humidity_ratio", "address": 1, "function": 4, "scale": 0.001},
    {"metric": "hw_water_leak", "address": 0, "function": 2, "labels": {"place": "地板下"}},
    {"metric": "hw_door_open", "address": 9, "function": 2, "scale": -1, "offset": 1},
    {"metric": "hw_smoke", "address": 4, "bit": 3},
    {"metric": "hw_power_watts", "address": 10, "type": "float32", "help": "PDU 1"},
]  # fmt: skip


@contextlib.asynccontextmanager
async def room(framer):
    """Serve the registers of a room's sensor; yields the port."""
    device = SimDevice(
        id=3,
        simdata=(
            [SimData(0, values=False, datatype=DataType.BITS)],
            [SimData(0, values=[True] + [False] * 8 + [True] * 7, datatype=DataType.BITS)],
            [
                SimData(4, values=8, datatype=DataType.REGISTERS),
                SimData(10, values=1234.5, datatype=DataType.FLOAT32),
            ],
            [SimData(0, values=[0xFFE7, 481, 32767], datatype=DataType.REGISTERS)],
        ),
    )
    port = free_port()
    server = ModbusTcpServer(device, framer=framer, address=("127.0.0.1", port))
    await server.serve_forever(background=True)
    try:
        yield port
    finally:
        await server.shutdown()


@pytest.mark.parametrize("framing", ["tcp", "rtu"])
async def test_a_room(framing):
    framer = FramerType.RTU if framing == "rtu" else FramerType.SOCKET
    async with room(framer) as port:
        seen, got = await visit(
            "modbus", f"127.0.0.1:{port}", unit=3, framing=framing, registers=ROOM
        )
    assert seen.up, seen
    mine = {key: value for key, value in got.items() if key[0].startswith("hw_")}
    assert mine == {
        ("hw_temperature_celsius", "冷通道"): pytest.approx(-2.5),
        ("hw_humidity_ratio",): pytest.approx(0.481),
        ("hw_water_leak", "地板下"): 1,
        ("hw_door_open",): 0,
        ("hw_smoke",): 1,
        ("hw_power_watts",): 1234.5,
    }


async def test_no_such_register():
    async with room(FramerType.SOCKET) as port:
        seen, _ = await visit(
            "modbus",
            f"127.0.0.1:{port}",
            unit=3,
            registers=[{"metric": "hw_smoke", "address": 999, "type": "uint16"}],
        )
    assert (seen.up, seen.reason) == (False, "status")
    assert "no such register" in seen.detail
