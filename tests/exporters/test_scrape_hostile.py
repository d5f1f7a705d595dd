"""Hostile pages, through the real guarded layer: each is its own failed visit, and no more."""

import asyncio
import contextlib
import gzip
import os
from datetime import timedelta

import psutil
import pytest

from exporters import scrape
from monitor.clock import SystemClock
from monitor.model.target import Target
from monitor.polling.io import Net
from monitor.polling.runner import Runner

pytestmark = pytest.mark.alone  # deadlines and beats of hundreds of visits

MB = 1 << 20
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close\r\n"


async def repeated(writer, chunk, most=200 * MB):
    for _ in range(most // len(chunk)):
        writer.write(chunk)
        await writer.drain()


async def endless_metrics(writer):
    """200 MB of metrics, each line another series."""
    writer.write(HEAD + b"\r\n")
    for i in range(2_000):
        writer.write(b"".join(b'x{i="%d-%d"} 1\n' % (i, j) for j in range(5_000)))
        await writer.drain()


async def one_series_for_ever(writer):
    """One and the same comment line, for ever."""
    writer.write(HEAD + b"\r\n")
    await repeated(writer, b"# nothing to see\n" * 4_000)


async def one_line(writer):
    """A line that never ends."""
    writer.write(HEAD + b"\r\n")
    await repeated(writer, b"x" * 65_536)


async def empty_lines(writer):
    """Nothing but line feeds."""
    writer.write(HEAD + b"Content-Length: %d\r\n\r\n" % (3 * MB))
    await repeated(writer, b"\n" * 65_536, 3 * MB)


async def a_million_label_values(writer):
    """A million label values inside the byte bound: short lines."""
    body = b"".join(b'x{a="%x"} 1\n' % i for i in range(250_000))
    writer.write(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    await writer.drain()


async def one_series_of_many_labels(writer):
    """Thousands of labels on one line."""
    body = b"x{" + b",".join(b'l%d="1"' % i for i in range(6_000)) + b"} 1\n"
    writer.write(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    await writer.drain()


async def gzip_bomb(writer):
    """200 MB in 200 kB."""
    body = gzip.compress(b'x{a="aaaaaaaaaaaaaaaaaaaaaaaa"} 1\n' * 6_000_000, 9)
    writer.write(HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    await writer.drain()


async def nothing(writer):
    """A head, and then silence."""
    writer.write(HEAD + b"Content-Length: 100\r\n\r\nx 1\n")
    await writer.drain()
    await asyncio.sleep(30)


async def cut_off(writer):
    """Less than it said."""
    writer.write(HEAD + b"Content-Length: 100\r\n\r\nx 1\ny 2\n")
    await writer.drain()


async def backwards(writer):
    """Lines made to make an expression go back over itself."""
    body = (b'x{a="' + b'\\"' * 30_000 + b"\n") * 30
    writer.write(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    await writer.drain()


# Each row: the server, the reasons that are right.
HOSTILE = {
    endless_metrics: {"too_large"},
    one_series_for_ever: {"too_large"},
    one_line: {"too_large"},
    empty_lines: {"too_large"},
    a_million_label_values: {"too_large"},
    one_series_of_many_labels: {"too_large"},
    gzip_bomb: {"too_large"},
    nothing: {"timeout"},
    cut_off: {"protocol"},
    backwards: {"protocol"},
}


@contextlib.asynccontextmanager
async def serving(play):
    """A server that plays one page; its connections end with it."""
    open_now = {}

    async def answer(reader, writer):
        open_now[asyncio.current_task()] = writer
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            await play(writer)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task, writer in open_now.items():
            task.cancel()
            writer.transport.abort()
        await asyncio.gather(*open_now, return_exceptions=True)


def target(port, seconds=3):
    return Target(
        name=f"t{port}",
        title="",
        kind="scrape",
        address=f"127.0.0.1:{port}",
        every=timedelta(seconds=60),
        timeout=timedelta(seconds=seconds),
        options=scrape.ScrapeOptions(),
    )


async def visit(net, clock, one):
    started = clock.monotonic()
    found = await Runner(scrape.PROBE, clock).visit(one, net.guard(one), None)
    return found, clock.monotonic() - started


@pytest.mark.parametrize("play", HOSTILE, ids=lambda play: play.__name__)
async def test_a_hostile_page(play):
    """It ends by the deadline + 1 s with a reason, and leaves up 0 and nothing of the page."""
    clock = SystemClock()
    async with serving(play) as port, Net(clock) as net:
        found, took = await visit(net, clock, target(port))
    assert not found.visit.up
    assert found.visit.reason in HOSTILE[play], found.visit
    assert took < 4
    names = {name for block in found.readings for name in block.names}
    assert names == {
        "up",
        "probe_success",
        "probe_duration_seconds",
        "zhiban_probe_failure_info",
    }


async def one_gauge(writer):
    writer.write(HEAD + b"Content-Length: 4\r\n\r\nx 1\n")
    await writer.drain()


async def test_a_neighbour_keeps_its_beat():
    """While pages of 200 MB come in, the loop answers and memory stays where it was."""
    clock, process = SystemClock(), psutil.Process(os.getpid())
    hostile = [endless_metrics, one_line, a_million_label_values, backwards]
    late, peak = [], 0
    async with contextlib.AsyncExitStack() as stack:
        net = await stack.enter_async_context(Net(clock))
        ports = [await stack.enter_async_context(serving(play)) for play in hostile]
        good = target(await stack.enter_async_context(serving(one_gauge)))
        assert (await visit(net, clock, good))[0].visit.up
        before = process.memory_info().rss
        storm = asyncio.gather(*(visit(net, clock, target(port)) for port in ports))
        while not storm.done():
            due = clock.monotonic() + 0.05
            await clock.sleep(0.05)
            late.append(clock.monotonic() - due)
            peak = max(peak, process.memory_info().rss - before)
            assert (await visit(net, clock, good))[0].visit.up
        assert {found.visit.up for found, _ in await storm} == {False}
    print(f"late by at most {max(late):.3f} s, {peak / MB:.0f} MB more at the peak")
    assert max(late) < 0.5
    assert peak < 60 * MB, "four pages of at most 4 MiB, and the four servers of this test"
