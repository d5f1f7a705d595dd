"""
The room, and whatever else speaks Modbus TCP: numbers from a register map.

One device (unit) per target; a gateway in front of several has several targets, so that
one dead sensor takes no other's readings with it. It only reads: functions 1 to 4.
pymodbus opens its own socket, so everything runs under what the visit has left.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal

from pydantic import Field, model_validator

from exporters._address import check_host_port, split
from exporters._registers import BITS, MAX_REGISTERS, Register, Request, plan, values
from monitor.model.reading import Block, Metric
from monitor.probe import OPEN, Io, Probe, ProbeError
from monitor.probe import Options as ProbeOptions

METRICS: Mapping[str, Metric] = {
    "hw_temperature_celsius": Metric("gauge", "Temperature of a place or a part"),
    "hw_humidity_ratio": Metric("gauge", "Relative humidity, 0 to 1"),
    "hw_water_leak": Metric("gauge", "1 while water is where it should not be"),
    "hw_smoke": Metric("gauge", "1 while a smoke detector says so"),
    "hw_door_open": Metric("gauge", "1 while a door stands open"),
    "ups_on_battery": Metric("gauge", "1 while the load runs on the battery"),
    "ups_charge_ratio": Metric("gauge", "Charge of the battery, 0 to 1"),
    "ups_load_ratio": Metric("gauge", "Load, 1 is all that the UPS can carry"),
}
"""Names that rules go by; a map may use others that begin with hw_ or ups_."""

EXCEPTIONS: Mapping[int, str] = {
    1: "the device does not know this function (illegal function)",
    2: "the device has no such register (illegal data address)",
    3: "the device does not take this range (illegal data value)",
    4: "the device has failed (server device failure)",
    5: "the device needs more time (acknowledge)",
    6: "the device is busy",
    8: "the device has found its memory broken (memory parity error)",
    10: "the gateway has no way to the device (gateway path unavailable)",
    11: "the device behind the gateway does not answer",
}
"""Exception codes, MODBUS Application Protocol V1.1b3, section 7."""
HEAD = 7  # bytes before the function code: MBAP header, Messaging Implementation Guide V1.0b
SHORTEST, LONGEST = 3, 254  # what its length may say: an exception; unit and the largest PDU
LATER = 60.0  # seconds that pymodbus is given beyond the visit: the visit's own deadline rules


class Options(ProbeOptions):
    """The register map of one device."""

    unit: int = Field(default=1, ge=0, le=255)
    framing: Literal["tcp", "rtu"] = "tcp"  # rtu: a serial server that passes bytes through
    registers: tuple[Register, ...] = Field(min_length=1, max_length=MAX_REGISTERS)

    @model_validator(mode="after")
    def _once(self) -> "Options":
        seen = set()
        for one in self.registers:
            if (key := (one.metric, one.pairs)) in seen:
                raise ValueError(f"{one.metric} stands twice with the same labels")
            seen.add(key)
        return self


async def run(address: str, options: Options, io: Io) -> list[Block]:
    """Read every range of the map."""
    host, port = split(address)
    addresses = await io.resolve(host)
    try:
        async with asyncio.timeout(io.remaining()):
            answers = await read(addresses, port, options, io)
    except TimeoutError:
        raise ProbeError("timeout", "no answer from the device in time") from None
    found = list(values(options.registers, answers))
    if not found:
        raise ProbeError("mismatch", "every number is one that the map calls invalid")
    return blocks(found)


def blocks(found: Sequence[tuple[Register, float]]) -> list[Block]:
    """One block per metric; a map without holes keeps its label sets from visit to visit."""
    names = dict.fromkeys(one.metric for one, _ in found)
    return [block(name, [(r, v) for r, v in found if r.metric == name]) for name in names]


def block(name: str, found: Sequence[tuple[Register, float]]) -> Block:
    """All values of one metric, with its HELP."""
    said = next((r.help for r, _ in found if r.help), "")
    metric = METRICS.get(name) or Metric("gauge", said or "From a Modbus register map")
    return Block(
        (name,), tuple(r.pairs for r, _ in found), [(v,) for _, v in found], {name: metric}
    )


class Line:
    """
    What becomes of a connection, as pymodbus' hooks see it: the driver itself would wait
    for the deadline where the other side hangs up, and log where it says nonsense.
    """

    def __init__(self, *, framed: bool) -> None:
        self._framed = framed
        self.over: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def connected(self, up: bool) -> None:  # noqa: FBT001  the hook's signature
        """Hook trace_connect."""
        if not up:
            self._end("connection closed by the other side")

    def packet(self, sending: bool, data: bytes) -> bytes:  # noqa: FBT001  the hook's signature
        """Hook trace_packet: let through what may be an answer, whole or not yet."""
        if sending or not self._framed or plausible(data):
            return data
        self._end("does not speak Modbus TCP")
        return b""

    def _end(self, text: str) -> None:
        if not self.over.done():
            self.over.set_result(text)


async def read(
    addresses: Sequence[str], port: int, options: Options, io: Io
) -> dict[Request, Sequence[int]]:
    """Ask for range after range over one connection: devices take few at a time."""
    line = Line(framed=options.framing == "tcp")
    async with connected(addresses, port, line, options, io) as client:
        return {
            one: await asked(client, one, options.unit, line) for one in plan(options.registers)
        }


@asynccontextmanager
async def connected(
    addresses: Sequence[str], port: int, line: Line, options: Options, io: Io
) -> AsyncIterator[Any]:
    """Connect to the first address that takes it."""
    from pymodbus import FramerType  # noqa: PLC0415  only for who watches Modbus
    from pymodbus.client import AsyncModbusTcpClient  # noqa: PLC0415  as above

    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # what it says we say better
    for address in addresses:
        client = AsyncModbusTcpClient(
            address,
            port=port,
            framer=FramerType.RTU if options.framing == "rtu" else FramerType.SOCKET,
            timeout=io.remaining() + LATER,
            retries=0,
            reconnect_delay=0,
            trace_packet=line.packet,
            trace_connect=line.connected,
        )
        try:
            if await client.connect():
                yield client
                return
        finally:
            client.close()
    await io.tcp(addresses[0], port)  # raises why: the driver does not say
    raise ProbeError("refused", "the connection was not taken at first, a moment later it was")


async def asked(client: Any, request: Request, unit: int, line: Line) -> Sequence[int]:
    """One request; ProbeError with the device's own reason in words."""
    ask = {
        1: client.read_coils,
        2: client.read_discrete_inputs,
        3: client.read_holding_registers,
        4: client.read_input_registers,
    }[request.function]
    answer = await answered(ask(request.address, count=request.count, device_id=unit), line)
    if answer.isError():
        raise excepted(getattr(answer, "exception_code", 0), request)
    found: Sequence[int] = answer.bits if request.function in BITS else answer.registers
    if len(found) < request.count:
        raise ProbeError("protocol", f"{len(found)} values where {request.count} were asked for")
    return found[: request.count]


