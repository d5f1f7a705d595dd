"""Rows to readings, refusals to words, and servers that are no PostgreSQL."""

import asyncio
import contextlib
import re

import asyncpg
import pytest
from loopback import talking
from pydantic import ValidationError
from visiting import visit

from exporters import _pg_queries as pg
from exporters import postgresql
from monitor.probe import REASONS

SERVER = {
    "version_num": 150018,
    "short_version": "15.18",
    "version": "PostgreSQL 15.18",
    "is_replica": False,
    "max_connections": 100.0,
    "started": 1_790_000_000.0,
}


def values(readings):
    return {(r.name, *r.labels.values()): r.value for r in readings}


def test_of_server():
    got = values(pg.of_server(SERVER))
    assert got == {
        ("pg_up",): 1,
        ("pg_static", "PostgreSQL 15.18", "15.18"): 1,
        ("pg_postmaster_start_time_seconds",): 1_790_000_000,
        ("pg_settings_max_connections",): 100,
        ("pg_replication_is_replica",): 0,
    }


def test_null_is_no_reading():
    """
    NULL as a value is left out, not zero; NULL as a label is empty.
    """
    query = pg.Query("", {"lag": "pg_replication_lag_seconds"}, ("state",))
    rows = [{"lag": None, "state": "a"}, {"lag": 2.0, "state": None}]
    assert values(pg.of_rows(query, rows)) == {("pg_replication_lag_seconds", ""): 2.0}


def test_every_metric_is_declared_and_asked():
    asked = {metric for query in pg.QUERIES for metric in query.values.values()}
    served = {name for name, *_ in values(pg.of_server(SERVER))}
    assert asked | served == pg.METRICS.keys()


def test_only_statistics_are_read():
    """
    What stands after FROM and JOIN is a statistics view or a function, never a user's table.
    """
    allowed = re.compile(r"pg_(stat_\w+|database|replication_slots)|unnest|clock_timestamp")
    for query in [pg.SERVER, *(q.sql for q in pg.QUERIES)]:
        text = re.sub(r"epoch FROM", "", query)
        for source in re.findall(r"(?:FROM|JOIN)\s+(\w+)", text):
            assert allowed.fullmatch(source), source


WANTED = {
    "primary": ({"is_replica": False, "version_num": 150000, "sizes": False}, 6),
    "primary with sizes": ({"is_replica": False, "version_num": 150000, "sizes": True}, 7),
    "standby": ({"is_replica": True, "version_num": 150000, "sizes": False}, 6),
    "before 10": ({"is_replica": False, "version_num": 90624, "sizes": True}, 0),
}


@pytest.mark.parametrize(("server", "count"), WANTED.values(), ids=WANTED)
def test_wanted(server, count):
    assert len(pg.wanted(**server)) == count


STATES = {
    "28P01": ("status", "login failed: wrong user or password"),
    "53300": ("status", "too many connections"),
    "57P03": ("status", "the database system is starting up"),
    "57014": ("timeout", "a statistics query took longer than statement_timeout"),
    "08006": ("protocol", "connection closed by the other side"),
    "XX000": ("protocol", "the server answered with SQLSTATE XX000"),
}


@pytest.mark.parametrize(("state", "expected"), STATES.items(), ids=STATES)
def test_of_state(state, expected):
    error = postgresql.of_state(state, "the database system is starting up")
    assert (error.reason, error.detail) == expected
    assert error.reason in REASONS


def test_a_bug_is_ours():
    """
    What is neither the driver's nor the system's is left to show as broken.
    """
    assert postgresql.failure(ZeroDivisionError()) is None
    assert postgresql.failure(asyncpg.InterfaceError("x")).reason == "protocol"


async def silent(reader, writer):
    await asyncio.sleep(0)


async def garbage(reader, writer):
    writer.write(bytes(range(256)) * 50)


async def web(reader, writer):
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")


async def flood(reader, writer):
    """A row of 1.4 GB, it says, and it never stops."""
    with contextlib.suppress(ConnectionError):
        while True:
            writer.write(b"HTTP" * 250_000)
            await writer.drain()


