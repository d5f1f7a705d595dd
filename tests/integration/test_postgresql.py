"""The postgresql probe against a real primary and a real standby."""

import asyncio
import time

import asyncpg
import pytest
from integration import pg
from loopback import talking
from visiting import visit

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def primary():
    with pg.primary() as server:
        yield server


@pytest.fixture(scope="module")
def standby(primary):
    with pg.standby(primary) as server:
        yield server


@pytest.fixture(autouse=True)
def password(monkeypatch):
    monkeypatch.setenv("PG_SECRET", "secret")
    monkeypatch.setenv("PG_WRONG", "not-it")
    monkeypatch.setenv("PGPASSWORD", "from-the-environment")  # must never be used


def ask(port, database="his", **options):
    options = {"user": "zhiban", "password": "env:PG_SECRET"} | options
    return visit("postgresql", f"127.0.0.1:{port}/{database}", **options)


async def test_primary(primary, standby):
    """
    A primary tells its version, limits, databases and standbys to a pg_monitor role.
    """
    key = ("pg_stat_replication_pg_wal_lsn_diff", "walreceiver", "127.0.0.1", "streaming")
    for _ in range(100):
        seen, got = await ask(primary.port, sizes=True)
        if key in got:
            break
        await asyncio.sleep(0.1)
    assert seen.up, seen
    assert got[key] >= 0
    assert got["pg_up",] == 1
    assert got["pg_settings_max_connections",] == 40
    assert got["pg_replication_is_replica",] == 0
    assert got["pg_replication_lag_seconds",] == 0
    assert got["pg_stat_activity_count", "his", "idle in transaction"] == 0
    assert got["pg_stat_database_deadlocks", "his"] == 0
    assert got["pg_replication_slots_active", "s1", "physical"] == 1
    assert got["pg_database_size_bytes", "his"] > 1_000_000
    assert abs(got["pg_postmaster_start_time_seconds",] - time.time()) < 300  # noqa: TID251  a real server's own clock
    assert any(key[0] == "pg_static" and key[1].startswith("1") for key in got)


async def test_sizes_only_on_request(primary):
    """
    Without the option no file is sized.
    """
    _, got = await ask(primary.port)
    assert not any(key[0] == "pg_database_size_bytes" for key in got)


async def test_long_transaction(primary):
    """
    An open transaction shows with its age, in its own database and state.
    """
    other = await asyncpg.connect(
        host="127.0.0.1", port=primary.port, user="postgres", database="his"
    )
    try:
        async with other.transaction():
            await other.execute("SELECT 1")
            await asyncio.sleep(0.6)
            _, got = await ask(primary.port)
    finally:
        await other.close()
    assert got["pg_stat_activity_count", "his", "idle in transaction"] == 1
    assert 0.6 <= got["pg_stat_activity_max_tx_duration", "his", "idle in transaction"] < 10
    assert got["pg_stat_activity_max_tx_duration", "postgres", "idle in transaction"] == 0


async def test_standby(standby):
    """
    A standby says that it is one, and when it last heard from its primary.
    """
    for _ in range(100):
        seen, got = await ask(standby.port)
        if any(key[0] == "pg_stat_wal_receiver_last_msg_receipt_time" for key in got):
            break
        await asyncio.sleep(0.1)
    assert seen.up, seen
    assert got["pg_replication_is_replica",] == 1
    assert got["pg_replication_lag_seconds",] >= 0
    heard = got["pg_stat_wal_receiver_last_msg_receipt_time", "s1", "streaming"]
    assert abs(heard - time.time()) < 60  # noqa: TID251  a real server's own clock
    assert not any(key[0] == "pg_stat_replication_pg_wal_lsn_diff" for key in got)


REFUSALS = {
    "wrong password": (
        {"password": "env:PG_WRONG"}, "status", "login failed: wrong user or password",
    ),
    "no password": (
        {"password": None}, "status", "login failed: wrong user or password",
    ),
    "no such database": (
        {"database": "lis"}, "status", "there is no such database",
    ),
    "TLS asked of a server without": (
        {"tls": "require"}, "tls", "the server does not offer TLS",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("options", "reason", "detail"), REFUSALS.values(), ids=REFUSALS)
async def test_refused(primary, options, reason, detail):
    """
    Each way of being refused has its own words, and pg_up 0.
    """
    seen, got = await ask(primary.port, **options)
    assert (seen.up, seen.reason, seen.detail) == (False, reason, detail)
    assert got["pg_up",] == 0
    assert "secret" not in seen.detail


async def test_too_many_connections(primary):
    """
    A server with no slot left is told apart from one that is gone.
    """
    held = []
    try:
        with pytest.raises(asyncpg.TooManyConnectionsError):
            await fill(primary.port, held)
        seen, got = await ask(primary.port)
    finally:
        for connection in held:
            await connection.close()
    assert (seen.reason, seen.detail) == ("status", "too many connections")
    assert got["pg_up",] == 0


async def test_hangs_half_way(primary):
    """
    A server that falls silent after the login ends with the visit, and leaves no task behind.
    """

    async def pump(reader, writer, most):
        while most > 0 and (data := await reader.read(min(most, 4096))):
            most -= len(data)
            writer.write(data)
        await asyncio.sleep(60)

    async def proxy(reader, writer):
        inner, outer = await asyncio.open_connection("127.0.0.1", primary.port)
        try:
            # 1,200 bytes hold the login and the first answers, and not all of the statistics.
            await asyncio.gather(pump(reader, outer, 1 << 20), pump(inner, writer, 1200))
        finally:
            outer.transport.abort()

    ours = asyncio.all_tasks()
    async with talking(proxy) as port:
        seen, got = await ask(port, timeout=1.0, tls="off")
        took = (seen.ended_at - seen.started_at).total_seconds()
        assert (seen.reason, got["pg_up",]) == ("timeout", 0), seen
        assert took < 2
        await asyncio.sleep(0.2)
        left = asyncio.all_tasks() - ours
        for task in left:
            task.cancel()
        await asyncio.wait(left)
    # The proxy's own side of each connection, and nothing of the driver's.
    assert {t.get_coro().__name__ for t in left} <= {"serve", "pump"}, left


async def fill(port, held):
    """Open connections until the server refuses."""
    for _ in range(50):
        connection = await asyncpg.connect(
            host="127.0.0.1", port=port, user="zhiban", password="secret", database="his"
        )
        held.append(connection)


async def test_without_pg_monitor(primary):
    """
    A role without pg_monitor still tells that the server is up.
    """
    primary.sql("CREATE ROLE bare LOGIN PASSWORD 'secret'")
    seen, got = await ask(primary.port, user="bare")
    assert seen.up, seen
    assert got["pg_up",] == 1


async def test_nothing_is_left_behind(primary):
    """
    After a visit the server has no session of ours.
    """
    await ask(primary.port)
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'zhiban'"
    for _ in range(50):
        if (left := primary.sql(sessions)) == "0":
            break
        await asyncio.sleep(0.1)
    assert left == "0"
