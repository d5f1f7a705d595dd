"""A server on a port of loopback that behaves as a test says, and is gone after it."""

import asyncio
import contextlib


@contextlib.asynccontextmanager
async def talking(talk, host="127.0.0.1"):
    """Run ``talk(reader, writer)`` for each connection, then listen; yields the port."""
    writers = []

    async def serve(reader, writer):
        writers.append(writer)
        with contextlib.suppress(OSError):
            await talk(reader, writer)
            await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, host, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        for _ in range(5):  # until the aborted ones have noticed
            await asyncio.sleep(0)