async def close(reader, writer):
    writer.close()


async def starting(reader, writer):
    text = b"SFATAL\0C57P03\0Mthe database system is starting up\0\0"
    if await reader.read(8) == b"\0\0\0\x08\x04\xd2\x16\x2f":  # SSLRequest, protocol 53.55.2
        writer.write(b"N")
        await reader.read(1024)
    writer.write(b"E" + (len(text) + 4).to_bytes(4, "big") + text)


STRANGERS = {
    "silence": (silent, {"timeout"}),
    "garbage": (garbage, {"protocol", "tls", "timeout"}),
    # Without TLS its "H" reads as the head of a message of 1.4 GB that never comes.
    "a web server": (web, {"protocol", "tls", "timeout"}),
    "hangs up": (close, {"protocol"}),
    "a flood": (flood, {"too_large", "protocol", "tls"}),
}


@pytest.mark.parametrize("tls", ["prefer", "off", "require"])
@pytest.mark.parametrize(("talk", "reasons"), STRANGERS.values(), ids=STRANGERS)
async def test_strangers(talk, reasons, tls):
    """
    Whatever listens there, the visit ends in time with pg_up 0 and a reason that is not ours.
    """
    async with talking(talk) as port:
        seen, got = await visit("postgresql", f"127.0.0.1:{port}/his", timeout=0.5, tls=tls)
    assert not seen.up
    assert seen.reason in reasons, seen
    assert got["pg_up",] == 0


async def test_a_flood_is_not_kept():
    """The driver would keep 1.4 GB; the visit hangs up long before its deadline."""
    sent = 0

    async def talk(reader, writer):
        nonlocal sent
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(b"HTTP" * 16_000)
                await writer.drain()
                sent += 64_000

    async with talking(talk) as port:
        seen, got = await visit("postgresql", f"127.0.0.1:{port}/his", timeout=5, tls="off")
    assert (seen.reason, got["pg_up",]) == ("too_large", 0)
    assert sent < 4 * postgresql.MAX_BYTES + (16 << 20), "with what the sockets hold"


async def test_connections_of_others_are_let_be():
    """The driver's class is everybody's; only a visit has a limit."""
    postgresql.bound()
    all_of_it = asyncio.Event()

    async def talk(reader, writer):
        writer.write(b"HTTP" * postgresql.MAX_BYTES)
        await writer.drain()
        all_of_it.set()
        await reader.read()

    async with talking(talk) as port:
        with pytest.raises(TimeoutError):
            await asyncpg.connect(host="127.0.0.1", port=port, user="u", ssl=False, timeout=1)
    assert all_of_it.is_set()


async def test_starting_up():
    async with talking(starting) as port:
        seen, got = await visit("postgresql", f"127.0.0.1:{port}/his")
    assert (seen.reason, seen.detail) == ("status", "the database system is starting up")
    assert got["pg_up",] == 0


async def test_nobody_listens():
    async with talking(silent) as port:
        pass
    seen, got = await visit("postgresql", f"127.0.0.1:{port}/his")
    assert (seen.reason, seen.detail) == ("refused", "connection refused")
    assert got["pg_up",] == 0


ADDRESSES = {
    "10.1.2.3:5432/his": "",
    "[::1]:5432/his": "",
    "10.1.2.3:5432": "has no database; write for example 10.1.2.3:5432/his",
    "10.1.2.3/his": "has no port from 1 to 65535; write for example 10.1.2.3:443",
}


@pytest.mark.parametrize(("address", "wrong"), ADDRESSES.items(), ids=ADDRESSES)
def test_address(address, wrong):
    assert postgresql.PROBE.check_address(address) == wrong


@pytest.mark.parametrize("options", [{"password": "secret"}, {"tls": "yes"}, {"dsn": "x"}], ids=str)
def test_bad_options(options):
    with pytest.raises(ValidationError):
        postgresql.Options.model_validate(options)
