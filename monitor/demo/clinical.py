"""
The room's sensor, the PACS and the LIS of the virtual hospital: Modbus, DICOM, HL7.

Each speaks the real protocol on a free loopback port that only its edge knows. They hold
no patient data and keep nothing they are sent.
"""

import asyncio
import contextlib
import logging
from typing import Any

from monitor.clock import Clock
from monitor.demo.edge import HOST, Address
from monitor.demo.ports import free_port

# ---------------------------------------------------------------- room
UNIT = 1  # the sensor's Modbus device id
TEMPERATURE, HUMIDITY = 0, 1  # input registers, 0.1 °C (two's complement) and 0.1 %
WATER, SMOKE = 0, 1  # discrete inputs, 1 is an alarm
WARM, HOT = 23.5, 41.0  # °C: the room with its air conditioning, and without
PACE = 0.5  # °C per second on the way: slow enough to watch, quick enough for a demo
DAMP = 0.48  # relative humidity


class Room:
    """A room sensor. ``heat()`` stops the air conditioning, or starts it again."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._from = WARM
        self._to = WARM
        self._since = clock.monotonic()
        self._server: Any = None
        self.address: Address = (HOST, 0)

    def celsius(self) -> float:
        """The temperature now."""
        moved = PACE * (self._clock.monotonic() - self._since)
        way = self._to - self._from
        return self._from + (min(moved, way) if way > 0 else -min(moved, -way))

    def heat(self, *, on: bool) -> None:
        """Let it get hot, or cool again, from where it is."""
        self._from = self.celsius()
        self._to = HOT if on else WARM
        self._since = self._clock.monotonic()

    async def start(self) -> None:
        # Heavy, and only the demo serves Modbus.
        from pymodbus.server import ModbusTcpServer  # noqa: PLC0415  see above
        from pymodbus.simulator import DataType, SimData, SimDevice  # noqa: PLC0415  see above

        logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # a cut connection is no news
        # Four blocks: coils, discrete inputs, holding and input registers. The action
        # writes the registers before each answer.
        device = SimDevice(
            id=UNIT,
            simdata=(
                [SimData(0, values=False, datatype=DataType.BITS)],
                [SimData(0, values=[False] * 16, datatype=DataType.BITS)],
                [SimData(0, values=0, datatype=DataType.REGISTERS)],
                [SimData(0, values=[0, 0], datatype=DataType.REGISTERS)],
            ),
            action=self._measure,
        )
        self.address = (HOST, free_port())
        self._server = ModbusTcpServer(device, address=self.address)
        await self._server.serve_forever(background=True)

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.shutdown()

    async def _measure(self, *asked: Any) -> None:
        """Fill the registers asked for; pymodbus' signature (function code, start, ...)."""
        function, start, registers = asked[0], asked[1], asked[4]
        if function == 4:  # noqa: PLR2004  read input registers
            told = {TEMPERATURE: round(self.celsius() * 10), HUMIDITY: round(DAMP * 1000)}
            for address, value in told.items():
                if 0 <= address - start < len(registers):
                    registers[address - start] = value & 0xFFFF


# ---------------------------------------------------------------- LIS
START, END = b"\x0b", b"\x1c\x0d"  # MLLP's frame (HL7 v2.5 Appendix C, Minimal Lower Layer)
MAX_MESSAGE = 64 * 1024


class Lis:
    """The LIS' interface engine: it takes any message and acknowledges it with AA."""

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self.address: Address = (HOST, 0)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._talk, HOST, 0, limit=MAX_MESSAGE)
        self.address = self._server.sockets[0].getsockname()[:2]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in tuple(self._open):
            writer.transport.abort()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            while frame := await reader.readuntil(END):
                writer.write(START + acknowledgement(frame) + END)
                await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        self._open.discard(writer)


def acknowledgement(frame: bytes) -> bytes:
    """Make the ACK to one message: sender and receiver change places (HL7 v2.5, 2.13.1)."""
    header = frame.removeprefix(START).split(b"\r", 1)[0].split(b"|")
    field = [*header[:12], *[b""] * (12 - len(header))]
    control, processing, version = field[9], field[10] or b"P", field[11] or b"2.5"
    ack = [b"MSH", b"^~\\&", field[4], field[5], field[2], field[3], field[6], b"", b"ACK"]
    return b"|".join([*ack, control, processing, version]) + b"\rMSA|AA|" + control + b"\r"


# ---------------------------------------------------------------- PACS
TITLE = "PACS"  # the AE title it is called by
CALLERS = 8  # associations at once
VERIFICATION = "1.2.840.10008.1.1"  # SOP class (DICOM PS3.4, Annex A)


class Pacs:
    """The archive as a DICOM SCP for C-ECHO; pynetdicom runs it in threads of its own."""

    def __init__(self) -> None:
        self._server: Any = None
        self.address: Address = (HOST, 0)

    async def start(self) -> None:
        self._server = await asyncio.to_thread(_listen)
        self.address = self._server.socket.getsockname()[:2]

    async def stop(self) -> None:
        if self._server is not None:
            await asyncio.to_thread(self._server.shutdown)


def _listen() -> Any:
    # Heavy, and only the demo serves DICOM.
    from pynetdicom import AE, evt  # noqa: PLC0415  see above

    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)  # a cut connection is no news
    entity = AE(ae_title=TITLE)
    entity.require_called_aet = True
    entity.maximum_associations = CALLERS
    entity.network_timeout = 30
    entity.add_supported_context(VERIFICATION)
    success = 0x0000  # DICOM PS3.7, 9.1.5.1.4
    return entity.start_server(
        (HOST, 0), block=False, evt_handlers=[(evt.EVT_C_ECHO, lambda _: success)]
    )