async def answered(asking: Coroutine[Any, Any, Any], line: Line) -> Any:
    """Wait for the answer or the end of the connection, whichever comes first."""
    from pymodbus.exceptions import ModbusException  # noqa: PLC0415  as above

    waiting = asyncio.ensure_future(asking)
    try:
        await asyncio.wait({waiting, line.over}, return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            raise ProbeError("protocol", line.over.result())
        return waiting.result()
    except ModbusException:
        raise ProbeError("protocol", "the answer is not one to our request") from None
    finally:
        waiting.cancel()


def plausible(data: bytes) -> bool:
    """Whether received bytes may be the beginning of, or a whole, answer to function 1 to 4."""
    if data[2:4] != bytes(len(data[2:4])):
        return False  # protocol identifier: 0 is Modbus
    length = int.from_bytes(data[4:6], "big") if len(data) >= HEAD - 1 else SHORTEST
    if not SHORTEST <= length <= LONGEST:
        return False
    pdu = data[HEAD : HEAD - 1 + length]
    if pdu and pdu[0] & 0x7F not in (1, 2, 3, 4):
        return False
    whole = len(pdu) == length - 1
    return not whole or (len(pdu) == SHORTEST - 1 if pdu[0] & 0x80 else pdu[1] == len(pdu) - 2)


def excepted(code: int, request: Request) -> ProbeError:
    """Say what an exception response means, and to which range it came."""
    text = EXCEPTIONS.get(code, f"the device answered with exception {code}")
    last = request.address + request.count - 1
    return ProbeError(
        "status", f"{text}: function {request.function}, address {request.address} to {last}"
    )


PROBE = Probe(Options, OPEN, run, check_host_port)
