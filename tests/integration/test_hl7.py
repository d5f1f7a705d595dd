"""Real MLLP servers, those of the hl7 package: an engine that accepts, and one that refuses."""

import asyncio
import contextlib
from datetime import UTC, datetime

import hl7
import pytest
from hl7.mllp import start_hl7_server
from visiting import visit

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:hl7")


@contextlib.asynccontextmanager
async def engine(code):
    """Serve on loopback; yields its port and the messages it got."""
    got, writers = [], []

    async def serve(reader, writer):
        writers.append(writer)
        with contextlib.suppress(EOFError, OSError):
            while True:
                message = await reader.readmessage()
                got.append(message)
                writer.writemessage(message.create_ack(code))
                await writer.drain()
        writer.close()

    async with await start_hl7_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], got
        for writer in writers:
            writer.transport.abort()
        for _ in range(5):  # until the aborted ones have noticed
            await asyncio.sleep(0)


@pytest.mark.parametrize("code", ["AA", "AE", "AR"])
async def test_any_acknowledgement_is_life(code):
    async with engine(code) as (port, got):
        seen, readings = await visit("hl7", f"127.0.0.1:{port}", message=True)
    assert seen.up, seen
    assert readings["probe_hl7_ack_info", code] == 1
    (message,) = got
    assert str(message.segment("MSH")[9]) == "NMD^N02"
    assert str(message.segment("MSH")[11]) == "T"
    assert [str(s[0]) for s in message] == ["MSH"]


async def test_connection_alone():
    async with engine("AA") as (port, got):
        seen, _ = await visit("hl7", f"127.0.0.1:{port}")
    assert seen.up, seen
    assert got == []


async def test_a_second_reader_agrees():
    """What hl7 parses as our control id is what its acknowledgement names."""
    async with engine("AA") as (port, got):
        await visit("hl7", f"127.0.0.1:{port}", message=True, sending_facility="XX")
        await visit("hl7", f"127.0.0.1:{port}", message=True)
    ids = {str(m.segment("MSH")[10]) for m in got}
    assert len(ids) == 2
    assert str(got[0].segment("MSH")[4]) == "XX"
    ack = got[0].create_ack("AA")
    assert hl7.parse_datetime(str(ack.segment("MSH")[7])).year == datetime.now(UTC).year  # noqa: TID251  the server's own clock
