"""The guarded layer: deadline, bytes, threads and names, each under its bound."""

import asyncio
import contextlib
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from loopback import talking
from visiting import target

from monitor.clock import SystemClock
from monitor.polling import dns
from monitor.polling.io import Net
from monitor.polling.threads import MAX_GIVEN_UP, Threads
from monitor.probe import HttpRequest, ProbeError

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
async def net():
    async with Net(SystemClock()) as made:
        yield made


def guard(net, timeout=2.0):
    return net.guard(replace(target("icmp", "127.0.0.1"), timeout=timedelta(seconds=timeout)))


async def says(writer, data):
    writer.write(data)
    await writer.drain()


async def test_read_until(net):
    """
    A mark is found across packets; what follows it waits for the next read.
    """

    async def talk(reader, writer):
        await says(writer, b"220 rea")
        await asyncio.sleep(0.02)
        await says(writer, b"dy\r")
        await asyncio.sleep(0.02)
        await says(writer, b"\nmore")

    io = guard(net)
    async with talking(talk) as port:
        stream = await io.tcp("127.0.0.1", port)
        assert await stream.read_until(b"\r\n", 100) == b"220 ready\r\n"
        assert await stream.read(2) == b"mo"
        assert await stream.read(9) == b"re"
        await io.close()


async def test_read_until_is_bounded(net):
    """
    Past the bound it is too large, mark or no mark.
    """
    io = guard(net)
    async with talking(lambda r, w: says(w, b"x" * 5000 + b"\n")) as port:
        stream = await io.tcp("127.0.0.1", port)
        with pytest.raises(ProbeError, match="too_large"):
            await stream.read_until(b"\n", 1000)
        await io.close()


async def test_silence_ends_at_the_deadline(net):
    """
    A stream that says nothing ends with the visit's time, and says how long that was.
    """
    io = guard(net, 0.1)
    async with talking(lambda r, w: asyncio.sleep(0)) as port:
        stream = await io.tcp("127.0.0.1", port)
        with pytest.raises(ProbeError, match=r"timeout: no answer within 0\.1 s"):
            await stream.read(1)
        assert io.remaining() == 0
        await io.close()


async def drained(stream, count):
    """Read so many bytes."""
    while count > 0:
        count -= len(await stream.read(1000))


async def test_byte_budget(net, monkeypatch):
    """
    All that a visit reads counts together, over streams and answers.
    """
    monkeypatch.setattr("monitor.polling.io.MAX_VISIT_BYTES", 10_000)
    io = guard(net)
    async with talking(lambda r, w: says(w, b"x" * 6000)) as port:
        first, second = [await io.tcp("127.0.0.1", port) for _ in range(2)]
        await drained(first, 6000)
        with pytest.raises(ProbeError, match="too_large"):
            await drained(second, 6000)
        await io.close()


async def test_streams_are_closed(net):
    """
    What a probe leaves open is closed with its visit.
    """
    gone = asyncio.Event()

    async def talk(reader, writer):
        with contextlib.suppress(ConnectionError):
            await reader.read()
        gone.set()

    io = guard(net)
    async with talking(talk) as port:
        await io.tcp("127.0.0.1", port)
        await io.close()
        await asyncio.wait_for(gone.wait(), 2)


async def test_refused(net):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        with pytest.raises(ProbeError, match="refused: connection refused"):
            await guard(net).tcp("127.0.0.1", port)
        with pytest.raises(ProbeError, match="refused: connection refused"):
            await guard(net).http(HttpRequest(f"http://127.0.0.1:{port}/"))


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "file:///etc/passwd", "http://", "x", ""])
async def test_only_http(net, url):
    with pytest.raises(ProbeError, match="not an http or https address"):
        await guard(net).http(HttpRequest(url))


async def test_proxy_of_the_environment_is_not_used(net, monkeypatch):
    """
    A proxy set for this machine's shell must not stand between us and a target.
    """
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    async with talking(lambda r, w: says(w, answer)) as port:
        assert (await guard(net).http(HttpRequest(f"http://127.0.0.1:{port}/"))).status == 200


async def test_ipv6_literal(net):
    """
    A literal IPv6 address works in a URL and for a stream, and stands in brackets as Host.
    """
    heard = []

    async def talk(reader, writer):
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        await says(writer, b"HTTP/1.1 204 No Content\r\n\r\n")

    async with talking(talk, host="::1") as port:
        answer = await guard(net).http(HttpRequest(f"http://[::1]:{port}/"))
        io = guard(net)
        stream = await io.tcp("::1", port)
        await stream.write(b"GET / HTTP/1.0\r\n\r\n")
        assert (await stream.read_until(b"\r\n", 100)).startswith(b"HTTP/1.1 204")
        await io.close()
    assert answer.status == 204
    assert f"Host: [::1]:{port}".encode() in heard[0]


