"""An edge really cuts: resets, refusals, a port that nobody else gets."""

import asyncio
import contextlib
import socket

import pytest

from monitor.demo.edge import CHUNK, HOST, Edge


@contextlib.asynccontextmanager
async def served(handle):
    """An edge, open, in front of a server that runs ``handle(reader, writer)``."""
    server = await asyncio.start_server(handle, HOST, 0)
    edge = Edge(server.sockets[0].getsockname()[:2])
    await edge.open()
    try:
        yield edge
    finally:
        await edge.close()
        server.close()


async def echo(reader, writer):
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
    writer.close()


async def connect(edge):
    return await asyncio.wait_for(asyncio.open_connection(HOST, edge.port), 2)


async def test_open_passes_bytes_both_ways():
    async with served(echo) as edge:
        reader, writer = await connect(edge)
        writer.write(b"ping")
        assert await asyncio.wait_for(reader.readexactly(4), 2) == b"ping"
        writer.close()


async def test_half_close_goes_through():
    """
    A client that has said everything still gets the whole answer.
    """

    async def count(reader, writer):
        writer.write(str(len(await reader.read())).encode())
        writer.close()

    async with served(count) as edge:
        reader, writer = await connect(edge)
        writer.write(b"x" * 100_000)
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(), 2) == b"100000"
        writer.close()


async def test_a_reader_that_stops_holds_the_sender_back():
    """
    The proxy keeps a bounded piece, not everything that the server would send.
    """
    sent = 0

    async def flood(reader, writer):
        nonlocal sent
        with contextlib.suppress(OSError):
            while sent < 64 << 20:
                writer.write(b"x" * CHUNK)
                await writer.drain()
                sent += CHUNK
        writer.close()

    async with served(flood) as edge:
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
            client.settimeout(0)
            await asyncio.get_running_loop().sock_connect(client, (HOST, edge.port))
            before = -1
            while sent == 0 or before != sent:  # until nothing moves any more
                before = sent
                await asyncio.sleep(0.2)
            assert 0 < sent < 32 << 20


async def test_cut_resets_what_is_established_and_refuses_what_is_new():
    async with served(echo) as edge:
        reader, writer = await connect(edge)
        writer.write(b"ping")
        await reader.readexactly(4)
        edge.cut()
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.read(), 2)
        with pytest.raises(ConnectionRefusedError):
            await connect(edge)
        assert not edge.is_open
        writer.close()
        await edge.open()
        reader, writer = await connect(edge)
        writer.write(b"again")
        assert await asyncio.wait_for(reader.readexactly(5), 2) == b"again"
        writer.close()


async def test_a_cut_port_goes_to_nobody_else():
    async with served(echo) as edge:
        edge.cut()
        with socket.socket() as thief, pytest.raises(OSError, match="in use"):
            thief.bind((HOST, edge.port))


async def test_a_dead_server_behind_an_open_edge_resets_the_client():
    async with served(echo) as edge:
        with socket.socket() as gone:  # bound, never listening: it refuses
            gone.bind((HOST, 0))
            edge.backend = gone.getsockname()
            reader, writer = await connect(edge)
            with pytest.raises(ConnectionResetError):
                await asyncio.wait_for(reader.read(), 2)
            writer.close()


async def test_close_ends_connections_that_hang():
    async def silent(reader, writer):
        await reader.read()
        writer.close()

    async with served(silent) as edge:
        _, writer = await connect(edge)
        await asyncio.sleep(0.05)
        await asyncio.wait_for(edge.close(), 2)
        edge.cut()  # and again, after all is gone
        writer.close()