async def test_credentials_stay_at_home(net):
    """
    A redirect to another server takes neither the password nor the cookies along.
    """
    heard = []

    async def other(reader, writer):
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        await says(writer, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with talking(other) as port:
        moved = (
            f"HTTP/1.1 307 Moved\r\nLocation: http://localhost:{port}/\r\n"
            "Set-Cookie: sid=1\r\nContent-Length: 0\r\n\r\n"
        ).encode()
        async with talking(lambda r, w: says(w, moved)) as first:
            request = HttpRequest(
                f"http://127.0.0.1:{first}/", headers={"Authorization": "Basic eHg=", "X-A": "b"}
            )
            answer = await guard(net).http(request)
    assert (answer.status, answer.redirects) == (200, 1)
    assert b"X-A: b" in heard[0]
    assert b"Authorization" not in heard[0]
    assert b"sid" not in heard[0]


async def test_thread_is_given_up(net):
    """
    A blocking call is given up at the deadline; past the bound the next fails at once.
    """
    release = threading.Event()
    try:
        for _ in range(MAX_GIVEN_UP):
            with pytest.raises(ProbeError, match="no answer within"):
                await guard(net, 0.05).thread(release.wait, 30)
        with pytest.raises(ProbeError, match="timeout: 2 earlier calls have not come back"):
            await guard(net, 5.0).thread(release.wait, 30)
    finally:
        release.set()
    for _ in range(100):
        if not net.threads.given_up:
            break
        await asyncio.sleep(0.01)
    assert await guard(net).thread(lambda a, b: a + b, 1, 2) == 3
    assert net.threads.running == 0


def stop():
    raise StopIteration


def leave():
    raise SystemExit(2)


@pytest.mark.parametrize(
    ("call", "error"),
    [(lambda: 1 / 0, ZeroDivisionError), (stop, RuntimeError), (leave, RuntimeError)],
)
async def test_thread_raises(call, error):
    """
    What a call raises in its thread is raised where it is waited for.
    """
    with pytest.raises(error):
        await Threads().run("t", call)


def test_hung_thread_does_not_hold_up_the_exit():
    """
    A program ends at once with a given-up thread and a hung name server.
    """
    text = (
        "import asyncio, socket, sys, threading\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "from monitor.polling.threads import Threads\n"
        "from monitor.polling.dns import Names\n"
        "hang = threading.Event().wait\n"
        "socket.getaddrinfo = lambda *a: hang(600)\n"
        "async def main():\n"
        "    for wait in (Threads().run('t', hang), Names().resolve('his')):\n"
        "        try: await asyncio.wait_for(wait, 0.05)\n"
        "        except TimeoutError: print('given up')\n"
        "asyncio.run(main())\n"
    )
    began = time.monotonic()  # noqa: TID251  the bound is on real time
    done = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "given up\n" * 2, "")
    assert time.monotonic() - began < 5  # noqa: TID251  likewise


@pytest.fixture
def hung(monkeypatch):
    """A name server that does not answer until told."""
    release, asked = threading.Event(), []

    def lookup(host, *_):
        asked.append(host)
        release.wait(30)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.9", 0))]

    monkeypatch.setattr(dns.socket, "getaddrinfo", lookup)
    yield release, asked
    release.set()


async def test_hung_name_server(net, hung):
    """
    It is told apart from a silent host, and costs one thread per name, not one per visit.
    """
    release, asked = hung
    for _ in range(3):
        with pytest.raises(ProbeError, match="dns: no answer from the name server"):
            await guard(net, 0.05).tcp("his-db.invalid", 5432)
        with pytest.raises(ProbeError, match="dns: no answer from the name server"):
            await guard(net, 0.05).http(HttpRequest("http://his-db.invalid/"))
    assert asked == ["his-db.invalid"]
    release.set()
    assert await guard(net).resolve("his-db.invalid") == ("127.0.0.9",)


async def test_literal_addresses_ask_nobody(net, hung):
    _, asked = hung
    for literal in ("127.0.0.1", "::1", "fe80::1%eth0"):
        assert await guard(net).resolve(literal) == (literal,)
    assert not asked


@pytest.mark.parametrize("name", ["nobody.invalid", "a..b", "x" * 300])
async def test_bad_names(net, name):
    with pytest.raises(ProbeError, match=r"^dns: "):
        await guard(net).resolve(name)
